#include "drivers/postgres/rds_defuse.h"

#include <fmt/format.h>

#include "base/text.h"
#include "drivers/postgres/copy_session.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/rds_access.h"
#include "drivers/postgres/rds_session.h"

namespace ytb::postgres {
namespace {

// A socket directory that no host has: libpq fails at once and asks no name server.
constexpr std::string_view kNowhere = "/yesterdaytabase/defused";
constexpr std::string_view kMappingsStep = "user mappings emptied";

// Wrappers that speak libpq take their address from `host`.
constexpr std::string_view kIsLibpq =
    "(w.fdwname IN ('postgres_fdw', 'dblink_fdw') OR coalesce((SELECT proname FROM pg_proc WHERE oid = "
    "w.fdwvalidator), '') IN ('postgres_fdw_validator', 'dblink_fdw_validator', 'postgresql_fdw_validator'))";
// Options that hold an address in the wrappers RDS offers (mysql_fdw, oracle_fdw, tds_fdw).
constexpr std::string_view kAddressOptions =
    "('host', 'hostaddr', 'servername', 'dbserver', 'server', 'address')";
// Reads the instance's own log files and reaches nothing.
constexpr std::string_view kLocalWrappers = "('log_fdw')";

// ROLLBACK PREPARED is for the role that prepared it, and for no transaction block.
Status roll_back_prepared(Connection& session) {
  YTB_ASSIGN(Rows rows,
             session.query("SELECT gid, owner FROM pg_prepared_xacts WHERE database = current_database()"));
  if (rows.empty()) return {};
  for (int row = 0; row < rows.count(); ++row) {
    YTB_TRY(session.execute(fmt::format("SET ROLE {}", session.identifier(rows.at(row, 1)))));
    Status gone = session.execute(fmt::format("ROLLBACK PREPARED {}", session.literal(rows.at(row, 0))));
    YTB_TRY(session.execute("RESET ROLE"));
    YTB_TRY(std::move(gone));
  }
  YTB_TRY(ensure_progress(session));
  return record_deed(session, fmt::format("{} prepared transactions rolled back", rows.count()));
}

// Without a slot's name DROP leaves the publisher alone, but for slots of tables still being synchronised:
// the address goes first. A password is demanded of others than superusers from 16 on.
Status drop_subscriptions(Connection& session) {
  YTB_ASSIGN(Rows rows, session.query("SELECT subname FROM pg_subscription WHERE subdbid = (SELECT oid FROM "
                                      "pg_database WHERE datname = current_database())"));
  for (int row = 0; row < rows.count(); ++row) {
    std::string name = session.identifier(rows.at(row, 0));
    Status dropped = in_transaction(session, [&]() -> Status {
      for (const std::string& what : {std::string("DISABLE"), std::string("SET (slot_name = NONE)"),
                                      fmt::format("CONNECTION 'host={} password=none'", kNowhere)}) {
        YTB_TRY(session.execute(fmt::format("ALTER SUBSCRIPTION {} {}", name, what)));
      }
      YTB_TRY(session.execute("DROP SUBSCRIPTION " + name));
      return record_deed(session, fmt::format("subscription {} dropped without touching its publisher",
                                              printable(rows.at(row, 0))));
    });
    // One that is not ours to drop is found armed, with all others.
    if (!dropped.ok() && session.last_state() != "42501") return dropped;
  }
  return {};
}

// What ALTER SERVER is to do, from the options it has.
Result<std::string> server_changes(Connection& session, std::string_view server, bool libpq) {
  YTB_ASSIGN(
      Rows options,
      session.query(fmt::format("SELECT o.option_name, o.option_name IN {} FROM pg_foreign_server s CROSS "
                                "JOIN pg_options_to_table(s.srvoptions) o WHERE s.srvname = $1",
                                kAddressOptions),
                    {std::string(server)}));
  std::vector<std::string> changes;
  for (int row = 0; row < options.count(); ++row) {
    std::string name = session.identifier(options.at(row, 0));
    if (libpq) {
      changes.push_back("DROP " + name);
    } else if (options.truth(row, 1)) {
      changes.push_back(fmt::format("SET {} {}", name, session.literal(kNowhere)));
    }
  }
  return join(changes, ", ");
}

Status point_servers_nowhere(Connection& session) {
  YTB_ASSIGN(Rows servers,
             session.query(fmt::format(
                 "SELECT s.srvname, {} FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = "
                 "s.srvfdw WHERE w.fdwname NOT IN {} AND pg_has_role(s.srvowner, 'USAGE') AND NOT (coalesce("
                 "s.srvoptions, '{{}}') && (SELECT array_agg(o || '={}') FROM unnest(ARRAY{}) o))",
                 kIsLibpq, kLocalWrappers, kNowhere,
                 "['host', 'hostaddr', 'servername', 'dbserver', 'server', 'address']")));
  for (int row = 0; row < servers.count(); ++row) {
    std::string name = session.identifier(servers.at(row, 0));
    Status moved = in_transaction(session, [&]() -> Status {
      YTB_ASSIGN(std::string changes, server_changes(session, servers.at(row, 0), servers.truth(row, 1)));
      if (!changes.empty()) {
        YTB_TRY(session.execute(fmt::format("ALTER SERVER {} OPTIONS ({})", name, changes)));
      }
      if (servers.truth(row, 1)) {
        YTB_TRY(session.execute(
            fmt::format("ALTER SERVER {} OPTIONS (ADD host '{}', ADD port '1')", name, kNowhere)));
      } else if (changes.empty()) {
        return {};  // nothing in it that we know for an address: found armed
      }
      return record_deed(session,
                         fmt::format("foreign server {} points nowhere", printable(servers.at(row, 0))));
    });
    YTB_TRY(std::move(moved));
  }
  return {};
}

// Another role's options cannot be read, so they cannot be dropped by name: the mapping is made anew.
Status empty_mappings(Connection& session) {
  YTB_ASSIGN(bool done, step_done(session, kMappingsStep));
  if (done) return {};
  return in_transaction(session, [&]() -> Status {
    YTB_ASSIGN(
        Rows mappings,
        session.query("SELECT m.srvname, m.usename, m.umuser = 0 FROM pg_user_mappings m JOIN "
                      "pg_foreign_server s ON s.oid = m.srvid WHERE pg_has_role(s.srvowner, 'USAGE')"));
    for (int row = 0; row < mappings.count(); ++row) {
      std::string of = fmt::format(
          "USER MAPPING FOR {} SERVER {}",
          mappings.truth(row, 2) ? std::string("PUBLIC") : session.identifier(mappings.at(row, 1)),
          session.identifier(mappings.at(row, 0)));
      YTB_TRY(session.execute(fmt::format("DROP {0}; CREATE {0}", of)));
      YTB_TRY(record_deed(session, fmt::format("credentials of {} for foreign server {} removed",
                                               mappings.truth(row, 2) ? std::string("everybody")
                                                                      : printable(mappings.at(row, 1)),
                                               printable(mappings.at(row, 0)))));
    }
    return record_step(session, kMappingsStep);
  });
}

// Those of foreign tables and their columns are everybody's to read. Each goes by itself: what the wrapper
// demands (oracle_fdw the name of a table) it does not let go, and that is said. Wrappers' own options are a
// superuser's, whom production had none of.
Status empty_table_options(Connection& session) {
  YTB_ASSIGN(
      Rows options,
      session.query(fmt::format(
          "SELECT c.oid::regclass, c.oid::regclass || coalesce(' column ' || o.attname, ''), o.attname, "
          "p.option_name FROM pg_foreign_table t JOIN pg_class c ON c.oid = t.ftrelid JOIN "
          "pg_foreign_server s ON s.oid = t.ftserver JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw "
          "CROSS JOIN LATERAL (SELECT NULL, t.ftoptions UNION ALL SELECT attname, attfdwoptions FROM "
          "pg_attribute WHERE attrelid = c.oid AND NOT attisdropped) AS o (attname, options) CROSS JOIN "
          "LATERAL pg_options_to_table(o.options) p WHERE w.fdwname NOT IN {} AND "
          "pg_has_role(c.relowner, 'USAGE')",
          kLocalWrappers)));
  for (int row = 0; row < options.count(); ++row) {
    const std::string column =
        options.is_null(row, 2) ? "" : " ALTER COLUMN " + session.identifier(options.at(row, 2));
    Status dropped = in_transaction(session, [&]() -> Status {
      YTB_TRY(session.execute(fmt::format("ALTER FOREIGN TABLE {}{} OPTIONS (DROP {})", options.at(row, 0),
                                          column, session.identifier(options.at(row, 3)))));
      return record_deed(session,
                         fmt::format("options of foreign table {} removed", printable(options.at(row, 1))));
    });
    if (dropped.ok()) continue;
    if (dropped.error().code == Code::kConnection) return dropped;
    YTB_TRY(record_deed(
        session,
        fmt::format("note: foreign table {} keeps its option {}: its wrapper demands it (SQLSTATE {})",
                    printable(options.at(row, 1)), printable(options.at(row, 3)), session.last_state())));
  }
  return {};
}

// The scheduler's library is not preloaded in the copy's own parameter group (rds_still_armed looks), so
// nothing runs; this is for the day that somebody preloads it. Without the library the table's own trigger
// may refuse.
Status stop_jobs(Connection& session) {
  YTB_ASSIGN(Rows there, session.query("SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                                       "WHERE n.nspname = 'cron' AND c.relname = 'job' AND c.relkind = 'r'"));
  if (there.empty()) return {};
  Status stopped = in_transaction(session, [&]() -> Status {
    // Its policy shows a user's own jobs only: with row_security off that is an error and not a gap.
    YTB_ASSIGN(Rows jobs,
               session.query("UPDATE cron.job SET active = false WHERE active IS DISTINCT FROM false"));
    if (jobs.affected() == 0) return {};
    return record_deed(session, fmt::format("{} jobs of cron.job switched off", jobs.affected()));
  });
  if (stopped.ok() || stopped.error().code == Code::kConnection) return stopped;
  return record_deed(session,
                     fmt::format("jobs of cron.job left as they are (SQLSTATE {}): no scheduler is loaded",
                                 session.last_state()));
}

Status drop_slots(Connection& session) {
  YTB_ASSIGN(Rows slots, session.query("SELECT slot_name FROM pg_replication_slots"));
  for (int row = 0; row < slots.count(); ++row) {
    Status dropped = session.execute("SELECT pg_drop_replication_slot($1)", {slots.text(row, 0)});
    if (!dropped.ok() && session.last_state() != "42501") return dropped;
    if (!dropped.ok()) continue;
    YTB_TRY(record_deed(session, fmt::format("replication slot {} dropped", printable(slots.at(row, 0)))));
  }
  return {};
}

Error not_switched_off(const std::vector<std::string>& armed) {
  return Error{.code = Code::kUnsupported,
               .message = fmt::format("could not be switched off: {}", join(armed, ", ")),
               .hint =
                   "the copy stays closed; the master must administer these roles and own these objects, or "
                   "be a member of their owners, in production"};
}

Status defuse_database(Connection& session, const std::string& name) {
  YTB_ASSIGN(bool may, can_work_in(session, name));
  if (!may) return {};
  YTB_TRY(roll_back_prepared(session));
  YTB_TRY(ensure_progress(session));  // with it event triggers are off
  YTB_TRY(drop_subscriptions(session));
  YTB_TRY(point_servers_nowhere(session));
  YTB_TRY(empty_mappings(session));
  YTB_TRY(empty_table_options(session));
  return stop_jobs(session);
}

}  // namespace

Result<model::Evidence> defuse_rds_copy(const ports::SessionTarget& target,
                                        const std::vector<model::AccessRole>& access) {
  YTB_ASSIGN(Connection session, open_workplace(target));
  YTB_TRY(administer_roles(session));
  YTB_TRY(borrow_memberships(session));
  YTB_TRY(let_us_in_everywhere(session));
  YTB_ASSIGN(std::vector<std::string> names, list_databases(session));
  for (const std::string& name : names) {
    YTB_ASSIGN(Connection inside, open_copy(target, name));
    YTB_TRY(defuse_database(inside, name));
  }
  YTB_TRY(drop_slots(session));
  YTB_TRY(shut_roles(session));
  YTB_TRY(prepare_rds_access(session, access));
  model::Evidence evidence;
  YTB_ASSIGN(std::vector<std::string> armed, rds_open_doors(session));
  for (const std::string& name : names) {
    YTB_ASSIGN(Connection inside, open_copy(target, name));
    YTB_ASSIGN(bool there, has_progress(inside));
    if (there) YTB_TRY(take_away_aws_functions(inside, access));
    YTB_ASSIGN(std::vector<std::string> lines, recorded_deeds(inside));
    for (const std::string& line : lines) evidence.defused.push_back(printable(name) + ": " + line);
    YTB_ASSIGN(std::vector<std::string> left, rds_still_armed(inside));
    armed.insert(armed.end(), left.begin(), left.end());
    YTB_ASSIGN(std::vector<std::string> rights, rds_dangerous_rights(inside, access));
    armed.insert(armed.end(), rights.begin(), rights.end());
  }
  if (!armed.empty()) return not_switched_off(armed);
  evidence.defused.push_back(
      "server: every role of production but the master and the provider's shut out, its password removed");
  return evidence;
}

Result<std::vector<std::string>> rds_still_armed(Connection& session) {
  std::string sql = fmt::format(
      "SELECT 'subscription ' || subname FROM pg_subscription UNION ALL SELECT 'prepared transaction ' || "
      "gid "
      "FROM pg_prepared_xacts UNION ALL SELECT 'replication slot ' || slot_name FROM pg_replication_slots "
      "UNION "
      "ALL SELECT 'foreign server ' || s.srvname FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON "
      "w.oid = s.srvfdw WHERE w.fdwname NOT IN {0} AND NOT EXISTS (SELECT FROM "
      "pg_options_to_table(s.srvoptions) "
      "o WHERE o.option_name IN {1} AND o.option_value = '{2}') UNION ALL SELECT 'credentials of a user "
      "mapping "
      "for ' || srvname FROM pg_user_mappings WHERE umoptions IS NOT NULL UNION ALL SELECT 'event trigger ' "
      "|| "
      "e.evtname FROM pg_event_trigger e JOIN pg_roles r ON r.oid = e.evtowner WHERE e.evtenabled <> 'D' AND "
      "NOT "
      "pg_has_role(e.evtowner, 'USAGE') AND r.rolname NOT IN ({3})",
      kLocalWrappers, kAddressOptions, kNowhere, provider_roles());
  YTB_ASSIGN(Rows rows, session.query(sql));
  std::vector<std::string> found;
  for (int row = 0; row < rows.count(); ++row) found.push_back(printable(rows.at(row, 0)));
  YTB_ASSIGN(Rows libraries,
             session.query("SELECT setting ~ 'pg_cron|pglogical|bdr' FROM pg_settings WHERE name = "
                           "'shared_preload_libraries'"));
  if (libraries.empty()) found.emplace_back("whatever is preloaded: the master may not read it");
  if (!libraries.empty() && libraries.truth(0, 0)) {
    found.emplace_back("a job scheduler or replicator whose library is preloaded");
  }
  return found;
}

}  // namespace ytb::postgres
