#include "drivers/postgres/owner_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/text.h"
#include "drivers/os/users.h"
#include "drivers/postgres/catalog_reader.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/server_messages.h"
#include "drivers/postgres/server_settings.h"

namespace ytb::postgres {
namespace {

// The server reads pg_ident.conf anew when it gets to it, on a busy host late.
constexpr auto kConnectMax = std::chrono::minutes(1);
constexpr auto kConnectPause = std::chrono::milliseconds(20);
// Of the server's connections, a hundred by default, ours and those that end take some.
constexpr size_t kSessionsMax = 8;

// A line of pg_ident.conf ends at a line break.
bool ident_can_carry(std::string_view role) {
  return !role.empty() && std::none_of(role.begin(), role.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

// From 16 on a name that begins with a slash is a regular expression there, quoted or not (hba.c,
// regcomp_auth_token): then one that only this name fits.
std::string as_ident_says(std::string_view role, int major) {
  if (major < 16 || role[0] != '/') return std::string(role);
  std::string out = "/^";
  for (char c : role) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       static_cast<unsigned char>(c) >= 0x80;
    if (!plain) out += '\\';
    out += c;
  }
  return out + "$";
}

// One row in this database's store: what the role and the database had before.
Status lend(Connection& ours, const std::string& role) {
  return in_transaction(ours, [&]() -> Status {
    YTB_TRY(ours.execute(in_progress(
        "CREATE TABLE IF NOT EXISTS @lent (role oid PRIMARY KEY, limit_of_role int NOT NULL, acl aclitem[], "
        "limit_of_database int NOT NULL)")));
    YTB_TRY(ours.execute(
        in_progress("INSERT INTO @lent SELECT r.oid, r.rolconnlimit, d.datacl, d.datconnlimit FROM "
                    "pg_catalog.pg_authid r, pg_catalog.pg_database d WHERE r.oid = $1::oid AND d.datname = "
                    "current_database()"),
        {role}));
    YTB_TRY(ours.execute(
        "UPDATE pg_catalog.pg_authid SET rolcanlogin = true, rolconnlimit = -1 WHERE oid = $1::oid", {role}));
    return ours.execute(
        "UPDATE pg_catalog.pg_database SET datacl = NULL, datconnlimit = -1 WHERE datname = "
        "current_database()");
  });
}

}  // namespace

// BYPASSRLS is looked at in each statement: a session that is there already has it, and loses it again.
Status lend_all_rows(Connection& ours, int64_t relation) {
  return in_transaction(ours, [&]() -> Status {
    YTB_TRY(ours.execute(in_progress("CREATE TABLE IF NOT EXISTS @bypassing (role oid PRIMARY KEY)")));
    return ours.execute(in_progress(fmt::format(R"sql(
      INSERT INTO @bypassing SELECT r.oid FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_authid r ON r.oid = c.relowner
        WHERE c.oid = {} AND NOT r.rolbypassrls ON CONFLICT DO NOTHING;
      UPDATE pg_catalog.pg_authid r SET rolbypassrls = true FROM @bypassing b WHERE b.role = r.oid)sql",
                                                relation)));
  });
}

Status take_back(Connection& ours) {
  YTB_ASSIGN(bool recording, has_progress(ours));
  if (!recording) return {};
  auto is_there = [&](const char* name) {
    return ours.value(fmt::format("SELECT to_regclass('{}.{}') IS NOT NULL", kProgressSchema, name));
  };
  YTB_ASSIGN(std::string bypassing, is_there("bypassing"));
  if (bypassing == "t") {
    YTB_TRY(ours.execute(in_progress(R"sql(
      UPDATE pg_catalog.pg_authid r SET rolbypassrls = false FROM @bypassing b WHERE r.oid = b.role;
      DELETE FROM @bypassing)sql")));
  }
  YTB_ASSIGN(std::string lent, is_there("lent"));
  if (lent != "t") return {};
  return ours.execute(in_progress(R"sql(
    UPDATE pg_catalog.pg_authid r SET rolcanlogin = false, rolconnlimit = l.limit_of_role FROM @lent l
      WHERE r.oid = l.role;
    UPDATE pg_catalog.pg_database SET datacl = l.acl, datconnlimit = l.limit_of_database FROM @lent l
      WHERE datname = current_database();
    DELETE FROM @lent)sql"));
}

OwnerSessions::OwnerSessions(const ports::SessionTarget& target, Connection& ours, std::string database,
                             const StopFlag& stop)
    : target_(target), ours_(ours), database_(std::move(database)), stop_(stop) {}

Status OwnerSessions::admit_all() {
  YTB_ASSIGN(os::User ourselves, os::find_user(""));
  YTB_ASSIGN(Rows roles,
             ours_.query("SELECT rolname FROM pg_catalog.pg_authid WHERE oid >= 16384 ORDER BY oid"));
  std::vector<std::string> names;
  for (int row = 0; row < roles.count(); ++row) {
    if (ident_can_carry(roles.at(row, 0))) names.push_back(as_ident_says(roles.at(row, 0), ours_.major()));
  }
  std::string text = closed_ident(names, ourselves.name);
  YTB_ASSIGN(Rows file, ours_.query("SELECT pg_catalog.pg_read_file('pg_ident.conf'), "
                                    "pg_catalog.current_setting('data_directory')"));
  if (file.at(0, 0) != text) {
    std::string_view lines = text;
    if (lines.ends_with('\n')) lines.remove_suffix(1);
    // As CSV with quotes that no line holds: the text form would double a backslash.
    YTB_TRY(ours_.execute(fmt::format(
        R"sql(
      COPY (SELECT line FROM unnest(string_to_array({}, E'\n')) WITH ORDINALITY AS l (line, place)
            ORDER BY place)
        TO {} WITH (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02', ESCAPE E'\x02'))sql",
        ours_.literal(lines), ours_.literal(file.text(0, 1) + "/pg_ident.conf"))));
    YTB_TRY(ours_.execute("SELECT pg_catalog.pg_reload_conf()"));
  }
  admitted_ = true;
  return {};
}

Result<Connection> OwnerSessions::connect(const std::string& role) {
  ports::SessionTarget as;
  as.parameters = target_.parameters;
  as.parameters["user"] = role;
  as.label = target_.label;
  as.local_copy = target_.local_copy;
  as.folder = target_.folder;
  const auto until = std::chrono::steady_clock::now() + kConnectMax;
  for (;;) {
    auto session = Connection::open(as, database_, SessionKind::kOwner, &stop_);
    if (session.ok() || !is_overruled(session.error())) return session;
    YTB_TRY(stop_.check());
    if (std::chrono::steady_clock::now() >= until) {
      Error late = std::move(session).error();
      late.retry = Retry::kLater;
      return late;
    }
    std::this_thread::sleep_for(kConnectPause);
  }
}

Result<Connection*> OwnerSessions::owner_of(int64_t relation) {
  YTB_ASSIGN(Rows rows, ours_.query("SELECT r.oid, r.rolname, r.rolsuper FROM pg_catalog.pg_class c JOIN "
                                    "pg_catalog.pg_authid r ON r.oid = c.relowner WHERE c.oid = $1::oid",
                                    {std::to_string(relation)}));
  if (rows.empty()) {
    return Error{
        .code = Code::kInternal, .message = fmt::format("relation {} has no owner", relation), .hint = {}};
  }
  return session_of(rows);
}

Result<Connection*> OwnerSessions::as_role(const std::string& name) {
  YTB_ASSIGN(
      Rows rows,
      ours_.query("SELECT oid, rolname, rolsuper FROM pg_catalog.pg_authid WHERE rolname = $1", {name}));
  if (rows.empty()) {
    return Error{
        .code = Code::kInternal, .message = fmt::format("role {} has gone", printable(name)), .hint = {}};
  }
  return session_of(rows);
}

// A row of its OID, name and whether it is a superuser.
Result<Connection*> OwnerSessions::session_of(const Rows& rows) {
  const int64_t owner = rows.integer(0, 0);
  for (auto known = sessions_.begin(); known != sessions_.end(); ++known) {
    if (known->first != owner) continue;
    sessions_.splice(sessions_.begin(), sessions_, known);
    return &sessions_.front().second;
  }
  if (rows.truth(0, 2)) {
    return Error{.code = Code::kRefused, .message = "its owner has a superuser's power", .hint = {}};
  }
  if (!ident_can_carry(rows.at(0, 1))) {
    return Error{
        .code = Code::kRefused,
        .message = fmt::format("pg_ident.conf cannot carry the role name '{}'", printable(rows.at(0, 1))),
        .hint = {}};
  }
  if (sessions_.size() >= kSessionsMax) sessions_.pop_back();
  if (!admitted_) YTB_TRY(admit_all());
  YTB_TRY(lend(ours_, rows.text(0, 0)));
  auto session = connect(rows.text(0, 1));
  YTB_TRY(take_back(ours_));
  if (!session.ok()) return std::move(session).error();
  sessions_.emplace_front(owner, std::move(session).value());
  return &sessions_.front().second;
}

bool is_of_production(const Connection& owner, const Error& error) {
  return !owner.last_state().empty() && error.code != Code::kSpace;
}

std::string reason_of(std::string_view state) {
  std::string_view why = "an error while it was computed";
  if (state == "42501") {
    why = "its owner lacks a right";
  } else if (state == "55000") {
    why = "it reads what has no rows: a materialized view that was not computed, or foreign data";
  } else if (state.starts_with("HV") || state.starts_with("08")) {
    why = "it reads foreign data";
  } else if (state.starts_with("22")) {
    why = "a value does not fit a cast or function";
  } else if (state == "42704") {
    why = "it needs a setting or an object that is not there";
  } else if (state == "23505") {
    why = "its unique index refuses equal rows";
  } else if (state == "23502" || state == "23514") {
    why = "a constraint refuses it";
  }
  return fmt::format("{} (SQLSTATE {})", why, state.empty() ? "unknown" : shown_state(state));
}

}  // namespace ytb::postgres
