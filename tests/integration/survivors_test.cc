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
    return scenario_.ytb({"refresh"});
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

  Scenario scenario_;
  int day_ = 0;
};

TEST_F(Survivors, WhatIsMaskedWellPasses) {
  const RunResult result = refresh();
  ASSERT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_THAT(scenario_.proof(), HasSubstr("no_original_survives"));
  EXPECT_THAT(scenario_.proof(), HasSubstr("up to three words"));
}

TEST_F(Survivors, OneOriginalAmongTwentyThousandKeptValues) {
  plant(fmt::format("UPDATE notes SET body = upper('{}') WHERE id = 17000", kOriginal));
  expect_found("shop public.notes.body (1 times)");
}

TEST_F(Survivors, OneInsideALongText) {
  plant(fmt::format(
      "UPDATE notes SET body = (SELECT string_agg('word' || g, ' ') FROM generate_series(1, 5000) g) || "
      "', write to <{}>, ' || (SELECT string_agg('other' || g, ' ') FROM generate_series(1, 5000) g) "
      "WHERE id = 17000",
      kOriginal));
  expect_found("shop public.notes.body");
}

TEST_F(Survivors, AnEscapedOneInJson) {
  plant(R"sql(UPDATE users SET last = 'Hüpper' WHERE id = 7;
              ALTER TABLE notes ADD raw json;
              UPDATE notes SET raw = '{"of": ["x", "H\u00fcpper"]}' WHERE id = 17000)sql");
  expect_found("shop public.notes.raw");
}

TEST_F(Survivors, OnesOfJsonInAnArray) {
  plant("UPDATE notes SET tags = ARRAY['a', 'json77@person.test'] WHERE id = 17000");
  expect_found("shop public.notes.tags");
}

TEST_F(Survivors, FirstAndLastNameOfOneRow) {
  plant("UPDATE notes SET body = 'spoke with Hopper25, Gracez.' WHERE id = 17000");
  expect_found("shop public.notes.body");
}

TEST_F(Survivors, ATelephoneNumberTypedOtherwise) {
  plant("ALTER TABLE notes ADD called bigint; UPDATE notes SET called = 49305500077 WHERE id = 17000");
  expect_found("shop public.notes.called");
}

TEST_F(Survivors, OnesInDefinitions) {
  plant(fmt::format("CREATE FUNCTION who() RETURNS text LANGUAGE sql AS $$ SELECT '{}'::text $$", kOriginal));
  expect_found("shop function public.who()");
}

TEST_F(Survivors, OnesInAMaterializedView) {
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

// What no statement shows: a deleted row of a kept table, and an updated one's old index entry.
TEST_F(Survivors, DeletedRowsAreFoundInFiles) {
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
  EXPECT_THAT(said, Not(HasSubstr("no_original_survives failed")));
  EXPECT_THAT(said, HasSubstr("no_original_in_files failed"));
  for (const char* place : {"shop files of public.notes (1", "shop files of public.codes (1",
                            "shop files of index public.codes_pkey (1"}) {
    EXPECT_THAT(said, HasSubstr(place));
  }
  EXPECT_THAT(said, Not(HasSubstr("person.test")));
}

TEST_F(Survivors, WholeLeavesProseOut) {
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

TEST_F(Survivors, WhatIsAllowedIsCounted) {
  plant(fmt::format("UPDATE notes SET body = 'write to {} today' WHERE id = 17000", kOriginal));
  const RunResult result = refresh(
      "survivors:\n  search: prose\n  allow:\n    shop:\n      public.notes.body: \"our own test "
      "account\"\n");
  ASSERT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_THAT(scenario_.proof(),
              HasSubstr("allowed: shop public.notes.body (1 times): our own test account"));
}

// What a killed run knew of the originals is gone with it: the copy is made once more, and nothing is left.
TEST_F(Survivors, AfterAKillItBeginsAgain) {
  for (const char* at : {"after:mask", "stage:finish"}) {
    SCOPED_TRACE(at);
    scenario_.write_policy(kPolicy, "survivors: prose\n");
    scenario_.accept();
    scenario_.take_snapshot(fmt::format("day{}", ++day_));
    constexpr int kKilled = 128 + 9;
    EXPECT_EQ(scenario_.crashing_ytb(at, {"refresh", "--wait-drain"}).status, kKilled);
    EXPECT_EQ(run_program({"sh", "-c", "find " + scenario_.copies() + " -name '.unnamed-*' | wc -l"}).out,
              "0\n");
    scenario_.refresh(0, {"--wait-drain"});
    EXPECT_THAT(scenario_.proof(), HasSubstr("no_original_survives"));
    EXPECT_EQ(scenario_.copy_ids().size(), 1U);
  }
}

}  // namespace
}  // namespace ytb::testing
