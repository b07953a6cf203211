// Reading the tar files of a base backup (plain, gzip, zstd, lz4), entry by entry, with libarchive.
//
// An entry that could lead out of where it is put is never returned: paths are checked here, links are only
// told of.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ytb::basebackup {

struct ArchiveEntry {
  enum class Kind { kFile, kFolder, kLink };
  Kind kind = Kind::kFile;
  std::string path;  // relative and clean; a folder's without the slash at its end
  uint64_t size_bytes = 0;
};

class ArchiveReader {
 public:
  // Error{kExternal} where it cannot be opened, kCorrupt where it is no such archive.
  static Result<ArchiveReader> open(const std::string& file);
  ~ArchiveReader();
  ArchiveReader(ArchiveReader&&) noexcept;
  ArchiveReader& operator=(ArchiveReader&&) noexcept;

  // The next entry; none at the end. kCorrupt: damaged, cut off, or an entry that has no place in a backup
  // (absolute path, "..", hard link, device). What is left of the entry before is skipped, by seeking where
  // it can.
  Result<std::optional<ArchiveEntry>> next();
  // The content of the entry, piece by piece, exactly its size, holes as zeros.
  Status read(const std::function<Status(std::string_view)>& take);
  // Its first bytes, at most `size_max`.
  Result<std::string> read_start(size_t size_max);
  // How much of the file has been read, compressed.
  [[nodiscard]] uint64_t consumed_bytes() const;

 private:
  struct State;
  explicit ArchiveReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ytb::basebackup
