// Instances that are real servers: TLS, the master's rights, security groups, passwords, snapshots.
#include "tests/fakes/aws/postgres_backend.h"

#include <gmock/gmock.h>
#include <libpq-fe.h>

#include "tests/fakes/aws/awscli.h"
#include "tests/fakes/aws/small_services.h"

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

// Tokens as Debian's awscli makes them; the group is a role of its own, as a grown production has them.
TEST_F(FakeAwsServers, AMemberOfRdsIamGetsInByATokenAloneAndOnlyWhileIamIsOn) {
  restore("copy-1", "yesterday", "sg-worker");
  restore("copy-2", "yesterday", "sg-worker");
  const std::string admin = backend_->admin_connection("copy-1", "shop");
  ask(admin, "CREATE ROLE people; GRANT rds_iam TO people; GRANT people TO master");
  const std::string by_password = target("copy-1", "production-password");
  EXPECT_THAT(ask(by_password, "SELECT 1"),
              HasSubstr("FATAL:  LDAP authentication failed for user \"master\""));
  auto token = [&](const std::string& id, const std::string& user, const std::vector<std::string>& who = {}) {
    std::vector<std::string> environment = fake_->environment();
    environment.insert(environment.end(), who.begin(), who.end());
    testing::RunResult made = testing::run_program(
        {kAwsProgram, "rds", "generate-db-auth-token", "--hostname", endpoint(id)["Address"], "--port",
         std::to_string(endpoint(id)["Port"].get<int>()), "--username", user},
        "", "", environment);
    EXPECT_EQ(made.status, 0) << made.err;
    return made.out.substr(0, made.out.find('\n'));
  };
  auto log_in = [&](const std::string& password) {
    return ask(target("copy-1", "'" + password + "'"), "SELECT session_user");
  };
  auto last_refusal = [&] { return fake_->calls().back().error; };
  const std::string good = token("copy-1", "master");
  EXPECT_THAT(log_in(good), HasSubstr("LDAP authentication failed"));
  EXPECT_THAT(last_refusal(), HasSubstr("authentication is off"));
  auto switch_iam = [&](const char* id, const char* how) {
    ASSERT_EQ(
        aws(*fake_, {"rds", "modify-db-instance", "--db-instance-identifier", id, how, "--apply-immediately"})
            .status,
        0);
  };
  switch_iam("copy-2", "--enable-iam-database-authentication");
  EXPECT_THAT(log_in(good), HasSubstr("LDAP authentication failed")) << "it is another's that is on";
  switch_iam("copy-1", "--enable-iam-database-authentication");
  EXPECT_EQ(log_in(good), "master");
  EXPECT_EQ(fake_->calls().back().operation, "connect");
  EXPECT_EQ(fake_->calls().back().principal, "arn:aws:iam::123456789012:user/tester");
  EXPECT_EQ(
      fake_->calls().back().target,
      "dbuser:" + parse_json(fake_->instance("copy-1"))["DbiResourceId"].get<std::string>() + "/master");
  EXPECT_THAT(ask(by_password, "SELECT 1"), HasSubstr("LDAP authentication failed"));

  // What was signed is what counts, and for whom and where.
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {token("copy-2", "master"), "it is of"},
      {token("copy-1", "rdsadmin"), "not to connect as"},
      {token("copy-1", "master", {"AWS_SECRET_ACCESS_KEY=other"}), "SignatureDoesNotMatch"},
      {token("copy-1", "master", {"AWS_ACCESS_KEY_ID=AKIAOTHER"}), "InvalidClientTokenId"},
      {token("copy-1", "master", {"AWS_DEFAULT_REGION=us-east-1", "AWS_REGION=us-east-1"}), "scoped"},
      {good.substr(0, good.size() - 1) + (good.back() == '0' ? "1" : "0"), "SignatureDoesNotMatch"},
      {good + "&DBUser=master", "not to connect as"},
      {good + "&X-Amz-Expires=900", "twice"},
      {good + "&More=1", "no parameter More"}};
  for (const auto& [password, why] : wrong) {
    EXPECT_THAT(log_in(password), HasSubstr("LDAP authentication failed")) << why;
    EXPECT_THAT(last_refusal(), HasSubstr(why));
  }
  fake_->iam().decide_by([](const std::string&, const std::string& action, const std::string& resource) {
    return action != "rds-db:connect" || resource.find("dbuser:db-") == std::string::npos;
  });
  EXPECT_THAT(log_in(good), HasSubstr("LDAP authentication failed"));
  EXPECT_THAT(last_refusal(), HasSubstr("AccessDenied"));
  fake_->iam().decide_by(nullptr);
  fake_->skew(std::chrono::minutes(16));
  EXPECT_THAT(log_in(good), HasSubstr("LDAP authentication failed"));
  EXPECT_THAT(last_refusal(), HasSubstr("ExpiredToken"));
  fake_->skew({});

  // The master may end it himself, and then it is his password that counts.
  EXPECT_EQ(ask(target("copy-1", "'" + good + "'"), "REVOKE rds_iam FROM people; SELECT 'done'"), "done");
  EXPECT_EQ(ask(by_password, "SELECT 1"), "1");
  EXPECT_THAT(log_in(good), HasSubstr("password authentication failed"));
}

// Whatever is not exactly a simple bind is no request.
TEST(LdapBinds, ReadsSimpleBindsAndNothingElse) {
  auto tlv = [](char tag, const std::string& value) {
    std::string length(1, static_cast<char>(value.size()));
    if (value.size() >= 0x80) {
      length = std::string("\x82") + static_cast<char>(value.size() >> 8U) +
               static_cast<char>(value.size() & 0xffU);
    }
    return std::string(1, tag) + length + value;
  };
  auto bind = [&](const std::string& version, const std::string& name, char how,
                  const std::string& password) {
    return tlv(0x30,
               tlv(0x02, "\x01") + tlv(0x60, tlv(0x02, version) + tlv(0x04, name) + tlv(how, password)));
  };
  const char simple = static_cast<char>(0x80);
  const std::string token(2000, 't');
  auto good = read_ldap(bind("\x03", "cn=master,dc=copy-1", simple, token));
  ASSERT_TRUE(good);
  EXPECT_EQ(good->id, "\x01");
  EXPECT_EQ(good->name, "cn=master,dc=copy-1");
  EXPECT_EQ(good->password, token);
  auto unbind = read_ldap(tlv(0x30, tlv(0x02, "\x02") + tlv(0x42, "")));
  ASSERT_TRUE(unbind);
  EXPECT_TRUE(unbind->unbind);
  const std::string whole = bind("\x03", "cn=a", simple, "p");
  const std::string wrong[] = {"",
                               bind("\x02", "cn=a", simple, "p"),
                               bind("\x03", "", simple, "p"),
                               bind("\x03", "cn=a", simple, ""),
                               bind("\x03", "cn=a", static_cast<char>(0xa3), "p"),
                               whole + "x",
                               whole.substr(0, whole.size() - 1),
                               tlv(0x30, tlv(0x02, "") + tlv(0x42, "")),
                               std::string("\x30\x80\x02\x01\x01\x42\x00\x00\x00", 9),
                               tlv(0x30, tlv(0x02, "\x01") + tlv(0x4a, "cn=a"))};
  for (const std::string& each : wrong) EXPECT_FALSE(read_ldap(each)) << each.size();
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_FALSE(read_ldap(whole.substr(0, i))) << i;
}

}  // namespace
}  // namespace ytb::fakes::aws
