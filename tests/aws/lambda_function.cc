#include "aws/lambda_function.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "drivers/aws/sts.h"
#include "lambda/deadline.h"
#include "refresh/inputs.h"

namespace ytb::tests {
namespace {

// Of an invocation's first action, which is looked at for 20 s; the watch looks every 20 ms.
constexpr Duration kFirstAction = std::chrono::seconds(20);
constexpr Duration kHeldBack = std::chrono::seconds(40);
constexpr auto kPace = std::chrono::milliseconds(10);

// The program's own wiring, but for the state directory, which is the scenario's.
LambdaWiring wiring_of(AwsScenario& aws, AwsSessions& sessions, Clock& clock, const Variables& variables,
                       std::ostream& log) {
  auto at_home = [home = aws.file("state")](config::Config config) {
    config.state_directory = home;
    return config;
  };
  LambdaWiring wiring = lambda_wiring(
      sessions, clock,
      [at_home](const AwsWiring& parts, const config::Config& config,
                const config::ProductionConfig& production) {
        return drivers_on(parts, at_home(config), production);
      },
      [&variables](const std::string& name) -> std::optional<std::string> {
        auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
      },
      "yesterdaytabase of a test", log);
  wiring.make_settings = [made = std::move(wiring.make_settings), at_home](
                             const config::Config& config, const config::ProductionConfig& production,
                             std::string digest) {
    return made(at_home(config), production, std::move(digest));
  };
  return wiring;
}

// What the process of a function finds around it, where the SDKs look for it.
void export_environment(fakes::aws::FakeAws& fake) {
  for (const std::string& pair : fake.environment()) {
    const size_t equals = pair.find('=');
    ::setenv(pair.substr(0, equals).c_str(), pair.substr(equals + 1).c_str(), 1);
  }
}

}  // namespace

Variables original_variables(AwsScenario& aws) {
  return {{"YTB_POLICY", "s3://my-proofs/config/policy.yaml"},
          {"YTB_BUCKET", "my-proofs"},
          {"YTB_QUARANTINE_GROUP", "sg-worker"},
          {"YTB_SIGNING_KEY", "secretsmanager:ytb/keys#signing"},
          {"YTB_MASKING_KEY", "secretsmanager:ytb/keys#masking"},
          {"YTB_ACCESS_ROLE", "staging"},
          {"YTB_ACCESS_PASSWORD", "ssm:/ytb/staging"},
          {"YTB_ACCESS_MEMBER_OF", "pg_read_all_data"},
          {"YTB_INSTANCE_CLASS", "db.t3.small"},
          {"YTB_CA_BUNDLE", aws.backend().ca_bundle()},
          {"YTB_SEEN_FROM", fmt::format("127.0.0.1:{}", aws.fake().dns_port())},
          {"YTB_ORIGINAL_CONFIG",
           R"({"config":{"domain":"mysite.com","db":{"name":"shop","security_group":"sg-staging",)"
           R"("subnet_group":"staging-db"}}})"}};
}

Instant InvocationClock::now() const {
  bool nobody = false;
  if (at_every_look && looking_.compare_exchange_strong(nobody, true)) {
    at_every_look();
    looking_ = false;
  }
  return fake_.now();
}

void InvocationClock::begin(Duration time) {
  const Instant now = fake_.now();
  begun_ = now.time_since_epoch().count();
  deadline_ = (now + time).time_since_epoch().count();
}

Instant InvocationClock::stop_at() const {
  return Instant(Duration(deadline_.load())) - lambda::DeadlineWatch::kMargin;
}

void InvocationClock::jump(Instant to) const {
  std::lock_guard lock(mutex_);
  if (to > fake_.now()) fake_.advance(to - fake_.now());
}

void InvocationClock::sleep(Duration duration) {
  fake_.advance(duration);
  const Instant now = fake_.now();
  const Instant first = Instant(Duration(begun_.load())) + kFirstAction;
  const bool watched = (now >= first && now < first + kHeldBack) || now >= stop_at();
  if (watched && deadline_ != 0) std::this_thread::sleep_for(kPace);
}

LambdaFunction::LambdaFunction(AwsScenario& aws, Variables variables)
    : aws_(aws),
      clock_(aws.fake()),
      sessions_(clock_, stop_),
      api_(clock_),
      variables_(std::move(variables)),
      wiring_(wiring_of(aws, sessions_, clock_, variables_, log_)) {
  export_environment(aws_.fake());
  variables_["AWS_LAMBDA_RUNTIME_API"] = api_.authority();
  loop_ = std::thread([this] { (void)run_lambda(wiring_, stop_); });
  api_.await_next(1);
}

LambdaFunction::~LambdaFunction() {
  stop_.request();
  api_.close();
  loop_.join();
}

Answer LambdaFunction::invoke(const std::string& event, Duration time) {
  clock_.begin(time);
  api_.invoke(event, time);
  ++invoked_;
  api_.await_next(invoked_ + 1);
  const std::vector<Answer> answers = api_.answers();
  EXPECT_EQ(answers.size(), static_cast<size_t>(invoked_)) << log();
  return answers.empty() ? Answer{} : answers.back();
}

nlohmann::json LambdaFunction::ask(const std::string& event, Duration time) {
  const Answer answer = invoke(event, time);
  EXPECT_EQ(answer.kind, "response") << answer.body;
  nlohmann::json tree = parse_json(answer.body);
  EXPECT_TRUE(tree.is_object()) << answer.body;
  return tree.is_object() ? tree : nlohmann::json::object();
}

LambdaTask::LambdaTask(AwsScenario& aws, Variables variables, const std::string& principal)
    : aws_(aws),
      clock_(aws.fake()),
      sessions_(clock_, stop_),
      variables_(std::move(variables)),
      wiring_(wiring_of(aws, sessions_, clock_, variables_, log_)) {
  fakes::aws::Identity identity;
  identity.access_key = "AKIAFAKEFAKEFAKETASK";
  identity.secret_key = "planted-secret-key-of-the-task";
  identity.arn = principal;
  aws_.fake().add_identity(identity);
  export_environment(aws_.fake());
  ::setenv("AWS_ACCESS_KEY_ID", identity.access_key.c_str(), 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", identity.secret_key.c_str(), 1);
  // A chain keeps the credentials that it has found: of the environment, and of what the config says.
  for (const config::AwsConfig& block :
       {config::AwsConfig{},
        config::AwsConfig{
            .region = "eu-west-1", .profile = {}, .endpoint_url = aws_.fake().endpoint(), .ca_bundle = {}}}) {
    Result<aws::Caller*> caller = caller_of(sessions_, block);
    EXPECT_TRUE(caller.ok() && aws::Sts(**caller).get_caller_identity().ok());
  }
  export_environment(aws_.fake());
}

int LambdaTask::run(const std::vector<std::string>& command) {
  cli::WorkCall call;
  for (size_t i = 1; i + 1 < command.size(); i += 2) {
    if (command[i] == "--copy") call.copy = command[i + 1];
    if (command[i] == "--production") call.production = command[i + 1];
  }
  Status done = run_work(wiring_, call, stop_);
  if (!done.ok()) log_ << to_string(done.error()) << "\n";
  return done.ok() ? 0 : 1;
}

}  // namespace ytb::tests
