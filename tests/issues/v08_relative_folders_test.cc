// V8: with folders that are relative to a config that was named relatively, `check` passed and the refresh
// failed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

class V08 : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.prepare_users();
    std::stringstream text;
    text << std::ifstream(scenario_.config_file()).rdbuf();
    std::string config = text.str();
    // Sockets of production's are libpq's to find, so they stay.
    for (const char* name :
         {"snapshots", "copies", "alias", "policy", "state", "masking.key", "staging.password"}) {
      const std::string absolute = scenario_.home() + "/" + name;
      EXPECT_NE(config.find(absolute), std::string::npos) << absolute;
      for (size_t at = config.find(absolute); at != std::string::npos; at = config.find(absolute, at))
        config.replace(at, scenario_.home().size() + 1, "");
    }
    std::ofstream(scenario_.config_file(), std::ios::trunc) << config;
  }
  RunResult in(const std::string& folder, const std::string& words) {
    return run_program({"sh", "-c", fmt::format("cd '{}' && '{}' {}", folder, program(), words)});
  }
  Scenario scenario_;
};

TEST_F(V08, FoldersAreRelativeToTheConfigFromWherever) {
  const std::string name = scenario_.config_file().substr(scenario_.home().size() + 1);
  const RunResult check = in(scenario_.home(), "--config " + name + " check");
  EXPECT_EQ(check.status, 0) << check.out << check.err;
  const RunResult here = in(scenario_.home(), "--config " + name + " refresh");
  EXPECT_EQ(here.status, 0) << here.out << here.err;
  const std::string monday = scenario_.live_copy();
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM users WHERE email LIKE '%@real.test'"), "0");
  // From elsewhere it is the same place.
  const RunResult there = in("/", "--config ." + scenario_.config_file() + " refresh --force");
  EXPECT_EQ(there.status, 0) << there.out << there.err;
  EXPECT_NE(scenario_.live_copy(), monday);
  const RunResult above = in(scenario_.copies(), "--config ../" + name + " status");
  EXPECT_EQ(above.status, 0) << above.out << above.err;
  EXPECT_NE(above.out.find(scenario_.live_copy()), std::string::npos) << above.out;
}

}  // namespace
}  // namespace ytb::testing
