#include "decide/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>
#include <variant>

#include "base/text.h"
#include "decide/cron.h"
#include "decide/zone.h"

namespace ytb::decide {
namespace {

using std::chrono::days;
using std::chrono::months;
using std::chrono::sys_days;
using std::chrono::year_month;
using std::chrono::year_month_day;

constexpr int kMinutesPerDay = 24 * 60;
// An expression repeats within the Gregorian cycle of 400 years; all years that it may name are 230.
constexpr int kSearchMonthsMax = (kCronYearMax - kCronYearMin + 1) * 12;
// Instants that mapping to a skipped or repeated hour may leave behind the one that is asked for.
constexpr int kCandidatesMax = 2 * kMinutesPerDay;
constexpr int64_t kRateMinutesMax = 366LL * kMinutesPerDay;

struct Nickname {
  std::string_view name;
  std::string_view cron;
};
constexpr std::array kNicknames{
    Nickname{"@yearly", "0 0 1 1 *"}, Nickname{"@annually", "0 0 1 1 *"}, Nickname{"@monthly", "0 0 1 * *"},
    Nickname{"@weekly", "0 0 * * 0"}, Nickname{"@daily", "0 0 * * *"},    Nickname{"@midnight", "0 0 * * *"},
    Nickname{"@hourly", "0 * * * *"},
};

Error bad(std::string message, std::string hint) {
  return Error{
      .code = Code::kConfig, .message = std::move(message), .hint = std::move(hint), .retry = Retry::kNever};
}

// The first matching local minute at or after `from`, in minutes since the epoch of the wall clock.
std::optional<int64_t> next_local(const Cron& cron, int64_t from) {
  sys_days day(std::chrono::floor<days>(std::chrono::minutes(from)));
  auto minute = static_cast<int>(
      from - std::chrono::duration_cast<std::chrono::minutes>(day.time_since_epoch()).count());
  constexpr sys_days kFirst = std::chrono::year(kCronYearMin) / 1 / 1;
  if (day < kFirst) {
    day = kFirst;
    minute = 0;
  }
  for (int searched = 0; searched <= kSearchMonthsMax; ++searched) {
    year_month_day date(day);
    year_month month = date.year() / date.month();
    if (static_cast<int>(date.year()) > kCronYearMax) return std::nullopt;
    sys_days next_month = (month + months(1)) / 1;
    if (cron.matches_month(month)) {
      for (; day < next_month; day += days(1), minute = 0) {
        if (!cron.matches_day(year_month_day(day))) continue;
        if (std::optional<int> found = cron.minute_from(minute)) {
          return std::chrono::duration_cast<std::chrono::minutes>(day.time_since_epoch()).count() + *found;
        }
      }
    }
    day = next_month;
    minute = 0;
  }
  return std::nullopt;
}

Result<std::chrono::minutes> parse_rate(std::string_view inside, std::string_view text) {
  constexpr std::string_view kHint = "write rate(5 minutes), rate(1 hour) or rate(1 day)";
  inside = trim(inside);
  int64_t number = 0;
  auto [end, error] = std::from_chars(inside.data(), inside.data() + inside.size(), number);
  if (error != std::errc() || number < 1) {
    return bad(fmt::format("rate '{}' does not begin with a number from 1", printable(text)),
               std::string(kHint));
  }
  std::string_view unit = trim(inside.substr(static_cast<size_t>(end - inside.data())));
  struct Unit {
    std::string_view one;
    std::string_view many;
    int64_t minutes;
  };
  for (const Unit& known :
       {Unit{"minute", "minutes", 1}, Unit{"hour", "hours", 60}, Unit{"day", "days", kMinutesPerDay}}) {
    if (unit != known.one && unit != known.many) continue;
    // AWS refuses "1 days" and "2 day": what is accepted here must be accepted there.
    std::string_view wanted = number == 1 ? known.one : known.many;
    if (unit != wanted) {
      return bad(fmt::format("rate unit '{}' does not go with {}", unit, number),
                 fmt::format("write rate({} {})", number, wanted));
    }
    if (number > kRateMinutesMax / known.minutes) {
      return bad(fmt::format("rate '{}' is longer than a year", printable(text)), std::string(kHint));
    }
    return std::chrono::minutes(number * known.minutes);
  }
  return bad(fmt::format("rate unit '{}' is not minutes, hours or days", printable(unit)),
             std::string(kHint));
}

// The inside of "name(…)"; none where `text` is not that.
std::optional<std::string_view> inside_of(std::string_view text, std::string_view name) {
  if (!text.starts_with(name) || text.size() < name.size() + 2) return std::nullopt;
  text.remove_prefix(name.size());
  if (text.front() != '(' || text.back() != ')') return std::nullopt;
  return text.substr(1, text.size() - 2);
}

Result<Cron> parse_any_cron(std::string_view text) {
  if (std::optional<std::string_view> inside = inside_of(text, "cron")) return parse_aws_cron(*inside);
  if (!text.empty() && text.front() == '@') {
    std::vector<std::string> known;
    for (const Nickname& nickname : kNicknames) {
      if (to_lower_ascii(text) == nickname.name) return parse_cron(nickname.cron);
      known.emplace_back(nickname.name);
    }
    return bad(fmt::format("'{}' is not a schedule{}", printable(text), did_you_mean(text, known)),
               "write one of " + join(known, " ") + ", or five cron fields");
  }
  return parse_cron(text);
}

}  // namespace

struct Schedule::Fields {
  Zone zone;
  std::variant<Cron, std::chrono::minutes> when;  // cron, or the interval of a rate
};

Result<Schedule> Schedule::parse(std::string_view text, std::string_view zone) {
  auto in_context = [&](Error error) {
    return std::move(error).while_doing(fmt::format("schedule '{}'", printable(text)));
  };
  std::string_view trimmed = trim(text);
  if (trimmed.empty())
    return bad("a schedule is empty", "write five cron fields, e.g. '0 6 * * *' for six every morning");
  Result<Zone> located = Zone::locate(zone);
  if (!located.ok()) return in_context(std::move(located).error());
  Schedule schedule;
  schedule.text_ = std::string(trimmed);
  schedule.zone_ = std::string(zone);
  if (std::optional<std::string_view> inside = inside_of(trimmed, "rate")) {
    Result<std::chrono::minutes> interval = parse_rate(*inside, trimmed);
    if (!interval.ok()) return in_context(std::move(interval).error());
    schedule.fields_ = std::make_shared<const Fields>(Fields{*located, *interval});
    return schedule;
  }
  Result<Cron> cron = parse_any_cron(trimmed);
  if (!cron.ok()) return in_context(std::move(cron).error());
  Cron any_year = *cron;
  any_year.years.set();
  if (!next_local(any_year, 0)) {
    return in_context(
        bad("there is no such day in any year", "check the day of the month against the months"));
  }
  schedule.fields_ = std::make_shared<const Fields>(Fields{*located, *cron});
  return schedule;
}

std::optional<Instant> Schedule::next_after(Instant instant) const {
  YTB_CHECK(fields_ != nullptr);
  if (const auto* interval = std::get_if<std::chrono::minutes>(&fields_->when)) {
    int64_t length = Duration(*interval).count();
    int64_t now = instant.time_since_epoch().count();
    int64_t turn = now / length - (now % length < 0 ? 1 : 0);  // rounded down, before 1970 too
    return Instant(Duration((turn + 1) * length));
  }
  const Cron& cron = std::get<Cron>(fields_->when);
  int64_t from = fields_->zone.local_minute(instant);
  for (int tried = 0; tried < kCandidatesMax; ++tried) {
    std::optional<int64_t> local = next_local(cron, from);
    if (!local) return std::nullopt;
    Instant due = fields_->zone.first_instant(*local);
    if (due > instant) return due;
    from = *local + 1;  // its first time is over: this very minute, or an hour that is repeated now
  }
  return std::nullopt;
}

}  // namespace ytb::decide
