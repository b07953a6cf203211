#include "masking/masker.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "masking/build.h"
#include "masking/originals.h"

namespace ytb::masking {
namespace {

using enum TypeClass;

const std::vector<MaskerInfo>& table_of_maskers() {
  static const std::vector<TypeClass> kEvery = {kText, kInteger, kNumber, kDate, kTimestamp, kBoolean, kUuid,
                                                kJson, kInet,    kBytes,  kEnum, kArray,     kOther};
  static const std::vector<TypeClass> kWords = {kText, kArray};
  static const std::vector<MaskerInfo> kMaskers = {
      {"keep", "leaves the value as it is", kEvery, {}, "keep", "the value itself"},
      {"null", "replaces every value by NULL", kEvery, {}, "null", "NULL"},
      {"fixed",
       "replaces every value by one that you name",
       {kText, kInteger, kNumber, kDate, kTimestamp, kBoolean, kUuid, kJson, kInet, kBytes, kEnum},
       {"value"},
       "{fixed: {value: redacted}}",
       "redacted"},
      {"hash",
       "replaces the value by a keyed hash in a form that its type allows",
       {kText, kInteger, kUuid, kBytes, kArray},
       {"domain", "format", "length"},
       "hash",
       "q7kd2mzv4xw3nhyo5jtbcae6gi"},
      {"email",
       "a deliverable-looking address at example.com, .net or .org, which reaches nobody",
       kWords,
       {"domain"},
       "email",
       "elowen.halinga.kzqwhyxvtprnmdsbgcjfa@example.org"},
      {"person_name",
       "a first name and an invented family name",
       kWords,
       {"domain"},
       "person_name",
       "Elowen Halinga"},
      {"first_name", "a first name", kWords, {"domain"}, "first_name", "Elowen"},
      {"last_name", "an invented family name", kWords, {"domain"}, "last_name", "Halinga"},
      {"phone",
       "a number that is set aside for fiction: 555-0100 … 555-0199, or 07700 900000 … 900999; or of no "
       "country",
       kWords,
       {"country", "domain"},
       "phone",
       "212-555-0143"},
      {"street_address",
       "a house number and an invented street",
       kWords,
       {"domain"},
       "street_address",
       "482 Quillmoor Lane"},
      {"city", "an invented place", kWords, {"domain"}, "city", "Russetmere"},
      {"postcode",
       "other digits for digits and other letters for letters",
       kWords,
       {"domain"},
       "postcode",
       "8051 QX"},
      {"company", "an invented company", kWords, {"domain"}, "company", "Foxglen Optics Ltd"},
      {"username",
       "a first name and 98 bits of hash in letters",
       kWords,
       {"domain"},
       "username",
       "elowen_kzqwhyxvtprnmdsbgcjfa"},
      {"ip",
       "an address from the blocks that are set aside for documentation",
       {kText, kInet, kArray},
       {"domain", "version"},
       "ip",
       "198.51.100.17"},
      {"url",
       "an address under https://example.com/",
       kWords,
       {"domain"},
       "url",
       "https://example.com/q7kd2mzv4xw3nhyo5jtb"},
      {"date_shift",
       "moves dates by up to so many days, the same for all dates of one person",
       {kDate, kTimestamp},
       {"by", "days", "domain"},
       "{date_shift: {days: 30, by: id}}",
       "1984-03-11"},
      {"number_noise",
       "moves numbers by up to a percentage or an amount",
       {kInteger, kNumber},
       {"absolute", "by", "domain", "percent"},
       "{number_noise: {percent: 10}}",
       "1043.50"},
      {"json",
       "masks inside a document, by path; what no path names is hashed",
       {kJson},
       {},
       "{json: {\"$.contact.email\": email, \"$.theme\": keep}}",
       "{\"contact\": {\"email\": \"elowen…@example.org\"}, \"theme\": \"dark\"}"},
  };
  return kMaskers;
}

std::vector<std::string> texts_of(std::span<const std::string_view> views) {
  return {views.begin(), views.end()};
}

std::string_view word_of(TypeClass type_class) {
  switch (type_class) {
    case kText:
      return "text";
    case kInteger:
      return "integer";
    case kNumber:
      return "number";
    case kDate:
      return "date";
    case kTimestamp:
      return "timestamp";
    case kBoolean:
      return "boolean";
    case kUuid:
      return "uuid";
    case kJson:
      return "json";
    case kInet:
      return "inet";
    case kBytes:
      return "bytea";
    case kEnum:
      return "enum";
    case kArray:
      return "array";
    case kOther:
      return "other";
  }
  return "other";
}

Error place_error(const MaskerSpec& spec, std::string_view message, std::string_view hint) {
  std::string text(message);
  if (spec.where.line > 0) {
    text = fmt::format("{}:{}:{}: {}", spec.where.file, spec.where.line, spec.where.column, message);
  }
  return {.code = Code::kPolicy, .message = std::move(text), .hint = std::string(hint)};
}

Error unknown_masker(const MaskerSpec& spec) {
  std::vector<std::string> names;
  for (const MaskerInfo& info : known_maskers()) names.emplace_back(info.name);
  return place_error(
      spec, fmt::format("masker '{}' is not known{}", printable(spec.name), did_you_mean(spec.name, names)),
      "maskers are " + join(names, ", "));
}

constexpr std::string_view kMinLength = "min_length";
constexpr int64_t kMinLengthLeast = 2;
constexpr int64_t kMinLengthMost = 64;

// Parameters that the masker does not take. `json` takes paths and nothing else.
Status check_params(const Build& build) {
  const std::vector<std::string> known = build.info.all_params();
  YTB_TRY(build.integer(kMinLength, kMinLengthLeast, kMinLengthMost));
  if (!build.spec.paths.empty() && build.spec.name != "json") {
    return build.error(fmt::format("masker {} takes no paths", build.spec.name), "paths belong to json");
  }
  for (const auto& [name, value] : build.spec.params) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    if (known.empty()) {
      return build.error(
          fmt::format("masker {} takes no parameters, and '{}' is given", build.spec.name, printable(name)));
    }
    return build.error(fmt::format("masker {} takes no parameter '{}'{}", build.spec.name, printable(name),
                                   did_you_mean(name, known)),
                       fmt::format("it takes {}", join(known, ", ")));
  }
  return {};
}

struct NamedType {
  std::string_view name;
  ValueType type;
};
constexpr NamedType kTypesByName[] = {
    {"int2", ValueType::kInt2},           {"int4", ValueType::kInt4},
    {"int8", ValueType::kInt8},           {"numeric", ValueType::kNumeric},
    {"float4", ValueType::kFloat4},       {"float8", ValueType::kFloat8},
    {"money", ValueType::kMoney},         {"date", ValueType::kDate},
    {"timestamp", ValueType::kTimestamp}, {"timestamptz", ValueType::kTimestamptz},
    {"bool", ValueType::kBool},           {"uuid", ValueType::kUuid},
    {"json", ValueType::kJson},           {"jsonb", ValueType::kJsonb},
    {"inet", ValueType::kInet},           {"cidr", ValueType::kCidr},
    {"bytea", ValueType::kBytea},         {"_text", ValueType::kTextArray},
    {"_varchar", ValueType::kTextArray},  {"_bpchar", ValueType::kTextArray},
    {"_citext", ValueType::kTextArray},   {"_name", ValueType::kTextArray},
};

class Keep final : public Masker {
 public:
  Applied apply(std::string_view value, RowFields /*row*/, std::string& out) const override {
    out.append(value);
    return Applied::kReplaced;
  }
  [[nodiscard]] Uniqueness uniqueness() const override { return Uniqueness::kBijection; }
  [[nodiscard]] bool must_change() const override { return false; }
  [[nodiscard]] bool is_keep() const override { return true; }
};

class Null final : public Masker {
 public:
  Applied apply(std::string_view /*value*/, RowFields /*row*/, std::string& /*out*/) const override {
    return Applied::kNull;
  }
  [[nodiscard]] Uniqueness uniqueness() const override { return Uniqueness::kHighEntropy; }
  [[nodiscard]] bool must_change() const override { return true; }
};

MadeMasker make_null(const Build& build) {
  const Column& column = build.context.column;
  if (column.not_null) {
    return build.error(fmt::format("column {} is NOT NULL and cannot be masked by null", column.name),
                       "use fixed with a value, or another masker");
  }
  return made<Null>();
}

}  // namespace

bool MaskerInfo::serves_type(TypeClass type_class) const {
  return std::find(serves.begin(), serves.end(), type_class) != serves.end();
}

std::span<const MaskerInfo> known_maskers() { return table_of_maskers(); }

const MaskerInfo* find_masker(std::string_view name) {
  auto known = known_maskers();
  auto found =
      std::find_if(known.begin(), known.end(), [&](const MaskerInfo& info) { return info.name == name; });
  return found == known.end() ? nullptr : &*found;
}

ValueType value_type_of(const Column& column) {
  if (column.type_class == kEnum) return ValueType::kEnum;
  if (column.type_class == kText) return ValueType::kText;
  for (const NamedType& known : kTypesByName) {
    if (known.name == column.base_type) return known.type;
  }
  return ValueType::kOther;
}

Error Build::error(std::string_view message, std::string_view hint) const {
  return place_error(spec, message, hint);
}

Error Build::cannot_serve() const {
  std::vector<std::string> types;
  for (TypeClass type_class : info.serves) types.emplace_back(word_of(type_class));
  std::vector<std::string> others;
  for (const MaskerInfo& other : known_maskers()) {
    if (other.name != spec.name && other.serves_type(context.column.type_class))
      others.emplace_back(other.name);
  }
  return error(
      fmt::format("masker {} cannot serve column {} of type {}{}", spec.name, context.column.name,
                  context.column.type, binary() ? "" : " in text format"),
      fmt::format("it serves {}; for this type there are {}", join(types, ", "), join(others, ", ")));
}

std::vector<std::string> MaskerInfo::all_params() const {
  std::vector<std::string> all = texts_of(params);
  // What is kept is not remembered, and in a document each path says it of its own.
  if (name != "keep" && name != "json") all.emplace_back(kMinLength);
  return all;
}

size_t MaskerSpec::min_length() const {
  auto found = params.find(std::string(kMinLength));
  size_t bytes = OriginalsRecorder::kBytesMin;
  if (found != params.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), bytes);
  return bytes;
}

std::optional<std::string_view> Build::param(std::string_view name) const {
  auto found = spec.params.find(std::string(name));
  if (found == spec.params.end()) return std::nullopt;
  return found->second;
}

Result<std::optional<int64_t>> Build::integer(std::string_view name, int64_t min, int64_t max) const {
  std::optional<std::string_view> text = param(name);
  if (!text) return std::optional<int64_t>();
  int64_t number = 0;
  auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (failed != std::errc() || end != text->data() + text->size() || number < min || number > max) {
    return error(fmt::format("{} of {} is '{}', not a whole number from {} to {}", name, spec.name,
                             printable(*text), min, max));
  }
  return std::optional<int64_t>(number);
}

std::string Build::domain() const {
  std::string_view given = param("domain").value_or(std::string_view());
  return std::string(given.empty() ? info.name : given);
}

std::optional<size_t> Build::length_max() const {
  constexpr size_t kNameSizeMax = 63;  // NAMEDATALEN - 1
  const Column& column = context.column;
  if (column.length_max && *column.length_max > 0) return static_cast<size_t>(*column.length_max);
  if (column.base_type == "name" || column.base_type == "_name") return kNameSizeMax;
  if (column.base_type == "char") return 1;  // the type "char" of one byte
  return std::nullopt;
}

Result<std::unique_ptr<Masker>> compile_masker(const MaskerSpec& spec, const MaskerContext& context) {
  return compile_masker_in_row(spec, context, context.wire);
}

MadeMasker compile_masker_in_row(const MaskerSpec& spec, const MaskerContext& context, Wire row_wire) {
  const MaskerInfo* info = find_masker(spec.name);
  if (info == nullptr) return unknown_masker(spec);
  Build build{.spec = spec,
              .context = context,
              .info = *info,
              .type = value_type_of(context.column),
              .row_wire = row_wire};
  YTB_TRY(check_params(build));
  if (!info->serves_type(context.column.type_class)) return build.cannot_serve();
  if (spec.name == "keep") return made<Keep>();
  if (spec.name == "null") return make_null(build);
  if (spec.name == "fixed") return make_fixed(build);
  if (spec.name == "date_shift") return make_date_shift(build);
  if (spec.name == "number_noise") return make_number_noise(build);
  if (spec.name == "json") return make_json(build);
  switch (build.type) {
    case ValueType::kText:
      return make_text_masker(build);
    case ValueType::kTextArray:
      return make_array(build);
    case ValueType::kInt2:
    case ValueType::kInt4:
    case ValueType::kInt8:
      return make_integer_hash(build);
    case ValueType::kUuid:
      return make_uuid_hash(build);
    case ValueType::kBytea:
      return make_bytes_hash(build);
    case ValueType::kInet:
    case ValueType::kCidr:
      return make_inet(build);
    default:
      return build.cannot_serve();
  }
}

}  // namespace ytb::masking
