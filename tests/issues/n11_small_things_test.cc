// N11: what was small and in the way: errors with raw line ends, read-only commands of another user that
// failed on the signing key's temporary file, no --version, no `make uninstall`.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/error.h"
#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string program() {
  const char* chosen = std::getenv("YTB_TEST_PROGRAM");
  return chosen != nullptr && *chosen != '\0' ? chosen : std::string(YTB_BINARY_DIR) + "/src/yesterdaytabase";
}

TEST(N11, AnUnreachableProductionIsOneLineWithItsOwnHint) {
  Scenario scenario;
  scenario.production().run("shop", "CREATE TABLE t (id int PRIMARY KEY)");
  scenario.production().stop();
  const RunResult down = scenario.ytb({"policy", "propose"});
  EXPECT_EQ(down.status, exit_status(Code::kConnection));
  EXPECT_THAT(down.err, Not(HasSubstr("\\n")));
  EXPECT_THAT(down.err, Not(HasSubstr("\\x09")));
  EXPECT_THAT(down.err, HasSubstr("hint: check that production runs, and listens where"));
  ASSERT_TRUE(scenario.production().start());
  auto propose_as = [&](const std::string& who) {
    const std::string config = scenario.home() + "/other.yaml";
    const std::string line = fmt::format("host={} port={} {}", scenario.production().socket_directory(),
                                         scenario.production().port(), who);
    run_program({"sh", "-c",
                 fmt::format("sed 's|connection: .*|connection: \"{}\"|' {} > {}; chmod 600 {}", line,
                             scenario.config_file(), config, config)});
    return run_program({program(), "--config", config, "policy", "propose"}).err;
  };
  EXPECT_THAT(propose_as("user=nobody_known dbname=shop"), HasSubstr("create it on production"));
  const RunResult other =
      run_program({program(), "--config", scenario.home() + "/new.yaml", "init", "--dry-run", "--directory",
                   scenario.home() + "/new", "--connection",
                   fmt::format("host={} port={} user=postgres dbname=shoq",
                               scenario.production().socket_directory(), scenario.production().port())});
  EXPECT_THAT(other.out, HasSubstr("hint: check dbname= in source.connection"));
}

TEST(N11, ReadingCommandsOfAnotherUserSayWhoseItIs) {
  if (server_user().empty()) GTEST_SKIP() << "only root can run something as another user";
  Scenario scenario;
  scenario.production().run("shop", "CREATE TABLE t (id int PRIMARY KEY)");
  scenario.write_policy("    public.t: keep\n");
  scenario.accept();
  ASSERT_EQ(chmod(scenario.config_file().c_str(), 0644), 0);
  for (const std::string command : {"status", "plan"}) {
    const RunResult result =
        run_program({program(), "--config", scenario.config_file(), command}, server_user());
    EXPECT_EQ(result.status, exit_status(Code::kRefused)) << result.err;
    EXPECT_THAT(result.err, HasSubstr("belongs to root, and this runs as " + server_user()));
    EXPECT_THAT(result.err, HasSubstr("sudo -u root"));
    EXPECT_THAT(result.err, Not(HasSubstr("signing.key")));
  }
}

// A changed folder of copies left the live one to itself, without a word.
TEST(N11, ACopyThatAChangedFolderLeavesBehindIsSaid) {
  Scenario scenario;
  scenario.prepare_users();
  scenario.refresh();
  const std::string config = scenario.home() + "/moved.yaml";
  run_program({"sh", "-c",
               fmt::format("sed 's|directory: {0}$|directory: {0}-moved|' {1} > {2}; chmod 600 {2}",
                           scenario.copies(), scenario.config_file(), config)});
  for (const std::string command : {"status", "plan", "check"}) {
    const RunResult result = run_program({program(), "--config", config, command});
    EXPECT_THAT(result.out, HasSubstr("is not looked after any more")) << command << result.err;
    EXPECT_THAT(result.out, HasSubstr(scenario.copies() + "/")) << command;
    EXPECT_THAT(scenario.ytb({command}).out, Not(HasSubstr("looked after"))) << command;
  }
}

TEST(N11, AGateThatLetsNobodyInIsSaid) {
  Scenario::Options options;
  Scenario scenario(options);
  scenario.production().run("shop", "CREATE TABLE t (id int PRIMARY KEY)");
  scenario.write_policy("    public.t: keep\n");
  scenario.accept();
  scenario.take_snapshot("monday");
  scenario.options().alias_extra = fmt::format("        listen: 127.0.0.1:{}\n", free_port());
  scenario.options().access = fmt::format(
      "      staging:\n        password: file:{}/staging.password\n        member_of: [pg_read_all_data]\n"
      "        from: [local]\n",
      scenario.home());
  scenario.write_config();
  EXPECT_THAT(scenario.ytb({"check"}).out, HasSubstr("no role has an address in its from:"));
}

// As a packager and as a person type it; what it builds first is there.
TEST(N11, WhatIsInstalledIsRemovedAgain) {
  TempFolder temp;
  auto make = [&](const std::string& goal, const std::string& prefix) {
    return run_program({"make", "-C", YTB_SOURCE_DIR, "--old-file=build", goal, "PREFIX=" + prefix,
                        "DESTDIR=" + temp.path()},
                       "", "", {"PROGRAM=" + program()});
  };
  auto files = [&] {
    return run_program({"find", temp.path(), "!", "-type", "d", "-printf", "%P %m %l\n"}).out;
  };
  const std::string beside = temp.path() + "/opt/ytb 1/bin/other";
  ASSERT_EQ(run_program({"install", "-D", "/dev/null", beside}).status, 0);
  const std::string before = files();
  for (const std::string prefix : {"/usr", "/opt/ytb 1"}) {
    const RunResult put = make("install", prefix);
    ASSERT_EQ(put.status, 0) << put.out << put.err;
    const std::string place = temp.path() + prefix;
    EXPECT_THAT(run_program({place + "/bin/ytb", "--version"}).out, HasSubstr("yesterdaytabase "));
    EXPECT_THAT(run_program({place + "/bin/yesterdaytabase", "--version"}).out,
                HasSubstr("yesterdaytabase "));
    EXPECT_THAT(run_program({"head", "-2", place + "/share/man/man1/yesterdaytabase.1"}).out,
                HasSubstr(".TH YESTERDAYTABASE 1"));
    EXPECT_EQ(run_program({"cat", place + "/share/man/man1/ytb.1"}).out, ".so man1/yesterdaytabase.1\n");
    for (const char* name : {"yesterdaytabase", "ytb"}) {
      const std::string completion = place + "/share/bash-completion/completions/" + name;
      EXPECT_EQ(run_program({"bash", "-n", completion}).err, "");
      EXPECT_THAT(run_program({"grep", "-c", "complete -F", completion}).out, Not(HasSubstr("0\n")));
    }
    EXPECT_THAT(run_program({"head", "-1", place + "/share/zsh/site-functions/_yesterdaytabase"}).out,
                HasSubstr("#compdef"));
    EXPECT_THAT(files(), Not(HasSubstr(temp.path()))) << "links lead to where it will be, not to DESTDIR";
  }
  for (const std::string prefix : {"/usr", "/opt/ytb 1", "/opt/ytb 1"}) {
    const RunResult removed = make("uninstall", prefix);
    ASSERT_EQ(removed.status, 0) << removed.err;
  }
  EXPECT_EQ(files(), before) << "and nothing of others'";
}

}  // namespace
}  // namespace ytb::testing
