#include "masking/digest_filter.h"

#include <algorithm>

namespace ytb::masking {
namespace {

constexpr uint64_t kBitsEach = 51;
constexpr uint64_t kBytesMin = 64 << 10;
constexpr std::array<uint32_t, 8> kMultipliers{0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                               0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};

uint32_t bit_of(uint64_t digest, size_t lane) {
  return uint32_t{1} << ((static_cast<uint32_t>(digest) * kMultipliers[lane]) >> 27);
}

}  // namespace

DigestFilter::DigestFilter(uint64_t expected, uint64_t bytes_max)
    : blocks_(std::clamp<uint64_t>(expected / 8 * kBitsEach, kBytesMin, std::max(kBytesMin, bytes_max)) /
              sizeof(Block)) {}

void DigestFilter::add(uint64_t digest) {
  Block& block = blocks_[block_of(digest)];
  for (size_t lane = 0; lane < kLanes; ++lane) block.lanes[lane] |= bit_of(digest, lane);
}

bool DigestFilter::may_hold(uint64_t digest) const {
  const Block& block = blocks_[block_of(digest)];
  for (size_t lane = 0; lane < kLanes; ++lane) {
    if ((block.lanes[lane] & bit_of(digest, lane)) == 0) return false;
  }
  return true;
}

}  // namespace ytb::masking
