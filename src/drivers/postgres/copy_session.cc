#include "drivers/postgres/copy_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "drivers/postgres/rds_session.h"

namespace ytb::postgres {
namespace {

constexpr std::string_view kIsClosedCopy =
    "SELECT coalesce(bool_and(CASE name WHEN 'fsync' THEN setting = 'off' WHEN 'listen_addresses' THEN "
    "setting = ''"
    " END), false) AND current_setting('yesterdaytabase.admin_role', true) IS NOT DISTINCT FROM "
    "session_user::text"
    " FROM pg_catalog.pg_settings WHERE name IN ('fsync', 'listen_addresses')";

}  // namespace

Result<bool> is_closed_copy(const ports::SessionTarget& target, Connection& session) {
  if (!target.local_copy) return false;
  YTB_ASSIGN(std::string answer, session.value(kIsClosedCopy));
  return answer == "t";
}

Result<Connection> open_copy(const ports::SessionTarget& target, const std::string& database,
                             const StopFlag* stop) {
  if (is_rds_copy(target)) return open_rds_copy(target, database, stop);
  YTB_ASSIGN(Connection session, Connection::open(target, database, SessionKind::kCopy, stop));
  YTB_ASSIGN(bool ours, is_closed_copy(target, session));
  if (ours) return session;
  return Error{.code = Code::kRefused,
               .message = fmt::format("{} is not a closed copy of ours", target.label),
               .hint = "nothing is changed anywhere but in a copy that was restored and not opened yet"};
}

Result<Connection> open_copy_anywhere(const ports::SessionTarget& target, const StopFlag* stop) {
  auto session = open_copy(target, "postgres", stop);
  if (session.ok() || session.error().code == Code::kRefused) return session;
  auto other = open_copy(target, "template1", stop);
  return other.ok() ? std::move(other) : std::move(session);
}

Result<std::vector<std::string>> list_databases(Connection& session) {
  YTB_ASSIGN(Rows rows,
             session.query("SELECT datname FROM pg_catalog.pg_database WHERE (datname <> 'template0' OR "
                           "datallowconn) AND datconnlimit <> -2 ORDER BY datname"));
  std::vector<std::string> names;
  for (int row = 0; row < rows.count(); ++row) {
    bool provider = session.kind() == SessionKind::kMaster && rows.at(row, 0) == kProviderDatabase;
    if (!provider) names.push_back(rows.text(row, 0));
  }
  return names;
}

Result<std::vector<std::string>> databases_to_close(Connection& session) {
  if (session.kind() == SessionKind::kMaster) return rds_databases_to_close(session);
  YTB_ASSIGN(Rows rows,
             session.query("SELECT coalesce(pg_catalog.shobj_description(oid, 'pg_authid'), '[]') FROM "
                           "pg_catalog.pg_roles WHERE rolname = session_user"));
  return rows.empty() ? std::vector<std::string>{} : json_strings(rows.at(0, 0));
}

Status remember_to_close(Connection& session, const std::vector<std::string>& databases) {
  if (session.kind() == SessionKind::kMaster) return rds_remember_to_close(session, databases);
  YTB_ASSIGN(std::vector<std::string> known, databases_to_close(session));
  std::set<std::string> all(known.begin(), known.end());
  all.insert(databases.begin(), databases.end());
  if (all.size() == known.size()) return {};
  YTB_ASSIGN(std::string us, session.value("SELECT session_user"));
  return session.execute(fmt::format("COMMENT ON ROLE {} IS {}", session.identifier(us),
                                     session.literal(nlohmann::json(all).dump())));
}

Status let_us_in_everywhere(Connection& session) {
  YTB_ASSIGN(Rows shut, session.query("SELECT datname FROM pg_catalog.pg_database WHERE NOT datallowconn AND "
                                      "datconnlimit <> -2"));
  std::vector<std::string> names;
  for (int row = 0; row < shut.count(); ++row) {
    // What belongs to the provider a master cannot open.
    bool provider = session.kind() == SessionKind::kMaster &&
                    (shut.at(row, 0) == kProviderDatabase || shut.at(row, 0) == "template0");
    if (!provider) names.push_back(shut.text(row, 0));
  }
  YTB_TRY(remember_to_close(session, names));
  for (const std::string& name : names) {
    YTB_TRY(
        session.execute(fmt::format("ALTER DATABASE {} ALLOW_CONNECTIONS true", session.identifier(name))));
  }
  return {};
}

Status close_again(Connection& session) {
  YTB_ASSIGN(std::vector<std::string> names, databases_to_close(session));
  for (const std::string& name : names) {
    const std::string quoted = session.identifier(name);
    YTB_TRY(session.execute(fmt::format("ALTER DATABASE {} ALLOW_CONNECTIONS false", quoted)));
    if (session.kind() == SessionKind::kMaster) continue;
    YTB_TRY(session.execute(fmt::format("ALTER DATABASE {} OWNER TO SESSION_USER", quoted)));
  }
  return {};
}

Status forbid_copying(Connection& session, const std::vector<std::string>& databases) {
  if (session.kind() == SessionKind::kMaster) return {};
  for (const std::string& name : databases) {
    YTB_TRY(session.execute(fmt::format("ALTER DATABASE {} IS_TEMPLATE false", session.identifier(name))));
  }
  return {};
}

}  // namespace ytb::postgres
