// S10: what production keeps by ALTER DATABASE and ALTER ROLE … SET, an application's secret among it, was
// readable by every staging role.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kTables = "    public.users: {id: keep, email: email}\n";

class S10 : public ::testing::Test {
 protected:
  void prepare(const std::string& settings) {
    scenario_.production().run("shop", R"(
      CREATE TABLE users (id int PRIMARY KEY, email text);
      INSERT INTO users VALUES (1, 'eve@real.test');
      CREATE ROLE api;
      ALTER DATABASE shop SET statement_timeout = '7min';)" +
                                           settings);
    scenario_.write_policy(kTables);
  }

  // Names and values, as any staging role reads them.
  std::string settings() {
    return scenario_.staging_value(
        "SELECT coalesce(string_agg(e, ' ' ORDER BY e), '') FROM pg_db_role_setting s, "
        "unnest(s.setconfig) e");
  }

  Scenario scenario_;
};

TEST_F(S10, AnApplicationsSettingIsJudgedOrStopsTheRefresh) {
  prepare(R"(
    ALTER DATABASE shop SET app.jwt_secret = 'planted-jwt';
    ALTER DATABASE shop SET app.theme = 'dark';)");
  const RunResult checked = scenario_.ytb({"policy", "check"});
  EXPECT_EQ(checked.status, 4) << checked.out << checked.err;
  EXPECT_THAT(checked.out + checked.err, HasSubstr("app.jwt_secret"));
  EXPECT_THAT(checked.out + checked.err, HasSubstr("none"));
  EXPECT_THAT(checked.out + checked.err, Not(HasSubstr("planted-jwt")));
  scenario_.write_policy(kTables, "settings:\n  shop: {\"app.*\": none, app.theme: keep}\n");
  scenario_.accept();
  scenario_.take_snapshot("monday");
  scenario_.refresh();
  EXPECT_EQ(settings(), "app.theme=dark statement_timeout=7min");
  EXPECT_EQ(run_program({"grep", "-rlaF", "planted-jwt", scenario_.copies()}).out, "");
  EXPECT_THAT(scenario_.proof(), HasSubstr("settings_judged"));
}

TEST_F(S10, SoIsOneOfARoleOrOfEveryRole) {
  prepare(R"(
    ALTER ROLE api SET vault.token = 'planted-token';
    ALTER ROLE api IN DATABASE shop SET vault.key = 'planted-key';
    ALTER ROLE ALL SET "App"."Secret" = 'planted-all';)");
  scenario_.take_snapshot("monday");
  EXPECT_EQ(scenario_.ytb({"policy", "accept", "--yes"}).status, 4);
  EXPECT_EQ(scenario_.ytb({"refresh"}).status, 4);
  EXPECT_EQ(scenario_.live_copy(), "");
  scenario_.write_policy(kTables, "settings: {\"*\": {\"vault.*\": none, \"app.*\": none}}\n");
  scenario_.accept();
  scenario_.refresh();
  EXPECT_EQ(settings(), "statement_timeout=7min");
}

TEST_F(S10, ASettingOfTheServersThatTakesAnyTextIsNoException) {
  prepare("ALTER DATABASE shop SET application_name = 'planted-name';");
  const RunResult checked = scenario_.ytb({"policy", "check"});
  EXPECT_EQ(checked.status, 4) << checked.out << checked.err;
  EXPECT_THAT(checked.out + checked.err, HasSubstr("application_name"));
}

TEST_F(S10, ProposeRemovesThem) {
  prepare("ALTER DATABASE shop SET app.jwt_secret = 'planted-jwt';");
  const RunResult proposed = scenario_.ytb({"policy", "propose"});
  EXPECT_THAT(proposed.out, HasSubstr("settings:\n  shop:\n    \"app.jwt_secret\": none"));
}

}  // namespace
}  // namespace ytb::testing
