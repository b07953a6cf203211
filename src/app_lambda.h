// The wiring of `yesterdaytabase lambda` and `yesterdaytabase work`: what the room lambda asks for, out of
// drivers. What depends on the kinds of drivers (their factory, secrets and policies) comes in.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "app_due_marks.h"
#include "base/clock.h"
#include "base/stop.h"
#include "cli/services.h"
#include "drivers/http/transport.h"
#include "lambda/parts.h"
#include "lambda/runtime.h"

namespace ytb {

struct LambdaWiring {
  // Drivers whose waits end with the flag.
  std::function<refresh::DriverFactory(const StopFlag& stop)> drivers;
  // Ours, of a path or a remote place.
  std::function<Result<config::Config>(const std::string& place)> load_config;
  std::function<Result<refresh::Inputs>(const config::Config&, const config::ProductionConfig&)> load_inputs;
  std::function<Result<refresh::Settings>(const config::Config&, const config::ProductionConfig&,
                                          std::string inputs_digest)>
      make_settings;
  // The original's `stack_args` of a restore.
  decltype(lambda::Parts::stack_args) stack_args = {};
  // For marks and turns, which are the function's own; outlives the run. Not asked before it is needed.
  S3DueMarks::CallerSource caller;
  // For a production's proposals and worker, as its role.
  std::function<Result<aws::Caller*>(const config::ProductionConfig&)> caller_for = {};
  // Of a function: from here on its productions' roles are assumed.
  std::function<void()> assume_roles = {};
  // Of a function: secrets are remembered from one invocation to the next, until they are read anew. Both may
  // be empty.
  std::function<void()> remember_secrets = {};
  std::function<void()> read_anew = {};
  lambda::Environment environment;
  Clock& clock;
  std::ostream& log;
};

// Until Lambda ends us. kUsage outside of Lambda.
Status run_lambda(const LambdaWiring& wiring, const StopFlag& stop);
// `config`: of --config; the environment says it otherwise.
Status run_work(const LambdaWiring& wiring, const cli::WorkCall& call, const StopFlag& stop);

// What a function would read of a config.json that lies beside it, in one line; kConfig says what is wrong.
Result<std::string> check_original_config(const std::string& file);

// Lambda's Runtime API over HTTP, which is on loopback. `authority`: of AWS_LAMBDA_RUNTIME_API.
class TransportRuntimeHttp final : public lambda::RuntimeHttp {
 public:
  TransportRuntimeHttp(http::Transport& transport, std::string authority, const StopFlag& stop)
      : transport_(transport), authority_(std::move(authority)), stop_(stop) {}
  Result<Reply> get(const std::string& path) override;
  Result<Reply> post(const std::string& path, const std::vector<std::pair<std::string, std::string>>& headers,
                     const std::string& body) override;

 private:
  Result<Reply> send(http::Request request);
  http::Transport& transport_;
  std::string authority_;
  const StopFlag& stop_;
};

}  // namespace ytb
