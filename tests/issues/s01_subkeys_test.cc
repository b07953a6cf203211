// S1: subkeys came from the pseudonym of a plain text, which whoever may write into production could have
// hashed, too: he read the key of the integers' permutation in staging and inverted it. An attacker here may
// insert any value anywhere and read every output; he knows the code.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <array>
#include <cstring>
#include <set>

#include "base/text.h"
#include "masking/calendar.h"
#include "masking/draw.h"
#include "masking/masking_testing.h"
#include "masking/value.h"

namespace ytb::masking {
namespace {

using namespace testing;  // NOLINT: this room's own helpers

constexpr int kIds = 1001;
constexpr int kTierBits = 15;  // 0 … 2^15-1, the tier of small ids

// The permutation of masking/permute.cc for its first tier, with a key that the attacker holds.
class Feistel {
 public:
  explicit Feistel(std::string_view key) { std::memcpy(key_.data(), key.data(), key_.size()); }
  [[nodiscard]] uint32_t invert(uint32_t masked) const {
    uint32_t next = backward(masked);
    return forward(next == 0 ? (1U << kTierBits) - 1 : next - 1);
  }

 private:
  static constexpr int kRight = kTierBits / 2;
  static constexpr int kLeft = kTierBits - kRight;
  [[nodiscard]] uint32_t round(uint32_t half, int number, int bits) const {
    uint64_t message[2] = {half, static_cast<uint64_t>(number)};
    uint64_t mixed = 0;
    crypto_shorthash_siphash24(reinterpret_cast<unsigned char*>(&mixed),
                               reinterpret_cast<unsigned char*>(message), sizeof message, key_.data());
    return static_cast<uint32_t>(mixed & ((1U << bits) - 1));
  }
  [[nodiscard]] uint32_t forward(uint32_t value) const {
    uint32_t left = value >> kRight;
    uint32_t right = value & ((1U << kRight) - 1);
    for (int i = 0; i < 10; i += 2) {
      left ^= round(right, i, kLeft);
      right ^= round(left, i + 1, kRight);
    }
    return left << kRight | right;
  }
  [[nodiscard]] uint32_t backward(uint32_t value) const {
    uint32_t left = value >> kRight;
    uint32_t right = value & ((1U << kRight) - 1);
    for (int i = 8; i >= 0; i -= 2) {
      right ^= round(left, i + 1, kRight);
      left ^= round(right, i, kLeft);
    }
    return left << kRight | right;
  }
  std::array<unsigned char, crypto_shorthash_siphash24_KEYBYTES> key_{};
};

std::string text_of(const Column& column, const MaskerSpec& spec, const std::string& value) {
  auto masker = compile(spec, column, Wire::kText);
  EXPECT_TRUE(masker.ok()) << masker.error().message;
  std::string out;
  (*masker)->apply(value, {}, out);
  return out;
}

std::string raw(const std::string& hex) {
  std::string bytes;
  EXPECT_TRUE(read_hex_bytes(hex, bytes)) << hex;
  return bytes;
}

// What staging shows of a value in a column hashed in full: 32 bytes.
std::string hashed_bytes(const std::string& value, const std::string& domain) {
  std::string hex = "\\x";
  for (unsigned char c : value) hex += fmt::format("{:02x}", c);
  const std::string out = text_of(column_of(TypeClass::kBytes, "bytea"),
                                  spec_of("hash", {{"domain", domain}, {"length", "32"}}), hex);
  return raw(out);
}
std::string hashed_text(const std::string& value, const std::string& domain) {
  const std::string out = text_of(
      text_column(), spec_of("hash", {{"domain", domain}, {"format", "hex"}, {"length", "64"}}), value);
  return raw("\\x" + out);
}

// Whatever a label of the program's, today's or yesterday's, could look like.
std::vector<std::string> labels(const std::string& domain) {
  std::vector<std::string> out;
  for (const char* word : {"integer permutation", "permutation", "pseudonyms", "offsets", "key id",
                           "pseudonyms-2", "yesterdaytabase pseudonyms-2", "hash", ""}) {
    for (const std::string& context : {std::string(), std::string("hash"), domain}) {
      for (const char* end : {"", "\x01"}) {
        out.push_back(word + std::string(1, '\0') + context + end);
        out.push_back(word + context + end);
      }
    }
  }
  return out;
}

int ids_recovered_with(const std::string& key) {
  auto masker = compile(spec_of("hash"), column_of(TypeClass::kInteger, "int4"), Wire::kText);
  Feistel attacker(key);
  int recovered = 0;
  for (int id = 0; id < kIds; ++id) {
    std::string masked;
    (*masker)->apply(std::to_string(id), {}, masked);
    recovered +=
        attacker.invert(static_cast<uint32_t>(std::stoul(masked))) == static_cast<uint32_t>(id) ? 1 : 0;
  }
  return recovered;
}

TEST(S01, TheAttackWorksWhereTheKeyIsKnown) {
  const Digest key = test_key().permutation_key("hash");
  EXPECT_EQ(ids_recovered_with({reinterpret_cast<const char*>(key.data()), key.size()}), kIds);
}

TEST(S01, NoHashedValueIsTheKeyOfTheIntegers) {
  EXPECT_LE(ids_recovered_with(hashed_text("integer permutation", "hash")), 1) << "as it was";
  for (const std::string& label : labels("hash")) {
    EXPECT_LE(ids_recovered_with(hashed_bytes(label, "hash")), 1) << printable(label);
  }
}

// Variants: a moved value is as good as kept for whoever knows by how much it was moved.
TEST(S01, NoHashedValueSaysByHowManyDaysADateMoved) {
  Column id = column_of(TypeClass::kInteger, "int4", "id"),
         born = column_of(TypeClass::kDate, "date", "born");
  Table table = table_of({id, born});
  auto masker = compile_masker(spec_of("date_shift", {{"days", "1000"}, {"by", "id"}, {"domain", "person"}}),
                               {born, table, "UTF8", Wire::kText, test_key()});
  ASSERT_TRUE(masker.ok());
  int recovered = 0;
  for (int person = 0; person < kIds; ++person) {
    const std::string key = std::to_string(person);
    std::optional<std::string_view> row[] = {key, "1984-03-11"};
    std::string masked;
    ASSERT_EQ((*masker)->apply("1984-03-11", row, masked), Applied::kReplaced);
    Digest digest{};
    std::memcpy(digest.data(), hashed_text(key, "person").data(), digest.size());
    Draw draw(digest);
    auto shift = static_cast<int64_t>(1 + draw.below(1000));
    if ((draw.next() & 1) != 0) shift = -shift;
    recovered += parse_date_text(masked)->day - shift == parse_date_text("1984-03-11")->day ? 1 : 0;
  }
  EXPECT_LE(recovered, 10) << "of " << kIds;
}

TEST(S01, NoHashedValueSaysByHowMuchANumberMoved) {
  Column id = column_of(TypeClass::kInteger, "int4", "id"),
         pay = column_of(TypeClass::kInteger, "int4", "pay");
  Table table = table_of({id, pay});
  auto masker =
      compile_masker(spec_of("number_noise", {{"absolute", "1000"}, {"by", "id"}, {"domain", "person"}}),
                     {pay, table, "UTF8", Wire::kText, test_key()});
  ASSERT_TRUE(masker.ok());
  // The pseudonym of equal digests moves equally: had the digest of the id been shown, one known row would
  // tell of all.
  int same_direction = 0;
  for (int person = 0; person < kIds; ++person) {
    const std::string key = std::to_string(person);
    std::optional<std::string_view> row[] = {key, "50000"};
    std::string masked;
    ASSERT_EQ((*masker)->apply("50000", row, masked), Applied::kReplaced);
    Digest digest{};
    std::memcpy(digest.data(), hashed_text(key, "person").data(), digest.size());
    const bool down = (Draw(digest).next() & 1) != 0;  // masker_number.cc, Move
    same_direction += (std::stoi(masked) < 50000) == down ? 1 : 0;
  }
  EXPECT_GT(same_direction, kIds * 2 / 5);
  EXPECT_LT(same_direction, kIds * 3 / 5) << "the hash tells in which direction a number moved";
}

TEST(S01, NoOutputIsAnySubkey) {
  std::set<std::string> secrets;
  for (const char* domain : {"hash", "person", "email", ""}) {
    const Digest key = test_key().permutation_key(domain);
    secrets.insert({reinterpret_cast<const char*>(key.data()), key.size()});
    const Digest offset = test_key().offset(domain, "42");
    secrets.insert({reinterpret_cast<const char*>(offset.data()), offset.size()});
  }
  for (const char* domain : {"hash", "person", "permutation", "offsets", "key id"}) {
    for (const std::string& label : labels(domain)) {
      EXPECT_FALSE(secrets.contains(hashed_bytes(label, domain))) << printable(label);
      EXPECT_NE(to_hex(hashed_bytes(label, domain)).substr(0, 16),
                test_key().id().substr(test_key().id().find(':') + 1))
          << "the published id of the key is a value's pseudonym";
    }
    EXPECT_FALSE(secrets.contains(hashed_bytes("42", domain)));
  }
}

}  // namespace
}  // namespace ytb::masking
