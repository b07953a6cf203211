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

TEST(N11, WhatIsInstalledIsRemovedAgain) {
  TempFolder temp;
  const std::string install = std::string(YTB_SOURCE_DIR) + "/tools/install";
  const std::vector<std::string> environment{"PROGRAM=" + program(), "DESTDIR=" + temp.path()};
  const RunResult put = run_program({install, "/usr"}, "", "", environment);
  ASSERT_EQ(put.status, 0) << put.out << put.err;
  const std::string usr = temp.path() + "/usr";
  EXPECT_THAT(run_program({usr + "/bin/ytb", "--version"}).out, HasSubstr("yesterdaytabase "));
  EXPECT_THAT(run_program({"head", "-2", usr + "/share/man/man1/yesterdaytabase.1"}).out,
              HasSubstr(".TH YESTERDAYTABASE 1"));
  EXPECT_EQ(run_program({"bash", "-n", usr + "/share/bash-completion/completions/ytb"}).err, "");
  EXPECT_THAT(run_program({"head", "-1", usr + "/share/zsh/site-functions/_yesterdaytabase"}).out,
              HasSubstr("#compdef"));
  const RunResult removed = run_program({install, "--remove", "/usr"}, "", "", environment);
  ASSERT_EQ(removed.status, 0) << removed.err;
  EXPECT_EQ(run_program({"find", temp.path(), "!", "-type", "d"}).out, "");
}

}  // namespace
}  // namespace ytb::testing
