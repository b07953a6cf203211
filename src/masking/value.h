// Values as they are hashed: one text for one value, whatever the column's type or the wire format, so that
// an integer, a bigint and a numeric that are equal get the same pseudonym. Private to the masking room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "masking/build.h"
#include "masking/text_codec.h"

namespace ytb::masking {

// Appends what a number, date or time is whatever its type: 5, 5.0 and 5.00 are the same, and so are a day
// and its midnight (UTC). False: it is none of them, or no number (NaN, an infinity), and nothing was
// appended. In Wire::kText as our sessions have it: ISO dates, UTC.
bool append_canonical_scalar(ValueType type, Wire wire, std::string_view value, std::string& out);
bool is_scalar(ValueType type);  // what append_canonical_scalar() can read

// Reads a smallint, integer or bigint. nullopt: not one.
std::optional<int64_t> read_integer(ValueType type, Wire wire, std::string_view value);
void append_integer(ValueType type, Wire wire, int64_t number, std::string& out);
struct IntegerRange {
  int64_t min;
  int64_t max;
};
IntegerRange range_of(ValueType type);

// 16 bytes, from either wire format. nullopt: no uuid.
std::optional<std::string> read_uuid(Wire wire, std::string_view value);

// Appends the bytes of "\\x00ff", bytea's text format. False: it is not that.
bool read_hex_bytes(std::string_view text, std::string& bytes);

// What `by:` names: another column of the same row, whose value is hashed instead of the masked one.
class RowKey {
 public:
  // nullopt in the result: the spec has no `by:`. An unknown or unsuitable column is an error.
  static Result<std::optional<RowKey>> make(const Build& build);
  // Appends the canonical text of the column in `row`. False: it is NULL there (or unreadable).
  [[nodiscard]] bool append(RowFields row, std::string& out) const;

 private:
  size_t position_ = 0;
  ValueType type_ = ValueType::kText;
  Wire wire_ = Wire::kBinary;
  bool case_insensitive_ = false;
  bool blank_padded_ = false;
  TextCodec codec_;
};

// What decides by how much a value of a row is moved: the `by:` column where there is one that is not NULL,
// else the value.
class Subject {
 public:
  static Result<Subject> make(const Build& build);
  // `canonical`: of the value itself.
  [[nodiscard]] Digest offset(RowFields row, std::string_view canonical) const;

 private:
  const MaskingKey* key_ = nullptr;
  std::string domain_;
  std::optional<RowKey> by_;
};

}  // namespace ytb::masking
