#include "drivers/postgres/file_search.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <thread>

#include "base/text.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"
#include "drivers/postgres/heap_page.h"
#include "drivers/postgres/stray_files.h"

namespace ytb::postgres {
namespace {

constexpr uint64_t kPieceBytes = 64ULL << 20;
constexpr uint64_t kReadBytes = 1ULL << 20;
constexpr size_t kEntriesMax = 50'000'000;  // files of one folder
constexpr int kDepthMax = 8;
constexpr int kThreadsMax = 64;

// What lies in the pages at bytes[from, to) besides live rows: deleted ones, free space, headers.
void for_each_span_beside_rows(std::string_view bytes, size_t from, size_t to,
                               const std::function<void(size_t begin, size_t end)>& take) {
  std::vector<std::pair<size_t, size_t>> live;
  for (size_t at = from; at < to; at += kPageBytes) {
    const size_t end = std::min(to, at + kPageBytes);
    live.clear();
    std::optional<PageView> page;
    if (end - at == kPageBytes) page = PageView::open(bytes.substr(at, kPageBytes));
    for (size_t item = 0; page && item < page->items(); ++item) {
      const std::optional<std::string_view> tuple = page->tuple(item);
      if (!tuple || tuple->empty() || page->seen(*tuple) != Seen::kVisible) continue;
      const auto offset = static_cast<size_t>(tuple->data() - bytes.data());
      live.emplace_back(offset, offset + tuple->size());
    }
    std::sort(live.begin(), live.end());
    size_t next = at;
    for (const auto& [first, past] : live) {
      // Between two rows there are at most the bytes that align the second.
      constexpr size_t kAlignment = 8;
      if (first >= next + kAlignment) take(next, first);
      next = std::max(next, past);
    }
    if (next < end) take(next, end);
  }
}

struct Counted {
  uint64_t bytes = 0;
  uint64_t found = 0;
};

Result<Counted> count_in(const std::string& path, uint64_t piece_from, uint64_t piece_to,
                         const masking::NeedleSearch& needles, masking::NeedleSearch::Looking looking,
                         bool rows_read, const StopFlag& stop) {
  constexpr uint64_t kAround = masking::NeedleSearch::kAround;
  os::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid() && errno == ENOENT) return Counted();  // the server removed it meanwhile
  if (!file.valid()) return os::system_error("open", path, errno);
  thread_local std::string buffer;
  buffer.resize(kReadBytes + 2 * kAround);
  Counted counted;
  for (uint64_t at = piece_from; at < piece_to; at += kReadBytes) {
    YTB_TRY(stop.check());
    const uint64_t begin = at - std::min(at, kAround);
    YTB_ASSIGN(size_t have, os::read_at(file, buffer, begin, path));
    const uint64_t from = at - begin;
    if (have <= from) break;  // it has become shorter
    const uint64_t to = std::min({from + kReadBytes, from + (piece_to - at), uint64_t{have}});
    const std::string_view bytes = std::string_view(buffer).substr(0, have);
    if (rows_read) {
      for_each_span_beside_rows(bytes, from, to, [&](size_t first, size_t past) {
        counted.found += needles.count(bytes, first, past, looking);
      });
    } else {
      counted.found += needles.count(bytes, from, to, looking);
    }
    counted.bytes += to - from;
  }
  return counted;
}

}  // namespace

Status FileSearch::know(Connection& session, const std::string& database) {
  YTB_ASSIGN(Rows rows, session.query(R"sql(
    SELECT pg_relation_filepath(c.oid), c.relisshared, c.oid >= 16384,
      CASE WHEN c.relkind = 'i' THEN 'index ' WHEN c.relkind = 'S' THEN 'sequence ' ELSE '' END
        || coalesce(tn.nspname, n.nspname) || '.' || coalesce(t.relname, c.relname),
      coalesce(ti.oid, i.indrelid, t.oid, c.oid), c.relkind IN ('r', 'm')
    FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_class t ON t.reltoastrelid = c.oid
      LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
      LEFT JOIN pg_index i ON i.indexrelid = c.oid
      LEFT JOIN pg_class ti ON ti.reltoastrelid = i.indrelid
    WHERE pg_relation_filenode(c.oid) IS NOT NULL)sql"));
  for (int row = 0; row < rows.count(); ++row) {
    const std::string_view whose =
        rows.truth(row, 1) ? std::string_view("server") : std::string_view(database);
    places_[rows.text(row, 0)] = {
        .name = fmt::format("{} files of {}", printable(whose), printable(rows.at(row, 3))),
        .users = rows.truth(row, 2),
        .table = fmt::format("{} {}", database, rows.at(row, 4)),
        .heap = rows.truth(row, 5)};
  }
  YTB_ASSIGN(std::string oid,
             session.value("SELECT oid FROM pg_database WHERE datname = current_database()"));
  databases_[oid] = database;
  return {};
}

// A relation's, or of the folder that a file lies in.
FileSearch::Place FileSearch::place_of(const std::string& path) const {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
  RelationFile file;
  if (parse_relation_file(path.substr(folder.size()), file)) {
    auto known = places_.find(folder + file.node);
    if (known != places_.end()) {
      Place place = known->second;
      place.heap = place.heap && file.fork.empty();
      return place;
    }
  }
  if (folder.empty()) return {.name = "server files of the data directory"};
  const std::string inner = folder.substr(0, folder.size() - 1);
  auto database = databases_.find(inner.substr(inner.rfind('/') + 1));
  if (database != databases_.end()) return {.name = printable(database->second) + " files of no relation"};
  return {.name = "server files of " + printable(inner.substr(0, inner.find('/')))};
}

// `folder`: relative, "" or with the slash that ends it.
Status FileSearch::list(const std::string& data, const std::string& folder,
                        std::vector<Piece>& pieces) const {
  if (std::count(folder.begin(), folder.end(), '/') > kDepthMax) {
    return Error{.code = Code::kCorrupt,
                 .message = "folders lie too deep in the data directory: " + printable(folder),
                 .hint = {}};
  }
  YTB_ASSIGN(std::vector<os::FileInfo> entries,
             os::list_folder(os::join_path(data, folder.empty() ? "." : folder), kEntriesMax));
  for (const os::FileInfo& entry : entries) {
    if (entry.kind == os::FileKind::kDirectory) {
      YTB_TRY(list(data, folder + entry.name + "/", pieces));
    } else if (entry.kind == os::FileKind::kLink && folder == "pg_tblspc/") {
      YTB_TRY(list(data, folder + entry.name + "/", pieces));
    } else if (entry.kind == os::FileKind::kLink) {
      return Error{.code = Code::kCorrupt,
                   .message = "a link in the data directory leads where no file is searched: " +
                              printable(folder + entry.name),
                   .hint = {}};
    } else if (entry.kind == os::FileKind::kFile) {
      for (uint64_t from = 0; from < entry.size_bytes; from += kPieceBytes) {
        pieces.push_back({.path = folder + entry.name,
                          .from = from,
                          .to = std::min(entry.size_bytes, from + kPieceBytes)});
      }
    }
  }
  return {};
}

Status FileSearch::search(const std::string& data, const Needles& needles, bool fields, int workers,
                          ports::Progress& progress, const StopFlag& stop) {
  using Looking = masking::NeedleSearch::Looking;
  std::vector<Piece> pieces;
  if (needles.all.size() > 0) YTB_TRY(list(data, "", pieces));
  std::mutex mutex;
  std::atomic<size_t> next{0};
  Status failed;
  auto work = [&] {
    for (size_t i = next++; i < pieces.size(); i = next++) {
      const Piece& piece = pieces[i];
      const Place place = place_of(piece.path);
      const bool unseen = !place.users || needles.seen_in.contains(place.table);
      const Looking looking = place.users ? (fields ? Looking::kFields : Looking::kAll)
                                          : (fields ? Looking::kTellingFields : Looking::kTelling);
      Result<Counted> counted = count_in(os::join_path(data, piece.path), piece.from, piece.to,
                                         unseen ? needles.unseen : needles.all, looking,
                                         fields && place.heap && needles.read.contains(place.table), stop);
      std::lock_guard lock(mutex);
      if (!counted.ok()) {
        if (failed.ok()) failed = std::move(counted).error();
        next = pieces.size();
        return;
      }
      bytes_ += counted->bytes;
      if (counted->found > 0) found_[place.name] += counted->found;
    }
  };
  progress.update({.stage = "search", .item = "files"});
  std::vector<std::thread> threads;
  const int count = std::clamp(workers, 1, kThreadsMax);
  threads.reserve(static_cast<size_t>(count));
  for (int i = 1; i < count; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return failed;
}

}  // namespace ytb::postgres
