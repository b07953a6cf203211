#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <type_traits>

#include "base/clock.h"
#include "base/error.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/stop.h"
#include "base/text.h"
#include "base/time.h"

namespace ytb {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Time, IsoRoundTrip) {
  for (const char* text : {"1970-01-01T00:00:00Z", "2024-02-29T23:59:59Z", "2026-11-22T06:00:00Z"}) {
    auto instant = from_iso(text);
    ASSERT_TRUE(instant.has_value()) << text;
    EXPECT_EQ(to_iso(*instant), text);
  }
  EXPECT_EQ(to_iso(*from_iso("2026-11-22T06:00:00.25Z"), true), "2026-11-22T06:00:00.250000Z");
  EXPECT_EQ(to_compact(*from_iso("2026-11-22T06:00:00Z")), "20261122-060000");
}

TEST(Time, IsoRefusesWhatIsNotOne) {
  for (const char* text : {"", "2026", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-22T24:00:00Z",
                           "2026-11-22T06:00:00", "2026-11-22T06:00:00+01:00", "2026-11-22T06:00:00.Z",
                           "2026-11-22T06:00:00Zx", "2026-1-022T06:00:00Z"}) {
    EXPECT_FALSE(from_iso(text).has_value()) << text;
  }
}

TEST(Time, Durations) {
  EXPECT_EQ(*parse_duration("90s"), seconds(90));
  EXPECT_EQ(*parse_duration("5min"), minutes(5));
  EXPECT_EQ(*parse_duration("26h"), hours(26));
  EXPECT_EQ(*parse_duration("1h30min"), minutes(90));
  for (const char* text : {"", "5", "5 min", "min", "5 weeks", "-5s", "99999999999d", "1.5h"}) {
    auto result = parse_duration(text);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_EQ(result.error().code, Code::kConfig);
  }
  EXPECT_EQ(to_human(seconds(200)), "3 min 20 s");
  EXPECT_EQ(to_human(hours(76)), "3 d 4 h");
  EXPECT_EQ(to_human(std::chrono::milliseconds(1234)), "1.2 s");
}

TEST(Time, ManualClockMovesOnlyWhenTold) {
  ManualClock clock(*from_iso("2026-11-22T06:00:00Z"));
  clock.sleep(seconds(5));
  EXPECT_EQ(to_iso(clock.now()), "2026-11-22T06:00:05Z");
}

TEST(Text, DidYouMean) {
  std::vector<std::string> words{"email", "person_name", "first_name"};
  EXPECT_EQ(nearest("emial", words), "email");
  EXPECT_EQ(nearest("persn_name", words), "person_name");
  EXPECT_EQ(nearest("street", words), "");
  EXPECT_EQ(did_you_mean("Email ", words), " (did you mean 'email'?)");
}

TEST(Text, Numbers) {
  EXPECT_EQ(human_bytes(17), "17 B");
  EXPECT_EQ(human_bytes(1400000000), "1.4 GB");
  EXPECT_EQ(human_bytes(999999), "1.0 MB");
  EXPECT_EQ(with_commas(1), "1");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(with_commas(123456), "123,456");
}

TEST(Text, FitsPattern) {
  EXPECT_TRUE(fits_pattern("work_mem", "work_mem"));
  EXPECT_FALSE(fits_pattern("work_mem2", "work_mem"));
  EXPECT_TRUE(fits_pattern("track_io_timing", "track_*"));
  EXPECT_TRUE(fits_pattern("track_", "track_*"));
  EXPECT_FALSE(fits_pattern("backtrack_x", "track_*"));
  EXPECT_TRUE(fits_pattern("jit_above_cost", "jit_*_cost"));
  EXPECT_FALSE(fits_pattern("jit_cost", "jit_*_cost")) << "head and tail do not overlap";
  EXPECT_FALSE(fits_pattern("jit_above_costs", "jit_*_cost"));
  EXPECT_FALSE(fits_pattern("", "jit"));
}

// RFC 4648, section 10.
TEST(Text, Base64) {
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("fo"), "Zm8=");
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(to_base64(std::string("\xfb\xff\0", 3)), "+/8A");
}

TEST(Text, HostNamesAreWhatCertificatesHold) {
  for (const char* name :
       {"a", "vm", "staging.example.com", "Build-7", "my_app.local", "3com.example", "10.0.0.x"})
    EXPECT_TRUE(is_host_name(name)) << name;
  for (const std::string& name :
       {std::string(), std::string("."), std::string("a."), std::string(".a"), std::string("a..b"),
        std::string("-a"), std::string("a-"), std::string("*.example.com"), std::string("10.0.0.300"),
        std::string("10.0.0"), std::string("fd00::1"), std::string("a b"), std::string("müller.de"),
        std::string("a\n"), std::string(64, 'a'), std::string(63, 'a') + "." + std::string(190, 'b')})
    EXPECT_FALSE(is_host_name(name)) << name;
}

TEST(Text, PrintableHidesControlCharacters) { EXPECT_EQ(printable("a\nb\x1b[31m\\"), "a\\nb\\x1b[31m\\\\"); }

TEST(Error, EveryCodeHasItsOwnNameAndStatus) {
  std::set<std::string_view> names;
  std::set<int> statuses;
  for (int i = 0; i <= static_cast<int>(Code::kInternal); ++i) {
    names.insert(name_of(static_cast<Code>(i)));
    statuses.insert(exit_status(static_cast<Code>(i)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(Code::kInternal) + 1);
  EXPECT_EQ(statuses.size(), names.size());
  EXPECT_FALSE(statuses.contains(0));
}

Result<int> half_of(int number) {
  if (number % 2 != 0) return Error{.code = Code::kUsage, .message = "odd", .hint = ""};
  return number / 2;
}
Result<int> quarter_of(int number) {
  YTB_ASSIGN(int half, half_of(number));
  return half_of(half);
}

TEST(Result, PassesErrorsOn) {
  EXPECT_EQ(*quarter_of(8), 2);
  EXPECT_EQ(quarter_of(6).error().message, "odd");
  EXPECT_EQ(std::move(quarter_of(5)).error().while_doing("halving").message, "halving: odd");
}

TEST(Secret, CannotBeCopiedOrFormatted) {
  static_assert(!std::is_copy_constructible_v<Secret>);
  static_assert(!std::is_copy_assignable_v<Secret>);
  static_assert(!fmt::is_formattable<Secret>::value);
  Secret one("hunter2");
  Secret two = std::move(one);
  EXPECT_EQ(two.reveal(), "hunter2");
  EXPECT_TRUE(one.empty());  // NOLINT(bugprone-use-after-move): that it is empty is the promise
}

TEST(Secret, PasswordsAreLongAndDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) seen.insert(std::string(random_password().reveal()));
  EXPECT_EQ(seen.size(), 100U);
  for (const std::string& password : seen) EXPECT_GE(password.size(), 24U);
}

TEST(StopFlag, ChecksAreErrorsOnceRequested) {
  StopFlag stop;
  EXPECT_TRUE(stop.check().ok());
  stop.request();
  EXPECT_EQ(stop.check().error().code, Code::kInterrupted);
}

TEST(CheckDeathTest, StaysOnInRelease) { EXPECT_DEATH(YTB_CHECK_MSG(1 == 2, "why"), "1 == 2: why"); }

}  // namespace
}  // namespace ytb
