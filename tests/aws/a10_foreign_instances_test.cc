// A10: one instance of somebody else's that RDS describes in fewer words, of DocumentDB or Neptune say, and
// no copy of ours could be observed any more.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/rds/snapshot_source.h"
#include "drivers/rds/stack_testing.h"

namespace ytb::rds {
namespace {

constexpr const char* kName = "shop-yesterday-20261122-060000-1";

class A10ForeignInstances : public StackTest {
 protected:
  void add_instance(const std::string& id) {
    fakes::aws::InstanceSeed seed;
    seed.id = id;
    fake_->seed(seed);
    fake_->blur("db", id);
  }
};

TEST_F(A10ForeignInstances, OursAreObservedBesideThem) {
  for (const char* id : {"docs", "shop-yesterday", "shop-yesterda", "crm-yesterday-20261122-060000-1"})
    add_instance(id);
  must(restore());
  EXPECT_EQ(the_copy().id.str(), kName);
  EXPECT_EQ(the_copy().phase, model::Phase::kRestored);
}

TEST_F(A10ForeignInstances, WhatHasOurPrefixIsReadAndItsOddnessAnError) {
  add_instance("shop-yesterday-20261121-060000-1");
  auto copies = host_->list();
  ASSERT_FALSE(copies.ok()) << "it could be a copy of ours: then nothing is known";
  EXPECT_THAT(copies.error().message, ::testing::HasSubstr("EngineVersion is missing"));
}

TEST_F(A10ForeignInstances, NorIsAStrangersSharedSnapshotRead) {
  fakes::aws::SnapshotSeed seed;
  seed.id = "odd";
  seed.type = "shared";
  seed.owner = "666666666666";
  seed.created = at("2026-11-23T06:00:00Z");
  fake_->seed(seed);
  fake_->blur("snapshot", "arn:aws:rds:eu-west-1:666666666666:snapshot:odd");
  RdsSnapshotSource source(*rds_, {.source_id = "shop", .owners = {"210987654321"}});
  auto found = source.list();
  ASSERT_TRUE(found.ok()) << to_string(found.error());
  EXPECT_EQ(found->size(), 1U);
}

}  // namespace
}  // namespace ytb::rds
