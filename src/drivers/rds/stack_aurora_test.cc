// The same for Aurora: a cluster and its one writer.
#include "drivers/rds/stack_testing.h"

namespace ytb::rds {
namespace {

using model::Phase;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr const char* kName = "shop-yesterday-20261122-060000-1";
constexpr const char* kSnapshot = "rds:shop-cluster-2026-11-22-06-00";

class StackAurora : public StackTest {
 protected:
  void SetUp() override {
    StackTest::SetUp();
    fakes::aws::SnapshotSeed seed;
    seed.id = kSnapshot;
    seed.type = "automated";
    seed.instance = "shop-cluster";
    seed.engine = "aurora-postgresql";
    seed.created = at("2026-11-22T06:00:00Z");
    seed.backup_retention = 35;
    seed.tags = {{"service", "shop"}};
    fake_->seed(seed);
  }
  StackOptions options() override {
    StackOptions given = StackTest::options();
    given.kind = Kind::kAurora;
    return given;
  }
  static ports::RestoreRequest of_cluster() { return request(1, snapshot(kSnapshot)); }
  [[nodiscard]] nlohmann::json cluster() const {
    std::string text = fake_->cluster(kName);
    return text.empty() ? nlohmann::json() : parse_json(text);
  }
  [[nodiscard]] std::vector<std::string> cluster_groups() const {
    std::vector<std::string> found;
    const nlohmann::json there = cluster();
    for (const auto& group : there["VpcSecurityGroups"]) found.push_back(group["VpcSecurityGroupId"]);
    return found;
  }
};

TEST_F(StackAurora, a_cluster_lives_behind_its_door_until_it_is_proven_and_leaves_nothing) {
  // Stopped again and again on the way.
  Status restored;
  int runs = 0;
  do {
    make_host();
    int sleeps = 0;
    clock_->on_sleep = [&] {
      if (++sleeps == 60) stop_->request();
    };
    restored = restore(of_cluster());
    if (!restored.ok()) {
      ASSERT_EQ(restored.error().code, Code::kInterrupted) << to_string(restored.error());
      EXPECT_EQ(the_copy().phase, Phase::kRestoring);
    }
    ASSERT_LT(++runs, 200);
  } while (!restored.ok());
  clock_->on_sleep = nullptr;
  make_host();
  EXPECT_GT(runs, 10);
  EXPECT_EQ(ours("CreateStack"), 1);
  EXPECT_LE(ours("ModifyDBCluster"), 2);
  EXPECT_EQ(ours("ModifyDBInstance"), 0);
  EXPECT_THAT(cluster_groups(), ElementsAre("sg-quarantine"));
  EXPECT_EQ(cluster()["BackupRetentionPeriod"], 1) << "the least that Aurora allows";
  EXPECT_EQ(cluster()["EngineVersion"], "15.4") << "the snapshot's, not AWS's newest";
  EXPECT_THAT(cluster()["TagList"].dump(), ::testing::Not(HasSubstr("service")));
  model::Copy copy = the_copy();
  EXPECT_EQ(copy.phase, Phase::kRestored);
  EXPECT_TRUE(copy.running);
  EXPECT_EQ(host_->instance_of(copy.id).value(), cluster()["DbClusterResourceId"].get<std::string>());
  EXPECT_THAT(host_->load_evidence(copy.id).value().notes, Contains(HasSubstr("backups")));
  EXPECT_THAT(fake_->instance_ids(), UnorderedElementsAre("shop", std::string(kName) + "-w"));
  EXPECT_EQ(host_->session(owned())->parameters.at("host"), cluster()["Endpoint"].get<std::string>());

  model::PassedProof proof = prove();
  must(host_->open(owned(), proof, {}, progress_));
  EXPECT_THAT(cluster_groups(), UnorderedElementsAre("sg-quarantine", "sg-staging"));
  EXPECT_TRUE(the_copy().opened);
  EXPECT_TRUE(the_copy().proven);
  EXPECT_EQ(host_->session(owned()).error().code, Code::kRefused);

  must([&]() -> Status {
    YTB_ASSIGN(auto changed, rds_->modify_db_cluster({.id = kName, .deletion_protection = true}));
    return {};
  }());
  fake_->advance(std::chrono::minutes(5));
  must(host_->remove(owned(), std::nullopt, progress_));
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_EQ(fake_->cluster(kName), "");
  EXPECT_THAT(fake_->instance_ids(), ElementsAre("shop"));
  EXPECT_EQ(fake_->stack_status(kName), "");
  expect_production_untouched();
}

TEST_F(StackAurora, an_instances_snapshot_is_no_clusters) {
  Status status = restore(request());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kCorrupt);
  EXPECT_TRUE(fake_->mutations().empty());
}

}  // namespace
}  // namespace ytb::rds
