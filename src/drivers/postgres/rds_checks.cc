#include "drivers/postgres/rds_checks.h"

#include <fmt/format.h>

#include <set>

#include "base/text.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/rds_aside.h"

namespace ytb::postgres {
namespace {

struct Family {
  int64_t oid = 0;
  std::string schema, name;
  bool inherited = false;  // an ancestor: its statistics over all below it
  bool reachable = true;   // no foreign table below
};

Result<std::vector<Family>> family_of(Connection& session, int64_t table) {
  YTB_ASSIGN(
      Rows rows,
      session.query(
          "WITH RECURSIVE up (oid) AS (SELECT $1::oid UNION SELECT i.inhparent FROM up JOIN "
          "pg_inherits i ON i.inhrelid = up.oid), below (top, oid) AS (SELECT oid, oid FROM up UNION "
          "SELECT b.top, i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.oid) SELECT "
          "c.oid, n.nspname, c.relname, c.oid <> $1::oid, NOT EXISTS (SELECT FROM below b JOIN "
          "pg_class f ON f.oid = b.oid WHERE b.top = up.oid AND f.relkind = 'f') FROM up JOIN pg_class "
          "c ON c.oid = up.oid JOIN pg_namespace n ON n.oid = c.relnamespace",
          {std::to_string(table)}));
  std::vector<Family> out;
  for (int row = 0; row < rows.count(); ++row) {
    out.push_back({.oid = rows.integer(row, 0),
                   .schema = rows.text(row, 1),
                   .name = rows.text(row, 2),
                   .inherited = rows.truth(row, 3),
                   .reachable = rows.truth(row, 4)});
  }
  return out;
}

// Columns for which anything was kept, with how their elements are told ("" where there are none).
Result<Rows> columns_with_values(Connection& session, const Family& of) {
  return session.query(fmt::format(
      "SELECT s.attname, CASE WHEN s.most_common_elems IS NULL THEN '' WHEN a.atttypid = "
      "'tsvector'::regtype THEN 'tsvector_to_array(%I)' ELSE '%I' END FROM pg_stats s JOIN pg_attribute a "
      "ON a.attrelid = {} AND a.attname = s.attname WHERE s.schemaname = {} AND s.tablename = {} AND "
      "s.inherited = {} AND (s.most_common_vals IS NOT NULL OR s.histogram_bounds IS NOT NULL OR "
      "s.most_common_elems IS NOT NULL)",
      of.oid, session.literal(of.schema), session.literal(of.name), of.inherited ? "true" : "false"));
}

Result<bool> holds_strangers(Connection& session, const Family& of, const std::string& column,
                             std::string elements) {
  std::string statistic = fmt::format(
      "FROM pg_stats WHERE schemaname = {} AND tablename = {} AND attname = {} AND "
      "inherited = {}",
      session.literal(of.schema), session.literal(of.name), session.literal(column),
      of.inherited ? "true" : "false");
  std::string table = (of.inherited ? "" : "ONLY ") + session.qualified(of.schema, of.name);
  std::string quoted = session.identifier(column);
  // As the type prints it: a cast to text would cut a char(n)'s blanks.
  std::string sql = fmt::format(
      "SELECT EXISTS ((SELECT unnest(most_common_vals::text::text[]) {0} UNION SELECT "
      "unnest(histogram_bounds::text::text[]) {0}) EXCEPT SELECT format('%s', {1}) FROM {2})",
      statistic, quoted, table);
  if (!elements.empty()) {
    elements.replace(elements.find("%I"), 2, quoted);
    sql += fmt::format(
        " OR EXISTS (SELECT unnest(most_common_elems::text::text[]) {0} EXCEPT SELECT format('%s', e) "
        "FROM {1}, unnest({2}) e)",
        statistic, table, elements);
  }
  YTB_ASSIGN(std::string answer, session.value(sql));
  return answer == "t";
}

// The same of statistics objects: rows of common values, one field a column.
Wrong strangers_in_objects(Connection& session, const Family& of, const std::set<std::string>& masked) {
  std::vector<std::string> wrong;
  std::string objects = fmt::format(
      "pg_stats_ext s CROSS JOIN generate_subscripts(s.attnames, 1) i WHERE s.schemaname = {} AND "
      "s.tablename = {} AND s.most_common_vals IS NOT NULL{}",
      session.literal(of.schema), session.literal(of.name),
      session.major() < 15 ? std::string() : fmt::format(" AND s.inherited = {}", of.inherited));
  YTB_ASSIGN(Rows columns, session.query("SELECT DISTINCT s.attnames[i] FROM " + objects));
  for (int row = 0; row < columns.count(); ++row) {
    std::string column = columns.text(row, 0);
    if (!masked.empty() && !masked.contains(column)) continue;
    std::string there =
        of.reachable ? fmt::format(" EXCEPT SELECT format('%s', {}) FROM {}{}", session.identifier(column),
                                   of.inherited ? "" : "ONLY ", session.qualified(of.schema, of.name))
                     : std::string();
    YTB_ASSIGN(std::string stale,
               session.value(
                   fmt::format("SELECT EXISTS (SELECT v FROM (SELECT s.most_common_vals[r.r][i] AS v FROM "
                               "{} AND s.attnames[i] = {}) x WHERE v IS NOT NULL{})",
                               std::string(objects).replace(objects.find(" WHERE"), 6,
                                                            " CROSS JOIN generate_subscripts(s.most_common_"
                                                            "vals, 1) AS r (r) WHERE"),
                               session.literal(column), there)));
    if (stale == "t") {
      wrong.push_back(printable(fmt::format("statistics objects of {}.{} keep values of {} of before masking",
                                            of.schema, of.name, column)));
    }
  }
  return wrong;
}

// `masked`: the columns that matter; none: all.
Wrong strangers_of(Connection& session, const Family& of, const std::set<std::string>& masked) {
  YTB_ASSIGN(std::vector<std::string> wrong, strangers_in_objects(session, of, masked));
  YTB_ASSIGN(Rows columns, columns_with_values(session, of));
  for (int row = 0; row < columns.count(); ++row) {
    std::string column = columns.text(row, 0);
    if (!masked.empty() && !masked.contains(column)) continue;
    bool stale = !of.reachable;
    if (of.reachable) {
      YTB_ASSIGN(stale, holds_strangers(session, of, column, columns.text(row, 1)));
    }
    if (!stale) continue;
    wrong.push_back(
        printable(fmt::format("the statistics of {}.{}.{} keep values of before masking{}", of.schema,
                              of.name, column, of.reachable ? "" : ": ANALYZE cannot go over it any more")));
  }
  return wrong;
}

// What they select may have been masked; one without rows keeps the statistics of the day it had some.
Result<std::vector<Family>> materialized_views(Connection& session) {
  YTB_ASSIGN(Rows rows,
             session.query("SELECT c.oid, n.nspname, c.relname, c.relispopulated FROM pg_class c JOIN "
                           "pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' ORDER BY c.oid"));
  std::vector<Family> out;
  for (int row = 0; row < rows.count(); ++row) {
    out.push_back({.oid = rows.integer(row, 0),
                   .schema = rows.text(row, 1),
                   .name = rows.text(row, 2),
                   .inherited = false,
                   .reachable = rows.truth(row, 3)});
  }
  return out;
}

}  // namespace

Wrong rds_stale_statistics(Connection& session, const TouchedTables& touched) {
  std::vector<std::string> wrong;
  auto look = [&](const Family& of, const std::set<std::string>& masked) -> Status {
    YTB_ASSIGN(std::vector<std::string> found, strangers_of(session, of, masked));
    wrong.insert(wrong.end(), found.begin(), found.end());
    return {};
  };
  for (size_t i = 0; i < touched.tables.size(); ++i) {
    const model::TableEvidence& table = *touched.tables[i];
    std::set<std::string> masked;
    if (table.treatment == "masked") {
      for (const auto& column : table.columns) masked.insert(column.name);
    }
    YTB_ASSIGN(std::vector<Family> family, family_of(session, touched.oids[i]));
    for (const Family& of : family) YTB_TRY(look(of, masked));
  }
  YTB_ASSIGN(std::vector<Family> views, materialized_views(session));
  for (const Family& view : views) {
    if (!touched.oids.empty()) YTB_TRY(look(view, {}));
  }
  return wrong;
}

Wrong rds_invalid_indexes(Connection& session, const TouchedTables& touched) {
  std::vector<std::string> wrong;
  if (touched.oids.empty()) return wrong;
  YTB_ASSIGN(Rows rows,
             session.query(fmt::format("SELECT indexrelid::regclass FROM pg_index WHERE indrelid IN ({}) "
                                       "AND NOT (indisvalid AND indisready AND indislive)",
                                       fmt::join(touched.oids, ","))));
  for (int row = 0; row < rows.count(); ++row) wrong.push_back(printable(rows.at(row, 0)) + " is not valid");
  return wrong;
}

Wrong rds_remove_traces(Connection& session) {
  YTB_ASSIGN(std::vector<std::string> aside, still_aside(session));
  if (!aside.empty()) return aside;
  YTB_TRY(remove_progress(session));
  return left_aside(session);
}

std::vector<model::Check> rds_not_checkable(bool masked) {
  using model::Outcome;
  std::vector<model::Check> checks = {
      {.name = "passwords_removed",
       .asserts = "no role but the master and the provider's has a password",
       .outcome = Outcome::kNotCheckable,
       .detail = "pg_authid is closed to the master; the server acknowledged the removal for each role"}};
  checks.push_back(
      {.name = "catalog_statistics_gone",
       .asserts = "no statistics of the system's catalogs and no temporary table of production is left",
       .outcome = Outcome::kNotCheckable,
       .detail = "only a superuser deletes them; the catalogs that hold secrets are closed to staging"});
  if (!masked) return checks;
  checks.push_back({.name = "wal_discarded",
                    .asserts = "no write-ahead log from before the last checkpoint is left",
                    .outcome = Outcome::kNotCheckable,
                    .detail = "the provider's storage; no staging user reads it"});
  checks.push_back(
      {.name = "file_residue",
       .asserts = "no bytes of original values are left in the files of system catalogs and large objects",
       .outcome = Outcome::kNotCheckable,
       .detail = "only a superuser rewrites or reads them; the rows themselves are gone"});
  return checks;
}

}  // namespace ytb::postgres
