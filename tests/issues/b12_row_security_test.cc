// B12: where row-level security is on, `staging` with pg_read_all_data saw no row, without a word.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class B12 : public ::testing::Test {
 protected:
  void prepare() {
    scenario_.prepare_users();
    EXPECT_THAT(scenario_.ytb({"check"}).out, Not(HasSubstr("row-level security")));
    scenario_.production().run("shop", "ALTER TABLE users ENABLE ROW LEVEL SECURITY");
    scenario_.take_snapshot("tuesday");
  }
  void bypass() {
    scenario_.options().access = fmt::format(
        "      staging:\n        password: file:{}/staging.password\n        member_of: [pg_read_all_data]\n"
        "        bypass_row_security: true\n        from: [local]\n",
        scenario_.home());
    scenario_.write_config();
  }
  Scenario scenario_;
};

TEST_F(B12, CheckSaysItAndTheConfigMayOpenIt) {
  prepare();
  const RunResult check = scenario_.ytb({"check"});
  EXPECT_EQ(check.status, 0) << check.out;
  EXPECT_THAT(check.out, HasSubstr("1 table has row-level security (public.users)"));
  EXPECT_THAT(check.out, HasSubstr("access.staging.bypass_row_security: true"));
  bypass();
  EXPECT_THAT(scenario_.ytb({"check"}).out, Not(HasSubstr("row-level security")));
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM users"), "100");
  EXPECT_EQ(scenario_.staging_value("SELECT rolbypassrls, rolsuper FROM pg_roles WHERE rolname = 'staging'"),
            "t");
  EXPECT_THAT(scenario_.proof(), HasSubstr("sees all rows"));
}

TEST_F(B12, WithoutTheWordPoliciesHold) {
  prepare();
  scenario_.production().run("shop", "CREATE POLICY few ON users USING (id <= 7)");
  scenario_.take_snapshot("wednesday");
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM users"), "7");
}

}  // namespace
}  // namespace ytb::testing
