#include "drivers/postgres/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <tuple>

#include "base/text.h"
#include "drivers/postgres/access_rights.h"
#include "drivers/postgres/aftermath.h"
#include "drivers/postgres/check_session.h"
#include "drivers/postgres/copy_session.h"
#include "drivers/postgres/dead_rows.h"
#include "drivers/postgres/defuse.h"
#include "drivers/postgres/file_search.h"
#include "drivers/postgres/large_objects.h"
#include "drivers/postgres/owner_session.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/rds_access.h"
#include "drivers/postgres/rds_checks.h"
#include "drivers/postgres/rds_defuse.h"
#include "drivers/postgres/rds_mask.h"
#include "drivers/postgres/rds_session.h"
#include "drivers/postgres/residue.h"
#include "drivers/postgres/role_settings.h"
#include "drivers/postgres/server_power.h"
#include "drivers/postgres/stray_files.h"
#include "drivers/postgres/survivors.h"
#include "drivers/postgres/suspension.h"
#include "drivers/postgres/table_checks.h"
#include "drivers/postgres/unjudged.h"
#include "masking/program.h"

namespace ytb::postgres {
namespace {

constexpr size_t kShownMax = 10;
constexpr std::string_view kSqlCheckTimeout = "5min";

// Gathers what is wrong under one check's name over all databases.
class Checklist {
 public:
  void open(const std::string& name, const std::string& asserts) {
    checks_.push_back({.name = name, .asserts = asserts, .outcome = model::Outcome::kPassed, .detail = {}});
  }
  void add(const std::string& name, const Wrong& wrong, const std::string& where) {
    auto found =
        std::find_if(checks_.begin(), checks_.end(), [&](const model::Check& c) { return c.name == name; });
    YTB_CHECK(found != checks_.end());
    if (!wrong.ok()) {
      // Failed is worse than not run, and stays.
      if (found->outcome == model::Outcome::kPassed) found->outcome = model::Outcome::kNotRun;
      append(*found, where + ": " + wrong.error().message);
      return;
    }
    if (wrong->empty()) return;
    found->outcome = model::Outcome::kFailed;
    for (size_t i = 0; i < std::min(wrong->size(), kShownMax); ++i)
      append(*found, where + ": " + (*wrong)[i]);
    if (wrong->size() > kShownMax) append(*found, fmt::format("and {} more", wrong->size() - kShownMax));
  }
  // Says more without a judgement.
  void note(const std::string& name, const std::string& text) {
    for (model::Check& check : checks_) {
      if (check.name == name && !text.empty()) append(check, text);
    }
  }
  void append_all(std::vector<model::Check> checks) {
    for (model::Check& check : checks) checks_.push_back(std::move(check));
  }
  std::vector<model::Check> take() { return std::move(checks_); }

 private:
  static void append(model::Check& check, const std::string& text) {
    check.detail += (check.detail.empty() ? "" : "; ") + text;
  }
  std::vector<model::Check> checks_;
};

// In a session that has no power of ours, but with a master, who has no other.
Wrong run_sql_check(Connection& session, const model::SqlCheck& check) {
  const bool master = session.kind() == SessionKind::kMaster;
  YTB_TRY(session.execute(master ? "BEGIN" : "BEGIN READ ONLY"));
  auto run = [&]() -> Wrong {
    if (master) {
      auto suspended = suspend_guards(session);
      if (!suspended.ok()) return std::move(suspended).error();
      YTB_TRY(session.execute("SET TRANSACTION READ ONLY"));
    }
    YTB_TRY(session.execute(fmt::format(
        "SET LOCAL statement_timeout = '{}'; SET LOCAL search_path = pg_catalog, public", kSqlCheckTimeout)));
    YTB_ASSIGN(Rows rows, session.query(check.sql));
    // The value itself may be anything: it is not repeated.
    if (rows.empty()) return std::vector<std::string>{"the query gave no row"};
    if (rows.at(0, 0) != check.expect) {
      return std::vector<std::string>{fmt::format("the answer is not '{}'", printable(check.expect))};
    }
    return std::vector<std::string>{};
  };
  Wrong wrong = run();
  session.roll_back();
  return wrong;
}

Wrong open_doors(Connection& session) {
  YTB_ASSIGN(Rows rows,
             session.query("SELECT rolname || CASE WHEN rolcanlogin THEN ' may log in' ELSE ' has a "
                           "password' END FROM pg_authid WHERE rolname <> session_user AND (rolcanlogin OR "
                           "rolpassword IS NOT NULL)"));
  std::vector<std::string> wrong;
  for (int row = 0; row < rows.count(); ++row) wrong.push_back(printable(rows.at(row, 0)));
  return wrong;
}

Wrong old_wal(Connection& session) {
  YTB_TRY(discard_wal(session));
  YTB_ASSIGN(Rows rows,
             session.query("SELECT name FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$' AND name < (SELECT "
                           "redo_wal_file FROM pg_control_checkpoint())"));
  std::vector<std::string> wrong;
  for (int row = 0; row < rows.count(); ++row) wrong.push_back("segment " + rows.text(row, 0));
  return wrong;
}

Wrong doors_of_databases(Connection& session) {
  std::vector<std::string> wrong;
  YTB_ASSIGN(std::vector<std::string> names, databases_to_close(session));
  for (const std::string& name : names) {
    YTB_ASSIGN(Rows rows,
               session.query("SELECT datallowconn, datdba = 10 FROM pg_database WHERE datname = $1", {name}));
    if (rows.empty()) continue;
    if (rows.truth(0, 0)) wrong.push_back(printable(name) + " admits connections");
    if (session.kind() == SessionKind::kCopy && !rows.truth(0, 1))
      wrong.push_back(printable(name) + " has an owner who could open it");
  }
  return wrong;
}

class VerifyRun {
 public:
  VerifyRun(const ports::SessionTarget& target, const ports::VerifyRequest& request,
            ports::Progress& progress, const StopFlag& stop)
      : target_(target), request_(request), progress_(progress), stop_(stop), rds_(is_rds_copy(target)) {}

  Result<std::vector<model::Check>> run() {
    open_checks();
    YTB_ASSIGN(Connection session, open_copy_anywhere(target_, &stop_));
    if (rds_) YTB_TRY(borrow_memberships(session));
    YTB_TRY(let_us_in_everywhere(session));
    YTB_ASSIGN(std::vector<std::string> names, list_databases(session));
    if (request_.plan != nullptr && !rds_) YTB_TRY(find_last_load(session, names));
    for (const std::string& name : names) {
      progress_.update({.stage = "verify", .item = name});
      YTB_TRY(stop_.check());
      YTB_TRY(check_database(name));
    }
    if (!rds_) remove_stray_files(session);
    for (const model::SqlCheck& check : request_.sql_checks) run_own(check);
    list_.add("roles_shut", rds_ ? rds_open_doors(session) : open_doors(session), "server");
    if (request_.plan != nullptr) {
      list_.add("settings_judged", settings_left(session, *request_.plan), "server");
    }
    if (request_.plan != nullptr && !rds_) list_.add("wal_discarded", old_wal(session), "server");
    if (request_.survivors != nullptr) {
      request_.survivors->files_closed = rds_;
      if (!rds_) list_.add("files_searched", search_files(session), "server");
    }
    YTB_TRY(close_again(session));
    list_.add("databases_closed", doors_of_databases(session), "server");
    if (rds_) {
      YTB_TRY(return_memberships(session));
      list_.append_all(rds_not_checkable(request_.plan != nullptr));
    }
    YTB_TRY(stop_.check());
    return list_.take();
  }

 private:
  void open_checks() {
    list_.open("roles_shut", "no role but our own can log in, and none has a password");
    list_.open("access_roles_safe", "no access role reaches the server's files or programs");
    list_.open("nothing_armed",
               "no subscription, slot, prepared transaction, reachable foreign server, credential or "
               "preloaded library");
    list_.open(
        "databases_closed",
        rds_ ? "databases that production keeps shut, and omitted ones, admit nobody"
             : "databases that production keeps shut, and omitted ones, admit nobody, and only our own role "
               "could open or copy them");
    if (!rds_) {
      list_.open(
          "no_power_inside",
          "nobody but our own role, which cannot log in, is a superuser or reaches the server's files, "
          "programs or replication; what code of libraries in C does is held by the isolation alone");
      list_.open("catalog_statistics_gone",
                 "no statistics of the system's catalogs and no temporary table of production is left");
      list_.open("no_unnamed_files",
                 "every file of a database belongs to a relation of its catalog, every segment of a "
                 "transaction log to transactions");
      list_.open(
          "every_relation_judged",
          "what holds rows is a table of the policy's, a view, a sequence or TOAST of one table, as the "
          "catalog calls it; the tables of information_schema were filled anew");
      list_.open("dead_rows_counted",
                 "what the files of kept tables hold besides their rows is counted; it is not masked");
    }
    list_.open("identity_kept", "triggers, CHECKs, event triggers and our own traces are as before masking");
    if (request_.plan == nullptr) return;
    list_.open("settings_judged",
               "databases and roles have only the server's own settings and those that the policy keeps");
    list_.open("row_counts", "masked tables have as many rows as before, emptied ones none");
    list_.open("foreign_keys_valid",
               "every row of a foreign key that touches a masked table finds its counterpart");
    list_.open("indexes_valid", "every index of a masked table was rebuilt and is valid");
    list_.open("statistics_rebuilt",
               "no statistics of masked tables, their indexes and ancestors predate the masking");
    list_.open("omitted_databases_empty", "databases that the policy omits hold no row");
    if (request_.survivors != nullptr) {
      list_.open("originals_searched",
                 "every column that is not masked, every large object, definition and setting was "
                 "searched");
      if (!rds_) list_.open("files_searched", "the bytes of every file of the data directory were searched");
    }
    list_.open("large_objects_judged",
               "no large object is left that the policy does not keep, and no bytes that none names");
    if (rds_) return;  // the rest was asked while masking, or cannot be
    list_.open("materialized_views_refreshed", "no populated materialized view predates the masking");
    list_.open("wal_discarded", "no write-ahead log from before the last checkpoint is left");
  }

  Status check_database(const std::string& name) {
    YTB_ASSIGN(Connection session, open_copy(target_, name, &stop_));
    if (rds_) return check_rds_database(session, name);
    if (request_.plan != nullptr) {
      check_catalog_of(session, name);
      YTB_TRY(check_rows_of(session, name));
      search_definitions_of(session, name);
      YTB_TRY(check_progress(session, name));
    }
    Status removed = remove_progress(session);
    if (removed.ok()) {
      list_.add("identity_kept", left_aside(session), name);
    } else {
      list_.add("identity_kept", Wrong(std::move(removed).error()), name);
    }
    list_.add("access_roles_safe", dangerous_roles(session, request_.access), name);
    list_.add("no_power_inside", power_left(session), name);
    list_.add("nothing_armed", still_armed(session), name);
    list_.add("catalog_statistics_gone", catalog_statistics_left(session), name);
    list_.add("every_relation_judged", unjudged_left(session), name);
    if (request_.survivors != nullptr) YTB_TRY(files_.know(session, name));
    YTB_TRY(note_dead_rows(session, name));
    return stray_.know(session);
  }

  Status note_dead_rows(Connection& session, const std::string& name) {
    YTB_TRY(session.execute("CHECKPOINT"));
    YTB_ASSIGN(std::string folder, data_folder(session));
    YTB_ASSIGN(std::vector<DeadRows> counted, count_dead_rows(session, folder, stop_));
    std::sort(counted.begin(), counted.end(), [](const DeadRows& a, const DeadRows& b) {
      return std::tuple(a.dead + a.undecided, a.free_bytes) > std::tuple(b.dead + b.undecided, b.free_bytes);
    });
    for (size_t i = 0; i < std::min(counted.size(), kShownMax); ++i) {
      list_.note("dead_rows_counted", printable(name) + ": " + to_string(counted[i]));
    }
    if (counted.size() > kShownMax) {
      list_.note("dead_rows_counted",
                 fmt::format("{}: and {} more tables", printable(name), counted.size() - kShownMax));
    }
    return {};
  }

  // A run that was killed after this has no progress to look at, and need not.
  Status check_progress(Connection& session, const std::string& name) {
    YTB_TRY(take_back(session));
    YTB_ASSIGN(bool recording, has_progress(session));
    if (recording) list_.add("identity_kept", still_suspended(session), name);
    return {};
  }

  // Over all databases: what is computed in one may be older than what is loaded into another.
  Status find_last_load(Connection& ours, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      YTB_ASSIGN(Connection session, open_copy(target_, name, &stop_));
      auto touched = touched_in(session, name, request_.evidence);
      if (!touched.ok()) continue;  // said by the check of its rows
      YTB_ASSIGN(std::string load, youngest_load(session, *touched));
      if (load.empty()) continue;
      YTB_ASSIGN(std::string younger,
                 last_load_.empty() ? Result<std::string>(std::string("t"))
                                    : ours.value("SELECT age($1::xid) < age($2::xid)", {load, last_load_}));
      if (younger == "t") last_load_ = load;
    }
    return {};
  }

  // What statements show was searched, and is told by where it stands; files are searched for the rest.
  Wrong search_files(Connection& session) {
    ports::SurvivorSearch& search = *request_.survivors;
    YTB_TRY(session.execute("CHECKPOINT"));
    YTB_ASSIGN(std::string folder, data_folder(session));
    using Kept = masking::NeedleSamples::Kept;
    FileSearch::Needles needles{
        .all = masking::NeedleSearch(search.samples.needles_where([](const Kept&) { return true; })),
        .unseen = masking::NeedleSearch(search.samples.needles_where([&](const Kept& kept) {
          return !search.candidates.holds(kept.digest) && !search.candidates.holds(kept.other_digest);
        })),
        .seen_in = {},
        .read = search.kept_relations};
    for (const uint32_t place : search.candidates.places()) {
      if (auto relation = search.relations.find(place); relation != search.relations.end())
        needles.seen_in.insert(relation->second);
    }
    const bool whole = search.depth == masking::SearchDepth::kWhole;
    YTB_TRY(files_.search(folder, needles, whole, search.workers, progress_, stop_));
    search.needles = needles.all.size();
    search.in_files = files_.found();
    search.file_bytes = files_.bytes();
    return std::vector<std::string>{};
  }

  // When nothing creates or drops a relation any more.
  void remove_stray_files(Connection& session) {
    auto removed = stray_.remove(session);
    if (!removed.ok()) {
      list_.add("no_unnamed_files", Wrong(std::move(removed).error()), "server");
      return;
    }
    list_.note("no_unnamed_files", *removed);
    list_.add("no_unnamed_files", stray_.left(session), "server");
  }

  Status check_rds_database(Connection& session, const std::string& name) {
    if (request_.plan != nullptr) {
      check_catalog_of(session, name);
      YTB_TRY(check_rows_of(session, name));
      search_definitions_of(session, name);
    }
    list_.add("nothing_armed", rds_still_armed(session), name);
    list_.add("identity_kept", rds_remove_traces(session), name);
    list_.add("access_roles_safe", rds_dangerous_rights(session, request_.access), name);
    return {};
  }

  // Queries that read user tables. Planning one evaluates what is constant in production's expressions, which
  // must not happen with our power: those are out of sight meanwhile.
  Status check_rows_of(Connection& session, const std::string& name) {
    suspension_ = {};
    if (!rds_) {
      YTB_ASSIGN(suspension_, suspension_for_reading(session));
    }
    YTB_TRY(session.execute("BEGIN"));
    Status ready = rds_ ? let_master_read(session) : session.execute(suspension_.statements);
    if (ready.ok()) ask_rows_of(session, name);
    session.roll_back();
    if (ready.ok() && !rds_) YTB_TRY(ask_coded_keys(session, name));
    return ready;
  }

  Status let_master_read(Connection& session) {
    YTB_ASSIGN(suspension_.relations, suspend_guards(session));
    return {};
  }

  Status ask_coded_keys(Connection& session, const std::string& name) {
    auto touched = touched_in(session, name, request_.evidence);
    if (!touched.ok()) return {};  // said with the rows
    CheckSession asker(target_, session, name, stop_);
    list_.add("foreign_keys_valid", broken_coded_keys(session, *touched, [&] { return asker.get(); }), name);
    return asker.close();
  }

  void ask_rows_of(Connection& session, const std::string& name) {
    auto touched = touched_in(session, name, request_.evidence);
    if (!touched.ok()) {
      list_.add("row_counts", Wrong(std::move(touched).error()), name);
      return;
    }
    list_.add("row_counts", all_in_evidence(name), name);
    list_.add("row_counts", wrong_row_counts(session, *touched), name);
    list_.add("foreign_keys_valid",
              broken_foreign_keys(session, *touched, rds_ ? CodedKeys::kToo : CodedKeys::kNotThem), name);
    if (rds_) list_.add("statistics_rebuilt", rds_stale_statistics(session, *touched), name);
    for (const masking::DatabasePlan& plan : request_.plan->databases) {
      if (plan.database.name != name) continue;
      list_.add("large_objects_judged", large_objects_left(session, keeps_large_objects(plan)), name);
      if (plan.omitted) list_.add("omitted_databases_empty", rows_left(session), name);
      if (request_.survivors != nullptr) search_rows_of(session, plan);
    }
  }

  void search_rows_of(Connection& session, const masking::DatabasePlan& plan) {
    add_searched(search_values(target_, session, plan, masking::masked_kinds(*request_.plan),
                               suspension_.relations, *request_.survivors, progress_, stop_),
                 plan);
  }
  void search_definitions_of(Connection& session, const std::string& name) {
    if (request_.survivors == nullptr) return;
    for (const masking::DatabasePlan& plan : request_.plan->databases) {
      if (plan.database.name != name) continue;
      add_searched(search_definitions(session, plan, !servers_searched_, *request_.survivors), plan);
      servers_searched_ = true;
    }
  }
  void add_searched(Status searched, const masking::DatabasePlan& plan) {
    list_.add("originals_searched",
              searched.ok() ? Wrong(std::vector<std::string>{}) : Wrong(std::move(searched).error()),
              plan.database.name);
  }

  // What the catalog alone says.
  void check_catalog_of(Connection& session, const std::string& name) {
    auto touched = touched_in(session, name, request_.evidence);
    if (!touched.ok()) return;  // said with the rows
    list_.add("indexes_valid",
              rds_ ? rds_invalid_indexes(session, *touched) : invalid_indexes(session, *touched), name);
    if (rds_) return;
    list_.add("statistics_rebuilt", old_statistics(session, *touched), name);
    list_.add("materialized_views_refreshed", old_views(session, last_load_), name);
  }

  // Every table that the plan masks or empties is in the evidence: what was forgotten has no row count to be
  // wrong.
  Wrong all_in_evidence(const std::string& name) const {
    std::vector<std::string> missing;
    std::set<masking::QualifiedName> seen;
    for (const model::TableEvidence& table : request_.evidence.tables) {
      if (table.database == name && table.treatment != "kept") seen.insert({table.schema, table.table});
    }
    for (const masking::DatabasePlan& plan : request_.plan->databases) {
      if (plan.database.name != name) continue;
      for (const masking::TablePlan& table : plan.tables) {
        bool due = table.table.kind == masking::RelationKind::kTable &&
                   (plan.omitted || table.treatment != masking::Treatment::kKeep);
        if (due && !seen.contains(table.table.name))
          missing.push_back(to_string(table.table.name) + " was not treated");
      }
    }
    return missing;
  }

  void run_own(const model::SqlCheck& check) {
    std::string name = "sql: " + check.name;
    list_.open(name, fmt::format("the configured query in database {} answers '{}'",
                                 printable(check.database), printable(check.expect)));
    auto session = open_copy(target_, check.database, &stop_);
    list_.add(name, session.ok() ? ask_own(*session, check) : Wrong(std::move(session).error()),
              check.database);
  }

  Wrong ask_own(Connection& session, const model::SqlCheck& check) {
    if (rds_) return run_sql_check(session, check);
    CheckSession asker(target_, session, check.database, stop_);
    auto other = asker.get();
    Wrong wrong = other.ok() ? run_sql_check(**other, check) : Wrong(std::move(other).error());
    YTB_TRY(asker.close());
    YTB_TRY(remove_progress(session));
    return wrong;
  }

  const ports::SessionTarget& target_;
  const ports::VerifyRequest& request_;
  ports::Progress& progress_;
  const StopFlag& stop_;
  const bool rds_;
  std::string last_load_;  // transaction of the table that was loaded last
  Checklist list_;
  StrayFiles stray_;
  FileSearch files_;
  bool servers_searched_ = false;
  ReadingSuspension suspension_;  // of the database at hand
};

}  // namespace

Result<std::vector<model::Check>> verify_copy(const ports::SessionTarget& target,
                                              const ports::VerifyRequest& request, ports::Progress& progress,
                                              const StopFlag& stop) {
  return VerifyRun(target, request, progress, stop).run();
}

}  // namespace ytb::postgres
