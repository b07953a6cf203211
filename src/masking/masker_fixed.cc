// fixed: every value becomes one that the policy names, checked and encoded when the policy is compiled.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>

#include "base/text.h"
#include "masking/address.h"
#include "masking/big_endian.h"
#include "masking/build.h"
#include "masking/calendar.h"
#include "masking/decimal.h"
#include "masking/draw.h"
#include "masking/json_text.h"
#include "masking/text_codec.h"
#include "masking/value.h"

namespace ytb::masking {
namespace {

class Fixed final : public Masker {
 public:
  explicit Fixed(std::string bytes) : bytes_(std::move(bytes)) {}
  Applied apply(std::string_view /*value*/, RowFields /*row*/, std::string& out) const override {
    out.append(bytes_);
    return Applied::kReplaced;
  }
  [[nodiscard]] Uniqueness uniqueness() const override { return Uniqueness::kNone; }
  // A row may have held the very value already, and that says nothing of it.
  [[nodiscard]] bool must_change() const override { return false; }

 private:
  std::string bytes_;
};

Result<std::string> encode_text(const Build& build, std::string_view value) {
  Result<TextCodec> codec = TextCodec::make(build.context.encoding);
  if (!codec.ok()) return build.error(codec.error().message, codec.error().hint);
  std::string encoded;
  if (!codec->append_encoded(value, encoded)) {
    return build.error(fmt::format("the value of fixed cannot be written in the database encoding {}",
                                   build.context.encoding));
  }
  std::optional<size_t> limit = build.length_max();
  size_t size = codec->characters(encoded);
  if (limit && size > *limit) {
    return build.error(fmt::format("the value of fixed has {} characters and column {} holds {}", size,
                                   build.context.column.name, *limit));
  }
  return encoded;
}

Result<std::string> encode_label(const Build& build, std::string_view value) {
  const std::vector<std::string>& labels = build.context.column.enum_labels;
  if (std::find(labels.begin(), labels.end(), value) == labels.end()) {
    return build.error(fmt::format("'{}' is no label of {}{}", printable(value), build.context.column.type,
                                   did_you_mean(value, labels)),
                       "labels are " + join(labels, ", "));
  }
  return std::string(value);
}

Error not_a_value(const Build& build, std::string_view value) {
  return build.error(fmt::format("'{}' is no value of {}", printable(value), build.context.column.type));
}

Result<std::string> encode_integer(const Build& build, std::string_view value) {
  std::string out;
  std::optional<int64_t> number = read_integer(build.type, Wire::kText, value);
  if (!number) return not_a_value(build, value);
  append_integer(build.type, build.context.wire, *number, out);
  return out;
}

Result<std::string> encode_numeric(const Build& build, std::string_view value) {
  Decimal number;
  if (parse_decimal(value, number) != DecimalKind::kNumber) return not_a_value(build, value);
  const Column& column = build.context.column;
  if (column.precision) {
    const int scale = std::max(column.scale.value_or(0), 0);
    if (number.scale > scale) return not_a_value(build, value);
    if (!number.is_zero()) number.digits.append(static_cast<size_t>(scale - number.scale), '0');
    number.scale = scale;
    if (number.digits.size() > static_cast<size_t>(*column.precision)) return not_a_value(build, value);
  }
  std::string out;
  build.binary() ? append_binary_numeric(number, out) : append_decimal(number, out);
  return out;
}

template <typename Float>
Result<std::string> encode_float(const Build& build, std::string_view value) {
  Float number = 0;
  auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (failed != std::errc() || end != value.data() + value.size()) return not_a_value(build, value);
  if (!build.binary()) return std::string(value);
  std::string out;
  if constexpr (sizeof(Float) == 4) {
    append_be32(std::bit_cast<uint32_t>(number), out);
  } else {
    append_be64(std::bit_cast<uint64_t>(number), out);
  }
  return out;
}

// "", " 12:30", " 12:30:15", with or without "T" and "Z": microseconds of the day.
std::optional<int64_t> read_time(std::string_view rest) {
  constexpr int64_t kMicrosecondsPerSecond = 1'000'000;
  if (rest.ends_with('Z')) rest.remove_suffix(1);
  if (rest.empty()) return 0;
  int64_t fields[3] = {0, 0, 0};
  constexpr int64_t kFieldMax[3] = {23, 59, 59};
  rest.remove_prefix(1);
  for (size_t i = 0; i < 3 && (i < 2 || !rest.empty()); ++i) {
    if (i > 0 && !rest.starts_with(':')) return std::nullopt;
    if (i > 0) rest.remove_prefix(1);
    auto [end, failed] = std::from_chars(rest.data(), rest.data() + rest.size(), fields[i]);
    if (failed != std::errc() || end != rest.data() + 2 || fields[i] < 0 || fields[i] > kFieldMax[i]) {
      return std::nullopt;
    }
    rest.remove_prefix(2);
  }
  if (!rest.empty()) return std::nullopt;
  return ((fields[0] * 60 + fields[1]) * 60 + fields[2]) * kMicrosecondsPerSecond;
}

// Timestamps with time zone are read as UTC.
Result<std::string> encode_date(const Build& build, std::string_view value) {
  constexpr int64_t kMicrosecondsPerDay = 86'400'000'000;
  constexpr int64_t kDaysMax = 2'900'000;  // some 8,000 years: nobody writes more into a policy
  std::optional<DateText> date = parse_date_text(value);
  std::optional<int64_t> time = date ? read_time(date->rest) : std::nullopt;
  const bool is_date = build.type == ValueType::kDate;
  if (!time || date->day > kDaysMax || date->day < -kDaysMax || (is_date && !date->rest.empty())) {
    return not_a_value(build, value);
  }
  std::string out;
  if (!build.binary()) {
    out = value;
    if (build.type == ValueType::kTimestamptz && !value.ends_with('Z'))
      out += is_date || date->rest.empty() ? " 00:00Z" : "Z";
  } else if (is_date) {
    append_be32(static_cast<uint32_t>(date->day), out);
  } else {
    append_be64(static_cast<uint64_t>(date->day * kMicrosecondsPerDay + *time), out);
  }
  return out;
}

Result<std::string> encode_boolean(const Build& build, std::string_view value) {
  if (value != "true" && value != "false") return not_a_value(build, value);
  const bool yes = value == "true";
  if (build.binary()) return std::string(1, yes ? '\1' : '\0');
  return std::string(yes ? "t" : "f");
}

Result<std::string> encode_uuid(const Build& build, std::string_view value) {
  std::optional<std::string> bytes = read_uuid(Wire::kText, value);
  if (!bytes) return not_a_value(build, value);
  if (build.binary()) return *bytes;
  std::string out;
  append_uuid_text(*bytes, out);
  return out;
}

Result<std::string> encode_bytes(const Build& build, std::string_view value) {
  std::string bytes;
  if (!read_hex_bytes(value, bytes)) {
    return build.error(fmt::format("'{}' is no value of bytea", printable(value)),
                       "write it in hex: \\x00ff");
  }
  return build.binary() ? bytes : std::string(value);
}

Result<std::string> encode_address(const Build& build, std::string_view value) {
  std::optional<Address> address = parse_address(value);
  const bool is_network = build.type == ValueType::kCidr;
  if (!address || (is_network && has_host_bits(*address))) return not_a_value(build, value);
  if (!build.binary()) return std::string(value);
  std::string out;
  append_inet(*address, is_network, out);
  return out;
}

Result<std::string> encode_json(const Build& build, std::string_view value) {
  if (!is_json(value)) return not_a_value(build, value);
  YTB_ASSIGN(std::string text, encode_text(build, value));
  return build.binary() && build.type == ValueType::kJsonb ? "\1" + text : text;
}

Result<std::string> encode_value(const Build& build, std::string_view value) {
  switch (build.type) {
    case ValueType::kText:
      return encode_text(build, value);
    case ValueType::kEnum:
      return encode_label(build, value);
    case ValueType::kInt2:
    case ValueType::kInt4:
    case ValueType::kInt8:
      return encode_integer(build, value);
    case ValueType::kNumeric:
      return encode_numeric(build, value);
    case ValueType::kFloat4:
      return encode_float<float>(build, value);
    case ValueType::kFloat8:
      return encode_float<double>(build, value);
    case ValueType::kDate:
    case ValueType::kTimestamp:
    case ValueType::kTimestamptz:
      return encode_date(build, value);
    case ValueType::kBool:
      return encode_boolean(build, value);
    case ValueType::kUuid:
      return encode_uuid(build, value);
    case ValueType::kBytea:
      return encode_bytes(build, value);
    case ValueType::kInet:
    case ValueType::kCidr:
      return encode_address(build, value);
    case ValueType::kJson:
    case ValueType::kJsonb:
      return encode_json(build, value);
    default:
      return build.cannot_serve();  // money: its digits after the point depend on the server's locale
  }
}

}  // namespace

MadeMasker make_fixed(const Build& build) {
  std::optional<std::string_view> value = build.param("value");
  if (!value) {
    return build.error("fixed needs the value that it puts everywhere",
                       "write it as {fixed: {value: redacted}}");
  }
  YTB_ASSIGN(std::string bytes, encode_value(build, *value));
  return made<Fixed>(std::move(bytes));
}

}  // namespace ytb::masking
