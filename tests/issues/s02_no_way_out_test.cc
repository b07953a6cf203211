// S2: an open copy's functions and triggers reached production and wrote there: over TCP, over the Unix
// socket in production's folder, over an abstract socket. A copy's server must not find any of them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A disk that is full, or a folder that is not there, was written down as a host that allows no seal: for
// good.
TEST(S02Init, AsksForTheSealWhereItCouldNotBeTried) {
  TempFolder folder;
  const std::string config = folder.path() + "/yesterdaytabase.yaml";
  const RunResult done = run_program({"env", "TMPDIR=" + folder.path() + "/none",
                                      std::string(YTB_BINARY_DIR) + "/src/yesterdaytabase", "--config",
                                      config, "init", "--directory", folder.path() + "/place"});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("whether copies can be sealed here could not be tried"));
  std::ifstream in(config);
  EXPECT_THAT(std::string((std::istreambuf_iterator<char>(in)), {}), Not(HasSubstr("none: \"")));
}

class S02 : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string lacks = why_no_seal(); !lacks.empty()) GTEST_SKIP() << lacks;
  }
  static Scenario::Options options(const std::string& isolation) {
    Scenario::Options options;
    options.production.settings = {{"password_encryption", "'scram-sha-256'"}};
    options.copies_extra = isolation;
    return options;
  }

  // A production whose trigger tells it of every order, by each way that there is, and a live copy of it.
  void make_copy(Scenario& scenario) {
    PostgresCluster& production = scenario.production();
    {
      std::ofstream hba(production.data() + "/pg_hba.conf");
      hba << "local all audit_sync scram-sha-256\nhost all audit_sync 127.0.0.1/32 scram-sha-256\n"
             "local all all trust\nlocal replication all trust\n";
    }
    const std::string abstract = fmt::format("@ytb-{}", production.port());
    {
      std::ofstream conf(production.data() + "/postgresql.conf", std::ios::app);
      conf << "unix_socket_directories = '" << production.socket_directory();
      if (postgres_major() >= 14) conf << "," << abstract;
      conf << "'\n";
    }
    production.stop();
    ASSERT_TRUE(production.start());
    production.run("shop", R"(
      CREATE EXTENSION dblink;
      CREATE ROLE audit_sync LOGIN PASSWORD 'planted-sync';
      CREATE ROLE app LOGIN;
      CREATE TABLE users (id int PRIMARY KEY, email text);
      INSERT INTO users SELECT g, 'person' || g || '@raw.test' FROM generate_series(1, 50) g;
      CREATE TABLE audit (what text);
      CREATE TABLE orders (id int, what text);
      GRANT INSERT ON audit TO audit_sync;
      GRANT ALL ON users, orders TO app;)");
    ways_ = {{"tcp", "127.0.0.1"}, {"socket", production.socket_directory()}};
    if (postgres_major() >= 14) ways_.emplace_back("abstract", abstract);
    std::string body;
    for (const auto& [name, host] : ways_) {
      body += fmt::format(
          "BEGIN PERFORM dblink_exec('host={} port={} dbname=shop user=audit_sync password=planted-sync "
          "connect_timeout=2', 'INSERT INTO audit VALUES (''{}'')'); EXCEPTION WHEN OTHERS THEN NULL; END; ",
          host, production.port(), name);
    }
    production.run("shop", "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + body +
                               "RETURN NEW; END $$; CREATE TRIGGER tell AFTER INSERT ON orders FOR EACH ROW "
                               "EXECUTE FUNCTION tell()");
    scenario.options().access =
        fmt::format("      app: {{password: 'file:{}/staging.password', existing: true, from: [local]}}\n",
                    scenario.home());
    scenario.write_config();
    scenario.write_policy(
        "    public.users: {id: keep, email: email}\n    public.audit: {what: keep}\n"
        "    public.orders: {id: keep, what: keep}\n");
    scenario.accept();
    scenario.take_snapshot("monday");
    scenario.refresh();
  }
  static RunResult order(Scenario& scenario) {
    return run_program({postgres_bin_dir() + "/psql", "-XAt", "-v", "ON_ERROR_STOP=1", "-d",
                        scenario.staging("shop", "app"), "-c", "INSERT INTO orders VALUES (1, 'x')"});
  }
  static std::string heard(Scenario& scenario) {
    return scenario.production().value("shop", "SELECT string_agg(what, ' ' ORDER BY what) FROM audit");
  }

  std::vector<std::pair<std::string, std::string>> ways_;
};

TEST_F(S02, ACopysTriggersReachProductionByNoWay) {
  Scenario scenario(options(""));
  make_copy(scenario);
  RunResult ordered = order(scenario);
  EXPECT_EQ(ordered.status, 0) << ordered.err;
  EXPECT_EQ(heard(scenario), "");
  const std::string proof = scenario.proof();
  EXPECT_THAT(proof, HasSubstr("all sealed; now namespaces of its own"));
}

// The control: what the ways lead to is there, and a copy that is not sealed finds it.
TEST_F(S02, WithoutASealTheyDoAndTheProofSaysWhy) {
  Scenario scenario(options("        isolation: {none: \"the control of a test\"}\n"));
  make_copy(scenario);
  EXPECT_EQ(order(scenario).status, 0);
  EXPECT_EQ(heard(scenario), ways_.size() == 3 ? "abstract socket tcp" : "socket tcp");
  EXPECT_THAT(scenario.proof(), HasSubstr("isolation: none, because: the control of a test"));
}

// Killed, with all that it started, a live copy is started again, sealed as before; and it outlives whoever
// began it.
TEST_F(S02, AKilledCopyIsStartedSealedAgain) {
  Scenario scenario(options(""));
  make_copy(scenario);
  for (const std::string& process : scenario.processes()) kill(std::stoi(process), SIGKILL);
  EXPECT_FALSE(can_log_in(scenario.staging("shop", "app")));
  scenario.refresh();
  EXPECT_EQ(order(scenario).status, 0);
  EXPECT_EQ(heard(scenario), "");
}

}  // namespace
}  // namespace ytb::testing
