// How a stack's work goes on: steps, failure, rollback, clean-up.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "tests/fakes/aws/cloudformation.h"

namespace ytb::fakes::aws {
namespace {

constexpr Duration kPollFirst = std::chrono::milliseconds(20);
constexpr Duration kPollMost = std::chrono::seconds(2);

bool matches(const json& patterns, const std::string& value) {
  if (patterns.is_array()) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const json& one) { return matches(one, value); });
  }
  std::string pattern = patterns;
  if (pattern.ends_with('*')) return value.rfind(pattern.substr(0, pattern.size() - 1), 0) == 0;
  return pattern == value;
}

bool statement_fits(const json& statement, const std::string& logical, const std::string& type,
                    const std::string& action) {
  if (!matches(statement.value("Action", json::array()), action)) return false;
  if (!matches(statement.value("Resource", json::array()), "LogicalResourceId/" + logical)) return false;
  if (!statement.contains("Condition")) return true;
  const json& condition = statement["Condition"];
  json types = condition.value("StringEquals", condition.value("StringLike", json::object()))
                   .value("ResourceType", json::array());
  return matches(types, type);
}

}  // namespace

void CloudFormation::check_policy(const Stack& stack, const std::string& logical, const std::string& type,
                                  const std::string& action) const {
  if (stack.policy.is_null()) return;
  bool allowed = false;
  for (const json& statement : stack.policy.value("Statement", json::array())) {
    if (!statement_fits(statement, logical, type, action)) continue;
    if (statement.value("Effect", "") == "Deny") {
      refuse("AccessDenied",
             fmt::format("Action denied by stack policy: Statement does not allow [{}] on resource [{}]",
                         action, logical));
    }
    allowed = true;
  }
  if (!allowed)
    refuse("AccessDenied",
           "Action not allowed by stack policy: [" + action + "] on resource [" + logical + "]");
}

void CloudFormation::event(Stack& stack, const std::string& logical, const std::string& physical,
                           const std::string& type, const std::string& status, const std::string& reason) {
  json out = {{"StackId", stack.id},
              {"StackName", stack.name},
              {"EventId", world_.fresh_id(32)},
              {"LogicalResourceId", logical},
              {"PhysicalResourceId", physical},
              {"ResourceType", type},
              {"ResourceStatus", status},
              {"Timestamp", to_iso(world_.now(), true)}};
  if (!reason.empty()) out["ResourceStatusReason"] = reason;
  if (!stack.token.empty()) out["ClientRequestToken"] = stack.token;
  stack.events.push_back(std::move(out));
}

void CloudFormation::resource_event(Stack& stack, StackResource& resource, const std::string& status,
                                    const std::string& reason) {
  resource.status = status;
  resource.reason = reason;
  resource.changed = world_.now();
  event(stack, resource.logical, resource.physical, resource.type, status, reason);
}

void CloudFormation::set_status(const StackPtr& stack, const std::string& status, const std::string& reason) {
  stack->status = status;
  stack->reason = reason;
  event(*stack, stack->name, stack->id, "AWS::CloudFormation::Stack", status, reason);
  shown_.put(stack->id, view(*stack));
}

void CloudFormation::begin_work(const StackPtr& stack, const std::string& status, const std::string& reason) {
  set_status(stack, status, reason);
  uint64_t generation = ++stack->generation;
  world_.later(world_.settings.delays.stack_step,
               [this, stack, generation] { pump(stack, generation, kPollFirst); });
}

void CloudFormation::pump(const StackPtr& stack, uint64_t generation, Duration wait) {
  if (stack->generation != generation) return;
  while (!stack->steps.empty()) {
    Step& step = stack->steps.front();
    bool was_begun = step.begun;
    try {
      if (!run_step(stack, step)) {
        Duration next = was_begun ? std::min(wait * 5 / 4, kPollMost) : kPollFirst;
        world_.later(next, [this, stack, generation, next] { pump(stack, generation, next); });
        return;
      }
    } catch (const Refusal& refusal) {
      fail(stack, refusal.message);
      return;
    }
    stack->steps.pop_front();
  }
  finish(stack);
}

bool CloudFormation::run_step(const StackPtr& stack, Step& step) {
  if (!step.begun) {
    step.begun = true;
    step.left = step.begin(step);
    if (!step.verb.empty() && step.resource != nullptr)
      resource_event(*stack, *step.resource, step.verb + "_IN_PROGRESS");
  }
  while (!step.left.empty()) {
    if (!step.left.front()()) return false;
    step.left.pop_front();
  }
  if (!step.verb.empty() && step.resource != nullptr)
    resource_event(*stack, *step.resource, step.verb + "_COMPLETE");
  return true;
}

void CloudFormation::fail(const StackPtr& stack, const std::string& reason) {
  Step step = stack->steps.front();
  std::string verb = step.verb.empty() ? "UPDATE" : step.verb;
  if (step.resource != nullptr) {
    resource_event(*stack, *step.resource, verb + "_FAILED", reason);
  } else {
    event(*stack, step.logical, "", "", verb + "_FAILED", reason);
  }
  std::string told =
      fmt::format("The following resource(s) failed to {}: [{}]. ", to_lower_ascii(verb), step.logical);
  if (stack->status == "CREATE_IN_PROGRESS") {
    stack->steps.clear();
    if (stack->disable_rollback || stack->on_failure == "DO_NOTHING") {
      set_status(stack, "CREATE_FAILED", told);
      return;
    }
    std::vector<ResourcePtr> made;
    for (const std::string& logical : stack->source.order) {
      auto found = stack->resources.find(logical);
      if (found != stack->resources.end()) made.push_back(found->second);
    }
    for (auto it = made.rbegin(); it != made.rend(); ++it)
      stack->steps.push_back(remove_step(stack, *it, (*it)->deletion_policy));
    bool removes = stack->on_failure == "DELETE";
    begin_work(stack, removes ? "DELETE_IN_PROGRESS" : "ROLLBACK_IN_PROGRESS",
               told + (removes ? "Delete" : "Rollback") + " requested by user.");
  } else if (stack->status == "UPDATE_IN_PROGRESS") {
    stack->steps.clear();
    queue_rollback(stack);
    begin_work(stack, "UPDATE_ROLLBACK_IN_PROGRESS", told);
  } else if (stack->status == "ROLLBACK_IN_PROGRESS") {
    set_status(stack, "ROLLBACK_FAILED", told);
  } else if (stack->status == "UPDATE_ROLLBACK_IN_PROGRESS") {
    stack->steps.front().begun = false;
    set_status(stack, "UPDATE_ROLLBACK_FAILED", told);
  } else if (stack->status == "DELETE_IN_PROGRESS") {
    stack->steps.clear();
    set_status(stack, "DELETE_FAILED", told);
  } else {
    // Clean-up goes on without what it could not delete: AWS leaves it behind and says so in an event.
    stack->steps.pop_front();
    pump(stack, stack->generation, kPollFirst);
  }
}

void CloudFormation::finish(const StackPtr& stack) {
  if (stack->status == "CREATE_IN_PROGRESS") {
    stack->outputs = outputs_of(stack, stack->source, stack->parameters);
    set_status(stack, "CREATE_COMPLETE");
  } else if (stack->status == "UPDATE_IN_PROGRESS") {
    stack->source = stack->next_source;
    stack->parameters = stack->next_parameters;
    stack->tags = stack->next_tags;
    stack->outputs = outputs_of(stack, stack->source, stack->parameters);
    queue_cleanup(stack);
    begin_work(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS");
  } else if (stack->status == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS") {
    set_status(stack, "UPDATE_COMPLETE");
  } else if (stack->status == "UPDATE_ROLLBACK_IN_PROGRESS") {
    queue_cleanup(stack);
    begin_work(stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS");
  } else if (stack->status == "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS") {
    set_status(stack, "UPDATE_ROLLBACK_COMPLETE");
  } else if (stack->status == "ROLLBACK_IN_PROGRESS") {
    set_status(stack, "ROLLBACK_COMPLETE");
  } else if (stack->status == "DELETE_IN_PROGRESS") {
    stack->deleted = world_.now();
    set_status(stack, "DELETE_COMPLETE");
  }
}

Tags CloudFormation::resource_tags(const Stack& stack, const Tags& tags, const std::string& logical) const {
  Tags out = tags;
  out["aws:cloudformation:stack-name"] = stack.name;
  out["aws:cloudformation:stack-id"] = stack.id;
  out["aws:cloudformation:logical-id"] = logical;
  return out;
}

ResourcePtr CloudFormation::new_resource(const StackPtr& stack, const StackTemplate& source,
                                         const std::string& logical, const json& properties,
                                         const Tags& tags) {
  const ResourceDefinition& definition = source.resources.at(logical);
  auto resource = std::make_shared<StackResource>();
  resource->logical = logical;
  resource->type = definition.type;
  resource->properties = properties;
  resource->tags = resource_tags(*stack, tags, logical);
  resource->deletion_policy = definition.deletion_policy.empty()
                                  ? StackResources::default_policy(definition.type)
                                  : definition.deletion_policy;
  resource->update_replace_policy =
      definition.update_replace_policy.empty() ? "Delete" : definition.update_replace_policy;
  return resource;
}

CloudFormation::Step CloudFormation::create_step(const StackPtr& stack, const std::string& logical) {
  Step step;
  step.logical = logical;
  step.verb = "CREATE";
  step.begin = [this, stack, logical](Step& self) {
    json properties =
        resolve(stack->source.resources.at(logical).properties, scope_of(stack, stack->parameters));
    self.resource = new_resource(stack, stack->source, logical, properties, stack->tags);
    stack->resources[logical] = self.resource;
    Stages stages = kinds_.create(self.resource, stack->name);
    auto& planned = failing_[self.resource->type];
    if (!planned.empty()) {
      std::string reason = planned.front();
      planned.pop_front();
      stages.insert(stages.begin() + 1, [reason]() -> bool { refuse("NotStabilized", reason); });
    }
    return stages;
  };
  return step;
}

CloudFormation::Step CloudFormation::update_step(const StackPtr& stack, const std::string& logical) {
  Step step;
  step.logical = logical;
  step.begin = [this, stack, logical](Step& self) { return begin_update(stack, logical, self); };
  return step;
}

void CloudFormation::fail_if_planned(const std::string& type) {
  auto& planned = failing_changes_[type];
  if (planned.empty()) return;
  std::string reason = planned.front();
  planned.pop_front();
  refuse("NotStabilized", reason);
}

Stages CloudFormation::begin_update(const StackPtr& stack, const std::string& logical, Step& step) {
  const ResourceDefinition& definition = stack->next_source.resources.at(logical);
  json properties = resolve(definition.properties, scope_of(stack, stack->next_parameters));
  ResourcePtr fresh = new_resource(stack, stack->next_source, logical, properties, stack->next_tags);
  auto found = stack->resources.find(logical);
  if (found != stack->resources.end() && found->second->type == fresh->type) {
    ResourcePtr existing = found->second;
    step.resource = existing;
    bool replaces = StackResources::replaces(fresh->type, existing->properties, properties);
    if (!replaces) {
      bool same = existing->properties == properties && existing->tags == fresh->tags;
      existing->deletion_policy = fresh->deletion_policy;
      existing->update_replace_policy = fresh->update_replace_policy;
      if (same) return {};
      step.verb = "UPDATE";
      check_policy(*stack, logical, fresh->type, "Update:Modify");
      stack->undo.push_back({nullptr, std::make_shared<StackResource>(*existing), properties});
      fail_if_planned(fresh->type);
      return kinds_.modify(existing, properties, fresh->tags, stack->name);
    }
    step.verb = "UPDATE";
    check_policy(*stack, logical, fresh->type, "Update:Replace");
    for (const char* name : {"DBInstanceIdentifier", "DBParameterGroupName"}) {
      if (properties.contains(name) && properties[name] == existing->properties.value(name, json())) {
        refuse("ValidationError",
               fmt::format("CloudFormation cannot update a stack when a custom-named resource requires "
                           "replacing. Rename {} and update the stack again.",
                           properties[name].get<std::string>()));
      }
    }
    event(*stack, logical, existing->physical, existing->type, "UPDATE_IN_PROGRESS",
          "Requested update requires the creation of a new physical resource; hence creating one.");
    // What replaced it is judged by the new template's policy.
    existing->update_replace_policy = fresh->update_replace_policy;
    stack->undo.push_back({fresh, existing, {}});
    stack->cleanup.push_back(existing);
  } else {
    step.verb = "CREATE";
    stack->undo.push_back({fresh, nullptr, {}});
  }
  step.resource = fresh;
  Stages stages = kinds_.create(fresh, stack->name);
  auto& planned = failing_[fresh->type];
  if (!planned.empty()) {
    std::string reason = planned.front();
    planned.pop_front();
    stages.insert(stages.begin() + 1, [reason]() -> bool { refuse("NotStabilized", reason); });
  }
  stages.emplace_back([stack, logical, fresh] {
    stack->resources[logical] = fresh;
    return true;
  });
  return stages;
}

CloudFormation::Step CloudFormation::remove_step(const StackPtr& stack, const ResourcePtr& resource,
                                                 const std::string& policy) {
  Step step;
  step.logical = resource->logical;
  step.verb = "DELETE";
  step.resource = resource;
  step.begin = [this, stack, resource, policy](Step& self) -> Stages {
    if (policy != "Retain") return kinds_.remove(resource, policy, stack->name);
    self.verb.clear();
    resource_event(*stack, *resource, "DELETE_SKIPPED");
    return {};
  };
  return step;
}

void CloudFormation::queue_cleanup(const StackPtr& stack) {
  for (const ResourcePtr& resource : stack->cleanup) {
    auto kept = stack->resources.find(resource->logical);
    bool replaced = kept != stack->resources.end() && kept->second != resource;
    stack->steps.push_back(
        remove_step(stack, resource, replaced ? resource->update_replace_policy : resource->deletion_policy));
  }
  stack->cleanup.clear();
  stack->undo.clear();
}

void CloudFormation::queue_rollback(const StackPtr& stack) {
  stack->cleanup.clear();
  for (auto undo = stack->undo.rbegin(); undo != stack->undo.rend(); ++undo) {
    if (undo->made != nullptr) {
      // Nothing of the failed update is worth a final snapshot.
      undo->made->update_replace_policy = "Delete";
      undo->made->deletion_policy = "Delete";
      stack->cleanup.push_back(undo->made);
      if (undo->before != nullptr) {
        stack->resources[undo->before->logical] = undo->before;
      } else {
        stack->resources.erase(undo->made->logical);
      }
      continue;
    }
    ResourcePtr before = undo->before;
    json tried = undo->tried;
    Step step;
    step.logical = before->logical;
    step.verb = "UPDATE";
    step.resource = stack->resources.at(before->logical);
    step.begin = [this, stack, before, tried](Step& self) {
      fail_if_planned(before->type);
      // However far the update came with it, all of it is undone.
      self.resource->properties = tried;
      return kinds_.modify(self.resource, before->properties, before->tags, stack->name);
    };
    stack->steps.push_back(std::move(step));
  }
}

ResolveScope CloudFormation::scope_of(const StackPtr& stack, const Parameters& parameters) {
  ResolveScope scope;
  scope.parameters = &parameters;
  for (const StackTemplate* source : {&stack->source, &stack->next_source}) {
    if (!source->root.is_object()) continue;
    const json definitions = source->root.value("Parameters", json::object());
    for (const auto& [name, definition] : definitions.items()) {
      std::string type = definition.value("Type", "");
      if (type == "CommaDelimitedList" || type.starts_with("List<")) scope.lists.insert(name);
    }
  }
  scope.pseudo = {{"AWS::Region", world_.settings.region},
                  {"AWS::AccountId", world_.settings.account},
                  {"AWS::StackName", stack->name},
                  {"AWS::StackId", stack->id},
                  {"AWS::Partition", "aws"},
                  {"AWS::URLSuffix", "amazonaws.com"}};
  scope.physical = [stack](const std::string& logical) { return stack->resources.at(logical)->physical; };
  scope.attribute = [this, stack](const std::string& logical, const std::string& name) {
    return kinds_.attribute(*stack->resources.at(logical), name);
  };
  return scope;
}

json CloudFormation::outputs_of(const StackPtr& stack, const StackTemplate& source,
                                const Parameters& parameters) {
  json out = json::array();
  ResolveScope scope = scope_of(stack, parameters);
  const json outputs = source.root.value("Outputs", json::object());
  for (const auto& [name, definition] : outputs.items()) {
    json output = {{"OutputKey", name}, {"OutputValue", resolve(definition["Value"], scope)}};
    if (definition.contains("Description")) output["Description"] = definition["Description"];
    out.push_back(std::move(output));
  }
  return out;
}

}  // namespace ytb::fakes::aws
