// Text maskers over arrays of text: element by element; NULL elements, bounds and dimensions stay.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "masking/array_text.h"
#include "masking/big_endian.h"
#include "masking/build.h"

namespace ytb::masking {
namespace {

constexpr uint32_t kDimensionsMax = 6;  // MAXDIM of array.h
constexpr size_t kHeaderBytes = 12;     // dimensions, flags, element type
constexpr size_t kDimensionBytes = 8;
constexpr size_t kLengthBytes = 4;
constexpr uint32_t kNullLength = 0xffffffff;

class TextArray final : public Masker {
 public:
  TextArray(Wire wire, std::unique_ptr<Masker> element) : wire_(wire), element_(std::move(element)) {}
  Applied apply(std::string_view value, RowFields row, std::string& out) const override {
    const size_t start = out.size();
    Applied applied = wire_ == Wire::kBinary ? apply_binary(value, row, out) : apply_text(value, row, out);
    if (applied == Applied::kInvalid) out.resize(start);
    return applied;
  }
  [[nodiscard]] Uniqueness uniqueness() const override { return Uniqueness::kNone; }
  [[nodiscard]] bool must_change() const override { return element_->must_change(); }

 private:
  Applied apply_binary(std::string_view value, RowFields row, std::string& out) const {
    if (value.size() < kHeaderBytes) return Applied::kInvalid;
    const uint32_t dimensions = read_be32(value.data());
    if (dimensions > kDimensionsMax || value.size() < kHeaderBytes + dimensions * kDimensionBytes) {
      return Applied::kInvalid;
    }
    size_t at = kHeaderBytes + dimensions * kDimensionBytes;
    out.append(value.substr(0, at));
    bool replaced = false;
    while (at < value.size()) {
      if (value.size() - at < kLengthBytes) return Applied::kInvalid;
      const uint32_t length = read_be32(value.data() + at);
      out.append(value.substr(at, kLengthBytes));
      at += kLengthBytes;
      if (length == kNullLength) continue;
      if (length > value.size() - at) return Applied::kInvalid;
      const size_t from = out.size();
      Applied applied = element_->apply(value.substr(at, length), row, out);
      if (applied == Applied::kInvalid || applied == Applied::kNull) return Applied::kInvalid;
      write_be32(static_cast<uint32_t>(out.size() - from), out.data() + from - kLengthBytes);
      replaced = replaced || applied == Applied::kReplaced;
      at += length;
    }
    return replaced ? Applied::kReplaced : Applied::kBlank;
  }

  Applied apply_text(std::string_view value, RowFields row, std::string& out) const {
    thread_local std::string text;
    ArrayElement element;
    bool replaced = false;
    while (take_array_element(value, element, text)) {
      out.append(element.between);
      if (element.null) {
        out.append(text);
        continue;
      }
      Applied applied = append_quoted(text, row, out);
      if (applied == Applied::kInvalid) return applied;
      replaced = replaced || applied == Applied::kReplaced;
    }
    if (!value.empty() || element.between.empty()) return Applied::kInvalid;
    out.append(element.between);
    return replaced ? Applied::kReplaced : Applied::kBlank;
  }

  Applied append_quoted(std::string_view element, RowFields row, std::string& out) const {
    thread_local std::string masked;
    masked.clear();
    Applied applied = element_->apply(element, row, masked);
    if (applied == Applied::kInvalid || applied == Applied::kNull) return Applied::kInvalid;
    out.push_back('"');
    for (char c : masked) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    out.push_back('"');
    return applied;
  }

  Wire wire_;
  std::unique_ptr<Masker> element_;
};

// n of "character varying(n)[]".
std::optional<int> length_in(std::string_view type) {
  size_t open = type.find('(');
  if (open == std::string_view::npos) return std::nullopt;
  int length = 0;
  auto [end, failed] = std::from_chars(type.data() + open + 1, type.data() + type.size(), length);
  if (failed != std::errc() || end == type.data() + type.size() || *end != ')') return std::nullopt;
  return length;
}

}  // namespace

MadeMasker make_array(const Build& build) {
  Column element = build.context.column;
  if (!element.length_max) element.length_max = length_in(element.type);
  if (element.base_type == "_bpchar") element.blank_padded = true;
  if (element.base_type == "_citext") element.case_insensitive = true;
  MaskerContext context{element, build.context.table, build.context.encoding, build.context.wire,
                        build.context.key};
  Build of_element{build.spec, context, build.info, ValueType::kText, build.row_wire};
  YTB_ASSIGN(std::unique_ptr<Masker> masker, make_text_masker(of_element));
  return made<TextArray>(build.context.wire, std::move(masker));
}

}  // namespace ytb::masking
