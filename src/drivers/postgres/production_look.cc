#include "drivers/postgres/production_look.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>

#include "base/text.h"
#include "drivers/pgfiles/refusal.h"
#include "drivers/postgres/connection.h"

namespace ytb::postgres {
namespace {

constexpr const char* kConnectTimeoutS = "10";
constexpr int kDatabasesMax = 100;  // looked into; more are counted as not looked at
constexpr int kGroupsMax = 50;

using RawSession = std::unique_ptr<PGconn, decltype(&PQfinish)>;

std::string connection_of(const ports::SessionTarget& target) {
  const auto found = target.parameters.find("connection");
  return found == target.parameters.end() ? std::string() : found->second;
}

void read_connection(const ports::SessionTarget& target, ports::ProductionLook& look) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(connection_of(target).c_str(), nullptr), PQconninfoFree);
  if (options == nullptr) return;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    const std::string_view keyword = option->keyword;
    if (keyword == "dbname") look.dbname = option->val;
    if (keyword == "user") look.user = option->val;
    if (keyword == "host") look.host = option->val;
  }
}

// Whether a server answers there at all, be it that it lets nobody in.
bool answers(const ports::SessionTarget& target) {
  const std::string whole = connection_of(target);
  // Whatever is asked of TLS and Kerberos: without them a server is one, too.
  const std::array<const char*, 5> keys{"dbname", "connect_timeout", "sslmode", "gssencmode", nullptr};
  const std::array<const char*, 5> values{whole.c_str(), kConnectTimeoutS, "disable", "disable", nullptr};
  const PGPing said = PQpingParams(keys.data(), values.data(), 1);
  return said == PQPING_OK || said == PQPING_REJECT;
}

// libpq by itself, for what Connection does not tell: whether a password was asked for, and whether a
// session for base backups is admitted.
RawSession knock(const ports::SessionTarget& target, bool for_backups) {
  const std::string whole = connection_of(target);
  std::string password(target.password.reveal());
  const std::vector<const char*> keys{"dbname",
                                      "connect_timeout",
                                      "application_name",
                                      for_backups ? "replication" : "client_encoding",
                                      password.empty() ? nullptr : "password",
                                      nullptr};
  const std::vector<const char*> values{whole.c_str(),     kConnectTimeoutS,
                                        "yesterdaytabase", for_backups ? "true" : "UTF8",
                                        password.c_str(),  nullptr};
  RawSession session(PQconnectdbParams(keys.data(), values.data(), 1), PQfinish);
  std::fill(password.begin(), password.end(), '\0');
  return session;
}

// Tables of users, views and materialized views among them.
constexpr std::string_view kTables = R"sql(
  SELECT count(*)
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'v', 'm')
     AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
)sql";
// Those of them that $1 may read: a role, or "public" for everybody.
constexpr std::string_view kWithinReach = R"sql(
     AND pg_catalog.has_schema_privilege($1, n.oid, 'USAGE')
     AND pg_catalog.has_any_column_privilege($1, c.oid, 'SELECT')
)sql";
constexpr std::string_view kDatabases = R"sql(
  SELECT d.datname,
         CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT')
              THEN pg_catalog.pg_database_size(d.oid) ELSE 0 END,
         pg_catalog.has_database_privilege(d.oid, 'CONNECT')
    FROM pg_catalog.pg_database AS d
   WHERE d.datallowconn AND NOT d.datistemplate
   ORDER BY d.datname
)sql";
constexpr std::string_view kLogin = R"sql(
  SELECT r.rolname, r.rolsuper, r.rolsuper OR r.rolreplication,
         pg_catalog.current_setting('server_version'), pg_catalog.current_setting('wal_level')
    FROM pg_catalog.pg_roles AS r
   WHERE r.rolname = CURRENT_USER
)sql";

Result<uint64_t> reach_of(Connection& session, const std::string& role) {
  YTB_ASSIGN(Rows rows, session.query(std::string(kTables) + std::string(kWithinReach),
                                      {role.empty() ? std::string("public") : role}));
  return static_cast<uint64_t>(rows.integer(0, 0));
}

Status look_into(Connection& session, const std::vector<std::string>& about,
                 std::map<std::string, uint64_t>& reach, ports::ProductionLook& look,
                 ports::DatabaseLook& database) {
  YTB_ASSIGN(Rows tables, session.query(kTables));
  database.tables = static_cast<uint64_t>(tables.integer(0, 0));
  YTB_ASSIGN(database.readable, reach_of(session, look.login));
  YTB_ASSIGN(
      Rows extensions,
      session.query("SELECT extname FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql' ORDER BY 1"));
  for (int i = 0; i < extensions.count(); ++i) database.extensions.push_back(extensions.text(i, 0));
  for (const std::string& role : about) {
    const bool known =
        role.empty() || std::find(look.roles.begin(), look.roles.end(), role) != look.roles.end();
    if (!known) continue;
    YTB_ASSIGN(const uint64_t found, reach_of(session, role));
    reach[role] += found;
  }
  return {};
}

Status look_around(Connection& session, const ports::SessionTarget& target,
                   const std::vector<std::string>& about, ports::ProductionLook& look) {
  look.major = session.major();
  YTB_ASSIGN(Rows login, session.query(kLogin));
  look.login = login.text(0, 0);
  look.is_superuser = login.truth(0, 1);
  look.may_replicate = login.truth(0, 2);
  look.version = login.text(0, 3).substr(0, login.text(0, 3).find(' '));
  look.wal_level = login.text(0, 4);
  YTB_ASSIGN(Rows roles, session.query("SELECT rolname, rolcanlogin FROM pg_catalog.pg_roles ORDER BY 1"));
  std::vector<std::string> asked = about;
  std::vector<std::string> groups;
  for (int i = 0; i < roles.count(); ++i) {
    look.roles.push_back(roles.text(i, 0));
    const bool is_group = !roles.truth(i, 1) && !roles.at(i, 0).starts_with("pg_");
    if (is_group && groups.size() < kGroupsMax) groups.push_back(roles.text(i, 0));
  }
  for (const std::string& group : groups) {
    if (std::find(asked.begin(), asked.end(), group) == asked.end()) asked.push_back(group);
  }
  YTB_ASSIGN(Rows databases, session.query(kDatabases));
  std::map<std::string, uint64_t> reach;
  for (int i = 0; i < databases.count(); ++i) {
    const std::string name = databases.text(i, 0);
    auto inside = Connection::open(target, name, SessionKind::kProduction);
    if (!databases.truth(i, 2) || !inside.ok() || i >= kDatabasesMax) {
      look.not_looked_at.push_back(name);
      continue;
    }
    ports::DatabaseLook database;
    database.name = name;
    database.bytes = static_cast<uint64_t>(databases.integer(i, 1));
    YTB_TRY(look_into(*inside, asked, reach, look, database));
    look.databases.push_back(std::move(database));
  }
  for (const std::string& role : about) {
    if (reach.contains(role)) look.reaches.push_back({role, reach[role]});
  }
  for (const std::string& group : groups) {
    if (reach[group] > 0) look.groups.push_back({group, reach[group]});
  }
  std::stable_sort(look.groups.begin(), look.groups.end(),
                   [](const auto& a, const auto& b) { return a.tables > b.tables; });
  return {};
}

}  // namespace

ports::ProductionLook look_at_production(const ports::SessionTarget& target,
                                         const std::vector<std::string>& about) {
  ports::ProductionLook look;
  read_connection(target, look);
  auto session = Connection::open(target, "", SessionKind::kProduction);
  if (!session.ok()) {
    look.unreachable = std::move(session).error();
    const RawSession again = knock(target, false);
    look.wants_password = PQconnectionNeedsPassword(again.get()) != 0;
    look.wrong_password =
        PQstatus(again.get()) != CONNECTION_OK && PQconnectionUsedPassword(again.get()) != 0;
    look.no_answer = !look.wants_password && !look.wrong_password && !answers(target);
    return look;
  }
  Status looked = look_around(*session, target, about, look);
  if (!looked.ok()) {
    look.unreachable = std::move(looked).error().while_doing("a first look at production");
    return look;
  }
  const RawSession backups = knock(target, true);
  if (PQstatus(backups.get()) != CONNECTION_OK) {
    look.no_base_backups =
        Error{.code = Code::kConnection,
              .message = fmt::format("production admits no session for base backups: {}",
                                     pgfiles::text_of_refusal(trim(PQerrorMessage(backups.get())))),
              .hint = {}};
  }
  return look;
}

}  // namespace ytb::postgres
