#include "sim/breakages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

namespace ytb::sim {

// So that a failing test names the breakage instead of its bytes.
void PrintTo(const Breakage& breakage, std::ostream* out) { *out << breakage.name; }

namespace {

constexpr uint64_t kSeedsMax = 1000;

struct Caught {
  uint64_t seed = 0;
  std::string violation;  // empty: not caught
};

Caught first_caught(const Options& options) {
  for (uint64_t seed = 0; seed < kSeedsMax; ++seed) {
    Verdict verdict = simulate(seed, options);
    if (!verdict.violations.empty()) return {seed, verdict.violations.front()};
  }
  return {};
}

bool names_one_of(const std::string& violation, const std::vector<std::string>& promises) {
  return std::any_of(promises.begin(), promises.end(), [&](const std::string& promise) {
    return violation.find(promise + ":") != std::string::npos;
  });
}

class Breakages : public testing::TestWithParam<Breakage> {};

TEST_P(Breakages, IsCaught) {
  Caught caught = first_caught(GetParam().options);
  EXPECT_TRUE(names_one_of(caught.violation, GetParam().caught_as))
      << "seed " << caught.seed << ": '" << caught.violation << "'";
}

// The same mistake, and nobody asks check_action() first: the true world's own checks must see it.
class UnguardedBreakages : public Breakages {};

TEST_P(UnguardedBreakages, IsCaught) {
  Options options = GetParam().options;
  options.guarded = false;
  Caught caught = first_caught(options);
  EXPECT_TRUE(names_one_of(caught.violation, GetParam().caught_as))
      << "seed " << caught.seed << ": '" << caught.violation << "'";
}

std::vector<Breakage> unguarded_breakages() {
  std::vector<Breakage> all = breakages();
  std::erase_if(all, [](const Breakage& breakage) { return !breakage.unguarded; });
  return all;
}

std::string name_of_param(const testing::TestParamInfo<Breakage>& test) { return test.param.name; }

INSTANTIATE_TEST_SUITE_P(Deliberate, Breakages, testing::ValuesIn(breakages()), name_of_param);
INSTANTIATE_TEST_SUITE_P(Deliberate, UnguardedBreakages, testing::ValuesIn(unguarded_breakages()),
                         name_of_param);

// Without a mistake the same harness finds nothing, guarded or not: what is caught above is the mistake.
TEST(SoundWorld, NothingIsCaughtWhereNothingIsBroken) {
  Options unguarded;
  unguarded.guarded = false;
  for (const Options& options : {Options{}, unguarded}) {
    for (uint64_t seed = 0; seed < kSeedsMax; ++seed) {
      Verdict verdict = simulate(seed, options);
      ASSERT_TRUE(verdict.violations.empty()) << seed << " " << verdict.violations.front();
    }
  }
}

}  // namespace
}  // namespace ytb::sim
