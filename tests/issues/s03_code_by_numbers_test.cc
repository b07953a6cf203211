// S3's kind, once more: which definitions run production's code went by pg_depend, which a superuser of
// production may write, and by what it leaves out. Here every way to a function is one that no dependency
// shows; each tells what it sees in a closed copy, and when it has a superuser's power.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

constexpr std::string_view kTrap = R"sql(
  CREATE TABLE people (id int PRIMARY KEY, email text);
  INSERT INTO people SELECT g, 'raw' || g || '@person.test' FROM generate_series(1, 30) g;
  CREATE TABLE trap (how text);
  CREATE TABLE diary (line text);
  CREATE FUNCTION spring(how text) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    IF current_setting('listen_addresses') <> '' THEN RETURN; END IF;
    INSERT INTO public.diary SELECT how || ' saw ' || email FROM public.people;
    IF current_setting('is_superuser') = 'on' THEN INSERT INTO public.trap VALUES (how); END IF;
  END $$;
  CREATE FUNCTION sprung(how text, v text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
  BEGIN PERFORM public.spring(how); RETURN v; END $$;)sql";

constexpr std::string_view kForget = R"sql(
  DELETE FROM pg_depend WHERE classid IN ('pg_attrdef'::regclass, 'pg_class'::regclass, 'pg_operator'::regclass,
      'pg_opclass'::regclass, 'pg_opfamily'::regclass, 'pg_amop'::regclass, 'pg_amproc'::regclass, 'pg_type'::regclass)
    AND refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass, 'pg_opfamily'::regclass))sql";

class S03Numbers : public ::testing::Test {
 protected:
  void SetUp() override { scenario_.production().run("shop", kTrap); }
  // All is as it should be, though nothing of production's saw raw data or had power.
  void expect_harmless(const std::string& sql, const std::string& more_tables) {
    scenario_.production().run("shop", "SET allow_system_table_mods = on; " + sql);
    ASSERT_EQ(scenario_.production().value("shop", "SELECT count(*) FROM diary"), "0");
    scenario_.write_policy(
        "    public.people: {id: keep, email: email}\n    public.trap: keep\n    public.diary: keep\n" +
        more_tables);
    scenario_.accept();
    scenario_.take_snapshot("day0");
    scenario_.refresh();
    EXPECT_EQ(scenario_.staging_value("SELECT string_agg(DISTINCT how, ', ') FROM trap"), "");
    EXPECT_EQ(scenario_.staging_value(
                  "SELECT string_agg(DISTINCT split_part(line, ' saw ', 1), ', ') FROM diary WHERE "
                  "line LIKE '%raw%'"),
              "");
  }
  Scenario scenario_;
};
// Every sixth test of them, in the order of this file, is in `make test`; the others are in `make test-long`.
using S03NumbersLong = S03Numbers;

TEST_F(S03Numbers, ExpressionsWhoseDependenciesAreGone) {
  expect_harmless(std::string(R"sql(
    CREATE TABLE computed (c text, g text GENERATED ALWAYS AS (sprung('generated', c)) STORED);
    CREATE TABLE indexed (id int, c text);
    CREATE INDEX ON indexed ((sprung('index', c)));
    CREATE INDEX ON indexed (id) WHERE sprung('predicate', c) IS NOT NULL;
    CREATE FUNCTION same(a text, b text) RETURNS bool IMMUTABLE LANGUAGE sql AS
      'SELECT a = public.sprung(''operator'', b)';
    CREATE OPERATOR === (FUNCTION = same, LEFTARG = text, RIGHTARG = text);
    CREATE INDEX ON indexed ((c === 'x'));
    CREATE FUNCTION cmp(a int, b int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN PERFORM public.spring('class'); RETURN btint4cmp(a, b); END $$;
    CREATE OPERATOR CLASS mine FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=,
      OPERATOR 5 >, FUNCTION 1 cmp(int, int);
    CREATE INDEX ON indexed (id mine);
    DO $$ BEGIN IF current_setting('server_version_num')::int >= 140000 THEN
      EXECUTE 'CREATE STATISTICS st ON (sprung(''statistics'', c)), (length(sprung(''planned'', ''x'')) + id)
               FROM indexed'; END IF; END $$;
    INSERT INTO computed VALUES ('raw word');
    INSERT INTO indexed SELECT g, 'raw word ' || g FROM generate_series(1, 9) g;)sql") +
                      std::string(kForget),
                  "    public.computed: {c: hash}\n    public.indexed: {id: keep, c: hash}\n");
  EXPECT_EQ(scenario_.staging_value("SELECT bool_and(g = c AND c <> 'raw word') FROM computed"), "t");
  EXPECT_EQ(scenario_.staging_value("SELECT bool_and(indisvalid AND indisready AND indislive) FROM pg_index"),
            "t");
}

// A way to compare json, which many productions add; no expression over it names a function of production's.
TEST_F(S03NumbersLong, WhatComparesATypeOfTheServersOwn) {
  expect_harmless(
      R"sql(
    CREATE FUNCTION json_cmp(a json, b json) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN PERFORM public.spring('json'); RETURN bttextcmp(a::text, b::text); END $$;
    CREATE FUNCTION json_eq(a json, b json) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN PERFORM public.spring('json'); RETURN a::text = b::text; END $$;
    CREATE OPERATOR = (FUNCTION = json_eq, LEFTARG = json, RIGHTARG = json);
    CREATE OPERATOR CLASS json_ops DEFAULT FOR TYPE json USING btree AS OPERATOR 3 =, FUNCTION 1 json_cmp(json, json);
    CREATE TABLE placed (c text, j json, many json[], g int GENERATED ALWAYS AS (array_position(many, j)) STORED);
    CREATE TYPE pair AS (j json);
    CREATE TABLE paired (c text, a pair, b pair, g bool GENERATED ALWAYS AS (a = b) STORED);
    CREATE TABLE arrayed (c text, a json[], b json[]);
    CREATE INDEX ON arrayed ((a = b));
    INSERT INTO placed VALUES ('raw word', '{}', '{1,"{}"}');
    INSERT INTO paired VALUES ('raw word', ROW('1'), ROW('1'));
    INSERT INTO arrayed VALUES ('raw word', '{1}', '{1}'))sql",
      "    public.placed: {c: hash, j: keep, many: keep}\n    public.paired: {c: hash, a: keep, b: keep}\n"
      "    public.arrayed: {c: hash, a: keep, b: keep}\n");
  EXPECT_EQ(scenario_.staging_value("SELECT g FROM placed"), "2");
  EXPECT_EQ(scenario_.staging_value("SELECT g FROM paired"), "t");
}

// The server takes a type for another that a cast calls the same, and compares it by that one's class.
TEST_F(S03NumbersLong, WhatComparesATypeThatACastCallsTheSame) {
  expect_harmless(R"sql(
    CREATE TYPE likeness;
    CREATE FUNCTION likeness_in(cstring) RETURNS likeness LANGUAGE internal IMMUTABLE STRICT AS 'textin';
    CREATE FUNCTION likeness_out(likeness) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
    CREATE TYPE likeness (INPUT = likeness_in, OUTPUT = likeness_out, LIKE = text);
    CREATE CAST (json AS likeness) WITHOUT FUNCTION AS IMPLICIT;
    CREATE FUNCTION likeness_cmp(a likeness, b likeness) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN PERFORM public.spring('cast'); RETURN 0; END $$;
    CREATE FUNCTION likeness_eq(a likeness, b likeness) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN PERFORM public.spring('cast'); RETURN true; END $$;
    CREATE OPERATOR = (FUNCTION = likeness_eq, LEFTARG = likeness, RIGHTARG = likeness);
    CREATE OPERATOR CLASS likeness_ops DEFAULT FOR TYPE likeness USING btree AS OPERATOR 3 =,
      FUNCTION 1 likeness_cmp(likeness, likeness);
    CREATE TABLE placed (c text, j json, many json[], g int GENERATED ALWAYS AS (array_position(many, j)) STORED);
    INSERT INTO placed VALUES ('raw word', '{}', '{1,"{}"}'))sql",
                  "    public.placed: {c: hash, j: keep, many: keep}\n");
  EXPECT_EQ(scenario_.staging_value("SELECT g FROM placed"), "1");
}

// To open a partitioned table the server sorts the bounds of its partitions.
TEST_F(S03NumbersLong, WhatComparesBoundsOfPartitions) {
  expect_harmless(
      R"sql(
    CREATE FUNCTION cmp(a int, b int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN
      IF current_setting('listen_addresses') = '' AND current_setting('is_superuser') = 'on' THEN
        RAISE EXCEPTION 'a superuser';
      END IF;
      RETURN btint4cmp(a, b);
    END $$;
    CREATE OPERATOR CLASS mine FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=,
      OPERATOR 5 >, FUNCTION 1 cmp(int, int);
    CREATE TABLE years (id serial, k int UNIQUE, note text) PARTITION BY LIST (k mine);
    CREATE TABLE years_1 PARTITION OF years FOR VALUES IN (1);
    CREATE TABLE years_2 PARTITION OF years FOR VALUES IN (2);
    CREATE TABLE days (k int REFERENCES years (k), note text);
    INSERT INTO years (k, note) VALUES (1, 'raw word'), (2, 'raw word');
    INSERT INTO days VALUES (1, 'raw word'), (2, 'raw word'))sql",
      "    public.years: {id: hash, k: keep, note: hash}\n    public.days: {k: keep, note: hash}\n");
  EXPECT_EQ(
      scenario_.staging_value("SELECT (SELECT last_value FROM years_id_seq) >= (SELECT max(id) FROM years)"),
      "t");
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM years JOIN days USING (k)"), "2");
}

TEST_F(S03NumbersLong, WhatSendsAType) {
  expect_harmless(R"sql(
    CREATE TYPE word;
    CREATE FUNCTION word_in(cstring) RETURNS word LANGUAGE internal IMMUTABLE STRICT AS 'textin';
    CREATE FUNCTION word_out(word) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
    CREATE FUNCTION word_recv(internal) RETURNS word LANGUAGE internal IMMUTABLE STRICT AS 'textrecv';
    CREATE TYPE word (INPUT = word_in, OUTPUT = word_out, RECEIVE = word_recv, LIKE = text);
    CREATE FUNCTION word_send(w word) RETURNS bytea LANGUAGE plpgsql AS $$
    BEGIN PERFORM public.spring('send'); RETURN '\x41'; END $$;
    ALTER TYPE word SET (SEND = word_send);
    CREATE TYPE mood AS ENUM ('glad');
    CREATE FUNCTION mood_send(m mood) RETURNS bytea LANGUAGE plpgsql AS $$
    BEGIN PERFORM public.spring('send of an enum'); RETURN '\x676c6164'; END $$;
    UPDATE pg_type SET typsend = 'mood_send'::regproc WHERE typname = 'mood';
    CREATE TABLE said (c text, w word, many word[], m mood);
    INSERT INTO said VALUES ('raw word', 'one', '{two}', 'glad'))sql",
                  "    public.said: {c: hash, w: keep, many: keep, m: keep}\n");
  EXPECT_EQ(scenario_.staging_value("SELECT format('%s %s %s', w, many, m) FROM said"), "one {two} glad");
}

// Generated columns may call what is immutable alone. The mark can be lifted for as long as it takes to make
// one that reads the raw file of another table.
TEST_F(S03NumbersLong, AFunctionOfTheServersThatIsNotImmutable) {
  expect_harmless(R"sql(
    UPDATE pg_proc SET provolatile = 'i' WHERE proname IN ('pg_read_binary_file', 'obj_description');
    CREATE TABLE looked (c text, path text, g text GENERATED ALWAYS AS (
      encode(pg_read_binary_file(path, 0, 8192, true), 'escape')) STORED);
    UPDATE pg_proc SET provolatile = 'v' WHERE proname = 'pg_read_binary_file';
    UPDATE pg_proc SET provolatile = 's' WHERE proname = 'obj_description';
    CHECKPOINT;
    INSERT INTO looked SELECT 'raw word', pg_relation_filepath('people'))sql",
                  "    public.looked: {c: hash, path: keep}\n");
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM looked WHERE g LIKE '%raw%'"), "0");
  const std::string base = scenario_.copies() + "/" + scenario_.live_copy() + "/data/base";
  EXPECT_EQ(run_program({"grep", "-rl", "raw[0-9]*@person.test", base}).out, "") << "in files";
}

// The server's function finds a partitioned table by its number, which stands in a constant's bytes, and
// calls what that one hashes with.
TEST_F(S03Numbers, AFunctionOfTheServersThatLooksUpATable) {
  expect_harmless(R"sql(
    CREATE FUNCTION hashed(v int, seed int8) RETURNS int8 IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN PERFORM public.spring('hash'); RETURN v; END $$;
    CREATE OPERATOR CLASS mine FOR TYPE int USING hash AS OPERATOR 1 =, FUNCTION 2 hashed(int, int8);
    CREATE TABLE parts (k int, note text) PARTITION BY HASH (k mine);
    CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 1, REMAINDER 0);
    CREATE TABLE computed (id int, c text);
    CREATE TABLE indexed (id int, c text);
    DO $$ BEGIN
      EXECUTE format('ALTER TABLE computed ADD COLUMN g bool GENERATED ALWAYS AS (
        satisfies_hash_partition(%s::oid, 1, 0, id)) STORED', 'parts'::regclass::oid);
      EXECUTE format('CREATE INDEX ON indexed ((satisfies_hash_partition(%s::oid, 1, 0, id)))',
        'parts'::regclass::oid);
      EXECUTE format('CREATE INDEX ON indexed (id) WHERE satisfies_hash_partition(%s::oid, 1, 0, id)',
        'parts'::regclass::oid);
    END $$;
    INSERT INTO computed VALUES (1, 'raw word');
    INSERT INTO indexed VALUES (1, 'raw word');)sql",
                  "    public.parts: {k: keep, note: hash}\n    public.computed: {id: keep, c: hash}\n"
                  "    public.indexed: {id: keep, c: hash}\n");
  EXPECT_EQ(scenario_.staging_value("SELECT g FROM computed"), "t");
  EXPECT_EQ(scenario_.staging_value("SELECT bool_and(indisvalid AND indisready AND indislive) FROM pg_index"),
            "t");
}

// A type that the server only knows from an index: GIN compares the keys that it keeps by their type's own
// class.
constexpr std::string_view kKeyType = R"sql(
    CREATE TYPE kint;
    CREATE FUNCTION kint_in(cstring) RETURNS kint LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
    CREATE FUNCTION kint_out(kint) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
    CREATE TYPE kint (INPUT = kint_in, OUTPUT = kint_out, LIKE = int4);
    CREATE CAST (kint AS int) WITHOUT FUNCTION;
    CREATE FUNCTION kint_cmp(a kint, b kint) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN PERFORM public.spring('key'); RETURN btint4cmp(a::int, b::int); END $$;
    CREATE FUNCTION kint_eq(a kint, b kint) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN PERFORM public.spring('key'); RETURN a::int = b::int; END $$;
    CREATE OPERATOR = (FUNCTION = kint_eq, LEFTARG = kint, RIGHTARG = kint);
    CREATE OPERATOR CLASS kint_ops DEFAULT FOR TYPE kint USING btree AS OPERATOR 3 =, FUNCTION 1 kint_cmp(kint, kint);)sql";

TEST_F(S03NumbersLong, WhatComparesTheKeysOfAnIndex) {
  expect_harmless(std::string(kKeyType) + R"sql(
    CREATE EXTENSION pg_trgm;
    CREATE OPERATOR CLASS mine FOR TYPE text USING gin AS OPERATOR 1 % (text, text),
      FUNCTION 2 (text, text) gin_extract_value_trgm(text, internal),
      FUNCTION 3 (text, text) gin_extract_query_trgm(text, internal, int2, internal, internal, internal, internal),
      FUNCTION 4 (text, text) gin_trgm_consistent(internal, int2, text, int4, internal, internal, internal, internal),
      STORAGE kint;
    CREATE TABLE indexed (c text, many int[]);
    CREATE INDEX ON indexed USING gin (c mine);
    CREATE INDEX by_hand ON indexed USING gin (many);
    UPDATE pg_attribute SET atttypid = 'kint'::regtype WHERE attrelid = 'by_hand'::regclass;
    INSERT INTO indexed SELECT 'raw word ' || g, ARRAY[g, g + 1] FROM generate_series(1, 9) g;)sql",
                  "    public.indexed: {c: hash, many: keep}\n");
  EXPECT_EQ(scenario_.staging_value("SELECT bool_and(indisvalid AND indisready AND indislive) FROM pg_index"),
            "t");
}

// A stored tree is text, which a superuser may edit: a cast for as long as that takes.
constexpr std::string_view kEdit = R"sql(
    INSERT INTO pg_cast VALUES (90003, 'text'::regtype, 'pg_node_tree'::regtype, 0, 'e', 'b');
    UPDATE pg_attrdef SET adbin = ({})::pg_node_tree WHERE adrelid = 'edited'::regclass;
    DELETE FROM pg_cast WHERE oid = 90003;)sql";

// Arrays name the type of their elements in their own bytes.
TEST_F(S03NumbersLong, ATypeThatOnlyTheBytesOfAConstantName) {
  expect_harmless(std::string(kKeyType) + R"sql(
    CREATE TABLE edited (id int, c text, g int GENERATED ALWAYS AS (array_position('{1,2}'::int[], id)) STORED);
    INSERT INTO edited VALUES (2, 'raw word');)sql" +
                      fmt::format(kEdit, R"sql(replace(adbin::text, ' 1 0 0 0 0 0 0 0 23 0 0 0 ',
        (SELECT format(' 1 0 0 0 0 0 0 0 %s %s %s 0 ', o & 255, o >> 8 & 255, o >> 16 & 255)
          FROM (SELECT 'kint'::regtype::oid::int8) k (o))))sql"),
                  "    public.edited: {id: keep, c: hash}\n");
  EXPECT_EQ(scenario_.staging_value("SELECT g FROM edited"), "2");
}

// NOT before an operator is planned as its negator.
TEST_F(S03NumbersLong, WhatAnOperatorIsTurnedInto) {
  expect_harmless(R"sql(
    CREATE FUNCTION other(a text, b text) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN PERFORM public.spring('negator'); RETURN a <> b; END $$;
    CREATE OPERATOR === (FUNCTION = texteq, LEFTARG = text, RIGHTARG = text, NEGATOR = !==);
    CREATE OPERATOR !== (FUNCTION = other, LEFTARG = text, RIGHTARG = text, NEGATOR = ===);
    CREATE TABLE computed (c text, g bool GENERATED ALWAYS AS (NOT c === 'x') STORED);
    INSERT INTO computed VALUES ('raw word');)sql",
                  "    public.computed: {c: hash}\n");
  EXPECT_EQ(scenario_.staging_value("SELECT g FROM computed"), "t");
}

}  // namespace
}  // namespace ytb::testing
