// S8: computed columns that read each other through functions were computed in five rounds, and what was not
// right by then was said nowhere; nor, of a long chain of views, that it had not come to its end.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kColumns = 9;  // more than there were rounds
constexpr int kViews = 22;   // more than there are

// Each reads the next one, which is computed later.
std::string chains() {
  std::string sql =
      "CREATE TABLE people (id int, email text); INSERT INTO people VALUES (1, 'real@person.test');"
      "CREATE FUNCTION last_of(i int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT email "
      "FROM public.people WHERE id = i); END';";
  for (int i = 1; i <= kColumns; ++i) {
    sql += fmt::format(
        "CREATE FUNCTION f{0}(i int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN {1}; END';"
        "CREATE TABLE c{0} (id int, g text GENERATED ALWAYS AS (f{0}(id)) STORED);",
        i,
        i < kColumns ? fmt::format("(SELECT g FROM public.c{} WHERE id = i)", i + 1) : "public.last_of(i)");
  }
  for (int i = kColumns; i >= 1; --i) sql += fmt::format("INSERT INTO c{} VALUES (1);", i);
  for (int i = 1; i <= kViews; ++i) {
    sql += fmt::format(
        "CREATE FUNCTION w{0}() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN {1}; EXCEPTION WHEN OTHERS "
        "THEN "
        "RETURN NULL; END'; CREATE MATERIALIZED VIEW v{0} AS SELECT w{0}() AS g WITH NO DATA;",
        i, i < kViews ? fmt::format("(SELECT g FROM public.v{})", i + 1) : "public.last_of(1)");
  }
  for (int i = kViews; i >= 1; --i) sql += fmt::format("REFRESH MATERIALIZED VIEW v{};", i);
  // Says something else each time, and lies about it.
  return sql +
         "CREATE FUNCTION anything(i int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN "
         "random()::text; END'; CREATE TABLE z (id int, g text GENERATED ALWAYS AS (anything(id)) STORED); "
         "INSERT INTO z VALUES (1);";
}

TEST(S08Chains, AreFollowedToTheirEndOrSaidNotToBe) {
  Scenario scenario;
  scenario.production().run("shop", chains());
  std::string tables = "    public.people: {id: keep, email: email}\n    public.z: keep\n";
  for (int i = 1; i <= kColumns; ++i) tables += fmt::format("    public.c{}: keep\n", i);
  scenario.write_policy(tables);
  scenario.accept();
  scenario.take_snapshot("monday");
  const RunResult done = scenario.refresh();
  EXPECT_EQ(scenario.staging_value("SELECT c.g = p.email FROM c1 c, people p"), "t");
  EXPECT_THAT(scenario.proof(),
              HasSubstr("computed columns of public.z still changed in the last of 12 rounds"));
  EXPECT_THAT(done.out + done.err,
              HasSubstr("materialized view public.v3 still changed in the last of 20 rounds"));
}

}  // namespace
}  // namespace ytb::testing
