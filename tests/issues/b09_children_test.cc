// B9: inheritance children (and partitions, and tables that a tool makes of a parent) that are made and
// dropped daily stopped the refresh each day: "table … is not judged", "table … is in the policy and not in
// shop".
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kPolicyStatus = 4;

class B09 : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.production().run("shop", R"sql(
      CREATE TABLE log (id int, who text, ok boolean);
      CREATE TABLE log_monday (CHECK (id < 100)) INHERITS (log);
      INSERT INTO log_monday SELECT g, 'Eve Real ' || g, true FROM generate_series(1, 9) g;
      CREATE TABLE metric (id int, host text, at date) PARTITION BY RANGE (at);
      CREATE TABLE metric_monday PARTITION OF metric FOR VALUES FROM ('2026-01-01') TO ('2026-01-02');
      INSERT INTO metric VALUES (1, 'h', '2026-01-01');)sql");
    scenario_.write_policy(
        "    public.log: {who: username, \"*\": keep}\n    public.metric: {id: keep, host: keep, at: "
        "keep}\n");
    scenario_.accept();
    scenario_.take_snapshot("monday");
    scenario_.refresh();
    scenario_.production().run("shop", R"sql(
      DROP TABLE log_monday;
      CREATE TABLE log_tuesday () INHERITS (log);
      CREATE TABLE log_tuesday_late () INHERITS (log_tuesday);
      INSERT INTO log_tuesday SELECT g, 'Eve Real ' || g, true FROM generate_series(1, 7) g;
      INSERT INTO log_tuesday_late SELECT g, 'Eve Real ' || g, true FROM generate_series(8, 9) g;
      CREATE TABLE metric_tuesday PARTITION OF metric FOR VALUES FROM ('2026-01-02') TO ('2026-01-03');
      DROP TABLE metric_monday;
      INSERT INTO metric VALUES (1, 'h', '2026-01-02');)sql");
  }

  Scenario scenario_;
};

TEST_F(B09, ChildrenAndPartitionsOfTheDayAreMaskedAsTheirParent) {
  scenario_.take_snapshot("tuesday");
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM log"), "9");
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM log WHERE who LIKE '%Real%'"), "0");
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM log_tuesday_late"), "2");
  EXPECT_EQ(scenario_.staging_value("SELECT host FROM metric"), "h");
}

TEST_F(B09, WhatAChildAddsIsJudgedByItself) {
  scenario_.production().run("shop", "ALTER TABLE log_tuesday ADD COLUMN whisper text DEFAULT 'Eve Real'");
  scenario_.take_snapshot("tuesday");
  const RunResult refused = scenario_.refresh(kPolicyStatus);
  EXPECT_THAT(refused.out + refused.err, HasSubstr("public.log_tuesday.whisper (text)"));
}

}  // namespace
}  // namespace ytb::testing
