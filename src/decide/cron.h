// Cron: the fields of a cron expression, parsed, and which days and minutes they name. Pure; knows nothing of
// time zones: days are calendar days, minutes are minutes of a day.
#pragma once

#include <array>
#include <bitset>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace ytb::decide {

constexpr int kCronYearMin = 1970;
constexpr int kCronYearMax = 2199;

struct Cron {
  uint64_t minutes = 0;  // bit n: minute n
  uint32_t hours = 0;
  uint32_t days = 0;                                   // of the month; bit n: day n
  uint16_t months = 0;                                 // bit n: month n
  uint8_t weekdays = 0;                                // bit 0: Sunday
  std::bitset<kCronYearMax - kCronYearMin + 1> years;  // all ones in a five-field expression

  // AWS: L, LW, nW of the day of the month; nL and n#m of the day of the week.
  bool last_day = false;
  bool last_working_day = false;
  uint32_t nearest_working_day = 0;       // bit n: the weekday nearest to day n
  uint8_t last_weekdays = 0;              // bit n: the last such weekday of the month
  std::array<uint8_t, 6> nth_weekdays{};  // [m], bit n: the m-th such weekday, m from 1 to 5

  // Five-field cron: where both day fields are restricted, either is enough (cron(8), POSIX crontab).
  bool either_day = false;

  [[nodiscard]] bool matches_month(std::chrono::year_month month) const;
  [[nodiscard]] bool matches_day(std::chrono::year_month_day day) const;
  // The first matching minute of a day at or after `minute` (0..1439); none: not on that day any more.
  [[nodiscard]] std::optional<int> minute_from(int minute) const;
};

// "0 6 * * *": minute hour day-of-month month day-of-week, names, lists, ranges, steps.
Result<Cron> parse_cron(std::string_view text);
// The inside of AWS's cron(…): minute hour day-of-month month day-of-week year, with ? L W #.
Result<Cron> parse_aws_cron(std::string_view text);

}  // namespace ytb::decide
