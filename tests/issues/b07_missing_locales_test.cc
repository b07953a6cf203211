// B7: what waiting cannot heal was green in `check`: a locale that this host does not have, of a database or
// of a column, and the hint of a server that did not start spoke of WAL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(B07, CheckNamesTheLocaleOfAColumn) {
  Scenario scenario;
  scenario.prepare_users();
  EXPECT_THAT(scenario.ytb({"check"}).out, Not(HasSubstr("locale")));
  // As a production on another host has it.
  scenario.production().run(
      "shop",
      "CREATE COLLATION gone (LC_COLLATE = 'C', LC_CTYPE = 'C'); CREATE TABLE words (w text "
      "COLLATE gone); UPDATE pg_collation SET collcollate = 'xx_YY.utf8', collctype = "
      "'xx_YY.utf8' WHERE collname = 'gone'; CREATE COLLATION unused (LC_COLLATE = 'C', "
      "LC_CTYPE = 'C'); UPDATE pg_collation SET collcollate = 'zz_ZZ' WHERE collname = 'unused'");
  const RunResult check = scenario.ytb({"check"});
  EXPECT_NE(check.status, 0);
  EXPECT_THAT(check.out, AllOf(HasSubstr("xx_YY.utf8 of shop"), Not(HasSubstr("zz_ZZ"))));
}

TEST(B07, CheckNamesTheLocaleOfTheDatabaseAndTheRefreshSaysToInstallIt) {
  Scenario scenario;
  scenario.prepare_users();
  scenario.production().run(
      "template1",
      "CREATE DATABASE other; UPDATE pg_database SET datcollate = 'xx_YY.utf8', datctype = "
      "'xx_YY.utf8' WHERE datname = 'other'");
  scenario.write_policy("    public.users: {id: keep, email: email}\n", "  other: keep\n");
  scenario.take_snapshot("tuesday");
  const RunResult refused = scenario.ytb({"refresh"});
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.out + refused.err, HasSubstr("install that locale"));
  EXPECT_THAT(refused.out + refused.err, Not(HasSubstr("may lack WAL")));
}

}  // namespace
}  // namespace ytb::testing
