// N4: a policy tightened afterwards was silently not applied: "nothing to do: no new snapshot", though the
// live copy was masked under another one. Likewise a changed password, `member_of`, key.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class N04 : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.production().run(
        "shop",
        "CREATE TABLE t (id int PRIMARY KEY, email text, phone text); INSERT INTO t SELECT "
        "g, 'real' || g || '@person.test', '555' || g FROM generate_series(1, 20) g");
    scenario_.write_policy("    public.t:\n      id: keep\n      email: email\n      phone: keep\n");
    scenario_.accept();
    scenario_.take_snapshot("monday");
    scenario_.refresh();
    live_ = scenario_.live_copy();
    const RunResult again = scenario_.refresh();
    EXPECT_THAT(again.out, HasSubstr("nothing to do"));
    ASSERT_EQ(scenario_.live_copy(), live_);
  }

  // All three name what changed; the schedule alone does nothing; a person's refresh makes a new copy, once.
  void expect_drift(const std::string& words) {
    EXPECT_THAT(scenario_.ytb({"plan"}).out, HasSubstr(words));
    EXPECT_THAT(scenario_.ytb({"status"}).out, HasSubstr(words));
    const RunResult due = scenario_.refresh(0, {"--if-due"});
    EXPECT_THAT(due.out, HasSubstr(words));
    EXPECT_EQ(scenario_.live_copy(), live_) << "work off the schedule";
    const RunResult asked =
        scenario_.refresh(0, {"--wait-drain"});  // or the next one has something to delete
    EXPECT_THAT(asked.out + asked.err, HasSubstr(words));
    EXPECT_NE(scenario_.live_copy(), live_);
    live_ = scenario_.live_copy();
    const RunResult again = scenario_.refresh();
    EXPECT_THAT(again.out, HasSubstr("nothing to do"));
    EXPECT_THAT(again.out, Not(HasSubstr("changed")));
    EXPECT_EQ(scenario_.live_copy(), live_);
  }

  Scenario scenario_;
  std::string live_;
};

// One after the other over one production, which costs more than any of the questions.
TEST_F(N04, WhatChangedIsSaidAndApplied) {
  scenario_.write_policy("    public.t:\n      id: keep\n      email: email\n      phone: phone\n");
  scenario_.accept();
  expect_drift("the policy");
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM t WHERE phone ~ '^555[0-9]{1,2}$'"), "0");

  // Another password, which is never written down.
  EXPECT_TRUE(can_log_in(scenario_.staging("shop")));
  std::ofstream(scenario_.home() + "/staging.password", std::ios::trunc) << "planted-another-one\n";
  expect_drift("access passwords");
  EXPECT_FALSE(can_log_in(scenario_.staging("shop")));
  EXPECT_EQ(
      run_program({"grep", "-rl", "planted-another-one", scenario_.copies(), scenario_.home() + "/state"})
          .out,
      "");

  std::ofstream(scenario_.home() + "/masking.key", std::ios::trunc)
      << "planted-masking-another-key-0123456\n";
  scenario_.options().access = fmt::format(
      "      staging:\n        password: file:{}/staging.password\n        member_of: [pg_read_all_data]\n"
      "        from: [local]\n",
      scenario_.home());
  scenario_.write_config();
  expect_drift("the masking key and the access roles changed");
}

}  // namespace
}  // namespace ytb::testing
