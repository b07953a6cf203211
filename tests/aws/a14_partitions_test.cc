// A14: GovCloud and China were refused by name, and every ARN was one of the partition aws.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/rds/preflight.h"
#include "drivers/rds/snapshot_source.h"
#include "drivers/rds/stack_look.h"
#include "drivers/rds/stack_testing.h"

namespace ytb::rds {
namespace {

using ::testing::HasSubstr;

constexpr const char* kOwner = "210987654321";

struct Place {
  std::string partition;
  std::string region;
};
void PrintTo(const Place& place, std::ostream* out) { *out << place.region; }

class A14Partitions : public StackTest, public ::testing::WithParamInterface<Place> {
 protected:
  void SetUp() override {
    ASSERT_EQ(fakes::aws::FakeAws::available(), "") << "tools/setup installs botocore's models";
    fakes::aws::Settings settings = slow();
    settings.partition = GetParam().partition;
    settings.region = GetParam().region;
    settings.identities.front().arn =
        fmt::format("arn:{}:iam::123456789012:user/tester", GetParam().partition);
    start(settings);
    fakes::aws::SnapshotSeed seed;
    seed.id = "for-staging";
    seed.type = "shared";
    seed.owner = kOwner;
    seed.encrypted = true;
    seed.kms_key = arn("kms", std::string(kOwner) + ":key/theirs");
    seed.created = at("2026-11-22T06:30:00Z");
    fake_->seed(seed);
  }
  static std::string arn(const char* service, const std::string& rest) {
    return fmt::format("arn:{}:{}:{}:{}", GetParam().partition, service, GetParam().region, rest);
  }
};

// Found by its owner in the ARN, copied under our key by its ARN, and restored.
TEST_P(A14Partitions, ASharedEncryptedSnapshotIsRestored) {
  RdsSnapshotSource source(*rds_, {.source_id = "shop", .owners = {kOwner}, .copies_shared = true});
  const auto found = source.list();
  ASSERT_TRUE(found.ok()) << to_string(found.error());
  const model::Snapshot& theirs = found->front();
  EXPECT_EQ(theirs.id.str(), arn("rds", std::string(kOwner) + ":snapshot:for-staging"));
  EXPECT_EQ(theirs.state, model::SnapshotState::kUsable) << theirs.reason;
  ASSERT_TRUE(source.verify(theirs, progress_, *stop_).ok());
  StackOptions given = options();
  given.kms_key = arn("kms", "123456789012:key/ours");
  given.copies.service_role = fmt::format("arn:{}:iam::123456789012:role/stacks", GetParam().partition);
  make_host(std::move(given));
  must(restore(request(1, theirs)));
  EXPECT_EQ(the_copy().phase, model::Phase::kRestored);
}

TEST_P(A14Partitions, CheckAsksAboutArnsOfIt) {
  aws::Caller& caller = client_->caller();
  aws::Route53 route53(caller);
  aws::Ec2 ec2(caller);
  aws::Iam iam(caller);
  aws::Sts sts(caller);
  aws::Ecs ecs(caller);
  config::ProductionConfig production;
  production.name = model::ProductionName("shop");
  production.source.kind = production.copies.kind = "rds";
  production.source.rds.id = "shop";
  production.alias.kind = "route53";
  production.alias.route53.zone_id = fake_->seed_zone("mysite.com");
  production.copies.rds.bucket = "proofs";
  PreflightOptions asked;
  asked.region = GetParam().region;
  asked.now = at("2026-11-22T11:00:00Z");
  std::vector<std::string> resources;
  fake_->iam().decide_by([&](const std::string& who, const std::string&, const std::string& resource) {
    resources.push_back(who + " " + resource);
    return true;
  });
  (void)preflight({*rds_, *stacks_, route53, ec2, iam, sts, *s3_, ecs}, production, config::AwsConfig{},
                  asked);
  const std::string who = fmt::format("arn:{}:iam::123456789012:user/tester ", GetParam().partition);
  for (const std::string& one :
       {arn("rds", "123456789012:db:shop-yesterday-20261122-110000-1"),
        arn("cloudformation",
            "123456789012:stack/shop-yesterday-20261122-110000-1/00000000-0000-0000-0000-000000000000"),
        fmt::format("arn:{}:s3:::proofs/yesterdaytabase/proof", GetParam().partition),
        fmt::format("arn:{}:route53:::change/C0", GetParam().partition)})
    EXPECT_THAT(resources, ::testing::Contains(who + one));
  for (const std::string& one : resources) EXPECT_THAT(one, ::testing::Not(HasSubstr("arn:aws:")));
}

INSTANTIATE_TEST_SUITE_P(Places, A14Partitions,
                         ::testing::Values(Place{"aws-us-gov", "us-gov-west-1"},
                                           Place{"aws-cn", "cn-north-1"}));

TEST(A14Reasons, AreUnderstoodOfEveryPartition) {
  for (const char* partition : {"aws", "aws-us-gov", "aws-cn"}) {
    EXPECT_TRUE(forbids_snapshot(
        fmt::format("User: arn:{0}:sts::123456789012:assumed-role/stacks/x is not authorized to perform: "
                    "rds:RestoreDBInstanceFromDBSnapshot on resource: "
                    "arn:{0}:rds:us-gov-west-1:123456789012:snapshot:x because",
                    partition)));
  }
}

}  // namespace
}  // namespace ytb::rds
