// OpenSSL's low-level SHA256_* are deprecated in favour of EVP, and used here on purpose: copying an EVP
// context allocates and costs several times the two compressions that a short value needs, while these keep
// SHA-NI and let both pad blocks be hashed once per key. RFC 2104, FIPS 180-4.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "masking/hmac.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <cstring>

#include "base/check.h"
#include "base/text.h"

namespace ytb::masking {
namespace {

constexpr size_t kBlockBytes = 64;
constexpr size_t kKeyBytesMin = 16;
constexpr uint8_t kInnerPad = 0x36;
constexpr uint8_t kOuterPad = 0x5c;

}  // namespace

// SHA-256 after the key's inner and outer pad block.
struct MaskingKey::State {
  SHA256_CTX inner;
  SHA256_CTX outer;

  void finish(SHA256_CTX& context, Digest& digest) const {
    SHA256_Final(digest.data(), &context);
    SHA256_CTX outer_context = outer;
    SHA256_Update(&outer_context, digest.data(), digest.size());
    SHA256_Final(digest.data(), &outer_context);
  }
};

MaskingKey::MaskingKey(const Secret& bytes) : state_(std::make_unique<State>()) {
  std::string_view key = bytes.reveal();
  YTB_CHECK_MSG(key.size() >= kKeyBytesMin, "a masking key has at least 16 bytes");
  std::array<uint8_t, kBlockBytes> block{};
  if (key.size() > kBlockBytes) {
    SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), block.data());
  } else {
    std::memcpy(block.data(), key.data(), key.size());
  }
  for (uint8_t& byte : block) byte ^= kInnerPad;
  SHA256_Init(&state_->inner);
  SHA256_Update(&state_->inner, block.data(), block.size());
  for (uint8_t& byte : block) byte ^= kInnerPad ^ kOuterPad;
  SHA256_Init(&state_->outer);
  SHA256_Update(&state_->outer, block.data(), block.size());
  OPENSSL_cleanse(block.data(), block.size());
}

MaskingKey::~MaskingKey() { OPENSSL_cleanse(state_.get(), sizeof(State)); }

Digest MaskingKey::pseudonym(std::string_view domain, std::string_view value) const {
  constexpr char kSeparator = '\0';
  SHA256_CTX context = state_->inner;
  SHA256_Update(&context, domain.data(), domain.size());
  SHA256_Update(&context, &kSeparator, 1);
  SHA256_Update(&context, value.data(), value.size());
  Digest digest;
  state_->finish(context, digest);
  return digest;
}

Digest MaskingKey::mac(std::string_view message) const {
  SHA256_CTX context = state_->inner;
  SHA256_Update(&context, message.data(), message.size());
  Digest digest;
  state_->finish(context, digest);
  return digest;
}

std::string MaskingKey::id() const {
  constexpr size_t kIdBytes = 8;
  Digest digest = mac("key id");
  return to_hex(std::string_view(reinterpret_cast<const char*>(digest.data()), kIdBytes));
}

}  // namespace ytb::masking
