// D6: `accept` locked nothing where every column was written `keep`, so that a kept boolean turned into text
// passed; it said "nothing to accept" over a policy with findings, asked "Accept 0 changes?", and exited 0.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kPolicyStatus = 4;

std::string content(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

class D06 : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.production().run("shop",
                               "CREATE TABLE t (id int PRIMARY KEY, vip boolean, email text); INSERT INTO t "
                               "SELECT g, true, 'a' || g || '@raw.test' FROM generate_series(1, 20) g");
  }
  RunResult accept(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"policy", "accept", "--yes"});
    return scenario_.ytb(more);
  }
  std::string lock() { return content(scenario_.home() + "/policy.lock"); }

  Scenario scenario_;
};

TEST_F(D06, AKeptBooleanThatBecomesTextStopsTheRefresh) {
  scenario_.write_policy("    public.t: {id: keep, vip: keep, email: email}\n");
  const RunResult accepted = accept({"--by", "ann", "--why", "no person in it"});
  ASSERT_EQ(accepted.status, 0) << accepted.err;
  EXPECT_THAT(accepted.out, HasSubstr("2 columns kept; 2 added, 0 removed, 0 changed"));
  EXPECT_THAT(
      lock(),
      HasSubstr("version 2\nengine postgresql\nshop public.t.id integer\n  by ann\n  why no person in it\n"));
  EXPECT_THAT(accept().out, HasSubstr("is up to date: 2 columns kept"));
  scenario_.take_snapshot("monday");
  scenario_.refresh();
  scenario_.production().run("shop",
                             "ALTER TABLE t ALTER vip TYPE text USING 'Eve Adams'; "
                             "INSERT INTO t VALUES (99, 'Eve Adams', 'eve@raw.test')");
  scenario_.take_snapshot("tuesday");
  const RunResult refused = scenario_.refresh(kPolicyStatus);
  EXPECT_THAT(refused.out + refused.err, HasSubstr("vip (text) of shop is locked as boolean"));
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM t WHERE vip::text = 'Eve Adams'"), "0");
}

TEST_F(D06, NothingIsAcceptedWhileFindingsRemain) {
  scenario_.write_policy("    public.t: {id: keep, vip: judge, email: email}\n");
  const RunResult judged = accept();
  EXPECT_EQ(judged.status, kPolicyStatus) << judged.out << judged.err;
  EXPECT_THAT(judged.out, HasSubstr("policy.yaml:"));
  EXPECT_THAT(judged.out, HasSubstr("column public.t.vip (boolean) of shop is still marked `judge`"));
  EXPECT_THAT(judged.err, HasSubstr("nothing was accepted: 1 finding remains"));
  EXPECT_THAT(judged.out + judged.err, Not(HasSubstr("nothing to accept")));
  EXPECT_EQ(lock(), "");
  // Likewise with a column that nobody names, and with a masker that does not serve.
  scenario_.write_policy("    public.t: {id: keep, email: email}\n");
  EXPECT_EQ(accept().status, kPolicyStatus);
  scenario_.write_policy("    public.t: {id: keep, vip: email, email: email}\n");
  const RunResult json = accept({"--output", "json"});
  EXPECT_EQ(json.status, kPolicyStatus);
  EXPECT_THAT(json.out, HasSubstr("\"accepted\":false"));
  EXPECT_THAT(json.out, HasSubstr("\"cannot_serve_type\""));
  EXPECT_EQ(lock(), "");
}

TEST_F(D06, ALockOfVersionOneStopsNobodyAndIsRenewedByAccept) {
  scenario_.write_policy("    public.t: {id: keep, vip: keep, email: email}\n");
  std::ofstream(scenario_.home() + "/policy.lock") << "version 1\n";
  const RunResult checked = scenario_.ytb({"policy", "check"});
  EXPECT_EQ(checked.status, 0) << checked.out << checked.err;
  EXPECT_THAT(checked.out, HasSubstr("note: 2 columns that the policy keeps by name are not in the lock"));
  scenario_.take_snapshot("monday");
  scenario_.refresh();
  ASSERT_EQ(accept().status, 0);
  EXPECT_THAT(lock(), HasSubstr("shop public.t.vip boolean\n"));
  EXPECT_THAT(scenario_.ytb({"policy", "check"}).out, Not(HasSubstr("note:")));
}

TEST_F(D06, WhatHasExpiredStopsTheRefresh) {
  scenario_.write_policy("    public.t: {id: keep, vip: keep, email: email}\n");
  EXPECT_NE(accept({"--expires", "2020-01-31"}).status, 0) << "a day that is over";
  EXPECT_NE(accept({"--expires", "soon"}).status, 0);
  ASSERT_EQ(accept({"--expires", "2999-01-31"}).status, 0);
  EXPECT_EQ(scenario_.ytb({"policy", "check"}).status, 0);
  std::string text = lock();
  text.replace(text.find("2999"), 4, "2020");
  std::ofstream(scenario_.home() + "/policy.lock", std::ios::trunc) << text;
  const RunResult checked = scenario_.ytb({"policy", "check"});
  EXPECT_EQ(checked.status, kPolicyStatus);
  EXPECT_THAT(checked.out, HasSubstr("was accepted until 2020-01-31"));
  ASSERT_EQ(accept().status, 0);
  EXPECT_EQ(scenario_.ytb({"policy", "check"}).status, 0);
}

}  // namespace
}  // namespace ytb::testing
