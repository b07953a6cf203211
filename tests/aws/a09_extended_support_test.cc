// A9: RDS enrols what is restored in Extended Support, which costs, and nobody was told; switched off, it
// upgrades a copy whose major version is past its end of standard support.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/rds/extended_support.h"
#include "drivers/rds/snapshot_source.h"
#include "drivers/rds/stack_testing.h"

namespace ytb::rds {
namespace {

using ::testing::HasSubstr;

constexpr const char* kName = "shop-yesterday-20261122-060000-1";
constexpr const char* kDisabled = "open-source-rds-extended-support-disabled";
constexpr const char* kEnabled = "open-source-rds-extended-support";

// The fake's day is 2026-11-22: 13's standard support ended with February.
class A09ExtendedSupport : public StackTest, public ::testing::WithParamInterface<bool> {
 protected:
  [[nodiscard]] bool aurora() const { return GetParam(); }
  void seed_version(const std::string& version) {
    fakes::aws::SnapshotSeed seed;
    seed.id = "of-" + version.substr(0, 2);
    seed.engine = aurora() ? "aurora-postgresql" : "postgres";
    seed.engine_version = version;
    seed.created = at("2026-11-22T06:00:00Z");
    fake_->seed(seed);
  }
  StackOptions options() override {
    StackOptions given = StackTest::options();
    given.kind = aurora() ? Kind::kAurora : Kind::kRds;
    given.copies.extended_support = extended_support_;
    return given;
  }
  model::Snapshot listed(const std::string& id) {
    RdsSnapshotSource source(*rds_, {.aurora = aurora(),
                                     .source_id = "shop",
                                     .extended_support = extended_support_,
                                     .clock = clock_.get()});
    auto found = source.list();
    EXPECT_TRUE(found.ok());
    for (const model::Snapshot& each : *found) {
      if (each.id.str() == id) return each;
    }
    ADD_FAILURE() << id;
    return {};
  }
  [[nodiscard]] nlohmann::json copy() const {
    return parse_json(aurora() ? fake_->cluster(kName) : fake_->instance(kName));
  }
  void restore_from(const std::string& id) { must(restore(request(1, snapshot(id)))); }
  bool extended_support_ = true;
};

TEST_P(A09ExtendedSupport, IsSaidInEveryRestoreAndTheVersionStays) {
  seed_version("13.11");
  EXPECT_EQ(listed("of-13").state, model::SnapshotState::kUsable);
  restore_from("of-13");
  EXPECT_EQ(copy()["EngineLifecycleSupport"], kEnabled);
  EXPECT_EQ(copy()["EngineVersion"], "13.11");
}

TEST_P(A09ExtendedSupport, SwitchedOffItIsSaidTooAndWhatRdsWouldUpgradeIsNotUsable) {
  extended_support_ = false;
  make_host();
  seed_version("13.11");
  seed_version("15.4");
  EXPECT_EQ(listed("of-15").state, model::SnapshotState::kUsable);
  const model::Snapshot old = listed("of-13");
  EXPECT_EQ(old.state, model::SnapshotState::kUnusable);
  EXPECT_THAT(old.reason, HasSubstr("past its end of standard support (2026-02-28)"));
  EXPECT_THAT(old.reason, HasSubstr("copies.extended_support is false"));
  restore_from("of-15");
  EXPECT_EQ(copy()["EngineLifecycleSupport"], kDisabled);
  EXPECT_EQ(copy()["EngineVersion"], "15.4");
}

INSTANTIATE_TEST_SUITE_P(RdsAndAurora, A09ExtendedSupport, ::testing::Bool());

TEST(A09StandardSupport, EndsWithFebruary) {
  EXPECT_FALSE(is_past_standard_support(15, *from_iso("2028-02-29T23:59:59Z"))) << "a leap year";
  EXPECT_TRUE(is_past_standard_support(15, *from_iso("2028-03-01T00:00:00Z")));
  EXPECT_TRUE(is_past_standard_support(11, *from_iso("2024-03-01T00:00:00Z")));
  EXPECT_FALSE(is_past_standard_support(12, *from_iso("2025-02-28T12:00:00Z")));
  EXPECT_EQ(past_standard_support(12), "PostgreSQL 12 is past its end of standard support (2025-02-28)");
}

}  // namespace
}  // namespace ytb::rds
