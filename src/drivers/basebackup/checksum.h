// The checksums that a backup manifest may name: CRC32C and the SHA-2 family, fed piece by piece.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ytb::basebackup {

enum class ChecksumKind { kNone, kCrc32c, kSha224, kSha256, kSha384, kSha512 };
// As manifests spell them: "CRC32C", "SHA256". "NONE" is kNone.
std::optional<ChecksumKind> checksum_kind_of(std::string_view name);

class Checksum {
 public:
  explicit Checksum(ChecksumKind kind);
  ~Checksum();
  Checksum(Checksum&&) noexcept;
  Checksum& operator=(Checksum&&) noexcept;

  void add(std::string_view bytes);
  // Lower-case hex as in a manifest (CRC32C: its four bytes in memory order). Ends it.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Of a whole open file, from its start.
Result<std::string> checksum_of(int fd, ChecksumKind kind, std::string_view name);

}  // namespace ytb::basebackup
