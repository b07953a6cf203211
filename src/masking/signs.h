// Signs: what hardly ever stands in a value by accident and is somebody's: an address, a number with a check
// digit, a key. For values that are kept: a policy may be wrong about whole columns, of whose values no other
// column holds an original. Sees raw values and says of which kind they are. Thread-safe.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string_view>

namespace ytb::masking {

enum Sign : unsigned {
  kEmailSign,
  kPhoneSign,
  kCardSign,
  kBankSign,
  kSocialSecuritySign,
  kSecretSign,
  kSigns
};
std::string_view words_of(Sign sign);  // "e-mail addresses"
using Signs = std::bitset<kSigns>;
using SignCounts = std::array<uint64_t, kSigns>;  // in how many values each stands

// Telephone numbers in their international form alone: others look like anything. What masking itself gives
// (example.com, 555-01xx) is nobody's. Takes time in proportion to the text, and no memory.
Signs signs_in(std::string_view text);

// A telephone number that belongs to nobody, which masking gives: 555-01xx, 07700 900xxx. Its digits, and
// perhaps more.
bool is_fictitious_phone(std::string_view digits);

}  // namespace ytb::masking
