#include "masking/evaluate.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "masking/build.h"
#include "masking/calendar.h"
#include "masking/value.h"

namespace ytb::masking {
namespace {

using Kind = Datum::Kind;

constexpr size_t kTextMax = 1 << 20;  // bytes of one value that is computed
constexpr size_t kPatternMax = 4096;  // bytes of a pattern
constexpr int64_t kPatternMemoryMax = 4 << 20;
constexpr int64_t kMicrosecondsPerSecond = 1'000'000;
constexpr int64_t kSecondsPerDay = 86'400;
constexpr int64_t kDayMax = 100'000'000;
constexpr long double kExactMax = 9.0e18L;  // beyond it a long double holds no more whole numbers

Datum unknown() { return {}; }
Datum null() { return {.kind = Kind::kNull}; }
Datum boolean(bool truth) { return {.kind = Kind::kBoolean, .truth = truth}; }
Datum text_of(std::string text) {
  if (text.size() > kTextMax) return unknown();
  return {.kind = Kind::kText, .text = std::move(text)};
}
Datum number_of(long double number) {
  if (!std::isfinite(number) || std::fabs(number) > kExactMax) return unknown();
  return {.kind = Kind::kNumber, .number = number};
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

Datum parse_number(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  long double number = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size()) return unknown();
  return number_of(number);
}

Datum parse_boolean(std::string_view text) {
  const std::string word = to_lower_ascii(trim(text));
  if (word == "t" || word == "true") return boolean(true);
  if (word == "f" || word == "false") return boolean(false);
  return unknown();
}

// Takes digits off `text`; nullopt: there are none, or too many.
std::optional<int64_t> take_digits(std::string_view& text) {
  constexpr size_t kDigitsMax = 6;
  size_t count = 0;
  int64_t number = 0;
  while (count < text.size() && count < kDigitsMax && text[count] >= '0' && text[count] <= '9') {
    number = number * 10 + (text[count++] - '0');
  }
  if (count == 0) return std::nullopt;
  text.remove_prefix(count);
  return number;
}

bool take(std::string_view& text, char expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(1);
  return true;
}

// "2020-01-31 12:00:00.5+02" in ISO form; whatever else the server would read is unknown.
Datum parse_time(std::string_view text, bool zoned) {
  const std::optional<DateText> date = parse_date_text(trim(text));
  if (!date || date->day > kDayMax || date->day < -kDayMax) return unknown();
  Datum time{.kind = Kind::kTime, .zoned = zoned};
  int64_t seconds = date->day * kSecondsPerDay;
  std::string_view rest = date->rest;
  int64_t fraction = 0;
  int64_t offset = 0;
  bool offset_given = false;
  if (!rest.empty()) {
    rest.remove_prefix(1);
    int64_t unit = 3600;
    for (int part = 0; part < 3 && unit > 0; ++part, unit /= 60) {
      if (part > 0 && !take(rest, ':')) break;
      const std::optional<int64_t> digits = take_digits(rest);
      if (!digits) return unknown();
      seconds += *digits * unit;
    }
    if (take(rest, '.')) {
      const size_t before = rest.size();
      const std::optional<int64_t> digits = take_digits(rest);
      if (!digits) return unknown();
      fraction = *digits;
      for (size_t i = before - rest.size(); i < 6; ++i) fraction *= 10;
    }
    if (rest == "Z") {
      rest = {};
      offset_given = true;
    }
    if (rest.starts_with('+') || rest.starts_with('-')) {
      const int64_t sign = rest.front() == '-' ? -1 : 1;
      rest.remove_prefix(1);
      const std::optional<int64_t> hours = take_digits(rest);
      std::optional<int64_t> minutes = 0;
      if (take(rest, ':')) minutes = take_digits(rest);
      if (!hours || !minutes) return unknown();
      offset = sign * (*hours * 3600 + *minutes * 60);
      offset_given = true;
    }
    if (!rest.empty()) return unknown();
  }
  if (offset_given != zoned) return unknown();  // the session's time zone would decide
  time.microseconds = (seconds - offset) * kMicrosecondsPerSecond + fraction;
  return time;
}

// What a text becomes where a value of `like`'s kind is wanted: constants in quotes have no type of their
// own.
Datum as_kind_of(Datum constant, const Datum& like) {
  if (!constant.any_type || constant.kind != Kind::kText) return constant;
  switch (like.kind) {
    case Kind::kNumber:
      return parse_number(constant.text);
    case Kind::kBoolean:
      return parse_boolean(constant.text);
    case Kind::kTime:
      return parse_time(constant.text, like.zoned);
    case Kind::kBytes:
      return unknown();
    default:
      return constant;
  }
}

bool either(const Datum& a, const Datum& b, Kind kind) { return a.kind == kind || b.kind == kind; }

// -1, 0, 1; nullopt: unknown. `order`: more than whether they are equal is asked.
std::optional<int> compare(Datum a, Datum b, bool order) {
  a = as_kind_of(std::move(a), b);
  b = as_kind_of(std::move(b), a);
  if (a.kind != b.kind) return std::nullopt;
  const auto three_way = [](const auto& x, const auto& y) { return x < y ? -1 : y < x ? 1 : 0; };
  switch (a.kind) {
    case Kind::kNumber:
      return three_way(a.number, b.number);
    case Kind::kBoolean:
      return three_way(a.truth, b.truth);
    case Kind::kTime:
      if (a.zoned != b.zoned) return std::nullopt;
      return three_way(a.microseconds, b.microseconds);
    case Kind::kText: {
      if (a.json || b.json) return std::nullopt;
      if (a.text == b.text) return 0;
      if (order) return std::nullopt;  // by the collation
      if (!a.folds_case && !b.folds_case) return 1;
      if (!is_ascii(a.text) || !is_ascii(b.text)) return std::nullopt;
      return to_lower_ascii(a.text) == to_lower_ascii(b.text) ? 0 : 1;
    }
    default:
      return std::nullopt;
  }
}

Datum compared(std::string_view operation, const Datum& a, const Datum& b) {
  if (either(a, b, Kind::kNull)) return null();
  if (either(a, b, Kind::kUnknown)) return unknown();
  const bool equality = operation == "=" || operation == "<>";
  const std::optional<int> order = compare(a, b, !equality);
  if (!order) return unknown();
  if (operation == "=") return boolean(*order == 0);
  if (operation == "<>") return boolean(*order != 0);
  if (operation == "<") return boolean(*order < 0);
  if (operation == "<=") return boolean(*order <= 0);
  if (operation == ">") return boolean(*order > 0);
  return boolean(*order >= 0);
}

bool is_comparison(std::string_view operation) {
  return operation == "=" || operation == "<>" || operation == "<" || operation == "<=" || operation == ">" ||
         operation == ">=";
}

Datum arithmetic(char operation, Datum a, Datum b) {
  if (either(a, b, Kind::kNull)) return null();
  a = as_kind_of(std::move(a), b);
  b = as_kind_of(std::move(b), a);
  if (a.kind != Kind::kNumber || b.kind != Kind::kNumber) return unknown();
  switch (operation) {
    case '+':
      return number_of(a.number + b.number);
    case '-':
      return number_of(a.number - b.number);
    case '*':
      return number_of(a.number * b.number);
    case '%':
      return b.number == 0 ? unknown() : number_of(std::fmod(a.number, b.number));
    default:
      return unknown();  // division: of whole numbers or not, by types that are not known here
  }
}

// ---- patterns

// LIKE, character by character. nullopt: the pattern ends in its escape, which is an error.
std::optional<bool> matches_like(std::string_view text, std::string_view pattern) {
  constexpr char kEscape = '\\';
  const auto next = [](std::string_view s, size_t at) {
    ++at;
    while (at < s.size() && is_continuation(s[at])) ++at;
    return at;
  };
  size_t t = 0;
  size_t p = 0;
  std::optional<size_t> star;  // behind the last %
  size_t retry = 0;
  while (true) {
    if (p < pattern.size() && pattern[p] == '%') {
      star = ++p;
      retry = t;
      continue;
    }
    if (t >= text.size()) {
      if (p == pattern.size()) return true;
      if (pattern[p] == kEscape && p + 1 == pattern.size()) return std::nullopt;
      return false;
    }
    if (p < pattern.size()) {
      if (pattern[p] == '_') {
        t = next(text, t);
        ++p;
        continue;
      }
      size_t literal = p;
      if (pattern[p] == kEscape) {
        if (++literal == pattern.size()) return std::nullopt;
      }
      if (pattern[literal] == text[t]) {
        ++t;
        p = literal + 1;
        continue;
      }
    }
    if (!star) return false;
    retry = next(text, retry);
    t = retry;
    p = *star;
  }
}

// Whether a pattern of PostgreSQL's means the same to RE2 for texts in ASCII; what it would read otherwise
// (\y, \m, look-around, back references, embedded options) is not judged. Patterns are regex(7) ones there:
// "." matches a newline, ^ and $ only the ends.
bool reads_alike(std::string_view pattern) {
  if (pattern.starts_with("***") || pattern.find("{,") != std::string_view::npos) return false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\') {
      if (++i == pattern.size()) return false;
      const char escaped = pattern[i];
      const bool word = (escaped >= 'a' && escaped <= 'z') || (escaped >= 'A' && escaped <= 'Z') ||
                        (escaped >= '0' && escaped <= '9') || escaped == '<' || escaped == '>';
      if (word && std::string_view("dDsSwWntrfv").find(escaped) == std::string_view::npos) return false;
    } else if (c == '(' && i + 1 < pattern.size() && pattern[i + 1] == '?') {
      const bool plain_group = pattern.substr(i, 3) == "(?:";
      const bool no_case = i == 0 && pattern.starts_with("(?i)");
      if (!plain_group && !no_case) return false;
    } else if (c == '[' && i + 1 < pattern.size()) {
      const std::string_view rest = pattern.substr(i);
      if (rest.starts_with("[[:<:") || rest.starts_with("[[:>:")) return false;
      if (rest.starts_with("[=") || rest.starts_with("[.")) {
        // Within brackets these are equivalence classes; outside, a set that begins with = or a point.
        const size_t close = rest.find(']');
        if (close != std::string_view::npos && close > 2 && rest[close - 1] == rest[1]) return false;
      }
    }
  }
  return true;
}

std::optional<bool> matches_regex(std::string_view text, std::string_view pattern, bool any_case) {
  if (pattern.size() > kPatternMax || !is_ascii(pattern) || !is_ascii(text) || !reads_alike(pattern)) {
    return std::nullopt;
  }
  // Compiled once: the same pattern is asked of some hundred values.
  struct Compiled {
    std::string pattern;
    bool any_case = false;
    std::unique_ptr<re2::RE2> program;
  };
  thread_local Compiled last;
  if (last.program == nullptr || last.pattern != pattern || last.any_case != any_case) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kPatternMemoryMax);
    options.set_dot_nl(true);
    options.set_case_sensitive(!any_case);
    last = {.pattern = std::string(pattern),
            .any_case = any_case,
            .program = std::make_unique<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options)};
  }
  if (!last.program->ok()) return std::nullopt;
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *last.program);
}

Datum matched(std::string_view operation, const Datum& value, const Datum& pattern) {
  if (either(value, pattern, Kind::kNull)) return null();
  if (value.kind != Kind::kText || pattern.kind != Kind::kText) return unknown();
  if (value.folds_case || value.padded || value.json) return unknown();
  std::optional<bool> found;
  if (operation == "like") {
    found = matches_like(value.text, pattern.text);
  } else if (operation == "ilike") {
    if (!is_ascii(value.text) || !is_ascii(pattern.text)) return unknown();
    found = matches_like(to_lower_ascii(value.text), to_lower_ascii(pattern.text));
  } else {
    found = matches_regex(value.text, pattern.text, operation == "~*");
  }
  return found ? boolean(*found) : unknown();
}

// ---- functions

std::vector<std::string_view> characters_of(std::string_view text) {
  std::vector<std::string_view> characters;
  for (size_t at = 0; at < text.size();) {
    size_t end = at + 1;
    while (end < text.size() && is_continuation(text[end])) ++end;
    characters.push_back(text.substr(at, end - at));
    at = end;
  }
  return characters;
}

// substr(): from the 1-based `from` on, `count` characters where it is given.
Datum substring(std::string_view text, long double from, std::optional<long double> count) {
  if (count && *count < 0) return unknown();  // an error
  const std::vector<std::string_view> characters = characters_of(text);
  const auto size = static_cast<long double>(characters.size());
  const long double end = count ? std::min(from + *count, size + 1) : size + 1;
  std::string result;
  for (long double at = std::max(from, 1.0L); at < end; ++at) {
    result += characters[static_cast<size_t>(at) - 1];
  }
  return text_of(std::move(result));
}

std::string trimmed(std::string_view text, bool left, bool right) {
  while (left && text.starts_with(' ')) text.remove_prefix(1);
  while (right && text.ends_with(' ')) text.remove_suffix(1);
  return std::string(text);
}

Datum of_text(std::string_view name, const Datum& value) {
  if (value.kind == Kind::kBytes) {
    if (name == "length" || name == "octet_length")
      return number_of(static_cast<long double>(value.text.size()));
    return unknown();
  }
  if (value.kind != Kind::kText) return unknown();
  if (value.json) {
    if (name != "jsonb_typeof" && name != "json_typeof") return unknown();
    const nlohmann::json tree = parse_json(value.text);
    if (tree.is_discarded()) return unknown();
    return text_of(tree.is_object()    ? "object"
                   : tree.is_array()   ? "array"
                   : tree.is_string()  ? "string"
                   : tree.is_number()  ? "number"
                   : tree.is_boolean() ? "boolean"
                                       : "null");
  }
  if (name == "length" || name == "char_length" || name == "character_length") {
    return number_of(static_cast<long double>(count_characters(value.text)));
  }
  if (name == "octet_length" && !value.padded) return number_of(static_cast<long double>(value.text.size()));
  if (name == "btrim") return text_of(trimmed(value.text, true, true));
  if (name == "ltrim") return text_of(trimmed(value.text, true, false));
  if (name == "rtrim") return text_of(trimmed(value.text, false, true));
  if (!is_ascii(value.text)) return unknown();
  if (name == "lower") return text_of(to_lower_ascii(value.text));
  if (name == "upper") {
    std::string upper = value.text;
    for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    return text_of(std::move(upper));
  }
  return unknown();
}

Datum extracted(const Datum& field, const Datum& value) {
  if (value.kind != Kind::kTime || value.zoned || field.kind != Kind::kText) return unknown();
  const int64_t micros_per_day = kSecondsPerDay * kMicrosecondsPerSecond;
  int64_t day = value.microseconds / micros_per_day;
  if (value.microseconds % micros_per_day < 0) --day;
  const Civil date = civil_from_days(day);
  if (field.text == "year")
    return number_of(static_cast<long double>(date.year > 0 ? date.year : date.year - 1));
  if (field.text == "month") return number_of(date.month);
  if (field.text == "day") return number_of(date.day);
  return unknown();
}

bool all_text(const std::vector<Datum>& values, size_t count) {
  return std::all_of(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count),
                     [](const Datum& value) { return value.kind == Kind::kText && !value.json; });
}

Datum of_numbers(std::string_view name, const Datum& value) {
  const Datum number = as_kind_of(value, {.kind = Kind::kNumber});
  if (number.kind != Kind::kNumber) return unknown();
  if (name == "abs") return number_of(std::fabs(number.number));
  if (name == "ceil" || name == "ceiling") return number_of(std::ceil(number.number));
  if (name == "floor") return number_of(std::floor(number.number));
  if (name == "-") return number_of(-number.number);
  return unknown();
}

// Strict functions of pg_catalog: none of `values` is NULL.
Datum call(const std::string& name, const std::vector<Datum>& values) {
  if (values.size() == 1) {
    Datum result = of_text(name, values[0]);
    return result.kind == Kind::kUnknown ? of_numbers(name, values[0]) : result;
  }
  if (values.size() == 2) {
    if (name == "extract" || name == "date_part") return extracted(values[0], values[1]);
    if (name == "mod") return arithmetic('%', values[0], values[1]);
    const bool number_second =
        values[0].kind == Kind::kText && !values[0].json && values[1].kind == Kind::kNumber;
    if ((name == "substr" || name == "substring") && number_second) {
      return substring(values[0].text, values[1].number, std::nullopt);
    }
    if (name == "left" && number_second && values[1].number >= 0) {
      return substring(values[0].text, 1, values[1].number);
    }
    if (name == "right" && number_second && values[1].number >= 0) {
      const auto size = static_cast<long double>(count_characters(values[0].text));
      return substring(values[0].text, std::max(size - values[1].number, 0.0L) + 1, std::nullopt);
    }
    if (!all_text(values, 2) || values[0].folds_case) return unknown();
    const size_t found = values[0].text.find(values[1].text);
    if (name == "starts_with") return boolean(found == 0);
    if (name == "strpos" || name == "position") {
      if (found == std::string::npos) return number_of(0);
      return number_of(static_cast<long double>(count_characters(values[0].text.substr(0, found)) + 1));
    }
    return unknown();
  }
  if (values.size() == 3 && (name == "substr" || name == "substring") && values[0].kind == Kind::kText &&
      !values[0].json && values[1].kind == Kind::kNumber && values[2].kind == Kind::kNumber) {
    return substring(values[0].text, values[1].number, values[2].number);
  }
  return unknown();
}

// ---- the tree

class Evaluator {
 public:
  explicit Evaluator(const Lookup& lookup) : lookup_(lookup) {}

  [[nodiscard]] Datum run(const Expression& expression) const {
    switch (expression.kind) {
      case Expression::Kind::kUnknown:
        return unknown();
      case Expression::Kind::kColumn:
        return lookup_(expression.text);
      case Expression::Kind::kValue:
        return lookup_({});
      case Expression::Kind::kNull:
        return null();
      case Expression::Kind::kText:
        return {.kind = Kind::kText, .text = expression.text, .any_type = true};
      case Expression::Kind::kNumber:
        return parse_number(expression.text);
      case Expression::Kind::kBoolean:
        return boolean(expression.text == "true");
      case Expression::Kind::kCall:
        return run_call(expression);
      case Expression::Kind::kAny:
      case Expression::Kind::kAll:
        return run_list(expression);
      case Expression::Kind::kCast:
        return run_cast(expression);
    }
    return unknown();
  }

 private:
  static Datum truth_of(Datum value) {
    if (value.any_type) value = parse_boolean(value.text);
    return value.kind == Kind::kBoolean || value.kind == Kind::kNull ? value : unknown();
  }

  // AND ends with the first false, OR with the first true, wherever unknown and NULL are.
  template <typename Terms>
  static Datum joined(bool end, const Terms& terms) {
    bool any_unknown = false;
    bool any_null = false;
    for (size_t i = 0; i < terms.count; ++i) {
      const Datum term = truth_of(terms.at(i));
      if (term.kind == Kind::kBoolean && term.truth == end) return boolean(end);
      any_unknown = any_unknown || term.kind == Kind::kUnknown;
      any_null = any_null || term.kind == Kind::kNull;
    }
    return any_unknown ? unknown() : any_null ? null() : boolean(!end);
  }

  template <typename At>
  struct Terms {
    size_t count;
    At at;
  };
  template <typename At>
  static Terms<At> terms(size_t count, At at) {
    return {count, at};
  }

  [[nodiscard]] static Datum apply(const std::string& operation, const Datum& a, const Datum& b) {
    if (is_comparison(operation)) return compared(operation, a, b);
    if (operation == "like" || operation == "ilike" || operation == "~" || operation == "~*") {
      return matched(operation, a, b);
    }
    return unknown();
  }

  [[nodiscard]] Datum run_list(const Expression& expression) const {
    const std::vector<Expression>& arguments = expression.arguments;
    if (arguments.empty()) return unknown();
    const Datum value = run(arguments[0]);
    const auto at = [&](size_t i) { return apply(expression.text, value, run(arguments[i + 1])); };
    return joined(expression.kind == Expression::Kind::kAny, terms(arguments.size() - 1, at));
  }

  [[nodiscard]] Datum run_call(const Expression& expression) const {
    const std::string& name = expression.text;
    const std::vector<Expression>& arguments = expression.arguments;
    if (name == "and" || name == "or") {
      return joined(name == "or", terms(arguments.size(), [&](size_t i) { return run(arguments[i]); }));
    }
    if (name == "coalesce") {
      for (const Expression& argument : arguments) {
        Datum value = run(argument);
        if (value.kind != Kind::kNull) return value;
      }
      return null();
    }
    if (name == "case") return run_case(arguments);
    std::vector<Datum> values;
    values.reserve(arguments.size());
    for (const Expression& argument : arguments) values.push_back(run(argument));
    if (values.size() == 1) {
      const Datum& value = values[0];
      if (name == "is null")
        return value.kind == Kind::kUnknown ? unknown() : boolean(value.kind == Kind::kNull);
      const Datum truth =
          name == "not" || name == "is true" || name == "is false" ? truth_of(value) : unknown();
      if (name == "not") return truth.kind == Kind::kBoolean ? boolean(!truth.truth) : truth;
      if (name == "is true" || name == "is false") {
        if (truth.kind == Kind::kUnknown) return unknown();
        return boolean(truth.kind == Kind::kBoolean && truth.truth == (name == "is true"));
      }
    }
    if (name == "is distinct" && values.size() == 2) {
      if (either(values[0], values[1], Kind::kUnknown)) return unknown();
      const bool nulls = either(values[0], values[1], Kind::kNull);
      return nulls ? boolean(values[0].kind != values[1].kind) : compared("<>", values[0], values[1]);
    }
    if (name == "nullif" && values.size() == 2) {
      const Datum same = compared("=", values[0], values[1]);
      if (same.kind == Kind::kUnknown) return unknown();
      return same.kind == Kind::kBoolean && same.truth ? null() : values[0];
    }
    if (std::any_of(values.begin(), values.end(), [](const Datum& v) { return v.kind == Kind::kUnknown; })) {
      return unknown();
    }
    if (values.size() == 2) {
      const Datum applied = apply(name, values[0], values[1]);
      if (applied.kind != Kind::kUnknown) return applied;
    }
    if (std::any_of(values.begin(), values.end(), [](const Datum& v) { return v.kind == Kind::kNull; })) {
      return is_strict(name) ? null() : unknown();
    }
    if (name == "||" && values.size() == 2) {
      return all_text(values, 2) ? text_of(values[0].text + values[1].text) : unknown();
    }
    if (name.size() == 1 && values.size() == 2) return arithmetic(name[0], values[0], values[1]);
    return call(name, values);
  }

  // Conditions and results in turn; the last one is the result otherwise.
  [[nodiscard]] Datum run_case(const std::vector<Expression>& arguments) const {
    for (size_t i = 0; i + 1 < arguments.size(); i += 2) {
      const Datum condition = truth_of(run(arguments[i]));
      if (condition.kind == Kind::kUnknown) return unknown();
      if (condition.kind == Kind::kBoolean && condition.truth) return run(arguments[i + 1]);
    }
    return arguments.size() % 2 == 1 ? run(arguments.back()) : unknown();
  }

  // What is known here and gives NULL for a NULL; an unknown name may do anything.
  static bool is_strict(std::string_view name) {
    constexpr std::string_view kStrict[] = {"||",
                                            "+",
                                            "-",
                                            "*",
                                            "%",
                                            "/",
                                            "length",
                                            "char_length",
                                            "character_length",
                                            "lower",
                                            "upper",
                                            "btrim",
                                            "ltrim",
                                            "rtrim",
                                            "abs",
                                            "left",
                                            "right",
                                            "substr",
                                            "mod",
                                            "ceil",
                                            "floor",
                                            "strpos",
                                            "position",
                                            "extract",
                                            "date_part",
                                            "octet_length",
                                            "starts_with",
                                            "substring",
                                            "jsonb_typeof",
                                            "json_typeof",
                                            "ceiling"};
    return std::find(std::begin(kStrict), std::end(kStrict), name) != std::end(kStrict);
  }

  [[nodiscard]] Datum run_cast(const Expression& expression) const {
    if (expression.arguments.empty()) return unknown();
    Datum value = run(expression.arguments[0]);
    if (value.kind == Kind::kUnknown || value.kind == Kind::kNull) return value;
    const std::string& type = expression.text;
    std::optional<long double> length;
    if (expression.arguments.size() > 1) {
      const Datum given = run(expression.arguments[1]);
      if (given.kind != Kind::kNumber) return unknown();
      length = given.number;
    }
    if (type == "text" || type == "varchar" || type == "bpchar") {
      if (value.kind != Kind::kText || value.json) return unknown();
      Datum cast = length ? substring(value.text, 1, length) : text_of(value.text);
      if (cast.kind == Kind::kText) cast.padded = type == "bpchar" && (length || value.padded);
      return cast;
    }
    if (length) return unknown();
    if (type == "int2" || type == "int4" || type == "int8" || type == "numeric" || type == "float8") {
      const Datum number = value.kind == Kind::kText ? parse_number(value.text) : value;
      if (number.kind != Kind::kNumber) return unknown();
      // Of a number with a fraction it would round.
      return type.starts_with("int") && std::floor(number.number) != number.number ? unknown() : number;
    }
    if (type == "bool") {
      return value.kind == Kind::kText      ? parse_boolean(value.text)
             : value.kind == Kind::kBoolean ? value
                                            : unknown();
    }
    if (type == "date" || type == "timestamp" || type == "timestamptz") {
      if (value.kind == Kind::kText) return parse_time(value.text, type == "timestamptz");
      const bool same = value.kind == Kind::kTime && value.zoned == (type == "timestamptz");
      return same && type != "date" ? value : unknown();
    }
    if (type == "uuid" && value.kind == Kind::kText) return text_of(to_lower_ascii(value.text));
    return unknown();
  }

  const Lookup& lookup_;
};

}  // namespace

size_t count_characters(std::string_view utf8) {
  return static_cast<size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return !is_continuation(c); }));
}

Datum read_datum(const Column& column, std::string_view text) {
  switch (column.type_class) {
    case TypeClass::kText: {
      Datum value{.kind = Kind::kText, .text = std::string(text), .folds_case = column.case_insensitive};
      if (column.blank_padded) {
        value.text = trimmed(text, false, true);
        const auto limit = static_cast<size_t>(column.length_max.value_or(1));
        value.padded = count_characters(value.text) < limit;
      }
      return value;
    }
    case TypeClass::kInteger:
      return parse_number(text);
    case TypeClass::kNumber:
      return column.base_type == "money" ? unknown() : parse_number(text);
    case TypeClass::kDate:
      return parse_time(text, false);
    case TypeClass::kTimestamp:
      return parse_time(text, column.base_type == "timestamptz");
    case TypeClass::kBoolean:
      return parse_boolean(text);
    case TypeClass::kUuid:
    case TypeClass::kEnum:
      return {.kind = Kind::kText, .text = std::string(text)};
    case TypeClass::kJson:
      return {.kind = Kind::kText, .text = std::string(text), .json = true};
    case TypeClass::kBytes: {
      Datum value{.kind = Kind::kBytes};
      return read_hex_bytes(text, value.text) ? value : unknown();
    }
    default:
      return unknown();
  }
}

Datum evaluate(const Expression& expression, const Lookup& lookup) {
  return Evaluator(lookup).run(expression);
}

Outcome holds(const Expression& condition, const Lookup& lookup) {
  const Datum result = evaluate(condition, lookup);
  if (result.kind == Kind::kNull) return Outcome::kAllowed;
  if (result.kind != Kind::kBoolean) return Outcome::kUnknown;
  return result.truth ? Outcome::kAllowed : Outcome::kForbidden;
}

}  // namespace ytb::masking
