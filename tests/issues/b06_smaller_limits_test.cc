// B6: `settings: {max_connections: 50}` was silently ignored where production has more.
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

TEST(B06, WhatTheUserAsksForHoldsOnceTheCopyIsOpen) {
  Scenario::Options options;
  options.production.settings = {
      {"max_connections", "300"}, {"max_worker_processes", "20"}, {"max_locks_per_transaction", "256"}};
  options.copies_extra =
      "        settings: {max_connections: 40, max_worker_processes: 4, max_locks_per_transaction: 100}\n";
  Scenario scenario(options);
  scenario.prepare_users();
  scenario.refresh();
  EXPECT_EQ(scenario.staging_value("SHOW max_connections"), "40");
  EXPECT_EQ(scenario.staging_value("SHOW max_worker_processes"), "4");
  EXPECT_EQ(scenario.staging_value("SHOW max_locks_per_transaction"), "100");
}

TEST(B06, WhatNobodyAsksForIsAsInProduction) {
  Scenario::Options options;
  options.production.settings = {{"max_connections", "70"}};
  Scenario scenario(options);
  scenario.prepare_users();
  scenario.refresh();
  EXPECT_EQ(scenario.staging_value("SHOW max_connections"), "70");
}

}  // namespace
}  // namespace ytb::testing
