#include "masking/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "masking/big_endian.h"
#include "masking/calendar.h"
#include "masking/decimal.h"
#include "masking/draw.h"

namespace ytb::masking {
namespace {

constexpr ValueType kKeyTypes[] = {ValueType::kText, ValueType::kInt2,    ValueType::kInt4,
                                   ValueType::kInt8, ValueType::kNumeric, ValueType::kUuid};

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

IntegerRange range_of(ValueType type) {
  switch (type) {
    case ValueType::kInt2:
      return {std::numeric_limits<int16_t>::min(), std::numeric_limits<int16_t>::max()};
    case ValueType::kInt4:
      return {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};
    default:
      return {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()};
  }
}

std::optional<int64_t> read_integer(ValueType type, Wire wire, std::string_view value) {
  if (wire == Wire::kText) {
    int64_t number = 0;
    auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), number);
    IntegerRange range = range_of(type);
    if (failed != std::errc() || end != value.data() + value.size()) return std::nullopt;
    if (number < range.min || number > range.max) return std::nullopt;
    return number;
  }
  if (type == ValueType::kInt2 && value.size() == 2) return static_cast<int16_t>(read_be16(value.data()));
  if (type == ValueType::kInt4 && value.size() == 4) return static_cast<int32_t>(read_be32(value.data()));
  if ((type == ValueType::kInt8 || type == ValueType::kMoney) && value.size() == 8) {
    return static_cast<int64_t>(read_be64(value.data()));
  }
  return std::nullopt;
}

void append_integer(ValueType type, Wire wire, int64_t number, std::string& out) {
  if (wire == Wire::kText) {
    fmt::format_to(std::back_inserter(out), "{}", number);
  } else if (type == ValueType::kInt2) {
    append_be16(static_cast<uint16_t>(number), out);
  } else if (type == ValueType::kInt4) {
    append_be32(static_cast<uint32_t>(number), out);
  } else {
    append_be64(static_cast<uint64_t>(number), out);
  }
}

std::optional<std::string> read_uuid(Wire wire, std::string_view value) {
  if (wire == Wire::kBinary) {
    if (value.size() != kUuidBytes) return std::nullopt;
    return std::string(value);
  }
  std::string bytes;
  int high = -1;
  for (char c : value) {
    if (c == '-' && high < 0) continue;
    int digit = hex_value(c);
    if (digit < 0 || bytes.size() == kUuidBytes) return std::nullopt;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<char>(high * 16 + digit));
      high = -1;
    }
  }
  if (bytes.size() != kUuidBytes || high >= 0) return std::nullopt;
  return bytes;
}

bool read_hex_bytes(std::string_view text, std::string& bytes) {
  if (!text.starts_with("\\x") || text.size() % 2 != 0) return false;
  for (size_t i = 2; i < text.size(); i += 2) {
    int high = hex_value(text[i]);
    int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return false;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return true;
}

namespace {

constexpr int64_t kMicrosecondsPerSecond = 1'000'000;
constexpr int64_t kMicrosecondsPerDay = 86'400 * kMicrosecondsPerSecond;

template <typename Float, typename Bits>
bool append_float(Wire wire, std::string_view value, std::string& out) {
  Float number = 0;
  if (wire == Wire::kBinary) {
    if (value.size() != sizeof(Bits)) return false;
    if constexpr (sizeof(Bits) == 4) {
      number = std::bit_cast<Float>(read_be32(value.data()));
    } else {
      number = std::bit_cast<Float>(read_be64(value.data()));
    }
  } else {
    auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (failed != std::errc() || end != value.data() + value.size()) return false;
  }
  if (!std::isfinite(number)) return false;
  std::array<char, 64> shortest{};
  auto end = std::to_chars(shortest.data(), shortest.data() + shortest.size(), number).ptr;
  thread_local Decimal decimal;
  if (parse_decimal({shortest.data(), end}, decimal) != DecimalKind::kNumber) return false;
  append_canonical(decimal, out);
  return true;
}

// " 12:30:00.50+00" to "T12:30:00.5", " 00:00:00" to nothing.
void append_time_text(std::string_view rest, std::string& out) {
  if (rest.ends_with("+00")) rest.remove_suffix(3);
  if (rest.find('.') != std::string_view::npos) {
    rest = rest.substr(0, rest.find_last_not_of('0') + 1);
    if (rest.ends_with('.')) rest.remove_suffix(1);
  }
  if (rest.size() <= 1 || rest.substr(1) == "00:00:00") return;
  out.push_back('T');
  out.append(rest.substr(1));
}

bool append_moment(ValueType type, Wire wire, std::string_view value, std::string& out) {
  if (wire == Wire::kText) {
    const std::optional<DateText> date = parse_date_text(value);
    if (!date) return false;
    append_date_text(date->day, {}, out);
    append_time_text(date->rest, out);
    return true;
  }
  if (type == ValueType::kDate) {
    if (value.size() != 4) return false;
    const auto day = static_cast<int32_t>(read_be32(value.data()));
    if (day == std::numeric_limits<int32_t>::min() || day == std::numeric_limits<int32_t>::max())
      return false;
    append_date_text(day, {}, out);
    return true;
  }
  if (value.size() != 8) return false;
  const auto time = static_cast<int64_t>(read_be64(value.data()));
  if (time == std::numeric_limits<int64_t>::min() || time == std::numeric_limits<int64_t>::max())
    return false;
  int64_t day = time / kMicrosecondsPerDay;
  int64_t left = time % kMicrosecondsPerDay;
  if (left < 0) {
    --day;
    left += kMicrosecondsPerDay;
  }
  append_date_text(day, {}, out);
  const int64_t seconds = left / kMicrosecondsPerSecond;
  append_time_text(fmt::format(" {:02}:{:02}:{:02}.{:06}", seconds / 3600, seconds / 60 % 60, seconds % 60,
                               left % kMicrosecondsPerSecond),
                   out);
  return true;
}

}  // namespace

bool is_scalar(ValueType type) {
  switch (type) {
    case ValueType::kInt2:
    case ValueType::kInt4:
    case ValueType::kInt8:
    case ValueType::kNumeric:
    case ValueType::kFloat4:
    case ValueType::kFloat8:
    case ValueType::kDate:
    case ValueType::kTimestamp:
    case ValueType::kTimestamptz:
      return true;
    default:
      return false;
  }
}

bool append_canonical_scalar(ValueType type, Wire wire, std::string_view value, std::string& out) {
  switch (type) {
    case ValueType::kInt2:
    case ValueType::kInt4:
    case ValueType::kInt8: {
      std::optional<int64_t> number = read_integer(type, wire, value);
      if (number) append_integer(type, Wire::kText, *number, out);
      return number.has_value();
    }
    case ValueType::kNumeric: {
      thread_local Decimal number;
      auto kind = wire == Wire::kBinary ? parse_binary_numeric(value, number) : parse_decimal(value, number);
      if (kind == DecimalKind::kNumber) append_canonical(number, out);
      return kind == DecimalKind::kNumber;
    }
    case ValueType::kFloat4:
      return append_float<float, uint32_t>(wire, value, out);
    case ValueType::kFloat8:
      return append_float<double, uint64_t>(wire, value, out);
    case ValueType::kDate:
    case ValueType::kTimestamp:
    case ValueType::kTimestamptz:
      return append_moment(type, wire, value, out);
    default:
      return false;
  }
}

Result<std::optional<RowKey>> RowKey::make(const Build& build) {
  std::optional<std::string_view> by = build.param("by");
  if (!by) return std::optional<RowKey>();
  std::vector<std::string> names;
  size_t position = 0;
  for (const Column& column : build.context.table.columns) {
    if (column.generated) continue;
    if (column.name == *by) {
      RowKey key;
      key.position_ = position;
      key.type_ = value_type_of(column);
      key.wire_ = build.row_wire;
      key.case_insensitive_ = column.case_insensitive;
      key.blank_padded_ = column.blank_padded;
      if (std::find(std::begin(kKeyTypes), std::end(kKeyTypes), key.type_) == std::end(kKeyTypes)) {
        return build.error(fmt::format("by: {} is of type {}", printable(*by), column.type),
                           "by: names a column of text, integers, numeric or uuid");
      }
      Result<TextCodec> codec = TextCodec::make(build.context.encoding);
      if (!codec.ok()) return build.error(codec.error().message, codec.error().hint);
      key.codec_ = std::move(codec).value();
      return std::optional<RowKey>(std::move(key));
    }
    names.push_back(column.name);
    ++position;
  }
  return build.error(fmt::format("by: {} is no stored column of {}.{}{}", printable(*by),
                                 build.context.table.name.schema, build.context.table.name.name,
                                 did_you_mean(*by, names)));
}

bool RowKey::append(RowFields row, std::string& out) const {
  if (position_ >= row.size() || !row[position_]) return false;
  std::string_view value = *row[position_];
  const size_t start = out.size();
  switch (type_) {
    case ValueType::kInt2:
    case ValueType::kInt4:
    case ValueType::kInt8:
    case ValueType::kNumeric:
      return append_canonical_scalar(type_, wire_, value, out);
    case ValueType::kUuid: {
      std::optional<std::string> bytes = read_uuid(wire_, value);
      if (bytes) append_uuid_text(*bytes, out);
      return bytes.has_value();
    }
    default:
      if (blank_padded_) value = value.substr(0, value.find_last_not_of(' ') + 1);
      if (!codec_.append_canonical(value, out)) return false;
      if (case_insensitive_) fold_case(out, start);
      return true;
  }
}

Result<Subject> Subject::make(const Build& build) {
  Subject subject;
  subject.key_ = &build.context.key;
  subject.domain_ = build.domain();
  YTB_ASSIGN(subject.by_, RowKey::make(build));
  return subject;
}

Digest Subject::offset(RowFields row, std::string_view canonical) const {
  if (!by_) return key_->offset(domain_, canonical);
  thread_local std::string text;
  text.clear();
  return key_->offset(domain_, by_->append(row, text) ? std::string_view(text) : canonical);
}

}  // namespace ytb::masking
