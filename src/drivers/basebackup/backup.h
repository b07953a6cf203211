// Backup: one base backup on disk, looked at. Private to this room: the source lists them, the others read
// them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "base/time.h"
#include "drivers/basebackup/manifest.h"
#include "drivers/pgfiles/control_file.h"
#include "model/snapshot.h"
#include "ports/progress.h"

namespace ytb::basebackup {

enum class Format { kPlain, kTar };

struct Tablespace {
  std::string oid;
  std::string place;  // plain: the folder that holds PG_15_…; tar: the archive
};

struct Backup {
  std::string folder = {};
  Format format = Format::kPlain;
  int major = 0;
  std::optional<Manifest> manifest = {};  // none: version 12, or made without
  Instant data_as_of = {};
  uint64_t size_bytes = 0;  // of the copy that it makes, about
  std::string wal = {};     // plain: the folder with the segments; tar: pg_wal.tar… or "" (in base.tar)
  std::string base_archive = {};  // tar
  std::vector<Tablespace> tablespaces = {};
};

// Of a plain one.
Result<pgfiles::ControlFile> read_control(const std::string& folder);
// Whether a folder looks like a base backup at all, complete or not.
std::optional<Format> format_of(const std::string& folder);

// Reads what can be read cheaply: manifest, control file or backup_label, names and sizes. kCorrupt and
// kUnsupported say why it is not usable. With `allow_unverified` a version-12 backup needs no manifest.
Result<Backup> read_backup(const std::string& folder, Format format, bool allow_unverified);
// Existence and sizes of everything the manifest lists, and the WAL. Of archives only what can be had without
// decompressing; `deep`: also what needs that (their headers and the WAL archive).
Status check_backup(const Backup& backup, bool deep, ports::Progress& progress, const StopFlag& stop);
// When something in it was last changed, as far as its upper folders tell.
Instant last_change(const std::string& folder);

// Puts the backup's files below `root`: data and tablespaces/<oid>. As SnapshotFiles::materialise says.
Status materialise_plain(const Backup& backup, const std::string& root, const std::string& owner,
                         ports::Progress& progress, const StopFlag& stop);
Status materialise_tar(const Backup& backup, const std::string& root, const std::string& owner,
                       ports::Progress& progress, const StopFlag& stop);

// "PG_15_": how the folder of a version begins inside a tablespace.
std::string tablespace_prefix(int major);
// Path in the manifest of a tablespace's file.
std::string tablespace_path(const std::string& oid, const std::string& relative);

}  // namespace ytb::basebackup
