// CloudFormation templates (JSON): parsing, parameters, intrinsic functions. Pure; throws Refusal.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "tests/fakes/aws/world.h"

namespace ytb::fakes::aws {

struct ResourceDefinition {
  std::string type;
  json properties = json::object();
  std::string deletion_policy;  // "" where the template does not say
  std::string update_replace_policy;
};

struct StackTemplate {
  std::string body;
  json root;
  std::map<std::string, ResourceDefinition> resources;
  std::vector<std::string> order;  // what is referred to comes first
};

using Parameters = std::map<std::string, std::string>;

// A template in YAML, its short forms (!Ref, !Sub, !GetAtt, …) written out.
json parse_yaml_template(const std::string& body);
StackTemplate parse_template(const std::string& body);
// The request's Parameters over the previous ones (UsePreviousValue) over the template's defaults.
Parameters effective_parameters(const StackTemplate& source, const json& given, const Parameters* previous);

struct ResolveScope {
  const Parameters* parameters = nullptr;
  std::set<std::string> lists;                // parameters that are lists: a Ref to one is an array
  std::map<std::string, std::string> pseudo;  // "AWS::Region" → …
  std::function<std::string(const std::string& logical)> physical;
  std::function<json(const std::string& logical, const std::string& attribute)> attribute;
};
json resolve(const json& value, const ResolveScope& scope);

}  // namespace ytb::fakes::aws
