// Parameter groups, subnet groups, and what an account may have.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "tests/fakes/aws/rds.h"

namespace ytb::fakes::aws {
namespace {

const std::vector<std::string> kVersions = {"13.11", "14.8", "15.4", "16.1"};
const std::vector<std::string> kClasses = {"db.t3.micro", "db.t3.small", "db.t3.medium", "db.m5.large",
                                           "db.r5.large"};

}  // namespace

void Rds::seed_subnet_group(const std::string& name) {
  json subnets = json::array();
  for (const char* zone : {"a", "b"}) {
    subnets.push_back({{"SubnetIdentifier", fmt::format("subnet-0000000000000000{}", zone)},
                       {"SubnetAvailabilityZone", {{"Name", world_.settings.region + zone}}},
                       {"SubnetStatus", "Active"}});
  }
  subnet_groups_.put(name, {{"DBSubnetGroupName", name},
                            {"DBSubnetGroupDescription", name},
                            {"VpcId", "vpc-00000000000000001"},
                            {"SubnetGroupStatus", "Complete"},
                            {"DBSubnetGroupArn", world_.arn("rds", "subgrp:" + name)},
                            {"Subnets", subnets}});
}

void Rds::add_group_operations() {
  on("CreateDBParameterGroup", [this](Call& call) {
    std::string name = to_lower_ascii(call.text("DBParameterGroupName"));
    call.target = "pg:" + name;
    check_identifier("DBParameterGroupName", name, 255);
    if (parameter_groups_.has(name)) {
      refuse("DBParameterGroupAlreadyExistsFault", "Parameter group " + name + " already exists");
    }
    check_tags(call, call.input.value("Tags", json::array()));
    json group = {{"DBParameterGroupName", name},
                  {"DBParameterGroupFamily", call.text("DBParameterGroupFamily")},
                  {"Description", call.text("Description")},
                  {"DBParameterGroupArn", world_.arn("rds", "pg:" + name)}};
    parameter_groups_.put(name, group);
    return json{{"DBParameterGroup", group}};
  });
  on("ModifyDBParameterGroup", [this](Call& call) {
    std::string name = to_lower_ascii(call.text("DBParameterGroupName"));
    call.target = "pg:" + name;
    if (!parameter_groups_.has(name))
      refuse("DBParameterGroupNotFoundFault", "DBParameterGroup not found: " + name);
    for (const json& parameter : call.input["Parameters"]) {
      parameters_[name][parameter.value("ParameterName", "")] = parameter.value("ParameterValue", "");
    }
    return json{{"DBParameterGroupName", name}};
  });
  on("DeleteDBParameterGroup", [this](Call& call) {
    std::string name = to_lower_ascii(call.text("DBParameterGroupName"));
    call.target = "pg:" + name;
    if (!parameter_groups_.has(name))
      refuse("DBParameterGroupNotFoundFault", "DBParameterGroup not found: " + name);
    for (const std::string& id : instances_.names()) {
      if ((*instances_.find(id))["DBParameterGroups"][0]["DBParameterGroupName"] == name) {
        refuse("InvalidDBParameterGroupStateFault",
               "One or more database instances are still members of " + name);
      }
    }
    parameter_groups_.erase(name);
    parameters_.erase(name);
    return json::object();
  });
  on("DescribeDBParameterGroups", [this](Call& call) {
    std::string name = call.text("DBParameterGroupName");
    std::vector<json> found;
    for (json& group : parameter_groups_.read_all()) {
      if (name.empty() || group["DBParameterGroupName"] == name) found.push_back(std::move(group));
    }
    if (!name.empty() && found.empty())
      refuse("DBParameterGroupNotFoundFault", "DBParameterGroup not found: " + name);
    return rds_page(call, std::move(found), "DBParameterGroups");
  });
  on("DescribeDBSubnetGroups", [this](Call& call) {
    std::string name = call.text("DBSubnetGroupName");
    std::vector<json> found;
    for (json& group : subnet_groups_.read_all()) {
      if (name.empty() || group["DBSubnetGroupName"] == name) found.push_back(std::move(group));
    }
    if (!name.empty() && found.empty()) {
      refuse("DBSubnetGroupNotFoundFault", "DB subnet group '" + name + "' does not exist.");
    }
    return rds_page(call, std::move(found), "DBSubnetGroups");
  });
}

void Rds::add_catalog_operations() {
  on("DescribeAccountAttributes", [this](Call&) {
    auto names = snapshots_.names();
    auto manual = std::count_if(names.begin(), names.end(), [this](const std::string& name) {
      return (*snapshots_.find(name))["SnapshotType"] == "manual";
    });
    auto quota = [](const char* name, int64_t used, int64_t max) {
      return json{{"AccountQuotaName", name}, {"Used", used}, {"Max", max}};
    };
    return json{{"AccountQuotas",
                 {quota("DBInstances", static_cast<int64_t>(instances_.names().size()),
                        world_.settings.instance_quota),
                  quota("ManualSnapshots", manual, world_.settings.snapshot_quota)}}};
  });
  on("DescribeDBEngineVersions", [](Call& call) {
    std::vector<json> found;
    for (const std::string& version : kVersions) {
      std::string major = split(version, '.')[0];
      std::string wanted = call.text("EngineVersion");
      bool fits = wanted.empty() || wanted == version || wanted == major;
      if (fits && (!call.has("Engine") || call.text("Engine") == "postgres")) {
        found.push_back({{"Engine", "postgres"},
                         {"EngineVersion", version},
                         {"DBParameterGroupFamily", "postgres" + major},
                         {"Status", "available"}});
      }
    }
    return rds_page(call, std::move(found), "DBEngineVersions");
  });
  on("DescribeOrderableDBInstanceOptions", [](Call& call) {
    std::vector<json> found;
    for (const std::string& version : kVersions) {
      for (const std::string& size : kClasses) {
        bool fits = call.text("Engine") == "postgres" &&
                    (!call.has("EngineVersion") || call.text("EngineVersion") == version) &&
                    (!call.has("DBInstanceClass") || call.text("DBInstanceClass") == size);
        if (fits) {
          found.push_back({{"Engine", "postgres"},
                           {"EngineVersion", version},
                           {"DBInstanceClass", size},
                           {"StorageType", "gp2"},
                           {"Vpc", true},
                           {"SupportsStorageEncryption", size != "db.t3.micro"}});
        }
      }
    }
    return rds_page(call, std::move(found), "OrderableDBInstanceOptions");
  });
}

}  // namespace ytb::fakes::aws
