// A6: ticks waited for AWS, up to three at a time. A tick looks, carries each phase on by one step that AWS
// has to work on, and leaves; the heartbeat of five minutes does the rest.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "aws/lambda_function.h"
#include "fakes/aws/small_services.h"

namespace ytb::tests {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr const char* kTick = R"({"action":"tick"})";
constexpr const char* kUpdate =
    R"({"config":{"domain":"mysite.com","db":{"name":"shop","security_group":"sg-staging",)"
    R"("subnet_group":"staging-db"}},"action":"update"})";
// Of an invocation that has nothing to mask: all of the rest is looking.
constexpr Duration kTickMost = seconds(5);
// Of the one that moves the name: until Route 53 has it everywhere.
constexpr Duration kMoveMost = seconds(45);
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
    const int moves = scenario_->fake().count("GetChange");
    json answer = function.ask(event);
    const Duration took = scenario_->fake().now() - begun;
    const bool moved = scenario_->fake().count("GetChange") > moves;
    EXPECT_LE(took, moved ? kMoveMost : kTickMost)
        << "after " << ticks_ << " ticks, an invocation stayed for " << to_human(took) << ": "
        << answer["message"];
    EXPECT_TRUE(answer["error"].is_null()) << answer;
    stayed_ += took;
    moves_ += moved ? 1 : 0;
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
  int moves_ = 0;
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
  EXPECT_EQ(moves_, 2) << "each waits for INSYNC";
  EXPECT_LE(stayed_, minutes(2)) << "of all " << ticks_ << " invocations";
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

// What AWS is asked, and what Lambda takes for it, by the fake's log.
struct Bill {
  int ticks = 0;
  int calls = 0;
  int calls_most = 0;  // of one invocation
  double gb_seconds = 0;
};

class AwsBill : public AwsTicks {
 protected:
  // A call is answered in a tenth of a second, more than most of AWS's; waiting is as the clock has it.
  static constexpr double kCallSeconds = 0.1;
  static constexpr double kGb = 1769.0 / 1024;  // template.yaml, MemoryMb
  // us-east-1, x86, in 2026: https://aws.amazon.com/lambda/pricing/
  static constexpr double kDollarsGbSecond = 0.0000166667;
  static constexpr double kDollarsRequest = 0.20 / 1e6;

  json billed(LambdaFunction& function, const std::string& event, Bill& bill) {
    const size_t from = scenario_->fake().calls().size();
    const Duration stayed = stayed_;
    json answer = invoke(function, event);
    int calls = 0;
    std::string asked;
    for (const fakes::aws::RecordedCall& call : scenario_->fake().calls(from)) {
      if (!call.principal.ends_with("user/tester")) continue;  // a stack's own
      ++calls;
      asked += " " + call.operation;
    }
    asked_ = asked;
    ++bill.ticks;
    bill.calls += calls;
    bill.calls_most = std::max(bill.calls_most, calls);
    const double waited = std::chrono::duration<double>(stayed_ - stayed).count();
    bill.gb_seconds += kGb * (waited + kCallSeconds * calls);
    return answer;
  }
  static double dollars(const Bill& bill) {
    return bill.gb_seconds * kDollarsGbSecond + bill.ticks * kDollarsRequest;
  }

  // Whether something is asked for that has not come to its end.
  bool is_marked() {
    const std::vector<std::string> keys = scenario_->fake().s3().keys("my-proofs");
    return std::any_of(keys.begin(), keys.end(), [](const std::string& key) {
      return key.find("/due/") != std::string::npos || key.find("/turns/") != std::string::npos;
    });
  }
  // As deployed: the config in the bucket.
  Variables in_the_bucket() {
    std::string config = get(scenario_->config());
    const std::string beside = "state: state\n";
    config.replace(config.find(beside), beside.size(), fmt::format("state: {}\n", scenario_->file("state")));
    const std::string by_domain = "domain: mysite.com";
    config.replace(config.find(by_domain), by_domain.size(),
                   fmt::format("zone_id: {}, name: shop-yesterday.mysite.com", scenario_->zone()));
    scenario_->fake().s3().put("my-proofs", "config/yesterdaytabase.yaml", config);
    return {{"YTB_CONFIG", "s3://my-proofs/config/yesterdaytabase.yaml"}, {"YTB_BUCKET", "my-proofs"}};
  }

  std::string asked_;  // by the latest invocation
};

TEST_F(AwsBill, AnIdleTickIsAtMostSixCalls) {
  AwsScenario& aws = begin_slowly();
  LambdaFunction function(aws, in_the_bucket());
  (void)invoke(function, R"({"action":"update"})");
  tick_until(function, 30, [&](const json& ticked) { return is_live(ticked, kFirst) && !is_marked(); });
  Bill first;
  aws.fake().advance(kHeartbeat);
  (void)billed(function, kTick, first);
  EXPECT_LE(first.calls, 7) << "as in a new process, with the signing key:" << asked_;
  Bill idle;
  for (int i = 0; i < 24; ++i) {
    aws.fake().advance(kHeartbeat);
    (void)billed(function, kTick, idle);
  }
  EXPECT_LE(idle.calls_most, 6) << asked_;
}

// docs/guide-aws.md says what comes of this, rounded.
TEST_F(AwsBill, OfADayWithOneRefreshIsAsTheGuideSays) {
  AwsScenario& aws = begin_slowly();
  LambdaFunction function(aws, in_the_bucket());
  (void)invoke(function, R"({"action":"update"})");
  tick_until(function, 30, [&](const json& ticked) { return is_live(ticked, kFirst) && !is_marked(); });
  aws.fake().advance(*from_iso("2026-11-22T07:00:00Z") - aws.fake().now());
  aws.add_snapshot("2026-11-22T06:00:00Z");
  Bill day;
  (void)billed(function, R"({"action":"update"})", day);
  int busy = 0;
  json ticked;
  for (int i = 0; i < 288; ++i) {
    aws.fake().advance(kHeartbeat);
    busy += is_marked() ? 1 : 0;
    ticked = billed(function, kTick, day);
  }
  EXPECT_TRUE(is_live(ticked, kSecond)) << ticked;
  EXPECT_EQ(aws.fake().instance(kFirst), "");
  auto rounded = [](double value, double to) { return std::round(value / to) * to; };
  const std::string said = fmt::format(
      "{} ticks make {:.0f} calls of AWS's API and {:.0f} GB-seconds, ${:.2f}; {} of them had "
      "something to do",
      288, rounded(day.calls, 100), rounded(day.gb_seconds, 10), dollars(day), busy);
  std::string guide = get(std::string(YTB_SOURCE_DIR) + "/docs/guide-aws.md");
  std::replace(guide.begin(), guide.end(), '\n', ' ');
  EXPECT_THAT(guide, HasSubstr(said));
}

}  // namespace
}  // namespace ytb::tests
