// U2: `check` said that a refresh would work, and the restore, or even masking hours later, then failed for
// what the config and production had said all along.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "base/error.h"
#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class U02 : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.production().run("shop",
                               "CREATE TABLE t (id int, email text); INSERT INTO t VALUES (1, 'a@raw.test');"
                               "CREATE ROLE app_readers; CREATE ROLE app_owner LOGIN");
    scenario_.write_policy("    public.t: {id: keep, email: email}\n");
    scenario_.accept();
    scenario_.take_snapshot("monday");
  }
  void settings(const std::string& line) {
    scenario_.options().copies_extra = line.empty() ? "" : "        " + line + "\n";
    scenario_.write_config();
  }
  void access(const std::string& name, const std::string& more) {
    scenario_.options().access = fmt::format("      {}:\n        password: file:{}/staging.password\n{}",
                                             name, scenario_.home(), more);
    scenario_.write_config();
  }
  // `check` finds it, with this code; `refresh` refuses it, too, and makes no copy.
  void expect_refused(const std::string& words, Code code = Code::kConfig) {
    const RunResult checked = scenario_.ytb({"check"});
    EXPECT_EQ(checked.status, exit_status(code)) << checked.out;
    EXPECT_THAT(checked.out, HasSubstr(words));
    EXPECT_THAT(checked.out, Not(HasSubstr("a refresh would work")));
  }
  void expect_fine(const std::string& words) {
    const RunResult checked = scenario_.ytb({"check"});
    EXPECT_EQ(checked.status, 0) << checked.out << checked.err;
    EXPECT_THAT(checked.out, HasSubstr(words));
  }

  Scenario scenario_;
};

TEST_F(U02, ServerSettingsThatTheServerRefuses) {
  settings("settings: {enable_hashjon: 'off'}");
  expect_refused("unrecognized configuration parameter \"enable_hashjon\" (did you mean 'enable_hashjoin'?)");
  settings("settings: {work_mem: 12XB}");
  expect_refused("the server refuses 'work_mem': invalid value for parameter \"work_mem\": \"12XB\"");
  const RunResult refreshed = scenario_.refresh(exit_status(Code::kConfig));
  EXPECT_THAT(refreshed.err, HasSubstr("work_mem"));
  EXPECT_THAT(scenario_.copy_ids(), IsEmpty());
  settings("settings: {timezone: Mars}");
  expect_refused("invalid value for parameter \"TimeZone\": \"Mars\"");
  settings("settings: {work_mem: 12MB, auto_explain.log_min_duration: 1s}");
  expect_fine("2 of yours, taken by PostgreSQL");
}

// `directory` in place of the folder of copies.
class U02Folder : public U02 {
 protected:
  void put_copies_into(const std::string& directory) {
    std::ifstream file(scenario_.config_file());
    std::string config((std::istreambuf_iterator<char>(file)), {});
    const size_t at = config.find(scenario_.copies());
    ASSERT_NE(at, std::string::npos);
    config.replace(at, scenario_.copies().size(), directory);
    std::ofstream(scenario_.config_file()) << config;
  }
};

TEST_F(U02Folder, WhereTheSocketsPathIsTooLong) {
  put_copies_into(scenario_.home() + "/" + std::string(80, 'c'));
  expect_refused("; the system allows 107");
}

TEST_F(U02Folder, ThatTheServersUserCannotReach) {
  if (geteuid() != 0) GTEST_SKIP() << "only root runs copies as somebody else";
  const std::string shut = scenario_.home() + "/shut";
  ASSERT_EQ(::mkdir(shut.c_str(), 0700), 0);
  put_copies_into(shut + "/copies");
  expect_refused("cannot reach " + shut);
  EXPECT_EQ(run_program({"ls", "-A", shut}).out, "") << "check made something";
}

TEST_F(U02, RootAsTheUserOfCopies) {
  std::string config;
  {
    std::ifstream in(scenario_.config_file());
    config.assign(std::istreambuf_iterator<char>(in), {});
  }
  const std::string user = "run_as: " + server_user();
  if (const size_t at = config.find(user); at != std::string::npos && !server_user().empty()) {
    config.replace(at, user.size(), "run_as: root");
  } else {
    config.insert(config.find("        ports:"), "        run_as: root\n");
  }
  std::ofstream(scenario_.config_file(), std::ios::trunc) << config;
  expect_refused("copies are to run as 'root', which is root, and PostgreSQL refuses to run as root");
  scenario_.refresh(exit_status(Code::kConfig));
  EXPECT_THAT(scenario_.copy_ids(), IsEmpty());
  scenario_.write_config();
}

TEST_F(U02, RolesThatProductionDoesNotHaveOrHasAlready) {
  access("staging", "        member_of: [app_reader]\n");
  expect_refused("the role 'app_reader' does not exist in production (did you mean 'app_readers'?)");
  access("app_owner", "");
  expect_refused("the access role 'app_owner' exists in production");
  access("app_ownr", "        existing: true\n");
  expect_refused("the access role 'app_ownr' does not exist in production (did you mean 'app_owner'?)");
  access("app_owner", "        existing: true\n        member_of: [pg_read_all_data, app_readers]\n");
  expect_fine("app_owner, against production, as it is now");

  // Without production's connection nothing is known before the first copy, and from then on what that knows.
  scenario_.options().with_connection = false;
  access("staging", "        member_of: [app_readers]\n");
  expect_fine("whether production has the roles that access: names is not known");
  scenario_.refresh();
  expect_fine("staging, against copy shop-yesterday-");
  scenario_.options().access += fmt::format(
      "      other:\n        password: file:{0}/staging.password\n        member_of: [app_reader]\n",
      scenario_.home());
  scenario_.write_config();
  expect_refused("the role 'app_reader' does not exist in production");
  access(
      "staging",
      fmt::format(
          "        member_of: [app_readers]\n      app_owner:\n        password: file:{}/staging.password\n",
          scenario_.home()));
  expect_refused("the access role 'app_owner' exists in production");
}

TEST_F(U02, ColumnsThatNobodyHasDecided) {
  scenario_.write_policy("    public.t: {id: keep, email: judge}\n");
  expect_refused("column public.t.email (text) of shop is still marked `judge`", Code::kPolicy);
  const RunResult refused = scenario_.refresh(exit_status(Code::kPolicy));
  EXPECT_THAT(refused.err, HasSubstr("the policy leaves 1 column undecided, marked `judge`"));
  EXPECT_THAT(scenario_.copy_ids(), IsEmpty());
  EXPECT_THAT(scenario_.ytb({"plan"}).out, HasSubstr("the policy leaves 1 column undecided"));
  scenario_.options().with_connection = false;
  scenario_.write_config();
  expect_refused("the policy leaves 1 column undecided", Code::kPolicy);
  // Nothing has to be said twice: the schedule goes on by itself once it is decided.
  scenario_.write_policy("    public.t: {id: keep, email: email}\n");
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM t WHERE email ~ 'raw'"), "0");
}

}  // namespace
}  // namespace ytb::testing
