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
  // `key`: that encrypts it; "": none does.
  void add(const std::string& id, const std::string& type, const Tags& tags, const std::string& key = {}) {
    fakes::aws::SnapshotSeed seed;
    seed.id = id;
    seed.type = type;
    if (type == "shared") seed.owner = "210987654321";
    seed.created = at("2026-11-22T05:00:00Z");
    seed.tags = tags;
    seed.encrypted = !key.empty();
    seed.kms_key = key;
    fake_->seed(seed);
  }
  static constexpr const char* kTheirKey = "arn:aws:kms:eu-west-1:210987654321:key/theirs";
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

// The end of it: end_to_end_test.cc, AnOlderSnapshotIsTakenForTenThatMayNotBeRestored.
TEST_F(A04Selection, OneThatTheRoleMayNotRestoreIsForbidden) {
  fake_->iam().decide_by([](const std::string&, const std::string& action, const std::string& resource) {
    return !action.starts_with("rds:Restore") || !resource.ends_with(":snapshot:before-migration");
  });
  Status refused = restore(request(1, snapshot("before-migration")));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kForbidden) << "decide() passes over such a snapshot";
  EXPECT_EQ(refused.error().retry, Retry::kNever);
  EXPECT_THAT(refused.error().hint, HasSubstr("source.snapshots"));
  EXPECT_EQ(the_copy().phase, model::Phase::kFailed);
  EXPECT_EQ(the_copy().failure_code, Code::kForbidden);
  // As the refresher tells it of a copy that is not in flight any more.
  Error later = refused.error();
  later.retry = Retry::kLater;
  must(host_->record_failure(owned(), later));
  must(host_->remove(owned(), std::nullopt, progress_));
  EXPECT_EQ(host_->attempts().value().front().code, Code::kForbidden);
  EXPECT_EQ(host_->attempts().value().front().retry, Retry::kNever);
  must(restore(request(2, snapshot("nightly-1"))));
}

// A key of production's account whose policy does not name us, or one that is disabled.
TEST_F(A04Selection, OneWhoseKeyMayNotBeUsedIsForbidden) {
  add("under-their-key", "manual", {}, kTheirKey);
  fake_->iam().decide_by([](const std::string&, const std::string& action, const std::string& resource) {
    return !action.starts_with("kms:") || !resource.ends_with("key/theirs");
  });
  Status refused = restore(request(1, snapshot("under-their-key")));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kForbidden);
  EXPECT_THAT(refused.error().message, HasSubstr("key/theirs"));
  EXPECT_THAT(refused.error().hint, HasSubstr("in the key's own policy"));
  EXPECT_EQ(the_copy().failure_code, Code::kForbidden);
}

// Before there is a stack: the refresher records the attempt.
TEST_F(A04Selection, OneThatMayNotBeCopiedIsForbidden) {
  add("of-others", "shared", {}, kTheirKey);
  StackOptions given = options();
  given.kms_key = "arn:aws:kms:eu-west-1:123456789012:key/ours";
  make_host(std::move(given));
  std::string denied = "rds:Copy";
  fake_->iam().decide_by([&](const std::string&, const std::string& action, const std::string&) {
    return !action.starts_with(denied);
  });
  const model::Snapshot shared = snapshot("arn:aws:rds:eu-west-1:210987654321:snapshot:of-others");
  for (const char* each : {"rds:Copy", "kms:"}) {
    denied = each;
    Status refused = restore(request(1, shared));
    ASSERT_FALSE(refused.ok()) << denied;
    EXPECT_EQ(refused.error().code, Code::kForbidden) << denied;
    EXPECT_EQ(refused.error().retry, Retry::kNever) << denied;
    EXPECT_THAT(refused.error().message, HasSubstr("of-others could not be copied")) << denied;
  }
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
  EXPECT_TRUE(forbids_snapshot(
      "Instance: The specified KMS key [arn:aws:kms:eu-west-1:210987654321:key/k] does not exist, is not "
      "enabled "
      "or you do not have permissions to access it. (Service: Rds, Status Code: 400, Request ID: 1)"));
  const std::string theirs = "arn:aws:rds:eu-west-1:210987654321:snapshot:x";
  const std::string copying =
      "AccessDenied: User: u is not authorized to perform: rds:CopyDBSnapshot on resource: ";
  const std::string ours = "arn:aws:kms:eu-west-1:123456789012:key/ours";
  EXPECT_TRUE(forbids_copying(copying + theirs + why, theirs, ours));
  EXPECT_FALSE(forbids_copying(
      copying + "arn:aws:rds:eu-west-1:123456789012:snapshot:shop-yesterday-20261122-060000-1-source" + why,
      theirs, ours))
      << "our own copy";
  const std::string key = "KMSKeyNotAccessibleFault: The specified KMS key [";
  EXPECT_TRUE(forbids_copying(key + "arn:aws:kms:eu-west-1:210987654321:key/k]", theirs, ours));
  EXPECT_FALSE(forbids_copying(key + ours + "]", theirs, ours)) << "no other snapshot would be copied either";
}

}  // namespace
}  // namespace ytb::rds
