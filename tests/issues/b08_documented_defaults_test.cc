// B8: two defaults were not what the documentation said: as root without `run_as` nothing worked, and the
// service entry was called after the alias's folder, not <production>-yesterday.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The config with one line changed by sed.
void change(Scenario& scenario, const std::string& script) {
  ASSERT_EQ(run_program({"sed", "-i", script, scenario.config_file()}).status, 0);
}

TEST(B08Defaults, RootRunsCopiesAsPostgres) {
  if (geteuid() != 0) GTEST_SKIP() << "only root has another default";
  Scenario scenario;
  scenario.prepare_users();
  change(scenario, "/run_as:/d");
  EXPECT_THAT(scenario.ytb({"check"}).out, HasSubstr("postgres"));
  scenario.refresh();
  const std::string server = scenario.copies() + "/" + scenario.live_copy() + "/data";
  EXPECT_EQ(run_program({"stat", "-c", "%U", server}).out, "postgres\n");
  change(scenario, "s|^        ports:|        run_as: postgres\\n&|");
}

TEST(B08Defaults, AUserThatIsNotThereIsSaidBeforeAnythingIsRestored) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can switch to another user";
  Scenario scenario;
  scenario.prepare_users();
  change(scenario, "s|run_as:.*|run_as: nobody-of-this-name|");
  for (const std::string command : {"check", "refresh"}) {
    const RunResult refused = scenario.ytb({command});
    EXPECT_EQ(refused.status, exit_status(Code::kConfig)) << command << refused.out << refused.err;
    EXPECT_THAT(refused.out + refused.err, HasSubstr("there is no user 'nobody-of-this-name'")) << command;
  }
  EXPECT_TRUE(scenario.copy_ids().empty());
  change(scenario, "s|run_as:.*|run_as: postgres|");
}

TEST(B08Defaults, TheServiceEntryIsCalledAfterTheProduction) {
  Scenario scenario;
  scenario.prepare_users();
  change(scenario,
         fmt::format("s|directory: {}|directory: {}/alias/staging-here|", scenario.alias(), scenario.home()));
  const RunResult done = scenario.refresh();
  EXPECT_THAT(done.out, HasSubstr("service=shop-yesterday"));
  const RunResult asked =
      run_program({"psql", "-X", "-At", "-c", "SELECT count(*) FROM users", "service=shop-yesterday"}, "", "",
                  {fmt::format("PGSERVICEFILE={}/pg_service.conf", scenario.home()),
                   "PGPORT=1",  // as Debian's psql sets it where the first cluster has another port than 5432
                   "PGPASSWORD=" + scenario.password()});
  EXPECT_EQ(asked.out, "100\n") << asked.err;
}

}  // namespace
}  // namespace ytb::testing
