// Whole catalogs as single-user mode prints them for COPY … TO STDOUT (FORMAT binary): manual, COPY, "Binary
// Format". Such a COPY calls the send functions of the columns' types, and nothing else.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ytb::postgres {

uint32_t big_endian(std::string_view bytes);

struct CatalogRow {
  std::string_view bytes;  // all fields with their lengths
  std::vector<std::optional<std::string_view>> fields;
  [[nodiscard]] uint32_t number(size_t field) const { return fields[field] ? big_endian(*fields[field]) : 0; }
  [[nodiscard]] std::string text(size_t field) const {
    return fields[field] ? std::string(*fields[field]) : std::string();
  }
  // From field `first` on.
  [[nodiscard]] std::string_view from(size_t first) const {
    size_t skipped = 0;
    for (size_t i = 0; i < first; ++i) skipped += 4 + (fields[i] ? fields[i]->size() : 0);
    return bytes.substr(skipped);
  }
};

// What a run printed, one COPY after the other, whatever stands between them.
class CatalogStreams {
 public:
  explicit CatalogStreams(std::string_view output) : left_(output) {}
  // All rows of the next one; kCorrupt where it has no end, or rows that do not begin with an object number.
  Status next(const std::function<Status(const CatalogRow&)>& on_row);

 private:
  std::string_view left_;
};

}  // namespace ytb::postgres
