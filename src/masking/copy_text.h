// CopyTextRow: one line of COPY's text format taken apart. Its fields are views into the line, or into a
// buffer of its own where the line has escapes, and hold until the next read().
//
// Source: PostgreSQL's manual, COPY, "Text Format"; src/backend/commands/copyto.c.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ytb::masking {

class CopyTextRow {
 public:
  explicit CopyTextRow(size_t columns) : fields_(columns) {}
  // `line`: without its line end; `row`: its number, for errors. kCorrupt: it has other columns.
  Status read(std::string_view line, uint64_t row);
  [[nodiscard]] const std::vector<std::optional<std::string_view>>& fields() const { return fields_; }
  [[nodiscard]] const std::vector<std::string_view>& raw() const { return raw_; }  // with escapes

 private:
  std::vector<std::string_view> raw_;
  std::vector<std::optional<std::string_view>> fields_;
  std::string unescaped_;  // of all fields of the row that hold a backslash
};

}  // namespace ytb::masking
