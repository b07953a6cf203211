#include "base/time.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <thread>

#include "base/clock.h"

namespace ytb {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

struct Civil {
  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<Duration> time;
};

Civil civil_of(Instant instant) {
  auto day = floor<days>(instant);
  return {std::chrono::year_month_day(day), std::chrono::hh_mm_ss<Duration>(instant - day)};
}

bool digits_at(std::string_view text, size_t position, size_t count, int& out) {
  if (position + count > text.size()) return false;
  const char* begin = text.data() + position;
  for (size_t i = 0; i < count; ++i) {
    if (begin[i] < '0' || begin[i] > '9') return false;
  }
  auto [end, error] = std::from_chars(begin, begin + count, out);
  return error == std::errc() && end == begin + count;
}

}  // namespace

std::string to_iso(Instant instant, bool exact) {
  Civil c = civil_of(instant);
  std::string text =
      fmt::format(FMT_COMPILE("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}"), static_cast<int>(c.date.year()),
                  static_cast<unsigned>(c.date.month()), static_cast<unsigned>(c.date.day()),
                  c.time.hours().count(), c.time.minutes().count(), c.time.seconds().count());
  if (exact) text += fmt::format(".{:06}", c.time.subseconds().count());
  return text + "Z";
}

std::string to_compact(Instant instant) {
  Civil c = civil_of(instant);
  return fmt::format(FMT_COMPILE("{:04}{:02}{:02}-{:02}{:02}{:02}"), static_cast<int>(c.date.year()),
                     static_cast<unsigned>(c.date.month()), static_cast<unsigned>(c.date.day()),
                     c.time.hours().count(), c.time.minutes().count(), c.time.seconds().count());
}

std::optional<Instant> from_iso(std::string_view text) {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!digits_at(text, 0, 4, year) || !digits_at(text, 5, 2, month) || !digits_at(text, 8, 2, day) ||
      !digits_at(text, 11, 2, hour) || !digits_at(text, 14, 2, minute) || !digits_at(text, 17, 2, second)) {
    return std::nullopt;
  }
  if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != ' ') || text[13] != ':' ||
      text[16] != ':') {
    return std::nullopt;
  }
  std::string_view rest = text.substr(19);
  int64_t micros = 0;
  if (!rest.empty() && rest[0] == '.') {
    rest.remove_prefix(1);
    int64_t scale = 100000;
    size_t used = 0;
    while (used < rest.size() && rest[used] >= '0' && rest[used] <= '9') {
      micros += scale * (rest[used] - '0');
      scale /= 10;
      ++used;
    }
    if (used == 0) return std::nullopt;
    rest.remove_prefix(used);
  }
  if (rest != "Z") return std::nullopt;
  std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                   std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return Instant(std::chrono::sys_days(date)) + hours(hour) + minutes(minute) + seconds(second) +
         Duration(micros);
}

std::string to_human(Duration duration) {
  if (duration < Duration::zero()) return "-" + to_human(-duration);
  if (duration < std::chrono::milliseconds(1)) return fmt::format("{} us", duration.count());
  if (duration < seconds(1)) return fmt::format("{} ms", duration.count() / 1000);
  if (duration < minutes(1)) return fmt::format("{:.1f} s", static_cast<double>(duration.count()) / 1e6);
  auto total_s = floor<seconds>(duration).count();
  if (duration < hours(1)) return fmt::format("{} min {} s", total_s / 60, total_s % 60);
  if (duration < days(1)) return fmt::format("{} h {} min", total_s / 3600, total_s % 3600 / 60);
  return fmt::format("{} d {} h", total_s / 86400, total_s % 86400 / 3600);
}

Result<Duration> parse_duration(std::string_view text) {
  auto bad = [&](std::string_view why) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("'{}' is not a duration: {}", text, why),
                 .hint = "write a number and a unit: 90s, 5min, 26h, 2d, or 1h30min"};
  };
  if (text.empty()) return bad("it is empty");
  constexpr int64_t kDurationMaxS = 3650LL * 86400;
  int64_t total_s = 0;
  size_t position = 0;
  while (position < text.size()) {
    int64_t number = 0;
    auto [end, error] = std::from_chars(text.data() + position, text.data() + text.size(), number);
    if (error == std::errc::result_out_of_range) return bad("it is over ten years");
    if (error != std::errc() || number < 0) return bad("a number is missing");
    position = static_cast<size_t>(end - text.data());
    size_t unit_end = position;
    while (unit_end < text.size() && std::isalpha(static_cast<unsigned char>(text[unit_end])) != 0)
      ++unit_end;
    std::string_view unit = text.substr(position, unit_end - position);
    int64_t unit_s = 0;
    if (unit == "s") unit_s = 1;
    if (unit == "min" || unit == "m") unit_s = 60;
    if (unit == "h") unit_s = 3600;
    if (unit == "d") unit_s = 86400;
    if (unit_s == 0) return bad(unit.empty() ? "the unit is missing" : "the unit is not s, min, h or d");
    if (number > kDurationMaxS / unit_s || total_s + number * unit_s > kDurationMaxS)
      return bad("it is over ten years");
    total_s += number * unit_s;
    position = unit_end;
  }
  return Duration(seconds(total_s));
}

Instant SystemClock::now() const {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

void SystemClock::sleep(Duration duration) { std::this_thread::sleep_for(duration); }

}  // namespace ytb
