#include "drivers/postgres/dead_rows.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"
#include "drivers/postgres/heap_page.h"

namespace ytb::postgres {
namespace {

constexpr size_t kPageHeaderBytes = 24;
constexpr uint64_t kMappedPages =
    (kPageBytes - kPageHeaderBytes) * 4;  // heap pages a visibility map page covers
constexpr uint64_t kRangePages = 256;     // read at once
constexpr uint64_t kMapBytesMax = 1ULL << 30;

// fsm_internals.h: a binary tree of one byte a node in each page, the slots its leaves.
constexpr size_t kInnerNodes = kPageBytes / 2 - 1;
constexpr size_t kNodesAt = kPageHeaderBytes + 4;
constexpr size_t kSlots = kPageBytes - kNodesAt - kInnerNodes;
constexpr uint64_t kSlotBytes = 32;  // FSM_CAT_STEP

std::string read_map(const std::string& path) {
  auto text = os::read_file(path, kMapBytesMax);  // a map has one file up to 32 TB of table
  return text.ok() ? std::move(text).value() : std::string();
}

Status count_in_page(std::string_view bytes, DeadRows& rows) {
  std::optional<PageView> page = PageView::open(bytes);
  if (!page) return {};  // damaged: the server says so to whoever reads it
  for (size_t item = 0; item < page->items(); ++item) {
    std::optional<std::string_view> tuple = page->tuple(item);
    if (!tuple || tuple->empty()) continue;
    const Seen seen = page->seen(*tuple);
    if (seen == Seen::kDead) ++rows.dead;
    if (seen == Seen::kUndecided) ++rows.undecided;
  }
  return {};
}

Status count_in_heap(const std::string& path, const std::string& visible, DeadRows& rows,
                     const StopFlag& stop) {
  std::string buffer;
  for (uint64_t segment = 0;; ++segment) {  // bounded by the files that are there
    const std::string file_path = segment_path(path, segment);
    os::Descriptor file(::open(file_path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.valid() && errno == ENOENT) return {};
    if (!file.valid()) return os::system_error("open", file_path, errno);
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) return os::system_error("look at", file_path, errno);
    const uint64_t pages = static_cast<uint64_t>(info.st_size) / kPageBytes;
    const uint64_t first_of_file = segment * kSegmentPages;
    for (uint64_t first = 0; first < pages; first += kRangePages) {
      YTB_TRY(stop.check());
      const uint64_t count = std::min(kRangePages, pages - first);
      bool any = false;
      for (uint64_t i = 0; i < count && !any; ++i) {
        any = !internal::is_all_visible(visible, first_of_file + first + i);
      }
      if (!any) continue;
      buffer.resize(count * kPageBytes);
      YTB_ASSIGN(size_t have, os::read_at(file, buffer, first * kPageBytes, file_path));
      for (uint64_t i = 0; (i + 1) * kPageBytes <= have; ++i) {
        if (internal::is_all_visible(visible, first_of_file + first + i)) continue;
        YTB_TRY(count_in_page(std::string_view(buffer).substr(i * kPageBytes, kPageBytes), rows));
      }
    }
    if (pages < kSegmentPages) return {};
  }
}

}  // namespace

namespace internal {

bool is_all_visible(std::string_view map, uint64_t page) {
  const uint64_t at = page / kMappedPages * kPageBytes + kPageHeaderBytes + page % kMappedPages / 4;
  if (at >= map.size()) return false;
  return (static_cast<unsigned char>(map[at]) >> (page % 4 * 2) & 1U) != 0;
}

uint64_t free_bytes_in(std::string_view map) {
  uint64_t free = 0;
  for (uint64_t leaf = 0;; ++leaf) {
    // fsm_logical_to_physical(): above each run of leaf pages lie the pages of two more levels.
    const uint64_t page = leaf + leaf / kSlots + leaf / kSlots / kSlots + 2;
    if ((page + 1) * kPageBytes > map.size()) return free;
    for (size_t slot = 0; slot < kSlots; ++slot) {
      free += static_cast<unsigned char>(map[page * kPageBytes + kNodesAt + kInnerNodes + slot]) * kSlotBytes;
    }
  }
}

}  // namespace internal

Result<std::vector<DeadRows>> count_dead_rows(Connection& session, const std::string& data_folder,
                                              const StopFlag& stop) {
  // TOAST is its table's.
  YTB_ASSIGN(Rows tables, session.query(R"sql(
    SELECT coalesce(tn.nspname, n.nspname), coalesce(t.relname, c.relname), pg_relation_filepath(c.oid)
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_class t ON t.reltoastrelid = c.oid
    LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
    WHERE c.relkind IN ('r', 'm', 't') AND c.oid >= 16384 AND c.relpersistence = 'p'
    ORDER BY 1, 2, c.relkind)sql"));
  std::vector<DeadRows> out;
  for (int row = 0; row < tables.count(); ++row) {
    if (tables.is_null(row, 2)) continue;
    const std::string name = tables.text(row, 0) + "." + tables.text(row, 1);
    const std::string path = os::join_path(data_folder, tables.text(row, 2));
    DeadRows counted{.table = name};
    YTB_TRY(count_in_heap(path, read_map(path + "_vm"), counted, stop));
    counted.free_bytes = internal::free_bytes_in(read_map(path + "_fsm"));
    if (counted.dead + counted.undecided + counted.free_bytes == 0) continue;
    if (!out.empty() && out.back().table == name) {
      out.back().dead += counted.dead;
      out.back().undecided += counted.undecided;
      out.back().free_bytes += counted.free_bytes;
    } else {
      out.push_back(std::move(counted));
    }
  }
  return out;
}

std::string to_string(const DeadRows& rows) {
  std::string said = printable(rows.table) + ":";
  if (rows.dead > 0) said += fmt::format(" {} dead rows", with_commas(rows.dead));
  if (rows.undecided > 0)
    said += fmt::format("{} {} rows of unknown state", rows.dead > 0 ? "," : "", with_commas(rows.undecided));
  if (rows.free_bytes > 0)
    said += fmt::format("{} {} of free space", rows.dead + rows.undecided > 0 ? "," : "",
                        human_bytes(rows.free_bytes));
  return said;
}

}  // namespace ytb::postgres
