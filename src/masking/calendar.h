// The proleptic Gregorian calendar in days from 2000-01-01, and dates as PostgreSQL prints them in ISO style.
// Private to the masking room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ytb::masking {

struct Civil {
  int64_t year = 2000;  // 0 is 1 BC
  int month = 1;
  int day = 1;
};
int64_t days_from_civil(const Civil& date);
Civil civil_from_days(int64_t days);

// "2020-01-31 12:00:00+02", "0044-03-15 BC": the date, and what follows it without " BC". Also
// "2020-01-31T12:00:00Z". nullopt: no such date.
struct DateText {
  int64_t day = 0;
  std::string_view rest;  // " 12:00:00+02"
};
std::optional<DateText> parse_date_text(std::string_view text);
void append_date_text(int64_t day, std::string_view rest, std::string& out);

}  // namespace ytb::masking
