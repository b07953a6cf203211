#include "drivers/postgres/rds_access.h"

#include <fmt/format.h>

#include <functional>

#include "base/json.h"
#include "base/text.h"
#include "drivers/postgres/access_rights.h"
#include "drivers/postgres/copy_session.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/rds_session.h"
#include "drivers/postgres/scram.h"

namespace ytb::postgres {
namespace {

constexpr int kRoundsMax = 10'000;     // of taking away one membership after the other
constexpr int kAdminOptionSince = 16;  // from it on CREATEROLE alters only roles that it administers

// Everybody but us, the provider and the system's own; alias r.
std::string others() {
  return fmt::format(
      "r.rolname <> session_user AND r.rolname <> '{}' AND r.rolname !~ '^pg_' AND r.rolname NOT IN ({})",
      kMarkRole, provider_roles());
}

constexpr std::string_view kProviderLogins = "d.rolname IN ('rds_iam', 'rds_ad')";

// One membership of a role for which `of_whom` holds (alias r) in one for which `in_what` does (alias d);
// false where there is none left. `taken` gets its line, and is run in the transaction that takes it.
Result<bool> take_one_membership(Connection& session, std::string_view in_what, std::string_view of_whom,
                                 const std::function<Status(std::string)>& taken) {
  YTB_ASSIGN(Rows rows,
             session.query(fmt::format(
                 "SELECT d.rolname, r.rolname, g.rolname FROM pg_auth_members a JOIN pg_roles d ON d.oid = "
                 "a.roleid JOIN pg_roles r ON r.oid = a.member LEFT JOIN pg_roles g ON g.oid = a.grantor "
                 "WHERE {} AND {} ORDER BY 1, 2 LIMIT 1",
                 in_what, of_whom)));
  if (rows.empty()) return false;
  std::string by = session.major() >= 16 && !rows.is_null(0, 2)
                       ? " GRANTED BY " + session.identifier(rows.at(0, 2)) + " CASCADE"
                       : std::string();
  Status done = in_transaction(session, [&]() -> Status {
    YTB_TRY(session.execute(fmt::format("REVOKE {} FROM {}{}", session.identifier(rows.at(0, 0)),
                                        session.identifier(rows.at(0, 1)), by)));
    return taken(fmt::format("taken from role {}: its membership in {}", printable(rows.at(0, 1)),
                             printable(rows.at(0, 0))));
  });
  YTB_TRY(std::move(done));
  return true;
}

Error too_many_memberships() {
  return Error{
      .code = Code::kUnsupported,
      .message = fmt::format("more than {} memberships in rds_iam, rds_ad or the master", kRoundsMax),
      .hint = {}};
}

// All memberships in one for which `in_what` holds (alias d), of everybody but the provider.
Status take_memberships(Connection& session, std::string_view in_what) {
  const std::string of_whom = fmt::format("r.rolname NOT IN ({})", provider_roles());
  for (int round = 0; round < kRoundsMax; ++round) {
    YTB_ASSIGN(bool one, take_one_membership(session, in_what, of_whom, [&](const std::string& line) {
                 return record_deed(session, line);
               }));
    if (!one) return {};
  }
  return too_many_memberships();
}

// Makes the master the administrator of a role where it is not; false where it may not.
Result<bool> administer(Connection& session, const std::string& role) {
  constexpr std::string_view kRefused = "42501";
  constexpr std::string_view kCircular = "0LP01";  // the role can act as the master
  YTB_ASSIGN(std::string is_one,
             session.value("SELECT pg_has_role(session_user, $1::name, 'MEMBER WITH ADMIN OPTION')", {role}));
  if (is_one == "t") return true;
  Status granted = session.execute(fmt::format(
      "GRANT {} TO SESSION_USER WITH ADMIN TRUE, INHERIT FALSE, SET FALSE", session.identifier(role)));
  if (granted.ok()) return true;
  if (session.last_state() == kRefused || session.last_state() == kCircular) return false;
  return std::move(granted).error();
}

// Who can act as the master cannot become its group: those give up the master, and are administered then.
Status administer_masters_members(Connection& session) {
  YTB_ASSIGN(Rows rows,
             session.query(fmt::format("SELECT r.rolname FROM pg_roles r WHERE {} AND pg_has_role(r.oid, "
                                       "session_user, 'MEMBER') AND NOT r.rolsuper AND NOT "
                                       "pg_has_role(session_user, r.oid, 'MEMBER WITH ADMIN OPTION')",
                                       others())));
  if (rows.empty()) return {};
  Status taken = take_memberships(session, "d.rolname = session_user");
  if (!taken.ok() && session.last_state() != "42501") return taken;
  for (int row = 0; row < rows.count(); ++row) {
    YTB_ASSIGN(bool administered, administer(session, rows.text(row, 0)));
    (void)administered;  // rds_open_doors names those that may log in
  }
  return {};
}

// A token is a password that is sent as it is.
Status check_verified(const ports::SessionTarget& target) {
  auto value = [&](const char* key) {
    auto found = target.parameters.find(key);
    return found == target.parameters.end() ? std::string() : found->second;
  };
  const bool local = value("host").starts_with('/');
  if (local || (value("sslmode") == "verify-full" && !value("sslrootcert").empty())) return {};
  return Error{
      .code = Code::kRefused,
      .message = fmt::format("no token is sent to {}: its connection is not verified TLS", target.label),
      .hint = {}};
}

// Functions of the provider's extensions that reach its other services; their schemas are fixed.
constexpr std::string_view kAwsFunctions =
    "WITH RECURSIVE reach (role) AS (SELECT oid FROM pg_roles WHERE rolname IN (SELECT "
    "json_array_elements_text($1::json)) UNION SELECT m.roleid FROM reach r JOIN pg_auth_members m ON "
    "m.member "
    "= r.role) SELECT p.oid::regprocedure::text, string_agg(DISTINCT quote_ident(g.rolname), ', ') FROM "
    "pg_proc "
    "p JOIN pg_namespace n ON n.oid = p.pronamespace CROSS JOIN reach r JOIN pg_roles g ON g.oid = r.role "
    "WHERE "
    "n.nspname IN ('aws_s3', 'aws_lambda', 'aws_ml', 'aws_bedrock') AND has_schema_privilege(r.role, n.oid, "
    "'USAGE') AND has_function_privilege(r.role, p.oid, 'EXECUTE') GROUP BY p.oid ORDER BY 1";

std::string names_json(const std::vector<model::AccessRole>& access) {
  nlohmann::json names = nlohmann::json::array();
  for (const model::AccessRole& role : access) names.push_back(role.name);
  return names.dump();
}

Status give_login(Connection& session, const ports::AccessGrant& grant) {
  YTB_ASSIGN(Rows rows,
             session.query(fmt::format("SELECT FROM pg_roles r WHERE r.rolname = $1 AND {}", others()),
                           {grant.role.name}));
  if (rows.empty()) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("'{}' is no role that could be let in", printable(grant.role.name)),
                 .hint = "check the access section of the config"};
  }
  YTB_ASSIGN(std::string verifier, scram_verifier(grant.password));
  // Giving back what was borrowed may have ended it.
  if (session.major() >= kAdminOptionSince) {
    YTB_ASSIGN(bool administered, administer(session, grant.role.name));
    (void)administered;  // else ALTER ROLE is refused, with the reason
  }
  // Production may have let it run out, or kept it out by the limit.
  return session.execute(
      fmt::format("ALTER ROLE {} LOGIN CONNECTION LIMIT -1 VALID UNTIL 'infinity' PASSWORD {}",
                  session.identifier(grant.role.name), session.literal(verifier)));
}

}  // namespace

Status administer_roles(Connection& session) {
  if (session.major() < kAdminOptionSince) return {};
  YTB_ASSIGN(Rows rows, session.query(fmt::format(
                            "SELECT r.rolname FROM pg_roles r WHERE {} AND NOT r.rolsuper", others())));
  for (int row = 0; row < rows.count(); ++row) {
    YTB_ASSIGN(bool administered, administer(session, rows.text(row, 0)));
    (void)administered;  // shut_roles sees to the rest
  }
  return {};
}

Status shut_roles(Connection& session) {
  YTB_TRY(take_memberships(session, kProviderLogins));
  if (session.major() >= kAdminOptionSince) YTB_TRY(administer_masters_members(session));
  YTB_ASSIGN(Rows rows,
             session.query(fmt::format("SELECT r.rolname FROM pg_roles r WHERE {} ORDER BY 1", others())));
  for (int row = 0; row < rows.count(); ++row) {
    // Whether a role has a password cannot be seen. One that may not be altered is named by rds_open_doors.
    Status shut = session.execute(
        fmt::format("ALTER ROLE {} NOLOGIN PASSWORD NULL", session.identifier(rows.at(row, 0))));
    if (!shut.ok() && session.last_state() != "42501") return shut;
  }
  return {};
}

Result<std::vector<std::string>> rds_open_doors(Connection& session) {
  std::vector<std::string> found;
  YTB_ASSIGN(Rows rows, session.query(fmt::format(
                            "SELECT r.rolname || ' may log in' FROM pg_roles r WHERE r.rolcanlogin AND {0} "
                            "UNION ALL SELECT r.rolname || ' is a member of ' || d.rolname FROM "
                            "pg_auth_members a JOIN pg_roles d ON d.oid = a.roleid JOIN pg_roles r ON r.oid "
                            "= a.member WHERE d.rolname IN ('rds_iam', 'rds_ad') AND r.rolname NOT IN ({1}) "
                            "ORDER BY 1",
                            others(), provider_roles())));
  for (int row = 0; row < rows.count(); ++row) found.push_back(printable(rows.at(row, 0)));
  return found;
}

Status prepare_rds_access(Connection& session, const std::vector<model::AccessRole>& access) {
  return in_transaction(session, [&] { return arrange_access_roles(session, access); });
}

Status take_away_aws_functions(Connection& session, const std::vector<model::AccessRole>& access) {
  if (access.empty()) return {};
  YTB_ASSIGN(Rows rows, session.query(kAwsFunctions, {names_json(access)}));
  for (int row = 0; row < rows.count(); ++row) {
    Status taken = in_transaction(session, [&]() -> Status {
      YTB_TRY(session.execute(
          fmt::format("REVOKE ALL ON ROUTINE {} FROM PUBLIC, {} CASCADE", rows.at(row, 0), rows.at(row, 1))));
      return record_deed(session,
                         fmt::format("taken from the access roles, where it was ours to take: EXECUTE "
                                     "on {}",
                                     printable(rows.at(row, 0))));
    });
    // What the provider granted stays: rds_dangerous_rights finds it.
    if (!taken.ok() && session.last_state() != "42501") return taken;
  }
  return {};
}

Result<std::vector<std::string>> rds_dangerous_rights(Connection& session,
                                                      const std::vector<model::AccessRole>& access) {
  YTB_ASSIGN(std::vector<std::string> found, dangerous_roles(session, access));
  if (access.empty()) return found;
  YTB_ASSIGN(Rows rows, session.query(kAwsFunctions, {names_json(access)}));
  for (int row = 0; row < rows.count(); ++row) {
    found.push_back(fmt::format("{} can execute {}, which reaches other services", printable(rows.at(row, 1)),
                                printable(rows.at(row, 0))));
  }
  return found;
}

Result<ports::Claim> RdsDoor::claim(const ports::SessionTarget& target) { return claim_rds_copy(target); }

Result<std::vector<std::string>> RdsDoor::free_master(const ports::SessionTarget& target) {
  YTB_TRY(check_verified(target));
  YTB_ASSIGN(Connection session, open_unclaimed(target));
  std::vector<std::string> lines;
  auto keep = [&](std::string line) -> Status {
    lines.push_back(std::move(line));
    return {};
  };
  // The provider's groups, too: what rds_superuser is a member of, the master is.
  for (int round = 0; round < kRoundsMax; ++round) {
    Result<bool> one =
        take_one_membership(session, kProviderLogins, "pg_has_role(session_user, r.oid, 'MEMBER')", keep);
    if (!one.ok() && session.last_state() == "42501") {
      return Error{
          .code = Code::kUnsupported,
          .message = fmt::format("the master of {} may not take rds_iam or rds_ad from itself and its "
                                 "groups",
                                 target.label),
          .hint = "in production: REVOKE both from them, by whoever granted them"};
    }
    if (!one.ok()) return std::move(one).error();
    if (!*one) return lines;
  }
  return too_many_memberships();
}

Result<bool> RdsDoor::is_open(const ports::SessionTarget& target) {
  YTB_ASSIGN(Connection session, open_master_anywhere(target));
  return is_marked_open(session, target);
}

Status RdsDoor::open(const ports::SessionTarget& target, const std::vector<ports::AccessGrant>& grants,
                     std::string_view data_as_of) {
  YTB_ASSIGN(bool before, is_open(target));
  if (before) return {};
  YTB_ASSIGN(CopyLock lock, CopyLock::take(target));
  YTB_ASSIGN(Connection session, open_copy_anywhere(target));
  return in_transaction(session, [&]() -> Status {
    YTB_ASSIGN(std::vector<std::string> borrowed, borrowed_memberships(session));
    if (!borrowed.empty()) {
      return Error{
          .code = Code::kRefused,
          .message = fmt::format("the master of {} has not given back what it borrowed", target.label),
          .hint = "verify the copy before it is opened"};
    }
    for (const ports::AccessGrant& grant : grants) YTB_TRY(give_login(session, grant));
    return mark_open(session, data_as_of);
  });
}

}  // namespace ytb::postgres
