#include "drivers/postgres/table_jobs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/postgres/mask_evidence.h"
#include "drivers/postgres/rds_aside.h"
#include "drivers/postgres/rds_table.h"
#include "drivers/postgres/spool.h"

namespace ytb::postgres {
namespace {

using masking::TablePlan;
using masking::Treatment;

// What is nearest to its end goes first: it frees spool space and shortens the tail. Kept rows are compared
// before the table's indexes are built, for which planning the reading would wait.
constexpr int kCompareFirst = 4;
constexpr int kIndexFirst = 3;
constexpr int kLoadFirst = 2;
constexpr int kReadLast = 1;
constexpr uint64_t kSortMemoryMin = 64ULL << 20;
constexpr uint64_t kSortMemoryMax = 1ULL << 30;

Error too_late(ports::Remembering& remember) {
  remember.too_late = true;
  return {
      .code = Code::kUnsupported,
      .message = "a run that has ended masked some tables, and took along what it knew of their originals",
      .hint = "the copy is restored once more"};
}

}  // namespace

Result<TableJob*> TableJobs::add(Connection& session, const masking::DatabasePlan& database,
                                 const TablePlan& plan, const std::map<int64_t, TableProgress>& done) {
  YTB_ASSIGN(TableFacts facts, read_facts(session, plan.table.name));
  auto& job = *jobs_.emplace_back(std::make_unique<TableJob>());
  job.database = database.database.name;
  job.plan = &plan;
  job.facts = std::move(facts);
  job.treatment = database.omitted ? "omitted" : plan.treatment == Treatment::kEmpty ? "emptied" : "masked";
  if (job.treatment == "masked") YTB_TRY(compile(session, job));
  if (auto found = done.find(job.facts.oid); found != done.end()) {
    const bool forgotten = request_.remember != nullptr && !request_.remember->goes_on;
    if (job.treatment == "masked" && forgotten) return too_late(*request_.remember);
    const TableProgress& progress = found->second;
    if (job.keeps && progress.kept.found.empty()) {
      YTB_TRY(add_compares(session, job, progress.indexes));
    } else if (!progress.indexed) {
      add_indexes(job, progress.indexes);
    }
    return &job;
  }
  job.due = true;
  if (job.treatment == "masked") {
    YTB_TRY(add_rows(session, job));
  } else if (!rds_) {
    pool_.add(kLoadFirst, {job.database, [this, &job](Connection& worker) { return empty(worker, job); }});
  }
  return &job;
}

Status TableJobs::add_rows(Connection& session, TableJob& job) {
  job.ranges = ranges_of(job.facts, session.major());
  job.ranges_left = job.ranges.size();
  for (size_t i = 0; i < job.ranges.size(); ++i) {
    job.spools.push_back(os::join_path(request_.spool_directory,
                                       fmt::format("{}-{}-{}{}", jobs_.size(), i, ::getpid(), kSpoolSuffix)));
  }
  bytes_total_ += job.facts.size_bytes;
  if (!rds_ && job.facts.pages * kPageBytes >= request_.pages_bytes_min) {
    YTB_ASSIGN(job.pages, fit_for_pages(session, *job.plan, *job.program, job.facts));
  }
  if (job.pages) {
    pool_.add(kReadLast, {job.database, [this, &job](Connection& worker) { return rewrite(worker, job); }});
  } else {
    add_reads(job);
  }
  return {};
}

Status TableJobs::compile(Connection& session, TableJob& job) {
  // Binary where every streamed type has it; text always works.
  const std::vector<masking::ColumnPlan>& columns = job.plan->columns;
  bool binary = std::all_of(columns.begin(), columns.end(), [](const masking::ColumnPlan& column) {
    return column.column.generated || column.column.has_binary_io;
  });
  YTB_ASSIGN(
      masking::RowProgram program,
      masking::RowProgram::compile(*job.plan, session.server_encoding(),
                                   binary ? masking::Wire::kBinary : masking::Wire::kText, request_.key));
  job.program.emplace(std::move(program));
  job.keeps = job.program->masked_columns().size() < job.program->column_count();
  return {};
}

void TableJobs::add_reads(TableJob& job) {
  for (size_t i = 0; i < job.ranges.size(); ++i) {
    pool_.add(kReadLast,
              {job.database, [this, &job, i](Connection& session) { return read(session, job, i); }});
  }
}

// The table has been loaded: its kept columns are read again and compared with what was read before, then its
// indexes are built.
Status TableJobs::add_compares(Connection& session, TableJob& job, const std::vector<int64_t>& indexes) {
  if (!job.keeps) {
    add_indexes(job, indexes);
    return {};
  }
  YTB_ASSIGN(masking::RowProgram kept, masking::RowProgram::compile_kept(*job.plan, session.server_encoding(),
                                                                         job.program->wire(), request_.key));
  job.kept.emplace(std::move(kept));
  YTB_ASSIGN(TableFacts written, read_facts(session, job.plan->table.name));
  const std::vector<PageRange> ranges = ranges_of(written, session.major());
  job.ranges_left = ranges.size();
  for (const PageRange& range : ranges) {
    pool_.add(kCompareFirst, {job.database, [this, &job, range, indexes](Connection& worker) {
                                return compare(worker, job, range, indexes);
                              }});
  }
  return {};
}

Status TableJobs::compare(Connection& session, TableJob& job, PageRange range,
                          const std::vector<int64_t>& indexes) {
  const masking::QualifiedName& name = job.plan->table.name;
  auto found = read_kept(session, name, range, *job.kept);
  if (!found.ok()) return std::move(found).error().while_doing("reading again " + to_string(name));
  {
    std::lock_guard lock(job.mutex);
    job.found.add(*found);
  }
  if (job.ranges_left.fetch_sub(1) != 1) return {};
  YTB_TRY(record_found(session, job.facts.oid, job.found.to_text()));
  add_indexes(job, indexes);
  return {};
}

void TableJobs::add_indexes(TableJob& job, const std::vector<int64_t>& indexes) {
  job.indexes_left = indexes.size();
  auto pages =
      static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGE_SIZE));
  uint64_t memory = std::clamp(pages / 8 / static_cast<uint64_t>(std::max(1, request_.workers)),
                               kSortMemoryMin, kSortMemoryMax);
  // Indexes beside each other use the cores better than workers within one.
  int helpers = std::max(0, request_.workers - static_cast<int>(indexes.size()));
  for (int64_t index : indexes) {
    pool_.add(kIndexFirst,
              {job.database, [this, &job, index, memory, helpers](Connection& session) -> Status {
                 if (rds_) {  // its memory is not ours to know
                   YTB_TRY(restore_aside(session, index));
                 } else {
                   YTB_TRY(session.execute(fmt::format(
                       "SET maintenance_work_mem = '{}kB'; SET max_parallel_maintenance_workers = {}",
                       memory >> 10, helpers)));
                   YTB_TRY(rebuild_index(session, index));
                 }
                 if (job.indexes_left.fetch_sub(1) == 1) return record_indexed(session, job.facts.oid);
                 return {};
               }});
  }
}

void TableJobs::begin(TableJob& job) {
  if (job.begun.exchange(true)) return;
  job.started = std::chrono::steady_clock::now();
  std::lock_guard lock(now_mutex_);
  now_ = job.database + " " + to_string(job.plan->table.name);
}

Status TableJobs::rewrite_once(Connection& session, TableJob& job, PageRewrite::Unfit& unfit) {
  const masking::QualifiedName& name = job.plan->table.name;
  auto bytes = std::make_shared<std::atomic<uint64_t>>(0);
  auto pages = std::make_shared<PageRewrite>(*job.program, *job.pages, originals(), stop_);
  auto tell_bytes = [this, bytes](uint64_t more) {
    *bytes += more;
    bytes_done_ += more;
  };
  auto fill = [&](Connection& here) -> Result<Filled> {
    YTB_TRY(pages->after_truncate(here, job.facts.oid));
    // Whoever has nothing else to do helps; one that comes too late finds nothing left.
    for (int i = 1; i < request_.workers; ++i) {
      pool_.add(kLoadFirst, {job.database, [pages, tell_bytes](Connection&) -> Status {
                               pages->work(tell_bytes);
                               return {};
                             }});
    }
    pages->work(tell_bytes);
    YTB_ASSIGN(job.counts, pages->finish(here, name));
    Filled filled{.evidence = outcome_of(job, job.counts.rows, job.counts.rows), .kept = {}};
    if (job.keeps) filled.kept = {.read = job.counts.kept.to_text(), .found = pages->found().to_text()};
    return filled;
  };
  Status loaded = load_table(
      session, {.name = name,
                .facts = job.facts,
                .before_truncate = [&](Connection& here) { return pages->before_truncate(here, name); },
                .fill = fill});
  unfit = pages->unfit();
  if (!loaded.ok()) bytes_done_ -= *bytes;
  return loaded;
}

Status TableJobs::rewrite(Connection& session, TableJob& job) {
  begin(job);
  PageRewrite::Unfit unfit = PageRewrite::Unfit::kNo;
  Status done = rewrite_once(session, job, unfit);
  if (unfit == PageRewrite::Unfit::kUndecided) {
    // No index is looked at: they are all rebuilt.
    const masking::QualifiedName& name = job.plan->table.name;
    YTB_TRY(session.execute("VACUUM (FREEZE, INDEX_CLEANUP OFF, TRUNCATE OFF) " +
                            session.qualified(name.schema, name.name)));
    unfit = PageRewrite::Unfit::kNo;
    done = rewrite_once(session, job, unfit);
  }
  if (unfit != PageRewrite::Unfit::kNo) {
    job.counts = {};
    add_reads(job);
    return {};
  }
  YTB_TRY(std::move(done));
  add_indexes(job, job.facts.valid_indexes);
  return {};
}

Status TableJobs::read(Connection& session, TableJob& job, size_t range) {
  begin(job);
  YTB_ASSIGN(SpoolWriter spool, SpoolWriter::create(job.spools[range]));
  auto counts = read_range(session, job.plan->table.name, job.ranges[range], *job.program, originals(),
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

std::string TableJobs::outcome_of(const TableJob& job, uint64_t rows_before, uint64_t rows_after) {
  return evidence_of(
      {.database = job.database,
       .plan = *job.plan,
       .treatment = job.treatment,
       .program = job.program ? &*job.program : nullptr,
       .counts = job.counts,
       .rows_before = rows_before,
       .rows_after = rows_after,
       .seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - job.started).count()});
}

Status TableJobs::load(Connection& session, TableJob& job) {
  std::vector<int64_t> indexes = job.facts.valid_indexes;
  auto load_once = [&]() -> Status {
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
    auto fill = [&](Connection& here) -> Result<Filled> {
      YTB_TRY(copy_rows(here, job.plan->table.name, *job.program, source, job.counts.rows));
      Filled filled{.evidence = outcome_of(job, job.counts.rows, job.counts.rows), .kept = {}};
      if (job.keeps) filled.kept.read = job.counts.kept.to_text();
      return filled;
    };
    LoadRequest request{
        .name = job.plan->table.name, .facts = job.facts, .before_truncate = {}, .fill = fill};
    return rds_ ? load_rds_table(session, request, indexes) : load_table(session, request);
  };
  Status loaded = rds_ ? with_search_paths(session, load_once) : load_once();
  YTB_TRY(std::move(loaded));
  for (const std::string& spool : job.spools) YTB_TRY(os::remove_file(spool));
  uint64_t before = widest_;
  while (before < job.counts.widest_row_bytes &&
         !widest_.compare_exchange_weak(before, job.counts.widest_row_bytes)) {
  }
  return add_compares(session, job, indexes);
}

Status TableJobs::empty(Connection& session, TableJob& job) {
  job.started = std::chrono::steady_clock::now();
  const masking::QualifiedName& name = job.plan->table.name;
  YTB_ASSIGN(std::string rows,
             session.value("SELECT count(*) FROM ONLY " + session.qualified(name.schema, name.name)));
  auto fill = [&](Connection&) -> Result<Filled> {
    return Filled{.evidence = outcome_of(job, std::stoull(rows), 0), .kept = {}};
  };
  LoadRequest request{.name = name, .facts = job.facts, .before_truncate = {}, .fill = fill};
  std::vector<int64_t> indexes = job.facts.valid_indexes;
  YTB_TRY(rds_ ? empty_rds_table(session, request, indexes) : load_table(session, request));
  add_indexes(job, indexes);
  return {};
}

TablesAtWork TableJobs::at_work() const {
  std::lock_guard lock(now_mutex_);
  return {.begun_last = now_,
          .done_bytes = std::min<uint64_t>(bytes_done_, bytes_total_),
          .total_bytes = bytes_total_};
}

Status TableJobs::judge_kept(Connection& session, const std::string& database,
                             KeptJudgement& judgement) const {
  YTB_ASSIGN(auto done, recorded_tables(session));
  for (const auto& job : jobs_) {
    if (job->database != database || !job->keeps) continue;
    const KeptSums& kept = done[job->facts.oid].kept;
    if (!kept.read.empty() && kept.read == kept.found) {
      ++judgement.compared;
    } else {
      judgement.changed.push_back(
          fmt::format("{} {}", printable(database), printable(to_string(job->plan->table.name))));
    }
  }
  return {};
}

}  // namespace ytb::postgres
