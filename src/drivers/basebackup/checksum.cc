#include "drivers/basebackup/checksum.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#include "base/text.h"
#include "drivers/os/descriptor.h"

namespace ytb::basebackup {
namespace {

constexpr uint32_t kPolynomial = 0x82F63B78;  // Castagnoli, reflected
constexpr size_t kBufferBytes = 256 << 10;

// Slicing by eight: table[k][b] is the CRC of byte b followed by k zero bytes.
constexpr std::array<std::array<uint32_t, 256>, 8> make_tables() {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}
constexpr auto kTables = make_tables();

uint64_t load64(const char* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

uint32_t by_table(uint32_t crc, const char* at, size_t size) {
  for (; size >= 8; at += 8, size -= 8) {
    uint64_t word = load64(at) ^ crc;
    crc = 0;
    for (size_t k = 0; k < 8; ++k) crc ^= kTables[7 - k][(word >> (8 * k)) & 0xFF];
  }
  for (; size > 0; ++at, --size) crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<uint8_t>(*at)) & 0xFF];
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t by_instruction(uint32_t crc, const char* at, size_t size) {
  uint64_t wide = crc;
  for (; size >= 8; at += 8, size -= 8) wide = _mm_crc32_u64(wide, load64(at));
  auto narrow = static_cast<uint32_t>(wide);
  for (; size > 0; ++at, --size) narrow = _mm_crc32_u8(narrow, static_cast<uint8_t>(*at));
  return narrow;
}
#endif

const EVP_MD* digest_of(ChecksumKind kind) {
  switch (kind) {
    case ChecksumKind::kSha224:
      return EVP_sha224();
    case ChecksumKind::kSha256:
      return EVP_sha256();
    case ChecksumKind::kSha384:
      return EVP_sha384();
    case ChecksumKind::kSha512:
      return EVP_sha512();
    case ChecksumKind::kNone:
    case ChecksumKind::kCrc32c:
      return nullptr;
  }
  return nullptr;
}

}  // namespace

std::optional<ChecksumKind> checksum_kind_of(std::string_view name) {
  std::string lower = to_lower_ascii(name);
  if (lower == "none") return ChecksumKind::kNone;
  if (lower == "crc32c") return ChecksumKind::kCrc32c;
  if (lower == "sha224") return ChecksumKind::kSha224;
  if (lower == "sha256") return ChecksumKind::kSha256;
  if (lower == "sha384") return ChecksumKind::kSha384;
  if (lower == "sha512") return ChecksumKind::kSha512;
  return std::nullopt;
}

uint32_t crc32c(uint32_t crc, std::string_view bytes) {
#if defined(__x86_64__)
  static const bool kHasInstruction = __builtin_cpu_supports("sse4.2") != 0;
  if (kHasInstruction) return ~by_instruction(~crc, bytes.data(), bytes.size());
#endif
  return ~by_table(~crc, bytes.data(), bytes.size());
}

struct Checksum::State {
  ChecksumKind kind = ChecksumKind::kNone;
  uint32_t crc = 0;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{nullptr, &EVP_MD_CTX_free};
};

Checksum::Checksum(ChecksumKind kind) : state_(std::make_unique<State>()) {
  state_->kind = kind;
  if (const EVP_MD* digest = digest_of(kind)) {
    state_->context.reset(EVP_MD_CTX_new());
    YTB_CHECK(state_->context != nullptr && EVP_DigestInit_ex(state_->context.get(), digest, nullptr) == 1);
  }
}
Checksum::~Checksum() = default;
Checksum::Checksum(Checksum&&) noexcept = default;
Checksum& Checksum::operator=(Checksum&&) noexcept = default;

void Checksum::add(std::string_view bytes) {
  if (state_->kind == ChecksumKind::kCrc32c) {
    state_->crc = crc32c(state_->crc, bytes);
  } else if (state_->context) {
    YTB_CHECK(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
  }
}

std::string Checksum::finish() {
  if (state_->kind == ChecksumKind::kCrc32c) {
    char bytes[sizeof state_->crc];
    std::memcpy(bytes, &state_->crc, sizeof bytes);
    return to_hex({bytes, sizeof bytes});
  }
  if (!state_->context) return {};
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  YTB_CHECK(EVP_DigestFinal_ex(state_->context.get(), bytes, &size) == 1);
  return to_hex({reinterpret_cast<const char*>(bytes), size});
}

Result<std::string> checksum_of(int fd, ChecksumKind kind, std::string_view name) {
  Checksum checksum(kind);
  std::vector<char> buffer(kBufferBytes);
  off_t at = 0;
  for (;;) {
    ssize_t size = ::pread(fd, buffer.data(), buffer.size(), at);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return os::system_error("read", name, errno);
    if (size == 0) return checksum.finish();
    checksum.add({buffer.data(), static_cast<size_t>(size)});
    at += size;
  }
}

}  // namespace ytb::basebackup
