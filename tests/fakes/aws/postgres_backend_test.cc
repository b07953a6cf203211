// Instances that are real servers: TLS, the master's rights, security groups, passwords, snapshots.
#include "tests/fakes/aws/postgres_backend.h"

#include <libpq-fe.h>

#include "tests/fakes/aws/awscli.h"

namespace ytb::fakes::aws {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

// The first value of the last statement, or the error.
std::string ask(const std::string& target, const std::string& sql) {
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(target.c_str()), &PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) return PQerrorMessage(connection.get());
  std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), sql.c_str()), &PQclear);
  if (PQresultStatus(result.get()) == PGRES_TUPLES_OK) return PQgetvalue(result.get(), 0, 0);
  return PQerrorMessage(connection.get());
}

class FakeAwsServers : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!why_no_awscli().empty()) GTEST_SKIP() << why_no_awscli();
    if (!PostgresBackend::available().empty()) GTEST_SKIP() << PostgresBackend::available();
    backend_ = std::make_shared<PostgresBackend>();
    backend_->allow("sg-worker", {"127.0.0.1"});
    backend_->allow("sg-staging", {"127.9.0.1"});
    Settings settings;
    settings.backend = backend_;
    fake_ = std::make_unique<FakeAws>(settings);
    SnapshotSeed seed;
    seed.id = "yesterday";
    seed.created = *from_iso("2026-11-21T06:00:00Z");
    seed.data =
        backend_->make_data("master", "production-password", "shop",
                            "CREATE TABLE users (email text); INSERT INTO users VALUES ('ann@corp.test')");
    ASSERT_FALSE(seed.data.empty());
    fake_->seed(seed);
  }
  void restore(const std::string& id, const std::string& snapshot, const std::string& group) {
    AwsRun run = aws(*fake_, {"rds", "restore-db-instance-from-db-snapshot", "--db-instance-identifier", id,
                              "--db-snapshot-identifier", snapshot, "--vpc-security-group-ids", group});
    ASSERT_EQ(run.status, 0) << run.err;
    ASSERT_EQ(parse_json(fake_->instance(id))["DBInstanceStatus"], "available");
  }
  json endpoint(const std::string& id) { return parse_json(fake_->instance(id))["Endpoint"]; }
  std::string target(const std::string& id, const std::string& password, const std::string& more = "") {
    json there = endpoint(id);
    return "host=" + there["Address"].get<std::string>() +
           " port=" + std::to_string(there["Port"].get<int>()) + " user=master password=" + password +
           " dbname=shop sslmode=verify-full sslrootcert=" + backend_->ca_bundle() + " " + more;
  }
  std::shared_ptr<PostgresBackend> backend_;
  std::unique_ptr<FakeAws> fake_;
};

TEST_F(FakeAwsServers, TheMasterIsNoSuperuserAndRdsadminIsShut) {
  restore("copy-1", "yesterday", "sg-worker");
  std::string master = target("copy-1", "production-password");
  EXPECT_EQ(ask(master, "SELECT email FROM users"), "ann@corp.test");
  EXPECT_EQ(ask(master, "SELECT rolsuper::text FROM pg_roles WHERE rolname = current_user"), "false");
  EXPECT_EQ(ask(master, "SELECT pg_has_role('rds_superuser', 'member')::text"), "true");
  EXPECT_THAT(ask(master, "SELECT * FROM pg_authid"), HasSubstr("permission denied"));
  EXPECT_THAT(ask(target("copy-1", "production-password", "dbname=rdsadmin"), "SELECT 1"),
              HasSubstr("pg_hba.conf rejects"));
  EXPECT_THAT(ask(target("copy-1", "production-password", "user=rdsadmin"), "SELECT 1"),
              HasSubstr("pg_hba.conf rejects"));
  EXPECT_THAT(ask(target("copy-1", "production-password", "sslmode=disable"), "SELECT 1"),
              HasSubstr("no encryption"));
  EXPECT_EQ(ask(backend_->admin_connection("copy-1", "shop"),
                "SELECT rolsuper::text FROM pg_roles WHERE rolname = current_user"),
            "true");
}

TEST_F(FakeAwsServers, SecurityGroupsRefuseAndFollow) {
  restore("copy-1", "yesterday", "sg-worker");
  json there = endpoint("copy-1");
  Door door("127.9.0.1", there["Address"], there["Port"]);
  std::string staging =
      target("copy-1", "production-password", "hostaddr=127.0.0.1 port=" + std::to_string(door.port()));
  EXPECT_THAT(ask(staging, "SELECT 1"), HasSubstr("no pg_hba.conf entry for host \"127.9.0.1\""));
  ASSERT_EQ(aws(*fake_, {"rds", "modify-db-instance", "--db-instance-identifier", "copy-1",
                         "--vpc-security-group-ids", "sg-worker", "sg-staging", "--apply-immediately"})
                .status,
            0);
  std::string said;
  // The server re-reads its file a moment after it is told to.
  for (int i = 0; i < 50 && said != "1"; ++i) said = ask(staging, "SELECT 1");
  EXPECT_EQ(said, "1");
  EXPECT_EQ(ask(target("copy-1", "production-password"), "SELECT 1"), "1");
}

TEST_F(FakeAwsServers, PasswordsChangeAndSnapshotsHoldWhatWasThere) {
  restore("copy-1", "yesterday", "sg-worker");
  ASSERT_EQ(aws(*fake_, {"rds", "modify-db-instance", "--db-instance-identifier", "copy-1",
                         "--master-user-password", "another-password", "--apply-immediately"})
                .status,
            0);
  EXPECT_THAT(ask(target("copy-1", "production-password"), "SELECT 1"),
              HasSubstr("password authentication failed"));
  EXPECT_EQ(ask(target("copy-1", "another-password"), "INSERT INTO users VALUES ('bob') RETURNING email"),
            "bob");
  ASSERT_EQ(aws(*fake_, {"rds", "create-db-snapshot", "--db-instance-identifier", "copy-1",
                         "--db-snapshot-identifier", "later"})
                .status,
            0);
  restore("copy-2", "later", "sg-worker");
  EXPECT_EQ(ask(target("copy-2", "another-password"), "SELECT count(*) FROM users"), "2");
  std::string gone = target("copy-1", "another-password");
  ASSERT_EQ(aws(*fake_,
                {"rds", "delete-db-instance", "--db-instance-identifier", "copy-1", "--skip-final-snapshot"})
                .status,
            0);
  EXPECT_THAT(ask(gone, "SELECT 1"), HasSubstr("Connection refused"));
}

}  // namespace
}  // namespace ytb::fakes::aws
