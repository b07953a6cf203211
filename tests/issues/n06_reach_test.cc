// N6: the default place below a home that is closed to others cannot be reached by staging's users, and
// `check` said ✓. N5: nor did it say that a role without `member_of` can read nothing.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class N06 : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.production().run(
        "shop",
        "CREATE TABLE t (id int PRIMARY KEY, email text); CREATE ROLE app_readers; CREATE ROLE nobodys;"
        "GRANT SELECT ON t TO app_readers; CREATE ROLE app_owner LOGIN; GRANT INSERT ON t TO app_owner");
    scenario_.write_policy("    public.t: {id: keep, email: email}\n");
    scenario_.accept();
    scenario_.take_snapshot("monday");
  }
  void access(const std::string& name, const std::string& more) {
    scenario_.options().access = fmt::format("      {}:\n        password: file:{}/staging.password\n{}",
                                             name, scenario_.home(), more);
    scenario_.write_config();
  }
  // A warning: a refresh would work all the same.
  std::string checked() {
    const RunResult result = scenario_.ytb({"check"});
    EXPECT_EQ(result.status, 0) << result.out << result.err;
    return result.out;
  }

  Scenario scenario_;
};

TEST_F(N06, AFolderThatOthersCannotPassIsNamed) {
  EXPECT_THAT(checked(), HasSubstr("✓  alias in reach"));
  ASSERT_EQ(chmod((scenario_.home() + "/alias").c_str(), 0700), 0);
  EXPECT_THAT(checked(), HasSubstr("cannot pass " + scenario_.home() + "/alias"));
  ASSERT_EQ(chmod((scenario_.home() + "/alias").c_str(), 0755), 0);
  ASSERT_EQ(chmod(scenario_.copies().c_str(), 0700), 0);
  EXPECT_THAT(scenario_.ytb({"check"}).out, HasSubstr("cannot pass " + scenario_.copies()));
  ASSERT_EQ(chmod(scenario_.copies().c_str(), 0755), 0);
  EXPECT_THAT(checked(), HasSubstr("✓  alias in reach"));
}

TEST_F(N06, ARoleThatCanReadNothingIsNamed) {
  EXPECT_THAT(checked(), Not(HasSubstr("rights of")));
  access("staging", "");
  EXPECT_THAT(checked(), HasSubstr("it can connect and read nothing"));
  EXPECT_THAT(checked(), HasSubstr("member_of: [app_readers]"));
  access("staging", "        member_of: [nobodys]\n");
  EXPECT_THAT(checked(), HasSubstr("neither it nor what it is a member of may read a table"));
  access("staging", "        member_of: [app_readers]\n");
  EXPECT_THAT(checked(), Not(HasSubstr("rights of")));
  access("staging", "        member_of: [pg_read_all_data]\n");
  EXPECT_THAT(checked(), Not(HasSubstr("rights of")));
  access("app_owner", "        existing: true\n");
  EXPECT_THAT(checked(), HasSubstr("rights of app_owner"));
  scenario_.production().run("shop", "GRANT SELECT (id) ON t TO app_owner");
  EXPECT_THAT(checked(), Not(HasSubstr("rights of")));
  // What everybody may read, it may read, too.
  access("staging", "");
  scenario_.production().run("shop", "GRANT SELECT ON t TO PUBLIC");
  EXPECT_THAT(checked(), Not(HasSubstr("rights of")));
  // Where production cannot be asked, what the config says.
  scenario_.options().with_connection = false;
  access("staging", "");
  EXPECT_THAT(scenario_.ytb({"check"}).out, HasSubstr("it has no member_of"));
}

}  // namespace
}  // namespace ytb::testing
