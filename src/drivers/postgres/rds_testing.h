// What tests of the rds profile share: a server prepared as RDS leaves one (bootstrap superuser rdsadmin, a
// master without superuser, provider roles and database), standing for a copy that was just restored. For
// tests only.
#pragma once

#include <chrono>
#include <thread>

#include "drivers/postgres/copy_session.h"
#include "drivers/postgres/engine_testing.h"
#include "drivers/postgres/rds_access.h"
#include "drivers/postgres/rds_session.h"

namespace ytb::postgres {

class RdsTest : public EngineCalls {
 protected:
  RdsTest() : EngineCalls(Profile::kRds, "app_master") {}
  void make_copy(std::map<std::string, std::string> settings = {}) {
    PostgresCluster::Options options;
    options.superuser = "rdsadmin";
    options.amazons = true;
    options.settings = std::move(settings);
    cluster_ = PostgresCluster::make(options);
    ASSERT_NE(cluster_, nullptr);
    cluster_->run("postgres", R"(
      CREATE ROLE rds_superuser; CREATE ROLE rds_iam; CREATE ROLE rds_ad; CREATE ROLE rds_password;
      CREATE ROLE rds_replication; CREATE ROLE rdsrepladmin LOGIN REPLICATION; CREATE ROLE rdstopmgr LOGIN;
      GRANT pg_monitor, pg_signal_backend, rds_password, rds_replication TO rds_superuser WITH ADMIN OPTION;
      CREATE ROLE app_master LOGIN NOSUPERUSER NOREPLICATION CREATEROLE CREATEDB PASSWORD 'production';
      GRANT rds_superuser TO app_master; ALTER DATABASE postgres OWNER TO app_master;
      CREATE DATABASE rdsadmin; REVOKE ALL ON DATABASE rdsadmin FROM PUBLIC;
      CREATE ROLE app_owner LOGIN PASSWORD 'x')");
    cluster_->run("rdsadmin", "CREATE TABLE theirs (a text)");
    target_ = {.parameters = {{"host", cluster_->socket_directory()},
                              {"port", std::to_string(cluster_->port())},
                              {"user", "app_master"}},
               .password = {},
               .label = "copy",
               .nonce = "0123456789abcdef"};
  }
  // A session of somebody else's.
  Result<Connection> customer() {
    cluster_->run("postgres", "CREATE ROLE customer LOGIN");
    return Connection::open({.parameters = {{"connection", cluster_->connection("postgres", "customer")}},
                             .password = {},
                             .label = "user"},
                            "", SessionKind::kProduction);
  }
  void claim() {
    // A session that its client has left may stay for a moment, and would be taken for somebody inside.
    for (int i = 0;
         i < 100 && cluster_->value("postgres",
                                    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = "
                                    "'client backend' AND usename NOT IN ('rdsadmin', 'app_master')") != "0";
         ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    Result<ports::Claim> claimed = door_.claim(target_);
    ASSERT_TRUE(claimed.ok()) << to_string(claimed.error());
    EXPECT_EQ(*claimed, ports::Claim::kOurs);
  }
  // All but what cannot be checked on this kind of host.
  static std::string bad(std::vector<model::Check> checks) {
    std::erase_if(checks, [](const auto& c) { return c.outcome == model::Outcome::kNotCheckable; });
    return failures(checks);
  }
  // Memberships, attributes and settings of every role but passwords, and but what the master administers
  // without being it: from 16 on that is how PostgreSQL notes who may alter a role.
  std::string roles() {
    return cluster_->value("postgres", R"(SELECT string_agg(line, E'\n' ORDER BY line) FROM (
      SELECT format('%s super=%s createrole=%s', rolname, rolsuper, rolcreaterole) AS line FROM pg_roles
        WHERE rolname <> 'yesterdaytabase_copy'
      UNION ALL SELECT format('%s in %s admin=%s', m.member::regrole, m.roleid::regrole, m.admin_option)
        FROM pg_auth_members m WHERE m.member <> 'app_master'::regrole OR
          to_jsonb(m) ->> 'inherit_option' IS DISTINCT FROM 'false' OR to_jsonb(m) ->> 'set_option' <> 'false') x)");
  }

  std::unique_ptr<PostgresCluster> cluster_;
  RdsDoor door_;
};

}  // namespace ytb::postgres
