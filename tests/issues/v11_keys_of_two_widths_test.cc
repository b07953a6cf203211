// V11: a foreign key from a bigint to an integer could not be hashed, though docs/maskers.md says that equal
// integers stay equal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

TEST(V11, KeysOfIntegersOfAnyWidthAreHashedAlike) {
  Scenario scenario;
  // Values of every tier that each type has, and negative ones.
  scenario.production().run("shop", R"sql(
    CREATE TABLE parents (id int PRIMARY KEY);
    CREATE TABLE small_parents (id smallint PRIMARY KEY);
    CREATE TABLE children (id bigint PRIMARY KEY, parent bigint REFERENCES parents,
                           small_parent bigint REFERENCES small_parents);
    INSERT INTO small_parents SELECT g FROM generate_series(-300, 300) g;
    INSERT INTO parents SELECT g FROM generate_series(-300, 300) g
      UNION SELECT sign * ((1::bigint << bit) - 1) FROM generate_series(14, 31) bit, (VALUES (1), (-1)) s(sign)
      UNION SELECT sign * ((1::bigint << bit) - 2) FROM generate_series(14, 31) bit, (VALUES (1), (-1)) s(sign);
    INSERT INTO children SELECT row_number() OVER (), id, CASE WHEN abs(id) <= 300 THEN id END FROM parents)sql");
  const std::string pairs =
      "SELECT count(*) || ' ' || count(s.id) FROM children c JOIN parents p ON p.id = c.parent LEFT JOIN "
      "small_parents s ON s.id = c.small_parent";
  const std::string before = scenario.production().value("shop", pairs);
  scenario.write_policy(
      "    public.parents: {id: hash}\n"
      "    public.small_parents: {id: hash}\n"
      "    public.children: {id: hash, parent: hash, small_parent: hash}\n");
  scenario.accept();
  scenario.take_snapshot("monday");
  scenario.refresh();
  EXPECT_EQ(scenario.staging_value(pairs), before);
}

TEST(V11, AKeyWhoseSidesWouldPartIsRefusedWithThePolicy) {
  Scenario scenario;
  scenario.production().run("shop", R"sql(
    CREATE TABLE parents (id numeric PRIMARY KEY);
    CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents))sql");
  scenario.write_policy(
      "    public.parents: {id: number_noise}\n    public.children: {id: keep, parent: number_noise}\n");
  const RunResult checked = scenario.ytb({"policy", "check"});
  EXPECT_EQ(checked.status, 4);
  EXPECT_THAT(checked.out + checked.err, HasSubstr("the two sides would no longer match"));
}

}  // namespace
}  // namespace ytb::testing
