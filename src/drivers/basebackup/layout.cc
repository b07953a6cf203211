#include "drivers/basebackup/layout.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/text.h"

namespace ytb::basebackup {
namespace {

// With their contents.
constexpr std::array<std::string_view, 9> kKept{"base",        "global",       "pg_commit_ts",
                                                "pg_logical",  "pg_multixact", "pg_tblspc",
                                                "pg_twophase", "pg_wal",       "pg_xact"};
// Without: what is in them belongs to production's running server (slots, statistics with query texts,
// exported snapshots), and a server makes it anew.
constexpr std::array<std::string_view, 8> kEmptied{"pg_dynshmem",  "pg_notify", "pg_replslot", "pg_serial",
                                                   "pg_snapshots", "pg_stat",   "pg_stat_tmp", "pg_subtrans"};
constexpr std::array<std::string_view, 2> kFiles{"PG_VERSION", "backup_label"};
constexpr auto kWanted = std::to_array<std::string_view>({"base",
                                                          "global",
                                                          "pg_commit_ts",
                                                          "pg_dynshmem",
                                                          "pg_logical",
                                                          "pg_logical/mappings",
                                                          "pg_logical/snapshots",
                                                          "pg_multixact",
                                                          "pg_multixact/members",
                                                          "pg_multixact/offsets",
                                                          "pg_notify",
                                                          "pg_replslot",
                                                          "pg_serial",
                                                          "pg_snapshots",
                                                          "pg_stat",
                                                          "pg_stat_tmp",
                                                          "pg_subtrans",
                                                          "pg_tblspc",
                                                          "pg_twophase",
                                                          "pg_wal",
                                                          "pg_wal/archive_status",
                                                          "pg_xact"});

constexpr std::array<std::string_view, 3> kForks{"fsm", "vm", "init"};

bool is_number(std::string_view name) {
  constexpr size_t kDigitsMax = 10;  // of an oid
  return !name.empty() && name.size() <= kDigitsMax &&
         std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_hexadecimal(std::string_view name, size_t shortest, size_t longest) {
  return name.size() >= shortest && name.size() <= longest &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); });
}

bool is_timeline_history(std::string_view name) {
  constexpr std::string_view kSuffix = ".history";
  return name.ends_with(kSuffix) && is_hexadecimal(name.substr(0, name.size() - kSuffix.size()), 8, 8);
}

template <typename List>
bool holds(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

bool is_relation_file(std::string_view name) {
  const size_t dot = name.find('.');
  if (dot != std::string_view::npos && !is_number(name.substr(dot + 1))) return false;
  name = name.substr(0, dot);
  const size_t fork = name.find('_');
  if (fork != std::string_view::npos && !holds(kForks, name.substr(fork + 1))) return false;
  return is_number(name.substr(0, fork));
}

bool is_left_out(std::string_view relative) {
  const size_t slash = relative.find('/');
  const std::string_view top = relative.substr(0, slash);
  if (slash == std::string_view::npos)
    return !holds(kKept, top) && !holds(kEmptied, top) && !holds(kFiles, top);
  if (!holds(kKept, top) || is_folder_left_out(relative.substr(0, relative.rfind('/')))) return true;
  const std::string_view name = relative.substr(relative.rfind('/') + 1);
  const bool nested = relative.find('/', slash + 1) != std::string_view::npos;
  // Of a database. Temporary tables (t3_16400) and sessions' temporary files are production's rows; the cache
  // of catalog rows (pg_internal.init) is made anew.
  if (top == "base" || top == "pg_tblspc") {
    const auto depth = std::count(relative.begin(), relative.end(), '/');
    return depth != (top == "base" ? 2 : 4) ||
           (!is_relation_file(name) && name != "PG_VERSION" && name != "pg_filenode.map");
  }
  if (top == "global") return !is_relation_file(name) && name != "pg_control" && name != "pg_filenode.map";
  // Which segments production's archive still lacks is of no use to a copy; nor is what its slots decoded.
  if (top == "pg_wal") return nested || !(is_hexadecimal(name, 24, 24) || is_timeline_history(name));
  if (top == "pg_logical") return nested || name != "replorigin_checkpoint";
  return !is_hexadecimal(name, 4, 16);  // transaction logs and prepared transactions
}

bool is_folder_left_out(std::string_view relative) {
  const std::vector<std::string> parts = split(relative, '/');
  if (parts.size() == 1) return is_left_out(relative);
  if (std::find(kWanted.begin(), kWanted.end(), relative) != kWanted.end()) return false;
  if (parts[0] == "base") return parts.size() != 2 || !is_number(parts[1]);
  // pg_tblspc/16400/PG_15_202209061/5
  if (parts[0] != "pg_tblspc" || !is_number(parts[1])) return true;
  return parts.size() > 4 || (parts.size() == 4 && !is_number(parts[3]));
}

std::span<const std::string_view> wanted_folders() { return kWanted; }

bool is_tablespace_name(std::string_view name) { return is_number(name) && name.front() != '0'; }

}  // namespace ytb::basebackup
