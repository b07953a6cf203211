#include "drivers/aws/ec2.h"

#include <utility>

#include "drivers/aws/query.h"

namespace ytb::aws {
namespace {

std::optional<int> port_of(const Fields& fields, const char* name) {
  const std::optional<int64_t> port = fields.integer_if(name);
  if (!port) return std::nullopt;
  return static_cast<int>(*port);
}

std::vector<SecurityRule> rules_of(const Fields& fields, const char* name) {
  std::vector<SecurityRule> rules;
  for (const Fields& item : fields.list(name, "item")) {
    SecurityRule rule{.protocol = item.text("ipProtocol"),
                      .from_port = port_of(item, "fromPort"),
                      .to_port = port_of(item, "toPort"),
                      .ranges = {},
                      .groups = {},
                      .prefix_lists = {}};
    for (const Fields& range : item.list_if("ipRanges", "item")) rule.ranges.push_back(range.text("cidrIp"));
    for (const Fields& range : item.list_if("ipv6Ranges", "item"))
      rule.ranges.push_back(range.text("cidrIpv6"));
    for (const Fields& group : item.list_if("groups", "item")) rule.groups.push_back(group.text("groupId"));
    for (const Fields& list : item.list_if("prefixListIds", "item")) {
      rule.prefix_lists.push_back(list.text("prefixListId"));
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

SecurityGroup read_group(const Fields& fields) {
  return {.id = fields.text("groupId"),
          .name = fields.text("groupName"),
          .vpc_id = fields.text("vpcId"),
          .ingress = rules_of(fields, "ipPermissions"),
          .egress = rules_of(fields, "ipPermissionsEgress")};
}

Subnet read_subnet(const Fields& fields) {
  return {.id = fields.text("subnetId"),
          .vpc_id = fields.text("vpcId"),
          .availability_zone = fields.text("availabilityZone"),
          .cidr = fields.text_if("cidrBlock"),
          .maps_public_ip = fields.flag("mapPublicIpOnLaunch")};
}

// Named by id, EC2 answers with all of them at once: there are no pages.
template <typename T>
Result<std::vector<T>> describe(Caller& caller, const std::string& action, const std::string& parameter,
                                const std::vector<std::string>& ids, const char* list,
                                T (*read)(const Fields&)) {
  YTB_CHECK_MSG(!ids.empty(), "no id would mean all that there are");
  Params params(Service::kEc2, action, Effect::kReads);
  params.list(parameter, ids);
  YTB_ASSIGN(const XmlAnswer answer, run(caller, params));
  Problem problem;
  std::vector<T> items;
  for (const Fields& item : answer.root(problem).list(list, "item")) items.push_back(read(item));
  if (items.size() != ids.size())
    problem.note(std::string(list) + " does not hold as many as were asked for");
  YTB_TRY(check(params, answer, problem));
  return items;
}

}  // namespace

Result<std::vector<SecurityGroup>> Ec2::describe_security_groups(const std::vector<std::string>& ids) {
  return describe<SecurityGroup>(caller_, "DescribeSecurityGroups", "GroupId", ids, "securityGroupInfo",
                                 read_group);
}

Result<std::vector<Subnet>> Ec2::describe_subnets(const std::vector<std::string>& ids) {
  return describe<Subnet>(caller_, "DescribeSubnets", "SubnetId", ids, "subnetSet", read_subnet);
}

}  // namespace ytb::aws
