#include "decide/cron.h"

namespace ytb::decide {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::weekday;
using std::chrono::year_month_day;

template <typename Word>
bool has(Word bits, unsigned position) {
  return ((static_cast<uint64_t>(bits) >> position) & 1U) != 0;
}

unsigned last_day_of(year_month_day day) {
  return static_cast<unsigned>(
      std::chrono::year_month_day_last(day.year(), std::chrono::month_day_last(day.month())).day());
}

bool is_working(unsigned weekday_number) { return weekday_number != 0 && weekday_number != 6; }

unsigned weekday_of(year_month_day month, unsigned day) {
  return weekday(sys_days(month.year() / month.month() / std::chrono::day(day))).c_encoding();
}

// AWS's nW: the weekday nearest to day n, never leaving the month; none where the month has no day n.
std::optional<unsigned> nearest_working(year_month_day month, unsigned day) {
  unsigned last = last_day_of(month);
  if (day > last) return std::nullopt;
  unsigned weekday_number = weekday_of(month, day);
  if (weekday_number == 6) return day == 1 ? 3 : day - 1;
  if (weekday_number == 0) return day == last ? day - 2 : day + 1;
  return day;
}

unsigned last_working(year_month_day month) {
  unsigned day = last_day_of(month);
  while (!is_working(weekday_of(month, day))) --day;  // at most twice
  return day;
}

bool matches_day_of_month(const Cron& cron, year_month_day date) {
  auto day = static_cast<unsigned>(date.day());
  if (has(cron.days, day)) return true;
  if (cron.last_day && day == last_day_of(date)) return true;
  if (cron.last_working_day && day == last_working(date)) return true;
  if (cron.nearest_working_day == 0) return false;
  for (unsigned wanted = 1; wanted <= 31; ++wanted) {
    if (has(cron.nearest_working_day, wanted) && nearest_working(date, wanted) == day) return true;
  }
  return false;
}

bool matches_weekday(const Cron& cron, year_month_day date) {
  unsigned number = weekday(sys_days(date)).c_encoding();
  auto day = static_cast<unsigned>(date.day());
  if (has(cron.weekdays, number)) return true;
  if (has(cron.last_weekdays, number) && day + 7 > last_day_of(date)) return true;
  return has(cron.nth_weekdays.at((day - 1) / 7 + 1), number);
}

}  // namespace

bool Cron::matches_month(std::chrono::year_month month) const {
  int year = static_cast<int>(month.year());
  if (year < kCronYearMin || year > kCronYearMax) return false;
  return years.test(static_cast<size_t>(year - kCronYearMin)) &&
         has(months, static_cast<unsigned>(month.month()));
}

bool Cron::matches_day(year_month_day date) const {
  bool by_month = matches_day_of_month(*this, date);
  bool by_week = matches_weekday(*this, date);
  return either_day ? by_month || by_week : by_month && by_week;
}

std::optional<int> Cron::minute_from(int minute) const {
  for (int hour = minute / 60; hour < 24; ++hour) {
    if (!has(hours, static_cast<unsigned>(hour))) continue;
    int first = hour == minute / 60 ? minute % 60 : 0;
    for (int m = first; m < 60; ++m) {
      if (has(minutes, static_cast<unsigned>(m))) return hour * 60 + m;
    }
  }
  return std::nullopt;
}

}  // namespace ytb::decide
