#include "tests/fakes/aws/cfn_template.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <set>

#include "base/text.h"

namespace ytb::fakes::aws {
namespace {

[[noreturn]] void invalid(const std::string& message) { refuse("ValidationError", message); }

// "${A}", "${A.B}" and "${!literal}" of a Sub, in their order.
std::vector<std::string> sub_names(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = text.find("${"); at != std::string::npos; at = text.find("${", at + 2)) {
    size_t end = text.find('}', at);
    if (end == std::string::npos)
      invalid("Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments.");
    std::string name = text.substr(at + 2, end - at - 2);
    if (!name.starts_with('!')) out.push_back(name);
  }
  return out;
}

std::pair<std::string, std::string> attribute_of(const json& argument) {
  if (argument.is_array() && argument.size() == 2) return {argument[0], argument[1]};
  std::string text = argument.is_string() ? argument.get<std::string>() : "";
  size_t dot = text.find('.');
  if (dot == std::string::npos)
    invalid("Template error: every Fn::GetAtt object requires two non-empty parameters");
  return {text.substr(0, dot), text.substr(dot + 1)};
}

void collect(const json& value, std::set<std::string>& names) {
  if (value.is_array()) {
    for (const json& item : value) collect(item, names);
  }
  if (!value.is_object()) return;
  for (const auto& [key, item] : value.items()) {
    if (key == "Ref") {
      names.insert(item.get<std::string>());
    } else if (key == "Fn::GetAtt") {
      names.insert(attribute_of(item).first);
    } else if (key == "Fn::Sub") {
      std::set<std::string> own;
      if (item.is_array()) {
        collect(item[1], names);
        for (const auto& [name, unused] : item[1].items()) own.insert(name);
      }
      for (const std::string& name : sub_names(item.is_array() ? item[0] : item)) {
        if (!own.contains(name)) names.insert(name.substr(0, name.find('.')));
      }
    } else if (key.rfind("Fn::", 0) == 0 && key != "Fn::Join") {
      invalid("Template error: the fake AWS does not know " + key);
    } else {
      collect(item, names);
    }
  }
}

void order_resources(StackTemplate& out, std::map<std::string, std::set<std::string>> needs) {
  while (out.order.size() < out.resources.size()) {
    size_t before = out.order.size();
    for (const auto& [name, unused] : out.resources) {
      bool placed = std::find(out.order.begin(), out.order.end(), name) != out.order.end();
      bool ready = std::all_of(needs[name].begin(), needs[name].end(), [&](const std::string& other) {
        return std::find(out.order.begin(), out.order.end(), other) != out.order.end();
      });
      if (!placed && ready) out.order.push_back(name);
    }
    if (out.order.size() == before) invalid("Circular dependency between resources");
  }
}

void check_section(const json& root) {
  static const std::set<std::string> kSections = {
      "AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Resources", "Outputs"};
  for (const auto& [name, unused] : root.items()) {
    if (!kSections.contains(name)) invalid("Invalid template property or properties [" + name + "]");
  }
  if (!root.contains("Resources") || root["Resources"].empty()) {
    invalid("Template format error: At least one Resources member must be defined.");
  }
}

ResourceDefinition definition_of(const std::string& name, const json& source) {
  static const std::set<std::string> kKeys = {
      "Type", "Properties", "DeletionPolicy", "UpdateReplacePolicy", "DependsOn", "Metadata"};
  static const std::set<std::string> kPolicies = {"", "Delete", "Retain", "Snapshot"};
  for (const auto& [key, unused] : source.items()) {
    if (!kKeys.contains(key)) invalid("Invalid template resource property '" + key + "'");
  }
  ResourceDefinition out;
  out.type = source.value("Type", "");
  out.properties = source.value("Properties", json::object());
  out.deletion_policy = source.value("DeletionPolicy", "");
  out.update_replace_policy = source.value("UpdateReplacePolicy", "");
  if (!kPolicies.contains(out.deletion_policy) || !kPolicies.contains(out.update_replace_policy)) {
    invalid("Template error: unknown policy in resource " + name);
  }
  return out;
}

std::string text_value(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

void check_parameter(const std::string& name, const json& definition, const std::string& value) {
  if (definition.contains("AllowedValues")) {
    const json& allowed = definition["AllowedValues"];
    bool found =
        std::any_of(allowed.begin(), allowed.end(), [&](const json& v) { return text_value(v) == value; });
    if (!found) invalid("Parameter '" + name + "' must be one of AllowedValues");
  }
  if (definition.contains("AllowedPattern") &&
      !RE2::FullMatch(value, definition["AllowedPattern"].get<std::string>())) {
    invalid("Parameter '" + name + "' must match pattern " + definition["AllowedPattern"].get<std::string>());
  }
  if (definition.value("Type", "") == "Number" && !RE2::FullMatch(value, "-?[0-9]+(\\.[0-9]+)?")) {
    invalid("Parameter '" + name + "' must be a number.");
  }
}

std::string substitute(const std::string& text, const json& own, const ResolveScope& scope) {
  std::string out;
  size_t at = 0;
  for (size_t start = text.find("${"); start != std::string::npos; start = text.find("${", at)) {
    size_t end = text.find('}', start);
    std::string name = text.substr(start + 2, end - start - 2);
    out += text.substr(at, start - at);
    at = end + 1;
    if (name.starts_with('!')) {
      out += "${" + name.substr(1) + "}";
    } else if (own.contains(name)) {
      out += text_value(resolve(own[name], scope));
    } else if (name.find('.') != std::string::npos) {
      out += text_value(resolve({{"Fn::GetAtt", name}}, scope));
    } else {
      out += text_value(resolve({{"Ref", name}}, scope));
    }
  }
  return out + text.substr(at);
}

json reference(const std::string& name, const ResolveScope& scope) {
  if (auto found = scope.pseudo.find(name); found != scope.pseudo.end()) return found->second;
  if (auto found = scope.parameters->find(name); found != scope.parameters->end()) {
    if (!scope.lists.contains(name)) return found->second;
    json items = json::array();
    for (const std::string& item : split(found->second, ',')) items.push_back(trim(item));
    return items;
  }
  return scope.physical(name);
}

bool is_no_value(const json& value) {
  return value.is_object() && value.value("Ref", json()) == "AWS::NoValue";
}

}  // namespace

StackTemplate parse_template(const std::string& body) {
  StackTemplate out;
  out.body = body;
  const size_t start = body.find_first_not_of(" \t\r\n");
  if (start != std::string::npos && body[start] == '{') {
    out.root = parse_json(body);
    if (out.root.is_discarded()) invalid("Template format error: JSON not well-formed.");
  } else {
    out.root = parse_yaml_template(body);
  }
  if (!out.root.is_object()) invalid("Template format error: unsupported structure.");
  check_section(out.root);
  std::set<std::string> known;
  const json definitions = out.root.value("Parameters", json::object());
  for (const auto& [name, unused] : definitions.items()) known.insert(name);
  for (const auto& [name, source] : out.root["Resources"].items()) {
    if (!RE2::FullMatch(name, "[A-Za-z0-9]+"))
      invalid("Template format error: Resource name " + name + " is non alphanumeric.");
    out.resources[name] = definition_of(name, source);
  }
  std::map<std::string, std::set<std::string>> needs;
  std::set<std::string> unresolved;
  auto check = [&](const json& value, std::set<std::string>& into) {
    std::set<std::string> names;
    collect(value, names);
    for (const std::string& name : names) {
      if (out.resources.contains(name)) {
        into.insert(name);
      } else if (!known.contains(name) && name.rfind("AWS::", 0) != 0) {
        unresolved.insert(name);
      }
    }
  };
  for (const auto& [name, source] : out.root["Resources"].items()) {
    check(source.value("Properties", json::object()), needs[name]);
    json depends = source.value("DependsOn", json::array());
    for (const json& other : depends.is_string() ? json::array({depends}) : depends) {
      if (!out.resources.contains(other.get<std::string>())) unresolved.insert(other);
      needs[name].insert(other.get<std::string>());
    }
  }
  std::set<std::string> ignored;
  check(out.root.value("Outputs", json::object()), ignored);
  if (!unresolved.empty()) {
    invalid(fmt::format(
        "Template format error: Unresolved resource dependencies [{}] in the Resources block of the "
        "template",
        join(std::vector<std::string>(unresolved.begin(), unresolved.end()), ", ")));
  }
  order_resources(out, std::move(needs));
  return out;
}

Parameters effective_parameters(const StackTemplate& source, const json& given, const Parameters* previous) {
  const json definitions = source.root.value("Parameters", json::object());
  Parameters out;
  for (const json& parameter : given) {
    std::string name = parameter.value("ParameterKey", "");
    if (!definitions.contains(name)) invalid("Parameters: [" + name + "] do not exist in the template");
    if (parameter.value("UsePreviousValue", false)) {
      if (previous == nullptr || !previous->contains(name)) {
        invalid("Invalid input for parameter key " + name +
                ". Cannot specify usePreviousValue as true for a parameter key not in the previous template");
      }
      if (parameter.contains("ParameterValue"))
        invalid("Invalid input for parameter key " + name + ". Cannot specify both");
      out[name] = previous->at(name);
    } else {
      out[name] = parameter.value("ParameterValue", "");
    }
  }
  std::vector<std::string> missing;
  for (const auto& [name, definition] : definitions.items()) {
    if (!out.contains(name)) {
      if (definition.contains("Default")) {
        out[name] = text_value(definition["Default"]);
      } else {
        missing.push_back(name);
        continue;
      }
    }
    check_parameter(name, definition, out[name]);
  }
  if (!missing.empty()) invalid("Parameters: [" + join(missing, ", ") + "] must have values");
  return out;
}

json resolve(const json& value, const ResolveScope& scope) {
  if (value.is_array()) {
    json out = json::array();
    for (const json& item : value) {
      if (!is_no_value(item)) out.push_back(resolve(item, scope));
    }
    return out;
  }
  if (!value.is_object()) return value;
  if (value.size() == 1) {
    const std::string& key = value.begin().key();
    const json& argument = *value.begin();
    if (key == "Ref") return reference(argument, scope);
    if (key == "Fn::GetAtt") {
      auto [logical, attribute] = attribute_of(argument);
      return scope.attribute(logical, attribute);
    }
    if (key == "Fn::Sub") {
      return argument.is_array() ? substitute(argument[0], argument[1], scope)
                                 : substitute(argument, json::object(), scope);
    }
    if (key == "Fn::Join") {
      std::string out;
      json parts = resolve(argument[1], scope);
      for (size_t i = 0; i < parts.size(); ++i)
        out += (i == 0 ? "" : argument[0].get<std::string>()) + text_value(parts[i]);
      return out;
    }
  }
  json out = json::object();
  for (const auto& [key, item] : value.items()) {
    if (!is_no_value(item)) out[key] = resolve(item, scope);
  }
  return out;
}

}  // namespace ytb::fakes::aws
