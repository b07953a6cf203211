#include "drivers/postgres/defuse.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/text.h"
#include "drivers/postgres/production_code.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/residue.h"
#include "drivers/postgres/suspension.h"

namespace ytb::postgres {
namespace {

// A socket directory that no host has: libpq fails at once and asks no name server.
constexpr std::string_view kNowhere = "/yesterdaytabase/defused";

// Locks that they hold would stop everything else.
Status roll_back_prepared(Connection& session) {
  YTB_ASSIGN(Rows rows,
             session.query("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"));
  for (int row = 0; row < rows.count(); ++row) {
    YTB_TRY(session.execute(fmt::format("ROLLBACK PREPARED {}", session.literal(rows.at(row, 0)))));
  }
  if (rows.empty()) return {};
  YTB_TRY(ensure_progress(session));
  return record_deed(session, fmt::format("{} prepared transactions rolled back", rows.count()));
}

// DROP SUBSCRIPTION reaches for the publisher twice: for its slot, and for the slots of tables that are still
// being synchronised (subscriptioncmds.c). Without slot name, table states and address there is nothing to
// reach for.
Status drop_subscriptions(Connection& session) {
  constexpr std::string_view kMine =
      "subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())";
  YTB_ASSIGN(Rows rows, session.query(fmt::format("SELECT subname FROM pg_subscription WHERE {}", kMine)));
  if (rows.empty()) return {};
  Status done = in_transaction(session, [&]() -> Status {
    YTB_TRY(session.execute(fmt::format(
        "UPDATE pg_subscription SET subenabled = false, subslotname = NULL, subconninfo = 'host={}' WHERE {};"
        "DELETE FROM pg_subscription_rel WHERE srsubid IN (SELECT oid FROM pg_subscription WHERE {})",
        kNowhere, kMine, kMine)));
    for (int row = 0; row < rows.count(); ++row) {
      YTB_TRY(record_deed(session, fmt::format("subscription {} dropped without touching its publisher",
                                               printable(rows.at(row, 0)))));
    }
    return {};
  });
  YTB_TRY(std::move(done));
  for (int row = 0; row < rows.count(); ++row) {
    YTB_TRY(session.execute(fmt::format("DROP SUBSCRIPTION {}", session.identifier(rows.at(row, 0)))));
  }
  return {};
}

// A wrapper without handler cannot reach anything, whatever its options are called; servers that dblink can
// use get an address that leads nowhere, and every secret goes.
Status defuse_foreign(Connection& session) {
  return in_transaction(session, [&]() -> Status {
    YTB_ASSIGN(Rows wrappers,
               session.query("UPDATE pg_foreign_data_wrapper SET fdwhandler = 0 WHERE fdwhandler <> 0 "
                             "RETURNING fdwname"));
    for (int row = 0; row < wrappers.count(); ++row) {
      YTB_TRY(record_deed(session, fmt::format("foreign data wrapper {} made unable to reach anything",
                                               printable(wrappers.at(row, 0)))));
    }
    YTB_ASSIGN(
        Rows servers,
        session.query(fmt::format(
            "UPDATE pg_foreign_server s SET srvoptions = CASE WHEN w.fdwname IN ('postgres_fdw', "
            "'dblink_fdw') OR "
            "p.proname IN ('postgres_fdw_validator', 'dblink_fdw_validator', 'postgresql_fdw_validator') "
            "THEN "
            "ARRAY['host={0}', 'port=1'] END FROM pg_foreign_data_wrapper w LEFT JOIN pg_proc p ON p.oid = "
            "w.fdwvalidator WHERE w.oid = s.srvfdw AND s.srvoptions IS DISTINCT FROM CASE WHEN w.fdwname IN "
            "('postgres_fdw', 'dblink_fdw') OR p.proname IN ('postgres_fdw_validator', "
            "'dblink_fdw_validator', "
            "'postgresql_fdw_validator') THEN ARRAY['host={0}', 'port=1'] END RETURNING srvname",
            kNowhere)));
    for (int row = 0; row < servers.count(); ++row) {
      YTB_TRY(record_deed(session,
                          fmt::format("foreign server {} points nowhere", printable(servers.at(row, 0)))));
    }
    YTB_ASSIGN(
        Rows mappings,
        session.query(
            "WITH gone AS (UPDATE pg_user_mapping SET umoptions = NULL WHERE umoptions IS NOT NULL "
            "RETURNING umserver, umuser) SELECT s.srvname, coalesce(r.rolname, 'everybody') FROM gone "
            "g JOIN pg_foreign_server s ON s.oid = g.umserver LEFT JOIN pg_roles r ON r.oid = g.umuser"));
    for (int row = 0; row < mappings.count(); ++row) {
      YTB_TRY(
          record_deed(session, fmt::format("credentials of {} for foreign server {} removed",
                                           printable(mappings.at(row, 1)), printable(mappings.at(row, 0)))));
    }
    return {};
  });
}

// Options of wrappers, foreign tables and their columns are anybody's to read, and may say anything: a token,
// the query of another database, a path. Without a handler nothing needs them.
Status empty_foreign_options(Connection& session) {
  constexpr std::string_view kOptions[] = {
      R"sql(UPDATE pg_foreign_data_wrapper SET fdwoptions = NULL WHERE fdwoptions IS NOT NULL
            RETURNING 'foreign data wrapper ' || fdwname)sql",
      R"sql(WITH gone AS (UPDATE pg_foreign_table SET ftoptions = NULL WHERE ftoptions IS NOT NULL
              RETURNING ftrelid)
            SELECT 'foreign table ' || n.nspname || '.' || c.relname FROM gone g
              JOIN pg_class c ON c.oid = g.ftrelid JOIN pg_namespace n ON n.oid = c.relnamespace)sql",
      R"sql(WITH gone AS (UPDATE pg_attribute SET attfdwoptions = NULL WHERE attfdwoptions IS NOT NULL
              RETURNING attrelid)
            SELECT DISTINCT 'columns of foreign table ' || n.nspname || '.' || c.relname FROM gone g
              JOIN pg_class c ON c.oid = g.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace)sql"};
  return in_transaction(session, [&]() -> Status {
    for (std::string_view sql : kOptions) {
      YTB_ASSIGN(Rows rows, session.query(sql));
      for (int row = 0; row < rows.count(); ++row) {
        YTB_TRY(record_deed(session, fmt::format("options of {} removed", printable(rows.at(row, 0)))));
      }
    }
    return {};
  });
}

struct JobTable {
  std::string_view schema, table, column, off;
};
// Schedulers that live in the database. Their libraries are not preloaded, so nothing runs; this is for the
// day that a copy's owner preloads one.
constexpr JobTable kJobTables[] = {
    {"cron", "job", "active", "false"},
    {"pgagent", "pga_job", "jobenabled", "false"},
    {"timetable", "chain", "live", "false"},
    {"_timescaledb_config", "bgw_job", "scheduled", "false"},
};

Status stop_jobs(Connection& session) {
  for (const JobTable& job : kJobTables) {
    YTB_ASSIGN(Rows rows,
               session.query(R"sql(
        SELECT c.oid, c.relhastriggers, c.relchecks, c.relhasrules, c.relispartition FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $3 AND a.atttypid = 'bool'::regtype
          WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'r')sql",
                             {std::string(job.schema), std::string(job.table), std::string(job.column)}));
    if (rows.empty()) continue;
    // Whatever has such a name: writing it must run nothing of production's. With code in columns, indexes or
    // statistics it is not a scheduler's table.
    YTB_ASSIGN(CodedDefinitions coded, coded_definitions(session));
    const int64_t table = rows.integer(0, 0);
    bool runs_code = std::count(coded.tables.begin(), coded.tables.end(), table) > 0 ||
                     std::any_of(coded.columns.begin(), coded.columns.end(),
                                 [&](const auto& column) { return column.first == table; });
    if (runs_code) continue;
    Status done = in_transaction(session, [&]() -> Status {
      // Its triggers would call into a library that is not loaded.
      YTB_TRY(session.execute(
          fmt::format("UPDATE pg_class SET relhastriggers = false, relchecks = 0, relhasrules = false, "
                      "relispartition = false WHERE oid = {}",
                      table)));
      YTB_ASSIGN(Rows stopped,
                 session.query(fmt::format("UPDATE ONLY {0}.{1} SET {2} = {3} WHERE {2} IS DISTINCT FROM {3}",
                                           job.schema, job.table, job.column, job.off)));
      YTB_TRY(session.execute(
          fmt::format("UPDATE pg_class SET relhastriggers = {}, relchecks = {}, relhasrules = {}, "
                      "relispartition = {} WHERE oid = {}",
                      rows.truth(0, 1), rows.at(0, 2), rows.truth(0, 3), rows.truth(0, 4), table)));
      if (stopped.affected() == 0) return {};
      return record_deed(
          session, fmt::format("{} jobs of {}.{} switched off", stopped.affected(), job.schema, job.table));
    });
    YTB_TRY(std::move(done));
  }
  return {};
}

}  // namespace

Status defuse_database(Connection& session) {
  YTB_TRY(roll_back_prepared(session));
  YTB_TRY(ensure_progress(session));  // with it event triggers are off
  YTB_TRY(drop_subscriptions(session));
  YTB_TRY(defuse_foreign(session));
  YTB_TRY(empty_foreign_options(session));
  YTB_TRY(stop_jobs(session));
  YTB_TRY(drop_temporary_schemas(session));
  YTB_TRY(clear_dead_indexes(session));
  YTB_TRY(forget_catalog_statistics(session));
  std::vector<std::string> written = {"pg_user_mapping", "pg_foreign_server", "pg_foreign_data_wrapper",
                                      "pg_foreign_table"};
  // A large one, so only where there may be something.
  YTB_ASSIGN(std::string any, session.value("SELECT EXISTS (SELECT FROM pg_foreign_table)"));
  if (any == "t") written.emplace_back("pg_attribute");
  for (const std::string& catalog : written) YTB_TRY(write_catalog_anew(session, catalog));
  return {};
}

Status defuse_server(Connection& session) {
  Status done = in_transaction(session, [&]() -> Status {
    YTB_ASSIGN(Rows slots, session.query("SELECT slot_name, pg_drop_replication_slot(slot_name) FROM "
                                         "pg_replication_slots"));
    for (int row = 0; row < slots.count(); ++row) {
      YTB_TRY(record_deed(session, fmt::format("replication slot {} dropped", printable(slots.at(row, 0)))));
    }
    // A library named for every session, which may not be installed here or may do anything when it is.
    YTB_ASSIGN(Rows settings,
               session.query(
                   "UPDATE pg_db_role_setting s SET setconfig = (SELECT coalesce(array_agg(e), '{}') FROM "
                   "unnest(s.setconfig) e WHERE e !~ '^(session_preload_libraries|local_preload_libraries|"
                   "dynamic_library_path)=') WHERE EXISTS (SELECT FROM unnest(s.setconfig) e WHERE e ~ "
                   "'^(session_preload_libraries|local_preload_libraries|dynamic_library_path)=') RETURNING "
                   "coalesce((SELECT datname FROM pg_database d WHERE d.oid = s.setdatabase), 'every "
                   "database'), coalesce((SELECT rolname FROM pg_roles r WHERE r.oid = s.setrole), 'every "
                   "role')"));
    for (int row = 0; row < settings.count(); ++row) {
      YTB_TRY(
          record_deed(session, fmt::format("libraries preloaded in {} for {} are no longer",
                                           printable(settings.at(row, 0)), printable(settings.at(row, 1)))));
    }
    return session.execute("DELETE FROM pg_db_role_setting WHERE setconfig = '{}'");
  });
  YTB_TRY(std::move(done));
  YTB_ASSIGN(Rows broken, session.query("SELECT datname FROM pg_database WHERE datconnlimit = -2"));
  for (int row = 0; row < broken.count(); ++row) {
    YTB_TRY(session.execute(fmt::format("DROP DATABASE {}", session.identifier(broken.at(row, 0)))));
    YTB_TRY(
        record_deed(session, fmt::format("half-dropped database {} dropped", printable(broken.at(row, 0)))));
  }
  return session.execute("VACUUM (FULL) pg_subscription");
}

Result<std::vector<std::string>> still_armed(Connection& session) {
  constexpr std::string_view kArmed = R"sql(
    SELECT 'subscription ' || subname FROM pg_subscription
    UNION ALL SELECT 'prepared transaction ' || gid FROM pg_prepared_xacts
    UNION ALL SELECT 'replication slot ' || slot_name FROM pg_replication_slots
    UNION ALL SELECT 'foreign data wrapper ' || fdwname FROM pg_foreign_data_wrapper
      WHERE fdwhandler <> 0 OR fdwoptions IS NOT NULL
    UNION ALL SELECT 'foreign server ' || srvname FROM pg_foreign_server
      WHERE srvoptions <> ARRAY['host=@', 'port=1']
    UNION ALL SELECT 'credentials of a user mapping' FROM pg_user_mapping WHERE umoptions IS NOT NULL
    UNION ALL SELECT 'options of foreign table ' || ftrelid::regclass::text FROM pg_foreign_table
      WHERE ftoptions IS NOT NULL
    UNION ALL SELECT DISTINCT 'options of columns of ' || attrelid::regclass::text FROM pg_attribute
      WHERE attfdwoptions IS NOT NULL
    UNION ALL SELECT 'preloaded libraries' FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) e
      WHERE e ~ '^(session|local)_preload_libraries=')sql";
  std::string sql(kArmed);
  sql.replace(sql.find('@'), 1, kNowhere);
  YTB_ASSIGN(Rows rows, session.query(sql));
  std::vector<std::string> found;
  for (int row = 0; row < rows.count(); ++row) found.push_back(printable(rows.at(row, 0)));
  return found;
}

}  // namespace ytb::postgres
