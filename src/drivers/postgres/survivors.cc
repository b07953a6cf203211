#include "drivers/postgres/survivors.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/text.h"
#include "drivers/postgres/catalog_reader.h"
#include "drivers/postgres/definition_reader.h"
#include "drivers/postgres/rds_survivors.h"
#include "drivers/postgres/worker_pool.h"
#include "masking/copy_text.h"
#include "masking/masker.h"
#include "masking/names.h"
#include "masking/originals.h"
#include "masking/signs.h"
#include "masking/text_codec.h"

namespace ytb::postgres {
namespace {

using masking::ColumnLook;

struct SearchedColumn {
  std::string name;
  ColumnLook look;
  uint32_t place = 0;
  std::shared_ptr<const masking::Masker> kept;  // of a masked document: what it keeps; null: all
};

// Of a longer value nothing is read: as text it would not fit into a row of COPY.
constexpr int64_t kValueBytesMax = 256L << 20;
// No relation of fewer bytes holds such a value, however well it is compressed.
constexpr int64_t kLongValuesFrom = 1L << 20;

struct SearchedRelation {
  masking::QualifiedName name;
  int64_t oid = 0;
  int64_t pages = 0;
  bool counts_long = false;  // how many values of a row are too long: a last column says it
  bool computed = false;     // columns that are computed when they are read, which may fail
  // What it is read in: a byte that stands for no character is none that the server would convert.
  std::shared_ptr<const masking::TextCodec> encoding;  // null: the server gives UTF-8
  std::vector<SearchedColumn> columns;
};

// Lookers: threads that take rows of COPY's text format apart and look at their values, while the caller
// reads on. A row may be large: what waits and is looked at together is bounded by its bytes.
class Lookers {
 public:
  struct Batch {
    const SearchedRelation* relation = nullptr;  // outlives the lookers
    std::string lines;                           // whole ones
    uint64_t rows_before = 0;
  };
  Lookers(ports::SurvivorSearch& search, std::string database)
      : search_(search), database_(std::move(database)) {
    const int threads = std::clamp(search.workers, 1, kThreadsMax);
    threads_.reserve(static_cast<size_t>(threads));
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  ~Lookers() { end(); }
  Lookers(const Lookers&) = delete;
  Lookers& operator=(const Lookers&) = delete;

  // Waits until there is room. The error of a looker: give no more.
  Status give(Batch batch) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return taken_bytes_ == 0 || taken_bytes_ + batch.lines.size() <= kBytesMax; });
    if (!failed_.ok()) return failed_;
    taken_bytes_ += batch.lines.size();
    waiting_.push_back(std::move(batch));
    changed_.notify_all();
    return {};
  }
  Status finish() {
    end();
    search_.values += values_;
    search_.bytes += bytes_;
    search_.signs.insert(signs_.begin(), signs_.end());  // of a database's places, which are looked at once
    for (const auto& [relation, count] : too_long_) {
      search_.unread.push_back(fmt::format("{} {} ({} rows with values of more than {})",
                                           printable(database_), to_string(relation->name),
                                           with_commas(count), human_bytes(kValueBytesMax)));
    }
    return failed_;
  }

 private:
  static constexpr int kThreadsMax = 64;
  static constexpr size_t kBytesMax = 16UL << 20;
  // By one looker.
  struct Seen {
    uint64_t values = 0;
    uint64_t bytes = 0;
    std::map<const SearchedRelation*, uint64_t> too_long;
    std::map<uint32_t, masking::SignCounts> signs;
  };

  void end() {
    {
      std::lock_guard lock(mutex_);
      ended_ = true;
      changed_.notify_all();
    }
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  void work() {
    masking::OriginalsSearch looking(search_.originals, search_.candidates);
    Seen seen;
    while (std::optional<Batch> batch = next()) {
      seen.bytes += batch->lines.size();
      Status looked = look_at(*batch, looking, seen);
      std::lock_guard lock(mutex_);
      if (!looked.ok() && failed_.ok()) failed_ = std::move(looked);
      taken_bytes_ -= batch->lines.size();
      changed_.notify_all();
    }
    looking.finish();
    std::lock_guard lock(mutex_);
    values_ += seen.values;
    bytes_ += seen.bytes;
    for (const auto& [relation, count] : seen.too_long) too_long_[relation] += count;
    for (const auto& [place, counts] : seen.signs) {
      for (size_t sign = 0; sign < counts.size(); ++sign) signs_[place][sign] += counts[sign];
    }
  }
  std::optional<Batch> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_ || !waiting_.empty(); });
    if (waiting_.empty()) return std::nullopt;
    Batch batch = std::move(waiting_.front());
    waiting_.pop_front();
    return batch;
  }
  Status look_at(const Batch& batch, masking::OriginalsSearch& looking, Seen& seen) const {
    const std::vector<SearchedColumn>& columns = batch.relation->columns;
    masking::CopyTextRow row(columns.size() + (batch.relation->counts_long ? 1 : 0));
    uint64_t number = batch.rows_before;
    std::string_view rest = batch.lines;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      YTB_TRY(row.read(rest.substr(0, end), ++number));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      for (size_t i = 0; i < columns.size(); ++i) {
        const std::optional<std::string_view>& value = row.fields()[i];
        if (!value) continue;
        ++seen.values;
        look_at(columns[i], *value, batch.relation->encoding.get(), looking, seen);
      }
      if (batch.relation->counts_long && row.fields().back() != std::string_view("0"))
        ++seen.too_long[batch.relation];
    }
    return {};
  }

  // Of a document that masking wrote and is none, nothing is masked.
  void look_at(const SearchedColumn& column, std::string_view value, const masking::TextCodec* encoding,
               masking::OriginalsSearch& looking, Seen& seen) const {
    using Form = ColumnLook::Form;
    thread_local std::string utf8;
    thread_local std::string kept;
    utf8.clear();
    kept.clear();
    if (encoding != nullptr && !masking::is_ascii(value)) {
      encoding->append_readable(value, utf8);
      value = utf8;
    }
    if (column.kept != nullptr && column.kept->apply(value, {}, kept) == masking::Applied::kReplaced)
      value = kept;
    looking.look(column.place, column.look, value, search_.depth);
    if (!search_.detectors || (column.look.form != Form::kText && column.look.form != Form::kJson)) return;
    const masking::Signs signs = masking::signs_in(value);
    if (signs.none()) return;
    masking::SignCounts& counts = seen.signs[column.place];
    for (size_t sign = 0; sign < counts.size(); ++sign) counts[sign] += signs.test(sign) ? 1 : 0;
  }

  ports::SurvivorSearch& search_;
  const std::string database_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> waiting_;
  size_t taken_bytes_ = 0;  // waiting and looked at
  bool ended_ = false;
  Status failed_;
  uint64_t values_ = 0;
  uint64_t bytes_ = 0;
  std::map<const SearchedRelation*, uint64_t> too_long_;
  std::map<uint32_t, masking::SignCounts> signs_;
  std::vector<std::thread> threads_;
};

// Columns that are masked: what masking gave them is not looked at. A document may be kept in part.
using ColumnName = std::pair<masking::QualifiedName, std::string>;
std::map<ColumnName, const masking::ColumnPlan*> masked_columns(const masking::DatabasePlan& plan) {
  std::map<ColumnName, const masking::ColumnPlan*> masked;
  for (const masking::TablePlan& table : plan.tables) {
    if (table.treatment != masking::Treatment::kMask) continue;
    for (const masking::ColumnPlan& known : table.columns) {
      if (known.masked()) masked.emplace(ColumnName(table.table.name, known.column.name), &known);
    }
  }
  return masked;
}

// Beneath domains and arrays a type is what pg_catalog calls it. A domain over itself, which nobody can make
// and a hand may write, ends here, too.
constexpr std::string_view kRelations = R"sql(
    WITH RECURSIVE beneath (oid, type, is_array) AS (
      SELECT DISTINCT atttypid, atttypid, false FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
      UNION
      SELECT b.oid, CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END, b.is_array OR t.typtype <> 'd'
      FROM beneath b JOIN pg_type t ON t.oid = b.type
      WHERE t.typtype = 'd' OR (t.typcategory = 'A' AND t.typelem <> 0 AND t.typlen = -1)
    ), bases (oid, name, is_array) AS (
      SELECT b.oid, min(t.typname), bool_or(b.is_array)
      FROM beneath b JOIN pg_type t ON t.oid = b.type
      WHERE t.typnamespace = 11 AND t.typtype <> 'd'
        AND NOT (t.typcategory = 'A' AND t.typelem <> 0 AND t.typlen = -1)
      GROUP BY b.oid
    )
    SELECT n.nspname, c.relname, a.attname, coalesce(bases.name, ''), coalesce(bases.is_array, false), c.oid,
      pg_relation_size(c.oid) / current_setting('block_size')::int, pg_table_size(c.oid), a.attgenerated = 'v',
      EXISTS (SELECT FROM pg_attribute d WHERE d.attrelid = c.oid AND d.attisdropped)
    FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN bases ON bases.oid = a.atttypid
    WHERE (c.relkind = 'r' OR (c.relkind = 'm' AND c.relispopulated)) AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', $1)
    ORDER BY n.nspname, c.relname, a.attnum)sql";

// Of text and bytea: octet_length() says it without reading the value.
bool has_length(const ColumnLook& look) {
  return !look.array && (look.text || look.form == ColumnLook::Form::kBytes);
}

// A column whose values can be no original is not read: a boolean; a moment, or a small number, where nothing
// of its kind was masked.
bool may_hold_originals(const ColumnLook& look) {
  if (look.form == ColumnLook::Form::kNothing) return false;
  return look.form != ColumnLook::Form::kScalar || look.long_numbers || !look.kind.empty();
}

Result<std::vector<SearchedRelation>> relations_of(Connection& session, const masking::DatabasePlan& plan,
                                                   const std::set<std::string>& kinds,
                                                   ports::SurvivorSearch& search) {
  const std::map<ColumnName, const masking::ColumnPlan*> masked = masked_columns(plan);
  YTB_ASSIGN(Rows rows, session.query(kRelations, {std::string(kProgressSchema)}));
  std::shared_ptr<const masking::TextCodec> encoding;
  if (session.server_encoding() != "UTF8") {
    Result<masking::TextCodec> codec = masking::TextCodec::make(session.server_encoding());
    if (codec.ok()) encoding = std::make_shared<const masking::TextCodec>(std::move(codec).value());
  }
  std::vector<SearchedRelation> relations;
  std::set<std::string> partly;  // relations with more in their rows than what is read
  for (int row = 0; row < rows.count(); ++row) {
    const std::string relation_of_row = fmt::format("{} {}", plan.database.name, rows.at(row, 5));
    search.kept_relations.insert(relation_of_row);
    if (rows.truth(row, 9)) partly.insert(relation_of_row);  // what was dropped stays in the rows
    const masking::QualifiedName name{.schema = rows.text(row, 0), .name = rows.text(row, 1)};
    const std::string column = rows.text(row, 2);
    std::shared_ptr<const masking::Masker> kept;
    if (auto found = masked.find({name, column}); found != masked.end()) {
      partly.insert(relation_of_row);
      if (found->second->masker.name != "json") continue;
      YTB_ASSIGN(kept, masking::compile_kept_json(found->second->masker));
    }
    masking::ColumnLook look = masking::look_of(rows.at(row, 3), rows.truth(row, 4), column);
    if (!kinds.contains(look.kind)) look.kind.clear();
    if (!may_hold_originals(look)) continue;
    const bool computed = rows.truth(row, 8);
    if (relations.empty() || relations.back().name != name || relations.back().computed || computed) {
      relations.push_back({.name = name,
                           .oid = rows.integer(row, 5),
                           .pages = rows.integer(row, 6),
                           .computed = computed,
                           .encoding = encoding,
                           .columns = {}});
    }
    SearchedRelation& relation = relations.back();
    relation.counts_long =
        relation.counts_long || (rows.integer(row, 7) >= kLongValuesFrom && has_length(look));
    const uint32_t place = add_place(search, plan.database.name, masking::to_string(name, column));
    search.relations[place] = relation_of_row;
    relation.columns.push_back({.name = column, .look = look, .place = place, .kept = std::move(kept)});
  }
  for (const std::string& relation : partly) search.kept_relations.erase(relation);
  return relations;
}

// `where`: of the statement, "" for all rows.
Status search_relation(Connection& session, const SearchedRelation& relation, const std::string& where,
                       const ports::SurvivorSearch& search, Lookers& lookers, const StopFlag& stop) {
  const bool whole = search.depth == masking::SearchDepth::kWhole;
  const size_t text_max = search.originals.text_bytes_max();
  constexpr size_t kBatchBytes = 256UL << 10;
  if (relation.encoding != nullptr) YTB_TRY(session.use_server_encoding());  // names are written in it, too
  std::string columns;
  std::string too_long;
  for (const SearchedColumn& column : relation.columns) {
    const std::string name = session.identifier(column.name);
    const bool bounded = (whole && column.look.text) || (relation.counts_long && has_length(column.look));
    const int64_t limit = whole && column.look.text ? static_cast<int64_t>(text_max) : kValueBytesMax;
    columns += columns.empty() ? "" : ", ";
    columns += bounded
                   ? fmt::format("CASE WHEN pg_catalog.octet_length({0}) <= {1} THEN {0} END", name, limit)
                   : name;
    if (!bounded || limit < kValueBytesMax) continue;
    too_long +=
        fmt::format("{}pg_catalog.octet_length({}) > {}", too_long.empty() ? "" : " OR ", name, limit);
  }
  if (relation.counts_long)
    columns += fmt::format(", CASE WHEN {} THEN 1 ELSE 0 END", too_long.empty() ? "false" : too_long);
  uint64_t rows = 0;
  Lookers::Batch batch{.relation = &relation, .lines = {}};
  auto give = [&]() -> Status {
    YTB_TRY(stop.check());
    return lookers.give(std::exchange(batch, {.relation = &relation, .lines = {}, .rows_before = rows}));
  };
  auto take_row = [&](std::string_view line) -> Status {
    batch.lines.append(line);
    if (!line.ends_with('\n')) batch.lines.push_back('\n');
    ++rows;
    return batch.lines.size() < kBatchBytes ? Status() : give();
  };
  Status copied =
      session.copy_out(fmt::format("COPY (SELECT {} FROM ONLY {}{}) TO STDOUT", columns,
                                   session.qualified(relation.name.schema, relation.name.name), where),
                       take_row);
  Status back = relation.encoding != nullptr ? session.use_utf8() : Status();
  YTB_TRY(std::move(copied));
  YTB_TRY(std::move(back));
  return batch.lines.empty() ? Status() : give();
}

// What cannot be computed is told, and nobody else can read it whole either.
Status search_computed(Connection& session, const SearchedRelation& relation, ports::SurvivorSearch& search,
                       Lookers& lookers, const StopFlag& stop) {
  YTB_TRY(session.execute("SAVEPOINT computed"));
  Status read = search_relation(session, relation, "", search, lookers, stop);
  if (read.ok()) return session.execute("RELEASE computed");
  YTB_TRY(stop.check());
  YTB_TRY(session.execute("ROLLBACK TO computed"));
  search.unread.push_back(search.places.at(relation.columns.front().place) + " (it cannot be computed)");
  return {};
}

// Ranges of a relation's pages, as conditions. Before 14 a condition on ctid reads the whole of it.
std::vector<std::string> ranges_of(const SearchedRelation& relation, int major) {
  constexpr int64_t kRangePages = 8192;
  constexpr int kRangeScans = 14;
  std::vector<std::string> ranges;
  for (int64_t first = 0; major >= kRangeScans && first + kRangePages < relation.pages;
       first += kRangePages) {
    ranges.push_back(
        fmt::format(" WHERE ctid >= '({},0)'::pg_catalog.tid AND ctid < '({},0)'::pg_catalog.tid", first,
                    first + kRangePages));
  }
  const auto read = static_cast<int64_t>(ranges.size()) * kRangePages;
  ranges.push_back(read == 0 ? std::string() : fmt::format(" WHERE ctid >= '({},0)'::pg_catalog.tid", read));
  return ranges;
}

// One place for all of them: their numbers say nothing to anybody.
Status search_large_objects(Connection& session, const masking::DatabasePlan& plan,
                            ports::SurvivorSearch& search, const StopFlag& stop) {
  YTB_ASSIGN(std::string any, session.value("SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject)"));
  if (any != "t") return {};
  constexpr size_t kPieceBytes = 16UL << 20;  // of a larger object
  constexpr size_t kOverlapBytes = 512;       // what a longer object's pieces share
  const uint32_t place = add_place(search, plan.database.name, "large objects");
  masking::OriginalsSearch looking(search.originals, search.candidates);
  const ColumnLook as_bytes = masking::look_of("bytea", false, "");
  masking::CopyTextRow row(2);
  std::string object;
  std::string content = "\\x";
  uint64_t pages = 0;
  auto look = [&](size_t keep) {
    if (content.size() > 2) looking.look(place, as_bytes, content, search.depth);
    content.erase(2, content.size() - 2 - std::min(keep, content.size() - 2));
  };
  auto take_page = [&](std::string_view line) -> Status {
    YTB_TRY(stop.check());
    if (line.ends_with('\n')) line.remove_suffix(1);
    YTB_TRY(row.read(line, ++pages));
    const std::string_view number = row.fields()[0].value_or("");
    std::string_view data = row.fields()[1].value_or("");
    if (number != object) {
      look(0);
      object = number;
      ++search.values;
    } else if (content.size() > 2 * kPieceBytes) {
      look(2 * kOverlapBytes);
    }
    if (data.starts_with("\\x")) data.remove_prefix(2);
    content.append(data);
    search.bytes += data.size() / 2;
    return {};
  };
  YTB_TRY(session.copy_out(
      "COPY (SELECT loid, data FROM pg_catalog.pg_largeobject ORDER BY loid, pageno) TO STDOUT", take_page));
  look(0);
  looking.finish();
  return {};
}

}  // namespace

uint32_t add_place(ports::SurvivorSearch& search, std::string_view database, std::string_view what) {
  search.places.push_back(fmt::format("{} {}", printable(database), printable(what)));
  return static_cast<uint32_t>(search.places.size() - 1);
}

Status search_values(const ports::SessionTarget& target, Connection& session,
                     const masking::DatabasePlan& plan, const std::set<std::string>& kinds,
                     const std::set<int64_t>& coded, ports::SurvivorSearch& search, ports::Progress& progress,
                     const StopFlag& stop) {
  const std::string& database = plan.database.name;
  YTB_ASSIGN(std::vector<SearchedRelation> relations, relations_of(session, plan, kinds, search));
  Lookers lookers(search, database);
  WorkerPool pool(target, search.workers, stop);
  for (const SearchedRelation& relation : relations) {
    if (coded.contains(relation.oid) || relation.computed) continue;
    for (std::string& where : ranges_of(relation, session.major())) {
      pool.add(0, {database, [&, where = std::move(where)](Connection& reader) {
                     return search_relation(reader, relation, where, search, lookers, stop);
                   }});
    }
  }
  YTB_TRY(pool.run([&] { progress.update({.stage = "search", .item = database}); }));
  for (const SearchedRelation& relation : relations) {
    if (!coded.contains(relation.oid) && !relation.computed) continue;
    progress.update({.stage = "search", .item = fmt::format("{} {}", database, to_string(relation.name))});
    YTB_TRY(relation.computed ? search_computed(session, relation, search, lookers, stop)
                              : search_relation(session, relation, "", search, lookers, stop));
  }
  YTB_TRY(lookers.finish());
  if (session.kind() != SessionKind::kMaster) return search_large_objects(session, plan, search, stop);
  YTB_TRY(search_statistics_as_master(session, plan, search));
  return search_large_objects_as_master(session, plan, search, stop);
}

Status search_definitions(Connection& session, const masking::DatabasePlan& plan, bool servers_too,
                          ports::SurvivorSearch& search) {
  const std::string& database = plan.database.name;
  auto place_of = [&](bool of_server, std::string_view what) {
    return add_place(search, of_server ? std::string_view("server") : std::string_view(database), what);
  };
  masking::OriginalsSearch looking(search.originals, search.candidates);
  YTB_TRY(read_definitions(session, [&](const Definition& definition) {
    if (definition.of_server && !servers_too) return;
    ++search.values;
    search.bytes += definition.text.size();
    const uint32_t place = place_of(definition.of_server, definition.object);
    if (definition.is == Definition::Text::kProse) {
      looking.look(place, definition.text, search.depth);
    } else {
      const bool sql = definition.is == Definition::Text::kSql;
      looking.look_code(place, definition.text, sql ? masking::CodeOf::kSql : masking::CodeOf::kOther,
                        search.depth);
    }
  }));
  YTB_ASSIGN(Rows settings, session.query(R"sql(
    SELECT concat('settings of ', coalesce('role ' || r.rolname, 'the database')), set.line, s.setdatabase = 0
    FROM pg_catalog.pg_db_role_setting s
      LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
      LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
      CROSS JOIN LATERAL unnest(s.setconfig) AS set (line)
    WHERE s.setdatabase = 0 OR d.datname = pg_catalog.current_database())sql"));
  for (int row = 0; row < settings.count(); ++row) {
    const bool of_server = settings.truth(row, 2);
    if (of_server && !servers_too) continue;
    ++search.values;
    looking.look(place_of(of_server, settings.at(row, 0)), settings.at(row, 1), search.depth);
  }
  looking.finish();
  return {};
}

}  // namespace ytb::postgres
