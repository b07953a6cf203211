// Permissions: what reads have proven, what IAM simulates, and what nobody can say beforehand.
#include <algorithm>

#include "base/text.h"
#include "drivers/rds/preflight_look.h"
#include "drivers/rds/snapshot_find.h"
#include "drivers/rds/stack_names.h"
#include "model/copy.h"

namespace ytb::rds {
namespace {

// Actions on one kind of resource.
struct Wanted {
  std::vector<std::string> actions;
  std::string resource;
  bool by_service_role = false;  // CloudFormation's, where there is one
  bool is_snapshot = false;      // the newest: an older one may do
};

// On a copy of this minute: names and not wildcards are what a policy is asked about.
std::vector<Wanted> wanted_of(const PreflightLook& look) {
  const std::string copy = model::copy_id(look.production.name, look.options.now, 1).str();
  const bool aurora = look.is_aurora();
  const std::string instance = look.arn("rds", (aurora ? "cluster:" : "db:") + copy);
  std::vector<Wanted> wanted = {
      {{"cloudformation:CreateStack", "cloudformation:UpdateStack", "cloudformation:DeleteStack",
        "cloudformation:ContinueUpdateRollback"},
       look.arn("cloudformation", fmt::format("stack/{}/00000000-0000-0000-0000-000000000000", copy))},
      {{aurora ? "rds:ModifyDBCluster" : "rds:ModifyDBInstance", "rds:AddTagsToResource"}, instance},
      {{aurora ? "rds:RestoreDBClusterFromSnapshot" : "rds:RestoreDBInstanceFromDBSnapshot",
        aurora ? "rds:DeleteDBCluster" : "rds:DeleteDBInstance"},
       instance,
       true},
      {{"rds:CreateDBParameterGroup", "rds:ModifyDBParameterGroup", "rds:DeleteDBParameterGroup"},
       look.arn("rds", "pg:" + copy),
       true},
      {{"s3:PutObject", "s3:GetObject"},
       fmt::format("arn:{}:s3:::{}/{}/proof", look.partition(), look.copies().bucket,
                   look.copies().bucket_prefix)}};
  // A shared encrypted one is restored from a copy of ours.
  if (look.newest && !(look.newest->encrypted && owner_of(look.newest->arn) != look.who->account)) {
    wanted.push_back({{aurora ? "rds:RestoreDBClusterFromSnapshot" : "rds:RestoreDBInstanceFromDBSnapshot"},
                      look.newest->arn,
                      true,
                      true});
  }
  if (aurora) {
    wanted.push_back(
        {{"rds:CreateDBInstance", "rds:DeleteDBInstance"}, look.arn("rds", "db:" + writer_name(copy)), true});
    wanted.push_back({{"rds:CreateDBClusterParameterGroup", "rds:ModifyDBClusterParameterGroup",
                       "rds:DeleteDBClusterParameterGroup"},
                      look.arn("rds", "cluster-pg:" + copy),
                      true});
  }
  if (!look.zone_id.empty())
    wanted.push_back({{"route53:ChangeResourceRecordSets"},
                      fmt::format("arn:{}:route53:::hostedzone/{}", look.partition(), look.zone_id)});
  if (!look.zone_id.empty())
    wanted.push_back({{"route53:GetChange"}, fmt::format("arn:{}:route53:::change/C0", look.partition())});
  if (!look.copies().service_role.empty()) wanted.push_back({{"iam:PassRole"}, look.copies().service_role});
  if (!look.production.source.rds.kms_key.empty()) {
    wanted.push_back({{aurora ? "rds:CopyDBClusterSnapshot" : "rds:CopyDBSnapshot",
                       aurora ? "rds:DeleteDBClusterSnapshot" : "rds:DeleteDBSnapshot"},
                      look.arn("rds", (aurora ? "cluster-snapshot:" : "snapshot:") + copy)});
  }
  if (look.options.fargate)
    wanted.push_back(
        {{"ecs:RunTask"}, look.arn("ecs", "task-definition/" + look.options.fargate->task_definition)});
  return wanted;
}

// The role or user behind a session: what IAM can simulate. None, with the reason as a line's text.
Result<std::string> principal_of(PreflightLook& look) {
  const std::string& arn = look.who->arn;
  const Error none{.code = Code::kUnsupported,
                   .message = fmt::format("IAM simulates roles and users, and we are {}", arn),
                   .hint = {}};
  const std::vector<std::string> parts = split(arn, ':');
  if (parts.size() != 6) return none;
  if (parts[2] == "iam" && (parts[5].starts_with("user/") || parts[5].starts_with("role/"))) return arn;
  if (parts[2] != "sts" || !parts[5].starts_with("assumed-role/")) return none;
  const std::string name = split(parts[5], '/')[1];
  // A session's ARN does not say the role's path.
  const auto role = look.clients.iam.get_role(name);
  look.note("iam:GetRole", role);
  if (role.ok() && *role) return (*role)->arn;
  return fmt::format("arn:{}:iam::{}:role/{}", parts[1], parts[4], name);
}

void judge(PreflightLook& look, const aws::SimulatedAction& result, const std::string& principal) {
  const std::string what = "may " + result.action;
  if (result.decision == "allowed")
    return look.fine(what, fmt::format("on {}", result.resource), How::kSimulated);
  if (!result.missing_context.empty()) {
    return look.warn(what,
                     fmt::format("depends on {}, which only the call itself has",
                                 printable(join(result.missing_context, ", "))),
                     {}, How::kUnknowable);
  }
  look.lines.push_back(
      {.what = what,
       .failed = Error{.code = Code::kConnection,
                       .message = fmt::format(
                           "{} is {} on {}", result.action,
                           result.decision == "explicitDeny" ? "explicitly denied" : "not allowed",
                           printable(result.resource)),
                       .hint = fmt::format("allow {} in the policy of {}", result.action, principal)},
       .how = How::kSimulated});
}

// Of the newest snapshot, which may not be restored: which one is taken instead.
void judge_older(PreflightLook& look, const aws::SimulatedAction& newest, const std::string& principal) {
  const auto results =
      look.older.empty() ? Result(std::vector<aws::SimulatedAction>())
                         : look.clients.iam.simulate_principal_policy(principal, {newest.action}, look.older);
  if (!results.ok()) return judge(look, newest, principal);
  const auto allowed = [](const aws::SimulatedAction& each) { return each.decision == "allowed"; };
  const auto taken = std::find_if(results->begin(), results->end(), allowed);
  if (taken == results->end()) return judge(look, newest, principal);
  look.warn("may " + newest.action,
            fmt::format("not on the newest snapshot {}: it is passed over, with {} more, for {}",
                        printable(newest.resource), taken - results->begin(), printable(taken->resource)),
            fmt::format("allow it in the policy of {} (FurtherSnapshots), or leave such snapshots out with "
                        "source.snapshots: finding out costs a stack for each",
                        principal),
            How::kSimulated);
}

void unknown(PreflightLook& look, const Wanted& wanted, const Error& why, const std::string& hint) {
  look.lines.push_back({.what = "may " + join(wanted.actions, ", "),
                        .failed = Error{.code = why.code, .message = why.message, .hint = hint},
                        .warning = true,
                        .how = How::kUnknowable});
}

struct Production {
  std::string resource_id;
  std::string arn;
};

// Production as it is in this account, where logins by IAM are on; none else.
Result<std::optional<Production>> logs_in_by_iam(const PreflightLook& look) {
  const config::RdsSourceConfig& source = look.production.source.rds;
  std::optional<Production> found;
  if (source.id.empty()) return found;
  if (look.is_aurora() || source.is_cluster) {
    YTB_ASSIGN(const std::optional<aws::DbCluster> cluster, look.clients.rds.describe_db_cluster(source.id));
    if (cluster && cluster->iam_authentication) found = {cluster->resource_id, cluster->arn};
    return found;
  }
  YTB_ASSIGN(const std::optional<aws::DbInstance> instance, look.clients.rds.describe_db_instance(source.id));
  if (instance && instance->iam_authentication) found = {instance->resource_id, instance->arn};
  return found;
}

// Who may log in to copies by IAM must not be able to log in to production. That is denied by its resource
// id, and a Blue/Green switch gives production another one.
void check_production_login(PreflightLook& look, const std::string& principal) {
  const std::string what = "login to production";
  const auto production = logs_in_by_iam(look);
  const char* permission = look.is_aurora() ? "rds:DescribeDBClusters" : "rds:DescribeDBInstances";
  if (!look.seen(what, permission, production) || !*production) return;
  const std::string& id = (*production)->resource_id;
  const std::string resource = look.arn("rds-db", fmt::format("dbuser:{}/*", id));
  const auto results = look.clients.iam.simulate_principal_policy(principal, {"rds-db:connect"}, {resource});
  look.note("iam:SimulatePrincipalPolicy", results);
  if (!results.ok() || results->empty()) return;
  if (results->front().decision != "allowed")
    return look.fine(what, fmt::format("{} may not, by IAM: {}", principal, id), How::kSimulated);
  look.warn(what, fmt::format("{} may log in to {} by IAM, which is production itself", principal, id),
            fmt::format(
                "deploy with {} in ProductionResourceIds: a Blue/Green switch gives production a new id", id),
            How::kSimulated);
}

}  // namespace

void check_rights(PreflightLook& look) {
  const std::vector<std::string> proven(look.proven.begin(), look.proven.end());
  if (!proven.empty()) look.fine("may read", join(proven, ", "));
  if (!look.who) return;  // nobody to simulate; that is a failed line already
  const Result<std::string> ourselves = principal_of(look);
  bool denied = false;
  for (const Wanted& wanted : wanted_of(look)) {
    const bool by_role = wanted.by_service_role && !look.copies().service_role.empty();
    if (!by_role && !ourselves.ok()) {
      unknown(look, wanted, ourselves.error(), {});
      continue;
    }
    const std::string principal = by_role ? look.copies().service_role : *ourselves;
    const std::string hint =
        fmt::format("allow iam:SimulatePrincipalPolicy on {} to have it checked", principal);
    if (denied) {
      unknown(look, wanted,
              Error{.code = Code::kConnection, .message = "not simulated, as above", .hint = {}}, {});
      continue;
    }
    const auto results =
        look.clients.iam.simulate_principal_policy(principal, wanted.actions, {wanted.resource});
    look.note("iam:SimulatePrincipalPolicy", results);
    if (!results.ok()) {
      denied = aws::is_denial(results.error());
      unknown(look, wanted, results.error(), denied ? hint : std::string());
      continue;
    }
    for (const aws::SimulatedAction& result : *results) {
      if (wanted.is_snapshot && result.decision != "allowed" && result.missing_context.empty()) {
        judge_older(look, result, principal);
      } else {
        judge(look, result, principal);
      }
    }
  }
  if (ourselves.ok() && !denied) check_production_login(look, *ourselves);
  look.fine(
      "beyond IAM",
      "what organizations' policies, a key's own policy and AWS's spare capacity allow shows in the first "
      "refresh",
      How::kUnknowable);
}

}  // namespace ytb::rds
