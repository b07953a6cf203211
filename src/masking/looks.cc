#include "masking/looks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "base/text.h"

namespace ytb::masking {
namespace {

constexpr size_t kShapeSizeMax = 24;  // characters; what is longer is text
constexpr size_t kShapeValuesMin = 5;

size_t characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

// "AB-1234" → "AA-9999"; "" where it is too long to say anything.
std::string shape_of(std::string_view value) {
  if (value.empty() || characters(value) > kShapeSizeMax) return "";
  std::string shape;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c >= 'A' && c <= 'Z') {
      shape += 'A';
    } else if (c >= 'a' && c <= 'z') {
      shape += 'a';
    } else if (c >= '0' && c <= '9') {
      shape += '9';
    } else if (byte >= 0xc0) {
      shape += 'x';
    } else if (byte < 0x20 || byte == 0x7f) {
      shape += '?';
    } else if (byte < 0x80) {
      shape += c;
    }
  }
  return shape;
}

}  // namespace

std::string look_of(const std::vector<std::string>& values) {
  if (values.empty()) return "no values";
  const std::set<std::string_view> different(values.begin(), values.end());
  size_t shortest = characters(values.front());
  size_t longest = shortest;
  std::map<std::string, size_t> shapes;
  for (const std::string& value : values) {
    const size_t size = characters(value);
    shortest = std::min(shortest, size);
    longest = std::max(longest, size);
    ++shapes[shape_of(value)];
  }
  const std::string lengths =
      shortest == longest ? fmt::format("{}", longest) : fmt::format("{} to {}", shortest, longest);
  std::string look =
      fmt::format("{} {}, {} different, {} {}", values.size(), values.size() == 1 ? "value" : "values",
                  different.size(), lengths, longest == 1 ? "character" : "characters");
  const auto most = std::max_element(shapes.begin(), shapes.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  if (values.size() >= kShapeValuesMin && !most->first.empty() && most->second * 2 >= values.size()) {
    look += fmt::format(", {} like {}", most->second == values.size() ? "all" : "mostly", most->first);
  }
  return look;
}

}  // namespace ytb::masking
