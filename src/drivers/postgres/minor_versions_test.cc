#include "drivers/postgres/minor_versions.h"

#include <gtest/gtest.h>

namespace ytb::postgres {
namespace {

TEST(MinorVersions, aFunctionMayPromiseLessNeverMore) {
  const Promises stable{.volatility = "s", .parallel = "r"};
  EXPECT_TRUE(promises_no_more(stable, stable));
  EXPECT_TRUE(promises_no_more({.volatility = "v", .parallel = "u"}, stable));
  EXPECT_TRUE(promises_no_more({.volatility = "s", .parallel = "u"}, {.volatility = "i", .parallel = "s"}));
  EXPECT_FALSE(promises_no_more({.volatility = "i", .parallel = "r"}, stable));
  EXPECT_FALSE(promises_no_more({.volatility = "s", .parallel = "s"}, stable));
  for (const char* other : {"", "x", "vs"}) {
    EXPECT_FALSE(promises_no_more({.volatility = other, .parallel = "r"}, stable)) << other;
    EXPECT_FALSE(promises_no_more({.volatility = "s", .parallel = other}, stable)) << other;
  }
}

}  // namespace
}  // namespace ytb::postgres
