#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "aws/storm/simulator.h"

namespace ytb::storm {
namespace {

#ifdef YTB_SANITIZED
constexpr uint64_t kSeeds = 30;
#else
constexpr uint64_t kSeeds = 100;
constexpr uint64_t kSeedsLong = 200;
#endif
constexpr int kFailuresShown = 5;
constexpr int kThreads = 2;

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class Storm : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(fakes::aws::FakeAws::available(), "") << "tools/setup installs botocore's models";
  }
};

void live_to(uint64_t seeds) {
  std::atomic<uint64_t> next{0};
  std::mutex mutex;
  std::map<std::string, int> reached;
  std::map<uint64_t, std::string> failed;
  uint64_t actions = 0;
  auto live_on = [&] {
    for (uint64_t seed = next++; seed < seeds; seed = next++) {
      Verdict verdict = simulate(seed, {});
      const std::lock_guard lock(mutex);
      for (const auto& [what, times] : verdict.reached) reached[what] += times;
      actions += static_cast<uint64_t>(verdict.actions);
      if (!verdict.violations.empty()) failed[seed] = verdict.violations.front();
      if (failed.size() >= kFailuresShown) next = seeds;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(live_on);
  for (std::thread& thread : threads) thread.join();
  for (const auto& [seed, what] : failed)
    ADD_FAILURE() << "seed " << seed << ": " << what << "\nreplay: " << replay_command(seed);
  if (!failed.empty()) return;
  // A storm that never blows proves nothing; a short one does not blow from everywhere.
  EXPECT_GT(actions, seeds * 8);
  if (seeds < 200) return;
  for (const char* what : {"crash", "stop", "two_at_once", "creating", "snapshot_gone", "clock",
                           "tag_written", "name_taken", "rollback", "delete", "check"}) {
    EXPECT_GT(reached[what], static_cast<int>(seeds / 200)) << what;
  }
  for (int kind = 0; kind < 11; ++kind)
    EXPECT_GT(reached[fmt::format("fault_{}", kind)], static_cast<int>(seeds / 8)) << kind;
}

TEST_F(Storm, Seeds) {
  if (std::getenv("YTB_STORM_SEED") != nullptr) {
    const Verdict verdict = simulate(number_from("YTB_STORM_SEED", 0), {.keep_history = true});
    for (const std::string& line : verdict.history) fmt::print("  {}\n", line);
    EXPECT_TRUE(verdict.violations.empty()) << verdict.violations.front();
    return;
  }
  live_to(number_from("YTB_STORM_SEEDS", kSeeds));
}

#ifndef YTB_SANITIZED
using StormLong = Storm;
TEST_F(StormLong, Seeds) { live_to(kSeedsLong); }
#endif

TEST_F(Storm, SameSeedSameLife) {
  for (const uint64_t seed : {1U, 6U, 8U}) {
    EXPECT_EQ(simulate(seed, {.keep_history = true}).history, simulate(seed, {.keep_history = true}).history);
  }
}

}  // namespace
}  // namespace ytb::storm
