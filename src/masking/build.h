// What every make_…() needs to compile one masker, and how it complains. Private to the masking room.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "masking/masker.h"

namespace ytb::masking {

// A column's type as the value codecs tell types apart.
enum class ValueType {
  kText,  // text, varchar, bpchar, citext, name, "char": the same bytes in both wire formats
  kInt2,
  kInt4,
  kInt8,
  kNumeric,
  kFloat4,
  kFloat8,
  kMoney,
  kDate,
  kTimestamp,
  kTimestamptz,
  kBool,
  kUuid,
  kJson,
  kJsonb,
  kInet,
  kCidr,
  kBytea,
  kEnum,
  kTextArray,  // one-dimensional or not: element by element
  kOther,
};
ValueType value_type_of(const Column& column);

struct Build {
  const MaskerSpec& spec;
  const MaskerContext& context;
  const MaskerInfo& info;
  ValueType type = ValueType::kOther;
  Wire row_wire = Wire::kBinary;  // of the other fields of the row; context.wire is that of the value

  // "policy.yaml:12:7: <message>", kPolicy.
  [[nodiscard]] Error error(std::string_view message, std::string_view hint = {}) const;
  // The column's type cannot be served, with what can.
  [[nodiscard]] Error cannot_serve() const;

  [[nodiscard]] std::optional<std::string_view> param(std::string_view name) const;
  [[nodiscard]] Result<std::optional<int64_t>> integer(std::string_view name, int64_t min, int64_t max) const;
  // The HMAC domain: `domain:` or the masker's family.
  [[nodiscard]] std::string domain() const;
  [[nodiscard]] bool binary() const { return context.wire == Wire::kBinary; }
  // Characters that fit in the column; nullopt: no limit.
  [[nodiscard]] std::optional<size_t> length_max() const;
};

using MadeMasker = Result<std::unique_ptr<Masker>>;
template <typename Kind, typename... Arguments>
MadeMasker made(Arguments&&... arguments) {
  return std::unique_ptr<Masker>(std::make_unique<Kind>(std::forward<Arguments>(arguments)...));
}

// compile_masker() for a value inside a field: the value comes in context.wire, the row in `row_wire`.
MadeMasker compile_masker_in_row(const MaskerSpec& spec, const MaskerContext& context, Wire row_wire);

// masker_text.cc: hash, email, names, addresses, phone, url, ip … over text.
MadeMasker make_text_masker(const Build& build);
// masker_fixed.cc
MadeMasker make_fixed(const Build& build);
// masker_number.cc
MadeMasker make_integer_hash(const Build& build);
MadeMasker make_number_noise(const Build& build);
// masker_date.cc
MadeMasker make_date_shift(const Build& build);
// masker_bytes.cc
MadeMasker make_uuid_hash(const Build& build);
MadeMasker make_bytes_hash(const Build& build);
MadeMasker make_inet(const Build& build);
// masker_array.cc
MadeMasker make_array(const Build& build);
// masker_json.cc
MadeMasker make_json(const Build& build);
bool is_json(std::string_view text);  // one document of JSON
// What a document (or a part of one, in UTF-8) that is forgotten says: its strings and numbers, and names of
// members that look like data.
void remember_json(std::string_view utf8, OriginalsRecorder& originals);

}  // namespace ytb::masking
