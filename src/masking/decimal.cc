#include "masking/decimal.h"

#include <algorithm>
#include <charconv>

#include "masking/big_endian.h"

namespace ytb::masking {
namespace {

// numeric.c: digits in base 10,000, most significant first; a sign word; a display scale.
constexpr int kGroupDigits = 4;
constexpr uint16_t kPositive = 0x0000;
constexpr uint16_t kNegative = 0x4000;
constexpr uint16_t kNan = 0xC000;
constexpr uint16_t kPlusInfinity = 0xD000;
constexpr uint16_t kMinusInfinity = 0xF000;
constexpr size_t kHeaderBytes = 8;
constexpr int kExponentMax = 400;  // of text input: more than any float8 or sensible JSON number has

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void strip_leading_zeros(std::string& digits) {
  size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) {
    digits.assign("0");
  } else {
    digits.erase(0, first);
  }
}

// Takes digits at `at`; appends them.
void take_digits(std::string_view text, size_t& at, std::string& digits) {
  while (at < text.size() && is_digit(text[at])) digits.push_back(text[at++]);
}

bool take_exponent(std::string_view text, size_t& at, int& exponent) {
  if (at == text.size() || (text[at] != 'e' && text[at] != 'E')) return true;
  ++at;
  if (at < text.size() && text[at] == '+') ++at;
  auto [end, failed] = std::from_chars(text.data() + at, text.data() + text.size(), exponent);
  if (failed != std::errc() || exponent > kExponentMax || exponent < -kExponentMax) return false;
  at = static_cast<size_t>(end - text.data());
  return true;
}

}  // namespace

DecimalKind parse_decimal(std::string_view text, Decimal& out) {
  if (text == "NaN" || text == "Infinity" || text == "-Infinity") return DecimalKind::kSpecial;
  out.digits.clear();
  size_t at = 0;
  out.negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) ++at;
  take_digits(text, at, out.digits);
  size_t integer_digits = out.digits.size();
  if (at < text.size() && text[at] == '.') take_digits(text, ++at, out.digits);
  if (out.digits.empty()) return DecimalKind::kInvalid;
  out.scale = static_cast<int>(std::min<size_t>(out.digits.size() - integer_digits, kDecimalScaleMax + 1));
  int exponent = 0;
  if (!take_exponent(text, at, exponent) || at != text.size()) return DecimalKind::kInvalid;
  out.scale -= exponent;
  if (out.scale < 0) {
    out.digits.append(static_cast<size_t>(-out.scale), '0');
    out.scale = 0;
  }
  strip_leading_zeros(out.digits);
  if (out.scale > kDecimalScaleMax + kExponentMax ||
      out.digits.size() > kDecimalIntegerDigitsMax + kDecimalScaleMax) {
    return DecimalKind::kInvalid;
  }
  if (out.is_zero()) out.negative = false;
  return DecimalKind::kNumber;
}

DecimalKind parse_binary_numeric(std::string_view bytes, Decimal& out) {
  if (bytes.size() < kHeaderBytes) return DecimalKind::kInvalid;
  const size_t count = read_be16(bytes.data());
  const int weight = static_cast<int16_t>(read_be16(bytes.data() + 2));
  const uint16_t sign = read_be16(bytes.data() + 4);
  const int scale = read_be16(bytes.data() + 6);
  if (bytes.size() != kHeaderBytes + 2 * count) return DecimalKind::kInvalid;
  if (sign == kNan || sign == kPlusInfinity || sign == kMinusInfinity) return DecimalKind::kSpecial;
  if ((sign != kPositive && sign != kNegative) || scale > kDecimalScaleMax) return DecimalKind::kInvalid;
  // All digits from weight down, as many as the scale shows; groups beyond `count` are zero.
  out.digits.clear();
  const int last_group = (scale + kGroupDigits - 1) / kGroupDigits;
  for (int group = std::max(weight, -1); group >= -last_group; --group) {
    const int index = weight - group;
    uint16_t value = 0;
    if (index >= 0 && static_cast<size_t>(index) < count) {
      value = read_be16(bytes.data() + kHeaderBytes + 2 * static_cast<size_t>(index));
    }
    if (value > 9999) return DecimalKind::kInvalid;
    const char text[] = {static_cast<char>('0' + value / 1000), static_cast<char>('0' + value / 100 % 10),
                         static_cast<char>('0' + value / 10 % 10), static_cast<char>('0' + value % 10)};
    out.digits.append(text, sizeof text);
  }
  out.digits.resize(out.digits.size() -
                    std::min(out.digits.size(), static_cast<size_t>(last_group * kGroupDigits - scale)));
  out.scale = scale;
  strip_leading_zeros(out.digits);
  out.negative = sign == kNegative && !out.is_zero();
  return DecimalKind::kNumber;
}

void append_decimal(const Decimal& number, std::string& out) {
  if (number.negative) out.push_back('-');
  const auto scale = static_cast<size_t>(number.scale);
  const size_t size = number.digits.size();
  if (size > scale) {
    out.append(number.digits, 0, size - scale);
  } else {
    out.push_back('0');
  }
  if (scale == 0) return;
  out.push_back('.');
  if (size < scale) out.append(scale - size, '0');
  out.append(number.digits, size > scale ? size - scale : 0, std::string::npos);
}

void append_binary_numeric(const Decimal& number, std::string& out) {
  // The digits, padded so that the point falls between two groups.
  const auto scale = static_cast<size_t>(number.scale);
  const size_t tail = (kGroupDigits - scale % kGroupDigits) % kGroupDigits;
  const size_t size = number.is_zero() ? 0 : number.digits.size() + tail;
  const size_t groups = (size + kGroupDigits - 1) / kGroupDigits;
  auto digit_from_right = [&](size_t place) -> int {  // place 0: the last of the padded digits
    if (place < tail || place - tail >= number.digits.size()) return 0;
    return number.digits[number.digits.size() - 1 - (place - tail)] - '0';
  };
  auto group_from_right = [&](size_t group) {
    const size_t place = group * kGroupDigits;
    return static_cast<uint16_t>(digit_from_right(place) + 10 * digit_from_right(place + 1) +
                                 100 * digit_from_right(place + 2) + 1000 * digit_from_right(place + 3));
  };
  size_t skipped = 0;  // zero groups at the end are not sent
  while (skipped < groups && group_from_right(skipped) == 0) ++skipped;
  const int weight =
      groups == 0 ? 0 : static_cast<int>(groups) - 1 - static_cast<int>((scale + tail) / kGroupDigits);
  append_be16(static_cast<uint16_t>(groups - skipped), out);
  append_be16(static_cast<uint16_t>(static_cast<int16_t>(weight)), out);
  append_be16(number.negative ? kNegative : kPositive, out);
  append_be16(static_cast<uint16_t>(number.scale), out);
  for (size_t group = groups; group > skipped; --group) append_be16(group_from_right(group - 1), out);
}

void append_canonical(const Decimal& number, std::string& out) {
  const size_t start = out.size();
  append_decimal(number, out);
  if (number.scale == 0) return;
  size_t end = out.find_last_not_of('0');
  if (out[end] == '.') --end;
  out.resize(std::max(end + 1, start));
}

}  // namespace ytb::masking
