// The proof from the other side: what the policy forgot shows as an original that is still there. Each leak
// is planted where the policy keeps it, so that nothing but the search can find it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kFailedProof = 6;
constexpr const char* kOriginal = "grace.h4@person.test";

constexpr const char* kTables = R"sql(
    CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL, first text, last text, phone text, extra jsonb);
    INSERT INTO users SELECT g, 'grace.h' || g || '@person.test', 'Grace' || chr(97 + g % 26), 'Hopper' || g,
      '+49 30 55' || lpad(g::text, 5, '0'), jsonb_build_object('mail', 'json' || g || '@person.test', 'plan', 'free')
    FROM generate_series(1, 1000) g;
    CREATE TABLE notes (id int PRIMARY KEY, body text, doc jsonb, tags text[]);
    INSERT INTO notes SELECT g, 'a note of number ' || g, '{"theme": "dark"}', ARRAY['a', 'b']
    FROM generate_series(1, 20000) g)sql";
constexpr const char* kPolicy = R"(    public.users:
      email: email
      first: first_name
      last: last_name
      phone: phone
      extra: {json: {"$.mail": email, "$.plan": keep}}
      "*": keep
    public.notes: keep
)";

class Survivors : public ::testing::Test {
 protected:
  void SetUp() override { scenario_.production().run("shop", kTables); }
  void plant(std::string_view sql) { scenario_.production().run("shop", sql); }
  RunResult refresh(std::string_view survivors = "survivors: prose\n") {
    return refresh_with(kPolicy, survivors);
  }
  RunResult refresh_with(std::string_view policy, std::string_view survivors = "survivors: prose\n") {
    scenario_.write_policy(policy, survivors);
    scenario_.accept();
    scenario_.take_snapshot(fmt::format("day{}", ++day_));
    return scenario_.ytb({"refresh", "--wait-drain"});
  }
  void expect_found(std::string_view place) {
    const RunResult result = refresh();
    const std::string said = result.out + result.err;
    EXPECT_EQ(result.status, kFailedProof) << said;
    EXPECT_THAT(said, HasSubstr("no_original_survives failed"));
    EXPECT_THAT(said, HasSubstr(place));
    EXPECT_THAT(said, Not(HasSubstr("person.test")));
    EXPECT_EQ(scenario_.live_copy(), "");
  }

  // What a killed run knew of the originals is gone with it: the copy is made once more, and nothing is left.
  void begin_again_after(const std::vector<const char*>& moments) {
    plant(fmt::format("UPDATE notes SET body = '{}' WHERE id = 17000", kOriginal));
    for (const char* at : moments) {
      SCOPED_TRACE(at);
      scenario_.write_policy(kPolicy, "survivors: prose\n");
      scenario_.accept();
      scenario_.take_snapshot(fmt::format("day{}", ++day_));
      constexpr int kKilled = 128 + 9;
      EXPECT_EQ(scenario_.crashing_ytb(at, {"refresh", "--wait-drain"}).status, kKilled);
      EXPECT_EQ(run_program({"sh", "-c", "find " + scenario_.copies() + " -name '.unnamed-*' | wc -l"}).out,
                "0\n");
      // Of tables that the killed run masked, too.
      const RunResult result = scenario_.ytb({"refresh", "--wait-drain"});
      EXPECT_EQ(result.status, kFailedProof) << result.out << result.err;
      EXPECT_THAT(result.out + result.err, HasSubstr("shop public.notes.body (1 times)"));
    }
    plant("UPDATE notes SET body = 'nothing' WHERE id = 17000");
    plant("VACUUM FULL notes");
    scenario_.take_snapshot("last");
    scenario_.refresh(0, {"--wait-drain"});
    EXPECT_EQ(scenario_.copy_ids().size(), 1U);
  }

  Scenario scenario_;
  int day_ = 0;
};
// Every fifth test of them, in the order of this file, is in `make test`; the others are in `make test-long`.
using SurvivorsLong = Survivors;

TEST_F(SurvivorsLong, WhatIsMaskedWellPasses) {
  const RunResult result = refresh();
  ASSERT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_THAT(scenario_.proof(), HasSubstr("no_original_survives"));
  EXPECT_THAT(scenario_.proof(), HasSubstr("up to three words"));
}

TEST_F(SurvivorsLong, OneOriginalAmongTwentyThousandKeptValues) {
  plant(fmt::format("UPDATE notes SET body = upper('{}') WHERE id = 17000", kOriginal));
  expect_found("shop public.notes.body (1 times)");
}

TEST_F(SurvivorsLong, OneInsideALongText) {
  plant(fmt::format(
      "UPDATE notes SET body = (SELECT string_agg('word' || g, ' ') FROM generate_series(1, 5000) g) || "
      "', write to <{}>, ' || (SELECT string_agg('other' || g, ' ') FROM generate_series(1, 5000) g) "
      "WHERE id = 17000",
      kOriginal));
  expect_found("shop public.notes.body");
}

TEST_F(SurvivorsLong, AnEscapedOneInJson) {
  plant(R"sql(UPDATE users SET last = 'Hüpper' WHERE id = 7;
              ALTER TABLE notes ADD raw json;
              UPDATE notes SET raw = '{"of": ["x", "H\u00fcpper"]}' WHERE id = 17000)sql");
  expect_found("shop public.notes.raw");
}

TEST_F(Survivors, OnesOfJsonInAnArray) {
  plant("UPDATE notes SET tags = ARRAY['a', 'json77@person.test'] WHERE id = 17000");
  expect_found("shop public.notes.tags");
}

TEST_F(SurvivorsLong, FirstAndLastNameOfOneRow) {
  plant("UPDATE notes SET body = 'spoke with Hopper25, Gracez.' WHERE id = 17000");
  expect_found("shop public.notes.body");
}

TEST_F(SurvivorsLong, ATelephoneNumberTypedOtherwise) {
  plant("ALTER TABLE notes ADD called bigint; UPDATE notes SET called = 49305500077 WHERE id = 17000");
  expect_found("shop public.notes.called");
}

TEST_F(SurvivorsLong, OnesInDefinitions) {
  plant(fmt::format("CREATE FUNCTION who() RETURNS text LANGUAGE sql AS $$ SELECT '{}'::text $$", kOriginal));
  expect_found("shop function public.who()");
}

TEST_F(SurvivorsLong, OnesInAMaterializedView) {
  plant(fmt::format("CREATE MATERIALIZED VIEW report AS SELECT '{}'::text AS owner, count(*) FROM notes",
                    kOriginal));
  expect_found("shop public.report.owner");
}

// One of each, in one copy: every place is named, and no other.
TEST_F(Survivors, EveryPlaceIsNamed) {
  plant(R"sql(
    ALTER TABLE users ADD salary numeric(12, 2), ADD born date, ADD ssn bigint, ADD print bytea, ADD street text;
    UPDATE users SET salary = 51000.5 + id, born = date '1970-03-01' + id, ssn = 700000000 + id,
      print = sha256(id::text::bytea), street = 'Oak Road ' || id || ', Old Town, upstairs';
    CREATE TABLE kept (id int PRIMARY KEY, old_salary float8, birth_date timestamptz, called text, print bytea,
      file bytea, lines text[], doc jsonb, tagged xml, range daterange, told text, born_days date[]);
    INSERT INTO kept SELECT g, g, timestamptz '1950-01-01 00:00Z', 'x', '\xabcd', '\x00ff', ARRAY['x'], '{}', '<a/>',
      NULL, 'nothing to see', ARRAY[date '1950-01-01'] FROM generate_series(1, 100) g;
    UPDATE kept SET old_salary = 51077.5 WHERE id = 3;
    UPDATE kept SET birth_date = timestamptz '1970-03-01 00:00Z' + interval '77 days' WHERE id = 4;
    UPDATE kept SET called = 'SSN 700-000-077' WHERE id = 5;
    UPDATE kept SET print = sha256('77') WHERE id = 6;
    UPDATE kept SET file = '\x00010203'::bytea || 'grace.h77@person.test'::bytea || '\xfffe'::bytea WHERE id = 7;
    UPDATE kept SET lines = ARRAY['x', 'Oak Road 77, Old Town, upstairs'] WHERE id = 8;
    UPDATE kept SET doc = '{"at": "Oak Road 78, Old Town, upstairs"}' WHERE id = 9;
    UPDATE kept SET tagged = '<person mail="grace.h79@person.test"/>' WHERE id = 10;
    UPDATE kept SET told = 'it was grace.h80@person.test' WHERE id = 11;
    UPDATE kept SET born_days = ARRAY[date '1970-03-01' + 81] WHERE id = 12;
    CREATE TABLE checked (id int CHECK (id <> length('grace.h83@person.test')), word text DEFAULT 'grace.h84@person.test');
    CREATE INDEX checked_few ON checked (word) WHERE word <> 'grace.h85@person.test';
    CREATE VIEW seen AS SELECT 'grace.h86@person.test'::text AS mail;
    CREATE TYPE who AS ENUM ('grace.h87@person.test', 'b');
    COMMENT ON TABLE checked IS 'made by grace.h88@person.test';
    CREATE FUNCTION noted() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; /* Gracel */ END $$;
    CREATE TABLE parts (who text) PARTITION BY LIST (who);
    CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('grace.h90@person.test');
    SELECT lo_from_bytea(0, convert_to('dear grace.h91@person.test, ' || repeat('x', 5000), 'UTF8'));
    CREATE TYPE pair AS (mail text, n int);
    CREATE DOMAIN address AS varchar(60);
    CREATE TABLE more (id int PRIMARY KEY, together pair, dom address, c char(60), n name, v tsvector, many address[],
      docs jsonb[], key jsonb, base text, made text GENERATED ALWAYS AS (replace(base, '#', '@')) STORED,
      called numeric(20), large text, times tstzrange, raw json, "odd "".name" text);
    INSERT INTO more (id, together, dom, c, n, v, many, docs, key, base, called, large, times, raw, "odd "".name")
      SELECT g, ROW('x', 1)::pair, 'x', 'x', 'x', 'x', '{x}', '{}', '{}', 'x', 1, 'x', NULL, '{}', 'x'
      FROM generate_series(1, 50) g;
    UPDATE more SET together = ROW('grace.h101@person.test', 2)::pair WHERE id = 1;
    UPDATE more SET dom = 'GRACE.H102@PERSON.TEST' WHERE id = 2;
    UPDATE more SET c = 'grace.h103@person.test' WHERE id = 3;
    UPDATE more SET n = 'grace.h104@person.test' WHERE id = 4;
    UPDATE more SET v = to_tsvector('simple', 'by grace.h105@person.test') WHERE id = 5;
    UPDATE more SET many = '{x,"a, grace.h106@person.test"}' WHERE id = 6;
    UPDATE more SET docs = ARRAY['{"a": {"b": "grace.h107@person.test"}}']::jsonb[] WHERE id = 7;
    UPDATE more SET key = '{"grace.h108@person.test": true}' WHERE id = 8;
    UPDATE more SET base = 'grace.h109#person.test' WHERE id = 9;
    UPDATE more SET called = 49305500110 WHERE id = 10;
    UPDATE more SET large = repeat('word ', 300000) || 'grace.h111@person.test' WHERE id = 11;
    UPDATE more SET raw = '{"a": "gr\u0061ce.h113@person.test"}' WHERE id = 13;
    UPDATE more SET "odd "".name" = 'mailto:grace.h114@person.test?subject=x' WHERE id = 14;
    CREATE MATERIALIZED VIEW shown AS SELECT id, told FROM kept;
    CREATE RULE ruled AS ON DELETE TO more WHERE old.base = 'grace.h115@person.test' DO INSTEAD NOTHING;
    CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER fired BEFORE INSERT ON more FOR EACH ROW EXECUTE FUNCTION fire('grace.h116@person.test');
    CREATE POLICY seen_by ON more USING (base <> 'grace.h117@person.test');
    CREATE FUNCTION with_default(who text DEFAULT 'grace.h118@person.test') RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE FUNCTION with_setting() RETURNS int LANGUAGE sql SET app.who = 'grace.h119@person.test' AS 'SELECT 1';
    COMMENT ON COLUMN more.base IS 'as +49 (30) 55 00120 said';
    COMMENT ON DATABASE shop IS 'of Graceq Hopper120';
    CREATE ROLE operator;
    COMMENT ON ROLE operator IS 'grace.h121@person.test';
    CREATE DOMAIN checked_text AS text CHECK (VALUE <> 'grace.h122@person.test') DEFAULT 'grace.h123@person.test';
    CREATE INDEX more_of ON more ((base || 'grace.h124@person.test'));
    CREATE TABLE price (gracem text, grace int);
    CREATE VIEW prices AS SELECT gracem, grace FROM price)sql");
  scenario_.production().run("shop", "ALTER DATABASE shop SET \"app.owner\" = 'grace.h92@person.test'");
  scenario_.production().run("shop", "ALTER ROLE operator SET \"app.owner\" = 'grace.h125@person.test'");
  std::string policy = kPolicy;
  const std::string_view of_users = "    public.users:\n";
  policy.insert(of_users.size(), R"(      salary: {number_noise: {percent: 10}}
      born: {date_shift: {days: 30}}
      ssn: hash
      print: hash
      street: street_address
)");
  policy += R"(    public.kept: keep
    public.checked: keep
    public.parts: keep
    public.price: keep
    public.more: keep
  large_objects: keep
)";
  const RunResult result = refresh_with(policy, "survivors: prose\nsettings: {\"*\": {app.owner: keep}}\n");
  const std::string said = result.out + result.err;
  EXPECT_EQ(result.status, kFailedProof) << said;
  for (const char* place : {"public.kept.old_salary (1",
                            "public.kept.birth_date (1",
                            "public.kept.called (1",
                            "public.kept.print (1",
                            "public.kept.file (1",
                            "public.kept.lines (1",
                            "public.kept.doc (1",
                            "public.kept.tagged (1",
                            "public.kept.told (1",
                            "public.kept.born_days (1",
                            "constraint checked_id_check on table public.checked",
                            "default value for column word of table public.checked",
                            "index public.checked_few",
                            "view public.seen",
                            "labels of type public.who",
                            "comment on table public.checked",
                            "function public.noted()",
                            "bounds of table public.parts_a",
                            "large objects (1",
                            "settings of the database",
                            "public.more.together (1",
                            "public.more.dom (1",
                            "public.more.c (1",
                            "public.more.n (1",
                            "public.more.v (1",
                            "public.more.many (1",
                            "public.more.docs (1",
                            "public.more.key (1",
                            "public.more.made (1",
                            "public.more.called (1",
                            "public.more.large (1",
                            "public.more.raw (1",
                            "public.more.\"odd \"\".name\" (1",
                            "public.shown.told (1",
                            "rule ruled on table public.more",
                            "trigger fired on table public.more",
                            "policy seen_by on table public.more",
                            "function public.with_default(text)",
                            "function public.with_setting()",
                            "comment on column base of table public.more",
                            "comment on database shop",
                            "constraint checked_text_check (1",
                            "default of type public.checked_text",
                            "index public.more_of"}) {
    EXPECT_THAT(said, HasSubstr(std::string("shop ") + place));
  }
  EXPECT_THAT(said, HasSubstr("server comment on role operator (1"));
  EXPECT_THAT(said, HasSubstr("server settings of role operator (1"));
  EXPECT_THAT(said, Not(HasSubstr("price")));
  EXPECT_THAT(said, Not(HasSubstr("person.test")));
  // Nothing else would have found one of them.
  const RunResult unsearched =
      refresh_with(policy, "survivors: none\nsettings: {\"*\": {app.owner: keep}}\n");
  EXPECT_EQ(unsearched.status, 0) << unsearched.out << unsearched.err;
  EXPECT_THAT(scenario_.proof(), HasSubstr("was not searched"));
}

// The places that a list made by hand forgets.
TEST_F(SurvivorsLong, DefinitionsOfEveryKindAreRead) {
  const bool bodies = postgres_major() >= 14;
  plant(R"sql(
    COMMENT ON SCHEMA public IS 'of grace.h31@person.test';
    CREATE FOREIGN DATA WRAPPER other;
    CREATE SERVER elsewhere TYPE 'grace.h32@person.test' FOREIGN DATA WRAPPER other;
    CREATE TABLE parted (who text) PARTITION BY LIST ((coalesce(who, 'grace.h33@person.test')));
    CREATE AGGREGATE gathered(text) (SFUNC = textcat, STYPE = text, INITCOND = 'grace.h34@person.test');
    CREATE TABLE grown (id int);
    INSERT INTO grown VALUES (1);
    ALTER TABLE grown ADD v text DEFAULT 'grace.h35@person.test';
    ALTER TABLE grown ALTER v DROP DEFAULT;
    DELETE FROM grown;
    CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = pg_catalog.simple, ACCEPT = true);
    CREATE VIEW odd AS SELECT 1 AS "it's", 'grace.h36@person.test'::text AS who)sql");
  if (bodies) plant("CREATE FUNCTION who() RETURNS text LANGUAGE sql RETURN 'grace.h37@person.test'::text");
  const RunResult result =
      refresh_with(std::string(kPolicy) + "    public.parted: keep\n    public.grown: keep\n");
  const std::string said = result.out + result.err;
  EXPECT_EQ(result.status, kFailedProof) << said;
  for (const char* place :
       {"comment on schema public (1", "options of server elsewhere (1",
        "partition key of table public.parted (1", "initial value of function public.gathered(text) (1",
        "value in old rows of column v of table public.grown (1", "view public.odd (1"}) {
    EXPECT_THAT(said, HasSubstr(std::string("shop ") + place));
  }
  EXPECT_EQ(said.find("shop function public.who() (1") != std::string::npos, bodies);
  EXPECT_THAT(said, Not(HasSubstr("person.test")));
}

// With whole values, live rows that statements have read are passed over in files, but not what they hold
// besides.
TEST_F(SurvivorsLong, WhatDroppedColumnsAndUndoneRowsLeave) {
  plant(R"sql(
    CREATE TABLE shrunk (id int, mail text) WITH (autovacuum_enabled = off);
    INSERT INTO shrunk SELECT id, email FROM users WHERE id <= 50;
    ALTER TABLE shrunk DROP COLUMN mail;
    CREATE TABLE undone (id int, mail text) WITH (autovacuum_enabled = off);
    INSERT INTO undone VALUES (1, 'x');
    BEGIN; INSERT INTO undone SELECT id, email FROM users WHERE id <= 50; ROLLBACK)sql");
  for (const char* survivors : {"survivors: whole\n", "survivors: prose\n"}) {
    const RunResult result =
        refresh_with(std::string(kPolicy) + "    public.shrunk: keep\n    public.undone: keep\n", survivors);
    const std::string said = result.out + result.err;
    EXPECT_EQ(result.status, kFailedProof) << said;
    EXPECT_THAT(said, HasSubstr("shop deleted rows of public.undone.mail (50"));
    EXPECT_THAT(said, Not(HasSubstr("public.shrunk")));  // it was written anew
  }
}

// What may stand in one table is looked for in the files of the others.
TEST_F(SurvivorsLong, WhatIsAllowedInOnePlaceIsFoundInOthersFiles) {
  plant(R"sql(
    CREATE TABLE robots (mail text);
    INSERT INTO robots SELECT email FROM users;
    CREATE TABLE gone (told text) WITH (autovacuum_enabled = off);
    INSERT INTO gone SELECT 'ask ' || email || ', please' FROM users;
    DELETE FROM gone)sql");
  const RunResult result = refresh_with(
      std::string(kPolicy) + "    public.robots: keep\n    public.gone: keep\n",
      "survivors:\n  search: prose\n  allow:\n    shop:\n      public.robots.mail: \"robots\"\n");
  const std::string said = result.out + result.err;
  EXPECT_EQ(result.status, kFailedProof) << said;
  EXPECT_THAT(said, HasSubstr("shop deleted rows of public.gone.told (1,000 times)"));
  EXPECT_THAT(said, Not(HasSubstr("rows of public.robots")));
  EXPECT_THAT(said, Not(HasSubstr("files of public.robots")));
}

// Bytes that stand for nothing in a database's encoding stop no refresh, and hide nothing behind them.
TEST_F(SurvivorsLong, TextsThatAreNoTexts) {
  plant("CREATE DATABASE bytes ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  plant("CREATE DATABASE western ENCODING 'WIN1252' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  scenario_.production().run(
      "bytes",
      "CREATE TABLE t (v text); INSERT INTO t VALUES (E'caf\\xe9'), "
      "(E'caf\\xe9 grace.h41@person.test'); COMMENT ON TABLE t IS E'\\xf6\\xff grace.h43@person.test'");
  scenario_.production().run(
      "western",
      "SET client_encoding = 'WIN1252'; CREATE TABLE t (v text); INSERT INTO t VALUES (E'a\\x81b'), "
      "(E'a\\x81 grace.h42@person.test \\xfc')");
  const std::string others =
      "  bytes: {tables: {public.t: keep}}\n  western: {tables: {public.t: keep}}\nsurvivors: prose\n";
  const RunResult result = refresh_with(kPolicy, others);
  const std::string said = result.out + result.err;
  EXPECT_EQ(result.status, kFailedProof) << said;
  EXPECT_THAT(said, HasSubstr("bytes public.t.v (1 times)"));
  EXPECT_THAT(said, HasSubstr("western public.t.v (1 times)"));
  EXPECT_THAT(said, HasSubstr("bytes comment on table public.t (1 times)"));
  EXPECT_THAT(said, Not(HasSubstr("did not run")));
}

TEST_F(Survivors, VirtualColumnsAreComputedOrNamed) {
  if (postgres_major() < 18) GTEST_SKIP() << "virtual columns came with PostgreSQL 18";
  plant(R"sql(
    CREATE TABLE made (id int PRIMARY KEY, base text, mail text GENERATED ALWAYS AS (replace(base, '#', '@')) VIRTUAL,
      none int GENERATED ALWAYS AS (100 / (id - 1)) VIRTUAL);
    INSERT INTO made VALUES (1, 'grace.h51#person.test'))sql");
  const RunResult result = refresh_with(std::string(kPolicy) + "    public.made: keep\n");
  const std::string said = result.out + result.err;
  EXPECT_EQ(result.status, kFailedProof) << said;
  EXPECT_THAT(said, HasSubstr("shop public.made.mail (1 times)"));
  EXPECT_THAT(said, HasSubstr("not looked at: shop public.made.none (it cannot be computed)"));
}

// What no statement shows: a deleted row of a kept table, and an updated one's old index entry.
TEST_F(SurvivorsLong, DeletedRowsAreFoundInTheirPages) {
  plant(R"sql(
    ALTER TABLE notes SET (autovacuum_enabled = off);
    CREATE TABLE codes (code text PRIMARY KEY) WITH (autovacuum_enabled = off);
    INSERT INTO codes VALUES ('grace.h78@person.test'), ('x');
    UPDATE codes SET code = 'y' WHERE code <> 'x';
    INSERT INTO notes VALUES (20001, 'ask grace.h77@person.test, please');
    DELETE FROM notes WHERE id = 20001)sql");
  const RunResult result =
      refresh_with(std::string(kPolicy) + "    public.codes: keep\n", "survivors: prose\n");
  const std::string said = result.out + result.err;
  EXPECT_EQ(result.status, kFailedProof) << said;
  for (const char* place :
       {"shop deleted rows of public.notes.body (1", "shop deleted rows of public.codes.code (1"}) {
    EXPECT_THAT(said, HasSubstr(place));
  }
  EXPECT_THAT(said, Not(HasSubstr("shop public.")));
  EXPECT_THAT(said, Not(HasSubstr("shop files of")));
  EXPECT_THAT(said, Not(HasSubstr("person.test")));
}

// Where no row is any more: free space, and the storage of long values.
TEST_F(SurvivorsLong, WhatDeletedRowsLeaveIsFoundInFiles) {
  plant(R"sql(
    CREATE TABLE vacuumed (told text) WITH (autovacuum_enabled = off);
    INSERT INTO vacuumed VALUES ('other'), ('another'), ('ask grace.h77@person.test, please');
    DELETE FROM vacuumed WHERE told LIKE 'ask%';
    CREATE TABLE long (told text) WITH (autovacuum_enabled = off);
    ALTER TABLE long ALTER told SET STORAGE EXTERNAL;
    INSERT INTO long VALUES ('other'), (repeat('nothing ', 500) || ' grace.h78@person.test ' || repeat('nothing ', 500));
    DELETE FROM long WHERE told LIKE 'nothing%';
    -- Compressed in its place: found in the row.
    CREATE TABLE packed (told text) WITH (autovacuum_enabled = off);
    INSERT INTO packed VALUES (repeat('nothing ', 500) || ' grace.h79@person.test ' || repeat('nothing ', 500));
    DELETE FROM packed)sql");
  plant("VACUUM vacuumed");
  const RunResult result = refresh_with(
      std::string(kPolicy) + "    public.vacuumed: keep\n    public.long: keep\n    public.packed: keep\n",
      "survivors: prose\n");
  const std::string said = result.out + result.err;
  EXPECT_EQ(result.status, kFailedProof) << said;
  EXPECT_THAT(said, HasSubstr("no_original_in_files failed"));
  for (const char* place : {"shop files of public.vacuumed (1", "shop files of public.long (1",
                            "shop deleted rows of public.packed.told (1"}) {
    EXPECT_THAT(said, HasSubstr(place));
  }
  EXPECT_THAT(said, Not(HasSubstr("person.test")));
}

TEST_F(SurvivorsLong, WholeLeavesProseOut) {
  plant(
      fmt::format("UPDATE notes SET body = 'write to {} today' WHERE id = 17000; "
                  "UPDATE notes SET body = repeat('{} ', 1000) WHERE id = 17001",
                  kOriginal, kOriginal));
  const RunResult result = refresh("survivors: whole\n");
  ASSERT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_THAT(scenario_.proof(), HasSubstr("prose was left out"));
  plant(
      fmt::format("ALTER TABLE notes ALTER body TYPE varchar(90000); "
                  "UPDATE notes SET body = '  \"{}\"  ' WHERE id = 17002",
                  kOriginal));
  scenario_.accept();
  scenario_.take_snapshot("another");
  const RunResult found = scenario_.ytb({"refresh"});
  EXPECT_EQ(found.status, kFailedProof) << found.out << found.err;
  EXPECT_THAT(found.out + found.err, HasSubstr("shop public.notes.body (1 times)"));
}

// What pages hold in other ways than most: each was once passed over.
TEST_F(SurvivorsLong, PagesHoldWhatTheServerWouldShow) {
  plant("CREATE DATABASE japan ENCODING 'EUC_JP' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  plant(R"sql(
    UPDATE users SET first = '山田太郎' WHERE id = 31; UPDATE users SET first = 'Jörgensönn' WHERE id = 32;
    -- Older than the column, which they have only by its default.
    CREATE TABLE old_rows (id int PRIMARY KEY, t text); INSERT INTO old_rows SELECT g, 'x' FROM generate_series(1, 5) g;
    ALTER TABLE old_rows ADD mails text[] DEFAULT '{a,grace.h61@person.test}'; ALTER TABLE old_rows ALTER mails DROP DEFAULT;
    -- Arrays in arrays.
    CREATE DOMAIN mails AS text[]; CREATE TABLE nested (id int, x mails[]);
    INSERT INTO nested VALUES (1, ARRAY[ARRAY['grace.h62@person.test']::mails]);
    -- Deeper than what is taken apart here, and a deleted row behind it.
    CREATE TABLE deep (id int, t text, j jsonb) WITH (autovacuum_enabled = off);
    INSERT INTO deep VALUES (1, 'a', (repeat('[', 300) || '"grace.h63@person.test"' || repeat(']', 300))::jsonb),
      (2, 'grace.h64@person.test', NULL);
    DELETE FROM deep WHERE id = 2;
    CREATE TABLE robots (mail text, seen int) WITH (autovacuum_enabled = off);
    INSERT INTO robots VALUES ('grace.h65@person.test', 0); UPDATE robots SET seen = 1)sql");
  scenario_.production().run(
      "japan",
      "SET client_encoding = 'UTF8'; CREATE TABLE t (v text); INSERT INTO t VALUES ('山田太郎'), "
      "('ask 山田太郎 please')");
  plant("CREATE DATABASE west ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  scenario_.production().run(
      "west",
      "SET client_encoding = 'UTF8'; CREATE TABLE t (id int); INSERT INTO t VALUES (1); "
      "ALTER TABLE t ADD v text DEFAULT 'Jörgensönn'; ALTER TABLE t ALTER v DROP DEFAULT");
  for (const char* depth : {"whole", "prose"}) {
    SCOPED_TRACE(depth);
    const RunResult result = refresh_with(
        std::string(kPolicy) +
            "    public.old_rows: keep\n    public.nested: keep\n    public.deep: keep\n"
            "    public.robots: keep\n",
        fmt::format("  japan: {{tables: {{public.t: keep}}}}\n  west: {{tables: {{public.t: keep}}}}\n"
                    "survivors: {{search: {}, allow: {{shop: {{public.robots.mail: robots}}}}}}\n",
                    depth));
    const std::string said = result.out + result.err;
    EXPECT_EQ(result.status, kFailedProof) << said;
    for (const char* place :
         {"japan public.t.v (", "west public.t.v (", "shop public.old_rows.mails (1", "shop public.deep.j (1",
          "shop public.nested.x (1", "shop deleted rows of public.deep.t (1"}) {
      EXPECT_THAT(said, HasSubstr(place));
    }
    EXPECT_THAT(said, Not(HasSubstr("robots.mail\"")));
    EXPECT_THAT(said, Not(HasSubstr("left in shop deleted rows of public.robots")));
  }
}

TEST_F(Survivors, WhatIsAllowedIsCounted) {
  plant(fmt::format("UPDATE notes SET body = 'write to {} today' WHERE id = 17000", kOriginal));
  const RunResult result = refresh(
      "survivors:\n  search: prose\n  allow:\n    shop:\n      public.notes.body: \"our own test "
      "account\"\n");
  ASSERT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_THAT(scenario_.proof(),
              HasSubstr("allowed: shop public.notes.body (1 times): our own test account"));
}

// A document that is masked in part: what it keeps is searched, what masking put into it is not.
TEST_F(SurvivorsLong, WhatMaskedDocumentsKeep) {
  for (const char* extra : {R"({"mail": "json3@person.test", "plan": "of grace.h4@person.test"})",
                            R"({"mail": "json3@person.test", "plan": {"grace.h4@person.test": [true, 7]}})",
                            R"({"mail": "json3@person.test", "plan": ["a", {"to": 49305500077}]})"}) {
    SCOPED_TRACE(extra);
    plant(fmt::format("UPDATE users SET extra = '{}' WHERE id = 3", extra));
    expect_found("shop public.users.extra (1 times)");
  }
}

// Whole columns that the policy forgot, whose values are nobody's in the columns that it masks.
TEST_F(SurvivorsLong, DetectorsTellWhatLooksPersonal) {
  plant(R"sql(UPDATE notes SET body = 'ask bob' || id || '@elsewhere.test' WHERE id <= 12;
              UPDATE notes SET doc = '{"paid": "4929 1287 8912 4566"}' WHERE id = 13)sql");
  const RunResult warned = refresh();
  ASSERT_EQ(warned.status, 0) << warned.out << warned.err;
  constexpr const char* kBody = "shop public.notes.body (e-mail addresses in 12 values)";
  constexpr const char* kDoc = "shop public.notes.doc (card numbers in 1 values)";
  for (const std::string& said : {warned.out + warned.err, scenario_.proof()}) {
    EXPECT_THAT(said, HasSubstr(kBody));
    EXPECT_THAT(said, HasSubstr(kDoc));
    EXPECT_THAT(said, Not(HasSubstr("elsewhere")));
  }
  const RunResult failed = refresh("survivors: {search: whole, detectors: fail}\n");
  EXPECT_EQ(failed.status, kFailedProof) << failed.out << failed.err;
  EXPECT_THAT(failed.out + failed.err, HasSubstr("kept_values_detected failed"));
  EXPECT_THAT(failed.out + failed.err, HasSubstr(kBody));
  const RunResult allowed = refresh(
      "survivors:\n  search: whole\n  detectors: fail\n  allow:\n    shop:\n"
      "      public.notes.body: \"our robots' addresses\"\n      public.notes.doc: \"a made-up card\"\n");
  ASSERT_EQ(allowed.status, 0) << allowed.out << allowed.err;
  EXPECT_THAT(scenario_.proof(), HasSubstr(std::string(kBody) + ": our robots' addresses"));
  const RunResult without = refresh("survivors: {search: whole, detectors: none}\n");
  ASSERT_EQ(without.status, 0) << without.out << without.err;
  EXPECT_THAT(scenario_.proof(), HasSubstr("the policy wants no detectors"));
}

TEST_F(SurvivorsLong, ShortOriginalsWhereThePolicyWantsThem) {
  plant("ALTER TABLE users ADD nick text DEFAULT 'zoe'; UPDATE notes SET body = 'Zoe' WHERE id = 17000");
  std::string policy = kPolicy;
  policy.insert(policy.find("      email: email"), "      nick: username\n");
  const RunResult unseen = refresh_with(policy);
  ASSERT_EQ(unseen.status, 0) << unseen.out << unseen.err;
  policy.replace(policy.find("nick: username"), 14, "nick: {username: {min_length: 3}}");
  const RunResult seen = refresh_with(policy);
  EXPECT_EQ(seen.status, kFailedProof) << seen.out << seen.err;
  EXPECT_THAT(seen.out + seen.err, HasSubstr("shop public.notes.body (1 times)"));
}

TEST_F(SurvivorsLong, OneAmongAMillionRows) {
  plant(fmt::format(
      "CREATE TABLE events (id int, what text); INSERT INTO events SELECT g, CASE WHEN g = 765432 THEN "
      "'{}' ELSE 'seen ' || g END FROM generate_series(1, 1000000) g",
      kOriginal));
  const RunResult result =
      refresh_with(std::string(kPolicy) + "    public.events: keep\n", "survivors: whole\n");
  EXPECT_EQ(result.status, kFailedProof) << result.out << result.err;
  EXPECT_THAT(result.out + result.err, HasSubstr("originals are left in shop public.events.what (1 times);"));
}

// What sealed copies rule out, done as if each wall had a hole: the checks named here see it, and no others.
TEST_F(Survivors, BehindTheWalls) {
  plant(
      "CREATE TABLE kept (id int PRIMARY KEY, told text) WITH (autovacuum_enabled = off); "
      "INSERT INTO kept SELECT g, 'nothing' FROM generate_series(1, 100) g; ANALYZE kept");
  const std::string betrayal = R"sql(
    SET allow_system_table_mods = on;
    -- Statistics of production: S5, S11.
    UPDATE pg_statistic SET stavalues1 = array_in('{grace.h11@person.test}', 25, -1), stakind1 = 1
      WHERE starelid = 'kept'::regclass AND staattnum = 2;
    -- Code that runs while raw rows are there and writes them elsewhere: S3, S4.
    INSERT INTO notes VALUES (20001, 'grace.h12@person.test');
    -- A view and a column of before: S6, S7, S8.
    CREATE MATERIALIZED VIEW stale AS SELECT 'grace.h13@person.test'::text AS mail;
    CREATE TABLE computed (of int, mail text GENERATED ALWAYS AS ('grace.h' || of || '@person.test') STORED);
    INSERT INTO computed VALUES (14);
    -- Large objects, definitions: S12, S13.
    SELECT lo_from_bytea(4711, 'to grace.h15@person.test');
    COMMENT ON TABLE kept IS 'of grace.h16@person.test';
    -- Rows that nobody sees any more: S11. Of a table that is kept, and of one that is masked.
    INSERT INTO kept VALUES (101, 'grace.h17@person.test');
    DELETE FROM kept WHERE id = 101;
    INSERT INTO users VALUES (1001, 'grace.h18@person.test', 'x', 'x', 'x', '{}');
    DELETE FROM users WHERE id = 1001;
    -- A masked cell that is none.
    UPDATE users SET email = 'grace.h19@person.test' WHERE id = 19;
    -- A file of code's own: S2, S12.
    DO $$ BEGIN
      EXECUTE format('COPY (SELECT %L) TO %L', 'grace.h20@person.test', current_setting('data_directory') || '/left.txt');
      -- What belongs to our own role is another check's.
      EXECUTE (SELECT format('ALTER MATERIALIZED VIEW stale OWNER TO %1$I; ALTER TABLE computed OWNER TO %1$I; '
                             'ALTER LARGE OBJECT 4711 OWNER TO %1$I', pg_get_userbyid(relowner))
               FROM pg_class WHERE oid = 'kept'::regclass);
    END $$)sql";
  const auto betrayed = [&](std::string_view survivors) {
    scenario_.write_policy(std::string(kPolicy) + "    public.kept: keep\n  large_objects: keep\n",
                           survivors);
    scenario_.accept();
    scenario_.take_snapshot(fmt::format("day{}", ++day_));
    return scenario_.betrayed_ytb("stage:verify", betrayal, {"refresh", "--wait-drain"});
  };
  const RunResult result = betrayed("survivors: prose\n");
  const std::string said = result.out + result.err;
  EXPECT_EQ(result.status, kFailedProof) << said;
  for (const char* place :
       {"shop public.notes.body (1", "shop public.stale.mail (1", "shop public.computed.mail (1",
        "shop large objects (1", "shop comment on table public.kept (1",
        "shop files of pg_catalog.pg_statistic (", "shop deleted rows of public.kept.told (1",
        "shop files of public.users (", "server files of the data directory (1"}) {
    EXPECT_THAT(said, HasSubstr(place));
  }
  EXPECT_THAT(said, Not(HasSubstr("person.test")));
  const RunResult unsearched = betrayed("survivors: none\n");
  EXPECT_EQ(unsearched.status, 0) << unsearched.out << unsearched.err;
}

// A server that is taken away in the middle of the search proves nothing, and costs nothing but time.
TEST_F(SurvivorsLong, ASessionThatIsTakenAwayProvesNothing) {
  plant(fmt::format("UPDATE notes SET body = '{}' WHERE id = 17000", kOriginal));
  scenario_.write_policy(kPolicy, "survivors: prose\n");
  scenario_.accept();
  scenario_.take_snapshot(fmt::format("day{}", ++day_));
  const RunResult cut = scenario_.betrayed_ytb("stage:search",
                                               "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                                               "pid <> pg_backend_pid() AND backend_type = "
                                               "'client backend'",
                                               {"refresh", "--wait-drain"});
  EXPECT_NE(cut.status, 0) << cut.out << cut.err;
  EXPECT_EQ(scenario_.ytb({"refresh"}).status, kFailedProof);
  EXPECT_THAT(scenario_.ytb({"status"}).out, Not(HasSubstr("live since")));
}

TEST_F(Survivors, AfterAKillItBeginsAgain) { begin_again_after({"stage:search"}); }
TEST_F(SurvivorsLong, AfterAKillAnywhereItBeginsAgain) {
  begin_again_after({"after:mask", "stage:finish", "stage:verify", "stage:search", "stage:search:20000",
                     "stage:search:100000"});
}

}  // namespace
}  // namespace ytb::testing
