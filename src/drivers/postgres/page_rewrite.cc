#include "drivers/postgres/page_rewrite.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/os/occupant.h"
#include "drivers/postgres/server_files.h"

namespace ytb::postgres {
namespace {

constexpr uint64_t kRangePages = 64;  // 512 kB: what a thread holds of the table, twice
constexpr size_t kInetHeaderBytes = 4;
constexpr size_t kInetSentMax = kInetHeaderBytes + 16;

Result<uint64_t> size_of(const os::Descriptor& file, const std::string& path) {
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return os::system_error("look at", path, errno);
  if (!S_ISREG(info.st_mode)) {
    return Error{.code = Code::kRefused, .message = path + " is not a regular file", .hint = {}};
  }
  return static_cast<uint64_t>(info.st_size);
}

size_t count_ranges(uint64_t pages) { return (pages + kRangePages - 1) / kRangePages; }

size_t characters_in(std::string_view utf8) {
  return static_cast<size_t>(std::count_if(
      utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

// The stored form of an inet as inet_send gives it; 0: it is none.
size_t send_inet(std::string_view stored, char* sent) {
  if (stored.size() != 6 && stored.size() != 18) return 0;
  size_t address = stored.size() - 2;
  sent[0] = stored[0];
  sent[1] = stored[1];
  sent[2] = 0;  // not a cidr
  sent[3] = static_cast<char>(address);
  std::memcpy(sent + kInetHeaderBytes, stored.data() + 2, address);
  return kInetHeaderBytes + address;
}

bool receive_inet(std::string_view sent, std::string& stored) {
  if (sent.size() != kInetHeaderBytes + 4 && sent.size() != kInetSentMax) return false;
  if (static_cast<size_t>(sent[3]) != sent.size() - kInetHeaderBytes) return false;
  std::string payload(sent.substr(0, 2));
  payload += sent.substr(kInetHeaderBytes);
  append_varlena(payload, stored);
  return true;
}

}  // namespace

Carrier carrier_of(std::string_view typname) {
  static constexpr std::pair<std::string_view, Carrier> kKnown[] = {
      {"text", Carrier::kBytes},     {"varchar", Carrier::kBytes},    {"json", Carrier::kBytes},
      {"bytea", Carrier::kBytes},    {"citext", Carrier::kBytes},     {"inet", Carrier::kInet},
      {"int2", Carrier::kSwap},      {"int4", Carrier::kSwap},        {"int8", Carrier::kSwap},
      {"float4", Carrier::kSwap},    {"float8", Carrier::kSwap},      {"date", Carrier::kSwap},
      {"timestamp", Carrier::kSwap}, {"timestamptz", Carrier::kSwap}, {"bool", Carrier::kPlain},
      {"uuid", Carrier::kPlain}};
  for (const auto& [name, carrier] : kKnown) {
    if (name == typname) return carrier;
  }
  return Carrier::kNone;
}

// What a thread needs for one row, kept from row to row.
struct PageRewrite::Row {
  Row(size_t columns, size_t streamed) : swapped(columns), replacements(columns), sent(streamed) {}
  std::vector<StoredField> stored;
  std::vector<std::array<char, kInetSentMax>> swapped;
  std::vector<std::string> replacements;
  std::vector<std::optional<std::string_view>> sent;
  std::string masked;
  std::string tuple;
  std::string kept;
  std::string buffer;  // pages as read
  std::optional<masking::OriginalsRecorder> recorder;

  [[nodiscard]] masking::RowFields fields() { return {sent, recorder ? &*recorder : nullptr}; }

  // The sent form of a column. False: it is stored in a way that only the server can read.
  bool send(const PageColumn& column, size_t position) {
    std::optional<std::string_view>& out = sent[*column.streamed];
    StoredField field = stored[position];
    out.reset();
    if (is_null(field)) return true;
    char* scratch = swapped[position].data();
    switch (column.carrier) {
      case Carrier::kNone:
        return false;
      case Carrier::kPlain:
        out = field;
        return true;
      case Carrier::kSwap:
        std::reverse_copy(field.begin(), field.end(), scratch);
        out = std::string_view(scratch, field.size());
        return true;
      case Carrier::kBytes:
      case Carrier::kInet:
        break;
    }
    Varlena kind = varlena_of(field);
    if (kind == Varlena::kCompressed || kind == Varlena::kExternal) return false;
    out = payload_of(field);
    if (column.carrier == Carrier::kBytes) return true;
    size_t size = send_inet(*out, scratch);
    out = std::string_view(scratch, size);
    return size > 0;
  }
};

PageRewrite::PageRewrite(const masking::RowProgram& program, PagesFit fit, masking::Originals* originals,
                         const StopFlag& stop)
    : program_(program), fit_(std::move(fit)), originals_(originals), stop_(stop) {
  for (const PageColumn& column : fit_.columns) attributes_.push_back(column.attribute);
  counts_.columns.resize(program_.column_count());
}

// ------------------------------------------------------------------------------------------------- files

Status PageRewrite::before_truncate(Connection& session, const masking::QualifiedName& name) {
  name_ = name;
  std::string table = session.qualified(name.schema, name.name);
  YTB_ASSIGN(std::string rows, session.value("SELECT count(*) FROM ONLY " + table));
  rows_before_ = std::stoull(rows);
  YTB_TRY(session.execute("CHECKPOINT"));
  YTB_ASSIGN(Rows facts,
             session.query("SELECT current_setting('data_directory'), pg_relation_filepath($1::regclass), "
                           "pg_relation_size($1::regclass), current_setting('data_checksums')",
                           {table}));
  data_directory_ = facts.text(0, 0);
  old_path_ = os::join_path(data_directory_, facts.text(0, 1));
  checksums_ = facts.text(0, 3) == "on";
  // The files are those of the very server that this session is with, which runs closed; nothing else begins
  // there as long as we write.
  if (os::name_in(data_directory_) != "data")
    return give_up(Unfit::kOther, "its data directory is not a copy's");
  YTB_ASSIGN(pid_t server, session.server_process());
  YTB_ASSIGN(os::PagesPermit permit,
             os::PagesPermit::take(os::parent_of(data_directory_), kClosedServer, server));
  permit_.emplace(std::move(permit));
  uint64_t bytes = 0;
  for (;;) {  // bounded by the files that are there
    std::string path = segment_path(old_path_, old_files_.size());
    os::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.valid() && errno == ENOENT && !old_files_.empty()) break;
    if (!file.valid()) return give_up(Unfit::kOther, "its files cannot be read");
    YTB_ASSIGN(uint64_t size, size_of(file, path));
    bytes += size;
    old_files_.push_back(std::move(file));
    if (size < kSegmentPages * kPageBytes) break;
  }
  if (bytes != static_cast<uint64_t>(facts.integer(0, 2)) || bytes % kPageBytes != 0) {
    return give_up(Unfit::kOther, "its files have another size than the server says");
  }
  old_pages_ = bytes / kPageBytes;
  return {};
}

Status PageRewrite::after_truncate(Connection& session, int64_t oid) {
  YTB_ASSIGN(std::string path, session.value(fmt::format("SELECT pg_relation_filepath({})", oid)));
  new_path_ = os::join_path(data_directory_, path);
  if (new_path_ == old_path_) {
    return Error{.code = Code::kInternal, .message = "TRUNCATE has kept the table's file", .hint = {}};
  }
  os::Descriptor file(::open(new_path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return give_up(Unfit::kOther, "its new file cannot be written");
  YTB_ASSIGN(uint64_t size, size_of(file, new_path_));
  if (size != 0) {
    return Error{.code = Code::kInternal, .message = "the table's new file is not empty", .hint = {}};
  }
  new_files_.push_back(std::move(file));
  return {};
}

// A new file with the owner of the table's first.
Result<os::Descriptor> PageRewrite::create_beside(const std::string& path) const {
  struct stat first {};
  if (::fstat(new_files_.front().get(), &first) != 0) return os::system_error("look at", new_path_, errno);
  os::Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return os::system_error("create", path, errno);
  if (::geteuid() == 0 && ::fchown(file.get(), first.st_uid, first.st_gid) != 0) {
    return os::system_error("give away", path, errno);
  }
  return file;
}

// The caller holds mutex_.
Status PageRewrite::make_segments(uint64_t pages) {
  while (new_files_.size() * kSegmentPages < pages) {
    YTB_ASSIGN(os::Descriptor file, create_beside(segment_path(new_path_, new_files_.size())));
    new_files_.push_back(std::move(file));
  }
  return {};
}

Result<std::string_view> PageRewrite::read_pages(const std::deque<os::Descriptor>& files,
                                                 const std::string& path, uint64_t first_page, size_t pages,
                                                 std::string& buffer) {
  buffer.resize(pages * kPageBytes);  // ranges never cross a segment: kRangePages divides kSegmentPages
  YTB_ASSIGN(size_t have, os::read_at(files.at(first_page / kSegmentPages), buffer,
                                      first_page % kSegmentPages * kPageBytes, path));
  if (have < buffer.size()) {
    return Error{.code = Code::kCorrupt, .message = path + " has become shorter", .hint = {}};
  }
  return std::string_view(buffer);
}

Status PageRewrite::write_new(std::string_view bytes, uint64_t first_page) {
  while (!bytes.empty()) {
    uint64_t in_segment = first_page % kSegmentPages;
    size_t size = std::min<uint64_t>(bytes.size(), (kSegmentPages - in_segment) * kPageBytes);
    const os::Descriptor* file = nullptr;
    {
      std::lock_guard lock(mutex_);  // the list may grow, its elements stay where they are
      file = &new_files_.at(first_page / kSegmentPages);
    }
    {
      std::lock_guard lock(writing_);
      YTB_TRY(os::write_at(*file, bytes.substr(0, size), in_segment * kPageBytes, new_path_));
    }
    bytes.remove_prefix(size);
    first_page += size / kPageBytes;
  }
  return {};
}

// -------------------------------------------------------------------------------------------------- rows

Status PageRewrite::give_up(Unfit unfit, std::string_view why) {
  std::lock_guard lock(mutex_);
  if (unfit_ == Unfit::kNo) unfit_ = unfit;
  return Error{.code = Code::kUnsupported, .message = fmt::format("not by pages: {}", why), .hint = {}};
}

Error PageRewrite::damaged_page(uint64_t page) const {
  return Error{
      .code = Code::kCorrupt,
      .message = fmt::format("block {} of table {} is damaged: its checksum is wrong", page,
                             printable(to_string(name_))),
      .hint = "take a new snapshot; production itself may be damaged: see pg_amcheck and pg_checksums"};
}

Status PageRewrite::mask_column(size_t column, Row& row, masking::RowCounts& counts) {
  const PageColumn& here = fit_.columns[column];
  size_t streamed = *here.streamed;
  if (!row.sent[streamed]) return {};
  row.masked.clear();
  masking::Applied applied =
      program_.mask_field(streamed, *row.sent[streamed], row.fields(), row.masked, counts.columns[streamed]);
  if (applied == masking::Applied::kInvalid) return program_.invalid_field(streamed, counts.rows + 1);
  std::string& stored = row.replacements[column];
  stored.clear();
  if (applied == masking::Applied::kNull) {
    if (here.not_null) return give_up(Unfit::kOther, "a column that must not be NULL becomes NULL");
    row.stored[column] = {};
    return {};
  }
  bool fits = true;
  if (here.carrier == Carrier::kBytes) {
    fits = !here.length_max || characters_in(row.masked) <= static_cast<size_t>(*here.length_max);
    append_varlena(row.masked, stored);
  } else if (here.carrier == Carrier::kInet) {
    fits = receive_inet(row.masked, stored);
  } else {
    fits = row.masked.size() == static_cast<size_t>(here.attribute.length);
    stored = row.masked;
    if (here.carrier == Carrier::kSwap) std::reverse(stored.begin(), stored.end());
  }
  if (!fits)
    return give_up(Unfit::kOther, "a masked value does not fit its column");  // COPY will say it well
  row.stored[column] = stored;
  return {};
}

// Stored fields say where they end: they are of a fixed size, or begin with it.
void PageRewrite::count_kept(Row& row, masking::KeptRows& kept) const {
  row.kept.clear();
  for (size_t i = 0; i < fit_.columns.size(); ++i) {
    const PageColumn& column = fit_.columns[i];
    if (!column.streamed || column.masked) continue;
    row.kept.push_back(is_null(row.stored[i]) ? 'n' : 'v');
    row.kept.append(row.stored[i]);
  }
  kept.add(row.kept, program_.kept_rows_seed());
}

Status PageRewrite::rewrite_tuple(std::string_view tuple, Row& row, PageBuilder& builder,
                                  masking::RowCounts& counts) {
  if (!read_fields(tuple, attributes_, row.stored)) {
    return give_up(Unfit::kOther, "a tuple is not what the catalog says");
  }
  count_kept(row, counts.kept);
  for (size_t i = 0; i < fit_.columns.size(); ++i) {
    const PageColumn& column = fit_.columns[i];
    if (!column.streamed || (!column.masked && !fit_.looks_aside)) continue;
    if (row.send(column, i)) continue;
    return give_up(Unfit::kOther, "a value is stored compressed or outside its row");
  }
  for (size_t i = 0; i < fit_.columns.size(); ++i) {
    if (fit_.columns[i].masked) YTB_TRY(mask_column(i, row, counts));
  }
  build_tuple(attributes_, row.stored, row.tuple);
  if (!builder.add(row.tuple)) return give_up(Unfit::kOther, "a masked row is larger than a page");
  ++counts.rows;
  counts.bytes_in += tuple.size();
  counts.bytes_out += row.tuple.size();
  counts.widest_row_bytes = std::max<uint64_t>(counts.widest_row_bytes, tuple.size());
  return {};
}

Status PageRewrite::rewrite_range(size_t range, Row& row, PageBuilder& builder, masking::RowCounts& counts) {
  uint64_t first = range * kRangePages;
  size_t pages = std::min(kRangePages, old_pages_ - first);
  YTB_ASSIGN(std::string_view bytes, read_pages(old_files_, old_path_, first, pages, row.buffer));
  for (size_t i = 0; i < pages; ++i) {
    const std::string_view raw = bytes.substr(i * kPageBytes, kPageBytes);
    // Before a page is believed: its new one gets a checksum of its own, which would vouch for the damage.
    if (checksums_ && !has_valid_checksum(raw, first + i)) return damaged_page(first + i);
    std::optional<PageView> page = PageView::open(raw);
    if (!page) return give_up(Unfit::kOther, fmt::format("page {} is no heap page", first + i));
    for (size_t item = 0; item < page->items(); ++item) {
      std::optional<std::string_view> tuple = page->tuple(item);
      if (!tuple) return give_up(Unfit::kOther, fmt::format("page {} is damaged", first + i));
      if (tuple->empty()) continue;
      switch (page->seen(*tuple)) {
        case Seen::kDead:
          break;
        case Seen::kUndecided:
          return give_up(Unfit::kUndecided, "a row's transaction is not known from its page");
        case Seen::kVisible:
          YTB_TRY(rewrite_tuple(*tuple, row, builder, counts));
          break;
      }
    }
  }
  return {};
}

void PageRewrite::fail(Error error) {
  std::lock_guard lock(mutex_);
  if (!failed_) failed_ = std::move(error);
  changed_.notify_all();
}

void PageRewrite::work(const std::function<void(uint64_t)>& bytes_done) {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    ++working_;
  }
  Row row(fit_.columns.size(), program_.column_count());
  if (originals_ != nullptr) row.recorder.emplace(*originals_, program_.table());
  Status status = write_all(row, bytes_done);
  if (status.ok() && row.recorder) status = row.recorder->flush();
  if (status.ok()) status = read_all_again(row);
  if (!status.ok()) fail(std::move(status).error());
  std::lock_guard lock(mutex_);
  --working_;
  changed_.notify_all();
}

// One thread's share of the pages to write; returns when all have been, by whomever.
Status PageRewrite::write_all(Row& row, const std::function<void(uint64_t)>& bytes_done) {
  const size_t ranges = count_ranges(old_pages_);
  PageBuilder builder(fit_.free_bytes, checksums_);
  for (;;) {
    size_t range = next_range_.fetch_add(1);
    if (range >= ranges) break;
    masking::RowCounts counts;
    counts.columns.resize(program_.column_count());
    builder.clear();
    YTB_TRY(stop_.check());
    YTB_TRY(rewrite_range(range, row, builder, counts));
    uint64_t first = 0;
    {
      // Whoever has an earlier range says first how many pages it needs: rows keep their order.
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return turn_ == range || failed_; });
      if (failed_) return *failed_;
      first = new_pages_;
      YTB_TRY(make_segments(first + builder.pages()));
      new_pages_ += builder.pages();
      ++turn_;
      counts_.add(counts);
      changed_.notify_all();
    }
    YTB_TRY(write_new(builder.finish(first), first));
    bytes_done(std::min(kRangePages, old_pages_ - range * kRangePages) * kPageBytes);
    std::lock_guard lock(mutex_);
    ++written_;
    changed_.notify_all();
  }
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return written_ == ranges || failed_; });
  return failed_ ? Status(*failed_) : Status();
}

// One thread's share of reading what was written, as it lies in the files.
Status PageRewrite::read_all_again(Row& row) {
  masking::KeptRows found;
  for (;;) {
    const uint64_t first = next_again_.fetch_add(1) * kRangePages;
    if (first >= new_pages_) break;  // which grows no more
    YTB_TRY(stop_.check());
    YTB_TRY(read_again(first, std::min(kRangePages, new_pages_ - first), row, found));
  }
  std::lock_guard lock(mutex_);
  found_.add(found);
  return {};
}

Status PageRewrite::read_again(uint64_t first_page, size_t pages, Row& row, masking::KeptRows& found) {
  const auto unreadable = [&] {
    return Error{.code = Code::kInternal,
                 .message = fmt::format("a page of {} is not what was written", printable(to_string(name_))),
                 .hint = "the disk or its file system may be failing: see its messages"};
  };
  YTB_ASSIGN(std::string_view bytes, read_pages(new_files_, new_path_, first_page, pages, row.buffer));
  for (size_t i = 0; i < pages; ++i) {
    std::optional<PageView> page = PageView::open(bytes.substr(i * kPageBytes, kPageBytes));
    if (!page) return unreadable();
    for (size_t item = 0; item < page->items(); ++item) {
      std::optional<std::string_view> tuple = page->tuple(item);
      if (!tuple || tuple->empty() || !read_fields(*tuple, attributes_, row.stored)) return unreadable();
      count_kept(row, found);
    }
  }
  return {};
}

Result<masking::RowCounts> PageRewrite::finish(Connection& session, const masking::QualifiedName& name) {
  {
    std::unique_lock lock(mutex_);
    closed_ = true;
    changed_.wait(lock, [this] { return working_ == 0; });
    if (failed_) return *failed_;
  }
  if (new_pages_ > 0) {
    std::string map = new_path_ + "_vm";
    YTB_ASSIGN(os::Descriptor file, create_beside(map));
    YTB_TRY(os::write_at(file, frozen_visibility_map(new_pages_, checksums_), 0, map));
  }
  YTB_ASSIGN(std::string rows,
             session.value("SELECT count(*) FROM ONLY " + session.qualified(name.schema, name.name)));
  if (counts_.rows != rows_before_ || rows != std::to_string(rows_before_)) {
    return Error{.code = Code::kInternal,
                 .message = fmt::format("{} rows of {} were there, {} were masked, and the server sees {}",
                                        rows_before_, to_string(name), counts_.rows, rows),
                 .hint = {}};
  }
  return counts_;
}

// --------------------------------------------------------------------------------------------------- fit

namespace {

bool looks_at_other_columns(const masking::MaskerSpec& spec) {
  return spec.params.contains("by") ||
         std::any_of(spec.paths.begin(), spec.paths.end(),
                     [](const masking::MaskerPath& path) { return looks_at_other_columns(path.masker); });
}

size_t align_of(char code) { return code == 'd' ? 8 : code == 'i' ? 4 : code == 's' ? 2 : 1; }

}  // namespace

Result<std::optional<PagesFit>> fit_for_pages(Connection& session, const masking::TablePlan& plan,
                                              const masking::RowProgram& program, const TableFacts& facts) {
  const std::optional<PagesFit> none;
  if (program.wire() != masking::Wire::kBinary || session.server_encoding() != "UTF8") return none;
  std::string oid = std::to_string(facts.oid);
  YTB_ASSIGN(Rows table,
             session.query("SELECT am.amname = 'heap' AND c.relpersistence = 'p' AND "
                           "current_setting('block_size') = '8192' AND (c.reltoastrelid = 0 OR "
                           "pg_relation_size(c.reltoastrelid) = 0), coalesce((SELECT option_value::int FROM "
                           "pg_options_to_table(c.reloptions) WHERE option_name = 'fillfactor'), 100) FROM "
                           "pg_class c JOIN pg_am am ON am.oid = c.relam WHERE c.oid = $1::oid",
                           {oid}));
  if (table.empty() || !table.truth(0, 0)) return none;
  PagesFit fit;
  fit.free_bytes = kPageBytes * static_cast<size_t>(100 - table.integer(0, 1)) / 100;
  YTB_ASSIGN(Rows rows,
             session.query(
                 "SELECT a.attname, a.attlen, a.attalign, a.attisdropped, a.attnotnull, "
                 "a.atthasmissing OR a.attgenerated <> '', CASE WHEN t.typtype = 'b' AND "
                 "(t.typnamespace = 'pg_catalog'::regnamespace OR t.typname = 'citext') THEN "
                 "t.typname::text ELSE '' END, a.attnum FROM pg_attribute a LEFT JOIN pg_type t ON t.oid = "
                 "a.atttypid WHERE a.attrelid = $1::oid AND a.attnum > 0 ORDER BY a.attnum",
                 {oid}));
  bool all_carried = true;
  for (int i = 0; i < rows.count(); ++i) {
    PageColumn column;
    column.attribute = {.length = static_cast<int>(rows.integer(i, 1)),
                        .align = align_of(rows.text(i, 2)[0]),
                        .dropped = rows.truth(i, 3)};
    column.not_null = rows.truth(i, 4);
    if (rows.truth(i, 5)) return none;
    if (!column.attribute.dropped) {
      const auto& names = program.column_names();
      auto found = std::find(names.begin(), names.end(), rows.text(i, 0));
      if (found == names.end()) return none;
      column.streamed = static_cast<size_t>(found - names.begin());
      column.masked = !program.masker(*column.streamed).is_keep();
      column.carrier = carrier_of(rows.text(i, 6));
      all_carried = all_carried && column.carrier != Carrier::kNone;
      if (column.masked) {
        if (column.carrier == Carrier::kNone) return none;
        auto planned = std::find_if(plan.columns.begin(), plan.columns.end(),
                                    [&](const auto& p) { return p.column.name == *found; });
        if (planned == plan.columns.end()) return none;
        column.length_max = planned->column.length_max;
        fit.looks_aside = fit.looks_aside || looks_at_other_columns(planned->masker);
      }
    }
    fit.columns.push_back(column);
  }
  if (fit.looks_aside && !all_carried) return none;
  return std::optional<PagesFit>(std::move(fit));
}

}  // namespace ytb::postgres
