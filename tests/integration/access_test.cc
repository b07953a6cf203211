// Who may log in to an open copy, and that none of them is more powerful than staging may be.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

std::string access_yaml(const std::string& home, const std::string& roles) {
  std::string text = roles;
  for (size_t at = text.find("@"); at != std::string::npos; at = text.find("@")) {
    text.replace(at, 1, "file:" + home + "/staging.password");
  }
  return text;
}

class Access : public ::testing::Test {
 protected:
  void prepare(const std::string& roles) {
    scenario_.options().access = access_yaml(scenario_.home(), roles);
    scenario_.write_config();
    scenario_.production().run("shop", R"(
      CREATE ROLE app LOGIN PASSWORD 'planted-production';
      CREATE ROLE reader; CREATE ROLE file_reader IN ROLE pg_read_server_files;
      CREATE ROLE programs IN ROLE pg_execute_server_program;
      CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'planted-boss';
      CREATE TABLE users (id int PRIMARY KEY, email text);
      INSERT INTO users VALUES (1, 'eve@real.test');
      ALTER TABLE users OWNER TO app; GRANT SELECT ON users TO reader;
      CREATE FUNCTION slurp(path text) RETURNS text LANGUAGE sql SECURITY DEFINER AS
        $$ SELECT pg_catalog.pg_read_file(path) $$;
      GRANT EXECUTE ON FUNCTION slurp(text) TO PUBLIC;
      CREATE EXTENSION postgres_fdw;
      CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1');
      CREATE USER MAPPING FOR app SERVER elsewhere OPTIONS (user 'u', password 'planted-mapping');)");
    scenario_.write_policy("    public.users: {id: keep, email: email}\n");
    scenario_.accept();
    scenario_.take_snapshot("monday");
  }
  Scenario scenario_;
};

TEST_F(Access, ProductionsOwnRolesStayShut) {
  prepare("      staging: {password: @, member_of: [reader], from: [local, 127.0.0.1/32]}\n");
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM users"), "1");
  for (const char* role : {"app", "boss", "postgres"}) {
    for (const char* password : {"planted-production", "planted-boss", "planted-staging"}) {
      EXPECT_FALSE(can_log_in(
          fmt::format("host={} user={} dbname=shop password={}", scenario_.alias(), role, password)));
    }
  }
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM pg_roles WHERE rolcanlogin"), "1");
  EXPECT_THAT(scenario_.staging_value("SELECT email FROM users"), ::testing::Not(HasSubstr("real.test")));
}

TEST_F(Access, AnExistingRoleKeepsItsGrantsAndGetsItsStagingPassword) {
  prepare("      app: {password: @, existing: true, from: [local]}\n");
  scenario_.refresh();
  const std::string as_app = scenario_.staging("shop", "app");
  EXPECT_TRUE(can_log_in(as_app));
  EXPECT_FALSE(
      can_log_in(fmt::format("host={} user=app dbname=shop password=planted-production", scenario_.alias())));
  EXPECT_EQ(run_program({postgres_bin_dir() + "/psql", "-XAt", "-d", as_app, "-c",
                         "UPDATE users SET email = 'changed@example.com' RETURNING id"})
                .out,
            "1\nUPDATE 1\n");
}

TEST_F(Access, ANameThatExistsMustSaySo) {
  prepare("      app: {password: @, from: [local]}\n");
  RunResult result = scenario_.ytb({"refresh"});
  EXPECT_NE(result.status, 0);
  EXPECT_THAT(result.out + result.err, HasSubstr("existing: true"));
  EXPECT_EQ(scenario_.live_copy(), "");
}

TEST_F(Access, DangerousRightsAreRefusedOrTakenAway) {
  prepare(
      "      staging: {password: @, member_of: [reader, file_reader, programs], from: [local]}\n"
      "      app: {password: @, existing: true, from: [local]}\n");
  RunResult result = scenario_.ytb({"refresh"});
  if (result.status != 0) {
    // Refused: then it says what for, and nothing was opened.
    EXPECT_THAT(result.out + result.err, HasSubstr("pg_read_server_files"));
    EXPECT_EQ(scenario_.live_copy(), "");
    return;
  }
  const std::string proof = scenario_.proof();
  EXPECT_THAT(proof, HasSubstr("pg_read_server_files"));
  EXPECT_THAT(proof, HasSubstr("pg_execute_server_program"));
  EXPECT_THAT(proof, HasSubstr("slurp"));
  EXPECT_THAT(proof, HasSubstr("elsewhere"));
  for (const char* query :
       {"SELECT pg_read_file('PG_VERSION')", "SELECT public.slurp('PG_VERSION')",
        "COPY users TO PROGRAM 'cat'", "CREATE TEMP TABLE t (l text); COPY t FROM '/etc/passwd'",
        "SELECT pg_ls_dir('.')", "SET ROLE boss", "SELECT lo_import('/etc/passwd')",
        "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'x'"}) {
    for (const char* user : {"staging", "app"}) {
      RunResult tried = run_program({postgres_bin_dir() + "/psql", "-XAt", "-v", "ON_ERROR_STOP=1", "-d",
                                     scenario_.staging("shop", user), "-c", query});
      EXPECT_NE(tried.status, 0) << user << " may " << query << ": " << tried.out;
      EXPECT_THAT(tried.err, AnyOf(HasSubstr("permission denied"), HasSubstr("must be superuser")))
          << user << ": " << query;
    }
  }
  EXPECT_EQ(scenario_.staging_value(
                "SELECT count(*) FROM pg_user_mappings WHERE umoptions::text LIKE '%planted-mapping%'"),
            "0");
}

TEST_F(Access, ASuperuserIsNeverAnAccessRole) {
  prepare("      boss: {password: @, existing: true, from: [local]}\n");
  RunResult result = scenario_.ytb({"refresh"});
  if (result.status == 0) {
    EXPECT_EQ(run_program({postgres_bin_dir() + "/psql", "-XAt", "-d", scenario_.staging("shop", "boss"),
                           "-c", "SELECT rolsuper FROM pg_roles WHERE rolname = 'boss'"})
                  .out,
              "f\n");
  } else {
    EXPECT_THAT(result.out + result.err, HasSubstr("boss"));
    EXPECT_EQ(scenario_.live_copy(), "");
  }
}

}  // namespace
}  // namespace ytb::testing
