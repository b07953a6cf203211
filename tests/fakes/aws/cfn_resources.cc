#include "tests/fakes/aws/cfn_resources.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "tests/fakes/aws/rds.h"
#include "tests/fakes/aws/route53.h"

namespace ytb::fakes::aws {
namespace {

constexpr std::string_view kInstance = "AWS::RDS::DBInstance";
constexpr std::string_view kGroup = "AWS::RDS::DBParameterGroup";
constexpr std::string_view kCluster = "AWS::RDS::DBCluster";
constexpr std::string_view kClusterGroup = "AWS::RDS::DBClusterParameterGroup";
constexpr std::string_view kRecord = "AWS::Route53::RecordSet";
constexpr size_t kNameMax = 63;

std::string principal_of(const std::string& stack) { return "cloudformation.amazonaws.com/" + stack; }

json tag_list(const StackResource& resource) {
  Tags tags = tags_from_json(resource.properties.value("Tags", json::array()));
  for (const auto& [key, value] : resource.tags) tags.emplace(key, value);
  return tags_to_json(tags);
}

// CloudFormation takes texts for numbers and booleans.
json typed(const std::string& name, const json& value) {
  static const std::set<std::string> kNumbers = {"AllocatedStorage", "BackupRetentionPeriod", "Iops",
                                                 "StorageThroughput"};
  static const std::set<std::string> kBooleans = {
      "PubliclyAccessible",      "DeletionProtection", "MultiAZ", "EnableIAMDatabaseAuthentication",
      "AutoMinorVersionUpgrade", "CopyTagsToSnapshot"};
  if (!value.is_string()) return value;
  std::string text = value;
  if (kNumbers.contains(name)) {
    if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) {
      refuse("ValidationError", "Properties validation failed: #/" + name + ": expected a number");
    }
    return std::stoll(text);
  }
  if (kBooleans.contains(name)) return text == "true";
  return value;
}

void check_properties(const StackResource& resource) {
  static const std::map<std::string_view, std::set<std::string>> kKnown = {
      {kInstance,
       {"DBInstanceIdentifier",
        "DBSnapshotIdentifier",
        "DBClusterSnapshotIdentifier",
        "DBInstanceClass",
        "AllocatedStorage",
        "StorageType",
        "Iops",
        "StorageThroughput",
        "BackupRetentionPeriod",
        "DBSubnetGroupName",
        "VPCSecurityGroups",
        "PubliclyAccessible",
        "DBParameterGroupName",
        "DeletionProtection",
        "EnableIAMDatabaseAuthentication",
        "MultiAZ",
        "AutoMinorVersionUpgrade",
        "CopyTagsToSnapshot",
        "Tags",
        "Engine",
        "EngineVersion",
        "MasterUsername",
        "MasterUserPassword",
        "DBName",
        "DeleteAutomatedBackups",
        "AvailabilityZone",
        "CACertificateIdentifier",
        "DBClusterIdentifier",
        "EngineLifecycleSupport",
        "LicenseModel"}},
      {kCluster,
       {"DBClusterIdentifier", "SnapshotIdentifier", "Engine", "EngineVersion", "DBSubnetGroupName",
        "VpcSecurityGroupIds", "DBClusterParameterGroupName", "EnableIAMDatabaseAuthentication",
        "BackupRetentionPeriod", "DeleteAutomatedBackups", "CopyTagsToSnapshot", "DeletionProtection",
        "EngineLifecycleSupport", "ServerlessV2ScalingConfiguration", "Tags"}},
      {kClusterGroup, {"DBClusterParameterGroupName", "Description", "Family", "Parameters", "Tags"}},
      {kGroup, {"DBParameterGroupName", "Description", "Family", "Parameters", "Tags"}},
      {kRecord, {"HostedZoneId", "HostedZoneName", "Name", "Type", "TTL", "ResourceRecords", "Comment"}}};
  static const std::map<std::string_view, std::vector<std::string>> kRequired = {
      {kInstance, {}},
      {kGroup, {"Description", "Family"}},
      {kCluster, {}},
      {kClusterGroup, {"Description", "Family", "Parameters"}},
      {kRecord, {"Name", "Type"}}};
  for (const auto& [name, unused] : resource.properties.items()) {
    if (!kKnown.at(resource.type).contains(name)) {
      refuse("ValidationError",
             fmt::format("Properties validation failed for resource {} with message: #: extraneous key "
                         "[{}] is not permitted",
                         resource.logical, name));
    }
  }
  for (const std::string& name : kRequired.at(resource.type)) {
    if (!resource.properties.contains(name)) {
      refuse("ValidationError",
             fmt::format("Properties validation failed for resource {} with message: #: required key "
                         "[{}] not found",
                         resource.logical, name));
    }
  }
}

}  // namespace

void StackResources::check_type(const std::string& type) {
  for (std::string_view known : {kInstance, kGroup, kCluster, kClusterGroup, kRecord}) {
    if (type == known) return;
  }
  refuse("ValidationError", "Template format error: Unrecognized resource types: [" + type + "]");
}

std::string StackResources::default_policy(const std::string& type) {
  return type == kInstance || type == kCluster ? "Snapshot" : "Delete";
}

bool StackResources::replaces(const std::string& type, const json& before, const json& after) {
  static const std::map<std::string_view, std::vector<std::string>> kReplacing = {
      {kInstance,
       {"DBInstanceIdentifier", "DBSnapshotIdentifier", "DBClusterSnapshotIdentifier", "DBSubnetGroupName",
        "Engine", "MasterUsername", "DBName", "AvailabilityZone"}},
      {kGroup, {"DBParameterGroupName", "Description", "Family"}},
      {kCluster, {"DBClusterIdentifier", "SnapshotIdentifier", "DBSubnetGroupName", "Engine"}},
      {kClusterGroup, {"DBClusterParameterGroupName", "Description", "Family"}},
      {kRecord, {"HostedZoneId", "HostedZoneName", "Name"}}};
  const auto& names = kReplacing.at(type);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return before.value(name, json()) != after.value(name, json());
  });
}

Stages StackResources::create(const ResourcePtr& resource, const std::string& stack) {
  check_properties(*resource);
  if (resource->type == kInstance) return create_instance(resource, stack);
  if (resource->type == kCluster) return create_cluster(resource, stack);
  if (resource->type == kGroup || resource->type == kClusterGroup) return create_group(resource, stack);
  return change_record(resource, resource->properties, "CREATE", stack);
}

Stages StackResources::modify(const ResourcePtr& resource, const json& properties, const Tags& tags,
                              const std::string& stack) {
  StackResource after = *resource;
  after.properties = properties;
  after.tags = tags;
  check_properties(after);
  if (resource->type == kRecord) return change_record(resource, properties, "UPSERT", stack);
  std::string who = principal_of(stack);
  std::string kind = resource->type == kInstance ? "db:" : resource->type == kCluster ? "cluster:" : "pg:";
  Stages stages;
  if ((resource->type == kInstance || resource->type == kCluster) && tag_list(after) != tag_list(*resource)) {
    json arn = world_.arn("rds", kind + resource->physical);
    json gone = json::array();
    Tags kept = tags_from_json(tag_list(after));
    for (const auto& [key, unused] : tags_from_json(tag_list(*resource))) {
      if (!kept.contains(key)) gone.push_back(key);
    }
    world_.act("rds", "AddTagsToResource", {{"ResourceName", arn}, {"Tags", tag_list(after)}}, who);
    if (!gone.empty())
      world_.act("rds", "RemoveTagsFromResource", {{"ResourceName", arn}, {"TagKeys", gone}}, who);
  }
  if (resource->type == kInstance) stages = modify_instance(resource, properties, stack);
  if (resource->type == kCluster) stages = modify_cluster(resource, properties, stack);
  stages.emplace_back([resource, properties, tags] {
    resource->properties = properties;
    resource->tags = tags;
    return true;
  });
  return stages;
}

bool StackResources::instance_ready(const std::string& id) {
  const json* instance = world_.service<Rds>("rds").instance(id);
  if (instance == nullptr) refuse("NotFound", "DB Instance " + id + " was deleted by somebody else");
  std::string status = (*instance)["DBInstanceStatus"];
  if (status == "failed" || status.rfind("incompatible-", 0) == 0 || status.rfind("inaccessible-", 0) == 0) {
    refuse("NotStabilized", "DB Instance " + id + " is in state: " + status);
  }
  // isDBInstanceStabilizedAfterMutate: exactly this word, and nothing under way.
  return status == "available" && (*instance)["PendingModifiedValues"].empty() &&
         (*instance)["DBParameterGroups"][0]["ParameterApplyStatus"] != "applying";
}

json StackResources::instance_input(const StackResource& resource, bool restore) const {
  // What a restore takes from the snapshot, and CloudFormation's own.
  static const std::set<std::string> kNotOnRestore = {"BackupRetentionPeriod", "EngineVersion",
                                                      "MasterUserPassword", "CACertificateIdentifier"};
  static const std::set<std::string> kNever = {"DeleteAutomatedBackups", "Tags", "VPCSecurityGroups"};
  json input = json::object();
  for (const auto& [name, value] : resource.properties.items()) {
    if (kNever.contains(name) || (restore && kNotOnRestore.contains(name))) continue;
    input[name] = typed(name, value);
  }
  if (resource.properties.contains("VPCSecurityGroups"))
    input["VpcSecurityGroupIds"] = resource.properties["VPCSecurityGroups"];
  input["Tags"] = tag_list(resource);
  return input;
}

Stages StackResources::create_instance(const ResourcePtr& resource, const std::string& stack) {
  const json& properties = resource->properties;
  bool restore = !properties.value("DBSnapshotIdentifier", "").empty() ||
                 !properties.value("DBClusterSnapshotIdentifier", "").empty();
  for (const char* name : {"MasterUsername", "DBName"}) {
    if (restore && properties.contains(name)) {
      refuse("InvalidRequest", fmt::format("{} cannot be given with DBSnapshotIdentifier", name));
    }
  }
  json input = instance_input(*resource, restore);
  std::string id = properties.value("DBInstanceIdentifier", "");
  if (id.empty())
    id = fmt::format("{}-{}-{}", stack, resource->logical, world_.fresh_id(12)).substr(0, kNameMax);
  id = to_lower_ascii(id);
  input["DBInstanceIdentifier"] = id;
  std::string who = principal_of(stack);
  Stages stages;
  stages.emplace_back([this, resource, input, id, who, restore] {
    world_.act("rds", restore ? "RestoreDBInstanceFromDBSnapshot" : "CreateDBInstance", input, who);
    resource->physical = id;
    return true;
  });
  stages.emplace_back([this, id] { return instance_ready(id); });
  // The handler modifies a restored instance only where one of these asks for it; a retention of 0 does not.
  bool modifies =
      restore && (properties.contains("MasterUserPassword") || properties.contains("DBParameterGroupName") ||
                  properties.contains("CACertificateIdentifier") || properties.contains("EngineVersion") ||
                  typed("BackupRetentionPeriod", properties.value("BackupRetentionPeriod", json(0))) != 0);
  if (!modifies) return stages;
  json change = {{"DBInstanceIdentifier", id}, {"ApplyImmediately", true}};
  for (const char* name : {"MasterUserPassword", "DBParameterGroupName", "CACertificateIdentifier",
                           "BackupRetentionPeriod", "EngineVersion"}) {
    if (properties.contains(name)) change[name] = typed(name, properties[name]);
  }
  stages.emplace_back([this, change, who] {
    world_.act("rds", "ModifyDBInstance", change, who);
    return true;
  });
  stages.emplace_back([this, id] { return instance_ready(id); });
  // shouldReboot: a group of one's own is in force only then.
  if (!properties.contains("DBParameterGroupName")) return stages;
  stages.emplace_back([this, id, who] {
    world_.act("rds", "RebootDBInstance", {{"DBInstanceIdentifier", id}}, who);
    return true;
  });
  stages.emplace_back([this, id] {
    return instance_ready(id) &&
           (*world_.service<Rds>("rds").instance(id))["DBParameterGroups"][0]["ParameterApplyStatus"] ==
               "in-sync";
  });
  return stages;
}

// With provisioned storage, gp3 among it, every update names size and IOPS, whatever it is about:
// Translator.modifyDbInstanceRequest.
void StackResources::add_provisioned_storage(const std::string& id, const json& properties, json& change) {
  const std::string type = properties.value("StorageType", "");
  const bool provisioned =
      type == "io1" || type == "io2" || type == "gp3" || (type.empty() && properties.contains("Iops"));
  const json* instance = world_.service<Rds>("rds").instance(id);
  if (!provisioned || instance == nullptr) return;
  int64_t gib = (*instance)["AllocatedStorage"];
  if (properties.contains("AllocatedStorage"))
    gib = std::max(gib, typed("AllocatedStorage", properties["AllocatedStorage"]).get<int64_t>());
  change["AllocatedStorage"] = gib;
  if (properties.contains("Iops")) change["Iops"] = typed("Iops", properties["Iops"]);
}

Stages StackResources::modify_instance(const ResourcePtr& resource, const json& properties,
                                       const std::string& stack) {
  json change = {{"DBInstanceIdentifier", resource->physical}, {"ApplyImmediately", true}};
  for (const auto& [name, value] : properties.items()) {
    if (name == "Tags" || name == "DeleteAutomatedBackups" ||
        resource->properties.value(name, json()) == value)
      continue;
    change[name == "VPCSecurityGroups" ? "VpcSecurityGroupIds" : name] = typed(name, value);
  }
  Stages stages;
  if (change.size() == 2) return stages;
  std::string id = resource->physical;
  add_provisioned_storage(id, properties, change);
  // ModifyDBInstance answers before it shows: wait for what was asked and not for a status.
  json groups = change.value("VpcSecurityGroupIds", json());
  stages.emplace_back([this, change, stack] {
    world_.act("rds", "ModifyDBInstance", change, principal_of(stack));
    return true;
  });
  stages.emplace_back([this, id, groups] {
    if (!instance_ready(id)) return false;
    const json& instance = *world_.service<Rds>("rds").instance(id);
    json now = json::array();
    for (const json& group : instance["VpcSecurityGroups"]) now.push_back(group["VpcSecurityGroupId"]);
    return groups.is_null() || now == groups;
  });
  return stages;
}

Stages StackResources::create_group(const ResourcePtr& resource, const std::string& stack) {
  const json& properties = resource->properties;
  const std::string kind = resource->type == kClusterGroup ? "DBClusterParameterGroup" : "DBParameterGroup";
  std::string name = properties.value(kind + "Name", "");
  if (name.empty()) name = fmt::format("{}-{}-{}", stack, resource->logical, world_.fresh_id(12));
  name = to_lower_ascii(name);
  json input = {{kind + "Name", name},
                {"DBParameterGroupFamily", properties["Family"]},
                {"Description", properties["Description"]},
                {"Tags", tag_list(*resource)}};
  json parameters = json::array();
  const json wanted = properties.value("Parameters", json::object());
  for (const auto& [key, value] : wanted.items()) {
    parameters.push_back({{"ParameterName", key},
                          {"ParameterValue", value.is_string() ? value.get<std::string>() : value.dump()}});
  }
  Stages stages;
  stages.emplace_back([this, resource, input, parameters, name, kind, who = principal_of(stack)] {
    world_.act("rds", "Create" + kind, input, who);
    resource->physical = name;
    if (!parameters.empty()) {
      world_.act("rds", "Modify" + kind, {{kind + "Name", name}, {"Parameters", parameters}}, who);
    }
    return true;
  });
  return stages;
}

std::string StackResources::zone_of(const json& properties) {
  if (properties.contains("HostedZoneId")) return properties["HostedZoneId"];
  std::string name = properties.value("HostedZoneName", "");
  if (!name.ends_with('.'))
    refuse("InvalidRequest", "Invalid HostedZoneName: it must end with a period: " + name);
  std::vector<std::string> zones = world_.service<Route53>("route53").zones_named(name);
  if (zones.empty()) refuse("InvalidRequest", "No hosted zones named " + name + " found");
  if (zones.size() > 1) refuse("InvalidRequest", "Found multiple hosted zones with name: " + name);
  return zones[0];
}

Stages StackResources::change_record(const ResourcePtr& resource, const json& properties,
                                     const std::string& action, const std::string& stack) {
  json record = {
      {"Name", properties["Name"]}, {"Type", properties["Type"]}, {"ResourceRecords", json::array()}};
  if (properties.contains("TTL")) {
    record["TTL"] = properties["TTL"].is_string() ? std::stoll(properties["TTL"].get<std::string>())
                                                  : properties["TTL"].get<int64_t>();
  }
  for (const json& value : properties.value("ResourceRecords", json::array()))
    record["ResourceRecords"].push_back({{"Value", value}});
  json input = {{"HostedZoneId", zone_of(properties)},
                {"ChangeBatch", {{"Changes", {{{"Action", action}, {"ResourceRecordSet", record}}}}}}};
  auto change_id = std::make_shared<std::string>();
  Stages stages;
  stages.emplace_back([this, resource, input, properties, change_id, action, who = principal_of(stack)] {
    json answer = world_.act("route53", "ChangeResourceRecordSets", input, who);
    *change_id = answer["ChangeInfo"]["Id"];
    resource->physical = properties["Name"];
    if (action == "UPSERT") resource->properties = properties;
    return true;
  });
  stages.emplace_back([this, change_id] { return world_.service<Route53>("route53").in_sync(*change_id); });
  return stages;
}

Stages StackResources::remove(const ResourcePtr& resource, const std::string& policy,
                              const std::string& stack) {
  Stages stages;
  if (resource->physical.empty()) return stages;
  std::string who = principal_of(stack);
  std::string name = resource->physical;
  if (resource->type == kRecord) {
    stages = change_record(resource, resource->properties, "DELETE", stack);
    return stages;
  }
  if (resource->type == kCluster) return remove_cluster(*resource, stack);
  if (resource->type == kGroup || resource->type == kClusterGroup) {
    const std::string kind = resource->type == kClusterGroup ? "DBClusterParameterGroup" : "DBParameterGroup";
    stages.emplace_back([this, name, who, kind] {
      try {
        world_.act("rds", "Delete" + kind, {{kind + "Name", name}}, who);
      } catch (const Refusal& refusal) {
        if (refusal.code != "DBParameterGroupNotFoundFault") throw;
      }
      return true;
    });
    return stages;
  }
  json input = {{"DBInstanceIdentifier", name}};
  if (resource->properties.contains("DeleteAutomatedBackups")) {
    input["DeleteAutomatedBackups"] = resource->properties["DeleteAutomatedBackups"] != "false" &&
                                      resource->properties["DeleteAutomatedBackups"] != false;
  }
  if (policy == "Snapshot") {
    input["FinalDBSnapshotIdentifier"] =
        to_lower_ascii(fmt::format("{}-snapshot-{}-{}", stack, resource->logical, world_.fresh_id(12)));
  } else {
    input["SkipFinalSnapshot"] = true;
  }
  stages.emplace_back([this, input, who] {
    try {
      world_.act("rds", "DeleteDBInstance", input, who);
    } catch (const Refusal& refusal) {
      bool under_way = refusal.message.find("already being deleted") != std::string::npos;
      if (refusal.code != "DBInstanceNotFoundFault" && !under_way) throw;
    }
    return true;
  });
  stages.emplace_back([this, name] { return world_.service<Rds>("rds").instance(name) == nullptr; });
  return stages;
}

json StackResources::attribute(const StackResource& resource, const std::string& name) {
  if (resource.type == kInstance) {
    const json* instance = world_.service<Rds>("rds").instance(resource.physical);
    if (instance != nullptr && name == "Endpoint.Address") return (*instance)["Endpoint"]["Address"];
    if (instance != nullptr && name == "Endpoint.Port")
      return std::to_string((*instance)["Endpoint"]["Port"].get<int>());
    if (instance != nullptr && (name == "DBInstanceArn" || name == "DbiResourceId")) return (*instance)[name];
  }
  if (resource.type == kCluster) {
    const json* cluster = world_.service<Rds>("rds").cluster(resource.physical);
    if (cluster != nullptr && name == "Endpoint.Address") return (*cluster)["Endpoint"];
    if (cluster != nullptr && name == "Endpoint.Port") return std::to_string((*cluster)["Port"].get<int>());
  }
  refuse("ValidationError",
         fmt::format("Template error: resource {} does not support attribute type {} in Fn::GetAtt",
                     resource.logical, name));
}

}  // namespace ytb::fakes::aws
