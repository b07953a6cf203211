// hash of integers, and number_noise.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/text.h"
#include "masking/big_endian.h"
#include "masking/build.h"
#include "masking/decimal.h"
#include "masking/draw.h"
#include "masking/permute.h"
#include "masking/value.h"

namespace ytb::masking {
namespace {

__extension__ using Wide = __int128;

// ---- hash

class HashInteger final : public Masker {
 public:
  HashInteger(ValueType type, Wire wire, IntegerPermutation permutation)
      : type_(type), wire_(wire), permutation_(permutation) {}
  Applied apply(std::string_view value, RowFields /*row*/, std::string& out) const override {
    std::optional<int64_t> number = read_integer(type_, wire_, value);
    if (!number) return Applied::kInvalid;
    append_integer(type_, wire_, permutation_.map(*number), out);
    return Applied::kReplaced;
  }
  [[nodiscard]] Uniqueness uniqueness() const override { return Uniqueness::kBijection; }
  [[nodiscard]] bool must_change() const override { return true; }

 private:
  ValueType type_;
  Wire wire_;
  IntegerPermutation permutation_;
};

// ---- number_noise

constexpr int64_t kMillion = 1'000'000;
constexpr int kPercentDigitsMax = 4;  // after the point: 0.0001 % is a millionth

// How far a number moves: by a share of itself or by an amount.
struct Noise {
  int64_t millionths = 0;           // at most; 0: by amount
  std::optional<Decimal> absolute;  // at most
};

// One draw of it.
struct Move {
  bool down = false;
  Draw draw;
  explicit Move(const Digest& digest) : draw(digest) { down = (draw.next() & 1) != 0; }
};

// `number` as an integer of `scale` digits after the point, rounded down; saturates.
int64_t units_of(const Decimal& number, int scale) {
  constexpr size_t kDigitsMax = 18;  // 10^18 < 2^63
  std::string digits = number.digits;
  if (scale >= number.scale) {
    digits.append(static_cast<size_t>(std::min<int>(scale - number.scale, kDigitsMax + 1)), '0');
  } else {
    size_t dropped = static_cast<size_t>(number.scale - scale);
    digits.resize(digits.size() - std::min(digits.size(), dropped));
  }
  if (digits.size() > kDigitsMax) return kMillion * kMillion * kMillion;
  int64_t units = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), units);
  return units;
}

// The distance to move `magnitude` (≥ 0): at least one unit.
int64_t distance_of(int64_t magnitude, int64_t absolute_units, int64_t millionths, Draw& draw) {
  if (millionths == 0)
    return 1 + static_cast<int64_t>(draw.below(static_cast<uint64_t>(std::max<int64_t>(absolute_units, 1))));
  auto share = static_cast<int64_t>(1 + draw.below(static_cast<uint64_t>(millionths)));
  auto distance = static_cast<int64_t>((static_cast<Wide>(magnitude) * share + kMillion / 2) / kMillion);
  return std::max<int64_t>(distance, 1);
}

class NoiseInteger final : public Masker {
 public:
  NoiseInteger(ValueType type, Wire wire, Subject subject, const Noise& noise)
      : type_(type),
        wire_(wire),
        subject_(std::move(subject)),
        millionths_(noise.millionths),
        absolute_(noise.absolute ? units_of(*noise.absolute, 0) : 0) {}

  Applied apply(std::string_view value, RowFields row, std::string& out) const override {
    std::optional<int64_t> number = read_integer(type_, wire_, value);
    if (!number) return Applied::kInvalid;
    if (*number == 0 && millionths_ > 0) {
      out.append(value);
      return Applied::kBlank;
    }
    char text[24];
    auto end = std::to_chars(text, text + sizeof text, *number).ptr;
    Move move(subject_.offset(row, std::string_view(text, end)));
    append_integer(type_, wire_, moved(*number, move), out);
    return Applied::kReplaced;
  }
  [[nodiscard]] Uniqueness uniqueness() const override { return Uniqueness::kNone; }
  [[nodiscard]] bool must_change() const override { return true; }

 private:
  // Keeps the sign: what was not negative stays so, and what was not zero does not become it by percent.
  [[nodiscard]] int64_t moved(int64_t number, Move& move) const {
    const bool negative = number < 0;
    const Wide magnitude = negative ? -static_cast<Wide>(number) : static_cast<Wide>(number);
    IntegerRange range = range_of(type_ == ValueType::kMoney ? ValueType::kInt8 : type_);
    const Wide magnitude_max = negative ? -static_cast<Wide>(range.min) : static_cast<Wide>(range.max);
    const Wide least = millionths_ > 0 || negative ? 1 : 0;
    auto whole = static_cast<int64_t>(std::min<Wide>(magnitude, std::numeric_limits<int64_t>::max()));
    const Wide distance = distance_of(whole, absolute_, millionths_, move.draw);
    const Wide down = magnitude - distance;
    const Wide up = magnitude + distance;
    Wide result = move.down ? down : up;
    if (result < least || result > magnitude_max) result = move.down ? up : down;
    if (result < least || result > magnitude_max)
      result = magnitude < magnitude_max ? magnitude + 1 : magnitude - 1;
    return static_cast<int64_t>(negative ? -result : result);
  }

  ValueType type_;
  Wire wire_;
  Subject subject_;
  int64_t millionths_;
  int64_t absolute_;
};

// Digits of a number that is at most 18 digits long.
int64_t to_integer(std::string_view digits) {
  int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

class NoiseNumeric final : public Masker {
 public:
  NoiseNumeric(const Column& column, Wire wire, Subject subject, Noise noise)
      : wire_(wire), subject_(std::move(subject)), noise_(std::move(noise)) {
    if (column.precision) digits_max_ = static_cast<size_t>(*column.precision);
    if (column.scale && *column.scale < 0) coarse_ = static_cast<size_t>(-*column.scale);
    digits_max_ += coarse_;
  }

  Applied apply(std::string_view value, RowFields row, std::string& out) const override {
    thread_local Decimal number;
    thread_local std::string canonical;
    auto kind = wire_ == Wire::kBinary ? parse_binary_numeric(value, number) : parse_decimal(value, number);
    if (kind == DecimalKind::kInvalid) return Applied::kInvalid;
    if (kind == DecimalKind::kSpecial || (number.is_zero() && noise_.millionths > 0)) {
      out.append(value);
      return Applied::kBlank;
    }
    canonical.clear();
    append_canonical(number, canonical);
    Move move(subject_.offset(row, canonical));
    shift(number, move);
    if (wire_ == Wire::kBinary) {
      append_binary_numeric(number, out);
    } else {
      append_decimal(number, out);
    }
    return Applied::kReplaced;
  }
  [[nodiscard]] Uniqueness uniqueness() const override { return Uniqueness::kNone; }
  [[nodiscard]] bool must_change() const override { return true; }

 private:
  // The leading 18 digits move; what is behind them stays. numeric(p, -s) moves in steps of 10^s.
  void shift(Decimal& number, Move& move) const {
    constexpr size_t kLeadDigits = 17;
    std::string& digits = number.digits;
    if (number.is_zero()) digits.append(coarse_, '0');
    const size_t zeros = std::min(coarse_, digits.size() - 1);
    const size_t lead_size = std::min(kLeadDigits, digits.size() - zeros);
    const size_t rest = digits.size() - lead_size;
    const int64_t lead = to_integer(std::string_view(digits).substr(0, lead_size));
    // A step of the lead is 10^rest of the last digit's units.
    int64_t absolute =
        noise_.absolute ? units_of(*noise_.absolute, number.scale - static_cast<int>(rest)) : 0;
    const int64_t distance =
        distance_of(lead, std::min(absolute, kAbsoluteUnitsMax), noise_.millionths, move.draw);
    const int64_t least = noise_.millionths > 0 || number.negative ? 1 : 0;
    auto fits = [&](int64_t candidate) {
      return candidate >= least && fmt::formatted_size("{}", candidate) + rest <= digits_max_;
    };
    int64_t result = move.down ? lead - distance : lead + distance;
    if (!fits(result)) result = move.down ? lead + distance : lead - distance;
    if (!fits(result)) result = fits(lead + 1) ? lead + 1 : lead - 1;
    char text[24];
    auto end = std::to_chars(text, text + sizeof text, result).ptr;
    digits.replace(0, lead_size, text, static_cast<size_t>(end - text));
    size_t first = digits.find_first_not_of('0');
    digits.erase(0, first == std::string::npos ? digits.size() - 1 : first);
    if (number.is_zero()) number.negative = false;
  }

  static constexpr int64_t kAbsoluteUnitsMax = kMillion * kMillion * kMillion;
  Wire wire_;
  Subject subject_;
  Noise noise_;
  size_t digits_max_ = kDecimalIntegerDigitsMax;
  size_t coarse_ = 0;
};

template <typename Float, typename Bits>
class NoiseFloat final : public Masker {
 public:
  NoiseFloat(Wire wire, Subject subject, const Noise& noise)
      : wire_(wire), subject_(std::move(subject)), share_(static_cast<double>(noise.millionths) / kMillion) {
    if (noise.absolute) {
      std::string text;
      append_decimal(*noise.absolute, text);
      std::from_chars(text.data(), text.data() + text.size(), absolute_);
    }
  }

  Applied apply(std::string_view value, RowFields row, std::string& out) const override {
    Float number;
    if (!read(value, number)) return Applied::kInvalid;
    if (!std::isfinite(number) || (number == 0 && share_ > 0)) {
      out.append(value);
      return Applied::kBlank;
    }
    char text[64];
    auto end = std::to_chars(text, text + sizeof text, number).ptr;
    Move move(subject_.offset(row, std::string_view(text, end)));
    write(moved(number, move), out);
    return Applied::kReplaced;
  }
  [[nodiscard]] Uniqueness uniqueness() const override { return Uniqueness::kNone; }
  [[nodiscard]] bool must_change() const override { return true; }

 private:
  [[nodiscard]] Float moved(Float number, Move& move) const {
    const double fraction = static_cast<double>(1 + move.draw.below(kMillion)) / kMillion;
    const double magnitude = std::fabs(static_cast<double>(number));
    const double distance = fraction * (share_ > 0 ? magnitude * share_ : absolute_);
    double result = move.down ? magnitude - distance : magnitude + distance;
    if (result < 0 || !std::isfinite(static_cast<Float>(result))) {
      result = move.down ? magnitude + distance : magnitude - distance;
    }
    auto rounded = std::copysign(static_cast<Float>(std::fabs(result)), number);
    if (std::isfinite(rounded) && rounded != number && (rounded != 0 || share_ == 0)) return rounded;
    // Too small a distance for the type: the next number, away from zero unless that is infinity.
    Float away = std::nextafter(number, std::copysign(std::numeric_limits<Float>::infinity(), number));
    return std::isfinite(away) ? away : std::nextafter(number, Float{0});
  }
  bool read(std::string_view value, Float& number) const {
    if (wire_ == Wire::kBinary) {
      if (value.size() != sizeof(Float)) return false;
      Bits bits;
      if constexpr (sizeof(Float) == 4) {
        bits = read_be32(value.data());
      } else {
        bits = read_be64(value.data());
      }
      std::memcpy(&number, &bits, sizeof number);
      return true;
    }
    auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), number);
    return failed == std::errc() && end == value.data() + value.size();
  }
  void write(Float number, std::string& out) const {
    if (wire_ == Wire::kText) {
      char text[64];
      out.append(text, std::to_chars(text, text + sizeof text, number).ptr);
      return;
    }
    Bits bits;
    std::memcpy(&bits, &number, sizeof bits);
    if constexpr (sizeof(Float) == 4) {
      append_be32(bits, out);
    } else {
      append_be64(bits, out);
    }
  }

  Wire wire_;
  Subject subject_;
  double share_;
  double absolute_ = 0;
};

constexpr std::string_view kPercentDefault = "10";

Result<Noise> noise_of(const Build& build) {
  std::optional<std::string_view> absolute = build.param("absolute");
  std::optional<std::string_view> percent = build.param("percent");
  if (absolute && percent) return build.error("number_noise takes percent or absolute, not both");
  Decimal number;
  if (absolute) {
    if (parse_decimal(*absolute, number) != DecimalKind::kNumber || number.negative || number.is_zero()) {
      return build.error(
          fmt::format("absolute of number_noise is '{}', not a number above 0", printable(*absolute)));
    }
    return Noise{0, number};
  }
  std::string_view text = percent.value_or(kPercentDefault);
  bool valid = parse_decimal(text, number) == DecimalKind::kNumber && !number.negative && !number.is_zero() &&
               number.scale <= kPercentDigitsMax;
  int64_t millionths = valid ? units_of(number, kPercentDigitsMax) : 0;
  if (!valid || millionths >= kMillion) {
    return build.error(
        fmt::format("percent of number_noise is '{}', not a number above 0 and under 100 with at most {} "
                    "digits after the point",
                    printable(text), kPercentDigitsMax));
  }
  return Noise{millionths, std::nullopt};
}

}  // namespace

MadeMasker make_integer_hash(const Build& build) {
  for (std::string_view name : {"format", "length"}) {
    if (build.param(name)) return build.error(fmt::format("hash takes {} for text, not for integers", name));
  }
  return made<HashInteger>(build.type, build.context.wire,
                           IntegerPermutation(build.context.key, build.domain()));
}

MadeMasker make_number_noise(const Build& build) {
  YTB_ASSIGN(Noise noise, noise_of(build));
  YTB_ASSIGN(Subject subject, Subject::make(build));
  Wire wire = build.context.wire;
  switch (build.type) {
    case ValueType::kMoney:
      if (!build.binary()) return build.cannot_serve();  // its text depends on lc_monetary
      if (noise.absolute)
        return build.error(
            "number_noise of money takes percent: how many digits follow its point "
            "depends on the server's locale");
      [[fallthrough]];
    case ValueType::kInt2:
    case ValueType::kInt4:
    case ValueType::kInt8:
      if (noise.absolute && units_of(*noise.absolute, 0) == 0) {
        return build.error("absolute of number_noise is under 1 and the column holds whole numbers");
      }
      return made<NoiseInteger>(build.type, wire, std::move(subject), noise);
    case ValueType::kNumeric:
      return made<NoiseNumeric>(build.context.column, wire, std::move(subject), std::move(noise));
    case ValueType::kFloat4:
      return made<NoiseFloat<float, uint32_t>>(wire, std::move(subject), noise);
    case ValueType::kFloat8:
      return made<NoiseFloat<double, uint64_t>>(wire, std::move(subject), noise);
    default:
      return build.cannot_serve();
  }
}

}  // namespace ytb::masking
