// V11: a row that fills its page and may not be moved out of line has no room for a longer pseudonym. That is
// said with the table and what to do, and nothing opens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

TEST(V11, ARowThatFillsItsPageIsNamedWithAHint) {
  Scenario scenario;
  scenario.production().run("shop", R"sql(
    CREATE TABLE filled (id int PRIMARY KEY, email text, page text);
    ALTER TABLE filled ALTER email SET STORAGE PLAIN, ALTER page SET STORAGE PLAIN;
    INSERT INTO filled VALUES (1, 'a@b.io', repeat('x', 8120)))sql");
  scenario.write_policy("    public.filled: {id: keep, email: email, page: keep}\n");
  scenario.accept();
  scenario.take_snapshot("monday");
  const RunResult refused = scenario.ytb({"refresh"});
  EXPECT_EQ(refused.status, 4) << "no waiting heals it";
  const std::string said = refused.out + refused.err;
  EXPECT_THAT(said, HasSubstr("public.filled"));
  EXPECT_THAT(said, HasSubstr("STORAGE"));
  EXPECT_EQ(scenario.live_copy(), "");
}

}  // namespace
}  // namespace ytb::testing
