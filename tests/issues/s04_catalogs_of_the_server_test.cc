// S4's kind: production's superuser may replace what every query uses: the server's own functions, operators,
// casts and views, or hang code on its catalogs. It would run with the power of whoever masks, on raw rows.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kPolicy = "    public.people: {id: keep, email: email}\n    public.leaks: keep\n";

class S04Catalogs : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.production().run("shop", R"sql(
      CREATE TABLE people (id int PRIMARY KEY, email text);
      CREATE TABLE leaks (line text);
      INSERT INTO people SELECT g, 'real' || g || '@person.test' FROM generate_series(1, 50) g;
      CREATE FUNCTION public.leak() RETURNS void LANGUAGE plpgsql AS $$BEGIN
        IF current_setting('listen_addresses') = '' THEN INSERT INTO public.leaks SELECT email FROM public.people; END IF;
        EXCEPTION WHEN OTHERS THEN NULL; END$$)sql");
    scenario_.write_policy(kPolicy);
    scenario_.accept();
  }
  void plant(const std::string& sql) {
    scenario_.production().run("shop", "SET allow_system_table_mods = on; " + sql);
  }
  void expect_refused(const std::string& named) {
    scenario_.forget_connection();
    scenario_.take_snapshot("monday");
    const RunResult result = scenario_.ytb({"refresh"});
    EXPECT_EQ(result.status, 8) << result.out << result.err;
    EXPECT_THAT(result.out + result.err, HasSubstr("belongs to PostgreSQL itself, in database"));
    EXPECT_THAT(result.out + result.err, HasSubstr(named));
    EXPECT_EQ(scenario_.live_copy(), "");
  }
  // The refresh succeeds, and nothing of production's ran in it.
  void expect_harmless() {
    scenario_.forget_connection();
    scenario_.take_snapshot("monday");
    scenario_.refresh();
    EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM public.leaks"), "0");
  }
  Scenario scenario_;
};
// Every sixth test of them, in the order of this file, is in `make test`; the others are in `make test-long`.
using S04CatalogsLong = S04Catalogs;

TEST_F(S04Catalogs, AFunctionOfTheServersThatWasReplaced) {
  plant(R"sql(CREATE OR REPLACE FUNCTION pg_catalog.pg_relation_size(regclass) RETURNS bigint LANGUAGE plpgsql
    AS $$BEGIN PERFORM public.leak(); RETURN 0; END$$)sql");
  expect_refused("function pg_catalog.pg_relation_size");
}

TEST_F(S04CatalogsLong, OneThatWasChangedByHand) {
  plant("UPDATE pg_proc SET prosrc = 'SELECT public.leak()::text' WHERE proname = 'shobj_description'");
  expect_refused("function pg_catalog.shobj_description");
}

TEST_F(S04CatalogsLong, AnOperatorWithOtherCode) {
  plant(R"sql(CREATE FUNCTION public.same(oid, oid) RETURNS bool LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN int8eq($1::int8, $2::int8); END$$;
    UPDATE pg_operator SET oprcode = 'public.same' WHERE oprname = '=' AND oprleft = 'oid'::regtype AND oprright =
    'oid'::regtype)sql");
  expect_refused("operator pg_catalog.=");
}

TEST_F(S04CatalogsLong, AnOperatorBesideTheServersOwn) {
  plant(R"sql(CREATE FUNCTION public.other(oid, int) RETURNS bool LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN $1 <> $2::oid; END$$;
    CREATE OPERATOR pg_catalog.<> (LEFTARG = oid, RIGHTARG = int, FUNCTION = public.other))sql");
  expect_refused("operator pg_catalog.<>");
}

TEST_F(S04CatalogsLong, AFunctionBesideTheServersOwn) {
  plant(R"sql(CREATE FUNCTION pg_catalog.quote_ident(name) RETURNS text LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN '"' || $1 || '"'; END$$)sql");
  expect_refused("function pg_catalog.quote_ident");
}

TEST_F(S04CatalogsLong, ACastWithOtherCode) {
  plant(R"sql(CREATE FUNCTION public.turn(int) RETURNS oid LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN 0; END$$;
    UPDATE pg_cast SET castmethod = 'f', castfunc = 'public.turn'::regproc WHERE castsource = 'int4'::regtype AND
    casttarget = 'oid'::regtype)sql");
  expect_refused("pg_cast");
}

TEST_F(S04Catalogs, ATypeWithOtherOutput) {
  plant("UPDATE pg_type SET typoutput = 'pg_catalog.boolout' WHERE typname = 'int4'");
  scenario_.take_snapshot("monday");
  EXPECT_EQ(scenario_.ytb({"refresh"}).status, 8);
}

TEST_F(S04CatalogsLong, ATriggerOnACatalog) {
  plant(R"sql(CREATE FUNCTION public.fire() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN new; END$$;
    CREATE TRIGGER fire BEFORE UPDATE ON pg_catalog.pg_proc FOR EACH ROW EXECUTE FUNCTION public.fire();
    ALTER TABLE pg_catalog.pg_proc ENABLE ALWAYS TRIGGER fire)sql");
  expect_refused("a trigger");
}

TEST_F(S04CatalogsLong, ARuleOnARelationOfTheServers) {
  plant(R"sql(CREATE RULE up AS ON INSERT TO information_schema.information_schema_catalog_name DO INSTEAD
    UPDATE pg_authid SET rolsuper = true WHERE rolname = 'staging')sql");
  expect_refused("a rule");
}

TEST_F(S04CatalogsLong, ACheckOnACatalog) {
  plant(R"sql(CREATE FUNCTION public.fine(name) RETURNS bool LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN true; END$$;
    ALTER TABLE pg_catalog.pg_namespace ADD CONSTRAINT fine CHECK (public.fine(nspname)))sql");
  expect_refused("a constraint");
}

// What an older minor version's initdb made looks like this, too.
TEST_F(S04CatalogsLong, AViewOfTheServersIsMadeAnew) {
  const std::string before =
      scenario_.production().value("shop", "SELECT pg_get_viewdef('pg_catalog.pg_cursors')");
  plant(
      R"sql(CREATE OR REPLACE VIEW pg_catalog.pg_cursors AS SELECT rolname::text COLLATE "default" AS name,
    rolpassword COLLATE "default" AS statement,
    true AS is_holdable, true AS is_binary, true AS is_scrollable, now() AS creation_time FROM pg_authid)sql");
  expect_harmless();
  EXPECT_EQ(scenario_.staging_value("SELECT pg_get_viewdef('pg_catalog.pg_cursors')"), before);
}

TEST_F(S04CatalogsLong, GrantsAndOwnersOfTheServersOwnAreProductionsToChoose) {
  plant(R"sql(REVOKE EXECUTE ON FUNCTION pg_catalog.textin(cstring) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION pg_catalog.textin(cstring) TO PUBLIC;
    ALTER FUNCTION pg_catalog.md5(text) COST 5; CREATE ROLE keeper; ALTER FUNCTION pg_catalog.upper(text) OWNER TO keeper;
    ALTER TYPE pg_catalog.point OWNER TO keeper; REVOKE SELECT ON pg_catalog.pg_settings FROM PUBLIC;
    CREATE EXTENSION citext; DROP EXTENSION plpgsql CASCADE; CREATE EXTENSION plpgsql)sql");
  expect_harmless();
}

// What hangs on a catalog without being a trigger, rule or constraint: the planner asks it.
TEST_F(S04Catalogs, AStatisticsObjectOnACatalog) {
  if (postgres_major() < 14) GTEST_SKIP() << "statistics have no expressions before 14";
  plant(R"sql(CREATE FUNCTION public.trig(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN PERFORM public.leak(); RETURN $1; END$$;
    CREATE STATISTICS public.st ON (relpages + public.trig(1)) FROM pg_class)sql");
  expect_refused("a statistics object hangs on relation 1259");
}

TEST_F(S04CatalogsLong, AChildOfACatalog) {
  plant(R"sql(CREATE TABLE public.kid (LIKE pg_namespace);
    CREATE TABLE public.parent (a int); CREATE TABLE public.child () INHERITS (public.parent);
    UPDATE pg_inherits SET inhrelid = 'public.kid'::regclass, inhparent = 'pg_namespace'::regclass;
    UPDATE pg_class SET relhassubclass = true WHERE oid = 'pg_namespace'::regclass)sql");
  expect_refused("a child table hangs on relation 2615");
}

TEST_F(S04CatalogsLong, AnotherNameForOneOfTheServersWithADefault) {
  plant(R"sql(CREATE FUNCTION public.trig(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN PERFORM public.leak(); RETURN $1; END$$;
    CREATE FUNCTION pg_catalog.quote_ident(name, int DEFAULT public.trig(1)) RETURNS text LANGUAGE internal
      IMMUTABLE STRICT AS 'name_text')sql");
  expect_refused("function pg_catalog.quote_ident");
}

TEST_F(S04CatalogsLong, AnIndexOfACatalogThatComparesOtherwise) {
  plant(R"sql(CREATE FUNCTION public.compare(oid, oid) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN PERFORM public.leak(); RETURN btoidcmp($1, $2); END$$;
    CREATE OPERATOR CLASS public.other FOR TYPE oid USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =,
      OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 public.compare(oid, oid);
    UPDATE pg_index SET indclass = replace(indclass::text, '1981 1981', (SELECT oid FROM pg_opclass WHERE opcname =
      'other') || ' 1981')::oidvector WHERE indexrelid = 'pg_init_privs_o_c_o_index'::regclass)sql");
  expect_refused("of pg_index is not the server's own");
}

TEST_F(S04CatalogsLong, ColumnsThatChangedTheirNames) {
  plant(R"sql(
    UPDATE pg_attribute SET attname = 'ytb' WHERE attrelid = 'pg_index'::regclass AND attname = 'indislive';
    UPDATE pg_attribute SET attname = 'indislive' WHERE attrelid = 'pg_index'::regclass AND attname = 'indcheckxmin';
    UPDATE pg_attribute SET attname = 'indcheckxmin' WHERE attrelid = 'pg_index'::regclass AND attname = 'ytb')sql");
  expect_refused("a column of a catalog");
}

TEST_F(S04CatalogsLong, WhatATypeStandsFor) {
  plant(R"sql(CREATE FUNCTION public.said(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN PERFORM public.leak(); RETURN $1; END$$;
    CREATE DOMAIN public.word AS text DEFAULT public.said('x');
    UPDATE pg_type SET typdefaultbin = (SELECT typdefaultbin FROM pg_type WHERE typname = 'word'), typdefault = 'x'
      WHERE oid = 'text'::regtype)sql");
  expect_refused("of pg_type is not the server's own");
}

// An index of a catalog may lead elsewhere than the catalog says.
TEST_F(S04Catalogs, AnIndexThatLeadsElsewhere) {
  plant(R"sql(CREATE SEQUENCE public.any_sequence;
    CREATE FUNCTION public.evil(regclass) RETURNS int8 LANGUAGE plpgsql AS
      $$BEGIN PERFORM public.leak(); RETURN 8192; END$$;
    UPDATE pg_proc SET oid = 99999 WHERE oid = 2325;
    UPDATE pg_proc SET oid = 2325 WHERE proname = 'evil';
    UPDATE pg_index SET indislive = false, indisready = false, indisvalid = false
      WHERE indexrelid = 'pg_proc_oid_index'::regclass;
    UPDATE pg_class SET relname = relname WHERE oid = 1255)sql");
  plant(R"sql(UPDATE pg_proc SET oid = 77777 WHERE proname = 'evil';
    UPDATE pg_proc SET oid = 2325 WHERE oid = 99999;
    UPDATE pg_index SET indislive = true, indisready = true, indisvalid = true
      WHERE indexrelid = 'pg_proc_oid_index'::regclass;
    UPDATE pg_class SET relname = relname WHERE oid = 1255)sql");
  expect_harmless();
  EXPECT_EQ(scenario_.staging_value("SELECT 2325::regprocedure"), "pg_relation_size(regclass)");
}

// The comparison itself must not look anything up by an index of production's: COPY asks what sends a "char".
TEST_F(S04CatalogsLong, AnIndexThatTheComparisonItselfWouldUse) {
  plant(R"sql(CREATE TYPE public.decoy AS ENUM ('a');
    CREATE FUNCTION public.evil(int) RETURNS bytea LANGUAGE plpgsql AS
      $$BEGIN RAISE 'evil ran'; END$$;
    UPDATE pg_type SET typsend = 'public.evil' WHERE typname = 'decoy';
    UPDATE pg_type SET oid = CASE oid WHEN 18 THEN 99999 ELSE 18 END WHERE oid = 18 OR typname = 'decoy';
    UPDATE pg_index SET indislive = false, indisready = false, indisvalid = false
      WHERE indexrelid = 'pg_type_oid_index'::regclass;
    UPDATE pg_class SET relname = relname WHERE oid = 1247)sql");
  plant(
      R"sql(UPDATE pg_type SET oid = (SELECT enumtypid FROM pg_enum WHERE enumlabel = 'a') WHERE typname = 'decoy';
    UPDATE pg_type SET oid = 18 WHERE oid = 99999;
    UPDATE pg_index SET indislive = true, indisready = true, indisvalid = true
      WHERE indexrelid = 'pg_type_oid_index'::regclass;
    UPDATE pg_class SET relname = relname WHERE oid = 1247)sql");
  scenario_.take_snapshot("monday");
  const RunResult result = scenario_.ytb({"refresh"});
  EXPECT_EQ(result.status, 8);
  EXPECT_THAT(result.out + result.err, HasSubstr("do not fit, in database shop: type public.decoy"));
}

// The trees of views are as they were, and lead to other functions under the same numbers.
TEST_F(S04CatalogsLong, TwoFunctionsThatChangedNumbers) {
  plant(R"sql(
    CREATE TEMP TABLE two AS SELECT oid, proname FROM pg_proc WHERE proname IN ('_pg_truetypid', '_pg_truetypmod')
      AND pronamespace = 'information_schema'::regnamespace;
    UPDATE pg_proc p SET oid = 99999 FROM two t WHERE p.oid = t.oid AND t.proname = '_pg_truetypid';
    UPDATE pg_proc p SET oid = (SELECT oid FROM two WHERE proname = '_pg_truetypid') FROM two t
      WHERE p.oid = t.oid AND t.proname = '_pg_truetypmod';
    UPDATE pg_proc SET oid = (SELECT oid FROM two WHERE proname = '_pg_truetypmod') WHERE oid = 99999)sql");
  scenario_.take_snapshot("monday");
  const RunResult result = scenario_.refresh();
  EXPECT_THAT(result.out + result.err,
              HasSubstr("view information_schema.columns of shop was not as these programs make it"));
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM information_schema.columns WHERE table_name = "
                                    "'people' AND data_type IN ('integer', 'text')"),
            "2");
}

// What an operator of the server's own hashes by is taken from the first row that names it, whatever the
// family.
TEST_F(S04CatalogsLong, AHashForOrderingBeforeTheServersOwn) {
  plant(R"sql(CREATE FUNCTION public.hoid(oid) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
      $$BEGIN PERFORM public.leak(); RETURN hashoid($1); END$$;
    CREATE OPERATOR CLASS public.myoid FOR TYPE oid USING hash AS OPERATOR 1 =, FUNCTION 1 public.hoid(oid);
    UPDATE pg_amop SET amoppurpose = 'o' WHERE amopfamily = (SELECT oid FROM pg_opfamily WHERE opfname = 'myoid'))sql");
  expect_refused("orders by an operator that only searches");
}

TEST_F(S04CatalogsLong, AnOrderOfTheSameKind) {
  plant(R"sql(CREATE FUNCTION public.cmp(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
      $$BEGIN PERFORM public.leak(); RETURN btint4cmp($1, $2); END$$;
    CREATE OPERATOR CLASS public.myint FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >,
      FUNCTION 1 public.cmp(int, int);
    UPDATE pg_amop SET amoppurpose = 'o' WHERE amopstrategy = 1 AND
      amopfamily = (SELECT oid FROM pg_opfamily WHERE opfname = 'myint'))sql");
  expect_refused("orders by an operator that only searches");
}

TEST_F(S04CatalogsLong, AFamilyThatPosesAsAHash) {
  plant(R"sql(CREATE FUNCTION public.cmp(oid, oid) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
      $$BEGIN PERFORM public.leak(); RETURN btoidcmp($1, $2); END$$;
    CREATE OPERATOR CLASS public.myoid FOR TYPE oid USING btree AS OPERATOR 3 =, FUNCTION 1 public.cmp(oid, oid);
    UPDATE pg_amop SET amoppurpose = 'o', amopmethod = 405, amopstrategy = 1 WHERE
      amopfamily = (SELECT oid FROM pg_opfamily WHERE opfname = 'myoid'))sql");
  expect_refused("orders by an operator that only searches");
}

// A prepared transaction holds its locks on catalogs, too.
// It used to hold the first start, and with it every refresh, for twelve hours.
TEST_F(S04Catalogs, WhatAPreparedTransactionKeepsFromStarting) {
  plant(
      R"sql(CREATE ROLE r1; BEGIN; LOCK TABLE pg_catalog.pg_shseclabel IN ACCESS EXCLUSIVE MODE; ALTER ROLE r1 CREATEDB;
    PREPARE TRANSACTION 'held')sql");
  scenario_.take_snapshot("monday");
  const RunResult result = scenario_.ytb({"refresh"});
  EXPECT_EQ(result.status, 8) << result.out;
  EXPECT_THAT(result.err, HasSubstr("a prepared transaction of production's holds a lock"));
  EXPECT_EQ(scenario_.live_copy(), "");
}

TEST_F(S04CatalogsLong, WhatAPreparedTransactionHasLooked) {
  plant(R"sql(BEGIN; SELECT count(*) FROM pg_tables; SELECT count(*) FROM information_schema.columns;
    CREATE TABLE public.pending (a int); INSERT INTO public.leaks VALUES ('pending'); PREPARE TRANSACTION 'two phase')sql");
  expect_harmless();
  EXPECT_THAT(scenario_.proof(), HasSubstr("1 prepared transactions rolled back in database shop"));
}

// The count outlives a run that is killed after the rollback and before the catalogs are ours to write.
TEST_F(S04CatalogsLong, WhatWasRolledBackIsToldAfterAKill) {
  plant(R"sql(BEGIN; CREATE TABLE public.pending (a int); PREPARE TRANSACTION 'first';
    BEGIN; CREATE TABLE public.waiting (a int); PREPARE TRANSACTION 'second';
    INSERT INTO pg_shseclabel VALUES (10, 1260, 'yesterdaytabase: prepared in shop', '7'))sql");
  scenario_.take_snapshot("monday");
  EXPECT_EQ(scenario_.crashing_ytb("stage:roles", {"refresh"}).status, 128 + 9);
  scenario_.refresh();
  EXPECT_THAT(scenario_.proof(), HasSubstr("2 prepared transactions rolled back in database shop"));
}

// What was granted beyond initdb's grants is measured against a catalog that production could write.
TEST_F(S04CatalogsLong, WhatInitdbGrantedIsNotProductionsToSay) {
  plant(R"sql(
    UPDATE pg_init_privs SET initprivs = '{=X/postgres}' WHERE objoid = 'pg_hba_file_rules()'::regprocedure;
    GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO PUBLIC;
    DELETE FROM pg_init_privs WHERE objoid = 'pg_show_all_file_settings()'::regprocedure;
    GRANT EXECUTE ON FUNCTION pg_show_all_file_settings() TO PUBLIC;
    UPDATE pg_init_privs SET initprivs = '{postgres=arwdDxt/postgres,=r/postgres}' WHERE objoid = 'pg_authid'::regclass;
    GRANT SELECT ON pg_authid TO PUBLIC;
    DELETE FROM pg_init_privs WHERE objoid = 'pg_statistic'::regclass;
    GRANT SELECT ON pg_statistic TO PUBLIC)sql");
  expect_harmless();
  for (const char* query :
       {"SELECT count(*) FROM pg_hba_file_rules()", "SELECT count(*) FROM pg_show_all_file_settings()",
        "SELECT count(*) FROM pg_authid", "SELECT count(*) FROM pg_statistic"}) {
    EXPECT_THAT(scenario_.staging_value(query), HasSubstr("permission denied")) << query;
  }
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) > 0 FROM pg_roles"), "t");
}

TEST_F(S04CatalogsLong, AColumnOfACatalogOfAnotherType) {
  plant(
      "CREATE DOMAIN public.other AS int; UPDATE pg_attribute SET atttypid = 'public.other'::regtype WHERE "
      "attrelid = "
      "'pg_description'::regclass AND attname = 'objsubid'");
  expect_refused("a column of a catalog");
}

TEST_F(S04CatalogsLong, ARuleUnderALowNumber) {
  plant(R"sql(CREATE RULE up AS ON UPDATE TO pg_catalog.pg_proc DO ALSO SELECT public.leak();
    UPDATE pg_rewrite SET oid = 15990 WHERE rulename = 'up')sql");
  expect_refused("a rule");
}

TEST_F(S04Catalogs, AnIndexOnACatalog) {
  plant("CREATE INDEX mine ON pg_catalog.pg_proc (proowner)");
  expect_refused("an index");
}

TEST_F(S04CatalogsLong, ACastBesideTheServersOwn) {
  plant(R"sql(CREATE FUNCTION public.say(aclitem) RETURNS text LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN ''; END$$;
    CREATE CAST (aclitem AS text) WITH FUNCTION public.say(aclitem))sql");
  expect_refused("the cast of aclitem to text runs code");
}

TEST_F(S04CatalogsLong, ACastOfANameThatOurStatementsSay) {
  plant(R"sql(CREATE FUNCTION public.say(regprocedure) RETURNS text LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN ''; END$$;
    CREATE CAST (regprocedure AS text) WITH FUNCTION public.say(regprocedure))sql");
  expect_refused("the cast of regprocedure to text runs code");
}

// One that is applied unasked may tip the choice of an operator.
TEST_F(S04CatalogsLong, ACastThatNobodyNeedsToSay) {
  plant(R"sql(CREATE FUNCTION public.say(bool) RETURNS bigint LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN 0; END$$;
    CREATE CAST (bool AS bigint) WITH FUNCTION public.say(bool) AS IMPLICIT)sql");
  expect_refused("the cast of bool to int8 runs code");
}

TEST_F(S04CatalogsLong, ATableUnderALowNumber) {
  plant("CREATE TABLE public.low (line text); UPDATE pg_class SET oid = 15001 WHERE relname = 'low'");
  expect_refused("a relation");
}

TEST_F(S04CatalogsLong, AConditionThatAViewsTextDoesNotShow) {
  plant(R"sql(CREATE FUNCTION public.seen(bool) RETURNS bool LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN true; END$$;
    CREATE OR REPLACE VIEW pg_catalog.pg_cursors AS SELECT * FROM pg_cursor() AS c (name, statement, is_holdable,
      is_binary, is_scrollable, creation_time) WHERE public.seen(true))sql");
  expect_harmless();
}

// What initdb made, under numbers that it counted.
TEST_F(S04Catalogs, TheCodeOfAFunctionThatInitdbNumbered) {
  if (postgres_major() < 14) GTEST_SKIP() << "functions have no trees before 14";
  plant(R"sql(CREATE FUNCTION public.index_position(oid, int2) RETURNS int LANGUAGE sql STABLE
    RETURN (SELECT 1 FROM public.leak());
    UPDATE pg_proc SET prosqlbody = (SELECT prosqlbody FROM pg_proc WHERE proname = 'index_position')
      WHERE proname = '_pg_index_position')sql");
  expect_refused("_pg_index_position is not the server's own");
}

TEST_F(S04CatalogsLong, OneThatWasMovedAmongTheServersOwn) {
  plant("UPDATE pg_proc SET pronamespace = 11 WHERE proname = '_pg_truetypmod'");
  expect_refused("_pg_truetypmod is not the server's own");
}

TEST_F(S04CatalogsLong, ATypeThatInitdbNumbered) {
  plant("UPDATE pg_type SET typoutput = 'pg_catalog.boolout' WHERE typname = 'cardinal_number'");
  expect_refused("type cardinal_number");
}

TEST_F(S04CatalogsLong, TheLanguageOfOurOwnFunctions) {
  plant(R"sql(CREATE FUNCTION public.fine(oid) RETURNS void LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); END$$;
    UPDATE pg_language SET lanvalidator = 'public.fine'::regproc WHERE lanname = 'plpgsql')sql");
  expect_refused("language plpgsql");
}

TEST_F(S04CatalogsLong, AMemberOfAFamilyOfTheServersOwn) {
  plant(R"sql(CREATE FUNCTION public.cmp(oid, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN 0; END$$;
    ALTER OPERATOR FAMILY pg_catalog.integer_ops USING btree ADD FUNCTION 1 (oid, int) public.cmp(oid, int))sql");
  expect_refused("operator family 1976 of the server's own");
}

TEST_F(S04CatalogsLong, AnOperatorInAFamilyOfTheServersOwn) {
  plant(R"sql(CREATE FUNCTION public.eq(name, int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN true; END$$;
    CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = int, FUNCTION = public.eq);
    ALTER OPERATOR FAMILY pg_catalog.text_ops USING btree ADD OPERATOR 3 public.= (name, int))sql");
  expect_refused("of the server's own has a member too many");
}

TEST_F(S04Catalogs, OneForATypeOfProductionsInItsLanguages) {
  plant(R"sql(CREATE TYPE public.mood AS ENUM ('glad');
    CREATE FUNCTION public.cmp(public.mood, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN 0; END$$;
    ALTER OPERATOR FAMILY pg_catalog.integer_ops USING btree ADD FUNCTION 1 (public.mood, int)
      public.cmp(public.mood, int))sql");
  expect_refused("of the server's own has a member too many");
}

TEST_F(S04CatalogsLong, ADefaultWayToCompareATypeOfTheServersOwn) {
  plant(R"sql(CREATE FUNCTION public.cmp(regclass, regclass) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN btoidcmp($1, $2); END$$;
    CREATE OPERATOR CLASS public.regclass_ops DEFAULT FOR TYPE regclass USING btree AS
      OPERATOR 1 < (oid, oid), OPERATOR 3 = (oid, oid), OPERATOR 5 > (oid, oid), FUNCTION 1 public.cmp(regclass, regclass))sql");
  expect_refused("type regclass has a default operator class");
}

TEST_F(S04CatalogsLong, ADefaultWayToHashAnArrayOfTheServersOwn) {
  plant(R"sql(CREATE FUNCTION public.h(text[]) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN 0; END$$;
    CREATE OPERATOR CLASS public.texts_ops DEFAULT FOR TYPE text[] USING hash AS
      OPERATOR 1 = (anyarray, anyarray), FUNCTION 1 public.h(text[]))sql");
  expect_refused("type _text has a default operator class");
}

TEST_F(S04CatalogsLong, AnAggregateBesideTheServersOwn) {
  plant(R"sql(CREATE FUNCTION public.add(text, name) RETURNS text LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN $1; END$$;
    CREATE AGGREGATE pg_catalog.min(name) (SFUNC = public.add, STYPE = text))sql");
  expect_refused("an aggregate of pg_catalog");
}

// What only the server can give is taken by no language but C, unless the catalog is written by hand.
TEST_F(S04CatalogsLong, ATextSearchParserThatIsNotInC) {
  plant(R"sql(CREATE FUNCTION public.over(int) RETURNS void LANGUAGE sql AS 'SELECT public.leak()';
    UPDATE pg_proc SET proargtypes = '2281' WHERE proname = 'over';
    CREATE TEXT SEARCH PARSER public.other (START = prsd_start, GETTOKEN = prsd_nexttoken, END = public.over,
      LEXTYPES = prsd_lextype))sql");
  expect_refused("text search parser other");
}

TEST_F(S04CatalogsLong, AnAccessMethodThatIsNotInC) {
  plant(R"sql(CREATE FUNCTION public.handle() RETURNS int8 LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN 0; END$$;
    CREATE ACCESS METHOD other TYPE TABLE HANDLER heap_tableam_handler;
    UPDATE pg_am SET amhandler = 'public.handle'::regproc WHERE amname = 'other')sql");
  expect_refused("access method other");
}

TEST_F(S04Catalogs, ATypeWhoseModifiersAreNotInC) {
  plant(R"sql(CREATE FUNCTION public.say(int) RETURNS text LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN ''; END$$;
    CREATE TYPE public.mood AS ENUM ('glad');
    UPDATE pg_type SET typmodout = 'public.say'::regproc WHERE typname = 'mood')sql");
  expect_refused("type mood has functions");
}

TEST_F(S04CatalogsLong, ASupportFunctionThatIsNotInC) {
  plant(R"sql(CREATE FUNCTION public.helped(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';
    UPDATE pg_proc SET prosupport = 'public.leak'::regproc WHERE proname = 'helped')sql");
  expect_refused("a support function of the planner");
}

TEST_F(S04CatalogsLong, AConversionThatIsNotInC) {
  plant(R"sql(CREATE FUNCTION public.turn() RETURNS int LANGUAGE sql AS 'SELECT 0 FROM public.leak()';
    INSERT INTO pg_conversion SELECT 99999, 'other', 2200, 10, pg_char_to_encoding('LATIN1'),
      pg_char_to_encoding('UTF8'), 'public.turn', true)sql");
  expect_refused("conversion other");
}

TEST_F(S04CatalogsLong, AConversionOfTheServersWithOtherCode) {
  plant(
      "UPDATE pg_conversion SET conproc = 'pg_catalog.iso8859_to_utf8' WHERE conname = 'iso_8859_1_to_utf8'");
  expect_refused("pg_conversion");
}

TEST_F(S04CatalogsLong, ACheckOnADomainOfTheServers) {
  plant(R"sql(CREATE FUNCTION public.fine(text) RETURNS bool LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN true; END$$;
    ALTER DOMAIN information_schema.character_data ADD CONSTRAINT fine CHECK (public.fine(VALUE::text)))sql");
  expect_refused("a constraint");
}

TEST_F(S04CatalogsLong, WhatExtensionsAddToTheServersTypesIsTheirs) {
  plant(
      R"sql(CREATE EXTENSION btree_gin; CREATE EXTENSION btree_gist; CREATE EXTENSION pg_trgm; CREATE EXTENSION ltree;
    CREATE EXTENSION hstore; CREATE EXTENSION intarray; CREATE EXTENSION unaccent; CREATE EXTENSION dict_int;
    CREATE EXTENSION bloom; CREATE EXTENSION citext; CREATE EXTENSION cube; CREATE EXTENSION isn;
    CREATE INDEX ON public.people USING gin (id, email gin_trgm_ops);
    CREATE TEXT SEARCH CONFIGURATION public.plain (COPY = pg_catalog.english);
    ALTER TEXT SEARCH CONFIGURATION public.plain ALTER MAPPING FOR word WITH public.unaccent, english_stem;
    CREATE OPERATOR CLASS public.int4_kinds FOR TYPE int4 USING btree FAMILY pg_catalog.integer_ops AS
      STORAGE int4)sql");
  expect_harmless();
}

// Names and marks that production writes are not ours: with them it could say that a table is masked already.
class S04Names : public S04Catalogs {
 protected:
  void expect_reserved(const std::string& sql, const std::string& named) {
    scenario_.production().run("shop", sql);
    scenario_.forget_connection();
    scenario_.take_snapshot("monday");
    const RunResult result = scenario_.ytb({"refresh"});
    EXPECT_EQ(result.status, 8) << result.out << result.err;
    EXPECT_THAT(result.out + result.err, HasSubstr("reserved for yesterdaytabase"));
    EXPECT_THAT(result.out + result.err, HasSubstr(named));
    EXPECT_EQ(scenario_.live_copy(), "");
  }
};

TEST_F(S04Names, AForgedProgressOfMasking) {
  expect_reserved(
      R"sql(CREATE ROLE plain; GRANT CREATE ON DATABASE shop TO plain; SET SESSION AUTHORIZATION plain;
    CREATE SCHEMA yesterdaytabase_progress;
    COMMENT ON SCHEMA yesterdaytabase_progress IS 'yesterdaytabase: progress of masking, format 2';
    CREATE TABLE yesterdaytabase_progress.event_triggers (name text PRIMARY KEY, state text NOT NULL);
    CREATE TABLE yesterdaytabase_progress.deeds (id int GENERATED ALWAYS AS IDENTITY, line text PRIMARY KEY);
    CREATE TABLE yesterdaytabase_progress.steps (step text PRIMARY KEY);
    CREATE TABLE yesterdaytabase_progress.tables (relation oid PRIMARY KEY, indexed bool NOT NULL, evidence text NOT
      NULL, indexes text NOT NULL, kept_read text NOT NULL, kept_found text NOT NULL);
    INSERT INTO yesterdaytabase_progress.tables VALUES ('public.people'::regclass, true,
      '{"format":1,"inputs":"","defused":[],"checks":[],"tables":[],"notes":[]}', '', '50:00', '50:00'))sql",
      "schema yesterdaytabase_progress");
}

TEST_F(S04Names, ARoleOfReaders) {
  expect_reserved("CREATE ROLE yesterdaytabase_readers", "role yesterdaytabase_readers");
}

TEST_F(S04Names, AFunctionCalledLikeTheGuard) {
  expect_reserved(
      "CREATE FUNCTION public.yesterdaytabase_no_extensions(text) RETURNS bytea LANGUAGE internal AS "
      "'pg_read_binary_file_all'",
      "function yesterdaytabase_no_extensions");
}

TEST_F(S04Names, ALabelOfAFormerSuperuserGivesNothing) {
  plant(R"sql(CREATE ROLE other; CREATE TABLE public.hers (a int); ALTER TABLE public.hers OWNER TO other;
    CREATE ROLE labelled; INSERT INTO pg_shseclabel (objoid, classoid, provider, label) SELECT oid, 1260,
    'yesterdaytabase: former superuser', 'yes' FROM pg_authid WHERE rolname = 'labelled')sql");
  scenario_.write_policy(std::string(kPolicy) + "    public.hers: keep\n");
  scenario_.accept();
  expect_harmless();
  EXPECT_EQ(scenario_.staging_value("SELECT pg_has_role('labelled', 'other', 'MEMBER')"), "f");
}

// Another name for one of the server's functions has neither its grants nor its mark of being volatile.
class S04Aliases : public S04Catalogs {
 protected:
  void SetUp() override {
    Scenario::Options& options = scenario_.options();
    options.copies_extra = "        isolation: {none: \"the seal is another wall\"}\n";
    scenario_.write_config();
    S04Catalogs::SetUp();
  }
};

TEST_F(S04Aliases, BehindAnOperatorReachesNoFile) {
  plant(R"sql(CREATE FUNCTION public.grab(text) RETURNS oid LANGUAGE internal STRICT AS 'be_lo_import';
    CREATE OPERATOR public.!~> (RIGHTARG = text, FUNCTION = public.grab))sql");
  EXPECT_NE(scenario_.production().value("shop", "SELECT OPERATOR(public.!~>) '/etc/hostname'"), "");
  scenario_.production().run("shop", "SELECT lo_unlink(oid) FROM pg_largeobject_metadata");
  scenario_.take_snapshot("monday");
  scenario_.refresh();
  EXPECT_THAT(scenario_.staging_value("SELECT OPERATOR(public.!~>) '/etc/hostname'"), HasSubstr("<error"));
}

TEST_F(S04Aliases, InAnExtensionReachesNoFile) {
  plant(R"sql(CREATE FUNCTION public.grab(text) RETURNS oid LANGUAGE internal STRICT AS 'be_lo_import';
    ALTER EXTENSION plpgsql ADD FUNCTION public.grab(text))sql");
  scenario_.take_snapshot("monday");
  scenario_.refresh();
  EXPECT_THAT(scenario_.staging_value("SELECT public.grab('/etc/hostname')"), HasSubstr("<error"));
}

TEST_F(S04Aliases, InAGeneratedColumnRunsNoQuery) {
  plant(
      R"sql(CREATE FUNCTION public.ask(text, bool, bool, text) RETURNS xml LANGUAGE internal IMMUTABLE AS 'query_to_xml';
    ALTER EXTENSION plpgsql ADD FUNCTION public.ask(text, bool, bool, text);
    ALTER TABLE public.leaks ADD COLUMN seen text GENERATED ALWAYS AS (
      public.ask('SELECT email FROM public.people', true, false, '')::text) STORED;
    INSERT INTO public.leaks (line) VALUES ('x'))sql");
  scenario_.take_snapshot("monday");
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM public.leaks WHERE seen LIKE '%real%'"), "0");
}

// A number that is taken for an address reads and writes the server's memory.
TEST_F(S04Aliases, OfOtherTypesReachNoMemory) {
  plant(R"sql(
    CREATE FUNCTION public.address(bytea) RETURNS int8 LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'int8up';
    CREATE FUNCTION public.read(int8) RETURNS uuid LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'int8up';
    CREATE FUNCTION public.write(int8, int4) RETURNS int8 LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS
      'int4_avg_accum';
    CREATE FUNCTION public.fewer(int8) RETURNS int8 LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'int8pl';
    CREATE OPERATOR public.?@ (RIGHTARG = bytea, FUNCTION = public.address);
    CREATE OPERATOR public.@? (RIGHTARG = int8, FUNCTION = public.read);
    CREATE OPERATOR public.@?@ (LEFTARG = int8, RIGHTARG = int4, FUNCTION = public.write);
    CREATE OPERATOR public.-?- (RIGHTARG = int8, FUNCTION = public.fewer))sql");
  scenario_.take_snapshot("monday");
  scenario_.refresh();
  for (const char* query : {R"(SELECT public.address('\x00'))", "SELECT public.fewer(1)"}) {
    EXPECT_THAT(scenario_.staging_value(query), HasSubstr("<error")) << query;
  }
  EXPECT_EQ(scenario_.staging_value(
                "SELECT count(*) FROM pg_proc WHERE pronamespace = 2200 AND prosrc IN ('int8up', "
                "'int4_avg_accum', 'int8pl')"),
            "0");
}

// What the parser and the executor go by besides: the columns that are given, what calls are gathered into an
// array of, whether NULL is passed, the type of rows and ranges.
TEST_F(S04Aliases, OfOtherColumnsOrCallsReachNoMemory) {
  plant(R"sql(CREATE EXTENSION citext;
    CREATE FUNCTION public.columns(json, OUT key text, OUT value bigint) RETURNS SETOF record LANGUAGE internal IMMUTABLE
      STRICT PARALLEL SAFE AS 'json_each_text';
    CREATE FUNCTION public.boxes(json, OUT key text, OUT value box) RETURNS SETOF record LANGUAGE internal IMMUTABLE
      STRICT PARALLEL SAFE AS 'json_each_text';
    CREATE FUNCTION public.bare(json) RETURNS SETOF record LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS
      'json_each_text';
    CREATE TYPE public.row AS (key text, value bigint);
    CREATE FUNCTION public.rows(json) RETURNS SETOF public.row LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS
      'json_each_text';
    CREATE FUNCTION public.gather(internal) RETURNS numeric LANGUAGE internal IMMUTABLE PARALLEL SAFE AS 'numeric_sum';
    UPDATE pg_proc SET provariadic = 20 WHERE proname = 'gather';
    CREATE FUNCTION public.number(int8) RETURNS numeric LANGUAGE internal IMMUTABLE PARALLEL SAFE AS 'numeric_sum';
    CREATE FUNCTION public.lax(text) RETURNS int4 LANGUAGE internal IMMUTABLE PARALLEL SAFE AS 'textlen';
    CREATE FUNCTION public.more(text) RETURNS text LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'upper';
    UPDATE pg_proc SET proargtypes = '25 25', prorettype = 20 WHERE proname = 'more';
    CREATE TYPE public.texts AS RANGE (subtype = text);
    CREATE FUNCTION public.texts_up(public.texts) RETURNS public.texts LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE
      AS 'int4range_canonical';
    CREATE TYPE public.numbers AS RANGE (subtype = int8);
    CREATE FUNCTION public.spread(int8, int8) RETURNS public.numbers LANGUAGE internal IMMUTABLE PARALLEL SAFE AS
      'range_constructor2';
    UPDATE pg_proc SET provariadic = 20 WHERE proname = 'spread';
    CREATE FUNCTION public.fine(json, OUT name text, OUT said text) RETURNS SETOF record LANGUAGE internal IMMUTABLE
      STRICT PARALLEL SAFE AS 'json_each_text';
    CREATE FUNCTION public.low(citext) RETURNS citext LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'lower';
    CREATE FUNCTION public.none() RETURNS float8 LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'dpi';
    DO $$ DECLARE f regprocedure; BEGIN FOR f IN SELECT oid FROM pg_proc WHERE prolang = 12 AND pronamespace = 2200 AND
      proname IN ('columns', 'boxes', 'bare', 'rows', 'gather', 'number', 'lax', 'texts_up', 'spread', 'fine', 'low',
        'none')
      LOOP EXECUTE 'ALTER EXTENSION citext ADD FUNCTION ' || f; END LOOP; END $$;
    INSERT INTO pg_depend (classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype) SELECT
      'pg_proc'::regclass, p.oid, 0, 'pg_extension'::regclass, e.oid, 0, 'e' FROM pg_proc p, pg_extension e WHERE
      p.proname = 'more' AND p.pronamespace = 2200 AND e.extname = 'citext')sql");
  scenario_.take_snapshot("monday");
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value(
                "SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc WHERE prolang = 12 "
                "AND pronamespace = 2200 AND proname IN ('columns', 'boxes', 'bare', 'rows', "
                "'gather', 'number', 'lax', 'more', 'texts_up', 'spread') AND prosrc <> "
                "'language_handler_in'"),
            "");
  EXPECT_THAT(scenario_.staging_value(R"(SELECT value FROM public.columns('{"a": "hello"}'))"),
              HasSubstr("<error"));
  EXPECT_EQ(scenario_.staging_value(R"(SELECT name || said FROM public.fine('{"a": "hello"}'))"), "ahello");
  EXPECT_EQ(scenario_.staging_value("SELECT public.low('ANN')"), "ann");
  EXPECT_EQ(scenario_.staging_value("SELECT public.none() > 3"), "t");
}

TEST_F(S04Aliases, WhatRangesAndIsnNeedWorks) {
  plant(R"sql(CREATE EXTENSION isn; CREATE TYPE public.span AS RANGE (subtype = float8);
    ALTER TABLE public.people ADD COLUMN book isbn13, ADD COLUMN during public.span;
    UPDATE public.people SET book = '978-0-393-04002-9', during = public.span(1, id + 1))sql");
  scenario_.write_policy(
      "    public.people: {id: keep, email: email, book: keep, during: keep}\n    public.leaks: keep\n");
  scenario_.accept();
  scenario_.take_snapshot("monday");
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM public.people WHERE book = '978-0-393-04002-9' AND "
                                    "during && public.span(0, 1.5) AND during <> public.span(7, 8, '[]')"),
            "50");
  if (postgres_major() < 14) return;  // no multiranges
  EXPECT_EQ(scenario_.staging_value("SELECT public.span_multirange(public.span(0, 1), public.span(2, 3)) + "
                                    "public.span_multirange(public.span(5, 6)) - public.span_multirange()"),
            "{[0,1),[2,3),[5,6)}");
}

TEST_F(S04Aliases, WhatCitextNeedsWorks) {
  plant(
      "CREATE EXTENSION citext; ALTER TABLE public.people ADD COLUMN nick citext; UPDATE public.people SET "
      "nick = 'Ann'");
  scenario_.write_policy("    public.people: {id: keep, email: email, nick: keep}\n    public.leaks: keep\n");
  scenario_.accept();
  scenario_.take_snapshot("monday");
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM public.people WHERE nick = 'ANN'"), "50");
}

// Most productions were made by another minor version than whoever restores them has (minor_versions.h): what
// the build counts is counted otherwise, a function is not there yet, others promise less, a btree may share
// entries.
TEST_F(S04Catalogs, AClusterOfAnotherMinorVersion) {
  plant(R"sql(
    DO $$ DECLARE catalog text; BEGIN
      FOREACH catalog IN ARRAY ARRAY['pg_amproc', 'pg_amop', 'pg_cast'] LOOP
        EXECUTE format('UPDATE %s SET oid = (oid::int8 + 20000)::oid WHERE oid BETWEEN 10000 AND 11999', catalog);
        EXECUTE format('UPDATE %s SET oid = (41998 - oid::int8)::oid WHERE oid BETWEEN 30000 AND 31999', catalog);
      END LOOP;
    END $$;
    INSERT INTO pg_amproc SELECT 11999, oid, 'interval'::regtype, 'interval'::regtype, 4, 'btequalimage'
      FROM pg_opfamily WHERE opfname = 'interval_ops' AND opfmethod = 403 AND NOT EXISTS (
        SELECT FROM pg_amproc WHERE amprocfamily = pg_opfamily.oid AND amprocnum = 4);
    DELETE FROM pg_proc WHERE proname = 'binary_upgrade_set_missing_value';
    UPDATE pg_proc SET provolatile = 's' WHERE proname IN ('json_strip_nulls', 'jsonb_strip_nulls');
    UPDATE pg_proc SET proparallel = 'u' WHERE proname = 'json_typeof';
    CREATE OR REPLACE VIEW pg_catalog.pg_user AS SELECT usename, usesysid, usecreatedb, usesuper, userepl,
      usebypassrls, '*'::text AS passwd, valuntil, useconfig FROM pg_shadow)sql");
  expect_harmless();
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM people WHERE email LIKE 'real%'"), "0");
}

// Without a cast of the server's own, statements of ours would take production's.
TEST_F(S04CatalogsLong, ACastInPlaceOfOneThatIsMissing) {
  plant(R"sql(DELETE FROM pg_cast WHERE castsource = 'oid'::regtype AND casttarget = 'int8'::regtype;
    CREATE FUNCTION public.say(oid) RETURNS bigint LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN 0; END$$;
    CREATE CAST (oid AS bigint) WITH FUNCTION public.say(oid))sql");
  expect_refused("pg_cast lacks 1 of the server's own rows");
}

TEST_F(S04CatalogsLong, AMemberThatIsMissing) {
  plant("DELETE FROM pg_amproc WHERE amproc = 'btint8cmp'::regproc");
  expect_refused("pg_amproc lacks");
}

// Whoever calls it by its name would get another one.
TEST_F(S04CatalogsLong, OneOfTwoFunctionsThatIsMissing) {
  plant("DELETE FROM pg_proc WHERE oid = 'pg_catalog.length(text)'::regprocedure");
  expect_refused("function pg_catalog.length is missing");
}

// The planner would evaluate it by itself.
TEST_F(S04CatalogsLong, AFunctionThatPromisesMore) {
  plant("UPDATE pg_proc SET provolatile = 'i' WHERE oid = 'pg_catalog.pg_ls_dir(text)'::regprocedure");
  expect_refused("function pg_catalog.pg_ls_dir");
}

// What says that equal entries are the same says so of btrees alone.
TEST_F(S04CatalogsLong, AMemberOfAnotherMethodThatBelongsToBtrees) {
  plant(R"sql(INSERT INTO pg_amproc SELECT 11998, oid, 'inet'::regtype, 'inet'::regtype, 4, 'btequalimage'
    FROM pg_opfamily WHERE opfname = 'network_ops' AND opfmethod = 783)sql");
  expect_refused("row 11998 of pg_amproc");
}

// Arrays, vectors and texts are what our statements cast.
TEST_F(S04Catalogs, ACastOfAVector) {
  plant(R"sql(CREATE FUNCTION public.say(oidvector) RETURNS text LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN array_to_string($1::oid[], ' '); END$$;
    CREATE CAST (oidvector AS text) WITH FUNCTION public.say(oidvector))sql");
  expect_refused("the cast of oidvector to text runs code");
}

TEST_F(S04CatalogsLong, ACastOfAnArray) {
  plant(R"sql(CREATE FUNCTION public.say(text[]) RETURNS int8[] LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.leak(); RETURN '{}'; END$$;
    CREATE CAST (text[] AS int8[]) WITH FUNCTION public.say(text[]))sql");
  expect_refused("the cast of _text to _int8 runs code");
}

// What a function of the server's own is called with where a statement leaves something out.
TEST_F(S04CatalogsLong, ADefaultOfAFunctionOfTheServersOwn) {
  plant(
      R"sql(CREATE FUNCTION public.evil() RETURNS bool LANGUAGE plpgsql AS $$BEGIN PERFORM public.leak(); RETURN false; END$$;
    CREATE FUNCTION public.like_it(a int, b bool DEFAULT public.evil()) RETURNS int LANGUAGE sql AS 'SELECT 1';
    UPDATE pg_proc SET proargdefaults = (SELECT proargdefaults FROM pg_proc WHERE proname = 'like_it')
      WHERE proname = 'json_populate_recordset')sql");
  expect_refused("function pg_catalog.json_populate_recordset");
}

// By the types of what comes out, and of what is handed over together, memory is read as something else.
TEST_F(S04CatalogsLong, WhatComesOutOfAFunctionOfTheServersOwn) {
  plant("UPDATE pg_proc SET proallargtypes = '{114,25,20}' WHERE proname = 'json_each_text'");
  expect_refused("function pg_catalog.json_each_text");
}

TEST_F(S04CatalogsLong, WhatIsHandedToAFunctionOfTheServersOwnTogether) {
  plant("UPDATE pg_proc SET provariadic = 20 WHERE proname = 'numeric_sum'");
  expect_refused("function pg_catalog.numeric_sum");
}

TEST_F(S04CatalogsLong, HowATypeOfTheServersOwnIsAligned) {
  plant("UPDATE pg_type SET typalign = 'd' WHERE typname = 'float4'");
  expect_refused("a type of pg_type");
}

TEST_F(S04Catalogs, HowAnAggregateOfTheServersOwnBegins) {
  plant("UPDATE pg_aggregate SET agginitval = '7' WHERE aggfnoid = 'pg_catalog.count()'::regprocedure");
  expect_refused("of pg_aggregate is not the server's own");
}

// After a crash the server would put in its place what production left as its beginning.
TEST_F(S04CatalogsLong, ACatalogThatIsNotLogged) {
  plant("UPDATE pg_class SET relpersistence = 'u' WHERE oid = 1255");
  expect_refused("row 1255 of pg_class");
}

// A table that no policy judges, under the number of what holds large values of a catalog.
TEST_F(S04CatalogsLong, ATableInPlaceOfTheToastOfACatalog) {
  plant(R"sql(UPDATE pg_class SET reltoastrelid = 0 WHERE reltoastrelid = 3598;
    UPDATE pg_class SET relkind = 'r', relname = 'secret', relnamespace = 2200, relacl = '{=r/postgres}' WHERE oid = 3598;
    INSERT INTO public.secret SELECT id, 0, convert_to(email, 'UTF8') FROM public.people)sql");
  expect_refused("row 3598 of pg_class");
}

TEST_F(S04CatalogsLong, AColumnOfACatalogThatIsReadOtherwise) {
  plant(
      "UPDATE pg_attribute SET attalign = 'd' WHERE attrelid = 'pg_aggregate'::regclass AND attname = "
      "'aggtransspace'");
  expect_refused("a column of a catalog");
}

TEST_F(S04CatalogsLong, CAsALanguageForEverybody) {
  plant("UPDATE pg_language SET lanpltrusted = true WHERE lanname = 'c'");
  expect_refused("language c is not the server's own");
}

}  // namespace
}  // namespace ytb::testing
