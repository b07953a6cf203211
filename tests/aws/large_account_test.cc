// An account of 12,000 snapshots of one production: the newest is found in little memory, and each page of
// them is asked for once. What it takes of the processor is recorded for bench/large_account, not judged
// here.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "aws/aws_scenario.h"
#include "base/text.h"

namespace ytb::tests {
namespace {

using ::testing::HasSubstr;

constexpr int kSnapshots = 12'000;
constexpr int kPageMax = 100;  // of RDS
constexpr int64_t kMemoryMaxKib = 64 * 1024;
constexpr size_t kOtherCallsMax = 14;  // the policy is judged by production, which is asked for, too

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

struct Measured {
  int status = -1;
  std::string out;
  int64_t memory_kib = 0;
  double processor_ms = 0;
};

class LargeAccount : public AwsRuns {
 protected:
  void SetUp() override {
    AwsRuns::SetUp();
    if (IsSkipped()) return;
    ScenarioOptions options;
    options.own_time = false;
    begin(std::move(options));
    const Instant first = *from_iso("2024-01-01T00:00:00Z");
    for (int i = 0; i < kSnapshots - 1; ++i) {
      // Neither order of names nor of seeding says which is newest.
      const int number = (i * 7919) % (kSnapshots - 1);
      fakes::aws::SnapshotSeed snapshot;
      snapshot.id = fmt::format("manual-{}", (number * 31) % (kSnapshots - 1));
      snapshot.created = first + std::chrono::hours(number);
      snapshot.engine_version = scenario_->version();
      scenario_->fake().seed(snapshot);
    }
  }
  // One turn of the loop that decides and does nothing: it looks at all there is. Not a child of ours, for
  // what a process has used at most counts from before its exec, and we hold an account of 12,000 snapshots.
  Measured plan() {
    std::vector<std::string> argv = {"/usr/bin/python3", "-c",
                                     "import resource, subprocess, sys\n"
                                     "status = subprocess.call(sys.argv[1:])\n"
                                     "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
                                     "print(used.ru_maxrss, (used.ru_utime + used.ru_stime) * 1000)\n"
                                     "sys.exit(status)"};
    for (const std::string& word : scenario_->command({"plan"})) argv.push_back(word);
    testing::RunResult result = testing::run_program(argv, {}, {}, scenario_->environment());
    Measured measured{.status = result.status, .out = result.out};
    const std::vector<std::string> lines = split(std::string(trim(result.out)), '\n');
    std::istringstream(lines.back()) >> measured.memory_kib >> measured.processor_ms;
    EXPECT_GT(measured.memory_kib, 0) << result.out << result.err;
    return measured;
  }
};

TEST_F(LargeAccount, TheNewestIsFoundInLittleMemory) {
  const Measured measured = plan();
  EXPECT_EQ(measured.status, 0);
  EXPECT_THAT(measured.out, HasSubstr("restore shop-yesterday-20261121-060000-1"));
  EXPECT_GE(scenario_->fake().count("DescribeDBSnapshots"), kSnapshots / kPageMax);
  EXPECT_TRUE(kSanitized || measured.memory_kib < kMemoryMaxKib) << measured.memory_kib << " KiB";
  RecordProperty("memory_kib", std::to_string(measured.memory_kib));
  RecordProperty("processor_ms", std::to_string(measured.processor_ms));
}

TEST_F(LargeAccount, EachPageIsAskedForOnce) {
  const size_t before = scenario_->fake().calls().size();
  const int pages_before = scenario_->fake().count("DescribeDBSnapshots");
  EXPECT_EQ(plan().status, 0);
  const int pages = scenario_->fake().count("DescribeDBSnapshots") - pages_before;
  EXPECT_LE(pages, kSnapshots / kPageMax + 1) << "the scenario's own may begin one more";
  EXPECT_LE(scenario_->fake().calls().size() - before, static_cast<size_t>(pages) + kOtherCallsMax);
}

}  // namespace
}  // namespace ytb::tests
