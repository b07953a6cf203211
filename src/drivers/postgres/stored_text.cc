#include "drivers/postgres/stored_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/text.h"
#include "drivers/postgres/stored_bytes.h"

namespace ytb::postgres {
namespace {

constexpr size_t kHeaderBytes = 4;
constexpr uint32_t kSizeMask = 0x3fffffff;
constexpr uint32_t kMethodShift = 30;  // of a compressed value's second word; before 14 its bits are zero
constexpr uint32_t kPglz = 0;

// pg_lzcompress.c: a control byte says of the next eight items which are copies of what came before. False:
// it does not give exactly `size` bytes.
bool decompress_pglz(std::string_view packed, size_t size, std::string& out) {
  constexpr size_t kCopyMin = 3;
  constexpr size_t kCopyLong = 18;  // another byte says how much longer
  constexpr int kItems = 8;
  constexpr size_t kTimesMax = 273 / 3;  // three bytes say the longest copy
  if (size / kTimesMax > packed.size()) return false;
  out.clear();
  out.reserve(size);
  size_t at = 0;
  while (at < packed.size() && out.size() < size) {
    auto control = static_cast<unsigned char>(packed[at++]);
    for (int item = 0; item < kItems && at < packed.size() && out.size() < size; ++item, control >>= 1U) {
      if ((control & 1U) == 0) {
        out.push_back(packed[at++]);
        continue;
      }
      if (packed.size() - at < 2) return false;
      const auto first = static_cast<unsigned char>(packed[at]);
      size_t length = (first & 0x0fU) + kCopyMin;
      const size_t back = (first & 0xf0U) << 4U | static_cast<unsigned char>(packed[at + 1]);
      at += 2;
      if (length == kCopyLong) {
        if (at == packed.size()) return false;
        length += static_cast<unsigned char>(packed[at++]);
      }
      if (back == 0 || back > out.size()) return false;
      length = std::min(length, size - out.size());
      for (size_t i = 0; i < length; ++i) out.push_back(out[out.size() - back]);  // it may overlap itself
    }
  }
  return out.size() == size && at == packed.size();
}

template <typename T>
bool append_integer(std::string_view value, std::string& out) {
  if (value.size() != sizeof(T)) return false;
  fmt::format_to(std::back_inserter(out), "{}", get<T>(value, 0));
  return true;
}

bool append_uuid(std::string_view value, std::string& out) {
  constexpr size_t kUuidBytes = 16;
  if (value.size() != kUuidBytes) return false;
  append_uuid_text(value, out);
  return true;
}

// numeric.c: a header that says sign, scale and weight in one word or two, then digits to the base 10,000.
bool append_numeric(std::string_view value, std::string& out) {
  constexpr uint16_t kSpecial = 0xc000;
  constexpr uint16_t kShort = 0x8000;
  constexpr int kBase = 10'000;
  constexpr int kBaseDigits = 4;
  constexpr size_t kWordBytes = 2;
  if (value.size() < kWordBytes || value.size() % kWordBytes != 0) return false;
  const auto header = get<uint16_t>(value, 0);
  if ((header & kSpecial) == kSpecial) {
    const auto which = static_cast<uint16_t>(header & 0xf000U);
    out += which == 0xd000 ? "Infinity" : which == 0xf000 ? "-Infinity" : "NaN";
    return value.size() == kWordBytes;
  }
  const bool is_short = (header & kSpecial) == kShort;
  if (!is_short && value.size() < 2 * kWordBytes) return false;
  const bool negative = is_short ? (header & 0x2000U) != 0 : (header & kSpecial) == 0x4000;
  const int scale = is_short ? (header & 0x1f80U) >> 7U : header & 0x3fffU;
  const int weight =
      is_short ? static_cast<int>(header & 0x3fU) - ((header & 0x40U) != 0 ? 64 : 0) : get<int16_t>(value, 2);
  const std::string_view digits = value.substr(is_short ? kWordBytes : 2 * kWordBytes);
  const auto count = static_cast<int>(digits.size() / kWordBytes);
  // Of the digit that stands for kBase to the power of `weight - at`.
  const auto digit = [&](int at) {
    return at < 0 || at >= count ? 0 : int{get<int16_t>(digits, static_cast<size_t>(at) * kWordBytes)};
  };
  for (int at = 0; at < count; ++at) {
    if (digit(at) < 0 || digit(at) >= kBase) return false;
  }
  if (negative) out.push_back('-');
  if (weight < 0) out.push_back('0');
  for (int at = 0; at <= weight; ++at) {
    if (at == 0) {
      fmt::format_to(std::back_inserter(out), "{}", digit(at));
    } else {
      fmt::format_to(std::back_inserter(out), "{:04}", digit(at));
    }
  }
  if (scale == 0) return true;
  out.push_back('.');
  const size_t end = out.size() + static_cast<size_t>(scale);
  for (int at = weight + 1; out.size() < end; ++at) {
    fmt::format_to(std::back_inserter(out), "{:0{}}", digit(at), kBaseDigits);
  }
  out.resize(end);
  return true;
}

// escape_json() of json.c.
void append_json_string(std::string_view text, std::string& out) {
  static constexpr std::string_view kNamed = "\b\f\n\r\t\"\\";
  static constexpr std::string_view kNames = "bfnrt\"\\";
  out.push_back('"');
  for (const char c : text) {
    if (const size_t named = kNamed.find(c); named != std::string_view::npos) {
      out.push_back('\\');
      out.push_back(kNames[named]);
    } else if (static_cast<unsigned char>(c) < ' ') {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

// jsonb.h: a container is a word with its count and kind, an entry for each child (of an object all keys,
// then all values), and the children one after the other. An entry says how long its child is, or where it
// ends.
class JsonbText {
 public:
  explicit JsonbText(std::string& out) : out_(out) {}

  bool append(std::string_view container, int depth, bool outermost) {
    constexpr int kDepthMax = 200;
    if (depth > kDepthMax || container.size() < kWordBytes) return false;
    const auto header = get<uint32_t>(container, 0);
    const bool object = (header & kObject) != 0;
    const bool scalar = (header & kScalar) != 0;
    const size_t count = header & kCountMask;
    const size_t entries = object ? 2 * count : count;
    if (object == ((header & kArray) != 0)) return false;
    if (scalar && (!outermost || object || count != 1)) return false;
    if ((container.size() - kWordBytes) / kWordBytes < entries) return false;
    Children children(container.substr(kWordBytes, entries * kWordBytes),
                      container.substr(kWordBytes + entries * kWordBytes));
    if (!object) {
      if (!scalar) out_.push_back('[');
      for (size_t i = 0; i < count; ++i) {
        if (i > 0) out_ += ", ";
        if (!append_child(children, depth)) return false;
      }
      if (!scalar) out_.push_back(']');
      return true;
    }
    Children keys = children;
    for (size_t i = 0; i < count; ++i) {
      if (!children.next()) return false;
    }
    out_.push_back('{');
    for (size_t i = 0; i < count; ++i) {
      if (i > 0) out_ += ", ";
      if (!keys.next() || keys.kind() != kString) return false;
      append_json_string(keys.bytes(), out_);
      out_ += ": ";
      if (!append_child(children, depth)) return false;
    }
    out_.push_back('}');
    return true;
  }

 private:
  static constexpr size_t kWordBytes = 4;
  static constexpr uint32_t kCountMask = 0x0fffffff;
  static constexpr uint32_t kScalar = 0x10000000;
  static constexpr uint32_t kObject = 0x20000000;
  static constexpr uint32_t kArray = 0x40000000;
  static constexpr uint32_t kEntryMask = 0x0fffffff;
  static constexpr uint32_t kKindMask = 0x70000000;
  static constexpr uint32_t kEndsAt = 0x80000000;
  static constexpr uint32_t kString = 0x00000000;
  static constexpr uint32_t kNumeric = 0x10000000;
  static constexpr uint32_t kFalse = 0x20000000;
  static constexpr uint32_t kTrue = 0x30000000;
  static constexpr uint32_t kNull = 0x40000000;
  static constexpr uint32_t kContainer = 0x50000000;

  class Children {
   public:
    Children(std::string_view entries, std::string_view bytes) : entries_(entries), bytes_(bytes) {}
    bool next() {
      if (entries_.empty()) return false;
      const auto entry = get<uint32_t>(entries_, 0);
      entries_.remove_prefix(kWordBytes);
      begin_ = end_;
      const size_t offset = entry & kEntryMask;
      end_ = (entry & kEndsAt) != 0 ? offset : begin_ + offset;
      kind_ = entry & kKindMask;
      return begin_ <= end_ && end_ <= bytes_.size();
    }
    [[nodiscard]] uint32_t kind() const { return kind_; }
    [[nodiscard]] std::string_view bytes() const { return bytes_.substr(begin_, end_ - begin_); }
    // Numbers and containers begin at a multiple of four.
    [[nodiscard]] std::string_view aligned_bytes() const {
      const size_t begin = std::min(aligned(begin_, kWordBytes), end_);
      return bytes_.substr(begin, end_ - begin);
    }

   private:
    std::string_view entries_;
    std::string_view bytes_;
    size_t begin_ = 0;
    size_t end_ = 0;
    uint32_t kind_ = 0;
  };

  bool append_child(Children& children, int depth) {
    if (!children.next()) return false;
    switch (children.kind()) {
      case kString:
        append_json_string(children.bytes(), out_);
        return true;
      case kNumeric: {
        const std::string_view number = children.aligned_bytes();
        if (number.empty() || varlena_size(number) != number.size()) return false;
        std::string unused;
        const std::optional<std::string_view> value = value_of(number, number.size(), unused);
        return value && append_numeric(*value, out_);
      }
      case kFalse:
        out_ += "false";
        return true;
      case kTrue:
        out_ += "true";
        return true;
      case kNull:
        out_ += "null";
        return true;
      case kContainer:
        return append(children.aligned_bytes(), depth + 1, false);
      default:
        return false;
    }
  }

  std::string& out_;
};

// How an element lies in an array.
struct ElementLayout {
  size_t bytes = 0;  // 0: a varlena
  size_t align = 4;
};
ElementLayout layout_of(StoredType type) {
  switch (type) {
    case StoredType::kInt2:
      return {.bytes = 2, .align = 2};
    case StoredType::kInt4:
      return {.bytes = 4, .align = 4};
    case StoredType::kInt8:
      return {.bytes = 8, .align = 8};
    case StoredType::kUuid:
      return {.bytes = 16, .align = 1};
    default:
      return {};
  }
}

}  // namespace

StoredType stored_type_of(std::string_view base_type) {
  static constexpr std::pair<std::string_view, StoredType> kKnown[] = {
      {"text", StoredType::kText},   {"varchar", StoredType::kText}, {"bpchar", StoredType::kText},
      {"json", StoredType::kText},   {"xml", StoredType::kText},     {"int2", StoredType::kInt2},
      {"int4", StoredType::kInt4},   {"int8", StoredType::kInt8},    {"uuid", StoredType::kUuid},
      {"bytea", StoredType::kBytea}, {"jsonb", StoredType::kJsonb},  {"numeric", StoredType::kNumeric}};
  for (const auto& [name, type] : kKnown) {
    if (name == base_type) return type;
  }
  return StoredType::kUnknown;
}

bool is_varlena(StoredType type) { return layout_of(type).bytes == 0; }

size_t value_bytes_of(StoredField varlena) {
  switch (varlena_of(varlena)) {
    case Varlena::kShort:
      return varlena.size() - 1;
    case Varlena::kPlain:
      return varlena.size() - std::min(varlena.size(), kHeaderBytes);
    case Varlena::kCompressed:
      return varlena.size() < 2 * kHeaderBytes ? 0 : get<uint32_t>(varlena, kHeaderBytes) & kSizeMask;
    case Varlena::kExternal: {
      constexpr size_t kTagBytes = 2;
      if (varlena.size() < kTagBytes + kHeaderBytes) return 0;
      const size_t with_header = get<uint32_t>(varlena, kTagBytes) & kSizeMask;
      return with_header - std::min(with_header, kHeaderBytes);
    }
  }
  return 0;
}

bool is_beyond_us(StoredField varlena, size_t bytes_max) {
  const Varlena kind = varlena_of(varlena);
  if (kind == Varlena::kExternal || value_bytes_of(varlena) > bytes_max) return true;
  return kind == Varlena::kCompressed &&
         (varlena.size() < 2 * kHeaderBytes || get<uint32_t>(varlena, kHeaderBytes) >> kMethodShift != kPglz);
}

std::optional<std::string_view> value_of(StoredField varlena, size_t bytes_max, std::string& buffer) {
  if (is_beyond_us(varlena, bytes_max)) return std::nullopt;
  if (varlena_of(varlena) != Varlena::kCompressed) return payload_of(varlena);
  if (!decompress_pglz(varlena.substr(2 * kHeaderBytes), value_bytes_of(varlena), buffer))
    return std::nullopt;
  return buffer;
}

bool append_stored_text(StoredType type, std::string_view value, std::string& out) {
  switch (type) {
    case StoredType::kText:
      out += value;
      return true;
    case StoredType::kInt2:
      return append_integer<int16_t>(value, out);
    case StoredType::kInt4:
      return append_integer<int32_t>(value, out);
    case StoredType::kInt8:
      return append_integer<int64_t>(value, out);
    case StoredType::kUuid:
      return append_uuid(value, out);
    case StoredType::kBytea:
      out += "\\x" + to_hex(value);
      return true;
    case StoredType::kNumeric:
      return append_numeric(value, out);
    case StoredType::kJsonb:
      return JsonbText(out).append(value, 0, true);
    case StoredType::kUnknown:
      break;
  }
  return false;
}

bool for_each_stored_element(StoredType type, std::string_view array,
                             const std::function<void(std::string_view value)>& take) {
  // ArrayType without its own header: dimensions, where the elements begin if some are NULL, their type.
  constexpr size_t kFixedBytes = 12;
  constexpr size_t kDimensionBytes = 8;             // a size and a lower bound
  constexpr int32_t kDimensionsMax = 6;             // MAXDIM
  constexpr size_t kElementsMax = size_t{1} << 27;  // MaxArraySize is less
  if (array.size() < kFixedBytes) return false;
  const auto dimensions = get<int32_t>(array, 0);
  const auto elements_at = get<int32_t>(array, 4);
  if (dimensions < 0 || dimensions > kDimensionsMax) return false;
  size_t at = kFixedBytes + static_cast<size_t>(dimensions) * kDimensionBytes;
  if (at > array.size()) return false;
  if (dimensions == 0) return true;
  size_t count = 1;
  for (int32_t i = 0; i < dimensions; ++i) {
    const auto size = get<int32_t>(array, kFixedBytes + static_cast<size_t>(i) * sizeof(int32_t));
    if (size < 0) return false;
    if (size > 0 && count > kElementsMax / static_cast<size_t>(size)) return false;
    count *= static_cast<size_t>(size);
  }
  std::string_view nulls;
  if (elements_at == 0) {
    at = aligned(at + kHeaderBytes, 8) - kHeaderBytes;  // offsets count from the array's own header
  } else {
    if (elements_at < static_cast<int32_t>(at + kHeaderBytes)) return false;
    nulls = array.substr(at);
    at = static_cast<size_t>(elements_at) - kHeaderBytes;
    if (at > array.size() || nulls.size() < (count + 7) / 8) return false;
  }
  const ElementLayout layout = layout_of(type);
  std::string buffer;
  for (size_t i = 0; i < count; ++i) {
    if (!nulls.empty() && (static_cast<unsigned char>(nulls[i / 8]) >> (i % 8) & 1U) == 0) continue;
    if (layout.bytes > 0) {
      at = aligned(at + kHeaderBytes, layout.align) - kHeaderBytes;
      if (at > array.size() || array.size() - at < layout.bytes) return false;
      take(array.substr(at, layout.bytes));
      at += layout.bytes;
      continue;
    }
    if (at < array.size() && array[at] == 0) at = aligned(at, layout.align);
    if (at >= array.size()) return false;
    const size_t size = varlena_size(array.substr(at));
    if (size == 0 || size > array.size() - at) return false;
    const std::string_view element = array.substr(at, size);
    const std::optional<std::string_view> value = value_of(element, kSizeMask, buffer);
    if (!value) return false;
    take(*value);
    at += size;
  }
  return true;
}

}  // namespace ytb::postgres
