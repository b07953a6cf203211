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
    scenario_.write_policy(kPolicy, survivors);
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

TEST_F(Survivors, WholeLeavesProseOut) {
  plant(fmt::format("UPDATE notes SET body = 'write to {} today' WHERE id = 17000", kOriginal));
  const RunResult result = refresh("survivors: whole\n");
  ASSERT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_THAT(scenario_.proof(), HasSubstr("prose was left out"));
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
