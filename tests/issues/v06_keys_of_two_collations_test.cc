// V6: a foreign key between columns of two collations could not be asked (42P22), and no copy was ever
// opened.
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

class V06 : public ::testing::Test {
 protected:
  void refresh_as(const std::string& collations, int status = 0) {
    scenario_.production().run(
        "shop", collations +
                    "INSERT INTO a SELECT 'k' || g FROM generate_series(1, 20) g;"
                    "INSERT INTO b SELECT 'k' || g, 'm' || g || '@raw.test' FROM generate_series(1, 20) g;");
    scenario_.write_policy("    public.a: {k: hash}\n    public.b: {k: hash, mail: email}\n");
    scenario_.accept();
    scenario_.take_snapshot("monday");
    scenario_.refresh(status);
    EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM a JOIN b ON a.k = b.k COLLATE \"C\""), "20");
  }
  Scenario scenario_;
};

TEST_F(V06, OfTheServersOwn) {
  refresh_as(
      "CREATE TABLE a (k text COLLATE \"C\" PRIMARY KEY); CREATE TABLE b (k text COLLATE \"POSIX\" "
      "REFERENCES a, "
      "mail text);");
}

TEST_F(V06, OfProductionsOwnInASchemaWithASpace) {
  refresh_as(
      "CREATE SCHEMA \"odd one\"; CREATE COLLATION \"odd one\".\"Mine\" (provider = icu, locale = 'de');"
      "CREATE TABLE a (k text COLLATE \"odd one\".\"Mine\" PRIMARY KEY); CREATE TABLE b (k text COLLATE "
      "\"C\" "
      "REFERENCES a, mail text);");
}

TEST_F(V06, OfOneColumnAmongSeveral) {
  scenario_.production().run("shop",
                             "CREATE TABLE p (n int, k text COLLATE \"C\", PRIMARY KEY (n, k)); CREATE TABLE "
                             "c (n int, k text COLLATE "
                             "\"POSIX\", mail text, FOREIGN KEY (n, k) REFERENCES p); INSERT INTO p VALUES "
                             "(1, 'x'); INSERT INTO c VALUES "
                             "(1, 'x', 'm@raw.test')");
  scenario_.write_policy("    public.p: {n: keep, k: hash}\n    public.c: {n: keep, k: hash, mail: email}\n");
  scenario_.accept();
  scenario_.take_snapshot("monday");
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM p JOIN c ON p.n = c.n AND p.k = c.k COLLATE \"C\""),
            "1");
}

}  // namespace
}  // namespace ytb::testing
