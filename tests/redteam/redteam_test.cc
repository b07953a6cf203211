// Every probe of probes.h: fails in a sealed copy, succeeds in production.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "integration/scenario.h"
#include "redteam/probes.h"

namespace ytb::testing {
namespace {

// Columns that the policy masks; everything else that the plants make is kept.
const std::map<std::string, std::string> kMasked = {{"email", "email"}, {"v", "hash"}};

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

constexpr const char* kNoSeal = "        isolation: {none: \"to see what the other walls hold\"}\n";
constexpr int kCannotConnect = 2;  // psql's exit status

// Of psql's errors in full: "ERROR:  42501: permission denied for …". What failed is often one level down.
std::string why_of(const RunResult& result) {
  for (const char* kind : {"ERROR:  ", "FATAL:  "}) {
    const size_t at = result.err.find(kind);
    if (at != std::string::npos) return result.err.substr(at, result.err.find('\n', at) - at);
  }
  return result.status == 0 ? "done, without what it was after" : result.err.substr(0, 200);
}

class RedTeam : public ::testing::Test {
 protected:
  // Plants all probes of a wall, refreshes, tries each in the copy and then in production. Which got out of
  // the copy.
  std::set<std::string> run(Wall wall, const std::string& copies_extra = {}) {
    std::set<std::string> got_out;
    prepare(wall, copies_extra);
    if (HasFailure()) return got_out;
    scenario_->take_snapshot("monday");
    if (scenario_->refresh().status != 0) return got_out;
    expect_staging_works();
    for (const Probe& probe : planted_) {
      if (try_it(probe, probe.attack, true)) {
        got_out.insert(std::string(probe.name));
      } else if (!probe.attack.empty()) {
        EXPECT_NE(last_.status, kCannotConnect) << probe.name << " was not tried: " << last_.err;
        endings_ += fmt::format("  {}: {}\n", probe.name, why_of(last_));
      }
    }
    clear_signs();
    for (const Probe& probe : planted_) {
      // What an earlier probe gained must not help this one.
      scenario_->production().run("shop", R"sql(
          ALTER ROLE control_low NOSUPERUSER;
          REVOKE pg_execute_server_program, pg_read_server_files FROM control_low;
          REVOKE EXECUTE ON FUNCTION pg_read_file(text) FROM control_low, PUBLIC;
          DELETE FROM leaks;)sql");
      if (try_it(probe, probe.control.empty() ? probe.attack : probe.control, false)) continue;
      ADD_FAILURE() << probe.name << " does not even succeed in production: it proves nothing\n"
                    << last_.out << last_.err;
    }
    std::cout << planted_.size() << " probes, " << got_out.size()
              << " of them got out; the others ended so:\n"
              << endings_;
    return got_out;
  }

 private:
  // Whoever cannot log in or read anything is held by nothing that is tested here.
  void expect_staging_works() {
    for (const auto& [user, query] :
         std::map<std::string, std::string>{{"low", "SELECT count(*) FROM people"},
                                            {"chief", "SET ROLE postgres; SELECT count(*) FROM people"}}) {
      last_ = ask(scenario_->staging("shop", user), query);
      EXPECT_EQ(last_.out, "200\n") << user << " cannot even do what it may: " << last_.err;
    }
  }

  RunResult ask(const std::string& connection, const std::string& sql) const {
    return run_program({postgres_bin_dir() + "/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-v",
                        "VERBOSITY=verbose", "-d", connection},
                       {}, sql + ";\n");
  }

  void prepare(Wall wall, const std::string& copies_extra) {
    Scenario::Options options;
    const std::string password = "file:{HOME}/staging.password";
    options.access =
        "      low:\n        password: {P}\n        member_of: [readers, pg_read_all_settings]\n"
        "        from: [local]\n"
        "      chief:\n        password: {P}\n        member_of: [chiefs]\n        from: [local]\n";
    options.copies_extra = copies_extra;
    scenario_ = std::make_unique<Scenario>(options);
    scenario_->options().access =
        replaced(scenario_->options().access, "{P}", "file:" + scenario_->home() + "/staging.password");
    scenario_->write_config();
    folder_ = temp_.make_for_server("outside");
    std::ofstream(folder_ + "/file-mark") << "file-mark\n";
    chmod((folder_ + "/file-mark").c_str(), 0644);
    PostgresCluster& production = scenario_->production();
    demand_passwords_of_the_courier();
    production.run("shop", filled(common_plant(), ""));
    for (const Probe& probe : probes_of(wall)) {
      if (postgres_major() < probe.major_min || postgres_major() > probe.major_max) continue;
      if (const char* only = std::getenv("YTB_PROBE"); only != nullptr && probe.name != only) continue;
      std::string error;
      if (!probe.plant.empty() && !production.try_run("shop", filled(probe.plant, probe.name), &error)) {
        ADD_FAILURE() << probe.name << " cannot be planted: " << error;
        continue;
      }
      planted_.push_back(probe);
    }
    write_policy();
    scenario_->accept();
    clear_signs();
  }

  void demand_passwords_of_the_courier() {
    const std::string path = scenario_->production().data() + "/pg_hba.conf";
    std::ifstream in(path);
    const std::string rest((std::istreambuf_iterator<char>(in)), {});
    std::ofstream(path) << "local all courier scram-sha-256\nhost all courier 127.0.0.1/32 scram-sha-256\n"
                        << rest;
    scenario_->production().run("template1", "SELECT pg_reload_conf()");
  }

  void write_policy() {
    std::string tables;
    std::string last;
    for (const auto& row : scenario_->production().rows("shop", R"sql(
             SELECT c.oid::regclass, quote_ident(a.attname) FROM pg_class c
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY 1, a.attnum)sql")) {
      if (row[0] != last) tables += "    public." + row[0] + ":\n";
      last = row[0];
      auto masked = kMasked.find(row[1]);
      tables += fmt::format("      {}: {}\n", row[1], masked == kMasked.end() ? "keep" : masked->second);
    }
    scenario_->write_policy(tables);
  }

  std::string filled(std::string_view sql, std::string_view name) const {
    std::string text(sql);
    text = replaced(text, "{DIR}", folder_);
    text = replaced(text, "{PORT}", std::to_string(scenario_->production().port()));
    text = replaced(text, "{SOCKET}", scenario_->production().socket_directory());
    text = replaced(text, "{SNAPSHOTS}", scenario_->snapshots());
    text = replaced(text, "{COPIES}", scenario_->copies());
    return replaced(text, "{NAME}", name);
  }

  bool try_it(const Probe& probe, std::string_view sql, bool in_copy) {
    const std::string user = (in_copy ? "" : "control_") + std::string(probe.as);
    const std::string connection =
        in_copy ? scenario_->staging("shop", user) : scenario_->production().connection("shop", user);
    last_ = {};
    if (!sql.empty()) last_ = ask(connection, filled(sql, probe.name));
    return shown(probe);
  }

  bool shown(const Probe& probe) {
    const auto answered = [&](std::string_view sign) { return last_.out.find(sign) != std::string::npos; };
    switch (probe.sign) {
      case Sign::kRaw:
        return answered("@raw.test");
      case Sign::kFile:
        return answered("file-mark");
      case Sign::kDone:
        return answered("did-it");
      case Sign::kHash:
        return answered("SCRAM-SHA-256");
      case Sign::kTouch: {
        struct stat info {};
        return stat((folder_ + "/" + std::string(probe.name)).c_str(), &info) == 0;
      }
      case Sign::kAudit:
        return scenario_->production().value(
                   "shop", fmt::format("SELECT count(*) > 0 FROM audit WHERE what = '{}'", probe.name)) ==
               "t";
    }
    return true;
  }

  void clear_signs() {
    scenario_->production().run("shop", "DELETE FROM audit; DELETE FROM leaks;");
    for (const Probe& probe : planted_) unlink((folder_ + "/" + std::string(probe.name)).c_str());
  }

  TempFolder temp_;
  std::string folder_;
  std::unique_ptr<Scenario> scenario_;
  std::vector<Probe> planted_;
  RunResult last_;
  std::string endings_;
};

using ::testing::IsEmpty;

TEST_F(RedTeam, NoWayOut) {
  if (const std::string lacks = why_no_seal(); !lacks.empty()) GTEST_SKIP() << lacks;
  EXPECT_THAT(run(Wall::kSeal), IsEmpty());
}
// Not sealed: the files that the probes are after are the host's, which no sealed server sees.
TEST_F(RedTeam, NoPowerInside) { EXPECT_THAT(run(Wall::kPower, kNoSeal), IsEmpty()); }
TEST_F(RedTeam, NoCodeOfProductionsOnRawData) { EXPECT_THAT(run(Wall::kOrder), IsEmpty()); }
TEST_F(RedTeam, WhatIsLeftIsNamedOrGone) { EXPECT_THAT(run(Wall::kResidue), IsEmpty()); }

// The control: it is the seal that holds them, and nothing else.
TEST_F(RedTeam, WithoutTheSealThereIsAWayOut) {
  std::set<std::string> held_by_the_seal_alone;
  for (const Probe& probe : probes_of(Wall::kSeal)) {
    if (!probe.held_elsewhere) held_by_the_seal_alone.insert(std::string(probe.name));
  }
  EXPECT_EQ(run(Wall::kSeal, kNoSeal), held_by_the_seal_alone);
}

// What SQL can reach, Landlock and the filter hold as well; what only native code reaches is in
// weak_wall_test.cc.
TEST_F(RedTeam, NoWayOutBehindAWeakWall) {
  if (postgres_major() < 15) GTEST_SKIP() << "a weak wall is for 15 and later";
  if (const long version = ::syscall(444, nullptr, 0, 1); version < 3)
    GTEST_SKIP() << "this host's Landlock has version " << version;
  EXPECT_THAT(run(Wall::kSeal, "        isolation: {weak: \"to see what it holds\"}\n"), IsEmpty());
}

TEST(RedTeamTable, IsWhatSafetySays) {
  std::ifstream file(std::string(YTB_SOURCE_DIR) + "/SAFETY.md");
  std::ostringstream text;
  text << file.rdbuf();
  for (Wall wall : {Wall::kSeal, Wall::kPower, Wall::kOrder, Wall::kResidue}) {
    for (const Probe& probe : probes_of(wall)) {
      EXPECT_NE(text.str().find(fmt::format("`{}`", probe.name)), std::string::npos) << probe.name;
    }
  }
}

TEST(RedTeamTable, HoldsAtLeastSixtyProbesOfDifferentNames) {
  std::set<std::string_view> names;
  size_t count = 0;
  for (Wall wall : {Wall::kSeal, Wall::kPower, Wall::kOrder, Wall::kResidue}) {
    for (const Probe& probe : probes_of(wall)) {
      EXPECT_EQ(probe.wall, wall) << probe.name;
      names.insert(probe.name);
      ++count;
    }
  }
  EXPECT_EQ(names.size(), count);
  EXPECT_GE(count, 60U);
}

}  // namespace
}  // namespace ytb::testing
