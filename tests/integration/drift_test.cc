// Production drifts away from the policy: the refresh stops with exit status 4 and says what to add, and
// staging goes on serving the day before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kPolicyStatus = 4;

class Drift : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.production().run("shop", R"(
      CREATE TABLE by_column (id int PRIMARY KEY, email text UNIQUE);
      CREATE TABLE by_wildcard (id int PRIMARY KEY, email text, note text);
      CREATE TABLE kept (id int PRIMARY KEY, label text);
      CREATE TABLE narrow (id int PRIMARY KEY, code varchar(6) UNIQUE, flags bit(4));
      INSERT INTO by_column VALUES (1, 'eve@real.test');
      INSERT INTO by_wildcard VALUES (1, 'eve@real.test', 'n');
      INSERT INTO kept VALUES (1, 'l');
      INSERT INTO narrow VALUES (1, 'abc123', B'1010');)");
    write_policy(kPolicy);
    scenario_.accept();
    scenario_.take_snapshot("monday");
    scenario_.refresh();
    live_ = scenario_.live_copy();
    ASSERT_NE(live_, "");
  }

  void write_policy(const std::string& tables, const std::string& databases = {}) {
    scenario_.write_policy(tables, databases);
  }

  // The next day's refresh is refused; its output names all of `words`; staging still serves Monday.
  void expect_refused(const std::vector<std::string>& words) {
    scenario_.take_snapshot("tuesday");
    RunResult result = scenario_.refresh(kPolicyStatus);
    for (const std::string& word : words) EXPECT_THAT(result.out + result.err, HasSubstr(word));
    EXPECT_EQ(scenario_.live_copy(), live_);
    EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM by_column"), "1");
    EXPECT_EQ(scenario_.copy_ids(), std::vector<std::string>{live_}) << "the refused copy is litter";
  }

  static constexpr const char* kPolicy = R"(    public.by_column:
      id: keep
      email: email
    public.by_wildcard:
      email: email
      "*": keep
    public.kept: keep
    public.narrow: keep
)";
  Scenario scenario_;
  std::string live_;
};
// Every sixth test of them, in the order of this file, is in `make test`; the others are in `make test-long`.
using DriftLong = Drift;

TEST_F(DriftLong, ColumnInATableJudgedByColumn) {
  scenario_.production().run("shop", "ALTER TABLE by_column ADD COLUMN nickname varchar(30)");
  expect_refused({"public.by_column", "nickname", "character varying(30)", "shop"});
}

TEST_F(DriftLong, ColumnUnderAWildcard) {
  scenario_.production().run("shop", "ALTER TABLE by_wildcard ADD COLUMN nickname text");
  expect_refused({"public.by_wildcard", "nickname", "text"});
}

TEST_F(DriftLong, ColumnInATableKeptWhole) {
  scenario_.production().run("shop", "ALTER TABLE kept ADD COLUMN owner_mail text");
  expect_refused({"public.kept", "owner_mail", "text"});
}

TEST_F(DriftLong, ColumnThatChangesItsType) {
  scenario_.production().run("shop", "ALTER TABLE kept ALTER COLUMN label TYPE jsonb USING to_jsonb(label)");
  expect_refused({"public.kept", "label", "jsonb"});
}

TEST_F(Drift, NewTable) {
  scenario_.production().run("shop", "CREATE SCHEMA hr; CREATE TABLE hr.people (id int, ssn text)");
  expect_refused({"hr.people", "ssn"});
}

TEST_F(DriftLong, NewDatabase) {
  scenario_.production().run("template1", "CREATE DATABASE \"Side Project\"");
  expect_refused({"Side Project"});
}

TEST_F(DriftLong, TableDropped) {
  scenario_.production().run("shop", "DROP TABLE kept");
  expect_refused({"public.kept"});
}

TEST_F(DriftLong, TableRenamed) {
  scenario_.production().run("shop", "ALTER TABLE kept RENAME TO kept_2");
  expect_refused({"public.kept", "public.kept_2"});
}

TEST_F(DriftLong, ColumnRenamed) {
  scenario_.production().run("shop", "ALTER TABLE by_column RENAME COLUMN email TO mail");
  expect_refused({"public.by_column", "mail"});
}

TEST_F(DriftLong, MaskerThatCannotServeTheType) {
  std::string policy = kPolicy;
  policy.replace(policy.find("    public.narrow: keep\n"), std::string("    public.narrow: keep\n").size(),
                 "    public.narrow:\n      flags: email\n      \"*\": keep\n");
  write_policy(policy);
  expect_refused({"public.narrow", "flags", "email", "bit(4)"});
}

TEST_F(Drift, MaskerTooWeakForAUniqueColumn) {
  std::string policy = kPolicy;
  policy.replace(policy.find("    public.narrow: keep\n"), std::string("    public.narrow: keep\n").size(),
                 "    public.narrow:\n      code: city\n      \"*\": keep\n");
  write_policy(policy);
  expect_refused({"public.narrow", "code", "unique"});
}

TEST_F(DriftLong, JudgingTheColumnIsEnough) {
  scenario_.production().run("shop", "ALTER TABLE by_column ADD COLUMN nickname varchar(30)");
  expect_refused({"nickname"});
  std::string policy = kPolicy;
  policy.replace(policy.find("      email: email\n"), std::string("      email: email\n").size(),
                 "      email: email\n      nickname: username\n");
  write_policy(policy);
  scenario_.refresh();
  EXPECT_NE(scenario_.live_copy(), live_);
  EXPECT_EQ(scenario_.staging_value("SELECT count(nickname) FROM by_column"), "0");
}

}  // namespace
}  // namespace ytb::testing
