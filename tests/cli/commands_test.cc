// Whole command lines over the fake world: what is printed, what happens, which status comes out.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <sstream>
#include <thread>

#include "base/json.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/services.h"
#include "fakes/ports.h"
#include "fakes/world.h"
#include "refresh/inputs.h"
#include "refresh/local_vault.h"
#include "refresh/sqlite_journal.h"
#include "support/temporary.h"

namespace ytb::cli {
namespace {

using Json = nlohmann::json;

// Beside its copies there may be raw data: a snapshot that was copied for one that never came.
class HostWithLeftovers : public fakes::FakeHost {
 public:
  HostWithLeftovers(fakes::World& world, bool& left) : FakeHost(world), left_(left) {}
  Result<bool> has_leftovers() override { return left_; }
  Status remove_leftovers() override {
    left_ = false;
    return {};
  }

 private:
  bool& left_;
};

class CommandsTest : public testing::Test {
 protected:
  void SetUp() override {
    world_.masking_none = true;
    world_.clock.set(from_iso("2026-11-22T06:00:00Z").value());
    tests::put(folder_ / "state/signing.key", to_hex(world_.settings().signing_key.reveal()) + "\n");
    ASSERT_EQ(chmod((folder_ / "state/signing.key").c_str(), 0600), 0);
    tests::put(folder_ / "pw", "planted-secret\n");
    ASSERT_EQ(chmod((folder_ / "pw").c_str(), 0600), 0);
    config("spare_copies: 1\n    drain: 1min\n");
    add_snapshot("base-1", "2026-11-22T04:00:00Z");
  }

  void config(const std::string& more) {
    tests::put(
        folder_ / "ytb.yaml",
        fmt::format("version: 1\nstate: state\nproductions:\n  shop:\n    source:\n      basebackup:\n"
                    "        directories: [snapshots]\n    copies:\n      local:\n        directory: copies\n"
                    "    alias:\n      socket:\n        directory: alias\n"
                    "    masking:\n      none: \"nothing personal in it\"\n"
                    "    access:\n      staging:\n        password: file:pw\n        from: [local]\n    {}",
                    more));
  }

  // One part of the config's text.
  void change(const std::string& from, const std::string& to) {
    std::string text = tests::get(folder_ / "ytb.yaml");
    ASSERT_NE(text.find(from), std::string::npos);
    tests::put(folder_ / "ytb.yaml", text.replace(text.find(from), from.size(), to));
  }

  void add_snapshot(const std::string& id, std::string_view as_of) {
    fakes::FakeSnapshot made;
    made.seen.id = model::SnapshotId(id);
    made.seen.data_as_of = from_iso(as_of).value();
    made.seen.state = model::SnapshotState::kUsable;
    made.seen.engine = "postgresql";
    made.seen.engine_major = 15;
    made.seen.size_bytes = 1'000'000;
    world_.snapshots.push_back(made);
  }

  int run(const std::string& line) {
    out_.str("");
    err_.str("");
    Services services{
        .clock = world_.clock,
        .stop = *stop_,
        .reload = reload_,
        .in = in_,
        .in_is_terminal = terminal_,
        .environment = [this](const std::string& name) -> std::optional<std::string> {
          auto found = environment_.find(name);
          return found == environment_.end() ? std::nullopt : std::optional<std::string>(found->second);
        },
        .make_drivers = [this](const config::Config& read,
                               const config::ProductionConfig&) -> Result<refresh::Drivers> {
          if (no_drivers_) return *no_drivers_;
          refresh::Drivers drivers;
          drivers.source = std::make_unique<fakes::FakeSource>(world_);
          drivers.host = std::make_unique<HostWithLeftovers>(world_, left_);
          drivers.engine = std::make_unique<fakes::FakeEngine>(world_);
          drivers.alias = std::make_unique<fakes::FakeAliasStore>(world_);
          drivers.notifier = std::make_unique<fakes::FakeNotifier>(world_);
          drivers.journal =
              std::make_unique<refresh::SqliteJournal>(read.state_directory + "/journal.db", nullptr);
          return drivers;
        },
        .make_gatekeeper = {},
        .look_at_production = look_,
        .ask_secret = [this](const std::string& prompt) -> Result<std::optional<Secret>> {
          prompts_.push_back(prompt);
          if (typed_.empty()) return std::optional<Secret>();
          Secret next(typed_.front());
          typed_.erase(typed_.begin());
          return std::optional<Secret>(std::move(next));
        },
        .check_place =
            [this](const config::Config&, const config::ProductionConfig&, const MaskedTables& tables) {
              tables_ = tables;
              return place_;
            },
        .open_adoption = open_adoption_,
        .installed_servers = [] { return std::vector<std::string>{"PostgreSQL 15 (/pg/15)"}; },
        .become_psql = [this](const config::ProductionConfig&, const PsqlCall& call) -> Status {
          psql_ = call;
          if (no_psql_) return *no_psql_;
          return {};
        },
        .on_serve = {},
        .version = "0.1.0",
        .executable = "/usr/bin/yesterdaytabase",
        .hooks = hooks_};
    Output output{
        .out = out_, .err = err_, .out_is_terminal = columns_ > 0, .columns = columns_ > 0 ? columns_ : 80};
    std::vector<std::string> words;
    if (!line.empty()) words = split(line, ' ');
    words.insert(words.begin(), {"--config", folder_ / "ytb.yaml"});
    return run_command_line(words, services, output);
  }
  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }
  bool said(std::string_view part) const { return out().find(part) != std::string::npos; }
  bool complained(std::string_view part) const { return err().find(part) != std::string::npos; }
  std::string live() {
    for (const auto& [id, copy] : world_.copies) {
      if (copy.record.phase == model::Phase::kLive) return id.str();
    }
    return "";
  }
  Json last_line() {
    std::vector<std::string> lines = split(std::string(trim(out())), '\n');
    return parse_json<Json>(lines.back());
  }

  int columns_ = 0;  // of the terminal that `out` is, if it is one
  tests::TemporaryFolder folder_;
  fakes::World world_{1};
  bool left_ = false;
  std::unique_ptr<StopFlag> stop_ = std::make_unique<StopFlag>();
  std::atomic<bool> reload_ = false;
  std::istringstream in_;
  bool terminal_ = false;
  AppHooks hooks_;
  std::vector<CheckLine> place_;
  MaskedTables tables_;
  std::optional<Error> no_drivers_;
  decltype(Services::look_at_production) look_;
  std::vector<std::string> typed_;  // what a person answers, one after the other
  std::vector<std::string> prompts_;
  decltype(Services::open_adoption) open_adoption_;
  std::map<std::string, std::string> environment_;
  std::optional<PsqlCall> psql_;
  std::optional<Error> no_psql_;
  std::ostringstream out_;
  std::ostringstream err_;
};

constexpr const char* kFirst = "shop-yesterday-20261122-040000-1";
constexpr const char* kSecond = "shop-yesterday-20261122-050000-1";

TEST_F(CommandsTest, PlanChangesNothingAndRefreshDoesIt) {
  ASSERT_EQ(run("plan"), 0) << err();
  EXPECT_TRUE(said(fmt::format("next: restore {}", kFirst))) << out();
  EXPECT_TRUE(said("defuse → mask → prove → open → repoint → promote")) << out();
  EXPECT_TRUE(said("unknown: no earlier run is on record")) << out();
  EXPECT_EQ(world_.changes, 0);

  ASSERT_EQ(run("refresh"), 0) << err();
  EXPECT_EQ(live(), kFirst);
  EXPECT_TRUE(said(kFirst)) << out();
  EXPECT_TRUE(said("2026-11-22T04:00:00Z")) << out();
  EXPECT_TRUE(complained("mask")) << err();
  EXPECT_TRUE(world_.violations.empty()) << world_.violations.front();

  ASSERT_EQ(run("refresh"), 0) << err();
  EXPECT_TRUE(said("nothing to do")) << out();
  // The first run's times are what the next plan is estimated from.
  add_snapshot("base-2", "2026-11-22T05:00:00Z");
  ASSERT_EQ(run("plan"), 0);
  EXPECT_TRUE(said("last time")) << out();
}

TEST_F(CommandsTest, PlanAfterADrainTellsTheWholeWay) {
  ASSERT_EQ(run("refresh"), 0);
  add_snapshot("base-2", "2026-11-22T05:00:00Z");
  ASSERT_EQ(run("refresh"), 0);
  world_.clock.set(world_.clock.now() + std::chrono::hours(1));
  ASSERT_EQ(run("plan"), 0);
  EXPECT_TRUE(said(fmt::format("next: retire {}\n  why    its drain is over", kFirst))) << out();
  EXPECT_TRUE(said("about  unknown: it was not done before")) << out();
  EXPECT_TRUE(said("then nothing more: no new snapshot since 2026-11-22T05:00:00Z")) << out();
  EXPECT_FALSE(said("no earlier run is on record")) << out();
  add_snapshot("base-3", "2026-11-22T06:00:00Z");
  ASSERT_EQ(run("plan"), 0);
  EXPECT_TRUE(said("then: restore shop-yesterday-20261122-060000-1")) << out();
  EXPECT_TRUE(said("last time")) << out();
  ASSERT_EQ(run("plan --output json"), 0);
  EXPECT_EQ(last_line()["decision"]["action"], "retire");
  EXPECT_EQ(last_line()["then"][0]["action"], "restore");
  EXPECT_EQ(last_line()["steps"][0], "restore");
}

TEST_F(CommandsTest, PlanNamesTheCopyThatRefreshMakesAfterAFailedOne) {
  ASSERT_EQ(run("plan"), 0) << err();
  EXPECT_FALSE(said("before the deletion")) << out();
  ASSERT_EQ(run("refresh"), 0) << err();
  fakes::FakeCopy failed = world_.copies.at(model::CopyId(kFirst));
  add_snapshot("base-2", "2026-11-22T05:00:00Z");
  failed.record.id = model::CopyId(kSecond);
  failed.record.snapshot = world_.snapshots.back().seen.id;
  failed.record.data_as_of = world_.snapshots.back().seen.data_as_of;
  failed.record.phase = model::Phase::kFailed;
  failed.record.phase_since = world_.clock.now() - std::chrono::minutes(1);
  failed.record.failure_retry = Retry::kLater;
  failed.record.opened = failed.record.running = false;
  world_.copies[failed.record.id] = failed;
  ASSERT_EQ(run("plan"), 0) << err();
  EXPECT_TRUE(said(fmt::format("next: delete {}", kSecond))) << out();
  EXPECT_TRUE(said("then: restore shop-yesterday-20261122-050000-2")) << out();
  EXPECT_TRUE(said("before the deletion")) << out();
  ASSERT_EQ(run("refresh"), 0) << err();
  EXPECT_EQ(live(), "shop-yesterday-20261122-050000-2");
}

TEST_F(CommandsTest, RefreshAsJsonEndsWithAResult) {
  ASSERT_EQ(run("refresh --output json"), 0) << err();
  EXPECT_EQ(err(), "");
  for (const std::string& line : split(std::string(trim(out())), '\n')) {
    EXPECT_TRUE(parse_json<Json>(line).contains("event")) << line;
  }
  Json result = last_line();
  EXPECT_EQ(result["event"], "result");
  EXPECT_EQ(result["live"]["copy"], kFirst);
  EXPECT_EQ(result["live"]["phase"], "live");
  EXPECT_GE(result["phases"].size(), 6U);
}

TEST_F(CommandsTest, NoSnapshotHasItsOwnStatus) {
  world_.snapshots.clear();
  int status = run("refresh");
  EXPECT_EQ(status, exit_status(Code::kNoSnapshot)) << out() << err();
  EXPECT_EQ(run("snapshot list"), 0);
  EXPECT_TRUE(said("no snapshots")) << out();
}

TEST_F(CommandsTest, StatusIsForPeopleAndForMonitoring) {
  EXPECT_EQ(run("status"), 0) << err();
  EXPECT_TRUE(said("nothing")) << out();
  EXPECT_EQ(run("status --max-age 26h"), exit_status(Code::kStale));
  ASSERT_EQ(run("refresh"), 0);
  EXPECT_EQ(run("status --max-age 26h"), 0) << err();
  world_.clock.advance(std::chrono::hours(30));
  EXPECT_EQ(run("status --max-age 26h"), exit_status(Code::kStale));
  EXPECT_TRUE(complained("more than 1 d 2 h")) << err();
  EXPECT_EQ(run("status --max-age 26"), exit_status(Code::kUsage));
  ASSERT_EQ(run("status --explain --output json"), 0) << out();
  Json status = last_line();
  EXPECT_EQ(status["live"]["copy"], kFirst);
  EXPECT_GT(status["live"]["data_age_s"], 30 * 3600);
  EXPECT_FALSE(status["history"].empty());
  ASSERT_EQ(run("status --explain"), 0);
  EXPECT_TRUE(said("history, newest first")) << out();
}

TEST_F(CommandsTest, StatusIsStaleWhereStagingGetsNothing) {
  ASSERT_EQ(run("refresh"), 0) << err();
  fakes::FakeCopy& copy = world_.copies.at(model::CopyId(kFirst));
  auto stale = [&](std::string_view why) {
    EXPECT_EQ(run("status --max-age 26h"), exit_status(Code::kStale)) << why;
    EXPECT_TRUE(complained(why)) << err();
    EXPECT_EQ(run("status"), 0) << "it only shows";
    EXPECT_TRUE(said(fmt::format("✗ {}", why))) << out();
    ASSERT_EQ(run("status --output json"), 0);
    EXPECT_EQ(last_line()["not_served"]["message"], why);
  };
  copy.record.running = false;
  stale(fmt::format("the server of {} is down", kFirst));
  copy.record.running = true;
  world_.alias.link.reset();
  stale(fmt::format("the alias points at nothing, not at {}", kFirst));
  world_.alias.link = model::CopyId(kFirst);
  copy.record.proven = false;
  stale(fmt::format("the proof of {} does not verify", kFirst));
  copy.record.proven = true;
  world_.clock.set(from_iso("2026-11-20T00:00:00Z").value());
  stale("staging's data is dated 2026-11-22T04:00:00Z, which is still to come");
  world_.clock.set(from_iso("2026-11-22T06:00:00Z").value());
  EXPECT_EQ(run("status --max-age 26h"), 0) << err();
  EXPECT_FALSE(said("✗")) << out();
}

TEST_F(CommandsTest, ConnectBecomesPsqlOnTheLiveCopy) {
  ASSERT_EQ(run("refresh"), 0) << err();
  environment_ = {{"PGPASSWORD", "planted-secret"}, {"PGHOST", "elsewhere"}, {"PGHOSTADDR", "10.0.0.9"},
                  {"PGSSLMODE", "disable"},         {"PGSERVICE", "other"},  {"PGTZ", "UTC"}};
  ASSERT_EQ(run("connect -- -X -c SELECT"), 0) << err();
  ASSERT_TRUE(psql_.has_value());
  EXPECT_EQ(psql_->arguments, (std::vector<std::string>{"--username=staging", "-X", "-c", "SELECT"}))
      << "the service's entry has the database, and one by its name alone is not taken for a user";
  EXPECT_EQ(psql_->environment,
            (std::map<std::string, std::string>{{"PGSERVICEFILE", "/srv/my files/pg_service.conf"},
                                                {"PGSERVICE", "shop-yesterday"},
                                                {"PGPASSWORD", "planted-secret"},
                                                {"PGTZ", "UTC"}}));
  EXPECT_EQ(out(), "") << "standard output is psql's";

  change("from: [local]", "from: [local, 10.0.0.0/8]");
  change("directory: alias", "directory: alias\n        listen: 0.0.0.0:6432");
  ASSERT_EQ(run("connect --tcp --dbname a=b"), 0) << err();
  EXPECT_EQ(psql_->environment.at("PGSERVICE"), "shop-yesterday-tcp");
  EXPECT_EQ(psql_->arguments.front(), "--dbname=dbname=a=b") << "a name, not a connection string";

  no_psql_ = Error{.code = Code::kExternal, .message = "psql is not installed here", .hint = "install it"};
  EXPECT_EQ(run("connect"), exit_status(Code::kExternal));
  EXPECT_TRUE(complained("psql is not installed here")) << err();
}

TEST_F(CommandsTest, ConnectPrintsTheLineToPaste) {
  ASSERT_EQ(run("refresh"), 0) << err();
  environment_ = {{"PGPASSWORD", "planted-secret"}};
  ASSERT_EQ(run("connect --print -- -c $1;"), 0) << err();
  EXPECT_EQ(out(),
            "PGSERVICE=shop-yesterday PGSERVICEFILE='/srv/my files/pg_service.conf' psql "
            "--username=staging -c '$1;'\n");
  EXPECT_FALSE(psql_.has_value());
  ASSERT_EQ(run("connect --output json"), 0) << err();
  EXPECT_FALSE(psql_.has_value()) << "what psql says is not JSON";
  EXPECT_FALSE(said("planted-secret")) << out();
  Json printed = last_line();
  EXPECT_EQ(printed["copy"], kFirst);
  EXPECT_EQ(printed["service_file"], "/srv/my files/pg_service.conf");
  EXPECT_EQ(printed["parameters"],
            (Json{{"service", "shop-yesterday"}, {"dbname", "shop"}, {"user", "staging"}}));
  EXPECT_EQ(printed["line"],
            "PGSERVICEFILE='/srv/my files/pg_service.conf' psql 'service=shop-yesterday dbname=shop "
            "user=staging'");
}

TEST_F(CommandsTest, ConnectSaysWhatThereIs) {
  EXPECT_EQ(run("connect"), exit_status(Code::kStale));
  EXPECT_TRUE(complained("no copy is live, and there is no other")) << err();
  EXPECT_EQ(run(fmt::format("connect --copy {}", kFirst)), exit_status(Code::kUsage));
  EXPECT_TRUE(complained("hint: there is none: 'yesterdaytabase refresh")) << err();
  ASSERT_EQ(run("refresh"), 0);
  add_snapshot("base-2", "2026-11-22T05:00:00Z");
  ASSERT_EQ(run("refresh"), 0);
  ASSERT_EQ(run(fmt::format("connect --copy {} --print", kSecond)), 0) << err();
  EXPECT_EQ(run(fmt::format("connect --copy {}", kFirst)), exit_status(Code::kRefused));
  EXPECT_TRUE(complained(
      fmt::format("{} is draining, and the name leads to the live copy only, {}", kFirst, kSecond)))
      << err();
  EXPECT_TRUE(complained(fmt::format("rollback {} ", kFirst))) << err();
  EXPECT_EQ(run("connect --copy shop-yesterday-20261122-040000-2"), exit_status(Code::kUsage));
  EXPECT_TRUE(complained(fmt::format("did you mean '{}'?", kFirst))) << err();
  EXPECT_TRUE(complained(fmt::format("there are: {} (draining), {} (live)", kFirst, kSecond))) << err();
  EXPECT_FALSE(psql_.has_value());
  for (auto& [id, copy] : world_.copies) {
    copy.record.phase = model::Phase::kFailed;
    copy.record.opened = false;
  }
  EXPECT_EQ(run("connect"), exit_status(Code::kStale));
  EXPECT_TRUE(
      complained(fmt::format("no copy is live; there are: {} (failed), {} (failed)", kFirst, kSecond)))
      << err();
}

TEST_F(CommandsTest, ConnectRefusesWhatLeadsNowhere) {
  auto refused = [&](const std::string& line, Code code, std::string_view why) {
    EXPECT_EQ(run(line), exit_status(code)) << line << out() << err();
    EXPECT_TRUE(complained(why)) << line << err();
    EXPECT_FALSE(psql_.has_value()) << line;
  };
  refused("connect", Code::kStale, "no copy is live");
  refused("connect --print", Code::kStale, "no copy is live");
  ASSERT_EQ(run("refresh"), 0) << err();
  refused("connect --role stagin", Code::kUsage,
          "the role 'stagin' is not in 'access' of 'shop' (did you mean 'staging'?)");
  refused("connect --tcp", Code::kConfig, "alias.socket has no 'listen'");
  change("directory: alias", "directory: alias\n        listen: 0.0.0.0:6432");
  refused("connect --tcp", Code::kRefused, "the gate does not let 'staging' in: its 'from' has no address");
  change("    access:", "    access:\n      app: {password: file:pw}");
  refused("connect", Code::kUsage, "2 roles may log in: app, staging");

  fakes::FakeCopy& copy = world_.copies.at(model::CopyId(kFirst));
  copy.record.running = false;
  refused("connect --role app", Code::kStale, fmt::format("the server of {} is down", kFirst));
  copy.record.running = true;
  world_.alias.service.reset();
  refused("connect --role app", Code::kStale, "pg_service.conf does not lead to the live copy as it should");
  world_.alias.service = model::CopyId(kFirst);
  EXPECT_EQ(run("connect --role app --print"), 0) << err();
}

TEST_F(CommandsTest, StatusTellsTheLastFailureUntilItIsOvercome) {
  ASSERT_EQ(run("refresh"), 0) << err();
  world_.clock.advance(std::chrono::minutes(5));
  add_snapshot("base-2", "2026-11-22T05:00:00Z");
  world_.snapshots.back().torn = true;
  ASSERT_NE(run("refresh"), 0);
  ASSERT_EQ(run("status"), 0) << err();
  EXPECT_TRUE(said("✗ the last refresh failed, at 2026-11-22T06:")) << out();
  ASSERT_EQ(run("status --output json"), 0);
  EXPECT_EQ(last_line()["last_failure"]["snapshot"], "base-2");
  ASSERT_EQ(run(""), 0) << err();
  EXPECT_TRUE(said("but         the last refresh failed, at 2026-11-22T06:")) << out();
  EXPECT_TRUE(said("yesterdaytabase connect")) << out();
  add_snapshot("base-3", "2026-11-22T05:30:00Z");
  world_.clock.advance(std::chrono::minutes(5));
  ASSERT_EQ(run("refresh"), 0) << err();
  for (const char* command : {"status", ""}) {
    ASSERT_EQ(run(command), 0) << err();
    EXPECT_FALSE(said("the last refresh failed")) << out();
  }
}

// Without a live copy it sent people to the refresh that had just failed.
TEST_F(CommandsTest, WithoutACommandAFirstRefreshThatFailedIsTold) {
  std::filesystem::create_directories(folder_ / "snapshots");
  world_.faults.check = 1000;
  ASSERT_NE(run("refresh"), 0);
  ASSERT_EQ(run(""), 0) << err();
  EXPECT_TRUE(said("the last refresh failed, at ")) << out();
  EXPECT_FALSE(said("makes the first copy")) << out();
}

TEST_F(CommandsTest, StatusSaysDriftAlsoWhileThePreviousCopyDrains) {
  ASSERT_EQ(run("refresh"), 0) << err();
  add_snapshot("base-2", "2026-11-22T05:00:00Z");
  ASSERT_EQ(run("refresh"), 0) << err();
  ASSERT_EQ(run("status"), 0) << err();
  EXPECT_TRUE(said("drains until")) << out();
  EXPECT_FALSE(said("changed")) << out();
  change("from: [local]", "from: [local, 10.0.0.0/8]");
  ASSERT_EQ(run("status"), 0) << err();
  EXPECT_TRUE(said("drains until")) << out();
  EXPECT_TRUE(
      said("! shop-yesterday-20261122-050000-1 was made with other settings than today's: the access "
           "roles changed: 'yesterdaytabase refresh"))
      << out();
  ASSERT_EQ(run("status --output json"), 0) << err();
  EXPECT_NE(last_line()["decision"]["drift"].get<std::string>().find("the access roles"), std::string::npos);
}

TEST_F(CommandsTest, StatusForgetsFailuresThatAreOverAndNoOthers) {
  ASSERT_EQ(run("refresh"), 0) << err();
  model::Copy& live = world_.copies.at(model::CopyId(kFirst)).record;
  live.failure = "its server did not start";
  live.tries = 2;
  ASSERT_EQ(run("status"), 0) << err();
  EXPECT_FALSE(said("did not start")) << out();
  live.running = false;
  ASSERT_EQ(run("status"), 0) << err();
  EXPECT_TRUE(said("did not start")) << out();
  ASSERT_EQ(run("refresh"), 0) << err();
  EXPECT_EQ(live.failure, "");

  // A refresh that failed under other settings, which are gone again; one of a snapshot that is gone.
  model::Attempt failed;
  failed.snapshot = model::SnapshotId("base-1");
  failed.data_as_of = live.data_as_of;
  failed.attempt = 2;
  failed.at = world_.clock.now() + std::chrono::minutes(1);
  failed.reason = "there is no such user";
  world_.attempts = {failed};
  world_.clock.advance(std::chrono::minutes(2));
  ASSERT_EQ(run("status"), 0) << err();
  EXPECT_FALSE(said("the last refresh failed")) << out();
  change("from: [local]", "from: [local, 10.0.0.0/8]");
  ASSERT_EQ(run("status"), 0) << err();
  EXPECT_TRUE(said("the last refresh failed")) << out();
  change("from: [local, 10.0.0.0/8]", "from: [local]");
  world_.attempts.front().snapshot = model::SnapshotId("base-2");
  world_.attempts.front().data_as_of += std::chrono::hours(1);
  ASSERT_EQ(run("status"), 0) << err();
  EXPECT_FALSE(said("the last refresh failed")) << out();
  add_snapshot("base-2", "2026-11-22T05:00:00Z");
  ASSERT_EQ(run("status"), 0) << err();
  EXPECT_TRUE(said("the last refresh failed")) << out();
}

// What the server was started under, not what the config asks for today.
TEST_F(CommandsTest, TheIsolationShownIsTheCopysOwn) {
  ASSERT_EQ(run("refresh"), 0) << err();
  world_.copies.at(model::CopyId(kFirst)).record.isolation =
      model::Isolation{.kind = model::Isolation::Kind::kWeak, .reason = "a container"};
  ASSERT_EQ(run("status"), 0) << err();
  EXPECT_TRUE(said("isolation   weak, because: a container")) << out();
  EXPECT_TRUE(said("the isolation changed")) << out();
  ASSERT_EQ(run("status --output json"), 0) << err();
  EXPECT_EQ(last_line()["isolation"], "weak");
  EXPECT_EQ(last_line()["live"]["isolation_reason"], "a container");
  ASSERT_EQ(run("plan"), 0) << err();
  EXPECT_TRUE(said("the isolation changed")) << out();
  change("directory: copies", "directory: copies\n        isolation: {weak: \"a container\"}");
  ASSERT_EQ(run("status"), 0) << err();
  EXPECT_FALSE(said("changed")) << out();
  change("{weak: \"a container\"}", "sealed");
  ASSERT_EQ(run("refresh"), 0) << err();
  EXPECT_NE(live(), kFirst);
}

TEST_F(CommandsTest, ADryRunOfADeletionRefusesWhatTheDeletionWould) {
  ASSERT_EQ(run("refresh"), 0) << err();
  add_snapshot("base-2", "2026-11-22T05:00:00Z");
  ASSERT_EQ(run("refresh"), 0) << err();
  EXPECT_EQ(run(fmt::format("delete {} --dry-run", kFirst)), exit_status(Code::kRefused));
  EXPECT_TRUE(complained("still serves clients")) << err();
  EXPECT_FALSE(said("deletes")) << out();
  EXPECT_EQ(run(fmt::format("delete {} --yes", kFirst)), exit_status(Code::kRefused));
}

TEST_F(CommandsTest, RollbackGoesBackAndDeleteSparesTheLiveOne) {
  ASSERT_EQ(run("refresh"), 0);
  EXPECT_EQ(run("rollback --yes"), exit_status(Code::kRefused)) << "there is nothing to go back to";
  add_snapshot("base-2", "2026-11-22T05:00:00Z");
  ASSERT_EQ(run("refresh --wait-drain"), 0) << err();
  ASSERT_EQ(live(), kSecond);
  EXPECT_TRUE(said(fmt::format("rollback {}", kFirst))) << out();

  EXPECT_EQ(run("rollback"), exit_status(Code::kUsage)) << "no terminal, no --yes";
  EXPECT_EQ(live(), kSecond);
  EXPECT_EQ(run("rollback --dry-run"), 0);
  EXPECT_EQ(live(), kSecond);
  terminal_ = true;
  in_.str("n\n");
  EXPECT_EQ(run("rollback"), exit_status(Code::kInterrupted));
  in_.clear();
  in_.str("y\n");
  stop_->request();
  EXPECT_EQ(run("rollback"), exit_status(Code::kInterrupted)) << "the answer comes after Ctrl-C";
  stop_ = std::make_unique<StopFlag>();
  EXPECT_EQ(live(), kSecond);
  in_.clear();
  in_.str("y\n");
  EXPECT_EQ(run("rollback"), 0) << err();
  EXPECT_EQ(live(), kFirst);

  EXPECT_EQ(run(fmt::format("delete {} --yes", kFirst)), exit_status(Code::kRefused));
  EXPECT_EQ(live(), kFirst);
  EXPECT_EQ(run("delete shop-yesterday-20261122-050001-1 --yes"), exit_status(Code::kUsage));
  EXPECT_TRUE(complained(fmt::format("did you mean '{}'", kSecond))) << err();
  EXPECT_TRUE(world_.violations.empty()) << world_.violations.front();
}

TEST_F(CommandsTest, ABrokenSecretStopsARefreshAndNothingElse) {
  ASSERT_EQ(run("refresh"), 0);
  std::filesystem::remove(folder_ / "pw");
  EXPECT_EQ(run("refresh --force"), exit_status(Code::kConfig)) << err();
  ASSERT_EQ(run("status"), 0) << err();
  EXPECT_TRUE(said(kFirst)) << out();
  EXPECT_TRUE(said("no refresh can start")) << out();
  EXPECT_EQ(run("teardown --dry-run"), 0) << err();
}

TEST_F(CommandsTest, TeardownListsFirstAndThenRemovesWhatIsOurs) {
  ASSERT_EQ(run("refresh"), 0);
  ASSERT_EQ(run("teardown --dry-run"), 0);
  EXPECT_TRUE(said(kFirst)) << out();
  EXPECT_EQ(world_.copies.size(), 1U);
  EXPECT_EQ(run("teardown"), exit_status(Code::kUsage));
  EXPECT_EQ(world_.copies.size(), 1U);
  left_ = true;
  ASSERT_EQ(run("teardown --yes"), 0) << err();
  EXPECT_TRUE(world_.copies.empty());
  EXPECT_FALSE(left_);
  // No run of the loop may ever take the alias away; the fake writes it down, and here it is what was asked
  // for.
  ASSERT_FALSE(world_.violations.empty());
  EXPECT_NE(world_.violations.front().find("the alias was taken away"), std::string::npos)
      << world_.violations.front();
  EXPECT_EQ(world_.snapshots.size(), 1U);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "state/signing.key"));
  ASSERT_EQ(run(fmt::format("proof show {}", kFirst)), 0) << "the proof outlives its copy: " << err();
}

TEST_F(CommandsTest, ProofsAreShownAndVerified) {
  EXPECT_EQ(run("proof show"), exit_status(Code::kConfig));
  ASSERT_EQ(run("refresh"), 0);
  ASSERT_EQ(run("proof show"), 0) << err();
  EXPECT_TRUE(said("passes")) << out();
  EXPECT_TRUE(said("NONE, because: nothing personal in it")) << out();
  ASSERT_EQ(run("proof show --output json"), 0);
  std::string envelope = out();
  std::string file = folder_ / "proof.json";
  tests::put(file, envelope);
  EXPECT_EQ(run("proof verify " + file), 0) << err();
  EXPECT_EQ(run(fmt::format("proof verify {}", kFirst)), 0) << err();
  EXPECT_TRUE(said("NONE, because: nothing personal in it")) << out();
  std::string key = to_hex(world_.public_key);
  EXPECT_EQ(run(fmt::format("proof verify {} --public-key {}", file, key)), 0) << err();
  EXPECT_EQ(run(fmt::format("proof verify {} --public-key {}", file, std::string(64, 'a'))),
            exit_status(Code::kProof));
  EXPECT_EQ(run(fmt::format("proof verify {} --public-key beef", file)), exit_status(Code::kUsage));
  size_t place = envelope.find("passed");
  ASSERT_NE(place, std::string::npos);
  tests::put(file, envelope.replace(place, 6, "failed"));
  EXPECT_EQ(run("proof verify " + file), exit_status(Code::kProof));
  tests::put(file, "not a proof");
  EXPECT_EQ(run("proof verify " + file), exit_status(Code::kProof));
}

TEST_F(CommandsTest, AProofFitsTheTerminal) {
  ASSERT_EQ(run("refresh"), 0);
  ASSERT_EQ(run("proof show --output json"), 0);
  const std::string envelope = out();
  ASSERT_EQ(run("proof show"), 0);
  const std::string whole = out();
  columns_ = 80;
  ASSERT_EQ(run("proof show"), 0);
  for (const std::string& line : split(out(), '\n')) {
    const bool one_word =
        trim(line).find("  ") == std::string::npos && trim(line).find(' ') == std::string::npos;
    EXPECT_TRUE(display_width(line) <= 80 || one_word) << line;
  }
  auto words = [](std::string text) {
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
    return text;
  };
  EXPECT_EQ(words(out()), words(whole)) << "nothing is left out";
  ASSERT_EQ(run("proof show --output json"), 0);
  EXPECT_EQ(out(), envelope);
}

TEST_F(CommandsTest, TheLockNamesItsHolder) {
  auto state = refresh::StateDirectory::open(folder_ / "state");
  ASSERT_TRUE(state.ok());
  auto held = state->lock(model::ProductionName("shop"), "a test", world_.clock.now());
  ASSERT_TRUE(held.ok());
  EXPECT_EQ(run("refresh"), exit_status(Code::kBusy));
  EXPECT_TRUE(complained("a test")) << err();
  EXPECT_EQ(run("refresh --if-due"), 0) << "somebody is at it: nothing for cron to complain of";
  EXPECT_TRUE(said("nothing to do") && said("a test")) << out();
  EXPECT_EQ(run("refresh --if-due --output json"), 0);
  EXPECT_NE(last_line()["busy"].get<std::string>().find("a test"), std::string::npos) << out();
  EXPECT_EQ(run("status"), 0) << "looking needs no lock";
  EXPECT_EQ(run("plan"), 0);
}

TEST_F(CommandsTest, AStopLeavesWhatTheNextRunGoesOnFrom) {
  hooks_.on_event = [this](const refresh::Event& event) {
    if (event.kind == refresh::Event::Kind::kActionDone && event.action->kind == model::ActionKind::kMask) {
      stop_->request();
    }
  };
  EXPECT_EQ(run("refresh"), exit_status(Code::kInterrupted));
  EXPECT_TRUE(complained("goes on from here")) << err();
  EXPECT_EQ(live(), "");
  stop_ = std::make_unique<StopFlag>();
  hooks_ = {};
  ASSERT_EQ(run("refresh"), 0) << err();
  EXPECT_EQ(live(), kFirst);
  EXPECT_EQ(world_.instances_made, 1) << "it was begun anew";
}

TEST_F(CommandsTest, CheckSaysWhatFailsWithItsStatus) {
  ASSERT_EQ(run("check"), 0) << out() << err();
  EXPECT_TRUE(said("a refresh would work")) << out();
  place_.push_back({.what = "ports",
                    .failed = Error{.code = Code::kSpace, .message = "none is free", .hint = "free one"},
                    .detail = {}});
  EXPECT_EQ(run("check"), exit_status(Code::kSpace));
  EXPECT_TRUE(said("✗  ports")) << out();
  EXPECT_TRUE(said("hint: free one")) << out();
  place_.back().warning = true;
  EXPECT_EQ(run("check"), 0);
  world_.snapshots.clear();
  EXPECT_EQ(run("check --output json"), exit_status(Code::kNoSnapshot));
}

TEST_F(CommandsTest, CheckTellsThePlaceWhatIsMaskedAndGoesOnWithoutDrivers) {
  ASSERT_EQ(run("check"), 0) << out() << err();
  ASSERT_TRUE(tables_.has_value());
  EXPECT_TRUE(tables_->empty()) << "masking: none";
  no_drivers_ = Error{.code = Code::kConnection, .message = "the signing key is denied", .hint = "allow it"};
  place_.push_back({.what = "ports", .failed = std::nullopt, .detail = "6500 is free"});
  EXPECT_EQ(run("check"), exit_status(Code::kConnection));
  EXPECT_TRUE(said("the signing key is denied")) << out();
  EXPECT_TRUE(said("6500 is free")) << "the rest is looked at all the same: " << out();
}

TEST_F(CommandsTest, ProductionsAreChosen) {
  EXPECT_EQ(run("status --production shpo"), exit_status(Code::kUsage));
  EXPECT_TRUE(complained("did you mean 'shop'")) << err();
  EXPECT_EQ(run("status --production shop"), 0);
  tests::put(folder_ / "ytb.yaml", "version: 1\nproductoins: {}\n");
  EXPECT_EQ(run("status"), exit_status(Code::kConfig));
  EXPECT_TRUE(complained("did you mean")) << err();
  EXPECT_EQ(run("status --output json"), exit_status(Code::kConfig));
  EXPECT_EQ(last_line()["error"]["code"], "config");
  std::filesystem::remove(folder_ / "ytb.yaml");
  EXPECT_EQ(run("status"), exit_status(Code::kConfig));
  EXPECT_TRUE(complained("yesterdaytabase init")) << err();
}

TEST_F(CommandsTest, PolicyCommandsSayThatThereIsNone) {
  for (const char* line : {"policy check", "policy accept", "policy propose", "policy preview users"}) {
    EXPECT_EQ(run(line), exit_status(Code::kConfig)) << line;
    EXPECT_TRUE(complained("masking is none")) << line << err();
  }
}

TEST_F(CommandsTest, InitWritesAConfigThatIsReadAndOverwritesNothing) {
  std::filesystem::remove(folder_ / "ytb.yaml");
  std::string place = folder_ / "place";
  ASSERT_EQ(run(fmt::format("init --directory {} --systemd --dry-run", place)), 0) << err();
  EXPECT_FALSE(std::filesystem::exists(place));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "ytb.yaml"));
  ASSERT_EQ(run(fmt::format("init --directory {} --systemd --source-dir {}", place, folder_ / "snapshots")),
            0)
      << out() << err();
  for (const char* secret : {"/keys/masking.key", "/keys/staging.password"}) {
    struct stat found {};
    ASSERT_EQ(stat((place + secret).c_str(), &found), 0) << secret;
    EXPECT_EQ(found.st_mode & 0777U, 0600U) << secret;
    std::string content(trim(tests::get(place + secret)));
    EXPECT_GE(content.size(), 20U);
    EXPECT_EQ(out().find(content), std::string::npos) << "a secret was printed";
  }
  refresh::LocalVault vault;
  Result<config::Config> read = refresh::load_config(folder_ / "ytb.yaml", vault);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->productions.front().access.front().name, "staging");
  std::string unit = tests::get(folder_ / "yesterdaytabase.service");
  EXPECT_NE(
      unit.find("ExecStart=\"/usr/bin/yesterdaytabase\" --config \"" + (folder_ / "ytb.yaml") + "\" serve"),
      std::string::npos)
      << unit;
  std::string key = tests::get(place + "/keys/masking.key");
  EXPECT_EQ(run(fmt::format("init --directory {}", place)), exit_status(Code::kRefused));
  EXPECT_EQ(tests::get(place + "/keys/masking.key"), key);
}

// Production asks for a password, refuses the first and takes the second; what it says is in the config.
TEST_F(CommandsTest, InitAsksProductionAndForItsPassword) {
  std::filesystem::remove(folder_ / "ytb.yaml");
  const std::string place = folder_ / "place";
  look_ = [](const ports::SessionTarget& target, const std::vector<std::string>&) {
    ports::ProductionLook look;
    look.dbname = "Shop_DB";
    look.user = "backup";
    look.wants_password = target.password.empty();
    look.wrong_password = target.password.reveal() == "planted-wrong";
    if (look.wants_password || look.wrong_password) {
      look.unreachable = Error{.code = Code::kConnection, .message = "it wants a password", .hint = {}};
      return look;
    }
    look.major = 16;
    look.version = "16.4";
    look.login = "backup";
    look.databases = {
        {.name = "Shop_DB", .bytes = 5 << 20, .extensions = {"pgcrypto"}, .tables = 7, .readable = 0}};
    look.roles = {"backup", "staging"};
    look.groups = {{"app_readers", 6}};
    look.no_base_backups =
        Error{.code = Code::kConnection, .message = "must be replication role", .hint = {}};
    return look;
  };
  typed_ = {"planted-wrong", "planted-right"};
  ASSERT_EQ(run(fmt::format("init --connection user=backup --directory {}", place)), 0) << out() << err();
  EXPECT_EQ(prompts_.size(), 2U);
  EXPECT_TRUE(said("PostgreSQL 16.4")) << out();
  EXPECT_TRUE(said("reads 0 of 7 tables")) << out();
  EXPECT_TRUE(said("extensions: pgcrypto")) << out();
  EXPECT_TRUE(said("app_readers (6 tables)")) << out();
  EXPECT_TRUE(said("ALTER ROLE backup REPLICATION;")) << out();
  EXPECT_TRUE(said("GRANT pg_read_all_data TO backup;")) << out();
  EXPECT_TRUE(said("copies need PostgreSQL 16")) << out();
  EXPECT_FALSE(said("planted-")) << out();
  EXPECT_EQ(tests::get(place + "/keys/source.password"), "planted-right\n");
  refresh::LocalVault vault;
  Result<config::Config> read = refresh::load_config(folder_ / "ytb.yaml", vault);
  ASSERT_TRUE(read.ok()) << read.error().message;
  const config::ProductionConfig& production = read->productions.front();
  EXPECT_EQ(production.name, model::ProductionName("shop-db"));
  EXPECT_EQ(production.source.password.locator, place + "/keys/source.password");
  EXPECT_EQ(production.access.front().name, "ytb_staging") << "production has a role staging";
  EXPECT_EQ(production.access.front().member_of, std::vector<std::string>{"pg_read_all_data"});
}

// Nothing is stored that production did not take; the config says where it belongs.
TEST_F(CommandsTest, InitWithoutThePasswordSaysHowToGiveItLater) {
  std::filesystem::remove(folder_ / "ytb.yaml");
  const std::string place = folder_ / "place";
  look_ = [](const ports::SessionTarget&, const std::vector<std::string>&) {
    ports::ProductionLook look;
    look.wants_password = true;
    look.unreachable = Error{.code = Code::kConnection, .message = "it wants a password", .hint = {}};
    return look;
  };
  ASSERT_EQ(run(fmt::format("init --connection user=backup --directory {}", place)), 0) << out() << err();
  EXPECT_FALSE(std::filesystem::exists(place + "/keys/source.password"));
  EXPECT_NE(tests::get(folder_ / "ytb.yaml").find("password: \"file:" + place + "/keys/source.password\""),
            std::string::npos);
  EXPECT_TRUE(said("read -rs P")) << out();
  EXPECT_TRUE(said("CREATE ROLE ytb_backup LOGIN REPLICATION;")) << out();
}

TEST_F(CommandsTest, WithoutACommandItSaysWhatComesNext) {
  std::filesystem::create_directories(folder_ / "snapshots");
  ASSERT_EQ(run(""), 0) << err();
  EXPECT_TRUE(said("next\n  yesterdaytabase refresh --config")) << out();
  ASSERT_EQ(run("refresh"), 0) << err();
  ASSERT_EQ(run(""), 0) << err();
  EXPECT_TRUE(said(kFirst)) << out();
  EXPECT_TRUE(said("next\n  yesterdaytabase connect --config")) << out();
  world_.copies.at(model::CopyId(kFirst)).record.running = false;
  ASSERT_EQ(run(""), 0) << err();
  EXPECT_TRUE(said("is down")) << out();
  ASSERT_EQ(run("teardown --yes"), 0) << err();
  world_.violations.clear();
  world_.snapshots.clear();
  ASSERT_EQ(run("--output json"), 0) << err();
  EXPECT_EQ(last_line()["next"].get<std::string>().find("yesterdaytabase snapshot"), 0U) << out();
  std::filesystem::remove(folder_ / "ytb.yaml");
  EXPECT_EQ(run("status"), exit_status(Code::kConfig));
}

// What failed before everything was removed is history.
TEST_F(CommandsTest, StatusAfterTeardownSaysNothingOfOldFailures) {
  model::Attempt failed;
  failed.snapshot = model::SnapshotId("base-1");
  failed.data_as_of = from_iso("2026-11-22T04:00:00Z").value();
  failed.attempt = 1;
  failed.at = world_.clock.now();
  failed.reason = "there is no such user";
  world_.attempts = {failed};
  world_.clock.advance(std::chrono::minutes(1));
  run("status");
  EXPECT_TRUE(said("the last refresh failed")) << out();
  ASSERT_EQ(run("teardown --yes"), 0) << err();
  world_.violations.clear();
  run("status");
  EXPECT_FALSE(said("the last refresh failed")) << out();
  world_.clock.advance(std::chrono::minutes(1));
  world_.attempts.front().at = world_.clock.now();
  run("status");
  EXPECT_TRUE(said("the last refresh failed")) << out();
}

TEST_F(CommandsTest, ConnectReadsThePasswordUnlessOneIsGiven) {
  ASSERT_EQ(run("refresh"), 0) << err();
  ASSERT_EQ(run("connect --dbname shop"), 0) << err();
  EXPECT_EQ(psql_->environment["PGPASSWORD"], "planted-secret");
  environment_["PGPASSFILE"] = "/home/me/pgpass";
  ASSERT_EQ(run("connect --dbname shop"), 0) << err();
  EXPECT_FALSE(psql_->environment.contains("PGPASSWORD"));
  ASSERT_EQ(chmod((folder_ / "pw").c_str(), 0666), 0);  // refused: psql asks
  environment_.erase("PGPASSFILE");
  ASSERT_EQ(run("connect --dbname shop"), 0) << err();
  EXPECT_FALSE(psql_->environment.contains("PGPASSWORD"));
}

TEST_F(CommandsTest, InitRefusesNamesThatAreNone) {
  EXPECT_EQ(run("init --production Shop --dry-run"), exit_status(Code::kUsage));
  EXPECT_EQ(run("init --production -x --dry-run"), exit_status(Code::kUsage));
}

TEST_F(CommandsTest, SnapshotsAreListedWithReasons) {
  fakes::FakeSnapshot torn = world_.snapshots.front();
  torn.seen.id = model::SnapshotId("base-torn");
  torn.seen.state = model::SnapshotState::kUnusable;
  torn.seen.reason = "a file is missing";
  world_.snapshots.push_back(torn);
  ASSERT_EQ(run("snapshot list"), 0);
  EXPECT_TRUE(said("unusable: a file is missing")) << out();
  ASSERT_EQ(run("snapshot list --output json"), 0);
  EXPECT_EQ(last_line()["snapshots"].size(), 2U);
}

// What the command asked of the adoption, and what that answers.
struct Asked {
  ports::AdoptionPlan plan{.facts = {{"old stack", "shop-yesterdaytabase (CREATE_COMPLETE)"}},
                           .steps = {"update it: keep the record", "update it: let go of the record"},
                           .remarks = {"then refresh"}};
  Status outcome;
  std::vector<std::string> calls;
};
class FakeAdoption final : public ports::Adoption {
 public:
  explicit FakeAdoption(Asked& asked) : asked_(asked) {}
  Result<ports::AdoptionPlan> plan(bool delete_old) override {
    asked_.calls.push_back(delete_old ? "plan --delete-old" : "plan");
    return asked_.plan;
  }
  Status carry_out(bool delete_old, ports::Progress& progress, const StopFlag&) override {
    asked_.calls.push_back(delete_old ? "do --delete-old" : "do");
    progress.note("shop-yesterdaytabase: keep the record");
    return asked_.outcome;
  }

 private:
  Asked& asked_;
};

TEST_F(CommandsTest, AdoptShowsAsksAndDoes) {
  EXPECT_EQ(run("adopt --yes"), exit_status(Code::kUnsupported)) << "a build without AWS";
  Asked asked;
  open_adoption_ = [&](const config::Config&,
                       const config::ProductionConfig&) -> Result<std::unique_ptr<ports::Adoption>> {
    return std::unique_ptr<ports::Adoption>(std::make_unique<FakeAdoption>(asked));
  };
  ASSERT_EQ(run("adopt --dry-run"), 0) << err();
  EXPECT_TRUE(said("1. update it: keep the record")) << out();
  EXPECT_TRUE(said("note: then refresh")) << out();
  EXPECT_EQ(run("adopt"), exit_status(Code::kUsage)) << "nobody to ask";
  EXPECT_EQ(asked.calls, (std::vector<std::string>{"plan", "plan"}));
  ASSERT_EQ(run("adopt --yes"), 0) << err();
  EXPECT_EQ(asked.calls.back(), "do");
  EXPECT_TRUE(said("the name is free")) << out();
  ASSERT_EQ(run("adopt --delete-old --yes --output json"), 0) << err();
  EXPECT_EQ(asked.calls.back(), "do --delete-old");
  EXPECT_EQ(last_line()["deleted"], true);
  asked.outcome = Error{.code = Code::kRefused, .message = "not the original's", .hint = ""};
  EXPECT_EQ(run("adopt --yes"), exit_status(Code::kRefused));
  EXPECT_TRUE(complained("not the original's")) << err();
  asked.plan.steps.clear();
  asked.calls.clear();
  ASSERT_EQ(run("adopt"), 0) << "nothing to ask about";
  EXPECT_EQ(asked.calls, std::vector<std::string>{"plan"});
  EXPECT_TRUE(said("nothing to do")) << out();
}

}  // namespace
}  // namespace ytb::cli
