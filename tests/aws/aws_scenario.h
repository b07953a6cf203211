// AwsScenario: this program on the fake AWS, with real PostgreSQL servers behind its instances, as a user
// would run it. Secrets lie in Secrets Manager and Parameter Store, policies and their locks in S3.
//
// program() runs the built program, which lives on real time. run() is the same command line within this
// process, on the fake's clock: whoever waits moves it, so that hours pass at once. A scenario is for one of
// the two: ScenarioOptions::own_time says for which, and program() refuses where it is run()'s. What either
// prints is searched for the planted secrets. Not thread-safe but for program(). For tests only.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app_aws.h"
#include "base/json.h"
#include "base/stop.h"
#include "cli/progress.h"
#include "fakes/aws/fake_aws.h"
#include "fakes/aws/postgres_backend.h"
#include "support/temporary.h"

namespace ytb::tests {

inline constexpr const char* kMasterPassword = "planted-production-password";
inline constexpr const char* kStagingPassword = "planted-staging-password";
inline constexpr const char* kAppPassword = "planted-app-password";

// The first value, or "<error: …>".
std::string ask(const std::string& target, const std::string& sql);

// As the program's own wiring has them, on the clock that is given.
Result<refresh::Drivers> drivers_on(const AwsWiring& wiring, const config::Config& config,
                                    const config::ProductionConfig& production);

// Of Settings: it goes by on the fake's own clock.
fakes::aws::Delays as_slow_as_aws();

struct ScenarioProduction {
  std::string name = "shop";
  bool aurora = false;
  std::string source = {};  // more of the config's source: ", kms_key: alias/ours"
  std::string copies = {};  // more lines of copies, each "        key: value\n"
  std::string more = {};    // more lines of the production, each "    key: value\n"
  int ttl_s = 1;
  std::string drain = "2s";
};

struct ScenarioOptions {
  bool own_time = true;
  fakes::aws::Settings aws = {};  // backend and start are set here
  std::vector<ScenarioProduction> productions = {ScenarioProduction{}};
  std::string script = {};        // more of production's database "shop", as its master
  std::string admin_script = {};  // and as rdsadmin
  std::string schema = {};        // what these add to the schema that the policy is accepted for
  std::string policy = {};        // and to the policy: "      cron.job: {\"*\": keep}\n"
};

class AwsScenario {
 public:
  // "" where all is installed, else why a test has to be skipped.
  static std::string unavailable();

  explicit AwsScenario(ScenarioOptions options = {});
  ~AwsScenario();
  AwsScenario(const AwsScenario&) = delete;
  AwsScenario& operator=(const AwsScenario&) = delete;

  [[nodiscard]] fakes::aws::FakeAws& fake() { return *fake_; }
  [[nodiscard]] fakes::aws::PostgresBackend& backend() { return *backend_; }
  [[nodiscard]] const std::string& config() const { return config_; }
  // A file beside the config: "schema.sql" is what the policy was accepted for, "state" the state directory.
  [[nodiscard]] std::string file(const std::string& name) const { return folder_ / name; }
  [[nodiscard]] const std::string& zone() const { return zone_; }  // the id of mysite.com's
  // Of the data that every snapshot is of.
  [[nodiscard]] const std::string& data() const { return data_; }
  [[nodiscard]] const std::string& version() const { return version_; }

  // An automated snapshot of that production, at "2026-11-21T06:00:00Z": its identifier.
  std::string add_snapshot(const std::string& created, const std::string& production = "shop");
  // `more`: lines of each production. `policy` "": where it lies in S3.
  void write_config(const std::string& more = "", const std::string& policy = "");

  testing::RunResult program(const std::vector<std::string>& words);
  // What program() starts.
  [[nodiscard]] std::vector<std::string> command(const std::vector<std::string>& words) const;
  [[nodiscard]] std::vector<std::string> environment() const;
  testing::RunResult run(std::vector<std::string> words);
  // Whichever is meant for this scenario; a test failure unless it succeeds.
  testing::RunResult must(const std::vector<std::string>& words);
  nlohmann::json must_json(std::vector<std::string> words);

  // How a client reaches an instance from an address of its own. `login`: "user=… password=…".
  std::string ask_copy(const std::string& id, const std::string& from, const std::string& login,
                       const std::string& sql);
  std::string ask_staging(const std::string& id, const std::string& sql);
  // Where a resolver sends clients, by a DNS answer: an address, "0 values", …
  std::string resolved(const std::string& production = "shop");
  std::string address_of(const std::string& instance);
  // No mutating call named production's instance, its snapshots, or a stack that is not a copy's; and its
  // data is as it was.
  void expect_production_untouched();
  // Neither instance, cluster, stack, snapshot, record nor state of ours is left over but proofs and
  // tombstones.
  void expect_nothing_left_over();

  // Called while run() works: between two actions, and at every second somebody waits. They may look at
  // everything, and change it.
  std::function<void()> at_every_event, at_every_wait;
  // Set it from these to ask run() to stop.
  std::unique_ptr<StopFlag> stop = std::make_unique<StopFlag>();

 private:
  void seed();
  void seed_production(const ScenarioProduction& production);
  void accept_policy();
  [[nodiscard]] std::string block_of(const ScenarioProduction& production, const std::string& more,
                                     const std::string& policy) const;

  ScenarioOptions options_;
  TemporaryFolder folder_;
  std::string config_ = folder_ / "yesterdaytabase.yaml";
  std::string version_, data_, zone_;
  std::vector<std::string> snapshots_;
  std::shared_ptr<fakes::aws::PostgresBackend> backend_;
  std::unique_ptr<fakes::aws::FakeAws> fake_;
};

// Copies of the scenario's first snapshot, and of the next day's.
inline constexpr const char* kFirst = "shop-yesterday-20261121-060000-1";
inline constexpr const char* kSecond = "shop-yesterday-20261122-060000-1";

// A test of whole runs. Skipped, by what is missing, where it cannot run; a SetUp of its own asks
// IsSkipped().
class AwsRuns : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!AwsScenario::unavailable().empty()) GTEST_SKIP() << AwsScenario::unavailable();
  }
  AwsScenario& begin(ScenarioOptions options = {}) {
    scenario_ = std::make_unique<AwsScenario>(std::move(options));
    return *scenario_;
  }
  std::unique_ptr<AwsScenario> scenario_;
};

// An encrypted snapshot of the same data, half an hour after the first, that another account shares with us.
fakes::aws::SnapshotSeed shared_by_others(const AwsScenario& aws);

}  // namespace ytb::tests
