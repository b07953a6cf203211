// Templates in YAML. Scalars are texts but for what CloudFormation's properties are given as numbers and
// booleans.
#include <re2/re2.h>
#include <yaml-cpp/yaml.h>

#include "tests/fakes/aws/cfn_template.h"

namespace ytb::fakes::aws {
namespace {

[[noreturn]] void invalid(const std::string& message) { refuse("ValidationError", message); }

json scalar_of(const YAML::Node& node) {
  const std::string text = node.Scalar();
  if (node.Tag() != "?" && !node.Tag().empty()) return text;  // quoted, or with a short form
  if (RE2::FullMatch(text, "-?(0|[1-9][0-9]{0,17})")) return std::stoll(text);
  if (text == "true" || text == "false") return text == "true";
  return text;
}

json tree_of(const YAML::Node& node, int depth) {
  if (depth > 30) invalid("Template format error: nested too deeply");
  json out;
  if (node.IsMap()) {
    out = json::object();
    for (const auto& entry : node) {
      const std::string key = entry.first.Scalar();
      if (out.contains(key)) invalid("Template format error: duplicate key " + key);
      out[key] = tree_of(entry.second, depth + 1);
    }
  } else if (node.IsSequence()) {
    out = json::array();
    for (const auto& item : node) out.push_back(tree_of(item, depth + 1));
  } else if (node.IsScalar()) {
    out = scalar_of(node);
  }
  const std::string& tag = node.Tag();
  if (tag.size() < 2 || tag[0] != '!') return out;
  if (tag == "!Ref") return {{"Ref", out}};
  for (const char* name : {"Sub", "GetAtt", "Join"}) {
    if (tag == std::string("!") + name) return {{std::string("Fn::") + name, out}};
  }
  invalid("Template format error: YAML not well-formed: unknown tag " + tag);
}

}  // namespace

json parse_yaml_template(const std::string& body) {
  try {
    return tree_of(YAML::Load(body), 0);
  } catch (const YAML::Exception& error) {
    invalid(std::string("Template format error: YAML not well-formed. ") + error.what());
  }
}

}  // namespace ytb::fakes::aws
