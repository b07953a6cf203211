// CloudFormation's operations: what is refused, what is begun, what is shown.
#include "tests/fakes/aws/cloudformation.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <set>

#include "base/text.h"

namespace ytb::fakes::aws {
namespace {

constexpr size_t kEventsPerPage = 20;
constexpr size_t kStacksPerPage = 10;
constexpr size_t kStackTagsMax = 50;

[[noreturn]] void invalid(const std::string& message) { refuse("ValidationError", message); }

bool is_updatable(const std::string& status) {
  static const std::set<std::string> kUpdatable = {"CREATE_COMPLETE", "UPDATE_COMPLETE",
                                                   "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE",
                                                   "IMPORT_ROLLBACK_COMPLETE"};
  return kUpdatable.contains(status);
}

// What CloudFormation compares. Policies alone have long been no change to it, and silently were not taken
// (aws-cloudformation/cloudformation-coverage-roadmap#1543); the newer, kinder behaviour is not counted on.
// A resource's Metadata is.
json comparable(json root) {
  for (json& resource : root["Resources"]) {
    resource.erase("DeletionPolicy");
    resource.erase("UpdateReplacePolicy");
    resource.erase("DependsOn");
  }
  return root;
}

json parse_policy(const std::string& text) {
  json policy = parse_json(text);
  if (policy.is_discarded() || !policy.contains("Statement"))
    invalid("Error validating stack policy: Invalid stack policy");
  for (const json& statement : policy["Statement"]) {
    if (statement.value("Principal", json()) != "*")
      invalid("Error validating stack policy: Invalid value for Principal");
  }
  return policy;
}

}  // namespace

CloudFormation::CloudFormation(World& world)
    : world_(world), kinds_(world), shown_(world.settings.stale_reads) {
  on("CreateStack", [this](Call& call) { return create(call); });
  on("UpdateStack", [this](Call& call) { return update(call); });
  on("DeleteStack", [this](Call& call) { return remove(call); });
  on("ContinueUpdateRollback", [this](Call& call) { return continue_rollback(call); });
  on("DescribeStacks", [this](Call& call) { return describe(call); });
  on("DescribeStackEvents", [this](Call& call) { return describe_events(call); });
  on("DescribeStackResources", [this](Call& call) { return describe_resources(call); });
  on("ListStacks", [this](Call& call) { return list(call); });
  add_small_operations();
}

// A step that is still to be done holds its stack, which holds the step.
CloudFormation::~CloudFormation() {
  for (const StackPtr& stack : stacks_) stack->steps.clear();
}

std::string CloudFormation::status(const std::string& name) const {
  for (const StackPtr& stack : stacks_) {
    if (stack->name == name && !stack->deleted) return stack->status;
  }
  return "";
}

CloudFormation::StackPtr CloudFormation::stack_named(const std::string& name, bool deleted_too) {
  for (const StackPtr& stack : stacks_) {
    if (stack->id == name && (deleted_too || !stack->deleted)) return stack;
    if (stack->name == name && !stack->deleted) return stack;
  }
  return nullptr;
}

void CloudFormation::check_tags(const json& tags) const {
  static const RE2 kAlphabet(R"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)");
  std::set<std::string> keys;
  for (const json& tag : tags) {
    std::string key = tag.value("Key", "");
    if (key.rfind("aws:", 0) == 0) invalid("Tag keys starting with aws: are reserved: " + key);
    if (!keys.insert(key).second) invalid("Duplicate tag key " + key);
    if (!RE2::FullMatch(key, kAlphabet) || !RE2::FullMatch(tag.value("Value", ""), kAlphabet)) {
      invalid("Invalid tag " + key);
    }
  }
  if (tags.size() > kStackTagsMax) invalid("more than 50 tags");
}

json CloudFormation::create(Call& call) {
  std::string name = call.text("StackName");
  call.target = "stack:" + name;
  if (!RE2::FullMatch(name, "[a-zA-Z][-a-zA-Z0-9]*") || name.size() > 128) {
    invalid("1 validation error detected: Value '" + name +
            "' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: "
            "[a-zA-Z][-a-zA-Z0-9]*");
  }
  if (stack_named(name) != nullptr) refuse("AlreadyExistsException", "Stack [" + name + "] already exists");
  if (call.has("DisableRollback") && call.has("OnFailure"))
    invalid("You cannot specify both DisableRollback and OnFailure");
  if (!call.has("TemplateBody")) invalid("Either Template URL or Template Body must be specified.");
  auto stack = std::make_shared<Stack>();
  stack->name = name;
  stack->source = parse_template(call.text("TemplateBody"));
  for (const auto& [logical, definition] : stack->source.resources)
    StackResources::check_type(definition.type);
  stack->parameters =
      effective_parameters(stack->source, call.input.value("Parameters", json::array()), nullptr);
  json tags = call.input.value("Tags", json::array());
  check_tags(tags);
  stack->tags = tags_from_json(tags);
  if (call.has("StackPolicyBody")) stack->policy = parse_policy(call.text("StackPolicyBody"));
  stack->role_arn = call.text("RoleARN");
  stack->token = call.text("ClientRequestToken");
  stack->disable_rollback = call.flag("DisableRollback");
  stack->on_failure = call.text("OnFailure");
  stack->protected_ = call.flag("EnableTerminationProtection");
  stack->created = world_.now();
  stack->id = world_.arn("cloudformation", fmt::format("stack/{}/{}", name, world_.fresh_id(32)));
  stacks_.push_back(stack);
  for (const std::string& logical : stack->source.order) stack->steps.push_back(create_step(stack, logical));
  begin_work(stack, "CREATE_IN_PROGRESS", "User Initiated");
  return {{"StackId", stack->id}};
}

bool CloudFormation::is_repeat(Stack& stack, const Call& call) {
  const std::string token = call.text("ClientRequestToken");
  if (token.empty()) return false;
  auto [found, is_new] = stack.tokens.emplace(token, call.operation);
  if (!is_new && found->second != call.operation)
    refuse("TokenAlreadyExistsException", "A client request token already exists.");
  return !is_new;
}

json CloudFormation::update(Call& call) {
  std::string name = call.text("StackName");
  call.target = "stack:" + name;
  StackPtr stack = stack_named(name);
  if (stack == nullptr) invalid("Stack [" + name + "] does not exist");
  if (is_repeat(*stack, call)) return {{"StackId", stack->id}};
  if (!is_updatable(stack->status)) {
    invalid(fmt::format("Stack:{} is in {} state and can not be updated.", stack->id, stack->status));
  }
  bool previous = call.flag("UsePreviousTemplate");
  if (previous == call.has("TemplateBody"))
    invalid("Either Template URL or Template Body must be specified.");
  StackTemplate source = previous ? stack->source : parse_template(call.text("TemplateBody"));
  for (const auto& [logical, definition] : source.resources) StackResources::check_type(definition.type);
  Parameters parameters =
      effective_parameters(source, call.input.value("Parameters", json::array()), &stack->parameters);
  Tags tags = stack->tags;
  if (call.has("Tags")) {
    check_tags(call.input["Tags"]);
    tags = tags_from_json(call.input["Tags"]);
  }
  if (comparable(source.root) == comparable(stack->source.root) && parameters == stack->parameters &&
      tags == stack->tags) {
    invalid("No updates are to be performed.");
  }
  if (call.has("StackPolicyBody")) stack->policy = parse_policy(call.text("StackPolicyBody"));
  stack->next_source = std::move(source);
  stack->next_parameters = std::move(parameters);
  stack->next_tags = std::move(tags);
  stack->token = call.text("ClientRequestToken");
  stack->updated = world_.now();
  stack->steps.clear();
  for (const std::string& logical : stack->next_source.order)
    stack->steps.push_back(update_step(stack, logical));
  for (auto it = stack->source.order.rbegin(); it != stack->source.order.rend(); ++it) {
    auto found = stack->resources.find(*it);
    if (stack->next_source.resources.contains(*it) || found == stack->resources.end()) continue;
    Step step;
    step.logical = *it;
    step.begin = [this, stack, resource = found->second](Step& self) -> Stages {
      self.resource = resource;
      check_policy(*stack, resource->logical, resource->type, "Update:Delete");
      stack->cleanup.push_back(resource);
      return {[stack, resource] { return stack->resources.erase(resource->logical) == 1; }};
    };
    stack->steps.push_back(std::move(step));
  }
  begin_work(stack, "UPDATE_IN_PROGRESS", "User Initiated");
  return {{"StackId", stack->id}};
}

json CloudFormation::remove(Call& call) {
  std::string name = call.text("StackName");
  call.target = "stack:" + name;
  StackPtr stack = stack_named(name);
  // No error: that is what AWS does.
  if (stack == nullptr || stack->status == "DELETE_IN_PROGRESS") return json::object();
  if (stack->protected_) {
    invalid("Stack [" + name + "] cannot be deleted while TerminationProtection is enabled");
  }
  bool busy = stack->status.ends_with("_IN_PROGRESS") && stack->status != "CREATE_IN_PROGRESS" &&
              stack->status != "ROLLBACK_IN_PROGRESS";
  if (busy) invalid("Stack [" + stack->id + "] cannot be deleted while in status " + stack->status);
  std::vector<std::string> retain = call.input.value("RetainResources", std::vector<std::string>{});
  if (!retain.empty() && stack->status != "DELETE_FAILED") {
    invalid("Invalid operation on stack [" + stack->id +
            "]. Retain resources is only valid in DELETE_FAILED");
  }
  stack->token = call.text("ClientRequestToken");
  stack->steps.clear();
  std::vector<std::string> order = stack->source.order;
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    auto found = stack->resources.find(*it);
    if (found == stack->resources.end() || found->second->status == "DELETE_COMPLETE") continue;
    bool keeps = std::find(retain.begin(), retain.end(), *it) != retain.end();
    stack->steps.push_back(
        remove_step(stack, found->second, keeps ? "Retain" : found->second->deletion_policy));
  }
  begin_work(stack, "DELETE_IN_PROGRESS", "User Initiated");
  return json::object();
}

json CloudFormation::continue_rollback(Call& call) {
  std::string name = call.text("StackName");
  call.target = "stack:" + name;
  StackPtr stack = stack_named(name);
  if (stack == nullptr) invalid("Stack [" + name + "] does not exist");
  if (is_repeat(*stack, call)) return json::object();
  if (stack->status != "UPDATE_ROLLBACK_FAILED") {
    invalid(fmt::format("Stack:{} is in {} state and can not continue rollback.", stack->id, stack->status));
  }
  if (call.has("RoleARN")) stack->role_arn = call.text("RoleARN");
  stack->token = call.text("ClientRequestToken");
  begin_work(stack, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated");
  return json::object();
}

json CloudFormation::view(const Stack& stack) const {
  json parameters = json::array();
  const json definitions = stack.source.root.value("Parameters", json::object());
  for (const auto& [name, value] : stack.parameters) {
    const json& hidden =
        definitions.contains(name) ? definitions[name].value("NoEcho", json(false)) : json(false);
    bool hides = hidden == true || hidden == "true";
    parameters.push_back({{"ParameterKey", name}, {"ParameterValue", hides ? "****" : value}});
  }
  json out = {{"StackId", stack.id},
              {"StackName", stack.name},
              {"StackStatus", stack.status},
              {"CreationTime", to_iso(stack.created, true)},
              {"Parameters", parameters},
              {"Tags", tags_to_json(stack.tags)},
              {"DisableRollback", stack.disable_rollback},
              {"NotificationARNs", json::array()},
              {"EnableTerminationProtection", stack.protected_},
              {"DriftInformation", {{"StackDriftStatus", "NOT_CHECKED"}}}};
  if (stack.source.root.contains("Description")) out["Description"] = stack.source.root["Description"];
  if (!stack.outputs.empty()) out["Outputs"] = stack.outputs;
  if (!stack.reason.empty()) out["StackStatusReason"] = stack.reason;
  if (!stack.role_arn.empty()) out["RoleARN"] = stack.role_arn;
  if (stack.updated) out["LastUpdatedTime"] = to_iso(*stack.updated, true);
  if (stack.deleted) out["DeletionTime"] = to_iso(*stack.deleted, true);
  return out;
}

json CloudFormation::describe(Call& call) {
  std::string name = call.text("StackName");
  if (!name.empty()) {
    StackPtr stack = stack_named(name, true);
    std::optional<json> seen;
    if (stack != nullptr) {
      seen = shown_.read(stack->id);
    } else {
      // A stack that is gone is still shown to readers that lag behind.
      for (const StackPtr& gone : stacks_) {
        if (gone->name != name) continue;
        seen = shown_.read(gone->id);
        if (seen && (*seen)["StackStatus"] == "DELETE_COMPLETE") seen.reset();
      }
    }
    if (!seen) invalid("Stack with id " + name + " does not exist");
    return {{"Stacks", json::array({*seen})}};
  }
  std::vector<json> found;
  for (json& stack : shown_.read_all()) {
    if (stack["StackStatus"] != "DELETE_COMPLETE") found.push_back(std::move(stack));
  }
  std::string next;
  json out = {
      {"Stacks", page_of(found, call.text("NextToken"), kStacksPerPage, "stacks", "ValidationError", next)}};
  if (!next.empty()) out["NextToken"] = next;
  return out;
}

json CloudFormation::describe_events(Call& call) {
  StackPtr stack = stack_named(call.text("StackName"), true);
  if (stack == nullptr) invalid("Stack [" + call.text("StackName") + "] does not exist");
  std::vector<json> events(stack->events.rbegin(), stack->events.rend());
  std::string next;
  json out = {{"StackEvents",
               page_of(events, call.text("NextToken"), kEventsPerPage, stack->id, "ValidationError", next)}};
  if (!next.empty()) out["NextToken"] = next;
  return out;
}

json CloudFormation::describe_resources(Call& call) {
  StackPtr stack = stack_named(call.text("StackName"), true);
  if (stack == nullptr) invalid("Stack with id " + call.text("StackName") + " does not exist");
  json out = json::array();
  for (const auto& [logical, resource] : stack->resources) {
    if (call.has("LogicalResourceId") && call.text("LogicalResourceId") != logical) continue;
    json one = {{"StackName", stack->name},
                {"StackId", stack->id},
                {"LogicalResourceId", logical},
                {"ResourceType", resource->type},
                {"Timestamp", to_iso(resource->changed, true)},
                {"ResourceStatus", resource->status}};
    if (!resource->physical.empty()) one["PhysicalResourceId"] = resource->physical;
    if (!resource->reason.empty()) one["ResourceStatusReason"] = resource->reason;
    out.push_back(std::move(one));
  }
  return {{"StackResources", out}};
}

json CloudFormation::list(Call& call) {
  std::vector<std::string> wanted = call.input.value("StackStatusFilter", std::vector<std::string>{});
  std::vector<json> found;
  for (const StackPtr& stack : stacks_) {
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), stack->status) == wanted.end()) continue;
    json one = {{"StackId", stack->id},
                {"StackName", stack->name},
                {"StackStatus", stack->status},
                {"CreationTime", to_iso(stack->created, true)}};
    if (stack->deleted) one["DeletionTime"] = to_iso(*stack->deleted, true);
    found.push_back(std::move(one));
  }
  std::string next;
  json out = {{"StackSummaries",
               page_of(found, call.text("NextToken"), kStacksPerPage,
                       call.input.value("StackStatusFilter", json()).dump(), "ValidationError", next)}};
  if (!next.empty()) out["NextToken"] = next;
  return out;
}

void CloudFormation::add_small_operations() {
  on("GetTemplate", [this](Call& call) {
    StackPtr stack = stack_named(call.text("StackName"), true);
    if (stack == nullptr) invalid("Stack with id " + call.text("StackName") + " does not exist");
    return json{{"TemplateBody", stack->source.body}, {"StagesAvailable", {"Original", "Processed"}}};
  });
  on("SetStackPolicy", [this](Call& call) {
    StackPtr stack = stack_named(call.text("StackName"));
    call.target = "stack:" + call.text("StackName");
    if (stack == nullptr) invalid("Stack with id " + call.text("StackName") + " does not exist");
    stack->policy = parse_policy(call.text("StackPolicyBody"));
    return json::object();
  });
  on("GetStackPolicy", [this](Call& call) {
    StackPtr stack = stack_named(call.text("StackName"));
    if (stack == nullptr) invalid("Stack with id " + call.text("StackName") + " does not exist");
    return stack->policy.is_null() ? json::object() : json{{"StackPolicyBody", stack->policy.dump()}};
  });
  on("UpdateTerminationProtection", [this](Call& call) {
    StackPtr stack = stack_named(call.text("StackName"));
    call.target = "stack:" + call.text("StackName");
    if (stack == nullptr) invalid("Stack [" + call.text("StackName") + "] does not exist");
    stack->protected_ = call.flag("EnableTerminationProtection");
    return json{{"StackId", stack->id}};
  });
  on("ValidateTemplate", [](Call& call) {
    StackTemplate source = parse_template(call.text("TemplateBody"));
    json parameters = json::array();
    const json definitions = source.root.value("Parameters", json::object());
    for (const auto& [name, definition] : definitions.items()) {
      parameters.push_back(
          {{"ParameterKey", name}, {"NoEcho", definition.value("NoEcho", json(false)) == true}});
    }
    return json{{"Parameters", parameters}};
  });
}

}  // namespace ytb::fakes::aws
