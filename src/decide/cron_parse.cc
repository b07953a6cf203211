#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <string>
#include <vector>

#include "base/text.h"
#include "decide/cron.h"

namespace ytb::decide {
namespace {

constexpr size_t kExpressionLengthMax = 1000;

constexpr std::array<std::string_view, 12> kMonthNames{"jan", "feb", "mar", "apr", "may", "jun",
                                                       "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kDayNames{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct Field {
  std::string_view name;
  int min;
  int max;
  std::span<const std::string_view> names;  // of the values from names_from
  int names_from = 0;
};

Error bad(const Field& field, std::string_view text, std::string_view why) {
  std::string takes = fmt::format("{} takes {}-{}", field.name, field.min, field.max);
  if (!field.names.empty()) {
    takes += fmt::format(" or {}-{}", field.names.front(), field.names.back());
  }
  return Error{.code = Code::kConfig,
               .message = fmt::format("{} '{}' {}", field.name, printable(text), why),
               .hint = takes + ", with lists (1,2), ranges (1-5) and steps (*/5)",
               .retry = Retry::kNever};
}

Result<int> parse_number(const Field& field, std::string_view text, std::string_view whole) {
  for (size_t i = 0; i < field.names.size(); ++i) {
    if (to_lower_ascii(text) == field.names[i]) return static_cast<int>(i) + field.names_from;
  }
  int number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || text.front() == '-') {
    return bad(field, whole, text.empty() ? "has a part missing" : "is not a number or a name");
  }
  if (number < field.min || number > field.max) {
    return bad(field, whole, fmt::format("is outside {}-{}", field.min, field.max));
  }
  return number;
}

struct Values {
  int first = 0;
  int last = 0;
  int step = 1;
};

// `open_steps`: AWS's "5/10", from 5 to the end by tens.
Result<Values> parse_range(const Field& field, std::string_view text, bool open_steps) {
  Values values{.first = field.min, .last = field.max, .step = 1};
  std::string_view range = text;
  size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    range = text.substr(0, slash);
    std::string_view step = text.substr(slash + 1);
    auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), values.step);
    if (step.empty() || error != std::errc() || end != step.data() + step.size() || values.step < 1) {
      return bad(field, text, "has a step that is not a number from 1");
    }
    if (values.step > field.max) return bad(field, text, fmt::format("has a step over {}", field.max));
  }
  if (range == "*") return values;
  size_t dash = range.find('-');
  YTB_ASSIGN(values.first, parse_number(field, range.substr(0, dash), text));
  if (dash == std::string_view::npos) {
    if (slash == std::string_view::npos) {
      values.last = values.first;
    } else if (!open_steps) {
      return bad(field, text,
                 fmt::format("has a step without a range: write {}-{}/{}", range, field.max, values.step));
    }
    return values;
  }
  YTB_ASSIGN(values.last, parse_number(field, range.substr(dash + 1), text));
  // "sat-sun", and "5-0": Sunday is also the seventh day of a five-field week.
  if (field.max == 7 && field.min == 0 && values.last == 0 && values.first > 0) values.last = 7;
  if (values.last < values.first) {
    return bad(
        field, text,
        fmt::format("runs backwards: write {}-{},{}-{}", values.first, field.max, field.min, values.last));
  }
  return values;
}

// Appends the values that one field names. `special` takes a part that it knows (L, 3W …) and answers
// whether.
template <typename Add, typename Special>
Status parse_field(const Field& field, std::string_view text, bool open_steps, Add add, Special special) {
  for (const std::string& part : split(text, ',')) {
    if (part.empty()) return bad(field, text, "has an empty part");
    Result<bool> taken = special(part);
    if (!taken.ok()) return std::move(taken).error();
    if (*taken) continue;
    YTB_ASSIGN(Values values, parse_range(field, part, open_steps));
    for (int value = values.first; value <= values.last; value += values.step)
      add(static_cast<unsigned>(value));
  }
  return {};
}

Result<bool> nothing_special(std::string_view) { return false; }

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (char c : text) {
    if (c == ' ' || c == '\t') {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
    } else {
      word += c;
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

Status check_count(std::string_view text, const std::vector<std::string>& words, size_t wanted,
                   std::string_view names) {
  if (text.size() <= kExpressionLengthMax && words.size() == wanted) return {};
  return Error{
      .code = Code::kConfig,
      .message = text.size() > kExpressionLengthMax
                     ? fmt::format("a schedule of {} characters is too long", text.size())
                     : fmt::format("'{}' has {} fields, not {}", printable(text), words.size(), wanted),
      .hint = fmt::format("the fields are: {}", names),
      .retry = Retry::kNever};
}

constexpr Field kMinute{"minute", 0, 59, {}, 0};
constexpr Field kHour{"hour", 0, 23, {}, 0};
constexpr Field kDayOfMonth{"day of month", 1, 31, {}, 0};
constexpr Field kMonth{"month", 1, 12, kMonthNames, 1};
constexpr Field kDayOfWeek{"day of week", 0, 7, kDayNames, 0};
constexpr Field kAwsDayOfWeek{"day of week", 1, 7, kDayNames, 1};
constexpr Field kAwsYear{"year", kCronYearMin, kCronYearMax, {}, 0};

template <typename Word>
auto setter(Word& bits) {
  return [&bits](unsigned value) { bits = static_cast<Word>(bits | (uint64_t{1} << value)); };
}

Status parse_common(Cron& cron, const std::string& minute, const std::string& hour, const std::string& month,
                    bool open_steps) {
  YTB_TRY(parse_field(kMinute, minute, open_steps, setter(cron.minutes), nothing_special));
  YTB_TRY(parse_field(kHour, hour, open_steps, setter(cron.hours), nothing_special));
  return parse_field(kMonth, month, open_steps, setter(cron.months), nothing_special);
}

// L, LW and nW.
Result<bool> special_day_of_month(Cron& cron, std::string_view part) {
  std::string text = to_lower_ascii(part);
  if (text == "l") return cron.last_day = true;
  if (text == "lw" || text == "wl") return cron.last_working_day = true;
  if (text.empty() || text.back() != 'w') return false;
  YTB_ASSIGN(int day, parse_number(kDayOfMonth, std::string_view(text).substr(0, text.size() - 1), part));
  setter(cron.nearest_working_day)(static_cast<unsigned>(day));
  return true;
}

// L (Saturday), nL (the last of the month) and n#m (the m-th of the month).
Result<bool> special_day_of_week(Cron& cron, std::string_view part) {
  std::string text = to_lower_ascii(part);
  if (text == "l") {
    setter(cron.weekdays)(6);
    return true;
  }
  size_t hash = text.find('#');
  if (hash != std::string::npos) {
    YTB_ASSIGN(int day, parse_number(kAwsDayOfWeek, std::string_view(text).substr(0, hash), part));
    std::string_view nth = std::string_view(text).substr(hash + 1);
    if (nth.size() != 1 || nth[0] < '1' || nth[0] > '5') {
      return bad(kAwsDayOfWeek, part, "has a number after # that is not 1-5");
    }
    setter(cron.nth_weekdays.at(static_cast<size_t>(nth[0] - '0')))(static_cast<unsigned>(day - 1));
    return true;
  }
  if (text.size() < 2 || text.back() != 'l') return false;
  YTB_ASSIGN(int day, parse_number(kAwsDayOfWeek, std::string_view(text).substr(0, text.size() - 1), part));
  setter(cron.last_weekdays)(static_cast<unsigned>(day - 1));
  return true;
}

}  // namespace

Result<Cron> parse_cron(std::string_view text) {
  std::vector<std::string> words = words_of(text);
  YTB_TRY(check_count(text, words, 5, "minute hour day-of-month month day-of-week"));
  Cron cron;
  cron.years.set();
  YTB_TRY(parse_common(cron, words[0], words[1], words[3], false));
  YTB_TRY(parse_field(kDayOfMonth, words[2], false, setter(cron.days), nothing_special));
  auto add_weekday = [&](unsigned value) { setter(cron.weekdays)(value % 7); };
  YTB_TRY(parse_field(kDayOfWeek, words[4], false, add_weekday, nothing_special));
  // As every cron since Vixie's: a field that begins with a star restricts together with the other one.
  cron.either_day = words[2].front() != '*' && words[4].front() != '*';
  return cron;
}

Result<Cron> parse_aws_cron(std::string_view text) {
  std::vector<std::string> words = words_of(text);
  YTB_TRY(check_count(text, words, 6, "minute hour day-of-month month day-of-week year"));
  Cron cron;
  YTB_TRY(parse_common(cron, words[0], words[1], words[3], true));
  bool any_day = words[2] == "?";
  bool any_weekday = words[4] == "?";
  if (any_day == any_weekday) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("exactly one of day of month '{}' and day of week '{}' must be '?'",
                                        printable(words[2]), printable(words[4])),
                 .hint = "every day is 'cron(0 6 * * ? *)', every Monday is 'cron(0 6 ? * MON *)'",
                 .retry = Retry::kNever};
  }
  if (any_day) {
    cron.days = ~uint32_t{0};
    auto add = [&](unsigned value) { setter(cron.weekdays)(value - 1); };
    YTB_TRY(parse_field(kAwsDayOfWeek, words[4], true, add,
                        [&](std::string_view part) { return special_day_of_week(cron, part); }));
  } else {
    cron.weekdays = 0x7F;
    YTB_TRY(parse_field(kDayOfMonth, words[2], true, setter(cron.days),
                        [&](std::string_view part) { return special_day_of_month(cron, part); }));
  }
  auto add_year = [&](unsigned value) { cron.years.set(value - static_cast<unsigned>(kCronYearMin)); };
  YTB_TRY(parse_field(kAwsYear, words[5], true, add_year, nothing_special));
  return cron;
}

}  // namespace ytb::decide
