// A host that allows no namespaces: a container of Docker's defaults, made by
// tests/support/without_namespaces (capabilities and a filter of system calls). As root that also takes the
// right to look at processes of others.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string kWrapper = std::string(YTB_SOURCE_DIR) + "/tests/support/without_namespaces";
const std::string kProgram = std::string(YTB_BINARY_DIR) + "/src/yesterdaytabase";

class NoNamespaces : public ::testing::Test {
 protected:
  void SetUp() override {
    RunResult tried = run_program({kWrapper, "true"});
    if (tried.status != 0) GTEST_SKIP() << "no such container can be made here: " << tried.err;
  }
  static RunResult ytb(const std::string& config, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {kWrapper, kProgram, "--config", config});
    return run_program(arguments);
  }
  // A production of one table, with a snapshot and a policy.
  static void fill(Scenario& scenario) {
    scenario.production().run("shop",
                              "CREATE TABLE users (id int, email text); "
                              "INSERT INTO users VALUES (1, 'ann@raw.test')");
    scenario.write_policy("    public.users: {id: keep, email: email}\n");
    scenario.accept();
    scenario.take_snapshot("monday");
  }
};

TEST_F(NoNamespaces, InitSaysWhatTheHostLacksAndWhatItWrote) {
  TempFolder folder;
  const std::string config = folder.path() + "/yesterdaytabase.yaml";
  RunResult done = ytb(config, {"init", "--directory", folder.path() + "/place"});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out,
              HasSubstr("copies cannot be sealed here (cannot make namespaces for postgres: Operation "
                        "not permitted); the config says so, with 'isolation: {none: …}'"));
  EXPECT_THAT(done.out, HasSubstr("docker run --cap-add SYS_ADMIN --cap-add SYS_PTRACE"));
  std::ifstream in(config);
  EXPECT_THAT(std::string((std::istreambuf_iterator<char>(in)), {}),
              HasSubstr("isolation: {none: \"this host cannot seal copies: cannot make namespaces"));
  EXPECT_THAT(ytb(config, {"check"}).out, HasSubstr("none, because: this host cannot seal copies"));
}

TEST_F(NoNamespaces, ASealThatTheConfigAsksForIsRefusedBeforeAnythingIsRestored) {
  Scenario::Options options;
  options.copies_extra = "        isolation: sealed\n";
  Scenario scenario(options);
  fill(scenario);
  RunResult checked = ytb(scenario.config_file(), {"check"});
  EXPECT_NE(checked.status, 0);
  EXPECT_THAT(checked.out, HasSubstr("✗  isolation"));
  EXPECT_THAT(checked.out, HasSubstr("copies: {local: {isolation: {"));  // weak first, where the host has it
  EXPECT_THAT(checked.out, HasSubstr("{none: \"the reason\"}"));
  RunResult refused = ytb(scenario.config_file(), {"refresh"});
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.err, HasSubstr("cannot make namespaces for postgres: Operation not permitted"));
  EXPECT_THAT(scenario.copy_ids(), IsEmpty());
}

// Nothing outside a seal ends a server's sessions with it: they are found, as root too, though it may not
// look at the processes of others.
class CopyWithoutASeal : public NoNamespaces, public ::testing::WithParamInterface<const char*> {};

TEST_P(CopyWithoutASeal, IsMadeAndHealedAfterItsServerWasKilled) {
  const std::string word = GetParam();
  if (word == "weak" && postgres_major() < 15) GTEST_SKIP() << "a weak wall is for 15 and later";
  Scenario::Options options;
  options.copies_extra = fmt::format("        isolation: {{{}: \"a container without namespaces\"}}\n", word);
  Scenario scenario(options);
  fill(scenario);
  const std::string said = word + ", because: a container without namespaces";
  RunResult checked = ytb(scenario.config_file(), {"check"});
  ASSERT_EQ(checked.status, 0) << checked.out << checked.err;
  EXPECT_THAT(checked.out,
              AnyOf(HasSubstr(said), HasSubstr("weak: tried on this host, because: a container")));
  RunResult made = ytb(scenario.config_file(), {"refresh"});
  ASSERT_EQ(made.status, 0) << made.out << made.err;
  for (const RunResult& shown : {made, ytb(scenario.config_file(), {"status"})})
    EXPECT_THAT(shown.out, HasSubstr("isolation   " + said));
  EXPECT_THAT(scenario.proof(), HasSubstr("isolation: " + said));
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM users"), "1");
  const std::string busy =
      R"("$0" -XAtqc 'SET statement_timeout = 0' -c 'DO $x$ BEGIN LOOP END LOOP; END $x$' -d "$1" >/dev/null 2>&1 &
         sleep 0.5)";
  run_program({"sh", "-c", busy, postgres_bin_dir() + "/psql", scenario.staging("shop")});
  auto servers = [&](std::string_view what) {
    std::vector<std::string> found;
    for (const std::string& process : scenario.processes()) {
      if (process.find(what) != std::string::npos) found.push_back(process);
    }
    return found;
  };
  ASSERT_THAT(servers(" DO"), Not(IsEmpty()));
  for (const std::string& process : servers("bin/postgres -D")) kill(std::stoi(process), SIGKILL);
  ASSERT_THAT(servers(" DO"), Not(IsEmpty())) << "it has to outlive its server to be in the way";
  RunResult healed = ytb(scenario.config_file(), {"refresh"});
  EXPECT_EQ(healed.status, 0) << healed.out << healed.err;
  EXPECT_THAT(servers(" DO"), IsEmpty());
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM users"), "1");
  EXPECT_EQ(ytb(scenario.config_file(), {"teardown", "--yes"}).status, 0);
}

INSTANTIATE_TEST_SUITE_P(Walls, CopyWithoutASeal, ::testing::Values("weak", "none"),
                         [](const auto& of) { return std::string(of.param); });

}  // namespace
}  // namespace ytb::testing
