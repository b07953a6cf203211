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

}  // namespace
}  // namespace ytb::testing
