// S3: production's code ran as our superuser while tables were loaded, planned, indexed and analysed, and saw
// what was still raw. Here a role without rights plants it wherever the server calls functions by itself; it
// tells what it sees, and when it has a superuser's power, but only in a closed copy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kProduction = R"sql(
  CREATE ROLE dev;
  GRANT CREATE ON SCHEMA public TO dev;
  CREATE TABLE hr (id int, salary_of text);
  INSERT INTO hr VALUES (1, 'raw salary of a person');
  SET ROLE dev;
  CREATE TABLE trap (how text);
  CREATE TABLE diary (line text);
  CREATE TABLE dev_t (c text);
  INSERT INTO dev_t VALUES ('raw word');
  CREATE FUNCTION spring(how text) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    IF current_setting('listen_addresses') <> '' THEN RETURN; END IF;
    INSERT INTO public.diary SELECT how || ' saw ' || c FROM public.dev_t;
    IF current_setting('is_superuser') = 'on' THEN INSERT INTO public.trap VALUES (how); END IF;
  END $$;
  CREATE FUNCTION sprung(how text, v text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
  BEGIN PERFORM public.spring(how); RETURN v; END $$;

  CREATE TABLE checked (c text CHECK (sprung('check', c) IS NOT NULL));
  CREATE DOMAIN word AS text CHECK (sprung('domain', VALUE) IS NOT NULL);
  CREATE TABLE worded (c word, many word[]);
  CREATE TABLE computed (c text, g text GENERATED ALWAYS AS (sprung('generated', c)) STORED NOT NULL);
  CREATE TABLE indexed (id int PRIMARY KEY, c text);
  CREATE INDEX ON indexed (c) WHERE sprung('predicate', c) IS NOT NULL;
  CREATE INDEX ON indexed ((c || sprung('constant', 'x')));
  CREATE FUNCTION same(a text, b text) RETURNS bool IMMUTABLE LANGUAGE sql AS
    'SELECT a = public.sprung(''operator'', b)';
  CREATE OPERATOR === (FUNCTION = same, LEFTARG = text, RIGHTARG = text);
  CREATE INDEX ON indexed ((c === 'x'));
  CREATE TYPE mood AS ENUM ('glad');
  CREATE FUNCTION mood_text(m mood) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
  BEGIN RETURN public.sprung('cast', 'mood'); END $$;
  CREATE CAST (mood AS text) WITH FUNCTION mood_text(mood);
  CREATE TABLE moods (c text, m mood, g text GENERATED ALWAYS AS (m::text) STORED);
  CREATE TABLE parts (c text, k int) PARTITION BY LIST (sprung('partition', k::text));
  CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN ('1');
  CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN PERFORM public.spring('trigger'); RETURN NEW; END $$;
  CREATE TRIGGER always BEFORE INSERT OR UPDATE ON checked FOR EACH ROW EXECUTE FUNCTION fire();
  ALTER TABLE checked ENABLE ALWAYS TRIGGER always;
  CREATE RULE also AS ON UPDATE TO computed DO ALSO SELECT spring('rule');
  DO $$ BEGIN IF current_setting('server_version_num')::int >= 140000 THEN
    EXECUTE 'CREATE STATISTICS st ON (sprung(''statistics'', c)), (length(sprung(''planned'', ''x'')) + id)
             FROM indexed';
  END IF; END $$;

  INSERT INTO checked VALUES ('raw word');
  INSERT INTO worded VALUES ('raw word', '{raw word}');
  INSERT INTO computed VALUES ('raw word');
  INSERT INTO indexed SELECT g, 'raw word ' || g FROM generate_series(1, 5) g;
  INSERT INTO moods VALUES ('raw word', 'glad');
  INSERT INTO parts VALUES ('raw word', 1);
  CREATE MATERIALIZED VIEW dev_view AS SELECT sprung('view', c) AS c FROM dev_t;
  ANALYZE;
  RESET ROLE;
  CREATE FUNCTION on_command() RETURNS event_trigger LANGUAGE plpgsql AS $$
  BEGIN PERFORM public.spring('event trigger'); END $$;
  CREATE EVENT TRIGGER each_command ON ddl_command_end EXECUTE FUNCTION on_command();
  ALTER EVENT TRIGGER each_command ENABLE ALWAYS;)sql";

constexpr std::string_view kPolicy = R"(    public.hr: {id: keep, salary_of: hash}
    public.dev_t: {c: hash}
    public.checked: {c: hash}
    public.worded: {c: hash, many: keep}
    public.computed: {c: hash}
    public.indexed: {id: keep, c: hash}
    public.moods: {c: hash, m: keep}
    public.parts: {c: hash, k: keep}
    public.trap: keep
    public.diary: keep
)";

TEST(S03, CodeRunsNeitherWithOurPowerNorOnRawData) {
  Scenario scenario;
  scenario.production().run("shop", kProduction);
  ASSERT_EQ(scenario.production().value("shop", "SELECT count(*) FROM diary"), "0");
  const std::string before = scenario.production().dump_schema("shop");
  scenario.write_policy(kPolicy);
  scenario.accept();
  scenario.take_snapshot("day0");
  scenario.refresh();
  EXPECT_EQ(scenario.staging_value("SELECT string_agg(DISTINCT how, ', ') FROM trap"), "");
  EXPECT_EQ(
      scenario.staging_value("SELECT string_agg(DISTINCT line, ', ') FROM diary WHERE line LIKE '%raw%'"),
      "");
  // It did run, when it could do no harm: columns, indexes and views are what they should be.
  EXPECT_NE(scenario.staging_value("SELECT count(*) FROM diary WHERE line LIKE 'generated saw %'"), "0");
  EXPECT_NE(scenario.staging_value("SELECT count(*) FROM diary WHERE line LIKE 'check saw %'"), "0");
  EXPECT_EQ(scenario.staging_value("SELECT bool_and(g = c AND c <> 'raw word') FROM computed"), "t");
  EXPECT_EQ(scenario.staging_value("SELECT g FROM moods"), "mood");
  EXPECT_EQ(scenario.staging_value("SELECT v.c = t.c FROM dev_view v, dev_t t"), "t");
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM parts WHERE k = 1 AND c <> 'raw word'"), "1");
  EXPECT_EQ(scenario.staging_value("SELECT bool_and(indisvalid AND indisready AND indislive) FROM pg_index"),
            "t");
  EXPECT_EQ(scenario.staging_value("SELECT evtenabled FROM pg_event_trigger WHERE evtname = 'each_command'"),
            "A");
  EXPECT_EQ(
      scenario.staging_value("SELECT count(*) FROM pg_attribute WHERE attgenerated = 's' AND atthasdef"),
      "2");
  EXPECT_EQ(
      scenario.staging_value("SELECT count(*) FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid "
                             "AND t.typname = 'word' AND k.contype = 'c'"),
      "1");
  EXPECT_THAT(before, HasSubstr("each_command"));
}

// What the proof asks: foreign keys compare by an operator or a cast of production's, and the config's own
// checks may call anything. None of it has our power, and row security hides nothing from a check.
constexpr std::string_view kLooks = R"sql(
  CREATE ROLE dev;
  GRANT CREATE ON SCHEMA public TO dev;
  SET ROLE dev;
  CREATE FUNCTION stay_small() RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    IF current_setting('listen_addresses') = '' AND (current_setting('is_superuser') = 'on'
        OR pg_has_role(session_user, 10, 'MEMBER')) THEN
      RAISE EXCEPTION 'a superuser';
    END IF;
  END $$;
  CREATE TYPE mood AS ENUM ('glad', 'sad');
  CREATE FUNCTION mood_number(m mood) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
  BEGIN PERFORM public.stay_small(); RETURN CASE format('%s', m) WHEN 'glad' THEN 1 ELSE 2 END; END $$;
  CREATE CAST (mood AS int) WITH FUNCTION mood_number(mood) AS IMPLICIT;
  CREATE TABLE moods (n int PRIMARY KEY);
  INSERT INTO moods VALUES (1), (2);
  CREATE TABLE days (m mood REFERENCES moods, note text);
  INSERT INTO days VALUES ('glad', 'raw note'), ('sad', 'raw note');
  CREATE TYPE size AS ENUM ('s', 'l');
  CREATE FUNCTION size_eq(a size, b size) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$
  BEGIN PERFORM public.stay_small(); RETURN pg_catalog.enum_eq(a, b); END $$;
  CREATE FUNCTION size_lt(a size, b size) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT pg_catalog.enum_lt(a, b)';
  CREATE FUNCTION size_le(a size, b size) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT pg_catalog.enum_le(a, b)';
  CREATE FUNCTION size_gt(a size, b size) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT pg_catalog.enum_gt(a, b)';
  CREATE FUNCTION size_ge(a size, b size) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT pg_catalog.enum_ge(a, b)';
  CREATE FUNCTION size_cmp(a size, b size) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
  BEGIN PERFORM public.stay_small(); RETURN pg_catalog.enum_cmp(a, b); END $$;
  CREATE OPERATOR = (FUNCTION = size_eq, LEFTARG = size, RIGHTARG = size);
  CREATE OPERATOR < (FUNCTION = size_lt, LEFTARG = size, RIGHTARG = size);
  CREATE OPERATOR <= (FUNCTION = size_le, LEFTARG = size, RIGHTARG = size);
  CREATE OPERATOR > (FUNCTION = size_gt, LEFTARG = size, RIGHTARG = size);
  CREATE OPERATOR >= (FUNCTION = size_ge, LEFTARG = size, RIGHTARG = size);
  RESET ROLE;
  CREATE OPERATOR CLASS size_ops DEFAULT FOR TYPE size USING btree AS OPERATOR 1 <, OPERATOR 2 <=,
    OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 size_cmp(size, size);
  SET ROLE dev;
  CREATE TABLE sizes (s size PRIMARY KEY);
  INSERT INTO sizes VALUES ('s'), ('l');
  CREATE TABLE shirts (s size REFERENCES sizes, note text);
  INSERT INTO shirts VALUES ('s', 'raw note');
  CREATE FUNCTION power() RETURNS text LANGUAGE plpgsql AS $$
  BEGIN RESET ROLE; PERFORM public.stay_small(); RETURN current_setting('is_superuser'); END $$;
  CREATE VIEW powers AS SELECT power() AS power;
  CREATE TABLE hidden (id int);
  INSERT INTO hidden VALUES (1), (2);
  ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
  ALTER TABLE hidden FORCE ROW LEVEL SECURITY;)sql";

// What a type brings along: an index over it, and ANALYZE, measure distances with it.
TEST(S03, ADistanceOfARangeTypeRunsWithoutOurPower) {
  Scenario scenario;
  scenario.production().run("shop", kProduction);
  scenario.production().run("shop", R"sql(
    SET ROLE dev;
    CREATE FUNCTION distance(a float8, b float8) RETURNS float8 IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN PERFORM public.spring('distance'); RETURN a - b; END $$;
    CREATE TYPE span AS RANGE (subtype = float8, subtype_diff = distance);
    CREATE DOMAIN short_span AS span;
    CREATE TABLE spans (c text, s span, d short_span);
    INSERT INTO spans SELECT 'raw word', span(g, g + 1), span(g, g + 2) FROM generate_series(1, 900) g;
    CREATE INDEX ON spans USING gist (s);
    CREATE INDEX ON spans USING spgist (s);
    CREATE INDEX ON spans USING gist (d);
    RESET ROLE;
    TRUNCATE trap, diary;)sql");
  scenario.write_policy(std::string(kPolicy) + "    public.spans: {c: hash, s: keep, d: keep}\n");
  scenario.accept();
  scenario.take_snapshot("day0");
  scenario.refresh();
  EXPECT_EQ(scenario.staging_value("SELECT string_agg(DISTINCT how, ', ') FROM trap"), "");
  EXPECT_EQ(
      scenario.staging_value("SELECT string_agg(DISTINCT line, ', ') FROM diary WHERE line LIKE '%raw%'"),
      "");
  EXPECT_EQ(
      scenario.staging_value(
          "SELECT count(*) FROM pg_index WHERE indrelid = 'spans'::regclass AND indisvalid AND indislive"),
      "3");
  EXPECT_NE(scenario.staging_value("SELECT count(*) FROM diary WHERE line LIKE 'distance saw %'"), "0");
}

TEST(S03, WhatTheProofAsksRunsWithoutOurPower) {
  Scenario::Options options;
  options.extra =
      "    checks:\n"
      "      - {name: by a view, database: shop, sql: select power from powers, expect: \"off\"}\n"
      "      - {name: every row, database: shop, sql: select count(*) from hidden, expect: \"2\"}\n";
  Scenario scenario(options);
  scenario.production().run("shop", kLooks);
  scenario.write_policy(R"(    public.moods: keep
    public.days: {m: keep, note: hash}
    public.sizes: keep
    public.shirts: {s: keep, note: hash}
    public.hidden: keep
)");
  scenario.accept();
  scenario.take_snapshot("day0");
  scenario.refresh();
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM pg_roles WHERE rolname = 'yesterdaytabase_checks'"),
            "0");
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'yesterdaytabase%'"),
            "0");
}

}  // namespace
}  // namespace ytb::testing
