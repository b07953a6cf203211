#include "drivers/rds/snapshot_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "drivers/aws/fake_client_testing.h"

namespace ytb::rds {
namespace {

using fakes::aws::FakeAws;
using model::SnapshotState;
using ::testing::HasSubstr;

class RdsSource : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(FakeAws::available(), "") << "tools/setup installs botocore's models"; }
  std::vector<model::Snapshot> list(SourceOptions options = {.source_id = "shop"}) {
    RdsSnapshotSource source(rds_, std::move(options));
    auto found = source.list();
    EXPECT_TRUE(found.ok()) << (found.ok() ? "" : to_string(found.error()));
    return found.ok() ? *found : std::vector<model::Snapshot>{};
  }
  Status verify(const model::Snapshot& snapshot) {
    RdsSnapshotSource source(rds_, {.source_id = "shop"});
    ports::NoProgress progress;
    StopFlag stop;
    return source.verify(snapshot, progress, stop);
  }
  // A manual snapshot of "shop", but for what `more` says.
  void seed(
      const std::string& id, Instant created,
      const std::function<void(fakes::aws::SnapshotSeed&)>& more = [](auto&) {}) {
    fakes::aws::SnapshotSeed snapshot;
    snapshot.id = id;
    snapshot.created = created;
    more(snapshot);
    fake_.seed(snapshot);
  }
  static Instant at(const char* text) { return *from_iso(text); }
  static std::vector<std::string> ids(const std::vector<model::Snapshot>& snapshots) {
    std::vector<std::string> out;
    for (const model::Snapshot& snapshot : snapshots) out.push_back(snapshot.id.str());
    return out;
  }

  FakeAws fake_;
  SystemClock clock_;
  aws::FakeAwsClient client_{fake_, clock_};
  aws::Rds rds_{client_.caller()};
};

// The original made one call and took the first page for all there is.
TEST_F(RdsSource, original_defect_1_the_newest_is_found_whatever_page_it_is_on) {
  constexpr int kCount = 1250;
  for (int i = 0; i < kCount; ++i) {
    // Neither order of names nor of seeding says which is newest.
    seed("manual-" + std::to_string((i * 7919) % kCount),
         at("2020-01-01T00:00:00Z") + std::chrono::hours(((i * 7919) % kCount * 31) % kCount));
    if (i % 5 != 0) continue;
    seed("other-" + std::to_string(i), at("2026-11-01T00:00:00Z"), [](auto& s) { s.instance = "shop-2"; });
  }
  std::vector<model::Snapshot> found = list();
  ASSERT_EQ(found.size(), static_cast<size_t>(kCount));
  EXPECT_EQ(found.front().data_as_of, at("2020-01-01T00:00:00Z") + std::chrono::hours(kCount - 1));
  EXPECT_TRUE(std::is_sorted(found.begin(), found.end(),
                             [](const auto& a, const auto& b) { return a.data_as_of > b.data_as_of; }));
  EXPECT_GE(fake_.count("DescribeDBSnapshots"), 13) << "pages of a hundred";
  EXPECT_TRUE(fake_.mutations().empty());
}

// The original sorted by a time that a snapshot being made does not have.
TEST_F(RdsSource, original_defect_2_one_that_is_being_made_is_neither_chosen_nor_in_the_way) {
  seed("rds:shop-2026-11-21", at("2026-11-21T06:00:00Z"), [](auto& s) { s.type = "automated"; });
  seed("rds:shop-2026-11-22", at("2026-11-22T06:00:00Z"), [](auto& s) { s.type = "automated"; });
  seed("today", at("2026-11-23T06:00:00Z"), [](auto& s) { s.status = "creating"; });
  seed("broken", at("2026-11-23T05:00:00Z"), [](auto& s) { s.status = "failed"; });
  std::vector<model::Snapshot> usable;
  for (const model::Snapshot& snapshot : list()) {
    if (snapshot.id.str() == "today") {
      EXPECT_EQ(snapshot.state, SnapshotState::kInProgress);
      EXPECT_THAT(snapshot.reason, HasSubstr("still being made"));
    } else if (snapshot.id.str() == "broken") {
      EXPECT_EQ(snapshot.state, SnapshotState::kUnusable);
      EXPECT_THAT(snapshot.reason, HasSubstr("failed"));
    } else {
      EXPECT_EQ(snapshot.state, SnapshotState::kUsable);
      usable.push_back(snapshot);
    }
  }
  EXPECT_THAT(ids(usable), ::testing::ElementsAre("rds:shop-2026-11-22", "rds:shop-2026-11-21"));
  EXPECT_EQ(usable.front().engine, "postgresql");
  EXPECT_EQ(usable.front().engine_major, 15);
  EXPECT_EQ(usable.front().size_bytes, 20ULL << 30);
}

TEST_F(RdsSource, a_copied_snapshot_is_as_old_as_its_data) {
  seed("fresh", at("2026-11-20T06:00:00Z"));
  seed("copied-today", at("2026-11-23T06:00:00Z"),
       [](auto& s) { s.original_created = at("2026-11-01T06:00:00Z"); });
  std::vector<model::Snapshot> found = list();
  EXPECT_THAT(ids(found), ::testing::ElementsAre("fresh", "copied-today"));
  EXPECT_EQ(found.back().data_as_of, at("2026-11-01T06:00:00Z"));
}

TEST_F(RdsSource, backups_of_aws_backup_count_and_shared_ones_where_asked) {
  seed("manual", at("2026-11-20T06:00:00Z"));
  seed("awsbackup:job-1", at("2026-11-21T06:00:00Z"), [](auto& s) { s.type = "awsbackup"; });
  seed("theirs", at("2026-11-22T06:00:00Z"), [](auto& s) {
    s.type = "shared";
    s.encrypted = true;
    s.kms_key = "arn:aws:kms:eu-west-1:210987654321:key/k";
    s.owner = "210987654321";
  });
  EXPECT_THAT(ids(list()), ::testing::ElementsAre("awsbackup:job-1", "manual"));
  std::vector<model::Snapshot> with_shared = list({.source_id = "shop", .owners = {"210987654321"}});
  ASSERT_EQ(with_shared.size(), 3U);
  EXPECT_THAT(with_shared.front().id.str(), ::testing::StartsWith("arn:aws:rds:"));
  EXPECT_EQ(with_shared.front().state, SnapshotState::kUnusable);
  EXPECT_THAT(with_shared.front().reason, HasSubstr("under a key of our own"));
}

// RDS says of no cluster's snapshot that was copied when the original was made: an old one that was copied
// late was taken for the newest.
TEST(RdsSnapshots, of_what_an_owner_copied_the_name_says_when_it_was_taken) {
  struct Case {
    const char* name;
    bool shared;
    const char* created;
    const char* original;  // what RDS says of an instance's
    const char* data_as_of;
  };
  for (const Case& each : std::vector<Case>{
           {"ytb-shop-20261119-060000", true, "2026-11-22T09:00:00Z", "", "2026-11-19T06:00:00Z"},
           {"ytb-shop-20261119-060000", true, "2026-11-22T09:00:00Z", "2026-11-18T06:00:00Z",
            "2026-11-18T06:00:00Z"},
           {"ytb-shop-20991231-000000", true, "2026-11-22T09:00:00Z", "",
            "2026-11-22T09:00:00Z"},  // no younger
           {"ytb-shop-20261399-060000", true, "2026-11-22T09:00:00Z", "", "2026-11-22T09:00:00Z"},  // no day
           {"ytb-20261119-06000", true, "2026-11-22T09:00:00Z", "", "2026-11-22T09:00:00Z"},
           {"by-hand-20261119-060000", true, "2026-11-22T09:00:00Z", "", "2026-11-22T09:00:00Z"},
           {"ytb-shop-20261119-060000", false, "2026-11-22T09:00:00Z", "", "2026-11-22T09:00:00Z"}}) {
    aws::DbSnapshot snapshot;
    snapshot.id =
        std::string(each.shared ? "arn:aws:rds:eu-west-1:210987654321:cluster-snapshot:" : "") + each.name;
    snapshot.arn = snapshot.id;
    snapshot.created_at = from_iso(each.created);
    snapshot.original_created_at = from_iso(each.original);
    EXPECT_EQ(to_iso(to_snapshot(snapshot, each.shared, {}).data_as_of), each.data_as_of) << each.name;
  }
}

TEST_F(RdsSource, a_shared_encrypted_one_is_usable_with_a_key_and_our_copy_of_it_is_no_snapshot) {
  seed("theirs", at("2026-11-22T06:00:00Z"), [](auto& s) {
    s.type = "shared";
    s.encrypted = true;
    s.kms_key = "arn:aws:kms:eu-west-1:210987654321:key/k";
    s.owner = "210987654321";
  });
  seed("shop-yesterday-20261122-060000-1-source", at("2026-11-22T06:00:00Z"), [](auto& s) {
    s.tags = {{"yesterdaytabase:production", "shop"},
              {"yesterdaytabase:copy", "shop-yesterday-20261122-060000-1"},
              {"yesterdaytabase:snapshot", "theirs"},
              {"yesterdaytabase:data-as-of", "2026-11-22T06:00:00Z"},
              {"yesterdaytabase:attempt", "1"}};
  });
  std::vector<model::Snapshot> found =
      list({.source_id = "shop", .owners = {"210987654321"}, .copies_shared = true});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().state, SnapshotState::kUsable);
  EXPECT_THAT(found.front().id.str(), ::testing::StartsWith("arn:aws:rds:"));
}

TEST_F(RdsSource, what_went_since_it_was_listed_is_told_before_a_restore) {
  seed("manual", at("2026-11-20T06:00:00Z"));
  model::Snapshot there = list().at(0);
  EXPECT_TRUE(verify(there).ok());
  model::Snapshot gone = there;
  gone.id = model::SnapshotId("expired");
  Status refused = verify(gone);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("no longer there"));
}

TEST_F(RdsSource, a_look_that_fails_is_an_error_and_never_an_empty_list) {
  seed("manual", at("2026-11-20T06:00:00Z"));
  fake_.fail("DescribeDBSnapshots", 1, {.kind = fakes::aws::Fault::Kind::kAccessDenied});
  RdsSnapshotSource source(rds_, {.source_id = "shop"});
  auto denied = source.list();
  ASSERT_FALSE(denied.ok());
  EXPECT_EQ(denied.error().retry, Retry::kNever);
  fake_.fail("DescribeDBSnapshots", 1, {.kind = fakes::aws::Fault::Kind::kThrottle});
  EXPECT_EQ(list().size(), 1U) << "a throttled call is repeated";
}

}  // namespace
}  // namespace ytb::rds
