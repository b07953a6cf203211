// One row of a COPY stream, found and masked: the binary and the text format side by side. Neither keeps
// bytes; CopyMasker does. Private to the masking room.
//
// Sources: PostgreSQL's manual, COPY, "Binary Format" and "Text Format"; src/backend/commands/copyto.c.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "masking/copy_text.h"
#include "masking/program.h"

namespace ytb::masking {

enum class Scan {
  kRow,   // a whole row (or the header, or the trailer) was there
  kMore,  // the bytes end inside one
  kEnd,   // the end marker was there
};
struct Scanned {
  Scan scan = Scan::kMore;
  size_t size = 0;  // kRow, kEnd: its bytes; kMore: at least how many are needed in all
};

// Both readers: scan() looks at the start of `data` and remembers the fields as views into it; mask() appends
// the row masked. Buffers are kept from row to row.
class BinaryRows {
 public:
  BinaryRows(const RowProgram& program, OriginalsRecorder* originals)
      : program_(program), originals_(originals), fields_(program.column_count()) {}
  static void append_header(std::string& out);
  static void append_trailer(std::string& out);
  // The header: signature, flags, extension.
  [[nodiscard]] Result<Scanned> scan_header(std::string_view data) const;
  Result<Scanned> scan(std::string_view data, uint64_t row);
  Status mask(uint64_t row, std::string& out, RowCounts& counts);

 private:
  void count_kept(RowCounts& counts);
  const RowProgram& program_;
  OriginalsRecorder* originals_;
  std::string_view row_;
  std::string kept_;
  std::vector<std::optional<std::string_view>> fields_;
};

class TextRows {
 public:
  TextRows(const RowProgram& program, OriginalsRecorder* originals)
      : program_(program), originals_(originals), row_(program.column_count()) {}
  // `searched`: so many bytes at the start hold no end of line.
  Result<Scanned> scan(std::string_view data, size_t searched, uint64_t row);
  Status mask(uint64_t row, std::string& out, RowCounts& counts);

 private:
  const RowProgram& program_;
  OriginalsRecorder* originals_;
  CopyTextRow row_;
  std::string masked_;
  std::string kept_;
};

// Appends `value` as COPY's text format writes it.
void append_escaped(std::string_view value, std::string& out);

Error corrupt_row(uint64_t row, std::string_view what);

}  // namespace ytb::masking
