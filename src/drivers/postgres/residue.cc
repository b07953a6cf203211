#include "drivers/postgres/residue.h"

#include <fmt/format.h>

#include "base/text.h"
#include "drivers/postgres/progress_store.h"

namespace ytb::postgres {

Status write_catalog_anew(Connection& session, std::string_view catalog) {
  YTB_ASSIGN(std::string bytes,
             session.value(fmt::format("SELECT pg_relation_size(oid) + CASE WHEN reltoastrelid <> 0 THEN "
                                       "pg_relation_size(reltoastrelid) ELSE 0 END FROM pg_class WHERE oid = "
                                       "'pg_catalog.{}'::regclass",
                                       catalog)));
  if (bytes == "0") return {};
  return session.execute(fmt::format("VACUUM (FULL) pg_catalog.{}", catalog));
}

Status forget_catalog_statistics(Connection& session) {
  Status deleted = in_transaction(session, [&]() -> Status {
    YTB_TRY(session.execute(R"sql(
      DELETE FROM pg_statistic s
      WHERE starelid < 16384 OR NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = s.starelid))sql"));
    // Below 15 ANALYZE only updates such a row: it is emptied and stays.
    YTB_TRY(session.execute(session.major() >= 15 ? R"sql(
      DELETE FROM pg_statistic_ext_data d
      WHERE NOT EXISTS (SELECT FROM pg_statistic_ext e WHERE e.oid = d.stxoid AND e.stxrelid >= 16384))sql"
                                                  : R"sql(
      UPDATE pg_statistic_ext_data d
      SET stxdndistinct = NULL, stxddependencies = NULL, stxdmcv = NULL
      WHERE NOT EXISTS (SELECT FROM pg_statistic_ext e WHERE e.oid = d.stxoid AND e.stxrelid >= 16384))sql"));
    return {};
  });
  YTB_TRY(std::move(deleted));
  for (const char* catalog : {"pg_statistic", "pg_statistic_ext_data"}) {
    YTB_TRY(write_catalog_anew(session, catalog));
  }
  return {};
}

Status drop_temporary_schemas(Connection& session) {
  YTB_ASSIGN(Rows schemas, session.query(R"sql(
    SELECT n.nspname, (SELECT count(*) FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind = 'r')
    FROM pg_namespace n
    WHERE n.nspname ~ '^pg_(toast_)?temp_[0-9]+$' AND n.oid NOT IN (pg_my_temp_schema(), 0)
    ORDER BY n.nspname)sql"));
  int64_t tables = 0;
  for (int row = 0; row < schemas.count(); ++row) {
    YTB_TRY(session.execute(fmt::format("DROP SCHEMA {} CASCADE", session.identifier(schemas.at(row, 0)))));
    tables += schemas.integer(row, 1);
  }
  if (tables == 0) return {};
  return record_deed(session, fmt::format("{} temporary tables of ended sessions dropped", tables));
}

Result<std::vector<std::string>> catalog_statistics_left(Connection& session) {
  YTB_ASSIGN(Rows rows, session.query(R"sql(
    SELECT 'statistics of ' || starelid::regclass::text FROM pg_statistic s
    WHERE starelid < 16384 OR NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = s.starelid)
    GROUP BY starelid
    UNION ALL
    SELECT 'temporary relation ' || oid::regclass::text FROM pg_class WHERE relpersistence = 't'
    ORDER BY 1)sql"));
  std::vector<std::string> left;
  for (int row = 0; row < rows.count(); ++row) left.push_back(printable(rows.at(row, 0)));
  return left;
}

}  // namespace ytb::postgres
