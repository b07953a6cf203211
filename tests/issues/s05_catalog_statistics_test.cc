// S05: after an ANALYZE in production a role with pg_read_all_data read verifiers of roles, passwords of user
// mappings and values of temporary tables in the copy's pg_stats.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A session that lives while the backup is taken.
class Session {
 public:
  Session(const PostgresCluster& cluster, const std::string& script)
      : connection_(PQconnectdb(cluster.connection("shop").c_str()), PQfinish),
        result_(PQexec(connection_.get(), script.c_str()), PQclear) {
    EXPECT_EQ(PQresultStatus(result_.get()), PGRES_COMMAND_OK) << PQerrorMessage(connection_.get());
  }

 private:
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
  std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

class S05 : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.options().access = fmt::format(
        "      staging: {{password: \"file:{}/staging.password\", member_of: [{}], from: [local]}}\n",
        scenario_.home(), group_);
    scenario_.write_config();
    scenario_.production().run("shop", R"(
      DO $$ BEGIN FOR i IN 1..40 LOOP
        EXECUTE format('CREATE ROLE r%s PASSWORD %L', i, 'planted-password-' || i); END LOOP; END $$;
      CREATE ROLE readers;
      CREATE EXTENSION postgres_fdw;
      CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1');
      DO $$ BEGIN FOR i IN 1..10 LOOP
        EXECUTE format('CREATE USER MAPPING FOR r%s SERVER far OPTIONS (password %L)', i, 'planted-mapping-' || i);
      END LOOP; END $$;
      CREATE TABLE users (id int PRIMARY KEY, email text);
      INSERT INTO users VALUES (1, 'eve@real.test');
      SELECT lo_from_bytea(0, convert_to('planted-object-' || g, 'UTF8')) FROM generate_series(1, 50) g;)");
    if (postgres_major() < 14) {
      scenario_.production().run("shop", "GRANT SELECT ON ALL TABLES IN SCHEMA pg_catalog TO readers");
    }
    for (const char* database : {"shop", "postgres", "template1"}) {
      scenario_.production().run(
          database,
          "ANALYZE pg_authid; ANALYZE pg_user_mapping; ANALYZE pg_largeobject; ANALYZE pg_database");
    }
    scenario_.write_policy("    public.users: {id: keep, email: email}\n");
  }

  void refresh() {
    scenario_.accept();
    scenario_.take_snapshot("monday");
    scenario_.refresh();
  }

  std::string group_ = postgres_major() >= 14 ? "pg_read_all_data" : "readers";
  Scenario scenario_;
};

TEST_F(S05, StatisticsOfCatalogsAreGoneInEveryDatabase) {
  const std::string verifier =
      scenario_.production().value("postgres", "SELECT rolpassword FROM pg_authid WHERE rolname = 'r7'");
  ASSERT_THAT(verifier, HasSubstr("SCRAM"));
  scenario_.write_policy("    public.users: {id: keep, email: email}\n  large_objects: none\n");
  refresh();
  for (const char* database : {"shop", "postgres"}) {
    EXPECT_EQ(
        scenario_.staging_value("SELECT count(*) FROM pg_stats WHERE schemaname = 'pg_catalog'", database),
        "0")
        << database;
    EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM pg_statistic WHERE starelid < 16384", database),
              "0")
        << database;
  }
  EXPECT_THAT(scenario_.proof(), HasSubstr("catalog_statistics_gone"));
  // Not in the files either, of any database.
  for (const std::string& secret :
       {verifier, std::string("planted-mapping-7"), std::string("planted-object-7")}) {
    EXPECT_EQ(run_program({"grep", "-rlaF", "--", secret, scenario_.copies()}).out, "") << secret;
  }
}

TEST_F(S05, TemporaryTablesOfProductionsSessionsAreGoneWithTheirStatistics) {
  const Session session(scenario_.production(), R"(
    CREATE TEMP TABLE basket AS SELECT 'planted-temporary-' || g AS what FROM generate_series(1, 100) g;
    ANALYZE basket;
    CREATE TEMP VIEW seen AS SELECT 'planted-view' AS what;
    CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql AS $$ SELECT 'planted-function' $$;)");
  scenario_.write_policy("    public.users: {id: keep, email: email}\n  large_objects: none\n");
  refresh();
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM pg_class WHERE relpersistence = 't'"), "0");
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM pg_stats WHERE tablename = 'basket'"), "0");
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM pg_proc WHERE prosrc LIKE '%planted-function%'"),
            "0");
  EXPECT_EQ(run_program({"grep", "-rlaF", "planted-temporary-7", scenario_.copies()}).out, "");
}

}  // namespace
}  // namespace ytb::testing
