// JSON trees for every room. nlohmann's templates are compiled once, in json.cc, and not in each of a hundred
// files: that was 15 % of the whole build. Include this instead of <nlohmann/json.hpp>.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

extern template class nlohmann::basic_json<>;
extern template class nlohmann::basic_json<nlohmann::ordered_map>;

namespace ytb {

// The tree that `text` is; is_discarded() when it is not JSON or nests deeper than `depth_max` (0: as deep as
// it likes). Tree: nlohmann::json or nlohmann::ordered_json.
template <typename Tree = nlohmann::json>
Tree parse_json(std::string_view text, int depth_max = 0);

// `tree` as text, on one line unless `indent` (spaces) is given. Bytes that are not UTF-8 become U+FFFD:
// never throws.
template <typename Tree>
std::string write_json(const Tree& tree, int indent = -1);

extern template nlohmann::json parse_json(std::string_view text, int depth_max);
extern template nlohmann::ordered_json parse_json(std::string_view text, int depth_max);
extern template std::string write_json(const nlohmann::json& tree, int indent);
extern template std::string write_json(const nlohmann::ordered_json& tree, int indent);

}  // namespace ytb
