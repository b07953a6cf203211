// V3, B3: one materialized view that cannot be computed anew blocked every refresh: its owner under row-level
// security, in need of a setting, without a right, or with a cast that fails on masked text.
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

constexpr std::string_view kProduction = R"sql(
  CREATE ROLE analyst;
  GRANT CREATE, USAGE ON SCHEMA public TO analyst;
  ALTER ROLE analyst SET app.tenant = '7';
  CREATE TABLE people (id int PRIMARY KEY, tenant int, email text, code text);
  INSERT INTO people SELECT g, g % 10, 'real' || g || '@person.test', g::text FROM generate_series(1, 50) g;
  ALTER TABLE people ENABLE ROW LEVEL SECURITY;
  CREATE POLICY tenants ON people USING (tenant = current_setting('app.tenant')::int);
  GRANT SELECT ON people TO analyst;
  SET ROLE analyst;
  SET app.tenant = '7';
  CREATE MATERIALIZED VIEW mine AS SELECT * FROM people;
  CREATE MATERIALIZED VIEW tenants_of AS SELECT current_setting('app.tenant') AS tenant;
  RESET ROLE;
  CREATE TABLE closed (id int);
  INSERT INTO closed VALUES (1);
  GRANT SELECT ON closed TO analyst;
  SET ROLE analyst;
  CREATE MATERIALIZED VIEW lost AS SELECT id FROM closed;
  RESET ROLE;
  REVOKE SELECT ON closed FROM analyst;
  CREATE TABLE codes (id int, code text);
  INSERT INTO codes VALUES (1, '12');
  CREATE MATERIALIZED VIEW numbers AS SELECT code::int AS code FROM codes;
  CREATE MATERIALIZED VIEW over_numbers AS SELECT code FROM numbers;)sql";

// What the owner of `mine` sets for himself.
constexpr std::string_view kSettings = "settings: {\"*\": {app.tenant: keep}}\n";
constexpr std::string_view kTables = R"(    public.people: {id: keep, tenant: keep, email: email, code: keep}
    public.closed: keep
    public.codes: {id: keep, code: hash}
)";

TEST(V03, ViewsThatNeedMoreThanOurSession) {
  Scenario scenario;
  scenario.production().run("shop", kProduction);
  scenario.write_policy(kTables, kSettings);
  scenario.accept();
  scenario.take_snapshot("day0");
  RunResult first = scenario.refresh();
  EXPECT_EQ(
      scenario.staging_value("SELECT count(*) FROM mine WHERE tenant = 7 AND email NOT LIKE '%@person.test'"),
      "5");
  EXPECT_EQ(scenario.staging_value("SELECT tenant FROM tenants_of"), "7");
  EXPECT_EQ(
      scenario.staging_value("SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relkind "
                             "= 'm' AND NOT relispopulated"),
      "lost numbers over_numbers");
  const std::string proof = scenario.proof();
  for (const char* line :
       {"materialized view public.lost is empty: its owner lacks a right (SQLSTATE 42501)",
        "materialized view public.numbers is empty: a value does not fit a cast or function (SQLSTATE 22P02)",
        "`views: {public.numbers: none}` in the policy"}) {
    EXPECT_NE(proof.find(line), std::string::npos) << line << "\n" << proof;
    EXPECT_NE((first.out + first.err).find(line), std::string::npos) << line << "\n"
                                                                     << first.out << first.err;
  }
}

TEST(B03, AViewThatThePolicyLeavesEmpty) {
  Scenario scenario;
  scenario.production().run("shop", kProduction);
  // What is not there is said before anything is restored.
  scenario.write_policy(kTables, "    views: {public.number: none}\n" + std::string(kSettings));
  EXPECT_EQ(scenario.ytb({"policy", "check"}).status, 4);
  scenario.write_policy(kTables, "    views: {public.numbers: none, public.lost: none, public.mine: none}\n" +
                                     std::string(kSettings));
  scenario.accept();
  scenario.take_snapshot("day0");
  scenario.refresh();
  EXPECT_EQ(
      scenario.staging_value("SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relkind "
                             "= 'm' AND NOT relispopulated"),
      "lost mine numbers over_numbers");
  const std::string proof = scenario.proof();
  EXPECT_EQ(proof.find("materialized view public.numbers is empty"), std::string::npos) << proof;
  EXPECT_NE(proof.find("materialized view public.over_numbers is empty"), std::string::npos) << proof;
}

}  // namespace
}  // namespace ytb::testing
