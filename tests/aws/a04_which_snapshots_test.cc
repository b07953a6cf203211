// A4: one manual snapshot whose name the role may not restore stopped every morning until somebody deleted
// it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/rds/snapshot_source.h"
#include "drivers/rds/stack_look.h"
#include "drivers/rds/stack_testing.h"

namespace ytb::rds {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class A04Selection : public StackTest {
 protected:
  void SetUp() override {
    StackTest::SetUp();
    add("before-migration", "manual", {});
    add("nightly-1", "manual", {{"purpose", "staging"}});
    add("awsbackup:job-1", "awsbackup", {{"purpose", "staging"}});
    add("nightly-2", "shared", {{"purpose", "staging"}});
  }
  void add(const std::string& id, const std::string& type, const Tags& tags) {
    fakes::aws::SnapshotSeed seed;
    seed.id = id;
    seed.type = type;
    if (type == "shared") seed.owner = "210987654321";
    seed.created = at("2026-11-22T05:00:00Z");
    seed.tags = tags;
    fake_->seed(seed);
  }
  // The names of those that are usable.
  std::vector<std::string> chosen(const std::vector<std::string>& kinds,
                                  const std::vector<std::string>& names = {}, const Tags& tags = {}) {
    RdsSnapshotSource source(
        *rds_, {.source_id = "shop",
                .owners = {"210987654321"},
                .selection = config::SnapshotSelection{.kinds = kinds, .names = names, .tags = tags}});
    std::vector<std::string> ids;
    auto found = source.list();
    EXPECT_TRUE(found.ok());
    for (const model::Snapshot& each : *found) {
      const std::string& id = each.id.str();
      if (each.state == model::SnapshotState::kUsable) {
        ids.push_back(id.starts_with("arn:") ? id.substr(id.rfind(':') + 1) : id);
      } else {
        EXPECT_THAT(each.reason, HasSubstr("source.snapshots does not choose it"));
      }
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }
};

TEST_F(A04Selection, ByKindNameAndTag) {
  EXPECT_EQ(chosen({}).size(), 5U);
  EXPECT_THAT(chosen({"automated", "awsbackup"}),
              ElementsAre("awsbackup:job-1", "rds:shop-2026-11-22-06-00"));
  EXPECT_THAT(chosen({"shared"}), ElementsAre("nightly-2"));
  EXPECT_THAT(chosen({}, {"nightly-*"}), ElementsAre("nightly-1", "nightly-2"));
  EXPECT_THAT(chosen({}, {"nightly-*", "rds:*"}, {{"purpose", "staging"}}), ElementsAre("nightly-1"))
      << "tags of another account's are not shown";
  EXPECT_THAT(chosen({"manual"}, {}, {{"purpose", "tests"}}), ElementsAre());
}

// The end of it: end_to_end_test.cc, AnOlderSnapshotIsTakenForOneThatMayNotBeRestored.
TEST_F(A04Selection, OneThatTheRoleMayNotRestoreIsAsGoodAsDamaged) {
  fake_->iam().decide_by([](const std::string&, const std::string& action, const std::string& resource) {
    return !action.starts_with("rds:Restore") || !resource.ends_with(":snapshot:before-migration");
  });
  Status refused = restore(request(1, snapshot("before-migration")));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kCorrupt) << "decide() passes over such a snapshot";
  EXPECT_EQ(refused.error().retry, Retry::kNever);
  EXPECT_THAT(refused.error().hint, HasSubstr("source.snapshots"));
  EXPECT_EQ(the_copy().phase, model::Phase::kFailed);
  EXPECT_EQ(the_copy().failure_code, Code::kCorrupt);
  // As the refresher tells it of a copy that is not in flight any more.
  Error later = refused.error();
  later.retry = Retry::kLater;
  must(host_->record_failure(owned(), later));
  must(host_->remove(owned(), std::nullopt, progress_));
  EXPECT_EQ(host_->attempts().value().front().code, Code::kCorrupt);
  EXPECT_EQ(host_->attempts().value().front().retry, Retry::kNever);
  must(restore(request(2, snapshot("nightly-1"))));
}

TEST(A04Reasons, TellTheSnapshotFromWhatElseIsForbidden) {
  const std::string denied =
      "Instance: User: arn:aws:sts::123456789012:assumed-role/stacks/AWSCloudFormation is not authorized to "
      "perform: "
      "rds:RestoreDBInstanceFromDBSnapshot on resource: arn:aws:rds:eu-west-1:123456789012:";
  const std::string why =
      " because no identity-based policy allows the rds:RestoreDBInstanceFromDBSnapshot action";
  EXPECT_TRUE(forbids_snapshot(denied + "snapshot:before-migration" + why));
  EXPECT_TRUE(forbids_snapshot(denied + "cluster-snapshot:x" + why));
  EXPECT_FALSE(forbids_snapshot(denied + "db:shop-yesterday-20261122-060000-1" + why));
  EXPECT_FALSE(forbids_snapshot(denied + "og:snapshot" + why));
  EXPECT_FALSE(forbids_snapshot("Instance: DB instance quota exceeded"));
}

}  // namespace
}  // namespace ytb::rds
