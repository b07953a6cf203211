// A6: ticks waited for AWS, up to three at a time. A tick looks, carries each phase on by one step that AWS
// has to work on, and leaves; the heartbeat of five minutes does the rest.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/lambda_function.h"

namespace ytb::tests {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr const char* kTick = R"({"action":"tick"})";
constexpr const char* kUpdate =
    R"({"config":{"domain":"mysite.com","db":{"name":"shop","security_group":"sg-staging",)"
    R"("subnet_group":"staging-db"}},"action":"update"})";
// Of an invocation that has nothing to mask: all of the rest is looking.
constexpr Duration kTickMost = seconds(5);
constexpr Duration kHeartbeat = minutes(5);

class AwsTicks : public AwsRuns {
 protected:
  AwsScenario& begin_slowly(const std::string& copies = "") {
    ScenarioOptions options;
    options.aws.delays = as_slow_as_aws();
    options.productions = {{.name = "shop", .copies = copies}};
    return begin(std::move(options));
  }
  // One invocation, and how long it took.
  json invoke(LambdaFunction& function, const std::string& event) {
    const Instant begun = scenario_->fake().now();
    json answer = function.ask(event);
    const Duration took = scenario_->fake().now() - begun;
    EXPECT_LE(took, kTickMost) << "after " << ticks_ << " ticks, an invocation stayed for " << to_human(took)
                               << ": " << answer["message"];
    EXPECT_TRUE(answer["error"].is_null()) << answer;
    stayed_ += took;
    return answer;
  }
  // Heartbeats until it is so.
  void tick_until(LambdaFunction& function, int ticks_max, const std::function<bool(const json&)>& done) {
    for (int i = 0; i < ticks_max; ++i) {
      scenario_->fake().advance(kHeartbeat);
      const json ticked = invoke(function, kTick);
      ++ticks_;
      if (done(ticked)) return;
    }
    ADD_FAILURE() << "not in " << ticks_max << " ticks\n" << function.log();
  }
  static bool is_live(const json& ticked, const std::string& copy) {
    return ticked["live"].is_object() && ticked["live"]["copy"] == copy;
  }

  int ticks_ = 0;
  Duration stayed_{};
};

TEST_F(AwsTicks, NoneWaitsForARestoreAnOpeningADrainOrADeletion) {
  AwsScenario& aws = begin_slowly();
  Variables variables = original_variables(aws);
  variables["YTB_DRAIN"] = "10min";
  LambdaFunction function(aws, variables);
  (void)invoke(function, kUpdate);
  EXPECT_EQ(aws.fake().stack_status(kFirst), "CREATE_IN_PROGRESS");
  tick_until(function, 20, [](const json& ticked) { return is_live(ticked, kFirst); });
  EXPECT_EQ(aws.resolved(), aws.address_of(kFirst));

  aws.fake().advance(*from_iso("2026-11-22T07:00:00Z") - aws.fake().now());
  aws.add_snapshot("2026-11-22T06:00:00Z");
  (void)invoke(function, kUpdate);
  tick_until(function, 20, [](const json& ticked) { return is_live(ticked, kSecond); });
  tick_until(function, 20, [&](const json&) { return aws.fake().stack_status(kFirst).empty(); });
  EXPECT_EQ(aws.resolved(), aws.address_of(kSecond));
  EXPECT_EQ(aws.fake().count("CreateStack"), 2);
  EXPECT_EQ(aws.fake().count("UpdateStack"), 2);
  EXPECT_EQ(aws.fake().count("DeleteStack"), 1);
  EXPECT_LE(stayed_, minutes(1)) << "of all " << ticks_ << " invocations";
  aws.expect_production_untouched();
}

// A volume that RDS converts is not available for hours.
TEST_F(AwsTicks, NoneWaitsForAVolumeThatIsOptimized) {
  AwsScenario& aws = begin_slowly();
  Variables variables = original_variables(aws);
  variables["YTB_STORAGE_TYPE"] = "gp3";
  LambdaFunction function(aws, variables);
  const Instant begun = aws.fake().now();
  (void)invoke(function, kUpdate);
  tick_until(function, 150, [](const json& ticked) { return is_live(ticked, kFirst); });
  EXPECT_GE(aws.fake().now() - begun, hours(8));
  EXPECT_EQ(aws.fake().count("CreateStack"), 1);
}

TEST_F(AwsTicks, NoneWaitsUntilEverythingIsGone) {
  AwsScenario& aws = begin_slowly();
  LambdaFunction function(aws, original_variables(aws));
  (void)invoke(function, kUpdate);
  tick_until(function, 20, [](const json& ticked) { return is_live(ticked, kFirst); });
  const json removed = invoke(function, R"({"config":{"domain":"mysite.com","db":{"name":"shop",)"
                                        R"("security_group":"sg-staging","subnet_group":"staging-db"}},)"
                                        R"("action":"delete"})");
  EXPECT_EQ(removed["action"], "delete");
  tick_until(function, 10, [&](const json&) { return aws.fake().stack_status(kFirst).empty(); });
  aws.fake().advance(kHeartbeat);
  EXPECT_THAT(invoke(function, kTick)["message"].get<std::string>(), HasSubstr("removed, as was asked at"));
  aws.expect_nothing_left_over();
}

}  // namespace
}  // namespace ytb::tests
