// RuntimeApi: Lambda's Runtime API on loopback, scripted: hands out invocations one by one, as they are
// answered, and keeps what is posted. Thread-safe. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/text.h"
#include "tests/fakes/aws/http.h"

namespace ytb::tests {

struct Answer {
  std::string id;
  std::string kind;  // "response", "error", "init"
  std::string error_type;
  std::string body;
  Instant at;  // by the API's clock
};

// How long an invocation may take, unless it is said.
inline constexpr Duration kInvocationTime = std::chrono::minutes(15);

class RuntimeApi {
 public:
  explicit RuntimeApi(const Clock& clock)
      : clock_(clock),
        server_(0, [this](const fakes::aws::HttpRequest& request) { return handle(request); }) {}
  ~RuntimeApi() { close(); }

  void invoke(std::string event, Duration time = kInvocationTime) {
    std::lock_guard lock(mutex_);
    events_.emplace_back(std::move(event), time);
    changed_.notify_all();
  }
  // Nothing more comes: whoever waits for `next` is sent away.
  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] std::string authority() const { return "127.0.0.1:" + std::to_string(server_.port()); }
  // Once `next` was asked `times` times; a test failure where it will never be.
  void await_next(int times) {
    constexpr auto kLongest = std::chrono::minutes(5);
    std::unique_lock lock(mutex_);
    const auto failed = [this] { return !answers_.empty() && answers_.back().kind == "init"; };
    const bool over = changed_.wait_for(lock, kLongest, [&] { return nexts_ >= times || failed(); });
    if (nexts_ >= times) return;
    ADD_FAILURE() << (over ? "it could not begin: " + answers_.back().body : "it asked for nothing");
  }
  // What was answered to the invocations, in order.
  std::vector<Answer> answers() {
    std::lock_guard lock(mutex_);
    return answers_;
  }

 private:
  fakes::aws::HttpResponse handle(const fakes::aws::HttpRequest& request) {
    std::unique_lock lock(mutex_);
    constexpr std::string_view kInvocation = "/2018-06-01/runtime/invocation/";
    if (request.method == "GET" && request.path == std::string(kInvocation) + "next") {
      ++nexts_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return closed_ || !events_.empty(); });
      if (events_.empty()) return {.status = 500, .headers = {}, .body = "the sandbox ends"};
      auto [event, time] = std::move(events_.front());
      events_.pop_front();
      Instant deadline = clock_.now() + time;
      auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.time_since_epoch());
      return {.status = 200,
              .headers = {{"Lambda-Runtime-Aws-Request-Id", "id-" + std::to_string(++given_)},
                          {"Lambda-Runtime-Deadline-Ms", std::to_string(milliseconds.count())},
                          {"Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:1:function:ytb"},
                          {"Content-Type", "application/json"}},
              .body = event};
    }
    if (request.method == "POST" && request.path.starts_with(kInvocation)) {
      std::vector<std::string> parts = split(request.path.substr(kInvocation.size()), '/');
      answers_.push_back({parts.at(0), parts.at(1), request.header("lambda-runtime-function-error-type"),
                          request.body, clock_.now()});
      return {.status = 202, .headers = {}, .body = "{\"status\":\"OK\"}"};
    }
    if (request.path == "/2018-06-01/runtime/init/error") {
      answers_.push_back(
          {"", "init", request.header("lambda-runtime-function-error-type"), request.body, clock_.now()});
      changed_.notify_all();
      return {.status = 202, .headers = {}, .body = "{}"};
    }
    return {.status = 404, .headers = {}, .body = request.path};
  }

  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<std::string, Duration>> events_;
  std::vector<Answer> answers_;
  int nexts_ = 0;
  int given_ = 0;
  bool closed_ = false;
  fakes::aws::HttpServer server_;
};

}  // namespace ytb::tests
