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
    // Before 14 it is md5 where nobody says otherwise.
    scenario_.production().run("shop", R"(
      SET password_encryption = 'scram-sha-256';
      DO $$ BEGIN FOR i IN 1..40 LOOP
        EXECUTE format('CREATE ROLE r%s PASSWORD %L', i, 'planted-password-' || i); END LOOP; END $$;
      CREATE EXTENSION postgres_fdw;
      CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1');
      DO $$ BEGIN FOR i IN 1..10 LOOP
        EXECUTE format('CREATE USER MAPPING FOR r%s SERVER far OPTIONS (password %L)', i, 'planted-mapping-' || i);
      END LOOP; END $$;
      CREATE TABLE users (id int PRIMARY KEY, email text);
      INSERT INTO users VALUES (1, 'eve@real.test');
      SELECT lo_from_bytea(0, convert_to('planted-object-' || g, 'UTF8')) FROM generate_series(1, 50) g;)");
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

  Scenario scenario_{Scenario::with_postgres()};
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

// The passwords of other access roles: a member of pg_read_all_data read pg_authid.
class S05Readers : public ::testing::Test {
 protected:
  // `auditor` is one by production's own grants.
  void SetUp() override {
    const bool by_grant = postgres_major() >= 14;
    scenario_.options().access =
        fmt::format(R"(
      staging: {{password: "file:{0}/staging.password", member_of: [pg_read_all_data], from: [local]}}
      other: {{password: "file:{0}/staging.password", member_of: [dev], from: [local]}}
      auditor: {{password: "file:{0}/staging.password", existing: true, from: [local]{1}}}
)",
                    scenario_.home(), by_grant ? "" : ", member_of: [pg_read_all_data]")
            .substr(1);
    scenario_.write_config();
    scenario_.production().run("shop", fmt::format(R"(
      CREATE ROLE dev; CREATE ROLE auditor; CREATE ROLE audit; GRANT audit TO auditor; {}
      GRANT CREATE ON DATABASE shop TO dev;
      CREATE TABLE users (id serial PRIMARY KEY, email text);
      INSERT INTO users (email) VALUES ('eve@real.test');
      CREATE SCHEMA inner_part AUTHORIZATION dev;
      SET ROLE dev;
      CREATE TABLE inner_part.parts (k int) PARTITION BY LIST (k);
      CREATE TABLE inner_part.parts_1 PARTITION OF inner_part.parts FOR VALUES IN (1);
      INSERT INTO inner_part.parts VALUES (1);
      CREATE VIEW inner_part.seen AS SELECT k FROM inner_part.parts;
      CREATE MATERIALIZED VIEW inner_part.counted AS SELECT count(*) FROM inner_part.parts;
      CREATE SEQUENCE inner_part.numbers;
      ALTER DEFAULT PRIVILEGES IN SCHEMA inner_part GRANT SELECT ON TABLES TO auditor;
      RESET ROLE;
      CREATE FUNCTION verifiers() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS
        'SELECT count(rolpassword) FROM pg_authid';
      ALTER FUNCTION verifiers() OWNER TO auditor;)",
                                                   by_grant ? "GRANT pg_read_all_data TO audit;" : ""));
    scenario_.write_policy(
        "    public.users: {id: keep, email: email}\n    inner_part.parts: "
        "keep\n");
    scenario_.accept();
    scenario_.take_snapshot("monday");
    scenario_.refresh();
  }

  std::string ask(const std::string& user, const std::string& query) {
    RunResult asked = run_program({postgres_bin_dir() + "/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d",
                                   scenario_.staging("shop", user), "-c", query});
    return asked.status == 0 ? asked.out : asked.err;
  }

  Scenario scenario_{Scenario::with_postgres()};
};

TEST_F(S05Readers, ReadEveryTableAndNoVerifier) {
  // What production made, and what is made later: by an owner, by an access role, in a new schema.
  for (const char* made :
       {"SET ROLE dev; CREATE TABLE inner_part.later AS SELECT 1 AS k",
        "CREATE VIEW inner_part.mine AS SELECT 1 AS k",
        "SET ROLE dev; CREATE SCHEMA fresh; CREATE MATERIALIZED VIEW fresh.one AS SELECT 1 AS k"})
    EXPECT_EQ(ask("other", made), "");
  for (const char* user : {"staging", "auditor"}) {
    for (const char* query :
         {"SELECT count(*) FROM users", "SELECT k FROM inner_part.parts", "SELECT k FROM inner_part.parts_1",
          "SELECT k FROM inner_part.seen", "SELECT * FROM inner_part.counted",
          "SELECT last_value FROM users_id_seq", "SELECT last_value FROM inner_part.numbers",
          "SELECT k FROM inner_part.later", "SELECT k FROM inner_part.mine", "SELECT k FROM fresh.one"})
      EXPECT_EQ(ask(user, query), "1\n") << user << ": " << query;
  }
  EXPECT_THAT(ask("other", "SELECT count(*) FROM users"), HasSubstr("permission denied"));
  for (const char* user : {"staging", "auditor", "other"}) {
    for (const char* query : {"SELECT count(rolpassword) FROM pg_authid", "SELECT passwd FROM pg_shadow",
                              "SELECT * FROM pg_statistic", "SELECT rolname FROM pg_authid",
                              "SELECT verifiers()", "SELECT * FROM pg_user_mapping",
                              "SET ROLE pg_read_all_data; SELECT count(rolpassword) FROM pg_authid",
                              "SET ROLE yesterdaytabase_readers; SELECT count(rolpassword) FROM pg_authid",
                              "GRANT pg_read_all_data TO CURRENT_USER"}) {
      if (postgres_major() < 14 && std::string(query).find("pg_read_all_data") != std::string::npos) continue;
      EXPECT_THAT(ask(user, query),
                  ::testing::AnyOf(HasSubstr("permission denied"), HasSubstr("must have admin"),
                                   HasSubstr("ermission denied to grant role")))
          << user << ": " << query;
    }
  }
  EXPECT_THAT(scenario_.proof(), HasSubstr("role staging: instead of pg_read_all_data, which reads password "
                                           "verifiers, it may read every table, view and sequence"));
  EXPECT_THAT(scenario_.ytb({"check"}).out, HasSubstr("access staging"));
}

// Statistics describe a table as it was when it was analysed.
TEST(S05Kept, StatisticsOfKeptTablesHoldNothingThatTheTablesDoNot) {
  Scenario scenario;
  scenario.production().run("shop", R"sql(
    CREATE TABLE users (id int PRIMARY KEY, email text);
    INSERT INTO users SELECT g, 'user' || g % 10 || '@real.test' FROM generate_series(1, 500) g;
    CREATE TABLE once (id int PRIMARY KEY, t text);
    CREATE STATISTICS together ON id, t FROM once;
    INSERT INTO once SELECT id, email FROM users;
    ANALYZE;
    UPDATE once SET t = NULL;
    CREATE TABLE other (t text);)sql");
  scenario.production().run("shop", "VACUUM FULL once");
  // Of a table that was never analysed.
  scenario.production().run("shop", R"sql(SET allow_system_table_mods = on;
    UPDATE pg_statistic SET starelid = 'other'::regclass, staattnum = 1 WHERE starelid = 'users'::regclass AND staattnum = 2)sql");
  scenario.write_policy(
      "    public.users: {id: keep, email: email}\n    public.once: keep\n    public.other: keep\n");
  scenario.accept();
  scenario.take_snapshot("monday");
  scenario.refresh();
  EXPECT_EQ(
      scenario.staging_value("SELECT count(*) FROM pg_stats WHERE most_common_vals::text LIKE '%real.test%'"),
      "0");
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM pg_stats WHERE tablename = 'once'"), "2");
  const std::string base = scenario.copies() + "/" + scenario.live_copy() + "/data/base";
  EXPECT_EQ(run_program({"grep", "-rlai", "user[0-9]*@real.test", base}).out, "");
}

}  // namespace
}  // namespace ytb::testing
