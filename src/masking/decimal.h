// Decimal: an exact decimal number, between PostgreSQL's two wire formats of numeric and the digits that
// maskers work on. Private to the masking room.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ytb::masking {

// digits × 10^-scale. `digits` has no leading zero but for zero itself, which is "0".
struct Decimal {
  bool negative = false;
  std::string digits = "0";
  int scale = 0;  // digits after the point, ≥ 0
  [[nodiscard]] bool is_zero() const { return digits == "0"; }
};

// What kind of numeric the bytes were.
enum class DecimalKind { kNumber, kSpecial /* NaN, ±infinity */, kInvalid };

// PostgreSQL's bounds (numeric.c, NUMERIC_MAX_PRECISION and NUMERIC_MAX_DISPLAY_SCALE).
constexpr size_t kDecimalIntegerDigitsMax = 131072;
constexpr int kDecimalScaleMax = 16383;

// "-12.50", "1e3"; surrounding blanks are not taken.
DecimalKind parse_decimal(std::string_view text, Decimal& out);
// numeric_send()'s format.
DecimalKind parse_binary_numeric(std::string_view bytes, Decimal& out);

void append_decimal(const Decimal& number, std::string& out);
void append_binary_numeric(const Decimal& number, std::string& out);
// Without trailing zeros after the point, so that 5, 5.0 and 5.00 are the same text: what is hashed.
void append_canonical(const Decimal& number, std::string& out);

}  // namespace ytb::masking
