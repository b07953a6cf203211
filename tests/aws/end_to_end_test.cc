// Whole refreshes on AWS, by the program's own command line and drivers, with real servers behind the fake's
// instances and its clock, which goes on where somebody waits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/aws_scenario.h"

namespace ytb::tests {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

constexpr const char* kFirst = "shop-yesterday-20261121-060000-1";
constexpr const char* kSecond = "shop-yesterday-20261122-060000-1";

// As slow as AWS, on its own clock.
fakes::aws::Delays as_slow_as_aws() {
  return {.snapshot = std::chrono::minutes(10),
          .instance_create = std::chrono::minutes(20),
          .instance_backup = std::chrono::minutes(5),
          .modify_notice = std::chrono::seconds(30),
          .modify = std::chrono::minutes(1),
          .instance_delete = std::chrono::minutes(5),
          .stack_step = std::chrono::seconds(2),
          .dns = std::chrono::seconds(30)};
}

class AwsEndToEnd : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!AwsScenario::unavailable().empty()) GTEST_SKIP() << AwsScenario::unavailable();
  }
  AwsScenario& begin(ScenarioOptions options = {}) {
    options.aws.delays = as_slow_as_aws();
    scenario_ = std::make_unique<AwsScenario>(std::move(options));
    return *scenario_;
  }
  void expect_serves(const std::string& copy) {
    EXPECT_EQ(scenario_->resolved(), scenario_->address_of(copy));
    EXPECT_EQ(scenario_->ask_staging(copy, "SELECT count(*) FROM users"), "500");
    EXPECT_EQ(scenario_->ask_staging(copy, "SELECT count(*) FROM users WHERE email LIKE '%corp.test'"), "0");
  }
  // Calls of ours that made a copy.
  int stacks_made() {
    int made = 0;
    for (const auto& call : scenario_->fake().mutations()) made += call.operation == "CreateStack" ? 1 : 0;
    return made;
  }
  std::unique_ptr<AwsScenario> scenario_;
};

TEST_F(AwsEndToEnd, DayAfterDay) {
  AwsScenario& aws = begin();
  aws.must({"refresh"});
  expect_serves(kFirst);

  // No new snapshot: it says so, and nothing is changed.
  const size_t changes = aws.fake().mutations().size();
  testing::RunResult again = aws.must({"refresh"});
  EXPECT_THAT(again.out, HasSubstr("nothing to do")) << again.err;
  EXPECT_THAT(again.out, HasSubstr("newest"));
  EXPECT_EQ(aws.fake().mutations().size(), changes);

  aws.fake().advance(std::chrono::hours(24));
  aws.add_snapshot("2026-11-22T06:00:00Z");
  aws.must({"refresh", "--wait-drain"});
  expect_serves(kSecond);
  EXPECT_THAT(aws.fake().instance_ids(), UnorderedElementsAre("shop", kSecond)) << "yesterday's is gone";

  // The same snapshot once more, because somebody wants it.
  aws.must({"refresh", "--force", "--wait-drain"});
  const std::string forced = "shop-yesterday-20261122-060000-2";
  expect_serves(forced);
  EXPECT_THAT(aws.fake().instance_ids(), UnorderedElementsAre("shop", forced));
  EXPECT_EQ(stacks_made(), 3);
  aws.expect_production_untouched();
  aws.must({"teardown", "--yes"});
  aws.expect_nothing_left_over();
}

}  // namespace
}  // namespace ytb::tests
