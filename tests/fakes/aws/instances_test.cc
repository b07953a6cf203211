// RDS instances, Route 53 and planned faults, as awscli sees them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/aws/awscli.h"

namespace ytb::fakes::aws {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FakeAwsInstances : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!why_no_awscli().empty()) GTEST_SKIP() << why_no_awscli();
  }
  static SnapshotSeed snapshot() {
    SnapshotSeed seed;
    seed.id = "yesterday";
    seed.created = *from_iso("2026-11-21T06:00:00Z");
    seed.tags = {{"team", "production"}};
    return seed;
  }
  static std::vector<std::string> restore(const std::string& id) {
    return {"rds",
            "restore-db-instance-from-db-snapshot",
            "--db-instance-identifier",
            id,
            "--db-snapshot-identifier",
            "yesterday"};
  }
  static std::string status(FakeAws& fake, const std::string& id) {
    std::string text = fake.instance(id);
    return text.empty() ? "" : parse_json(text)["DBInstanceStatus"].get<std::string>();
  }
};

TEST_F(FakeAwsInstances, RestoreInheritsTagsAndRetentionAndComesUpInSteps) {
  Settings settings;
  settings.delays.instance_create = std::chrono::minutes(10);
  settings.delays.instance_backup = std::chrono::minutes(5);
  FakeAws fake(settings);
  fake.seed(snapshot());
  ASSERT_EQ(aws(fake, restore("copy-1")).status, 0);
  EXPECT_THAT(aws(fake, restore("copy-1")).err, HasSubstr("(DBInstanceAlreadyExists)"));
  json created = parse_json(fake.instance("copy-1"));
  EXPECT_EQ(created["DBInstanceStatus"], "creating");
  EXPECT_EQ(created["BackupRetentionPeriod"], 7);
  EXPECT_EQ(created["TagList"][0]["Value"], "production");
  EXPECT_FALSE(created.contains("Endpoint"));
  fake.advance(std::chrono::minutes(11));
  EXPECT_EQ(status(fake, "copy-1"), "backing-up");
  EXPECT_TRUE(parse_json(fake.instance("copy-1")).contains("Endpoint"));
  fake.advance(std::chrono::minutes(6));
  EXPECT_EQ(status(fake, "copy-1"), "available");
  AwsRun seen = aws(fake, {"rds", "describe-db-instances", "--db-instance-identifier", "copy-1"});
  ASSERT_EQ(seen.status, 0) << seen.err;
  EXPECT_EQ(seen.out["DBInstances"][0]["DBInstanceStatus"], "available");
}

TEST_F(FakeAwsInstances, ModifyIsAsynchronousWithAStaleAvailableFirst) {
  Settings settings;
  settings.delays.modify_notice = std::chrono::seconds(20);
  settings.delays.modify = std::chrono::seconds(60);
  FakeAws fake(settings);
  fake.seed(snapshot());
  ASSERT_EQ(aws(fake, restore("copy-1")).status, 0);
  std::vector<std::string> modify = {"rds",
                                     "modify-db-instance",
                                     "--db-instance-identifier",
                                     "copy-1",
                                     "--master-user-password",
                                     "a-new-password",
                                     "--backup-retention-period",
                                     "0"};
  EXPECT_THAT(aws(fake, {"rds", "modify-db-instance", "--db-instance-identifier", "copy-1",
                         "--master-user-password", "with space"})
                  .err,
              HasSubstr("(InvalidParameterValue)"));
  modify.push_back("--apply-immediately");
  AwsRun run = aws(fake, modify);
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.out["DBInstance"]["DBInstanceStatus"], "available");
  EXPECT_EQ(run.out["DBInstance"]["PendingModifiedValues"]["BackupRetentionPeriod"], 0);
  fake.advance(std::chrono::seconds(30));
  EXPECT_EQ(status(fake, "copy-1"), "resetting-master-credentials");
  EXPECT_THAT(aws(fake, modify).err, HasSubstr("(InvalidDBInstanceState)"));
  fake.advance(std::chrono::seconds(60));
  EXPECT_EQ(status(fake, "copy-1"), "available");
  EXPECT_EQ(parse_json(fake.instance("copy-1"))["BackupRetentionPeriod"], 0);
  for (const RecordedCall& call : fake.mutations())
    EXPECT_EQ(call.input.find("a-new-password"), std::string::npos);
}

TEST_F(FakeAwsInstances, RetentionWaitsForTheWindowUnlessImmediate) {
  FakeAws fake;
  fake.seed(snapshot());
  ASSERT_EQ(aws(fake, restore("copy-1")).status, 0);
  ASSERT_EQ(aws(fake, {"rds", "modify-db-instance", "--db-instance-identifier", "copy-1",
                       "--backup-retention-period", "0"})
                .status,
            0);
  fake.advance(std::chrono::hours(1));
  EXPECT_EQ(parse_json(fake.instance("copy-1"))["BackupRetentionPeriod"], 7);
}

TEST_F(FakeAwsInstances, AVolumeOnlyGrowsAndNotTwiceInSixHours) {
  Settings settings;
  settings.delays.storage_optimization = std::chrono::hours(2);
  FakeAws fake(settings);
  fake.seed(snapshot());
  ASSERT_EQ(aws(fake, restore("copy-1")).status, 0);
  fake.advance(std::chrono::minutes(1));
  // No storage type was given: gp3, and the snapshot's gp2 is converted.
  EXPECT_EQ(parse_json(fake.instance("copy-1"))["StorageType"], "gp3");
  EXPECT_EQ(status(fake, "copy-1"), "storage-optimization");
  fake.advance(std::chrono::hours(7));
  EXPECT_EQ(status(fake, "copy-1"), "available");
  auto grow = [&](const std::string& gib) {
    AwsRun run = aws(fake, {"rds", "modify-db-instance", "--db-instance-identifier", "copy-1",
                            "--allocated-storage", gib, "--apply-immediately"});
    fake.advance(std::chrono::minutes(1));
    return run;
  };
  EXPECT_THAT(grow("19").err, HasSubstr("cannot be made smaller"));
  EXPECT_THAT(grow("21").err, HasSubstr("at least 10 percent"));
  ASSERT_EQ(grow("30").status, 0);
  EXPECT_EQ(parse_json(fake.instance("copy-1"))["AllocatedStorage"], 30);
  EXPECT_EQ(status(fake, "copy-1"), "storage-optimization");
  EXPECT_THAT(grow("30").err, HasSubstr("previous storage change is being optimized"))
      << "even what is there";
  EXPECT_THAT(grow("40").err, HasSubstr("previous storage change is being optimized"));
  // Other changes go on meanwhile.
  ASSERT_EQ(aws(fake, {"rds", "modify-db-instance", "--db-instance-identifier", "copy-1",
                       "--backup-retention-period", "0", "--apply-immediately"})
                .status,
            0);
  fake.advance(std::chrono::minutes(1));
  EXPECT_EQ(status(fake, "copy-1"), "storage-optimization");
  fake.advance(std::chrono::hours(3));
  EXPECT_EQ(status(fake, "copy-1"), "available");
  EXPECT_THAT(grow("40").err, HasSubstr("previous storage change is being optimized")) << "six hours";
  fake.advance(std::chrono::hours(4));
  ASSERT_EQ(grow("40").status, 0);
  EXPECT_EQ(parse_json(fake.instance("copy-1"))["AllocatedStorage"], 40);
}

TEST_F(FakeAwsInstances, DeletionIsGuarded) {
  FakeAws fake;
  InstanceSeed production;
  production.id = "shop";
  fake.seed(production);
  fake.seed(snapshot());
  ASSERT_EQ(aws(fake, restore("copy-1")).status, 0);
  auto remove = [&](const std::string& id, const std::string& option) {
    std::vector<std::string> arguments = {"rds", "delete-db-instance", "--db-instance-identifier", id};
    if (!option.empty()) arguments.push_back(option);
    return aws(fake, arguments);
  };
  EXPECT_THAT(remove("shop", "--skip-final-snapshot").err, HasSubstr("Cannot delete protected"));
  EXPECT_THAT(remove("copy-1", "").err, HasSubstr("FinalDBSnapshotIdentifier is required"));
  EXPECT_EQ(remove("copy-1", "--skip-final-snapshot").status, 0);
  EXPECT_THAT(fake.instance_ids(), ElementsAre("shop"));
}

TEST_F(FakeAwsInstances, RecordsAreListedAtOnceAndAnsweredInSync) {
  Settings settings;
  settings.delays.dns = std::chrono::seconds(60);
  FakeAws fake(settings);
  std::string zone = fake.seed_zone("example.com");
  fake.seed_zone("example.com", true);
  auto change = [&](const std::string& action, const std::string& name, const std::string& value) {
    json batch = {
        {"Changes",
         {{{"Action", action},
           {"ResourceRecordSet",
            {{"Name", name}, {"Type", "CNAME"}, {"TTL", 300}, {"ResourceRecords", {{{"Value", value}}}}}}}}}};
    return aws(fake, {"--region", "us-east-1", "route53", "change-resource-record-sets", "--hosted-zone-id",
                      zone, "--change-batch", batch.dump()});
  };
  AwsRun run = change("UPSERT", "Shop*.Example.com", "127.0.3.1");
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.out["ChangeInfo"]["Status"], "PENDING");
  AwsRun list =
      aws(fake, {"--region", "us-east-1", "route53", "list-resource-record-sets", "--hosted-zone-id", zone});
  ASSERT_EQ(list.status, 0) << list.err;
  EXPECT_EQ(list.out["ResourceRecordSets"][2]["Name"], "shop\\052.example.com.");
  EXPECT_THAT(fake.dns_values("shop*.example.com", "CNAME"), IsEmpty());
  fake.advance(std::chrono::seconds(61));
  EXPECT_THAT(fake.dns_values("shop*.example.com", "CNAME"), ElementsAre("127.0.3.1"));
  AwsRun got =
      aws(fake, {"--region", "us-east-1", "route53", "get-change", "--id", run.out["ChangeInfo"]["Id"]});
  EXPECT_EQ(got.out["ChangeInfo"]["Status"], "INSYNC") << got.err;
  EXPECT_THAT(change("CREATE", "shop*.example.com", "x").err, HasSubstr("already exists"));
  EXPECT_THAT(change("DELETE", "shop*.example.com", "x").err, HasSubstr("do not match the current values"));
  EXPECT_THAT(change("UPSERT", "elsewhere.org", "x").err, HasSubstr("(InvalidChangeBatch)"));
  EXPECT_THAT(change("UPSERT", "example.com", "x").err, HasSubstr("at apex"));
  AwsRun zones = aws(
      fake, {"--region", "us-east-1", "route53", "list-hosted-zones-by-name", "--dns-name", "example.com"});
  EXPECT_EQ(zones.out["HostedZones"].size(), 2U) << zones.err;
}

TEST_F(FakeAwsInstances, FaultsHitTheNthCall) {
  FakeAws fake;
  fake.seed(snapshot());
  std::vector<std::string> describe = {"rds", "describe-db-snapshots"};
  using Kind = Fault::Kind;
  std::vector<std::pair<Kind, std::string>> expected = {{Kind::kThrottle, "(Throttling)"},
                                                        {Kind::kInternalError, "(InternalFailure)"},
                                                        {Kind::kDropBefore, "Connection was closed"},
                                                        {Kind::kExpiredToken, "(ExpiredToken)"},
                                                        {Kind::kTimeSkewed, "Signature expired"},
                                                        {Kind::kMalformed, "Unable to parse response"},
                                                        {Kind::kTruncatedBody, "no element found"},
                                                        {Kind::kAccessDenied, "(AccessDenied)"}};
  for (const auto& [kind, message] : expected) {
    fake.fail("rds:DescribeDBSnapshots", 2, {.kind = kind});
    EXPECT_EQ(aws(fake, describe).status, 0);
    const std::string said = aws(fake, describe).err;
    // awscli 2.23 notices that the answer is too short before it reads it.
    const bool too_short =
        kind == Kind::kTruncatedBody && said.find("Connection was closed") != std::string::npos;
    EXPECT_TRUE(too_short || said.find(message) != std::string::npos) << said;
  }
  // The work is done although nobody hears of it.
  fake.fail("RestoreDBInstanceFromDBSnapshot", 1, {.kind = Kind::kDropAfter});
  EXPECT_NE(aws(fake, restore("copy-1")).status, 0);
  EXPECT_THAT(fake.instance_ids(), ElementsAre("copy-1"));
  fake.fail("*", 1, {.kind = Kind::kCode, .code = "PriorRequestNotComplete"});
  EXPECT_THAT(aws(fake, describe).err, HasSubstr("(PriorRequestNotComplete)"));
}

}  // namespace
}  // namespace ytb::fakes::aws
