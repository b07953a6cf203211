#include "drivers/rds/old_template.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <charconv>

#include "base/text.h"

namespace ytb::rds {
namespace {

constexpr size_t kTextMax = 1 << 20;  // CloudFormation's own limit for a template
constexpr int kDepthMax = 40;
constexpr size_t kNodesMax = 20'000;

struct Unreadable {
  std::string why;
};

// YAML 1.1's other booleans ("yes", "on") are left as texts: nothing of the original's uses them.
Tree plain_scalar(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  if (text.empty() || text == "~" || text == "null") return nullptr;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (is_number && std::to_string(number) == text) return number;
  return text;
}

Tree short_form(const std::string& tag, Tree value) {
  if (tag == "!Ref") return Tree{{"Ref", std::move(value)}};
  if (tag == "!Condition") return Tree{{"Condition", std::move(value)}};
  if (tag == "!GetAtt" && value.is_string()) {
    const std::string text = value;
    const size_t dot = text.find('.');
    if (dot == std::string::npos) throw Unreadable{"!GetAtt " + text + " names no attribute"};
    return Tree{{"Fn::GetAtt", Tree::array({text.substr(0, dot), text.substr(dot + 1)})}};
  }
  constexpr std::array<std::string_view, 10> kFunctions = {
      "Sub", "GetAtt", "Join", "Select", "Split", "FindInMap", "If", "ImportValue", "GetAZs", "Base64"};
  for (std::string_view name : kFunctions) {
    if (tag.substr(1) == name) return Tree{{fmt::format("Fn::{}", name), std::move(value)}};
  }
  throw Unreadable{"the tag " + tag};
}

Tree tree_of(const YAML::Node& node, int depth, size_t& nodes) {
  if (depth > kDepthMax || ++nodes > kNodesMax) throw Unreadable{"it is nested too deeply or too large"};
  Tree out;
  if (node.IsMap()) {
    out = Tree::object();
    for (const auto& entry : node) {
      const std::string key = entry.first.as<std::string>();
      if (key == "<<" || out.contains(key)) throw Unreadable{"the key " + key};
      out[key] = tree_of(entry.second, depth + 1, nodes);
    }
  } else if (node.IsSequence()) {
    out = Tree::array();
    for (const auto& item : node) out.push_back(tree_of(item, depth + 1, nodes));
  } else if (node.IsScalar()) {
    out = node.Tag() == "?" ? plain_scalar(node.Scalar()) : Tree(node.Scalar());
  }
  const std::string& tag = node.Tag();
  return tag.size() > 1 && tag.front() == '!' ? short_form(tag, std::move(out)) : out;
}

Error unreadable(std::string_view why) {
  return Error{.code = Code::kUnsupported,
               .message = fmt::format("the stack's template cannot be read: {}", printable(why)),
               .hint = {}};
}

void collect(const Tree& value, std::set<std::string>& names);

void collect_sub(const Tree& argument, std::set<std::string>& names) {
  const Tree& text = argument.is_array() && !argument.empty() ? argument.front() : argument;
  if (argument.is_array() && argument.size() > 1) collect(argument[1], names);
  if (!text.is_string()) return;
  const std::string pattern = text;
  for (size_t at = pattern.find("${"); at != std::string::npos; at = pattern.find("${", at + 2)) {
    const size_t end = pattern.find('}', at);
    if (end == std::string::npos) return;
    const std::string name = pattern.substr(at + 2, end - at - 2);
    names.insert(name.substr(0, name.find('.')));
  }
}

void collect(const Tree& value, std::set<std::string>& names) {
  if (value.is_array()) {
    for (const Tree& item : value) collect(item, names);
  }
  if (!value.is_object()) return;
  for (const auto& [key, item] : value.items()) {
    if (key == "Ref" && item.is_string()) {
      names.insert(item.get<std::string>());
    } else if (key == "Fn::GetAtt") {
      const std::string first = item.is_array() && !item.empty() && item.front().is_string()
                                    ? item.front().get<std::string>()
                                    : (item.is_string() ? item.get<std::string>() : std::string());
      names.insert(first.substr(0, first.find('.')));
    } else if (key == "Fn::Sub") {
      collect_sub(item, names);
    } else {
      collect(item, names);
    }
  }
}

}  // namespace

Result<Tree> parse_stack_template(std::string_view text) {
  if (text.size() > kTextMax) return unreadable("it is larger than 1 MiB");
  if (trim(text).starts_with('{')) {
    Tree tree = Tree::parse(text, nullptr, false);
    if (!tree.is_object()) return unreadable("it is no JSON");
    return tree;
  }
  try {
    size_t nodes = 0;
    Tree tree = tree_of(YAML::Load(std::string(text)), 0, nodes);
    if (!tree.is_object()) return unreadable("it is no mapping");
    return tree;
  } catch (const Unreadable& problem) {
    return unreadable(problem.why);
  } catch (const YAML::Exception& problem) {
    return unreadable(problem.what());
  }
}

std::set<std::string> references_of(const Tree& value) {
  std::set<std::string> names;
  collect(value, names);
  return names;
}

}  // namespace ytb::rds
