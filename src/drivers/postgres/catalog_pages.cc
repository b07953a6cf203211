#include "drivers/postgres/catalog_pages.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cstring>
#include <functional>
#include <map>
#include <optional>

#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"
#include "drivers/postgres/catalog_numbers.h"
#include "drivers/postgres/commit_log.h"
#include "drivers/postgres/heap_page.h"

namespace ytb::postgres {
namespace {

constexpr uint32_t kPgDatabase = 1262;
constexpr uint32_t kPgType = 1247;
constexpr uint32_t kPgAttribute = 1249;

// pg_filenode.map (relmapper.c): magic, count, pairs of relation and file.
Result<std::string> file_of(const std::string& folder, uint32_t relation) {
  constexpr size_t kMapBytesMax = 1 << 12;
  YTB_ASSIGN(std::string map, os::read_file(os::join_path(folder, "pg_filenode.map"), kMapBytesMax));
  auto number = [&](size_t at) {
    uint32_t value = 0;
    if (at + sizeof value <= map.size()) std::memcpy(&value, map.data() + at, sizeof value);
    return value;
  };
  for (size_t i = 0; i < number(4); ++i) {
    if (8 + i * 8 + 8 > map.size()) break;
    if (number(8 + i * 8) == relation) return os::join_path(folder, std::to_string(number(8 + i * 8 + 4)));
  }
  return Error{
      .code = Code::kCorrupt, .message = folder + " does not say where its catalogs lie", .hint = {}};
}

// What follows counts all that has a fixed place; grants, options and texts come after it.
// pg_type.h: oid 4, typname 64, namespace 4, owner 4, len 2, six of one byte, then numbers: relid,
// [subscript from 14 on,] elem, array, input, output, receive, send, modin, modout, analyze; align, storage,
// notnull and a byte between; basetype, typmod, ndims, collation.
size_t type_bytes(int major) { return 84 + 4 * (major >= 14 ? 16 : 15); }
constexpr size_t kOwnerAt = 72;

// pg_attribute.h: relation 4, attname 64, type 4; up to 15 attstattarget 4, then attlen 2, attnum 2, attndims
// 4, attcacheoff 4, atttypmod 4, eight to ten of one byte, attinhcount 4, attcollation 4; from 16 on attlen
// 2, attnum 2, [attcacheoff 4 up to 17,] atttypmod 4, attndims 2, eleven of one byte, attinhcount 2,
// [attstattarget 2 in 16 alone,] attcollation 4.
size_t attribute_bytes(int major) {
  if (major <= 15) return 112;
  return major == 16 ? 108 : major == 17 ? 104 : 100;
}
// How many values of a column are counted: place and size.
struct Target {
  size_t at, size;
};
Target target_of(int major) {
  if (major <= 15) return {.at = 72, .size = 4};
  return {.at = 100, .size = major == 16 ? 2U : 0U};
}

// What we pass over the server may read.
Error not_understood(const std::string& file, uint64_t at) {
  return {.code = Code::kCorrupt,
          .message = fmt::format("what stands in {} at byte {} is not a page of a catalog", file, at),
          .hint = "production's catalogs are damaged, or were changed by hand: pg_amcheck there says more"};
}

// The rows of a catalog that may be part of it, as stored, of at least `bytes` bytes.
Status read_rows(const std::string& path, size_t bytes, CommitLog& log,
                 const std::function<void(std::string_view)>& on_row) {
  constexpr size_t kTupleHeaderAt = 22;     // t_hoff
  for (uint64_t segment = 0;; ++segment) {  // bounded by the files that are there
    const std::string name = segment_path(path, segment);
    os::Descriptor file(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.valid() && errno == ENOENT && segment > 0) return {};
    if (!file.valid()) return os::system_error("open", name, errno);
    std::string page(kPageBytes, '\0');
    for (uint64_t at = 0;; at += kPageBytes) {
      YTB_ASSIGN(size_t have, os::read_at(file, page, at, name));
      if (have < kPageBytes) break;
      std::optional<PageView> view = PageView::open(page);
      if (!view) return not_understood(name, at);
      for (size_t item = 0; item < view->items(); ++item) {
        auto tuple = view->tuple(item);
        if (tuple && tuple->empty()) continue;  // a line pointer without a row
        if (!tuple || tuple->size() <= kTupleHeaderAt) return not_understood(name, at);
        const auto header = static_cast<unsigned char>((*tuple)[kTupleHeaderAt]);
        if (view->seen(*tuple) == Seen::kDead) continue;
        if (tuple->size() < header + bytes) return not_understood(name, at);
        const std::optional<uint32_t> maker = view->undecided_maker(*tuple);
        if (!maker || log.may_be_committed(*maker)) on_row(tuple->substr(header));
      }
    }
  }
}

uint32_t number_at(std::string_view row, size_t at) {
  uint32_t number = 0;
  std::memcpy(&number, row.data() + at, sizeof number);
  return number;
}

// The first `bytes` of every row that begins with a number below kFirstUnfixed.
Result<std::set<std::string>> read_fixed(const std::string& path, size_t bytes, CommitLog& log) {
  std::set<std::string> rows;
  YTB_TRY(read_rows(path, bytes, log, [&](std::string_view row) {
    if (number_at(row, 0) < kFirstUnfixed) rows.insert(std::string(row.substr(0, bytes)));
  }));
  return rows;
}

// pg_database.h: oid 4, datname 64, datdba 4, encoding 4, then up to 14 two names of 64; from 15 on what
// provides the locale; flags; datconnlimit 4.
size_t connection_limit_at(int major) { return major >= 15 ? 80 : 208; }

// Numbers and names of databases that can be entered. One whose DROP was cut off has lost files.
Result<std::map<std::string, std::string>> databases_in(const std::string& data, int major, CommitLog& log) {
  constexpr size_t kNameAt = 4;
  constexpr size_t kNameBytes = 64;
  constexpr auto kInvalid = static_cast<uint32_t>(-2);
  std::map<std::string, std::string> found;
  YTB_ASSIGN(std::string path, file_of(os::join_path(data, "global"), kPgDatabase));
  const size_t limit_at = connection_limit_at(major);
  YTB_TRY(read_rows(path, limit_at + 4, log, [&](std::string_view row) {
    if (number_at(row, limit_at) == kInvalid) return;
    const std::string_view name = row.substr(kNameAt, kNameBytes);
    found[std::to_string(number_at(row, 0))] = name.substr(0, name.find('\0'));
  }));
  return found;
}

Status add_databases_in(const std::string& folder, const std::map<std::string, std::string>& known,
                        std::vector<DatabaseFolder>& out) {
  constexpr size_t kEntriesMax = 1'000'000;
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(folder, kEntriesMax));
  for (const os::FileInfo& entry : entries) {
    const std::string inside = os::join_path(folder, entry.name);
    auto found = known.find(entry.name);
    if (found != known.end() && os::exists(os::join_path(inside, "pg_filenode.map")))
      out.push_back({.path = inside, .database = found->second});
  }
  return {};
}

}  // namespace

Result<FixedRows> read_pages_of(const std::string& data, const std::string& folder, int major) {
  CommitLog log(data);
  FixedRows out;
  YTB_ASSIGN(std::string types, file_of(folder, kPgType));
  YTB_ASSIGN(std::string attributes, file_of(folder, kPgAttribute));
  YTB_ASSIGN(std::set<std::string> rows, read_fixed(types, type_bytes(major), log));
  for (const std::string& row : rows) {
    std::string ownerless = row;  // whose it is is production's to choose
    std::memset(ownerless.data() + kOwnerAt, 0, 4);
    out.types.insert(std::move(ownerless));
  }
  YTB_ASSIGN(rows, read_fixed(attributes, attribute_bytes(major), log));
  for (std::string row : rows) {
    const Target target = target_of(major);
    if (target.size > 0) std::memset(row.data() + target.at, 0, target.size);  // production's to choose
    out.attributes.insert(std::move(row));
  }
  return out;
}

Result<std::vector<DatabaseFolder>> database_folders(const std::string& data, int major) {
  std::vector<DatabaseFolder> out;
  CommitLog log(data);
  YTB_ASSIGN(auto known, databases_in(data, major, log));
  YTB_TRY(add_databases_in(os::join_path(data, "base"), known, out));
  const std::string spaces = os::join_path(data, "pg_tblspc");
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(spaces, 100'000));
  for (const os::FileInfo& entry : entries) {
    YTB_ASSIGN(std::string space, os::real_path(os::join_path(spaces, entry.name)));
    YTB_ASSIGN(std::vector<os::FileInfo> versions, os::list_folder(space, 1000));
    for (const os::FileInfo& version : versions) {
      if (version.name.starts_with("PG_"))
        YTB_TRY(add_databases_in(os::join_path(space, version.name), known, out));
    }
  }
  return out;
}

}  // namespace ytb::postgres
