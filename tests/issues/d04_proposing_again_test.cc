// D4, N7: a second database dropped every judgement made before; proposing again dropped all comments,
// counted wrongly, and wrote no policy that is there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
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

class D04 : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.production().run("shop",
                               "CREATE TABLE t (id int PRIMARY KEY, email text); CREATE TABLE u (id int)");
    std::ofstream(scenario_.policy_file()) << kWritten;
  }
  RunResult propose() { return scenario_.ytb({"policy", "propose", "--out", scenario_.policy_file()}); }

  static constexpr const char* kWritten =
      "version: 1   # ours\ntables:\n  public.t:\n    id: keep     # a number\n    email: {hash: {domain: "
      "crm}}\n  public.u: keep\n";
  Scenario scenario_;
};

TEST_F(D04, ANewColumnIsAddedInPlaceAndNothingElseChanges) {
  RunResult proposed = propose();
  ASSERT_EQ(proposed.status, 0) << proposed.err;
  EXPECT_THAT(proposed.out, HasSubstr("nothing was added"));
  EXPECT_EQ(content(scenario_.policy_file()), kWritten);
  scenario_.production().run("shop", "ALTER TABLE t ADD phone text, ADD misc text");
  ::chmod(scenario_.policy_file().c_str(), 0640);
  proposed = propose();
  ASSERT_EQ(proposed.status, 0) << proposed.err;
  EXPECT_THAT(proposed.out, HasSubstr("2 new columns"));
  EXPECT_THAT(proposed.out, HasSubstr("5 columns, 1 of them marked 'judge'"));
  const std::string after = content(scenario_.policy_file());
  EXPECT_THAT(after,
              HasSubstr("version: 1   # ours\ntables:\n  public.t:\n    id: keep     # a number\n    email: "
                        "{hash: {domain: crm}}\n    phone: phone   # "));
  EXPECT_THAT(after, HasSubstr("\n    misc: judge   # "));
  EXPECT_THAT(after, HasSubstr("\n  public.u: keep\n"));
  struct stat info {};
  ASSERT_EQ(::stat(scenario_.policy_file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0640U);
}

TEST_F(D04, ASecondDatabaseLeavesWhatWasJudged) {
  scenario_.production().run("template1", "CREATE DATABASE crm");
  scenario_.production().run("crm", "CREATE TABLE leads (id int, phone text)");
  const RunResult proposed = propose();
  ASSERT_EQ(proposed.status, 0) << proposed.err;
  const std::string after = content(scenario_.policy_file());
  EXPECT_THAT(after,
              HasSubstr("databases:\n  shop:\n    tables:\n      public.t:\n        id: keep     # a number\n"
                        "        email: {hash: {domain: crm}}\n      public.u: keep\n  crm:\n    tables:\n"
                        "      public.leads:\n"));
  scenario_.accept();
  EXPECT_EQ(scenario_.ytb({"policy", "check"}).status, 0);
}

TEST_F(D04, ALinkStaysALinkAndOtherFilesAreNotOverwritten) {
  const std::string real = scenario_.home() + "/in-git.yaml";
  std::filesystem::rename(scenario_.policy_file(), real);
  std::filesystem::create_symlink(real, scenario_.policy_file());
  scenario_.production().run("shop", "ALTER TABLE t ADD phone text");
  ASSERT_EQ(propose().status, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(scenario_.policy_file()));
  EXPECT_THAT(content(real), HasSubstr("phone: phone"));
  const std::string other = scenario_.home() + "/other.yaml";
  std::ofstream(other) << "mine";
  EXPECT_EQ(scenario_.ytb({"policy", "propose", "--out", other}).status, 8);
  EXPECT_EQ(content(other), "mine");
}

TEST_F(D04, APolicyThatCannotBeReadIsLeftAlone) {
  std::ofstream(scenario_.policy_file(), std::ios::trunc) << "version: 1\ntables: [\n";
  const RunResult proposed = propose();
  EXPECT_EQ(proposed.status, 4);
  EXPECT_EQ(content(scenario_.policy_file()), "version: 1\ntables: [\n");
}

}  // namespace
}  // namespace ytb::testing
