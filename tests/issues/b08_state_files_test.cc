// B8: an empty attempts.json, as a power cut or a full disk leaves one, made every command poll for minutes.
// A file of our state that is empty or cut off is told with its name, at once.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kTimedOut = 124;  // timeout(1)

class B08StateFiles : public ::testing::Test {
 protected:
  void SetUp() override { scenario_.prepare_users(); }
  void write(const std::string& path, std::string_view text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  }
  // Ten looks, eight seconds apart, would take longer.
  RunResult in_time(const std::string& command) {
    return run_program({"timeout", "40", program(), "--config", scenario_.config_file(), command});
  }

  Scenario scenario_;
  std::string attempts_ = scenario_.copies() + "/attempts.json";
};

TEST_F(B08StateFiles, EmptyAttemptsAreToldAndHoldUpNothing) {
  write(attempts_, "");
  for (const std::string command : {"plan", "status", "refresh"}) {
    const RunResult done = in_time(command);
    EXPECT_NE(done.status, kTimedOut) << command;
    EXPECT_THAT(done.err, HasSubstr("note: " + attempts_ + " is empty: what failed before is forgotten"))
        << command;
  }
  EXPECT_THAT(scenario_.staging_value("SELECT count(*) FROM users"), "100");
}

TEST_F(B08StateFiles, AttemptsThatWereCutOffEndTheCommandWithTheFileAndWhatToDo) {
  write(attempts_, R"({"format": 1, "mark": "yesterdaytabase attempts", "attempts": [{"snap)");
  const RunResult cut = in_time("refresh");
  EXPECT_EQ(cut.status, exit_status(Code::kCorrupt)) << cut.out << cut.err;
  EXPECT_THAT(cut.err, HasSubstr(attempts_ + " cannot be read: the record of earlier tries is damaged"));
  EXPECT_THAT(cut.err, HasSubstr(fmt::format("mv {0} {0}.damaged", attempts_)));
  EXPECT_THAT(in_time("plan").out, HasSubstr(attempts_));
  std::filesystem::rename(attempts_, attempts_ + ".damaged");
  scenario_.refresh();
}

TEST_F(B08StateFiles, ACopyWhoseRecordIsEmptyIsNamedAndAnotherOneMade) {
  scenario_.refresh();
  const std::string first = scenario_.live_copy();
  const std::string record = scenario_.copies() + "/" + first + "/copy.json";
  std::ifstream in(record);
  const std::string was((std::istreambuf_iterator<char>(in)), {});
  write(record, "");
  EXPECT_THAT(in_time("status").out, HasSubstr(record + ": the record of the copy is damaged: it is empty"));
  const RunResult anew = in_time("refresh");
  EXPECT_EQ(anew.status, 0) << anew.out << anew.err;
  EXPECT_NE(scenario_.live_copy(), first);
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM users"), "100");
  EXPECT_THAT(in_time("plan").out, HasSubstr(first + "' is not ours to change: " + record));
  write(record, was);  // for teardown to find its server
}

TEST_F(B08StateFiles, EvidenceThatWasCutOffNamesItsFile) {
  const RunResult proofless = scenario_.crashing_ytb("before:prove", {"refresh"});
  EXPECT_NE(proofless.status, 0);
  const std::vector<std::string> ids = scenario_.copy_ids();
  ASSERT_EQ(ids.size(), 1U) << proofless.err;
  const std::string evidence = scenario_.copies() + "/" + ids[0] + "/evidence.json";
  ASSERT_TRUE(std::filesystem::exists(evidence));
  write(evidence, "{\"form");
  const RunResult cut = in_time("refresh");
  EXPECT_NE(cut.status, kTimedOut);
  EXPECT_THAT(cut.out + cut.err, HasSubstr(evidence));
}

}  // namespace
}  // namespace ytb::testing
