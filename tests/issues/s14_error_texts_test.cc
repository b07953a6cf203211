// S14: what production's code writes into an error reached the terminal, the journal, attempts.json and
// on_failure where its SQLSTATE was one of which the server's own messages name no values.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kMarker = "planted-diagnosis";

class S14 : public ::testing::Test {
 protected:
  // `body` runs for each row of the copy, wherever CHECKs or materialized views are computed there.
  void refresh_with(const std::string& body) {
    scenario_.production().run("shop", fmt::format(R"(
      CREATE OR REPLACE FUNCTION judge(value text) RETURNS bool LANGUAGE plpgsql AS
      $f$ BEGIN
        IF current_setting('application_name') <> 'yesterdaytabase' THEN RETURN true; END IF;
        {}
        RETURN true;
      END $f$;)",
                                                   body));
    scenario_.take_snapshot("monday" + std::to_string(++turn_));
    const RunResult result = scenario_.ytb({"refresh"});
    const std::string said = result.out + result.err;
    EXPECT_THAT(said, Not(HasSubstr(std::string(kMarker)))) << body;
    EXPECT_THAT(said, Not(HasSubstr("PLANT"))) << body;  // as a SQLSTATE
    if (result.status != 0) {
      EXPECT_THAT(said, HasSubstr("public.users")) << body;
    }
    const std::string kept = run_program({"grep", "-rlae", std::string(kMarker), scenario_.copies(),
                                          "--include=*.json", "--include=*.db", "--include=*.log"})
                                 .out;
    EXPECT_EQ(kept, "") << body;
  }

  void SetUp() override {
    scenario_.production().run("shop", fmt::format(R"(
      CREATE FUNCTION judge(value text) RETURNS bool LANGUAGE sql AS 'SELECT true';
      CREATE TABLE users (id int PRIMARY KEY, email text, notes text);
      INSERT INTO users VALUES (1, 'eve@real.test', '{}');
      DROP FUNCTION judge;
      CREATE FUNCTION judge(value text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
      ALTER TABLE users ADD CONSTRAINT judged CHECK (judge(notes));
      CREATE MATERIALIZED VIEW report AS SELECT judge(notes) FROM users;)",
                                                   kMarker));
    scenario_.write_policy("    public.users: {id: keep, email: email, notes: keep}\n");
    scenario_.accept();
  }

  Scenario scenario_;
  int turn_ = 0;
};

TEST_F(S14, ARaisedConstraintViolationIsWithheld) {
  refresh_with("RAISE EXCEPTION 'no: %', value USING ERRCODE = 'check_violation';");
}

TEST_F(S14, NamesThatCodeGivesToItsErrorAreWithheld) {
  refresh_with(
      "RAISE EXCEPTION 'no' USING ERRCODE = '23514', CONSTRAINT = value, TABLE = value, COLUMN = value, "
      "SCHEMA = value, DATATYPE = value;");
}

TEST_F(S14, TheServersOwnErrorsAboutWhatCodeMadeOfValuesAreWithheld) {
  refresh_with("EXECUTE format('SELECT FROM %I', value);");
  refresh_with("RAISE EXCEPTION 'x' USING ERRCODE = 'PLANT';");
}

// What fires at logins runs for whoever logs in, before any statement of his.
TEST_F(S14, WhatALoginTriggerRaisesIsWithheld) {
  if (postgres_major() < 17) GTEST_SKIP() << "login event triggers are of 17 and later";
  scenario_.production().run("shop", R"(
    CREATE FUNCTION at_login() RETURNS event_trigger LANGUAGE plpgsql AS $f$
    DECLARE value text := (SELECT notes FROM public.users LIMIT 1);
    BEGIN
      IF current_setting('application_name') = 'yesterdaytabase' THEN
        RAISE EXCEPTION 'login of %', value USING ERRCODE = 'invalid_password', DETAIL = value, HINT = value;
      END IF;
    END $f$;
    CREATE EVENT TRIGGER at_login ON login EXECUTE FUNCTION at_login();
    ALTER EVENT TRIGGER at_login ENABLE ALWAYS;)");
  refresh_with("");
  for (const std::vector<std::string>& look : {std::vector<std::string>{"check"},
                                               {"plan"},
                                               {"policy", "check"},
                                               {"policy", "propose", "--stdout"}}) {
    const RunResult result = scenario_.ytb(look);
    EXPECT_THAT(result.out + result.err, Not(HasSubstr(std::string(kMarker)))) << look.front();
  }
  EXPECT_NE(scenario_.ytb({"policy", "check"}).status, 0) << "the login to production does not fail";
}

}  // namespace
}  // namespace ytb::testing
