// What the search for originals reads of a database, and how one value of it is looked at, whichever way it
// was read: from COPY (survivors.h) or from the pages that it lies in (page_search.h).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/stored_text.h"
#include "masking/catalog.h"
#include "masking/masker.h"
#include "masking/originals.h"
#include "masking/signs.h"
#include "masking/text_codec.h"
#include "ports/engine.h"

namespace ytb::postgres {

struct SearchedColumn {
  std::string name;
  masking::ColumnLook look;
  uint32_t place = 0;
  std::shared_ptr<const masking::Masker> kept{};  // of a masked document: what it keeps; null: all
  size_t number = 0;                              // attnum
  std::optional<std::string> in_old_rows{};       // of rows that are older than the column, as text
  StoredType stored = StoredType::kUnknown;
};

struct SearchedRelation {
  masking::QualifiedName name;
  int64_t oid = 0;
  int64_t pages = 0;
  std::string file{};        // relative to the data directory, where its pages are its rows; "": they are not
  bool counts_long = false;  // how many values of a row are too long: a last column says it
  bool computed = false;     // columns that are computed when they are read, which may fail
  // What it is read in: a byte that stands for no character is none that the server would convert.
  std::shared_ptr<const masking::TextCodec> encoding{};  // null: the server gives UTF-8
  std::vector<SearchedColumn> columns{};
};

// Of a longer value nothing is read: as text it would not fit into a row of COPY.
constexpr int64_t kValueBytesMax = 256L << 20;
// Of text and bytea: octet_length() says it without reading the value.
inline bool has_length(const masking::ColumnLook& look) {
  return !look.array && (look.text || look.form == masking::ColumnLook::Form::kBytes);
}

// Of a WITH RECURSIVE: bases (oid, name, is_array, nested), the last of arrays whose elements are arrays
// again, by a domain. Beneath domains and arrays a type is what pg_catalog calls it. A domain over itself,
// which nobody can make and a hand may write, ends here, too.
inline constexpr std::string_view kBaseTypes = R"sql(
    beneath (oid, type, arrays) AS (
      SELECT DISTINCT atttypid, atttypid, 0 FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
      UNION
      SELECT b.oid, CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END,
             least(b.arrays + (t.typtype <> 'd')::int, 2)
      FROM beneath b JOIN pg_type t ON t.oid = b.type
      WHERE t.typtype = 'd' OR (t.typcategory = 'A' AND t.typelem <> 0 AND t.typlen = -1)
    ), bases (oid, name, is_array, nested) AS (
      SELECT b.oid, min(t.typname), max(b.arrays) > 0, max(b.arrays) > 1
      FROM beneath b JOIN pg_type t ON t.oid = b.type
      WHERE t.typnamespace = 11 AND t.typtype <> 'd'
        AND NOT (t.typcategory = 'A' AND t.typelem <> 0 AND t.typlen = -1)
      GROUP BY b.oid
    ))sql";

// What is looked at next, as the proof calls it: its number.
uint32_t add_place(ports::SurvivorSearch& search, std::string_view database, std::string_view what);

// One thread's looks.
class ValueLooks {
 public:
  struct Counts {
    uint64_t values = 0;
    uint64_t bytes = 0;
    std::map<const SearchedRelation*, uint64_t> too_long{};  // rows
    std::map<uint32_t, masking::SignCounts> signs{};         // by place
    void add(const Counts& more);
  };
  explicit ValueLooks(const ports::SurvivorSearch& search);
  // `value`: as COPY's text format has it, without that format's escapes, in the relation's encoding.
  void look(const SearchedRelation& relation, const SearchedColumn& column, std::string_view value);
  // A value as it is stored, of column.stored, at a place of its own where its row may be gone. False: it is
  // none such.
  bool look_stored(const SearchedRelation& relation, const SearchedColumn& column, uint32_t place,
                   std::string_view value);
  void finish() { looking_.finish(); }
  [[nodiscard]] Counts& counts() { return counts_; }

 private:
  enum class Learning { kYes, kNo };  // kNo: what it is part of is learned as a whole
  // The signs in it.
  masking::Signs look_at(const SearchedRelation& relation, const SearchedColumn& column, uint32_t place,
                         const masking::ColumnLook& as, std::string_view value, Learning learning);
  void count(uint32_t place, masking::Signs signs);
  const ports::SurvivorSearch& search_;
  masking::OriginalsSearch looking_;
  Counts counts_;
  std::string utf8_;
  std::string kept_;
  std::string text_;
};

// Threads that take rows of COPY's text format apart and look at their values, while the caller reads on. A
// row may be large: what waits and is looked at together is bounded by its bytes.
class Lookers {
 public:
  struct Batch {
    const SearchedRelation* relation = nullptr;  // outlives the lookers
    std::string lines{};                         // whole ones
    uint64_t rows_before = 0;
  };
  Lookers(ports::SurvivorSearch& search, std::string database);
  ~Lookers() { end(); }
  Lookers(const Lookers&) = delete;
  Lookers& operator=(const Lookers&) = delete;

  // Waits until there is room. The error of a looker: give no more.
  Status give(Batch batch);
  // What somebody else has seen. Thread-safe.
  void add(const ValueLooks::Counts& seen);
  // That not all of a relation was looked at, said once for each reason. Thread-safe.
  void tell_unread(const SearchedRelation& relation, const std::string& what);
  // The place of those rows of a column that `which` says (SurvivorSearch::kDeletedRows). Thread-safe.
  uint32_t place_of(const SearchedRelation& relation, const SearchedColumn& column, std::string_view which);
  Status finish();

 private:
  static constexpr int kThreadsMax = 64;
  static constexpr size_t kBytesMax = 16UL << 20;
  void end();
  void work();
  std::optional<Batch> next();
  static Status look_at(const Batch& batch, ValueLooks& looks);

  ports::SurvivorSearch& search_;
  const std::string database_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> waiting_;
  size_t taken_bytes_ = 0;  // waiting and looked at
  bool ended_ = false;
  Status failed_;
  ValueLooks::Counts seen_;
  std::map<std::pair<uint32_t, std::string>, uint32_t> apart_;  // places of rows that are told apart
  std::vector<std::thread> threads_;
};

}  // namespace ytb::postgres
