#include "drivers/postgres/mask.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <set>

#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/postgres/aftermath.h"
#include "drivers/postgres/catalog_reader.h"
#include "drivers/postgres/copy_session.h"
#include "drivers/postgres/plan_fit.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/spool.h"
#include "drivers/postgres/table_work.h"
#include "drivers/postgres/worker_pool.h"

namespace ytb::postgres {
namespace {

using Clock = std::chrono::steady_clock;
using masking::TablePlan;
using masking::Treatment;

// What is nearest to its end goes first: it frees spool space and shortens the tail.
constexpr int kIndexFirst = 3;
constexpr int kLoadFirst = 2;
constexpr int kReadLast = 1;
constexpr uint64_t kSortMemoryMin = 64ULL << 20;
constexpr uint64_t kSortMemoryMax = 1ULL << 30;
constexpr uint64_t kWideRowBytes = 16ULL << 20;

struct TableJob {
  std::string database;
  const TablePlan* plan = nullptr;
  std::string treatment;  // "masked", "emptied", "omitted"
  TableFacts facts;
  std::optional<masking::RowProgram> program;
  std::vector<PageRange> ranges;
  std::vector<std::string> spools;  // one a range, in order
  std::mutex mutex;                 // guards counts
  masking::RowCounts counts;
  std::atomic<size_t> ranges_left{0};
  std::atomic<size_t> indexes_left{0};
  std::atomic<bool> begun{false};
  Clock::time_point started;
};

struct DatabaseJob {
  const masking::DatabasePlan* plan = nullptr;
  std::vector<int64_t> touched;
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
        pool_(target, request.workers, stop) {}

  Result<model::Evidence> run() {
    YTB_ASSIGN(Connection session, open_copy_anywhere(target_, &stop_));
    YTB_TRY(let_us_in_everywhere(session));
    YTB_TRY(check_databases(target_, session, request_.plan));
    YTB_TRY(clean_spool());
    databases_.reserve(request_.plan.databases.size());
    for (const masking::DatabasePlan& plan : request_.plan.databases) YTB_TRY(prepare(plan));
    YTB_TRY(pool_.run([this] { tell("mask"); }));
    for (DatabaseJob& database : databases_) YTB_TRY(finish(database));
    std::vector<std::string> omitted;
    for (const DatabaseJob& database : databases_) {
      if (database.plan->omitted) omitted.push_back(database.plan->database.name);
    }
    YTB_TRY(remember_to_close(session, omitted));
    for (const char* catalog : {"pg_authid", "pg_shdescription"}) {
      YTB_TRY(session.execute(fmt::format("VACUUM (FULL) {}", catalog)));
    }
    YTB_TRY(discard_wal(session));
    return collect();
  }

 private:
  Status clean_spool();
  Status prepare(const masking::DatabasePlan& plan);
  Status add_table(Connection& session, DatabaseJob& database, const TablePlan& plan,
                   const std::map<int64_t, TableProgress>& done);
  void add_reads(TableJob& job);
  void add_empty(TableJob& job);
  void add_indexes(TableJob& job, const std::vector<int64_t>& indexes);
  Status read(Connection& session, TableJob& job, size_t range);
  Status load(Connection& session, TableJob& job);
  Status empty(Connection& session, TableJob& job);
  Status finish(DatabaseJob& database);
  Status check_kept(Connection& session, DatabaseJob& database);
  Result<model::Evidence> collect();
  std::string evidence_of(const TableJob& job, uint64_t rows_before, uint64_t rows_after) const;
  void tell(std::string_view stage);

  const ports::SessionTarget& target_;
  const ports::MaskRequest& request_;
  ports::Progress& progress_;
  const StopFlag& stop_;
  WorkerPool pool_;
  std::vector<DatabaseJob> databases_;
  std::vector<std::unique_ptr<TableJob>> tables_;
  std::vector<std::string> notes_;
  std::vector<std::string> moved_;  // kept tables whose files changed though nothing should have
  std::atomic<uint64_t> bytes_done_{0};
  std::atomic<uint64_t> widest_{0};
  uint64_t bytes_total_ = 0;
  std::mutex now_mutex_;
  std::string now_;  // the table last begun
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
  YTB_TRY(ensure_progress(session));
  YTB_ASSIGN(masking::Database live, read_database(session, name, true));
  YTB_TRY(check_tables(live, plan));
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
  for (const masking::Table& table : live.tables) {
    if (table.dropped_columns.empty() || table.kind != masking::RelationKind::kTable) continue;
    YTB_ASSIGN(TableFacts facts, read_facts(session, table.name));
    if (std::find(database.touched.begin(), database.touched.end(), facts.oid) == database.touched.end()) {
      database.rewrite.push_back(facts.oid);
    }
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
  bool omitted = database.plan->omitted;
  if (plan.treatment == Treatment::kKeep && !omitted) return {};
  YTB_ASSIGN(TableFacts facts, read_facts(session, plan.table.name));
  database.touched.push_back(facts.oid);
  auto& job = *tables_.emplace_back(std::make_unique<TableJob>());
  job.database = database.plan->database.name;
  job.plan = &plan;
  job.facts = std::move(facts);
  job.treatment = omitted ? "omitted" : plan.treatment == Treatment::kEmpty ? "emptied" : "masked";
  if (auto found = done.find(job.facts.oid); found != done.end()) {
    if (!found->second.indexed) add_indexes(job, found->second.indexes);
    return {};
  }
  if (job.treatment != "masked") {
    add_empty(job);
    return {};
  }
  // Binary where every streamed type has it; text always works.
  bool binary = std::all_of(plan.columns.begin(), plan.columns.end(), [](const masking::ColumnPlan& column) {
    return column.column.generated || column.column.has_binary_io;
  });
  auto program = masking::RowProgram::compile(
      plan, session.server_encoding() == "UTF8" ? "UTF8" : session.server_encoding(),
      binary ? masking::Wire::kBinary : masking::Wire::kText, request_.key);
  if (!program.ok()) return std::move(program).error();
  job.program.emplace(std::move(program).value());
  job.ranges = ranges_of(job.facts, session.major());
  job.ranges_left = job.ranges.size();
  for (size_t i = 0; i < job.ranges.size(); ++i) {
    job.spools.push_back(os::join_path(
        request_.spool_directory,
        fmt::format("{}-{}-{}-{}{}", databases_.size(), job.facts.oid, i, ::getpid(), kSpoolSuffix)));
  }
  bytes_total_ += job.facts.size_bytes;
  add_reads(job);
  return {};
}

void MaskRun::add_reads(TableJob& job) {
  for (size_t i = 0; i < job.ranges.size(); ++i) {
    pool_.add(kReadLast,
              {job.database, [this, &job, i](Connection& session) { return read(session, job, i); }});
  }
}

void MaskRun::add_empty(TableJob& job) {
  pool_.add(kLoadFirst, {job.database, [this, &job](Connection& session) { return empty(session, job); }});
}

void MaskRun::add_indexes(TableJob& job, const std::vector<int64_t>& indexes) {
  job.indexes_left = indexes.size();
  auto pages =
      static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGE_SIZE));
  uint64_t memory = std::clamp(pages / 8 / static_cast<uint64_t>(std::max(1, request_.workers)),
                               kSortMemoryMin, kSortMemoryMax);
  // Indexes beside each other use the cores better than workers within one.
  int helpers = std::max(0, request_.workers - static_cast<int>(indexes.size()));
  for (int64_t index : indexes) {
    pool_.add(kIndexFirst,
              {job.database, [&job, index, memory, helpers](Connection& session) -> Status {
                 YTB_TRY(session.execute(fmt::format(
                     "SET maintenance_work_mem = '{}kB'; SET max_parallel_maintenance_workers = {}",
                     memory >> 10, helpers)));
                 Status built = with_search_paths(
                     session, [&](const std::string& path) { return rebuild_index(session, index, path); });
                 YTB_TRY(std::move(built));
                 if (job.indexes_left.fetch_sub(1) == 1) return record_indexed(session, job.facts.oid);
                 return {};
               }});
  }
}

Status MaskRun::read(Connection& session, TableJob& job, size_t range) {
  if (!job.begun.exchange(true)) {
    job.started = Clock::now();
    std::lock_guard lock(now_mutex_);
    now_ = job.database + " " + to_string(job.plan->table.name);
  }
  YTB_ASSIGN(SpoolWriter spool, SpoolWriter::create(job.spools[range]));
  auto counts = read_range(session, job.plan->table.name, job.ranges[range], *job.program,
                           [&](std::string_view bytes) -> Status {
                             bytes_done_ += bytes.size();
                             return spool.write(bytes);
                           });
  if (!counts.ok())
    return std::move(counts).error().while_doing("masking " + to_string(job.plan->table.name));
  YTB_TRY(spool.finish());
  {
    std::lock_guard lock(job.mutex);
    job.counts.add(*counts);
    job.counts.widest_row_bytes = std::max(job.counts.widest_row_bytes, counts->widest_row_bytes);
  }
  if (job.ranges_left.fetch_sub(1) == 1) {
    pool_.add(kLoadFirst, {job.database, [this, &job](Connection& other) { return load(other, job); }});
  }
  return {};
}

std::string MaskRun::evidence_of(const TableJob& job, uint64_t rows_before, uint64_t rows_after) const {
  model::TableEvidence table{.database = job.database,
                             .schema = job.plan->table.name.schema,
                             .table = job.plan->table.name.name,
                             .treatment = job.treatment,
                             .rows_before = rows_before,
                             .rows_after = rows_after,
                             .bytes_read = job.counts.bytes_in,
                             .seconds = std::chrono::duration<double>(Clock::now() - job.started).count(),
                             .columns = {}};
  for (size_t i = 0; job.program && i < job.program->column_count(); ++i) {
    const masking::Masker& masker = job.program->masker(i);
    if (masker.is_keep()) continue;
    const std::string& name = job.program->column_names()[i];
    auto plan = std::find_if(job.plan->columns.begin(), job.plan->columns.end(),
                             [&](const masking::ColumnPlan& column) { return column.column.name == name; });
    masking::ColumnCounts counts =
        i < job.counts.columns.size() ? job.counts.columns[i] : masking::ColumnCounts{};
    table.columns.push_back({.name = name,
                             .masker = plan == job.plan->columns.end() ? std::string() : plan->masker.name,
                             .values = counts.values,
                             .changed = counts.changed,
                             .unchanged = counts.unchanged,
                             .must_change = masker.must_change()});
  }
  model::Evidence evidence;
  evidence.tables.push_back(std::move(table));
  return model::to_json(evidence);
}

Status MaskRun::load(Connection& session, TableJob& job) {
  std::string evidence = evidence_of(job, job.counts.rows, job.counts.rows);
  Status loaded = with_search_paths(session, [&](const std::string& path) {
    enum class Part { kHead, kRows, kTail, kEnd } part = Part::kHead;
    size_t file = 0;
    std::optional<SpoolReader> reader;
    auto source = [&](std::string& out) -> Status {
      while (out.empty() && part != Part::kEnd) {
        if (part == Part::kHead) {
          masking::CopyMasker::begin(job.program->wire(), out);
          part = Part::kRows;
        } else if (part == Part::kTail) {
          masking::CopyMasker::end(job.program->wire(), out);
          part = Part::kEnd;
        } else if (file == job.spools.size()) {
          part = Part::kTail;
        } else {
          if (!reader) {
            auto opened = SpoolReader::open(job.spools[file]);
            if (!opened.ok()) return std::move(opened).error();
            reader.emplace(std::move(opened).value());
          }
          if (Status read = reader->read(out); !read.ok()) return read;
          if (out.empty()) {
            reader.reset();
            ++file;
          }
        }
      }
      return {};
    };
    return load_table(session, {.name = job.plan->table.name,
                                .facts = job.facts,
                                .program = &*job.program,
                                .source = source,
                                .rows_expected = job.counts.rows,
                                .evidence = evidence,
                                .search_path = path});
  });
  YTB_TRY(std::move(loaded));
  for (const std::string& spool : job.spools) YTB_TRY(os::remove_file(spool));
  uint64_t before = widest_;
  while (before < job.counts.widest_row_bytes &&
         !widest_.compare_exchange_weak(before, job.counts.widest_row_bytes)) {
  }
  add_indexes(job, job.facts.valid_indexes);
  return {};
}

Status MaskRun::empty(Connection& session, TableJob& job) {
  job.started = Clock::now();
  const masking::QualifiedName& name = job.plan->table.name;
  YTB_ASSIGN(std::string rows,
             session.value("SELECT count(*) FROM ONLY " + session.qualified(name.schema, name.name)));
  YTB_TRY(load_table(session, {.name = name,
                               .facts = job.facts,
                               .program = nullptr,
                               .source = nullptr,
                               .rows_expected = 0,
                               .evidence = evidence_of(job, std::stoull(rows), 0),
                               .search_path = {}}));
  add_indexes(job, job.facts.valid_indexes);
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
  constexpr std::string_view kStep = "finished";
  YTB_ASSIGN(bool done, step_done(session, kStep));
  if (done) return {};
  if (database.plan->omitted || database.plan->large_objects == masking::LargeObjects::kNone) {
    YTB_TRY(session.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata"));
    YTB_TRY(session.execute("VACUUM (FULL) pg_largeobject"));
  }
  YTB_TRY(rebuild_for_collations(session));
  YTB_TRY(rewrite_dropped_columns(session, database.rewrite));
  if (!database.touched.empty()) {
    YTB_TRY(raise_sequences(session, *database.plan));
    YTB_ASSIGN(Aftermath after, forget_statistics(session, database.touched));
    for (int64_t relation : after.to_analyze) {
      pool_.add(kReadLast, {name, [relation](Connection& worker) { return analyze(worker, relation); }});
    }
    YTB_TRY(pool_.run([this] { tell("analyze"); }));
    YTB_ASSIGN(std::vector<std::string> notes, refresh_views(session, database.plan->omitted));
    for (std::string& note : notes) {
      YTB_TRY(record_deed(session, "note: " + note));
    }
    if (!after.unanalyzed.empty()) {
      YTB_TRY(record_deed(session,
                          fmt::format("note: {} parents of foreign tables have no statistics of their own",
                                      after.unanalyzed.size())));
    }
  }
  YTB_TRY(check_kept(session, database));
  return record_step(session, kStep);
}

// Evidence of all runs, from what stands in the copy.
Result<model::Evidence> MaskRun::collect() {
  model::Evidence all;
  uint64_t unchanged = 0;
  std::string unchanged_in;
  for (const DatabaseJob& database : databases_) {
    const std::string& name = database.plan->database.name;
    YTB_ASSIGN(Connection session, open_copy(target_, name, &stop_));
    YTB_ASSIGN(auto done, recorded_tables(session));
    for (const auto& [oid, progress] : done) {
      YTB_ASSIGN(model::Evidence one, model::evidence_from_json(progress.evidence));
      for (model::TableEvidence& table : one.tables) {
        for (const auto& column : table.columns) {
          if (!column.must_change || column.unchanged == 0) continue;
          unchanged += column.unchanged;
          unchanged_in += fmt::format(" {}.{}.{}", table.schema, table.table, column.name);
        }
        all.tables.push_back(std::move(table));
      }
    }
    for (const TablePlan& table : database.plan->tables) {
      if (table.treatment != Treatment::kKeep || database.plan->omitted) continue;
      all.tables.push_back({.database = name,
                            .schema = table.table.name.schema,
                            .table = table.table.name.name,
                            .treatment = "kept",
                            .columns = {}});
    }
    YTB_ASSIGN(std::vector<std::string> lines, recorded_deeds(session));
    for (const std::string& line : lines) {
      if (line.starts_with("note: ")) all.notes.push_back(name + ": " + line.substr(6));
    }
  }
  all.notes.insert(all.notes.end(), notes_.begin(), notes_.end());
  if (widest_ > kWideRowBytes) {
    all.notes.push_back(
        fmt::format("the widest row had {}: more memory was used for it", human_bytes(widest_)));
  }
  all.checks.push_back({.name = "values_changed",
                        .asserts = "no masker that promises to change every value returned one of its inputs",
                        .outcome = unchanged == 0 ? model::Outcome::kPassed : model::Outcome::kFailed,
                        .detail = unchanged == 0
                                      ? "counted while streaming, every row"
                                      : fmt::format("{} values unchanged in{}", unchanged, unchanged_in)});
  all.checks.push_back(
      {.name = "kept_tables_untouched",
       .asserts = "tables without masked columns still have the files they were restored with",
       .outcome = moved_.empty() ? model::Outcome::kPassed : model::Outcome::kFailed,
       .detail = moved_.empty() ? "by file node" : join(moved_, ", ")});
  return all;
}

void MaskRun::tell(std::string_view stage) {
  std::string now;
  {
    std::lock_guard lock(now_mutex_);
    now = now_;
  }
  progress_.update({.stage = stage,
                    .item = now,
                    .done_bytes = std::min<uint64_t>(bytes_done_, bytes_total_),
                    .total_bytes = bytes_total_});
}

}  // namespace

Result<model::Evidence> mask_copy(const ports::SessionTarget& target, const ports::MaskRequest& request,
                                  ports::Progress& progress, const StopFlag& stop) {
  return MaskRun(target, request, progress, stop).run();
}

}  // namespace ytb::postgres
