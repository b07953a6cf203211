// OpenSSL's low-level SHA256_* are deprecated in favour of EVP, and used here on purpose: copying an EVP
// context allocates and costs several times the two compressions that a short value needs, while these keep
// SHA-NI and let both pad blocks be hashed once per key. RFC 2104, FIPS 180-4.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "masking/hmac.h"

#include <endian.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <cstring>
#include <iterator>

#include "base/check.h"
#include "base/text.h"

namespace ytb::masking {
namespace {

constexpr size_t kBlockBytes = 64;
constexpr size_t kKeyBytesMin = 16;
constexpr uint8_t kInnerPad = 0x36;
constexpr uint8_t kOuterPad = 0x5c;

std::string_view bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// HKDF-Extract with the version as its salt: another version, other subkeys.
Digest extract(const Secret& key) {
  YTB_CHECK_MSG(key.reveal().size() >= kKeyBytesMin, "a masking key has at least 16 bytes");
  return Hmac(fmt::format("yesterdaytabase {}", kPseudonymVersion)).mac(key.reveal());
}

// An HMAC under a key that nobody keeps.
Hmac hmac_of(Digest key) {
  Hmac made(bytes_of(key));
  OPENSSL_cleanse(key.data(), key.size());
  return made;
}

}  // namespace

// The last block of a message whose first was a pad block: what is left of it, a bit, zeros, and the length
// of the whole in bits (FIPS 180-4, 5.1.1). Nearly every value fits one; told to OpenSSL in pieces it costs
// half as much again as the compression itself.
class LastBlock {
 public:
  static constexpr size_t kSizeMax = kBlockBytes - 1 - sizeof(uint64_t);

  void add(std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(block_.data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  [[nodiscard]] Digest close(const SHA256_CTX& after_pad) {
    block_[size_] = 0x80;
    const uint64_t bits = htobe64((kBlockBytes + size_) * 8);
    std::memcpy(block_.data() + kBlockBytes - sizeof bits, &bits, sizeof bits);
    SHA256_CTX context;
    std::memcpy(context.h, after_pad.h, sizeof context.h);
    SHA256_Transform(&context, block_.data());
    Digest digest;
    for (size_t i = 0; i < std::size(context.h); ++i) {
      const uint32_t word = htobe32(context.h[i]);
      std::memcpy(digest.data() + i * sizeof word, &word, sizeof word);
    }
    return digest;
  }

 private:
  std::array<uint8_t, kBlockBytes> block_{};
  size_t size_ = 0;
};

// SHA-256 after the key's inner and outer pad block.
struct Hmac::State {
  SHA256_CTX inner;
  SHA256_CTX outer;

  [[nodiscard]] Digest finish(SHA256_CTX& context) const {
    Digest digest;
    SHA256_Final(digest.data(), &context);
    return finish(digest);
  }
  [[nodiscard]] Digest finish(const Digest& of_inner) const {
    LastBlock block;
    block.add(bytes_of(of_inner));
    return block.close(outer);
  }
};

Hmac::Hmac(std::string_view key) : state_(std::make_unique<State>()) {
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

Hmac::Hmac(Hmac&&) noexcept = default;

Hmac::~Hmac() {
  if (state_) OPENSSL_cleanse(state_.get(), sizeof(State));
}

Digest Hmac::mac(std::string_view message) const {
  if (message.size() <= LastBlock::kSizeMax) {
    LastBlock block;
    block.add(message);
    return state_->finish(block.close(state_->inner));
  }
  SHA256_CTX context = state_->inner;
  SHA256_Update(&context, message.data(), message.size());
  return state_->finish(context);
}

Digest Hmac::mac(std::string_view head, std::string_view tail) const {
  constexpr char kSeparator = '\0';
  if (head.size() + 1 + tail.size() <= LastBlock::kSizeMax) {
    LastBlock block;
    block.add(head);
    block.add({&kSeparator, 1});
    block.add(tail);
    return state_->finish(block.close(state_->inner));
  }
  SHA256_CTX context = state_->inner;
  SHA256_Update(&context, head.data(), head.size());
  SHA256_Update(&context, &kSeparator, 1);
  SHA256_Update(&context, tail.data(), tail.size());
  return state_->finish(context);
}

MaskingKey::MaskingKey(const Secret& bytes)
    : root_(hmac_of(extract(bytes))),
      pseudonyms_(hmac_of(subkey("pseudonyms"))),
      offsets_(hmac_of(subkey("offsets"))) {}

Digest MaskingKey::subkey(std::string_view use, std::string_view context) const {
  constexpr char kFirstBlock = '\x01';  // RFC 5869, 2.3: one block is all that is needed
  std::string info(use);
  info += '\0';
  info += context;
  info += kFirstBlock;
  return root_.mac(info);
}

Digest MaskingKey::pseudonym(std::string_view domain, std::string_view value) const {
  return pseudonyms_.mac(domain, value);
}

Digest MaskingKey::offset(std::string_view domain, std::string_view value) const {
  return offsets_.mac(domain, value);
}

Digest MaskingKey::permutation_key(std::string_view domain) const { return subkey("permutation", domain); }

uint64_t MaskingKey::kept_rows_seed() const {
  Digest digest = subkey("kept rows");
  uint64_t seed = 0;
  std::memcpy(&seed, digest.data(), sizeof seed);
  return seed;
}

std::string MaskingKey::id() const {
  constexpr size_t kIdBytes = 8;
  Digest digest = subkey("key id");
  return fmt::format("{}:{}", kPseudonymVersion, to_hex(bytes_of(digest).substr(0, kIdBytes)));
}

}  // namespace ytb::masking
