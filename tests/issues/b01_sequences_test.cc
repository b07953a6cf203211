// B1: after `hash` on a key, the sequence that fills it gave staging a value that was taken: where it belongs
// to a partitioned parent, or to nothing and is only named by a default.
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

TEST(B01, SequencesOfParentsAndOfDefaultsHaveRoom) {
  Scenario scenario;
  scenario.production().run("shop", R"sql(
    CREATE TABLE parts (id bigserial, k int, note text) PARTITION BY LIST (k);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
    CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
    CREATE SEQUENCE loose;
    CREATE TABLE loosely (id int DEFAULT nextval('loose') PRIMARY KEY, note text);
    CREATE TABLE above (id serial, note text);
    CREATE TABLE below () INHERITS (above);
    INSERT INTO parts (k, note) SELECT 1 + g % 2, 'raw' FROM generate_series(1, 300) g;
    INSERT INTO loosely (note) SELECT 'raw' FROM generate_series(1, 300) g;
    INSERT INTO below (note) SELECT 'raw' FROM generate_series(1, 300) g;)sql");
  scenario.write_policy(
      "    public.parts: {id: hash, k: keep, note: hash}\n    public.loosely: {id: hash, note: hash}\n"
      "    public.above: {id: hash, note: hash}\n    public.below: {id: hash, note: hash}\n");
  scenario.accept();
  scenario.take_snapshot("monday");
  scenario.refresh();
  for (const char* query : {"SELECT (SELECT last_value FROM parts_id_seq) >= max(id) FROM parts",
                            "SELECT (SELECT last_value FROM loose) >= max(id) FROM loosely",
                            "SELECT (SELECT last_value FROM above_id_seq) >= max(id) FROM above"}) {
    EXPECT_EQ(scenario.staging_value(query), "t") << query;
  }
}

}  // namespace
}  // namespace ytb::testing
