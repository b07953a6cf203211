// A2, A7: a copy's volume was gp3 whatever production's was, so that RDS converted it for hours while
// CloudFormation, to which nothing but `available` is an end, waited; io1 and io2 were asked for without
// IOPS; and a copy was opened while its volume was being optimized, which ends in UPDATE_ROLLBACK_FAILED.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/rds/stack_testing.h"
#include "drivers/rds/stack_volume.h"

namespace ytb::rds {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr const char* kName = "shop-yesterday-20261122-060000-1";
constexpr const char* kSnapshot = "production";
constexpr Duration kOptimizing = std::chrono::hours(8);

struct Kind {
  const char* name;
  std::string type;
  int gib, iops, throughput_mibs;
};
void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

class A02Volumes : public StackTest {
 protected:
  void begin(const Kind& kind, fakes::aws::Assumed assumed = {}) {
    fakes::aws::Settings settings = slow();
    settings.delays.storage_optimization = kOptimizing;
    settings.assumed = assumed;
    start(settings);
    fakes::aws::SnapshotSeed seed;
    seed.id = kSnapshot;
    seed.created = at("2026-11-22T06:00:00Z");
    seed.storage_type = kind.type;
    seed.allocated_gib = kind.gib;
    seed.iops = kind.iops;
    seed.throughput_mibs = kind.throughput_mibs;
    fake_->seed(seed);
  }
  // What a config without a word about storage has.
  StackOptions options() override {
    StackOptions given = StackTest::options();
    given.copies.storage_type.clear();
    return given;
  }
  static ports::RestoreRequest asked() { return request(1, snapshot(kSnapshot)); }
  [[nodiscard]] int64_t number(const char* field) const { return instance().value(field, int64_t{0}); }
};

class A02EveryKind : public A02Volumes, public ::testing::WithParamInterface<Kind> {};

TEST_P(A02EveryKind, ACopysVolumeIsTheSnapshotsAndNothingIsConverted) {
  begin(GetParam());
  const Instant begun = clock_->now();
  must(restore(asked()));
  EXPECT_LT(clock_->now() - begun, std::chrono::hours(2)) << "nobody waits for RDS to convert it";
  EXPECT_EQ(instance()["StorageType"], GetParam().type);
  EXPECT_EQ(number("AllocatedStorage"), GetParam().gib);
  EXPECT_EQ(number("Iops"), GetParam().iops);
  EXPECT_EQ(instance()["DBInstanceStatus"], "available");
  // Nor is it opened by a change that RDS refuses.
  model::PassedProof proof = prove();
  must(host_->open(owned(), proof, {}, progress_));
  EXPECT_THAT(groups(), UnorderedElementsAre("sg-quarantine", "sg-staging"));
}

INSTANTIATE_TEST_SUITE_P(Volumes, A02EveryKind,
                         ::testing::Values(Kind{"gp2", "gp2", 100, 0, 0}, Kind{"gp3", "gp3", 100, 3000, 125},
                                           Kind{"large gp3", "gp3", 500, 12'000, 500},
                                           Kind{"faster gp3", "gp3", 400, 16'000, 1000},
                                           Kind{"io1", "io1", 200, 3000, 0}, Kind{"io2", "io2", 400, 5000, 0},
                                           Kind{"magnetic", "standard", 20, 0, 0}),
                         [](const auto& kind) {
                           std::string name = kind.param.name;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

TEST_F(A02Volumes, AnotherVolumeIsWaitedForHoweverLongItTakes) {
  for (const bool optimizes : {false, true}) {
    begin({"gp2", "gp2", 100, 0, 0}, {.restore_optimizes = optimizes});
    StackOptions given = options();
    given.copies.storage_type = "gp3";
    given.copies.storage_gb = 500;
    make_host(std::move(given));
    const Instant begun = clock_->now();
    must(restore(asked()));
    EXPECT_EQ(clock_->now() - begun > kOptimizing, optimizes);
    EXPECT_EQ(instance()["StorageType"], "gp3");
    EXPECT_EQ(number("AllocatedStorage"), 500);
    EXPECT_EQ(number("Iops"), 12'000) << "RDS wants them named from 400 GiB on";
    model::PassedProof proof = prove();
    must(host_->open(owned(), proof, {}, progress_));
    EXPECT_THAT(groups(), UnorderedElementsAre("sg-quarantine", "sg-staging"));
  }
}

// By production's parameters, storage autoscaling: nobody of ours asked for it.
TEST_F(A02Volumes, ItIsOpenedOnlyWhenItsVolumeIsAtRest) {
  for (const bool same_is_taken : {false, true}) {
    begin({"gp3", "gp3", 100, 3000, 125}, {.same_storage_while_optimizing = same_is_taken});
    must(restore(asked()));
    model::PassedProof proof = prove();
    fake_->grow_volume(kName, 200);
    ASSERT_EQ(instance()["DBInstanceStatus"], "storage-optimization");
    must(persist([&] { return host_->open(owned(), proof, {}, progress_); }));
    EXPECT_THAT(groups(), UnorderedElementsAre("sg-quarantine", "sg-staging"));
    EXPECT_EQ(fake_->stack_status(kName), "UPDATE_COMPLETE");
    EXPECT_EQ(fake_->count("UpdateStack"), 1);
  }
}

TEST_F(A02Volumes, WhatItCannotBecomeIsRefusedBeforeTheFirstCall) {
  begin({"gp2", "gp2", 100, 0, 0});
  StackOptions given = options();
  given.copies.storage_type = "io2";
  make_host(std::move(given));
  Status refused = restore(asked());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kConfig);
  EXPECT_EQ(refused.error().retry, Retry::kNever);
  EXPECT_THAT(refused.error().message, HasSubstr("io2, whose IOPS the snapshot, of gp2, does not have"));
  EXPECT_THAT(refused.error().hint, HasSubstr("copies.iops: 3000"));
  EXPECT_TRUE(fake_->mutations().empty());
  given = options();
  given.copies.storage_type = "io2";
  given.copies.iops = 3000;
  make_host(std::move(given));
  must(restore(asked()));
  EXPECT_EQ(instance()["StorageType"], "io2");
  EXPECT_EQ(number("Iops"), 3000);
}

struct Choice {
  const char* type;
  int64_t gib, iops, throughput;
  const char* says;  // "": it may be
};

TEST(A02VolumeOf, SaysWhatRdsRefuses) {
  aws::DbSnapshot snapshot;
  snapshot.allocated_gib = 100;
  snapshot.storage_type = "gp3";
  snapshot.iops = 3000;
  snapshot.throughput_mibs = 125;
  for (const Choice& choice :
       {Choice{"", 0, 4000, 0, "a gp3 volume of 100 GiB has none to choose"},
        Choice{"", 0, 0, 500, "copies.storage_throughput is given"},
        Choice{"gp2", 0, 4000, 0, "a gp2 volume"},
        Choice{"io1", 0, 4000, 500, "copies.storage_throughput is given"}, Choice{"", 500, 16'000, 700, ""},
        Choice{"io1", 0, 0, 0, ""}, Choice{"", 105, 0, 0, "by a tenth at least"},
        Choice{"", 50, 0, 0, "cannot be smaller"}, Choice{"", 110, 0, 0, ""}}) {
    config::RdsCopiesConfig copies;
    copies.storage_type = choice.type;
    copies.storage_gb = choice.gib;
    copies.iops = choice.iops;
    copies.storage_throughput = choice.throughput;
    Result<Volume> volume = volume_of(copies, snapshot);
    EXPECT_EQ(volume.ok(), *choice.says == '\0') << choice.type << " " << choice.gib;
    EXPECT_THAT(volume.ok() ? "" : volume.error().message, HasSubstr(choice.says));
  }
  // A snapshot that does not say what it is: RDS's own default.
  snapshot.storage_type.clear();
  EXPECT_EQ(volume_of({}, snapshot)->type, "");
}

}  // namespace
}  // namespace ytb::rds
