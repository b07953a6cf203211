// The loop against a Runtime API in memory: what it asks, what it posts, when it gives up.
#include "lambda/runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <stdexcept>

#include "base/json.h"

namespace ytb::lambda {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Posted {
  std::string path;
  std::string error_type;
  std::string body;
};

class ScriptedHttp final : public RuntimeHttp {
 public:
  explicit ScriptedHttp(StopFlag& stop) : stop_(stop) {}
  Result<Reply> get(const std::string& path) override {
    EXPECT_EQ(path, "/2018-06-01/runtime/invocation/next");
    ++gets;
    if (nexts.empty()) {
      stop_.request();
      return stop_.check().error();
    }
    Result<Reply> next = std::move(nexts.front());
    nexts.pop_front();
    return next;
  }
  Result<Reply> post(const std::string& path, const std::vector<std::pair<std::string, std::string>>& headers,
                     const std::string& body) override {
    std::string type;
    for (const auto& [name, value] : headers) {
      if (name == "Lambda-Runtime-Function-Error-Type") type = value;
    }
    posted.push_back({path, type, body});
    if (answers.empty()) return Reply{.status = 202};
    Result<Reply> answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
  void invoke(const std::string& id, const std::string& event) {
    nexts.emplace_back(Reply{.status = 200,
                             .headers = {{"lambda-runtime-aws-request-id", id},
                                         {"Lambda-Runtime-Deadline-Ms", "1795345200000"},
                                         {"Lambda-Runtime-Invoked-Function-Arn", "arn:f"}},
                             .body = event});
  }
  std::deque<Result<Reply>> nexts;
  std::deque<Result<Reply>> answers;
  std::vector<Posted> posted;
  int gets = 0;

 private:
  StopFlag& stop_;
};

Error broken() {
  return Error{
      .code = Code::kConnection, .message = "connection refused", .hint = "", .retry = Retry::kLater};
}

class Runtime : public ::testing::Test {
 protected:
  StopFlag stop_;
  ScriptedHttp http_{stop_};
  ManualClock clock_{*from_iso("2026-11-22T10:45:00Z")};
  std::vector<std::string> log_;
  RuntimeLoop loop_{http_, clock_, stop_, [this](std::string_view line) { log_.emplace_back(line); }};
};

TEST_F(Runtime, AnswersThenCarriesOnThenAsksAgain) {
  http_.invoke("id-1", "{}");
  http_.invoke("id-2", "[]");
  std::vector<std::string> order;
  Status status = loop_.run([&](const Invocation& invocation) -> Result<Handled> {
    EXPECT_EQ(invocation.deadline, *from_iso("2026-11-22T11:00:00Z"));
    order.push_back("handle " + invocation.request_id + " " + invocation.event);
    return Handled{.answer = "{\"ok\":1}", .afterwards = [&] {
                     order.push_back("afterwards, with " + std::to_string(http_.posted.size()) + " posted");
                   }};
  });
  EXPECT_TRUE(status.ok());
  EXPECT_THAT(order, ElementsAre("handle id-1 {}", "afterwards, with 1 posted", "handle id-2 []",
                                 "afterwards, with 2 posted"));
  EXPECT_EQ(http_.posted.at(1).path, "/2018-06-01/runtime/invocation/id-2/response");
  EXPECT_EQ(http_.posted.at(1).body, "{\"ok\":1}");
}

TEST_F(Runtime, ErrorsAreInAwsFormatAndDoNotEndTheLoop) {
  http_.invoke("bad", "poison");
  http_.invoke("thrown", "x");
  http_.invoke("huge", "x");
  http_.invoke("good", "x");
  Status status = loop_.run([&](const Invocation& invocation) -> Result<Handled> {
    if (invocation.request_id == "bad") {
      return Error{.code = Code::kNoSnapshot, .message = "none \xff there", .hint = "wait"};
    }
    if (invocation.request_id == "thrown") throw std::runtime_error("a library's");
    if (invocation.request_id == "huge")
      return Handled{.answer = std::string(RuntimeLoop::kAnswerBytesMax + 1, 'x')};
    return Handled{.answer = "{}"};
  });
  EXPECT_TRUE(status.ok());
  ASSERT_EQ(http_.posted.size(), 4U);
  EXPECT_EQ(http_.posted.at(0).path, "/2018-06-01/runtime/invocation/bad/error");
  EXPECT_EQ(http_.posted.at(0).error_type, "Yesterdaytabase.NoSnapshot");
  nlohmann::json body = parse_json(http_.posted.at(0).body);
  EXPECT_THAT(body.at("errorMessage").get<std::string>(), HasSubstr("hint: wait"));
  EXPECT_EQ(body.at("errorType"), "Yesterdaytabase.NoSnapshot");
  EXPECT_TRUE(body.at("stackTrace").is_array());
  EXPECT_THAT(http_.posted.at(1).body, HasSubstr("a library's"));
  EXPECT_EQ(http_.posted.at(2).path, "/2018-06-01/runtime/invocation/huge/error");
  EXPECT_EQ(http_.posted.at(3).path, "/2018-06-01/runtime/invocation/good/response");
}

TEST_F(Runtime, NextIsTriedAgainWithPausesAndThenGivenUp) {
  http_.nexts.emplace_back(broken());
  http_.nexts.emplace_back(RuntimeHttp::Reply{.status = 403, .body = "no"});
  http_.nexts.emplace_back(RuntimeHttp::Reply{.status = 200, .body = "{}"});  // without an id
  http_.invoke("../evil", "{}");
  http_.invoke("id", "{}");
  int handled = 0;
  Instant begun = clock_.now();
  auto handler = [&](const Invocation&) -> Result<Handled> {
    ++handled;
    return Handled{.answer = "{}"};
  };
  EXPECT_TRUE(loop_.run(handler).ok());
  EXPECT_EQ(handled, 1);
  EXPECT_EQ(clock_.now() - begun, std::chrono::milliseconds(100 + 200 + 400 + 800));
}

TEST_F(Runtime, AnApiThatIsGoneEndsTheLoopBounded) {
  for (int i = 0; i < 100; ++i) http_.nexts.emplace_back(broken());
  Status status = loop_.run([](const Invocation&) -> Result<Handled> { return Handled{}; });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kConnection);
  EXPECT_EQ(http_.gets, RuntimeLoop::kTriesMax);
}

TEST_F(Runtime, AContainerErrorEndsTheLoopAtOnce) {
  http_.nexts.emplace_back(RuntimeHttp::Reply{.status = 500, .body = "broken"});
  EXPECT_FALSE(loop_.run([](const Invocation&) -> Result<Handled> { return Handled{}; }).ok());
  EXPECT_EQ(http_.gets, 1);
}

TEST_F(Runtime, ARefusedAnswerConcernsItsInvocationOnly) {
  http_.invoke("late", "{}");
  http_.invoke("next", "{}");
  http_.answers.emplace_back(RuntimeHttp::Reply{.status = 400, .body = "InvalidRequestID"});
  http_.answers.emplace_back(broken());
  EXPECT_TRUE(loop_.run([](const Invocation&) -> Result<Handled> { return Handled{.answer = "{}"}; }).ok());
  ASSERT_EQ(http_.posted.size(), 3U) << "the second answer is posted again after a broken connection";
  EXPECT_EQ(http_.posted.at(2).path, "/2018-06-01/runtime/invocation/next/response");
}

TEST_F(Runtime, AnInvocationWithoutAReadableDeadlineIsShort) {
  http_.nexts.emplace_back(
      RuntimeHttp::Reply{.status = 200,
                         .headers = {{"Lambda-Runtime-Aws-Request-Id", "id"},
                                     {"Lambda-Runtime-Deadline-Ms", "99999999999999999999"}},
                         .body = "{}"});
  Instant seen;
  EXPECT_TRUE(loop_
                  .run([&](const Invocation& invocation) -> Result<Handled> {
                    seen = invocation.deadline;
                    return Handled{.answer = "{}"};
                  })
                  .ok());
  EXPECT_EQ(seen, clock_.now() + RuntimeLoop::kDeadlineUnknown);
}

TEST_F(Runtime, AFailedInitIsReported) {
  EXPECT_TRUE(
      loop_.report_init_error({.code = Code::kConfig, .message = "no config", .hint = "write one"}).ok());
  EXPECT_EQ(http_.posted.at(0).path, "/2018-06-01/runtime/init/error");
  EXPECT_EQ(http_.posted.at(0).error_type, "Yesterdaytabase.Config");
}

}  // namespace
}  // namespace ytb::lambda
