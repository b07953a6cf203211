// One production with whatever a version of PostgreSQL may hold (tests/torture), from the snapshot to an open
// copy: what is kept comes out as it went in, what is masked is masked, the definitions are the same, and
// nothing in the copy's files is wrong.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

constexpr int kOldest = 13;
constexpr const char* kAsPrinted =
    "-c statement_timeout=0 -c transaction_timeout=0 -c DateStyle=ISO -c IntervalStyle=postgres -c "
    "extra_float_digits=3 -c bytea_output=hex -c TimeZone=UTC";
constexpr const char* kAsPrintedBefore17 =
    "-c statement_timeout=0 -c DateStyle=ISO -c IntervalStyle=postgres -c extra_float_digits=3 -c "
    "bytea_output=hex -c TimeZone=UTC";

// "schema.table": the query for one digest of all its rows, of the columns that the policy keeps. A generated
// column's name says whether it is made of a masked one. Rows have no order.
constexpr const char* kDigests = R"sql(
  SELECT format('%I.%I', n.nspname, c.relname),
      format('SELECT count(*) || %L || coalesce(md5(string_agg(r, %L ORDER BY r)), %L) FROM (SELECT md5(ROW(%s)::text) AS r FROM ONLY '
          '%I.%I) AS rows', ' ', ' ', '', coalesce(string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), ''), n.nspname, c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attname NOT IN ('email', 'full_name', 'of_email', 'account_no')
    WHERE c.relkind IN ('r', 'm') AND c.relispopulated AND c.oid >= 16384 AND c.relpersistence = 'p' AND c.relname <> 'over_below'
    GROUP BY n.nspname, c.relname ORDER BY 1)sql";
// How many of a masked column's originals are left.
constexpr const char* kMasked = R"sql(
  SELECT format('%I.%I', n.nspname, c.relname),
      format('SELECT count(*) FROM %I.%I WHERE %I::text LIKE ANY (ARRAY[%L, %L])', n.nspname, c.relname, a.attname,
          '%@real.test', 'Given Family%')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind IN ('r', 'p', 'v', 'm') AND c.relispopulated AND c.oid >= 16384
      AND a.attname IN ('email', 'of_email', 'full_name') AND c.relname NOT IN ('over_below', 'over_unpopulated')
    ORDER BY 1)sql";
// Of single-user mode: nobody may be its superuser once a copy is open. Heaps from 14 on.
constexpr const char* kCheckIndexes = R"sql(CREATE EXTENSION amcheck;

DO $$DECLARE r record; BEGIN
  FOR r IN SELECT c.oid FROM pg_class c JOIN pg_am a ON a.oid = c.relam JOIN pg_index i ON i.indexrelid = c.oid
      WHERE a.amname = 'btree' AND c.relkind = 'i' AND i.indisvalid LOOP
    PERFORM bt_index_parent_check(r.oid, true, true);
  END LOOP; END$$;

)sql";
constexpr const char* kCheckHeaps =
    R"sql(SELECT 'dama' || 'ged: ' || c.oid::regclass || ' ' || v.blkno || ' ' || v.msg AS ytb_damage
  FROM pg_class c, LATERAL verify_heapam(c.oid, check_toast => true) v WHERE c.relkind IN ('r', 'm', 't');

)sql";

class Torture : public ::testing::Test {
 protected:
  static Scenario::Options options() {
    Scenario::Options options;
    options.production.settings = {{"max_prepared_transactions", "5"}};
    return options;
  }
  void SetUp() override {
    scenario_.options().access = fmt::format(
        "      staging: {{password: \"file:{}/staging.password\", member_of: [pg_read_all_data], "
        "from: [local], bypass_row_security: true}}\n",
        scenario_.home());
    scenario_.write_config();
    for (int major = kOldest; major <= postgres_major(); ++major) load(std::to_string(major));
    load("last");
    std::ofstream(scenario_.policy_file())
        << "version: 1\ncolumns:\n  \"*\": keep\n  \"*.email\": email\n  \"*.full_name\": person_name\n  "
           "\"*.account_no\": hash\n"
           "databases:\n  template1: keep\n  shop:\n    large_objects: keep\n    tables:\n      "
           "public.nothing: keep\n";
    scenario_.session_options = postgres_major() < 17 ? kAsPrintedBefore17 : kAsPrinted;
  }
  void load(const std::string& name) {
    const std::string file = fmt::format("{}/tests/torture/{}.sql", YTB_SOURCE_DIR, name);
    if (!fs::exists(file)) return;  // a version that brought nothing new to restore
    const RunResult loaded = run_program({postgres_bin_dir() + "/psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d",
                                          scenario_.production().connection("shop"), "-f", file});
    ASSERT_EQ(loaded.status, 0) << loaded.err;
  }
  std::vector<std::vector<std::string>> produced(const std::string& query) {
    std::string script;
    for (const char* setting : {"statement_timeout = 0", "DateStyle = ISO", "IntervalStyle = postgres",
                                "extra_float_digits = 3", "bytea_output = hex", "TimeZone = UTC"})
      script += fmt::format("SET {}; ", setting);
    return scenario_.production().rows("shop", script + query);
  }
  Scenario scenario_{options()};
};

TEST_F(Torture, KeepsWhatIsKeptAndMasksTheRest) {
  scenario_.accept();
  scenario_.take_snapshot("monday");
  const RunResult refreshed = scenario_.refresh();
  EXPECT_THAT(
      refreshed.out + refreshed.err,
      HasSubstr("view public.below has no rows, as in production; it was computed for what reads it"));
  const auto kept = produced(kDigests);
  EXPECT_GT(kept.size(), 30U);
  for (const auto& relation : kept) {
    EXPECT_EQ(scenario_.staging_value(relation[1]), produced(relation[1])[0][0]) << relation[0];
  }
  const auto masked = produced(kMasked);
  EXPECT_GT(masked.size(), 25U);
  for (const auto& relation : masked) {
    EXPECT_EQ(scenario_.staging_value(relation[1]), "0") << relation[0];
  }
  EXPECT_EQ(scenario_.staging_value(
                "SELECT count(*) FROM public.accounts WHERE account_no % 1000 = 0 AND account_no <= "
                "100000"),
            "0");
  EXPECT_EQ(
      scenario_.staging_value("SELECT count(*) FROM public.bookings JOIN public.accounts USING (account_no)"),
      "300")
      << "int and bigint are hashed alike";
  EXPECT_EQ(scenario_.staging_value("SELECT last_value FROM public.down"), "-13");
  // The one thing that is not as it was.
  scenario_.production().run(
      "shop",
      "SET default_transaction_read_only = off; SET statement_timeout = 0; ALTER SERVER elsewhere OPTIONS "
      "(SET host '/yesterdaytabase/defused'); "
      "ALTER USER MAPPING FOR narrow SERVER elsewhere OPTIONS (DROP \"user\", DROP password)");
  EXPECT_EQ(dump_schema_of(scenario_.staging("shop")), scenario_.production().dump_schema("shop"));

  // Its server has gone: what is copied is not being written.
  for (const std::string& process : scenario_.processes()) kill(std::stoi(process), SIGTERM);
  for (int i = 0; i < 600 && !scenario_.processes().empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const std::string checked = scenario_.home() + "/checked";
  ASSERT_EQ(
      run_program({"cp", "-a", fmt::format("{}/{}/data", scenario_.copies(), scenario_.live_copy()), checked})
          .status,
      0);
  fs::remove(checked + "/postmaster.pid");
  std::string checks = kCheckIndexes;
  if (postgres_major() >= 14) checks += kCheckHeaps;
  const RunResult amcheck = run_program({postgres_bin_dir() + "/postgres", "--single", "-j", "-D", checked,
                                         "-c", "exit_on_error=on", "-c", "search_path=public", "shop"},
                                        server_user(), checks);
  EXPECT_EQ(amcheck.status, 0) << amcheck.out << amcheck.err;
  EXPECT_THAT(amcheck.out, Not(HasSubstr("damaged: "))) << amcheck.out;
}

}  // namespace
}  // namespace ytb::testing
