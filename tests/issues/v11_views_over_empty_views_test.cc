// V11: a materialized view that reads one without rows (REFRESH … WITH NO DATA, after it was computed) came
// out empty, and the proof called it foreign. Staging gets its rows, and the other stays as production has
// it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(V11, AViewOverOneThatHasNoRowsAnyMore) {
  Scenario scenario;
  scenario.production().run("shop", R"sql(
    CREATE TABLE people (id int PRIMARY KEY, email text);
    INSERT INTO people SELECT g, 'real' || g || '@person.test' FROM generate_series(1, 20) g;
    CREATE MATERIALIZED VIEW base AS SELECT id, email FROM people;
    CREATE MATERIALIZED VIEW middle AS SELECT id, email FROM base WHERE id > 5;
    CREATE VIEW plain AS SELECT * FROM middle;
    CREATE MATERIALIZED VIEW report AS SELECT count(*) AS n, min(email) AS email FROM plain;
    CREATE MATERIALIZED VIEW never AS SELECT id FROM people WITH NO DATA;
    REFRESH MATERIALIZED VIEW base WITH NO DATA;
    REFRESH MATERIALIZED VIEW middle WITH NO DATA)sql");
  scenario.write_policy("    public.people: {id: keep, email: email}\n");
  scenario.accept();
  scenario.take_snapshot("monday");
  scenario.refresh();
  EXPECT_EQ(scenario.staging_value("SELECT n FROM report"), "15");
  EXPECT_THAT(scenario.staging_value("SELECT email FROM report"), Not(HasSubstr("person.test")));
  EXPECT_EQ(
      scenario.staging_value("SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relkind "
                             "= 'm' AND NOT relispopulated"),
      "base middle never");
  const std::string proof = scenario.proof();
  EXPECT_THAT(proof,
              HasSubstr("materialized view public.middle has no rows, as in production; it was computed for "
                        "what reads it, and emptied"));
  EXPECT_THAT(proof, Not(HasSubstr("public.report is empty")));
  EXPECT_THAT(proof, Not(HasSubstr("public.never")));
}

TEST(V11, WhatCannotBeComputedIsNamedWithWhatItReads) {
  Scenario scenario;
  scenario.production().run("shop", R"sql(
    CREATE TABLE people (id int PRIMARY KEY, email text);
    INSERT INTO people VALUES (1, '12');
    CREATE MATERIALIZED VIEW numbers AS SELECT email::int AS n FROM people;
    CREATE MATERIALIZED VIEW report AS SELECT n FROM numbers;
    REFRESH MATERIALIZED VIEW numbers WITH NO DATA;
    CREATE MATERIALIZED VIEW unwanted AS SELECT id FROM people;
    CREATE MATERIALIZED VIEW over_unwanted AS SELECT id FROM unwanted;
    REFRESH MATERIALIZED VIEW unwanted WITH NO DATA)sql");
  scenario.write_policy("    public.people: {id: keep, email: email}\n",
                        "    views: {public.unwanted: none}\n");
  scenario.accept();
  scenario.take_snapshot("monday");
  scenario.refresh();
  const std::string proof = scenario.proof();
  EXPECT_THAT(proof, HasSubstr("materialized view public.report is empty: it reads materialized view "
                               "public.numbers, which has no rows: a value does not fit a cast or function"));
  EXPECT_THAT(proof, HasSubstr("materialized view public.numbers has no rows, as in production; it could not "
                               "be computed for what reads it: a value does not fit a cast or function"));
  EXPECT_THAT(proof, Not(HasSubstr("it was computed for what reads it")));
  EXPECT_THAT(proof, HasSubstr("materialized view public.over_unwanted is empty: it reads materialized view "
                               "public.unwanted, which has no rows (SQLSTATE 55000)"));
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM pg_class WHERE relkind = 'm' AND relispopulated"),
            "0");
}

}  // namespace
}  // namespace ytb::testing
