// V5, V7: settings that production gives to its databases and roles changed what our sessions read and wrote
// back, or ended them. Kept columns of a table that streams as text (`odd` has no binary form) are as in
// production.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

constexpr const char* kTable = R"sql(
    SET array_nulls = on;
    CREATE TABLE t (id int PRIMARY KEY, email text, tags text[], odd aclitem);
    INSERT INTO t SELECT g, 'real' || g || '@person.test', ARRAY['a', NULL, 'b'],
      makeaclitem(10, 10, 'SELECT', false) FROM generate_series(1, 300) g)sql";
constexpr const char* kPolicy = R"(    public.t:
      email: email
      "*": keep
)";
constexpr const char* kNulls = "SELECT count(*) FROM public.t WHERE tags[2] IS NULL";

TEST(V05, NullElementsOfAKeptArrayStayNull) {
  Scenario scenario;
  scenario.production().run("shop", kTable);
  scenario.production().run("postgres", "ALTER DATABASE shop SET array_nulls = off");
  scenario.write_policy(kPolicy);
  scenario.accept();
  scenario.take_snapshot("monday");
  scenario.refresh();
  EXPECT_EQ(scenario.staging_value(kNulls), "300");
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM public.t WHERE email LIKE 'real%'"), "0");
}

TEST(V05, WhateverTheSettingIsGivenTo) {
  Scenario scenario;
  scenario.production().run("shop", kTable);
  scenario.production().run("postgres", "ALTER ROLE ALL SET array_nulls = off");
  scenario.write_policy(kPolicy);
  scenario.accept();
  scenario.take_snapshot("monday");
  scenario.refresh();
  EXPECT_EQ(scenario.staging_value(kNulls), "300");
}

TEST(V05, NoTimeoutOfADatabaseEndsOurSessions) {
  if (postgres_major() < 14) GTEST_SKIP() << "idle_session_timeout is of 14 and later";
  Scenario scenario;
  scenario.production().run("shop", kTable);
  scenario.production().run("postgres",
                            "ALTER DATABASE shop SET array_nulls = off; "
                            "ALTER DATABASE shop SET idle_session_timeout = '1ms'; "
                            "ALTER DATABASE shop SET statement_timeout = '1ms'");
  if (postgres_major() >= 17) {
    scenario.production().run("postgres", "ALTER DATABASE shop SET transaction_timeout = '1ms'");
  }
  scenario.write_policy(kPolicy);
  scenario.accept();
  scenario.take_snapshot("monday");
  scenario.refresh();
  scenario.session_options = "-c idle_session_timeout=0 -c statement_timeout=0";
  if (postgres_major() >= 17) scenario.session_options += " -c transaction_timeout=0";
  EXPECT_EQ(scenario.staging_value(kNulls), "300");
}

}  // namespace
}  // namespace ytb::testing
