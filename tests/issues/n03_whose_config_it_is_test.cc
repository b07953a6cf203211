// N3: root went by what another user can write: his config, with the programs that it names, his policy. And
// the units that `init --systemd` wrote for an ordinary user had no User=, so that root ran them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.h"
#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string program() {
  const char* chosen = std::getenv("YTB_TEST_PROGRAM");
  return chosen != nullptr && *chosen != '\0' ? chosen : std::string(YTB_BINARY_DIR) + "/src/yesterdaytabase";
}

class N03 : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can be given another user's files";
    scenario_.production().run("shop", "CREATE TABLE t (id int PRIMARY KEY, email text)");
    scenario_.write_policy("    public.t: {id: keep, email: email}\n");
    scenario_.accept();
    scenario_.take_snapshot("monday");
  }
  // Every command alike, with this in its words; nothing is made, and no program of the config is run.
  void expect_refused(const std::string& words) {
    for (const std::string command : {"check", "refresh", "plan", "status", "serve"}) {
      const RunResult result = scenario_.ytb({command});
      EXPECT_EQ(result.status, exit_status(Code::kRefused)) << command << result.out << result.err;
      EXPECT_THAT(result.out + result.err, HasSubstr(words)) << command;
    }
    EXPECT_THAT(scenario_.copy_ids(), ::testing::IsEmpty());
  }
  void expect_open(const std::string& path, mode_t bad, mode_t good) {
    ASSERT_EQ(chmod(path.c_str(), bad), 0) << path;
    expect_refused("chmod go-w " + path);
    ASSERT_EQ(chmod(path.c_str(), good), 0) << path;
  }
  void expect_of_nobody(const std::string& path) {
    ASSERT_EQ(chown(path.c_str(), 65534, 65534), 0) << path;
    expect_refused(path + " belongs to nobody");
    ASSERT_EQ(chown(path.c_str(), 0, 0), 0) << path;
  }

  Scenario scenario_;
};

TEST_F(N03, RootRefusesWhatOthersCanWrite) {
  const std::string lock = scenario_.home() + "/policy.lock";
  for (const std::string& path : {scenario_.config_file(), scenario_.policy_file(), lock}) {
    expect_open(path, 0666, 0644);
    expect_of_nobody(path);
  }
  expect_open(scenario_.home(), 0777, 0755);
  expect_open(scenario_.home() + "/state", 0777, 0700);
  scenario_.refresh();
}

// Copies run production's code as their user: that one decides nothing, either.
TEST_F(N03, NorWhatTheUserOfCopiesCanWrite) {
  if (server_user().empty()) GTEST_SKIP() << "copies run as ourselves";
  ASSERT_EQ(run_program({"chown", server_user(), scenario_.policy_file()}).status, 0);
  expect_refused(scenario_.policy_file() + " belongs to " + server_user());
  ASSERT_EQ(chown(scenario_.policy_file().c_str(), 0, 0), 0);
}

TEST_F(N03, NorAProgramOfOthersThatTheConfigNames) {
  const std::string program = scenario_.home() + "/notify";
  const std::string mark = scenario_.home() + "/was-run";
  std::ofstream(program) << "#!/bin/sh\ntouch " << mark << "\n";
  ASSERT_EQ(chmod(program.c_str(), 0777), 0);
  scenario_.options().extra = fmt::format("    on_failure: [{}]\n", program);
  scenario_.write_config();
  expect_refused("chmod go-w " + program);
  EXPECT_FALSE(std::filesystem::exists(mark));
  ASSERT_EQ(chmod(program.c_str(), 0755), 0);
}

class N03Units : public ::testing::Test {
 protected:
  TempFolder temp_{"/tmp"};  // as short as a home is
};

// `init` by an ordinary user, and then root in his place.
TEST_F(N03Units, SayWhoseConfigItIsAndRootRefusesIt) {
  const std::string user = server_user();
  if (user.empty()) GTEST_SKIP() << "only root can run something as another user";
  const std::string home = temp_.make_for_server("home");
  const std::string config = home + "/yesterdaytabase.yaml";
  const RunResult made =
      run_program({program(), "--config", config, "init", "--directory", home + "/place", "--systemd"}, user);
  ASSERT_EQ(made.status, 0) << made.out << made.err;
  for (const std::string name : {"yesterdaytabase.service", "yesterdaytabase-refresh.service"})
    EXPECT_THAT(text_of(home + "/" + name), HasSubstr("\nUser=" + user + "\n")) << name;
  if (run_program({"sh", "-c", "command -v systemd-analyze"}).status == 0) {
    const std::string units = temp_.path() + "/units";
    std::filesystem::create_directories(units);
    for (const std::string name :
         {"yesterdaytabase.service", "yesterdaytabase-refresh.service", "yesterdaytabase-refresh.timer"})
      std::filesystem::copy_file(home + "/" + name, units + "/" + name);
    const RunResult verified =
        run_program({"sh", "-c", fmt::format("systemd-analyze verify --man=no {}/*", units)});
    EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
    EXPECT_THAT(verified.err, Not(HasSubstr("yesterdaytabase"))) << verified.err;
  }
  const RunResult as_root = run_program({program(), "--config", config, "refresh"});
  EXPECT_EQ(as_root.status, exit_status(Code::kRefused)) << as_root.out << as_root.err;
  EXPECT_THAT(as_root.err, HasSubstr("run this as " + user));
  EXPECT_EQ(run_program({"find", home, "-user", "root"}).out, "") << "root left something behind";
  // Nor does root begin there.
  const RunResult again = run_program(
      {program(), "--config", home + "/other.yaml", "init", "--directory", temp_.path() + "/other"});
  EXPECT_EQ(again.status, exit_status(Code::kRefused)) << again.out << again.err;
  EXPECT_FALSE(std::filesystem::exists(home + "/other.yaml"));
}

// Root's own run as root, as ever.
TEST_F(N03Units, OfRootSayNothing) {
  if (geteuid() != 0) GTEST_SKIP() << "not root";
  const RunResult made = run_program({program(), "--config", temp_.path() + "/yesterdaytabase.yaml", "init",
                                      "--directory", temp_.path() + "/place", "--systemd"});
  ASSERT_EQ(made.status, 0) << made.out << made.err;
  EXPECT_THAT(text_of(temp_.path() + "/yesterdaytabase.service"), Not(HasSubstr("User=")));
}

}  // namespace
}  // namespace ytb::testing
