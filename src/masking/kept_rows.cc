#include "masking/kept_rows.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace ytb::masking {

void KeptRows::add(std::string_view fields, uint64_t seed) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(fields.data(), fields.size(), seed);
  ++rows_;
  low_ += hash.low64;
  high_ += hash.high64;
}

void KeptRows::add(const KeptRows& other) {
  rows_ += other.rows_;
  low_ += other.low_;
  high_ += other.high_;
}

std::string KeptRows::to_text() const { return fmt::format("{}:{:016x}{:016x}", rows_, high_, low_); }

}  // namespace ytb::masking
