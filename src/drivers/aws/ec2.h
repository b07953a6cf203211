// Ec2: looking at the networks a deployment made (API 2016-11-15, the "ec2" protocol). Thread-safe as its
// Caller is.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "drivers/aws/caller.h"

namespace ytb::aws {

struct SecurityRule {
  std::string protocol;          // "tcp", "-1" for all
  std::optional<int> from_port;  // none: all
  std::optional<int> to_port;
  std::vector<std::string> ranges;  // CIDR blocks, IPv4 and IPv6
  std::vector<std::string> groups;  // security groups
  std::vector<std::string> prefix_lists;
};

struct SecurityGroup {
  std::string id;
  std::string name;
  std::string vpc_id;
  std::vector<SecurityRule> ingress;
  std::vector<SecurityRule> egress;
};

struct Subnet {
  std::string id;
  std::string vpc_id;
  std::string availability_zone;
  std::string cidr;
  bool maps_public_ip = false;
};

class Ec2 {
 public:
  explicit Ec2(Caller& caller) : caller_(caller) {}
  // All of the ids, or an error: EC2 refuses the whole call where one is not there.
  Result<std::vector<SecurityGroup>> describe_security_groups(const std::vector<std::string>& ids);
  Result<std::vector<Subnet>> describe_subnets(const std::vector<std::string>& ids);

 private:
  Caller& caller_;
};

}  // namespace ytb::aws
