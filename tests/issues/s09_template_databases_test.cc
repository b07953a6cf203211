// S9: template0 was skipped by its name; with connections allowed there, a table in it was open to everyone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kPolicyStatus = 4;

class S09 : public ::testing::Test {
 protected:
  void prepare(const std::string& after) {
    scenario_.production().run("shop", "CREATE TABLE t (id int); INSERT INTO t VALUES (1)");
    scenario_.production().run("template1", "ALTER DATABASE template0 ALLOW_CONNECTIONS true");
    scenario_.production().run("template0",
                               "CREATE TABLE leak (email text); INSERT INTO leak VALUES "
                               "('eve@real.test'); GRANT SELECT ON leak TO PUBLIC");
    scenario_.production().run("template1", after);
    scenario_.write_policy("    public.t: keep\n");
  }
  Scenario scenario_;
};

TEST_F(S09, ATemplate0ThatAdmitsConnectionsIsJudged) {
  prepare("SELECT 1");
  scenario_.take_snapshot("monday");
  RunResult refused = scenario_.ytb({"refresh"});
  EXPECT_EQ(refused.status, kPolicyStatus) << refused.out << refused.err;
  EXPECT_THAT(refused.out + refused.err, HasSubstr("template0"));
  EXPECT_EQ(scenario_.live_copy(), "");
  // Judged, it is treated like any other database.
  scenario_.write_policy("    public.t: keep\n", "  template0: {tables: {public.leak: {email: email}}}\n");
  scenario_.accept();
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM leak WHERE email LIKE '%real.test'", "template0"),
            "0");
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM leak", "template0"), "1");
}

// Shut again, it cannot be seen from outside: the copy is looked into. Whoever may make databases could copy
// it.
TEST_F(S09, ATableInAShutTemplate0StopsTheRefresh) {
  prepare("ALTER DATABASE template0 ALLOW_CONNECTIONS false");
  scenario_.forget_connection();
  scenario_.take_snapshot("monday");
  RunResult refused = scenario_.ytb({"refresh"});
  EXPECT_EQ(refused.status, kPolicyStatus) << refused.out << refused.err;
  EXPECT_THAT(refused.out + refused.err, HasSubstr("template0"));
  EXPECT_EQ(scenario_.live_copy(), "");
}

}  // namespace
}  // namespace ytb::testing
