#include "drivers/basebackup/foreign.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "drivers/os/files.h"

namespace ytb::basebackup {
namespace {

constexpr size_t kEntriesMax = 10'000;

bool has(const std::string& folder, std::string_view name) {
  return os::exists(os::join_path(folder, std::string(name)));
}

// The first entry of a folder that `wanted` names by its beginning; "" where there is none.
std::string first_starting(const std::vector<os::FileInfo>& entries, std::string_view wanted) {
  for (const os::FileInfo& entry : entries) {
    if (entry.name.starts_with(wanted)) return entry.name;
  }
  return {};
}

}  // namespace

std::optional<std::string> why_not_ours(const std::string& folder) {
  const Result<std::vector<os::FileInfo>> entries = os::list_folder(folder, kEntriesMax);
  if (!entries.ok()) return std::nullopt;
  // Whatever packed it: the archive of a base backup is called base and something.
  const std::string archive = first_starting(*entries, "base.t");
  if (!archive.empty()) {
    return fmt::format(
        "{} is not packed in a way that is read here: .tar, .tar.gz, .tar.zst and .tar.lz4 are",
        printable(archive));
  }
  if (has(folder, "backup.info") && has(folder, "data")) {
    return std::string(
        "it is a backup of Barman's: name its folder data in source.directories, where it has a "
        "backup_manifest (backup_method = postgres)");
  }
  if (has(folder, "base") && (has(folder, "wals") || has(folder, "incoming") || has(folder, "streaming") ||
                              has(folder, "identity.json"))) {
    return std::string(
        "it is what Barman keeps of one server: name base/ID/data of its backups in "
        "source.directories, where they have a backup_manifest (backup_method = postgres)");
  }
  if (has(folder, "archive") && has(folder, "backup")) {
    return std::string(
        "it is a repository of pgBackRest: restore a backup from it, take that as a production "
        "of its own, or take base backups beside it with pg_basebackup");
  }
  if (!first_starting(*entries, "basebackups_").empty() || !first_starting(*entries, "wal_005").empty()) {
    return std::string(
        "it is a storage of WAL-G: its backups are not read; take base backups beside them with "
        "pg_basebackup");
  }
  if (has(folder, "toc.dat")) {
    return std::string("it is a dump of pg_dump: it holds no files of a server; snapshots are base backups");
  }
  return std::nullopt;
}

}  // namespace ytb::basebackup
