// A master whose password is overruled (rds_iam): one login by token, and IAM authentication on for no
// longer.
#include "drivers/rds/stack_testing.h"

namespace ytb::rds {
namespace {

using model::Phase;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kName = "shop-yesterday-20261122-060000-1";
constexpr const char* kClusterSnapshot = "rds:shop-cluster-2026-11-22-06-00";

// What progress is told to keep.
class Notes final : public ports::Progress {
 public:
  void update(const ports::ProgressUpdate&) override {}
  void note(std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

class StackTakeOver : public StackTest {
 protected:
  void SetUp() override {
    StackTest::SetUp();
    door_->overruled = true;
  }
  StackOptions options() override {
    StackOptions given = StackTest::options();
    if (aurora_) given.kind = Kind::kAurora;
    return given;
  }
  void become_aurora() {
    fakes::aws::SnapshotSeed seed;
    seed.id = kClusterSnapshot;
    seed.type = "automated";
    seed.instance = "shop-cluster";
    seed.engine = "aurora-postgresql";
    seed.created = at("2026-11-22T06:00:00Z");
    fake_->seed(seed);
    aurora_ = true;
    make_host();
  }
  ports::RestoreRequest asked() { return aurora_ ? request(1, snapshot(kClusterSnapshot)) : request(); }
  // What was asked for of IAM authentication, in order: "true", "false". Nothing may be asked of another.
  std::vector<std::string> switched() const {
    std::vector<std::string> found;
    for (const auto& call : fake_->calls()) {
      const nlohmann::json input = parse_json(call.input.empty() ? "{}" : call.input);
      const bool is_modify = call.operation == "ModifyDBInstance" || call.operation == "ModifyDBCluster";
      if (!is_modify || !input.contains("EnableIAMDatabaseAuthentication")) continue;
      EXPECT_EQ(call.target, (aurora_ ? "cluster:" : "db:") + std::string(kName));
      found.push_back(input["EnableIAMDatabaseAuthentication"].dump());
    }
    return found;
  }
  bool is_on() { return described()["IAMDatabaseAuthenticationEnabled"]; }
  nlohmann::json described() { return aurora_ ? parse_json(fake_->cluster(kName)) : instance(); }
  model::Evidence evidence() { return host_->load_evidence(asked().copy).value(); }

  bool aurora_ = false;
};

TEST_F(StackTakeOver, one_login_by_token_and_iam_is_off_again_before_the_copy_goes_on) {
  for (bool aurora : {false, true}) {
    SCOPED_TRACE(aurora ? "aurora" : "rds");
    start(slow());
    door_->overruled = true;
    aurora_ = false;
    if (aurora) become_aurora();
    Notes notes;
    bool was_on = false;
    clock_->on_sleep = [&] {
      const std::string there = aurora ? fake_->cluster(kName) : fake_->instance(kName);
      was_on |= !there.empty() && parse_json(there).value("IAMDatabaseAuthenticationEnabled", false);
    };
    must(host_->restore(asked(), notes, *stop_));
    clock_->on_sleep = nullptr;
    EXPECT_TRUE(was_on);
    EXPECT_FALSE(is_on());
    EXPECT_THAT(switched(), ElementsAre("true", "false"));
    EXPECT_EQ(door_->tokens, 1);
    EXPECT_EQ(door_->claims, 2) << "once more when it was shown off";
    EXPECT_EQ(the_copy().phase, Phase::kRestored);
    EXPECT_THAT(notes.lines, Contains(HasSubstr("overruled")));
    EXPECT_THAT(notes.lines, Contains("taken from role master: its membership in rds_iam"));
    EXPECT_THAT(evidence().notes, Contains(HasSubstr("overruled")));
    EXPECT_THAT(evidence().defused, Contains("server: taken from role master: its membership in rds_iam"));
    expect_production_untouched();
  }
}

TEST_F(StackTakeOver, a_password_that_decides_leaves_iam_alone) {
  door_->overruled = false;
  must(restore());
  EXPECT_THAT(switched(), IsEmpty());
  EXPECT_EQ(door_->tokens, 0);
  EXPECT_THAT(evidence().notes, IsEmpty());
}

TEST_F(StackTakeOver, stopped_at_every_moment_it_goes_on) {
  for (bool aurora : {false, true}) {
    SCOPED_TRACE(aurora ? "aurora" : "rds");
    for (int stale : {0, 2}) {
      start(slow(stale));
      door_->overruled = true;
      aurora_ = false;
      if (aurora) become_aurora();
      catch_up();
      (void)rds_->describe_db_cluster_snapshots({.source_id = "shop-cluster"},
                                                [](const auto&) { return Status(); });
      (void)rds_->describe_db_cluster_snapshots({.source_id = "shop-cluster"},
                                                [](const auto&) { return Status(); });
      int runs = 0;
      int runs_that_found_it_on = 0;
      Status status;
      do {
        StopFlag stop;
        int sleeps = 0;
        clock_->on_sleep = [&] {
          if (++sleeps == 25) stop.request();
        };
        make_host();
        const std::string there = aurora ? fake_->cluster(kName) : fake_->instance(kName);
        const bool on = !there.empty() && parse_json(there).value("IAMDatabaseAuthenticationEnabled", false);
        runs_that_found_it_on += on ? 1 : 0;
        status = host_->restore(asked(), progress_, stop);
        if (!status.ok()) {
          ASSERT_EQ(status.error().code, Code::kInterrupted) << to_string(status.error());
        }
        ASSERT_LT(++runs, 300);
      } while (!status.ok());
      clock_->on_sleep = nullptr;
      EXPECT_GT(runs_that_found_it_on, 0) << "it was never stopped in between";
      EXPECT_FALSE(is_on());
      EXPECT_EQ(door_->tokens, 1);
      EXPECT_EQ(switched().back(), "false");
      catch_up();
      EXPECT_EQ(the_copy().phase, Phase::kRestored);
    }
  }
}

TEST_F(StackTakeOver, a_token_that_is_late_to_be_taken_is_tried_again) {
  door_->tokens_refused = 5;
  must(restore());
  EXPECT_EQ(door_->tokens, 6);
  EXPECT_THAT(switched(), ElementsAre("true", "false"));
}

TEST_F(StackTakeOver, without_the_right_it_says_what_to_do_and_switches_iam_off) {
  door_->tokens_refused = 100'000;
  Status status = restore();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kConnection);
  EXPECT_EQ(status.error().retry, Retry::kNever);
  EXPECT_THAT(status.error().message, HasSubstr("IAM alone"));
  EXPECT_THAT(status.error().hint, HasSubstr("REVOKE rds_iam FROM master"));
  EXPECT_THAT(status.error().hint, HasSubstr("ProductionResourceIds"));
  EXPECT_LT(door_->tokens, 100) << "that is bounded";
  fake_->advance(std::chrono::minutes(5));
  EXPECT_THAT(switched(), ElementsAre("true", "false"));
  EXPECT_FALSE(is_on());
  EXPECT_EQ(door_->claims, 0);
}

TEST_F(StackTakeOver, without_the_right_it_ends_however_often_it_is_stopped) {
  door_->tokens_refused = 100'000;
  Status status;
  int runs = 0;
  do {
    StackOptions given = options();
    given.copies.restore_max = std::chrono::hours(1);
    make_host(std::move(given));
    StopFlag stop;
    int sleeps = 0;
    clock_->on_sleep = [&] {
      if (++sleeps == 120) stop.request();
    };
    status = host_->restore(request(), progress_, stop);
    ASSERT_FALSE(status.ok());
    ASSERT_LT(++runs, 60);
  } while (status.error().code == Code::kInterrupted);
  clock_->on_sleep = nullptr;
  EXPECT_THAT(status.error().hint, HasSubstr("ProductionResourceIds"));
  EXPECT_EQ(switched().back(), "false");
}

TEST_F(StackTakeOver, what_somebody_else_switched_on_stops_the_copy) {
  clock_->on_sleep = [&] {
    if (fake_->stack_status(kName) == "CREATE_COMPLETE") stop_->request();
  };
  ASSERT_FALSE(restore().ok());
  clock_->on_sleep = nullptr;
  ASSERT_EQ(instance()["DBInstanceStatus"], "available");
  ASSERT_THAT(switched(), IsEmpty());
  ASSERT_TRUE(rds_->modify_db_instance({.id = kName, .iam_authentication = true}).ok());
  fake_->advance(std::chrono::minutes(5));
  ASSERT_TRUE(is_on());
  make_host();
  Status status = restore();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kRefused);
  EXPECT_THAT(status.error().message, HasSubstr("IAM authentication is on"));
  EXPECT_EQ(door_->tokens, 0);
}

}  // namespace
}  // namespace ytb::rds
