// V4: production with WAL segments of 64 MB could not be restored: min_wal_size must be two segments.
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

class V04 : public ::testing::TestWithParam<int> {};

TEST_P(V04, ACopyStartsWithSegmentsOfThatSize) {
  Scenario::Options options;
  options.production.wal_segment_mb = GetParam();
  Scenario scenario(options);
  scenario.prepare_users();
  scenario.refresh();
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM users WHERE email NOT LIKE '%real.test'"), "100");
  EXPECT_EQ(scenario.staging_value("SELECT pg_size_bytes(current_setting('wal_segment_size')) / 1048576"),
            std::to_string(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Megabytes, V04, ::testing::Values(1, 64, 256));

}  // namespace
}  // namespace ytb::testing
