// U1: `status` showed the isolation that the config asks for today, not what the copy's server was started
// under, and a changed `isolation` was silently not applied.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class U01 : public ::testing::Test {
 protected:
  void SetUp() override {
    isolate("isolation: {none: \"synthetic data in a test\"}");
    scenario_.production().run("shop",
                               "CREATE TABLE t (id int, email text); INSERT INTO t VALUES (1, 'a@raw.test')");
    scenario_.write_policy("    public.t: {id: keep, email: email}\n");
    scenario_.accept();
    scenario_.take_snapshot("monday");
    scenario_.refresh();
  }
  void isolate(const std::string& line) {
    scenario_.options().copies_extra = "        " + line + "\n";
    scenario_.write_config();
  }

  Scenario scenario_;
};

TEST_F(U01, TheServersOwnIsShownAndAnotherIsAppliedByARefresh) {
  const std::string first = scenario_.live_copy();
  const std::string said = "none, because: synthetic data in a test";
  EXPECT_THAT(scenario_.ytb({"proof", "verify"}).out, HasSubstr("isolation  " + said));
  const RunResult shown = scenario_.ytb({"proof", "show"});
  EXPECT_THAT(shown.out, HasSubstr("isolation   " + said)) << "beside what passes";
  EXPECT_THAT(shown.out, HasSubstr("– could not be checked"));
  EXPECT_THAT(scenario_.ytb({"proof", "verify", "--output", "json"}).out,
              HasSubstr("\"not_sealed\":\"" + said + "\""));

  isolate("isolation: {none: \"another reason for it\"}");
  RunResult status = scenario_.ytb({"status"});
  EXPECT_THAT(status.out, HasSubstr("isolation   " + said));
  EXPECT_THAT(status.out, HasSubstr("the isolation changed"));
  EXPECT_THAT(scenario_.ytb({"plan"}).out, HasSubstr("the isolation changed"));
  const RunResult due = scenario_.refresh(0, {"--if-due"});
  EXPECT_THAT(due.out, HasSubstr("the isolation changed"));
  EXPECT_EQ(scenario_.live_copy(), first) << "work off the schedule";
  const RunResult json = scenario_.ytb({"status", "--output", "json"});
  EXPECT_THAT(json.out, HasSubstr("\"isolation_reason\":\"synthetic data in a test\""));

  const RunResult asked = scenario_.refresh(0, {"--wait-drain"});
  EXPECT_THAT(asked.out + asked.err, HasSubstr("the isolation changed"));
  EXPECT_THAT(asked.out, HasSubstr("isolation   none, because: another reason for it"));
  EXPECT_NE(scenario_.live_copy(), first);
  status = scenario_.ytb({"status"});
  EXPECT_THAT(status.out, HasSubstr("isolation   none, because: another reason for it"));
  EXPECT_THAT(status.out, Not(HasSubstr("changed")));
  EXPECT_THAT(scenario_.refresh().out, HasSubstr("nothing to do"));
}

TEST_F(U01, ALooseCopyStaysLooseUntilASealedOneTakesItsPlace) {
  const std::string lacks = why_no_seal();
  if (!lacks.empty()) GTEST_SKIP() << lacks;
  const std::string first = scenario_.live_copy();
  isolate("isolation: sealed");
  EXPECT_THAT(scenario_.ytb({"status"}).out,
              HasSubstr("isolation   none, because: synthetic data in a test"));
  // Killed and started anew, it is what its proof says.
  for (const std::string& process : scenario_.processes()) {
    if (process.find("bin/postgres -D") != std::string::npos) kill(std::stoi(process), SIGKILL);
  }
  scenario_.refresh(0, {"--if-due"});
  ASSERT_EQ(scenario_.live_copy(), first);
  EXPECT_THAT(scenario_.ytb({"status", "--output", "json"}).out, HasSubstr("\"isolation\":\"none\""));
  scenario_.refresh(0, {"--wait-drain"});
  EXPECT_NE(scenario_.live_copy(), first);
  EXPECT_THAT(scenario_.ytb({"status", "--output", "json"}).out, HasSubstr("\"isolation\":\"sealed\""));
  EXPECT_THAT(scenario_.ytb({"proof", "verify"}).out, Not(HasSubstr("isolation")));
}

}  // namespace
}  // namespace ytb::testing
