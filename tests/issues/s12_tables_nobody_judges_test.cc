// S12's kind: what holds rows and is not among the tables that a policy judges. A superuser of production
// makes it by writing catalogs: staging reads it as it reads any table.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <memory>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kMarker = "planted-row@real.test";

class S12Unjudged : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.production().run("shop", R"sql(
      CREATE TABLE users (id int PRIMARY KEY, email text);
      INSERT INTO users SELECT g, 'user' || g || '@real.test' FROM generate_series(1, 100) g;)sql");
    scenario_.write_policy("    public.users: {id: keep, email: email}\n");
    scenario_.accept();
  }
  void plant(const std::string& sql) {
    scenario_.production().run(
        "shop",
        fmt::format("SET allow_system_table_mods = on; CREATE TABLE public.hidden (line text); INSERT INTO "
                    "public.hidden SELECT '{}' FROM generate_series(1, 200); {}",
                    kMarker, sql));
    scenario_.take_snapshot("monday");
  }
  // Nothing is opened, and the message says what is there.
  void expect_refused(const std::string& named) {
    const RunResult result = scenario_.ytb({"refresh"});
    EXPECT_NE(result.status, 0);
    EXPECT_THAT(result.out + result.err, HasSubstr(named));
    EXPECT_EQ(scenario_.live_copy(), "");
  }
  std::string files_with_marker() {
    return run_program({"grep", "-rlaF", "--", std::string(kMarker), scenario_.copies()}).out;
  }
  Scenario scenario_;
};
// Every sixth test of them, in the order of this file, is in `make test`; the others are in `make test-long`.
using S12UnjudgedLong = S12Unjudged;

TEST_F(S12Unjudged, ATableWhereToastBelongs) {
  plant("UPDATE pg_class SET relnamespace = 'pg_toast'::regnamespace WHERE relname = 'hidden'");
  expect_refused("pg_toast.hidden");
}

TEST_F(S12UnjudgedLong, OneThatTheCatalogsOfProductionDoNotShow) {
  scenario_.options().with_connection = false;
  scenario_.write_config();
  plant("UPDATE pg_class SET relnamespace = 'pg_toast'::regnamespace WHERE relname = 'hidden'");
  expect_refused("a table where only TOAST belongs: pg_toast.hidden");
}

TEST_F(S12UnjudgedLong, ATableThatIsCalledASequence) {
  plant("UPDATE pg_class SET relkind = 'S' WHERE relname = 'hidden'");
  expect_refused("a table that is called a sequence: public.hidden");
}

TEST_F(S12UnjudgedLong, ASequenceOfManyRows) {
  plant(R"sql(DROP TABLE public.hidden; CREATE SEQUENCE public.counter;
    CREATE TABLE public.phones (last_value int8, log_cnt int8, is_called bool);
    INSERT INTO public.phones SELECT 4915100000000 + g, 0, true FROM generate_series(1, 50) g;
    UPDATE pg_class SET relkind = 'S', reltoastrelid = 0 WHERE relname = 'phones';
    INSERT INTO pg_sequence SELECT 'public.phones'::regclass, seqtypid, seqstart, seqincrement, seqmax, seqmin,
      seqcache, seqcycle FROM pg_sequence WHERE seqrelid = 'public.counter'::regclass;)sql");
  expect_refused("a sequence of more than one row: public.phones");
}

// A look that fails finds nothing: it must not pass for one that found nothing.
TEST_F(S12UnjudgedLong, ATableBesideACastThatMakesOurStatementsFail) {
  plant(
      "UPDATE pg_class SET relkind = 'S' WHERE relname = 'hidden'; CREATE CAST (oid AS text) WITH INOUT AS "
      "IMPLICIT");
  const RunResult result = scenario_.ytb({"refresh"});
  EXPECT_NE(result.status, 0);
  EXPECT_EQ(scenario_.live_copy(), "") << result.out << result.err;
}

TEST_F(S12UnjudgedLong, ATableBesideASequenceThatCannotBeOpened) {
  plant(R"sql(CREATE SEQUENCE public.decoy; UPDATE pg_class SET relnatts = 4 WHERE relname = 'decoy';
    UPDATE pg_class SET relkind = 'S' WHERE relname = 'hidden')sql");
  const RunResult result = scenario_.ytb({"refresh"});
  EXPECT_NE(result.status, 0);
  EXPECT_EQ(scenario_.live_copy(), "") << result.out << result.err;
}

TEST_F(S12Unjudged, ARelationOfNoSchema) {
  plant(R"sql(CREATE VIEW public.peephole AS TABLE public.hidden;
    UPDATE pg_class SET relnamespace = 99999 WHERE relname = 'hidden')sql");
  expect_refused("a relation of no schema: hidden");
}

TEST_F(S12UnjudgedLong, OneOfTheServersOwnThatWasMoved) {
  plant(fmt::format(
      R"sql(DROP TABLE public.hidden; INSERT INTO information_schema.sql_parts (comments) VALUES ('{}');
    ALTER TABLE information_schema.sql_parts SET SCHEMA public)sql",
      kMarker));
  expect_refused("sql_parts");
}

// What sessions of production have open while a snapshot is taken, and names that need quotes.
TEST_F(S12UnjudgedLong, SequencesOfOrdinaryProductionsAreWhatTheyAre) {
  scenario_.production().run("shop", R"sql(
    CREATE TABLE "Mixed Case" (id serial PRIMARY KEY, "e""mail" int GENERATED ALWAYS AS IDENTITY);
    CREATE UNLOGGED TABLE fast (id serial);
    CREATE MATERIALIZED VIEW empty_view AS SELECT 1 AS one WITH NO DATA)sql");
  scenario_.write_policy(
      "    public.users: {id: keep, email: email}\n    'public.\"Mixed Case\"': keep\n    public.fast: "
      "keep\n");
  scenario_.accept();
  std::unique_ptr<PGconn, decltype(&PQfinish)> held(
      PQconnectdb(scenario_.production().connection("shop").c_str()), PQfinish);
  std::unique_ptr<PGresult, decltype(&PQclear)> made(
      PQexec(held.get(),
             "CREATE TEMP TABLE t (id serial, other int GENERATED ALWAYS AS IDENTITY); INSERT INTO t "
             "DEFAULT VALUES"),
      PQclear);
  ASSERT_EQ(PQresultStatus(made.get()), PGRES_COMMAND_OK) << PQerrorMessage(held.get());
  plant("DROP TABLE public.hidden");
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM \"Mixed Case\""), "0");
}

TEST_F(S12UnjudgedLong, ATableThatIsCalledToast) {
  plant("UPDATE pg_class SET relkind = 't' WHERE relname = 'hidden'");
  expect_refused("TOAST among tables: public.hidden");
}

TEST_F(S12UnjudgedLong, ATableThatIsCalledAnIndex) {
  plant("UPDATE pg_class SET relkind = 'i', reltoastrelid = 0 WHERE relname = 'hidden'");
  expect_refused("a table that is called an index: public.hidden");
}

TEST_F(S12UnjudgedLong, AViewThatIsSaidToBeEmpty) {
  plant(
      "CREATE MATERIALIZED VIEW public.shown AS TABLE public.hidden; DROP TABLE public.hidden CASCADE; "
      "CREATE "
      "MATERIALIZED VIEW public.other AS SELECT line FROM (VALUES ('planted-row@real.test')) v (line); "
      "UPDATE "
      "pg_class SET relispopulated = false WHERE relname = 'other'");
  expect_refused("a table that is called a view: public.other");
}

TEST_F(S12Unjudged, ToastOfNoTable) {
  plant(R"sql(ALTER TABLE public.hidden ALTER line SET STORAGE EXTERNAL;
    INSERT INTO public.hidden SELECT string_agg(line, ' ') FROM public.hidden;
    CREATE ROLE reader; GRANT USAGE ON SCHEMA pg_toast TO reader;
    DO $$ DECLARE toast text := (SELECT reltoastrelid::regclass FROM pg_class WHERE relname = 'hidden'); BEGIN
      EXECUTE 'GRANT SELECT ON ' || toast || ' TO reader';
      UPDATE pg_class SET reltoastrelid = 0 WHERE relname = 'hidden';
      DELETE FROM pg_depend WHERE objid = toast::regclass; END $$;
    DROP TABLE public.hidden)sql");
  expect_refused("TOAST of no table: pg_toast.pg_toast_");
}

// A view without rows has TOAST of its own, which is made a table for as long as it takes to fill it.
TEST_F(S12UnjudgedLong, ToastOfAViewThatIsSaidToBeEmpty) {
  plant(fmt::format(
      R"sql(DROP TABLE public.hidden; CREATE MATERIALIZED VIEW public.shown AS SELECT ''::text t WITH NO DATA;
    DO $$ DECLARE toast regclass := (SELECT reltoastrelid FROM pg_class WHERE relname = 'shown'); BEGIN
      UPDATE pg_class SET relkind = 'r' WHERE oid = toast;
      EXECUTE format('INSERT INTO %s SELECT g, 0, %L::bytea FROM generate_series(1, 50) g', toast, '{}');
      UPDATE pg_class SET relkind = 't', relacl = '{{=r/postgres}}' WHERE oid = toast;
      UPDATE pg_namespace SET nspacl = '{{postgres=UC/postgres,=U/postgres}}' WHERE oid = 99; END $$)sql",
      kMarker));
  expect_refused("TOAST of a view without rows: pg_toast.pg_toast_");
}

TEST_F(S12UnjudgedLong, ToastOfWhatHoldsNoRows) {
  plant(
      R"sql(CREATE VIEW public.seen AS SELECT 1 AS one; UPDATE pg_class SET reltoastrelid = (SELECT reltoastrelid
    FROM pg_class WHERE relname = 'users') WHERE relname = 'seen'; DROP TABLE public.hidden)sql");
  expect_refused("TOAST of what holds no rows: public.seen");
}

// Whoever may read TOAST reads values by themselves, and the server's own.
TEST_F(S12UnjudgedLong, GrantsOnToast) {
  plant(
      R"sql(DROP TABLE public.hidden; CREATE TABLE public.long (id int, line text); ALTER TABLE public.long ALTER line
      SET STORAGE EXTERNAL;
    INSERT INTO public.long VALUES (1, repeat('kept ', 10000)); CREATE ROLE keeper; GRANT ALL ON SCHEMA pg_toast TO keeper,
      PUBLIC;
    DO $$ DECLARE toast text := (SELECT reltoastrelid::regclass FROM pg_class WHERE relname = 'long'); BEGIN
      EXECUTE 'GRANT SELECT ON ' || toast || ' TO PUBLIC, keeper';
      EXECUTE 'GRANT SELECT (chunk_data) ON ' || toast || ' TO PUBLIC, keeper'; END $$;
    UPDATE pg_class SET relacl = '{=r/postgres}' WHERE oid = 'pg_toast.pg_toast_1255'::regclass;
    UPDATE pg_namespace SET nspowner = 'keeper'::regrole WHERE oid = 99)sql");
  scenario_.write_policy("    public.users: {id: keep, email: email}\n    public.long: keep\n");
  scenario_.accept();
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value("SELECT length(line) FROM public.long"), "50000");
  const std::string toast =
      scenario_.staging_value("SELECT reltoastrelid::regclass FROM pg_class WHERE relname = 'long'");
  for (const std::string& table : {toast, std::string("pg_toast.pg_toast_1255")}) {
    EXPECT_THAT(scenario_.staging_value("SELECT count(chunk_data) FROM " + table),
                HasSubstr("permission denied"));
  }
  EXPECT_EQ(scenario_.staging_value(
                "SELECT nspowner || coalesce(nspacl::text, ' none') FROM pg_namespace WHERE oid = 99"),
            "10 none");
  EXPECT_EQ(scenario_.staging_value(
                "SELECT count(*) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE "
                "c.relkind = 't' AND (c.relacl IS NOT NULL OR a.attacl IS NOT NULL)"),
            "0");
}

TEST_F(S12UnjudgedLong, WhatOnlySeemsToBeTemporary) {
  plant("UPDATE pg_class SET relpersistence = 't' WHERE relname = 'hidden'");
  expect_refused("what only seems to be temporary: public.hidden");
}

TEST_F(S12UnjudgedLong, ATableAmongTheServersOwnIsJudgedLikeOthers) {
  plant("UPDATE pg_class SET relnamespace = 'information_schema'::regnamespace WHERE relname = 'hidden'");
  expect_refused("information_schema.hidden");
}

TEST_F(S12Unjudged, RowsInTablesOfTheServersOwn) {
  const std::string features = "SELECT count(*) FROM information_schema.sql_features";
  const std::string before = scenario_.production().value("shop", features);
  plant(fmt::format(R"sql(DROP TABLE public.hidden;
    INSERT INTO information_schema.sql_features (feature_id, comments) SELECT g, '{0}' FROM generate_series(1, 50) g;
    INSERT INTO information_schema.sql_parts (feature_id, comments) SELECT g, '{0}' FROM generate_series(1, 50) g;
    DELETE FROM information_schema.sql_parts WHERE comments = '{0}';
    UPDATE information_schema.sql_sizing SET comments = '{0}';)sql",
                    kMarker));
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value(features), before);
  EXPECT_EQ(scenario_.staging_value(
                "SELECT count(*) FROM information_schema.sql_sizing WHERE comments LIKE 'planted%'"),
            "0");
  EXPECT_THAT(scenario_.proof(), HasSubstr("every_relation_judged"));
  EXPECT_EQ(files_with_marker(), "");
}

TEST_F(S12UnjudgedLong, AColumnThatOneOfThemWasGiven) {
  plant(fmt::format(
      "DROP TABLE public.hidden; ALTER TABLE information_schema.sql_parts ADD COLUMN note text; UPDATE "
      "information_schema.sql_parts SET note = '{}'",
      kMarker));
  expect_refused("information_schema.sql_parts");
}

// Attributes that were dropped from a composite type are still in the values, as dropped columns are in rows.
TEST_F(S12UnjudgedLong, DroppedAttributesOfCompositeTypes) {
  plant(fmt::format(R"sql(DROP TABLE public.hidden;
    CREATE TYPE person AS (name text, contact text);
    CREATE DOMAIN known AS person CHECK ((VALUE).name <> '');
    CREATE TYPE pair AS (a person, n int);
    CREATE TABLE base (id int, contact text);
    CREATE TABLE kept (id int PRIMARY KEY, p person, many person[], k known, two pair, b base, c text);
    INSERT INTO kept SELECT g, ROW('it''s, "x"', '{0}')::person, ARRAY[ROW(NULL, '{0}')::person, NULL],
      ROW('n', '{0}')::known, ROW(ROW('n', '{0}')::person, 3)::pair, ROW(7, '{0}')::base, 'c'
      FROM generate_series(1, 20) g;
    INSERT INTO kept (id, p) VALUES (21, NULL), (22, ROW(NULL, '{0}'));
    CREATE TABLE masked (id int, p person, email text);
    INSERT INTO masked SELECT g, ROW('m', '{0}')::person, 'user@real.test' FROM generate_series(1, 20000) g;
    CREATE STATISTICS together ON p, two FROM kept;
    ANALYZE;
    ALTER TYPE person DROP ATTRIBUTE contact;
    ALTER TABLE base DROP COLUMN contact;)sql",
                    kMarker));
  scenario_.write_policy(
      "    public.users: {id: keep, email: email}\n    public.base: keep\n    public.kept: keep\n    "
      "public.masked: {id: "
      "keep, p: keep, email: email}\n");
  scenario_.accept();
  const std::string shown =
      "SELECT string_agg(format('%s %s %s %s %s', k, p, many, two, b), ';' ORDER BY id) FROM kept";
  const std::string before = scenario_.production().value("shop", shown);
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value(shown), before);
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM kept WHERE p IS NOT DISTINCT FROM NULL"), "1");
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM masked WHERE (p).name = 'm'"), "20000");
  EXPECT_EQ(files_with_marker(), "");
}

}  // namespace
}  // namespace ytb::testing
