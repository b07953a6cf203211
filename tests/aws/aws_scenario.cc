#include "aws/aws_scenario.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <sstream>

#include "app_aws.h"
#include "base/text.h"
#include "cli/services.h"
#include "drivers/dns/cname_lookup.h"
#include "drivers/notify/command_notifier.h"
#include "drivers/rds/stack_testing.h"
#include "fakes/aws/small_services.h"
#include "refresh/inputs.h"
#include "refresh/sqlite_journal.h"

namespace ytb::tests {
namespace {

using fakes::aws::FakeAws;
using fakes::aws::PostgresBackend;
using nlohmann::json;
using testing::RunResult;

constexpr const char* kMaskingKey = "planted-masking-key-0123456789";
constexpr const char* kSigningText = "planted-signing-text-0123456789abcdef";
constexpr const char* kSchema =
    "CREATE TABLE public.users (id integer NOT NULL, email text, note text);\n"
    "ALTER TABLE ONLY public.users ADD CONSTRAINT users_pkey PRIMARY KEY (id);\n";
constexpr const char* kPolicy =
    "version: 1\ndatabases:\n  postgres: keep\n  template1: keep\n  shop:\n    tables:\n"
    "      public.users: {id: keep, email: email, \"*\": keep}\n";

constexpr const char* kFromWorker =
    R"([{"IpProtocol":"tcp","FromPort":5432,"ToPort":5432,"UserIdGroupPairs":[{"GroupId":"sg-worker"}]}])";
constexpr const char* kNowhere = R"([{"IpProtocol":"-1","IpRanges":[{"CidrIp":"127.0.0.1/32"}]}])";

// Aurora has no smaller one.
std::string class_of(const ScenarioProduction& production) {
  return production.aurora ? "db.t3.medium" : "db.t3.small";
}

}  // namespace

Result<refresh::Drivers> drivers_on(const AwsWiring& wiring, const config::Config& config,
                                    const config::ProductionConfig& production) {
  YTB_ASSIGN(refresh::StateDirectory state, refresh::StateDirectory::open(config.state_directory));
  std::unique_ptr<ports::Vault> vault =
      open_aws_vault(wiring.sessions, config.aws, production.role, config.signing_key);
  YTB_ASSIGN(Secret signing_key, refresh::signing_key(config, state, *vault));
  refresh::Drivers drivers;
  YTB_TRY(add_aws_drivers(wiring, config, production, signing_key, drivers));
  drivers.notifier = std::make_unique<drivers::CommandNotifier>(production.on_failure);
  drivers.journal = std::make_unique<refresh::SqliteJournal>(state.journal_file(), nullptr);
  return drivers;
}

fakes::aws::Delays as_slow_as_aws() {
  return {.snapshot = std::chrono::minutes(10),
          .instance_create = std::chrono::minutes(20),
          .instance_backup = std::chrono::minutes(5),
          .modify_notice = std::chrono::seconds(30),
          .modify = std::chrono::minutes(1),
          .storage_optimization = std::chrono::hours(8),
          .instance_delete = std::chrono::minutes(5),
          .stack_step = std::chrono::seconds(2),
          .dns = std::chrono::seconds(30)};
}

fakes::aws::SnapshotSeed shared_by_others(const AwsScenario& aws) {
  fakes::aws::SnapshotSeed shared;
  shared.id = "theirs";
  shared.type = "shared";
  shared.owner = "210987654321";
  shared.encrypted = true;
  shared.kms_key = "arn:aws:kms:eu-west-1:210987654321:key/theirs";
  shared.created = *from_iso("2026-11-21T06:30:00Z");
  shared.engine_version = aws.version();
  shared.data = aws.data();
  return shared;
}

std::string ask(const std::string& target, const std::string& sql) {
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(target.c_str()), &PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK)
    return std::string("<error: ") + PQerrorMessage(connection.get()) + ">";
  std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), sql.c_str()), &PQclear);
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK)
    return std::string("<error: ") + PQerrorMessage(connection.get()) + ">";
  return PQntuples(result.get()) == 0 ? "" : PQgetvalue(result.get(), 0, 0);
}

std::string AwsScenario::unavailable() {
  return FakeAws::available().empty() ? PostgresBackend::available() : FakeAws::available();
}

AwsScenario::AwsScenario(ScenarioOptions options) : options_(std::move(options)) {
  backend_ = std::make_shared<PostgresBackend>();
  backend_->allow("sg-worker", {"127.0.0.1"});
  backend_->allow("sg-staging", {"127.9.0.1"});
  fakes::aws::Settings settings = options_.aws;
  settings.backend = backend_;
  if (options_.own_time) settings.start_at = *from_iso("2026-11-21T07:00:00Z");
  fake_ = std::make_unique<FakeAws>(settings);
  seed();
  accept_policy();
}

AwsScenario::~AwsScenario() = default;

void AwsScenario::seed() {
  version_ = fmt::format("{}.4", ytb::testing::postgres_major());
  data_ =
      backend_->make_data("master", kMasterPassword, "shop",
                          std::string(kSchema) +
                              "INSERT INTO users SELECT g, 'person' || g || '@corp.test', 'note ' || g FROM "
                              "generate_series(1, 500) g;\n" +
                              fmt::format("CREATE ROLE app LOGIN PASSWORD '{}';\n", kAppPassword) +
                              "GRANT SELECT ON users TO app;\n" + options_.script,
                          options_.admin_script);
  for (const ScenarioProduction& production : options_.productions) seed_production(production);
  fake_->seed_subnet_group("staging-db");
  for (const char* group : {"sg-worker", "sg-staging"})
    fake_->ec2().seed_group(group, group, kFromWorker, kNowhere);
  zone_ = fake_->seed_zone("mysite.com");
  fake_->secrets().seed("ytb/keys",
                        fmt::format(R"({{"masking":"{}","signing":"{}"}})", kMaskingKey, kSigningText));
  fake_->ssm().seed("/ytb/staging", kStagingPassword, "SecureString");
  fake_->s3().seed_bucket("my-proofs");
}

void AwsScenario::seed_production(const ScenarioProduction& production) {
  fakes::aws::InstanceSeed instance;
  instance.id = production.name;
  instance.engine_version = version_;
  instance.password = kMasterPassword;
  instance.data = data_;
  instance.tags = {{"service", production.name}};
  fake_->seed(instance);
  add_snapshot("2026-11-21T06:00:00Z", production.name);
}

std::string AwsScenario::add_snapshot(const std::string& created, const std::string& production) {
  bool aurora = false;
  for (const ScenarioProduction& each : options_.productions)
    aurora |= each.name == production && each.aurora;
  fakes::aws::SnapshotSeed snapshot;
  // "2026-11-21T06:00:00Z" → "rds:shop-2026-11-21-06-00"
  snapshot.id = fmt::format("rds:{}-{}-{}-{}", production, created.substr(0, 10), created.substr(11, 2),
                            created.substr(14, 2));
  snapshot.instance = production;
  if (aurora) snapshot.engine = "aurora-postgresql";
  snapshot.type = "automated";
  snapshot.created = *from_iso(created);
  snapshot.engine_version = version_;
  snapshot.backup_retention = 35;
  snapshot.tags = {{"service", production}};
  snapshot.data = data_;
  fake_->seed(snapshot);
  snapshots_.push_back(snapshot.id);
  return snapshot.id;
}

std::string AwsScenario::block_of(const ScenarioProduction& production, const std::string& more,
                                  const std::string& policy) const {
  const std::string kind = production.aurora ? "aurora" : "rds";
  return fmt::format(
      R"(  {0}:
    source: {{{1}: {{{2}: {0}{3}}}}}
    copies:
      {1}:
        instance_class: {11}
        subnet_group: staging-db
        quarantine_groups: [sg-worker]
        staging_groups: [sg-staging]
        bucket: my-proofs
        ca_bundle: {4}
{5}    alias: {{route53: {{domain: mysite.com, ttl: {9}, seen_from: "127.0.0.1:{6}"}}}}
    masking: {{policy: "{7}", key: "secretsmanager:ytb/keys#masking"}}
    access: {{staging: {{password: "ssm:/ytb/staging", member_of: [pg_read_all_data]}}}}
    drain: {10}
{8})",
      production.name, kind, production.aurora ? "cluster" : "instance", production.source,
      backend_->ca_bundle(), production.copies, fake_->dns_port(),
      policy.empty() ? "s3://my-proofs/config/policy.yaml" : policy, production.more + more, production.ttl_s,
      production.drain, class_of(production));
}

void AwsScenario::write_config(const std::string& more, const std::string& policy) {
  std::string text = fmt::format(R"(version: 1
state: state
aws: {{region: eu-west-1, endpoint_url: "{}"}}
signing_key: "secretsmanager:ytb/keys#signing"
productions:
)",
                                 fake_->endpoint());
  for (const ScenarioProduction& production : options_.productions)
    text += block_of(production, more, policy);
  put(config_, text);
}

// As the hint of `policy accept` says: with files, then into the bucket.
void AwsScenario::accept_policy() {
  const std::string policy = kPolicy + options_.policy;
  put(folder_ / "schema.sql", kSchema + options_.schema);
  put(folder_ / "policy.yaml", policy);
  write_config("", "policy.yaml");
  must({"policy", "accept", "--yes", "--schema", folder_ / "schema.sql", "--database", "shop", "--production",
        options_.productions.front().name});
  fake_->s3().put("my-proofs", "config/policy.yaml", policy);
  fake_->s3().put("my-proofs", "config/policy.lock", get(folder_ / "policy.lock"));
  write_config();
}

std::vector<std::string> AwsScenario::command(const std::vector<std::string>& words) const {
  std::vector<std::string> argv{std::string(YTB_BINARY_DIR) + "/src/yesterdaytabase", "--verbose", "--config",
                                config_};
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

std::vector<std::string> AwsScenario::environment() const {
  std::vector<std::string> environment = fake_->environment();
  // The config names the endpoint and the region.
  std::erase_if(environment, [](const std::string& each) {
    return each.starts_with("AWS_ENDPOINT_URL=") || each.starts_with("AWS_REGION=");
  });
  return environment;
}

RunResult AwsScenario::program(const std::vector<std::string>& words) {
  if (options_.own_time) {
    // Its waits would pass, and the fake's clock would not move: a deletion takes two hours to be given up.
    ADD_FAILURE() << join(words, " ") << ": this scenario's time goes by in run() only";
    return {.status = -1, .out = {}, .err = {}};
  }
  return testing::run_program(command(words), {}, {}, environment());
}

RunResult AwsScenario::run(std::vector<std::string> words) {
  for (const std::string& pair : environment()) {
    const size_t equals = pair.find('=');
    ::setenv(pair.substr(0, equals).c_str(), pair.substr(equals + 1).c_str(), 1);
  }
  words.insert(words.begin(), {"--verbose", "--config", config_});
  rds::FakesClock clock(*fake_);
  clock.on_sleep = at_every_wait;
  AwsSessions sessions(clock, *stop);
  AwsWiring wiring{.sessions = sessions, .clock = clock, .stop = *stop};
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  std::atomic<bool> reload{false};
  cli::Services services{
      .clock = clock,
      .stop = *stop,
      .reload = reload,
      .in = in,
      .environment = [](const std::string&) { return std::optional<std::string>(); },
      .make_drivers =
          [&wiring](const config::Config& config, const config::ProductionConfig& production) {
            return drivers_on(wiring, config, production);
          },
      .open_vault =
          [&sessions](const config::AwsConfig& aws) {
            return Result<std::unique_ptr<ports::Vault>>(open_aws_vault(sessions, aws));
          },
      .make_gatekeeper = {},
      .check_place =
          [&wiring](const config::Config& config, const config::ProductionConfig& production,
                    const cli::MaskedTables& tables) {
            return check_aws_place(wiring, config, production, tables);
          },
      .open_adoption =
          [&wiring](const config::Config& config, const config::ProductionConfig& production) {
            return open_aws_adoption(wiring, config, production);
          },
      .installed_servers = {},
      .on_serve = {},
      .version = "0.1.0",
      .executable = "/usr/bin/yesterdaytabase",
      .hooks = {.on_event =
                    [this](const refresh::Event&) {
                      if (at_every_event) at_every_event();
                    },
                .on_progress = {}}};
  RunResult result;
  result.status = cli::run_command_line(words, services, cli::Output{.out = out, .err = err});
  result.out = out.str();
  result.err = err.str();
  testing::keep_output(result);
  return result;
}

RunResult AwsScenario::must(const std::vector<std::string>& words) {
  RunResult result = options_.own_time ? run(words) : program(words);
  EXPECT_EQ(result.status, 0) << join(words, " ") << "\n" << result.out << result.err;
  return result;
}

json AwsScenario::must_json(std::vector<std::string> words) {
  words.insert(words.begin(), {"--output", "json"});
  RunResult result = must(words);
  std::vector<std::string> lines = split(std::string(trim(result.out)), '\n');
  json tree = parse_json(lines.back());
  EXPECT_FALSE(tree.is_discarded()) << result.out;
  return tree;
}

std::string AwsScenario::ask_copy(const std::string& id, const std::string& from, const std::string& login,
                                  const std::string& sql) {
  const std::string found = fake_->instance(id);
  if (found.empty()) return "<error: there is no instance>";
  const json endpoint = parse_json(found).value("Endpoint", json());
  if (endpoint.is_null()) return "<error: it has no address yet>";
  fakes::aws::Door door(from, endpoint["Address"], endpoint["Port"]);
  return ask(
      fmt::format("host={} hostaddr=127.0.0.1 port={} dbname=shop {} sslmode=verify-full sslrootcert={} "
                  "connect_timeout=5",
                  endpoint["Address"].get<std::string>(), door.port(), login, backend_->ca_bundle()),
      sql);
}

std::string AwsScenario::ask_staging(const std::string& id, const std::string& sql) {
  return ask_copy(id, "127.9.0.1", fmt::format("user=staging password={}", kStagingPassword), sql);
}

std::string AwsScenario::resolved(const std::string& production) {
  Result<std::vector<std::string>> values = dns::look_up_cname(
      production + "-yesterday.mysite.com", fmt::format("127.0.0.1:{}", fake_->dns_port()));
  if (!values.ok()) return to_string(values.error());
  return values->size() == 1 ? values->front() : fmt::format("{} values", values->size());
}

std::string AwsScenario::address_of(const std::string& instance) {
  const std::string found = fake_->instance(instance);
  return found.empty() ? "" : parse_json(found)["Endpoint"]["Address"].get<std::string>();
}

void AwsScenario::expect_production_untouched() {
  for (const fakes::aws::RecordedCall& call : fake_->mutations()) {
    for (const ScenarioProduction& production : options_.productions) {
      EXPECT_NE(call.target, "db:" + production.name) << call.operation;
      EXPECT_NE(call.target, "cluster:" + production.name) << call.operation;
      EXPECT_TRUE(!call.target.starts_with("stack:") || call.target.find("-yesterday-") != std::string::npos)
          << call.operation << " of " << call.target;
    }
    for (const std::string& snapshot : snapshots_) {
      EXPECT_NE(call.target, "snapshot:" + snapshot) << call.operation;
      EXPECT_NE(call.target, "cluster-snapshot:" + snapshot) << call.operation;
    }
  }
  for (const ScenarioProduction& production : options_.productions) {
    EXPECT_EQ(parse_json(fake_->instance(production.name))["DBInstanceStatus"], "available");
    EXPECT_EQ(ask(backend_->admin_connection(production.name, "shop"),
                  "SELECT count(*) FROM users WHERE email LIKE 'person%@corp.test'"),
              "500");
  }
}

void AwsScenario::expect_nothing_left_over() {
  std::vector<std::string> productions;
  for (const ScenarioProduction& production : options_.productions) {
    productions.push_back(production.name);
    EXPECT_EQ(resolved(production.name), "0 values");
  }
  EXPECT_THAT(fake_->instance_ids(), ::testing::UnorderedElementsAreArray(productions));
  for (const fakes::aws::RecordedCall& call : fake_->mutations()) {
    const std::string name = call.target.substr(call.target.find(':') + 1);
    EXPECT_TRUE(!call.target.starts_with("stack:") || fake_->stack_status(name).empty()) << name;
    EXPECT_TRUE(!call.target.starts_with("cluster:") || fake_->cluster(name).empty()) << name;
    EXPECT_TRUE(!call.target.starts_with("snapshot:") || fake_->snapshot(name).empty()) << name;
    EXPECT_TRUE(!call.target.starts_with("cluster-snapshot:") || fake_->cluster_snapshot(name).empty())
        << name;
  }
}

}  // namespace ytb::tests
