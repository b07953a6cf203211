// The built program on AWS, as a user would run it: the fake AWS with real PostgreSQL servers behind its
// instances. Secrets lie in Secrets Manager and Parameter Store, the policy and its lock in S3.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/text.h"
#include "fakes/aws/fake_aws.h"
#include "fakes/aws/postgres_backend.h"
#include "fakes/aws/small_services.h"
#include "support/temporary.h"

namespace ytb {
namespace {

using fakes::aws::Door;
using fakes::aws::FakeAws;
using fakes::aws::PostgresBackend;
using fakes::aws::RecordedCall;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ytb::testing::run_program;
using ytb::testing::RunResult;

constexpr const char* kName = "shop-yesterday.mysite.com";
constexpr const char* kMaskingKey = "planted-masking-key-0123456789";
constexpr const char* kSigningText = "planted-signing-text-0123456789abcdef";
constexpr const char* kStagingPassword = "planted-staging-password";
constexpr const char* kMasterPassword = "planted-production-password";
constexpr const char* kFromWorker =
    R"([{"IpProtocol":"tcp","FromPort":5432,"ToPort":5432,"UserIdGroupPairs":[{"GroupId":"sg-worker"}]}])";
constexpr const char* kNowhere = R"([{"IpProtocol":"-1","IpRanges":[{"CidrIp":"127.0.0.1/32"}]}])";
constexpr const char* kSchema =
    "CREATE TABLE public.users (id integer NOT NULL, email text, note text);\n"
    "ALTER TABLE ONLY public.users ADD CONSTRAINT users_pkey PRIMARY KEY (id);\n";

// The first value, or "<error: …>".
std::string ask(const std::string& target, const std::string& sql) {
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(target.c_str()), &PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK)
    return std::string("<error: ") + PQerrorMessage(connection.get()) + ">";
  std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), sql.c_str()), &PQclear);
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK)
    return std::string("<error: ") + PQerrorMessage(connection.get()) + ">";
  return PQntuples(result.get()) == 0 ? "" : PQgetvalue(result.get(), 0, 0);
}

class AwsCommandLine : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FakeAws::available().empty()) GTEST_SKIP() << FakeAws::available();
    if (!PostgresBackend::available().empty()) GTEST_SKIP() << PostgresBackend::available();
    backend_ = std::make_shared<PostgresBackend>();
    backend_->allow("sg-worker", {"127.0.0.1"});
    backend_->allow("sg-staging", {"127.9.0.1"});
    fakes::aws::Settings settings;
    settings.backend = backend_;
    fake_ = std::make_unique<FakeAws>(settings);
    seed();
    if (HasFatalFailure()) return;
    write_config("");
    accept();
  }

  void seed() {
    version_ = fmt::format("{}.4", ytb::testing::postgres_major());
    data_ = backend_->make_data(
        "master", kMasterPassword, "shop",
        std::string(kSchema) +
            "INSERT INTO users SELECT g, 'person' || g || '@corp.test', 'note ' || g FROM "
            "generate_series(1, 500) g;");
    ASSERT_FALSE(data_.empty());
    fakes::aws::InstanceSeed production;
    production.id = "shop";
    production.engine_version = version_;
    production.password = kMasterPassword;
    production.data = data_;
    production.tags = {{"service", "shop"}};
    fake_->seed(production);
    add_snapshot("rds:shop-2026-11-21-06-00", "2026-11-21T06:00:00Z");
    fake_->seed_subnet_group("staging-db");
    zone_ = fake_->seed_zone("mysite.com");
    fake_->ec2().seed_group("sg-worker", "worker", kFromWorker, kNowhere);
    fake_->ec2().seed_group("sg-staging", "staging", kFromWorker, kNowhere);
    fake_->secrets().seed("ytb/keys",
                          fmt::format(R"({{"masking":"{}","signing":"{}"}})", kMaskingKey, kSigningText));
    fake_->ssm().seed("/shop/staging", kStagingPassword, "SecureString");
    fake_->s3().seed_bucket("my-config");
    fake_->s3().seed_bucket("my-proofs");
    fake_->s3().put("my-config", "shop/policy.yaml", kPolicy);
  }

  void add_snapshot(const std::string& id, const std::string& created) {
    fakes::aws::SnapshotSeed snapshot;
    snapshot.id = id;
    snapshot.type = "automated";
    snapshot.created = *from_iso(created);
    snapshot.engine_version = version_;
    snapshot.backup_retention = 35;
    snapshot.tags = {{"service", "shop"}};
    snapshot.data = data_;
    fake_->seed(snapshot);
  }

  void write_config(const std::string& more, const std::string& policy = "s3://my-config/shop/policy.yaml") {
    tests::put(config_,
               fmt::format(R"(version: 1
state: state
aws: {{region: eu-west-1, endpoint_url: "{}"}}
signing_key: "secretsmanager:ytb/keys#signing"
productions:
  shop:
    source: {{rds: {{instance: shop}}}}
    copies:
      rds:
        instance_class: db.t3.small
        subnet_group: staging-db
        quarantine_groups: [sg-worker]
        staging_groups: [sg-staging]
        bucket: my-proofs
        ca_bundle: {}
    alias: {{route53: {{domain: mysite.com, ttl: 1, seen_from: "127.0.0.1:{}"}}}}
    masking: {{policy: "{}", key: "secretsmanager:ytb/keys#masking"}}
    access: {{staging: {{password: "ssm:/shop/staging", member_of: [pg_read_all_data]}}}}
    drain: 2s
{})",
                           fake_->endpoint(), backend_->ca_bundle(), fake_->dns_port(), policy, more));
  }

  // As the hint of `policy accept` says: with files, then into the bucket.
  void accept() {
    RunResult refused = ytb({"policy", "accept", "--schema", folder_ / "schema.sql", "--database", "shop"});
    EXPECT_NE(refused.status, 0);
    EXPECT_THAT(refused.err, HasSubstr("'policy accept' writes files"));
    tests::put(folder_ / "schema.sql", kSchema);
    tests::put(folder_ / "policy.yaml", kPolicy);
    write_config("", "policy.yaml");
    RunResult accepted =
        ytb({"policy", "accept", "--yes", "--schema", folder_ / "schema.sql", "--database", "shop"});
    ASSERT_EQ(accepted.status, 0) << accepted.err;
    fake_->s3().put("my-config", "shop/policy.lock", tests::get(folder_ / "policy.lock"));
    write_config("");
  }

  RunResult ytb(std::vector<std::string> arguments) {
    std::vector<std::string> argv{std::string(YTB_BINARY_DIR) + "/src/yesterdaytabase", "--verbose",
                                  "--config", config_};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    std::vector<std::string> environment;
    for (std::string& each : fake_->environment()) {
      // The config names the endpoint and the region.
      if (!each.starts_with("AWS_ENDPOINT_URL=") && !each.starts_with("AWS_REGION="))
        environment.push_back(each);
    }
    RunResult result = run_program(argv, {}, {}, environment);
    for (const char* secret :
         {kMaskingKey, kSigningText, kStagingPassword, kMasterPassword, "planted-secret-key"}) {
      EXPECT_THAT(result.out + result.err, Not(HasSubstr(secret))) << "a secret was printed";
    }
    return result;
  }
  RunResult must(std::vector<std::string> arguments) {
    RunResult result = ytb(arguments);
    EXPECT_EQ(result.status, 0) << join(arguments, " ") << "\n" << result.out << result.err;
    return result;
  }
  json must_json(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--output", "json"});
    RunResult result = must(std::move(arguments));
    std::vector<std::string> lines = split(std::string(trim(result.out)), '\n');
    json tree = parse_json(lines.back());
    EXPECT_FALSE(tree.is_discarded()) << result.out;
    return tree;
  }

  // How a client reaches an instance from an address of its own.
  std::string ask_copy(const std::string& id, const std::string& from, const std::string& login,
                       const std::string& sql) {
    const std::string found = fake_->instance(id);
    if (found.empty()) return "<error: there is no instance>";
    const json endpoint = parse_json(found)["Endpoint"];
    Door door(from, endpoint["Address"], endpoint["Port"]);
    return ask(fmt::format("host={} hostaddr=127.0.0.1 port={} dbname=shop {} sslmode=verify-full "
                           "sslrootcert={} connect_timeout=5",
                           endpoint["Address"].get<std::string>(), door.port(), login, backend_->ca_bundle()),
               sql);
  }
  std::string ask_staging(const std::string& id, const std::string& sql) {
    return ask_copy(id, "127.9.0.1", fmt::format("user=staging password={}", kStagingPassword), sql);
  }
  // Where a resolver sends clients.
  std::string resolved() {
    std::vector<std::string> values = fake_->dns_values(kName, "CNAME");
    return values.size() == 1 ? values.front() : fmt::format("{} values", values.size());
  }
  std::string address_of(const std::string& id) {
    return parse_json(fake_->instance(id))["Endpoint"]["Address"].get<std::string>();
  }
  void expect_production_untouched() {
    for (const RecordedCall& call : fake_->mutations()) {
      for (const char* ours : {"db:shop", "snapshot:rds:shop-2026-11-21-06-00"})
        EXPECT_NE(call.target, ours) << call.operation;
    }
    EXPECT_EQ(ask(backend_->admin_connection("shop", "shop"),
                  "SELECT count(*) FROM users WHERE email LIKE 'person%@corp.test'"),
              "500");
  }

  static constexpr const char* kPolicy =
      "version: 1\ndatabases:\n  postgres: keep\n  template1: keep\n  shop:\n    tables:\n"
      "      public.users: {id: keep, email: email, \"*\": keep}\n";
  tests::TemporaryFolder folder_;
  std::string config_ = folder_ / "yesterdaytabase.yaml";
  std::string version_, data_, zone_;
  std::shared_ptr<PostgresBackend> backend_;
  std::unique_ptr<FakeAws> fake_;
};

TEST_F(AwsCommandLine, LooksAndChangesNothing) {
  RunResult snapshots = must({"snapshot", "list"});
  EXPECT_THAT(snapshots.out, HasSubstr("rds:shop-2026-11-21-06-00"));
  RunResult plan = must({"plan"});
  EXPECT_THAT(plan.out, HasSubstr("next: restore shop-yesterday-20261121-060000-1"));
  RunResult status = must({"status"});
  EXPECT_THAT(status.out, HasSubstr("nothing"));
  RunResult check = must({"check"});
  for (const char* line : {"123456789012 in eu-west-1, as arn:aws:iam::123456789012:user/tester",
                           "CloudFormation, one stack a copy", "record", "shop-yesterday.mysite.com is free",
                           "nothing out; in: tcp 5432 sg-worker", "quota DBInstances",
                           "may rds:ModifyDBInstance", "(simulated)", "(cannot be known)"})
    EXPECT_THAT(check.out, HasSubstr(line));
  EXPECT_THAT(check.out, HasSubstr("a refresh would work"));
  RunResult teardown = must({"teardown", "--dry-run"});
  EXPECT_THAT(teardown.out, HasSubstr(fmt::format("alias  {}", kName)));
  EXPECT_TRUE(fake_->mutations().empty());
}

TEST_F(AwsCommandLine, SaysWhatIsMissing) {
  fake_->seed_zone("mysite.com", true);
  RunResult two_zones = ytb({"check"});
  EXPECT_NE(two_zones.status, 0);
  EXPECT_THAT(two_zones.out, HasSubstr("2 hosted zones are called mysite.com"));
  write_config("", "s3://my-config/shop/other.yaml");
  RunResult no_policy = ytb({"plan"});
  EXPECT_NE(no_policy.status, 0);
  EXPECT_THAT(no_policy.err, HasSubstr("there is no s3://my-config/shop/other.yaml"));
}

TEST_F(AwsCommandLine, ADeniedReadIsALineOfCheckAndTheRestIsStillSaid) {
  for (const char* operation :
       {"DescribeSecurityGroups", "DescribeAccountAttributes", "ListResourceRecordSets"}) {
    for (int attempt = 1; attempt <= 9; ++attempt)
      fake_->fail(operation, attempt, {.kind = fakes::aws::Fault::Kind::kAccessDenied});
  }
  RunResult denied = ytb({"check"});
  EXPECT_NE(denied.status, 0);
  for (const char* line : {"allow ec2:DescribeSecurityGroups", "allow rds:DescribeAccountAttributes",
                           "allow route53:ListResourceRecordSets", "may rds:ModifyDBInstance", "seen from"})
    EXPECT_THAT(denied.out, HasSubstr(line));
}

TEST_F(AwsCommandLine, CheckGoesOnWithoutItsSigningKey) {
  fake_->fail("GetSecretValue", 1, {.kind = fakes::aws::Fault::Kind::kAccessDenied});
  RunResult without_key = ytb({"check"});
  EXPECT_NE(without_key.status, 0);
  EXPECT_THAT(without_key.out, HasSubstr("drivers"));
  EXPECT_THAT(without_key.out, HasSubstr("quota DBInstances"));
}

// Taking the original's name over, through the program: it resolves all the while.
TEST_F(AwsCommandLine, AdoptsTheOriginalsName) {
  must({"adopt"});  // nothing of the original is there
  fake_->seed_record(zone_, kName, "CNAME", 300, {"shop-2026-11-20-1100.abc123.eu-west-1.rds.amazonaws.com"});
  RunResult plan = must({"adopt", "--dry-run"});
  EXPECT_THAT(plan.out, HasSubstr("names an instance that is gone: the next refresh moves it"));
  EXPECT_THAT(must({"check"}).out, HasSubstr("was the original's and is adopted"));
  EXPECT_TRUE(fake_->mutations().empty());
  must({"refresh"});
  EXPECT_EQ(resolved(), address_of("shop-yesterday-20261121-060000-1"));
}

TEST_F(AwsCommandLine, RefreshesSwapsRollsBackAndTearsDown) {
  RunResult first = must({"refresh"});
  const std::string copy = "shop-yesterday-20261121-060000-1";
  EXPECT_THAT(first.out, HasSubstr(copy));
  EXPECT_THAT(first.out, HasSubstr("host=shop-yesterday.mysite.com port="));
  EXPECT_THAT(first.out, HasSubstr("dbname=… user=staging sslmode=require"));
  EXPECT_THAT(first.out, HasSubstr("sslmode=verify-full fails"));
  EXPECT_EQ(resolved(), address_of(copy));
  EXPECT_EQ(ask_staging(copy, "SELECT count(*) FROM users"), "500");
  EXPECT_EQ(ask_staging(copy, "SELECT count(*) FROM users WHERE email LIKE '%corp.test'"), "0");
  EXPECT_EQ(ask_staging(copy, "SELECT count(DISTINCT email) FROM users WHERE note LIKE 'note %'"), "500");
  EXPECT_THAT(
      ask_copy(copy, "127.9.0.1", fmt::format("user=master password={}", kMasterPassword), "SELECT 1"),
      HasSubstr("<error"))
      << "production's own login";
  EXPECT_EQ(parse_json(fake_->instance(copy))["BackupRetentionPeriod"], 0);
  expect_production_untouched();

  json status = must_json({"status"});
  EXPECT_EQ(status["live"]["copy"], copy);
  EXPECT_TRUE(status["unknown"].empty()) << status.dump();
  EXPECT_TRUE(status["trouble"].is_null()) << status.dump();
  EXPECT_THAT(must({"proof", "show"}).out, HasSubstr(copy));
  must({"proof", "verify"});
  EXPECT_THAT(must({"policy", "check"}).out, HasSubstr("every column is judged")) << "through the live copy";
  EXPECT_THAT(must({"refresh", "--if-due"}).out, HasSubstr("nothing to do"));

  write_config("    spare_copies: 1\n");
  add_snapshot("rds:shop-2026-11-22-06-00", "2026-11-22T06:00:00Z");
  must({"refresh", "--wait-drain"});
  const std::string second = "shop-yesterday-20261122-060000-1";
  EXPECT_EQ(resolved(), address_of(second));
  EXPECT_THAT(fake_->instance_ids(), ::testing::UnorderedElementsAre("shop", copy, second))
      << "a spare stays";
  must({"rollback", "--yes"});
  EXPECT_EQ(resolved(), address_of(copy));
  EXPECT_EQ(ask_staging(copy, "SELECT count(*) FROM users"), "500");
  RunResult live = ytb({"delete", copy, "--yes"});
  EXPECT_NE(live.status, 0) << "staging would be gone";
  must({"refresh", "--if-due", "--wait-drain"});
  must({"delete", second, "--yes"});
  EXPECT_EQ(fake_->instance(second), "");

  must({"teardown", "--yes"});
  EXPECT_EQ(resolved(), "0 values");
  EXPECT_THAT(fake_->instance_ids(), ElementsAre("shop"));
  expect_production_untouched();
}

}  // namespace
}  // namespace ytb
