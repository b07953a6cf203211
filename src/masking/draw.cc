#include "masking/draw.h"

#include <endian.h>

#include "base/check.h"

namespace ytb::masking {
namespace {

constexpr char kBase32[] = "abcdefghijklmnopqrstuvwxyz234567";  // RFC 4648, in lower case
constexpr int kLettersInWord =
    11;  // 26^11 is under 2^52: what taking a remainder of 64 bits skews is nothing

uint64_t word_of(const Digest& digest, size_t index) {
  uint64_t word;
  std::memcpy(&word, digest.data() + index * sizeof word, sizeof word);
  return word;
}

}  // namespace

void append_base32(const Digest& digest, size_t count, std::string& out) {
  YTB_CHECK(count <= kBase32SizeMax);
  uint32_t bits = 0;
  int held = 0;
  size_t next = 0;
  for (size_t i = 0; i < count; ++i) {
    if (held < 5) {
      bits = (bits << 8) | digest[next++];
      held += 8;
    }
    held -= 5;
    out.push_back(kBase32[(bits >> held) & 31]);
  }
}

void append_letters(const Digest& digest, std::string& out) {
  char letters[kLettersSize];
  size_t filled = 0;
  for (size_t word = 0; filled < kLettersSize; ++word) {
    uint64_t bits = word_of(digest, word);
    for (int i = 0; i < kLettersInWord && filled < kLettersSize; ++i) {
      letters[filled++] = static_cast<char>('a' + bits % 26);
      bits /= 26;
    }
  }
  out.append(letters, kLettersSize);
}

namespace {

// Four bytes as eight digits, all at once: each hash that is written takes this eight times.
void write_hex(const uint8_t* bytes, char* digits) {
  uint32_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  uint64_t spread = le32toh(word);  // one byte in two: 0x00d300c200b100a0
  spread = (spread | spread << 16) & 0x0000ffff0000ffff;
  spread = (spread | spread << 8) & 0x00ff00ff00ff00ff;
  const uint64_t nibbles = (spread >> 4 & 0x000f000f000f000f) | (spread & 0x000f000f000f000f) << 8;
  const uint64_t letters = (nibbles + 0x0606060606060606) >> 4 & 0x0101010101010101;  // 1: ten or more
  const uint64_t text = htole64(nibbles + 0x3030303030303030 + letters * ('a' - '0' - 10));
  std::memcpy(digits, &text, sizeof text);
}

}  // namespace

void append_hex(const Digest& digest, size_t count, std::string& out) {
  YTB_CHECK(count <= kHexSizeMax);
  static_assert(kHexSizeMax == 2 * sizeof(Digest) && kHexSizeMax % 8 == 0);
  char digits[kHexSizeMax];
  for (size_t i = 0; i < count; i += 8) write_hex(digest.data() + i / 2, digits + i);
  out.append(digits, count);
}

void append_uuid_bytes(const Digest& digest, std::string& out) {
  uint8_t bytes[kUuidBytes];
  std::memcpy(bytes, digest.data(), sizeof bytes);
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
  out.append(reinterpret_cast<const char*>(bytes), sizeof bytes);
}

}  // namespace ytb::masking
