#include "drivers/postgres/scram.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <array>

#include "base/text.h"

namespace ytb::postgres {
namespace {

constexpr size_t kSaltBytes = 16;
using Key = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

Key hmac(const Key& key, std::string_view text) {
  Key out{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(), &size);
  return out;
}

std::string base64(const Key& key) {
  return to_base64({reinterpret_cast<const char*>(key.data()), key.size()});
}

}  // namespace

Result<std::string> scram_verifier(const Secret& password, std::string_view salt, int iterations) {
  std::string_view text = password.reveal();
  for (char c : text) {
    if (c < 0x20 || c > 0x7e) {
      return Error{.code = Code::kConfig,
                   .message = "a password of an access role has characters beyond printable ASCII",
                   .hint = "use letters, digits and punctuation"};
    }
  }
  if (text.empty()) {
    return Error{.code = Code::kConfig,
                 .message = "the password of an access role is empty",
                 .hint = "name a file or variable that holds one"};
  }
  Key salted{};
  const auto* salt_bytes = reinterpret_cast<const unsigned char*>(salt.data());
  if (PKCS5_PBKDF2_HMAC(text.data(), static_cast<int>(text.size()), salt_bytes, static_cast<int>(salt.size()),
                        iterations, EVP_sha256(), static_cast<int>(salted.size()), salted.data()) != 1) {
    return Error{.code = Code::kInternal, .message = "PBKDF2 failed", .hint = {}};
  }
  Key client = hmac(salted, "Client Key");
  Key server = hmac(salted, "Server Key");
  Key stored{};
  SHA256(client.data(), client.size(), stored.data());
  return fmt::format("SCRAM-SHA-256${}:{}${}:{}", iterations, to_base64(salt), base64(stored),
                     base64(server));
}

Result<std::string> scram_verifier(const Secret& password) {
  Secret salt = random_key(kSaltBytes);
  return scram_verifier(password, salt.reveal());
}

}  // namespace ytb::postgres
