// power_left bites: whatever gives power back, or was hung on the server's own relations, is found.
#include "drivers/postgres/server_power.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/postgres/engine_testing.h"

namespace ytb::postgres {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ServerPower : public EngineTest {
 protected:
  std::vector<std::string> left() {
    auto session = Connection::open(target_, "postgres", SessionKind::kCopy);
    if (!session.ok()) return {to_string(session.error())};
    auto found = power_left(*session);
    return found.ok() ? *found : std::vector<std::string>{to_string(found.error())};
  }
  // What a statement gives back is found; then it is rolled back by its opposite.
  void expect_found(const std::string& given, const std::string& word, const std::string& taken) {
    auto session = Connection::open(target_, "postgres", SessionKind::kCopy);
    ASSERT_TRUE(session.ok());
    must(session->execute(given));
    EXPECT_THAT(left(), Contains(HasSubstr(word))) << given;
    must(session->execute(taken));
    EXPECT_THAT(left(), IsEmpty()) << taken;
  }
};

TEST_F(ServerPower, what_is_given_back_is_found) {
  make_production();
  production_->run("postgres", R"sql(
    CREATE ROLE app; CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
    CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION on_ddl())sql");
  restore();
  EXPECT_FALSE(left().empty());
  defuse();
  EXPECT_EQ(failures(verify(nullptr, {})), "");  // takes our own traces out, too
  expect_found("ALTER ROLE app SUPERUSER", "role app is a superuser", "ALTER ROLE app NOSUPERUSER");
  expect_found("ALTER ROLE app CREATEROLE", "role app", "ALTER ROLE app NOCREATEROLE");
  expect_found("ALTER ROLE postgres REPLICATION", "role postgres", "ALTER ROLE postgres NOREPLICATION");
  expect_found("GRANT pg_write_server_files TO app", "pg_write_server_files",
               "REVOKE pg_write_server_files FROM app");
  expect_found("ALTER TABLE public.t OWNER TO SESSION_USER", "table public.t",
               "ALTER TABLE public.t OWNER TO postgres");
  expect_found("ALTER FUNCTION public.f() OWNER TO SESSION_USER", "function public.f()",
               "ALTER FUNCTION public.f() OWNER TO postgres");
  expect_found("GRANT EXECUTE ON FUNCTION pg_ls_dir(text) TO app", "pg_ls_dir(text)",
               "REVOKE EXECUTE ON FUNCTION pg_ls_dir(text) FROM app");
  expect_found("GRANT EXECUTE ON FUNCTION pg_create_restore_point(text) TO app",
               "pg_create_restore_point(text)",
               "REVOKE EXECUTE ON FUNCTION pg_create_restore_point(text) FROM app");
  expect_found("GRANT SELECT ON pg_authid TO app", "pg_authid", "REVOKE SELECT ON pg_authid FROM app");
  expect_found("ALTER FUNCTION upper(text) SECURITY DEFINER", "upper(text)",
               "ALTER FUNCTION upper(text) SECURITY INVOKER");
  expect_found("CREATE LANGUAGE evil HANDLER plpgsql_call_handler; ALTER LANGUAGE evil OWNER TO postgres",
               "language evil", "DROP LANGUAGE evil");
  expect_found(
      "CREATE FUNCTION public.c() RETURNS int LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler'; ALTER "
      "FUNCTION "
      "public.c() OWNER TO postgres",
      "public.c()", "DROP FUNCTION public.c()");
  expect_found("CREATE INDEX leaky ON information_schema.sql_sizing ((sizing_name || 'x'))", "leaky",
               "DROP INDEX information_schema.leaky");
  expect_found("ALTER EVENT TRIGGER yesterdaytabase_no_extensions DISABLE", "extensions can be made",
               "ALTER EVENT TRIGGER yesterdaytabase_no_extensions ENABLE ALWAYS");
}

}  // namespace
}  // namespace ytb::postgres
