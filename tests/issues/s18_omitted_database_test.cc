// S18: an access role that owns an omitted database, or one that production keeps shut, opened it again.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

TEST(S18, AnOwnerCanNeitherOpenNorCopyAShutDatabase) {
  Scenario scenario;
  scenario.options().access =
      fmt::format("      app: {{password: 'file:{}/staging.password', existing: true, from: [local]}}\n",
                  scenario.home());
  scenario.write_config();
  PostgresCluster& production = scenario.production();
  production.run("template1", "CREATE ROLE app LOGIN CREATEDB");
  for (const char* name : {"hidden", "shut", "forms"}) {
    production.run("template1", fmt::format("CREATE DATABASE {} OWNER app", name));
    production.run(name, "CREATE TABLE secrets (id int); INSERT INTO secrets VALUES (1)");
  }
  production.run("shop", "CREATE TABLE t (id int); INSERT INTO t VALUES (1); ALTER TABLE t OWNER TO app");
  scenario.write_policy("    public.t: keep\n", "  hidden: omit\n  shut: keep\n  forms: omit\n");
  scenario.accept();
  production.run("template1",
                 "ALTER DATABASE shut ALLOW_CONNECTIONS false; ALTER DATABASE forms IS_TEMPLATE true");
  scenario.take_snapshot("monday");
  scenario.refresh();
  ASSERT_NE(scenario.live_copy(), "");
  auto ask = [&](const std::string& database, const std::string& query) {
    return run_program({postgres_bin_dir() + "/psql", "-XAt", "-v", "ON_ERROR_STOP=1", "-d",
                        scenario.staging(database, "app"), "-c", query});
  };
  ASSERT_EQ(ask("shop", "SELECT count(*) FROM t").out, "1\n");
  for (const char* name : {"hidden", "shut", "forms"}) {
    for (const char* query : {"ALTER DATABASE {} ALLOW_CONNECTIONS true", "ALTER DATABASE {} OWNER TO app",
                              "CREATE DATABASE another TEMPLATE {}", "ALTER DATABASE {} IS_TEMPLATE true",
                              "DROP DATABASE {}", "ALTER DATABASE {} RENAME TO mine"}) {
      const std::string statement = fmt::format(fmt::runtime(query), name);
      EXPECT_NE(ask("shop", statement).status, 0) << statement;
    }
    EXPECT_NE(ask(name, "SELECT 1").status, 0) << name;
  }
  // The server's own templates are there to be copied, and nobody's to change.
  EXPECT_EQ(ask("shop", "CREATE DATABASE fresh").status, 0);
  EXPECT_EQ(ask("shop", "CREATE DATABASE fresher TEMPLATE template0").status, 0);
  EXPECT_NE(ask("shop", "ALTER DATABASE template0 ALLOW_CONNECTIONS true").status, 0);
  EXPECT_THAT(scenario.proof(),
              HasSubstr("shut: admits nobody, as in production, and belongs to our own role"));
}

}  // namespace
}  // namespace ytb::testing
