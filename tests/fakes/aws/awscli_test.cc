// Debian's awscli performs the operations that we call and that no other test of the fake has, and
// understands the answers, errors included.
#include "tests/fakes/aws/awscli.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "tests/fakes/aws/ecs.h"
#include "tests/fakes/aws/small_services.h"
#include "tests/fakes/aws/sts.h"

namespace ytb::fakes::aws {
namespace {

using nlohmann::json;

// Nothing of the kind is there.
const std::set<std::string> kMayBeEmpty = {"OptionGroupsList", "DBParameterGroups"};

struct Line {
  std::vector<std::string> arguments;
  std::string expected;  // a key of the answer; "" for an empty one; "(Code)" of an error
};

constexpr const char* kGroupStack = R"({"Resources":{"P":{"Type":"AWS::RDS::DBParameterGroup",
    "Properties":{"Description":"d","Family":"postgres15"}}}})";
constexpr const char* kGroupChanged = R"({"Resources":{"P":{"Type":"AWS::RDS::DBParameterGroup",
    "Properties":{"Description":"d","Family":"postgres15","Parameters":{"work_mem":"1"}}}}})";

// What is there for `lines`, the id of the zone included.
std::string seed(FakeAws& fake) {
  SnapshotSeed instance;
  instance.id = "mine";
  instance.created = *from_iso("2026-11-22T06:00:00Z");
  fake.seed(instance);
  SnapshotSeed cluster = instance;
  cluster.id = "of-a-cluster";
  cluster.instance = "shop-cluster";
  cluster.engine = "aurora-postgresql";
  fake.seed(cluster);
  fake.seed_subnet_group("private");
  fake.s3().seed_bucket("proofs");
  fake.ec2().seed_subnet("subnet-1", "eu-west-1a", "10.0.0.0/24");
  fake.iam().seed_role("ytb-service");
  fake.ecs().seed_cluster("ytb");
  fake.ecs().seed_definition("worker", "yesterdaytabase");
  fake.sts().accept_web_token("a-token");
  // An update fails, and so does its undoing.
  for (int i = 0; i < 2; ++i) fake.fail_next_change("AWS::RDS::DBParameterGroup", "not now");
  return fake.seed_zone("mysite.com");
}

std::vector<Line> rds_lines() {
  const std::string snapshot_arn = "arn:aws:rds:eu-west-1:123456789012:snapshot:mine";
  return {{{"rds", "add-tags-to-resource", "--resource-name", snapshot_arn, "--tags", "Key=a,Value=b"}, ""},
          {{"rds", "list-tags-for-resource", "--resource-name", snapshot_arn}, "TagList"},
          {{"rds", "remove-tags-from-resource", "--resource-name", snapshot_arn, "--tag-keys", "a"}, ""},
          {{"rds", "describe-db-cluster-snapshots", "--db-cluster-identifier", "shop-cluster"},
           "DBClusterSnapshots"},
          {{"rds", "describe-db-cluster-snapshots", "--db-cluster-snapshot-identifier", "none"},
           "(DBClusterSnapshotNotFoundFault)"},
          {{"rds", "copy-db-cluster-snapshot", "--source-db-cluster-snapshot-identifier", "of-a-cluster",
            "--target-db-cluster-snapshot-identifier", "copied"},
           "DBClusterSnapshot"},
          {{"rds", "delete-db-cluster-snapshot", "--db-cluster-snapshot-identifier", "copied"},
           "DBClusterSnapshot"},
          {{"rds", "describe-db-clusters", "--db-cluster-identifier", "none"}, "(DBClusterNotFoundFault)"},
          {{"rds", "modify-db-cluster", "--db-cluster-identifier", "none", "--backup-retention-period", "1"},
           "(DBClusterNotFoundFault)"},
          // A stack's call, so that there is one to modify.
          {{"rds", "restore-db-cluster-from-snapshot", "--db-cluster-identifier", "restored",
            "--snapshot-identifier", "of-a-cluster", "--engine", "aurora-postgresql"},
           "DBCluster"},
          {{"rds", "modify-db-cluster", "--db-cluster-identifier", "restored", "--backup-retention-period",
            "1", "--master-user-password", "a-new-password", "--apply-immediately"},
           "DBCluster"},
          {{"rds", "describe-db-clusters", "--db-cluster-identifier", "restored"}, "DBClusters"},
          {{"rds", "describe-account-attributes"}, "AccountQuotas"},
          {{"rds", "describe-certificates"}, "Certificates"},
          {{"rds", "describe-db-engine-versions", "--engine", "postgres"}, "DBEngineVersions"},
          {{"rds", "describe-db-engine-versions", "--engine", "aurora-postgresql"}, "DBEngineVersions"},
          {{"rds", "describe-db-parameter-groups"}, "DBParameterGroups"},
          {{"rds", "describe-db-subnet-groups", "--db-subnet-group-name", "private"}, "DBSubnetGroups"},
          {{"rds", "describe-db-subnet-groups", "--db-subnet-group-name", "none"},
           "(DBSubnetGroupNotFoundFault)"},
          {{"rds", "describe-option-groups"}, "OptionGroupsList"},
          {{"rds", "describe-orderable-db-instance-options", "--engine", "postgres"},
           "OrderableDBInstanceOptions"},
          {{"rds", "describe-orderable-db-instance-options", "--engine", "aurora-postgresql"},
           "OrderableDBInstanceOptions"}};
}

std::vector<Line> stack_lines() {
  return {
      {{"cloudformation", "create-stack", "--stack-name", "s", "--template-body", kGroupStack}, "StackId"},
      {{"cloudformation", "list-stacks"}, "StackSummaries"},
      {{"cloudformation", "describe-stack-resources", "--stack-name", "s"}, "StackResources"},
      {{"cloudformation", "get-template", "--stack-name", "s"}, "TemplateBody"},
      {{"cloudformation", "get-template", "--stack-name", "none"}, "(ValidationError)"},
      {{"cloudformation", "set-stack-policy", "--stack-name", "s", "--stack-policy-body",
        R"({"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}]})"},
       ""},
      {{"cloudformation", "continue-update-rollback", "--stack-name", "s"}, "(ValidationError)"},
      {{"cloudformation", "update-stack", "--stack-name", "s", "--template-body", kGroupChanged,
        "--client-request-token", "change"},
       "StackId"},
      {{"cloudformation", "continue-update-rollback", "--stack-name", "s", "--client-request-token",
        "change"},
       "(TokenAlreadyExistsException)"},
      {{"cloudformation", "continue-update-rollback", "--stack-name", "s", "--client-request-token", "go-on",
        "--role-arn", "arn:aws:iam::123456789012:role/ytb-service"},
       ""}};
}

std::vector<Line> other_lines(const std::string& zone) {
  return {
      {{"route53", "get-hosted-zone", "--id", zone, "--region", "us-east-1"}, "HostedZone"},
      {{"route53", "get-hosted-zone", "--id", "ZNONE", "--region", "us-east-1"}, "(NoSuchHostedZone)"},
      {{"s3api", "head-bucket", "--bucket", "proofs"}, ""},
      {{"s3api", "head-bucket", "--bucket", "none"}, "(404)"},
      {{"ec2", "describe-subnets", "--subnet-ids", "subnet-1"}, "Subnets"},
      {{"ec2", "describe-subnets", "--subnet-ids", "subnet-none"}, "(InvalidSubnetID.NotFound)"},
      {{"iam", "get-role", "--role-name", "ytb-service", "--region", "us-east-1"}, "Role"},
      {{"iam", "get-role", "--role-name", "none", "--region", "us-east-1"}, "(NoSuchEntity)"},
      {{"sts", "assume-role-with-web-identity", "--role-arn", "arn:aws:iam::123456789012:role/ytb-service",
        "--role-session-name", "session", "--web-identity-token", "a-token"},
       "Credentials"},
      {{"sts", "assume-role-with-web-identity", "--role-arn", "arn:aws:iam::123456789012:role/ytb-service",
        "--role-session-name", "session", "--web-identity-token", "another"},
       "(InvalidIdentityToken)"},
      {{"ecs", "describe-clusters", "--clusters", "ytb", "none"}, "clusters"},
      {{"ecs", "describe-task-definition", "--task-definition", "worker"}, "taskDefinition"},
      {{"ecs", "describe-task-definition", "--task-definition", "none"}, "(ClientException)"},
      {{"ecs", "run-task", "--cluster", "ytb", "--task-definition", "worker", "--started-by", "copy-1"},
       "tasks"},
      {{"ecs", "list-tasks", "--cluster", "ytb", "--started-by", "copy-1"}, "taskArns"},
      {{"ecs", "describe-tasks", "--cluster", "ytb", "--tasks", "THE-TASK"}, "tasks"},
      {{"ecs", "stop-task", "--cluster", "ytb", "--task", "THE-TASK", "--reason", "enough"}, "task"},
      {{"ecs", "stop-task", "--task", "none"}, "(InvalidParameterException)"}};
}

TEST(FakeAwsCli, EveryOtherOperation) {
  if (!why_no_awscli().empty()) GTEST_SKIP() << why_no_awscli();
  FakeAws fake;
  const std::string zone = seed(fake);
  std::vector<Line> lines;
  for (const std::vector<Line>& some : {rds_lines(), stack_lines(), other_lines(zone)})
    lines.insert(lines.end(), some.begin(), some.end());
  std::string task;  // the one that was started last
  for (auto& [arguments, expected] : lines) {
    std::replace(arguments.begin(), arguments.end(), std::string("THE-TASK"), task);
    const AwsRun run = aws(fake, arguments);
    SCOPED_TRACE(arguments[0] + " " + arguments[1] + ": " + run.out.dump() + run.err);
    if (expected.starts_with('(')) {
      EXPECT_THAT(run.err, ::testing::HasSubstr(expected));
      continue;
    }
    EXPECT_EQ(run.status, 0);
    if (expected.empty()) {
      EXPECT_TRUE(run.out.is_null());
      continue;
    }
    ASSERT_TRUE(run.out.contains(expected)) << expected;
    if (arguments[1] == "run-task") task = run.out["tasks"][0]["taskArn"];
    // A list that was asked for is not an empty one.
    EXPECT_TRUE(kMayBeEmpty.contains(expected) || !run.out[expected].is_array() ||
                !run.out[expected].empty());
  }
  EXPECT_EQ(fake.stack_status("s"), "UPDATE_ROLLBACK_COMPLETE") << "its rollback was continued";
  EXPECT_EQ(parse_json(fake.cluster("restored"))["BackupRetentionPeriod"], 1);
}

}  // namespace
}  // namespace ytb::fakes::aws
