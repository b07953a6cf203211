// V10: a CHECK over the whole row was not asked where a table is masked by its pages: rows that violate it
// lay under a valid constraint. Likewise what a domain asks, what a CHECK finds in another table, what row
// security hides from the owner, and what a kept table's computed column makes of another's masked values.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ostream>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

struct Case {
  const char* name;
  const char* sql;
  const char* says;
  friend void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }
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
             "CONSTRAINT ours CHECK (is_ours(VALUE) AND VALUE <> 'VALUE'); CREATE TABLE t (id int, email "
             "mail, "
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
            "40000 masked rows of public.t violate CHECK constraint known in database shop"},
        // A domain that a CHECK only casts to, and what compares rows: no node of the tree names a function.
        Case{
            "CastToADomain",
            "CREATE TABLE allowed (domain text); INSERT INTO allowed VALUES ('person.test'); CREATE FUNCTION "
            "open() RETURNS bool STABLE LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM public.allowed WHERE "
            "domain = ''person.test'')'; CREATE DOMAIN known AS int CHECK (VALUE > 0 AND open()); CREATE "
            "TABLE t (id int CONSTRAINT cast_of CHECK (id::known > 0), email text, pad text);",
            "masked rows of public.t violate CHECK constraint cast_of in database shop"},
        Case{
            "RowsCompared",
            "CREATE TABLE allowed (domain text); INSERT INTO allowed VALUES ('person.test'); CREATE TYPE one "
            "AS (n int); CREATE FUNCTION cmp(one, one) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT CASE "
            "WHEN "
            "EXISTS (SELECT FROM public.allowed WHERE domain = ''person.test'') THEN 1 ELSE -1 END'; CREATE "
            "FUNCTION gt(one, one) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT cmp($1, $2) > 0'; CREATE "
            "OPERATOR >>> (LEFTARG = one, RIGHTARG = one, FUNCTION = gt); CREATE OPERATOR CLASS one_ops "
            "DEFAULT FOR TYPE one USING btree AS OPERATOR 5 >>>, FUNCTION 1 cmp(one, one); CREATE TABLE t "
            "(id "
            "int, email text, pad text, CONSTRAINT rows_of CHECK (ROW(ROW(id)::one, ROW(1)::one) "
            "OPERATOR(public.>>>) ROW(ROW(0)::one, ROW(0)::one)));",
            "40000 masked rows of public.t violate CHECK constraint rows_of in database shop"}),
    [](const auto& one) { return std::string(one.param.name); });

constexpr std::string_view kHidden = R"sql(
  CREATE ROLE dev;
  GRANT CREATE ON SCHEMA public TO dev;
  SET ROLE dev;
  -- In a function, so that no plan can know.
  CREATE FUNCTION of_person(e text) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$SELECT e LIKE '%@person.test'$$;
  CREATE TABLE hidden (id int, email text CONSTRAINT ours CHECK (of_person(email)));
  INSERT INTO hidden SELECT g, 'real' || g || '@person.test' FROM generate_series(1, 10) g;
  CREATE POLICY first_only ON hidden USING (id = 0);
  ALTER TABLE hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;)sql";

constexpr std::string_view kComputed = R"sql(
  CREATE TABLE people (id int, email text);
  INSERT INTO people SELECT g, 'real' || g || '@person.test' FROM generate_series(1, 10) g;
  CREATE FUNCTION email_of(i int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
    'BEGIN RETURN (SELECT email FROM public.people WHERE id = i); END';
  CREATE TABLE cards (id int, email text GENERATED ALWAYS AS (email_of(id)) STORED
                      CONSTRAINT ours CHECK (email LIKE '%@person.test'));
  INSERT INTO cards SELECT g FROM generate_series(1, 10) g;)sql";

TEST(V10Rows, WhatPoliciesHideAndWhatKeptTablesComputeIsAskedToo) {
  Scenario scenario;
  scenario.production().run("shop", kHidden);
  scenario.production().run("shop", kComputed);
  const std::string masked =
      "    public.people: {id: keep, email: email}\n    public.hidden: {id: keep, email: email}\n";
  auto expect_refused = [&](const std::string& cards, std::string_view says) {
    scenario.write_policy(masked + "    public.cards: " + cards + "\n");
    scenario.accept();
    const RunResult refused = scenario.refresh(4);
    EXPECT_NE((refused.out + refused.err).find(says), std::string::npos) << refused.out << refused.err;
    EXPECT_EQ(scenario.live_copy(), "");
  };
  scenario.take_snapshot("day0");
  expect_refused("keep", "10 masked rows of public.cards violate CHECK constraint ours");
  expect_refused("{rows: none}", "10 masked rows of public.hidden violate CHECK constraint ours");
  // Where the constraints hold, nothing that was lent for the question is left.
  scenario.production().run(
      "shop",
      "ALTER TABLE cards DROP CONSTRAINT ours; ALTER TABLE hidden DROP CONSTRAINT ours, "
      "ADD CONSTRAINT ours CHECK (email LIKE '%@%')");
  scenario.write_policy(masked + "    public.cards: keep\n");
  scenario.accept();
  scenario.take_snapshot("day1");
  scenario.refresh();
  EXPECT_EQ(scenario.staging_value("SELECT rolbypassrls FROM pg_roles WHERE rolname = 'dev'"), "f");
}

}  // namespace
}  // namespace ytb::testing
