#include "drivers/basebackup/backup.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "drivers/basebackup/archive.h"
#include "drivers/basebackup/layout.h"
#include "drivers/basebackup/wal.h"
#include "drivers/os/clone.h"
#include "drivers/os/files.h"

namespace ytb::basebackup {
namespace {

constexpr std::array<std::string_view, 4> kSuffixes{".tar", ".tar.gz", ".tar.zst", ".tar.lz4"};
constexpr size_t kSmallFileMax = 64 << 10;
constexpr size_t kFolderEntriesMax = 1'000'000;
constexpr int kMajorMin = 12;
constexpr int kMajorMax = 99;
constexpr uint64_t kSearchBytesMax = 256ULL << 20;  // of an archive, in search of its version
constexpr uint64_t kExpansion = 4;                  // guessed compression of archives without a manifest

Error unusable(Code code, std::string message, std::string hint) {
  return Error{.code = code, .message = std::move(message), .hint = std::move(hint)};
}

// `stem` with whichever suffix is there; "" where none is.
std::string find_archive(const std::string& folder, std::string_view stem) {
  for (std::string_view suffix : kSuffixes) {
    std::string path = os::join_path(folder, std::string(stem) + std::string(suffix));
    if (os::exists(path)) return path;
  }
  return {};
}

bool is_compressed(const std::string& archive) { return !archive.ends_with(".tar"); }

Result<int> parse_major(std::string_view text) {
  text = trim(text);
  int major = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), major);
  if (error != std::errc() || end != text.data() + text.size() || major < kMajorMin || major > kMajorMax) {
    return unusable(Code::kUnsupported, fmt::format("its PG_VERSION is '{}'", printable(text.substr(0, 20))),
                    fmt::format("versions from {} on can be restored", kMajorMin));
  }
  return major;
}

Result<std::optional<Manifest>> read_manifest(const std::string& folder) {
  std::string path = os::join_path(folder, "backup_manifest");
  if (!os::exists(path)) return std::optional<Manifest>();
  YTB_ASSIGN(std::string text, os::read_file(path, kManifestBytesMax));
  YTB_ASSIGN(Manifest manifest, parse_manifest(text));
  return std::optional<Manifest>(std::move(manifest));
}

// What pg_basebackup leaves out can be left out by us; what is in the manifest must be there.
Status check_rules(const Backup& backup, bool allow_unverified) {
  if (!backup.manifest) {
    if (backup.major > kMajorMin) {
      return unusable(Code::kCorrupt,
                      "it has no backup_manifest: it is not complete, or made with --no-manifest",
                      "take snapshots with their manifest");
    }
    if (!allow_unverified) {
      return unusable(Code::kUnsupported, "PostgreSQL 12 writes no manifest, so it cannot be verified",
                      "set source.allow_unverified: true if you trust these snapshots");
    }
    return {};
  }
  if (backup.manifest->incremental) {
    return unusable(Code::kUnsupported, "it is an incremental backup",
                    "combine it with its full backup: pg_combinebackup");
  }
  for (const char* needed : {"backup_label", "global/pg_control"}) {
    if (backup.manifest->find(needed) == nullptr) {
      return unusable(Code::kCorrupt, fmt::format("its manifest does not list {}", needed),
                      "take a new snapshot");
    }
  }
  return {};
}

// "START TIME: 2026-11-23 01:10:13 UTC"; other zones are abbreviations that name no one place.
std::optional<Instant> start_time_of(std::string_view label) {
  constexpr std::string_view kKey = "START TIME: ";
  size_t at = label.find(kKey);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = label.substr(at + kKey.size());
  std::string line(rest.substr(0, rest.find('\n')));
  if (line.size() != 23 || (!line.ends_with(" UTC") && !line.ends_with(" GMT"))) return std::nullopt;
  line[10] = 'T';
  return from_iso(line.substr(0, 19) + "Z");
}

Result<std::vector<Tablespace>> plain_tablespaces(const std::string& folder) {
  std::vector<Tablespace> found;
  std::string links = os::join_path(folder, "pg_tblspc");
  if (!os::exists(links)) return found;
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(links, kFolderEntriesMax));
  for (const os::FileInfo& entry : entries) {
    if (!is_tablespace_name(entry.name) || entry.kind == os::FileKind::kFile) continue;
    auto place = os::real_path(os::join_path(links, entry.name));
    if (!place.ok()) {
      return unusable(Code::kCorrupt,
                      fmt::format("tablespace {} is not there: its link leads nowhere", entry.name),
                      "copy the tablespaces' folders with the backup, to where its links point");
    }
    found.push_back({entry.name, *std::move(place)});
  }
  return found;
}

Result<Backup> read_plain(const std::string& folder) {
  Backup backup{.folder = folder, .format = Format::kPlain};
  YTB_ASSIGN(std::string version, os::read_file(os::join_path(folder, "PG_VERSION"), kSmallFileMax));
  YTB_ASSIGN(backup.major, parse_major(version));
  if (!os::exists(os::join_path(folder, "backup_label"))) {
    return unusable(Code::kCorrupt, "it has no backup_label: it is no base backup, or a server has run on it",
                    "take snapshots with pg_basebackup, and never start a server on one");
  }
  YTB_ASSIGN(const pgfiles::ControlFile control, read_control(folder));
  backup.data_as_of = control.checkpoint_time;
  auto wal = os::real_path(os::join_path(folder, "pg_wal"));
  if (!wal.ok()) {
    return unusable(Code::kCorrupt, "pg_wal is not there, or its link leads nowhere",
                    "copy the folder that --waldir named with the backup");
  }
  backup.wal = *std::move(wal);
  YTB_ASSIGN(backup.tablespaces, plain_tablespaces(folder));
  YTB_ASSIGN(backup.manifest, read_manifest(folder));
  if (!backup.manifest) {
    YTB_ASSIGN(os::TreeSize size, os::size_of_tree(folder));
    backup.size_bytes = size.bytes;
  }
  return backup;
}

// The version of the server, from the first WAL segment, or from the first PG_VERSION that comes along.
Result<int> major_of_archives(const Backup& backup) {
  if (!backup.wal.empty()) {
    YTB_ASSIGN(ArchiveReader wal, ArchiveReader::open(backup.wal));
    for (int i = 0; i < 100; ++i) {  // a history file or a folder may come first
      YTB_ASSIGN(std::optional<ArchiveEntry> entry, wal.next());
      if (!entry) break;
      if (!is_wal_segment(entry->path)) continue;
      YTB_ASSIGN(std::string start, wal.read_start(16));
      if (std::optional<int> major = major_of_wal(start)) return *major;
      break;
    }
  }
  YTB_ASSIGN(ArchiveReader base, ArchiveReader::open(backup.base_archive));
  for (uint64_t bytes = 0; bytes < kSearchBytesMax;) {
    YTB_ASSIGN(std::optional<ArchiveEntry> entry, base.next());
    if (!entry) break;
    bytes += entry->size_bytes;
    if (entry->kind != ArchiveEntry::Kind::kFile || os::name_in(entry->path) != "PG_VERSION") continue;
    YTB_ASSIGN(std::string text, base.read_start(kSmallFileMax));
    return parse_major(text);
  }
  return unusable(Code::kUnsupported, "the version of its server cannot be told",
                  "take snapshots with pg_basebackup -X stream");
}

Result<Backup> read_tar(const std::string& folder) {
  Backup backup{.folder = folder, .format = Format::kTar};
  backup.base_archive = find_archive(folder, "base");
  backup.wal = find_archive(folder, "pg_wal");
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(folder, kFolderEntriesMax));
  uint64_t archived_bytes = 0;
  for (const os::FileInfo& entry : entries) {
    archived_bytes += entry.size_bytes;
    for (std::string_view suffix : kSuffixes) {
      if (!entry.name.ends_with(suffix)) continue;
      std::string stem = entry.name.substr(0, entry.name.size() - suffix.size());
      if (is_tablespace_name(stem)) backup.tablespaces.push_back({stem, os::join_path(folder, entry.name)});
    }
  }
  YTB_ASSIGN(backup.manifest, read_manifest(folder));
  YTB_ASSIGN(backup.major, major_of_archives(backup));
  if (backup.manifest) {
    backup.data_as_of = backup.manifest->control_modified;
    return backup;
  }
  backup.size_bytes = is_compressed(backup.base_archive) ? archived_bytes * kExpansion : archived_bytes;
  YTB_ASSIGN(ArchiveReader base, ArchiveReader::open(backup.base_archive));
  YTB_ASSIGN(std::optional<ArchiveEntry> first, base.next());  // backup_label is written first
  std::string label;
  if (first && first->path == "backup_label") {
    YTB_ASSIGN(label, base.read_start(kSmallFileMax));
  }
  std::optional<Instant> start = start_time_of(label);
  if (!start) {
    return unusable(Code::kUnsupported,
                    "its age cannot be told: no manifest, and its label names no UTC time",
                    "take it in plain format, or set log_timezone to UTC on production");
  }
  backup.data_as_of = *start;
  return backup;
}

Result<uint64_t> wal_bytes(const Backup& backup) {
  if (backup.wal.empty()) return static_cast<uint64_t>(0);
  YTB_ASSIGN(std::optional<os::FileInfo> info, os::info_of(backup.wal));
  if (info && info->kind == os::FileKind::kFile)
    return info->size_bytes * (is_compressed(backup.wal) ? kExpansion : 1);
  YTB_ASSIGN(os::TreeSize size, os::size_of_tree(backup.wal));
  return size.bytes;
}

}  // namespace

Result<pgfiles::ControlFile> read_control(const std::string& folder) {
  YTB_ASSIGN(std::string bytes, os::read_file(os::join_path(folder, "global/pg_control"), kSmallFileMax));
  return pgfiles::parse_control_file(bytes);
}

std::optional<Format> format_of(const std::string& folder) {
  if (!find_archive(folder, "base").empty()) return Format::kTar;
  bool plain = os::exists(os::join_path(folder, "PG_VERSION")) ||
               os::exists(os::join_path(folder, "backup_label")) ||
               os::exists(os::join_path(folder, "backup_manifest")) ||
               os::exists(os::join_path(folder, "backup_manifest.tmp"));
  return plain ? std::optional<Format>(Format::kPlain) : std::nullopt;
}

std::string tablespace_prefix(int major) { return fmt::format("PG_{}_", major); }

std::string tablespace_path(const std::string& oid, const std::string& relative) {
  return fmt::format("pg_tblspc/{}/{}", oid, relative);
}

Result<Backup> read_backup(const std::string& folder, Format format, bool allow_unverified) {
  YTB_ASSIGN(Backup backup, format == Format::kPlain ? read_plain(folder) : read_tar(folder));
  YTB_TRY(check_rules(backup, allow_unverified));
  if (backup.manifest) {
    YTB_ASSIGN(uint64_t wal, wal_bytes(backup));
    backup.size_bytes = backup.manifest->total_bytes + wal;
  }
  return backup;
}

Instant last_change(const std::string& folder) {
  int64_t newest_s = 0;
  for (const char* inside : {"", "base", "global", "pg_wal"}) {
    auto entries = os::list_folder(os::join_path(folder, inside), kFolderEntriesMax);
    if (!entries.ok()) continue;
    for (const os::FileInfo& entry : *entries) newest_s = std::max(newest_s, entry.modified_s);
  }
  return Instant(std::chrono::seconds(newest_s));
}

}  // namespace ytb::basebackup
