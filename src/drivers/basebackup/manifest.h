// A backup manifest (PostgreSQL 13 and later): which files a base backup consists of, and which WAL it needs.
//
// Pure. The text is read strictly and with bounds; it may come from anybody.
// Format: https://www.postgresql.org/docs/17/backup-manifest-format.html
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "drivers/basebackup/checksum.h"

namespace ytb::basebackup {

inline constexpr size_t kManifestBytesMax = 512ULL << 20;
inline constexpr size_t kManifestFilesMax = 5'000'000;
inline constexpr size_t kManifestPathMax = 1024;
inline constexpr size_t kWalRangesMax = 10'000;

struct ManifestFile {
  std::string path;  // relative, clean: no "..", no empty part
  uint64_t size_bytes = 0;
  ChecksumKind kind = ChecksumKind::kNone;
  std::string checksum;  // lower-case hex
};

struct WalRange {
  uint32_t timeline = 0;
  uint64_t start = 0;
  uint64_t end = 0;
};

struct Manifest {
  Manifest() = default;
  // Moved only: the index refers to the paths where they are.
  Manifest(Manifest&&) noexcept = default;
  Manifest& operator=(Manifest&&) noexcept = default;
  Manifest(const Manifest&) = delete;
  Manifest& operator=(const Manifest&) = delete;
  ~Manifest() = default;

  int version = 0;
  std::vector<ManifestFile> files;
  std::vector<WalRange> wal;
  std::string checksum;      // its own, SHA-256 in hex
  Instant control_modified;  // "Last-Modified" of global/pg_control: the newest instant known of the backup
  bool incremental = false;  // some file is only what changed (PostgreSQL 17)
  uint64_t total_bytes = 0;

  // Null where it is not listed.
  [[nodiscard]] const ManifestFile* find(std::string_view path) const;

 private:
  friend Result<Manifest> parse_manifest(std::string_view text);
  std::unordered_map<std::string_view, size_t> index_;  // into the paths of `files`
};

// Error{kCorrupt} says what is wrong: not JSON, an unknown version, a path that leads out, a checksum of its
// own that does not fit its text.
Result<Manifest> parse_manifest(std::string_view text);

// "0/3000028" → 0x3000028
Result<uint64_t> parse_lsn(std::string_view text);
// Whether a relative path stays below where it is put: no absolute ones, no empty, "." or ".." part, no NUL.
bool is_clean_path(std::string_view path);

}  // namespace ytb::basebackup
