#include "drivers/aws/caller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/aws/aws_testing.h"
#include "drivers/aws/fault.h"

namespace ytb::aws {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing_support::Bench;
using testing_support::example_credentials;

Call reading() { return {.service = Service::kRds, .operation = "DescribeThings"}; }
Call changing(Effect effect) {
  return {.service = Service::kRds, .operation = "ChangeThing", .effect = effect};
}

std::string refusal(const std::string& code, const std::string& message = "because") {
  return "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type><Code>" + code + "</Code><Message>" + message +
         "</Message></Error><RequestId>r-1</RequestId></ErrorResponse>";
}

TEST(Caller, SignsAndSendsToTheEndpoint) {
  Bench bench({}, "token");
  bench.transport.answer(200, "<x/>", {{"x-amzn-RequestId", "r-9"}});
  Call call = reading();
  call.query = {{"a b", "c/d"}};
  const Result<Answer> answer = bench.caller.call(call);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->request_id, "r-9");
  const http::Request& request = bench.transport.requests.at(0);
  EXPECT_EQ(request.url, "https://rds.eu-west-1.amazonaws.com/?a%20b=c%2Fd");
  EXPECT_TRUE(request.may_repeat);
  EXPECT_EQ(http::find_header(request.headers, "X-Amz-Date"), "20261122T060000Z");
  EXPECT_EQ(http::find_header(request.headers, "X-Amz-Security-Token"), "token");
  EXPECT_THAT(std::string(*http::find_header(request.headers, "Authorization")),
              HasSubstr("AKIDEXAMPLE/20261122/eu-west-1/rds/aws4_request"));

  Call bare = reading();
  bare.is_signed = false;
  bench.transport.answer(200, "");
  ASSERT_TRUE(bench.caller.call(bare).ok());
  EXPECT_EQ(http::find_header(bench.transport.requests.at(1).headers, "Authorization"), std::nullopt);
}

TEST(Caller, ThrottlingIsTriedThreeTimesWithBackOffAndSignedAnew) {
  for (const std::string code :
       {"Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded",
        "TooManyRequestsException", "PriorRequestNotComplete", "SlowDown", "RequestThrottled"}) {
    for (Effect effect : {Effect::kReads, Effect::kRepeatable, Effect::kOnce}) {
      Bench bench;
      bench.transport.answer(400, refusal(code)).answer(400, refusal(code)).answer(400, refusal(code));
      const Result<Answer> answer = bench.caller.call(changing(effect));
      ASSERT_FALSE(answer.ok());
      EXPECT_EQ(answer.error().retry, Retry::kLater) << code;
      EXPECT_EQ(bench.transport.requests.size(), 3U) << code;
      // Half of one second and half of two.
      EXPECT_EQ(bench.clock.slept, std::chrono::milliseconds(1500));
      EXPECT_EQ(http::find_header(bench.transport.requests.at(2).headers, "X-Amz-Date"), "20261122T060001Z");
    }
  }
}

TEST(Caller, BackOffIsCapped) {
  Bench bench({.attempts_max = 10, .random = [] { return 1.0; }});
  for (int i = 0; i < 10; ++i) bench.transport.answer(503, "");
  EXPECT_FALSE(bench.caller.call(reading()).ok());
  EXPECT_EQ(bench.clock.slept, std::chrono::seconds(1 + 2 + 4 + 8 + 16 + 20 + 20 + 20 + 20));
}

TEST(Caller, WhatMayHaveBeenDoneIsNotDoneTwice) {
  for (int status : {500, 502, 503, 504}) {
    Bench bench;
    bench.transport.answer(status, "oops");
    const Result<Answer> answer = bench.caller.call(changing(Effect::kOnce));
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().retry, Retry::kInDoubt);
    EXPECT_EQ(bench.transport.requests.size(), 1U);
  }
  Bench bench;
  bench.transport.fail(Retry::kInDoubt);
  EXPECT_EQ(bench.caller.call(changing(Effect::kOnce)).error().retry, Retry::kInDoubt);
  // Never sent: it may be sent.
  bench.transport.fail(Retry::kLater).answer(200, "");
  EXPECT_TRUE(bench.caller.call(changing(Effect::kOnce)).ok());
  EXPECT_TRUE(bench.transport.is_done());
}

TEST(Caller, DoubtOfOneAttemptStays) {
  Bench bench;
  bench.transport.fail(Retry::kInDoubt).fail(Retry::kLater).fail(Retry::kLater);
  EXPECT_EQ(bench.caller.call(changing(Effect::kRepeatable)).error().retry, Retry::kInDoubt);
  bench.transport.answer(500, "").answer(400, refusal("InvalidParameterValue"));
  EXPECT_EQ(bench.caller.call(changing(Effect::kRepeatable)).error().retry, Retry::kInDoubt);
  // Reading leaves no doubt behind.
  bench.transport.fail(Retry::kInDoubt).fail(Retry::kInDoubt).fail(Retry::kInDoubt);
  EXPECT_EQ(bench.caller.call(reading()).error().retry, Retry::kLater);
  EXPECT_TRUE(bench.transport.is_done());
}

TEST(Caller, RefusalsAreNotRepeatedAndSaidWhole) {
  Bench bench;
  bench.transport.answer(403, refusal("AccessDenied", "User: arn:x is not authorized"));
  const Error error = bench.caller.call(reading()).error();
  EXPECT_EQ(error.message,
            "RDS DescribeThings: AccessDenied: User: arn:x is not authorized (HTTP 403, request r-1)");
  EXPECT_THAT(error.hint, HasSubstr("rds:DescribeThings"));
  EXPECT_EQ(error.code, Code::kConnection);
  EXPECT_EQ(error.retry, Retry::kNever);
  bench.transport.answer(400, refusal("SnapshotQuotaExceeded"));
  EXPECT_EQ(bench.caller.call(reading()).error().code, Code::kSpace);
  bench.transport.answer(400, refusal("InvalidDBInstanceState"));
  EXPECT_EQ(bench.caller.call(changing(Effect::kOnce)).error().retry, Retry::kLater);
  bench.transport.answer(302, "");
  EXPECT_THAT(bench.caller.call(reading()).error().message, HasSubstr("HTTP 302"));
}

TEST(Caller, ExpectedFaultsAreAnswers) {
  Bench bench;
  Call call = reading();
  call.expected = {{.code = "ValidationError", .message_part = "does not exist"}};
  bench.transport.answer(400, refusal("ValidationError", "Stack x does not exist"))
      .answer(400, refusal("ValidationError", "bad template"));
  const Result<Answer> answer = bench.caller.call(call);
  ASSERT_TRUE(answer.ok() && answer->fault);
  EXPECT_EQ(answer->fault->code, "ValidationError");
  EXPECT_EQ(answer->fault->http_status, 400);
  EXPECT_EQ(answer->request_id, "r-1");
  EXPECT_FALSE(bench.caller.call(call).ok());
}

TEST(Caller, ClockSkewIsLearnedOnce) {
  Bench bench;
  const http::Headers date = {{"Date", "Sun, 22 Nov 2026 07:30:00 GMT"}};
  bench.transport.answer(403, refusal("SignatureDoesNotMatch"), date).answer(200, "").answer(200, "");
  ASSERT_TRUE(bench.caller.call(changing(Effect::kOnce)).ok());
  EXPECT_EQ(http::find_header(bench.transport.requests.at(1).headers, "X-Amz-Date"), "20261122T073000Z");
  EXPECT_EQ(bench.caller.clock_offset(), std::chrono::minutes(90));
  ASSERT_TRUE(bench.caller.call(reading()).ok());
  EXPECT_EQ(http::find_header(bench.transport.requests.at(2).headers, "X-Amz-Date"), "20261122T073000Z");
  EXPECT_EQ(bench.clock.slept, Duration(0));

  // A wrong key is no skew; and a clock that keeps being wrong is not chased.
  bench.transport.answer(403, refusal("SignatureDoesNotMatch"), date);
  EXPECT_EQ(bench.caller.call(reading()).error().retry, Retry::kNever);
  bench.transport.answer(403, refusal("SignatureDoesNotMatch", "Signature expired: it is of yesterday"),
                         date);
  EXPECT_EQ(bench.caller.call(reading()).error().retry, Retry::kLater);
  bench.transport.answer(403, refusal("RequestTimeTooSkewed"), {{"Date", "Sun, 22 Nov 2026 09:30:00 GMT"}})
      .answer(403, refusal("RequestTimeTooSkewed"), {{"Date", "Sun, 22 Nov 2026 11:30:00 GMT"}});
  EXPECT_EQ(bench.caller.call(reading()).error().retry, Retry::kLater);
  EXPECT_TRUE(bench.transport.is_done());
}

class Renewable final : public CredentialSource {
 public:
  Result<std::shared_ptr<const Credentials>> get() override {
    return std::make_shared<const Credentials>(example_credentials("token-" + std::to_string(renewals)));
  }
  void renew(const Credentials& refused) override {
    refused_token = refused.session_token.reveal();
    ++renewals;
  }
  int renewals = 0;
  std::string refused_token;
};

TEST(Caller, ExpiredCredentialsAreRenewedOnce) {
  testing_support::ScriptedTransport transport;
  testing_support::SleepyClock clock;
  Renewable credentials;
  Caller caller(transport, credentials, clock, {.region = "eu-west-1"});
  transport.answer(403, refusal("ExpiredToken")).answer(200, "");
  ASSERT_TRUE(caller.call(changing(Effect::kOnce)).ok());
  EXPECT_EQ(credentials.refused_token, "token-0");
  EXPECT_EQ(http::find_header(transport.requests.at(1).headers, "X-Amz-Security-Token"), "token-1");
  transport.answer(403, refusal("ExpiredTokenException")).answer(403, refusal("ExpiredTokenException"));
  EXPECT_EQ(caller.call(reading()).error().retry, Retry::kLater);
  EXPECT_EQ(credentials.renewals, 2);
  EXPECT_TRUE(transport.is_done());
}

TEST(Caller, QuotaEndsAStorm) {
  Bench bench;
  // Each failing call takes two retries of 5: after fifty calls nothing is left of 500.
  for (int i = 0; i < 150; ++i) bench.transport.answer(503, "");
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(bench.caller.call(reading()).ok());
  EXPECT_TRUE(bench.transport.is_done());
  bench.transport.answer(503, "");
  EXPECT_FALSE(bench.caller.call(reading()).ok());
  EXPECT_TRUE(bench.transport.is_done());
  // Five successes give back what one retry costs.
  for (int i = 0; i < 5; ++i) bench.transport.answer(200, "");
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(bench.caller.call(reading()).ok());
  bench.transport.answer(503, "").answer(200, "");
  EXPECT_TRUE(bench.caller.call(reading()).ok());
}

TEST(Caller, StopEndsTheWaiting) {
  StopFlag stop;
  Bench bench({.stop = &stop});
  stop.request();
  bench.transport.answer(503, "");
  EXPECT_EQ(bench.caller.call(reading()).error().code, Code::kInterrupted);
  EXPECT_EQ(bench.transport.requests.at(0).stop, &stop);
}

TEST(Caller, NoSecretIsRepeated) {
  Bench bench({}, "sessiontoken");
  Call call = changing(Effect::kOnce);
  call.hidden = {"new-password"};
  bench.transport.answer(
      403, refusal("SignatureDoesNotMatch",
                   "it does not match sessiontoken verysecretkey new-password. The Canonical String "
                   "for this request should have been 'x-amz-security-token:sessiontoken'"));
  const std::string text = to_string(bench.caller.call(call).error());
  EXPECT_THAT(text, Not(HasSubstr("sessiontoken")));
  EXPECT_THAT(text, Not(HasSubstr("verysecretkey")));
  EXPECT_THAT(text, Not(HasSubstr("new-password")));
  EXPECT_THAT(text, Not(HasSubstr("Canonical")));
  EXPECT_THAT(text, HasSubstr("(hidden)"));
  // Nor can an answer garble a terminal or fill a log.
  bench.transport.answer(400, refusal("Odd", "\x1b[2J" + std::string(5000, 'x')));
  const std::string garbled = bench.caller.call(call).error().message;
  EXPECT_EQ(garbled.find('\x1b'), std::string::npos);
  EXPECT_LT(garbled.size(), 1200U);
}

TEST(Fault, EveryProtocolsWay) {
  const auto read = [](int status, std::string body, http::Headers headers = {}) {
    return read_fault({.status = status, .headers = std::move(headers), .body = std::move(body)});
  };
  Fault fault =
      read(400,
           "<?xml version=\"1.0\"?>\n<Response><Errors><Error><Code>InvalidGroup.NotFound</Code><Message>m"
           "</Message></Error></Errors><RequestID>e-1</RequestID></Response>");
  EXPECT_EQ(fault.code + "|" + fault.message + "|" + fault.request_id, "InvalidGroup.NotFound|m|e-1");
  fault = read(404, "<Error><Code>NoSuchKey</Code><Message>m</Message><RequestId>s-1</RequestId></Error>");
  EXPECT_EQ(fault.code + "|" + fault.request_id, "NoSuchKey|s-1");
  fault = read(400,
               "<InvalidChangeBatch xmlns=\"x\"><Messages><Message>a</Message><Message>b</Message></Messages>"
               "<RequestId>q</RequestId></InvalidChangeBatch>");
  EXPECT_EQ(fault.code + "|" + fault.message, "InvalidChangeBatch|a; b");
  fault = read(400, R"({"__type":"com.amazonaws.ecs#ClusterNotFoundException","message":"m"})",
               {{"x-amzn-RequestId", "j-1"}});
  EXPECT_EQ(fault.code + "|" + fault.message + "|" + fault.request_id, "ClusterNotFoundException|m|j-1");
  fault = read(400, R"({"Message":"m"})", {{"x-amzn-ErrorType", "AccessDeniedException:http://x"}});
  EXPECT_EQ(fault.code + "|" + fault.message, "AccessDeniedException|m");
  EXPECT_EQ(read(502, "<html><body>Bad gateway</body>").code, "HTTP 502");
  EXPECT_EQ(read(404, "").code, "HTTP 404");
}

}  // namespace
}  // namespace ytb::aws
