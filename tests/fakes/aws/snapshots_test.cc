// The server, signatures, strictness, STS and RDS snapshots, as awscli sees them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/fakes/aws/awscli.h"

namespace ytb::fakes::aws {
namespace {

using ::testing::HasSubstr;

class FakeAwsSnapshots : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!why_no_awscli().empty()) GTEST_SKIP() << why_no_awscli();
  }
  static SnapshotSeed snapshot(const std::string& id) {
    SnapshotSeed seed;
    seed.id = id;
    seed.created = *from_iso("2026-11-21T06:00:00Z");
    return seed;
  }
};

TEST_F(FakeAwsSnapshots, CallerIsTheKeysOwner) {
  FakeAws fake;
  AwsRun run = aws(fake, {"sts", "get-caller-identity"});
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.out["Arn"], "arn:aws:iam::123456789012:user/tester");
  EXPECT_EQ(run.out["Account"], "123456789012");
}

TEST_F(FakeAwsSnapshots, SignaturesAreChecked) {
  FakeAws fake;
  EXPECT_THAT(aws(fake, {"sts", "get-caller-identity"}, {"AWS_SECRET_ACCESS_KEY=other"}).err,
              HasSubstr("(SignatureDoesNotMatch)"));
  EXPECT_THAT(aws(fake, {"rds", "describe-db-snapshots"}, {"AWS_ACCESS_KEY_ID=AKIAOTHER"}).err,
              HasSubstr("(InvalidClientTokenId)"));
  EXPECT_THAT(aws(fake, {"rds", "describe-db-snapshots", "--region", "us-west-2"}).err,
              HasSubstr("scoped to a valid region"));
  fake.skew(std::chrono::minutes(16));
  EXPECT_THAT(aws(fake, {"sts", "get-caller-identity"}).err, HasSubstr("Signature expired"));
  fake.skew(-std::chrono::minutes(16));
  EXPECT_THAT(aws(fake, {"sts", "get-caller-identity"}).err, HasSubstr("not yet current"));
}

TEST_F(FakeAwsSnapshots, RolesEndWithTheirSession) {
  FakeAws fake;
  AwsRun run = aws(fake, {"sts", "assume-role", "--role-arn", "arn:aws:iam::123456789012:role/keeper",
                          "--role-session-name", "s1", "--duration-seconds", "900"});
  ASSERT_EQ(run.status, 0) << run.err;
  auto credentials = run.out["Credentials"];
  std::vector<std::string> as_role = {
      "AWS_ACCESS_KEY_ID=" + credentials["AccessKeyId"].get<std::string>(),
      "AWS_SECRET_ACCESS_KEY=" + credentials["SecretAccessKey"].get<std::string>(),
      "AWS_SESSION_TOKEN=" + credentials["SessionToken"].get<std::string>()};
  EXPECT_EQ(aws(fake, {"sts", "get-caller-identity"}, as_role).out["Arn"],
            "arn:aws:sts::123456789012:assumed-role/keeper/s1");
  std::vector<std::string> no_token = {as_role[0], as_role[1]};
  EXPECT_THAT(aws(fake, {"sts", "get-caller-identity"}, no_token).err, HasSubstr("(InvalidClientTokenId)"));
  fake.skew(std::chrono::minutes(14));
  fake.add_identity({.access_key = "ASIASHORT",
                     .secret_key = "x",
                     .session_token = "t",
                     .arn = "arn:aws:x",
                     .expires = fake.now() + std::chrono::minutes(10)});
  EXPECT_THAT(aws(fake, {"sts", "get-caller-identity"},
                  {"AWS_ACCESS_KEY_ID=ASIASHORT", "AWS_SECRET_ACCESS_KEY=x", "AWS_SESSION_TOKEN=t"})
                  .err,
              HasSubstr("(ExpiredToken)"));
}

TEST_F(FakeAwsSnapshots, PagesAreWalked) {
  FakeAws fake;
  for (int i = 0; i < 250; ++i) fake.seed(snapshot("manual-" + std::to_string(i)));
  AwsRun run = aws(fake, {"rds", "describe-db-snapshots", "--db-instance-identifier", "shop"});
  ASSERT_EQ(run.status, 0) << run.err;
  std::set<std::string> ids;
  for (const auto& found : run.out["DBSnapshots"]) ids.insert(found["DBSnapshotIdentifier"]);
  EXPECT_EQ(ids.size(), 250U);
  EXPECT_EQ(fake.count("rds:DescribeDBSnapshots"), 3);
  AwsRun first = aws(fake, {"rds", "describe-db-snapshots", "--no-paginate", "--max-records", "20"});
  ASSERT_EQ(first.status, 0) << first.err;
  EXPECT_EQ(first.out["DBSnapshots"].size(), 20U);
  // A marker belongs to its own query.
  EXPECT_THAT(aws(fake, {"rds", "describe-db-snapshots", "--no-paginate", "--max-records", "21", "--marker",
                         first.out["Marker"]})
                  .err,
              HasSubstr("(InvalidParameterValue)"));
  EXPECT_THAT(aws(fake, {"rds", "describe-db-snapshots", "--no-paginate", "--max-records", "101"}).err,
              HasSubstr("Must be between 20 and 100"));
}

TEST_F(FakeAwsSnapshots, TypesAndTimes) {
  FakeAws fake;
  fake.seed(snapshot("one"));
  SnapshotSeed creating = snapshot("rds:shop-2026-11-22");
  creating.type = "automated";
  creating.status = "creating";
  fake.seed(creating);
  SnapshotSeed shared = snapshot("theirs");
  shared.type = "shared";
  shared.owner = "999999999999";
  fake.seed(shared);
  SnapshotSeed backup = snapshot("awsbackup:job-1");
  backup.type = "awsbackup";
  fake.seed(backup);
  auto ids = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"rds", "describe-db-snapshots"});
    std::set<std::string> out;
    AwsRun run = aws(fake, more);
    for (const auto& found : run.out["DBSnapshots"]) out.insert(found["DBSnapshotIdentifier"]);
    return out;
  };
  EXPECT_EQ(ids({}), (std::set<std::string>{"one", "rds:shop-2026-11-22"}));
  EXPECT_EQ(ids({"--snapshot-type", "awsbackup"}), std::set<std::string>{"awsbackup:job-1"});
  EXPECT_EQ(ids({"--snapshot-type", "shared"}),
            std::set<std::string>{"arn:aws:rds:eu-west-1:999999999999:snapshot:theirs"});
  AwsRun run = aws(fake, {"rds", "describe-db-snapshots", "--db-snapshot-identifier", "rds:shop-2026-11-22"});
  EXPECT_FALSE(run.out["DBSnapshots"][0].contains("SnapshotCreateTime"));
  EXPECT_THAT(aws(fake, {"rds", "describe-db-snapshots", "--db-snapshot-identifier", "nothing"}).err,
              HasSubstr("(DBSnapshotNotFound)"));
}

TEST_F(FakeAwsSnapshots, CopiesTakeTimeAndKeepTheOriginalsTime) {
  Settings settings;
  settings.delays.snapshot = std::chrono::minutes(5);
  FakeAws fake(settings);
  SnapshotSeed automated = snapshot("rds:shop-2026-11-21");
  automated.type = "automated";
  fake.seed(automated);
  std::vector<std::string> copy = {"rds",
                                   "copy-db-snapshot",
                                   "--source-db-snapshot-identifier",
                                   automated.id,
                                   "--target-db-snapshot-identifier",
                                   "mine",
                                   "--tags",
                                   "Key=owner,Value=ytb"};
  AwsRun run = aws(fake, copy);
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.out["DBSnapshot"]["Status"], "creating");
  EXPECT_THAT(aws(fake, copy).err, HasSubstr("(DBSnapshotAlreadyExists)"));
  std::vector<std::string> remove = {"rds", "delete-db-snapshot", "--db-snapshot-identifier", "mine"};
  EXPECT_THAT(aws(fake, remove).err, HasSubstr("(InvalidDBSnapshotState)"));
  fake.advance(std::chrono::minutes(6));
  AwsRun done = aws(fake, {"rds", "describe-db-snapshots", "--db-snapshot-identifier", "mine"});
  EXPECT_EQ(done.out["DBSnapshots"][0]["Status"], "available");
  EXPECT_EQ(done.out["DBSnapshots"][0]["OriginalSnapshotCreateTime"], "2026-11-21T06:00:00+00:00");
  EXPECT_NE(done.out["DBSnapshots"][0]["SnapshotCreateTime"], "2026-11-21T06:00:00+00:00");
  AwsRun tags = aws(fake, {"rds", "list-tags-for-resource", "--resource-name",
                           "arn:aws:rds:eu-west-1:123456789012:snapshot:mine"});
  EXPECT_EQ(tags.out["TagList"].dump(), R"([{"Key":"owner","Value":"ytb"}])");
  EXPECT_EQ(aws(fake, remove).status, 0);
  EXPECT_THAT(aws(fake, {"rds", "delete-db-snapshot", "--db-snapshot-identifier", automated.id}).err,
              HasSubstr("(InvalidDBSnapshotState)"));
  std::vector<RecordedCall> mutations = fake.mutations();
  ASSERT_EQ(mutations.size(), 5U);
  EXPECT_EQ(mutations[0].target, "snapshot:mine");
  EXPECT_EQ(mutations[4].target, "snapshot:" + automated.id);
  EXPECT_EQ(mutations[4].error, "InvalidDBSnapshotStateFault");
}

TEST_F(FakeAwsSnapshots, StaleReadsShowWhatWas) {
  Settings settings;
  settings.stale_reads = 1;
  FakeAws fake(settings);
  fake.seed(snapshot("one"));
  std::vector<std::string> describe = {"rds", "describe-db-snapshots"};
  EXPECT_EQ(aws(fake, describe).out["DBSnapshots"].size(), 0U);
  EXPECT_EQ(aws(fake, describe).out["DBSnapshots"].size(), 1U);
}

}  // namespace
}  // namespace ytb::fakes::aws
