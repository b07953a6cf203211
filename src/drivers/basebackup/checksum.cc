#include "drivers/basebackup/checksum.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/crc32c.h"
#include "base/text.h"
#include "drivers/os/descriptor.h"

namespace ytb::basebackup {
namespace {

constexpr size_t kBufferBytes = 256 << 10;

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
