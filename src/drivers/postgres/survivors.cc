#include "drivers/postgres/survivors.h"

#include <fmt/format.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "drivers/postgres/catalog_reader.h"
#include "drivers/postgres/definition_reader.h"
#include "masking/copy_text.h"
#include "masking/names.h"
#include "masking/originals.h"

namespace ytb::postgres {
namespace {

struct SearchedColumn {
  std::string name;
  bool json = false;
  uint32_t place = 0;
};

struct SearchedRelation {
  masking::QualifiedName name;
  std::vector<SearchedColumn> columns;
};

// Names of columns whose values are pseudonyms, with their tables': what masking gave them is not looked at.
using ColumnName = std::pair<masking::QualifiedName, std::string>;
std::set<ColumnName> masked_columns(const masking::DatabasePlan& plan) {
  std::set<ColumnName> masked;
  for (const masking::TablePlan& table : plan.tables) {
    if (table.treatment != masking::Treatment::kMask) continue;
    for (const masking::ColumnPlan& known : table.columns) {
      if (known.masker.name != "keep" && !known.column.generated)
        masked.emplace(table.table.name, known.column.name);
    }
  }
  return masked;
}

uint32_t add_place(ports::SurvivorSearch& search, std::string_view database, std::string_view what) {
  search.places.push_back(fmt::format("{} {}", printable(database), printable(what)));
  return static_cast<uint32_t>(search.places.size() - 1);
}

Result<std::vector<SearchedRelation>> relations_of(Connection& session, const masking::DatabasePlan& plan,
                                                   ports::SurvivorSearch& search) {
  YTB_ASSIGN(Rows rows, session.query(R"sql(
    SELECT n.nspname, c.relname, a.attname, t.typname IN ('json', 'jsonb') AND t.typnamespace = 11
    FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_type t ON t.oid = a.atttypid
    WHERE (c.relkind = 'r' OR (c.relkind = 'm' AND c.relispopulated)) AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', $1)
    ORDER BY n.nspname, c.relname, a.attnum)sql",
                                      {std::string(kProgressSchema)}));
  const std::set<ColumnName> masked = masked_columns(plan);
  std::vector<SearchedRelation> relations;
  for (int row = 0; row < rows.count(); ++row) {
    const masking::QualifiedName name{.schema = rows.text(row, 0), .name = rows.text(row, 1)};
    const std::string column = rows.text(row, 2);
    if (masked.contains({name, column})) continue;
    if (relations.empty() || relations.back().name != name)
      relations.push_back({.name = name, .columns = {}});
    relations.back().columns.push_back(
        {.name = column,
         .json = rows.truth(row, 3),
         .place = add_place(search, plan.database.name, masking::to_string(name, column))});
  }
  return relations;
}

Status search_relation(Connection& session, const SearchedRelation& relation,
                       masking::OriginalsSearch& looking, ports::SurvivorSearch& search,
                       const StopFlag& stop) {
  constexpr uint64_t kRowsBetweenStops = 10'000;
  std::string columns;
  for (const SearchedColumn& column : relation.columns) {
    columns += (columns.empty() ? "" : ", ") + session.identifier(column.name);
  }
  masking::CopyTextRow row(relation.columns.size());
  uint64_t rows = 0;
  return session.copy_out(fmt::format("COPY (SELECT {} FROM ONLY {}) TO STDOUT", columns,
                                      session.qualified(relation.name.schema, relation.name.name)),
                          [&](std::string_view line) -> Status {
                            if (++rows % kRowsBetweenStops == 0) YTB_TRY(stop.check());
                            search.bytes += line.size();
                            if (line.ends_with('\n')) line.remove_suffix(1);
                            YTB_TRY(row.read(line, rows));
                            for (size_t i = 0; i < relation.columns.size(); ++i) {
                              if (!row.fields()[i]) continue;
                              ++search.values;
                              const SearchedColumn& column = relation.columns[i];
                              if (column.json) {
                                looking.look_json(column.place, *row.fields()[i], search.depth);
                              } else {
                                looking.look(column.place, *row.fields()[i], search.depth);
                              }
                            }
                            return {};
                          });
}

}  // namespace

Status search_database(Connection& session, const masking::DatabasePlan& plan, ports::SurvivorSearch& search,
                       ports::Progress& progress, const StopFlag& stop) {
  const std::string& database = plan.database.name;
  YTB_ASSIGN(std::vector<SearchedRelation> relations, relations_of(session, plan, search));
  masking::OriginalsSearch looking(search.originals, search.candidates);
  for (const SearchedRelation& relation : relations) {
    YTB_TRY(stop.check());
    progress.update({.stage = "search", .item = fmt::format("{} {}", database, to_string(relation.name))});
    YTB_TRY(search_relation(session, relation, looking, search, stop));
  }
  // The words of a definition are keywords and names, too: what is found in one is worth a look all the same.
  YTB_TRY(read_definitions(session, [&](std::string_view object, std::string_view text) {
    ++search.values;
    search.bytes += text.size();
    looking.look(add_place(search, database, object), text, search.depth);
  }));
  looking.finish();
  return {};
}

}  // namespace ytb::postgres
