// S8: stored generated columns and expression indexes whose function looks into another table were computed
// while that table was raw; those of kept tables stayed so.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

constexpr std::string_view kProduction = R"sql(
  CREATE TABLE customer (id int PRIMARY KEY, name text);
  INSERT INTO customer SELECT g, 'Realname ' || g FROM generate_series(1, 20) g;
  CREATE FUNCTION label_of(i int) RETURNS text IMMUTABLE LANGUAGE sql AS
    $$ SELECT name FROM public.customer WHERE id = i $$;
  CREATE TABLE orders (id int, customer_id int, note text,
                       label text GENERATED ALWAYS AS (label_of(customer_id)) STORED);
  INSERT INTO orders SELECT g, 1 + g % 20, repeat('n', 100) FROM generate_series(1, 5000) g;
  CREATE INDEX orders_label ON orders ((label_of(customer_id)));
  CREATE TABLE kept (id int, customer_id int, label text GENERATED ALWAYS AS (label_of(customer_id)) STORED);
  INSERT INTO kept SELECT g, 1 + g % 20 FROM generate_series(1, 50) g;
  CREATE TABLE big (id int, email text, pad text);
  INSERT INTO big SELECT g, 'real' || g || '@person.test', repeat(md5(g::text), 20)
    FROM generate_series(1, 20000) g;
  -- A kept partition with an expression index and a column that may not be NULL, published, with a rule.
  CREATE TABLE visits (id int, customer_id int,
    label text GENERATED ALWAYS AS (label_of(customer_id)) STORED NOT NULL) PARTITION BY RANGE (id);
  CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM (1) TO (1000);
  CREATE INDEX visits_label ON visits ((label_of(customer_id) || '!'));
  INSERT INTO visits SELECT g, 1 + g % 20 FROM generate_series(1, 50) g;
  ALTER TABLE visits_1 FORCE ROW LEVEL SECURITY;
  ALTER TABLE visits_1 ENABLE ROW LEVEL SECURITY;
  CREATE PUBLICATION everything FOR ALL TABLES;
  CREATE RULE nothing AS ON UPDATE TO kept DO INSTEAD NOTHING;
  -- A column that reads another one of its kind, and a domain whose default is a function's.
  CREATE FUNCTION kept_label(i int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN RETURN (SELECT label FROM public.kept WHERE id = i); END $$;
  CREATE DOMAIN tag AS text DEFAULT label_of(1) @ CHECK (VALUE <> '');
  CREATE TABLE before_kept (id int, label tag GENERATED ALWAYS AS (kept_label(id)) STORED);
  INSERT INTO before_kept SELECT g FROM generate_series(1, 50) g;
  ANALYZE;)sql";

class S08 : public ::testing::TestWithParam<int> {};

TEST_P(S08, ColumnsAndIndexesThatLookIntoOtherTables) {
  Scenario scenario;
  std::ifstream in(scenario.config_file());
  std::stringstream text;
  text << in.rdbuf();
  std::string config = text.str();
  config.replace(config.find("workers: 2"), 10, fmt::format("workers: {}", GetParam()));
  std::ofstream(scenario.config_file()) << config;
  // 13 fills a generated column of such a domain by no INSERT.
  const bool not_null = postgres_major() >= 14;
  std::string script(kProduction);
  script.replace(script.find(" @ "), 3, not_null ? " NOT NULL " : " ");
  scenario.production().run("shop", script);
  scenario.write_policy(R"(    public.customer: {id: keep, name: person_name}
    public.big: {id: keep, email: email, pad: hash}
    public.orders: {id: keep, customer_id: keep, note: hash}
    public.kept: keep
    public.visits: keep
    public.before_kept: keep
)");
  scenario.accept();
  scenario.take_snapshot("day0");
  scenario.refresh();
  for (const char* table : {"orders", "kept", "visits"}) {
    EXPECT_EQ(
        scenario.staging_value(fmt::format("SELECT count(*) = count(*) FILTER (WHERE t.label = c.name) AND "
                                           "count(*) > 0 FROM {} t JOIN customer c ON c.id = "
                                           "t.customer_id WHERE c.name NOT LIKE 'Realname%'",
                                           table)),
        "t")
        << table;
  }
  EXPECT_EQ(scenario.staging_value(
                "SELECT count(*) FROM before_kept b JOIN kept k USING (id) WHERE b.label = k.label"),
            "50");
  EXPECT_EQ(
      scenario.staging_value("SELECT count(*) FROM pg_attribute WHERE attgenerated = 's' AND atthasdef"),
      "5");
  EXPECT_EQ(
      scenario.staging_value("SELECT count(*) FROM pg_attribute WHERE attgenerated = 's' AND attnotnull"),
      "2");
  EXPECT_EQ(
      scenario.staging_value("SELECT typnotnull::text || (typdefaultbin IS NOT NULL) FROM pg_type WHERE "
                             "typname = 'tag'"),
      not_null ? "truetrue" : "falsetrue");
  EXPECT_EQ(
      scenario.staging_value("SELECT count(*) FROM pg_class WHERE relname = 'visits_1' AND relispartition "
                             "AND relforcerowsecurity AND relrowsecurity AND relreplident = 'd'"),
      "1");
  EXPECT_EQ(
      scenario.staging_value("SELECT count(*) FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class AND "
                             "c.relname = 'kept' AND c.relhasrules"),
      "1");
  const std::string base = scenario.copies() + "/" + scenario.live_copy() + "/data/base";
  EXPECT_EQ(run_program({"grep", "-rl", "Realname [0-9]", base}).out, "") << "in files";
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM pg_stats WHERE schemaname = 'public' AND "
                                   "most_common_vals::text LIKE '%Realname%'"),
            "0");
}
INSTANTIATE_TEST_SUITE_P(Workers, S08, ::testing::Values(1, 2, 8));

}  // namespace
}  // namespace ytb::testing
