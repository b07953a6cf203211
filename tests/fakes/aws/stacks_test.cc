// Stacks: states, events, replacement, rollback, policies. The client is awscli.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/aws/awscli.h"

namespace ytb::fakes::aws {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

json the_template(const std::string& policy = "Delete") {
  json out = {{"Parameters",
               {{"Copy", {{"Type", "String"}}},
                {"Snapshot", {{"Type", "String"}}},
                {"Groups", {{"Type", "String"}, {"Default", "sg-quarantine"}}}}},
              {"Resources",
               {{"Database",
                 {{"Type", "AWS::RDS::DBInstance"},
                  {"Properties",
                   {{"DBInstanceIdentifier", {{"Ref", "Copy"}}},
                    {"DBSnapshotIdentifier", {{"Ref", "Snapshot"}}},
                    {"DBInstanceClass", "db.t3.small"},
                    {"BackupRetentionPeriod", "0"},
                    {"VPCSecurityGroups", {{{"Ref", "Groups"}}}},
                    {"Tags", {{{"Key", "owner"}, {"Value", {{"Fn::Sub", "ytb-${AWS::StackName}"}}}}}}}}}},
                {"Name",
                 {{"Type", "AWS::Route53::RecordSet"},
                  {"Properties",
                   {{"HostedZoneName", "example.com."},
                    {"Name", "shop-yesterday.example.com."},
                    {"Type", "CNAME"},
                    {"TTL", "300"},
                    {"ResourceRecords", {{{"Fn::GetAtt", {"Database", "Endpoint.Address"}}}}}}}}}}},
              {"Outputs", {{"DomainName", {{"Value", {{"Ref", "Name"}}}}}}}};
  if (!policy.empty()) {
    out["Resources"]["Database"]["DeletionPolicy"] = policy;
    out["Resources"]["Database"]["UpdateReplacePolicy"] = policy;
  }
  return out;
}

class FakeAwsStacks : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!why_no_awscli().empty()) GTEST_SKIP() << why_no_awscli();
  }
  static void seed(FakeAws& fake) {
    fake.seed_zone("example.com");
    for (const char* id : {"one", "two"}) {
      SnapshotSeed snapshot;
      snapshot.id = id;
      snapshot.created = *from_iso("2026-11-21T06:00:00Z");
      fake.seed(snapshot);
    }
  }
  static AwsRun stack(const FakeAws& fake, const std::string& verb, const json& source,
                      const std::string& copy, const std::string& snapshot,
                      std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"cloudformation", verb, "--stack-name", "shop-yesterday"};
    if (source.is_null()) {
      arguments.emplace_back("--use-previous-template");
    } else {
      arguments.insert(arguments.end(), {"--template-body", source.dump()});
    }
    arguments.insert(arguments.end(), {"--parameters", "ParameterKey=Copy,ParameterValue=" + copy,
                                       "ParameterKey=Snapshot,ParameterValue=" + snapshot});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return aws(fake, arguments);
  }
  static AwsRun cfn(const FakeAws& fake, const std::string& verb) {
    return aws(fake, {"cloudformation", verb, "--stack-name", "shop-yesterday"});
  }
};

TEST_F(FakeAwsStacks, CreatesInOrderAndShowsOutputs) {
  Settings settings;
  settings.delays.instance_create = std::chrono::hours(1);
  settings.delays.instance_backup = std::chrono::minutes(30);
  settings.delays.dns = std::chrono::minutes(1);
  FakeAws fake(settings);
  seed(fake);
  AwsRun run = stack(fake, "create-stack", the_template(), "copy-1", "one");
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(stack(fake, "create-stack", the_template(), "copy-1", "one").err,
              HasSubstr("(AlreadyExistsException)"));
  EXPECT_EQ(fake.stack_status("shop-yesterday"), "CREATE_IN_PROGRESS");
  EXPECT_THAT(stack(fake, "update-stack", the_template(), "copy-2", "two").err,
              HasSubstr("can not be updated"));
  fake.advance(std::chrono::hours(1));
  EXPECT_THAT(fake.instance_ids(), ElementsAre("copy-1"));
  EXPECT_TRUE(fake.dns_values("shop-yesterday.example.com", "CNAME").empty());
  fake.advance(std::chrono::minutes(40));
  EXPECT_EQ(fake.stack_status("shop-yesterday"), "CREATE_COMPLETE");
  json instance = parse_json(fake.instance("copy-1"));
  EXPECT_THAT(fake.dns_values("shop-yesterday.example.com", "CNAME"),
              ElementsAre(instance["Endpoint"]["Address"]));
  // A retention of 0 in the template does not reach a restored instance.
  EXPECT_EQ(instance["BackupRetentionPeriod"], 7);
  AwsRun seen = cfn(fake, "describe-stacks");
  ASSERT_EQ(seen.status, 0) << seen.err;
  EXPECT_EQ(seen.out["Stacks"][0]["Outputs"][0]["OutputValue"], "shop-yesterday.example.com.");
  AwsRun events = cfn(fake, "describe-stack-events");
  std::vector<std::string> told;
  for (const json& event : events.out["StackEvents"])
    told.push_back(event["LogicalResourceId"].get<std::string>() + " " +
                   event["ResourceStatus"].get<std::string>());
  EXPECT_THAT(told, ElementsAre("shop-yesterday CREATE_COMPLETE", "Name CREATE_COMPLETE",
                                "Name CREATE_IN_PROGRESS", "Database CREATE_COMPLETE",
                                "Database CREATE_IN_PROGRESS", "shop-yesterday CREATE_IN_PROGRESS"));
  EXPECT_THAT(stack(fake, "update-stack", the_template(), "copy-1", "one").err,
              HasSubstr("(ValidationError) when calling the UpdateStack operation"));
  EXPECT_THAT(stack(fake, "update-stack", the_template(), "copy-1", "one").err,
              HasSubstr("No updates are to be performed"));
}

TEST_F(FakeAwsStacks, AnotherSnapshotReplacesTheInstance) {
  FakeAws fake;
  seed(fake);
  ASSERT_EQ(stack(fake, "create-stack", the_template(), "copy-1", "one").status, 0);
  fake.advance(std::chrono::minutes(1));
  ASSERT_EQ(fake.stack_status("shop-yesterday"), "CREATE_COMPLETE");
  AwsRun run = stack(fake, "update-stack", nullptr, "copy-2", "two");
  ASSERT_EQ(run.status, 0) << run.err;
  fake.advance(std::chrono::minutes(1));
  EXPECT_EQ(fake.stack_status("shop-yesterday"), "UPDATE_COMPLETE");
  EXPECT_THAT(fake.instance_ids(), ElementsAre("copy-2"));
  EXPECT_THAT(fake.dns_values("shop-yesterday.example.com", "CNAME"), ElementsAre(HasSubstr("copy-2")));
  // The same name cannot be two instances at once.
  ASSERT_EQ(stack(fake, "update-stack", nullptr, "copy-2", "one").status, 0);
  fake.advance(std::chrono::minutes(1));
  EXPECT_EQ(fake.stack_status("shop-yesterday"), "UPDATE_ROLLBACK_COMPLETE");
  EXPECT_EQ(cfn(fake, "delete-stack").status, 0);
  fake.advance(std::chrono::minutes(1));
  EXPECT_TRUE(fake.instance_ids().empty());
  EXPECT_THAT(cfn(fake, "describe-stacks").err, HasSubstr("Stack with id shop-yesterday does not exist"));
}

TEST_F(FakeAwsStacks, StackPolicyDeniesReplacementAndLetsGroupsChange) {
  FakeAws fake;
  seed(fake);
  std::string policy =
      R"({"Statement":[{"Effect":"Deny","Principal":"*","Action":["Update:Replace","Update:Delete"],"Resource":"*"},)"
      R"({"Effect":"Allow","Principal":"*","Action":"Update:Modify","Resource":"*"}]})";
  ASSERT_EQ(
      stack(fake, "create-stack", the_template(), "copy-1", "one", {"--stack-policy-body", policy}).status,
      0);
  fake.advance(std::chrono::minutes(1));
  ASSERT_EQ(stack(fake, "update-stack", nullptr, "copy-2", "two").status, 0);
  fake.advance(std::chrono::minutes(1));
  EXPECT_EQ(fake.stack_status("shop-yesterday"), "UPDATE_ROLLBACK_COMPLETE");
  EXPECT_THAT(fake.instance_ids(), ElementsAre("copy-1"));
  AwsRun run = aws(
      fake, {"cloudformation", "update-stack", "--stack-name", "shop-yesterday", "--use-previous-template",
             "--parameters", "ParameterKey=Copy,UsePreviousValue=true",
             "ParameterKey=Snapshot,UsePreviousValue=true", "ParameterKey=Groups,ParameterValue=sg-staging"});
  ASSERT_EQ(run.status, 0) << run.err;
  fake.advance(std::chrono::minutes(1));
  EXPECT_EQ(fake.stack_status("shop-yesterday"), "UPDATE_COMPLETE");
  EXPECT_EQ(parse_json(fake.instance("copy-1"))["VpcSecurityGroups"][0]["VpcSecurityGroupId"], "sg-staging");
}

TEST_F(FakeAwsStacks, AFailedCreationRollsBackAndCannotBeUpdated) {
  FakeAws fake;
  seed(fake);
  fake.fail_next_resource("AWS::RDS::DBInstance", "no capacity");
  ASSERT_EQ(stack(fake, "create-stack", the_template(), "copy-1", "one").status, 0);
  fake.advance(std::chrono::minutes(1));
  EXPECT_EQ(fake.stack_status("shop-yesterday"), "ROLLBACK_COMPLETE");
  EXPECT_TRUE(fake.instance_ids().empty());
  EXPECT_THAT(stack(fake, "update-stack", the_template(), "copy-2", "two").err,
              HasSubstr("ROLLBACK_COMPLETE state"));
}

TEST_F(FakeAwsStacks, OthersThingsSurviveARollback) {
  FakeAws fake;
  seed(fake);
  InstanceSeed production;
  production.id = "copy-1";
  fake.seed(production);
  ASSERT_EQ(stack(fake, "create-stack", the_template(), "copy-1", "one").status, 0);
  fake.advance(std::chrono::minutes(1));
  EXPECT_EQ(fake.stack_status("shop-yesterday"), "ROLLBACK_COMPLETE");
  EXPECT_THAT(fake.instance_ids(), ElementsAre("copy-1"));
  for (const RecordedCall& call : fake.mutations()) EXPECT_NE(call.operation, "DeleteDBInstance");
}

TEST_F(FakeAwsStacks, ADefaultDeletionLeavesAFinalSnapshotAndProtectionFailsIt) {
  FakeAws fake;
  seed(fake);
  json source = the_template("");
  source["Resources"]["Database"]["Properties"]["DeletionProtection"] = "true";
  ASSERT_EQ(stack(fake, "create-stack", source, "copy-1", "one").status, 0);
  fake.advance(std::chrono::minutes(1));
  ASSERT_EQ(cfn(fake, "delete-stack").status, 0);
  fake.advance(std::chrono::minutes(1));
  EXPECT_EQ(fake.stack_status("shop-yesterday"), "DELETE_FAILED");
  ASSERT_EQ(aws(fake, {"rds", "modify-db-instance", "--db-instance-identifier", "copy-1",
                       "--no-deletion-protection"})
                .status,
            0);
  fake.advance(std::chrono::minutes(1));
  ASSERT_EQ(cfn(fake, "delete-stack").status, 0);
  fake.advance(std::chrono::minutes(1));
  EXPECT_EQ(fake.stack_status("shop-yesterday"), "");
  AwsRun left = aws(fake, {"rds", "describe-db-snapshots", "--db-instance-identifier", "copy-1"});
  ASSERT_EQ(left.out["DBSnapshots"].size(), 1U) << left.err;
}

TEST_F(FakeAwsStacks, TemplatesAreChecked) {
  FakeAws fake;
  seed(fake);
  json unknown = the_template();
  unknown["Resources"]["Database"]["Properties"]["VPCSecurityGroups"] = {{{"Ref", "Nowhere"}}};
  EXPECT_THAT(stack(fake, "create-stack", unknown, "a", "one").err,
              HasSubstr("Unresolved resource dependencies [Nowhere]"));
  EXPECT_THAT(aws(fake, {"cloudformation", "create-stack", "--stack-name", "s", "--template-body",
                         the_template().dump()})
                  .err,
              HasSubstr("Parameters: [Copy, Snapshot] must have values"));
  json extra = the_template();
  extra["Resources"]["Database"]["Properties"]["Colour"] = "red";
  ASSERT_EQ(stack(fake, "create-stack", extra, "a", "one").status, 0);
  fake.advance(std::chrono::minutes(1));
  EXPECT_EQ(fake.stack_status("shop-yesterday"), "ROLLBACK_COMPLETE");
}

// As the strictest AWS that there was:
// github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1543.
TEST_F(FakeAwsStacks, PoliciesAloneAreNoUpdate) {
  FakeAws fake;
  seed(fake);
  json source = the_template();
  ASSERT_EQ(stack(fake, "create-stack", source, "copy-1", "one").status, 0);
  source["Resources"]["Name"]["DeletionPolicy"] = "Retain";
  EXPECT_THAT(stack(fake, "update-stack", source, "copy-1", "one").err,
              HasSubstr("No updates are to be performed"));
  source["Resources"]["Name"]["Metadata"] = {{"Why", "adopted"}};
  EXPECT_EQ(stack(fake, "update-stack", source, "copy-1", "one").status, 0);
  source["Resources"].erase("Name");
  source.erase("Outputs");
  EXPECT_EQ(stack(fake, "update-stack", source, "copy-1", "one").status, 0);
  EXPECT_EQ(fake.dns_values("shop-yesterday.example.com", "CNAME").size(), 1U) << "it outlives the stack";
}

TEST_F(FakeAwsStacks, ATemplateMayBeYaml) {
  FakeAws fake;
  std::string text =
      "Parameters:\n  Family: {Type: String, Default: postgres15}\nResources:\n  Group:\n"
      "    Type: 'AWS::RDS::DBParameterGroup'\n    Properties:\n      Family: !Ref Family\n"
      "      Description: !Sub 'of ${AWS::StackName}'\n";
  auto create = [&](const std::string& name, const std::string& body) {
    return aws(fake, {"cloudformation", "create-stack", "--stack-name", name, "--template-body", body});
  };
  EXPECT_EQ(create("good", text).status, 0);
  EXPECT_EQ(fake.stack_status("good"), "CREATE_COMPLETE");
  EXPECT_THAT(create("bad", text + "    Oops: !Mystery x\n").err, HasSubstr("(ValidationError)"));
  EXPECT_THAT(create("worse", "a: [").err, HasSubstr("(ValidationError)"));
}

}  // namespace
}  // namespace ytb::fakes::aws
