#include "drivers/postgres/aftermath.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/residue.h"
#include "drivers/postgres/suspension.h"
#include "drivers/postgres/table_work.h"

namespace ytb::postgres {
namespace {

// Every table a statement here goes over, with its quoted name.
Result<std::string> name_of_relation(Connection& session, int64_t oid) {
  YTB_ASSIGN(Rows rows,
             session.query("SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = "
                           "c.relnamespace WHERE c.oid = $1::oid",
                           {std::to_string(oid)}));
  if (rows.empty()) {
    return Error{.code = Code::kInternal, .message = fmt::format("relation {} has gone", oid), .hint = {}};
  }
  return session.qualified(rows.at(0, 0), rows.at(0, 1));
}

std::vector<int64_t> oids_of(const Rows& rows) {
  std::vector<int64_t> out;
  for (int row = 0; row < rows.count(); ++row) out.push_back(rows.integer(row, 0));
  return out;
}

// Whose session is ours runs nothing of production's here, and needs no path of theirs.
Status with_path(Connection& session, const std::string& sql) {
  if (session.kind() != SessionKind::kMaster) return session.execute(sql);
  return with_search_paths(session, [&] { return session.execute(sql); });
}

}  // namespace

Status rebuild_for_collations(Connection& session) {
  // What the library says now against what was recorded when the indexes were built. Before 15 a database's
  // own collation has no record: unknown, which is not the same.
  constexpr std::string_view kC = "('C', 'POSIX', 'C.UTF-8', 'C.utf8')";
  std::string of_database =
      session.major() >= 15
          ? "(SELECT datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid) FROM "
            "pg_database WHERE "
            "datname = current_database())"
          : fmt::format("(SELECT datcollate NOT IN {} FROM pg_database WHERE datname = current_database())",
                        kC);
  YTB_ASSIGN(
      Rows rows,
      session.query(fmt::format(
          "SELECT DISTINCT i.indexrelid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid AND "
          "c.relkind = "
          "'i' AND c.relpersistence <> 't' CROSS JOIN unnest(i.indcollation) AS k (oid) JOIN pg_collation co "
          "ON "
          "co.oid = k.oid WHERE i.indisvalid AND i.indislive AND c.oid >= 16384 AND CASE WHEN "
          "co.collprovider = 'd' THEN {} "
          "ELSE "
          "co.collname NOT IN {} AND co.collversion IS DISTINCT FROM pg_collation_actual_version(co.oid) END",
          of_database, kC)));
  for (int64_t index : oids_of(rows)) {
    YTB_ASSIGN(std::string name, name_of_relation(session, index));
    YTB_TRY(with_path(session, "REINDEX INDEX " + name));
  }
  if (session.major() >= 15) {
    YTB_ASSIGN(std::string database, session.value("SELECT current_database()"));
    YTB_TRY(session.execute(
        fmt::format("ALTER DATABASE {} REFRESH COLLATION VERSION", session.identifier(database))));
  }
  YTB_ASSIGN(Rows stale,
             session.query("SELECT n.nspname, c.collname FROM pg_collation c JOIN pg_namespace n ON n.oid = "
                           "c.collnamespace WHERE c.collprovider <> 'd' AND c.collversion IS DISTINCT FROM "
                           "pg_collation_actual_version(c.oid) AND c.collencoding IN (-1, (SELECT encoding "
                           "FROM pg_database WHERE datname = current_database()))"));
  for (int row = 0; row < stale.count(); ++row) {
    YTB_TRY(session.execute(fmt::format("ALTER COLLATION {} REFRESH VERSION",
                                        session.qualified(stale.at(row, 0), stale.at(row, 1)))));
  }
  return {};
}

namespace {

// The greatest value of a column in a table and all below it. Each by itself: to open a partitioned table
// the server compares its bounds and folds its keys, which may be production's code; and foreign tables are
// never read. "": there is none.
Result<std::string> greatest_value(Connection& session, const masking::QualifiedName& table,
                                   const std::string& column) {
  YTB_ASSIGN(Rows tables, session.query(R"sql(
    WITH RECURSIVE below (oid) AS (
      SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = $2
      UNION SELECT i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.oid)
    SELECT n.nspname, c.relname FROM below b JOIN pg_class c ON c.oid = b.oid
      JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r')sql",
                                        {table.schema, table.name}));
  std::string greatest;
  for (int row = 0; row < tables.count(); ++row) {
    YTB_ASSIGN(greatest, session.value(fmt::format(
                             "SELECT coalesce(greatest(max({})::int8, {}::int8)::text, '') FROM ONLY {}",
                             session.identifier(column), greatest.empty() ? "NULL" : greatest,
                             session.qualified(tables.at(row, 0), tables.at(row, 1)))));
  }
  return greatest;
}

// Sequences that fill a column of a table: its own, and those of the columns that it was inherited from, by
// ownership or by default.
Result<std::vector<std::string>> sequences_of(Connection& session, const masking::QualifiedName& table,
                                              const std::string& column) {
  YTB_ASSIGN(Rows rows, session.query(R"sql(
    WITH RECURSIVE up (oid) AS (
      SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = $2
      UNION SELECT i.inhparent FROM up JOIN pg_inherits i ON i.inhrelid = up.oid),
    columns (relation, number) AS (
      SELECT a.attrelid, a.attnum FROM up JOIN pg_attribute a ON a.attrelid = up.oid AND a.attname = $3
        WHERE NOT a.attisdropped),
    sequences (oid) AS (
      SELECT d.objid FROM columns k JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass
        AND d.refobjid = k.relation AND d.refobjsubid = k.number
        WHERE d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
      UNION SELECT d.refobjid FROM columns k JOIN pg_attrdef f ON f.adrelid = k.relation AND f.adnum = k.number
        JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
        WHERE d.refclassid = 'pg_class'::regclass)
    SELECT n.nspname, c.relname FROM sequences s JOIN pg_class c ON c.oid = s.oid AND c.relkind = 'S'
      JOIN pg_namespace n ON n.oid = c.relnamespace)sql",
                                      {table.schema, table.name, column}));
  std::vector<std::string> names;
  for (int row = 0; row < rows.count(); ++row)
    names.push_back(session.literal(session.qualified(rows.at(row, 0), rows.at(row, 1))));
  return names;
}

}  // namespace

Status raise_sequences(Connection& session, const masking::DatabasePlan& plan) {
  for (const masking::TablePlan& table : plan.tables) {
    if (table.treatment != masking::Treatment::kMask) continue;
    for (const masking::ColumnPlan& column : table.columns) {
      if (!column.masked() || column.column.type_class != masking::TypeClass::kInteger) continue;
      YTB_ASSIGN(std::vector<std::string> sequences,
                 sequences_of(session, table.table.name, column.column.name));
      if (sequences.empty()) continue;
      YTB_ASSIGN(std::string top, greatest_value(session, table.table.name, column.column.name));
      if (top.empty()) continue;
      for (const std::string& sequence : sequences) {
        YTB_TRY(session.execute(fmt::format(R"sql(
          SELECT setval({0}::regclass, {1}) FROM pg_sequence s
            WHERE s.seqrelid = {0}::regclass AND s.seqincrement > 0 AND {1} BETWEEN s.seqmin AND s.seqmax
              AND {1} > coalesce(pg_sequence_last_value({0}::regclass), 0))sql",
                                            sequence, session.literal(top) + "::int8")));
      }
    }
  }
  return {};
}

namespace {

// Tables, their ancestors, materialized views and foreign tables, and the indexes of them all.
std::string family_of(const std::vector<int64_t>& touched) {
  return fmt::format(
      "WITH RECURSIVE up (oid) AS (SELECT unnest(ARRAY[{}]::oid[]) UNION SELECT i.inhparent FROM up JOIN "
      "pg_inherits i "
      "ON i.inhrelid = up.oid), tables (oid) AS (SELECT oid FROM up UNION SELECT oid FROM pg_class WHERE "
      "relkind IN "
      "('m', 'f')), all_of (oid) AS (SELECT oid FROM tables UNION SELECT indexrelid FROM pg_index JOIN "
      "tables ON "
      "tables.oid = indrelid)",
      touched.empty() ? "0" : fmt::format("{}", fmt::join(touched, ",")));
}

}  // namespace

Result<Aftermath> forget_statistics(Connection& session, const std::vector<int64_t>& touched) {
  std::string family = family_of(touched);
  YTB_TRY(session.execute("BEGIN"));
  auto forget = [&]() -> Status {
    // Where the catalog is ours, all: a row may say of one table what another holds.
    const bool master = session.kind() == SessionKind::kMaster;
    YTB_TRY(session.execute(family + " DELETE FROM pg_statistic" +
                            (master ? " WHERE starelid IN (SELECT oid FROM all_of)" : "")));
    const std::string objects =
        master
            ? " WHERE stxoid IN (SELECT oid FROM pg_statistic_ext WHERE stxrelid IN (SELECT oid FROM tables))"
            : "";
    if (session.major() >= 15) {
      YTB_TRY(session.execute(family + " DELETE FROM pg_statistic_ext_data" + objects));
    } else {  // there ANALYZE only writes over the row that CREATE STATISTICS made
      YTB_TRY(session.execute(
          family +
          " UPDATE pg_statistic_ext_data SET stxdndistinct = NULL, stxddependencies = NULL, stxdmcv = NULL" +
          (session.major() >= 14 ? ", stxdexpr = NULL" : "") + objects));
    }
    return session.commit();
  };
  Status done = forget();
  session.roll_back();
  YTB_TRY(std::move(done));
  for (const char* catalog : {"pg_statistic", "pg_statistic_ext_data"}) {
    YTB_TRY(write_catalog_anew(session, catalog));
  }
  return plan_analysis(session, touched);
}

Result<Aftermath> plan_analysis(Connection& session, const std::vector<int64_t>& touched) {
  Aftermath after;
  after.touched = touched;
  // ANALYZE of a parent goes over everything below it, and a foreign table there would make it fail.
  YTB_ASSIGN(Rows rows,
             session.query(
                 family_of(touched) +
                 ", below (top, oid) AS (SELECT oid, oid FROM up UNION SELECT b.top, i.inhrelid FROM below b "
                 "JOIN pg_inherits i ON i.inhparent = b.oid) SELECT u.oid, EXISTS (SELECT FROM below b JOIN "
                 "pg_class c ON c.oid = b.oid WHERE b.top = u.oid AND c.relkind = 'f') FROM up u JOIN "
                 "pg_class c ON c.oid = u.oid ORDER BY c.relkind = 'p', u.oid"));
  for (int row = 0; row < rows.count(); ++row) {
    (rows.truth(row, 1) ? after.unanalyzed : after.to_analyze).push_back(rows.integer(row, 0));
  }
  return after;
}

Status analyze(Connection& session, int64_t relation) {
  YTB_ASSIGN(std::string name, name_of_relation(session, relation));
  return with_path(session, "ANALYZE " + name);
}

Status write_anew(Connection& session, int64_t table) {
  YTB_ASSIGN(std::string name, name_of_relation(session, table));
  const bool master = session.kind() == SessionKind::kMaster;  // who writes no catalogs
  if (!master) YTB_TRY(keep_index_marks(session, table));
  YTB_TRY(with_path(session, "VACUUM (FULL) " + name));
  return master ? Status() : restore_index_marks(session);
}

namespace {

struct Reformed {
  int64_t table = 0;
  std::string set, where;
};

// Columns whose values are, or hold, such composites.
Result<std::vector<Reformed>> tables_with_dropped_attributes(Connection& session) {
  std::vector<Reformed> tables;
  YTB_ASSIGN(std::string any, session.value("SELECT EXISTS (SELECT FROM pg_attribute WHERE attisdropped)"));
  if (any != "t") return tables;
  YTB_ASSIGN(Rows rows,
             session.query(fmt::format(R"sql(
    WITH RECURSIVE edges (type, within) AS (
      SELECT typelem, oid FROM pg_type WHERE typelem <> 0
      UNION ALL SELECT typbasetype, oid FROM pg_type WHERE typbasetype <> 0
      UNION ALL SELECT rngsubtype, rngtypid FROM pg_range
      {}
      UNION ALL SELECT a.atttypid, c.reltype FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE a.attnum > 0 AND NOT a.attisdropped AND c.reltype <> 0 AND c.oid >= 16384),
    holed (type) AS (
      SELECT c.reltype FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE a.attisdropped AND a.attnum > 0 AND c.reltype <> 0
      UNION SELECT e.within FROM holed h JOIN edges e ON e.type = h.type)
    SELECT a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), (SELECT s.name FROM
        (VALUES ('pg_catalog.text'), ('pg_catalog.varchar')) AS s (name) WHERE NOT EXISTS (
          WITH RECURSIVE base (oid) AS (SELECT a.atttypid UNION SELECT t.typbasetype FROM base b
            JOIN pg_type t ON t.oid = b.oid WHERE t.typbasetype <> 0)
          SELECT FROM base b JOIN pg_cast k ON k.casttarget = b.oid AND k.castsource = s.name::regtype) LIMIT 1)
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      JOIN holed h ON h.type = a.atttypid
      WHERE c.relkind = 'r' AND c.oid >= 16384 AND c.relpersistence <> 't' AND a.attnum > 0
        AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attrelid, a.attnum)sql",
                                       session.major() >= 14 ? "UNION ALL SELECT rngtypid, rngmultitypid "
                                                               "FROM pg_range"
                                                             : "")));
  for (int row = 0; row < rows.count(); ++row) {
    const int64_t table = rows.integer(row, 0);
    const std::string column = session.identifier(rows.at(row, 1));
    if (rows.is_null(row, 3)) {
      YTB_ASSIGN(std::string name, name_of_relation(session, table));
      return Error{.code = Code::kRefused,
                   .message = fmt::format(
                       "production has casts of its own from text and varchar to the type of {}.{}, "
                       "which holds attributes that were dropped",
                       printable(name), printable(column)),
                   .hint = "empty the table (rows: none) or drop one of the casts in production"};
    }
    if (tables.empty() || tables.back().table != table)
      tables.push_back({.table = table, .set = {}, .where = {}});
    Reformed& of = tables.back();
    // By the type's own output and input: a cast would be a function of production's.
    of.set += fmt::format(
        "{0}{1} = CASE WHEN {1} IS NOT DISTINCT FROM NULL THEN NULL ELSE "
        "pg_catalog.format('%s', {1})::{2}::{3} END",
        of.set.empty() ? "" : ", ", column, rows.at(row, 3), rows.at(row, 2));
    of.where += fmt::format("{}{} IS DISTINCT FROM NULL", of.where.empty() ? "" : " OR ", column);
  }
  return tables;
}

}  // namespace

Status rewrite_dropped_columns(Connection& session, const std::vector<int64_t>& kept) {
  for (int64_t table : kept) YTB_TRY(write_anew(session, table));
  return {};
}

Result<std::vector<int64_t>> forget_dropped_attributes(Connection& session,
                                                       const std::vector<int64_t>& touched) {
  std::vector<int64_t> out;
  YTB_ASSIGN(std::vector<Reformed> tables, tables_with_dropped_attributes(session));
  for (const Reformed& of : tables) {
    if (std::find(touched.begin(), touched.end(), of.table) != touched.end()) continue;
    YTB_ASSIGN(std::string name, name_of_relation(session, of.table));
    Status done = in_transaction(session, [&]() -> Status {
      YTB_TRY(suspend_table(session, of.table));
      YTB_TRY(session.execute(fmt::format("UPDATE ONLY {} SET {} WHERE {}", name, of.set, of.where)));
      return resume_table(session, of.table);
    });
    YTB_TRY(std::move(done));
    YTB_TRY(write_anew(session, of.table));
    out.push_back(of.table);
  }
  return out;
}

Status discard_wal(Connection& session) {
  // Segments before the checkpoint's are removed, not recycled (wal_recycle is off while closed): two rounds,
  // for the segment that the first checkpoint itself stands in.
  for (int round = 0; round < 2; ++round) {
    YTB_TRY(session.execute("SELECT pg_switch_wal()"));
    YTB_TRY(session.execute("CHECKPOINT"));
  }
  return {};
}

}  // namespace ytb::postgres
