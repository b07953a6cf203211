// PostgresEngine against real servers: a production with all the traps of POSTGRES.md, restored, defused,
// masked, proven and opened; publisher, remote table and schema exactly as before.
#include "drivers/postgres/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/text.h"
#include "drivers/postgres/catalog_reader.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/instance.h"
#include "drivers/postgres/spool.h"
#include "tests/postgres_cluster.h"

namespace ytb::postgres {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::PostgresCluster;
using testing::TempFolder;

using Maskers = std::map<std::string, std::string>;  // "public.t.column" → masker

// A plan that keeps everything but `maskers`; tables in `emptied` ("public.t") are emptied, databases in
// `omitted` omitted.
masking::MaskingPlan plan_for(const masking::Catalog& catalog, const Maskers& maskers,
                              const std::vector<std::string>& emptied = {},
                              const std::vector<std::string>& omitted = {}) {
  masking::MaskingPlan plan;
  for (const masking::Database& database : catalog.databases) {
    masking::DatabasePlan here{.database = database, .omitted = false, .tables = {}};
    here.omitted = std::count(omitted.begin(), omitted.end(), database.name) > 0;
    for (const masking::Table& table : database.tables) {
      if (table.kind != masking::RelationKind::kTable) continue;
      masking::TablePlan entry{.table = table, .treatment = masking::Treatment::kKeep, .columns = {}};
      std::string name = table.name.schema + "." + table.name.name;
      if (std::count(emptied.begin(), emptied.end(), name) > 0 || here.omitted)
        entry.treatment = masking::Treatment::kEmpty;
      for (const masking::Column& column : table.columns) {
        masking::MaskerSpec spec;
        spec.name = "keep";
        if (auto found = maskers.find(name + "." + column.name); found != maskers.end()) {
          spec.name = found->second;
          entry.treatment = masking::Treatment::kMask;
        }
        entry.columns.push_back({.column = column, .masker = spec, .judged_by = "test"});
      }
      here.tables.push_back(std::move(entry));
    }
    plan.databases.push_back(std::move(here));
  }
  return plan;
}

const model::Check* find_check(const std::vector<model::Check>& checks, const std::string& name) {
  auto found = std::find_if(checks.begin(), checks.end(), [&](const auto& c) { return c.name == name; });
  return found == checks.end() ? nullptr : &*found;
}

std::string failures(const std::vector<model::Check>& checks) {
  std::string out;
  for (const model::Check& check : checks) {
    if (check.outcome != model::Outcome::kPassed) out += check.name + ": " + check.detail + "\n";
  }
  return out;
}

class EngineTest : public ::testing::Test {
 protected:
  void make_production(std::map<std::string, std::string> settings = {}) {
    PostgresCluster::Options options;
    options.settings = std::move(settings);
    production_ = PostgresCluster::make(options);
    ASSERT_NE(production_, nullptr);
  }
  // Base backup → closed copy, running.
  void restore(const std::vector<std::string>& extra = {}) {
    spec_.root = folder_.make_for_server("copy");
    chmod(spec_.root.c_str(), 0755);
    for (std::string part : {"/run", "/spool", "/log", "/tablespaces"}) {
      ASSERT_FALSE(folder_.make_for_server("copy" + part).empty());
    }
    spec_.copy_id = "shop-yesterday-20260101-000000-1";
    spec_.data_as_of = "2026-01-01T00:00:00Z";
    spec_.engine_major = testing::postgres_major();
    spec_.port = testing::free_port();
    spec_.run_as = testing::server_user();
    spec_.admin_role = "ytb_admin_0123456789";
    ASSERT_TRUE(production_->base_backup(spec_.data(), extra));
    must(kind_.neutralise(spec_));
    must(kind_.recover(spec_, progress_, stop_));
    must(kind_.start_closed(spec_));
    target_ = std::move(kind_.session(spec_)).value();
    spool_ = folder_.path() + "/spool";
    fs::create_directories(spool_);
  }
  static void must(const Status& status) { ASSERT_TRUE(status.ok()) << to_string(status.error()); }
  model::Evidence defuse(const std::vector<model::AccessRole>& access = {}) {
    auto evidence = engine_.defuse(target_, access);
    EXPECT_TRUE(evidence.ok()) << (evidence.ok() ? "" : to_string(evidence.error()));
    return evidence.ok() ? *evidence : model::Evidence{};
  }
  Result<model::Evidence> mask(const masking::MaskingPlan& plan) {
    return engine_.mask(target_, {.plan = plan, .key = key_, .spool_directory = spool_, .workers = 2},
                        progress_, stop_);
  }
  std::vector<model::Check> verify(const masking::MaskingPlan* plan, const model::Evidence& evidence,
                                   std::vector<model::SqlCheck> own = {},
                                   std::vector<model::AccessRole> access = {}) {
    auto checks = engine_.verify(target_,
                                 {.plan = plan,
                                  .evidence = evidence,
                                  .sql_checks = std::move(own),
                                  .access = std::move(access),
                                  .admin_role = spec_.admin_role},
                                 progress_, stop_);
    EXPECT_TRUE(checks.ok()) << (checks.ok() ? "" : to_string(checks.error()));
    return checks.ok() ? *checks : std::vector<model::Check>{};
  }
  std::string copy_value(const std::string& database, const std::string& sql) {
    auto session = Connection::open(target_, database, SessionKind::kCopy);
    if (!session.ok()) return to_string(session.error());
    auto found = session->value(sql);
    return found.ok() ? *found : to_string(found.error());
  }
  std::string dump_copy(const std::string& database) {
    return testing::dump_schema_of("host=" + spec_.run() + " port=" + std::to_string(spec_.port) +
                                   " user=" + spec_.admin_role + " dbname=" + database);
  }
  void TearDown() override {
    if (!spec_.root.empty()) {
      EXPECT_TRUE(kind_.stop(spec_).ok());
    }
  }

  TempFolder folder_;
  std::unique_ptr<PostgresCluster> production_;
  ports::InstanceSpec spec_;
  PostgresInstance kind_;
  PostgresEngine engine_;
  ports::SessionTarget target_;
  masking::MaskingKey key_{Secret("0123456789abcdef0123456789abcdef")};
  std::string spool_;
  ports::NoProgress progress_;
  StopFlag stop_;
};

// Everything that hangs on a table, in one schema. Raw values all hold "raw".
constexpr const char* kNastySchema = R"(
  CREATE EXTENSION citext;
  CREATE TYPE mood AS ENUM ('sad', 'happy');
  CREATE DOMAIN short AS text CONSTRAINT no_zebra CHECK (VALUE <> 'zebra');
  CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL UNIQUE, name citext, mood mood,
    nick short, gone text, tags text[], blob bytea, big text,
    lower_email text GENERATED ALWAYS AS (lower(email)) STORED, balance numeric(10,2) DEFAULT 1,
    CONSTRAINT positive CHECK (balance > -100));
  COMMENT ON TABLE customers IS 'people'; COMMENT ON COLUMN customers.email IS 'their mail';
  INSERT INTO customers (email, name, mood, nick, gone, tags, blob, big, balance)
    SELECT 'raw' || i || '@corp.example', 'Raw Name' || i, 'happy', 'n' || i, 'raw' || i, ARRAY['a', 'b'],
      decode(md5(i::text), 'hex'), CASE WHEN i % 50 = 0 THEN repeat(md5(i::text), 2000) END, i - 50
      FROM generate_series(1, 400) i;
  UPDATE customers SET nick = 'zebr' WHERE id = 7;
  ALTER TABLE customers DROP COLUMN gone;
  ALTER TABLE customers ADD COLUMN later text DEFAULT 'rawlater';
  ALTER TABLE customers ADD CONSTRAINT unproven CHECK (balance > 0) NOT VALID;
  ALTER DOMAIN short ADD CONSTRAINT long_enough CHECK (length(VALUE) > 4) NOT VALID;
  CREATE INDEX by_expression ON customers (lower(name::text)) WHERE balance > 0;
  CREATE TABLE orders (id int PRIMARY KEY, customer bigint NOT NULL, customer_email text,
    FOREIGN KEY (customer) REFERENCES customers (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT by_email FOREIGN KEY (customer_email) REFERENCES customers (email));
  INSERT INTO orders SELECT i, i, 'raw' || i || '@corp.example' FROM generate_series(1, 300) i;
  CREATE VIEW grouped AS SELECT c.id, c.email, count(*) FROM customers c JOIN orders o ON o.customer = c.id GROUP BY c.id;
  CREATE MATERIALIZED VIEW first_view AS SELECT email FROM customers;
  CREATE UNIQUE INDEX ON first_view (email);
  CREATE MATERIALIZED VIEW second_view AS SELECT count(*), max(email) AS top FROM first_view;
  CREATE MATERIALIZED VIEW never_filled AS SELECT email FROM customers WITH NO DATA;
  CREATE TABLE history (id int GENERATED BY DEFAULT AS IDENTITY, note text);
  CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO public.history (note) VALUES ('fired for ' || NEW.email); RETURN NEW; END $$;
  CREATE TRIGGER always_fires BEFORE INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION remember();
  ALTER TABLE customers ENABLE ALWAYS TRIGGER always_fires;
  CREATE TRIGGER sleeps BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION remember();
  ALTER TABLE customers DISABLE TRIGGER sleeps;
  ALTER TABLE customers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
  CREATE POLICY nobody ON customers USING (false);
  CREATE RULE noticed AS ON INSERT TO customers DO ALSO NOTIFY customers;
  CREATE STATISTICS together ON email, name FROM customers;
  ALTER TABLE customers REPLICA IDENTITY USING INDEX customers_email_key;
  CREATE TABLE events (id int, at date NOT NULL, who text) PARTITION BY RANGE (at);
  CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
  CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  CREATE INDEX ON events (who);
  INSERT INTO events SELECT i, '2025-06-01'::date + i, 'raw' || i || '@corp.example' FROM generate_series(1, 400) i;
  CREATE TABLE animals (name text); CREATE TABLE dogs (breed text) INHERITS (animals);
  INSERT INTO animals VALUES ('rawanimal@corp.example'); INSERT INTO dogs VALUES ('rawdog@corp.example', 'x');
  CREATE TABLE rooms (during int4range, who text, EXCLUDE USING gist (during WITH &&));
  INSERT INTO rooms VALUES ('[1,2)', 'raw@corp.example'), ('[2,3)', 'raw2@corp.example');
  CREATE UNLOGGED TABLE volatile_mail (email text); INSERT INTO volatile_mail VALUES ('raw@corp.example');
  CREATE TABLE logs (line text); INSERT INTO logs SELECT 'rawlog' FROM generate_series(1, 20);
  CREATE TABLE plans (id int PRIMARY KEY, title text); INSERT INTO plans VALUES (1, 'basic');
  CREATE SCHEMA "Odd ""schema; drop";
  CREATE TABLE "Odd ""schema; drop"."täble; --" ("select" int, "e""mail é" text UNIQUE);
  INSERT INTO "Odd ""schema; drop"."täble; --" VALUES (1, 'raw@corp.example');
  CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO public.history (note) VALUES ('ddl'); END $$;
  CREATE EVENT TRIGGER watcher ON ddl_command_end EXECUTE FUNCTION watch(); 
  ALTER EVENT TRIGGER watcher ENABLE ALWAYS;
  CREATE EVENT TRIGGER dropper ON sql_drop EXECUTE FUNCTION watch(); ALTER EVENT TRIGGER dropper ENABLE REPLICA;
  ANALYZE
)";

const Maskers& nasty_maskers() {
  static const Maskers maskers = {
      {"public.customers.email", "email"},     {"public.orders.customer_email", "email"},
      {"public.customers.name", "hash"},       {"public.events_1.who", "email"},
      {"public.events_2.who", "email"},        {"public.animals.name", "email"},
      {"public.dogs.name", "email"},           {"public.rooms.who", "email"},
      {"public.volatile_mail.email", "email"}, {"Odd \"schema; drop.täble; --.e\"mail é", "email"}};
  return maskers;
}

// Rows, views and statistics of every relation that hold `text`.
constexpr const char* kLeaks = R"(
  SELECT (SELECT count(*) FROM customers c WHERE c.email LIKE '%@corp.example' OR c.name::text LIKE 'Raw%' OR lower_email LIKE '%@corp.example')
   + (SELECT count(*) FROM orders o WHERE o.customer_email LIKE '%@corp.example') + (SELECT count(*) FROM events e WHERE who LIKE '%@corp.example')
   + (SELECT count(*) FROM animals a WHERE name LIKE '%@corp.example') + (SELECT count(*) FROM rooms WHERE who LIKE '%@corp.example')
   + (SELECT count(*) FROM first_view WHERE email LIKE '%@corp.example') + (SELECT count(*) FROM second_view WHERE top LIKE '%@corp.example')
   + (SELECT count(*) FROM volatile_mail WHERE email LIKE '%@corp.example') + (SELECT count(*) FROM grouped WHERE email LIKE '%@corp.example')
   + (SELECT count(*) FROM "Odd ""schema; drop"."täble; --" WHERE "e""mail é" LIKE '%@corp.example')
   + (SELECT count(*) FROM pg_stats s WHERE s.most_common_vals::text ~* 'raw.*corp|raw name'
        OR s.histogram_bounds::text ~* 'raw.*corp|raw name'))";

TEST_F(EngineTest, masks_a_nasty_production_and_keeps_its_identity) {
  make_production();
  production_->run("postgres",
                   "CREATE DATABASE shop; CREATE DATABASE legacy; CREATE DATABASE \"we;rd \"\"é\"");
  production_->run("shop", kNastySchema);
  production_->run("legacy",
                   "CREATE TABLE old (a text); INSERT INTO old VALUES ('raw'); CREATE MATERIALIZED VIEW "
                   "old_view AS SELECT * FROM old; SELECT lo_from_bytea(0, 'raw')");
  std::string schema_before = production_->dump_schema("shop");
  std::string history_before = production_->value("shop", "SELECT count(*) FROM history");
  production_->run("postgres", R"(ALTER DATABASE legacy ALLOW_CONNECTIONS false;
    ALTER DATABASE shop SET search_path = 'nowhere'; ALTER DATABASE shop SET default_transaction_read_only = on;
    ALTER DATABASE shop SET session_preload_libraries = 'not_installed_at_all'; ALTER ROLE ALL SET lock_timeout = '1ms';
    ALTER ROLE ALL SET row_security = off)");
  restore();
  model::Evidence defused = defuse();
  EXPECT_THAT(defused.defused, Contains(HasSubstr("event trigger watcher")));
  EXPECT_THAT(defused.defused, Contains(HasSubstr("libraries preloaded in shop")));

  auto catalog = engine_.catalog(target_);
  ASSERT_TRUE(catalog.ok()) << to_string(catalog.error());
  const masking::Table* indexed =
      masking::find_table(*masking::find_database(*catalog, "shop"), {"public", "customers"});
  ASSERT_NE(indexed, nullptr);
  for (const masking::Index& index : indexed->indexes) {
    EXPECT_EQ(std::count(index.expression_columns.begin(), index.expression_columns.end(), "name"),
              index.name == "by_expression" ? 1 : 0)
        << index.name;
  }
  // What the check finds before is why it can be believed afterwards.
  auto look = [&] {
    auto session = Connection::open(target_, "shop", SessionKind::kCopy);
    EXPECT_TRUE(session.ok());
    EXPECT_TRUE(session->execute("SET search_path = public").ok());
    auto found = session->value(kLeaks);
    return found.ok() ? *found : to_string(found.error());
  };
  EXPECT_GT(std::stoi(look()), 1500);
  const masking::Table* customers = nullptr;
  for (const auto& database : catalog->databases) {
    if (database.name == "shop") customers = masking::find_table(database, {"public", "customers"});
    if (database.name == "legacy") {
      EXPECT_FALSE(database.allows_connections);
    }
  }
  ASSERT_NE(customers, nullptr);
  EXPECT_EQ(customers->dropped_columns.size(), 1U);
  EXPECT_TRUE(masking::find_column(*customers, "lower_email")->generated);
  EXPECT_TRUE(masking::find_column(*customers, "name")->case_insensitive);
  EXPECT_EQ(masking::find_column(*customers, "balance")->scale, 2);
  EXPECT_EQ(masking::find_column(*customers, "email")->comment, "their mail");
  EXPECT_EQ(masking::find_column(*customers, "mood")->enum_labels,
            (std::vector<std::string>{"sad", "happy"}));

  auto plan = plan_for(*catalog, nasty_maskers(), {"public.logs"}, {"legacy"});
  std::string plans_file = copy_value("shop", "SELECT pg_relation_filepath('public.plans')");
  auto evidence = mask(plan);
  ASSERT_TRUE(evidence.ok()) << to_string(evidence.error());
  EXPECT_EQ(failures(evidence->checks), "");
  EXPECT_EQ(look(), "0");
  EXPECT_EQ(copy_value("shop", "SELECT pg_relation_filepath('public.plans')"), plans_file);
  for (const auto& table : evidence->tables) {
    if (table.table == "customers") {
      EXPECT_EQ(table.rows_before, 400U);
      EXPECT_EQ(table.rows_after, 400U);
      ASSERT_EQ(table.columns.size(), 2U);
      EXPECT_EQ(table.columns[0].changed, 400U);
    }
    if (table.table == "logs") {
      EXPECT_EQ(table.rows_before, 20U);
    }
  }
  EXPECT_TRUE(fs::is_empty(spool_));

  // A second run finds everything done and changes nothing.
  std::string digest = "SELECT md5(string_agg(c::text, '' ORDER BY id)) FROM public.customers c";
  std::string before = copy_value("shop", digest);
  auto again = mask(plan);
  ASSERT_TRUE(again.ok()) << to_string(again.error());
  EXPECT_EQ(copy_value("shop", digest), before);
  EXPECT_EQ(again->tables.size(), evidence->tables.size());

  auto checks =
      verify(&plan, *evidence,
             {{.name = "plans", .database = "shop", .sql = "SELECT count(*) FROM plans", .expect = "1"},
              {.name = "wrong", .database = "shop", .sql = "SELECT 2", .expect = "1"},
              {.name = "writes", .database = "shop", .sql = "DELETE FROM plans", .expect = "1"}});
  ASSERT_NE(find_check(checks, "sql: plans"), nullptr);
  EXPECT_EQ(find_check(checks, "sql: plans")->outcome, model::Outcome::kPassed);
  EXPECT_EQ(find_check(checks, "sql: wrong")->outcome, model::Outcome::kFailed);
  EXPECT_EQ(find_check(checks, "sql: writes")->outcome, model::Outcome::kNotRun);
  std::erase_if(checks,
                [](const model::Check& c) { return c.name == "sql: wrong" || c.name == "sql: writes"; });
  EXPECT_EQ(failures(checks), "");

  // The schema to the letter, triggers that did not fire, the door of legacy.
  EXPECT_EQ(dump_copy("shop"), schema_before);
  EXPECT_EQ(
      copy_value(
          "shop",
          "SELECT string_agg(evtname::text || evtenabled::text, ',' ORDER BY evtname) FROM pg_event_trigger"),
      "dropperR,watcherA");
  EXPECT_EQ(copy_value("shop", "SELECT count(*) FROM public.history"), history_before);
  EXPECT_EQ(copy_value("shop", "SELECT count(*) FROM public.never_filled").substr(0, 12), "materialized");
  EXPECT_EQ(copy_value("shop", "SELECT relispopulated FROM pg_class WHERE relname = 'never_filled'"), "f");
  EXPECT_EQ(copy_value("postgres", "SELECT datallowconn FROM pg_database WHERE datname = 'legacy'"), "f");
  EXPECT_EQ(copy_value("shop", "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'yesterday%'"), "0");
  // Keys are enforced again.
  auto session = Connection::open(target_, "shop", SessionKind::kCopy);
  EXPECT_FALSE(session->execute("INSERT INTO public.orders VALUES (1, 1, NULL)").ok());
  EXPECT_EQ(session->last_state(), "23505");
  EXPECT_FALSE(session->execute("INSERT INTO public.orders VALUES (10001, 1, 'nobody')").ok());
  EXPECT_EQ(session->last_state(), "23503");
  EXPECT_EQ(*session->value("SELECT nick FROM public.customers WHERE id = 7"), "zebr");
}

TEST_F(EngineTest, production_is_out_of_reach_of_the_copy) {
  make_production();
  auto publisher = PostgresCluster::make();
  ASSERT_NE(publisher, nullptr);
  publisher->run("postgres",
                 "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2); CREATE PUBLICATION p FOR TABLE t;"
                 "CREATE TABLE remote_leaf (k int, v text); INSERT INTO remote_leaf VALUES (15, 'far')");
  production_->run(
      "postgres",
      "CREATE TABLE t (a int); CREATE SUBSCRIPTION s CONNECTION 'host=" + publisher->socket_directory() +
          " port=" + std::to_string(publisher->port()) + " user=postgres dbname=postgres" +
          "' PUBLICATION p; "
          "CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host "
          "'" +
          publisher->socket_directory() + "', port '" + std::to_string(publisher->port()) +
          "', dbname 'postgres'); CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (user 'postgres', "
          "password "
          "'mapsecret');"
          "CREATE TABLE parted (k int, v text) PARTITION BY RANGE (k);"
          "CREATE TABLE near_leaf PARTITION OF parted FOR VALUES FROM (0) TO (10);"
          "CREATE FOREIGN TABLE far_leaf PARTITION OF parted FOR VALUES FROM (10) TO (20) SERVER far OPTIONS "
          "(table_name 'remote_leaf'); INSERT INTO parted VALUES (1, 'raw@corp.example');"
          "CREATE MATERIALIZED VIEW far_view AS SELECT * FROM far_leaf;"
          "BEGIN; INSERT INTO near_leaf VALUES (2, 'pending@corp.example'); PREPARE TRANSACTION 'two phase'; "
          "ANALYZE parted");
  for (int i = 0; i < 100 && production_->value("postgres", "SELECT count(*) FROM t") != "2"; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  ASSERT_EQ(publisher->value("postgres", "SELECT count(*) FROM pg_replication_slots"), "1");
  production_->run("postgres", "CREATE ROLE weak; ALTER DATABASE postgres SET role = 'weak'");
  restore();
  // A table still being synchronised would send DROP SUBSCRIPTION to the publisher even without a slot's
  // name.
  {
    auto session = Connection::open(target_, "postgres", SessionKind::kCopy);
    ASSERT_TRUE(session->execute("UPDATE pg_subscription_rel SET srsubstate = 'd'").ok());
  }
  model::Evidence evidence = defuse();
  model::Evidence repeated = defuse();
  EXPECT_EQ(evidence.defused, repeated.defused);
  for (const char* deed :
       {"subscription s", "foreign server far", "credentials of everybody", "1 prepared transactions"}) {
    EXPECT_THAT(evidence.defused, Contains(HasSubstr(deed)));
  }
  auto catalog = engine_.catalog(target_);
  ASSERT_TRUE(catalog.ok());
  auto plan = plan_for(*catalog, {{"public.near_leaf.v", "email"}});
  auto masked = mask(plan);
  ASSERT_TRUE(masked.ok()) << to_string(masked.error());
  EXPECT_EQ(failures(verify(&plan, *masked)), "");
  EXPECT_EQ(publisher->value("postgres", "SELECT count(*) FROM pg_replication_slots"), "1");
  EXPECT_EQ(publisher->value("postgres", "SELECT v FROM remote_leaf"), "far");
  EXPECT_EQ(copy_value("postgres",
                       "SELECT count(*) FROM near_leaf"
                       " WHERE v LIKE '%@corp.example'")
                .substr(0, 8),
            "relation");  // the search path is ours, not production's
  EXPECT_EQ(copy_value("postgres", "SELECT count(*) FROM public.near_leaf WHERE v LIKE '%@corp.example'"),
            "0");
  EXPECT_EQ(copy_value("postgres", "SELECT count(*) FROM public.near_leaf"), "1");
  EXPECT_EQ(copy_value("postgres", "SELECT relispopulated FROM pg_class WHERE relname = 'far_view'"), "f");
  EXPECT_EQ(copy_value("postgres", "SELECT count(*) FROM pg_stats WHERE tablename IN ('far_leaf', 'parted')"),
            "0");
  must(kind_.stop(spec_));
  testing::RunResult grep = testing::run_program({"grep", "-rlE", "mapsecret|raw@corp", spec_.root});
  EXPECT_EQ(grep.out, "") << "bytes of what was removed are still in files";
  EXPECT_EQ(testing::run_program({"grep", "-rlE", "mapsecret|raw@corp", production_->data()}).status, 0);
}

TEST_F(EngineTest, access_roles_lose_what_reaches_the_host) {
  make_production();
  production_->run("postgres", R"(
    CREATE ROLE app LOGIN PASSWORD 'x' CREATEROLE; CREATE ROLE readers; CREATE ROLE middle; GRANT middle TO app;
    GRANT pg_read_server_files TO middle; CREATE ROLE boss SUPERUSER; GRANT boss TO middle;
    CREATE FUNCTION peek(text) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT pg_read_file($1)';
    CREATE FUNCTION harmless() RETURNS int LANGUAGE sql AS 'SELECT 1';
    GRANT EXECUTE ON FUNCTION pg_read_file(text) TO app; CREATE TABLE mine (a int); ALTER TABLE mine OWNER TO app;
    GRANT ALTER SYSTEM, SET ON PARAMETER session_preload_libraries TO app)");
  restore();
  std::vector<model::AccessRole> access(2);
  access[0] = {.name = "app", .password = {}, .member_of = {}, .from = {"local"}, .existing = true};
  access[1] = {.name = "staging",
               .password = {},
               .member_of = {"readers", "middle"},
               .from = {"local"},
               .existing = false};
  model::Evidence evidence = defuse(access);
  for (const char* deed :
       {"CREATEROLE", "membership in pg_read_server_files", "membership in boss", "public.peek(text)",
        "pg_read_file(text)", "session_preload_libraries", "access role staging made"}) {
    EXPECT_THAT(evidence.defused, Contains(HasSubstr(deed))) << deed;
  }
  for (const auto& line : evidence.defused) EXPECT_EQ(line.find("harmless"), std::string::npos);
  defuse(access);
  model::Evidence none;
  std::vector<model::Check> checks = verify(nullptr, none, {}, access);
  EXPECT_EQ(failures(checks), "");
  // The check bites: given the right back, it fails.
  auto session = Connection::open(target_, "postgres", SessionKind::kCopy);
  ASSERT_TRUE(
      session
          ->execute(
              "GRANT pg_execute_server_program TO middle; GRANT EXECUTE ON FUNCTION public.peek(text) TO "
              "staging; ALTER ROLE app LOGIN")
          .ok());
  checks = verify(nullptr, none, {}, access);
  EXPECT_THAT(find_check(checks, "access_roles_safe")->detail, HasSubstr("pg_execute_server_program"));
  EXPECT_EQ(find_check(checks, "roles_shut")->outcome, model::Outcome::kFailed);

  access[0].existing = false;
  auto refused = engine_.defuse(target_, access);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kConfig);
  EXPECT_THAT(refused.error().hint, HasSubstr("existing: true"));
  access[0] = {.name = "postgres", .password = {}, .member_of = {}, .from = {}, .existing = true};
  EXPECT_FALSE(engine_.defuse(target_, access).ok());
}

TEST_F(EngineTest, nothing_is_changed_but_in_a_closed_copy) {
  make_production();
  production_->run("postgres", "CREATE TABLE t (a text); INSERT INTO t VALUES ('x')");
  ports::SessionTarget production{
      .parameters = {{"connection", production_->connection()}}, .password = {}, .label = "p"};
  auto refused = engine_.defuse(production, {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kRefused);
  auto catalog = engine_.catalog(production);
  ASSERT_TRUE(catalog.ok()) << to_string(catalog.error());
  target_ = std::move(production);
  auto plan = plan_for(*catalog, {{"public.t.a", "hash"}});
  spool_ = folder_.path();
  EXPECT_EQ(mask(plan).error().code, Code::kRefused);
  auto samples = engine_.sample(target_, *catalog, 10);
  ASSERT_TRUE(samples.ok());
  EXPECT_EQ((*samples)[(std::tuple{std::string("postgres"), masking::QualifiedName{"public", "t"},
                                   std::string("a")})],
            std::vector<std::string>{"x"});
  auto rows = engine_.rows(target_, "postgres", catalog->databases[0].tables[0], 5);
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ((*rows)[0][0], "x");
}

TEST_F(EngineTest, large_objects_need_a_word_and_go_when_it_is_none) {
  make_production();
  production_->run("postgres", "CREATE TABLE t (a text); SELECT lo_from_bytea(0, 'raw')");
  restore();
  defuse();
  auto catalog = engine_.catalog(target_);
  ASSERT_TRUE(catalog.ok()) << to_string(catalog.error());
  auto plan = plan_for(*catalog, {{"public.t.a", "hash"}});
  auto database = std::find_if(plan.databases.begin(), plan.databases.end(),
                               [](const auto& each) { return each.database.name == "postgres"; });
  ASSERT_NE(database, plan.databases.end());
  database->large_objects = masking::LargeObjects::kUnjudged;
  auto refused = mask(plan);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kPolicy);
  EXPECT_THAT(refused.error().hint, HasSubstr("large_objects: none"));
  database->large_objects = masking::LargeObjects::kNone;
  auto done = mask(plan);
  ASSERT_TRUE(done.ok()) << to_string(done.error());
  auto session = Connection::open(target_, "postgres", SessionKind::kCopy);
  ASSERT_TRUE(session.ok());
  auto left = session->value("SELECT count(*) FROM pg_largeobject_metadata");
  ASSERT_TRUE(left.ok());
  EXPECT_EQ(*left, "0");
}

TEST_F(EngineTest, what_the_plan_does_not_judge_stops_it) {
  make_production();
  production_->run("postgres", "CREATE TABLE t (a text, b text)");
  restore();
  defuse();
  auto catalog = engine_.catalog(target_);
  auto plan = plan_for(*catalog, {{"public.t.a", "hash"}});
  for (auto& database : plan.databases) {
    for (auto& table : database.tables) table.columns.pop_back();
  }
  auto refused = mask(plan);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kPolicy);
  EXPECT_THAT(refused.error().message, HasSubstr("'b'"));
  plan.databases.clear();
  EXPECT_EQ(mask(plan).error().code, Code::kPolicy);
}

TEST_F(EngineTest, goes_on_after_being_killed_anywhere) {
  make_production();
  production_->run("postgres", R"(CREATE TABLE t (id int PRIMARY KEY, email text UNIQUE, kept text);
    INSERT INTO t SELECT i, 'raw' || i || '@corp.example', md5(i::text) FROM generate_series(1, 60000) i;
    CREATE TABLE u AS SELECT * FROM t; CREATE INDEX ON u (email); CREATE INDEX ON u (kept))");
  restore();
  defuse();
  auto catalog = engine_.catalog(target_);
  auto plan = plan_for(*catalog, {{"public.t.email", "email"}, {"public.u.email", "email"}});
  int killed = 0;
  for (int wait_ms = 20; wait_ms <= 1500; wait_ms += 70) {
    pid_t child = fork();
    if (child == 0) {
      // A thread of its own in a process of its own: killed without a word.
      bool ok = mask(plan).ok();
      _exit(ok ? 0 : 1);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == 0) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      ++killed;
      continue;
    }
    EXPECT_EQ(status, 0);
    break;
  }
  EXPECT_GT(killed, 3) << "the harness never hit masking";
  auto evidence = mask(plan);
  ASSERT_TRUE(evidence.ok()) << to_string(evidence.error());
  EXPECT_EQ(failures(verify(&plan, *evidence)), "");
  EXPECT_EQ(copy_value("postgres", "SELECT count(*) FROM public.t WHERE email LIKE '%@corp.example'"), "0");
  // Masked once, not twice: both tables give the same address the same pseudonym.
  EXPECT_EQ(copy_value("postgres", "SELECT count(*) FROM public.t JOIN public.u USING (id, email)"), "60000");
  EXPECT_TRUE(fs::is_empty(spool_));
}

// A check that cannot fail proves nothing: each is made to.
TEST_F(EngineTest, the_checks_of_the_proof_bite) {
  make_production();
  production_->run("postgres", R"(CREATE TABLE t (id int PRIMARY KEY, email text);
    INSERT INTO t SELECT i, 'raw' || i FROM generate_series(1, 500) i; ANALYZE t;
    CREATE TABLE child (t int REFERENCES t); INSERT INTO child VALUES (1); CREATE MATERIALIZED VIEW v AS SELECT * FROM t)");
  restore();
  defuse();
  auto catalog = engine_.catalog(target_);
  auto plan = plan_for(*catalog, {{"public.t.email", "hash"}});
  auto evidence = mask(plan);
  ASSERT_TRUE(evidence.ok()) << to_string(evidence.error());
  EXPECT_EQ(failures(verify(&plan, *evidence)), "");
  auto session = Connection::open(target_, "postgres", SessionKind::kCopy);
  ASSERT_TRUE(session.ok());
  struct Breakage {
    const char* check;
    const char* sql;
    const char* back;
  };
  for (const Breakage& b : {
           Breakage{"row_counts", "INSERT INTO public.t VALUES (1000, 'x')",
                    "DELETE FROM public.t WHERE id = 1000"},
           Breakage{"foreign_keys_valid",
                    "UPDATE pg_class SET relhastriggers = false WHERE relname = 'child'; INSERT INTO "
                    "public.child VALUES "
                    "(-5); UPDATE pg_class SET relhastriggers = true WHERE relname = 'child'",
                    "DELETE FROM public.child WHERE t = -5"},
           Breakage{"indexes_valid",
                    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'public.t_pkey'::regclass",
                    "UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'public.t_pkey'::regclass"},
           Breakage{"identity_kept", "UPDATE pg_class SET relhastriggers = false WHERE relname = 't'",
                    "UPDATE pg_class SET relhastriggers = true WHERE relname = 't'"},
           Breakage{"roles_shut", "ALTER ROLE postgres PASSWORD 'x'", "ALTER ROLE postgres PASSWORD NULL"},
           Breakage{"nothing_armed", "CREATE EXTENSION postgres_fdw", "DROP EXTENSION postgres_fdw"},
           // Last: a table newer than its statistics and views is what an unfinished run leaves.
           Breakage{"statistics_rebuilt",
                    "UPDATE pg_class SET relhastriggers = relhastriggers WHERE relname = 't'", ""},
           Breakage{"materialized_views_refreshed", "SELECT 1", ""},
       }) {
    ASSERT_TRUE(session->execute(b.sql).ok()) << b.check;
    auto checks = verify(&plan, *evidence);
    ASSERT_NE(find_check(checks, b.check), nullptr) << b.check;
    EXPECT_EQ(find_check(checks, b.check)->outcome, model::Outcome::kFailed) << b.check;
    ASSERT_TRUE(session->execute(b.back).ok()) << b.check;
  }
  model::Evidence forgotten = *evidence;
  std::erase_if(forgotten.tables, [](const auto& table) { return table.table == "t"; });
  EXPECT_THAT(find_check(verify(&plan, forgotten), "row_counts")->detail,
              HasSubstr("public.t was not treated"));
}

TEST_F(EngineTest, other_encodings_and_values_that_do_not_fit_are_told_without_the_value) {
  make_production();
  production_->run("postgres",
                   "CREATE DATABASE old TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
  production_->run("old",
                   "CREATE TABLE \"täble\" (\"é\" text, kept text); INSERT INTO \"täble\" VALUES "
                   "('raw@corp.example', 'Zoë')");
  production_->run("postgres",
                   "CREATE TABLE t (email text CHECK (email LIKE '%@corp.example')); INSERT INTO t VALUES "
                   "('raw@corp.example')");
  restore();
  defuse();
  auto catalog = engine_.catalog(target_);
  ASSERT_TRUE(catalog.ok()) << to_string(catalog.error());
  auto refused = mask(plan_for(*catalog, {{"public.t.email", "email"}}));
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("23514"));
  EXPECT_EQ(refused.error().message.find('@'), std::string::npos) << refused.error().message;
  EXPECT_EQ(copy_value("postgres", "SELECT count(*) FROM public.t WHERE email = 'raw@corp.example'"), "1");
  auto plan = plan_for(*catalog, {{"public.täble.é", "email"}});
  EXPECT_EQ(
      copy_value("old",
                 "SELECT relname FROM pg_class WHERE oid >= 16384 AND relkind = 'r' AND relname LIKE 't%'"),
      "täble");
  auto masked = mask(plan);
  ASSERT_TRUE(masked.ok()) << to_string(masked.error());
  EXPECT_EQ(failures(verify(&plan, *masked)), "");
  EXPECT_EQ(copy_value("old", "SELECT kept || (\"é\" LIKE '%@corp.example')::text FROM public.\"täble\""),
            "Zoëfalse");
}

TEST_F(EngineTest, a_stop_is_noticed_and_leaves_nothing_half) {
  make_production();
  production_->run("postgres",
                   "CREATE TABLE t AS SELECT i AS id, 'raw' || i AS email FROM generate_series(1, 200000) i");
  restore();
  defuse();
  auto catalog = engine_.catalog(target_);
  auto plan = plan_for(*catalog, {{"public.t.email", "hash"}});
  StopFlag stop;
  stop.request();
  auto stopped =
      engine_.mask(target_, {.plan = plan, .key = key_, .spool_directory = spool_}, progress_, stop);
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, Code::kInterrupted);
  EXPECT_EQ(copy_value("postgres", "SELECT count(*) FROM public.t WHERE email LIKE 'raw%'"), "200000");
}

TEST(Spool, gives_back_what_it_took_and_tells_a_cut_file) {
  TempFolder folder;
  std::string path = folder.path() + "/x";
  std::string text;
  for (int i = 0; i < 200000; ++i) text += std::to_string(i * 7919);
  auto writer = SpoolWriter::create(path);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(writer->write(text).ok());
  ASSERT_TRUE(writer->finish().ok());
  EXPECT_FALSE(SpoolWriter::create(path).ok());
  auto read_all = [&]() -> Result<std::string> {
    YTB_ASSIGN(SpoolReader reader, SpoolReader::open(path));
    std::string all;
    for (;;) {
      std::string part;
      YTB_TRY(reader.read(part));
      if (part.empty()) return all;
      all += part;
    }
  };
  auto back = read_all();
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, text);
  fs::resize_file(path, fs::file_size(path) - 3);
  EXPECT_EQ(read_all().error().code, Code::kCorrupt);
}

TEST(Connection, what_may_quote_a_value_is_withheld) {
  EXPECT_TRUE(internal::meaning_of("22P02").may_quote_values);
  EXPECT_TRUE(internal::meaning_of("P0001").may_quote_values);
  EXPECT_FALSE(internal::meaning_of("23505").may_quote_values);
  EXPECT_EQ(internal::meaning_of("53100").code, Code::kSpace);
  EXPECT_EQ(internal::ascii_identifier("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(internal::ascii_identifier("é\\"), "U&\"\\+0000e9\\\\\"");
  auto cluster = PostgresCluster::make();
  ASSERT_NE(cluster, nullptr);
  ports::SessionTarget target{
      .parameters = {{"connection", cluster->connection()}}, .password = {}, .label = "p"};
  auto session = Connection::open(target, "postgres", SessionKind::kProduction);
  ASSERT_TRUE(session.ok());
  Status failed = session->execute("SELECT 'Jane Doe'::int");
  EXPECT_EQ(failed.error().message.find("Jane"), std::string::npos);
  EXPECT_THAT(failed.error().message, HasSubstr("22P02"));
  EXPECT_FALSE(session->execute("CREATE TABLE t (a int)").ok());
  EXPECT_EQ(session->last_state(), "25006");
}

}  // namespace
}  // namespace ytb::postgres
