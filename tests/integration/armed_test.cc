// An armed production: everything in it that would act on the outside world when a copy of it starts. The
// copy is masked and opened, and publisher, slot, remote table, tablespace and snapshot are exactly as
// before.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

void wait_until(PostgresCluster& cluster, const std::string& database, const std::string& query) {
  for (int i = 0; i < 200; ++i) {
    if (cluster.value(database, query) == "t") return;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  ADD_FAILURE() << "never came true: " << query;
}

// Names and sizes: production writes there itself, so contents and times may change.
std::string files_of(const std::string& folder) {
  return run_program({"sh", "-c", "cd \"$1\" && find . -printf '%p %s\\n' | sort", "sh", folder}).out;
}

class Armed : public ::testing::Test {
 protected:
  void SetUp() override {
    PostgresCluster::Options logical;
    logical.settings = {{"wal_level", "logical"}};
    publisher_ = PostgresCluster::make(logical);
    remote_ = PostgresCluster::make();
    ASSERT_TRUE(publisher_ && remote_);
    publisher_->run("postgres",
                    "CREATE TABLE feed (id int PRIMARY KEY, v text); INSERT INTO feed VALUES (1, 'a'); "
                    "CREATE PUBLICATION pub FOR TABLE feed");
    remote_->run("postgres",
                 "CREATE TABLE far (id int, region text, mail text); INSERT INTO far VALUES (1, 'far', "
                 "'x@real.test')");
  }

  static Scenario::Options options_of(const std::string& archive) {
    Scenario::Options options;
    options.keeps_postgres = true;
    options.production.settings = {{"wal_level", "logical"},
                                   {"max_prepared_transactions", "20"},
                                   {"archive_mode", "on"},
                                   {"archive_command", "'cp %p " + archive + "/%f'"}};
    return options;
  }

  std::unique_ptr<PostgresCluster> publisher_;
  std::unique_ptr<PostgresCluster> remote_;
};

TEST_F(Armed, NothingOfItActs) {
  TempFolder outside;
  const std::string archive = outside.make_for_server("archive");
  const std::string tablespace = outside.make_for_server("tablespace");
  const std::string wal = outside.make_for_server("wal") + "/pg_wal";
  Scenario::Options options = options_of(archive);
  options.production.waldir = wal;
  Scenario scenario(options);
  PostgresCluster& production = scenario.production();

  production.run("shop", fmt::format("CREATE TABLESPACE elsewhere LOCATION '{}'", tablespace));
  production.run("shop", R"(
    CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE) TABLESPACE elsewhere;
    CREATE INDEX users_lower ON users (lower(email)) TABLESPACE elsewhere;
    INSERT INTO users SELECT g, 'user' || g || '@real.test' FROM generate_series(1, 1000) g;
    CREATE TABLE audit (at timestamptz, what text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO public.audit VALUES (now(), 'trigger ran'); RETURN NEW; END $$;
    CREATE TRIGGER always AFTER INSERT OR UPDATE OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION note();
    ALTER TABLE users ENABLE ALWAYS TRIGGER always;
    CREATE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO public.audit VALUES (now(), 'event trigger ran'); END $$;
    CREATE EVENT TRIGGER on_ddl ON ddl_command_end EXECUTE FUNCTION ddl();
    ALTER EVENT TRIGGER on_ddl ENABLE ALWAYS;
    CREATE TABLE feed (id int PRIMARY KEY, v text);
    CREATE EXTENSION postgres_fdw;)");
  production.run("shop",
                 fmt::format("CREATE SUBSCRIPTION sub CONNECTION 'host=127.0.0.1 port={} user=postgres "
                             "dbname=postgres' PUBLICATION pub",
                             publisher_->port()));
  production.run("shop", fmt::format(R"(
    CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '{}', dbname 'postgres');
    CREATE USER MAPPING FOR postgres SERVER far OPTIONS (user 'postgres', password 'planted-remote');
    CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (user 'postgres', password 'planted-remote');
    CREATE TABLE mails (id int, region text, mail text) PARTITION BY LIST (region);
    CREATE TABLE mails_near PARTITION OF mails FOR VALUES IN ('near');
    CREATE FOREIGN TABLE mails_far PARTITION OF mails FOR VALUES IN ('far')
      SERVER far OPTIONS (schema_name 'public', table_name 'far');
    INSERT INTO mails VALUES (1, 'near', 'user1@real.test');)",
                                     remote_->port()));
  production.run("shop", R"(
    ALTER DATABASE shop SET default_transaction_read_only = on;
    ALTER DATABASE shop SET statement_timeout = '1ms';
    ALTER DATABASE shop SET search_path = 'nowhere';
    ALTER ROLE ALL SET lock_timeout = '1ms';)");
  // From here on our own session in production would meet the traps, too.
  production.run("postgres", "ALTER ROLE postgres SET statement_timeout = 0");
  production.try_run(
      "shop",
      "SET default_transaction_read_only = off; BEGIN; "
      "UPDATE public.users SET email = 'prepared@real.test' WHERE id = 1; PREPARE TRANSACTION 'in_flight'");
  wait_until(*publisher_, "postgres", "SELECT bool_and(active) FROM pg_replication_slots");
  {
    // Settings that only a restart would take up, as a backup finds them in the file.
    std::ofstream conf(production.data() + "/postgresql.conf", std::ios::app);
    conf << "\nshared_preload_libraries = 'not_installed,pg_stat_statements,auto_explain'\n"
         << "ssl_cert_file = '/nowhere/server.crt'\nssl_key_file = '/nowhere/server.key'\n"
         << "external_pid_file = '" << archive << "/pid'\nlog_directory = '" << archive << "'\n"
         << "include_if_exists = '" << archive << "/more.conf'\n";
  }
  scenario.write_policy(R"(    public.users:
      id: keep
      email: email
    public.audit: keep
    public.feed: keep
    public.mails:
      mail: email
      "*": keep
)");
  scenario.accept();
  // With this one nobody can connect to the database any more, in production; in the copy we must.
  production.run("postgres", "ALTER DATABASE shop SET session_preload_libraries = 'not_installed_either'");
  // Tar, because a plain backup of a tablespace does not go to the same host; -R: as a standby would have it.
  scenario.take_snapshot("monday", {"-Ft", "-R"});
  production.run("postgres", "ALTER DATABASE shop RESET session_preload_libraries");
  const std::string snapshot_before = digest_of_tree(scenario.snapshots());
  const std::string tablespace_before = files_of(tablespace);
  const std::string slots = "SELECT slot_name, plugin, slot_type FROM pg_replication_slots";
  const auto slots_before = publisher_->rows("postgres", slots);
  ASSERT_EQ(slots_before.size(), 1U);
  production.run("postgres", "CHECKPOINT");
  const std::string production_tablespace =
      production.value("postgres", "SELECT count(*) FROM pg_tablespace");

  scenario.refresh();

  EXPECT_EQ(publisher_->rows("postgres", slots), slots_before);
  EXPECT_EQ(publisher_->value("postgres", "SELECT bool_and(active) FROM pg_replication_slots"), "t")
      << "production's own subscription was thrown out";
  EXPECT_EQ(remote_->value("postgres", "SELECT count(*) FROM far WHERE mail = 'x@real.test'"), "1");
  EXPECT_EQ(digest_of_tree(scenario.snapshots()), snapshot_before);
  EXPECT_EQ(production.value("postgres", "SELECT count(*) FROM pg_prepared_xacts"), "1");
  EXPECT_EQ(production.value("postgres", "SELECT count(*) FROM pg_tablespace"), production_tablespace);
  EXPECT_TRUE(production.running());
  EXPECT_EQ(files_of(tablespace), tablespace_before) << "the copy works inside production's own tablespace";

  scenario.session_options = "-c statement_timeout=0";  // production's trap of a millisecond is still set
  const auto staged = [&](const std::string& query) { return scenario.staging_value(query, "shop"); };
  EXPECT_EQ(staged("SELECT count(*) FROM public.users WHERE email LIKE '%@real.test'"), "0");
  EXPECT_EQ(staged("SELECT count(*) FROM public.users"), "1000");
  EXPECT_EQ(staged("SELECT count(*) FROM public.mails_near WHERE mail LIKE '%@real.test'"), "0");
  EXPECT_EQ(staged("SELECT count(*) FROM public.audit"),
            production.value("shop", "SELECT count(*) FROM public.audit"));
  EXPECT_EQ(staged("SELECT count(*) FROM pg_subscription"), "0");
  EXPECT_EQ(staged("SELECT count(*) FROM pg_prepared_xacts"), "0");
  EXPECT_EQ(staged("SELECT evtenabled FROM pg_event_trigger WHERE evtname = 'on_ddl'"), "A");
  EXPECT_EQ(staged("SELECT tgenabled FROM pg_trigger WHERE tgname = 'always'"), "A");
  EXPECT_EQ(staged("SELECT count(*) FROM pg_user_mappings WHERE umoptions::text LIKE '%planted-remote%'"),
            "0");
  EXPECT_EQ(staged("SELECT setting FROM pg_settings WHERE name = 'archive_mode'"), "off");
  EXPECT_EQ(staged("SELECT pg_is_in_recovery()"), "f");
  EXPECT_THAT(staged("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'elsewhere'"),
              Not(HasSubstr(tablespace)));
  // Every link of the copy ends inside the copy.
  const std::string copy = scenario.copies() + "/" + scenario.live_copy();
  RunResult links = run_program({"find", copy, "-type", "l", "-printf", "%p -> %l\n"});
  RunResult strays =
      run_program({"sh", "-c", "find \"$1\" -type l -exec readlink -f {} + | grep -v \"^$1/\"", "sh", copy});
  EXPECT_EQ(strays.out, "") << links.out;
  // Nothing was archived by the copy: every archived segment is one that production made.
  EXPECT_THAT(scenario.proof(), HasSubstr("sub"));
}

TEST_F(Armed, APreloadLibraryThatOurConfigNamesIsLoaded) {
  Scenario::Options options;
  options.copies_extra = "        preload: [pg_stat_statements]\n        settings: {work_mem: 8MB}\n";
  Scenario scenario(options);
  scenario.production().run("shop", "CREATE TABLE t (id int); INSERT INTO t VALUES (1)");
  scenario.write_policy("    public.t: keep\n");
  scenario.accept();
  scenario.take_snapshot("monday");
  scenario.refresh();
  EXPECT_EQ(scenario.staging_value("SHOW shared_preload_libraries"), "pg_stat_statements");
  EXPECT_EQ(scenario.staging_value("SHOW work_mem"), "8MB");
}

}  // namespace
}  // namespace ytb::testing
