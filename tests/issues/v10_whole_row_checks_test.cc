// V10: a CHECK over the whole row was not asked where a table is masked by its pages: rows that violate it
// lay under a valid constraint. Likewise what a domain asks, and what a CHECK finds in another table.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

struct Case {
  const char* name;
  const char* sql;
  const char* says;
};

class V10 : public ::testing::TestWithParam<Case> {};

TEST_P(V10, ConstraintsHoldInTheCopyOrStopTheRefresh) {
  Scenario scenario;
  scenario.production().run("shop", GetParam().sql);
  scenario.production().run("shop",
                            "INSERT INTO t SELECT g, 'real' || g || '@person.test', repeat('x', 80) FROM "
                            "generate_series(1, 40000) g;");
  scenario.write_policy(
      "    public.t: {id: keep, email: email, pad: keep}\n    public.allowed: {domain: hash}\n");
  scenario.accept();
  scenario.take_snapshot("day0");
  RunResult refused = scenario.refresh(4);
  EXPECT_NE((refused.out + refused.err).find(GetParam().says), std::string::npos)
      << refused.out << refused.err;
  EXPECT_EQ(scenario.live_copy(), "");
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, V10,
    ::testing::Values(
        Case{"WholeRow",
             "CREATE TABLE allowed (domain text); CREATE TABLE t (id int, email text, pad text, "
             "CONSTRAINT ours CHECK (t::text LIKE '%@person.test%'));",
             "40000 masked rows of public.t violate CHECK constraint ours in database shop"},
        Case{"Domain",
             "CREATE TABLE allowed (domain text); CREATE FUNCTION is_ours(v text) RETURNS bool LANGUAGE "
             "plpgsql AS "
             "'BEGIN RETURN v LIKE ''%@person.test'' AND ''VALUE'' <> ''''; END'; CREATE DOMAIN mail AS text "
             "CONSTRAINT ours CHECK (is_ours(VALUE) OR VALUE = 'VALUE'); CREATE TABLE t (id int, email mail, "
             "pad "
             "text);",
             "40000 masked rows of public.t violate constraint ours of domain public.mail in column email in "
             "database shop"},
        Case{
            "OtherTable",
            "CREATE TABLE allowed (domain text); INSERT INTO allowed VALUES ('person.test'); CREATE FUNCTION "
            "known(v text) RETURNS bool STABLE LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM public.allowed "
            "WHERE "
            "domain = split_part(v, ''@'', 2))'; CREATE TABLE t (id int, email text CONSTRAINT known CHECK "
            "(known(email)), pad text);",
            "40000 masked rows of public.t violate CHECK constraint known in database shop"}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace ytb::testing
