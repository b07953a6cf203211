// V5, V7: settings that production gives to its databases and roles changed what our sessions read and wrote
// back, or ended them. Kept columns of a table that streams as text (`odd` has no binary form) are as in
// production. Where something else changes them, which no setting of ours can prevent, the proof says so.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

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
  scenario.production().run("template1", "ALTER DATABASE shop SET array_nulls = off");
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
  scenario.production().run("template1", "ALTER ROLE ALL SET array_nulls = off");
  scenario.write_policy(kPolicy);
  scenario.accept();
  scenario.take_snapshot("monday");
  scenario.refresh();
  EXPECT_EQ(scenario.staging_value(kNulls), "300");
}

TEST(V05, DeclarationsOfKeptXmlStay) {
  Scenario scenario;
  if (!scenario.production().try_run("shop", "SELECT '<a/>'::xml")) GTEST_SKIP() << "a server without libxml";
  constexpr const char* kDigest =
      "SELECT md5(string_agg(doc::text || docs::text || coalesce(own::text, '-'), '' ORDER BY id)) FROM "
      "public.x";
  scenario.production().run("shop", R"sql(
    CREATE DOMAIN own_xml AS xml;
    CREATE TABLE x (id int PRIMARY KEY, email text, doc xml, docs xml[], own own_xml);
    INSERT INTO x SELECT g, 'real' || g || '@person.test',
      '<?xml version="1.0" encoding="UTF-8"?><a>é</a>',
      ARRAY['<?xml version="1.0" standalone="no"?><b/>', '<c/>']::xml[],
      '<?xml version="1.0" encoding="ISO-8859-1"?><d>é</d>' FROM generate_series(1, 30) g)sql");
  const std::string before = scenario.production().value("shop", kDigest);
  scenario.write_policy("    public.x: {email: email, \"*\": keep}\n");
  scenario.accept();
  scenario.take_snapshot("monday");
  scenario.refresh();
  EXPECT_EQ(scenario.staging_value(kDigest), before);
}

TEST(V05, NoTimeoutOfADatabaseEndsOurSessions) {
  if (postgres_major() < 14) GTEST_SKIP() << "idle_session_timeout is of 14 and later";
  Scenario scenario;
  scenario.production().run("shop", kTable);
  scenario.production().run("template1",
                            "ALTER DATABASE shop SET array_nulls = off; "
                            "ALTER DATABASE shop SET idle_session_timeout = '1ms'; "
                            "ALTER DATABASE shop SET statement_timeout = '1ms'");
  if (postgres_major() >= 17) {
    scenario.production().run("template1", "ALTER DATABASE shop SET transaction_timeout = '1ms'");
  }
  scenario.write_policy(kPolicy);
  scenario.accept();
  scenario.take_snapshot("monday");
  scenario.refresh();
  scenario.session_options = "-c idle_session_timeout=0 -c statement_timeout=0";
  if (postgres_major() >= 17) scenario.session_options += " -c transaction_timeout=0";
  EXPECT_EQ(scenario.staging_value(kNulls), "300");
}

// A column that was made narrower by hand in the catalog, as one does to save a rewrite, keeps wider values:
// the server rounds them when they are written anew.
class V05Narrowed : public ::testing::Test {
 protected:
  // `column` is declared as `type`, holds `value`, and gets the precision of `narrow` afterwards.
  void plant(const std::string& type, const std::string& value, const std::string& narrow, int rows = 300) {
    scenario_.production().run(
        "shop",
        fmt::format("CREATE TABLE t (id int PRIMARY KEY, email text, kept {0}); CREATE TABLE model (kept "
                    "{2}); INSERT INTO t SELECT g, 'real' || g || '@person.test', {1} FROM "
                    "generate_series(1, {3}) g; UPDATE pg_attribute SET atttypmod = (SELECT atttypmod FROM "
                    "pg_attribute WHERE attrelid = 'model'::regclass AND attname = 'kept') WHERE attrelid = "
                    "'t'::regclass AND attname = 'kept'; DROP TABLE model",
                    type, value, narrow, rows));
    scenario_.write_policy(kPolicy);
    scenario_.accept();
    scenario_.take_snapshot("monday");
  }
  void expect_refused() {
    const RunResult result = scenario_.ytb({"refresh"});
    EXPECT_EQ(result.status, 6) << result.out << result.err;
    EXPECT_THAT(result.out + result.err, HasSubstr("kept_columns_kept"));
    EXPECT_THAT(result.out + result.err, HasSubstr("public.t"));
    EXPECT_EQ(scenario_.live_copy(), "");
  }
  Scenario scenario_;
};

TEST_F(V05Narrowed, RoundedNumbersAreNoticed) {
  plant("numeric(12,4)", "g + 0.1234", "numeric(12,2)");
  expect_refused();
}

TEST_F(V05Narrowed, RoundedTimesAreNoticed) {
  plant("timestamptz(6)", "'2026-01-01'::timestamptz + g * interval '1.000001 s'", "timestamptz(0)");
  expect_refused();
}

TEST_F(V05Narrowed, OneRowOfManyIsNoticed) {
  plant("numeric(12,4)", "CASE WHEN g = 170 THEN 0.1234 ELSE g END", "numeric(12,2)");
  expect_refused();
}

TEST_F(V05Narrowed, WhatIsRewrittenByPagesStaysAsItLies) {
  plant("numeric(12,4)", "g + 0.1234", "numeric(12,2)", 100'000);
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM public.t WHERE kept = id + 0.1234"), "100000");
  EXPECT_THAT(scenario_.proof(), HasSubstr("kept_columns_kept"));
}

}  // namespace
}  // namespace ytb::testing
