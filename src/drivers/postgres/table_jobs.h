// TableJobs: the tables of a masking plan, side by side on a WorkerPool. Each is read in ranges and loaded,
// or rewritten by its pages, or emptied; then what it keeps is compared with what was read, and its indexes
// are built. Each step records itself in the copy (progress_store.h), so that a killed run's work is gone on
// with.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/page_rewrite.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/table_work.h"
#include "drivers/postgres/worker_pool.h"
#include "masking/plan.h"
#include "masking/program.h"
#include "ports/engine.h"

namespace ytb::postgres {

struct TableJob {
  std::string database;
  const masking::TablePlan* plan = nullptr;
  std::string treatment;  // "masked", "emptied", "omitted"
  bool due = false;       // not loaded or emptied yet when this run began
  TableFacts facts;
  std::optional<masking::RowProgram> program;
  std::optional<masking::RowProgram> kept;  // of the kept columns; made when they are read again
  bool keeps = false;                       // it has kept columns
  std::optional<PagesFit> pages;            // rewritten by pages; none: streamed
  std::vector<PageRange> ranges;            // streamed
  std::vector<std::string> spools;          // one a range, in order
  std::mutex mutex;                         // guards counts and found
  masking::RowCounts counts;
  masking::KeptRows found;
  std::atomic<size_t> ranges_left{0};
  std::atomic<size_t> indexes_left{0};
  std::atomic<bool> begun{false};
  std::chrono::steady_clock::time_point started;
};

// What progress is told of.
struct TablesAtWork {
  std::string begun_last;  // "shop public.users"
  uint64_t done_bytes = 0;
  uint64_t total_bytes = 0;
};

struct KeptJudgement {
  std::vector<std::string> changed;  // tables whose kept columns are not what was read: "shop public.users"
  uint64_t compared = 0;             // tables whose kept columns are
};

class TableJobs {
 public:
  // All must outlive it. `rds`: as a cloud's master, without the superuser's means.
  TableJobs(const ports::MaskRequest& request, bool rds, WorkerPool& pool, const StopFlag& stop)
      : request_(request), rds_(rds), pool_(pool), stop_(stop) {}

  // Gives the pool what is left to do of a table that `database`'s plan masks or empties. On RDS tables to
  // be emptied are only looked at: see empty(). `done`: recorded_tables() of its database.
  Result<TableJob*> add(Connection& session, const masking::DatabasePlan& database,
                        const masking::TablePlan& plan, const std::map<int64_t, TableProgress>& done);
  // Empties a table now and gives the pool its indexes.
  Status empty(Connection& session, TableJob& job);

  // Once the pool has run: what is recorded of the database's kept columns. What was not compared counts as
  // changed.
  Status judge_kept(Connection& session, const std::string& database, KeptJudgement& judgement) const;
  [[nodiscard]] uint64_t widest_row_bytes() const { return widest_; }
  // Thread-safe.
  [[nodiscard]] TablesAtWork at_work() const;

 private:
  Status compile(Connection& session, TableJob& job);
  Status add_rows(Connection& session, TableJob& job);
  void add_reads(TableJob& job);
  Status add_compares(Connection& session, TableJob& job, const std::vector<int64_t>& indexes);
  void add_indexes(TableJob& job, const std::vector<int64_t>& indexes);
  void begin(TableJob& job);
  Status rewrite(Connection& session, TableJob& job);
  Status rewrite_once(Connection& session, TableJob& job, PageRewrite::Unfit& unfit);
  Status read(Connection& session, TableJob& job, size_t range);
  Status load(Connection& session, TableJob& job);
  Status compare(Connection& session, TableJob& job, PageRange range, const std::vector<int64_t>& indexes);
  [[nodiscard]] masking::Originals* originals() const {
    return request_.remember == nullptr ? nullptr : &request_.remember->originals;
  }
  static std::string outcome_of(const TableJob& job, uint64_t rows_before, uint64_t rows_after);

  const ports::MaskRequest& request_;
  const bool rds_;
  WorkerPool& pool_;
  const StopFlag& stop_;
  std::vector<std::unique_ptr<TableJob>> jobs_;
  std::atomic<uint64_t> bytes_done_{0};
  std::atomic<uint64_t> widest_{0};
  uint64_t bytes_total_ = 0;  // set before the pool runs
  mutable std::mutex now_mutex_;
  std::string now_;
};

}  // namespace ytb::postgres
