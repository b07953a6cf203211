#include "drivers/postgres/catalog_pages.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cstring>
#include <optional>

#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"
#include "drivers/postgres/catalog_numbers.h"
#include "drivers/postgres/heap_page.h"

namespace ytb::postgres {
namespace {

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

// pg_type.h: oid 4, typname 64, namespace 4, owner 4, len 2, six of one byte, then numbers: relid,
// [subscript from 14 on,] elem, array, input, output, receive, send.
size_t type_bytes(int major) { return 84 + 4 * (major >= 14 ? 8 : 7); }

// pg_attribute.h: relation 4, attname 64, type 4, [attstattarget 4, up to 15,] attlen 2, attnum 2.
constexpr size_t kTargetAt = 72;
size_t attribute_bytes(int major) { return major >= 16 ? 76 : 80; }

// The first `bytes` of every row that begins with a number below kFirstUnfixed.
Result<std::set<std::string>> read_fixed(const std::string& path, size_t bytes) {
  std::set<std::string> rows;
  constexpr size_t kTupleHeaderAt = 22;     // t_hoff
  for (uint64_t segment = 0;; ++segment) {  // bounded by the files that are there
    const std::string name = segment == 0 ? path : fmt::format("{}.{}", path, segment);
    os::Descriptor file(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.valid() && errno == ENOENT && segment > 0) return rows;
    if (!file.valid()) return os::system_error("open", name, errno);
    std::string page(kPageBytes, '\0');
    for (uint64_t at = 0;; at += kPageBytes) {
      YTB_ASSIGN(size_t have, os::read_at(file, page, at, name));
      if (have < kPageBytes) break;
      std::optional<PageView> view = PageView::open(page);
      for (size_t item = 0; view && item < view->items(); ++item) {
        auto tuple = view->tuple(item);
        if (!tuple || tuple->size() <= kTupleHeaderAt) continue;
        const auto header = static_cast<unsigned char>((*tuple)[kTupleHeaderAt]);
        if (tuple->size() < header + bytes || view->seen(*tuple) == Seen::kDead) continue;
        const std::string_view data = tuple->substr(header);
        uint32_t number = 0;
        std::memcpy(&number, data.data(), sizeof number);
        if (number < kFirstUnfixed) rows.insert(std::string(data.substr(0, bytes)));
      }
    }
  }
}

Status add_databases_in(const std::string& folder, std::vector<std::string>& out) {
  constexpr size_t kEntriesMax = 1'000'000;
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(folder, kEntriesMax));
  for (const os::FileInfo& entry : entries) {
    const std::string inside = os::join_path(folder, entry.name);
    if (os::exists(os::join_path(inside, "pg_filenode.map"))) out.push_back(inside);
  }
  return {};
}

}  // namespace

Result<FixedRows> read_pages_of(const std::string& folder, int major) {
  FixedRows out;
  YTB_ASSIGN(std::string types, file_of(folder, kPgType));
  YTB_ASSIGN(std::string attributes, file_of(folder, kPgAttribute));
  YTB_ASSIGN(std::set<std::string> rows, read_fixed(types, type_bytes(major)));
  for (const std::string& row : rows) {
    std::string ownerless = row;  // whose it is is production's to choose
    std::memset(ownerless.data() + 72, 0, 4);
    out.types.insert(std::move(ownerless));
  }
  YTB_ASSIGN(rows, read_fixed(attributes, attribute_bytes(major)));
  for (std::string row : rows) {
    if (major < 16) std::memset(row.data() + kTargetAt, 0, 4);  // production's to choose
    out.attributes.insert(std::move(row));
  }
  return out;
}

Result<std::vector<std::string>> database_folders(const std::string& data) {
  std::vector<std::string> out;
  YTB_TRY(add_databases_in(os::join_path(data, "base"), out));
  const std::string spaces = os::join_path(data, "pg_tblspc");
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(spaces, 100'000));
  for (const os::FileInfo& entry : entries) {
    YTB_ASSIGN(std::string space, os::real_path(os::join_path(spaces, entry.name)));
    YTB_ASSIGN(std::vector<os::FileInfo> versions, os::list_folder(space, 1000));
    for (const os::FileInfo& version : versions) {
      if (version.name.starts_with("PG_")) YTB_TRY(add_databases_in(os::join_path(space, version.name), out));
    }
  }
  return out;
}

}  // namespace ytb::postgres
