// The networks that copies are put into: a quarantine that lets nothing out, and staging's groups.
#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "drivers/rds/preflight_look.h"

namespace ytb::rds {
namespace {

constexpr std::string_view kNowhere = "127.0.0.1/32";
// Shorter prefixes than these are no network of one's own: two halves of the world are the world.
constexpr int kWorldBitsV4 = 8;
constexpr int kWorldBitsV6 = 16;

bool is_world(const std::string& range) {
  const size_t slash = range.find('/');
  if (slash == std::string::npos) return false;
  int bits = 0;
  const auto [end, error] = std::from_chars(range.data() + slash + 1, range.data() + range.size(), bits);
  if (error != std::errc()) return true;
  return bits < (range.find(':') == std::string::npos ? kWorldBitsV4 : kWorldBitsV6);
}

// "tcp 5432 0.0.0.0/0"
std::string rule_text(const aws::SecurityRule& rule, const std::string& peer) {
  std::string ports = "all ports";
  if (rule.from_port) {
    ports = rule.to_port && *rule.to_port != *rule.from_port
                ? fmt::format("{}-{}", *rule.from_port, *rule.to_port)
                : std::to_string(*rule.from_port);
  }
  return fmt::format("{} {} {}", rule.protocol == "-1" ? "all" : printable(rule.protocol), ports,
                     printable(peer));
}

// Rules of one direction as texts, where the peer is one that `wanted` picks.
template <typename Wanted>
std::vector<std::string> rules_where(const std::vector<aws::SecurityRule>& rules, Wanted wanted) {
  std::vector<std::string> out;
  for (const aws::SecurityRule& rule : rules) {
    for (const auto* peers : {&rule.ranges, &rule.groups, &rule.prefix_lists}) {
      for (const std::string& peer : *peers) {
        if (wanted(peer)) out.push_back(rule_text(rule, peer));
      }
    }
  }
  return out;
}

void judge_quarantine(PreflightLook& look, const aws::SecurityGroup& group) {
  const std::string what = "quarantine " + group.id;
  const auto outward = rules_where(group.egress, [](const std::string& peer) { return peer != kNowhere; });
  if (!outward.empty()) {
    return look.failed(
        what, Code::kRefused, fmt::format("lets traffic out: {}", join(outward, ", ")),
        "a restored job or subscription would act the moment the server starts: its only egress "
        "rule may be 127.0.0.1/32");
  }
  const auto world = rules_where(group.ingress, is_world);
  if (!world.empty()) {
    return look.failed(what, Code::kRefused, fmt::format("lets the world in: {}", join(world, ", ")),
                       "only the worker's group may come in: raw data lies there until it is masked");
  }
  const auto all = rules_where(group.ingress, [](const std::string&) { return true; });
  if (all.empty()) {
    return look.failed(what, Code::kConfig, "lets nobody in, not even the worker",
                       "add an ingress rule from the worker's group for the database's port");
  }
  const auto ranges =
      rules_where(group.ingress, [](const std::string& peer) { return !peer.starts_with("sg-"); });
  if (!ranges.empty()) {
    return look.warn(what, fmt::format("lets in more than a group: {}", join(ranges, ", ")),
                     "name the worker's security group instead");
  }
  look.fine(what, fmt::format("nothing out; in: {}", join(all, ", ")));
}

// Security groups add up: a staging group with a way out undoes the quarantine of an open copy, in which
// production's functions and triggers run.
void judge_staging_egress(PreflightLook& look, const std::string& what, const std::string& rules) {
  const std::string detail = fmt::format("gives an open copy a way out: {}", rules);
  const std::string hint =
      "production's functions and triggers run in an open copy: let its only egress rule be 127.0.0.1/32 "
      "(answers to "
      "clients need none)";
  if (look.copies().refuse_staging_egress) return look.failed(what, Code::kRefused, detail, hint);
  look.warn(what, detail, hint + "; `staging_egress: refuse` makes this an error");
}

void judge_staging(PreflightLook& look, const aws::SecurityGroup& group) {
  const std::string what = "staging group " + group.id;
  const auto outward = rules_where(group.egress, [](const std::string& peer) { return peer != kNowhere; });
  if (!outward.empty()) judge_staging_egress(look, what, join(outward, ", "));
  const auto world = rules_where(group.ingress, is_world);
  if (!world.empty()) {
    return look.warn(what, fmt::format("lets the world in: {}", join(world, ", ")),
                     "let in only where staging users are");
  }
  const auto all = rules_where(group.ingress, [](const std::string&) { return true; });
  if (all.empty()) return look.warn(what, "lets nobody in: staging users could not connect");
  if (outward.empty()) look.fine(what, fmt::format("nothing out; in: {}", join(all, ", ")));
}

void check_groups(PreflightLook& look, const std::vector<std::string>& ids, const std::string& kind,
                  void (*judge)(PreflightLook&, const aws::SecurityGroup&)) {
  if (ids.empty()) {
    look.failed(kind, Code::kConfig, "no security group is given", "the deployment's template makes them");
    return;
  }
  // One by one: EC2 refuses the whole call where one is not there, and does not say of the others.
  for (const std::string& id : ids) {
    const auto found = look.clients.ec2.describe_security_groups({id});
    const std::string what = fmt::format("{} {}", kind, id);
    if (!found.ok() && found.error().message.find("InvalidGroup") != std::string::npos) {
      look.note("ec2:DescribeSecurityGroups", found);
      look.failed(what, Code::kConfig, "there is no such security group",
                  "aws ec2 describe-security-groups lists them");
      continue;
    }
    if (!look.seen(what, "ec2:DescribeSecurityGroups", found)) continue;
    const aws::SecurityGroup& group = found->front();
    if (!look.vpc_id.empty() && group.vpc_id != look.vpc_id) {
      look.failed(what, Code::kConfig,
                  fmt::format("is of {}, and the subnet group of {}", group.vpc_id, look.vpc_id),
                  "a copy and its groups must be in one VPC");
      continue;
    }
    judge(look, group);
  }
}

void check_subnet_group(PreflightLook& look) {
  const std::string what = "subnet group";
  const std::string& name = look.copies().subnet_group;
  if (name.empty())
    return look.failed(what, Code::kConfig, "none is given: RDS would take the default VPC",
                       "set copies.subnet_group");
  const auto found = look.clients.rds.describe_db_subnet_group(name);
  if (!look.seen(what, "rds:DescribeDBSubnetGroups", found)) return;
  if (!*found)
    return look.failed(what, Code::kConfig, fmt::format("there is no {}", printable(name)),
                       "aws rds describe-db-subnet-groups lists them");
  const aws::SubnetGroup& group = **found;
  look.vpc_id = group.vpc_id;
  std::set<std::string> zones;
  for (const auto& subnet : group.subnets) zones.insert(subnet.availability_zone);
  if (group.status != "Complete")
    return look.failed(what, Code::kConfig, fmt::format("{} is {}", name, printable(group.status)));
  look.fine(what, fmt::format("{} in {}, {} subnets in {} zones", name, group.vpc_id, group.subnets.size(),
                              zones.size()));
}

}  // namespace

void check_network(PreflightLook& look) {
  check_subnet_group(look);
  check_groups(look, look.copies().quarantine_groups, "quarantine", judge_quarantine);
  check_groups(look, look.copies().staging_groups, "staging group", judge_staging);
}

}  // namespace ytb::rds
