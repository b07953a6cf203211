#include "decide/schedule.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace ytb::decide {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

Instant at(std::string_view iso) { return from_iso(iso).value(); }

std::string next(std::string_view text, std::string_view zone, std::string_view after) {
  Result<Schedule> schedule = Schedule::parse(text, zone);
  if (!schedule.ok()) return "error: " + schedule.error().message;
  std::optional<Instant> due = schedule->next_after(at(after));
  return due ? to_iso(*due) : "never";
}

struct Case {
  const char* text;
  const char* zone;
  const char* after;
  const char* due;
};

void expect_all(const std::vector<Case>& cases) {
  for (const Case& test : cases) {
    EXPECT_EQ(next(test.text, test.zone, test.after), test.due)
        << test.text << " " << test.zone << " after " << test.after;
  }
}

TEST(Cron, FiveFields) {
  expect_all({
      {"0 6 * * *", "UTC", "2026-11-22T05:59:59Z", "2026-11-22T06:00:00Z"},
      {"0 6 * * *", "UTC", "2026-11-22T06:00:00Z", "2026-11-23T06:00:00Z"},  // strictly after
      {"0 6 * * *", "UTC", "2026-11-22T06:00:00.000001Z", "2026-11-23T06:00:00Z"},
      {"  0   6 *\t* * ", "UTC", "2026-12-31T06:00:00Z", "2027-01-01T06:00:00Z"},
      {"*/15 * * * *", "UTC", "2026-11-22T05:46:00Z", "2026-11-22T06:00:00Z"},
      {"5-59/20 * * * *", "UTC", "2026-11-22T05:06:00Z", "2026-11-22T05:25:00Z"},
      {"0 6 * * MON-fri", "UTC", "2026-11-20T06:00:00Z", "2026-11-23T06:00:00Z"},
      {"0 6 * * sat-sun", "UTC", "2026-11-20T06:00:00Z", "2026-11-21T06:00:00Z"},
      {"0 6 * * 7", "UTC", "2026-11-20T06:00:00Z", "2026-11-22T06:00:00Z"},
      {"0 6 * * 0", "UTC", "2026-11-20T06:00:00Z", "2026-11-22T06:00:00Z"},
      {"0 6 1 jan,jul *", "UTC", "2026-11-20T06:00:00Z", "2027-01-01T06:00:00Z"},
      {"30 4 29 2 *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T04:30:00Z"},  // 2100 is no leap year
      {"@daily", "UTC", "2026-11-22T05:00:00Z", "2026-11-23T00:00:00Z"},
      {"@MIDNIGHT", "UTC", "2026-11-22T05:00:00Z", "2026-11-23T00:00:00Z"},
      {"@hourly", "UTC", "2026-11-22T05:00:00Z", "2026-11-22T06:00:00Z"},
      {"@weekly", "UTC", "2026-11-20T05:00:00Z", "2026-11-22T00:00:00Z"},
      {"@monthly", "UTC", "2026-11-20T05:00:00Z", "2026-12-01T00:00:00Z"},
      {"@yearly", "UTC", "2026-11-20T05:00:00Z", "2027-01-01T00:00:00Z"},
      {"0 6 * * *", "Asia/Kathmandu", "2026-11-22T05:00:00Z", "2026-11-23T00:15:00Z"},  // +05:45
  });
}

TEST(Cron, EitherDayFieldIsEnoughWhereBothAreRestricted) {
  expect_all({
      // The 13th, or a Friday.
      {"0 6 13 * FRI", "UTC", "2026-11-22T07:00:00Z", "2026-11-27T06:00:00Z"},
      {"0 6 13 * FRI", "UTC", "2026-12-11T06:00:00Z", "2026-12-13T06:00:00Z"},
      // A field that begins with a star restricts together with the other: odd days that are Fridays.
      {"0 6 */2 * FRI", "UTC", "2026-11-22T07:00:00Z", "2026-11-27T06:00:00Z"},
      {"0 6 */2 * FRI", "UTC", "2026-11-27T06:00:00Z", "2026-12-11T06:00:00Z"},
      {"0 6 31 2 MON", "UTC", "2026-11-22T07:00:00Z", "2027-02-01T06:00:00Z"},
  });
}

TEST(Cron, AwsSixFields) {
  expect_all({
      {"cron(0 11 * * ? *)", "UTC", "2026-11-22T11:00:00Z", "2026-11-23T11:00:00Z"},
      {"cron(0 10 ? * MON-FRI *)", "UTC", "2026-11-20T10:00:00Z", "2026-11-23T10:00:00Z"},
      {"cron(0 10 ? * 1 *)", "UTC", "2026-11-20T10:00:00Z", "2026-11-22T10:00:00Z"},  // 1 is Sunday
      {"cron(0/15 10 ? * 2 *)", "UTC", "2026-11-23T10:15:00Z", "2026-11-23T10:30:00Z"},
      {"cron(0 10 L * ? *)", "UTC", "2028-02-01T00:00:00Z", "2028-02-29T10:00:00Z"},
      {"cron(0 10 LW * ? *)", "UTC", "2026-05-01T00:00:00Z", "2026-05-29T10:00:00Z"},  // the 31st is a Sunday
      {"cron(0 10 15W * ? *)", "UTC", "2026-11-01T00:00:00Z", "2026-11-16T10:00:00Z"},  // Sunday -> Monday
      {"cron(0 10 1W * ? *)", "UTC", "2026-07-31T12:00:00Z",
       "2026-08-03T10:00:00Z"},  // Saturday the 1st -> the 3rd
      {"cron(0 10 31W * ? *)", "UTC", "2026-05-01T12:00:00Z",
       "2026-05-29T10:00:00Z"},  // Sunday the 31st -> the 29th
      {"cron(0 10 31W * ? *)", "UTC", "2026-06-01T00:00:00Z", "2026-07-31T10:00:00Z"},  // June has no 31st
      {"cron(0 10 ? * 6L *)", "UTC", "2026-11-01T00:00:00Z", "2026-11-27T10:00:00Z"},   // last Friday
      {"cron(0 10 ? * FRIL *)", "UTC", "2026-11-27T10:00:00Z", "2026-12-25T10:00:00Z"},
      {"cron(0 10 ? * L *)", "UTC", "2026-11-22T00:00:00Z", "2026-11-28T10:00:00Z"},  // L alone: Saturday
      {"cron(0 10 ? * MON#1 *)", "UTC", "2026-11-22T00:00:00Z", "2026-12-07T10:00:00Z"},
      {"cron(0 10 ? * 2#5 *)", "UTC", "2026-11-22T00:00:00Z", "2026-11-30T10:00:00Z"},
      {"cron(0 10 ? 2 MON#5 *)", "UTC", "2026-11-22T00:00:00Z", "2044-02-29T10:00:00Z"},
      {"cron(0 10 1 1 ? 2030,2035-2036)", "UTC", "2030-06-01T00:00:00Z", "2035-01-01T10:00:00Z"},
      {"cron(0 10 1 1 ? 2030)", "UTC", "2030-01-01T10:00:00Z", "never"},
      {"cron(0 10 31 12 ? 2199)", "UTC", "2026-01-01T10:00:00Z", "2199-12-31T10:00:00Z"},
      {"cron(0 10 ? * SAT *)", "Europe/Berlin", "2026-11-22T00:00:00Z", "2026-11-28T09:00:00Z"},
  });
}

TEST(Rate, CountsFromTheEpoch) {
  expect_all({
      {"rate(1 day)", "UTC", "2026-11-22T05:00:00Z", "2026-11-23T00:00:00Z"},
      {"rate(12 hours)", "UTC", "2026-11-22T12:00:00Z", "2026-11-23T00:00:00Z"},
      {"rate(5 minutes)", "Europe/Berlin", "2026-11-22T12:04:59Z", "2026-11-22T12:05:00Z"},
      {"rate( 1  hour )", "UTC", "2026-11-22T12:00:00.5Z", "2026-11-22T13:00:00Z"},
      {"rate(7 days)", "UTC", "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z"},
      {"rate(1 day)", "UTC", "1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z"},
  });
}

TEST(Schedule, SkippedHourRunsAtTheFirstInstantAfterTheGap) {
  expect_all({
      // Berlin 2026-03-29: 02:00 -> 03:00, at 01:00 UTC.
      {"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
      {"30 2 * * *", "Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z"},
      {"30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},  // and once only
      {"*/10 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
      {"*/10 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"},
      // Lord Howe moves by half an hour: 02:00 -> 02:30 on 2026-10-04, at 15:30 UTC the day before.
      {"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z"},
      // Samoa left out a whole day, 2011-12-30.
      {"0 12 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z", "2011-12-30T10:00:00Z"},
      // Beirut moves at midnight: the day begins at 01:00.
      {"0 0 * * *", "Asia/Beirut", "2026-03-28T12:00:00Z", "2026-03-28T22:00:00Z"},
  });
}

TEST(Schedule, RepeatedHourRunsOnceTheFirstTime) {
  expect_all({
      // Berlin 2026-10-25: 03:00 -> 02:00, at 01:00 UTC; 02:30 is at 00:30 and again at 01:30.
      {"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
      {"30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
      {"30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", "2026-10-26T01:30:00Z"},
      {"30 * * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z"},
      {"0 6 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T05:00:00Z"},
  });
}

// An independent answer: walks the instants minute by minute with the C library's idea of the zone, and
// counts a wall-clock minute as passed when the clock first shows it or jumps over it.
class Oracle {
 public:
  Oracle(const std::string& zone, const std::function<bool(const std::tm&)>& matches) : matches_(matches) {
    setenv("TZ", zone.c_str(), 1);
    tzset();
  }
  ~Oracle() {
    unsetenv("TZ");
    tzset();
  }
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;

  [[nodiscard]] std::vector<Instant> due_between(Instant from, Instant to) const {
    std::vector<Instant> due;
    time_t second = std::chrono::floor<std::chrono::seconds>(from).time_since_epoch().count();
    int64_t shown = local_minute(second);  // `from` itself is excluded
    for (second += 60; Instant(std::chrono::seconds(second)) <= to; second += 60) {
      int64_t local = local_minute(second);
      bool run = false;
      for (int64_t minute = shown + 1; minute <= local && !run; ++minute) {
        time_t as_utc = minute * 60;
        std::tm fields{};
        gmtime_r(&as_utc, &fields);
        run = matches_(fields);
      }
      if (run) due.emplace_back(std::chrono::seconds(second));
      shown = std::max(shown, local);
    }
    return due;
  }

 private:
  static int64_t local_minute(time_t second) {
    std::tm fields{};
    localtime_r(&second, &fields);
    return (second + fields.tm_gmtoff) / 60;
  }
  std::function<bool(const std::tm&)> matches_;
};

std::string list_of(const std::set<int>& values) {
  std::string text;
  for (int value : values) text += (text.empty() ? "" : ",") + std::to_string(value);
  return text;
}

TEST(Schedule, AgreesWithAMinuteByMinuteWalk) {
  const std::array zones{"UTC",
                         "Europe/Berlin",
                         "America/New_York",
                         "Australia/Lord_Howe",
                         "America/Sao_Paulo",
                         "Africa/Casablanca",
                         "Asia/Tehran",
                         "Pacific/Chatham",
                         "America/Havana"};
  std::mt19937 random(20261122);
  auto some = [&](int low, int high, int count_max) {
    std::set<int> values;
    int count = std::uniform_int_distribution<int>(1, count_max)(random);
    for (int i = 0; i < count; ++i) values.insert(std::uniform_int_distribution<int>(low, high)(random));
    return values;
  };
  int compared = 0;
  for (int round = 0; round < 90; ++round) {
    std::string zone = zones.at(static_cast<size_t>(round) % zones.size());
    std::set<int> minute = some(0, 59, 3);
    std::set<int> hour = some(0, 3, 3);  // where clocks are changed
    std::set<int> day = some(1, 31, 8);
    std::set<int> weekday = some(0, 6, 3);
    bool any_day = random() % 3 == 0;
    bool any_weekday = random() % 3 == 0;
    bool any_hour = random() % 4 == 0;
    std::string text = fmt::format("{} {} {} * {}", list_of(minute), any_hour ? "*" : list_of(hour),
                                   any_day ? "*" : list_of(day), any_weekday ? "*" : list_of(weekday));
    Oracle oracle(zone, [&](const std::tm& t) {
      bool by_day = any_day || day.contains(t.tm_mday);
      bool by_week = any_weekday || weekday.contains(t.tm_wday);
      bool day_fits = !any_day && !any_weekday ? by_day || by_week : by_day && by_week;
      return minute.contains(t.tm_min) && (any_hour || hour.contains(t.tm_hour)) && day_fits;
    });
    Instant from = at("2016-01-01T00:00:00Z") + hours(24 * 30 * (round % 40));
    Instant to = from + hours(24 * 200);
    Schedule schedule = Schedule::parse(text, zone).value();
    Instant now = from;
    for (Instant expected : oracle.due_between(from, to)) {
      std::optional<Instant> due = schedule.next_after(now);
      ASSERT_TRUE(due.has_value()) << text << " " << zone;
      ASSERT_EQ(to_iso(*due), to_iso(expected)) << text << " " << zone << " after " << to_iso(now);
      now = *due;
      ++compared;
    }
    ASSERT_GT(*schedule.next_after(now), to) << text << " " << zone;
  }
  EXPECT_GT(compared, 10000);
}

TEST(Schedule, NextAfterIsMonotoneAndStrict) {
  std::mt19937 random(7);
  Schedule schedule = Schedule::parse("*/7 1-3 * * *", "Europe/Berlin").value();
  Instant start = at("2026-10-24T00:00:00Z");
  for (int i = 0; i < 20000; ++i) {
    Instant a = start + minutes(random() % 5000) + Duration(random() % 60000000);
    Instant b = a + Duration(random() % 600000000);
    Instant next_a = *schedule.next_after(a);
    Instant next_b = *schedule.next_after(b);
    ASSERT_GT(next_a, a);
    ASSERT_LE(next_a, next_b);
  }
}

struct BadCase {
  const char* text;
  const char* message;
};

TEST(Schedule, ErrorsNameTheFieldAndTheValue) {
  const BadCase cases[] = {
      {"", "a schedule is empty"},
      {"0 6 * *", "schedule '0 6 * *': '0 6 * *' has 4 fields, not 5"},
      {"0 6 * * * *", "schedule '0 6 * * * *': '0 6 * * * *' has 6 fields, not 5"},
      {"60 6 * * *", "schedule '60 6 * * *': minute '60' is outside 0-59"},
      {"0 24 * * *", "schedule '0 24 * * *': hour '24' is outside 0-23"},
      {"0 6 0 * *", "schedule '0 6 0 * *': day of month '0' is outside 1-31"},
      {"0 6 * 13 *", "schedule '0 6 * 13 *': month '13' is outside 1-12"},
      {"0 6 * * 8", "schedule '0 6 * * 8': day of week '8' is outside 0-7"},
      {"0 6 * janu *", "schedule '0 6 * janu *': month 'janu' is not a number or a name"},
      {"0 22-2 * * *", "schedule '0 22-2 * * *': hour '22-2' runs backwards: write 22-23,0-2"},
      {"*/0 6 * * *", "schedule '*/0 6 * * *': minute '*/0' has a step that is not a number from 1"},
      {"*/61 6 * * *", "schedule '*/61 6 * * *': minute '*/61' has a step over 59"},
      {"5/10 6 * * *", "schedule '5/10 6 * * *': minute '5/10' has a step without a range: write 5-59/10"},
      {"1,,2 6 * * *", "schedule '1,,2 6 * * *': minute '1,,2' has an empty part"},
      {"-1 6 * * *", "schedule '-1 6 * * *': minute '-1' has a part missing"},
      {"1- 6 * * *", "schedule '1- 6 * * *': minute '1-' has a part missing"},
      {"99999999999 6 * * *",
       "schedule '99999999999 6 * * *': minute '99999999999' is not a number or a name"},
      {"? 6 * * *", "schedule '? 6 * * *': minute '?' is not a number or a name"},
      {"0 6 31 2 *", "schedule '0 6 31 2 *': there is no such day in any year"},
      {"0 6 31 4,6,9,11 *", "schedule '0 6 31 4,6,9,11 *': there is no such day in any year"},
      {"@dayly", "schedule '@dayly': '@dayly' is not a schedule (did you mean '@daily'?)"},
      {"@reboot", "schedule '@reboot': '@reboot' is not a schedule"},
      {"cron(0 6 * * *)", "schedule 'cron(0 6 * * *)': '0 6 * * *' has 5 fields, not 6"},
      {"cron(0 6 * * * *)",
       "schedule 'cron(0 6 * * * *)': exactly one of day of month '*' and day of week '*' must be '?'"},
      {"cron(0 6 ? * ? *)",
       "schedule 'cron(0 6 ? * ? *)': exactly one of day of month '?' and day of week '?' must be '?'"},
      {"cron(0 6 ? * 0 *)", "schedule 'cron(0 6 ? * 0 *)': day of week '0' is outside 1-7"},
      {"cron(0 6 ? * MON#6 *)",
       "schedule 'cron(0 6 ? * MON#6 *)': day of week 'MON#6' has a number after # that is not 1-5"},
      {"cron(0 6 32W * ? *)", "schedule 'cron(0 6 32W * ? *)': day of month '32W' is outside 1-31"},
      {"cron(0 6 1 * ? 1969)", "schedule 'cron(0 6 1 * ? 1969)': year '1969' is outside 1970-2199"},
      {"rate(0 days)", "schedule 'rate(0 days)': rate 'rate(0 days)' does not begin with a number from 1"},
      {"rate(1 days)", "schedule 'rate(1 days)': rate unit 'days' does not go with 1"},
      {"rate(2 day)", "schedule 'rate(2 day)': rate unit 'day' does not go with 2"},
      {"rate(2 weeks)", "schedule 'rate(2 weeks)': rate unit 'weeks' is not minutes, hours or days"},
      {"rate(9999 days)", "schedule 'rate(9999 days)': rate 'rate(9999 days)' is longer than a year"},
      {"rate(99999999999999999999 days)",
       "schedule 'rate(99999999999999999999 days)': rate 'rate(99999999999999999999 days)' does not begin "
       "with a number from 1"},
  };
  for (const BadCase& test : cases) {
    Result<Schedule> schedule = Schedule::parse(test.text, "UTC");
    ASSERT_FALSE(schedule.ok()) << test.text;
    EXPECT_EQ(schedule.error().code, Code::kConfig) << test.text;
    EXPECT_EQ(schedule.error().message, test.message);
    EXPECT_FALSE(schedule.error().hint.empty()) << test.text;
  }
}

TEST(Schedule, UnknownZonesAreErrors) {
  for (const char* zone : {"Europe/Berln", "", "../../etc/passwd", "CEST-nonsense"}) {
    Result<Schedule> schedule = Schedule::parse("0 6 * * *", zone);
    ASSERT_FALSE(schedule.ok()) << zone;
    EXPECT_EQ(schedule.error().code, Code::kConfig);
    EXPECT_NE(schedule.error().message.find("is not known"), std::string::npos) << schedule.error().message;
  }
}

TEST(Schedule, RemembersWhatWasWritten) {
  Schedule schedule = Schedule::parse(" 0 6 * * *\n", "Europe/Berlin").value();
  EXPECT_EQ(schedule.text(), "0 6 * * *");
  EXPECT_EQ(schedule.zone(), "Europe/Berlin");
}

}  // namespace
}  // namespace ytb::decide
