#include "masking/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "masking/policy.h"

namespace ytb::masking {
namespace {

using ::testing::HasSubstr;

Column column_of(std::string name, std::string type = "text", std::string base = "text") {
  Column column;
  column.name = std::move(name);
  column.type = std::move(type);
  column.base_type = std::move(base);
  return column;
}

bool matches(std::string_view pattern, const QualifiedName& table, const Column& column) {
  std::string why;
  const std::optional<ColumnPattern> parsed = parse_column_pattern(pattern, why);
  EXPECT_TRUE(parsed) << pattern << ": " << why;
  return parsed && parsed->matches(table, column);
}

std::string refusal(std::string_view pattern) {
  std::string why;
  return parse_column_pattern(pattern, why) ? "accepted" : why;
}

TEST(ColumnPattern, OneTwoOrThreeParts) {
  const QualifiedName users{"public", "users"};
  const Column email = column_of("work_email");
  for (const char* yes :
       {"work_email", "*_email", "*", "users.work_email", "*.work_email", "u*s.*", "public.users.*", "*.*.*",
        "p*.*rs.w*k*l", "**", "\"work_email\"", "public.\"users\".work_email"}) {
    EXPECT_TRUE(matches(yes, users, email)) << yes;
  }
  for (const char* no : {"email", "work_emai", "Work_Email", "user.work_email", "audit.users.work_email",
                         "work*x*email", "\"*\"", "*_email_*", "public.work_email"}) {
    EXPECT_FALSE(matches(no, users, email)) << no;
  }
}

TEST(ColumnPattern, AsterisksOverlapNothing) {
  EXPECT_FALSE(matches("ab*ba", {"s", "t"}, column_of("aba")));
  EXPECT_TRUE(matches("ab*ba", {"s", "t"}, column_of("abba")));
  EXPECT_TRUE(matches("*a*b*", {"s", "t"}, column_of("ab")));
  EXPECT_FALSE(matches("*b*a*", {"s", "t"}, column_of("ab")));
  EXPECT_TRUE(matches("a*", {"s", "t"}, column_of("a")));
}

TEST(ColumnPattern, QuotedPartsStandForThemselves) {
  const QualifiedName odd{"Odd.Schema", "a*b"};
  EXPECT_TRUE(matches("\"Odd.Schema\".\"a*b\".\"say \"\"hi\"\"\"", odd, column_of("say \"hi\"")));
  EXPECT_FALSE(matches("\"Odd.Schema\".\"a*b\".x", {"Odd.Schema", "axb"}, column_of("x")));
  EXPECT_TRUE(matches("\"two words\" text", {"s", "t"}, column_of("two words")));
  EXPECT_TRUE(matches("*.\"line\nbreak\"", {"s", "t"}, column_of("line\nbreak")));
}

TEST(ColumnPattern, TypesByAnyOfTheirNames) {
  const QualifiedName t{"public", "t"};
  const Column varchar = column_of("c", "character varying(50)", "varchar");
  for (const char* yes : {"* character varying(50)", "* character varying", "* varchar", "c *char*"}) {
    EXPECT_TRUE(matches(yes, t, varchar)) << yes;
  }
  EXPECT_FALSE(matches("* text", t, varchar));
  const Column at = column_of("c", "timestamp(3) with time zone", "timestamptz");
  for (const char* yes : {"* timestamptz", "* timestamp with time zone", "* timestamp*"}) {
    EXPECT_TRUE(matches(yes, t, at)) << yes;
  }
  EXPECT_TRUE(matches("* text[]", t, column_of("c", "text[]", "_text")));
  EXPECT_FALSE(matches("* text", t, column_of("c", "text[]", "_text")));
}

TEST(ColumnPattern, WhatIsNoneSaysWhy) {
  EXPECT_THAT(refusal(""), HasSubstr("empty"));
  EXPECT_THAT(refusal("a..b"), HasSubstr("empty"));
  EXPECT_THAT(refusal(".a"), HasSubstr("empty"));
  EXPECT_THAT(refusal("a."), HasSubstr("empty"));
  EXPECT_THAT(refusal("a.b.c.d"), HasSubstr("more than three parts"));
  EXPECT_THAT(refusal("\"a"), HasSubstr("not closed"));
  EXPECT_THAT(refusal("a\"b\""), HasSubstr("quoted as a whole"));
  EXPECT_THAT(refusal("\"a\"b"), HasSubstr("quoted as a whole"));
  EXPECT_THAT(refusal(std::string(513, 'a')), HasSubstr("512"));
}

// Backtracking would take longer than anybody lives.
TEST(ColumnPattern, ManyAsterisksTakeNoTime) {
  std::string pattern;
  for (int i = 0; i < 250; ++i) pattern += "*a";
  pattern += "*b*";
  const Column column = column_of(std::string(60'000, 'a'));
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(matches(pattern, {"s", "t"}, column));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

ColumnRule rule(std::string text) {
  std::string why;
  ColumnRule made{.text = text, .pattern = *parse_column_pattern(text, why), .masker = {}, .where = {}};
  made.masker.name = "hash";
  return made;
}

TEST(RuleIndex, TheLastOneDecidesAndThoseOfTheDatabaseGoFirst) {
  const std::vector<ColumnRule> shared{rule("*"), rule("email"), rule("*mail"), rule("name")};
  const std::vector<ColumnRule> own{rule("users.n*")};
  const RuleIndex index(shared, own);
  const auto found = [&](const char* table, const char* column) {
    const ColumnRule* decides = index.find({"public", table}, column_of(column));
    return decides == nullptr ? std::string() : decides->text;
  };
  EXPECT_EQ(found("users", "email"), "*mail");
  EXPECT_EQ(found("users", "name"), "users.n*");
  EXPECT_EQ(found("plans", "name"), "name");
  EXPECT_EQ(found("plans", "other"), "*");
  EXPECT_EQ(index.all({"public", "users"}, column_of("name")).size(), 3U);
  EXPECT_EQ(RuleIndex({}, {}).find({"public", "t"}, column_of("a")), nullptr);
}

}  // namespace
}  // namespace ytb::masking
