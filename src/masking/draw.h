// Draw: the bits of one pseudonym as letters, digits and choices.
//
// Private to the masking room. Text that has to be unique is written from the digest's own bits
// (append_base32, append_letters); everything else is drawn from a generator seeded by its last eight bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "masking/hmac.h"

namespace ytb::masking {

// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to choose words with. What protects the
// original is that the seed is an HMAC.
class Draw {
 public:
  explicit Draw(const Digest& digest) {
    std::memcpy(&state_, digest.data() + digest.size() - sizeof state_, sizeof state_);
  }
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // 0 … count-1.
  uint64_t below(uint64_t count) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>((static_cast<Wide>(next()) * count) >> 64);
  }
  std::string_view choose(std::span<const std::string_view> words) { return words[below(words.size())]; }
  char digit() { return static_cast<char>('0' + below(10)); }
  char lower() { return static_cast<char>('a' + below(26)); }

 private:
  uint64_t state_;
};

// 5 bits a character: 20 hold 100 bits. All 256 bits of a digest are used up after kBase32SizeMax.
constexpr size_t kBase32SizeMax = 51;
constexpr size_t kBase32SizeUnique = 20;  // at least 96 bits
void append_base32(const Digest& digest, size_t count, std::string& out);

// 4.7 bits a letter: 21 hold 98 bits.
constexpr size_t kLettersSize = 21;
void append_letters(const Digest& digest, std::string& out);

// Two characters a byte, at most 64.
constexpr size_t kHexSizeMax = 64;
constexpr size_t kHexSizeUnique = 24;
void append_hex(const Digest& digest, size_t count, std::string& out);

// A UUID of version 4 (RFC 9562) made of 122 bits of the digest.
constexpr size_t kUuidBytes = 16;
void append_uuid_bytes(const Digest& digest, std::string& out);
constexpr size_t kUuidTextSize = 36;

}  // namespace ytb::masking
