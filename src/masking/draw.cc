#include "masking/draw.h"

#include "base/check.h"

namespace ytb::masking {
namespace {

constexpr char kBase32[] = "abcdefghijklmnopqrstuvwxyz234567";  // RFC 4648, in lower case
constexpr char kHex[] = "0123456789abcdef";
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

void append_hex(const Digest& digest, size_t count, std::string& out) {
  YTB_CHECK(count <= kHexSizeMax);
  const size_t start = out.size();
  out.resize(start + count);
  for (size_t i = 0; i < count; ++i) {
    uint8_t byte = digest[i / 2];
    out[start + i] = kHex[i % 2 == 0 ? byte >> 4 : byte & 15];
  }
}

void append_uuid_bytes(const Digest& digest, std::string& out) {
  uint8_t bytes[kUuidBytes];
  std::memcpy(bytes, digest.data(), sizeof bytes);
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
  out.append(reinterpret_cast<const char*>(bytes), sizeof bytes);
}

void append_uuid_text(std::string_view bytes, std::string& out) {
  YTB_CHECK(bytes.size() == kUuidBytes);
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out.push_back('-');
    auto byte = static_cast<uint8_t>(bytes[i]);
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
}

}  // namespace ytb::masking
