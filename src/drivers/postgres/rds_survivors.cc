#include "drivers/postgres/rds_survivors.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "drivers/postgres/catalog_reader.h"
#include "drivers/postgres/searched_values.h"
#include "masking/copy_text.h"
#include "masking/names.h"
#include "masking/originals.h"

namespace ytb::postgres {
namespace {

// Of the values themselves: frequencies and the like say nothing of anybody. {0}: the touched tables. What
// they, their ancestors and materialized views have was made anew. {1}: what only later versions have; {2}:
// the types. A list is an array's text; of several columns together there are values one by one.
constexpr std::string_view kStatistics = R"sql(
    WITH RECURSIVE {2}, anew (oid) AS (
      SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE (n.nspname, c.relname) IN ({0}) OR c.relkind = 'm'
      UNION
      SELECT i.inhparent FROM anew JOIN pg_catalog.pg_inherits i ON i.inhrelid = anew.oid
    ), lists (schema, relation, what, of_column, list, is_list) AS (
      SELECT s.schemaname, s.tablename, s.attname, s.attname, kept.list, true
      FROM pg_catalog.pg_stats s
        CROSS JOIN LATERAL (VALUES (s.most_common_vals::text), (s.histogram_bounds::text),
                                   (s.most_common_elems::text)) AS kept (list)
      UNION ALL
      SELECT e.schemaname, e.tablename, e.statistics_name, e.attnames[j], e.most_common_vals[i][j], false
      FROM pg_catalog.pg_stats_ext e
        CROSS JOIN LATERAL pg_catalog.generate_subscripts(e.most_common_vals, 1) AS i
        CROSS JOIN LATERAL pg_catalog.generate_subscripts(e.most_common_vals, 2) AS j{1}
    )
    SELECT schema, relation, what, value, is_list OR coalesce(bases.is_array, false), coalesce(of_column, ''),
           coalesce(bases.name, 'text')
    FROM lists
      JOIN pg_catalog.pg_namespace n ON n.nspname = schema
      JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = relation
      LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
      LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = of_column
      LEFT JOIN bases ON bases.oid = a.atttypid
      CROSS JOIN LATERAL (
        SELECT list WHERE NOT (is_list AND coalesce(bases.is_array, false))
        UNION ALL
        SELECT pg_catalog.unnest(list::text[]) WHERE is_list AND bases.is_array  -- a list of lists
      ) AS each (value)
    WHERE list IS NOT NULL AND schema NOT IN ('pg_catalog', 'information_schema', {3})
      AND coalesce(i.indrelid, c.oid) NOT IN (SELECT oid FROM anew)
    ORDER BY schema, relation, what)sql";
constexpr int kExpressionStatistics = 14;
constexpr std::string_view kOfExpressions = R"sql(
      UNION ALL
      SELECT x.schemaname, x.tablename, x.statistics_name, NULL, kept.list, true
      FROM pg_catalog.pg_stats_ext_exprs x
        CROSS JOIN LATERAL (VALUES (x.most_common_vals::text), (x.histogram_bounds::text),
                                   (x.most_common_elems::text)) AS kept (list))sql";

// As rows of SQL, of which there is at least one.
std::string touched_tables(const Connection& session, const masking::DatabasePlan& plan) {
  std::string rows = "(NULL, NULL)";
  for (const masking::TablePlan& table : plan.tables) {
    if (!plan.omitted && table.treatment == masking::Treatment::kKeep) continue;
    rows += fmt::format(", ({}, {})", session.literal(table.table.name.schema),
                        session.literal(table.table.name.name));
  }
  return rows;
}

constexpr int64_t kPieceBytes = 16L << 20;
constexpr int64_t kOverlapBytes = 512;  // what two pieces of a longer object share

// The pieces that begin at `offset`. `objects`: of which; empty: of all. Those that have more are given back.
Result<std::vector<std::string>> look_at_pieces(Connection& session, int64_t offset,
                                                const std::vector<std::string>& objects, uint32_t place,
                                                ports::SurvivorSearch& search,
                                                masking::OriginalsSearch& looking, const StopFlag& stop) {
  const masking::ColumnLook as_bytes = masking::look_of("bytea", false, "");
  masking::CopyTextRow row(2);
  std::vector<std::string> longer;
  uint64_t rows = 0;
  auto take_piece = [&](std::string_view line) -> Status {
    YTB_TRY(stop.check());
    if (line.ends_with('\n')) line.remove_suffix(1);
    YTB_TRY(row.read(line, ++rows));
    const std::string_view content = row.fields()[1].value_or("");
    const size_t bytes = content.size() < 2 ? 0 : (content.size() - 2) / 2;  // "\x" and two digits each
    if (offset == 0) ++search.values;
    search.bytes += bytes;
    if (bytes > 0) looking.look(place, as_bytes, content, search.depth);
    if (bytes == kPieceBytes) longer.emplace_back(row.fields()[0].value_or(""));
    return {};
  };
  const std::string which =
      objects.empty() ? std::string() : fmt::format(" WHERE oid IN ({})", fmt::join(objects, ","));
  YTB_TRY(session.copy_out(fmt::format("COPY (SELECT oid, pg_catalog.lo_get(oid, {}, {}) FROM "
                                       "pg_catalog.pg_largeobject_metadata{} ORDER BY oid) TO STDOUT",
                                       offset, kPieceBytes, which),
                           take_piece));
  return longer;
}

}  // namespace

Status search_statistics_as_master(Connection& session, const masking::DatabasePlan& plan,
                                   ports::SurvivorSearch& search, const StopFlag& stop) {
  enum Column { kSchema, kRelation, kWhat, kList, kIsList, kOfColumn, kType, kColumns };
  const std::string query =
      fmt::format(kStatistics, touched_tables(session, plan),
                  session.major() >= kExpressionStatistics ? kOfExpressions : std::string_view(), kBaseTypes,
                  session.literal(kProgressSchema));
  masking::OriginalsSearch looking(search.originals, search.candidates);
  masking::CopyTextRow row(kColumns);
  std::string last;
  uint32_t place = 0;
  uint64_t rows = 0;
  auto take_list = [&](std::string_view line) -> Status {
    YTB_TRY(stop.check());
    if (line.ends_with('\n')) line.remove_suffix(1);
    YTB_TRY(row.read(line, ++rows));
    const auto at = [&](Column column) { return row.fields()[column].value_or(""); };
    const std::string column(at(kOfColumn));
    std::string what = "statistics of " + masking::to_string({.schema = std::string(at(kSchema)),
                                                              .name = std::string(at(kRelation))},
                                                             at(kWhat));
    if (what != last) {
      place = add_place(search, plan.database.name, what);
      last = std::move(what);
    }
    ++search.values;
    search.bytes += at(kList).size();
    looking.look(place, masking::look_of(at(kType), at(kIsList) == "t", column), at(kList), search.depth);
    return {};
  };
  YTB_TRY(session.copy_out("COPY (" + query + ") TO STDOUT", take_list));
  looking.finish();
  return {};
}

Status search_large_objects_as_master(Connection& session, const masking::DatabasePlan& plan,
                                      ports::SurvivorSearch& search, const StopFlag& stop) {
  YTB_ASSIGN(std::string any,
             session.value("SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)"));
  if (any != "t") return {};
  const uint32_t place = add_place(search, plan.database.name, "large objects");
  masking::OriginalsSearch looking(search.originals, search.candidates);
  YTB_TRY(session.execute("SAVEPOINT large_objects"));
  auto look = [&]() -> Status {
    std::vector<std::string> longer;
    int64_t offset = 0;
    do {
      YTB_ASSIGN(longer, look_at_pieces(session, offset, longer, place, search, looking, stop));
      offset += kPieceBytes - kOverlapBytes;
    } while (!longer.empty());
    return {};
  };
  const Status looked = look();
  looking.finish();
  if (looked.ok()) return session.execute("RELEASE large_objects");
  YTB_TRY(stop.check());
  constexpr std::string_view kInsufficientPrivilege = "42501";
  if (session.last_state() != kInsufficientPrivilege) return looked;
  YTB_TRY(session.execute("ROLLBACK TO large_objects"));
  search.unread.push_back(search.places.at(place) + " (the server does not give the master all of them)");
  return {};
}

}  // namespace ytb::postgres
