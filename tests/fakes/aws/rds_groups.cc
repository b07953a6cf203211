// Parameter groups, subnet groups, and what an account may have.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "tests/fakes/aws/rds.h"

namespace ytb::fakes::aws {
namespace {

const std::vector<std::string> kVersions = {"13.4", "13.11", "14.4", "14.8", "15.4",
                                            "16.1", "16.4",  "17.4", "18.4"};
const std::vector<std::string> kClasses = {"db.t3.micro",   "db.t3.small", "db.t3.medium",
                                           "db.t4g.medium", "db.m5.large", "db.r5.large"};
const std::vector<std::string> kAuroraVersions = {"13.4", "13.12", "14.4", "14.9", "15.4",
                                                  "16.1", "16.4",  "17.4", "18.4"};
const std::vector<std::string> kAuroraClasses = {"db.t3.medium", "db.t4g.medium", "db.r5.large",
                                                 "db.r6g.large", "db.serverless"};

// What there is of an engine, as far as the fake knows.
struct Offer {
  std::vector<std::string> versions, classes, storage;
};
const std::map<std::string, Offer>& offers() {
  static const std::map<std::string, Offer> kOffers = {
      {"postgres", {kVersions, kClasses, {"gp2", "gp3"}}},
      {"aurora-postgresql", {kAuroraVersions, kAuroraClasses, {"aurora", "aurora-iopt1"}}}};
  return kOffers;
}

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
    return rds_page(call, found, "DBParameterGroups");
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
    return rds_page(call, found, "DBSubnetGroups");
  });
}

void Rds::seed_option_group(const std::string& name, const std::string& major) {
  option_groups_[name] = {{"OptionGroupName", name},
                          {"OptionGroupDescription", name},
                          {"EngineName", "postgres"},
                          {"MajorEngineVersion", major},
                          {"AllowsVpcAndNonVpcInstanceMemberships", true},
                          {"OptionGroupArn", world_.arn("rds", "og:" + name)}};
}

void Rds::add_catalog_operations() {
  on("DescribeOptionGroups", [this](Call& call) {
    std::string name = to_lower_ascii(call.text("OptionGroupName"));
    std::vector<json> found;
    for (const auto& [key, group] : option_groups_) {
      if (name.empty() || key == name) found.push_back(group);
    }
    if (!name.empty() && found.empty())
      refuse("OptionGroupNotFoundFault", "Specified OptionGroupName: " + name + " not found.");
    return rds_page(call, found, "OptionGroupsList");
  });
  on("DescribeCertificates", [this](Call& call) {
    std::vector<json> found;
    for (const char* id : {"rds-ca-2019", "rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"}) {
      if (call.has("CertificateIdentifier") && call.text("CertificateIdentifier") != id) continue;
      found.push_back(
          {{"CertificateIdentifier", id},
           {"CertificateType", "CA"},
           {"ValidFrom", "2019-09-18T16:56:20Z"},
           {"ValidTill", id == std::string("rds-ca-2019") ? "2024-08-22T17:08:50Z" : "2061-05-18T23:05:17Z"},
           {"CertificateArn", world_.arn("rds", std::string("cert:") + id)}});
    }
    if (call.has("CertificateIdentifier") && found.empty()) {
      refuse("CertificateNotFoundFault", "Certificate not found: " + call.text("CertificateIdentifier"), 404);
    }
    return rds_page(call, found, "Certificates");
  });
  on("DescribeAccountAttributes", [this](Call&) {
    int64_t allocated = 0;
    for (const std::string& id : instances_.names())
      allocated += instances_.find(id)->value("AllocatedStorage", int64_t{0});
    auto quota = [](const char* name, int64_t used, int64_t max) {
      return json{{"AccountQuotaName", name}, {"Used", used}, {"Max", max}};
    };
    return json{
        {"AccountQuotas",
         {quota("DBInstances", static_cast<int64_t>(instances_.names().size()),
                world_.settings.instance_quota),
          quota("DBClusters", static_cast<int64_t>(clusters_.names().size()), world_.settings.instance_quota),
          quota("ManualSnapshots", manual_in(snapshots_), world_.settings.snapshot_quota),
          quota("ManualClusterSnapshots", manual_in(cluster_snapshots_), world_.settings.snapshot_quota),
          quota("AllocatedStorage", allocated, world_.settings.storage_quota_gib)}}};
  });
  on("DescribeDBEngineVersions", [](Call& call) {
    std::vector<json> found;
    for (const auto& [engine, offer] : offers()) {
      if (call.has("Engine") && call.text("Engine") != engine) continue;
      for (const std::string& version : offer.versions) {
        std::string major = split(version, '.')[0];
        std::string wanted = call.text("EngineVersion");
        if (!wanted.empty() && wanted != version && wanted != major) continue;
        found.push_back({{"Engine", engine},
                         {"EngineVersion", version},
                         {"DBParameterGroupFamily", engine + major},
                         {"Status", "available"}});
      }
    }
    return rds_page(call, found, "DBEngineVersions");
  });
  on("DescribeOrderableDBInstanceOptions", [region = world_.settings.region](Call& call) {
    std::vector<json> found;
    auto offer = offers().find(call.text("Engine"));
    if (offer == offers().end()) return rds_page(call, found, "OrderableDBInstanceOptions");
    for (const std::string& version : offer->second.versions) {
      for (const std::string& size : offer->second.classes) {
        bool fits = (!call.has("EngineVersion") || call.text("EngineVersion") == version) &&
                    (!call.has("DBInstanceClass") || call.text("DBInstanceClass") == size);
        for (const std::string& storage : offer->second.storage) {
          if (!fits) continue;
          found.push_back(
              {{"Engine", offer->first},
               {"EngineVersion", version},
               {"DBInstanceClass", size},
               {"StorageType", storage},
               {"AvailabilityZones", json::array({{{"Name", region + "a"}}, {{"Name", region + "b"}}})},
               {"Vpc", true},
               {"SupportsStorageEncryption", size != "db.t3.micro"}});
        }
      }
    }
    return rds_page(call, found, "OrderableDBInstanceOptions");
  });
}

}  // namespace ytb::fakes::aws
