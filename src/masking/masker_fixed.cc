// fixed: every value becomes one that the policy names, checked and encoded when the policy is compiled.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "masking/build.h"
#include "masking/text_codec.h"

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

Result<std::string> encode_value(const Build& build, std::string_view value) {
  switch (build.type) {
    case ValueType::kText:
      return encode_text(build, value);
    case ValueType::kEnum:
      return encode_label(build, value);
    default:
      return build.cannot_serve();
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
