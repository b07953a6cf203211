// Maskers of everything but text: integers, numbers, dates, uuids, bytes, addresses, arrays, fixed values.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <unordered_set>

#include "masking/address.h"
#include "masking/big_endian.h"
#include "masking/calendar.h"
#include "masking/decimal.h"
#include "masking/masking_testing.h"
#include "masking/permute.h"
#include "masking/value.h"

namespace ytb::masking {
namespace {

using namespace testing;  // NOLINT: this room's own helpers

std::string be16(int16_t v) {
  std::string out;
  append_be16(static_cast<uint16_t>(v), out);
  return out;
}
std::string be32(int32_t v) {
  std::string out;
  append_be32(static_cast<uint32_t>(v), out);
  return out;
}
std::string be64(int64_t v) {
  std::string out;
  append_be64(static_cast<uint64_t>(v), out);
  return out;
}
int64_t as_integer(ValueType type, std::string_view bytes) {
  return read_integer(type, Wire::kBinary, bytes).value();
}

// ---- the bijection

TEST(Permutation, IsABijectionWithoutFixedPointsOnWholeTiers) {
  IntegerPermutation permutation(test_key(), "hash");
  struct {
    int64_t first, last;
  } const tiers[] = {{0, 32767}, {-32768, -1}, {32768, (1 << 20) - 1}, {-(1 << 20), -32769}};
  for (auto tier : tiers) {
    std::vector<bool> seen(static_cast<size_t>(tier.last - tier.first + 1));
    for (int64_t v = tier.first; v <= tier.last; ++v) {
      int64_t mapped = permutation.map(v);
      ASSERT_NE(mapped, v);
      ASSERT_TRUE(mapped >= tier.first && mapped <= tier.last) << v << " → " << mapped;
      ASSERT_FALSE(seen[static_cast<size_t>(mapped - tier.first)]) << v;
      seen[static_cast<size_t>(mapped - tier.first)] = true;
    }
  }
}

TEST(Permutation, StaysInItsTierAndApartInLargeOnes) {
  IntegerPermutation permutation(test_key(), "hash");
  std::mt19937_64 random(7);
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  for (int bits : {24, 28, 31, 36, 42, 48, 53, 63}) {
    std::unordered_set<int64_t> seen, asked;
    for (int i = 0; i < 50'000; ++i) {
      auto v = static_cast<int64_t>(random() >> (64 - bits)) | (int64_t{1} << (bits - 1));
      if (!asked.insert(v).second) continue;
      int64_t mapped = permutation.map(v);
      EXPECT_NE(mapped, v);
      EXPECT_TRUE(seen.insert(mapped).second);
      EXPECT_EQ(IntegerPermutation::tier_size(mapped), IntegerPermutation::tier_size(v));
      EXPECT_GE(mapped, 0);
      EXPECT_LT(permutation.map(~v), 0);
    }
  }
  for (int64_t edge : {int64_t{0}, int64_t{-1}, kMax, -kMax - 1}) EXPECT_NE(permutation.map(edge), edge);
}

TEST(Permutation, DependsOnKeyAndDomain) {
  IntegerPermutation a(test_key(), "hash"), b(test_key(), "other");
  int same = 0;
  for (int64_t v = 0; v < 1000; ++v) same += a.map(v) == b.map(v) ? 1 : 0;
  EXPECT_LT(same, 5);
}

TEST(HashInteger, JoinsAcrossWidthsAndWires) {
  auto int2 = compile(spec_of("hash"), column_of(TypeClass::kInteger, "int2"));
  auto int4 = compile(spec_of("hash"), column_of(TypeClass::kInteger, "int4"));
  auto int8 = compile(spec_of("hash"), column_of(TypeClass::kInteger, "int8"));
  auto text = compile(spec_of("hash"), column_of(TypeClass::kInteger, "int8"), Wire::kText);
  EXPECT_EQ((*int4)->uniqueness(), Uniqueness::kBijection);
  for (int16_t v : {int16_t{0}, int16_t{1}, int16_t{77}, int16_t{-5}, int16_t{32767}, int16_t{-32768}}) {
    int64_t masked = as_integer(ValueType::kInt2, mask(**int2, be16(v)));
    EXPECT_EQ(masked, as_integer(ValueType::kInt4, mask(**int4, be32(v))));
    EXPECT_EQ(masked, as_integer(ValueType::kInt8, mask(**int8, be64(v))));
    EXPECT_EQ(std::to_string(masked), mask(**text, std::to_string(v)));
  }
  std::string out;
  EXPECT_EQ((*int4)->apply("abc", {}, out), Applied::kInvalid);
  EXPECT_EQ((*text)->apply("12x", {}, out), Applied::kInvalid);
  EXPECT_EQ((*text)->apply("9223372036854775808", {}, out), Applied::kInvalid);
  EXPECT_FALSE(compile(spec_of("hash", {{"length", "5"}}), column_of(TypeClass::kInteger, "int4")).ok());
}

// ---- numeric

std::string numeric(std::string_view text) {
  Decimal number;
  EXPECT_EQ(parse_decimal(text, number), DecimalKind::kNumber) << text;
  std::string out;
  append_binary_numeric(number, out);
  return out;
}
std::string text_of(std::string_view binary) {
  Decimal number;
  EXPECT_EQ(parse_binary_numeric(binary, number), DecimalKind::kNumber);
  std::string out;
  append_decimal(number, out);
  return out;
}

// What PostgreSQL 15's numeric_send() gives, in hex.
TEST(Decimal, EqualsPostgres) {
  struct {
    std::string_view text, hex;
  } const cases[] = {
      {"0", "0000000000000000"},
      {"0.00", "0000000000000002"},
      {"1", "00010000000000000001"},
      {"-1.5", "000200004000000100011388"},
      {"10000", "00010001000000000001"},
      {"12345678.90123", "000400010000000504d2162e23340bb8"},
      {"0.0001", "0001ffff000000040001"},
      {"0.00001", "0001fffe0000000503e8"},
      {"1000000000000000000000", "0001000500000000000a"},
      {"99999.5", "00030001000000010009270f1388"},
  };
  for (auto c : cases) {
    std::string hex;
    for (char byte : numeric(c.text)) hex += fmt::format("{:02x}", static_cast<uint8_t>(byte));
    EXPECT_EQ(hex, c.hex) << c.text;
    EXPECT_EQ(text_of(numeric(c.text)), c.text);
  }
}

TEST(Decimal, RefusesWhatIsNoNumber) {
  Decimal number;
  for (std::string_view text : {"", "-", ".", "1.2.3", "1e", "1e9999", " 1", "0x1", "1,2"}) {
    EXPECT_EQ(parse_decimal(text, number), DecimalKind::kInvalid) << text;
  }
  EXPECT_EQ(parse_decimal("NaN", number), DecimalKind::kSpecial);
  EXPECT_EQ(parse_binary_numeric(std::string("\0\0\0\0\xc0\0\0\0", 8), number), DecimalKind::kSpecial);
  EXPECT_EQ(parse_binary_numeric(std::string("\0\1\0\0\0\0\0\0", 8), number), DecimalKind::kInvalid);
  EXPECT_EQ(parse_binary_numeric(std::string("\0\1\0\0\0\0\0\0\x7f\xff", 10), number), DecimalKind::kInvalid);
  EXPECT_EQ(parse_binary_numeric(std::string("\0\0\0\0\1\0\0\0", 8), number), DecimalKind::kInvalid);
  std::string canonical;
  EXPECT_EQ(parse_decimal("1.2300e2", number), DecimalKind::kNumber);
  append_canonical(number, canonical);
  EXPECT_EQ(canonical, "123");
}

// ---- number_noise

TEST(NumberNoise, IntegersMoveStayInRangeAndKeepTheirSign) {
  for (auto [type, base, bits] : {std::tuple{ValueType::kInt2, "int2", 16},
                                  {ValueType::kInt4, "int4", 32},
                                  {ValueType::kInt8, "int8", 64}}) {
    for (const Params& params : {Params{{"percent", "10"}}, Params{{"absolute", "5"}},
                                 Params{{"percent", "99"}}, Params{{"absolute", "999999999999999999"}}}) {
      auto masker = compile(spec_of("number_noise", params), column_of(TypeClass::kInteger, base));
      ASSERT_TRUE(masker.ok());
      IntegerRange range = range_of(type);
      for (int64_t v :
           {int64_t{1}, int64_t{-1}, int64_t{9}, int64_t{100}, int64_t{-31000}, range.max, range.min}) {
        std::string value;
        append_integer(type, Wire::kBinary, v, value);
        int64_t moved = as_integer(type, mask(**masker, value));
        EXPECT_NE(moved, v);
        EXPECT_EQ(moved < 0, v < 0) << v << " → " << moved << " " << base;
        EXPECT_TRUE(moved >= range.min && moved <= range.max);
        if (params.contains("percent")) {
          EXPECT_NE(moved, 0);
        }
      }
    }
  }
  auto masker = compile(spec_of("number_noise", {{"percent", "10"}}), column_of(TypeClass::kInteger, "int4"));
  for (int32_t v = 1000; v < 5000; ++v) {
    auto moved = static_cast<double>(as_integer(ValueType::kInt4, mask(**masker, be32(v))));
    EXPECT_LE(std::fabs(moved - v), v * 0.1 + 1);
  }
}

TEST(NumberNoise, ZeroSaysNothingUnderPercent) {
  auto percent = compile(spec_of("number_noise"), column_of(TypeClass::kInteger, "int4"));
  auto absolute =
      compile(spec_of("number_noise", {{"absolute", "3"}}), column_of(TypeClass::kInteger, "int4"));
  std::string out;
  EXPECT_EQ((*percent)->apply(be32(0), {}, out), Applied::kBlank);
  EXPECT_EQ(out, be32(0));
  int64_t moved = as_integer(ValueType::kInt4, mask(**absolute, be32(0)));
  EXPECT_TRUE(moved >= 1 && moved <= 3);
}

TEST(NumberNoise, NumericKeepsItsScaleAndPrecision) {
  for (auto [precision, scale] : {std::pair{1, 0}, {4, 2}, {10, 2}, {18, 6}, {38, 10}, {3, 3}}) {
    Column column = column_of(TypeClass::kNumber, "numeric");
    column.precision = precision;
    column.scale = scale;
    for (const Params& params :
         {Params{{"percent", "10"}}, Params{{"absolute", "7"}}, Params{{"percent", "99.9"}}}) {
      auto binary = compile(spec_of("number_noise", params), column);
      auto text = compile(spec_of("number_noise", params), column, Wire::kText);
      for (const std::string& digits :
           {std::string(static_cast<size_t>(precision), '9'), std::string("1"), std::string("5"),
            "1" + std::string(static_cast<size_t>(precision - 1), '0')}) {
        for (bool negative : {false, true}) {
          std::string value;
          append_decimal({negative, digits, scale}, value);
          std::string moved = mask(**text, value);
          EXPECT_EQ(moved, text_of(mask(**binary, numeric(value)))) << value;
          EXPECT_NE(moved, value);
          Decimal number;
          EXPECT_EQ(parse_decimal(moved, number), DecimalKind::kNumber);
          EXPECT_EQ(number.scale, scale);
          EXPECT_LE(number.digits.size(), static_cast<size_t>(precision)) << value << " → " << moved;
          if (!number.is_zero()) {
            EXPECT_EQ(number.negative, negative);
          }
        }
      }
    }
  }
}

TEST(NumberNoise, NumericOfAnySize) {
  auto masker = compile(spec_of("number_noise"), column_of(TypeClass::kNumber, "numeric"), Wire::kText);
  std::string huge = "1" + std::string(200, '7') + "." + std::string(50, '3');
  std::string moved = mask(**masker, huge);
  EXPECT_NE(moved, huge);
  EXPECT_LE(moved.size(), huge.size());
  EXPECT_EQ(moved.substr(moved.size() - 51), "." + std::string(50, '3'));
  std::string out;
  EXPECT_EQ((*masker)->apply("NaN", {}, out), Applied::kBlank);
  EXPECT_EQ((*masker)->apply("0.00", {}, out), Applied::kBlank);
  EXPECT_EQ((*masker)->apply("abc", {}, out), Applied::kInvalid);
}

TEST(NumberNoise, NumericWithNegativeScaleMovesInItsSteps) {
  Column column = column_of(TypeClass::kNumber, "numeric");
  column.precision = 3;
  column.scale = -2;
  for (const Params& params : {Params{{"percent", "10"}}, Params{{"absolute", "50"}}}) {
    auto masker = compile(spec_of("number_noise", params), column, Wire::kText);
    for (std::string value : {"99900", "100", "12300"}) {
      std::string moved = mask(**masker, value);
      EXPECT_NE(moved, value);
      EXPECT_TRUE(moved == "0" || moved.ends_with("00")) << moved;
      EXPECT_LE(moved.size(), 5U);
    }
  }
}

TEST(NumberNoise, FloatsAlwaysMove) {
  auto float8 = compile(spec_of("number_noise"), column_of(TypeClass::kNumber, "float8"));
  auto float4 =
      compile(spec_of("number_noise", {{"absolute", "0.5"}}), column_of(TypeClass::kNumber, "float4"));
  auto text = compile(spec_of("number_noise"), column_of(TypeClass::kNumber, "float8"), Wire::kText);
  for (double v : {1.0, -2.5, 1e300, -1e-300, 5e-324, std::numeric_limits<double>::max()}) {
    double moved = std::bit_cast<double>(read_be64(mask(**float8, be64(std::bit_cast<int64_t>(v))).data()));
    EXPECT_NE(moved, v);
    EXPECT_TRUE(std::isfinite(moved));
    EXPECT_EQ(std::signbit(moved), std::signbit(v));
    EXPECT_EQ(std::strtod(mask(**text, fmt::format("{}", v)).c_str(), nullptr), moved);
  }
  for (float v : {1.0F, 0.0F, 1e30F, std::numeric_limits<float>::max()}) {
    float moved = std::bit_cast<float>(read_be32(mask(**float4, be32(std::bit_cast<int32_t>(v))).data()));
    EXPECT_NE(moved, v);
    EXPECT_TRUE(std::isfinite(moved));
  }
  std::string out;
  for (double v : {0.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ((*float8)->apply(be64(std::bit_cast<int64_t>(v)), {}, out), Applied::kBlank);
  }
}

TEST(NumberNoise, ParametersAreChecked) {
  Column column = column_of(TypeClass::kInteger, "int4");
  for (const Params& params :
       {Params{{"percent", "0"}}, Params{{"percent", "100"}}, Params{{"percent", "-1"}},
        Params{{"percent", "ten"}}, Params{{"percent", "0.00001"}}, Params{{"absolute", "0"}},
        Params{{"absolute", "0.5"}}, Params{{"absolute", "1"}, {"percent", "1"}}}) {
    EXPECT_FALSE(compile(spec_of("number_noise", params), column).ok()) << params.begin()->second;
  }
  Column money = column_of(TypeClass::kNumber, "money");
  EXPECT_TRUE(compile(spec_of("number_noise"), money).ok());
  EXPECT_FALSE(compile(spec_of("number_noise"), money, Wire::kText).ok());
  EXPECT_FALSE(compile(spec_of("number_noise", {{"absolute", "1"}}), money).ok());
}

// ---- date_shift

TEST(Calendar, RoundTripsAndKnowsThePast) {
  for (int64_t day = -800'000; day < 800'000; day += 13) {
    Civil date = civil_from_days(day);
    ASSERT_EQ(days_from_civil(date), day);
  }
  EXPECT_EQ(days_from_civil({2000, 1, 1}), 0);
  EXPECT_EQ(days_from_civil({1970, 1, 1}), -10957);
  EXPECT_EQ(days_from_civil({-4713, 11, 24}), -2451545);
  EXPECT_EQ(parse_date_text("2024-02-29")->day, days_from_civil({2024, 2, 29}));
  EXPECT_EQ(parse_date_text("4714-11-24 BC")->day, -2451545);
  for (std::string_view bad : {"", "2023-02-29", "2023-13-01", "2023-00-01", "0000-01-01", "23-01-01",
                               "2023-1-1", "2023-01-01x", "2023/01/01"}) {
    EXPECT_FALSE(parse_date_text(bad)) << bad;
  }
}

TEST(DateShift, MovesByDaysNeverByNoneAndStaysInRange) {
  auto date = compile(spec_of("date_shift", {{"days", "30"}}), column_of(TypeClass::kDate, "date"));
  auto text =
      compile(spec_of("date_shift", {{"days", "30"}}), column_of(TypeClass::kDate, "date"), Wire::kText);
  for (int32_t day : {0, 1, -10957, 8000, -2451545, 2145031948}) {
    auto moved = static_cast<int32_t>(read_be32(mask(**date, be32(day)).data()));
    EXPECT_NE(moved, day);
    EXPECT_LE(std::abs(static_cast<int64_t>(moved) - day), 30);
    EXPECT_GE(moved, -2451545);
    EXPECT_LE(moved, 2145031948);
    std::string in_text;
    append_date_text(day, {}, in_text);
    std::string moved_text;
    append_date_text(moved, {}, moved_text);
    EXPECT_EQ(mask(**text, in_text), moved_text);
  }
  std::string out;
  EXPECT_EQ((*date)->apply(be32(std::numeric_limits<int32_t>::max()), {}, out), Applied::kBlank);
  EXPECT_EQ((*text)->apply("-infinity", {}, out), Applied::kBlank);
  EXPECT_EQ((*text)->apply("2023-02-30", {}, out), Applied::kInvalid);
}

TEST(DateShift, OfTimestampsKeepsTheTimeOfDay) {
  auto binary =
      compile(spec_of("date_shift", {{"days", "9"}}), column_of(TypeClass::kTimestamp, "timestamp"));
  auto text = compile(spec_of("date_shift", {{"days", "9"}}), column_of(TypeClass::kTimestamp, "timestamptz"),
                      Wire::kText);
  constexpr int64_t kDay = 86'400'000'000;
  for (int64_t time : {int64_t{0}, int64_t{-1}, int64_t{123'456'789}, -kDay, -kDay - 1, 9000 * kDay + 5}) {
    auto moved = static_cast<int64_t>(read_be64(mask(**binary, be64(time)).data()));
    EXPECT_NE(moved, time);
    EXPECT_EQ((moved - time) % kDay, 0);
    EXPECT_LE(std::abs(moved - time), 9 * kDay);
  }
  std::string moved = mask(**text, "2020-01-31 12:34:56.5+02");
  EXPECT_TRUE(moved.ends_with(" 12:34:56.5+02"));
  EXPECT_NE(moved.substr(0, 10), "2020-01-31");
  EXPECT_TRUE(mask(**text, "0044-03-15 12:00:00+00 BC").ends_with(" 12:00:00+00 BC"));
}

TEST(DateShift, WhatNoDateCanBeIsInvalid) {
  auto date = compile(spec_of("date_shift", {{"days", "9"}}), column_of(TypeClass::kDate, "date"));
  auto time = compile(spec_of("date_shift", {{"days", "9"}}), column_of(TypeClass::kTimestamp, "timestamp"));
  std::string out;
  for (int32_t day : {-2451546, 2145031949, std::numeric_limits<int32_t>::max() - 1}) {
    EXPECT_EQ((*date)->apply(be32(day), {}, out), Applied::kInvalid) << day;
  }
  for (int64_t at : {std::numeric_limits<int64_t>::min() + 1, std::numeric_limits<int64_t>::max() - 1}) {
    EXPECT_EQ((*time)->apply(be64(at), {}, out), Applied::kInvalid) << at;
  }
  EXPECT_EQ((*date)->apply("123", {}, out), Applied::kInvalid);
}

TEST(DateShift, ByAnotherColumnMovesAllDatesOfOnePersonTogether) {
  Column id = column_of(TypeClass::kInteger, "int4", "id"),
         born = column_of(TypeClass::kDate, "date", "born");
  Column computed = column_of(TypeClass::kText, "text", "computed");
  computed.generated = true;  // not streamed: `id` is the first field of the row
  Table table = table_of({computed, id, born});
  auto masker = compile_masker(spec_of("date_shift", {{"days", "1000"}, {"by", "id"}}),
                               {born, table, "UTF8", Wire::kBinary, test_key()});
  ASSERT_TRUE(masker.ok()) << masker.error().message;
  auto shift = [&](int32_t person, int32_t day) {
    std::string key = be32(person), value = be32(day), out;
    std::optional<std::string_view> row[] = {key, value};
    EXPECT_EQ((*masker)->apply(value, row, out), Applied::kReplaced);
    return static_cast<int32_t>(read_be32(out.data())) - day;
  };
  EXPECT_EQ(shift(1, 100), shift(1, 7000));
  EXPECT_NE(shift(1, 100), shift(2, 100));
  for (const Params& params :
       {Params{{"days", "0"}}, Params{{"by", "id"}}, Params{{"days", "3"}, {"by", "idd"}},
        Params{{"days", "3"}, {"by", "computed"}}, Params{{"days", "3"}, {"by", "born"}}}) {
    EXPECT_FALSE(
        compile_masker(spec_of("date_shift", params), {born, table, "UTF8", Wire::kBinary, test_key()}).ok());
  }
}

// ---- uuid, bytea, inet

TEST(HashUuid, GivesVersion4UuidsEqualInBothWires) {
  auto binary = compile(spec_of("hash"), column_of(TypeClass::kUuid, "uuid"));
  auto text = compile(spec_of("hash"), column_of(TypeClass::kUuid, "uuid"), Wire::kText);
  auto as_text = compile(spec_of("hash", {{"format", "uuid"}}), text_column(36));
  EXPECT_EQ((*binary)->uniqueness(), Uniqueness::kHighEntropy);
  std::string masked = mask(**text, "00112233-4455-6677-8899-aabbccddeeff");
  EXPECT_EQ(masked.size(), 36U);
  EXPECT_EQ(masked[14], '4');
  EXPECT_NE(std::string("89ab").find(masked[19]), std::string::npos);
  std::string bytes("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16);
  EXPECT_EQ(mask(**binary, bytes), read_uuid(Wire::kText, masked));
  EXPECT_EQ(mask(**as_text, "00112233-4455-6677-8899-aabbccddeeff"), masked);
  std::string out;
  EXPECT_EQ((*binary)->apply("short", {}, out), Applied::kInvalid);
  EXPECT_EQ((*text)->apply("00112233-4455-6677-8899-aabbccddeefg", {}, out), Applied::kInvalid);
}

TEST(HashBytes, EqualInBothWires) {
  auto binary = compile(spec_of("hash", {{"length", "1"}}), column_of(TypeClass::kBytes, "bytea"));
  auto text = compile(spec_of("hash", {{"length", "1"}}), column_of(TypeClass::kBytes, "bytea"), Wire::kText);
  for (int byte = 0; byte < 256; ++byte) {
    std::string value(1, static_cast<char>(byte));
    std::string masked = mask(**binary, value);
    EXPECT_NE(masked, value);
    EXPECT_EQ(mask(**text, fmt::format("\\x{:02x}", byte)),
              fmt::format("\\x{:02x}", static_cast<uint8_t>(masked[0])));
  }
  EXPECT_EQ((*binary)->uniqueness(), Uniqueness::kNone);
  EXPECT_EQ((*compile(spec_of("hash"), column_of(TypeClass::kBytes, "bytea")))->uniqueness(),
            Uniqueness::kHighEntropy);
  std::string out;
  EXPECT_EQ((*text)->apply("abc", {}, out), Applied::kInvalid);
  EXPECT_EQ((*binary)->apply("", {}, out), Applied::kBlank);
}

TEST(Address, ReadsAndWritesAsPostgres) {
  for (std::string_view text :
       {"10.0.0.1", "::", "::1", "2001:db8::1", "1:2:3:4:5:6:7:8", "fe80::1:0:0:1", "1::8"}) {
    auto address = parse_address(text);
    ASSERT_TRUE(address) << text;
    std::string out;
    append_address(*address, out);
    EXPECT_EQ(out, text);
  }
  EXPECT_EQ(parse_address("10.1.0.0/16")->prefix, 16);
  EXPECT_EQ(parse_address("::ffff:1.2.3.4")->bytes[15], 4);
  for (std::string_view bad :
       {"", "1.2.3", "1.2.3.256", "1.2.3.4.5", "1.2.3.4/33", "1:2", ":::", "1::2::3",
        "12345::", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "-1.2.3.4", "::1/129", "1:"}) {
    EXPECT_FALSE(parse_address(bad)) << bad;
  }
}

TEST(Ip, OfInetAndCidrStaysInTheDocumentationBlocks) {
  for (std::string base : {"inet", "cidr"}) {
    auto text = compile(spec_of("ip"), column_of(TypeClass::kInet, base), Wire::kText);
    auto binary = compile(spec_of("ip"), column_of(TypeClass::kInet, base));
    for (std::string_view value : {"10.0.0.0/8", "10.1.2.0/24", "192.0.2.0/28", "8.8.8.8/32", "2001:db8::/32",
                                   "2a00::/16", "2a00:1450::5/128", "0.0.0.0/0", "::/0"}) {
      std::string masked = mask(**text, value);
      auto address = parse_address(masked);
      ASSERT_TRUE(address) << masked;
      EXPECT_NE(masked, value);
      EXPECT_TRUE(masked.starts_with("192.0.2.") || masked.starts_with("198.51.100.") ||
                  masked.starts_with("203.0.113.") || masked.starts_with("2001:db8:"));
      if (base == "cidr") {
        EXPECT_FALSE(has_host_bits(*address)) << masked;
      }
      std::string in, out;
      append_inet(*parse_address(value), base == "cidr", in);
      append_inet(*address, base == "cidr", out);
      EXPECT_EQ(mask(**binary, in), out);
    }
  }
  auto always6 = compile(spec_of("ip", {{"version", "6"}}), column_of(TypeClass::kInet, "inet"), Wire::kText);
  EXPECT_TRUE(mask(**always6, "10.0.0.1").starts_with("2001:db8:"));
  EXPECT_EQ((*always6)->uniqueness(), Uniqueness::kHighEntropy);
  auto in_text = compile(spec_of("ip"), text_column());
  auto inet = compile(spec_of("ip"), column_of(TypeClass::kInet, "inet"), Wire::kText);
  EXPECT_NE(mask(**in_text, "10.0.0.1"), "");
}

// ---- arrays

TEST(Array, MasksElementByElement) {
  Column column = column_of(TypeClass::kArray, "_text");
  column.type = "text[]";
  auto text = compile(spec_of("email"), column, Wire::kText);
  auto binary = compile(spec_of("email"), column);
  auto plain = compile(spec_of("email"), text_column());
  std::string ann = mask(**plain, "ann@x.org"), odd = mask(**plain, "a\"b\\c,d");
  EXPECT_EQ(mask(**text, "{ann@x.org,NULL,\"a\\\"b\\\\c,d\",\"NULL\"}"),
            "{\"" + ann + "\",NULL,\"" + odd + "\",\"" + mask(**plain, "NULL") + "\"}");
  EXPECT_EQ(mask(**text, "[0:1]={{ann@x.org},{NULL}}"), "[0:1]={{\"" + ann + "\"},{NULL}}");

  std::string in = be32(1) + be32(1) + be32(25) + be32(3) + be32(1), expected = in;
  in += be32(9) + "ann@x.org" + be32(-1) + be32(0);
  expected += be32(static_cast<int32_t>(ann.size())) + ann + be32(-1) + be32(0);
  EXPECT_EQ(mask(**binary, in), expected);
  std::string out;
  EXPECT_EQ((*text)->apply("{}", {}, out), Applied::kBlank);
  EXPECT_EQ((*binary)->apply(be32(0) + be32(0) + be32(25), {}, out), Applied::kBlank);
  for (size_t size = 0; size < in.size(); ++size) {
    if (size == 20 || size == 33 || size == 37) continue;  // ends between two elements
    out.clear();
    EXPECT_EQ((*binary)->apply(in.substr(0, size), {}, out), Applied::kInvalid) << size;
    EXPECT_TRUE(out.empty());
  }
  EXPECT_EQ((*text)->apply("{\"abc", {}, out), Applied::kInvalid);
}

TEST(Array, KeepsTheLimitOfItsElements) {
  Column column = column_of(TypeClass::kArray, "_varchar");
  column.type = "character varying(5)[]";
  auto masker = compile(spec_of("hash"), column, Wire::kText);
  EXPECT_EQ(mask(**masker, "{abc}").size(), 9U);
  EXPECT_FALSE(compile(spec_of("hash"), column_of(TypeClass::kArray, "_int4")).ok());
}

// ---- fixed

TEST(Fixed, OfEveryTypeIsTheSameInBothWires) {
  struct {
    TypeClass type_class;
    std::string base, value, binary, text;
  } const cases[] = {
      {TypeClass::kInteger, "int2", "7", be16(7), "7"},
      {TypeClass::kInteger, "int4", "-7", be32(-7), "-7"},
      {TypeClass::kInteger, "int8", "7", be64(7), "7"},
      {TypeClass::kNumber, "numeric", "1.50", numeric("1.50"), "1.50"},
      {TypeClass::kNumber, "float8", "1.5", be64(std::bit_cast<int64_t>(1.5)), "1.5"},
      {TypeClass::kNumber, "float4", "1.5", be32(std::bit_cast<int32_t>(1.5F)), "1.5"},
      {TypeClass::kDate, "date", "2000-01-02", be32(1), "2000-01-02"},
      {TypeClass::kTimestamp, "timestamp", "2000-01-01 00:00:01", be64(1'000'000), "2000-01-01 00:00:01"},
      {TypeClass::kTimestamp, "timestamptz", "2000-01-01 00:01", be64(60'000'000), "2000-01-01 00:01Z"},
      {TypeClass::kBoolean, "bool", "true", std::string(1, '\1'), "t"},
      {TypeClass::kUuid, "uuid", "00112233-4455-6677-8899-aabbccddeeff",
       std::string("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16),
       "00112233-4455-6677-8899-aabbccddeeff"},
      {TypeClass::kJson, "json", "{\"a\": 1}", "{\"a\": 1}", "{\"a\": 1}"},
      {TypeClass::kJson, "jsonb", "[]", "\1[]", "[]"},
      {TypeClass::kInet, "inet", "10.0.0.1", std::string("\2\x20\0\4\x0a\0\0\1", 8), "10.0.0.1"},
      {TypeClass::kBytes, "bytea", "\\x00ff", std::string("\0\xff", 2), "\\x00ff"},
  };
  for (const auto& c : cases) {
    auto binary = compile(spec_of("fixed", {{"value", c.value}}), column_of(c.type_class, c.base));
    auto text = compile(spec_of("fixed", {{"value", c.value}}), column_of(c.type_class, c.base), Wire::kText);
    ASSERT_TRUE(binary.ok() && text.ok()) << c.base;
    EXPECT_EQ(mask(**binary, "x"), c.binary) << c.base;
    EXPECT_EQ(mask(**text, "x"), c.text) << c.base;
    EXPECT_FALSE(
        compile(spec_of("fixed", {{"value", "no such value"}}), column_of(c.type_class, c.base)).ok());
  }
  Column numeric_column = column_of(TypeClass::kNumber, "numeric");
  numeric_column.precision = 4;
  numeric_column.scale = 2;
  EXPECT_TRUE(compile(spec_of("fixed", {{"value", "99.99"}}), numeric_column).ok());
  EXPECT_FALSE(compile(spec_of("fixed", {{"value", "100"}}), numeric_column).ok());
  EXPECT_FALSE(compile(spec_of("fixed", {{"value", "1.234"}}), numeric_column).ok());
  EXPECT_FALSE(compile(spec_of("fixed", {{"value", "32768"}}), column_of(TypeClass::kInteger, "int2")).ok());
}

}  // namespace
}  // namespace ytb::masking
