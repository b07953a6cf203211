#include "base/json.h"

template class nlohmann::basic_json<>;
template class nlohmann::basic_json<nlohmann::ordered_map>;

namespace ytb {

template <typename Tree>
Tree parse_json(std::string_view text, int depth_max) {
  if (depth_max == 0) return Tree::parse(text, nullptr, /*allow_exceptions=*/false);
  bool too_deep = false;
  const auto within = [&](int depth, typename Tree::parse_event_t, Tree&) {
    too_deep = too_deep || depth > depth_max;
    return !too_deep;
  };
  Tree tree = Tree::parse(text, within, /*allow_exceptions=*/false);
  return too_deep ? Tree(Tree::value_t::discarded) : tree;
}

template <typename Tree>
std::string write_json(const Tree& tree, int indent) {
  return tree.dump(indent, ' ', /*ensure_ascii=*/false, Tree::error_handler_t::replace);
}

template nlohmann::json parse_json(std::string_view text, int depth_max);
template nlohmann::ordered_json parse_json(std::string_view text, int depth_max);
template std::string write_json(const nlohmann::json& tree, int indent);
template std::string write_json(const nlohmann::ordered_json& tree, int indent);

}  // namespace ytb
