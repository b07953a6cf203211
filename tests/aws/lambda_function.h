// LambdaFunction: the function as Lambda runs it, over the fake AWS with real servers behind its instances:
// app_lambda's loop and this program's own drivers, behind a scripted Runtime API, within this process and
// on the fake's clock. LambdaTask is the Fargate task of the same image.
//
// The clock goes on where somebody waits. Around the deadlines it is held back so that who watches them, in
// real time, sees them in time. One thread asks; the loop has one of its own. For tests only.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>

#include "app_aws.h"
#include "app_lambda.h"
#include "aws/aws_scenario.h"
#include "aws/runtime_api.h"
#include "base/json.h"

namespace ytb::tests {

class InvocationClock final : public Clock {
 public:
  explicit InvocationClock(fakes::aws::FakeAws& fake) : fake_(fake) {}
  [[nodiscard]] Instant now() const override;
  void sleep(Duration duration) override;
  // Of the invocation that is about to be handed out.
  void begin(Duration time);
  // When it is asked to stop.
  [[nodiscard]] Instant stop_at() const;
  // Time passes without anybody waiting for it: to this instant, unless it is over.
  void jump(Instant to) const;
  // Called, by one thread at a time, whenever somebody looks at the clock; it may jump. Set it while nothing
  // runs.
  std::function<void()> at_every_look;

 private:
  fakes::aws::FakeAws& fake_;
  mutable std::mutex mutex_;
  mutable std::atomic<bool> looking_{false};
  std::atomic<Duration::rep> begun_{0}, deadline_{0};
};

using Variables = std::map<std::string, std::string>;

// Of a function that is deployed for the original's events, as deploy/aws/template.yaml sets them.
Variables original_variables(AwsScenario& aws);

class LambdaFunction {
 public:
  // `variables`: of the function, beside what Lambda sets itself.
  LambdaFunction(AwsScenario& aws, Variables variables);
  ~LambdaFunction();
  LambdaFunction(const LambdaFunction&) = delete;
  LambdaFunction& operator=(const LambdaFunction&) = delete;

  // One invocation that may take so long. Returns once what is done after the answer is done, too.
  Answer invoke(const std::string& event, Duration time = kInvocationTime);
  // The same; a test failure unless it is answered by a JSON object.
  nlohmann::json ask(const std::string& event, Duration time = kInvocationTime);
  [[nodiscard]] InvocationClock& clock() { return clock_; }
  [[nodiscard]] std::string log() const { return log_.str(); }

 private:
  AwsScenario& aws_;
  InvocationClock clock_;
  StopFlag stop_;
  AwsSessions sessions_;
  RuntimeApi api_;
  Variables variables_;
  std::ostringstream log_;
  LambdaWiring wiring_;
  int invoked_ = 0;
  std::thread loop_;
};

// Signs with a key of its own; calls that it makes are by `principal`. Made before anything else calls.
class LambdaTask {
 public:
  LambdaTask(AwsScenario& aws, Variables variables, const std::string& principal);
  // `yesterdaytabase work …`: its exit status.
  int run(const std::vector<std::string>& command);
  [[nodiscard]] std::string log() const { return log_.str(); }

 private:
  AwsScenario& aws_;
  InvocationClock clock_;
  StopFlag stop_;
  AwsSessions sessions_;
  Variables variables_;
  std::ostringstream log_;
  LambdaWiring wiring_;
};

}  // namespace ytb::tests
