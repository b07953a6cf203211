// The rds profile up to masking, and the opening: what is ours, what is switched off, who may log in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "drivers/postgres/rds_testing.h"

namespace ytb::postgres {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

TEST_F(RdsTest, nothing_is_changed_without_the_mark_of_this_very_copy) {
  make_copy();
  cluster_->run("postgres", "CREATE TABLE t (a text); INSERT INTO t VALUES ('raw')");
  std::string before = roles();
  auto refused = [&](const ports::SessionTarget& target) {
    auto done = engine_.defuse(target, {});
    return done.ok() ? std::string("done") : std::string(to_string(done.error()));
  };
  EXPECT_THAT(refused(target_), HasSubstr("does not carry our mark"));
  // The other profile, and this one without a nonce.
  EXPECT_EQ(PostgresEngine().defuse(target_, {}).error().code, Code::kRefused);
  ports::SessionTarget production{.parameters = target_.parameters, .password = {}, .label = "production"};
  EXPECT_EQ(engine_.defuse(production, {}).error().code, Code::kRefused);
  EXPECT_EQ(roles(), before);

  // A server that others use is not claimed.
  {
    const Result<Connection> user = customer();
    ASSERT_TRUE(user.ok());
    EXPECT_THAT(door_.claim(target_).error().message, HasSubstr("'customer' is connected"));
  }
  for (int i = 0; i < 100 && !door_.claim(target_).ok(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  claim();
  ports::SessionTarget other{
      .parameters = target_.parameters, .password = {}, .label = "other", .nonce = "fedcba9876543210"};
  EXPECT_EQ(door_.claim(other).error().code, Code::kRefused);
  EXPECT_THAT(refused(other), HasSubstr("marked as another one"));
  cluster_->run("postgres", "CREATE ROLE second_master LOGIN CREATEROLE");
  other = {.parameters = target_.parameters, .password = {}, .label = "other", .nonce = target_.nonce};
  other.parameters["user"] = "second_master";
  EXPECT_THAT(refused(other), HasSubstr("not its master"));
  EXPECT_EQ(cluster_->value("postgres", "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'customer'"), "t");

  // Two of us at once.
  {
    auto lock = CopyLock::take(target_);
    ASSERT_TRUE(lock.ok());
    auto busy = engine_.defuse(target_, {});
    ASSERT_FALSE(busy.ok());
    EXPECT_EQ(busy.error().code, Code::kBusy);
    EXPECT_EQ(busy.error().retry, Retry::kLater);
  }
  for (int i = 0; i < 100 && !CopyLock::take(target_).ok(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  defuse();
}

TEST_F(RdsTest, our_own_next_call_is_never_told_that_we_are_at_work) {
  make_copy();
  claim();
  for (int call = 0; call < 100; ++call) {
    auto lock = CopyLock::take(target_);
    ASSERT_TRUE(lock.ok()) << "call " << call << ": " << lock.error().message;
    EXPECT_EQ(CopyLock::take(target_).error().code, Code::kBusy) << "two at once";
  }
}

TEST_F(RdsTest, catalog_has_every_database_but_the_providers) {
  make_copy();
  cluster_->run(
      "postgres",
      "CREATE DATABASE shop OWNER app_owner; CREATE DATABASE shut OWNER app_owner; REVOKE CONNECT ON "
      "DATABASE shop FROM PUBLIC; ALTER DATABASE shut ALLOW_CONNECTIONS false");
  cluster_->run("shop", "CREATE SCHEMA hidden; CREATE TABLE hidden.t (a text)");
  claim();
  auto catalog = engine_.catalog(target_);
  ASSERT_TRUE(catalog.ok()) << to_string(catalog.error());
  std::vector<std::string> names;
  for (const auto& database : catalog->databases) names.push_back(database.name);
  EXPECT_EQ(names, (std::vector<std::string>{"postgres", "shop", "shut", "template1"}));
  EXPECT_NE(masking::find_table(*masking::find_database(*catalog, "shop"), {"hidden", "t"}), nullptr);
  EXPECT_FALSE(masking::find_database(*catalog, "shut")->allows_connections);
  // A database of the provider's name that is not the provider's is judged.
  cluster_->run("postgres",
                "ALTER DATABASE rdsadmin OWNER TO app_owner; GRANT CONNECT ON DATABASE rdsadmin TO PUBLIC");
  ports::SessionTarget production{.parameters = target_.parameters, .password = {}, .label = "production"};
  cluster_->run("postgres", "GRANT CONNECT ON DATABASE shop TO PUBLIC");
  catalog = engine_.catalog(production);
  ASSERT_TRUE(catalog.ok()) << to_string(catalog.error());
  EXPECT_NE(masking::find_database(*catalog, "rdsadmin"), nullptr);
}

TEST_F(RdsTest, what_would_act_is_switched_off_and_the_publisher_not_touched) {
  auto publisher = PostgresCluster::make();
  ASSERT_NE(publisher, nullptr);
  publisher->run("postgres",
                 "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2); CREATE PUBLICATION p FOR TABLE "
                 "t; CREATE TABLE remote (v text); INSERT INTO remote VALUES ('far')");
  make_copy();
  cluster_->run("postgres",
                "CREATE DATABASE shop OWNER app_owner; ALTER ROLE app_owner SUPERUSER; CREATE EXTENSION "
                "postgres_fdw");
  std::string where = "host=" + publisher->socket_directory() + " port=" + std::to_string(publisher->port()) +
                      " user=postgres dbname=postgres";
  std::string error;
  ASSERT_TRUE(cluster_->try_run(
      "shop",
      "CREATE TABLE t (a int); CREATE SUBSCRIPTION s CONNECTION '" + where +
          "' PUBLICATION p; CREATE EXTENSION postgres_fdw; CREATE SERVER far "
          "FOREIGN DATA WRAPPER postgres_fdw "
          "OPTIONS (host '" +
          publisher->socket_directory() + "', port '" + std::to_string(publisher->port()) +
          "', dbname 'postgres'); CREATE USER MAPPING FOR PUBLIC SERVER far "
          "OPTIONS (user 'postgres', password "
          "'mapsecret'); CREATE USER MAPPING FOR rdstopmgr SERVER far OPTIONS "
          "(user 'a', password 'hidden'); CREATE "
          "FOREIGN TABLE far_table (v text OPTIONS (column_name 'v')) SERVER "
          "far OPTIONS (table_name 'remote', schema_name 'public'); CREATE FUNCTION watch() RETURNS "
          "event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''fired''; "
          "END'; CREATE EVENT TRIGGER watcher ON "
          "ddl_command_start EXECUTE FUNCTION watch(); ALTER EVENT TRIGGER watcher "
          "DISABLE; CREATE SCHEMA cron; "
          "CREATE TABLE cron.job (jobid int, active bool); INSERT INTO cron.job "
          "VALUES (1, true), (2, false); "
          "ALTER EVENT TRIGGER watcher ENABLE ALWAYS; BEGIN; INSERT INTO t VALUES "
          "(9); PREPARE TRANSACTION 'held'",
      &error, "app_owner"))
      << error;
  for (int i = 0; i < 100 && cluster_->value("shop", "SELECT count(*) FROM t") != "2"; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  ASSERT_EQ(publisher->value("postgres", "SELECT count(*) FROM pg_replication_slots"), "1");
  // A table still being synchronised would send DROP SUBSCRIPTION to the publisher even without a slot's
  // name.
  cluster_->run("shop", "UPDATE pg_subscription_rel SET srsubstate = 'd'; ALTER ROLE app_owner NOSUPERUSER");
  claim();
  model::Evidence evidence = defuse();
  model::Evidence repeated = defuse();
  EXPECT_EQ(evidence.defused, repeated.defused);
  for (const char* deed : {"subscription s", "foreign server far", "credentials of everybody",
                           "credentials of rdstopmgr", "1 prepared transactions", "1 jobs",
                           "event trigger watcher", "options of foreign table public.far_table removed",
                           "options of foreign table public.far_table column v removed"}) {
    EXPECT_THAT(evidence.defused, Contains(HasSubstr(deed))) << deed;
  }
  EXPECT_EQ(publisher->value("postgres", "SELECT count(*) FROM pg_replication_slots"), "1");
  EXPECT_EQ(publisher->value("postgres", "SELECT v FROM remote"), "far");
  EXPECT_EQ(cluster_->value("shop", "SELECT count(*) FROM pg_user_mapping WHERE umoptions IS NOT NULL"), "0");
  EXPECT_EQ(cluster_->value("shop", "SELECT array_to_string(srvoptions, ' ') FROM pg_foreign_server"),
            "host=/yesterdaytabase/defused port=1");
  EXPECT_EQ(cluster_->value("shop", "SELECT count(ftoptions) FROM pg_foreign_table"), "0");
  EXPECT_EQ(cluster_->value("shop", "SELECT count(attfdwoptions) FROM pg_attribute"), "0");
  EXPECT_EQ(cluster_->value("shop", "SELECT count(*) FROM cron.job WHERE active"), "0");
  EXPECT_FALSE(cluster_->try_run("shop", "SELECT * FROM far_table", &error));

  // As pg_cron's own table does where its library is not loaded.
  cluster_->run(
      "shop",
      "UPDATE cron.job SET active = true; CREATE FUNCTION cron.refuse() RETURNS trigger LANGUAGE "
      "plpgsql AS 'BEGIN RAISE EXCEPTION ''not loaded''; END'; CREATE TRIGGER refuse BEFORE UPDATE ON "
      "cron.job FOR EACH STATEMENT EXECUTE FUNCTION cron.refuse()");
  EXPECT_THAT(defuse().defused, Contains(HasSubstr("jobs of cron.job left as they are")));
  cluster_->run("postgres", "REVOKE pg_monitor FROM rds_superuser");
  EXPECT_THAT(engine_.defuse(target_, {}).error().message, HasSubstr("preloaded"));
  cluster_->run("postgres", "GRANT pg_monitor TO rds_superuser");

  // What is not ours to switch off stops the copy: a server of a wrapper with no address that we know.
  cluster_->run("shop",
                "CREATE FOREIGN DATA WRAPPER strange; CREATE SERVER odd FOREIGN DATA WRAPPER strange");
  auto stopped = engine_.defuse(target_, {});
  ASSERT_FALSE(stopped.ok());
  EXPECT_THAT(stopped.error().message, HasSubstr("foreign server odd"));
}

TEST_F(RdsTest, every_role_is_shut_and_iam_taken_from_all) {
  make_copy();
  cluster_->run(
      "postgres",
      R"(CREATE ROLE app LOGIN PASSWORD 'x' CREATEROLE; CREATE ROLE people; CREATE ROLE clerk LOGIN PASSWORD 'y';
    CREATE ROLE "Odd ""role" LOGIN; GRANT rds_iam TO app_master, people; GRANT rds_ad TO clerk; GRANT people TO clerk;
    GRANT rds_superuser TO people; GRANT people TO app; CREATE ROLE staff; GRANT app_master TO staff; GRANT staff TO app;
    CREATE SCHEMA aws_s3; GRANT USAGE ON SCHEMA aws_s3 TO PUBLIC;
    CREATE FUNCTION aws_s3.query_export() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION aws_s3.query_export OWNER TO app_owner)");
  claim();
  std::vector<model::AccessRole> access(2);
  access[0] = {.name = "app", .password = {}, .member_of = {}, .from = {}, .existing = true};
  access[1] = {.name = "staging", .password = {}, .member_of = {"clerk"}, .from = {}, .existing = false};
  model::Evidence evidence = defuse(access);
  for (const char* deed :
       {"taken from role app_master: its membership in rds_iam", "people: its membership in rds_iam",
        "clerk: its membership in rds_ad", "people: its membership in rds_superuser",
        "staff: its membership in app_master", "taken from access role app: CREATEROLE",
        "EXECUTE on aws_s3.query_export()", "access role staging made"}) {
    EXPECT_THAT(evidence.defused, Contains(HasSubstr(deed))) << deed;
  }
  EXPECT_EQ(cluster_->value("postgres",
                            "SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_authid WHERE "
                            "rolcanlogin OR rolpassword IS NOT NULL"),
            "app_master,rdsadmin,rdsrepladmin,rdstopmgr");
  // The master keeps what it is.
  EXPECT_EQ(cluster_->value("postgres", "SELECT pg_has_role('app_master', 'rds_superuser', 'USAGE')"), "t");

  // A login that the master may not end stops the copy.
  cluster_->run("postgres", "CREATE ROLE root LOGIN SUPERUSER");
  auto stopped = engine_.defuse(target_, access);
  ASSERT_FALSE(stopped.ok());
  EXPECT_THAT(stopped.error().message, HasSubstr("root may log in"));
}

TEST_F(RdsTest, what_overrules_the_masters_password_is_taken_from_it_and_from_its_groups) {
  make_copy();
  cluster_->run("postgres", R"(
    CREATE ROLE "Odd ""role"", with 'quotes'"; CREATE ROLE "rds_iam; DROP ROLE clerk"; CREATE ROLE clerk LOGIN;
    GRANT rds_iam TO app_master, "Odd ""role"", with 'quotes'", clerk; GRANT rds_ad TO "rds_iam; DROP ROLE clerk";
    GRANT "rds_iam; DROP ROLE clerk" TO "Odd ""role"", with 'quotes'";
    GRANT "Odd ""role"", with 'quotes'" TO app_master; GRANT rds_iam TO rds_superuser)");
  auto reach = [&] {
    return cluster_->value("postgres",
                           "SELECT count(*) FROM pg_roles d WHERE rolname IN ('rds_iam', 'rds_ad') AND "
                           "pg_has_role('app_master', d.oid, 'MEMBER')");
  };
  ASSERT_EQ(reach(), "2");
  // Not to whom a token must not go, and nowhere where we would claim nothing.
  ports::SessionTarget open_wire{
      .parameters = target_.parameters, .password = Secret("token"), .label = "copy", .nonce = target_.nonce};
  open_wire.parameters["host"] = "127.0.0.1";
  for (const char* mode : {"require", "verify-ca", "verify-full"}) {
    open_wire.parameters["sslmode"] = mode;  // with verify-full it is the certificate that is missing
    EXPECT_EQ(door_.free_master(open_wire).error().code, Code::kRefused) << mode;
  }
  ports::SessionTarget nameless{.parameters = target_.parameters, .password = {}, .label = "copy"};
  EXPECT_EQ(door_.free_master(nameless).error().code, Code::kInternal);
  {
    const Result<Connection> user = customer();
    ASSERT_TRUE(user.ok());
    EXPECT_THAT(door_.free_master(target_).error().message, HasSubstr("'customer' is connected"));
  }
  ASSERT_EQ(reach(), "2");
  Result<std::vector<std::string>> taken = door_.free_master(target_);
  for (int i = 0; i < 100 && !taken.ok(); ++i) {  // the customer is leaving
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    taken = door_.free_master(target_);
  }
  ASSERT_TRUE(taken.ok()) << to_string(taken.error());
  EXPECT_THAT(*taken, ::testing::UnorderedElementsAre(
                          "taken from role app_master: its membership in rds_iam",
                          "taken from role Odd \"role\", with 'quotes': its membership in rds_iam",
                          "taken from role rds_iam; DROP ROLE clerk: its membership in rds_ad",
                          "taken from role rds_superuser: its membership in rds_iam"));
  EXPECT_EQ(reach(), "0");
  EXPECT_EQ(cluster_->value("postgres", "SELECT pg_has_role('clerk', 'rds_iam', 'MEMBER')"), "t")
      << "others' are taken when the copy is defused";
  // Again, and once it is marked, there is nothing to take; in another's copy nothing is looked for.
  EXPECT_THAT(door_.free_master(target_).value(), ::testing::IsEmpty());
  claim();
  EXPECT_THAT(door_.free_master(target_).value(), ::testing::IsEmpty());
  ports::SessionTarget other{
      .parameters = target_.parameters, .password = {}, .label = "other", .nonce = "fedcba9876543210"};
  EXPECT_EQ(door_.free_master(other).error().code, Code::kRefused);
}

TEST(Overruled, IsWhateverMethodIsNotThePassword) {
  auto overruled = [](const std::string& said, Code code = Code::kConnection) {
    return is_overruled(Error{.code = code, .message = "cannot connect to copy x: " + said, .hint = {}});
  };
  const std::string start = "connection to server at \"h\" (10.0.0.1), port 5432 failed: FATAL:  ";
  EXPECT_TRUE(overruled(start + "PAM authentication failed for user \"master\""));
  EXPECT_TRUE(overruled(start + "LDAP authentication failed for user \"master\""));
  EXPECT_FALSE(overruled(start + "password authentication failed for user \"master\""));
  EXPECT_FALSE(overruled(start + "role \"master\" does not exist"));
  EXPECT_FALSE(overruled(start + "PAM authentication failed for user \"master\"", Code::kBusy));
  EXPECT_FALSE(overruled("SCRAM authentication failed"));
}

TEST_F(RdsTest, opening_lets_in_the_access_roles_and_ends_our_rights) {
  make_copy();
  cluster_->run("postgres",
                "CREATE ROLE app LOGIN PASSWORD 'x' VALID UNTIL '2001-01-01' CONNECTION LIMIT 0; CREATE "
                "TABLE owned (a int); ALTER TABLE owned OWNER TO app_owner");
  claim();
  std::vector<model::AccessRole> access(2);
  access[0] = {.name = "app", .password = {}, .member_of = {}, .from = {}, .existing = true};
  access[1] = {.name = "staging", .password = {}, .member_of = {}, .from = {}, .existing = false};
  defuse(access);
  auto grants = [&] {
    std::vector<ports::AccessGrant> out;
    for (const auto& role : access) out.push_back({.role = role, .password = Secret("pw-of-" + role.name)});
    return out;
  };
  EXPECT_EQ(door_.open(target_, grants(), "2026-01-01T00:00:00Z").error().code, Code::kRefused)
      << "app_owner's role is still borrowed";
  {
    auto session = open_copy_anywhere(target_);
    ASSERT_TRUE(session.ok());
    must(return_memberships(*session));
  }
  std::vector<ports::AccessGrant> wrong;
  wrong.push_back({.role = access[0], .password = Secret("x")});
  wrong[0].role.name = "app_master";
  EXPECT_EQ(door_.open(target_, wrong, "").error().code, Code::kConfig);
  must(door_.open(target_, grants(), "2026-01-01T00:00:00Z"));
  must(door_.open(target_, grants(), "2026-01-01T00:00:00Z"));
  EXPECT_EQ(cluster_->value(
                "postgres",
                "SELECT string_agg(rolname || (rolpassword LIKE 'SCRAM-SHA-256$%')::text || rolconnlimit || "
                "coalesce(rolvaliduntil::text, ''), ',' ORDER BY rolname) FROM pg_authid WHERE rolcanlogin "
                "AND rolname IN ('app', 'staging', 'app_owner')"),
            "apptrue-1infinity,stagingtrue-1infinity");
  EXPECT_THAT(engine_.defuse(target_, access).error().message, HasSubstr("it was opened"));
  EXPECT_EQ(door_.claim(target_).error().code, Code::kRefused);
  EXPECT_TRUE(*door_.is_open(target_));
  EXPECT_EQ(cluster_->value("postgres",
                            "SELECT shobj_description('yesterdaytabase_copy'::regrole, "
                            "'pg_authid')::json->>'data_as_of'"),
            "2026-01-01T00:00:00Z");
  // Its catalog can still be read, as any server's.
  EXPECT_TRUE(engine_.catalog(target_).ok());
}

}  // namespace
}  // namespace ytb::postgres
