// A5: db.serverless was asked for on a cluster without a capacity, which RDS refuses; and the snapshot of a
// Multi-AZ DB cluster was called usable, and ended a refresh with an error.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/aws_scenario.h"
#include "drivers/rds/snapshot_source.h"
#include "drivers/rds/stack_testing.h"

namespace ytb::rds {
namespace {

using ::testing::HasSubstr;

constexpr const char* kName = "shop-yesterday-20261122-060000-1";

class A05Clusters : public StackTest {
 protected:
  void SetUp() override {
    StackTest::SetUp();
    for (const bool aurora : {false, true}) {
      fakes::aws::SnapshotSeed seed;
      seed.id = aurora ? "of-aurora" : "of-multi-az";
      seed.instance = "shop";
      seed.multi_az_cluster = !aurora;
      if (aurora) seed.engine = "aurora-postgresql";
      seed.allocated_gib = 500;
      seed.created = at("2026-11-22T06:00:00Z");
      fake_->seed(seed);
    }
  }
  model::Snapshot listed(SourceOptions options, const std::string& id) {
    RdsSnapshotSource source(*rds_, std::move(options));
    auto found = source.list();
    EXPECT_TRUE(found.ok());
    for (const model::Snapshot& each : *found) {
      if (each.id.str() == id) return each;
    }
    ADD_FAILURE() << id;
    return {};
  }
};

TEST_F(A05Clusters, ASnapshotIsUsableForTheKindThatRestoresIt) {
  using model::SnapshotState;
  const SourceOptions aurora{.aurora = true, .source_id = "shop"};
  const SourceOptions multi_az{.multi_az_cluster = true, .source_id = "shop"};
  EXPECT_EQ(listed(aurora, "of-aurora").state, SnapshotState::kUsable);
  EXPECT_EQ(listed(multi_az, "of-multi-az").state, SnapshotState::kUsable);
  const model::Snapshot not_aurora = listed(aurora, "of-multi-az");
  EXPECT_EQ(not_aurora.state, SnapshotState::kUnusable);
  EXPECT_THAT(not_aurora.reason, HasSubstr("source: {rds: {cluster: …}}"));
  EXPECT_EQ(listed(multi_az, "of-aurora").state, SnapshotState::kUnusable);
}

TEST_F(A05Clusters, AMultiAzClustersIsRestoredIntoOneInstance) {
  StackOptions given = options();
  given.from_multi_az_cluster = true;
  given.copies.storage_type.clear();
  make_host(std::move(given));
  must(restore(request(1, snapshot("of-multi-az"))));
  EXPECT_EQ(instance()["AllocatedStorage"], 500);
  EXPECT_EQ(instance()["StorageType"], "gp3") << "the snapshot does not say its IOPS";
  EXPECT_EQ(instance()["MultiAZ"], false);
  model::PassedProof proof = prove();
  must(host_->open(owned(), proof, {}, progress_));
  EXPECT_EQ(fake_->stack_status(kName), "UPDATE_COMPLETE");
}

TEST_F(A05Clusters, AServerlessWriterHasItsClustersCapacity) {
  StackOptions given = options();
  given.kind = Kind::kAurora;
  given.copies.instance_class = "db.serverless";
  given.copies.serverless = config::ServerlessCapacity{.min = 0.5, .max = 8};
  make_host(std::move(given));
  must(restore(request(1, snapshot("of-aurora"))));
  EXPECT_EQ(instance(std::string(kName) + "-w")["DBInstanceClass"], "db.serverless");
  EXPECT_EQ(parse_json(fake_->cluster(kName))["ServerlessV2ScalingConfiguration"]["MaxCapacity"], 8.0);
}

}  // namespace
}  // namespace ytb::rds
