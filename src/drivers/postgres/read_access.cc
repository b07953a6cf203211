#include "drivers/postgres/read_access.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "drivers/postgres/catalog_reader.h"
#include "drivers/postgres/own_marks.h"
#include "drivers/postgres/progress_store.h"

namespace ytb::postgres {
namespace {

constexpr std::string_view kReadAllOid = "6181";  // pg_authid.dat, ROLE_PG_READ_ALL_DATA

bool is_wanted(const model::AccessRole& role) {
  return std::find(role.member_of.begin(), role.member_of.end(), kReadAllData) != role.member_of.end();
}

Result<bool> readers_exist(Connection& session) {
  YTB_ASSIGN(Rows rows,
             session.query(
                 "SELECT coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE rolname = $1",
                 {std::string(kReaders)}));
  if (rows.empty()) return false;
  if (rows.at(0, 0) == kReadersMark) return true;
  return Error{.code = Code::kRefused,
               .message = fmt::format("production has a role called {}", kReaders),
               .hint = "the name is reserved: rename the role in production"};
}

// "WITH INHERIT …, SET …" from 16 on: a membership that must be asked for by SET ROLE stays one.
Result<Rows> members_of_read_all(Connection& session) {
  const std::string options = session.major() < 16
                                  ? "''"
                                  : "' WITH INHERIT ' || bool_or(a.inherit_option) || ', SET ' || "
                                    "bool_or(a.set_option)";
  return session.query(fmt::format(
      "SELECT m.rolname, {} FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member WHERE a.roleid = {} "
      "GROUP BY m.rolname ORDER BY 1",
      options, kReadAllOid));
}

Status make_readers(Connection& session) {
  YTB_ASSIGN(bool there, readers_exist(session));
  if (there) return {};
  YTB_TRY(session.execute(fmt::format("CREATE ROLE {} NOLOGIN INHERIT", kReaders)));
  YTB_TRY(session.execute(fmt::format("COMMENT ON ROLE {} IS '{}'", kReaders, kReadersMark)));
  YTB_ASSIGN(Rows databases,
             session.query(fmt::format("SELECT d.datname, string_agg(e.privilege_type, ', ') FROM "
                                       "pg_database d CROSS JOIN aclexplode(d.datacl) e WHERE e.grantee = {} "
                                       "GROUP BY 1",
                                       kReadAllOid)));
  for (int row = 0; row < databases.count(); ++row) {
    YTB_TRY(session.execute(fmt::format("GRANT {} ON DATABASE {} TO {}", databases.at(row, 1),
                                        session.identifier(databases.at(row, 0)), kReaders)));
  }
  return {};
}

Status record_reader(Connection& session, std::string_view role) {
  return record_deed(
      session,
      fmt::format("role {}: instead of pg_read_all_data, which reads password verifiers, it may read every "
                  "table, view and sequence, as a member of {}",
                  printable(role), kReaders));
}

// Owners in this database and whom access roles can act as. $1: names as JSON.
constexpr std::string_view kMakers = R"sql(
  WITH RECURSIVE reach (role) AS (
    SELECT oid FROM pg_roles WHERE rolname IN (SELECT json_array_elements_text($1::json))
    UNION SELECT m.roleid FROM reach r JOIN pg_auth_members m ON m.member = r.role)
  SELECT rolname FROM pg_roles WHERE oid >= 16384 AND rolname <> $2 AND (oid IN (SELECT role FROM reach) OR oid IN (
    SELECT refobjid FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o' AND dbid IN (0, (
      SELECT oid FROM pg_database WHERE datname = current_database())))) ORDER BY oid)sql";

}  // namespace

Result<std::vector<model::AccessRole>> replace_read_all(Connection& session,
                                                        const std::vector<model::AccessRole>& access) {
  YTB_ASSIGN(Rows members, members_of_read_all(session));
  if (members.empty() && std::none_of(access.begin(), access.end(), is_wanted)) return access;
  YTB_TRY(make_readers(session));
  for (int row = 0; row < members.count(); ++row) {
    YTB_TRY(session.execute(fmt::format("GRANT {} TO {}{}", kReaders, session.identifier(members.at(row, 0)),
                                        members.at(row, 1))));
    YTB_TRY(record_reader(session, members.at(row, 0)));
  }
  YTB_TRY(session.execute(fmt::format("DELETE FROM pg_auth_members WHERE roleid = {}", kReadAllOid)));
  std::vector<model::AccessRole> out = access;
  for (model::AccessRole& role : out) {
    if (!is_wanted(role)) continue;
    std::replace(role.member_of.begin(), role.member_of.end(), std::string(kReadAllData),
                 std::string(kReaders));
    YTB_TRY(record_reader(session, role.name));
  }
  return out;
}

Status let_readers_read(Connection& session, const std::vector<model::AccessRole>& access) {
  YTB_ASSIGN(bool there, readers_exist(session));
  if (!there) return {};
  YTB_ASSIGN(Rows schemas,
             session.query("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN "
                           "('information_schema', $1) ORDER BY oid",
                           {std::string(kProgressSchema)}));
  for (int row = 0; row < schemas.count(); ++row) {
    const std::string schema = session.identifier(schemas.at(row, 0));
    YTB_TRY(
        session.execute(fmt::format("GRANT USAGE ON SCHEMA {0} TO {1}; GRANT SELECT ON ALL TABLES IN "
                                    "SCHEMA {0} TO {1}; GRANT SELECT ON ALL SEQUENCES IN SCHEMA {0} TO "
                                    "{1}",
                                    schema, kReaders)));
  }
  nlohmann::json names = nlohmann::json::array();
  for (const model::AccessRole& role : access) names.push_back(role.name);
  YTB_ASSIGN(Rows makers, session.query(std::string(kMakers), {names.dump(), std::string(kReaders)}));
  for (int row = 0; row < makers.count(); ++row) {
    const std::string later =
        fmt::format("ALTER DEFAULT PRIVILEGES FOR ROLE {} GRANT", session.identifier(makers.at(row, 0)));
    YTB_TRY(
        session.execute(fmt::format("{0} SELECT ON TABLES TO {1}; {0} SELECT ON SEQUENCES TO {1}; {0} "
                                    "USAGE ON SCHEMAS TO {1}",
                                    later, kReaders)));
  }
  return {};
}

}  // namespace ytb::postgres
