// B5: rows that refer to nothing in production already, under a valid foreign key, failed every proof.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

class B05Orphans : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.production().run("shop", R"sql(
      CREATE TABLE a (id int PRIMARY KEY, mail text);
      CREATE TABLE t (id int, a int REFERENCES a, b int CONSTRAINT second REFERENCES a, mail text);
      INSERT INTO a SELECT g, 'a' || g || '@raw.test' FROM generate_series(1, 10) g;
      INSERT INTO t SELECT g, 1 + g % 10, NULL, 'm' || g || '@raw.test' FROM generate_series(1, 50) g;
      SET session_replication_role = replica;
      DELETE FROM a WHERE id IN (3, 4))sql");
  }
  void policy(const std::string& tables) {
    scenario_.write_policy(tables);
    scenario_.accept();
    scenario_.take_snapshot("monday");
  }
  Scenario scenario_;
};

TEST_F(B05Orphans, ThoseOfProductionAreForgivenAndNamed) {
  policy("    public.a: {id: hash, mail: email}\n    public.t: {id: keep, a: hash, b: hash, mail: email}\n");
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM t LEFT JOIN a ON a.id = t.a WHERE a.id IS NULL"),
            "10");
  EXPECT_THAT(scenario_.proof(), HasSubstr("10 rows of"));
  EXPECT_THAT(scenario_.proof(), HasSubstr("referred to nothing in production already"));
}

TEST_F(B05Orphans, ANewOneIsNot) {
  policy("    public.a: {id: keep, mail: email}\n    public.t: {id: keep, a: keep, b: keep, mail: email}\n");
  const RunResult refused = scenario_.betrayed_ytb(
      "stage:verify", "SET session_replication_role = replica; DELETE FROM a WHERE id = 5", {"refresh"});
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.out + refused.err, HasSubstr("15 rows of"));
  EXPECT_EQ(scenario_.live_copy(), "");
}

TEST_F(B05Orphans, WhereTheChildIsEmptiedNothingIsLeftToForgive) {
  policy("    public.a: {id: keep, mail: email}\n    public.t: {rows: none}\n");
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM t"), "0");
}

}  // namespace
}  // namespace ytb::testing
