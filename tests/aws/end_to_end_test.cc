// Whole refreshes on AWS, by the program's own command line and drivers, with real servers behind the fake's
// instances and its clock, which goes on where somebody waits.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "aws/aws_scenario.h"
#include "aws/original_stack.h"
#include "drivers/rds/stack_testing.h"

namespace ytb::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr const char* kOurKey = "arn:aws:kms:eu-west-1:123456789012:key/ours";

class AwsEndToEnd : public AwsRuns {
 protected:
  AwsScenario& begin(ScenarioOptions options = {}) {
    options.aws.delays = as_slow_as_aws();
    return AwsRuns::begin(std::move(options));
  }
  void expect_serves(const std::string& copy) {
    EXPECT_EQ(scenario_->resolved(), scenario_->address_of(copy));
    EXPECT_EQ(scenario_->ask_staging(copy, "SELECT count(*) FROM users"), "500");
    EXPECT_EQ(scenario_->ask_staging(copy, "SELECT count(*) FROM users WHERE email LIKE '%corp.test'"), "0");
  }
  // What copies of snapshots were made under.
  std::vector<std::string> keys_of_copies(const std::string& operation) {
    std::vector<std::string> keys;
    for (const auto& call : scenario_->fake().mutations()) {
      if (call.operation == operation) keys.push_back(parse_json(call.input)["KmsKeyId"]);
    }
    return keys;
  }
  // Calls of ours that made a copy.
  int stacks_made() {
    int made = 0;
    for (const auto& call : scenario_->fake().mutations()) made += call.operation == "CreateStack" ? 1 : 0;
    return made;
  }
};

TEST_F(AwsEndToEnd, DayAfterDay) {
  AwsScenario& aws = begin();
  aws.must({"refresh"});
  expect_serves(kFirst);

  // No new snapshot: it says so, and nothing is changed.
  const size_t changes = aws.fake().mutations().size();
  testing::RunResult again = aws.must({"refresh"});
  EXPECT_THAT(again.out, HasSubstr("nothing to do")) << again.err;
  EXPECT_THAT(again.out, HasSubstr("no new snapshot since 2026-11-21T06:00:00Z"));
  EXPECT_EQ(aws.fake().mutations().size(), changes);

  aws.fake().advance(std::chrono::hours(24));
  aws.add_snapshot("2026-11-22T06:00:00Z");
  aws.must({"refresh", "--wait-drain"});
  expect_serves(kSecond);
  EXPECT_THAT(aws.fake().instance_ids(), UnorderedElementsAre("shop", kSecond)) << "yesterday's is gone";

  // The same snapshot once more, because somebody wants it.
  aws.must({"refresh", "--force", "--wait-drain"});
  const std::string forced = "shop-yesterday-20261122-060000-2";
  expect_serves(forced);
  EXPECT_THAT(aws.fake().instance_ids(), UnorderedElementsAre("shop", forced));
  EXPECT_EQ(stacks_made(), 3);
  aws.expect_production_untouched();
  aws.must({"teardown", "--yes"});
  aws.expect_nothing_left_over();
}

TEST_F(AwsEndToEnd, AnOriginalThatIsLeftFailsTheProof) {
  ScenarioOptions options;
  options.policy = "survivors: prose\n";
  options.script = "UPDATE users SET note = 'is the same as person7@corp.test' WHERE id = 3;\n";
  AwsScenario& aws = begin(options);
  testing::RunResult failed = aws.run({"refresh"});
  EXPECT_EQ(failed.status, 6) << failed.out << failed.err;
  EXPECT_THAT(failed.out + failed.err, HasSubstr("originals are left in shop public.users.note (1 times)"));
  EXPECT_THAT(failed.out + failed.err, HasSubstr("\"public.users.note\": \"\""));
  EXPECT_THAT(failed.out + failed.err, Not(HasSubstr("person7")));
  EXPECT_EQ(aws.resolved(), "0 values");
  aws.expect_production_untouched();
}

TEST_F(AwsEndToEnd, WhereNoOriginalIsLeftTheProofSaysSoAndWhatItCouldNotRead) {
  ScenarioOptions options;
  options.policy = "survivors: prose\n";
  AwsScenario& aws = begin(options);
  aws.must({"refresh"});
  expect_serves(kFirst);
  const testing::RunResult shown = aws.must({"proof", "show"});
  EXPECT_THAT(shown.out, HasSubstr("no_original_survives"));
  EXPECT_THAT(shown.out, HasSubstr("digests of originals"));
  EXPECT_THAT(shown.out, HasSubstr("the provider gives nobody the files of a server"));
}

TEST_F(AwsEndToEnd, AGrownVolumeIsWarmedUpBeforeItOpens) {
  ScenarioOptions options;
  options.productions.front().copies = "        warm_up: true\n        storage_gb: 30\n";
  options.schema = "CREATE TABLE public.orders (id integer, note text);\n";
  options.script =
      options.schema + "INSERT INTO orders SELECT g, 'note ' || g FROM generate_series(1, 20000) g;\n";
  options.policy = "      public.orders: {\"*\": keep}\n";
  AwsScenario& aws = begin(std::move(options));
  aws.must({"refresh"});
  expect_serves(kFirst);
  const auto instance = parse_json(aws.fake().instance(kFirst));
  EXPECT_EQ(instance["AllocatedStorage"], 30);
  EXPECT_EQ(instance["DBInstanceStatus"], "available") << "opening asks for the volume, too";
  // Both come from the same data directory, counters included.
  auto reads = [&](const std::string& id, const std::string& table) {
    return std::stoi(ask(
        aws.backend().admin_connection(id, "shop"),
        "SELECT heap_blks_read + heap_blks_hit FROM pg_statio_user_tables WHERE relname = '" + table + "'"));
  };
  const int blocks = std::stoi(
      ask(aws.backend().admin_connection(kFirst, "shop"), "SELECT pg_relation_size('orders') / 8192"));
  ASSERT_GT(blocks, 50);
  EXPECT_EQ(reads(kFirst, "orders"), reads("shop", "orders") + blocks);
  EXPECT_EQ(ask(aws.backend().admin_connection(kFirst, "shop"),
                "SELECT count(*) FROM pg_extension WHERE extname = 'pg_prewarm'"),
            "0");
  EXPECT_THAT(aws.must({"proof", "show"}).out, HasSubstr("that masking did not write anew were read"));

  // Production has grown beyond what is asked for: yesterday's copy serves on, and nothing is begun.
  aws.fake().advance(std::chrono::hours(24));
  fakes::aws::SnapshotSeed grown;
  grown.id = "rds:shop-2026-11-22-06-00";
  grown.type = "automated";
  grown.created = *from_iso("2026-11-22T06:00:00Z");
  grown.engine_version = aws.version();
  grown.allocated_gib = 40;
  grown.data = aws.data();
  aws.fake().seed(grown);
  const size_t changes = aws.fake().mutations().size();
  testing::RunResult refused = aws.run({"refresh"});
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.err, HasSubstr("storage_gb is 30, and the snapshot's volume has 40 GiB"));
  for (size_t i = changes; i < aws.fake().mutations().size(); ++i)
    EXPECT_EQ(aws.fake().mutations()[i].operation, "PutObject") << "a tombstone, and nothing else";
  expect_serves(kFirst);
}

TEST_F(AwsEndToEnd, GoesBackAndDeletesWhatIsAsked) {
  AwsScenario& aws = begin();
  aws.write_config("    spare_copies: 1\n");
  aws.must({"refresh"});
  aws.fake().advance(std::chrono::hours(24));
  aws.add_snapshot("2026-11-22T06:00:00Z");
  aws.must({"refresh", "--wait-drain"});
  expect_serves(kSecond);
  aws.must({"rollback", "--yes"});
  expect_serves(kFirst);
  testing::RunResult live = aws.run({"delete", kFirst, "--yes"});
  EXPECT_NE(live.status, 0) << "staging would be gone";
  EXPECT_THAT(live.err, HasSubstr("is live: staging would be gone"));
  testing::RunResult strange = aws.run({"delete", "shop", "--yes"});
  EXPECT_THAT(aws.fake().instance_ids(), UnorderedElementsAre("shop", kFirst, kSecond)) << strange.out;
  aws.must({"refresh", "--if-due", "--wait-drain"});
  aws.must({"delete", kSecond, "--yes"});
  EXPECT_THAT(aws.fake().instance_ids(), UnorderedElementsAre("shop", kFirst));
  expect_serves(kFirst);
  aws.expect_production_untouched();
  aws.must({"teardown", "--yes"});
  aws.expect_nothing_left_over();
}

TEST_F(AwsEndToEnd, ASharedEncryptedSnapshotIsCopiedUnderOurKeyAndTheCopyGoes) {
  ScenarioOptions options;
  options.productions.front().source =
      std::string(", owners: [\"210987654321\"], kms_key: \"") + kOurKey + "\"";
  AwsScenario& aws = begin(std::move(options));
  aws.fake().seed(shared_by_others(aws));
  aws.must({"refresh"});
  const std::string copy = "shop-yesterday-20261121-063000-1";
  expect_serves(copy);
  EXPECT_THAT(keys_of_copies("CopyDBSnapshot"), ElementsAre(kOurKey));
  EXPECT_EQ(aws.fake().snapshot(copy + "-source"), "") << "of no more use once it is restored";
  EXPECT_EQ(parse_json(aws.fake().instance(copy))["KmsKeyId"], kOurKey);
  aws.expect_production_untouched();
  aws.must({"teardown", "--yes"});
  aws.expect_nothing_left_over();
  for (const auto& call : aws.fake().mutations())
    EXPECT_THAT(call.target, ::testing::Not(HasSubstr("theirs")));
}

// A4: one manual snapshot that the role may not restore stopped every morning until somebody deleted it.
TEST_F(AwsEndToEnd, AnOlderSnapshotIsTakenForTenThatMayNotBeRestored) {
  AwsScenario& aws = begin();
  constexpr int kForbidden = 10;
  for (int minute = 10; minute < 10 + kForbidden; ++minute) {
    fakes::aws::SnapshotSeed manual;
    manual.id = fmt::format("before-migration-{}", minute);
    manual.created = *from_iso(fmt::format("2026-11-21T06:{}:00Z", minute));
    manual.engine_version = aws.version();
    manual.data = aws.data();
    aws.fake().seed(manual);
  }
  aws.fake().iam().decide_by([](const std::string&, const std::string& action, const std::string& resource) {
    return !action.starts_with("rds:Restore") || resource.find(":snapshot:before-") == std::string::npos;
  });
  aws.must({"refresh"});
  expect_serves(kFirst);
  EXPECT_EQ(stacks_made(), kForbidden + 1) << "each is tried once";
  // Asked again, only the newest is tried once more: it might be allowed by now.
  EXPECT_THAT(aws.must({"plan"}).out, HasSubstr("next: restore shop-yesterday-20261121-061900-2"));
  const testing::RunResult refused = aws.run({"refresh"});
  EXPECT_EQ(refused.status, exit_status(Code::kForbidden));
  EXPECT_THAT(refused.err, HasSubstr("before-migration-19"));
  EXPECT_THAT(refused.err, HasSubstr("or leave such snapshots out with source.snapshots"));
  EXPECT_EQ(stacks_made(), kForbidden + 2);
  aws.expect_production_untouched();
  aws.must({"teardown", "--yes"});
  aws.expect_nothing_left_over();
}

TEST_F(AwsEndToEnd, AnAuroraCluster) {
  ScenarioOptions options;
  options.productions.front().aurora = true;
  AwsScenario& aws = begin(std::move(options));
  testing::RunResult check = aws.must({"check"});
  for (const std::string& line :
       {std::string("rds:shop-2026-11-21-06-00"), "aurora-postgresql " + aws.version(),
        "db.t3.medium for aurora-postgresql " + aws.version() + ", in eu-west-1a",
        std::string("quota DBClusters"), std::string("may rds:ModifyDBCluster"),
        std::string("a refresh would work")})
    EXPECT_THAT(check.out, HasSubstr(line));
  EXPECT_THAT(check.out, ::testing::Not(HasSubstr("gp3"))) << "Aurora has a storage of its own";
  EXPECT_TRUE(aws.fake().mutations().empty()) << "a check only looks";
  aws.must({"refresh"});
  const std::string writer = std::string(kFirst) + "-w";
  expect_serves(writer);
  const auto cluster = parse_json(aws.fake().cluster(kFirst));
  EXPECT_EQ(aws.resolved(), cluster["Endpoint"].get<std::string>());
  EXPECT_EQ(cluster["BackupRetentionPeriod"], 1) << "the least that Aurora allows";
  nlohmann::json status = aws.must_json({"status"});
  EXPECT_EQ(status["live"]["copy"], kFirst);
  EXPECT_THAT(aws.must({"proof", "show"}).out, HasSubstr("backup"));
  aws.expect_production_untouched();
  aws.must({"teardown", "--yes"});
  aws.expect_nothing_left_over();
}

TEST_F(AwsEndToEnd, ASharedEncryptedSnapshotOfAClusterIsCopiedUnderOurKeyAndTheCopyGoes) {
  ScenarioOptions options;
  options.productions.front().aurora = true;
  options.productions.front().source =
      std::string(", owners: [\"210987654321\"], kms_key: \"") + kOurKey + "\"";
  AwsScenario& aws = begin(std::move(options));
  fakes::aws::SnapshotSeed shared = shared_by_others(aws);
  shared.engine = "aurora-postgresql";
  aws.fake().seed(shared);
  const std::string copy = "shop-yesterday-20261121-063000-1";
  bool was_there = false;
  aws.at_every_wait = [&] { was_there |= !aws.fake().cluster_snapshot(copy + "-source").empty(); };
  aws.must({"refresh"});
  expect_serves(copy + "-w");
  EXPECT_TRUE(was_there);
  EXPECT_THAT(keys_of_copies("CopyDBClusterSnapshot"), ElementsAre(kOurKey));
  EXPECT_THAT(keys_of_copies("CopyDBSnapshot"), ElementsAre());
  EXPECT_EQ(aws.fake().cluster_snapshot(copy + "-source"), "") << "of no more use once it is restored";
  EXPECT_EQ(parse_json(aws.fake().cluster(copy))["KmsKeyId"], kOurKey);
  aws.expect_production_untouched();
  aws.must({"teardown", "--yes"});
  aws.expect_nothing_left_over();
  for (const auto& call : aws.fake().mutations())
    EXPECT_THAT(call.target, ::testing::Not(HasSubstr("theirs")));
}

TEST_F(AwsEndToEnd, TwoProductionsAtOnce) {
  ScenarioOptions options;
  options.own_time = false;
  options.productions = {{.name = "shop"}, {.name = "crm"}};
  scenario_ = std::make_unique<AwsScenario>(std::move(options));
  testing::RunResult shop, crm;
  {
    std::jthread one([&] { shop = scenario_->program({"refresh", "--production", "shop"}); });
    std::jthread two([&] { crm = scenario_->program({"refresh", "--production", "crm"}); });
  }
  EXPECT_EQ(shop.status, 0) << shop.err;
  EXPECT_EQ(crm.status, 0) << crm.err;
  for (const std::string name : {"shop", "crm"}) {
    const std::string copy = name + "-yesterday-20261121-060000-1";
    EXPECT_EQ(scenario_->resolved(name), scenario_->address_of(copy));
    EXPECT_EQ(scenario_->ask_staging(copy, "SELECT count(*) FROM users"), "500");
  }
  EXPECT_EQ(stacks_made(), 2);
  {
    std::jthread one([&] { scenario_->must({"teardown", "--yes", "--production", "shop"}); });
    std::jthread two([&] { scenario_->must({"teardown", "--yes", "--production", "crm"}); });
  }
  scenario_->expect_production_untouched();
  scenario_->expect_nothing_left_over();
}

// Tries to get into a copy at every step of a run, with production's logins and staging's, from staging's
// network and from one that no group admits. The controller's own network is the controller's: production's
// logins are tried from there once the copy is defused.
class Prober {
 public:
  Prober(AwsScenario& aws, std::string copy) : aws_(aws), copy_(std::move(copy)) {}

  void probe() {
    const std::string found = aws_.fake().instance(copy_);
    const auto instance = found.empty() ? nlohmann::json() : parse_json(found);
    if (!instance.contains("Endpoint")) return;
    const std::string address = instance["Endpoint"]["Address"];
    if (doors_.empty()) {
      for (const char* from : {kStagingNetwork, kElsewhere, kWorker})
        doors_[from] = std::make_unique<fakes::aws::Door>(from, address, instance["Endpoint"]["Port"]);
    }
    std::string phase = "restoring";
    for (const auto& tag : instance["TagList"]) {
      if (tag["Key"] == "yesterdaytabase:phase") phase = tag["Value"];
    }
    const bool open = aws_.fake().count("UpdateStack") > 0;
    phases_.insert(phase);
    for (const auto& [from, door] : doors_) {
      const bool ours = from == kWorker;
      if (ours && (phase == "restoring" || phase == "restored")) continue;
      for (const auto& [user, password] :
           {std::pair("master", kMasterPassword), std::pair("app", kAppPassword),
            std::pair("staging", kStagingPassword)}) {
        if (open && user == std::string("staging") && from != kElsewhere) continue;
        ++tries_;
        const std::string said =
            ask("host=" + address + " hostaddr=127.0.0.1 port=" + std::to_string(door->port()) +
                    " dbname=shop user=" + user + " password=" + password +
                    " sslmode=verify-full connect_timeout=5 sslrootcert=" + aws_.backend().ca_bundle(),
                "SELECT 'in'");
        if (said == "in") got_in_.push_back(fmt::format("{} from {} while {}", user, from, phase));
      }
    }
  }
  [[nodiscard]] const std::vector<std::string>& got_in() const { return got_in_; }
  [[nodiscard]] const std::set<std::string>& phases() const { return phases_; }
  [[nodiscard]] int tries() const { return tries_; }

 private:
  static constexpr const char* kStagingNetwork = "127.9.0.1";
  static constexpr const char* kElsewhere = "127.8.0.1";
  static constexpr const char* kWorker = "127.0.0.1";
  AwsScenario& aws_;
  std::string copy_;
  std::map<std::string, std::unique_ptr<fakes::aws::Door>> doors_;
  std::set<std::string> phases_;
  std::vector<std::string> got_in_;
  int tries_ = 0;
};

class AwsProber : public AwsEndToEnd {
 protected:
  void probe_with(Prober& prober) {
    scenario_->at_every_event = [&prober] { prober.probe(); };
    scenario_->at_every_wait = [this, &prober] {
      if (++waits_ % kWaitsToAProbe == 0) prober.probe();
    };
  }
  static constexpr int kWaitsToAProbe = 60;  // a wait is a second
  int waits_ = 0;
};

TEST_F(AwsProber, NobodyGetsInBeforeTheCopyIsOpen) {
  AwsScenario& aws = begin();
  Prober prober(aws, kFirst);
  probe_with(prober);
  aws.must({"refresh"});
  prober.probe();
  EXPECT_THAT(prober.got_in(), ElementsAre());
  EXPECT_THAT(prober.phases(),
              ::testing::IsSupersetOf({"restoring", "restored", "defused", "masked", "proven", "live"}));
  EXPECT_GT(prober.tries(), 100);
  expect_serves(kFirst);
}

TEST_F(AwsProber, GetsInWhereTheDoorIsLeftOpenOnPurpose) {
  AwsScenario& aws = begin();
  aws.backend().allow("sg-worker", {"127.0.0.1", "127.9.0.1"});
  Prober prober(aws, kFirst);
  probe_with(prober);
  aws.must({"refresh"});
  EXPECT_THAT(prober.got_in(), ::testing::Contains("master from 127.9.0.1 while restoring"));
  EXPECT_THAT(prober.got_in(), ::testing::Contains("app from 127.9.0.1 while restored"));
}

// What was done about IAM authentication, in order: "on", "off" as asked of RDS, "token" where one let in.
std::vector<std::string> iam_story(AwsScenario& aws) {
  std::vector<std::string> story;
  for (const fakes::aws::RecordedCall& call : aws.fake().calls()) {
    if (call.service == "rds-db" && call.operation == "connect" && call.error.empty())
      story.emplace_back("token");
    const bool is_modify = call.operation == "ModifyDBInstance" || call.operation == "ModifyDBCluster";
    if (!is_modify || !call.error.empty()) continue;
    const nlohmann::json input = parse_json(call.input);
    if (input.contains("EnableIAMDatabaseAuthentication"))
      story.emplace_back(input["EnableIAMDatabaseAuthentication"] == true ? "on" : "off");
  }
  return story;
}

// pg_cron is not installed here: a table of its name stands for its jobs, which is what defusing goes by.
TEST_F(AwsEndToEnd, NothingOfAnArmedProductionActs) {
  if (const std::string none = fakes::aws::PostgresBackend::why_no_tokens(); !none.empty())
    GTEST_SKIP() << none;
  auto publisher = testing::PostgresCluster::make();
  ASSERT_NE(publisher, nullptr);
  publisher->run(
      "postgres",
      "CREATE TABLE users (id int PRIMARY KEY, email text, note text); CREATE PUBLICATION p FOR TABLE users");
  // From 16 on only a superuser's subscription may do without a password that the publisher asks for.
  publisher->run("postgres", "CREATE ROLE feeder LOGIN SUPERUSER PASSWORD 'planted-feeder'");
  const std::string hba = publisher->data() + "/pg_hba.conf";
  std::stringstream before;
  before << std::ifstream(hba).rdbuf();
  std::ofstream(hba, std::ios::trunc) << "local all feeder scram-sha-256\n" << before.str();
  publisher->run("postgres", "SELECT pg_reload_conf()");
  const std::string where = "host=" + publisher->socket_directory() +
                            " port=" + std::to_string(publisher->port()) +
                            " user=feeder password=planted-feeder dbname=postgres";
  ScenarioOptions options;
  options.schema = "CREATE SCHEMA cron;\nCREATE TABLE cron.job (jobid integer, active boolean);\n";
  options.policy = "      cron.job: {\"*\": keep}\n";
  options.script = options.schema + "INSERT INTO cron.job VALUES (1, true);\n";
  // On RDS the master may make subscriptions and extensions; here he has to be a superuser for a moment.
  options.admin_script =
      "ALTER ROLE master SUPERUSER; SET SESSION AUTHORIZATION master;"
      "CREATE SUBSCRIPTION feed CONNECTION '" +
      where +
      "' PUBLICATION p WITH (copy_data = false);"
      "CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '" +
      publisher->socket_directory() + "', port '" + std::to_string(publisher->port()) +
      "');"
      "CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (user 'postgres', password 'planted');"
      "RESET SESSION AUTHORIZATION; ALTER ROLE master "
      "NOSUPERUSER; CREATE ROLE \"the crew's\"; GRANT rds_iam TO master, app, \"the crew's\"; GRANT \"the "
      "crew's\" TO "
      "master";
  AwsScenario& aws = begin(std::move(options));
  bool fed = false;
  aws.at_every_event = [&] {
    if (fed || aws.fake().instance(kFirst).empty()) return;
    publisher->run("postgres", "INSERT INTO users VALUES (9001, 'fresh@corp.test', 'from the publisher')");
    fed = true;
  };
  aws.must({"refresh"});
  EXPECT_TRUE(fed);
  expect_serves(kFirst);
  const std::string inside = aws.backend().admin_connection(kFirst, "shop");
  EXPECT_EQ(ask(inside, "SELECT count(*) FROM pg_subscription"), "0");
  EXPECT_EQ(ask(inside, "SELECT count(*) FROM pg_user_mapping WHERE umoptions IS NOT NULL"), "0");
  EXPECT_THAT(ask(inside, "SELECT array_to_string(srvoptions, ' ') FROM pg_foreign_server"),
              ::testing::Not(HasSubstr(publisher->socket_directory())));
  EXPECT_EQ(ask(inside, "SELECT count(*) FROM cron.job WHERE active"), "0");
  EXPECT_EQ(ask(inside,
                "SELECT count(*) FROM pg_auth_members a JOIN pg_roles d ON d.oid = a.roleid JOIN pg_roles r "
                "ON r.oid = a.member WHERE d.rolname = 'rds_iam' AND r.rolname IN ('master', 'app')"),
            "0");
  // His password was of no use: he got in by a token, once, and by nothing but his password since.
  EXPECT_THAT(iam_story(aws), ElementsAre("on", "token", "off"));
  EXPECT_EQ(parse_json(aws.fake().instance(kFirst))["IAMDatabaseAuthenticationEnabled"], false);
  EXPECT_EQ(ask(inside, "SELECT pg_has_role('master', 'rds_iam', 'MEMBER')"), "f");
  const std::string proof = aws.must({"proof", "show"}).out;
  EXPECT_THAT(proof, HasSubstr("overruled by its membership in rds_iam"));
  EXPECT_THAT(proof, HasSubstr("taken from role master: its membership in rds_iam"));
  EXPECT_THAT(proof, HasSubstr("taken from role the crew's: its membership in rds_iam"));
  EXPECT_EQ(parse_json(aws.fake().instance(kFirst))["BackupRetentionPeriod"], 0)
      << "production's 35 days of backups are not the copy's";
  // Production itself is as armed as it was: what was fed arrives there, and its slot is its own.
  const std::string production = aws.backend().admin_connection("shop", "shop");
  std::string arrived;
  for (int i = 0; i < 100 && arrived != "1"; ++i) {
    arrived = ask(production, "SELECT count(*) FROM users WHERE id = 9001");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(arrived, "1");
  EXPECT_EQ(publisher->value("postgres", "SELECT string_agg(slot_name, ' ') FROM pg_replication_slots"),
            "feed");
  aws.expect_production_untouched();
}

// rds-db:connect is a right that the deployment does not have by itself.
TEST_F(AwsEndToEnd, AMasterWhomIamKeepsOutIsToldWithWhatToDo) {
  if (const std::string none = fakes::aws::PostgresBackend::why_no_tokens(); !none.empty())
    GTEST_SKIP() << none;
  ScenarioOptions options;
  options.admin_script = "GRANT rds_iam TO master";
  AwsScenario& aws = begin(std::move(options));
  aws.fake().iam().decide_by([](const std::string&, const std::string& action, const std::string&) {
    return action != "rds-db:connect";
  });
  const testing::RunResult refused = aws.run({"refresh"});
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.err, HasSubstr("IAM alone"));
  EXPECT_THAT(refused.err, HasSubstr("REVOKE rds_iam FROM master"));
  EXPECT_THAT(refused.err, HasSubstr("ProductionResourceIds"));
  EXPECT_THAT(iam_story(aws), ElementsAre("on", "off"));
  EXPECT_EQ(aws.resolved(), "0 values");
  aws.fake().iam().decide_by(nullptr);
  aws.must({"refresh"});
  EXPECT_THAT(iam_story(aws), ElementsAre("on", "off", "on", "token", "off"));
  aws.expect_production_untouched();
}

// A cluster's login is the cluster's, by its own resource id; and the deployment allows it where production
// is named, and there never.
TEST_F(AwsEndToEnd, AMasterInRdsIamOfAClusterGetsInByATokenToo) {
  if (const std::string none = fakes::aws::PostgresBackend::why_no_tokens(); !none.empty())
    GTEST_SKIP() << none;
  ScenarioOptions options;
  options.productions.front().aurora = true;
  options.admin_script = "GRANT rds_iam TO master";
  AwsScenario& aws = begin(std::move(options));
  aws.must({"refresh"});
  EXPECT_THAT(iam_story(aws), ElementsAre("on", "token", "off"));
  const nlohmann::json cluster = parse_json(aws.fake().cluster(kFirst));
  EXPECT_EQ(cluster["IAMDatabaseAuthenticationEnabled"], false);
  const std::string login = "dbuser:" + cluster["DbClusterResourceId"].get<std::string>() + "/master";
  std::vector<std::string> targets;
  for (const fakes::aws::RecordedCall& call : aws.fake().calls()) {
    if (call.service == "rds-db" && call.error.empty()) targets.push_back(call.target);
  }
  EXPECT_THAT(targets, ElementsAre(login));
  aws.expect_production_untouched();

  const std::string id = parse_json(aws.fake().instance("shop"))["DbiResourceId"];
  auto judged = [&](const std::string& target, const std::string& productions) {
    return testing::run_program(
               {"/usr/bin/python3", std::string(YTB_SOURCE_DIR) + "/tests/deploy/policy.py", "-p",
                "ProductionResourceIds=" + productions},
               {}, R"({"service": "rds-db", "operation": "connect", "target": ")" + target + "\"}")
        .out;
  };
  EXPECT_THAT(judged(login, id), HasSubstr("1 calls, 0 not allowed"));
  EXPECT_THAT(judged(login, ""), HasSubstr("implicitDeny"));
  EXPECT_THAT(judged("dbuser:" + id + "/master", id), HasSubstr("explicitDeny"));
}

// The original's stack, from its name to its end: it resolves all the while.
TEST_F(AwsEndToEnd, TakesTheOriginalsStackOver) {
  AwsScenario& aws = begin();
  const std::string old = "shop-2026-11-20-1100";
  rds::FakesClock clock(aws.fake());
  aws::FakeAwsClient client(aws.fake(), clock);
  aws::CloudFormation stacks(client.caller());
  ASSERT_TRUE(stacks
                  .create_stack({.name = "shop-yesterdaytabase",
                                 .template_body = kOriginalTemplate,
                                 .parameters = {{"DBName", old},
                                                {"HostName", "shop-yesterday"},
                                                {"DomainRoot", "mysite.com"},
                                                {"SnapshotID", "rds:shop-2026-11-21-06-00"},
                                                {"DiskSize", "20"},
                                                {"SecurityGroup", "sg-0000000000000default"},
                                                {"SubnetGroup", "staging-db"}}})
                  .ok());
  aws.fake().advance(std::chrono::hours(1));
  ASSERT_EQ(aws.resolved(), aws.address_of(old));
  std::set<std::string> answers;
  aws.at_every_event = [&] { answers.insert(aws.resolved()); };
  aws.at_every_wait = aws.at_every_event;
  const std::string old_address = aws.address_of(old);
  aws.must({"adopt", "--yes"});
  aws.must({"refresh"});
  expect_serves(kFirst);
  EXPECT_NE(aws.fake().instance(old), "") << "it is deleted when told to, and not before";
  aws.fake().advance(std::chrono::minutes(30));
  aws.must({"adopt", "--delete-old", "--yes"});
  EXPECT_EQ(aws.fake().instance(old), "");
  EXPECT_EQ(aws.fake().stack_status("shop-yesterdaytabase"), "");
  expect_serves(kFirst);
  EXPECT_THAT(answers, UnorderedElementsAre(old_address, aws.address_of(kFirst)));
}

}  // namespace
}  // namespace ytb::tests
