#include "drivers/postgres/page_search.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/text.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"
#include "drivers/postgres/commit_log.h"

namespace ytb::postgres {
namespace {

constexpr int64_t kBlockPages = 64;  // 512 kB, read at once

size_t bytes_of_align(std::string_view align) {
  return align == "d" ? 8 : align == "i" ? 4 : align == "s" ? 2 : 1;
}

// One that says how long the value is.
bool has_header(const SearchedColumn& column) { return is_varlena(column.stored) || column.look.array; }

// One range of a relation, by one thread.
class PagesLook {
 public:
  PagesLook(const PagesLook&) = delete;
  PagesLook& operator=(const PagesLook&) = delete;
  PagesLook(const SearchedRelation& relation, std::span<const Attribute> attributes, const std::string& data,
            const ports::SurvivorSearch& search, Lookers& lookers)
      : log_(data),
        relation_(relation),
        attributes_(attributes),
        whole_(search.depth == masking::SearchDepth::kWhole),
        text_max_(search.originals.text_bytes_max()),
        lookers_(lookers),
        looks_(search) {}

  // False: the page is not as it should be.
  bool look_at(std::string_view bytes, int64_t number, std::vector<PageSearch::RowAt>& to_ask) {
    const std::optional<PageView> page = PageView::open(bytes);
    if (!page) return false;
    for (size_t item = 0; item < page->items(); ++item) {
      const std::optional<std::string_view> tuple = page->tuple(item);
      if (!tuple) return false;
      if (tuple->empty()) continue;
      if (!read_fields(*tuple, attributes_, fields_)) return false;
      const Seen seen = page->seen(*tuple, maker_may_be_, deleter_is_);
      const bool asks = std::any_of(relation_.columns.begin(), relation_.columns.end(),
                                    [&](const SearchedColumn& column) { return only_server_reads(column); });
      const bool looked = (asks && seen == Seen::kVisible) || look_at_row(seen);
      // What is surely gone no statement shows.
      if ((asks || !looked) && seen != Seen::kDead)
        to_ask.push_back({.page = static_cast<uint32_t>(number), .item = static_cast<uint32_t>(item + 1)});
    }
    return true;
  }
  // `complete`: what was looked at counts. Else it is looked at once more.
  void finish(bool complete) {
    looks_.finish();
    if (complete) lookers_.add(looks_.counts());
  }

 private:
  [[nodiscard]] StoredField field_of(const SearchedColumn& column) const {
    return fields_[column.number - 1];
  }
  // As text it is longer than what is remembered.
  [[nodiscard]] bool is_passed_over(const SearchedColumn& column, StoredField field) const {
    return whole_ && column.look.text && value_bytes_of(field) > text_max_;
  }
  [[nodiscard]] bool only_server_reads(const SearchedColumn& column) const {
    const StoredField field = field_of(column);
    if (is_null(field) || !has_header(column)) return false;
    return !is_passed_over(column, field) && is_beyond_us(field, static_cast<size_t>(kValueBytesMax));
  }
  // False: a value is none that can be read here.
  bool look_at_row(Seen seen) {
    bool read_all = true;
    for (size_t i = 0; i < relation_.columns.size(); ++i) {
      const SearchedColumn& column = relation_.columns[i];
      const StoredField field = field_of(column);
      if (is_null(field)) continue;
      std::string_view value = field;
      if (has_header(column)) {
        if (is_passed_over(column, field) || only_server_reads(column)) continue;
        const std::optional<std::string_view> read =
            value_of(field, static_cast<size_t>(kValueBytesMax), buffer_);
        read_all = read_all && read;
        if (!read) continue;
        value = *read;
      }
      read_all = looks_.look_stored(relation_, column, place_of(i, seen), value) && read_all;
    }
    return read_all;
  }
  uint32_t place_of(size_t column, Seen seen) {
    if (seen == Seen::kVisible) return relation_.columns[column].place;
    auto [known, fresh] = places_.try_emplace({column, seen}, 0);
    if (fresh) {
      using Search = ports::SurvivorSearch;
      known->second = lookers_.place_of(relation_, relation_.columns[column],
                                        seen == Seen::kDead ? Search::kDeletedRows : Search::kUnknownRows);
    }
    return known->second;
  }

  CommitLog log_;
  const PageView::Ask maker_may_be_ = [this](uint32_t transaction) {
    return log_.may_be_committed(transaction);
  };
  const PageView::Ask deleter_is_ = [this](uint32_t transaction) { return log_.is_committed(transaction); };
  const SearchedRelation& relation_;
  std::span<const Attribute> attributes_;
  const bool whole_;
  const size_t text_max_;
  Lookers& lookers_;
  ValueLooks looks_;
  std::vector<StoredField> fields_;
  std::string buffer_;
  std::map<std::pair<size_t, Seen>, uint32_t> places_;  // of rows that are not there, by column
};

}  // namespace

Result<PageSearch> PageSearch::make(Connection& session, std::string data) {
  PageSearch pages;
  pages.data_ = std::move(data);
  YTB_ASSIGN(Rows rows, session.query(R"sql(
    SELECT a.attrelid, a.attnum, a.attlen, a.attalign, a.attisdropped
    FROM pg_catalog.pg_attribute a
      JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    WHERE a.attnum > 0 AND c.relkind IN ('r', 'm') AND c.oid >= 16384
      AND pg_catalog.current_setting('block_size') = '8192'
    ORDER BY a.attrelid, a.attnum)sql"));
  for (int row = 0; row < rows.count(); ++row) {
    std::vector<Attribute>& attributes = pages.attributes_[rows.integer(row, 0)];
    if (rows.integer(row, 1) != static_cast<int64_t>(attributes.size()) + 1) {
      return Error{.code = Code::kCorrupt,
                   .message = fmt::format("relation {} has gaps between its columns", rows.at(row, 0)),
                   .hint = {}};
    }
    attributes.push_back({.length = static_cast<int>(rows.integer(row, 2)),
                          .align = bytes_of_align(rows.at(row, 3)),
                          .dropped = rows.truth(row, 4)});
  }
  return pages;
}

bool PageSearch::can_read(const SearchedRelation& relation) const {
  auto known = attributes_.find(relation.oid);
  if (relation.file.empty() || relation.computed || known == attributes_.end()) return false;
  return std::all_of(relation.columns.begin(), relation.columns.end(), [&](const SearchedColumn& column) {
    if (column.stored == StoredType::kUnknown || column.number > known->second.size()) return false;
    const int length = known->second[column.number - 1].length;
    return has_header(column) ? length == -1 : length > 0;
  });
}

Result<PageSearch::Outcome> PageSearch::search(const SearchedRelation& relation, int64_t first, int64_t past,
                                               const ports::SurvivorSearch& search, Lookers& lookers,
                                               const StopFlag& stop) const {
  Outcome outcome;
  PagesLook looks(relation, attributes_.at(relation.oid), data_, search, lookers);
  std::string buffer;
  os::Descriptor file;
  int64_t opened = -1;
  std::string path;
  for (int64_t at = first; at < past && outcome.complete;) {
    YTB_TRY(stop.check());
    constexpr auto kPages = static_cast<int64_t>(kSegmentPages);
    const int64_t segment = at / kPages;
    if (segment != opened) {
      path = segment_path(os::join_path(data_, relation.file), static_cast<uint64_t>(segment));
      file = os::Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
      if (!file.valid()) return os::system_error("open", path, errno);
      opened = segment;
    }
    const int64_t count = std::min({kBlockPages, past - at, (segment + 1) * kPages - at});
    buffer.resize(static_cast<size_t>(count) * kPageBytes);
    YTB_ASSIGN(size_t have,
               os::read_at(file, buffer, static_cast<uint64_t>(at - segment * kPages) * kPageBytes, path));
    outcome.complete = have == buffer.size();
    for (int64_t i = 0; i < count && outcome.complete; ++i) {
      outcome.complete =
          looks.look_at(std::string_view(buffer).substr(static_cast<size_t>(i) * kPageBytes, kPageBytes),
                        at + i, outcome.to_ask);
    }
    at += count;
  }
  looks.finish(outcome.complete);
  return outcome;
}

}  // namespace ytb::postgres
