// date_shift: dates and timestamps, moved by whole days.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "masking/big_endian.h"
#include "masking/build.h"
#include "masking/calendar.h"
#include "masking/draw.h"
#include "masking/value.h"

namespace ytb::masking {
namespace {

constexpr int64_t kMicrosecondsPerDay = 86'400'000'000;
constexpr int64_t kShiftDaysMax = 36'500;

// PostgreSQL counts from 2000-01-01 (datatype/timestamp.h). Dates end before 5874898-01-01, timestamps before
// 294277-01-01, and both begin with Julian day 0, 4714-11-24 BC.
constexpr int64_t kDayMin = -2'451'545;
constexpr int64_t kDateDayMax = 2'145'031'948;
constexpr int64_t kTimestampDayMax = 106'751'982;

class DateShift final : public Masker {
 public:
  DateShift(ValueType type, Wire wire, Subject subject, int64_t days_max)
      : type_(type), wire_(wire), subject_(std::move(subject)), days_max_(days_max) {}

  Applied apply(std::string_view value, RowFields row, std::string& out) const override {
    return wire_ == Wire::kBinary ? apply_binary(value, row, out) : apply_text(value, row, out);
  }
  [[nodiscard]] Uniqueness uniqueness() const override { return Uniqueness::kNone; }
  [[nodiscard]] bool must_change() const override { return true; }

 private:
  Applied apply_binary(std::string_view value, RowFields row, std::string& out) const {
    if (type_ == ValueType::kDate) {
      if (value.size() != 4) return Applied::kInvalid;
      auto day = static_cast<int32_t>(read_be32(value.data()));
      if (day == std::numeric_limits<int32_t>::min() || day == std::numeric_limits<int32_t>::max()) {
        return blank(value, out);
      }
      if (!in_range(day)) return Applied::kInvalid;
      append_be32(static_cast<uint32_t>(day + shift_of(day, row)), out);
      return Applied::kReplaced;
    }
    if (value.size() != 8) return Applied::kInvalid;
    auto time = static_cast<int64_t>(read_be64(value.data()));
    if (time == std::numeric_limits<int64_t>::min() || time == std::numeric_limits<int64_t>::max()) {
      return blank(value, out);
    }
    int64_t day = time >= 0 ? time / kMicrosecondsPerDay : -((-(time + 1)) / kMicrosecondsPerDay) - 1;
    if (!in_range(day)) return Applied::kInvalid;
    append_be64(static_cast<uint64_t>(time + shift_of(day, row) * kMicrosecondsPerDay), out);
    return Applied::kReplaced;
  }

  // "2020-01-31 12:00:00.5+02 BC": the date moves, what follows it stays.
  Applied apply_text(std::string_view value, RowFields row, std::string& out) const {
    if (value == "infinity" || value == "-infinity") return blank(value, out);
    std::optional<DateText> date = parse_date_text(value);
    if (!date) return Applied::kInvalid;
    int64_t day = date->day;
    if (!in_range(day)) return Applied::kInvalid;
    append_date_text(day + shift_of(day, row), date->rest, out);
    return Applied::kReplaced;
  }

  static Applied blank(std::string_view value, std::string& out) {
    out.append(value);
    return Applied::kBlank;
  }
  [[nodiscard]] int64_t day_max() const { return type_ == ValueType::kDate ? kDateDayMax : kTimestampDayMax; }

  [[nodiscard]] bool in_range(int64_t day) const { return day >= kDayMin && day <= day_max(); }

  // -days_max … days_max, never 0, and never out of the type's range.
  [[nodiscard]] int64_t shift_of(int64_t day, RowFields row) const {
    thread_local std::string canonical;
    canonical.clear();
    append_date_text(day, {}, canonical);
    Draw draw(subject_.offset(row, canonical));
    auto shift = static_cast<int64_t>(1 + draw.below(static_cast<uint64_t>(days_max_)));
    if ((draw.next() & 1) != 0) shift = -shift;
    return in_range(day + shift) ? shift : -shift;
  }

  ValueType type_;
  Wire wire_;
  Subject subject_;
  int64_t days_max_;
};

}  // namespace

MadeMasker make_date_shift(const Build& build) {
  YTB_ASSIGN(auto days, build.integer("days", 1, kShiftDaysMax));
  if (!days) {
    return build.error("date_shift needs to know by how many days at most",
                       "write it as {date_shift: {days: 30, by: id}}");
  }
  YTB_ASSIGN(Subject subject, Subject::make(build));
  if (build.type != ValueType::kDate && build.type != ValueType::kTimestamp &&
      build.type != ValueType::kTimestamptz) {
    return build.cannot_serve();
  }
  return made<DateShift>(build.type, build.context.wire, std::move(subject), *days);
}

}  // namespace ytb::masking
