// The query protocol and EC2's variant of it: "Filters.Filter.1.Name=…" into a tree, the tree into JSON.
#include <fmt/format.h>

#include "base/text.h"
#include "tests/fakes/aws/codec.h"

namespace ytb::fakes::aws {
namespace {

constexpr size_t kListItemsMax = 1000;

struct Node {
  std::optional<std::string> value;
  std::map<std::string, Node> kids;
};

Node tree_of(const Model& model, const Form& form) {
  Node root;
  for (const auto& [name, value] : form) {
    if (name == "Action" || name == "Version") continue;
    Node* node = &root;
    for (const std::string& part : split(name, '.')) node = &node->kids[part];
    if (node->value) refuse(wording_of(model).malformed, "the parameter " + name + " is given twice");
    node->value = value;
  }
  return root;
}

std::string request_name(const Model& model, const Member& member) {
  if (model.protocol != Model::Protocol::kEc2) return member.wire.empty() ? member.name : member.wire;
  if (!member.query_name.empty()) return member.query_name;
  if (member.wire.empty()) return member.name;
  std::string name = member.wire;
  name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
  return name;
}

json parse(const Model& model, const Shape& shape, const Node& node, const std::string& path);

json parse_structure(const Model& model, const Shape& shape, const Node& node, const std::string& path) {
  json out = json::object();
  size_t used = 0;
  for (const Member& member : shape.members) {
    auto kid = node.kids.find(request_name(model, member));
    if (kid == node.kids.end()) continue;
    ++used;
    out[member.name] = parse(model, *member.shape, kid->second, path + kid->first);
  }
  if (used == node.kids.size() && !node.value) return out;
  for (const auto& [name, kid] : node.kids) {
    const bool known = std::any_of(
        shape.members.begin(), shape.members.end(),
        [&, &asked = name](const Member& member) { return request_name(model, member) == asked; });
    if (!known) {
      refuse(wording_of(model).unknown, fmt::format("The parameter {}{} is not recognized", path, name));
    }
  }
  refuse(wording_of(model).unknown, "The parameter " + path + " is a structure");
}

// 1, 2, 3 … without gaps.
json parse_numbered(const Model& model, const Shape& element, const Node& node, const std::string& path) {
  json out = json::array();
  for (size_t i = 1; i <= node.kids.size() && i <= kListItemsMax; ++i) {
    auto kid = node.kids.find(std::to_string(i));
    if (kid == node.kids.end())
      refuse(wording_of(model).malformed, path + " is not numbered from 1 without gaps");
    out.push_back(parse(model, element, kid->second, path + "." + std::to_string(i)));
  }
  return out;
}

json parse_list(const Model& model, const Shape& shape, const Node& node, const std::string& path) {
  if (node.kids.empty() && node.value && node.value->empty()) return json::array();
  if (node.value) refuse(wording_of(model).unknown, "The parameter " + path + " is a list");
  if (shape.flattened || model.protocol == Model::Protocol::kEc2) {
    return parse_numbered(model, *shape.element.shape, node, path);
  }
  std::string name = shape.element.wire.empty() ? "member" : shape.element.wire;
  auto kid = node.kids.find(name);
  if (node.kids.size() != 1 || kid == node.kids.end()) {
    refuse(wording_of(model).unknown, fmt::format("The parameter {}.{} is not recognized, '{}' is expected",
                                                  path, node.kids.begin()->first, name));
  }
  return parse_numbered(model, *shape.element.shape, kid->second, path);
}

json parse_map(const Model& model, const Shape& shape, const Node& node, const std::string& path) {
  json out = json::object();
  auto entries = node.kids.find("entry");
  const Node& numbered = entries == node.kids.end() ? node : entries->second;
  for (size_t i = 1; i <= numbered.kids.size() && i <= kListItemsMax; ++i) {
    auto kid = numbered.kids.find(std::to_string(i));
    if (kid == numbered.kids.end() || kid->second.kids.size() != 2 || !kid->second.kids.contains("key")) {
      refuse(wording_of(model).malformed, path + " is not a map of numbered entries");
    }
    out[kid->second.kids.at("key").value.value_or("")] =
        parse(model, *shape.value.shape, kid->second.kids.at("value"), path);
  }
  return out;
}

json parse(const Model& model, const Shape& shape, const Node& node, const std::string& path) {
  switch (shape.type) {
    case Shape::Type::kStructure:
      return parse_structure(model, shape, node, path + ".");
    case Shape::Type::kList:
      return parse_list(model, shape, node, path);
    case Shape::Type::kMap:
      return parse_map(model, shape, node, path);
    default:
      break;
  }
  if (!node.kids.empty() || !node.value) {
    refuse(wording_of(model).unknown,
           "The parameter " + path + "." + node.kids.begin()->first + " is not recognized");
  }
  return scalar_from_text(model, shape, *node.value, path);
}

}  // namespace

json parse_query_input(const Model& model, const Operation& operation, const HttpRequest& request) {
  static const Shape kNothing{};
  Node root = tree_of(model, parse_form(request.body));
  return parse_structure(model, operation.input == nullptr ? kNothing : *operation.input, root, "");
}

}  // namespace ytb::fakes::aws
