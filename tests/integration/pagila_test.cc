// The sample database Pagila as production: a full policy, and not one customer, staff member or actor left.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "integration/scenario.h"
#include "support/sample_data.h"

namespace ytb::testing {
namespace {

// Everything a person could read in a database, as one text: every column of every table, view and
// materialized view, row by row in the record form ("(1,MARY,SMITH,…)"), and what pg_stats shows.
std::string everything_readable(const std::string& connection) {
  const std::string each_relation =
      "SELECT format('SELECT r::text FROM %I.%I r', n.nspname, c.relname) "
      "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
      "WHERE c.relkind IN ('r','p','v','m') AND n.nspname NOT IN "
      "('pg_catalog','information_schema','pg_toast') ORDER BY 1";
  RunResult relations =
      run_program({postgres_bin_dir() + "/psql", "-XAt", "-d", connection, "-c", each_relation});
  EXPECT_EQ(relations.status, 0) << relations.err;
  std::string script;
  std::istringstream lines(relations.out);
  for (std::string line; std::getline(lines, line);) script += line + ";\n";
  script +=
      "SELECT tablename, attname, most_common_vals::text, histogram_bounds::text FROM pg_stats "
      "WHERE schemaname = 'public';\n";
  RunResult rows = run_program({postgres_bin_dir() + "/psql", "-XAt", "-d", connection}, {}, script);
  EXPECT_EQ(rows.status, 0) << rows.err;
  return rows.out;
}

size_t count_found(const std::string& text, const std::set<std::string>& words) {
  size_t found = 0;
  for (const std::string& word : words) {
    if (text.find(word) != std::string::npos) ++found;
  }
  return found;
}

TEST(Pagila, RefreshWithAFullPolicyLeavesNobody) {
  if (!std::ifstream(tests::sample_file("pagila.sql.gz"))) {
    GTEST_SKIP() << "the sample database pagila.sql.gz is not on this machine (set YTB_SAMPLE_DATA)";
  }
  Scenario::Options options;
  options.database = "pagila";
  Scenario scenario(options);
  PostgresCluster& production = scenario.production();
  RunResult sql = run_program({"gzip", "-dc", tests::sample_file("pagila.sql.gz")});
  ASSERT_EQ(sql.status, 0);
  // psql, because the dump brings its rows by COPY.
  RunResult loaded = run_program(
      {postgres_bin_dir() + "/psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", production.connection("pagila")},
      {}, sql.out);
  ASSERT_EQ(loaded.status, 0) << loaded.err;
  production.run("pagila",
                 "CREATE MATERIALIZED VIEW customer_mails AS SELECT customer_id, lower(email) AS mail, "
                 "first_name || ' ' || last_name AS name FROM customer; ANALYZE");
  std::ifstream policy(std::string(YTB_SOURCE_DIR) + "/tests/integration/pagila_policy.yaml");
  scenario.write_policy(std::string(std::istreambuf_iterator<char>(policy), {}), R"(survivors:
  search: prose
  allow:
    pagila:
      public.city.city: districts and actors are called as cities are
      public.country.country: so are countries
      public.film.title: titles are made of words that are names, too
      public.film.description: so are descriptions
      public.film.fulltext: both
      public.film.meta: both
)");
  scenario.accept();
  scenario.take_snapshot("monday");
  scenario.refresh();

  // Who is in production: e-mails, and names in every form in which a row or a view shows them.
  std::set<std::string> people;
  for (const auto& row : production.rows("pagila",
                                         "SELECT email, lower(email), first_name || ',' || last_name, "
                                         "first_name || ' ' || last_name, "
                                         "initcap(first_name) || ' ' || initcap(last_name) FROM customer")) {
    people.insert(row.begin(), row.end());
  }
  for (const auto& row :
       production.rows("pagila",
                       "SELECT first_name || ',' || last_name, first_name || ' ' || last_name, "
                       "initcap(first_name || ' ' || last_name) FROM actor "
                       "UNION SELECT email, first_name || ',' || last_name, password FROM staff")) {
    people.insert(row.begin(), row.end());
  }
  const std::string staging = scenario.staging("pagila");
  const std::string before = everything_readable(production.connection("pagila"));
  const std::string after = everything_readable(staging);
  EXPECT_GE(count_found(before, people), 600U) << "the search does not find what it should in production";
  for (const std::string& person : people) EXPECT_EQ(after.find(person), std::string::npos) << person;

  // Nothing is taken away but power: rewards_report, SECURITY DEFINER and once a superuser's, stays as it is.
  EXPECT_EQ(dump_schema_of(staging), production.dump_schema("pagila"));
  const std::string counts =
      "SELECT c.relname, (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %I', "
      "c.relname), "
      "false, true, '')))[1]::text FROM pg_class c WHERE relkind IN ('r','p','m') AND relnamespace = "
      "'public'::regnamespace ORDER BY 1";
  EXPECT_EQ(scenario.staging_rows(counts), production.rows("pagila", counts));

  // Views, partitions, full-text search and triggers still work.
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM customer_list"), "599");
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM actor_info"), "200");
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM payment_p2020_03"),
            production.value("pagila", "SELECT count(*) FROM payment_p2020_03"));
  EXPECT_EQ(
      scenario.staging_value("SELECT count(*) FROM film WHERE fulltext @@ to_tsquery('astronaut')"),
      production.value("pagila", "SELECT count(*) FROM film WHERE fulltext @@ to_tsquery('astronaut')"));
  EXPECT_EQ(
      scenario.staging_value("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O'"),
      production.value("pagila",
                       "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O'"));
  // The same person is the same pseudonym in the table and in the materialized view.
  EXPECT_EQ(
      scenario.staging_value(
          "SELECT count(*) FROM customer JOIN customer_mails USING (customer_id) WHERE lower(email) = mail"),
      "599");
  EXPECT_EQ(scenario.staging_value("SELECT count(DISTINCT email) FROM customer"), "599");
}

}  // namespace
}  // namespace ytb::testing
