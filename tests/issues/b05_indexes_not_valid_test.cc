// B5: indexes that production itself does not use: not live, not ready, not valid. Their files kept raw
// values, and the proof called their mark a trace of ours: no copy was ever opened.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

class B05Indexes : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.production().run("shop", R"sql(
      CREATE TABLE users (id int PRIMARY KEY, email text);
      INSERT INTO users SELECT g, 'user' || g || '@real.test' FROM generate_series(1, 100) g;
      CREATE INDEX dead ON users (email);
      CREATE INDEX half ON users (lower(email));
      CREATE INDEX never ON users (upper(email));
      CREATE FUNCTION email_of(i int) RETURNS text IMMUTABLE LANGUAGE sql AS
        $$ SELECT email FROM public.users WHERE id = i $$;
      CREATE TABLE plans (id int, gone text, name text UNIQUE);
      INSERT INTO plans SELECT g, 'x', 'plan' || g FROM generate_series(1, 50) g;
      CREATE INDEX dead_code ON plans (email_of(id));
      CREATE INDEX half_plan ON plans (id);
      ALTER TABLE plans DROP COLUMN gone;)sql");
  }
  void refresh_as(const std::string& sql, const std::string& judged = "") {
    scenario_.production().run("shop", sql);
    scenario_.write_policy("    public.users: {id: keep, email: email}\n    public.plans: keep\n" + judged);
    scenario_.accept();
    scenario_.take_snapshot("monday");
    scenario_.refresh();
    EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM users WHERE email NOT LIKE '%real.test'"), "100");
    const std::string base = scenario_.copies() + "/" + scenario_.live_copy() + "/data/base";
    EXPECT_EQ(run_program({"grep", "-rlai", "user[0-9]*@real.test", base}).out, "") << "in files";
  }
  std::string state_of(const std::string& index) {
    return scenario_.staging_value(fmt::format(
        "SELECT concat(indislive, indisready, indisvalid) FROM pg_index WHERE indexrelid = to_regclass('{}')",
        index));
  }
  Scenario scenario_;
};

TEST_F(B05Indexes, ThoseThatAreNotLiveAreDropped) {
  refresh_as(
      "UPDATE pg_index SET indislive = false, indisready = false, indisvalid = false WHERE indexrelid IN "
      "('dead'::regclass, 'dead_code'::regclass)");
  EXPECT_EQ(
      scenario_.staging_value("SELECT to_regclass('dead') IS NULL AND to_regclass('dead_code') IS NULL"),
      "t");
  EXPECT_THAT(scenario_.proof(),
              HasSubstr("index public.dead, which production was about to drop, was dropped"));
}

TEST_F(B05Indexes, OthersStayAsTheyAre) {
  refresh_as(R"sql(
    UPDATE pg_index SET indisready = false, indisvalid = false WHERE indexrelid = 'half'::regclass;
    UPDATE pg_index SET indisvalid = false WHERE indexrelid IN ('never'::regclass, 'dead_code'::regclass,
      'half_plan'::regclass))sql");
  EXPECT_EQ(state_of("half"), "tff");
  EXPECT_EQ(state_of("never"), "ttf");
  EXPECT_EQ(state_of("dead_code"), "ttf");
  EXPECT_EQ(state_of("half_plan"), "ttf");
}

TEST_F(B05Indexes, OneOfAConstraintIsAnInvalidOne) {
  refresh_as(
      "UPDATE pg_index SET indislive = false WHERE indexrelid IN ('users_pkey'::regclass, "
      "'plans_name_key'::regclass)");
  EXPECT_EQ(state_of("users_pkey"), "tff");
  EXPECT_EQ(state_of("plans_name_key"), "tff");
}

// What CREATE UNIQUE INDEX CONCURRENTLY left when it met duplicates, on a kept table that is written anew.
TEST_F(B05Indexes, OneThatNeverWasUnique) {
  refresh_as(R"sql(
    INSERT INTO plans VALUES (1, NULL), (1, 'twice');
    CREATE INDEX never_unique ON plans (id);
    UPDATE pg_index SET indisunique = true, indisvalid = false WHERE indexrelid = 'never_unique'::regclass)sql");
  EXPECT_EQ(state_of("never_unique"), "ttf");
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM plans"), "52");
}

// The same where a column that runs code has the table written anew, once when it is emptied and again when
// it is computed.
TEST_F(B05Indexes, OneThatNeverWasUniqueBesideAComputedColumn) {
  refresh_as(R"sql(
    CREATE TABLE cards (id int, n int, email text GENERATED ALWAYS AS (email_of(id)) STORED);
    INSERT INTO cards SELECT g, 1 FROM generate_series(1, 20) g;
    CREATE INDEX same ON cards (n);
    CREATE INDEX unready ON cards (id);
    UPDATE pg_index SET indisunique = true, indisvalid = false WHERE indexrelid = 'same'::regclass;
    UPDATE pg_index SET indisready = false, indisvalid = false WHERE indexrelid = 'unready'::regclass)sql",
             "    public.cards: keep\n");
  EXPECT_EQ(state_of("same"), "ttf");
  EXPECT_EQ(state_of("unready"), "tff");
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM cards WHERE n = 1 AND email NOT LIKE '%real.test'"),
            "20");
}

// The same of an index that runs code.
TEST_F(B05Indexes, OneThatRunsCodeAndNeverWasUnique) {
  refresh_as(R"sql(
    CREATE FUNCTION norm(t text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower(t)';
    INSERT INTO plans VALUES (1, 'Plan1');
    CREATE INDEX twice ON plans (norm(name));
    UPDATE pg_index SET indisunique = true, indisvalid = false WHERE indexrelid = 'twice'::regclass)sql");
  EXPECT_EQ(scenario_.staging_value("SELECT to_regclass('twice') IS NULL"), "t");
  EXPECT_THAT(scenario_.proof(),
              HasSubstr("index public.twice, which is not valid in production, was dropped"));
}

// What a killed REINDEX (CONCURRENTLY) of a table leaves beside the index of its TOAST.
TEST_F(B05Indexes, OneOfToast) {
  const char* count =
      "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.reltoastrelid = i.indrelid WHERE c.relname = "
      "'users'";
  PostgresCluster& production = scenario_.production();
  production.run("shop", "BEGIN; LOCK TABLE users IN ACCESS SHARE MODE; PREPARE TRANSACTION 'holds'");
  production.run("template1", "ALTER SYSTEM SET statement_timeout = '500ms'; SELECT pg_reload_conf()");
  production.try_run("shop", "REINDEX TABLE CONCURRENTLY users");
  production.run("template1", "ALTER SYSTEM RESET statement_timeout; SELECT pg_reload_conf()");
  production.run("shop", "ROLLBACK PREPARED 'holds'");
  ASSERT_EQ(production.value("shop", count), "2");
  refresh_as(
      "UPDATE pg_index SET indislive = false FROM pg_class c WHERE c.reltoastrelid = indrelid AND c.relname "
      "= "
      "'users' AND NOT indisvalid");
  EXPECT_EQ(scenario_.staging_value(count), "1");
}

}  // namespace
}  // namespace ytb::testing
