// PageRewrite: masks one table by its pages. The old heap is read from its files, and the masked tuples are
// written as new pages into the files that TRUNCATE has just given the table, all inside the transaction that
// also records it: until the commit nobody sees them, after an abort the server removes them. Kept fields are
// copied as they lie, so most types need no understanding; masked ones must be of a type whose stored and
// sent forms are known (see carrier_of). Where the cluster has checksums, a page whose checksum is wrong ends
// the work (kCorrupt).
//
// Several threads share the work; rows keep their order. What pages cannot do is never guessed at: the
// rewrite stops, says so (unfit), and the caller rolls back and streams the table instead.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/occupant.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/heap_page.h"
#include "drivers/postgres/table_work.h"
#include "masking/originals.h"
#include "masking/plan.h"
#include "masking/program.h"

namespace ytb::postgres {

// How a field that a masker reads or writes is turned from its stored form into its binary sent form.
enum class Carrier {
  kNone,   // not known here
  kBytes,  // a varlena whose payload is what is sent: text, varchar, json, bytea, citext
  kInet,   // a varlena; sent with a flag and a length between
  kSwap,   // fixed, sent in network byte order: integers, floats, dates
  kPlain,  // fixed, sent as it lies: boolean, uuid
};
Carrier carrier_of(std::string_view typname);

// One column as it lies and as it streams.
struct PageColumn {
  Attribute attribute;
  Carrier carrier = Carrier::kNone;
  std::optional<size_t> streamed;  // position in the row program; none: dropped
  bool masked = false;
  bool not_null = false;
  std::optional<int> length_max;  // characters
};

// How a table's pages are to be rewritten; none where it must be streamed: stored values outside the heap, a
// masked column of a type that has no carrier, columns that the server computes, rows older than a column.
struct PagesFit {
  std::vector<PageColumn> columns;
  bool looks_aside = false;  // a masker looks at other columns of its row
  size_t free_bytes = 0;     // left free in each page
};
Result<std::optional<PagesFit>> fit_for_pages(Connection& session, const masking::TablePlan& plan,
                                              const masking::RowProgram& program, const TableFacts& facts);

class PageRewrite {
 public:
  // `stop` and `originals`, which may be null, must outlive it.
  PageRewrite(const masking::RowProgram& program, PagesFit fit, masking::Originals* originals,
              const StopFlag& stop);

  // The table is locked and not yet truncated: counts its rows (which settles most hint bits), has the server
  // write what it holds in memory, and finds the files. Errors as work().
  Status before_truncate(Connection& session, const masking::QualifiedName& name);
  // The table has its new, empty file.
  Status after_truncate(Connection& session, int64_t oid);
  // One thread's share; returns when nothing is left to begin, or something failed. Any number of threads,
  // between after_truncate() and finish().
  void work(const std::function<void(uint64_t)>& bytes_done);
  // Waits for the other threads, completes the files, and has the server count what it now sees. kUnsupported
  // with unfit() set: nothing is wrong, pages just cannot do it.
  Result<masking::RowCounts> finish(Connection& session, const masking::QualifiedName& name);

  // Once finish() has succeeded: the kept fields in the pages that were written, to be equal to the counts'
  // `kept`, which are those of the pages that were read.
  [[nodiscard]] const masking::KeptRows& found() const { return found_; }

  enum class Unfit { kNo, kUndecided, kOther };  // undecided: VACUUM (FREEZE) would settle it
  [[nodiscard]] Unfit unfit() const { return unfit_; }

 private:
  struct Row;
  Status write_all(Row& row, const std::function<void(uint64_t)>& bytes_done);
  Status read_all_again(Row& row);
  Status read_again(uint64_t first_page, size_t pages, Row& row, masking::KeptRows& found);
  void count_kept(Row& row, masking::KeptRows& kept) const;
  Status rewrite_range(size_t range, Row& row, PageBuilder& builder, masking::RowCounts& counts);
  Status rewrite_tuple(std::string_view tuple, Row& row, PageBuilder& builder, masking::RowCounts& counts);
  Status mask_column(size_t column, Row& row, masking::RowCounts& counts);
  static Result<std::string_view> read_pages(const std::deque<os::Descriptor>& files, const std::string& path,
                                             uint64_t first_page, size_t pages, std::string& buffer);
  Status write_new(std::string_view bytes, uint64_t first_page);
  Result<os::Descriptor> create_beside(const std::string& path) const;
  Status make_segments(uint64_t pages);
  Status give_up(Unfit unfit, std::string_view why);
  [[nodiscard]] Error damaged_page(uint64_t page) const;
  void fail(Error error);

  const masking::RowProgram& program_;
  PagesFit fit_;
  std::vector<Attribute> attributes_;
  masking::Originals* originals_;
  const StopFlag& stop_;
  masking::QualifiedName name_;
  bool checksums_ = false;
  uint64_t rows_before_ = 0;
  uint64_t old_pages_ = 0;
  std::string data_directory_;
  std::optional<os::PagesPermit> permit_;
  std::string old_path_;
  std::string new_path_;
  std::deque<os::Descriptor> old_files_;

  std::atomic<size_t> next_range_{0};
  std::atomic<size_t> next_again_{0};  // the range of new pages that is read again next
  // A file takes one write at a time: who has to wait for it sleeps here, where the kernel would have it
  // spin.
  std::mutex writing_;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::deque<os::Descriptor> new_files_;
  size_t turn_ = 0;  // the range whose pages come next
  uint64_t new_pages_ = 0;
  int working_ = 0;
  bool closed_ = false;
  size_t written_ = 0;  // ranges whose pages are in the files
  masking::RowCounts counts_;
  masking::KeptRows found_;
  std::optional<Error> failed_;
  Unfit unfit_ = Unfit::kNo;
};

}  // namespace ytb::postgres
