// The one primitive: HMAC-SHA256(subkey, domain ‖ 0 ‖ canonical value). Same value, same pseudonym: in every
// table, database and engine, on every day, as long as the key stays.
//
// Whoever can have values hashed and reads the results may choose any value and any domain. So no key is ever
// computed from what a value could spell: the production's key only derives subkeys (HKDF, RFC 5869), each
// use has its own, and the derived root never sees a value.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace ytb::masking {

using Digest = std::array<uint8_t, 32>;

// Part of every key id: what was masked under another version has other pseudonyms. Raised whenever a row of
// tests/golden/pseudonyms.tsv changes.
inline constexpr std::string_view kPseudonymVersion = "pseudonyms-2";

// HMAC-SHA256 under one key (RFC 2104, FIPS 198-1), whose pad blocks are hashed once. Thread-safe once made.
class Hmac {
 public:
  // A key longer than a block is hashed first, as RFC 2104 says.
  explicit Hmac(std::string_view key);
  ~Hmac();
  Hmac(Hmac&&) noexcept;
  Hmac& operator=(Hmac&&) = delete;
  [[nodiscard]] Digest mac(std::string_view message) const;
  // Of head ‖ 0 ‖ tail.
  [[nodiscard]] Digest mac(std::string_view head, std::string_view tail) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The key of one production. Thread-safe once made; cheap to share by reference.
class MaskingKey {
 public:
  // `bytes`: at least 16.
  explicit MaskingKey(const Secret& bytes);
  MaskingKey(const MaskingKey&) = delete;
  MaskingKey& operator=(const MaskingKey&) = delete;

  // What replaces a value. May be read by whoever reads masked data.
  [[nodiscard]] Digest pseudonym(std::string_view domain, std::string_view value) const;
  // By how much a value is moved: whoever knew it could move the value back, so that no pseudonym may equal
  // it.
  [[nodiscard]] Digest offset(std::string_view domain, std::string_view value) const;
  // A key of 32 bytes for the keyed bijection of `domain`.
  [[nodiscard]] Digest permutation_key(std::string_view domain) const;
  // Of the checksum that compares kept rows (kept_rows.h).
  [[nodiscard]] uint64_t kept_rows_seed() const;
  // "pseudonyms-2:" and 16 hex digits: says which key under which version, not what.
  [[nodiscard]] std::string id() const;

 private:
  // HKDF-Expand to 32 bytes; the info is use ‖ 0 ‖ context.
  [[nodiscard]] Digest subkey(std::string_view use, std::string_view context = {}) const;

  Hmac root_;  // HKDF's PRK
  Hmac pseudonyms_;
  Hmac offsets_;
};

}  // namespace ytb::masking
