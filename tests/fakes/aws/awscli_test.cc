// Debian's awscli performs the operations that we call and that no other test of the fake has, and
// understands the answers, errors included: all in one process, which is quicker.
#include "tests/fakes/aws/awscli.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/fakes/aws/small_services.h"

namespace ytb::fakes::aws {
namespace {

using nlohmann::json;

// Runs each line of arguments; prints [[status, out, err], …].
constexpr const char* kLoop = R"(
import contextlib, io, json, sys
from awscli.clidriver import create_clidriver
answers = []
for arguments in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = create_clidriver().main(arguments)
        except SystemExit as end:
            status = end.code
    answers.append([status, out.getvalue(), err.getvalue()])
json.dump(answers, sys.stdout)
)";

struct Line {
  std::vector<std::string> arguments;
  std::string expected;  // a key of the answer; "" for an empty one; "(Code)" of an error
};

TEST(FakeAwsCli, EveryOtherOperation) {
  if (!why_no_awscli().empty()) GTEST_SKIP() << why_no_awscli();
  FakeAws fake;
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
  const std::string zone = fake.seed_zone("mysite.com");
  fake.s3().seed_bucket("proofs");
  const std::string snapshot_arn = "arn:aws:rds:eu-west-1:123456789012:snapshot:mine";
  const std::string stack_template =
      R"({"Resources":{"P":{"Type":"AWS::RDS::DBParameterGroup","Properties":{"Description":"d","Family":"postgres15"}}}})";
  const std::vector<Line> lines = {
      {{"rds", "add-tags-to-resource", "--resource-name", snapshot_arn, "--tags", "Key=a,Value=b"}, ""},
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
      {{"rds", "describe-db-clusters"}, "DBClusters"},
      {{"rds", "describe-db-clusters", "--db-cluster-identifier", "none"}, "(DBClusterNotFoundFault)"},
      {{"rds", "modify-db-cluster", "--db-cluster-identifier", "none", "--backup-retention-period", "1"},
       "(DBClusterNotFoundFault)"},
      {{"rds", "describe-account-attributes"}, "AccountQuotas"},
      {{"rds", "describe-certificates"}, "Certificates"},
      {{"rds", "describe-db-engine-versions", "--engine", "postgres"}, "DBEngineVersions"},
      {{"rds", "describe-db-parameter-groups"}, "DBParameterGroups"},
      {{"rds", "describe-db-subnet-groups", "--db-subnet-group-name", "private"}, "DBSubnetGroups"},
      {{"rds", "describe-db-subnet-groups", "--db-subnet-group-name", "none"},
       "(DBSubnetGroupNotFoundFault)"},
      {{"rds", "describe-option-groups"}, "OptionGroupsList"},
      {{"rds", "describe-orderable-db-instance-options", "--engine", "postgres"},
       "OrderableDBInstanceOptions"},
      {{"cloudformation", "create-stack", "--stack-name", "s", "--template-body", stack_template}, "StackId"},
      {{"cloudformation", "list-stacks"}, "StackSummaries"},
      {{"cloudformation", "describe-stack-resources", "--stack-name", "s"}, "StackResources"},
      {{"cloudformation", "get-template", "--stack-name", "s"}, "TemplateBody"},
      {{"cloudformation", "get-template", "--stack-name", "none"}, "(ValidationError)"},
      {{"cloudformation", "set-stack-policy", "--stack-name", "s", "--stack-policy-body",
        R"({"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}]})"},
       ""},
      {{"cloudformation", "continue-update-rollback", "--stack-name", "s"}, "(ValidationError)"},
      {{"route53", "get-hosted-zone", "--id", zone, "--region", "us-east-1"}, "HostedZone"},
      {{"route53", "get-hosted-zone", "--id", "ZNONE", "--region", "us-east-1"}, "(NoSuchHostedZone)"},
      {{"s3api", "head-bucket", "--bucket", "proofs"}, ""},
      {{"s3api", "head-bucket", "--bucket", "none"}, "(404)"},
      {{"ec2", "describe-subnets", "--subnet-ids", "subnet-none"}, "(InvalidSubnetID.NotFound)"},
      {{"iam", "get-role", "--role-name", "none", "--region", "us-east-1"}, "(NoSuchEntity)"},
      {{"ecs", "describe-clusters", "--clusters", "none"}, "failures"},
      {{"ecs", "describe-task-definition", "--task-definition", "none"}, "(ClientException)"},
      {{"ecs", "list-tasks"}, "taskArns"},
      {{"ecs", "stop-task", "--task", "none"}, "(InvalidParameterException)"},
  };
  json asked = json::array();
  for (const Line& line : lines) {
    json arguments = {"--endpoint-url", fake.endpoint(), "--output", "json", "--no-cli-auto-prompt"};
    for (const std::string& word : line.arguments) arguments.push_back(word);
    asked.push_back(arguments);
  }
  std::vector<std::string> environment = fake.environment();
  environment.insert(environment.end(), {"AWS_MAX_ATTEMPTS=1", "AWS_PAGER=", "HOME=/nonexistent"});
  testing::RunResult run =
      testing::run_program({"/usr/bin/python3", "-c", kLoop}, "", asked.dump(), environment);
  const json answers = parse_json(run.out);
  ASSERT_TRUE(answers.is_array() && answers.size() == lines.size()) << run.out << run.err;
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto& [arguments, expected] = lines[i];
    const std::string out = answers[i][1];
    const std::string err = answers[i][2];
    SCOPED_TRACE(arguments[0] + " " + arguments[1] + ": " + out + err);
    if (expected.starts_with('(')) {
      EXPECT_THAT(err, ::testing::HasSubstr(expected));
      continue;
    }
    EXPECT_EQ(answers[i][0], 0);
    EXPECT_TRUE(expected.empty() ? out.empty() : parse_json(out).contains(expected)) << expected;
  }
}

}  // namespace
}  // namespace ytb::fakes::aws
