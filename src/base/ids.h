// Strong types for names that could be swapped: a SnapshotId is not a CopyId.
#pragma once

#include <fmt/format.h>

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace ytb {

template <typename Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string value) : value_(std::move(value)) {}
  [[nodiscard]] const std::string& str() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }
  // clang-tidy 14 takes the 0 that it compares with for a pointer.
  friend auto operator<=>(const Id&, const Id&) = default;  // NOLINT(modernize-use-nullptr)
  friend bool operator==(const Id&, const Id&) = default;

 private:
  std::string value_;
};

}  // namespace ytb

template <typename Tag>
struct fmt::formatter<ytb::Id<Tag>> : fmt::formatter<std::string_view> {
  template <typename Context>
  auto format(const ytb::Id<Tag>& id, Context& context) const {
    return fmt::formatter<std::string_view>::format(id.str(), context);
  }
};

template <typename Tag>
struct std::hash<ytb::Id<Tag>> {
  size_t operator()(const ytb::Id<Tag>& id) const noexcept { return std::hash<std::string>{}(id.str()); }
};
