// A1: RDS shows no shared snapshot to who names an instance with it, so the standard set-up, a production
// account that shares its snapshots with staging's, was never found; and whoever shared one was believed.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/rds/snapshot_source.h"
#include "drivers/rds/stack_testing.h"

namespace ytb::rds {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kOwner = "210987654321";
constexpr const char* kStranger = "666666666666";
constexpr const char* kTomorrow = "2026-11-23T06:00:00Z";
constexpr const char* kOurKey = "arn:aws:kms:eu-west-1:123456789012:key/ours";

std::string arn_of(const std::string& owner, const std::string& id, bool cluster = false) {
  return fmt::format("arn:aws:rds:eu-west-1:{}:{}:{}", owner, cluster ? "cluster-snapshot" : "snapshot", id);
}

// What is not known of AWS, both ways.
struct Answers {
  bool by_arn, awsbackup;
};
void PrintTo(const Answers& answers, std::ostream* out) {
  *out << "by_arn " << answers.by_arn << ", awsbackup " << answers.awsbackup;
}

class A01SharedSnapshots : public StackTest, public ::testing::WithParamInterface<Answers> {
 protected:
  void SetUp() override {
    ASSERT_EQ(fakes::aws::FakeAws::available(), "") << "tools/setup installs botocore's models";
    fakes::aws::Settings settings = slow();
    settings.assumed.shared_by_arn = GetParam().by_arn;
    settings.assumed.cluster_awsbackup = GetParam().awsbackup;
    start(settings);
  }
  void share(
      const std::string& owner, const std::string& id, const char* created,
      const std::function<void(fakes::aws::SnapshotSeed&)>& more = [](auto&) {}) {
    fakes::aws::SnapshotSeed seed;
    seed.id = id;
    seed.type = "shared";
    seed.owner = owner;
    seed.encrypted = true;
    seed.kms_key = fmt::format("arn:aws:kms:eu-west-1:{}:key/theirs", owner);
    seed.created = at(created);
    more(seed);
    fake_->seed(seed);
  }
  static SourceOptions from_owner() {
    return {.source_id = "shop", .owners = {kOwner}, .copies_shared = true};
  }
  std::vector<std::string> listed(RdsSnapshotSource& source) {
    auto found = source.list();
    EXPECT_TRUE(found.ok()) << (found.ok() ? "" : to_string(found.error()));
    std::vector<std::string> ids;
    if (!found.ok()) return ids;
    for (const model::Snapshot& each : *found) ids.push_back(each.id.str());
    return ids;
  }
  std::vector<std::string> listed(SourceOptions options) {
    RdsSnapshotSource source(*rds_, std::move(options));
    return listed(source);
  }
  static constexpr const char* kOurs = "rds:shop-2026-11-22-06-00";
};

TEST_P(A01SharedSnapshots, ProductionsAccountSharesOneAndItIsRestored) {
  share(kOwner, "for-staging", "2026-11-22T06:30:00Z");
  RdsSnapshotSource source(*rds_, from_owner());
  auto found = source.list();
  ASSERT_TRUE(found.ok()) << to_string(found.error());
  ASSERT_EQ(found->size(), 2U);
  const model::Snapshot theirs = found->front();
  EXPECT_EQ(theirs.id.str(), arn_of(kOwner, "for-staging"));
  EXPECT_EQ(theirs.state, model::SnapshotState::kUsable) << theirs.reason;
  must(source.verify(theirs, progress_, *stop_));
  StackOptions given = options();
  given.kms_key = kOurKey;
  make_host(std::move(given));
  must(restore(request(1, theirs)));
  EXPECT_EQ(ours("CopyDBSnapshot"), 1);
  EXPECT_EQ(the_copy().snapshot, theirs.id);
}

TEST_P(A01SharedSnapshots, OfAClusterLikewise) {
  share(kOwner, "for-staging", "2026-11-22T06:30:00Z", [](auto& seed) { seed.engine = "aurora-postgresql"; });
  SourceOptions options = from_owner();
  options.aurora = true;
  RdsSnapshotSource source(*rds_, std::move(options));
  auto found = source.list();
  ASSERT_TRUE(found.ok()) << to_string(found.error());
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().id.str(), arn_of(kOwner, "for-staging", true));
  must(source.verify(found->front(), progress_, *stop_));
}

TEST_P(A01SharedSnapshots, AStrangersOfTomorrowIsPassedOver) {
  share(kOwner, "for-staging", "2026-11-22T06:30:00Z");
  // More of them than fit one page; one has the owner's number for its name.
  for (int i = 0; i < 120; ++i) share(kStranger, fmt::format("rds-shop-{}", i), kTomorrow);
  share(kStranger, kOwner, kTomorrow);
  RdsSnapshotSource source(*rds_, from_owner());
  EXPECT_THAT(listed(source), ElementsAre(arn_of(kOwner, "for-staging"), kOurs));
  EXPECT_THAT(source.passed_over(), ElementsAre(kStranger));
  // Nor where it is asked for by its name.
  model::Snapshot theirs = snapshot(arn_of(kStranger, kOwner));
  EXPECT_EQ(source.verify(theirs, progress_, *stop_).error().code, Code::kCorrupt);
}

// As the original's config may have it.
TEST_P(A01SharedSnapshots, HoweverItsNameIsWritten) {
  share(kOwner, "for-staging", "2026-11-22T06:30:00Z");
  SourceOptions options = from_owner();
  options.source_id = "Shop";
  EXPECT_THAT(listed(std::move(options)), ElementsAre(arn_of(kOwner, "for-staging"), kOurs));
}

TEST_P(A01SharedSnapshots, WithoutOwnersNobodysCount) {
  share(kOwner, "for-staging", kTomorrow);
  EXPECT_THAT(listed({.source_id = "shop", .copies_shared = true}), ElementsAre(kOurs));
}

TEST_P(A01SharedSnapshots, OnlyThoseOfTheDatabaseThatIsNamed) {
  share(kOwner, "crm", kTomorrow, [](auto& seed) { seed.instance = "crm"; });
  share(kOwner, "recreated", kTomorrow, [](auto& seed) { seed.dbi_resource_id = "db-ANOTHER"; });
  share(kOwner, "renamed", "2026-11-22T06:30:00Z", [](auto& seed) {
    seed.instance = "shop-old";
    seed.dbi_resource_id = "db-PRODUCTION";
  });
  EXPECT_THAT(listed(from_owner()), ElementsAre(arn_of(kOwner, "recreated"), kOurs));
  SourceOptions by_id = {.resource_id = "db-PRODUCTION", .owners = {kOwner}, .copies_shared = true};
  EXPECT_THAT(listed(by_id), ElementsAre(arn_of(kOwner, "renamed")));
  by_id.source_id = "shop";
  EXPECT_THAT(listed(by_id), IsEmpty()) << "both have to fit";
}

INSTANTIATE_TEST_SUITE_P(BothAnswers, A01SharedSnapshots,
                         ::testing::Values(Answers{false, false}, Answers{true, true}));

}  // namespace
}  // namespace ytb::rds
