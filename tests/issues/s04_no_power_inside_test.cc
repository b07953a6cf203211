// S4: staging read the server's files and ran programs through code of production's: triggers, event triggers
// and SECURITY DEFINER functions of superusers and of roles that reach files or programs, wrappers of
// wrappers, CREATEROLE, grants on settings, untrusted languages, code in C, scripts of trusted extensions.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Each probe gives a line of PG_VERSION, or leaves the file @was_here.
constexpr const char* kProduction = R"sql(
  CREATE ROLE app LOGIN CREATEDB; CREATE ROLE app_readers; CREATE ROLE boss SUPERUSER;
  CREATE ROLE files IN ROLE pg_read_server_files; CREATE ROLE programs IN ROLE pg_execute_server_program;
  CREATE ROLE maker CREATEROLE; ALTER DATABASE shop OWNER TO app; GRANT CREATE ON SCHEMA public TO app;
  CREATE TABLE inbox (path text, content text); GRANT SELECT, INSERT ON inbox TO app_readers;
  CREATE FUNCTION load_it() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN NEW.content := pg_read_file(NEW.path); RETURN NEW; END $$;
  CREATE TRIGGER load_it BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION load_it();
  CREATE FUNCTION slurp(path text) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT pg_read_file(path)';
  CREATE FUNCTION wrapper(path text) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT public.slurp(path)';
  ALTER FUNCTION wrapper(text) OWNER TO app;
  CREATE FUNCTION second_wrapper(path text) RETURNS text LANGUAGE sql AS 'SELECT public.wrapper(path)';
  CREATE FUNCTION as_files() RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    CREATE TEMP TABLE IF NOT EXISTS got (l text); COPY got FROM '@data/PG_VERSION'; RETURN QUERY SELECT l FROM got; END $$;
  ALTER FUNCTION as_files() OWNER TO files;
  CREATE FUNCTION as_programs() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN COPY (SELECT 1) TO PROGRAM 'cat > @was_here'; END $$;
  ALTER FUNCTION as_programs() OWNER TO programs;
  CREATE FUNCTION as_maker() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    CREATE ROLE made; GRANT pg_execute_server_program TO made; GRANT made TO maker;
    COPY (SELECT 1) TO PROGRAM 'cat > @was_here'; END $$;
  ALTER FUNCTION as_maker() OWNER TO maker;
  CREATE FUNCTION regrant() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO PUBLIC; RETURN pg_read_file('PG_VERSION'); END $$;
  ALTER FUNCTION regrant() OWNER TO boss;
  CREATE FUNCTION power_again() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    ALTER ROLE boss SUPERUSER; RETURN pg_read_file('PG_VERSION'); END $$;
  ALTER FUNCTION power_again() OWNER TO boss;
  GRANT EXECUTE ON FUNCTION pg_read_binary_file(text) TO PUBLIC; GRANT EXECUTE ON FUNCTION lo_import(text) TO app_readers;
  CREATE VIEW verifiers AS SELECT rolname, rolpassword FROM pg_authid; GRANT SELECT ON verifiers TO PUBLIC;
  GRANT SELECT ON pg_authid TO app_readers;
  CREATE LANGUAGE untrusted HANDLER plpgsql_call_handler;
  CREATE FUNCTION in_untrusted() RETURNS int LANGUAGE untrusted AS 'BEGIN RETURN 1; END';
  CREATE FUNCTION loose_c() RETURNS int LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
  DO $$ BEGIN EXECUTE format('CREATE FUNCTION alias(text) RETURNS text LANGUAGE internal AS %L',
    (SELECT prosrc FROM pg_proc WHERE oid = 'pg_read_file(text)'::regprocedure)); END $$;
  CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN COPY (SELECT 1) TO PROGRAM 'cat > @was_here'; END $$;
  CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION on_ddl(); ALTER EVENT TRIGGER et ENABLE ALWAYS;
  CREATE FUNCTION rise() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN ALTER ROLE app SUPERUSER; END IF; END $$;
  ALTER FUNCTION rise() OWNER TO app;
  GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
  CREATE TABLE of_app (id int PRIMARY KEY, note text); ALTER TABLE of_app OWNER TO app;
  INSERT INTO of_app VALUES (1, 'one'); CREATE VIEW over_it AS SELECT * FROM of_app; GRANT SELECT ON over_it TO app_readers;
  CREATE TABLE of_boss (id int PRIMARY KEY); INSERT INTO of_boss VALUES (1); ALTER TABLE of_boss OWNER TO boss;
  CREATE TABLE of_postgres (id int PRIMARY KEY); INSERT INTO of_postgres VALUES (1);
  CREATE EVENT TRIGGER rise ON ddl_command_end EXECUTE FUNCTION rise();
)sql";

std::string with(std::string text, const std::string& name, const std::string& value) {
  for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size()))
    text.replace(at, name.size(), value);
  return text;
}

class S04 : public ::testing::Test {
 protected:
  // `roles`: under access:, with @ for the password.
  void open_copy(const std::string& roles, Scenario::Options options = {}) {
    scenario_ = std::make_unique<Scenario>(std::move(options));
    const std::string password = "file:" + scenario_->home() + "/staging.password";
    scenario_->options().access = with(roles, "@", password);
    scenario_->write_config();
    was_here_ = folder_.make_for_server("ran") + "/was-here";
    std::string script =
        with(with(kProduction, "@was_here", was_here_), "@data", scenario_->production().data());
    scenario_->production().run("shop", script);
    if (postgres_major() >= 15) {
      scenario_->production().run("shop", "GRANT ALTER SYSTEM ON PARAMETER archive_command TO app_readers");
    }
    run_program({"rm", "-f", was_here_});  // production's event trigger ran
    scenario_->write_policy(
        "    public.inbox: keep\n    public.of_app: keep\n    public.of_boss: keep\n    public.of_postgres: "
        "keep\n");
    scenario_->accept();
    scenario_->take_snapshot("monday");
    scenario_->refresh();
    ASSERT_NE(scenario_->live_copy(), "");
    run_program({"rm", "-f", was_here_});
  }
  RunResult ask(const std::string& user, const std::string& query) {
    return run_program({postgres_bin_dir() + "/psql", "-XAt", "-v", "ON_ERROR_STOP=1", "-d",
                        scenario_->staging("shop", user), "-c", query});
  }
  void expect_denied(const std::string& user, const std::string& query) {
    RunResult tried = ask(user, query);
    EXPECT_NE(tried.status, 0) << user << " may " << query << ": " << tried.out;
    EXPECT_NE(run_program({"test", "-e", was_here_}).status, 0) << user << " ran a program by " << query;
    run_program({"rm", "-f", was_here_});
  }
  std::unique_ptr<Scenario> scenario_;
  TempFolder folder_;
  std::string was_here_;
};

TEST_F(S04, NothingOfProductionsReachesFilesOrPrograms) {
  open_copy(
      "      staging: {password: @, member_of: [app_readers], from: [local]}\n"
      "      app: {password: @, existing: true, from: [local]}\n");
  for (const char* query : {"INSERT INTO inbox VALUES ('PG_VERSION') RETURNING content",
                            "SELECT slurp('PG_VERSION')",
                            "SELECT wrapper('PG_VERSION')",
                            "SELECT second_wrapper('PG_VERSION')",
                            "SELECT as_files()",
                            "SELECT as_programs()",
                            "SELECT as_maker()",
                            "SELECT regrant()",
                            "SELECT power_again()",
                            "SELECT pg_read_binary_file('PG_VERSION')",
                            "SELECT lo_import('/etc/passwd')",
                            "SELECT alias('PG_VERSION')",
                            "SELECT count(*) FROM pg_authid",
                            "SELECT count(rolpassword) FROM verifiers",
                            "SELECT in_untrusted()",
                            "SELECT loose_c()",
                            "ALTER SYSTEM SET archive_command = 'true'",
                            "SET ROLE boss",
                            "SET ROLE postgres",
                            "ALTER EVENT TRIGGER rise DISABLE",
                            "DROP EVENT TRIGGER yesterdaytabase_no_extensions"}) {
    expect_denied("staging", query);
    expect_denied("app", query);
  }
  // Whoever owns the database may make trusted extensions, whose scripts run as OID 10.
  expect_denied("app", "DROP TABLE IF EXISTS nothing; CREATE EXTENSION citext");
  expect_denied("app", "CREATE TABLE new_one (a int)");  // its event trigger has no right to run its program
  EXPECT_EQ(ask("app", "SELECT count(*) FROM pg_roles WHERE rolsuper AND oid <> 10").out, "0\n");
  EXPECT_EQ(ask("app", "SELECT rolcanlogin FROM pg_roles WHERE oid = 10").out, "f\n");
  // Data is as before, views over others' tables included.
  EXPECT_EQ(ask("staging", "SELECT note FROM over_it").out, "one\n");
  EXPECT_EQ(ask("app", "UPDATE of_app SET note = 'two' RETURNING note").out, "two\nUPDATE 1\n");
  const std::string proof = scenario_->proof();
  for (const char* word :
       {"no_power_inside", "role boss: SUPERUSER", "maker: CREATEROLE", "pg_execute_server_program",
        "untrusted language untrusted", "loose_c()", "alias(text)", "pg_authid",
        "ordinary role with an identity of its own", "CREATE EXTENSION and ALTER EXTENSION refused"}) {
    EXPECT_THAT(proof, HasSubstr(word));
  }
}

// Production's bootstrap role as an access role: all rights over data, none over the server.
TEST_F(S04, AFormerSuperuserHasTheDataAndNoPower) {
  Scenario::Options options;
  options.copies_extra =
      "        settings: {autovacuum_naptime: 1s, autovacuum_analyze_threshold: 10, "
      "autovacuum_vacuum_threshold: 10}\n";
  open_copy("      postgres: {password: @, existing: true, from: [local]}\n", options);
  if (HasFatalFailure()) return;
  for (const char* query :
       {"SELECT pg_read_file('PG_VERSION')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT lo_export(lo_create(0), '/tmp/power-was-here')",
        "SELECT rolpassword FROM pg_authid",
        "SELECT rolpassword FROM verifiers",
        "SELECT * FROM pg_shadow",
        "COPY (SELECT 1) TO PROGRAM 'cat'",
        "COPY of_app TO '/tmp/power-was-here'",
        "SELECT pg_ls_dir('.')",
        "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO postgres",
        "ALTER ROLE postgres SUPERUSER",
        "CREATE ROLE another",
        "GRANT pg_read_server_files TO postgres",
        "ALTER SYSTEM SET work_mem = '5MB'",
        "UPDATE pg_authid SET rolsuper = true",
        "SELECT pg_reload_conf()",
        "CREATE EXTENSION file_fdw",
        "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'x'",
        "SELECT as_files()",
        "SELECT pg_logical_emit_message(false, 'a', 'b') FROM pg_create_physical_replication_slot('x')",
        "ALTER FUNCTION rise() OWNER TO postgres; ALTER EVENT TRIGGER rise OWNER TO app"}) {
    expect_denied("postgres", query);
  }
  for (const char* table : {"of_app", "of_boss", "of_postgres", "over_it"}) {
    EXPECT_EQ(ask("postgres", fmt::format("SELECT count(*) FROM {}", table)).out, "1\n") << table;
  }
  EXPECT_EQ(ask("postgres", "INSERT INTO of_boss VALUES (2) RETURNING id").out, "2\nINSERT 0 1\n");
  // Its dump is production's, but for what was switched off.
  std::string dumped = dump_schema_of(scenario_->staging("shop", "postgres"));
  std::string expected = scenario_->production().dump_schema("shop");
  EXPECT_THAT(dumped, HasSubstr("CREATE EVENT TRIGGER rise"));
  EXPECT_THAT(dumped, Not(HasSubstr("yesterdaytabase_no_extensions")));
  EXPECT_THAT(expected, HasSubstr("ALTER TABLE public.of_boss OWNER TO boss"));
  EXPECT_THAT(dumped, HasSubstr("ALTER TABLE public.of_boss OWNER TO boss"));
  // Autovacuum goes over application tables.
  ask("postgres", "INSERT INTO of_postgres SELECT generate_series(10, 1000)");
  for (int i = 0; i < 300; ++i) {
    if (ask("postgres", "SELECT autoanalyze_count > 0 FROM pg_stat_user_tables WHERE relname = 'of_postgres'")
            .out == "t\n")
      return;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  ADD_FAILURE() << "autovacuum never came by";
}

}  // namespace
}  // namespace ytb::testing
