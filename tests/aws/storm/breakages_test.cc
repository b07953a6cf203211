#include "aws/storm/breakages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>

namespace ytb::storm {

// So that a failing test names the breakage instead of its bytes.
void PrintTo(const Breakage& breakage, std::ostream* out) { *out << breakage.name; }

namespace {

constexpr uint64_t kSeedsMax = 60;

class AwsBreakages : public testing::TestWithParam<Breakage> {};

TEST_P(AwsBreakages, IsCaught) {
  ASSERT_EQ(fakes::aws::FakeAws::available(), "") << "tools/setup installs botocore's models";
  for (uint64_t seed = 0; seed < kSeedsMax; ++seed) {
    Options options = GetParam().options;
    options.patient = true;  // what each is caught by is told for calls that wait
    const Verdict verdict = simulate(seed, options);
    if (verdict.violations.empty()) continue;
    const std::string& found = verdict.violations.front();
    const std::vector<std::string>& promises = GetParam().caught_as;
    EXPECT_TRUE(std::any_of(promises.begin(), promises.end(),
                            [&](const std::string& promise) { return found.starts_with(promise + ":"); }))
        << "seed " << seed << ": '" << found << "'";
    return;
  }
  ADD_FAILURE() << "not caught in " << kSeedsMax << " lives";
}

INSTANTIATE_TEST_SUITE_P(Deliberate, AwsBreakages, testing::ValuesIn(breakages()),
                         [](const testing::TestParamInfo<Breakage>& test) { return test.param.name; });

}  // namespace
}  // namespace ytb::storm
