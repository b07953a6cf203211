#include "drivers/basebackup/layout.h"

#include <algorithm>
#include <array>

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

template <typename List>
bool holds(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

bool is_left_out(std::string_view relative) {
  size_t slash = relative.find('/');
  std::string_view top = relative.substr(0, slash);
  if (slash == std::string_view::npos)
    return !holds(kKept, top) && !holds(kEmptied, top) && !holds(kFiles, top);
  if (!holds(kKept, top)) return true;
  // Temporary files of sessions: their rows are production's.
  std::string_view name = relative.substr(relative.rfind('/') + 1);
  if (name.starts_with("pgsql_tmp")) return true;
  // Which segments production's archive still lacks is no business of a copy's.
  return relative.starts_with("pg_wal/archive_status/") || relative.starts_with("pg_wal/summaries/");
}

std::span<const std::string_view> wanted_folders() { return kWanted; }

bool is_tablespace_name(std::string_view name) {
  constexpr size_t kDigitsMax = 10;  // of an oid
  return !name.empty() && name.size() <= kDigitsMax && name.front() != '0' &&
         std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace ytb::basebackup
