// S05's kind: options of foreign data wrappers, of foreign tables and of their columns hold secrets as those
// of servers and user mappings do, and every role reads them. Only the latter two were emptied.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

constexpr std::string_view kOptions = R"sql(
  SELECT fdwoptions::text FROM pg_foreign_data_wrapper WHERE fdwoptions IS NOT NULL
  UNION ALL SELECT srvoptions::text FROM pg_foreign_server WHERE srvoptions IS NOT NULL
  UNION ALL SELECT umoptions::text FROM pg_user_mappings WHERE umoptions IS NOT NULL
  UNION ALL SELECT ftoptions::text FROM pg_foreign_table WHERE ftoptions IS NOT NULL
  UNION ALL SELECT attfdwoptions::text FROM pg_attribute WHERE attfdwoptions IS NOT NULL)sql";

class S05Options : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.production().run("shop",
                               "CREATE TABLE users (id int PRIMARY KEY, email text);"
                               "INSERT INTO users VALUES (1, 'eve@real.test')");
  }
  // Nothing that begins so is left in a column of options or in a file.
  void expect_gone(const std::string& secret) {
    scenario_.write_policy("    public.users: {id: keep, email: email}\n");
    scenario_.accept();
    scenario_.take_snapshot("monday");
    scenario_.refresh();
    for (const char* database : {"shop", "postgres"}) {
      EXPECT_EQ(scenario_.staging_value(
                    "SELECT coalesce(string_agg(o.t, ' '), '') FROM (" + std::string(kOptions) + ") AS o (t)",
                    database),
                "")
          << database;
    }
    EXPECT_EQ(run_program({"grep", "-rlaF", "--", secret, scenario_.copies()}).out, "");
  }
  Scenario scenario_{Scenario::with_postgres()};
};

TEST_F(S05Options, OfWrappersServersMappingsTablesAndColumnsAreGone) {
  scenario_.production().run("shop", R"sql(
    CREATE FOREIGN DATA WRAPPER other OPTIONS (password 'raw-secret-1');
    CREATE SERVER s FOREIGN DATA WRAPPER other OPTIONS (password 'raw-secret-2');
    CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (password 'raw-secret-3');
    CREATE FOREIGN TABLE ft (a int OPTIONS (password 'raw-secret-4')) SERVER s OPTIONS (password 'raw-secret-5'))sql");
  expect_gone("raw-secret-");
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM pg_foreign_table"), "1");
  EXPECT_THAT(scenario_.proof(), ::testing::HasSubstr("options of foreign table public.ft removed"));
}

// Of a partition, of a column that was dropped, of values long enough to stand in TOAST, and in the rows that
// an ALTER left behind; in a database that the policy keeps.
TEST_F(S05Options, OfPartitionsAndDroppedColumnsAndThoseOfBefore) {
  scenario_.production().run("postgres", R"sql(
    CREATE FOREIGN DATA WRAPPER other OPTIONS (token 'raw-secret-of-before');
    ALTER FOREIGN DATA WRAPPER other OPTIONS (SET token 'another');
    CREATE SERVER s FOREIGN DATA WRAPPER other;
    CREATE TABLE parts (k int, v text) PARTITION BY LIST (k);
    CREATE FOREIGN TABLE far PARTITION OF parts FOR VALUES IN (1) SERVER s OPTIONS (key 'raw-secret-1');
    ALTER FOREIGN TABLE far ALTER COLUMN v OPTIONS (ADD key 'raw-secret-2');
    ALTER FOREIGN TABLE far OPTIONS (SET key 'raw-secret-3');
    CREATE FOREIGN TABLE gone (a int OPTIONS (key 'raw-secret-4'), b int) SERVER s;
    ALTER FOREIGN TABLE gone DROP COLUMN a;
    CREATE FOREIGN TABLE dropped (a int OPTIONS (key 'raw-secret-5')) SERVER s OPTIONS (key 'raw-secret-6');
    DROP FOREIGN TABLE dropped;
    DO $$ BEGIN EXECUTE format('CREATE FOREIGN TABLE long (a int) SERVER s OPTIONS (key %L)',
      (SELECT string_agg('raw-secret-' || md5(g::text), '') FROM generate_series(1, 60) g)); END $$)sql");
  expect_gone("raw-secret-");
}

}  // namespace
}  // namespace ytb::testing
