// U5: pasting what `policy check` suggested for a `judge` gave a key twice; `policy propose` claimed samples
// that its login could not read, and counted what was decided already among the undecided.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <string>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string content(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

class U05 : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.production().run("shop",
                               "CREATE TABLE t (id int, email text, notes text); CREATE TABLE u (id int);"
                               "INSERT INTO t SELECT g, 'a' || g || '@raw.test', 'note ' || g FROM "
                               "generate_series(1, 50) g; CREATE ROLE plain LOGIN");
    const std::string config = content(scenario_.config_file());
    std::ofstream(scenario_.config_file(), std::ios::trunc)
        << std::regex_replace(config, std::regex("(connection: \"[^\"]*user=)[^ \"]+"), "$1plain");
  }
  RunResult propose() {
    std::remove((scenario_.home() + "/proposal.yaml").c_str());
    return scenario_.ytb({"policy", "propose", "--out", scenario_.home() + "/proposal.yaml"});
  }

  Scenario scenario_;
};

TEST_F(U05, OnlySamplesThatCouldBeReadAreClaimed) {
  RunResult proposed = propose();
  ASSERT_EQ(proposed.status, 0) << proposed.err;
  EXPECT_THAT(proposed.out, HasSubstr("names and types only: no values could be read"));
  scenario_.production().run("shop", "GRANT SELECT ON t TO plain");
  proposed = propose();
  EXPECT_THAT(proposed.out, HasSubstr("up to 100 values a column of 1 of 2 tables"));
  scenario_.production().run("shop", "GRANT SELECT ON u TO plain");
  EXPECT_THAT(propose().out, HasSubstr("up to 100 values a column of each table"));
}

TEST_F(U05, WhatIsDecidedIsNotCountedAsUndecided) {
  EXPECT_THAT(propose().out, HasSubstr("4 columns, 1 of them marked 'judge'"));
  scenario_.write_policy("    public.t: {id: keep, email: email, notes: hash}\n    public.u: {id: keep}\n");
  EXPECT_THAT(propose().out, HasSubstr("4 columns, 0 of them marked 'judge'"));
  std::ofstream(scenario_.policy_file(), std::ios::trunc);  // as `> policy.yaml` leaves it
  EXPECT_THAT(propose().out, HasSubstr("4 columns, 1 of them marked 'judge'"));
}

TEST_F(U05, ASuggestionForAJudgeTakesItsPlace) {
  scenario_.write_policy(
      "    public.t:\n      id: keep\n      email: email\n      notes: judge\n    public.u: {id: keep}\n");
  const RunResult checked = scenario_.ytb({"policy", "check"});
  EXPECT_NE(checked.status, 0);
  EXPECT_THAT(checked.out, Not(HasSubstr("add:")));
  std::smatch suggested;
  ASSERT_TRUE(std::regex_search(checked.out, suggested, std::regex("write there instead: (notes: .*)")))
      << checked.out;
  const std::string policy = content(scenario_.policy_file());
  std::ofstream(scenario_.policy_file(), std::ios::trunc)
      << std::regex_replace(policy, std::regex("notes: judge"), suggested.str(1));
  scenario_.accept();
  const RunResult again = scenario_.ytb({"policy", "check"});
  EXPECT_EQ(again.status, 0) << again.out << again.err;
}

}  // namespace
}  // namespace ytb::testing
