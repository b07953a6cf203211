// DigestFilter: which of many 64-bit digests may have been added. A split-block Bloom filter: eight bits in
// one block of 32 bytes a digest, so that a look costs one cache line.
//
// Source: Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom Filters" (2007); the block's
// shape and its odd multipliers are those of Apache Parquet's specification, BloomFilter.md.
//
// Private to the masking room. One thread adds; then any number may look.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ytb::masking {

class DigestFilter {
 public:
  // Sized for `expected` digests: about two in a million others pass. Memory: 51 bits each, at
  // least 64 kB and at most `bytes_max`.
  explicit DigestFilter(uint64_t expected, uint64_t bytes_max);

  void add(uint64_t digest);
  [[nodiscard]] bool may_hold(uint64_t digest) const;
  // Fetches what may_hold() will read.
  void prefetch(uint64_t digest) const { __builtin_prefetch(&blocks_[block_of(digest)]); }
  [[nodiscard]] uint64_t memory_bytes() const { return blocks_.size() * sizeof(Block); }

 private:
  static constexpr size_t kLanes = 8;
  struct alignas(32) Block {
    std::array<uint32_t, kLanes> lanes{};
  };
  [[nodiscard]] size_t block_of(uint64_t digest) const {
    return static_cast<size_t>(((digest >> 32) * blocks_.size()) >> 32);
  }
  std::vector<Block> blocks_;
};

}  // namespace ytb::masking
