// S7: a materialized view that reads another through a function was refreshed before it, from raw rows:
// PostgreSQL records no dependency for what a function's body reads.
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

// Each of the readers is older than what it reads, so that no order of creation helps.
constexpr std::string_view kProduction = R"sql(
  CREATE TABLE people (id int PRIMARY KEY, email text);
  INSERT INTO people SELECT g, 'real' || g || '@person.test' FROM generate_series(1, 20) g;
  CREATE FUNCTION contact_of(i int) RETURNS text STABLE LANGUAGE plpgsql AS $$
    BEGIN RETURN (SELECT e FROM public.mails WHERE id = i); END $$;
  CREATE FUNCTION all_reports() RETURNS TABLE (id int, contact text) STABLE LANGUAGE plpgsql AS $$
    BEGIN RETURN QUERY SELECT r.id, r.contact FROM public.report r; END $$;
  CREATE VIEW listed AS SELECT * FROM all_reports();
  CREATE MATERIALIZED VIEW summary AS SELECT id, contact FROM listed WITH NO DATA;
  CREATE MATERIALIZED VIEW tabled AS SELECT * FROM all_reports() WITH NO DATA;
  CREATE MATERIALIZED VIEW report AS SELECT id, contact_of(id) AS contact FROM people WITH NO DATA;
  CREATE MATERIALIZED VIEW mails AS SELECT id, email AS e FROM people;
  CREATE MATERIALIZED VIEW clock AS SELECT clock_timestamp() AS t, random() AS r;
  REFRESH MATERIALIZED VIEW report;
  REFRESH MATERIALIZED VIEW tabled;
  REFRESH MATERIALIZED VIEW summary;)sql";

TEST(S07, ViewsThatReadEachOtherThroughFunctions) {
  Scenario scenario;
  scenario.production().run("shop", kProduction);
  scenario.write_policy("    public.people: {id: keep, email: email}\n");
  scenario.accept();
  scenario.take_snapshot("day0");
  scenario.refresh();
  for (const char* view : {"report", "tabled", "summary"}) {
    EXPECT_EQ(scenario.staging_value(std::string("SELECT count(*) FROM ") + view +
                                     " v JOIN people p ON p.id = "
                                     "v.id AND p.email = v.contact WHERE contact NOT LIKE '%@person.test'"),
              "20")
        << view;
  }
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM mails WHERE e LIKE '%@person.test'"), "0");
  const std::string proof = scenario.proof();
  EXPECT_NE(proof.find("materialized view public.clock gives other rows each time"), std::string::npos)
      << proof;
  EXPECT_EQ(proof.find("materialized view public.report"), std::string::npos) << proof;
}

}  // namespace
}  // namespace ytb::testing
