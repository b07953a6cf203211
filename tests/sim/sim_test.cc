#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "sim/simulator.h"

namespace ytb::sim {
namespace {

#ifdef YTB_SANITIZED
constexpr uint64_t kSeeds = 1000;
#else
constexpr uint64_t kSeeds = 2000;
constexpr uint64_t kSeedsLong = 20000;
#endif
constexpr int kFailuresShown = 5;

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void show(uint64_t seed) {
  Verdict verdict = simulate(seed, {.keep_history = true});
  for (const std::string& line : verdict.history) fmt::print("  {}\n", line);
}

void live(uint64_t begin, uint64_t end) {
  std::map<std::string, int> reached;
  int failures = 0;
  uint64_t actions = 0;
  for (uint64_t seed = begin; seed < end && failures < kFailuresShown; ++seed) {
    Verdict verdict = simulate(seed, {});
    for (const auto& [what, times] : verdict.reached) reached[what] += times;
    actions += static_cast<uint64_t>(verdict.actions);
    if (verdict.violations.empty()) continue;
    ++failures;
    ADD_FAILURE() << "seed " << seed << ": " << verdict.violations.front()
                  << "\nreplay: " << replay_command(seed);
  }
  // A storm that never blows proves nothing.
  for (const char* what :
       {"fail", "never", "in_doubt", "lie", "crash", "hang", "stale", "unknown", "check", "tie",
        "snapshot_gone", "clock_back", "reboot", "meddled", "policy", "two_at_once", "rollback", "delete"}) {
    EXPECT_GT(reached[what], 50) << what;
  }
  EXPECT_GT(actions, (end - begin) * 10);
}

TEST(Simulator, Seeds) {
  if (std::getenv("YTB_SIM_SEED") != nullptr) {
    uint64_t seed = number_from("YTB_SIM_SEED", 0);
    show(seed);
    EXPECT_TRUE(simulate(seed, {}).violations.empty());
    return;
  }
  live(0, number_from("YTB_SIM_SEEDS", kSeeds));
}

#ifndef YTB_SANITIZED
TEST(SimulatorLong, TheNextSeeds) { live(kSeeds, kSeedsLong); }
#endif

TEST(Simulator, SameSeedSameLife) {
  for (const uint64_t seed : {1U, 77U, 4242U}) {
    EXPECT_EQ(simulate(seed, {.keep_history = true}).history, simulate(seed, {.keep_history = true}).history);
  }
}

}  // namespace
}  // namespace ytb::sim
