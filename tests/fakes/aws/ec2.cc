#include <algorithm>

#include "tests/fakes/aws/small_services.h"

namespace ytb::fakes::aws {
namespace {

// Those asked for by id or filter; refuses an id that is not there and a filter that is not known.
json select(const Call& call, const std::vector<json>& all, const std::string& id_field,
            const std::string& ids_name, const std::string& missing,
            const std::map<std::string, std::string>& filters) {
  std::vector<std::string> ids = call.input.value(ids_name, std::vector<std::string>{});
  for (const std::string& id : ids) {
    bool there = std::any_of(all.begin(), all.end(), [&](const json& one) { return one[id_field] == id; });
    if (!there) refuse(missing, "The ID '" + id + "' does not exist");
  }
  json out = json::array();
  for (const json& one : all) {
    bool fits = ids.empty() || std::any_of(ids.begin(), ids.end(),
                                           [&](const std::string& id) { return one[id_field] == id; });
    for (const json& filter : call.input.value("Filters", json::array())) {
      auto field = filters.find(filter.value("Name", ""));
      if (field == filters.end())
        refuse("InvalidParameterValue", "The filter '" + filter.value("Name", "") + "' is invalid");
      std::vector<std::string> values = filter.value("Values", std::vector<std::string>{});
      fits = fits && std::any_of(values.begin(), values.end(),
                                 [&](const std::string& value) { return one[field->second] == value; });
    }
    if (fits) out.push_back(one);
  }
  return out;
}

}  // namespace

Ec2::Ec2(World& world) : world_(world) {
  on("DescribeSecurityGroups", [this](Call& call) {
    return json{{"SecurityGroups",
                 select(call, groups_, "GroupId", "GroupIds", "InvalidGroup.NotFound",
                        {{"group-id", "GroupId"}, {"group-name", "GroupName"}, {"vpc-id", "VpcId"}})}};
  });
  on("DescribeSubnets", [this](Call& call) {
    return json{{"Subnets", select(call, subnets_, "SubnetId", "SubnetIds", "InvalidSubnetID.NotFound",
                                   {{"subnet-id", "SubnetId"}, {"vpc-id", "VpcId"}})}};
  });
}

void Ec2::seed_group(const std::string& id, const std::string& name, const std::string& ingress,
                     const std::string& egress, const std::string& vpc) {
  std::lock_guard lock(world_.mutex);
  groups_.push_back({{"GroupId", id},
                     {"GroupName", name},
                     {"Description", name},
                     {"OwnerId", world_.settings.account},
                     {"VpcId", vpc},
                     {"IpPermissions", parse_json(ingress)},
                     {"IpPermissionsEgress", parse_json(egress)}});
}

void Ec2::seed_subnet(const std::string& id, const std::string& zone, const std::string& cidr) {
  std::lock_guard lock(world_.mutex);
  subnets_.push_back({{"SubnetId", id},
                      {"VpcId", "vpc-00000000000000001"},
                      {"AvailabilityZone", zone},
                      {"CidrBlock", cidr},
                      {"State", "available"},
                      {"MapPublicIpOnLaunch", false},
                      {"AvailableIpAddressCount", 251},
                      {"OwnerId", world_.settings.account}});
}

}  // namespace ytb::fakes::aws
