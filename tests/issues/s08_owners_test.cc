// S8: what a role owns whose name pg_ident.conf could not carry stopped every refresh, and so did more owners
// than the server has connections: each kept its session to the end.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

constexpr int kTenants = 30;

std::string production_of_many() {
  std::string sql = R"sql(
    CREATE TABLE people (id int, email text);
    INSERT INTO people VALUES (1, 'real@person.test');
    GRANT SELECT ON people TO PUBLIC;
    CREATE FUNCTION email_of(i int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
      'BEGIN RETURN (SELECT email FROM public.people WHERE id = i); END';
    CREATE FUNCTION give(role text, name text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
      EXECUTE format('CREATE ROLE %I', role);
      EXECUTE format('CREATE TABLE %I (id int, g text GENERATED ALWAYS AS (email_of(id)) STORED)', name);
      EXECUTE format('INSERT INTO %I VALUES (1)', name);
      EXECUTE format('CREATE INDEX ON %I (email_of(id))', name);
      EXECUTE format('ALTER TABLE %I OWNER TO %I', name, role);
    END $$;
    SELECT give('CORP\jane', 'a1'), give('/+.*[s]"las\h', 'a2'), give('trailing\', 'a3'),
           give(E'two\nlines', 'a4');
    ALTER TABLE a4 DROP COLUMN g;)sql";
  for (int i = 1; i <= kTenants; ++i) sql += fmt::format("SELECT give('tenant{0}', 't{0}');", i);
  return sql;
}

TEST(S08Owners, OfAnyNameAndNumberComputeWhatIsTheirs) {
  Scenario::Options options;
  options.production.settings = {{"max_connections", "25"}};
  Scenario scenario(options);
  scenario.production().run("shop", production_of_many());
  std::string tables = "    public.people: {id: keep, email: email}\n";
  std::string all;
  for (const char* name : {"a1", "a2", "a3", "a4"}) tables += fmt::format("    public.{}: keep\n", name);
  for (int i = 1; i <= kTenants; ++i) {
    tables += fmt::format("    public.t{}: keep\n", i);
    all += fmt::format(" UNION ALL SELECT g FROM t{}", i);
  }
  scenario.write_policy(tables);
  scenario.accept();
  scenario.take_snapshot("monday");
  scenario.refresh();
  EXPECT_EQ(
      scenario.staging_value(fmt::format("SELECT count(*) FROM (SELECT g FROM a1 UNION ALL SELECT g FROM "
                                         "a2 UNION ALL SELECT g FROM a3{}) x JOIN people p ON p.email = "
                                         "x.g AND g NOT LIKE '%person.test'",
                                         all)),
      std::to_string(kTenants + 3));
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
                                   "WHERE c.relname LIKE '%email_of_idx' AND indisvalid"),
            std::to_string(kTenants + 4));
}

}  // namespace
}  // namespace ytb::testing
