// The row program: one table's maskers, compiled, applied to COPY rows. The same program serves the stream
// executor, `policy preview` and the dump filter.
//
// Thread rule: a RowProgram is immutable and shared; a RowCounts and a CopyMasker belong to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "masking/hmac.h"
#include "masking/kept_rows.h"
#include "masking/masker.h"
#include "masking/plan.h"

namespace ytb::masking {

struct ColumnCounts {
  uint64_t values = 0;   // neither NULL nor blank: changed + unchanged
  uint64_t changed = 0;  // differ from their own original
  uint64_t unchanged = 0;
  uint64_t blank = 0;  // say nothing of anybody (empty text, infinity, NaN): left as they are
};
struct RowCounts {
  uint64_t rows = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t widest_row_bytes = 0;
  std::vector<ColumnCounts> columns;  // by position among the streamed columns
  KeptRows kept;                      // of the streamed columns that are kept
  void add(const RowCounts& other);
};

// Whether what is replaced in a column can be remembered, and searched for: not of enums, booleans, money and
// what is no text, number, date, address, uuid, bytes or JSON, nor of arrays that are forgotten unread, nor
// of texts in an encoding that only the server can read. `encoding`: the database's.
bool remembers_originals(const ColumnPlan& column, std::string_view encoding);

// What the columns that are masked are called, by kind (kind_of): numbers and moments are found in columns of
// the same.
std::set<std::string> masked_kinds(const MaskingPlan& plan);

class RowProgram {
 public:
  // Compiles the maskers of the columns that are streamed: all of `plan.columns` but generated ones, in
  // order. `key` must outlive the program.
  static Result<RowProgram> compile(const TablePlan& plan, std::string_view encoding, Wire wire,
                                    const MaskingKey& key);
  // The kept columns alone: run over what was written, its counts' `kept` equals that of the whole program
  // over what was read.
  static Result<RowProgram> compile_kept(const TablePlan& plan, std::string_view encoding, Wire wire,
                                         const MaskingKey& key);
  RowProgram(RowProgram&&) noexcept;
  RowProgram& operator=(RowProgram&&) noexcept;
  ~RowProgram();

  [[nodiscard]] Wire wire() const;
  [[nodiscard]] std::string table() const;  // "shop public.users"
  [[nodiscard]] const std::vector<std::string>& column_names() const;
  [[nodiscard]] const std::vector<std::string>& columns_read_as() const;  // Column::read_as
  [[nodiscard]] size_t column_count() const;
  [[nodiscard]] const Masker& masker(size_t column) const;

  // Masks one field of `row` that is not NULL: appends its replacement to `out` and counts it; says to
  // row.originals what it was. kInvalid: nothing was appended or counted.
  Applied mask_field(size_t column, std::string_view value, RowFields row, std::string& out,
                     ColumnCounts& counts) const;
  // The error to return for kInvalid; never holds the value. Rows count from 1.
  [[nodiscard]] Error invalid_field(size_t column, uint64_t row) const;
  // Positions of the columns that are not kept, ascending.
  [[nodiscard]] const std::vector<size_t>& masked_columns() const;

  // Seeds the checksum of kept rows.
  [[nodiscard]] uint64_t kept_rows_seed() const;

  // Masks one row's fields. `out` and `nulls` are replaced: out[i] is valid where !nulls[i].
  Status run(RowFields in, std::vector<std::string>& out, std::vector<bool>& nulls, RowCounts& counts) const;

 private:
  struct Impl;
  explicit RowProgram(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Masks a COPY TO stream, row message by row message, into a COPY FROM stream of the same format.
// Binary: the 19-byte header and the -1 trailer are handled here. Text: one line a row with \n, escapes as
// COPY writes them.
class CopyMasker {
 public:
  // `originals`: told what is replaced; null: nobody.
  explicit CopyMasker(const RowProgram& program, OriginalsRecorder* originals = nullptr);
  ~CopyMasker();
  CopyMasker(CopyMasker&&) noexcept;

  // Appends the bytes that open a stream (binary header; nothing for text).
  static void begin(Wire wire, std::string& out);
  // `data`: any run of bytes of the COPY TO stream, split anywhere. Appends masked rows to `out`, without
  // header and trailer, so that the outputs of several streams (ctid ranges) can be joined. Error{kCorrupt}
  // with the row number for a stream that is not well-formed; `out` then ends with the last whole row.
  // Memory: one row.
  static constexpr uint64_t kRowBytesMax = 1ULL << 30;  // PostgreSQL's MaxAllocSize, which bounds a COPY row
  Status feed(std::string_view data, std::string& out);
  // The stream has ended: an unfinished row, or a binary stream without its trailer, is kCorrupt.
  Status finish();
  // Appends the bytes that close a stream (binary trailer; nothing for text).
  static void end(Wire wire, std::string& out);

  [[nodiscard]] const RowCounts& counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ytb::masking
