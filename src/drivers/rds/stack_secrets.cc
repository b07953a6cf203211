#include "drivers/rds/stack_secrets.h"

#include <sodium.h>

#include <array>

#include "base/text.h"

namespace ytb::rds {
namespace {

constexpr size_t kPasswordCharacters = 32;
constexpr size_t kNonceBytes = 16;
constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

using Digest = std::array<unsigned char, crypto_auth_hmacsha256_BYTES>;

// HMAC-SHA256(seed, domain ‖ 0 ‖ resource id)
Digest derive(const Secret& seed, std::string_view domain, std::string_view resource_id) {
  std::string message = std::string(domain) + '\0' + std::string(resource_id);
  crypto_auth_hmacsha256_state state;
  auto bytes = [](std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); };
  crypto_auth_hmacsha256_init(&state, bytes(seed.reveal()), seed.reveal().size());
  crypto_auth_hmacsha256_update(&state, bytes(message), message.size());
  Digest digest{};
  crypto_auth_hmacsha256_final(&state, digest.data());
  sodium_memzero(&state, sizeof state);
  return digest;
}

}  // namespace

Secret master_password(const Secret& seed, std::string_view resource_id) {
  Digest digest = derive(seed, "yesterdaytabase rds master password", resource_id);
  std::string text;
  uint32_t bits = 0;
  int held = 0;
  for (unsigned char byte : digest) {
    bits = (bits << 8) | byte;
    for (held += 8; held >= 6 && text.size() < kPasswordCharacters; held -= 6) {
      text += kAlphabet[(bits >> (held - 6)) & 63];
    }
    if (text.size() == kPasswordCharacters) break;
  }
  sodium_memzero(digest.data(), digest.size());
  return Secret(std::move(text));
}

std::string copy_nonce(const Secret& seed, std::string_view resource_id) {
  Digest digest = derive(seed, "yesterdaytabase rds copy mark", resource_id);
  return to_hex({reinterpret_cast<const char*>(digest.data()), kNonceBytes});
}

}  // namespace ytb::rds
