#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace ytb::config {
namespace {

using masking::PolicyLock;
using ::testing::EndsWith;
using ::testing::HasSubstr;

std::string error_of(std::string_view text) {
  Result<PolicyLock> lock = parse_lock(text, "policy.lock");
  if (lock.ok()) return "accepted";
  EXPECT_EQ(lock.error().code, Code::kPolicy);
  return lock.error().message;
}

TEST(LockFileTest, IsSortedWithOneLineAColumn) {
  PolicyLock lock;
  lock.engine = "postgresql";
  lock.entries = {{"shop", {"public", "users"}, "id", "bigint"},
                  {"shop", {"public", "plans"}, "price", "numeric(10,2)"},
                  {"Crm 2", {"public", "plans"}, "Price \"x\"", "character varying(50)"}};
  EXPECT_THAT(to_lock_text(lock),
              EndsWith("\nversion 2\nengine postgresql\n"
                       "\"Crm 2\" public.plans.\"Price \"\"x\"\"\" character varying(50)\n"
                       "shop public.plans.price numeric(10,2)\n"
                       "shop public.users.id bigint\n"));
}

TEST(LockFileTest, HostileNamesComeBackAsTheyWere) {
  const std::vector<std::string> names = {"\"; drop table x;--",
                                          "new\nline",
                                          "tab\tand\rreturn",
                                          "back\\slash",
                                          "\\n",
                                          "\\x41",
                                          "ünïcode 名前",
                                          "a.b",
                                          "a b",
                                          "#comment",
                                          "version",
                                          "select",
                                          std::string(63, 'x'),
                                          "\xe2\x80\xaexter",
                                          "\x01",
                                          "\"",
                                          "\"\"",
                                          "Ünder\"Quote\".x y",
                                          "'",
                                          "$dollar",
                                          "9lives",
                                          "-",
                                          "<<<<<<<",
                                          "\xc2\x85"};
  PolicyLock lock;
  for (const std::string& a : names) {
    for (const std::string& b : names) lock.entries.push_back({a, {b, a}, b, "public." + b + " x"});
  }
  std::sort(lock.entries.begin(), lock.entries.end());
  const std::string text = to_lock_text(lock);
  Result<PolicyLock> back = parse_lock(text, "policy.lock");
  ASSERT_TRUE(back.ok()) << to_string(back.error());
  EXPECT_EQ(back->entries, lock.entries);
  EXPECT_EQ(to_lock_text(*back), text);
  // One line an entry, and nothing that a terminal would act on.
  EXPECT_EQ(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')), lock.entries.size() + 5);
  EXPECT_EQ(text.find("\xe2\x80\xae"), std::string::npos);
  EXPECT_EQ(text.find('\x01'), std::string::npos);
}

TEST(LockFileTest, WhatIsWrongIsNamed) {
  EXPECT_THAT(error_of("shop public.t.a text\n"),
              HasSubstr("policy.lock:1:1: a lock starts with 'version 2'"));
  EXPECT_THAT(error_of("version 3\n"), HasSubstr("a lock of another version: this program reads 1 and 2"));
  EXPECT_THAT(error_of("version 2\n"), HasSubstr("the lock does not say its engine"));
  EXPECT_THAT(error_of("version 2\nshop public.t.a text\n"),
              HasSubstr("policy.lock:2:1: the line after the version is the engine"));
  EXPECT_THAT(error_of("version 1\nshop public.t.a\n"),
              HasSubstr("policy.lock:2:16: the column's type is missing"));
  EXPECT_THAT(error_of("version 1\nshop public.t text\n"),
              HasSubstr("policy.lock:2:6: not schema.table.column"));
  EXPECT_THAT(error_of("version 1\n\"shop\n"), HasSubstr("a line is: database schema.table.column type"));
  EXPECT_THAT(error_of("version 1\nshop public.t.a te\\qxt\n"), HasSubstr("type is missing or garbled"));
  EXPECT_THAT(error_of("version 1\n<<<<<<< HEAD\n"), HasSubstr("an unresolved merge"));
  EXPECT_THAT(error_of("version 1\nshop public.t.a text\n# x\nshop public.t.a bigint\n"),
              HasSubstr("policy.lock:4:1: column public.t.a is locked with two types: here and in line 2"));
}

// What stands below a column in version 2.
TEST(LockFileTest, WhoWhyAndUntilWhenComeBack) {
  const std::string text =
      "version 2\nengine postgresql\nshop public.t.a text\n  by Ann <ann@example.com>\n  expires 2027-01-31\n"
      "  why shown to all\\nsays legal\nshop public.t.b numeric(10,2)\n";
  Result<PolicyLock> lock = parse_lock(text, "policy.lock");
  ASSERT_TRUE(lock.ok()) << to_string(lock.error());
  EXPECT_EQ(lock->version, 2);
  EXPECT_EQ(lock->engine, "postgresql");
  ASSERT_EQ(lock->entries.size(), 2U);
  EXPECT_EQ(lock->entries[0].by, "Ann <ann@example.com>");
  EXPECT_EQ(lock->entries[0].expires, "2027-01-31");
  EXPECT_EQ(lock->entries[0].why, "shown to all\nsays legal");
  EXPECT_EQ(lock->entries[0].line, 3);
  EXPECT_EQ(lock->entries[1].by, "");
  EXPECT_THAT(to_lock_text(*lock), EndsWith(text));
}

TEST(LockFileTest, AHandThatSlipsIsTold) {
  const std::string top = "version 2\nengine postgresql\n";
  EXPECT_THAT(error_of(top + "  by ann\n"), HasSubstr("and there is none"));
  EXPECT_THAT(error_of(top + "a public.t.a text\n  expires 2027-02-30\n"),
              HasSubstr("policy.lock:4:3: 'expires' takes a date"));
  EXPECT_THAT(error_of(top + "a public.t.a text\n  expires tomorrow\n"), HasSubstr("takes a date"));
  EXPECT_THAT(error_of(top + "a public.t.a text\n  expires 02027-01-01\n"), HasSubstr("takes a date"));
  EXPECT_THAT(error_of(top + "a public.t.a text\n  until 2027-01-01\n"), HasSubstr("by, expires and why"));
  EXPECT_THAT(error_of(top + "a public.t.a text\n  by ann\n  by bob\n"), HasSubstr("'by' is here twice"));
  EXPECT_THAT(error_of(top + "a public.t.a text\n  by\n"), HasSubstr("'by' says nothing"));
  EXPECT_THAT(error_of(top + "a public.t.a text\n  by " + std::string(1001, 'x') + "\n"),
              HasSubstr("longer than 1000 bytes"));
  EXPECT_THAT(error_of(top + "  a public.t.a text\n"), HasSubstr("and there is none"));
  EXPECT_THAT(error_of("version 1\na public.t.a text\n  by ann\n"), HasSubstr("version 1 has none"));
  EXPECT_THAT(error_of("version 2\nengine Post SQL\n"), HasSubstr("the line after the version"));
  // Two that differ in what they say are two answers; two that are equal are one.
  EXPECT_THAT(error_of(top + "a public.t.a text\n  by ann\na public.t.a text\n"),
              HasSubstr("locked twice, and differently"));
  Result<PolicyLock> same =
      parse_lock(top + "a public.t.a text\n  by ann\na public.t.a text\n  by ann\n", "policy.lock");
  ASSERT_TRUE(same.ok()) << to_string(same.error());
  EXPECT_EQ(same->entries.size(), 1U);
}

TEST(LockFileTest, RepeatedAndUnsortedLinesAreHarmless) {
  Result<PolicyLock> lock = parse_lock(
      "# x\r\nversion 1\r\n\nb public.t.a text\nb public.t.a text\na public.t.a text\n", "policy.lock");
  ASSERT_TRUE(lock.ok()) << to_string(lock.error());
  ASSERT_EQ(lock->entries.size(), 2U);
  EXPECT_EQ(lock->entries[0].database, "a");
  EXPECT_EQ(lock->digest.size(), 64U);
}

TEST(LockFileTest, AnEmptyLockReadsBack) {
  Result<PolicyLock> lock = parse_lock(to_lock_text({}), "policy.lock");
  ASSERT_TRUE(lock.ok()) << to_string(lock.error());
  EXPECT_TRUE(lock->entries.empty());
}

}  // namespace
}  // namespace ytb::config
