// Whether a backup is whole: everything its manifest lists, in its size, and every WAL segment.
#include <fmt/format.h>

#include <map>
#include <set>
#include <unordered_set>

#include "base/text.h"
#include "drivers/basebackup/archive.h"
#include "drivers/basebackup/backup.h"
#include "drivers/basebackup/layout.h"
#include "drivers/basebackup/wal.h"
#include "drivers/os/files.h"

namespace ytb::basebackup {
namespace {

constexpr size_t kWalFilesMax = 1'000'000;
constexpr size_t kStopEvery = 1000;

Error torn(std::string message) {
  return Error{.code = Code::kCorrupt,
               .message = std::move(message),
               .hint = "take a new snapshot; when copying one elsewhere, copy the manifest last"};
}

// Where a file of the manifest lies in a plain backup.
std::string place_of(const Backup& backup, const std::string& path) {
  constexpr std::string_view kTablespaces = "pg_tblspc/";
  if (path.starts_with(kTablespaces)) {
    size_t slash = path.find('/', kTablespaces.size());
    if (slash != std::string::npos) {
      std::string oid = path.substr(kTablespaces.size(), slash - kTablespaces.size());
      for (const Tablespace& tablespace : backup.tablespaces) {
        if (tablespace.oid == oid) return os::join_path(tablespace.place, path.substr(slash + 1));
      }
    }
  }
  return os::join_path(backup.folder, path);
}

Status check_plain(const Backup& backup, const StopFlag& stop) {
  size_t count = 0;
  for (const ManifestFile& file : backup.manifest->files) {
    if (++count % kStopEvery == 0) YTB_TRY(stop.check());
    if (is_left_out(file.path)) continue;
    YTB_ASSIGN(std::optional<os::FileInfo> info, os::info_of(place_of(backup, file.path)));
    if (!info) return torn(fmt::format("{} is missing", printable(file.path)));
    if (info->kind != os::FileKind::kFile) return torn(fmt::format("{} is not a file", printable(file.path)));
    if (info->size_bytes != file.size_bytes) {
      return torn(fmt::format("{} has {} bytes where the manifest says {}", printable(file.path),
                              info->size_bytes, file.size_bytes));
    }
  }
  return {};
}

Status check_wal_folder(const Backup& backup) {
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(backup.wal, kWalFilesMax));
  std::vector<WalFile> files;
  for (const os::FileInfo& entry : entries) {
    if (entry.kind == os::FileKind::kFile) files.push_back({entry.name, entry.size_bytes});
  }
  return check_wal(backup.manifest->wal, files);
}

// The names and sizes in an archive, added to `seen` under `prefix`; its WAL segments to `wal`.
Status list_archive(const std::string& archive, const std::string& prefix,
                    std::map<std::string, uint64_t>& seen, std::vector<WalFile>& wal, const StopFlag& stop) {
  YTB_ASSIGN(ArchiveReader reader, ArchiveReader::open(archive));
  for (;;) {
    YTB_TRY(stop.check());
    YTB_ASSIGN(std::optional<ArchiveEntry> entry, reader.next());
    if (!entry) return {};
    if (entry->kind != ArchiveEntry::Kind::kFile) continue;
    std::string path = prefix + entry->path;
    if (path.starts_with("pg_wal/") && is_wal_segment(path.substr(7)))
      wal.push_back({path.substr(7), entry->size_bytes});
    seen[std::move(path)] = entry->size_bytes;
  }
}

Status check_tablespaces_there(const Backup& backup) {
  std::set<std::string> needed;
  constexpr std::string_view kTablespaces = "pg_tblspc/";
  for (const ManifestFile& file : backup.manifest->files) {
    if (file.path.starts_with(kTablespaces)) {
      needed.insert(file.path.substr(kTablespaces.size(),
                                     file.path.find('/', kTablespaces.size()) - kTablespaces.size()));
    }
  }
  for (const Tablespace& tablespace : backup.tablespaces) needed.erase(tablespace.oid);
  if (!needed.empty()) return torn(fmt::format("the tablespace {} is missing", printable(*needed.begin())));
  return {};
}

Status check_tar(const Backup& backup, ports::Progress& progress, const StopFlag& stop) {
  bool compressed = !backup.base_archive.ends_with(".tar");
  std::map<std::string, uint64_t> seen;
  std::vector<WalFile> wal;
  if (!backup.wal.empty()) YTB_TRY(list_archive(backup.wal, "pg_wal/", seen, wal, stop));
  // Compressed archives would have to be unpacked whole, which restoring does anyway, checking every file as
  // it comes.
  if (compressed) return backup.wal.empty() ? Status() : check_wal(backup.manifest->wal, wal);
  progress.update({.stage = "verify", .item = "base.tar", .done_bytes = 0, .total_bytes = 0});
  YTB_TRY(list_archive(backup.base_archive, "", seen, wal, stop));
  for (const Tablespace& tablespace : backup.tablespaces) {
    if (!tablespace.place.ends_with(".tar")) continue;
    YTB_TRY(list_archive(tablespace.place, tablespace_path(tablespace.oid, ""), seen, wal, stop));
  }
  for (const ManifestFile& file : backup.manifest->files) {
    auto found = seen.find(file.path);
    if (is_left_out(file.path)) continue;
    if (found == seen.end()) return torn(fmt::format("{} is missing", printable(file.path)));
    if (found->second != file.size_bytes) {
      return torn(fmt::format("{} has {} bytes where the manifest says {}", printable(file.path),
                              found->second, file.size_bytes));
    }
  }
  return check_wal(backup.manifest->wal, wal);
}

}  // namespace

Status check_backup(const Backup& backup, bool deep, ports::Progress& progress, const StopFlag& stop) {
  if (!backup.manifest) return {};  // version 12, by the config's explicit word
  YTB_TRY(check_tablespaces_there(backup));
  if (backup.format == Format::kTar) return deep ? check_tar(backup, progress, stop) : Status();
  YTB_TRY(check_plain(backup, stop));
  return check_wal_folder(backup);
}

}  // namespace ytb::basebackup
