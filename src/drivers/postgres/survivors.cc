#include "drivers/postgres/survivors.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "drivers/postgres/catalog_reader.h"
#include "drivers/postgres/definition_reader.h"
#include "drivers/postgres/page_search.h"
#include "drivers/postgres/rds_survivors.h"
#include "drivers/postgres/searched_values.h"
#include "drivers/postgres/stray_files.h"
#include "drivers/postgres/worker_pool.h"
#include "masking/copy_text.h"
#include "masking/masker.h"
#include "masking/names.h"
#include "masking/originals.h"
#include "masking/text_codec.h"

namespace ytb::postgres {
namespace {

using masking::ColumnLook;

// No relation of fewer bytes holds such a value, however well it is compressed.
constexpr int64_t kLongValuesFrom = 1L << 20;

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

constexpr std::string_view kRelations = R"sql(
    WITH RECURSIVE {}
    SELECT n.nspname, c.relname, a.attname, coalesce(bases.name, ''), coalesce(bases.is_array, false), c.oid,
      pg_relation_size(c.oid) / current_setting('block_size')::int, pg_table_size(c.oid), a.attgenerated = 'v',
      EXISTS (SELECT FROM pg_attribute d WHERE d.attrelid = c.oid AND d.attisdropped), a.attnum,
      CASE WHEN c.relpersistence = 'p' AND c.relam = 2 THEN pg_relation_filepath(c.oid) END,
      CASE WHEN a.atthasmissing THEN (a.attmissingval::text::text[])[1] END, coalesce(bases.nested, false)
    FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN bases ON bases.oid = a.atttypid
    WHERE (c.relkind = 'r' OR (c.relkind = 'm' AND c.relispopulated)) AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', $1)
    ORDER BY n.nspname, c.relname, a.attnum)sql";

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
  YTB_ASSIGN(Rows rows, session.query(fmt::format(kRelations, kBaseTypes), {std::string(kProgressSchema)}));
  std::shared_ptr<const masking::TextCodec> encoding;
  bool decodes = true;  // what lies in pages; else only the server makes UTF-8 of it
  if (session.server_encoding() != "UTF8") {
    Result<masking::TextCodec> codec = masking::TextCodec::make(session.server_encoding());
    decodes = codec.ok();
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
                           .file = !decodes || rows.is_null(row, 11) ? std::string() : rows.text(row, 11),
                           .computed = computed,
                           .encoding = encoding,
                           .columns = {}});
    }
    SearchedRelation& relation = relations.back();
    relation.counts_long =
        relation.counts_long || (rows.integer(row, 7) >= kLongValuesFrom && has_length(look));
    const uint32_t place = add_place(search, plan.database.name, masking::to_string(name, column));
    search.relations[place] = relation_of_row;
    relation.columns.push_back(
        {.name = column,
         .look = look,
         .place = place,
         .kept = std::move(kept),
         .number = static_cast<size_t>(rows.integer(row, 10)),
         .stored = rows.truth(row, 13) ? StoredType::kUnknown : stored_type_of(rows.at(row, 3))});
    if (!rows.is_null(row, 12)) relation.columns.back().in_old_rows = rows.text(row, 12);
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

// A range of a relation's pages.
struct PageRange {
  int64_t first = 0;
  int64_t past = 0;
  std::string where;  // as a condition; "": all rows
};

// Before 14 a condition on ctid reads the whole of a relation: `whole` then.
std::vector<PageRange> ranges_of(const SearchedRelation& relation, bool whole) {
  constexpr int64_t kRangePages = 8192;
  std::vector<PageRange> ranges;
  int64_t first = 0;
  for (; !whole && first + kRangePages < relation.pages; first += kRangePages) {
    ranges.push_back(
        {.first = first,
         .past = first + kRangePages,
         .where = fmt::format(" WHERE ctid >= '({},0)'::pg_catalog.tid AND ctid < '({},0)'::pg_catalog.tid",
                              first, first + kRangePages)});
  }
  ranges.push_back(
      {.first = first,
       .past = relation.pages,
       .where = first == 0 ? std::string() : fmt::format(" WHERE ctid >= '({},0)'::pg_catalog.tid", first)});
  return ranges;
}

// Rows of which only the server can read a value.
Status ask_for_rows(Connection& session, const SearchedRelation& relation,
                    const std::vector<PageSearch::RowAt>& rows, const ports::SurvivorSearch& search,
                    Lookers& lookers, const StopFlag& stop) {
  constexpr size_t kRowsMax = 20'000;
  if (rows.empty()) return {};
  // So many rows at once, and the planner would read the whole table for each of these queries.
  YTB_TRY(session.execute("SET enable_seqscan = off"));
  for (size_t first = 0; first < rows.size(); first += kRowsMax) {
    std::string list;
    for (size_t i = first; i < std::min(rows.size(), first + kRowsMax); ++i)
      list += fmt::format("{}\"({},{})\"", list.empty() ? "" : ",", rows[i].page, rows[i].item);
    YTB_TRY(search_relation(session, relation,
                            fmt::format(" WHERE ctid = ANY ('{{{}}}'::pg_catalog.tid[])", list), search,
                            lookers, stop));
  }
  return session.execute("RESET enable_seqscan");
}

// What the server gives for a column in rows that are older than it stands in none of them.
void look_at_old_rows(const SearchedRelation& relation, const ports::SurvivorSearch& search,
                      Lookers& lookers) {
  const SearchedRelation in_utf8{.name = relation.name};  // as the catalog was read
  ValueLooks looks(search);
  for (const SearchedColumn& column : relation.columns) {
    if (column.in_old_rows) looks.look(in_utf8, column, *column.in_old_rows);
  }
  looks.finish();
  lookers.add(looks.counts());
}

Status search_range(Connection& session, const SearchedRelation& relation, const PageRange& range,
                    const PageSearch* pages, const ports::SurvivorSearch& search, Lookers& lookers,
                    const StopFlag& stop) {
  if (pages == nullptr) return search_relation(session, relation, range.where, search, lookers, stop);
  YTB_ASSIGN(PageSearch::Outcome read,
             pages->search(relation, range.first, range.past, search, lookers, stop));
  if (!read.complete) {
    lookers.tell_unread(relation, "deleted rows: a page is not as it should be");
    return search_relation(session, relation, range.where, search, lookers, stop);
  }
  return ask_for_rows(session, relation, read.to_ask, search, lookers, stop);
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

Status search_values(const ports::SessionTarget& target, Connection& session,
                     const masking::DatabasePlan& plan, const std::set<std::string>& kinds,
                     const std::set<int64_t>& coded, ports::SurvivorSearch& search, ports::Progress& progress,
                     const StopFlag& stop) {
  constexpr int kRangeScans = 14;
  const std::string& database = plan.database.name;
  YTB_ASSIGN(std::vector<SearchedRelation> relations, relations_of(session, plan, kinds, search));
  std::optional<PageSearch> pages;
  if (session.kind() == SessionKind::kCopy) {
    YTB_TRY(session.execute("CHECKPOINT"));
    YTB_ASSIGN(std::string data, data_folder(session));
    YTB_ASSIGN(pages, PageSearch::make(session, std::move(data)));
  }
  Lookers lookers(search, database);
  WorkerPool pool(target, search.workers, stop);
  for (const SearchedRelation& relation : relations) {
    if (coded.contains(relation.oid) || relation.computed) continue;
    const PageSearch* by_pages = pages && pages->can_read(relation) ? &*pages : nullptr;
    if (by_pages != nullptr) look_at_old_rows(relation, search, lookers);
    for (PageRange& range : ranges_of(relation, by_pages == nullptr && session.major() < kRangeScans)) {
      pool.add(0, {database, [&, by_pages, range = std::move(range)](Connection& reader) {
                     return search_range(reader, relation, range, by_pages, search, lookers, stop);
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
  YTB_TRY(search_statistics_as_master(session, plan, search, stop));
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
