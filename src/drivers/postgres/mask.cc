#include "drivers/postgres/mask.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/postgres/aftermath.h"
#include "drivers/postgres/catalog_reader.h"
#include "drivers/postgres/copy_session.h"
#include "drivers/postgres/derived.h"
#include "drivers/postgres/large_objects.h"
#include "drivers/postgres/mask_evidence.h"
#include "drivers/postgres/owner_session.h"
#include "drivers/postgres/plan_fit.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/rds_aside.h"
#include "drivers/postgres/rds_mask.h"
#include "drivers/postgres/rds_session.h"
#include "drivers/postgres/rds_space.h"
#include "drivers/postgres/residue.h"
#include "drivers/postgres/role_settings.h"
#include "drivers/postgres/spool.h"
#include "drivers/postgres/suspension.h"
#include "drivers/postgres/table_checks.h"
#include "drivers/postgres/table_jobs.h"
#include "drivers/postgres/table_work.h"
#include "drivers/postgres/views.h"
#include "drivers/postgres/worker_pool.h"

namespace ytb::postgres {
namespace {

using masking::TablePlan;
using masking::Treatment;

constexpr int kAnyOrder = 1;
constexpr uint64_t kWideRowBytes = 16ULL << 20;

struct DatabaseJob {
  const masking::DatabasePlan* plan = nullptr;
  std::vector<int64_t> touched;
  std::vector<TableJob*> to_empty;            // on RDS: one after the other, when all else is loaded
  std::vector<int64_t> rewrite;               // kept, with dropped columns
  std::map<int64_t, std::string> kept_files;  // kept tables' file nodes before
};

class MaskRun {
 public:
  MaskRun(const ports::SessionTarget& target, const ports::MaskRequest& request, ports::Progress& progress,
          const StopFlag& stop)
      : target_(target),
        request_(request),
        progress_(progress),
        stop_(stop),
        rds_(is_rds_copy(target)),
        pool_(target, request.workers, stop),
        tables_(request, rds_, pool_, stop) {}

  Result<model::Evidence> run() {
    YTB_ASSIGN(Connection session, open_copy_anywhere(target_, &stop_));
    if (rds_) YTB_TRY(borrow_memberships(session));
    YTB_TRY(let_us_in_everywhere(session));
    YTB_TRY(check_databases(target_, session, request_.plan));
    YTB_TRY(remove_settings(session, request_.plan));
    YTB_TRY(clean_spool());
    databases_.reserve(request_.plan.databases.size());
    for (const masking::DatabasePlan& plan : request_.plan.databases) YTB_TRY(prepare(plan));
    YTB_TRY(check_space(session,
                        {.volume_bytes = target_.storage_bytes,
                         .table_bytes = std::move(written_anew_),
                         .tables_at_once = request_.workers},
                        progress_));
    YTB_TRY(pool_.run([this] { tell("mask"); }));
    for (DatabaseJob& database : databases_) YTB_TRY(finish(database));
    // From here on nothing raw is left anywhere, and code may compute: views last, over all the rest.
    for (DatabaseJob& database : databases_) YTB_TRY(compute_rows(database));
    for (DatabaseJob& database : databases_) YTB_TRY(compute_rest(database));
    std::vector<std::string> omitted;
    for (const DatabaseJob& database : databases_) {
      if (database.plan->omitted) omitted.push_back(database.plan->database.name);
    }
    YTB_TRY(remember_to_close(session, omitted));
    YTB_TRY(forbid_copying(session, omitted));
    if (!rds_) {
      for (const char* catalog : {"pg_authid", "pg_shdescription"}) {
        YTB_TRY(write_catalog_anew(session, catalog));
      }
      YTB_TRY(discard_wal(session));
    }
    return collect();
  }

 private:
  Status clean_spool();
  Status prepare(const masking::DatabasePlan& plan);
  Status add_table(Connection& session, DatabaseJob& database, const TablePlan& plan,
                   const std::map<int64_t, TableProgress>& done);
  Status add_size(Connection& session, int64_t table);
  Status finish(DatabaseJob& database);
  Status compute_rows(DatabaseJob& database);
  Status compute_rest(DatabaseJob& database);
  static Result<std::vector<int64_t>> described_tables(Connection& session, const DatabaseJob& database);
  Status analyze_tables(Connection& session, DatabaseJob& database, const OwnerOf& owner_of);
  Status clean_up(Connection& session, DatabaseJob& database);
  Status clean_up_rds(Connection& session, DatabaseJob& database);
  Status describe_rds(Connection& session, DatabaseJob& database);
  Status add_view_outcomes(Connection& session, const DatabaseJob& database, model::Evidence& all);
  Status check_kept(Connection& session, DatabaseJob& database);
  Result<model::Evidence> collect();
  void add_checks(model::Evidence& all) const;
  void tell(std::string_view stage);

  const ports::SessionTarget& target_;
  const ports::MaskRequest& request_;
  ports::Progress& progress_;
  const StopFlag& stop_;
  const bool rds_;
  WorkerPool pool_;
  std::vector<DatabaseJob> databases_;
  TableJobs tables_;
  std::vector<std::string> changed_;    // definitions that are not what they were
  std::vector<std::string> raw_views_;  // populated ones that are not known to be computed from masked rows
  KeptJudgement kept_;
  std::vector<std::string> moved_;      // kept tables whose files changed though nothing should have
  std::vector<uint64_t> written_anew_;  // sizes, with indexes, of tables that are still to be written
};

// What a killed run left. Only files with our ending, only in the folder that is ours.
Status MaskRun::clean_spool() {
  YTB_ASSIGN(std::vector<os::FileInfo> files, os::list_folder(request_.spool_directory, 1'000'000));
  for (const os::FileInfo& file : files) {
    if (!file.name.ends_with(kSpoolSuffix)) continue;
    YTB_TRY(os::remove_file(os::join_path(request_.spool_directory, file.name)));
  }
  return {};
}

Status MaskRun::prepare(const masking::DatabasePlan& plan) {
  const std::string& name = plan.database.name;
  YTB_ASSIGN(Connection session, open_copy(target_, name, &stop_));
  if (rds_) {
    YTB_ASSIGN(bool may, can_work_in(session, name));
    if (!may) return {};  // nothing is in it
  }
  YTB_TRY(ensure_progress(session));
  YTB_ASSIGN(masking::Database live, read_database(session, name, true));
  YTB_TRY(check_tables(live, plan));
  if (!rds_) {
    YTB_TRY(take_back(session));  // what a killed run lent
    YTB_TRY(suspend_code(session));
  }
  progress_.update({.stage = "empty views", .item = name});
  YTB_TRY(empty_views(session));
  YTB_ASSIGN(auto done, recorded_tables(session));
  DatabaseJob& database = databases_.emplace_back();
  database.plan = &plan;
  // Big tables first: the last to finish decides how long all of it takes.
  std::vector<const TablePlan*> order;
  for (const TablePlan& table : plan.tables) order.push_back(&table);
  std::stable_sort(order.begin(), order.end(), [](const TablePlan* a, const TablePlan* b) {
    return a->table.size_bytes > b->table.size_bytes;
  });
  for (const TablePlan* table : order) {
    if (table->table.kind != masking::RelationKind::kTable) continue;
    YTB_TRY(add_table(session, database, *table, done));
  }
  YTB_ASSIGN(bool counted, step_done(session, kOrphansStep));
  if (!rds_ && !counted) {
    progress_.update({.stage = "count orphans", .item = name});
    YTB_TRY(count_orphans(session, database.touched));
    YTB_TRY(record_step(session, kOrphansStep));
  }
  for (const masking::Table& table : live.tables) {
    if (table.dropped_columns.empty() || table.kind != masking::RelationKind::kTable) continue;
    YTB_ASSIGN(TableFacts facts, read_facts(session, table.name));
    if (std::find(database.touched.begin(), database.touched.end(), facts.oid) == database.touched.end()) {
      database.rewrite.push_back(facts.oid);
    }
  }
  if (rds_) {
    YTB_TRY(set_database_aside(session, database.touched));
    YTB_ASSIGN(std::vector<int64_t> more, with_missing_values(session, database.touched));
    database.rewrite.insert(database.rewrite.end(), more.begin(), more.end());
    YTB_TRY(must_own(session, database.rewrite));
    YTB_ASSIGN(bool finished, step_done(session, kFinishedStep));
    for (size_t i = 0; i < database.rewrite.size() && !finished; ++i)
      YTB_TRY(add_size(session, database.rewrite[i]));
  }
  YTB_ASSIGN(Rows files,
             session.query("SELECT oid, pg_relation_filenode(oid) FROM pg_class WHERE relkind = 'r' AND oid "
                           ">= 16384 AND relpersistence <> 't' AND relnamespace <> $1::regnamespace",
                           {std::string(kProgressSchema)}));
  std::set<int64_t> not_kept(database.touched.begin(), database.touched.end());
  not_kept.insert(database.rewrite.begin(), database.rewrite.end());
  for (int row = 0; row < files.count(); ++row) {
    if (!not_kept.contains(files.integer(row, 0)))
      database.kept_files[files.integer(row, 0)] = files.text(row, 1);
  }
  return {};
}

Status MaskRun::add_table(Connection& session, DatabaseJob& database, const TablePlan& plan,
                          const std::map<int64_t, TableProgress>& done) {
  if (plan.treatment == Treatment::kKeep && !database.plan->omitted) return {};
  YTB_ASSIGN(TableJob * job, tables_.add(session, *database.plan, plan, done));
  database.touched.push_back(job->facts.oid);
  if (!rds_ || !job->due) return {};
  if (job->treatment == "masked") return add_size(session, job->facts.oid);
  database.to_empty.push_back(job);
  return {};
}

Status MaskRun::add_size(Connection& session, int64_t table) {
  YTB_ASSIGN(std::string bytes,
             session.value(fmt::format("SELECT pg_catalog.pg_total_relation_size({}::oid)", table)));
  written_anew_.push_back(std::stoull(bytes));
  return {};
}

Status MaskRun::check_kept(Connection& session, DatabaseJob& database) {
  YTB_ASSIGN(Rows files,
             session.query("SELECT oid, pg_relation_filenode(oid), oid::regclass FROM pg_class WHERE "
                           "relkind = 'r' AND oid >= 16384"));
  for (int row = 0; row < files.count(); ++row) {
    auto found = database.kept_files.find(files.integer(row, 0));
    if (found != database.kept_files.end() && found->second != files.at(row, 1)) {
      moved_.push_back(database.plan->database.name + " " + printable(files.at(row, 2)));
    }
  }
  return {};
}

Status MaskRun::finish(DatabaseJob& database) {
  const std::string& name = database.plan->database.name;
  YTB_ASSIGN(Connection session, open_copy(target_, name, &stop_));
  progress_.update({.stage = "finish", .item = name});
  YTB_ASSIGN(bool done, step_done(session, kFinishedStep));
  if (done) return {};
  YTB_TRY(rds_ ? clean_up_rds(session, database) : clean_up(session, database));
  YTB_TRY(check_kept(session, database));
  return record_step(session, kFinishedStep);
}

Status MaskRun::clean_up(Connection& session, DatabaseJob& database) {
  YTB_TRY(keeps_large_objects(*database.plan) ? remove_orphaned_large_objects(session)
                                              : remove_large_objects(session));
  YTB_ASSIGN(std::vector<int64_t> computed, forget_computed_columns(session, database.touched));
  for (int64_t table : computed) database.kept_files.erase(table);
  YTB_ASSIGN(std::vector<int64_t> reformed, forget_dropped_attributes(session, database.touched));
  for (int64_t table : reformed) database.kept_files.erase(table);
  YTB_TRY(rebuild_for_collations(session));
  YTB_TRY(rewrite_dropped_columns(session, database.rewrite));
  if (!database.touched.empty()) YTB_TRY(raise_sequences(session, *database.plan));
  YTB_ASSIGN(std::vector<int64_t> tables, described_tables(session, database));
  auto forgotten = forget_statistics(session, tables);
  if (!forgotten.ok()) return std::move(forgotten).error();
  return {};
}

// Columns and indexes that run code: what views and constraints read.
Status MaskRun::compute_rows(DatabaseJob& database) {
  if (rds_) return {};
  const std::string& name = database.plan->database.name;
  YTB_ASSIGN(Connection session, open_copy(target_, name, &stop_));
  YTB_ASSIGN(bool done, step_done(session, kComputedStep));
  if (done) return {};
  OwnerSessions owners(target_, session, name, stop_);
  OwnerOf owner_of = [&](int64_t relation) { return owners.owner_of(relation); };
  YTB_TRY(resume_definitions(session));
  progress_.update({.stage = "compute columns", .item = name});
  YTB_TRY(compute_columns(session, owner_of, stop_));
  progress_.update({.stage = "index", .item = name});
  return rebuild_coded_indexes(session, owner_of, name, stop_);
}

Status MaskRun::compute_rest(DatabaseJob& database) {
  if (rds_) return {};
  const std::string& name = database.plan->database.name;
  YTB_ASSIGN(Connection session, open_copy(target_, name, &stop_));
  progress_.update({.stage = "compute views", .item = name});
  YTB_ASSIGN(bool done, step_done(session, kComputedStep));
  if (done) return {};
  OwnerSessions owners(target_, session, name, stop_);
  OwnerOf owner_of = [&](int64_t relation) { return owners.owner_of(relation); };
  YTB_TRY(database.plan->omitted ? leave_views_empty(session)
                                 : compute_views(session, owner_of, database.plan->empty_views, stop_));
  progress_.update({.stage = "check constraints", .item = name});
  YTB_TRY(check_constraints(session, owner_of, *database.plan, stop_));
  YTB_TRY(analyze_tables(session, database, owner_of));
  return record_step(session, kComputedStep);
}

// Those that run no code by us, beside each other; the others by their owners, who may do without.
Status MaskRun::analyze_tables(Connection& session, DatabaseJob& database, const OwnerOf& owner_of) {
  const std::string& name = database.plan->database.name;
  YTB_ASSIGN(std::vector<int64_t> tables, described_tables(session, database));
  YTB_ASSIGN(Aftermath after, plan_analysis(session, tables));
  YTB_ASSIGN(std::vector<int64_t> coded, coded_tables(session));
  YTB_ASSIGN(ViewOutcomes views, view_outcomes(session));
  std::vector<int64_t> theirs = views.computed;
  for (int64_t relation : after.to_analyze) {
    if (std::find(coded.begin(), coded.end(), relation) != coded.end()) {
      theirs.push_back(relation);
    } else {
      pool_.add(kAnyOrder, {name, [relation](Connection& worker) { return analyze(worker, relation); }});
    }
  }
  YTB_TRY(pool_.run([this] { tell("analyze"); }));
  size_t without = after.unanalyzed.size();
  for (int64_t relation : theirs) {
    YTB_TRY(stop_.check());
    auto owner = owner_of(relation);
    if (owner.ok() && analyze(**owner, relation).ok()) continue;
    ++without;
  }
  YTB_TRY(stop_.check());
  if (without == 0) return {};
  return record_deed(session, fmt::format("note: {} relations have no statistics: they have a foreign table "
                                          "below, or their owner cannot analyze them",
                                          without));
}

// Collations are the provider's business: it restores its snapshots with its own libraries.
Status MaskRun::clean_up_rds(Connection& session, DatabaseJob& database) {
  const std::string& name = database.plan->database.name;
  if (!keeps_large_objects(*database.plan)) YTB_TRY(remove_large_objects(session));
  YTB_TRY(clear_dead_indexes(session));
  for (TableJob* job : database.to_empty) YTB_TRY(tables_.empty(session, *job));
  YTB_TRY(pool_.run([this] { tell("index"); }));
  YTB_TRY(put_database_back(session, [&](const std::vector<int64_t>& keys) {
    for (int64_t key : keys) {
      pool_.add(kAnyOrder, {name, [key](Connection& worker) { return restore_aside(worker, key); }});
    }
    return pool_.run([this] { tell("validate"); });
  }));
  YTB_TRY(rewrite_dropped_columns(session, database.rewrite));
  if (!database.touched.empty()) YTB_TRY(raise_sequences(session, *database.plan));
  // A view's owner sees what policies show them, as in production.
  YTB_TRY(session.execute("SET row_security = on"));
  YTB_TRY(describe_rds(session, database));
  YTB_TRY(session.execute("SET row_security = off"));
  // While the guards are off: putting them back makes the tables' records younger than the views'.
  TouchedTables touched{.database = name, .tables = {}, .oids = database.touched};
  YTB_ASSIGN(std::string load, youngest_load(session, touched));
  YTB_ASSIGN(std::vector<std::string> old, old_views(session, load));
  if (!old.empty()) {
    return Error{
        .code = Code::kInternal, .message = fmt::format("not refreshed: {}", join(old, ", ")), .hint = {}};
  }
  return put_guards_back(session);
}

Status MaskRun::describe_rds(Connection& session, DatabaseJob& database) {
  const std::string& name = database.plan->database.name;
  YTB_ASSIGN(Aftermath after, plan_analysis(session, database.touched));
  for (int64_t relation : after.to_analyze) {
    pool_.add(kAnyOrder, {name, [relation](Connection& worker) { return analyze(worker, relation); }});
  }
  YTB_TRY(pool_.run([this] { tell("analyze"); }));
  // A master cannot be anybody else: the server itself switches to a view's owner.
  OwnerOf owner_of = [&session](int64_t) -> Result<Connection*> { return &session; };
  YTB_TRY(database.plan->omitted ? leave_views_empty(session)
                                 : compute_views(session, owner_of, database.plan->empty_views, stop_));
  YTB_ASSIGN(ViewOutcomes views, view_outcomes(session));
  for (int64_t view : views.computed) YTB_TRY(analyze(session, view));
  if (after.unanalyzed.empty()) return {};
  return record_deed(session,
                     fmt::format("note: {} parents of foreign tables have no statistics of their own",
                                 after.unanalyzed.size()));
}

// Notes, and what is wrong with it.
Status MaskRun::add_view_outcomes(Connection& session, const DatabaseJob& database, model::Evidence& all) {
  const std::string& name = database.plan->database.name;
  YTB_ASSIGN(ViewOutcomes views, view_outcomes(session));
  for (const std::string& note : views.notes) {
    all.notes.push_back(printable(name) + ": " + note);
    progress_.note(all.notes.back());
  }
  for (const std::string& view : views.missing) raw_views_.push_back(printable(name) + " " + view);
  return {};
}

// Tables whose statistics are made anew: touched ones, those that are analysed by running code, and those
// that held values of dropped attributes.
Result<std::vector<int64_t>> MaskRun::described_tables(Connection& session, const DatabaseJob& database) {
  std::vector<int64_t> tables = database.touched;
  YTB_ASSIGN(std::vector<int64_t> more, coded_tables(session));
  if (session.kind() != SessionKind::kMaster) {
    YTB_ASSIGN(
        Rows analysed,
        session.query("SELECT oid FROM pg_class WHERE relkind = 'r' AND oid >= 16384 AND reltuples > 0 "
                      "AND relnamespace::regnamespace::text <> 'yesterdaytabase_progress'"));
    for (int row = 0; row < analysed.count(); ++row) more.push_back(analysed.integer(row, 0));
  }
  tables.insert(tables.end(), more.begin(), more.end());
  std::sort(tables.begin(), tables.end());
  tables.erase(std::unique(tables.begin(), tables.end()), tables.end());
  return tables;
}

// Evidence of all runs, from what stands in the copy.
Result<model::Evidence> MaskRun::collect() {
  model::Evidence all;
  for (const DatabaseJob& database : databases_) {
    const std::string& name = database.plan->database.name;
    YTB_ASSIGN(Connection session, open_copy(target_, name, &stop_));
    YTB_TRY(gather_evidence(session, *database.plan, all));
    YTB_TRY(tables_.judge_kept(session, name, kept_));
    YTB_TRY(add_view_outcomes(session, database, all));
    if (rds_) {
      YTB_ASSIGN(std::vector<std::string> differences, identity_differences(session));
      for (const std::string& line : differences) changed_.push_back(fmt::format("{} {}", name, line));
    }
  }
  if (tables_.widest_row_bytes() > kWideRowBytes) {
    all.notes.push_back(fmt::format("the widest row had {}: more memory was used for it",
                                    human_bytes(tables_.widest_row_bytes())));
  }
  add_checks(all);
  return all;
}

void MaskRun::add_checks(model::Evidence& all) const {
  all.checks.push_back(
      {.name = "kept_tables_untouched",
       .asserts = "tables without masked columns still have the files they were restored with",
       .outcome = moved_.empty() ? model::Outcome::kPassed : model::Outcome::kFailed,
       .detail = moved_.empty() ? "by file node" : join(moved_, ", ")});
  all.checks.push_back(
      {.name = "kept_columns_kept",
       .asserts = "in tables that were written anew, the kept columns read as they did in the snapshot",
       .outcome = kept_.changed.empty() ? model::Outcome::kPassed : model::Outcome::kFailed,
       .detail = kept_.changed.empty()
                     ? fmt::format("by checksum of all rows, in {} tables", kept_.compared)

                     : fmt::format("not as they were read: {}; is a column declared narrower "
                                   "in the catalog than the values that it holds?",
                                   join(kept_.changed, ", "))});
  all.checks.push_back(
      {.name = "views_computed_anew",
       .asserts =
           "every materialized view with rows, of every database, was emptied before masking and computed "
           "when all was masked",
       .outcome = raw_views_.empty() ? model::Outcome::kPassed : model::Outcome::kFailed,
       .detail = raw_views_.empty() ? "by file node" : join(raw_views_, ", ")});
  if (!rds_) return;
  all.checks.push_back(
      {.name = "definitions_unchanged",
       .asserts =
           "constraints, indexes, triggers, owners, rights and column settings are those of before masking",
       .outcome = changed_.empty() ? model::Outcome::kPassed : model::Outcome::kFailed,
       .detail = changed_.empty() ? "compared line by line" : join(changed_, ", ")});
  all.checks.push_back({.name = "materialized_views_refreshed",
                        .asserts = "no populated materialized view predates the masking",
                        .outcome = model::Outcome::kPassed,
                        .detail = "asked after the last refresh"});
}

void MaskRun::tell(std::string_view stage) {
  const TablesAtWork now = tables_.at_work();
  progress_.update(
      {.stage = stage, .item = now.begun_last, .done_bytes = now.done_bytes, .total_bytes = now.total_bytes});
}

}  // namespace

Result<model::Evidence> mask_copy(const ports::SessionTarget& target, const ports::MaskRequest& request,
                                  ports::Progress& progress, const StopFlag& stop) {
  return MaskRun(target, request, progress, stop).run();
}

}  // namespace ytb::postgres
