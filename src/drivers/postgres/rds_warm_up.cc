#include "drivers/postgres/rds_warm_up.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>

#include "base/text.h"
#include "drivers/postgres/catalog_reader.h"
#include "drivers/postgres/copy_session.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/rds_session.h"
#include "drivers/postgres/worker_pool.h"

namespace ytb::postgres {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kBlockBytes = 8192;
constexpr int kTidRangeScanMajor = 14;  // before, a range of blocks would be a scan of the whole table
constexpr int64_t kBegunRow = 0;        // no relation: when it all began

// What may be cold, largest last: so most is warm where the time runs out. `root` is the table that something
// hangs on; what hangs on a rewritten table was written anew with it.
constexpr std::string_view kColdRelations =
    "SELECT c.oid, n.nspname, c.relname, c.relkind, pg_catalog.pg_relation_size(c.oid, 'main'), "
    "coalesce(w.blocks, 0) FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid "
    "LEFT JOIN pg_catalog.pg_class t ON t.reltoastrelid = coalesce(i.indrelid, c.oid) "
    "JOIN pg_catalog.pg_class root ON root.oid = coalesce(t.oid, i.indrelid, c.oid) "
    "LEFT JOIN {0}.warm_up w ON w.relation = c.oid "
    "WHERE c.relkind IN ('r', 'm', 't', 'i') AND c.relpersistence = 'p' AND c.oid >= 16384 AND "
    "root.relnamespace <> '{0}'::pg_catalog.regnamespace AND "
    "NOT EXISTS (SELECT FROM {0}.tables done WHERE done.relation = root.oid) AND "
    "NOT (EXISTS (SELECT FROM {0}.steps WHERE step = '{1}') AND "
    "((root.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = root.oid AND "
    "a.attisdropped)) OR (root.relkind = 'm' AND EXISTS (SELECT FROM {0}.tables)))) AND "
    "pg_catalog.pg_relation_size(c.oid, 'main') > 0 ORDER BY 5, 1";

struct ColdRelation {
  std::string database;
  int64_t oid = 0;
  std::string schema, name;
  bool scannable = false;  // a table or materialized view: SQL alone can read it
  uint64_t blocks = 0;
  std::atomic<uint64_t> done{0};  // blocks that are read
};

std::string warm_up_table() { return std::string(kProgressSchema) + ".warm_up"; }

// After the range was read: a run that dies in between costs one range read twice.
Status record_blocks(Connection& session, const ColdRelation& relation, uint64_t done) {
  return session.execute(
      fmt::format("INSERT INTO {} (relation, blocks) VALUES ({}, {}) ON CONFLICT "
                  "(relation) DO UPDATE SET blocks = excluded.blocks",
                  warm_up_table(), relation.oid, done));
}

Status ensure_warm_up(Connection& session) {
  YTB_TRY(ensure_progress(session));
  return session.execute(
      fmt::format("CREATE TABLE IF NOT EXISTS {} (relation oid PRIMARY KEY, blocks bigint NOT NULL, at "
                  "timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp())",
                  warm_up_table()));
}

// The function's schema, as it is written; "" where it cannot be had, and why.
struct Prewarm {
  std::string schema;
  bool ours = false;
  std::string why_not;
};

Result<Prewarm> find_prewarm(Connection& session) {
  YTB_ASSIGN(Rows rows, session.query("SELECT n.nspname FROM pg_catalog.pg_extension e JOIN "
                                      "pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = "
                                      "'pg_prewarm'"));
  if (rows.empty()) return Prewarm{};
  return Prewarm{
      .schema = session.identifier(rows.at(0, 0)), .ours = rows.at(0, 0) == kProgressSchema, .why_not = {}};
}

Result<Prewarm> make_prewarm(Connection& session) {
  YTB_ASSIGN(Prewarm there, find_prewarm(session));
  if (!there.schema.empty()) return there;
  Status made = session.execute(fmt::format("CREATE EXTENSION pg_prewarm SCHEMA {}", kProgressSchema));
  if (!made.ok()) return Prewarm{.schema = {}, .ours = false, .why_not = made.error().message};
  return find_prewarm(session);
}

class WarmUp {
 public:
  WarmUp(const ports::SessionTarget& target, const ports::WarmUpRequest& request, ports::Progress& progress,
         const StopFlag& stop)
      : target_(target),
        request_(request),
        progress_(progress),
        stop_(stop),
        range_blocks_(std::max<uint64_t>(1, request.range_bytes / kBlockBytes)),
        pool_(target, request.workers, stop) {}

  Result<std::vector<std::string>> run() {
    Status done = read_all();
    if (stop_.requested()) return stop_.check().error();
    if (!done.ok()) notes_.push_back("warm-up: it ended early: " + done.error().message);
    add_notes();
    return std::move(notes_);
  }

 private:
  Status read_all() {
    YTB_ASSIGN(Connection session, open_copy_anywhere(target_, &stop_));
    YTB_TRY(borrow_memberships(session));
    YTB_TRY(let_us_in_everywhere(session));
    YTB_TRY(set_deadline());
    YTB_ASSIGN(std::vector<std::string> names, list_databases(session));
    for (const std::string& name : names) {
      YTB_TRY(stop_.check());
      YTB_TRY(look_into(name));
    }
    std::stable_sort(relations_.begin(), relations_.end(),
                     [](const auto& a, const auto& b) { return a->blocks < b->blocks; });
    for (const auto& relation : relations_) {
      pool_.add(0, {relation->database, [this, &relation = *relation](Connection& worker) {
                      return read_relation(worker, relation);
                    }});
    }
    Status done = pool_.run([this] { tell(); });
    if (stop_.requested()) return done;  // it goes on with the extension where it is
    for (const auto& [database, prewarm] : prewarm_) {
      if (!prewarm.ours) continue;
      YTB_ASSIGN(Connection inside, open_copy(target_, database, &stop_));
      YTB_TRY(inside.execute("DROP EXTENSION pg_prewarm"));
    }
    return done;
  }

  // From the first call on, by the copy's own clock: whoever goes on, wherever it runs, knows it.
  Status set_deadline() {
    YTB_ASSIGN(Connection session, open_workplace(target_, &stop_));
    YTB_TRY(ensure_warm_up(session));
    YTB_TRY(
        session.execute(fmt::format("INSERT INTO {} (relation, blocks) VALUES ({}, 0) ON CONFLICT DO NOTHING",
                                    warm_up_table(), kBegunRow)));
    YTB_ASSIGN(std::string passed,
               session.value(fmt::format("SELECT (extract(epoch FROM pg_catalog.clock_timestamp() - at) * "
                                         "1000000)::bigint FROM {} WHERE relation = {}",
                                         warm_up_table(), kBegunRow)));
    deadline_ = Clock::now() + request_.longest - std::chrono::microseconds(std::stoll(passed));
    return {};
  }

  Status look_into(const std::string& name) {
    YTB_ASSIGN(Connection session, open_copy(target_, name, &stop_));
    YTB_ASSIGN(bool may, can_work_in(session, name));
    if (!may) return {};  // nothing is in it
    YTB_TRY(ensure_warm_up(session));
    YTB_ASSIGN(Rows rows, session.query(fmt::format(kColdRelations, kProgressSchema, kFinishedStep)));
    bool work_left = false;
    for (int row = 0; row < rows.count(); ++row) {
      auto relation = std::make_unique<ColdRelation>();
      relation->database = name;
      relation->oid = rows.integer(row, 0);
      relation->schema = rows.text(row, 1);
      relation->name = rows.text(row, 2);
      relation->scannable = rows.at(row, 3) == "r" || rows.at(row, 3) == "m";
      relation->blocks = static_cast<uint64_t>(rows.integer(row, 4)) / kBlockBytes;
      relation->done = std::min(relation->blocks, static_cast<uint64_t>(rows.integer(row, 5)));
      blocks_total_ += relation->blocks;
      blocks_done_ += relation->done;
      work_left = work_left || relation->done < relation->blocks;
      relations_.push_back(std::move(relation));
    }
    if (work_left && Clock::now() < deadline_) {
      YTB_ASSIGN(prewarm_[name], make_prewarm(session));
    } else {
      YTB_ASSIGN(prewarm_[name], find_prewarm(session));  // what an earlier run could not drop
    }
    return {};
  }

  Status read_relation(Connection& session, ColdRelation& relation) {
    const Prewarm& prewarm = prewarm_.at(relation.database);
    if (prewarm.schema.empty() && !relation.scannable) return {};
    const bool in_ranges = !prewarm.schema.empty() || session.major() >= kTidRangeScanMajor;
    {
      std::lock_guard lock(mutex_);
      now_ = fmt::format("{} {}.{}", relation.database, relation.schema, relation.name);
    }
    while (relation.done < relation.blocks) {
      YTB_TRY(stop_.check());
      if (Clock::now() >= deadline_) return {};
      const uint64_t first = relation.done;
      const uint64_t end = in_ranges ? std::min(relation.blocks, first + range_blocks_) : relation.blocks;
      Status read = read_range(session, relation, prewarm, first, end);
      if (read.ok()) read = record_blocks(session, relation, end);
      if (!read.ok()) {
        if (stop_.requested()) return read;
        std::lock_guard lock(mutex_);
        if (failed_++ == 0) first_failure_ = printable(relation.name) + ": " + read.error().message;
        return {};
      }
      relation.done = end;
      blocks_done_ += end - first;
    }
    return {};
  }

  // Blocks [first, end).
  static Status read_range(Connection& session, const ColdRelation& relation, const Prewarm& prewarm,
                           uint64_t first, uint64_t end) {
    if (!prewarm.schema.empty()) {
      return session.execute(
          fmt::format("SELECT {}.pg_prewarm({}::pg_catalog.oid::pg_catalog.regclass, "
                      "'read', 'main', {}, {})",
                      prewarm.schema, relation.oid, first, end - 1));
    }
    // The condition on ctid keeps index-only scans away, which would leave the table unread.
    return session.execute(
        fmt::format("SELECT pg_catalog.count(*) FROM ONLY {} WHERE ctid >= '({},0)'::pg_catalog.tid AND ctid "
                    "< '({},0)'::pg_catalog.tid",
                    session.qualified(relation.schema, relation.name), first, end));
  }

  void tell() {
    std::string now;
    {
      std::lock_guard lock(mutex_);
      now = now_;
    }
    progress_.update({.stage = "warm up",
                      .item = now,
                      .done_bytes = blocks_done_ * kBlockBytes,
                      .total_bytes = blocks_total_ * kBlockBytes});
  }

  void add_notes() {
    if (blocks_total_ == 0) return;
    notes_.push_back(fmt::format("warm-up: {} of {} that masking did not write anew were read",
                                 human_bytes(blocks_done_ * kBlockBytes),
                                 human_bytes(blocks_total_ * kBlockBytes)));
    bool late = false;
    for (const auto& relation : relations_) late = late || relation->done < relation->blocks;
    if (late && Clock::now() >= deadline_) {
      notes_.push_back(fmt::format("warm-up: its time of {} is over: the rest loads as it is first read",
                                   to_human(request_.longest)));
    }
    if (failed_ > 0) {
      notes_.push_back(fmt::format("warm-up: {} could not be read, the first {}", failed_, first_failure_));
    }
    for (const auto& [database, prewarm] : prewarm_) {
      if (prewarm.why_not.empty()) continue;
      notes_.push_back(fmt::format(
          "warm-up: tables of {} were scanned, and their indexes and TOAST values load as they are first "
          "read, for there is no pg_prewarm: {}",
          printable(database), prewarm.why_not));
    }
  }

  const ports::SessionTarget& target_;
  const ports::WarmUpRequest& request_;
  ports::Progress& progress_;
  const StopFlag& stop_;
  const uint64_t range_blocks_;
  WorkerPool pool_;
  Clock::time_point deadline_;
  std::vector<std::unique_ptr<ColdRelation>> relations_;
  std::map<std::string, Prewarm> prewarm_;  // by database; whole before the workers begin
  uint64_t blocks_total_ = 0;
  std::atomic<uint64_t> blocks_done_{0};
  std::mutex mutex_;  // guards what follows
  std::string now_;
  int failed_ = 0;
  std::string first_failure_;
  std::vector<std::string> notes_;
};

}  // namespace

Result<std::vector<std::string>> warm_up_copy(const ports::SessionTarget& target,
                                              const ports::WarmUpRequest& request, ports::Progress& progress,
                                              const StopFlag& stop) {
  return WarmUp(target, request, progress, stop).run();
}

}  // namespace ytb::postgres
