#include "drivers/postgres/stray_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/os/occupant.h"
#include "drivers/postgres/log_segments.h"

namespace ytb::postgres {
namespace {

constexpr size_t kEntriesMax = 50'000'000;  // files of one folder
constexpr std::string_view kOwnFiles[] = {"PG_VERSION", "pg_filenode.map", "pg_internal.init", "pg_control"};

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Result<std::vector<os::FileInfo>> entries_of(const std::string& folder) {
  if (!os::exists(folder)) return std::vector<os::FileInfo>();
  return os::list_folder(folder, kEntriesMax);
}

// Of the last checkpoint; transactions that began since count as well.
Result<LogBounds> log_bounds(Connection& session, const std::string& data) {
  YTB_ASSIGN(Rows rows, session.query(R"sql(
    SELECT oldest_xid::text::int8, pg_snapshot_xmax(pg_current_snapshot())::text::int8 % 4294967296,
      oldest_multi_xid::text::int8, next_multixact_id::text::int8, next_multi_offset::text::int8,
      oldest_commit_ts_xid::text::int8, newest_commit_ts_xid::text::int8
    FROM pg_control_checkpoint())sql"));
  auto number = [&](int column) { return static_cast<uint32_t>(rows.integer(0, column)); };
  LogBounds bounds{.oldest_xid = number(0),
                   .next_xid = number(1),
                   .oldest_multi = number(2),
                   .next_multi = number(3),
                   .next_member = number(4),
                   .oldest_member = std::nullopt,
                   .oldest_commit = number(5),
                   .newest_commit = number(6)};
  if (bounds.oldest_multi == bounds.next_multi) {
    bounds.oldest_member = bounds.next_member;
    return bounds;
  }
  YTB_ASSIGN(std::string offsets,
             os::read_file(data + "/pg_multixact/offsets/" + offsets_file(bounds.oldest_multi),
                           kLogSegmentBytesMax));
  const uint64_t at = offsets_position(bounds.oldest_multi);
  uint32_t first = 0;
  if (at + sizeof first <= offsets.size()) std::memcpy(&first, offsets.data() + at, sizeof first);
  if (first != 0) bounds.oldest_member = first;
  return bounds;
}

}  // namespace

Result<std::string> data_folder(Connection& session) {
  YTB_ASSIGN(std::string folder, session.value("SELECT current_setting('data_directory')"));
  Error elsewhere{.code = Code::kUnsupported,
                  .message = "the copy's data directory cannot be looked into from here",
                  .hint = "run on the host of the copy, as a user who may read its folder"};
  // What the server says of itself counts for nothing: inside its seal every path and process id may be one
  // of another server here. Whom the socket leads to is the kernel's word.
  auto server = session.server_process();
  if (!server.ok() || os::name_in(folder) != "data") return elsewhere;
  YTB_ASSIGN(std::optional<os::Occupant> occupant, os::Occupant::find(os::parent_of(folder)));
  if (!occupant || occupant->pid() != *server) return elsewhere;
  return folder;
}

bool parse_relation_file(const std::string& name, RelationFile& file) {
  std::string_view rest = name;
  file = {};
  if (const size_t dot = rest.find('.'); dot != std::string_view::npos) {
    const std::string_view segment = rest.substr(dot + 1);
    if (!is_number(segment) || segment.size() > 9) return false;
    std::from_chars(segment.data(), segment.data() + segment.size(), file.segment);
    rest = rest.substr(0, dot);
  }
  if (const size_t fork = rest.find('_'); fork != std::string_view::npos) {
    file.fork = rest.substr(fork + 1);
    if (file.fork != "fsm" && file.fork != "vm" && file.fork != "init") return false;
    rest = rest.substr(0, fork);
  }
  file.node = rest;
  return is_number(rest);
}

Status StrayFiles::know(Connection& session) {
  YTB_ASSIGN(Rows rows, session.query(R"sql(
    SELECT pg_relation_filepath(oid), relpersistence = 'u', relkind IN ('r', 'm', 't') FROM pg_class
    WHERE pg_relation_filenode(oid) IS NOT NULL AND relpersistence <> 't')sql"));
  for (int row = 0; row < rows.count(); ++row)
    named_[rows.text(row, 0)] = {.unlogged = rows.truth(row, 1), .rows = rows.truth(row, 2)};
  YTB_ASSIGN(std::string oid,
             session.value("SELECT oid FROM pg_database WHERE datname = current_database()"));
  databases_.insert(oid);
  return {};
}

bool StrayFiles::is_named(const std::string& path, const RelationFile& file) const {
  auto found = named_.find(path);
  return found != named_.end() && (file.fork != "init" || found->second.unlogged);
}

// `folder`: relative, with the slash that ends it.
Status StrayFiles::look_into_database(const std::string& folder, std::vector<Found>& found) const {
  YTB_ASSIGN(std::vector<os::FileInfo> entries, entries_of(os::join_path(data_, folder)));
  std::map<std::string, std::map<uint64_t, const os::FileInfo*>> forks;  // node_fork → segments
  for (const os::FileInfo& entry : entries) {
    if (std::find(std::begin(kOwnFiles), std::end(kOwnFiles), entry.name) != std::end(kOwnFiles)) continue;
    RelationFile file;
    const bool relation = entry.kind == os::FileKind::kFile && parse_relation_file(entry.name, file);
    if (relation && is_named(folder + file.node, file)) {
      forks[file.node + "_" + file.fork][file.segment] = &entry;
      // heapam_relation_set_new_filenode: the server makes it empty, and copies it over the table at a
      // restart.
      if (file.fork == "init" && named_.at(folder + file.node).rows && entry.size_bytes > 0)
        found.push_back({.path = folder + entry.name, .folder = false, .relation = true, .beginning = true});
      continue;
    }
    found.push_back({.path = folder + entry.name,
                     .folder = entry.kind == os::FileKind::kDirectory,
                     .relation = relation});
  }
  // md.c: a relation ends in its first segment that is not full. What lies beyond belongs to nothing.
  for (const auto& [fork, segments] : forks) {
    uint64_t next = 0;
    for (const auto& [segment, entry] : segments) {
      if (segment == next) {
        if (entry->size_bytes == segment_bytes_) ++next;
        continue;
      }
      found.push_back({.path = folder + entry->name, .folder = false, .relation = true});
    }
  }
  return {};
}

Result<std::vector<StrayFiles::Found>> StrayFiles::look(Connection& session) const {
  auto oids_of = [&](const char* sql) -> Result<std::set<std::string>> {
    YTB_ASSIGN(Rows rows, session.query(sql));
    std::set<std::string> oids;
    for (int row = 0; row < rows.count(); ++row) oids.insert(rows.text(row, 0));
    return oids;
  };
  YTB_ASSIGN(std::set<std::string> exist, oids_of("SELECT oid FROM pg_database"));
  YTB_ASSIGN(std::set<std::string> places, oids_of("SELECT oid FROM pg_tablespace"));
  std::vector<Found> found;
  auto look_below = [&](const std::string& folder) -> Status {
    YTB_ASSIGN(std::vector<os::FileInfo> entries, entries_of(os::join_path(data_, folder)));
    for (const os::FileInfo& entry : entries) {
      const bool is_folder = entry.kind == os::FileKind::kDirectory;
      if (is_folder && databases_.contains(entry.name)) {
        YTB_TRY(look_into_database(folder + entry.name + "/", found));
      } else if (!is_folder || (entry.name != "pgsql_tmp" && !exist.contains(entry.name))) {
        found.push_back({.path = folder + entry.name, .folder = is_folder, .relation = false});
      }
    }
    return {};
  };
  YTB_TRY(look_below("base/"));
  YTB_TRY(look_into_database("global/", found));
  YTB_ASSIGN(LogBounds bounds, log_bounds(session, data_));
  for (const char* log : {"pg_xact", "pg_multixact/offsets", "pg_multixact/members", "pg_commit_ts"}) {
    YTB_ASSIGN(std::vector<os::FileInfo> segments, entries_of(os::join_path(data_, log)));
    for (const os::FileInfo& segment : segments) {
      if (segment.kind == os::FileKind::kFile && segment.size_bytes <= kLogSegmentBytesMax &&
          is_segment_in_use(log, segment.name, bounds))
        continue;
      found.push_back({.path = std::string(log) + "/" + segment.name,
                       .folder = segment.kind == os::FileKind::kDirectory,
                       .relation = false});
    }
  }
  YTB_ASSIGN(std::vector<os::FileInfo> tablespaces, entries_of(data_ + "/pg_tblspc"));
  for (const os::FileInfo& tablespace : tablespaces) {
    const std::string folder = "pg_tblspc/" + tablespace.name + "/";
    YTB_ASSIGN(std::vector<os::FileInfo> versions, entries_of(os::join_path(data_, folder)));
    for (const os::FileInfo& version : versions) {
      if (places.contains(tablespace.name) && version.name.starts_with("PG_")) {
        YTB_TRY(look_below(folder + version.name + "/"));
      } else {
        found.push_back({.path = folder + version.name,
                         .folder = version.kind == os::FileKind::kDirectory,
                         .relation = false});
      }
    }
  }
  return found;
}

Result<std::string> StrayFiles::remove(Connection& session) {
  YTB_TRY(session.execute("CHECKPOINT"));  // files of what was dropped go with it
  YTB_ASSIGN(data_, data_folder(session));
  YTB_ASSIGN(std::string bytes, session.value(R"sql(
    SELECT s.setting::int8 * b.setting::int8 FROM pg_settings s, pg_settings b
    WHERE s.name = 'segment_size' AND b.name = 'block_size')sql"));
  segment_bytes_ = std::stoull(bytes);
  YTB_ASSIGN(std::vector<Found> found, look(session));
  uint64_t relations = 0;
  uint64_t folders = 0;
  uint64_t others = 0;
  for (const Found& stray : found) {
    const std::string path = os::join_path(data_, stray.path);
    if (stray.beginning) {
      if (::truncate(path.c_str(), 0) != 0) return os::system_error("empty", path, errno);
      continue;
    }
    YTB_TRY(stray.folder ? os::remove_tree(path) : os::remove_file(path));
    ++(stray.folder ? folders : stray.relation ? relations : others);
  }
  std::string said;
  auto say = [&](uint64_t count, std::string_view what) {
    if (count > 0) said += fmt::format("{}{} {}", said.empty() ? "removed: " : ", ", count, what);
  };
  say(relations, "relation files that no catalog names");
  say(folders, "folders of databases that do not exist");
  say(others, "other files");
  return said;
}

Result<std::vector<std::string>> StrayFiles::left(Connection& session) {
  YTB_ASSIGN(std::vector<Found> found, look(session));
  std::vector<std::string> left;
  for (const Found& stray : found) left.push_back(printable(stray.path));
  return left;
}

}  // namespace ytb::postgres
