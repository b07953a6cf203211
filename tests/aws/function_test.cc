// The function from end to end: the original's events over the real drivers, the fake AWS and real servers,
// with restores that outlast an invocation and deadlines that come between two tables; and the built program
// itself, with two productions in one function.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "aws/lambda_function.h"
#include "fakes/aws/small_services.h"

namespace ytb::tests {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kTick = R"({"action":"tick"})";
constexpr int kPeople = 12;  // tables of them
constexpr Duration kHeartbeat = std::chrono::minutes(5);

// As the schedule of the original sends it.
std::string original(const std::string& action) {
  return R"({"config":{"domain":"mysite.com","db":{"name":"shop","security_group":"sg-staging",)"
         R"("subnet_group":"staging-db"}},"action":")" +
         action + "\"}";
}

// Many tables, so that a deadline comes between two.
ScenarioOptions with_people() {
  ScenarioOptions options;
  options.aws.delays = as_slow_as_aws();
  for (int i = 1; i <= kPeople; ++i) {
    options.schema += fmt::format("CREATE TABLE public.people_{} (id integer, email text);\n", i);
    options.policy += fmt::format("      public.people_{}: {{id: keep, email: email}}\n", i);
    options.script += fmt::format(
        "INSERT INTO people_{} SELECT g, 'person' || g || '@corp.test' FROM generate_series(1, 8000) g;\n",
        i);
  }
  options.script = options.schema + options.script;
  return options;
}

class AwsFunction : public AwsRuns {
 protected:
  [[nodiscard]] std::string phase_of(const std::string& copy) const {
    const std::string found = scenario_->fake().instance(copy);
    const json instance = found.empty() ? json::object() : parse_json(found);
    for (const json& tag : instance.value("TagList", json::array())) {
      if (tag["Key"] == "yesterdaytabase:phase") return tag["Value"];
    }
    return "";
  }
  std::string inside(const std::string& sql) {
    return ask(scenario_->backend().admin_connection(kFirst, "shop"), sql);
  }
  // Tables of the copy that are masked; -1: masking has not begun, or has been proven.
  int masked() {
    const std::string count = inside("SELECT count(*) FROM yesterdaytabase_progress.tables");
    return count.starts_with("<") ? -1 : std::stoi(count);
  }
  // Where the masked ones lie: a table that is loaded again lies elsewhere.
  std::string files_of_masked() {
    return inside(
        "SELECT string_agg(relname || ' ' || relfilenode, ', ' ORDER BY relname) FROM pg_class JOIN "
        "yesterdaytabase_progress.tables ON relation = pg_class.oid");
  }
};

TEST_F(AwsFunction, TheOriginalsEventsFromCreateToDelete) {
  AwsScenario& aws = begin(with_people());
  LambdaFunction function(aws, original_variables(aws));
  const Instant begun = aws.fake().now();

  // At once, in the original's shape; the restore goes on without the function.
  const Answer created = function.invoke(original("create"));
  ASSERT_EQ(created.kind, "response") << created.body;
  EXPECT_LT(created.at - begun, std::chrono::minutes(1));
  EXPECT_LT(aws.fake().now() - begun, std::chrono::minutes(1)) << "nothing waits for it";
  const json answer = parse_json(created.body);
  EXPECT_EQ(answer["action"], "create") << created.body;
  EXPECT_TRUE(answer["error"].is_null()) << created.body;
  EXPECT_THAT(answer["message"], HasSubstr("is under way; the next invocation goes on with it"));
  EXPECT_EQ(answer["stack_args"]["StackName"], kFirst);
  EXPECT_TRUE(answer["stack_args"].contains("TemplateBody"));
  EXPECT_EQ(phase_of(kFirst), "") << "its restore has not come to an end";
  EXPECT_EQ(aws.fake().stack_status(kFirst), "CREATE_IN_PROGRESS");

  // Ticks carry it on. When the copy is defused, next to nothing is left of the invocation.
  InvocationClock& clock = function.clock();
  clock.at_every_look = [&] {
    if (phase_of(kFirst) == "defused") clock.jump(clock.stop_at() - std::chrono::milliseconds(2));
  };
  json ticked;
  int ticks = 0;
  do {
    aws.fake().advance(kHeartbeat);
    ticked = function.ask(kTick);
    EXPECT_TRUE(ticked["error"].is_null()) << ticked;
  } while (phase_of(kFirst) != "defused" && ++ticks < 20);
  EXPECT_LT(ticks, 10);
  EXPECT_EQ(ticked["handover"]["place"], "next_invocation") << ticked;
  EXPECT_THAT(ticked["reason"], HasSubstr("the next invocation does it: masking"));
  EXPECT_LE(masked(), 0) << "what would not come to an end was not begun";

  // The deadline comes while tables are being masked: those that are done stay so.
  clock.at_every_look = [&] {
    const int done = phase_of(kFirst) == "defused" ? masked() : -1;
    if (done > 0 && done <= kPeople) clock.jump(clock.stop_at() + std::chrono::seconds(1));
  };
  ticked = function.ask(kTick);
  clock.at_every_look = nullptr;
  EXPECT_EQ(phase_of(kFirst), "defused") << ticked;
  EXPECT_THAT(ticked["message"], HasSubstr("is under way; the next invocation goes on with it"));
  const int done = masked();
  EXPECT_GT(done, 0);
  EXPECT_LT(done, kPeople + 1) << "it was stopped before the last";
  const std::string files = files_of_masked();
  EXPECT_EQ(aws.resolved(), "0 values");

  // Opening and the name are AWS's work again.
  for (int i = 0; i < 5 && !ticked["live"].is_object(); ++i) {
    ticked = function.ask(kTick);
    aws.fake().advance(kHeartbeat);
  }
  EXPECT_EQ(ticked["live"]["copy"], kFirst) << ticked << function.log();
  EXPECT_EQ(aws.resolved(), aws.address_of(kFirst));
  EXPECT_EQ(aws.ask_staging(kFirst, "SELECT count(*) FROM users WHERE email NOT LIKE '%corp.test'"), "500");
  for (int i = 1; i <= kPeople; ++i) {
    EXPECT_EQ(aws.ask_staging(kFirst,
                              fmt::format("SELECT count(*) FROM people_{} WHERE email LIKE '%corp.test'", i)),
              "0");
  }
  for (const std::string& file : split(files, ',')) {
    const std::vector<std::string> parts = split(std::string(trim(file)), ' ');
    EXPECT_EQ(inside("SELECT relfilenode FROM pg_class WHERE relname = '" + parts.at(0) + "'"), parts.at(1))
        << parts.at(0) << " was masked twice";
  }
  EXPECT_EQ(aws.fake().count("RestoreDBInstanceFromDBSnapshot"), 1);
  aws.expect_production_untouched();

  const json status = function.ask(R"({"action":"status"})");
  EXPECT_EQ(status["action"], "status");
  EXPECT_EQ(status["live"]["copy"], kFirst);
  EXPECT_EQ(status["copies"].size(), 1U);
  EXPECT_EQ(status["live"]["proven"], true) << status;
  EXPECT_EQ(status["due"], false) << status;
  const size_t changes = aws.fake().mutations().size();
  (void)function.ask(kTick);
  EXPECT_EQ(aws.fake().mutations().size(), changes) << "there is nothing to carry on";

  const json removed = function.ask(original("delete"));
  EXPECT_EQ(removed["action"], "delete");
  EXPECT_TRUE(removed["error"].is_null()) << removed;
  for (int i = 0; i < 5 && !aws.fake().instance(kFirst).empty(); ++i) {
    aws.fake().advance(kHeartbeat);
    (void)function.ask(kTick);
  }
  aws.expect_nothing_left_over();
  EXPECT_THAT(function.ask(kTick)["message"], StartsWith("removed, as was asked at"));
  aws.expect_nothing_left_over();
  for (const char* secret : {kMasterPassword, kStagingPassword, kAppPassword})
    EXPECT_THAT(function.log(), ::testing::Not(HasSubstr(secret)));
}

// The program, as a function's bootstrap starts it.
class LambdaProcess {
 public:
  // What it prints goes into the file `log`.
  LambdaProcess(std::vector<std::string> variables, const std::string& log) {
    std::string program = std::string(YTB_BINARY_DIR) + "/src/yesterdaytabase";
    std::string word = "lambda";
    std::array<char*, 3> words{program.data(), word.data(), nullptr};
    std::vector<char*> environment;
    for (std::string& one : variables) environment.push_back(one.data());
    environment.push_back(nullptr);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    EXPECT_GE(out, 0) << log;
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(out, STDOUT_FILENO);
      ::dup2(out, STDERR_FILENO);
      ::execve(program.c_str(), words.data(), environment.data());
      ::_exit(127);
    }
    ::close(out);
  }
  ~LambdaProcess() { (void)end(); }
  LambdaProcess(const LambdaProcess&) = delete;
  LambdaProcess& operator=(const LambdaProcess&) = delete;
  // Of all its threads, so far; proc_pid_stat(5), utime and stime.
  [[nodiscard]] double cpu_seconds() const {
    const std::string stat = get(fmt::format("/proc/{}/stat", child_));
    const std::vector<std::string> fields = split(stat.substr(stat.rfind(')') + 2), ' ');
    return (std::stod(fields.at(11)) + std::stod(fields.at(12))) /
           static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  // Its exit status; -1 where it did not exit by itself.
  int end() {
    if (child_ <= 0) return status_;
    ::kill(child_, SIGTERM);
    int status = 0;
    const bool ended = ::waitpid(child_, &status, 0) == child_;
    status_ = ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    child_ = 0;
    return status_;
  }

 private:
  pid_t child_ = 0;
  int status_ = -1;
};

TEST_F(AwsFunction, TheProgramItselfLooksAfterTwoProductionsInOneTick) {
  ScenarioOptions options;
  options.own_time = false;
  options.productions = {{.name = "shop"}, {.name = "crm"}};
  AwsScenario& aws = begin(std::move(options));
  TemporaryFolder folder;
  SystemClock clock;
  RuntimeApi api(clock);
  std::vector<std::string> variables = aws.fake().environment();
  variables.insert(variables.end(), {"AWS_LAMBDA_RUNTIME_API=" + api.authority(),
                                     "YTB_CONFIG=" + aws.config(), "PATH=/usr/bin:/bin"});
  LambdaProcess process(variables, folder / "log");
  int invoked = 0;
  auto ask_it = [&](const std::string& event, Duration time = kInvocationTime) {
    api.invoke(event, time);
    api.await_next(++invoked + 1);
    const std::vector<Answer> answers = api.answers();
    EXPECT_EQ(answers.back().kind, "response") << answers.back().body;
    return parse_json(answers.back().body);
  };
  api.await_next(1);
  // Both are asked for in invocations that have no time for more than the beginning.
  const Duration short_time = std::chrono::seconds(21);
  for (const std::string name : {"shop", "crm"}) {
    const json begun = ask_it(R"({"action":"update","production":")" + name + "\"}", short_time);
    EXPECT_TRUE(begun["error"].is_null()) << begun;
    EXPECT_EQ(begun["production"], name);
    EXPECT_EQ(begun["due"], true) << begun;
    EXPECT_TRUE(begun["live"].is_null()) << begun;
  }
  json ticked;
  for (int i = 0; i < 60; ++i) {
    ticked = ask_it(kTick);
    EXPECT_EQ(ticked["message"], "2 productions were looked after") << ticked;
    EXPECT_TRUE(ticked["error"].is_null()) << ticked;
    int live = 0;
    for (const json& one : ticked["productions"]) live += one["live"].is_object() ? 1 : 0;
    if (live == 2) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));  // a heartbeat, on real time
  }
  for (const std::string name : {"shop", "crm"}) {
    const std::string copy = name + "-yesterday-20261121-060000-1";
    EXPECT_EQ(ask_it(R"({"action":"status","production":")" + name + "\"}")["live"]["copy"], copy) << ticked;
    EXPECT_EQ(aws.resolved(name), aws.address_of(copy));
    EXPECT_EQ(aws.ask_staging(copy, "SELECT count(*) FROM users WHERE email NOT LIKE '%corp.test'"), "500");
  }
  EXPECT_EQ(aws.fake().count("CreateStack"), 2);
  aws.expect_production_untouched();
  // Until nothing is left to do, and then what looking costs.
  auto has_marks = [&] {
    const std::vector<std::string> keys = aws.fake().s3().keys("my-proofs");
    return std::any_of(keys.begin(), keys.end(),
                       [](const std::string& key) { return key.find("/due/") != std::string::npos; });
  };
  for (int i = 0; i < 60 && has_marks(); ++i) (void)ask_it(kTick);
  constexpr int kIdle = 20;
  const double begun = process.cpu_seconds();
  for (int i = 0; i < kIdle; ++i) (void)ask_it(kTick);
  EXPECT_LE((process.cpu_seconds() - begun) / kIdle, 2 * 0.150) << "of two productions";
  const json removed = ask_it(R"({"action":"delete","production":"crm"})");
  EXPECT_EQ(removed["action"], "delete");
  for (int i = 0; i < 60 && aws.fake().instance_ids().size() > 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    (void)ask_it(kTick);
  }
  EXPECT_THAT(aws.fake().instance_ids(), ::testing::UnorderedElementsAre("shop", "crm", kFirst))
      << "the other one's copy stays";
  EXPECT_EQ(aws.resolved(), aws.address_of(kFirst));
  EXPECT_EQ(process.end(), 0);
  const std::string log = get(folder / "log");
  EXPECT_THAT(log, HasSubstr(R"("ytb":"status")")) << "the alarms' line";
  for (const char* secret : {kMasterPassword, kStagingPassword, kAppPassword, "planted-"})
    EXPECT_THAT(log, ::testing::Not(HasSubstr(secret)));
}

}  // namespace
}  // namespace ytb::tests
