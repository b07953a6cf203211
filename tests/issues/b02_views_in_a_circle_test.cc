// B2: two plain views that read each other (legal: only using them fails) blocked every refresh.
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

TEST(B02, PlainViewsThatReadEachOther) {
  Scenario scenario;
  scenario.production().run("shop", R"sql(
    CREATE TABLE people (id int, email text);
    INSERT INTO people VALUES (1, 'real@person.test');
    CREATE VIEW a AS SELECT 1 AS x;
    CREATE VIEW b AS SELECT x FROM a;
    CREATE OR REPLACE VIEW a AS SELECT x FROM b;
    CREATE VIEW itself AS SELECT 1 AS x;
    CREATE OR REPLACE VIEW itself AS SELECT x FROM itself;
    CREATE MATERIALIZED VIEW mails AS SELECT email FROM people;
    CREATE MATERIALIZED VIEW circled AS SELECT 1 AS y WHERE EXISTS (SELECT FROM people);
    CREATE VIEW c AS SELECT y AS x FROM circled;
    CREATE OR REPLACE VIEW b AS SELECT x FROM a UNION SELECT x FROM c;)sql");
  scenario.write_policy("    public.people: {id: keep, email: email}\n");
  scenario.accept();
  scenario.take_snapshot("day0");
  scenario.refresh();
  EXPECT_EQ(
      scenario.staging_value("SELECT count(*) FROM mails m JOIN people p USING (email) WHERE email NOT LIKE "
                             "'%@person.test'"),
      "1");
  EXPECT_EQ(scenario.staging_value("SELECT y FROM circled"), "1");
}

}  // namespace
}  // namespace ytb::testing
