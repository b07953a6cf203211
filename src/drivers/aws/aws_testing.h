// For tests of this room: a Transport that answers from a script and keeps what it was asked.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "drivers/aws/caller.h"
#include "drivers/http/transport.h"

namespace ytb::aws::testing_support {

class ScriptedTransport final : public http::Transport {
 public:
  ScriptedTransport& answer(int status, std::string body, http::Headers headers = {}) {
    script_.emplace_back(
        http::Response{.status = status, .headers = std::move(headers), .body = std::move(body)});
    return *this;
  }
  ScriptedTransport& fail(Retry retry) {
    script_.emplace_back(Error{
        .code = Code::kConnection, .message = "POST https://host/: broken", .hint = "", .retry = retry});
    return *this;
  }
  Result<http::Response> send(const http::Request& request) override {
    requests.push_back(request);
    if (script_.empty()) {
      ADD_FAILURE() << "not in the script: " << http::describe(request) << "\n" << request.body;
      return Error{.code = Code::kInternal, .message = "the script has ended", .hint = ""};
    }
    Result<http::Response> next = std::move(script_.front());
    script_.pop_front();
    return next;
  }
  [[nodiscard]] bool is_done() const { return script_.empty(); }
  std::vector<http::Request> requests;

 private:
  std::deque<Result<http::Response>> script_;
};

// Whoever signs AWS's published examples.
inline Credentials published_credentials(const std::string& token = "") {
  return {.access_key_id = "AKIDEXAMPLE",
          .secret_access_key = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
          .session_token = Secret(token),
          .expires_at = {},
          .source = "test"};
}

inline Credentials example_credentials(const std::string& token = "") {
  return {.access_key_id = "AKIDEXAMPLE",
          .secret_access_key = Secret("verysecretkey"),
          .session_token = Secret(token),
          .expires_at = {},
          .source = "test"};
}

inline Instant start() { return from_iso("2026-11-22T06:00:00Z").value(); }

// A clock that adds up what was slept.
class SleepyClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return now_; }
  void sleep(Duration duration) override {
    now_ += duration;
    slept += duration;
  }
  void advance(Duration duration) { now_ += duration; }
  Duration slept{0};

 private:
  Instant now_ = start();
};

// A Caller over a script, in eu-west-1, whose jitter is always `jitter`.
struct Bench {
  explicit Bench(CallerOptions options = {}, const std::string& token = "")
      : credentials(example_credentials(token)),
        caller(transport, credentials, clock, {.region = "eu-west-1"}, [&] {
          if (!options.random) options.random = [] { return 0.5; };
          return std::move(options);
        }()) {}
  ScriptedTransport transport;
  SleepyClock clock;
  FixedCredentials credentials;
  Caller caller;
};

}  // namespace ytb::aws::testing_support
