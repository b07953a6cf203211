// CHECKs, domains, exclusion constraints and lengths of generated columns, tried before anything is restored:
// made-up values that satisfy them go through the maskers, and what comes out is judged. Only what PostgreSQL
// itself defines is evaluated (evaluate.h); where that says nothing, the constraint is named as not tried.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "masking/calendar.h"
#include "masking/evaluate.h"
#include "masking/names.h"
#include "masking/trial.h"
#include "masking/verdict.h"
#include "masking/yaml_text.h"

namespace ytb::masking {
namespace {

constexpr size_t kRows = 240;                  // made up for one constraint
constexpr size_t kTrialRows = 64;              // of those, what a server is asked about
constexpr int kNear[] = {1, 2, 4};             // on each side of a constant: few of all that is tried
constexpr size_t kPoolMax = 400;               // different values for one column
constexpr int kComputedDepthMax = 8;           // generated columns within an expression
constexpr size_t kOtherMaskersTriedMax = 200;  // findings that say what would satisfy the constraint
constexpr int64_t kLengthTriedMax = 256;       // characters of a value that is made up for a length

// ---- values to begin with

// The constants of an expression, whatever they stand beside.
struct Constants {
  std::vector<std::string> texts;
  std::vector<long double> numbers;
};

void collect_constants(const Expression& expression, Constants& constants) {
  if (expression.kind == Expression::Kind::kText) constants.texts.push_back(expression.text);
  if (expression.kind == Expression::Kind::kNumber) {
    const Datum number = evaluate(expression, [](std::string_view) { return Datum(); });
    if (number.kind == Datum::Kind::kNumber) constants.numbers.push_back(number.number);
  }
  for (const Expression& argument : expression.arguments) collect_constants(argument, constants);
}

// Constants that are many leave room for what lies between and beside them: some from all of their range.
template <typename Number>
void thin_out(std::vector<Number>& constants) {
  constexpr size_t kConstantsMax = 40;
  if (constants.size() <= kConstantsMax) return;
  std::sort(constants.begin(), constants.end());
  std::vector<Number> some;
  for (size_t i = 0; i < kConstantsMax; ++i)
    some.push_back(constants[i * (constants.size() - 1) / (kConstantsMax - 1)]);
  constants = std::move(some);
}

// Adds what lies beside each constant, and between them; around one that is alone as far as `far`: most of
// what it allows is far away from it.
template <typename Number>
void add_around(Number far, std::vector<Number>& constants) {
  constexpr int kSteps = 40;
  constexpr int kStepsAlone = 160;
  if (constants.empty()) return;
  const auto [first, last] = std::minmax_element(constants.begin(), constants.end());
  const bool alone = *first == *last;
  const Number from = alone ? *first - far : *first;
  const Number to = alone ? *last + far : *last;
  for (size_t i = 0, count = constants.size(); i < count; ++i) {
    for (const int near : kNear) {
      constants.push_back(constants[i] + near);
      constants.push_back(constants[i] - near);
    }
  }
  const int steps = alone ? kStepsAlone : kSteps;
  for (int i = 0; i <= steps; ++i) constants.push_back(from + (to - from) * i / steps);
}

std::string number_text(long double number, bool whole) {
  return whole ? fmt::format("{}", static_cast<int64_t>(std::floor(number)))
               : fmt::format("{}", static_cast<double>(number));
}

void add_numbers(const Column& column, const Constants& constants, std::vector<std::string>& pool) {
  const bool whole = column.type_class == TypeClass::kInteger;
  std::vector<long double> numbers = constants.numbers;
  for (const std::string& text : constants.texts) {
    const Datum number = read_datum(column, text);
    if (number.kind == Datum::Kind::kNumber) numbers.push_back(number.number);
  }
  thin_out(numbers);
  // Noise grows with the value.
  const long double far = numbers.empty() ? 0 : std::max(800.0L, 10 * std::fabs(numbers.front()));
  add_around(far, numbers);
  for (long double usual : {0.0L, 1.0L, 2.0L, 7.0L, 18.0L, 42.0L, 99.5L, 365.0L, 1999.95L, 20'000.0L,
                            65'000.0L, 1'234'567.0L, -3.0L, -250.0L}) {
    numbers.push_back(usual);
  }
  constexpr long double kInt8Max = 9.0e18L;
  const long double limit = column.base_type == "int2"   ? 32'767.0L
                            : column.base_type == "int4" ? 2'147'483'647.0L
                                                         : kInt8Max;
  for (long double number : numbers) {
    if (!whole || std::fabs(number) <= limit) pool.push_back(number_text(number, whole));
  }
}

void add_times(const Column& column, const Constants& constants, std::vector<std::string>& pool) {
  constexpr int64_t kMicrosecondsPerDay = 86'400'000'000;
  const bool date = column.type_class == TypeClass::kDate;
  const std::string_view rest = date ? "" : column.base_type == "timestamptz" ? " 12:34:56+00" : " 12:34:56";
  std::vector<int64_t> days;
  for (const std::string& text : constants.texts) {
    const std::optional<DateText> found = parse_date_text(text);
    if (found) days.push_back(found->day);
    const Datum time = read_datum(column, text);
    if (time.kind == Datum::Kind::kTime) days.push_back(time.microseconds / kMicrosecondsPerDay);
  }
  thin_out(days);
  constexpr int64_t kFar = 20'000;
  add_around(kFar, days);
  constexpr int64_t kUsualFrom = -18'262;  // 1950-01-01
  constexpr int64_t kUsualStep = 487;      // days
  for (int64_t i = 0; i < 60; ++i) days.push_back(kUsualFrom + i * kUsualStep);
  for (int64_t day : days) {
    std::string text;
    append_date_text(day, rest, text);
    pool.push_back(std::move(text));
  }
}

// A text that matches a pattern of LIKE, with `any` for each %; itself where it is none.
std::string that_is_like(std::string_view pattern, std::string_view any) {
  std::string filled;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      filled += pattern[++i];
    } else {
      filled += pattern[i] == '%' ? any : pattern[i] == '_' ? "a" : pattern.substr(i, 1);
    }
  }
  return filled;
}

// The column may be narrow.
std::vector<std::string> likes_of(std::string_view pattern) {
  std::vector<std::string> likes;
  for (std::string_view any : {"ab", "a", ""}) {
    std::string like = that_is_like(pattern, any);
    if (likes.empty() || likes.back() != like) likes.push_back(std::move(like));
  }
  return likes;
}

// What a pattern of LIKE would match, and runs of characters as long as any number says.
void add_shaped_texts(const Constants& constants, std::vector<std::string>& pool) {
  for (const std::string& text : constants.texts) {
    pool.push_back(text);
    for (std::string& like : likes_of(text)) pool.push_back(std::move(like));
  }
  std::set<int64_t> lengths;
  for (long double number : constants.numbers) {
    for (int64_t more : {0, -1, 1}) {
      const auto length = static_cast<int64_t>(number) + more;
      if (length > 0 && length <= kLengthTriedMax) lengths.insert(length);
    }
  }
  for (int64_t length : lengths) {
    for (std::string_view alphabet :
         {"abcdefghijklmnopqrstuvwxyz", "QWERTYUIOPASDFGHJKLZXCVBNM", "1234567890", "0a1b2c3d4e5f6789"}) {
      std::string run;
      while (static_cast<int64_t>(run.size()) < length) run += alphabet[run.size() % alphabet.size()];
      pool.push_back(std::move(run));
    }
  }
}

// What a masker is for whose values keep something of what they replace: enough of them that what becomes of
// them says something.
void add_texts_for(std::string_view masker, std::vector<std::string>& pool) {
  std::vector<std::string_view> texts;
  if (masker == "phone") {
    texts = {"+49 30 4000123",    "+49 171 2345678", "0049 171 2345678", "030/4567890",
             "+1 (212) 555-7788", "212-555-7788",    "+44 20 7946 0958", "020 7946 0958",
             "+33 1 70 18 99 00", "0170189900",      "+90 212 555 7788", "+91 98765 43210"};
  } else if (masker == "postcode") {
    texts = {"10115",  "72070",   "90210", "90210-1234", "SW1A 1AA",
             "M1 1AE", "1017 AB", "75008", "K1A 0B1",    "8001"};
  } else if (masker == "ip") {
    texts = {"10.1.2.3",  "84.17.9.250", "192.168.7.1", "203.0.113.9", "8.8.8.8",
             "127.0.0.1", "2001:db8::7", "fe80::1",     "::1",         "2a02:810d::5"};
  }
  pool.insert(pool.end(), texts.begin(), texts.end());
}

void keep_first_of_equal(std::vector<std::string>& pool) {
  std::set<std::string> seen;
  std::erase_if(pool, [&](const std::string& value) { return !seen.insert(value).second; });
}

// Different values for a column, among them those that decide. `masker`: that will replace them; "": none.
std::vector<std::string> pool_for(const Column& column, const Constants& constants, std::string_view masker) {
  std::vector<std::string> pool;
  switch (column.type_class) {
    case TypeClass::kText: {
      add_shaped_texts(constants, pool);
      add_texts_for(masker, pool);
      for (std::string_view usual : {"ada.lovelace@analytical.test",
                                     "Grace.Hopper@NAVY.test",
                                     "Ada Lovelace",
                                     "ADA LOVELACE",
                                     "ada",
                                     "Ada",
                                     "A",
                                     "7",
                                     "12345",
                                     "+1 212 555 7788",
                                     "+493012345678",
                                     "030 1234567",
                                     "1234 AB",
                                     "SW1A 1AA",
                                     "90210",
                                     "AB-1234",
                                     "DE",
                                     "DEU",
                                     "https://analytical.test/a?b=c",
                                     "http://a.test",
                                     "10.1.2.3",
                                     "2001:db8::7",
                                     "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
                                     "d41d8cd98f00b204e9800998ecf8427e",
                                     "DE89370400440532013000",
                                     "12 High Street",
                                     "some longer text, with a comma",
                                     "a_b",
                                     "a-b",
                                     "x"}) {
        pool.emplace_back(usual);
      }
      if (column.length_max) {
        std::erase_if(pool, [&](const std::string& text) {
          return count_characters(text) > static_cast<size_t>(*column.length_max);
        });
      }
      break;
    }
    case TypeClass::kInteger:
    case TypeClass::kNumber:
      if (column.base_type != "money") add_numbers(column, constants, pool);
      break;
    case TypeClass::kDate:
    case TypeClass::kTimestamp:
      add_times(column, constants, pool);
      break;
    case TypeClass::kBoolean:
      pool = {"t", "f"};
      break;
    case TypeClass::kUuid:
      pool = {"3f2504e0-4f89-41d3-9a0c-0305e82c3301", "00000000-0000-4000-8000-000000000001"};
      break;
    case TypeClass::kEnum:
      pool = column.enum_labels;
      break;
    case TypeClass::kJson:
      pool = {R"({"name": "Ada"})", R"(["Ada"])", R"("Ada")", "7", "{}"};
      break;
    case TypeClass::kInet:
      pool = {"10.1.2.3", "192.168.7.0/24", "2001:db8::7"};
      break;
    case TypeClass::kBytes: {
      std::set<int64_t> lengths = {1, 16, 20, 32, 64};
      for (long double number : constants.numbers) {
        if (number > 0 && number <= kLengthTriedMax) lengths.insert(static_cast<int64_t>(number));
      }
      for (int64_t length : lengths) {
        std::string bytes = "\\x";
        for (int64_t i = 0; i < length; ++i) bytes += "5a";
        pool.push_back(std::move(bytes));
      }
      break;
    }
    default:
      break;
  }
  keep_first_of_equal(pool);
  if (pool.size() > kPoolMax) pool.resize(kPoolMax);
  return pool;
}

// ---- what has to hold

struct Demand {
  std::string name;  // "CHECK constraint t_check"
  const Expression* condition = nullptr;
  const Column* value = nullptr;            // what VALUE is; null: the condition names its columns
  std::string constraint{};                 // as the server calls it; "": it is no constraint, or not known
  std::vector<std::string> more_columns{};  // that are known beside what the condition shows
};

// A generated column that may be NULL is so where what production's code computes does not fit (derived.h).
bool becomes_null(const Demand& demand) {
  return demand.constraint.empty() && demand.value != nullptr && demand.value->generated &&
         !demand.value->not_null;
}

// Whether what a masker gives lies near what it was given, or has its form: whether it satisfies a constraint
// then depends on the values.
bool follows_the_value(const MaskerSpec& spec, const Column& column) {
  for (std::string_view name : {"number_noise", "date_shift", "postcode", "phone", "ip", "json"}) {
    if (spec.name == name) return true;
  }
  return spec.name == "hash" && column.type_class == TypeClass::kInteger;  // stays near in magnitude
}

// Whether it gives what lies a little apart from the value, by a draw.
bool moves_the_value(const MaskerSpec& spec) {
  return spec.name == "number_noise" || spec.name == "date_shift";
}

using Replaced = std::map<std::string, const MaskerSpec*>;

struct Tried {
  bool begun_with_allowed = false;    // of the values made up some satisfy the condition,
  bool begun_with_forbidden = false;  // and some do not
  size_t allowed = 0;
  size_t forbidden = 0;
  size_t unknown = 0;
  [[nodiscard]] size_t rows() const { return allowed + forbidden + unknown; }
};

enum class Conclusion { kSatisfied, kViolated, kPerhapsViolated, kNotTried };

class Tester {
 public:
  enum class Columns { kOfCondition, kAllKnown };
  Tester(const JudgeContext& context, const Table& table, const Demand& demand,
         Columns columns = Columns::kOfCondition)
      : context_(context), table_(table), demand_(demand) {
    std::vector<std::string> names = columns_of(*demand.condition);
    if (columns == Columns::kAllKnown)
      names.insert(names.end(), demand.more_columns.begin(), demand.more_columns.end());
    if (demand.value != nullptr) names = {demand.value->name};
    for (const std::string& name : names) involve(name, 0);
    collect_constants(*demand.condition, constants_);
    for (const Column& column : table.columns) {
      if (!column.generated) stored_.push_back(&column);
    }
  }

  // Stored columns that the condition comes to, through generated ones as well.
  [[nodiscard]] const std::vector<const Column*>& columns() const { return involved_; }

  [[nodiscard]] Conclusion conclude(const Replaced& replaced) const {
    bool follows = false;
    bool any_kept = false;
    bool moves = false;
    for (const Column* column : involved_) {
      const auto found = replaced.find(column->name);
      any_kept = any_kept || found == replaced.end();
      follows = follows || (found != replaced.end() && follows_the_value(*found->second, *column));
      moves = moves || (found != replaced.end() && moves_the_value(*found->second));
    }
    const Tried trial = run(replaced, false, context_.key);
    if (trial.rows() == 0) return Conclusion::kNotTried;
    if (trial.forbidden > 0) {
      if (!trial.begun_with_allowed) {
        const bool all = trial.allowed == 0 && trial.unknown == 0;
        return all && !follows ? Conclusion::kViolated : Conclusion::kNotTried;
      }
      // Of what moves, a few values at a bound always leave it, which says nothing of the others.
      constexpr size_t kShareOfMoved = 10;
      const bool often =
          moves ? trial.forbidden * kShareOfMoved >= trial.rows()
                : is_often_refused(trial.forbidden, trial.rows(), !follows, table_.rows_estimate);
      return often ? Conclusion::kViolated : Conclusion::kPerhapsViolated;
    }
    if (trial.unknown == 0) {
      if (follows && !trial.begun_with_allowed) return Conclusion::kNotTried;
      return moves && trial.begun_with_forbidden && may_be_left(replaced) ? Conclusion::kPerhapsViolated
                                                                          : Conclusion::kSatisfied;
    }
    if (!any_kept) return Conclusion::kNotTried;
    const Tried with_kept = run(replaced, true, context_.key);
    if (with_kept.rows() == 0 || !with_kept.begun_with_allowed) return Conclusion::kNotTried;
    if (with_kept.forbidden > 0) {
      const bool always = with_kept.allowed == 0 && with_kept.unknown == 0;
      return always ? Conclusion::kViolated : Conclusion::kPerhapsViolated;
    }
    return with_kept.unknown > 0 ? Conclusion::kNotTried : Conclusion::kSatisfied;
  }

  [[nodiscard]] const Constants& constants() const { return constants_; }

  // What a server that has production's code is to be asked; null: nothing can be made up.
  // `others`: what could be written for the column `blamed`.
  [[nodiscard]] std::shared_ptr<ConstraintTrial> trial(const Replaced& replaced, const Column& blamed,
                                                       const std::vector<MaskerSpec>& others) const {
    const std::optional<Kit> kit = kit_for(replaced, true, context_.key);
    const bool computed = demand_.value != nullptr && demand_.value->generated;
    if (!kit || (demand_.constraint.empty() && !computed)) return nullptr;
    auto trial = std::make_shared<ConstraintTrial>(
        ConstraintTrial{.what = demand_.name,
                        .about = {},
                        .masker = {},
                        .database = context_.database.name,
                        .table = table_.name,
                        .constraint = demand_.constraint,
                        .of_domain = demand_.value != nullptr && !demand_.constraint.empty(),
                        .generated = computed ? demand_.value->name : std::string(),
                        .columns = {},
                        .computed = computed_,
                        .rows = {},
                        .becomes_null = becomes_null(demand_),
                        .rows_estimate = table_.rows_estimate});
    std::vector<size_t> places;
    for (size_t i = 0; i < stored_.size(); ++i) {
      if (!kit->known[i]) continue;
      places.push_back(i);
      trial->columns.push_back(stored_[i]->name);
      const auto found = replaced.find(stored_[i]->name);
      trial->has_kept = trial->has_kept || found == replaced.end();
      trial->follows_the_value = trial->follows_the_value ||
                                 (found != replaced.end() && follows_the_value(*found->second, *stored_[i]));
    }
    std::vector<Row> rows;
    // Over all of a pool, which has the common values last.
    size_t most = kTrialRows;
    for (size_t place : places) most = std::max(most, kit->pools[place].size());
    for (size_t i = 0; i < kTrialRows; ++i) {
      Row row = make_up(kit->pools, kit->single(), i * most / kTrialRows, Nulls::kNone);
      const std::optional<Row> masked = mask(row, kit->maskers);
      if (!masked) continue;
      trial->rows.push_back({.before = at(places, row), .after = at(places, *masked)});
      rows.push_back(std::move(row));
    }
    if (trial->rows.empty()) return nullptr;
    for (const MaskerSpec& other : others) {
      Replaced changed = replaced;
      changed[blamed.name] = &other;
      const std::optional<Kit> other_kit = kit_for(changed, true, context_.key);
      if (!other_kit) continue;
      TrialAlternative alternative{.spec = other, .after = {}};
      for (const Row& row : rows) {
        const std::optional<Row> masked = mask(row, other_kit->maskers);
        if (!masked) break;
        alternative.after.push_back(at(places, *masked));
      }
      if (alternative.after.size() == rows.size()) trial->others.push_back(std::move(alternative));
    }
    return trial;
  }

 private:
  using Row = std::vector<std::optional<std::string>>;  // by stored column; NULL: nullopt

  static TrialRow::Fields at(const std::vector<size_t>& places, const Row& row) {
    TrialRow::Fields fields;
    for (size_t place : places) fields.push_back(row[place]);
    return fields;
  }

  void involve(const std::string& name, int depth) {
    const Column* column = find_column(table_, name);
    if (column == nullptr || depth > kComputedDepthMax) return;
    if (column->generated) {
      if (std::find(computed_.begin(), computed_.end(), name) == computed_.end()) computed_.push_back(name);
      collect_constants(column->computed_from, constants_);
      for (const std::string& each : columns_of(column->computed_from)) involve(each, depth + 1);
      return;
    }
    if (std::find(involved_.begin(), involved_.end(), column) == involved_.end()) involved_.push_back(column);
  }

  [[nodiscard]] std::optional<size_t> position_of(std::string_view name) const {
    for (size_t i = 0; i < stored_.size(); ++i) {
      if (stored_[i]->name == name) return i;
    }
    return std::nullopt;
  }

  // The value of a column in `row`; of those not in `known`, unknown.
  [[nodiscard]] Datum value_of(const Row& row, const std::vector<bool>& known, std::string_view name,
                               int depth) const {
    const Column* column = find_column(table_, name);
    if (column == nullptr || depth > kComputedDepthMax) return {};
    if (column->generated) {
      Datum value = evaluate(column->computed_from,
                             [&](std::string_view each) { return value_of(row, known, each, depth + 1); });
      // A constant in quotes gets the column's type.
      if (value.any_type && value.kind == Datum::Kind::kText) value = read_datum(*column, value.text);
      return value;
    }
    const std::optional<size_t> position = position_of(name);
    if (!position || !known[*position]) return {};
    if (!row[*position]) return {.kind = Datum::Kind::kNull};
    return read_datum(*column, *row[*position]);
  }

  [[nodiscard]] Outcome outcome(const Row& row, const std::vector<bool>& known) const {
    return holds(*demand_.condition, [&](std::string_view name) {
      return value_of(row, known, name.empty() && demand_.value != nullptr ? demand_.value->name : name, 0);
    });
  }

  // By stored column: what a made-up row of the constraint's columns is made of.
  struct Kit {
    std::vector<std::unique_ptr<Masker>> maskers;  // null: not masked
    std::vector<bool> known;                       // has a value in what is judged
    std::vector<std::vector<std::string>> pools;
    [[nodiscard]] bool single() const { return std::count(known.begin(), known.end(), true) == 1; }
  };
  // None: for one of the columns nothing can be made up, or its masker says no. `make_up_kept`: kept columns
  // have made-up values, too; else they are unknown.
  [[nodiscard]] std::optional<Kit> kit_for(const Replaced& replaced, bool make_up_kept,
                                           const MaskingKey& key) const {
    Kit kit{.maskers = std::vector<std::unique_ptr<Masker>>(stored_.size()),
            .known = std::vector<bool>(stored_.size(), false),
            .pools = std::vector<std::vector<std::string>>(stored_.size())};
    for (size_t i = 0; i < stored_.size(); ++i) {
      const Column& column = *stored_[i];
      const auto found = replaced.find(column.name);
      const bool involved = std::find(involved_.begin(), involved_.end(), &column) != involved_.end();
      if (involved && found != replaced.end()) {
        Result<std::unique_ptr<Masker>> masker =
            compile_masker(*found->second, {.column = column,
                                            .table = table_,
                                            .encoding = context_.database.encoding,
                                            .wire = Wire::kText,
                                            .key = key});
        if (!masker.ok()) return std::nullopt;  // in text: as good as not known
        kit.maskers[i] = std::move(*masker);
      }
      kit.known[i] = involved && (kit.maskers[i] != nullptr || make_up_kept);
      if (kit.known[i] || is_subject(replaced, column.name)) {
        kit.pools[i] =
            pool_for(column, constants_, found == replaced.end() ? std::string_view() : found->second->name);
      }
      if (kit.known[i] && kit.pools[i].empty()) return std::nullopt;
    }
    return kit;
  }

  // Whether what lies near a bound leaves it by another draw: with production's key it will be another one.
  [[nodiscard]] bool may_be_left(const Replaced& replaced) const {
    constexpr size_t kKeyBytes = 32;
    for (char draw = 'a'; draw < 'a' + 8; ++draw) {
      const MaskingKey key{Secret(std::string(kKeyBytes, draw))};
      if (run(replaced, false, key).forbidden > 0) return true;
    }
    return false;
  }

  [[nodiscard]] Tried run(const Replaced& replaced, bool make_up_kept, const MaskingKey& key) const {
    Tried trial;
    const std::optional<Kit> kit = kit_for(replaced, make_up_kept, key);
    if (!kit) return trial;
    std::vector<Row> all;
    std::vector<Row> allowed;
    for (size_t number = 0; number < kRows; ++number) {
      Row row = make_up(kit->pools, kit->single(), number);
      if (outcome(row, kit->known) != Outcome::kForbidden) {
        // NULL satisfies most of what it is asked: that says nothing of values.
        trial.begun_with_allowed = trial.begun_with_allowed || is_whole(row, kit->known);
        allowed.push_back(row);
      } else {
        trial.begun_with_forbidden = true;
      }
      all.push_back(std::move(row));
    }
    for (const Row& row : trial.begun_with_allowed ? allowed : all) {
      const std::optional<Row> masked = mask(row, kit->maskers);
      if (!masked) continue;
      switch (outcome(*masked, kit->known)) {
        case Outcome::kAllowed:
          ++trial.allowed;
          break;
        case Outcome::kForbidden:
          ++trial.forbidden;
          break;
        case Outcome::kUnknown:
          ++trial.unknown;
          break;
      }
    }
    return trial;
  }

  // Whether a masker's `by:` names the column.
  static bool is_subject(const Replaced& replaced, const std::string& name) {
    return std::any_of(replaced.begin(), replaced.end(), [&](const auto& each) {
      const auto by = each.second->params.find("by");
      return by != each.second->params.end() && by->second == name;
    });
  }

  static bool is_whole(const Row& row, const std::vector<bool>& known) {
    for (size_t i = 0; i < row.size(); ++i) {
      if (known[i] && !row[i]) return false;
    }
    return true;
  }

  enum class Nulls { kToo, kNone };
  [[nodiscard]] Row make_up(const std::vector<std::vector<std::string>>& pools, bool single, size_t number,
                            Nulls nulls = Nulls::kToo) const {
    constexpr uint64_t kNullOneIn = 8;
    Row row(stored_.size());
    for (size_t i = 0; i < stored_.size(); ++i) {
      if (pools[i].empty()) continue;
      uint64_t mixed = (number + 1) * 0x9e3779b97f4a7c15 + (i + 1) * 0xbf58476d1ce4e5b9;
      mixed = (mixed ^ (mixed >> 29)) * 0x94d049bb133111eb;
      mixed ^= mixed >> 32;
      if (nulls == Nulls::kToo && !single && !stored_[i]->not_null && mixed % kNullOneIn == 0) continue;
      row[i] = pools[i][(single ? number : mixed / kNullOneIn) % pools[i].size()];
    }
    return row;
  }

  // nullopt: a masker does not take the value.
  static std::optional<Row> mask(const Row& row, const std::vector<std::unique_ptr<Masker>>& maskers) {
    std::vector<std::optional<std::string_view>> fields;
    fields.reserve(row.size());
    for (const auto& field : row)
      fields.push_back(field ? std::optional<std::string_view>(*field) : std::nullopt);
    Row masked = row;
    for (size_t i = 0; i < row.size(); ++i) {
      if (maskers[i] == nullptr || !row[i]) continue;
      std::string out;
      switch (maskers[i]->apply(*row[i], RowFields(fields, nullptr), out)) {
        case Applied::kReplaced:
        case Applied::kBlank:
          masked[i] = std::move(out);
          break;
        case Applied::kNull:
          masked[i].reset();
          break;
        case Applied::kInvalid:
          return std::nullopt;
      }
    }
    return masked;
  }

  const JudgeContext& context_;
  const Table& table_;
  const Demand& demand_;
  std::vector<const Column*> involved_;
  std::vector<std::string> computed_;  // generated columns that the condition comes to
  std::vector<const Column*> stored_;  // a row program's columns, in its order
  Constants constants_;
};

// Other maskers for one column, safest first; what needs a parameter gets what the condition names.
std::vector<MaskerSpec> other_maskers(const Column& column, bool unique, const Constants& constants) {
  std::vector<MaskerSpec> specs;
  const auto add = [&](std::string_view name, std::map<std::string, std::string> params = {}) {
    MaskerSpec spec;
    spec.name = name;
    spec.params = std::move(params);
    specs.push_back(std::move(spec));
  };
  for (const MaskerInfo& info : known_maskers()) {
    const bool needs_more = info.name == "keep" || info.name == "null" || info.name == "fixed" ||
                            info.name == "json" || info.name == "date_shift";
    if (info.serves_type(column.type_class) && !needs_more) add(info.name);
  }
  if (column.type_class == TypeClass::kText) {
    add("hash", {{"format", "uuid"}});
    add("hash", {{"format", "hex"}});
    add("phone", {{"country", "uk"}});
    add("ip", {{"version", "6"}});
    for (long double number : constants.numbers) {
      if (number < 1 || number > static_cast<long double>(kLengthTriedMax)) continue;
      add("hash", {{"length", fmt::format("{}", static_cast<int64_t>(number))}});
      add("hash", {{"format", "hex"}, {"length", fmt::format("{}", static_cast<int64_t>(number))}});
    }
  }
  if (unique) return specs;
  if (!column.not_null) add("null");
  constexpr size_t kConstantsTriedMax = 8;
  for (size_t i = 0; i < std::min(constants.texts.size(), kConstantsTriedMax); ++i) {
    const std::string& text = constants.texts[i];
    // What a pattern matches is a value, which the pattern itself need not be.
    for (const std::string& like : likes_of(text)) {
      if (like != text) add("fixed", {{"value", like}});
    }
    add("fixed", {{"value", text}});
  }
  const bool number = column.type_class == TypeClass::kInteger || column.type_class == TypeClass::kNumber;
  for (size_t i = 0; number && i < std::min(constants.numbers.size(), kConstantsTriedMax); ++i) {
    const bool whole = column.type_class == TypeClass::kInteger;
    add("fixed", {{"value", number_text(constants.numbers[i], whole)}});
  }
  return specs;
}

class ConstraintChecker {
 public:
  ConstraintChecker(const JudgeContext& context, const TableIndex& tables, const TableVerdicts& verdicts)
      : context_(context), tables_(tables), verdicts_(verdicts) {}

  void check(const Table& table) {
    const Table& judged_as = tables_.judged_as(table);
    const auto found = verdicts_.find(&judged_as);
    if (found == verdicts_.end() || found->second.treatment != Treatment::kMask) return;
    const TableVerdict& verdict = found->second;
    Replaced replaced;
    for (const auto& [name, judged] : verdict.columns) {
      if (judged.masked()) replaced.emplace(name, judged.masker);
    }
    const bool partition = &table != &judged_as;
    for (const Check& check : table.checks) {
      // What a partition has from its topmost parent is judged, and reported, there.
      const bool inherited =
          partition && std::any_of(judged_as.checks.begin(), judged_as.checks.end(),
                                   [&](const Check& other) { return other.name == check.name; });
      if (inherited) continue;
      if (check.condition.kind == Expression::Kind::kUnknown && columns_of(check.condition).empty()) {
        report_unread(table, check, replaced);
      } else {
        judge(table,
              {.name = check.name,
               .condition = &check.condition,
               .constraint = check.constraint,
               .more_columns = check.columns},
              replaced);
      }
    }
    if (partition) return;  // its columns' own constraints are the parent's
    for (const Column& column : table.columns) check_column(table, column, replaced);
    for (const Exclusion& exclusion : table.exclusions) check_exclusion(table, exclusion, verdict);
  }

 private:
  void check_column(const Table& table, const Column& column, const Replaced& replaced) {
    for (const Check& check : column.domain_checks) {
      judge(table,
            {.name = check.name,
             .condition = &check.condition,
             .value = &column,
             .constraint = check.constraint},
            replaced);
    }
    if (!column.generated || !column.length_max) return;
    const Expression fits{
        .kind = Expression::Kind::kCall,
        .text = "<=",
        .arguments = {{.kind = Expression::Kind::kCall,
                       .text = "length",
                       .arguments = {{.kind = Expression::Kind::kValue}}},
                      {.kind = Expression::Kind::kNumber, .text = fmt::format("{}", *column.length_max)}}};
    judge(table,
          {.name =
               fmt::format("the length of the generated column {} ({})", printable(column.name), column.type),
           .condition = &fits,
           .value = &column},
          replaced);
  }

  void judge(const Table& table, const Demand& demand, const Replaced& replaced) {
    const Tester tester(context_, table, demand);
    const Column* blamed = nullptr;
    std::vector<std::string> others;
    for (const Column* column : tester.columns()) {
      if (replaced.count(column->name) != 0 && blamed == nullptr) {
        blamed = column;
      } else {
        others.push_back(column->name);
      }
    }
    if (blamed == nullptr) return;
    const Conclusion conclusion = tester.conclude(replaced);
    if (conclusion == Conclusion::kSatisfied) return;
    const MaskerSpec& spec = *replaced.at(blamed->name);
    if (conclusion == Conclusion::kNotTried) {
      report_not_tried(table, demand.name, *blamed, spec).trial =
          trial_of(table, demand, *blamed, spec, replaced);
      return;
    }
    if (conclusion == Conclusion::kPerhapsViolated) {
      context_
          .report(Finding::Kind::kConstraint, &table, blamed,
                  fmt::format(
                      "{} may violate {} once '{}' has moved values that lie near its bounds: the refresh "
                      "then stops after masking",
                      describe(context_, table, *blamed), demand.name, spec.name),
                  spec.where)
          .error = false;
      return;
    }
    std::string with;
    if (!others.empty()) with = fmt::format(" (together with {})", printable(join(others, ", ")));
    std::optional<MaskerSpec> satisfies = other_that_satisfies(table, tester, *blamed, replaced);
    Finding& finding = context_.report(
        Finding::Kind::kConstraint, &table, blamed,
        fmt::format("{} cannot be masked by '{}': what it gives violates {}{}; {}",
                    describe(context_, table, *blamed), spec.name, demand.name, with,
                    satisfies ? "write what satisfies it, or keep the column where nothing in it is personal"
                              : "keep the column where nothing in it is personal, or empty the table with "
                                "{rows: none}"),
        spec.where);
    if (satisfies) finding.instead = yaml_key(blamed->name) + ": " + yaml_spec(*satisfies);
    finding.satisfied_by = std::move(satisfies);
  }

  // `tried`: for how many columns so far. Empty where there were many: it takes time.
  static std::vector<MaskerSpec> others_for(const Table& table, const Tester& tester, const Column& column,
                                            size_t& tried) {
    if (++tried > kOtherMaskersTriedMax) return {};
    const bool unique = std::any_of(table.indexes.begin(), table.indexes.end(), [&](const Index& index) {
      return index.unique &&
             std::find(index.columns.begin(), index.columns.end(), column.name) != index.columns.end();
    });
    return other_maskers(column, unique, tester.constants());
  }

  std::optional<MaskerSpec> other_that_satisfies(const Table& table, const Tester& tester,
                                                 const Column& column, const Replaced& replaced) {
    for (MaskerSpec& spec : others_for(table, tester, column, others_tried_)) {
      Replaced changed = replaced;
      changed[column.name] = &spec;
      if (tester.conclude(changed) == Conclusion::kSatisfied) return std::move(spec);
    }
    return std::nullopt;
  }

  Finding& report_not_tried(const Table& table, std::string_view name, const Column& column,
                            const MaskerSpec& spec) {
    Finding& finding = context_.report(
        Finding::Kind::kNotTried, &table, &column,
        fmt::format("{} was not tried against what '{}' gives for {}: it needs code or data of "
                    "production's; where masked rows violate it, the refresh stops after masking",
                    name, spec.name, describe(context_, table, column)),
        spec.where);
    finding.error = false;
    return finding;
  }

  // Of a CHECK that could not be read nothing but its columns is known.
  void report_unread(const Table& table, const Check& check, const Replaced& replaced) {
    const Demand demand{.name = check.name,
                        .condition = &check.condition,
                        .constraint = check.constraint,
                        .more_columns = check.columns};
    for (const Column& column : table.columns) {
      const auto found = replaced.find(column.name);
      const bool named = check.columns.empty() || std::find(check.columns.begin(), check.columns.end(),
                                                            column.name) != check.columns.end();
      if (found == replaced.end() || !named) continue;
      Finding& finding = report_not_tried(table, check.name, column, *found->second);
      if (!check.columns.empty()) finding.trial = trial_of(table, demand, column, *found->second, replaced);
      return;
    }
  }

  std::shared_ptr<const ConstraintTrial> trial_of(const Table& table, const Demand& demand,
                                                  const Column& column, const MaskerSpec& spec,
                                                  const Replaced& replaced) {
    if (context_.trials == Trials::kNone) return nullptr;
    const Tester tester(context_, table, demand, Tester::Columns::kAllKnown);
    auto trial = tester.trial(replaced, column, others_for(table, tester, column, others_of_trials_));
    if (trial == nullptr) return nullptr;
    trial->about = describe(context_, table, column);
    trial->masker = spec.name;
    return trial;
  }

  void check_exclusion(const Table& table, const Exclusion& exclusion, const TableVerdict& verdict) {
    struct Masked {
      const Column* column;
      const ColumnVerdict* verdict;
      const Exclusion::Element* element;
    };
    std::vector<Masked> masked;
    for (const Exclusion::Element& element : exclusion.elements) {
      for (const std::string& name : element.columns) {
        for (const Column* column : sources_of(table, name)) {
          const auto found = verdict.columns.find(column->name);
          if (found == verdict.columns.end() || !found->second.masked()) continue;
          // NULL conflicts with nothing.
          if (found->second.masker->name == "null" && !element.expression && column->name == name) return;
          masked.push_back({column, &found->second, &element});
        }
      }
    }
    const std::string name = fmt::format("exclusion constraint {}", printable(quote_name(exclusion.name)));
    for (const Masked& each : masked) {
      const MaskerSpec& spec = *each.verdict->masker;
      const bool plain = !each.element->expression && !is_computed(table, each.element->columns);
      const bool same_for_same = spec.params.count("by") == 0;
      if (each.element->operation == "<>" && plain && same_for_same) continue;
      if (each.element->operation != "=") {
        report_not_tried(table, name, *each.column, spec);
        return;
      }
      const bool apart = plain ? each.verdict->uniqueness != Uniqueness::kNone
                               : each.verdict->uniqueness == Uniqueness::kHighEntropy;
      if (apart) continue;
      context_.report(
          Finding::Kind::kTooWeakForUnique, &table, each.column,
          fmt::format("{} is in the {}, and '{}' may give two rows the same value: keep it, or use a masker "
                      "whose values stay apart, such as hash or email",
                      describe(context_, table, *each.column), name, spec.name),
          spec.where);
      return;
    }
  }

  static bool is_computed(const Table& table, const std::vector<std::string>& names) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      const Column* column = find_column(table, name);
      return column != nullptr && column->generated;
    });
  }

  // A column, or those that a generated one is computed from.
  static std::vector<const Column*> sources_of(const Table& table, const std::string& name) {
    const Column* column = find_column(table, name);
    if (column == nullptr) return {};
    if (!column->generated) return {column};
    std::vector<const Column*> sources;
    for (const std::string& each : columns_of(column->computed_from)) {
      if (const Column* source = find_column(table, each)) sources.push_back(source);
    }
    return sources;
  }

  const JudgeContext& context_;
  const TableIndex& tables_;
  const TableVerdicts& verdicts_;
  size_t others_tried_ = 0;
  size_t others_of_trials_ = 0;
};

bool is_column(const Expression& expression, std::string_view name) {
  if (expression.kind == Expression::Kind::kCast && !expression.arguments.empty()) {
    return is_column(expression.arguments[0], name);
  }
  return expression.kind == Expression::Kind::kColumn ? expression.text == name
                                                      : expression.kind == Expression::Kind::kValue;
}

bool is_constant(const Expression& expression) {
  if (expression.kind == Expression::Kind::kCast && !expression.arguments.empty()) {
    return is_constant(expression.arguments[0]);
  }
  return expression.kind == Expression::Kind::kText || expression.kind == Expression::Kind::kNumber ||
         expression.kind == Expression::Kind::kNull;
}

bool lists_values(const Expression& expression, std::string_view name) {
  const std::vector<Expression>& arguments = expression.arguments;
  if (expression.kind == Expression::Kind::kAny ||
      (expression.kind == Expression::Kind::kCall && expression.text == "=")) {
    return expression.text == "=" && arguments.size() > 1 && is_column(arguments[0], name) &&
           std::all_of(arguments.begin() + 1, arguments.end(), is_constant);
  }
  if (expression.kind != Expression::Kind::kCall) return false;
  if (expression.text == "is null") return !arguments.empty() && is_column(arguments[0], name);
  const auto lists = [&](const Expression& each) { return lists_values(each, name); };
  if (expression.text == "or") return std::all_of(arguments.begin(), arguments.end(), lists);
  if (expression.text == "and") return std::any_of(arguments.begin(), arguments.end(), lists);
  return false;
}

}  // namespace

void check_constraints(const JudgeContext& context, const TableIndex& tables, const TableVerdicts& verdicts) {
  ConstraintChecker checker(context, tables, verdicts);
  for (const Table& table : context.database.tables) {
    if (is_judged(table)) checker.check(table);
  }
}

bool lists_its_values(const Table& table, const Column& column) {
  const auto lists = [&](const Check& check) { return lists_values(check.condition, column.name); };
  return std::any_of(table.checks.begin(), table.checks.end(), lists) ||
         std::any_of(column.domain_checks.begin(), column.domain_checks.end(), lists);
}

}  // namespace ytb::masking
