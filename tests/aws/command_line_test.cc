// The built program on the fake AWS, in real time: what a person sees who uses it with AWS for the first
// time.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/aws_scenario.h"
#include "fakes/aws/small_services.h"

namespace ytb::tests {
namespace {

using fakes::aws::FakeAws;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::RunResult;

constexpr const char* kName = "shop-yesterday.mysite.com";

class AwsCommandLine : public AwsRuns {
 protected:
  void SetUp() override {
    AwsRuns::SetUp();
    if (IsSkipped()) return;
    ScenarioOptions options;
    options.own_time = false;
    aws_ = &begin(std::move(options));
    fake_ = &aws_->fake();
  }
  RunResult must(const std::vector<std::string>& words) { return aws_->must(words); }

  AwsScenario* aws_ = nullptr;
  FakeAws* fake_ = nullptr;
};

TEST_F(AwsCommandLine, APolicyInABucketIsOnlyRead) {
  RunResult refused =
      aws_->program({"policy", "accept", "--schema", aws_->file("schema.sql"), "--database", "shop"});
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.err, HasSubstr("'policy accept' writes files"));
}

TEST_F(AwsCommandLine, LooksAndChangesNothing) {
  RunResult snapshots = must({"snapshot", "list"});
  EXPECT_THAT(snapshots.out, HasSubstr("rds:shop-2026-11-21-06-00"));
  RunResult plan = must({"plan"});
  EXPECT_THAT(plan.out, HasSubstr("next: restore shop-yesterday-20261121-060000-1"));
  RunResult status = must({"status"});
  EXPECT_THAT(status.out, HasSubstr("nothing"));
  RunResult check = must({"check"});
  for (const char* line : {"123456789012 in eu-west-1, as arn:aws:iam::123456789012:user/tester",
                           "CloudFormation, one stack a copy", "record", "shop-yesterday.mysite.com is free",
                           "nothing out; in: tcp 5432 sg-worker", "quota DBInstances",
                           "may rds:ModifyDBInstance", "(simulated)", "(cannot be known)"})
    EXPECT_THAT(check.out, HasSubstr(line));
  EXPECT_THAT(check.out, HasSubstr("a refresh would work"));
  RunResult teardown = must({"teardown", "--dry-run"});
  EXPECT_THAT(teardown.out, HasSubstr(fmt::format("alias  {}", kName)));
  EXPECT_TRUE(fake_->mutations().empty());
}

TEST_F(AwsCommandLine, SaysWhatIsMissing) {
  fake_->seed_zone("mysite.com", true);
  RunResult two_zones = aws_->program({"check"});
  EXPECT_NE(two_zones.status, 0);
  EXPECT_THAT(two_zones.out, HasSubstr("2 hosted zones are called mysite.com"));
  aws_->write_config("", "s3://my-proofs/config/other.yaml");
  RunResult no_policy = aws_->program({"plan"});
  EXPECT_NE(no_policy.status, 0);
  EXPECT_THAT(no_policy.err, HasSubstr("there is no s3://my-proofs/config/other.yaml"));
}

TEST_F(AwsCommandLine, ADeniedReadIsALineOfCheckAndTheRestIsStillSaid) {
  for (const char* operation :
       {"DescribeSecurityGroups", "DescribeAccountAttributes", "ListResourceRecordSets"}) {
    for (int attempt = 1; attempt <= 9; ++attempt)
      fake_->fail(operation, attempt, {.kind = fakes::aws::Fault::Kind::kAccessDenied});
  }
  RunResult denied = aws_->program({"check"});
  EXPECT_NE(denied.status, 0);
  for (const char* line : {"allow ec2:DescribeSecurityGroups", "allow rds:DescribeAccountAttributes",
                           "allow route53:ListResourceRecordSets", "may rds:ModifyDBInstance", "seen from"})
    EXPECT_THAT(denied.out, HasSubstr(line));
}

TEST_F(AwsCommandLine, CheckGoesOnWithoutItsSigningKey) {
  fake_->fail("GetSecretValue", 1, {.kind = fakes::aws::Fault::Kind::kAccessDenied});
  RunResult without_key = aws_->program({"check"});
  EXPECT_NE(without_key.status, 0);
  EXPECT_THAT(without_key.out, HasSubstr("drivers"));
  EXPECT_THAT(without_key.out, HasSubstr("quota DBInstances"));
}

// Taking the original's name over, through the program: it resolves all the while.
TEST_F(AwsCommandLine, AdoptsTheOriginalsName) {
  must({"adopt"});  // nothing of the original is there
  fake_->seed_record(aws_->zone(), kName, "CNAME", 300,
                     {"shop-2026-11-20-1100.abc123.eu-west-1.rds.amazonaws.com"});
  RunResult plan = must({"adopt", "--dry-run"});
  EXPECT_THAT(plan.out, HasSubstr("names an instance that is gone: the next refresh moves it"));
  EXPECT_THAT(must({"check"}).out, HasSubstr("was the original's and is adopted"));
  EXPECT_TRUE(fake_->mutations().empty());
  must({"refresh"});
  EXPECT_EQ(aws_->resolved(), aws_->address_of("shop-yesterday-20261121-060000-1"));
}

TEST_F(AwsCommandLine, RefreshesSwapsRollsBackAndTearsDown) {
  RunResult first = must({"refresh"});
  const std::string copy = "shop-yesterday-20261121-060000-1";
  EXPECT_THAT(first.out, HasSubstr(copy));
  EXPECT_THAT(first.out, HasSubstr("host=shop-yesterday.mysite.com port="));
  EXPECT_THAT(first.out, HasSubstr("dbname=… user=staging sslmode=require"));
  EXPECT_THAT(first.out, HasSubstr("sslmode=verify-full fails"));
  EXPECT_EQ(aws_->resolved(), aws_->address_of(copy));
  EXPECT_THAT(
      must({"connect", "--dbname", "shop", "--print"}).out,
      ::testing::MatchesRegex("psql 'host=shop-yesterday.mysite.com port=[0-9]+ dbname=shop user=staging "
                              "sslmode=require'\n"));
  EXPECT_EQ(aws_->ask_staging(copy, "SELECT count(*) FROM users"), "500");
  EXPECT_EQ(aws_->ask_staging(copy, "SELECT count(*) FROM users WHERE email LIKE '%corp.test'"), "0");
  EXPECT_EQ(aws_->ask_staging(copy, "SELECT count(DISTINCT email) FROM users WHERE note LIKE 'note %'"),
            "500");
  EXPECT_THAT(
      aws_->ask_copy(copy, "127.9.0.1", fmt::format("user=master password={}", kMasterPassword), "SELECT 1"),
      HasSubstr("<error"))
      << "production's own login";
  EXPECT_EQ(parse_json(fake_->instance(copy))["BackupRetentionPeriod"], 0);
  aws_->expect_production_untouched();

  json status = aws_->must_json({"status"});
  EXPECT_EQ(status["live"]["copy"], copy);
  EXPECT_TRUE(status["unknown"].empty()) << status.dump();
  EXPECT_TRUE(status["trouble"].is_null()) << status.dump();
  EXPECT_THAT(must({"proof", "show"}).out, HasSubstr(copy));
  must({"proof", "verify"});
  EXPECT_THAT(must({"policy", "check"}).out, HasSubstr("every column is judged")) << "through the live copy";
  EXPECT_THAT(must({"refresh", "--if-due"}).out, HasSubstr("nothing to do"));

  aws_->write_config("    spare_copies: 1\n");
  aws_->add_snapshot("2026-11-22T06:00:00Z");
  must({"refresh", "--wait-drain"});
  const std::string second = "shop-yesterday-20261122-060000-1";
  EXPECT_EQ(aws_->resolved(), aws_->address_of(second));
  EXPECT_THAT(fake_->instance_ids(), ::testing::UnorderedElementsAre("shop", copy, second))
      << "a spare stays";
  must({"rollback", "--yes"});
  EXPECT_EQ(aws_->resolved(), aws_->address_of(copy));
  EXPECT_EQ(aws_->ask_staging(copy, "SELECT count(*) FROM users"), "500");
  RunResult live = aws_->program({"delete", copy, "--yes"});
  EXPECT_NE(live.status, 0) << "staging would be gone";
  must({"refresh", "--if-due", "--wait-drain"});
  must({"delete", second, "--yes"});
  EXPECT_EQ(fake_->instance(second), "");

  must({"teardown", "--yes"});
  EXPECT_EQ(aws_->resolved(), "0 values");
  EXPECT_THAT(fake_->instance_ids(), ElementsAre("shop"));
  aws_->expect_production_untouched();
}

}  // namespace
}  // namespace ytb::tests
