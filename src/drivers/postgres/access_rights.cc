#include "drivers/postgres/access_rights.h"

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "drivers/postgres/own_marks.h"
#include "drivers/postgres/progress_store.h"

namespace ytb::postgres {
namespace {

constexpr int kRoundsMax = 1000;  // of taking away one membership after the other

std::string names_json(const std::vector<model::AccessRole>& access) {
  nlohmann::json names = nlohmann::json::array();
  for (const model::AccessRole& role : access) names.push_back(role.name);
  return names.dump();
}

// Every role an access role can act as: itself and what it is a member of, however far. $1: names as JSON.
constexpr std::string_view kReach =
    "WITH RECURSIVE reach (role) AS (SELECT oid FROM pg_roles WHERE rolname IN (SELECT "
    "json_array_elements_text($1::json))"
    " UNION SELECT m.roleid FROM reach r JOIN pg_auth_members m ON m.member = r.role), dangerous AS (SELECT "
    "oid FROM "
    "pg_roles WHERE rolsuper OR rolcreaterole OR rolreplication OR rolname IN ('pg_read_server_files', "
    "'pg_write_server_files', 'pg_execute_server_program', 'pg_create_subscription', 'rds_superuser', "
    "'rds_replication', 'rds_password', 'rds_iam', 'rds_ad')) ";

struct RoleFacts {
  bool there = false;
  bool bootstrap = false;
};

Result<RoleFacts> look_up(Connection& session, const std::string& name) {
  YTB_ASSIGN(Rows rows, session.query("SELECT oid = 10 FROM pg_roles WHERE rolname = $1", {name}));
  if (rows.empty()) return RoleFacts{};
  return RoleFacts{.there = true, .bootstrap = rows.truth(0, 0)};
}

Status make_or_take(Connection& session, const model::AccessRole& role) {
  YTB_ASSIGN(RoleFacts facts, look_up(session, role.name));
  YTB_ASSIGN(std::string us, session.value("SELECT session_user"));
  std::string quoted = session.identifier(role.name);
  if (role.name == us || role.name.starts_with("pg_") || facts.bootstrap) {
    return Error{
        .code = Code::kConfig,
        .message = fmt::format("'{}' cannot be an access role: {}", printable(role.name),
                               facts.bootstrap ? "it owns the server's own objects" : "the name is reserved"),
        .hint = "choose another role"};
  }
  if (!facts.there) {
    YTB_TRY(session.execute(fmt::format("CREATE ROLE {} NOLOGIN INHERIT", quoted)));
    YTB_TRY(
        session.execute(fmt::format("COMMENT ON ROLE {} IS {}", quoted, session.literal(kAccessRoleMark))));
    YTB_TRY(record_deed(
        session, fmt::format("access role {} made, without login until opening", printable(role.name))));
  } else if (role.existing) {
    YTB_TRY(record_deed(session,
                        fmt::format("access role {} taken over from production, without login until opening",
                                    printable(role.name))));
  }
  for (const std::string& group : role.member_of) {
    // Former superusers are members of every owner (server_power.h): granted again, it may look circular.
    YTB_ASSIGN(Rows already,
               session.query("SELECT FROM pg_auth_members WHERE roleid = (SELECT oid FROM pg_roles WHERE "
                             "rolname = $1) AND member = (SELECT oid FROM pg_roles WHERE rolname = $2)",
                             {group, role.name}));
    if (!already.empty()) continue;
    YTB_TRY(session.execute(fmt::format("GRANT {} TO {}", session.identifier(group), quoted)));
  }
  if (!role.bypass_row_security) return {};
  YTB_TRY(session.execute(fmt::format("ALTER ROLE {} BYPASSRLS", quoted)));
  return record_deed(session,
                     fmt::format("access role {} sees all rows, whatever row-level security shows others",
                                 printable(role.name)));
}

// Attributes of the access roles themselves are switched off; a dangerous role they are members of keeps its
// own and loses the member.
Status take_away_attributes(Connection& session, const std::string& names) {
  YTB_ASSIGN(Rows rows,
             session.query("SELECT rolname, rolsuper, rolcreaterole, rolreplication FROM pg_roles WHERE "
                           "rolname IN (SELECT json_array_elements_text($1::json)) AND (rolsuper OR "
                           "rolcreaterole OR rolreplication)",
                           {names}));
  for (int row = 0; row < rows.count(); ++row) {
    std::string had;
    std::string without;  // only what is there: a cloud's master may not even name the others
    for (auto [column, word] :
         {std::pair{1, "SUPERUSER"}, std::pair{2, "CREATEROLE"}, std::pair{3, "REPLICATION"}}) {
      if (!rows.truth(row, column)) continue;
      had += (had.empty() ? "" : ", ") + std::string(word);
      without += " NO" + std::string(word);
    }
    YTB_TRY(session.execute(fmt::format("ALTER ROLE {}{}", session.identifier(rows.at(row, 0)), without)));
    YTB_TRY(
        record_deed(session, fmt::format("taken from access role {}: {}", printable(rows.at(row, 0)), had)));
  }
  return {};
}

Status take_away_memberships(Connection& session, const std::string& names) {
  for (int round = 0; round < kRoundsMax; ++round) {
    // GRANTED BY matters from 16 on: one membership may have come from several grantors.
    YTB_ASSIGN(
        Rows rows,
        session.query(std::string(kReach) +
                          "SELECT d.rolname, m.rolname, g.rolname FROM pg_auth_members a JOIN reach "
                          "r ON r.role = a.member JOIN pg_roles d ON d.oid = a.roleid JOIN pg_roles "
                          "m ON m.oid = a.member LEFT JOIN pg_roles g ON g.oid = a.grantor WHERE "
                          "a.roleid IN (SELECT oid FROM dangerous) AND m.rolname <> session_user ORDER BY "
                          "2, 1 LIMIT 1",
                      {names}));
    if (rows.empty()) return {};
    std::string by = session.major() >= 16 && !rows.is_null(0, 2)
                         ? " GRANTED BY " + session.identifier(rows.at(0, 2)) + " CASCADE"
                         : std::string();
    YTB_TRY(session.execute(fmt::format("REVOKE {} FROM {}{}", session.identifier(rows.at(0, 0)),
                                        session.identifier(rows.at(0, 1)), by)));
    YTB_TRY(record_deed(session, fmt::format("taken from role {}: its membership in {}",
                                             printable(rows.at(0, 1)), printable(rows.at(0, 0)))));
  }
  return Error{
      .code = Code::kUnsupported,
      .message = fmt::format("an access role reaches dangerous roles on more than {} ways", kRoundsMax),
      .hint = "choose another access role"};
}

Status take_away_parameters(Connection& session, const std::string& names) {
  if (session.major() < 15) return {};
  YTB_ASSIGN(Rows rows,
             session.query(
                 std::string(kReach) +
                     "SELECT DISTINCT p.parname, CASE WHEN a.grantee = 0 THEN NULL ELSE g.rolname END FROM "
                     "pg_parameter_acl p CROSS JOIN aclexplode(p.paracl) a LEFT JOIN pg_roles g ON g.oid = "
                     "a.grantee WHERE a.grantee = 0 OR a.grantee IN (SELECT role FROM reach)",
                 {names}));
  for (int row = 0; row < rows.count(); ++row) {
    std::string whom = rows.is_null(row, 1) ? "PUBLIC" : session.identifier(rows.at(row, 1));
    YTB_TRY(
        session.execute(fmt::format("REVOKE ALL ON PARAMETER {} FROM {} CASCADE", rows.at(row, 0), whom)));
    YTB_TRY(record_deed(session, fmt::format("taken from {}: its right on the setting {}",
                                             rows.is_null(row, 1) ? "everybody" : printable(rows.at(row, 1)),
                                             printable(rows.at(row, 0)))));
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> production_roles(Connection& session) {
  YTB_ASSIGN(Rows rows,
             session.query("SELECT rolname FROM pg_roles WHERE coalesce(shobj_description(oid, 'pg_authid'), "
                           "'') <> $1 ORDER BY rolname",
                           {std::string(kAccessRoleMark)}));
  std::vector<std::string> names;
  for (int row = 0; row < rows.count(); ++row) names.push_back(rows.text(row, 0));
  return names;
}

Status arrange_access_roles(Connection& session, const std::vector<model::AccessRole>& access) {
  std::string names = names_json(access);
  YTB_ASSIGN(std::vector<std::string> roles, production_roles(session));
  YTB_TRY(model::check_access_roles(access, roles));
  for (const model::AccessRole& role : access) YTB_TRY(make_or_take(session, role));
  YTB_TRY(take_away_attributes(session, names));
  YTB_TRY(take_away_memberships(session, names));
  return take_away_parameters(session, names);
}

Result<std::vector<std::string>> dangerous_roles(Connection& session,
                                                 const std::vector<model::AccessRole>& access) {
  std::vector<std::string> found;
  std::string names = names_json(access);
  YTB_ASSIGN(Rows roles,
             session.query(std::string(kReach) +
                               "SELECT g.rolname FROM reach r JOIN dangerous d ON d.oid = r.role JOIN "
                               "pg_roles g ON g.oid = r.role ORDER BY 1",
                           {names}));
  for (int row = 0; row < roles.count(); ++row) {
    found.push_back(fmt::format("an access role can act as {}", printable(roles.at(row, 0))));
  }
  return found;
}

}  // namespace ytb::postgres
