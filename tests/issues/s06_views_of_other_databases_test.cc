// S6: a materialized view stayed raw in a database in which nothing is masked; and such databases were
// refused for ever where they held nothing else, or an analysed foreign table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

TEST(S06, ViewsOfKeptAndOmittedDatabases) {
  Scenario scenario;
  PostgresCluster& production = scenario.production();
  production.run("shop",
                 "CREATE TABLE people (id int, email text); INSERT INTO people VALUES (1, "
                 "'real@person.test');");
  for (const char* database : {"reports", "attic", "links"})
    production.run("template1", std::string("CREATE DATABASE ") + database);
  // Its rows are gone from the table; a second view copies the first, a third has an index and statistics.
  production.run("reports", R"sql(
    CREATE TABLE leads (id int, email text);
    INSERT INTO leads SELECT g, 'ghost' || g || '@person.test' FROM generate_series(1, 200) g;
    CREATE MATERIALIZED VIEW lead_mails AS SELECT id, email FROM leads;
    CREATE MATERIALIZED VIEW lead_copies AS SELECT * FROM lead_mails;
    CREATE UNIQUE INDEX ON lead_copies (email);
    CREATE MATERIALIZED VIEW never AS SELECT email FROM leads WITH NO DATA;
    ANALYZE;
    DELETE FROM leads;
    VACUUM FULL leads;)sql");
  production.run("attic",
                 "CREATE MATERIALIZED VIEW old AS SELECT 'ghost@person.test'::text AS email; ANALYZE;");
  { std::ofstream(scenario.snapshots() + "/rows.csv") << "ghost@person.test\nghost2@person.test\n"; }
  production.run("links",
                 "CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; "
                 "CREATE FOREIGN TABLE far (email text) SERVER files OPTIONS (filename '" +
                     scenario.snapshots() + "/rows.csv'); ANALYZE far; CREATE TABLE near (id int);");
  ASSERT_EQ(production.value("links", "SELECT count(*) FROM pg_stats WHERE tablename = 'far'"), "1");
  unlink((scenario.snapshots() + "/rows.csv").c_str());
  scenario.write_policy("    public.people: {id: keep, email: email}\n",
                        "  reports: keep\n  attic: omit\n  links: keep\n");
  scenario.accept();
  scenario.take_snapshot("day0");
  scenario.refresh();
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM lead_mails", "reports"), "0");
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM lead_copies", "reports"), "0");
  EXPECT_EQ(scenario.staging_value(
                "SELECT count(*) FROM pg_class WHERE relname = 'never' AND NOT relispopulated", "reports"),
            "1");
  EXPECT_EQ(
      scenario.staging_value("SELECT count(*) FROM pg_stats WHERE schemaname = 'public' AND "
                             "most_common_vals::text || coalesce(histogram_bounds::text, '') LIKE '%ghost%'",
                             "reports"),
      "0");
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM pg_stats WHERE tablename = 'far'", "links"), "0");
  const std::string base = scenario.copies() + "/" + scenario.live_copy() + "/data/base";
  RunResult found = run_program({"grep", "-rl", "ghost[0-9]*@person", base});
  EXPECT_EQ(found.out, "");
}

}  // namespace
}  // namespace ytb::testing
