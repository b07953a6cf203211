// The one primitive: HMAC-SHA256(key, domain ‖ 0 ‖ canonical value). Same value, same pseudonym: in every
// table, database and engine, on every day, as long as the key stays.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace ytb::masking {

using Digest = std::array<uint8_t, 32>;

// The key of one production. Thread-safe once made; cheap to share by reference.
class MaskingKey {
 public:
  // `bytes`: at least 16. Longer than a block is hashed first, as RFC 2104 says.
  explicit MaskingKey(const Secret& bytes);
  ~MaskingKey();
  MaskingKey(const MaskingKey&) = delete;
  MaskingKey& operator=(const MaskingKey&) = delete;

  // HMAC over domain ‖ 0 ‖ value.
  [[nodiscard]] Digest pseudonym(std::string_view domain, std::string_view value) const;
  // Plain HMAC-SHA256, for test vectors and derived keys.
  [[nodiscard]] Digest mac(std::string_view message) const;
  // First 16 hex digits of HMAC(key, "key id"): says which key, not what.
  [[nodiscard]] std::string id() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ytb::masking
