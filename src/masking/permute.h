// A keyed bijection over integers: different inputs give different outputs, no input gives itself, and the
// output fits every type that the input fits.
//
// Integers fall into tiers by magnitude, 0 … 2^15-1, 2^15 … 2^20-1, … up to 2^63-1, and negative ones into
// the same tiers mirrored (~v). Each tier is permuted within itself, so that a value is masked the same in a
// smallint, an integer and a bigint column, ids stay near the size they had (a sequence over them has room
// left), and what fits in a JavaScript number (2^53) stays so.
//
// Within a tier: a Feistel network of 10 rounds over the tier's bits, walked until it lands in the tier
// (Black, Rogaway, CT-RSA 2002: "Ciphers with Arbitrary Finite Domains"), with SipHash-2-4 under a subkey of
// its own (hmac.h) as its round function. Ten rounds as in NIST SP 800-38G's FF1; FF1 itself would cost some
// ten AES key uses a round and adds nothing here. E(x) alone may have fixed points, so the value is E(E⁻¹(x)
// + 1): a permutation with one cycle through the whole tier, and none of length one.
//
// Private to the masking room. Immutable, thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "masking/hmac.h"

namespace ytb::masking {

class IntegerPermutation {
 public:
  IntegerPermutation(const MaskingKey& key, std::string_view domain);
  [[nodiscard]] int64_t map(int64_t value) const;
  // How many values share the tier of `value`: the size of the domain it is permuted in.
  static uint64_t tier_size(int64_t value);

 private:
  struct Tier;
  static constexpr size_t kSipKeyBytes = 16;
  [[nodiscard]] uint64_t round(uint64_t half, uint64_t tweak) const;
  [[nodiscard]] uint64_t forward(uint64_t value, const Tier& tier) const;
  [[nodiscard]] uint64_t backward(uint64_t value, const Tier& tier) const;
  std::array<uint8_t, kSipKeyBytes> sip_key_;
};

}  // namespace ytb::masking
