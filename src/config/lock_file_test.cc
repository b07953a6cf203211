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
  lock.entries = {{"shop", {"public", "users"}, "id", "bigint"},
                  {"shop", {"public", "plans"}, "price", "numeric(10,2)"},
                  {"Crm 2", {"public", "plans"}, "Price \"x\"", "character varying(50)"}};
  EXPECT_THAT(to_lock_text(lock),
              EndsWith("version 1\n"
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
  EXPECT_EQ(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')), lock.entries.size() + 3);
  EXPECT_EQ(text.find("\xe2\x80\xae"), std::string::npos);
  EXPECT_EQ(text.find('\x01'), std::string::npos);
}

TEST(LockFileTest, WhatIsWrongIsNamed) {
  EXPECT_THAT(error_of("shop public.t.a text\n"),
              HasSubstr("policy.lock:1:1: a lock starts with 'version 1'"));
  EXPECT_THAT(error_of("version 2\n"), HasSubstr("a lock of another version"));
  EXPECT_THAT(error_of("version 1\nshop public.t.a\n"),
              HasSubstr("policy.lock:2:16: the column's type is missing"));
  EXPECT_THAT(error_of("version 1\nshop public.t text\n"),
              HasSubstr("policy.lock:2:6: not schema.table.column"));
  EXPECT_THAT(error_of("version 1\n\"shop\n"), HasSubstr("a line is: database schema.table.column type"));
  EXPECT_THAT(error_of("version 1\nshop public.t.a te\\qxt\n"), HasSubstr("type is missing or garbled"));
  EXPECT_THAT(error_of("version 1\n<<<<<<< HEAD\n"), HasSubstr("an unresolved merge"));
  EXPECT_THAT(error_of("version 1\nshop public.t.a text\nshop public.t.a bigint\n"),
              HasSubstr("column public.t.a is locked with two types"));
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
