// S18: `check` said ✓ for a state folder in which every user of the host may write.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

TEST(S18, WhatOthersCanChangeIsNamedByCheck) {
  Scenario scenario;
  scenario.production().run("shop", "CREATE TABLE t (id int PRIMARY KEY)");
  scenario.write_policy("    public.t: keep\n");
  scenario.accept();
  scenario.take_snapshot("monday");
  const RunResult fine = scenario.ytb({"check"});
  EXPECT_EQ(fine.status, 0) << fine.out << fine.err;
  auto expect_refused = [&](const std::string& path, mode_t bad, mode_t good) {
    ASSERT_EQ(chmod(path.c_str(), bad), 0) << path;
    const RunResult result = scenario.ytb({"check"});
    EXPECT_NE(result.status, 0) << path;
    EXPECT_THAT(result.out + result.err, HasSubstr("chmod go-w " + path));
    ASSERT_EQ(chmod(path.c_str(), good), 0) << path;
  };
  expect_refused(scenario.home() + "/state", 0777, 0700);
  expect_refused(scenario.home() + "/state", 01777, 0700);
  expect_refused(scenario.copies(), 0777, 0755);
  expect_refused(scenario.policy_file(), 0666, 0644);
  expect_refused(scenario.config_file(), 0666, 0600);
  expect_refused(scenario.home(), 0777, 0755);
  if (geteuid() == 0) {
    ASSERT_EQ(chown(scenario.policy_file().c_str(), 65534, 65534), 0);
    EXPECT_NE(scenario.ytb({"check"}).status, 0) << "the policy belongs to somebody else";
    ASSERT_EQ(chown(scenario.policy_file().c_str(), 0, 0), 0);
  }
  EXPECT_EQ(scenario.ytb({"check"}).status, 0);
}

// A link is as safe as the folder that it lies in; a group as its members; and a path that the command line
// gives from here is a path, too.
TEST(S18, LinksGroupsAndRelativePathsAreJudgedAsWell) {
  Scenario scenario;
  scenario.production().run("shop", "CREATE TABLE t (id int PRIMARY KEY)");
  scenario.write_policy("    public.t: keep\n");
  scenario.accept();
  scenario.take_snapshot("monday");
  // state → open/state → kept/state: nobody but us may write where it leads, anybody where it leads from.
  const std::string open = scenario.home() + "/open";
  ASSERT_EQ(mkdir(open.c_str(), 0755), 0);
  ASSERT_EQ(rename((scenario.home() + "/state").c_str(), (scenario.home() + "/kept").c_str()), 0);
  ASSERT_EQ(symlink("../kept", (open + "/state").c_str()), 0);
  ASSERT_EQ(symlink("open/state", (scenario.home() + "/state").c_str()), 0);
  const RunResult fine = scenario.ytb({"check"});
  EXPECT_EQ(fine.status, 0) << fine.out << fine.err;
  ASSERT_EQ(chmod(open.c_str(), 0777), 0);
  const RunResult linked = scenario.ytb({"check"});
  EXPECT_NE(linked.status, 0);
  EXPECT_THAT(linked.out + linked.err, HasSubstr("chmod go-w " + open));
  // The same, asked from inside with a relative path.
  const RunResult relative =
      run_program({"sh", "-c",
                   fmt::format("cd {} && {} check --config yesterdaytabase.yaml", scenario.home(),
                               std::string(YTB_BINARY_DIR) + "/src/yesterdaytabase")});
  EXPECT_NE(relative.status, 0);
  EXPECT_THAT(relative.out + relative.err, HasSubstr("chmod go-w "));
  ASSERT_EQ(chmod(open.c_str(), 0755), 0);
  if (geteuid() != 0) return;
  // Root's group has no member but root; everybody's is nobody's own.
  ASSERT_EQ(chmod(scenario.policy_file().c_str(), 0664), 0);
  EXPECT_EQ(scenario.ytb({"check"}).status, 0);
  ASSERT_EQ(chown(scenario.policy_file().c_str(), 0, 65534), 0);
  EXPECT_NE(scenario.ytb({"check"}).status, 0) << "other users are in that group";
}

}  // namespace
}  // namespace ytb::testing
