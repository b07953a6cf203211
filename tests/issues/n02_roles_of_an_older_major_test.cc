// N2: from PostgreSQL 16 on a role that was made before the upgrade, or by somebody else, could not be shut
// in a copy on RDS: its master does not administer it. What Amazon's server grants there is
// tests/support/rds_superuser.c.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/postgres/rds_testing.h"

namespace ytb::postgres {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class N02 : public RdsTest {
 protected:
  std::string who_may_log_in() {
    return cluster_->value(
        "postgres",
        "SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_authid WHERE (rolcanlogin OR "
        "rolpassword IS NOT NULL) AND rolname !~ '^rds'");
  }
};

TEST_F(N02, RolesThatTheMasterDoesNotAdministerAreShutAndOneIsLetInAgain) {
  make_copy();
  std::string error;
  ASSERT_TRUE(cluster_->try_run("postgres", "CREATE ROLE his_own LOGIN PASSWORD 'x'", &error, "app_master"))
      << error;
  // As a dump of an older major leaves them: nobody administers them but the superuser.
  cluster_->run(
      "postgres",
      "CREATE ROLE app LOGIN PASSWORD 'x'; CREATE ROLE \"Odd \"\"one\" LOGIN PASSWORD 'x'; CREATE ROLE "
      "staff; CREATE ROLE chief LOGIN PASSWORD 'x'; CREATE ROLE boss LOGIN PASSWORD 'x' CREATEROLE; "
      "CREATE ROLE team; GRANT team TO boss WITH ADMIN OPTION; GRANT app TO boss; "
      "CREATE TABLE owned (a int); ALTER TABLE owned OWNER TO app;"
      // Who can act as the master, one through a group and one itself, cannot become its group.
      "GRANT app_master TO staff; GRANT staff TO chief; GRANT app_master TO boss");
  claim();
  std::vector<model::AccessRole> access(1);
  access[0] = {.name = "app", .password = {}, .member_of = {}, .from = {}, .existing = true};
  const model::Evidence evidence = defuse(access);
  EXPECT_EQ(who_may_log_in(), "app_master");
  EXPECT_EQ(defuse(access).defused, evidence.defused) << "the second time finds nothing to do";
  if (testing::postgres_major() >= 16) {
    EXPECT_THAT(evidence.defused, Contains(HasSubstr("taken from role boss: its membership in app_master")));
    EXPECT_THAT(evidence.defused, Contains(HasSubstr("taken from role staff: its membership in app_master")));
  }
  {
    auto session = open_copy_anywhere(target_);
    ASSERT_TRUE(session.ok());
    must(return_memberships(*session));
  }
  std::vector<ports::AccessGrant> grants;
  grants.push_back({.role = access[0], .password = Secret("pw")});
  must(door_.open(target_, grants, "2026-01-01T00:00:00Z"));
  EXPECT_EQ(who_may_log_in(), "app,app_master");
  EXPECT_EQ(cluster_->value(
                "postgres",
                "SELECT count(*) FROM pg_roles r WHERE rolname IN ('app', 'Odd \"one', 'chief', 'boss', "
                "'app_owner') AND pg_has_role('app_master', r.oid, 'USAGE')"),
            "0")
      << "it administers them and is none of them";
}

// What the fakes rest on: Amazon's master as its documentation shows it and Teleport tried it, and no more
// than that.
TEST_F(N02, AmazonsMasterGrantsRolesWithoutAdminOptionButNoPower) {
  make_copy();
  cluster_->run("postgres",
                "CREATE ROLE people; CREATE ROLE clerk LOGIN; CREATE ROLE other LOGIN CREATEROLE; "
                "CREATE ROLE root SUPERUSER");
  EXPECT_EQ(
      cluster_->value("postgres",
                      "SELECT string_agg(roleid::regrole::text, ',') FROM pg_auth_members WHERE member = "
                      "'app_master'::regrole"),
      "rds_superuser");
  std::string error;
  auto may = [&](const std::string& statement, const std::string& who = "app_master") {
    return cluster_->try_run("postgres", statement, &error, who);
  };
  EXPECT_TRUE(may("GRANT people TO clerk; GRANT rds_iam TO clerk; REVOKE rds_iam FROM clerk")) << error;
  EXPECT_EQ(cluster_->value("postgres", "SELECT pg_has_role('clerk', 'people', 'MEMBER')"), "t");
  EXPECT_FALSE(may("GRANT root TO clerk"));
  EXPECT_EQ(cluster_->value("postgres", "SELECT pg_has_role('clerk', 'root', 'MEMBER')"), "f");
  EXPECT_FALSE(may("ALTER ROLE clerk SUPERUSER"));
  if (testing::postgres_major() >= 16) {
    EXPECT_TRUE(may("GRANT pg_read_all_data TO clerk")) << error;
    EXPECT_FALSE(may("GRANT pg_execute_server_program TO clerk"));
    EXPECT_FALSE(may("GRANT people TO other", "other")) << "CREATEROLE alone grants nothing";
    EXPECT_FALSE(may("ALTER ROLE clerk NOLOGIN")) << "nobody has reported that Amazon allows it";
  }
}

}  // namespace
}  // namespace ytb::postgres
