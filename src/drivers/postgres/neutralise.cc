#include "drivers/postgres/neutralise.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/os/subprocess.h"
#include "drivers/os/users.h"

namespace ytb::postgres {
namespace {

constexpr size_t kEntriesMax = 50'000'000;  // files of one folder
constexpr int kDepthMax = 64;
constexpr size_t kMapBytesMax = 1 << 20;

// Top level of a data directory (storage.sgml, "Contents of PGDATA"). Everything else is production's: logs,
// certificates, keys, configuration, signal files, tools' state.
constexpr std::string_view kKept[] = {
    "PG_VERSION",  "backup_label", "base",         "global",      "pg_commit_ts",
    "pg_dynshmem", "pg_logical",   "pg_multixact", "pg_notify",   "pg_replslot",
    "pg_serial",   "pg_snapshots", "pg_stat",      "pg_stat_tmp", "pg_subtrans",
    "pg_tblspc",   "pg_twophase",  "pg_wal",       "pg_xact",     "tablespace_map",
};
// Emptied: pg_basebackup leaves them out, a plain clone does not. Slots would hold WAL and refuse the start;
// pg_stat and pg_stat_tmp hold texts of queries (pg_stat_statements).
constexpr std::string_view kEmptied[] = {"pg_dynshmem",  "pg_notify", "pg_replslot", "pg_serial",
                                         "pg_snapshots", "pg_stat",   "pg_stat_tmp"};

Error leads_out(const std::string& link, const std::string& target) {
  return Error{.code = Code::kRefused,
               .message = fmt::format("the symbolic link {} leads out of the copy, to {}", printable(link),
                                      printable(target)),
               .hint = "a server started over it could write to production's files; restore it again"};
}

Status check_folder(const std::string& folder, const std::string& root, int depth) {
  if (depth > kDepthMax) {
    return Error{.code = Code::kCorrupt, .message = fmt::format("{} is nested too deep", folder), .hint = {}};
  }
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(folder, kEntriesMax));
  for (const os::FileInfo& entry : entries) {
    std::string path = os::join_path(folder, entry.name);
    if (entry.kind == os::FileKind::kDirectory) {
      YTB_TRY(check_folder(path, root, depth + 1));
    } else if (entry.kind == os::FileKind::kLink) {
      YTB_ASSIGN(std::string target, os::read_link(path));
      auto real = os::real_path(path);
      if (!real.ok() || !os::is_inside(*real, root) || *real == root) return leads_out(path, target);
    } else if (entry.kind == os::FileKind::kOther) {
      return Error{.code = Code::kRefused,
                   .message = fmt::format("{} is neither a file nor a folder", printable(path)),
                   .hint = "restore the copy again from a backup that pg_basebackup made"};
    }
  }
  return {};
}

// "16384 /path" a line; the server makes its links from this file when it finds a backup_label.
Status check_tablespace_map(const std::string& data, const std::string& root) {
  std::string path = data + "/tablespace_map";
  if (!os::exists(path)) return {};
  YTB_ASSIGN(std::string text, os::read_file(path, kMapBytesMax));
  for (const std::string& line : split(text, '\n')) {
    if (trim(line).empty()) continue;
    size_t space = line.find(' ');
    std::string target = space == std::string::npos ? std::string() : line.substr(space + 1);
    auto real = os::real_path(target);
    if (!real.ok() || !os::is_inside(*real, root)) return leads_out(path, target);
  }
  return {};
}

}  // namespace

Status check_links(const std::string& root) {
  YTB_ASSIGN(std::string real_root, os::real_path(root));
  YTB_TRY(check_folder(root + "/data", real_root, 0));
  if (os::exists(root + "/tablespaces")) YTB_TRY(check_folder(root + "/tablespaces", real_root, 0));
  return check_tablespace_map(root + "/data", real_root);
}

Status remove_leftovers(const std::string& data) {
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(data, kEntriesMax));
  for (const os::FileInfo& entry : entries) {
    if (std::find(std::begin(kKept), std::end(kKept), entry.name) != std::end(kKept)) continue;
    std::string path = os::join_path(data, entry.name);
    YTB_TRY(entry.kind == os::FileKind::kDirectory ? os::remove_tree(path) : os::remove_file(path));
  }
  for (std::string_view name : kEmptied) {
    std::string path = os::join_path(data, name);
    if (os::exists(path)) YTB_TRY(os::empty_tree(path));
  }
  return {};
}

Status write_configuration(const ports::InstanceSpec& spec, const pgfiles::ControlFile& control, Door door,
                           const std::string& hba, const std::string& ident) {
  os::WriteOptions options{.mode = 0600, .owner = std::nullopt};
  if (!spec.run_as.empty()) {
    YTB_ASSIGN(options.owner, os::find_user(spec.run_as));
  }
  const std::string data = spec.data();
  YTB_TRY(os::write_file(data + "/pg_hba.conf", hba, options));
  YTB_TRY(os::write_file(data + "/pg_ident.conf", ident, options));
  YTB_TRY(os::write_file(data + "/postgresql.auto.conf", "", options));
  return os::write_file(data + "/postgresql.conf", postgresql_conf(spec, control, door), options);
}

Result<pgfiles::ControlFile> read_control(const ports::InstanceSpec& spec) {
  constexpr size_t kBytesMax = 16 << 10;  // it has 8 kB, of which a sector is written
  const std::string path = os::join_path(spec.data(), "global/pg_control");
  YTB_ASSIGN(const std::optional<os::FileInfo> info, os::info_of(path));
  if (!info ||
      info->kind != os::FileKind::kFile) {  // no link is followed that the server's user could have made
    return Error{.code = Code::kCorrupt,
                 .message = fmt::format("copy {} has no global/pg_control", spec.copy_id),
                 .hint = "refresh again: a new copy is made"};
  }
  YTB_ASSIGN(const std::string bytes, os::read_file(path, kBytesMax));
  Result<pgfiles::ControlFile> control = pgfiles::parse_control_file(bytes);
  if (!control.ok()) return std::move(control).error().while_doing("looking at copy " + spec.copy_id);
  return control;
}

}  // namespace ytb::postgres
