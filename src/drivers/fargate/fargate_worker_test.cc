// One Fargate task a copy, against the fake AWS: started once, watched, and started again after it died.
#include "drivers/fargate/fargate_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/aws/fake_client_testing.h"
#include "tests/fakes/aws/ecs.h"

namespace ytb::fargate {
namespace {

using fakes::aws::FakeAws;
using Phase = ports::WorkerState::Phase;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const model::CopyId kCopy("shop-yesterday-20261122-060000-1");

class ImpatientClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return SystemClock().now(); }
  void sleep(Duration) override {}
};

class Fargate : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(FakeAws::available(), "") << "tools/setup installs botocore's models";
    fake_.ecs().seed_cluster("ytb");
    fake_.ecs().seed_definition("worker", "yesterdaytabase");
  }
  static fakes::aws::Settings settings() {
    fakes::aws::Settings settings;
    settings.delays.task = std::chrono::seconds(10);
    return settings;
  }
  ports::WorkerState start(const std::string& after = "") {
    auto state = worker_.start(request_, after);
    EXPECT_TRUE(state.ok()) << (state.ok() ? "" : to_string(state.error()));
    return state.ok() ? *state : ports::WorkerState{};
  }
  std::optional<ports::WorkerState> find(const model::CopyId& copy = kCopy) {
    auto state = worker_.find(copy);
    EXPECT_TRUE(state.ok()) << (state.ok() ? "" : to_string(state.error()));
    return state.ok() ? *state : std::nullopt;
  }

  FakeAws fake_{settings()};
  ImpatientClock clock_;
  aws::FakeAwsClient client_{fake_, clock_};
  aws::Ecs ecs_{client_.caller()};
  FargateWorker worker_{ecs_,
                        {.cluster = "ytb",
                         .task_definition = "worker",
                         .container = "yesterdaytabase",
                         .subnets = {"subnet-1"},
                         .security_groups = {"sg-worker"},
                         .public_ip = false}};
  ports::WorkerRequest request_{.copy = kCopy,
                                .production = model::ProductionName("shop"),
                                .environment = {{"YTB_ORIGINAL_CONFIG", "{}"}}};
};

TEST_F(Fargate, IsStartedOnceHoweverOftenItIsAskedFor) {
  EXPECT_FALSE(find().has_value());
  ports::WorkerState first = start();
  EXPECT_EQ(first.phase, Phase::kStarting);
  EXPECT_EQ(start().id, first.id) << "another invocation that has not seen it yet";
  EXPECT_EQ(find()->id, first.id);
  fake_.advance(std::chrono::seconds(30));
  EXPECT_EQ(find()->phase, Phase::kRunning);
  EXPECT_EQ(start().phase, Phase::kRunning);
  // Another copy's is another.
  EXPECT_FALSE(find(model::CopyId("shop-yesterday-20261122-060000-2")).has_value());
}

TEST_F(Fargate, AnAnswerThatNeverCameIsNoSecondTask) {
  fake_.fail("RunTask", 1, {.kind = fakes::aws::Fault::Kind::kDropAfter});
  ports::WorkerState first = start();
  EXPECT_EQ(find()->id, first.id);
  auto arns = ecs_.list_tasks("ytb", started_by(kCopy));
  ASSERT_TRUE(arns.ok());
  EXPECT_THAT(*arns, ElementsAre(first.id));
}

TEST_F(Fargate, WhatDiedIsFollowedByOneMore) {
  ports::WorkerState first = start();
  fake_.advance(std::chrono::seconds(30));
  ASSERT_EQ(find()->phase, Phase::kRunning);
  fake_.ecs().kill_all();
  ports::WorkerState dead = *find();
  EXPECT_EQ(dead.id, first.id);
  EXPECT_EQ(dead.phase, Phase::kStopped);
  EXPECT_THAT(dead.detail, HasSubstr("exit status 137"));
  ports::WorkerState second = start(dead.id);
  EXPECT_NE(second.id, first.id);
  EXPECT_EQ(start(dead.id).id, second.id);
  EXPECT_EQ(find()->id, second.id);
}

TEST_F(Fargate, AStoppedTaskThatEcsForgotIsStillNotTakenForTheNew) {
  ports::WorkerState first = start();
  fake_.advance(std::chrono::seconds(30));
  fake_.ecs().kill_all();
  fake_.ecs().forget_stopped();
  EXPECT_FALSE(find().has_value());
  ports::WorkerState second = start();
  EXPECT_NE(second.id, first.id);
  EXPECT_NE(second.phase, Phase::kStopped);
}

TEST_F(Fargate, OtherParametersUnderTheSameTokenAreBusy) {
  start();
  request_.environment["YTB_ORIGINAL_CONFIG"] = "{\"domain\":\"other\"}";
  auto refused = worker_.start(request_, "");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kBusy);
  EXPECT_EQ(refused.error().retry, Retry::kLater);
}

TEST_F(Fargate, TheTaskRunsOurCommandWithoutSecrets) {
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;
  std::atomic<bool> ran{false};
  fake_.ecs().run_with([&](const fakes::aws::TaskRequest& task) {
    command = task.command;
    environment = task.environment;
    ran = true;
    return 0;
  });
  start();
  fake_.advance(std::chrono::seconds(30));
  while (!ran) std::this_thread::yield();
  EXPECT_THAT(command, ElementsAre("work", "--copy", kCopy.str(), "--production", "shop"));
  EXPECT_EQ(environment.size(), 1U);
}

TEST(FargateNames, AreShortAndTheSameForTheSame) {
  model::CopyId longest(std::string(40, 'a') + "-yesterday-20261122-060000-999");
  EXPECT_LE(started_by(longest).size(), 36U);
  EXPECT_EQ(started_by(longest), started_by(longest));
  EXPECT_NE(started_by(longest), started_by(kCopy));
  EXPECT_LE(client_token(longest, std::string(200, 'x')).size(), 64U);
  EXPECT_NE(client_token(kCopy, ""), client_token(kCopy, "arn"));
  EXPECT_EQ(started_by(kCopy).find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), std::string::npos);
}

}  // namespace
}  // namespace ytb::fargate
