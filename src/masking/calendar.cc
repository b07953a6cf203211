#include "masking/calendar.h"

#include <fmt/format.h>

namespace ytb::masking {
namespace {

// Howard Hinnant's algorithms ("chrono-Compatible Low-Level Date Algorithms"); eras of 400 years, years from
// March.
constexpr int64_t kDaysInEra = 146'097;
constexpr int64_t kEpochFromMarch0 = 730'425;  // 0000-03-01 to 2000-01-01
constexpr int64_t kYearMax = 6'000'000;        // beyond every date of PostgreSQL
constexpr std::string_view kBeforeChrist = " BC";

// Digits at the start of `text`, `least` of them or more, taken from it; nullopt: too few.
std::optional<int64_t> take_number(std::string_view& text, size_t least, size_t most) {
  int64_t number = 0;
  size_t count = 0;
  while (count < text.size() && count < most && text[count] >= '0' && text[count] <= '9') {
    number = number * 10 + (text[count++] - '0');
  }
  if (count < least) return std::nullopt;
  text.remove_prefix(count);
  return number;
}

bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

int64_t days_from_civil(const Civil& date) {
  const int64_t year = date.year - (date.month <= 2 ? 1 : 0);
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * kDaysInEra + day_of_era - kEpochFromMarch0;
}

Civil civil_from_days(int64_t days) {
  days += kEpochFromMarch0;
  const int64_t era = (days >= 0 ? days : days - kDaysInEra + 1) / kDaysInEra;
  const int64_t day_of_era = days - era * kDaysInEra;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const auto month = static_cast<int>(month_from_march + (month_from_march < 10 ? 3 : -9));
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month,
          static_cast<int>(day_of_year - (153 * month_from_march + 2) / 5 + 1)};
}

std::optional<DateText> parse_date_text(std::string_view text) {
  constexpr size_t kYearDigitsMax = 7;
  const bool before_christ = text.ends_with(kBeforeChrist);
  if (before_christ) text.remove_suffix(kBeforeChrist.size());
  std::optional<int64_t> year = take_number(text, 4, kYearDigitsMax);
  if (!year || *year == 0 || *year > kYearMax || !take(text, '-')) return std::nullopt;
  std::optional<int64_t> month = take_number(text, 2, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  std::optional<int64_t> day = take_number(text, 2, 2);
  if (!day) return std::nullopt;
  if (!text.empty() && text.front() != ' ' && text.front() != 'T') return std::nullopt;
  Civil date{before_christ ? 1 - *year : *year, static_cast<int>(*month), static_cast<int>(*day)};
  if (date.month < 1 || date.month > 12 || date.day < 1) return std::nullopt;
  const int64_t days = days_from_civil(date);
  const Civil back = civil_from_days(days);  // 30 February comes back as something else
  if (back.year != date.year || back.month != date.month || back.day != date.day) return std::nullopt;
  return DateText{days, text};
}

void append_date_text(int64_t day, std::string_view rest, std::string& out) {
  const Civil date = civil_from_days(day);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}{}{}", date.year > 0 ? date.year : 1 - date.year,
                 date.month, date.day, rest, date.year > 0 ? std::string_view() : kBeforeChrist);
}

}  // namespace ytb::masking
