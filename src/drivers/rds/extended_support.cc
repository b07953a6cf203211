#include "drivers/rds/extended_support.h"

#include <fmt/format.h>

#include <chrono>

namespace ytb::rds {
namespace {

constexpr int kYearOfMajorZero = 2013;

std::chrono::year_month_day_last last_day(int major) {
  return std::chrono::year(kYearOfMajorZero + major) / std::chrono::February / std::chrono::last;
}

}  // namespace

Instant standard_support_ends(int major) {
  return Instant(std::chrono::sys_days(last_day(major)) + std::chrono::days(1));
}

bool is_past_standard_support(int major, Instant now) { return now >= standard_support_ends(major); }

std::string past_standard_support(int major) {
  const std::chrono::year_month_day day(std::chrono::sys_days{last_day(major)});
  return fmt::format("PostgreSQL {} is past its end of standard support ({:04}-{:02}-{:02})", major,
                     static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                     static_cast<unsigned>(day.day()));
}

std::string_view lifecycle_word(bool extended_support) {
  return extended_support ? "open-source-rds-extended-support" : "open-source-rds-extended-support-disabled";
}

}  // namespace ytb::rds
