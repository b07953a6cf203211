#include "masking/permute.h"

#include <sodium.h>

#include <cstring>

#include "base/check.h"

namespace ytb::masking {
namespace {

constexpr int kRounds = 10;
// Ends of the tiers, in bits. The first is the whole of smallint, so that it is never too small to permute.
constexpr int kTierBits[] = {15, 20, 24, 28, 31, 36, 42, 48, 53, 63};
// A walk leaves a tier with probability at most 1/32 a step (2^15 of 2^20) but for 28 … 31 bits, where it is
// 1/8.
constexpr int kWalkStepsMax = 1000;

uint64_t low_bits(int count) { return (uint64_t{1} << count) - 1; }

}  // namespace

// Values `first` … 2^bits-1.
struct IntegerPermutation::Tier {
  int number = 0;
  int bits = 0;
  uint64_t first = 0;
  bool negative = false;
  [[nodiscard]] int right_bits() const { return bits / 2; }
  [[nodiscard]] int left_bits() const { return bits - bits / 2; }
  [[nodiscard]] uint64_t tweak(int round) const {
    return static_cast<uint64_t>(round) | static_cast<uint64_t>(number) << 8 | (negative ? 1ULL << 16 : 0);
  }
  static Tier of(int64_t value) {
    Tier tier;
    tier.negative = value < 0;
    auto magnitude = static_cast<uint64_t>(tier.negative ? ~value : value);
    while ((magnitude >> kTierBits[tier.number]) != 0) {
      tier.first = uint64_t{1} << kTierBits[tier.number];
      ++tier.number;
    }
    tier.bits = kTierBits[tier.number];
    return tier;
  }
};

IntegerPermutation::IntegerPermutation(const MaskingKey& key, std::string_view domain) : sip_key_{} {
  static_assert(kSipKeyBytes == crypto_shorthash_siphash24_KEYBYTES);
  Digest digest = key.permutation_key(domain);
  std::memcpy(sip_key_.data(), digest.data(), sip_key_.size());
}

uint64_t IntegerPermutation::tier_size(int64_t value) {
  Tier tier = Tier::of(value);
  return (low_bits(tier.bits) + 1) - tier.first;
}

uint64_t IntegerPermutation::round(uint64_t half, uint64_t tweak) const {
  uint64_t message[2] = {half, tweak};
  uint64_t mixed;
  crypto_shorthash_siphash24(reinterpret_cast<unsigned char*>(&mixed),
                             reinterpret_cast<unsigned char*>(message), sizeof message, sip_key_.data());
  return mixed;
}

uint64_t IntegerPermutation::forward(uint64_t value, const Tier& tier) const {
  for (int step = 0; step < kWalkStepsMax; ++step) {
    uint64_t left = value >> tier.right_bits();
    uint64_t right = value & low_bits(tier.right_bits());
    for (int i = 0; i < kRounds; i += 2) {
      left ^= round(right, tier.tweak(i)) & low_bits(tier.left_bits());
      right ^= round(left, tier.tweak(i + 1)) & low_bits(tier.right_bits());
    }
    value = left << tier.right_bits() | right;
    if (value >= tier.first) return value;
  }
  YTB_CHECK_MSG(false, "a cycle walk does not end");
}

uint64_t IntegerPermutation::backward(uint64_t value, const Tier& tier) const {
  for (int step = 0; step < kWalkStepsMax; ++step) {
    uint64_t left = value >> tier.right_bits();
    uint64_t right = value & low_bits(tier.right_bits());
    for (int i = kRounds - 2; i >= 0; i -= 2) {
      right ^= round(left, tier.tweak(i + 1)) & low_bits(tier.right_bits());
      left ^= round(right, tier.tweak(i)) & low_bits(tier.left_bits());
    }
    value = left << tier.right_bits() | right;
    if (value >= tier.first) return value;
  }
  YTB_CHECK_MSG(false, "a cycle walk does not end");
}

int64_t IntegerPermutation::map(int64_t value) const {
  Tier tier = Tier::of(value);
  auto magnitude = static_cast<uint64_t>(tier.negative ? ~value : value);
  uint64_t before = backward(magnitude, tier);
  uint64_t next = before == low_bits(tier.bits) ? tier.first : before + 1;
  auto mapped = static_cast<int64_t>(forward(next, tier));
  return tier.negative ? ~mapped : mapped;
}

}  // namespace ytb::masking
