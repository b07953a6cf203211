#include "drivers/postgres/catalog_numbers.h"

#include "drivers/postgres/catalog_streams.h"

namespace ytb::postgres {

std::string without_count(uint32_t number, const Names& names) {
  if (!is_numbered_by_initdb(number)) return std::to_string(number);
  auto found = names.find(number);
  return found == names.end() ? "#" : "#" + found->second;
}

std::string tree_without_count(std::string_view tree, const Names& names) {
  constexpr std::string_view kPlaces[] = {":location ", ":stmt_location ", ":stmt_len "};
  constexpr size_t kDigitsMax = 9;
  auto is_digit = [&](size_t at) { return at < tree.size() && tree[at] >= '0' && tree[at] <= '9'; };
  std::string out;
  for (size_t i = 0; i < tree.size();) {
    bool place = false;
    for (std::string_view of : kPlaces)
      place = place || (i >= of.size() && tree.substr(i - of.size(), of.size()) == of);
    if (place && tree[i] == '-') ++i;
    size_t end = i;
    while (is_digit(end)) ++end;
    if (end == i) {
      out += tree[i++];
      continue;
    }
    const std::string_view digits = tree.substr(i, end - i);
    if (!place) {
      out += digits.size() > kDigitsMax
                 ? std::string(digits)
                 : without_count(static_cast<uint32_t>(std::stoul(std::string(digits))), names);
    }
    i = end;
  }
  return out;
}

// array_send: dimensions, flags, type, and for each dimension its length and lower bound; then length and
// value.
std::string numbers_without_count(std::string_view vector, const Names& names) {
  constexpr size_t kHeaderBytes = 20;
  std::string out;
  for (size_t at = kHeaderBytes; at + 8 <= vector.size(); at += 8)
    out += without_count(big_endian(vector.substr(at + 4, 4)), names) + " ";
  return out;
}

std::string name_without_count(std::string name) {
  constexpr std::string_view kToast = "pg_toast_";
  const size_t at = name.find(kToast);
  if (at == std::string::npos ||
      name.find_first_not_of("0123456789", at + kToast.size()) != std::string::npos)
    return name;
  return name.substr(0, at + kToast.size()) + "#";
}

}  // namespace ytb::postgres
