// The Lambda loop over real HTTP on loopback: a scripted Runtime API, the loop through libcurl, a handler
// over the fakes of every port; and due marks in the fake AWS's S3.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "app_aws.h"
#include "app_due_marks.h"
#include "app_lambda.h"
#include "app_turns.h"
#include "aws/runtime_api.h"
#include "base/text.h"
#include "drivers/aws/fake_client_testing.h"
#include "drivers/http/curl_client.h"
#include "lambda/lambda_testing.h"
#include "lambda/runtime.h"
#include "support/temporary.h"
#include "tests/fakes/aws/small_services.h"

namespace ytb {
namespace {

using fakes::aws::FakeAws;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using tests::Answer;
using tests::RuntimeApi;
using Tree = nlohmann::json;

class LambdaOverHttp : public ::testing::Test {
 protected:
  // The loop in a thread of its own, until the script has ended.
  void run(const std::vector<std::string>& events) {
    RuntimeApi api(site_.clock);
    for (const std::string& event : events) api.invoke(event);
    std::thread loop([&] {
      site_.clock.adopt();
      http::CurlClient transport;
      TransportRuntimeHttp http(transport, api.authority(), stop_);
      lambda::Handler handler(site_.parts());
      lambda::RuntimeLoop runtime(http, site_.clock, stop_,
                                  [this](std::string_view line) { log_.emplace_back(line); });
      ended_ = runtime.run([&](const lambda::Invocation& invocation) { return handler.handle(invocation); });
    });
    api.await_next(static_cast<int>(events.size()) + 1);
    api.close();
    loop.join();
    site_.clock.adopt();
    answers_ = api.answers();
  }
  [[nodiscard]] Tree answer(size_t i) const { return parse_json<Tree>(answers_.at(i).body); }

  lambda::testing_support::Site site_;
  StopFlag stop_;
  std::vector<Answer> answers_;
  std::vector<std::string> log_;
  Status ended_;
};

TEST_F(LambdaOverHttp, AWholeRefreshWithAPoisonedEventInTheMiddle) {
  site_.add_snapshot();
  std::string original = lambda::testing_support::kOriginalEvent;
  run({original, "{\"action\": \"tick\"", R"({"action":"explode"})", std::string(400'000, 'x'),
       Tree(original).dump(), R"({"action":"status"})"});
  ASSERT_EQ(answers_.size(), 6U);
  std::vector<std::string> kinds;
  for (const Answer& one : answers_) kinds.push_back(one.id + " " + one.kind);
  EXPECT_THAT(kinds, ElementsAre("id-1 response", "id-2 error", "id-3 error", "id-4 error", "id-5 response",
                                 "id-6 response"));
  EXPECT_EQ(answer(0)["action"], "create");
  EXPECT_TRUE(answer(0)["error"].is_null());
  for (size_t i : {1U, 2U, 3U}) {
    EXPECT_EQ(answers_.at(i).error_type, "Yesterdaytabase.Usage");
    EXPECT_EQ(answer(i)["errorType"], "Yesterdaytabase.Usage");
    EXPECT_TRUE(answer(i)["stackTrace"].is_array());
  }
  EXPECT_THAT(answer(2)["errorMessage"].get<std::string>(), HasSubstr("there is no action 'explode'"));
  EXPECT_TRUE(answer(4)["action"].is_null()) << "the first invocation has carried on after its answer";
  EXPECT_EQ(answer(5)["live"]["phase"], "live");
  EXPECT_THAT(site_.world.violations, IsEmpty());
  EXPECT_EQ(site_.world.copies.size(), 1U);
}

TEST_F(LambdaOverHttp, ADeadlineInTheMiddleOfARestoreIsAnsweredAndTheNextInvocationCarriesOn) {
  site_.add_snapshot();
  site_.slow_restores = 1;
  run({R"({"action":"tick"})", R"({"action":"tick"})"});
  ASSERT_EQ(answers_.size(), 2U);
  EXPECT_EQ(answers_.at(0).kind, "response");
  EXPECT_EQ(answer(0)["phase"], "restoring");
  EXPECT_TRUE(answer(0)["error"].is_null());
  EXPECT_EQ(answer(1)["live"]["phase"], "live");
  EXPECT_THAT(site_.world.violations, IsEmpty());
}

TEST_F(LambdaOverHttp, StopEndsTheWaitForAnInvocation) {
  RuntimeApi api(site_.clock);
  std::thread loop([&] {
    site_.clock.adopt();
    http::CurlClient transport;
    TransportRuntimeHttp http(transport, api.authority(), stop_);
    lambda::RuntimeLoop runtime(http, site_.clock, stop_, [](std::string_view) {});
    ended_ =
        runtime.run([](const lambda::Invocation&) -> Result<lambda::Handled> { return lambda::Handled{}; });
  });
  api.await_next(1);
  stop_.request();
  loop.join();
  EXPECT_TRUE(ended_.ok());
}

TEST(LambdaProgram, AConfigThatCannotBeReadIsSaidBeforeTheFirstInvocation) {
  SystemClock clock;
  RuntimeApi api(clock);
  StopFlag stop;
  std::ostringstream log;
  LambdaWiring wiring{.drivers = {},
                      .load_config = [](const std::string& place) -> Result<config::Config> {
                        return Error{.code = Code::kConfig, .message = place + " is not there", .hint = ""};
                      },
                      .load_inputs = {},
                      .make_settings = {},
                      .caller = {},
                      .environment = [&](const std::string& name) -> std::optional<std::string> {
                        if (name == "AWS_LAMBDA_RUNTIME_API") return api.authority();
                        if (name == "YTB_CONFIG") return "s3://bucket/config.yaml";
                        return std::nullopt;
                      },
                      .clock = clock,
                      .log = log};
  Status status = run_lambda(wiring, stop);
  EXPECT_EQ(status.error().code, Code::kConfig);
  std::vector<Answer> answers = api.answers();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers.at(0).kind, "init");
  EXPECT_EQ(answers.at(0).error_type, "Yesterdaytabase.Config");
  EXPECT_THAT(answers.at(0).body, HasSubstr("config.yaml is not there"));
}

// The heartbeat brings no config of its own: a deployment of the original's form gives it the schedule's
// event.
TEST(LambdaProgram, TheOriginalsConfigMayBeTheEventOfItsSchedule) {
  SystemClock clock;
  std::ostringstream log;
  std::string seen;
  std::map<std::string, std::string> variables{
      {"YTB_ORIGINAL_CONFIG", lambda::testing_support::kOriginalEvent},
      {"YTB_CONFIG", ""},
      {"YTB_BUCKET", "evidence"},
      {"YTB_QUARANTINE_GROUP", "sg-q"},
      {"YTB_SIGNING_KEY", "ssm:/ytb/signing"}};
  LambdaWiring wiring{.drivers = [&](const StopFlag&) -> refresh::DriverFactory {
                        return [&](const config::Config&,
                                   const config::ProductionConfig& production) -> Result<refresh::Drivers> {
                          seen += production.name.str() + " " + production.source.rds.id + ";";
                          return Error{.code = Code::kConnection, .message = "no AWS here", .hint = {}};
                        };
                      },
                      .load_config = [](const std::string& place) -> Result<config::Config> {
                        return Error{.code = Code::kConfig, .message = place + " is not there", .hint = ""};
                      },
                      .load_inputs = {},
                      .make_settings = {},
                      .caller = {},
                      .environment = [&](const std::string& name) -> std::optional<std::string> {
                        auto found = variables.find(name);
                        return found == variables.end() ? std::nullopt : std::optional(found->second);
                      },
                      .clock = clock,
                      .log = log};
  auto status = [&]() -> std::string {
    RuntimeApi api(clock);
    variables["AWS_LAMBDA_RUNTIME_API"] = api.authority();
    StopFlag stop;
    std::thread loop([&] { (void)run_lambda(wiring, stop); });
    api.invoke(R"({"action":"status"})");
    api.await_next(2);
    stop.request();
    loop.join();
    std::vector<Answer> answers = api.answers();
    return answers.size() == 1 ? answers.front().body : fmt::format("{} answers", answers.size());
  };
  EXPECT_THAT(status(), HasSubstr("no AWS here"));
  EXPECT_EQ(seen, "shop shop;");
  variables["YTB_ORIGINAL_CONFIG"] = "{}";  // the template's default: an event without a config
  EXPECT_THAT(status(), HasSubstr("the function has none of its own"));
  EXPECT_EQ(seen, "shop shop;");
  // A config.json in the zip: what is said otherwise goes before it.
  const tests::TemporaryFolder task;
  tests::put(
      task / "config.json",
      R"({"domain":"mysite.com","db":{"name":"CRM","security_group":"sg-staging","subnet_group":"sn"}})");
  variables["LAMBDA_TASK_ROOT"] = task.path();
  EXPECT_THAT(status(), HasSubstr("no AWS here"));
  EXPECT_EQ(seen, "shop shop;crm CRM;");
  variables["YTB_ORIGINAL_CONFIG"] = lambda::testing_support::kOriginalEvent;
  EXPECT_THAT(status(), HasSubstr("no AWS here"));
  EXPECT_EQ(seen, "shop shop;crm CRM;shop shop;");
}

// The program itself, as a function's bootstrap starts it.
TEST(LambdaProgram, AsksForItsFirstInvocationAtOnceAndEndsBySigterm) {
  SystemClock clock;
  RuntimeApi api(clock);
  std::string program = std::string(YTB_BINARY_DIR) + "/src/yesterdaytabase";
  std::vector<std::string> variables = {"AWS_LAMBDA_RUNTIME_API=" + api.authority(), "AWS_REGION=eu-west-1",
                                        "YTB_BUCKET=evidence", "PATH=/nonexistent"};
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::vector<char*> environment;
    for (std::string& one : variables) environment.push_back(one.data());
    environment.push_back(nullptr);
    std::string word = "lambda";
    std::array<char*, 3> words{program.data(), word.data(), nullptr};
    ::execve(program.c_str(), words.data(), environment.data());
    ::_exit(127);
  }
  api.await_next(1);
  // A poisoned event, and one that needs a config that is not there, end nothing.
  api.invoke("poison");
  api.invoke(R"({"action":"update"})");
  api.await_next(3);
  std::vector<Answer> answers = api.answers();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers.at(0).error_type, "Yesterdaytabase.Usage");
  EXPECT_EQ(answers.at(1).error_type, "Yesterdaytabase.Config");
  ASSERT_EQ(::kill(child, SIGTERM), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

class Marks : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(FakeAws::available(), "") << "tools/setup installs botocore's models";
    fake_.s3().put("evidence", "ytb/due-is-not-a-mark", "x");
  }
  static lambda::DueMark mark(const std::string& production, int minute) {
    return {.production = model::ProductionName(production),
            .want = lambda::DueMark::Want::kRefresh,
            .at = *from_iso("2026-11-22T06:00:00Z") + std::chrono::minutes(minute),
            .force = false,
            .config_text = R"({"domain":"mysite.com"})"};
  }
  std::vector<std::string> read() {
    Result<std::vector<lambda::DueMark>> marks = marks_.read();
    EXPECT_TRUE(marks.ok()) << (marks.ok() ? "" : to_string(marks.error()));
    std::vector<std::string> lines;
    for (const lambda::DueMark& one : *marks) lines.push_back(one.production.str() + " " + to_iso(one.at));
    return lines;
  }
  FakeAws fake_;
  SystemClock clock_;
  aws::FakeAwsClient client_{fake_, clock_};
  S3DueMarks marks_{[this]() -> Result<aws::Caller*> { return &client_.caller(); }, "evidence", "ytb"};
};

TEST_F(Marks, TheNewestOfAProductionHoldsAndClearingTakesNoNewerOne) {
  EXPECT_THAT(read(), IsEmpty());
  ASSERT_TRUE(marks_.mark(mark("shop", 0)).ok());
  ASSERT_TRUE(marks_.mark(mark("crm", 5)).ok());
  ASSERT_TRUE(marks_.mark(mark("shop", 10)).ok());
  EXPECT_THAT(read(), ElementsAre("crm 2026-11-22T06:05:00Z", "shop 2026-11-22T06:10:00Z"));
  ASSERT_TRUE(marks_.clear(model::ProductionName("shop"), mark("shop", 0).at).ok());
  EXPECT_THAT(read(), ElementsAre("crm 2026-11-22T06:05:00Z", "shop 2026-11-22T06:10:00Z"));
  lambda::DueMark follow = mark("crm", 5);
  follow.want = lambda::DueMark::Want::kFollow;
  ASSERT_TRUE(marks_.replace(follow.at, follow).ok());
  EXPECT_EQ(marks_.read()->front().want, lambda::DueMark::Want::kFollow);
  EXPECT_EQ(marks_.read()->front().config_text, follow.config_text);
  ASSERT_TRUE(marks_.clear(model::ProductionName("shop"), mark("shop", 10).at).ok());
  ASSERT_TRUE(marks_.clear(model::ProductionName("crm"), follow.at).ok());
  EXPECT_THAT(read(), IsEmpty());
  EXPECT_THAT(fake_.s3().keys("evidence"), ElementsAre("ytb/due-is-not-a-mark"));
}

// Of two that want the same turn S3 lets one write it.
TEST_F(Marks, ATurnIsOnesUntilItIsGivenBackOrOver) {
  S3Turns turns([this]() -> Result<aws::Caller*> { return &client_.caller(); }, "evidence", "ytb");
  const model::ProductionName shop("shop");
  const Instant now = clock_.now();
  const Instant over = now + std::chrono::minutes(15);
  auto take = [&](const std::string& who, Instant at, const model::ProductionName& what) {
    Result<lambda::Turn> turn = turns.take(what, who, at + std::chrono::minutes(15), at);
    EXPECT_TRUE(turn.ok()) << (turn.ok() ? "" : to_string(turn.error()));
    return turn.ok() ? *turn : lambda::Turn{};
  };
  EXPECT_TRUE(take("first", now, shop).ours);
  EXPECT_TRUE(take("first", now, shop).ours) << "as after an answer that never came";
  const lambda::Turn other = take("second", now, shop);
  EXPECT_FALSE(other.ours);
  EXPECT_LT(std::chrono::abs(other.until - over), std::chrono::milliseconds(1));
  EXPECT_TRUE(take("second", now, model::ProductionName("crm")).ours) << "another production's is free";
  EXPECT_FALSE(take("first", now + std::chrono::minutes(1), shop).ours)
      << "of the same name, not the same turn";
  ASSERT_TRUE(turns.give_back(shop, "second").ok());
  EXPECT_FALSE(take("second", now, shop).ours) << "only its holder can give it back";
  ASSERT_TRUE(turns.give_back(shop, "first").ok());
  EXPECT_TRUE(take("second", now, shop).ours);
  ASSERT_TRUE(turns.give_back(model::ProductionName("nobodys"), "first").ok());
  EXPECT_FALSE(take("third", over, shop).ours) << "two machines' clocks differ a little";
  EXPECT_TRUE(take("third", over + std::chrono::minutes(1), shop).ours) << "its holder is dead";
  fake_.s3().put("evidence", "ytb/turns/shop.json", "nonsense");
  EXPECT_TRUE(take("fourth", now, shop).ours);
  // Two at the same moment: the other one's write comes between our look and our write.
  fake_.s3().put("evidence", "ytb/turns/shop.json", "");
  std::vector<std::thread> all;
  std::atomic<int> won{0};
  for (int i = 0; i < 4; ++i) {
    all.emplace_back([&, i] {
      SystemClock clock;
      aws::FakeAwsClient client(fake_, clock);
      S3Turns theirs([&]() -> Result<aws::Caller*> { return &client.caller(); }, "evidence", "ytb");
      Result<lambda::Turn> turn = theirs.take(shop, "racer " + std::to_string(i), over, now);
      if (turn.ok() && turn->ours) ++won;
    });
  }
  for (std::thread& one : all) one.join();
  EXPECT_EQ(won, 1);
}

// A warm process keeps no more in memory than the ticks without work need.
TEST(Vault, RemembersTheSigningKeyAndNothingElse) {
  SystemClock clock;
  StopFlag stop;
  AwsSessions sessions(clock, stop);
  sessions.remember_secrets(std::chrono::hours(1));
  const std::string folder = ::testing::TempDir();
  auto at = [&](const std::string& name, const std::string& text) {
    const std::string file = folder + "/vault-" + name;
    std::ofstream(file) << text;
    std::filesystem::permissions(file,
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return model::SecretRef{.kind = model::SecretRef::Kind::kFile, .locator = file};
  };
  const model::SecretRef signing = at("signing", "first");
  const model::SecretRef masking = at("masking", "first");
  auto read = [&](const model::SecretRef& reference) {
    Result<Secret> secret = open_aws_vault(sessions, {}, {}, signing)->secret(reference);
    EXPECT_TRUE(secret.ok()) << (secret.ok() ? "" : to_string(secret.error()));
    return secret.ok() ? std::string(secret->reveal()) : std::string();
  };
  EXPECT_EQ(read(signing), "first");
  EXPECT_EQ(read(masking), "first");
  at("signing", "second");
  at("masking", "second");
  EXPECT_EQ(read(signing), "first");
  EXPECT_EQ(read(masking), "second");
  EXPECT_FALSE(sessions.remembered(masking));
}

TEST_F(Marks, ADamagedMarkOrANamelessBucketIsAnErrorAndNotNothing) {
  fake_.s3().put("evidence", "ytb/due/shop/1.json", "{\"format\":2}");
  Result<std::vector<lambda::DueMark>> marks = marks_.read();
  ASSERT_FALSE(marks.ok());
  EXPECT_EQ(marks.error().code, Code::kCorrupt);
  EXPECT_THAT(marks.error().message, HasSubstr("s3://evidence/ytb/due/shop/1.json"));
  S3DueMarks nowhere([this]() -> Result<aws::Caller*> { return &client_.caller(); }, "", "ytb");
  EXPECT_EQ(nowhere.mark(mark("shop", 0)).error().code, Code::kConfig);
}

}  // namespace
}  // namespace ytb
