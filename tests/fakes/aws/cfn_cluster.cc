// AWS::RDS::DBCluster in a stack.
#include <fmt/format.h>

#include "base/text.h"
#include "tests/fakes/aws/cfn_resources.h"
#include "tests/fakes/aws/rds.h"

namespace ytb::fakes::aws {
namespace {

std::string principal_of(const std::string& stack) { return "cloudformation.amazonaws.com/" + stack; }

}  // namespace

bool StackResources::cluster_ready(const std::string& id) {
  const json* cluster = world_.service<Rds>("rds").cluster(id);
  if (cluster == nullptr) refuse("NotFound", "DB Cluster " + id + " was deleted by somebody else");
  return (*cluster)["Status"] == "available" &&
         cluster->value("PendingModifiedValues", json::object()).empty();
}

Stages StackResources::create_cluster(const ResourcePtr& resource, const std::string& stack) {
  json input = resource->properties;
  if (input.value("SnapshotIdentifier", "").empty())
    refuse("NotImplemented", "the fake AWS makes clusters from snapshots only", 501);
  // The handler modifies a restored cluster for what a restore does not take.
  json change = {{"ApplyImmediately", true},
                 {"BackupRetentionPeriod", input.value("BackupRetentionPeriod", 1)}};
  for (const char* other : {"BackupRetentionPeriod", "DeleteAutomatedBackups"}) input.erase(other);
  Tags tags = tags_from_json(input.value("Tags", json::array()));
  for (const auto& [key, value] : resource->tags) tags.emplace(key, value);
  input["Tags"] = tags_to_json(tags);
  std::string id = to_lower_ascii(input.value("DBClusterIdentifier", ""));
  if (id.empty()) refuse("NotImplemented", "the fake AWS wants a name for a cluster", 501);
  input["DBClusterIdentifier"] = change["DBClusterIdentifier"] = id;
  std::string who = principal_of(stack);
  Stages stages;
  stages.emplace_back([this, resource, input, id, who] {
    world_.act("rds", "RestoreDBClusterFromSnapshot", input, who);
    resource->physical = id;
    return true;
  });
  stages.emplace_back([this, id] { return cluster_ready(id); });
  stages.emplace_back([this, change, who] {
    world_.act("rds", "ModifyDBCluster", change, who);
    return true;
  });
  stages.emplace_back([this, id, change] {
    const json* cluster = world_.service<Rds>("rds").cluster(id);
    return cluster_ready(id) && (*cluster)["BackupRetentionPeriod"] == change["BackupRetentionPeriod"];
  });
  return stages;
}

Stages StackResources::modify_cluster(const ResourcePtr& resource, const json& properties,
                                      const std::string& stack) {
  json change = {{"DBClusterIdentifier", resource->physical}, {"ApplyImmediately", true}};
  for (const auto& [name, value] : properties.items()) {
    if (name != "Tags" && resource->properties.value(name, json()) != value) change[name] = value;
  }
  Stages stages;
  if (change.size() == 2) return stages;
  std::string id = resource->physical;
  json groups = change.value("VpcSecurityGroupIds", json());
  stages.emplace_back([this, change, stack] {
    world_.act("rds", "ModifyDBCluster", change, principal_of(stack));
    return true;
  });
  stages.emplace_back([this, id, groups] {
    if (!cluster_ready(id)) return false;
    json now = json::array();
    for (const json& group : (*world_.service<Rds>("rds").cluster(id))["VpcSecurityGroups"])
      now.push_back(group["VpcSecurityGroupId"]);
    return groups.is_null() || now == groups;
  });
  return stages;
}

Stages StackResources::remove_cluster(const StackResource& resource, const std::string& stack) {
  std::string id = resource.physical;
  Stages stages;
  stages.emplace_back([this, id, who = principal_of(stack)] {
    try {
      world_.act("rds", "DeleteDBCluster", {{"DBClusterIdentifier", id}, {"SkipFinalSnapshot", true}}, who);
    } catch (const Refusal& refusal) {
      if (refusal.code != "DBClusterNotFoundFault") throw;
    }
    return true;
  });
  stages.emplace_back([this, id] { return world_.service<Rds>("rds").cluster(id) == nullptr; });
  return stages;
}

}  // namespace ytb::fakes::aws
