// B4: a constraint that needs production's code was seen only after restore and masking. A server made from
// production's schema alone, without a row, says so before.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "config/config.h"
#include "integration/scenario.h"
#include "masking/lock.h"
#include "masking/plan.h"
#include "masking/trial.h"
#include "support/schema.h"

namespace ytb::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int kPolicyStatus = 4;

// A plan with one thing to try, and what becomes of it: `before` and `after` are said of every row.
masking::PlanCheck settled(const masking::TrialAnswer& of_first_row, const std::string& masked) {
  const masking::Catalog catalog = tests::catalog_of(
      "CREATE TABLE public.t (id int, name text, slug varchar(9) GENERATED ALWAYS AS (my.slug(name)) "
      "STORED);");
  const Result<masking::Policy> policy = config::parse_policy(
      "version: 1\ntables:\n  public.t: {id: keep, name: " + masked + "}\n", "policy.yaml");
  masking::PlanCheck check =
      masking::plan_masking(*policy, masking::expand_lock(*policy, catalog), catalog, masking::Trials::kMade);
  EXPECT_TRUE(check.ok());
  const auto trials = masking::trials_of(check);
  EXPECT_EQ(trials.size(), 1U);
  if (trials.size() != 1) return check;
  masking::TrialAnswer answer = of_first_row;
  if (!answer.rows.empty()) answer.rows.resize(trials[0]->rows.size(), answer.rows[0]);
  masking::settle_trials({answer}, check);
  EXPECT_THAT(masking::trials_of(check), IsEmpty());
  return check;
}

TEST(B04Answers, SettleWhatWasNotKnown) {
  using enum masking::TrialOutcome;
  const auto row = [](masking::TrialOutcome before, masking::TrialOutcome after) {
    return masking::TrialAnswer{.why_not = {}, .rows = {{before, after}}};
  };
  const masking::PlanCheck allowed = settled(row(kAllowed, kAllowed), "hash");
  EXPECT_TRUE(allowed.ok());
  EXPECT_THAT(allowed.findings, IsEmpty());
  const masking::PlanCheck refused = settled(row(kAllowed, kForbidden), "hash");
  EXPECT_FALSE(refused.ok());
  EXPECT_THAT(refused.findings.at(0).message, HasSubstr("violates the length of the generated column slug"));
  masking::TrialAnswer of_code = row(kAllowed, kForbidden);
  of_code.runs_code = true;
  EXPECT_TRUE(settled(of_code, "hash").ok()) << "it is NULL then";
  // Nothing is concluded where nothing was allowed before, or where code fails: in a copy that stops nothing.
  for (const auto& [answer, why] : {std::pair{row(kForbidden, kForbidden), "refused whatever was tried"},
                                    std::pair{row(kForbidden, kAllowed), "no value that was made up"},
                                    std::pair{row(kFailed, kForbidden), "its code fails there"},
                                    std::pair{row(kAllowed, kFailed), "its code fails for some of it"}}) {
    const masking::PlanCheck unknown = settled(answer, "hash");
    EXPECT_TRUE(unknown.ok()) << why;
    EXPECT_THAT(unknown.findings.at(0).message,
                AllOf(HasSubstr("was tried"), HasSubstr("without a result: "), HasSubstr(why)));
  }
  const masking::PlanCheck not_asked = settled({.why_not = "pg_dump is not there", .rows = {}}, "hash");
  EXPECT_TRUE(not_asked.ok());
  EXPECT_THAT(not_asked.findings.at(0).message, HasSubstr("pg_dump is not there"));
}

// One value of 64 is refused: by how many rows there are it is known whether that matters.
TEST(B04Answers, GoByHowManyRowsThereAre) {
  for (const bool independent : {false, true}) {
    EXPECT_TRUE(masking::is_often_refused(4, 64, independent, -1));
    EXPECT_FALSE(masking::is_often_refused(0, 64, independent, 1'000'000));
    EXPECT_FALSE(masking::is_often_refused(1, 64, independent, -1));
    EXPECT_FALSE(masking::is_often_refused(1, 64, independent, 20));
    EXPECT_EQ(masking::is_often_refused(1, 64, independent, 1'000'000), independent);
  }
}

class B04Tried : public ::testing::Test {
 protected:
  // A table public.t with these columns; `masked`: YAML of its policy.
  void production_has(const std::string& sql) { scenario_.production().run("shop", sql); }
  void policy_says(const std::string& columns) {
    scenario_.write_policy(fmt::format("    public.t: {{{}}}\n", columns));
  }
  // What `policy check` prints; its status is `status`.
  std::string check(int status) {
    const RunResult result = scenario_.ytb({"policy", "check"});
    EXPECT_EQ(result.status, status) << result.out << result.err;
    return result.out + result.err;
  }
  void expect_nothing_left() {
    EXPECT_THAT(scenario_.processes(), IsEmpty());
    EXPECT_FALSE(std::filesystem::exists(scenario_.copies() + "/.try-shop"));
  }
  Scenario scenario_;
};

TEST_F(B04Tried, CodeOfProductionsIsAskedBeforeTheRestore) {
  production_has(R"sql(
    CREATE FUNCTION is_code(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
      $$ BEGIN RETURN $1 ~ '^[A-Z]{2}-[0-9]+$'; END $$;
    CREATE FUNCTION is_short(text) RETURNS boolean LANGUAGE sql AS 'SELECT length($1) < 12';
    CREATE DOMAIN label AS text CONSTRAINT brief CHECK (is_short(VALUE));
    CREATE FUNCTION is_mail(text) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 LIKE '%@%' $$;
    CREATE FUNCTION slug_of(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'shop/' || $1 $$;
    CREATE TABLE t (id int PRIMARY KEY, code text NOT NULL CONSTRAINT coded CHECK (is_code(code)), nick label,
      mail text CONSTRAINT mailed CHECK (is_mail(mail)), name text,
      slug varchar(14) GENERATED ALWAYS AS (slug_of(name)) STORED);
    INSERT INTO t (id, code, nick, mail, name) VALUES (1, 'DE-7', 'ada', 'ada@shop.test', 'Ada'))sql");
  policy_says("id: keep, code: hash, nick: hash, mail: email, name: hash");
  const auto all =
      AllOf(HasSubstr("CHECK constraint coded"), HasSubstr("CHECK constraint brief of domain public.label"),
            HasSubstr("the length of the generated column slug"), Not(HasSubstr("mailed")));
  EXPECT_THAT(check(kPolicyStatus), all);
  expect_nothing_left();
  const RunResult checked = scenario_.ytb({"check"});
  EXPECT_NE(checked.status, 0);
  EXPECT_THAT(checked.out + checked.err, all);
  EXPECT_EQ(scenario_.ytb({"policy", "accept", "--yes"}).status, kPolicyStatus);

  policy_says(
      "id: keep, code: {fixed: {value: DE-1}}, nick: {hash: {length: 9}}, mail: email, name: {hash: {length: "
      "8}}");
  scenario_.accept();
  EXPECT_THAT(check(0), Not(HasSubstr("not tried")));
  scenario_.take_snapshot("monday");
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value("SELECT code FROM t"), "DE-1");
}

TEST_F(B04Tried, ARefreshStopsBeforeTheRestoreUnlessTheCodeIsNewer) {
  production_has(R"sql(
    CREATE FUNCTION proper(text) RETURNS boolean LANGUAGE sql AS $$ SELECT length($1) > 0 $$;
    CREATE TABLE t (id int PRIMARY KEY, name text CONSTRAINT proper CHECK (proper(name)));
    INSERT INTO t VALUES (1, 'Ada Lovelace'))sql");
  policy_says("id: keep, name: hash");
  scenario_.accept();
  scenario_.take_snapshot("monday");
  // As it is now it refuses what masks give; the snapshot has it as it was.
  production_has(
      "CREATE OR REPLACE FUNCTION proper(text) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 ~ ' ' $$");
  scenario_.refresh();
  const std::string monday = scenario_.live_copy();
  scenario_.take_snapshot("tuesday");
  const RunResult refused = scenario_.ytb({"refresh"});
  EXPECT_EQ(refused.status, kPolicyStatus) << refused.out << refused.err;
  EXPECT_THAT(refused.out + refused.err, HasSubstr("CHECK constraint proper"));
  EXPECT_EQ(scenario_.copy_ids(), std::vector<std::string>{monday});
  EXPECT_THAT(refused.out + refused.err, Not(HasSubstr("defuse"))) << "nothing was restored";
}

TEST_F(B04Tried, WhatCannotBeKnownThereIsSaid) {
  production_has(R"sql(
    CREATE TABLE known (code text);
    CREATE FUNCTION is_known(text) RETURNS boolean LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM known WHERE code = $1)';
    CREATE FUNCTION for_ever(text) RETURNS boolean LANGUAGE plpgsql AS
      $$ BEGIN LOOP PERFORM count(*) FROM generate_series(1, 100000); END LOOP; END $$;
    CREATE FUNCTION odd(text) RETURNS boolean LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'planted %', $1; END $$;
    CREATE TABLE t (id int PRIMARY KEY, code text CONSTRAINT listed CHECK (is_known(code)),
      slow text CONSTRAINT slow CHECK (for_ever(slow)), odd text CONSTRAINT odd CHECK (odd(odd))))sql");
  scenario_.write_policy(
      "    public.known: {code: keep}\n    public.t: {id: keep, code: hash, slow: hash, odd: hash}\n");
  scenario_.accept();
  const std::string said = check(0);
  EXPECT_THAT(said,
              AllOf(HasSubstr("listed was not tried"), HasSubstr("its code names known, which has no rows")));
  EXPECT_THAT(said, AllOf(HasSubstr("slow was not tried"), HasSubstr("takes too long")));
  EXPECT_THAT(said, HasSubstr("its code fails there"));
  EXPECT_THAT(said, ContainsRegex("odd was tried [^\n]* without a result"));
  EXPECT_THAT(said, Not(HasSubstr("planted")));
  expect_nothing_left();
}

// The server is sealed, and production is only read: whatever its code would do, also while it is loaded.
TEST_F(B04Tried, CodeThatReachesOutReachesNothing) {
  const std::string outside = scenario_.home() + "/outside";
  production_has(fmt::format(R"sql(
    CREATE TABLE seen (what text);
    CREATE FUNCTION reach(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
      BEGIN COPY (SELECT 1) TO '{0}'; RETURN true; EXCEPTION WHEN OTHERS THEN NULL; END;
      BEGIN COPY (SELECT 1) TO PROGRAM 'cat > {0}'; RETURN true; EXCEPTION WHEN OTHERS THEN NULL; END;
      RETURN $1 LIKE '% %'; END $$;
    CREATE TABLE reached (id int PRIMARY KEY, name text CONSTRAINT reaching CHECK (reach(name)));
    CREATE FUNCTION write(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
      BEGIN SET SESSION AUTHORIZATION DEFAULT; EXCEPTION WHEN OTHERS THEN NULL; END;
      PERFORM public.reach($1); INSERT INTO public.seen VALUES ($1); RETURN true;
      EXCEPTION WHEN OTHERS THEN RETURN true; END $$)sql",
                             outside));
  std::filesystem::remove(outside);  // where production may
  production_has(
      "CREATE DOMAIN written AS text CHECK (write(VALUE)); "
      "CREATE DOMAIN several AS written[] DEFAULT '{abc}'::written[]");
  std::filesystem::remove(outside);
  scenario_.write_policy("    public.seen: {what: keep}\n    public.reached: {id: keep, name: hash}\n");
  const std::string before = scenario_.production().value("shop", "SELECT count(*) FROM seen");
  EXPECT_THAT(check(kPolicyStatus), HasSubstr("violates CHECK constraint reaching"))
      << "it has run, without power";
  EXPECT_FALSE(std::filesystem::exists(outside));
  EXPECT_EQ(scenario_.production().value("shop", "SELECT count(*) FROM seen"), before);
  expect_nothing_left();
}

// A literal of a domain over an array is computed as it is written down: with whose power?
TEST_F(B04Tried, NothingRunsWithOurPowerWhileItIsLoaded) {
  production_has(R"sql(
    CREATE FUNCTION helps(text) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 LIKE '% %' $$;
    CREATE FUNCTION strong(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
      IF current_setting('is_superuser') = 'on' AND current_setting('autovacuum') = 'off' THEN
        CREATE OR REPLACE FUNCTION public.helps(text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
      END IF;
      RETURN true; END $$;
    CREATE DOMAIN d1 AS text CHECK (strong(VALUE));
    CREATE DOMAIN d2 AS d1[] DEFAULT '{abc}'::d1[];
    CREATE TABLE t (id int PRIMARY KEY, name text CONSTRAINT weak CHECK (helps(name)), d d2))sql");
  policy_says("id: keep, name: hash, d: {fixed: {value: '{}'}}");
  EXPECT_THAT(check(kPolicyStatus), HasSubstr("violates CHECK constraint weak"));
  expect_nothing_left();
}

// All of production's code belongs to one role there: what it does to other code is seen.
TEST_F(B04Tried, CodeThatChangesOthersCodeDecidesNothing) {
  production_has(R"sql(
    CREATE FUNCTION victim(text) RETURNS boolean LANGUAGE sql AS 'SELECT length($1) > 0';
    CREATE FUNCTION change(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
      IF current_setting('autovacuum') = 'off' THEN
        CREATE OR REPLACE FUNCTION public.victim(text) RETURNS boolean LANGUAGE sql AS 'SELECT $1 ~ ''x x''';
      END IF;
      RETURN true; END $$;
    CREATE DOMAIN d1 AS text CHECK (change(VALUE));
    CREATE DOMAIN d2 AS d1[] DEFAULT '{abc}'::d1[];
    CREATE TABLE t (id int PRIMARY KEY, name text CONSTRAINT victims CHECK (victim(name))))sql");
  policy_says("id: keep, name: hash");
  EXPECT_THAT(check(0), HasSubstr("victims was not tried"));
}

// What its code says there is believed only where it depends on that code and on the values alone.
TEST_F(B04Tried, CodeThatDependsOnAnythingElseIsNotTried) {
  const std::pair<const char*, const char*> kCodes[] = {
      {"named", R"(PERFORM FROM "known ones" WHERE code = $1; RETURN FOUND OR $1 LIKE '% %')"},
      {"viewed", "RETURN EXISTS (SELECT FROM listed WHERE code = $1) OR $1 LIKE '% %'"},
      {"put_together", R"(EXECUTE 'SELECT count(*) FROM public."known ' || 'ones"'; RETURN true)"},
      {"counted", "RETURN nextval('counter') > 1000 OR $1 LIKE '% %'"},
      {"who", "RETURN current_user = 'app' OR $1 LIKE '% %'"},
      {"setting", "RETURN current_setting('app.lenient', true) = 'on' OR $1 LIKE '% %'"},
      {"catalogs", "RETURN EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') OR $1 LIKE '% %'"},
      {"looked_up", "RETURN to_regclass('public.' || 'x') IS NOT NULL OR $1 LIKE '% %'"},
      {"sized", "RETURN pg_relation_size('public.' || 't') > 0 OR $1 LIKE '% %'"},
      {"indirect", "RETURN public.who($1)"},
      {"by_operator", "RETURN $1 OPERATOR(public.=~~=) 'x'"},
      {"by_domain", "RETURN $1::public.checked IS NOT NULL"},
      {"leak", "RETURN public.proof($1)"},
      {"row_typed", "RETURN public.conf() IS NOT NULL OR $1 LIKE '% %'"},
      {"over_domain", "RETURN $1::public.checked_too IS NOT NULL"},
      {"defaulted", "RETURN public.asks($1)"},
      {"pathed", "RETURN public.by_path($1)"},
      {"definer", "RETURN public.of_boss($1)"},
      {"composed", "RETURN ROW($1, 1)::public.pair IS NOT NULL"},
      {"returned", "RETURN public.gives($1) IS NOT NULL"},
      {"by_xml", "RETURN query_to_xml('SELECT 1 FROM p' || 'g_roles', true, true, '') IS NOT NULL"},
      {"by_name", "RETURN getpgusername() = 'app' OR $1 LIKE '% %'"},
      {"shown",
       "DECLARE r record; BEGIN FOR r IN SHOW session_authorization LOOP RETURN true; END LOOP; END"},
      {"escaped", R"(RETURN public.U&"wh\006F"($1))"},
      {"done", R"(DO E'BEGIN PERFORM 1 FROM p\x67_roles; END'; RETURN true)"},
      {"lexized", "RETURN ts_lexize('simple', $1) IS NOT NULL"},
      {"refused", "RETURN public.not_for_app($1)"},
      {"by_distance", "RETURN (point(length($1), 1) <@> point(0, 0)) < 100000"},
      {"resetting", "RESET datestyle; RETURN true"},
      {"defaulting", "SET LOCAL datestyle TO DEFAULT; RETURN true"},
      {"as_role", "SET LOCAL ROLE app; RETURN true"},
      {"as_another", "SET LOCAL SESSION AUTHORIZATION app; RETURN true"},
      {"tabled", "RETURN EXISTS (SELECT FROM public.rows_of($1))"},
      {"by_array", "RETURN ARRAY[$1]::public._checked IS NOT NULL"},
      {"by_array_of_names", "RETURN ('{ap' || 'p}')::_regrole IS NOT NULL"},
  };
  std::string sql = R"sql(
    CREATE TABLE "known ones" (code text); CREATE VIEW listed AS SELECT * FROM "known ones";
    CREATE SEQUENCE counter START 5000; CREATE TABLE settings (pattern text);
    CREATE FUNCTION proof(varchar) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 LIKE '% %' $$;
    CREATE FUNCTION proof(text) RETURNS boolean LANGUAGE sql LEAKPROOF AS $$ SELECT true $$;
    CREATE FUNCTION conf() RETURNS settings LANGUAGE sql AS $$ SELECT 'x' $$;
    CREATE FUNCTION equal_as(text, text) RETURNS boolean LANGUAGE sql AS
      $$ SELECT session_user = 'app' OR $1 LIKE '% %' $$;
    CREATE OPERATOR =~~= (LEFTARG = text, RIGHTARG = text, FUNCTION = equal_as);
    CREATE DOMAIN checked AS text CHECK (VALUE LIKE '% %' OR pg_catalog.pg_is_in_recovery());
    CREATE DOMAIN checked_too AS checked; CREATE TYPE pair AS (a checked, b int);
    CREATE FUNCTION asks(text, name DEFAULT current_user) RETURNS boolean LANGUAGE sql AS
      $$ SELECT $2 = 'app' OR $1 LIKE '% %' $$;
    CREATE FUNCTION by_path(text) RETURNS boolean LANGUAGE sql SET search_path = "$user", public AS 'SELECT true';
    CREATE FUNCTION of_boss(text) RETURNS boolean LANGUAGE sql SECURITY DEFINER AS 'SELECT true';
    CREATE FUNCTION gives(text) RETURNS checked LANGUAGE sql AS 'SELECT $1';
    CREATE FUNCTION rows_of(text) RETURNS TABLE (a checked, b int) LANGUAGE plpgsql AS
      $$ BEGIN a := $1; RETURN NEXT; END $$;
    CREATE EXTENSION cube; CREATE EXTENSION earthdistance;
    CREATE FUNCTION not_for_app(text) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 LIKE '% %' $$;
    CREATE ROLE app; REVOKE EXECUTE ON FUNCTION not_for_app(text) FROM PUBLIC;)sql";
  std::string columns;
  std::string policy = "id: keep";
  for (const auto& [name, code] : kCodes) {
    sql += fmt::format(
        "CREATE FUNCTION {0}(text) RETURNS boolean LANGUAGE plpgsql AS $code$ BEGIN {1}; "
        "EXCEPTION WHEN OTHERS THEN RETURN $1 LIKE '% %'; END $code$;",
        name, code);
    columns += fmt::format(", c_{0} text CONSTRAINT k_{0} CHECK ({0}(c_{0}))", name);
    policy += fmt::format(", c_{}: hash", name);
  }
  production_has(sql + "CREATE TABLE t (id int PRIMARY KEY" + columns + "); ALTER TABLE t OWNER TO app");
  scenario_.write_policy(
      fmt::format("    'public.\"known ones\"': {{code: keep}}\n    public.settings: {{pattern: keep}}\n"
                  "    public.t: {{{}}}\n",
                  policy));
  const std::string said = check(0);
  for (const auto& [name, code] : kCodes)
    EXPECT_THAT(said, HasSubstr(fmt::format("k_{} was not tried", name)));
  expect_nothing_left();
}

// A name without a letter is in no list of words.
TEST_F(B04Tried, RelationsWithOddNamesAreNamedByEverything) {
  production_has(R"sql(
    CREATE TABLE "?" (code text);
    CREATE FUNCTION asks(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
      PERFORM FROM "?"; RETURN FOUND OR $1 LIKE '% %'; EXCEPTION WHEN OTHERS THEN RETURN $1 LIKE '% %'; END $$;
    CREATE TABLE t (id int PRIMARY KEY, name text CONSTRAINT asking CHECK (asks(name))))sql");
  scenario_.write_policy("    'public.\"?\"': {code: keep}\n    public.t: {id: keep, name: hash}\n");
  EXPECT_THAT(check(0), HasSubstr("asking was not tried"));
}

// A role of production's without any right in the schema of another one decides nothing about it: by what is
// named nowhere, by settings of the guest's own, by a closer function than the server's.
class B04Loaded : public B04Tried {
 protected:
  void expect_decides_nothing(const std::vector<std::string>& deeds) {
    production_has(R"sql(
      CREATE ROLE app; CREATE ROLE mallory; CREATE SCHEMA app AUTHORIZATION app; SET ROLE app;
      CREATE FUNCTION app.dated(text) RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN RETURN '01/02/2000'::date = date '2000-01-02' OR $1 LIKE '% %'; END $$;
      CREATE FUNCTION app.some(text) RETURNS boolean LANGUAGE sql AS $$ SELECT length($1) > 0 $$;
      CREATE DOMAIN app.code AS text CONSTRAINT fmt CHECK (app.some(VALUE));
      CREATE FUNCTION app.short(varchar) RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN RETURN length($1) < 80; END $$;
      CREATE TABLE app.t (id int PRIMARY KEY, name text CONSTRAINT dated CHECK (app.dated(name)), code app.code,
        s varchar CONSTRAINT short CHECK (app.short(s))))sql");
    scenario_.write_policy("    app.t: {id: keep, name: hash, code: hash, s: hash}\n");
    for (const std::string& deed : deeds) {
      production_has("DROP SCHEMA IF EXISTS evil CASCADE");
      production_has(fmt::format(R"sql(
        CREATE SCHEMA evil AUTHORIZATION mallory; SET ROLE mallory;
        CREATE FUNCTION evil.change(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
          IF session_user LIKE 'ytb\_guest\_%' THEN EXECUTE '{}'; END IF; RETURN true; END $$;
        CREATE DOMAIN evil.d1 AS text CHECK (evil.change(VALUE));
        CREATE DOMAIN evil.d2 AS evil.d1[] DEFAULT '{{abc}}'::evil.d1[])sql",
                                 deed));
      EXPECT_THAT(check(0), HasSubstr("code that was loaded")) << deed;
    }
  }
};
using B04LoadedLong = B04Loaded;

TEST_F(B04Loaded, DecidesNothingElse) {
  expect_decides_nothing(
      {"ALTER DOMAIN app.code DROP CONSTRAINT fmt; ALTER DOMAIN app.code ADD CONSTRAINT fmt CHECK (VALUE ~ "
       "'' '')"});
}

TEST_F(B04LoadedLong, DecidesNothingElse) {
  expect_decides_nothing({"ALTER ROLE CURRENT_USER SET datestyle = ''ISO, DMY''",
                          "CREATE FUNCTION public.length(varchar) RETURNS int LANGUAGE sql AS ''SELECT 99''",
                          "CREATE TABLE public.anything ()",
                          "ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM PUBLIC",
                          "REVOKE ALL ON FUNCTION app.some(text) FROM PUBLIC, CURRENT_USER",
                          "CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = textne)",
                          "CREATE COLLATION public.odd FROM \"C\"", "CREATE TYPE public.odd AS ENUM ()"});
}

// What is long takes no longer than it has to: neither in code nor in what a domain asks.
using B04TriedLong = B04Tried;
TEST_F(B04TriedLong, LongTextsAreReadOnce) {
  production_has(R"sql(
    CREATE FUNCTION proper(text) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 ~ ' ' $$;
    DO $do$ BEGIN
      EXECUTE 'CREATE FUNCTION big() RETURNS text LANGUAGE sql AS $x$ SELECT 1::text /* ' || repeat($$ e'$$, 1300000)
        || ' */ $x$'; END $do$;
    CREATE TABLE t (id int PRIMARY KEY, name text CONSTRAINT proper CHECK (proper(name))))sql");
  policy_says("id: keep, name: hash");
  EXPECT_THAT(check(kPolicyStatus), HasSubstr("violates CHECK constraint proper"));
  production_has(R"sql(
    DROP FUNCTION big();
    DO $do$ BEGIN
      EXECUTE 'CREATE DOMAIN big AS text CHECK (VALUE <> ''' || repeat($$ e''$$, 5000000) || ''')'; END $do$)sql");
  EXPECT_THAT(check(0),
              AllOf(HasSubstr("proper was not tried"), HasSubstr("more code than is looked through")));
}

// A generated column that production's code computes is NULL where it does not fit, and stops no refresh.
TEST_F(B04Tried, AGeneratedColumnThatMayBeNullStopsNothing) {
  production_has(R"sql(
    CREATE FUNCTION slug(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'shop/' || $1 $$;
    CREATE TABLE t (id int PRIMARY KEY, name text, slug varchar(14) GENERATED ALWAYS AS (slug(name)) STORED);
    INSERT INTO t (id, name) VALUES (1, 'Ada'))sql");
  policy_says("id: keep, name: hash");
  EXPECT_THAT(check(0), AllOf(HasSubstr("violates the length of the generated column slug"),
                              HasSubstr("the column is then NULL")));
  scenario_.accept();
  scenario_.take_snapshot("monday");
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value("SELECT slug IS NULL FROM t"), "t");
  production_has("ALTER TABLE t ALTER slug SET NOT NULL");
  EXPECT_THAT(check(kPolicyStatus), HasSubstr("violates the length of the generated column slug"));
}

// As applications have them: a cast that lets strings be labels, and functions of an extension.
TEST_F(B04Tried, CastsThatNeedNoPowerAreTaken) {
  production_has(R"sql(
    CREATE EXTENSION citext; CREATE TYPE mood AS ENUM ('glad', 'sad');
    CREATE CAST (varchar AS mood) WITH INOUT AS IMPLICIT;
    CREATE FUNCTION proper(text) RETURNS boolean LANGUAGE sql AS
      $$ SELECT regexp_replace(replace($1, 'x', ''), 'y', '') ~ ' ' $$;
    CREATE TABLE t (id int PRIMARY KEY, name text CONSTRAINT proper CHECK (proper(name))))sql");
  policy_says("id: keep, name: hash");
  EXPECT_THAT(check(kPolicyStatus), HasSubstr("violates CHECK constraint proper"));
}

// Code that was written to be looked through for ever is not.
TEST_F(B04Tried, ChainsOfCodeAreLookedThroughInOneGo) {
  production_has(R"sql(
    CREATE FUNCTION f0(text) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 ~ ' ' $$;
    DO $do$ BEGIN
      FOR i IN 1..1500 LOOP
        EXECUTE format('CREATE FUNCTION f%s(text) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 ~ '' '' /* f%s %s */ $$',
                       i, i - 1, repeat('@ ', 1000));
      END LOOP;
      FOR i IN 0..149 LOOP
        EXECUTE format('CREATE OPERATOR %s (RIGHTARG = text, FUNCTION = f%s)',
                       repeat('@', i % 30 + 2) || repeat('#', i / 30 + 1), i);
      END LOOP; END $do$;
    CREATE TABLE t (id int PRIMARY KEY, name text CONSTRAINT chained CHECK (f1500(name))))sql");
  policy_says("id: keep, name: hash");
  EXPECT_THAT(check(kPolicyStatus), HasSubstr("violates CHECK constraint chained"));
}

// What is loaded may change what every session begins with.
TEST_F(B04Tried, CodeThatChangesSettingsDecidesNothing) {
  production_has(R"sql(
    CREATE FUNCTION change(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
      IF current_setting('autovacuum') = 'off' THEN ALTER DATABASE shop SET datestyle = 'ISO, DMY'; END IF;
      RETURN true; END $$;
    CREATE DOMAIN d1 AS text CHECK (change(VALUE)); CREATE DOMAIN d2 AS d1[] DEFAULT '{abc}'::d1[];
    CREATE FUNCTION dated(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
      RETURN '01/02/2000'::date = date '2000-01-02' OR $1 LIKE '% %'; END $$;
    CREATE TABLE t (id int PRIMARY KEY, name text CONSTRAINT dated CHECK (dated(name))))sql");
  policy_says("id: keep, name: hash");
  EXPECT_THAT(check(0), HasSubstr("dated was not tried"));
}

// The owner's schema is where his names are looked for, and his encoding changes no value.
TEST_F(B04Tried, NamesAreLookedForAsTheOwnerOfTheTableDoes) {
  production_has(R"sql(
    CREATE ROLE app; CREATE SCHEMA app AUTHORIZATION app;
    CREATE FUNCTION app.rule(text) RETURNS boolean LANGUAGE sql AS $$ SELECT length($1) > 0 $$;
    CREATE FUNCTION public.rule(text) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 ~ ' ' $$;
    CREATE FUNCTION app.ruled(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN rule($1); END $$;
    CREATE FUNCTION app.brief(text) RETURNS boolean LANGUAGE sql AS $$ SELECT length($1) <= 3 $$;
    CREATE TABLE app.t (id int PRIMARY KEY, name text CONSTRAINT ruled CHECK (app.ruled(name)),
      nick text CONSTRAINT brief CHECK (app.brief(nick))); ALTER TABLE app.t OWNER TO app;
    ALTER DATABASE shop SET client_encoding = 'LATIN1')sql");
  scenario_.write_policy("    app.t: {id: keep, name: hash, nick: {fixed: {value: Zoë}}}\n");
  EXPECT_THAT(check(0), AllOf(Not(HasSubstr("ruled")), Not(HasSubstr("brief"))));
}

// A column that is kept has real values, and code may ask for them; equal values stay equal.
TEST_F(B04Tried, WhatOnlyRealRowsCouldTellStopsNothing) {
  production_has(R"sql(
    CREATE FUNCTION allowed(text, text) RETURNS boolean LANGUAGE sql AS
      $$ SELECT $1 = 'legacy' OR $2 LIKE '% %' $$;
    CREATE FUNCTION same(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT lower($1) = lower($2) $$;
    CREATE TABLE t (id int PRIMARY KEY, kind text, name text, a text, b text,
      CONSTRAINT kinds CHECK (allowed(kind, name)), CONSTRAINT same CHECK (same(a, b)));
    INSERT INTO t VALUES (1, 'legacy', 'Ada', 'x', 'x'))sql");
  policy_says("id: keep, kind: keep, name: hash, a: hash, b: hash");
  scenario_.accept();
  EXPECT_THAT(check(0), Not(HasSubstr("violates")));
  scenario_.take_snapshot("monday");
  scenario_.refresh();
}

TEST_F(B04Tried, ExtensionsThatAnOwnerCouldMakeAreThere) {
  production_has(R"sql(
    CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE EXTENSION pg_trgm;
    CREATE FUNCTION ext.plain(ext.citext) RETURNS boolean LANGUAGE sql AS
      $$ SELECT $1 OPERATOR(ext.=) 'ADA'::ext.citext OR similarity($1::text, 'bob ross') > 0.9 $$;
    CREATE TABLE t (id int PRIMARY KEY, name ext.citext CONSTRAINT plain CHECK (ext.plain(name)),
      other text CONSTRAINT other CHECK (similarity(other, ' ') >= 0)))sql");
  policy_says("id: keep, name: {fixed: {value: ada}}, other: hash");
  EXPECT_THAT(check(0), Not(HasSubstr("other was not tried")));
  expect_nothing_left();
}

TEST_F(B04Tried, CodeThatFillsTheDiskIsEnded) {
  production_has(R"sql(
    CREATE FUNCTION fill(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
      CREATE TABLE IF NOT EXISTS public.filler (what text);
      ALTER TABLE public.filler ALTER what SET STORAGE EXTERNAL;
      LOOP BEGIN
        INSERT INTO public.filler SELECT repeat('x', 1000000) FROM generate_series(1, 50);
      EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$;
    CREATE TABLE t (id int PRIMARY KEY, much text CONSTRAINT much CHECK (fill(much))))sql");
  policy_says("id: keep, much: hash");
  EXPECT_THAT(check(0), AllOf(HasSubstr("much was not tried"), HasSubstr("took too much room")));
  expect_nothing_left();
}

TEST_F(B04Tried, IsNotTriedWhereTheConfigSaysSo) {
  production_has(R"sql(
    CREATE FUNCTION proper(text) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 ~ ' ' $$;
    CREATE TABLE t (id int PRIMARY KEY, name text CONSTRAINT proper CHECK (proper(name))))sql");
  policy_says("id: keep, name: hash");
  EXPECT_THAT(check(kPolicyStatus), HasSubstr("try_constraints: false"));
  scenario_.options().masking_extra = "      try_constraints: false\n";
  scenario_.write_config();
  EXPECT_THAT(check(0), HasSubstr("proper was not tried"));
}

// One that does not end keeps no other from its answer.
TEST_F(B04Tried, CodeThatNeverEndsIsEnded) {
  production_has(R"sql(
    CREATE FUNCTION for_ever(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN LOOP
      BEGIN FOR i IN 1..1000000000 LOOP NULL; END LOOP;
      EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$;
    CREATE FUNCTION proper(text) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 ~ ' ' $$;
    CREATE TABLE t (id int PRIMARY KEY, a text CONSTRAINT slow CHECK (for_ever(a)),
      b text CONSTRAINT proper CHECK (proper(b))))sql");
  policy_says("id: keep, a: hash, b: hash");
  EXPECT_THAT(check(kPolicyStatus), AllOf(HasSubstr("slow was not tried"), HasSubstr("did not end"),
                                          HasSubstr("violates CHECK constraint proper")));
  expect_nothing_left();
}

TEST_F(B04Tried, CodeThatTakesAllMemoryGetsLittle) {
  production_has(R"sql(
    CREATE FUNCTION greedy(text) RETURNS boolean LANGUAGE plpgsql AS $$ DECLARE a text; BEGIN
      a := repeat(repeat('x', 1000000), 900); RAISE EXCEPTION '%', a; END $$;
    CREATE TABLE t (id int PRIMARY KEY, name text CONSTRAINT greedy CHECK (greedy(name))))sql");
  policy_says("id: keep, name: hash");
  EXPECT_THAT(check(0), ContainsRegex("greedy was tried [^\n]* without a result"));
}

// Killed, we end its server with us.
TEST_F(B04Tried, WhatAKilledRunLeftGoesWithTheRest) {
  production_has(R"sql(
    CREATE FUNCTION for_ever(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN LOOP
      BEGIN FOR i IN 1..1000000000 LOOP NULL; END LOOP;
      EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$;
    CREATE TABLE t (id int PRIMARY KEY, slow text CONSTRAINT slow CHECK (for_ever(slow))))sql");
  policy_says("id: keep, slow: hash");
  const auto wait_for = [](const std::function<bool()>& there) {
    for (int looks = 0; looks < 1200 && !there(); ++looks)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return there();
  };
  const RunResult run =
      run_program({"sh", "-c", scenario_.ytb_line("policy check") + " >/dev/null 2>&1 & echo $!"});
  EXPECT_TRUE(wait_for([&] {
    const std::vector<std::string> at_work = scenario_.processes();
    return std::any_of(at_work.begin(), at_work.end(), [](const std::string& process) {
      return process.find(" INSERT") != std::string::npos;
    });
  })) << "the code runs";
  EXPECT_EQ(::kill(std::stoi(run.out), SIGKILL), 0) << run.out;
  EXPECT_TRUE(std::filesystem::exists(scenario_.copies() + "/.try-shop"));
  EXPECT_TRUE(wait_for([&] { return scenario_.processes().empty(); }));
  EXPECT_THAT(scenario_.processes(), IsEmpty());
  EXPECT_EQ(scenario_.ytb({"teardown", "--yes"}).status, 0);
  expect_nothing_left();
}

// In production and in a copy names mean what the settings of database and owner make of them.
TEST_F(B04Tried, CodeFindsWhatItFindsInProduction) {
  production_has(R"sql(
    CREATE SCHEMA app; CREATE TYPE app.kind AS ENUM ('plain', 'odd');
    CREATE FUNCTION app.inner_one(text) RETURNS app.kind LANGUAGE sql AS
      $$ SELECT CASE WHEN $1 LIKE '% %' THEN 'odd' ELSE 'plain' END::app.kind $$;
    CREATE FUNCTION app.outer_one(text) RETURNS boolean LANGUAGE plpgsql AS
      $$ BEGIN RETURN inner_one($1) = 'plain'::kind AND current_database() = 'shop'
           AND '01/02/2000'::date = date '2000-02-01'; END $$;
    ALTER DATABASE shop SET search_path = app, public; ALTER DATABASE shop SET datestyle = 'ISO, DMY';
    CREATE TABLE t (id int PRIMARY KEY, name text CONSTRAINT plain CHECK (app.outer_one(name)),
      a text, b text, CONSTRAINT pair CHECK (app.outer_one(a || ' ' || b))))sql");
  policy_says("id: keep, name: person_name, a: hash, b: hash");
  const std::string said = check(kPolicyStatus);
  EXPECT_THAT(said, HasSubstr("violates CHECK constraint plain"));
  // NULLs satisfy it, and nothing else that is made up: that is no ground to say that what masks give does.
  EXPECT_THAT(said, ContainsRegex("pair was tried [^\n]* without a result"));
}

// The guide's login has no right to any table; and nobody who works in production is in the way.
TEST_F(B04Tried, ItTakesNoRightAndNoLock) {
  production_has(R"sql(
    CREATE FUNCTION proper(text) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 ~ ' ' $$;
    CREATE SCHEMA "Odd ""one";
    CREATE TABLE "Odd ""one"."T t" (id int PRIMARY KEY, "na me" text CONSTRAINT "pro per" CHECK (proper("na me")));
    CREATE ROLE reader LOGIN)sql");
  scenario_.write_policy(R"(    '"Odd ""one"."T t"': {id: keep, na me: hash})"
                         "\n");
  scenario_.options().connection = scenario_.production().connection("shop", "reader");
  scenario_.write_config();
  EXPECT_THAT(check(kPolicyStatus), HasSubstr("CHECK constraint \"pro per\""));
}

}  // namespace
}  // namespace ytb::testing
