#include "drivers/postgres/rds_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "drivers/postgres/copy_session.h"

namespace ytb::postgres {
namespace {

using nlohmann::json;

constexpr std::string_view kFormat = "yesterdaytabase copy, format 1";
constexpr int64_t kLockKey = 0x7974622d636f7079;  // "ytb-copy"
constexpr size_t kNonceMin = 16;

// As seen on RDS and Aurora, versions 12 to 17. Exact names: a role of the user's that only looks like one of
// these is treated as any other.
constexpr std::string_view kProviderRoles[] = {
    "rdsadmin", "rdsrepladmin", "rdstopmgr",    "rdswriteforwarduser", "rdsproxyadmin", "rds_superuser",
    "rds_iam",  "rds_ad",       "rds_password", "rds_replication",     "rds_reserved",  "rds_extension"};

struct Mark {
  std::string nonce, master;
  std::string data_as_of;  // once it is open
  bool open = false;
  std::set<std::string> borrowed, to_close;
};

std::string text_of(const Mark& mark) {
  return json{{"mark", kFormat},          {"nonce", mark.nonce}, {"data_as_of", mark.data_as_of},
              {"master", mark.master},    {"open", mark.open},   {"borrowed", mark.borrowed},
              {"to_close", mark.to_close}}
      .dump();
}

// None where there is no such role; kRefused where the role is not ours.
Result<std::optional<Mark>> read_mark(Connection& session) {
  YTB_ASSIGN(Rows rows, session.query("SELECT pg_catalog.shobj_description(oid, 'pg_authid') FROM "
                                      "pg_catalog.pg_roles WHERE rolname = $1",
                                      {std::string(kMarkRole)}));
  if (rows.empty()) return std::optional<Mark>();
  json parsed = parse_json(rows.at(0, 0));
  if (!parsed.is_object() || parsed.value("mark", "") != kFormat) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("production has a role called {}", kMarkRole),
                 .hint = "the name is reserved: rename the role in production"};
  }
  Mark mark{.nonce = parsed.value("nonce", ""),
            .master = parsed.value("master", ""),
            .data_as_of = parsed.value("data_as_of", ""),
            .open = parsed.value("open", true),
            .borrowed = parsed.value("borrowed", std::set<std::string>()),
            .to_close = parsed.value("to_close", std::set<std::string>())};
  return std::optional<Mark>(std::move(mark));
}

Status write_mark(Connection& session, const Mark& mark) {
  return session.execute(fmt::format("COMMENT ON ROLE {} IS {}", kMarkRole, session.literal(text_of(mark))));
}

Result<Mark> must_read(Connection& session) {
  YTB_ASSIGN(std::optional<Mark> mark, read_mark(session));
  if (mark) return *std::move(mark);
  return Error{.code = Code::kRefused, .message = "the copy has lost our mark", .hint = {}};
}

Error not_ours(const ports::SessionTarget& target, std::string_view why) {
  return Error{.code = Code::kRefused,
               .message = fmt::format("{} is not a closed copy of ours: {}", target.label, why),
               .hint = "nothing is changed anywhere but in a copy that was restored and not opened yet"};
}

}  // namespace

bool is_rds_copy(const ports::SessionTarget& target) { return !target.nonce.empty(); }

Result<Connection> open_master_anywhere(const ports::SessionTarget& target) {
  auto session = Connection::open(target, "postgres", SessionKind::kMaster);
  if (session.ok()) return session;
  auto other = Connection::open(target, "template1", SessionKind::kMaster);
  return other.ok() ? std::move(other) : std::move(session);
}

std::string provider_roles() {
  std::string out;
  for (std::string_view role : kProviderRoles) out += fmt::format("{}'{}'", out.empty() ? "" : ", ", role);
  return out;
}

namespace {

// kRefused where it is somebody else's, open, or others work in it. Else whether it carries our mark already.
Result<bool> is_claimed(Connection& session, const ports::SessionTarget& target) {
  YTB_ASSIGN(std::optional<Mark> mark, read_mark(session));
  YTB_ASSIGN(std::string us, session.value("SELECT session_user"));
  if (mark) {
    if (mark->nonce == target.nonce && mark->master == us && !mark->open) return true;
    return not_ours(target, mark->open ? "it was opened" : "it is marked as another one");
  }
  // A production has users and perhaps replicas; a copy behind its closed door has neither yet.
  YTB_ASSIGN(Rows others,
             session.query(fmt::format("SELECT DISTINCT usename FROM pg_catalog.pg_stat_activity WHERE "
                                       "(backend_type = 'client backend' AND usename <> session_user AND "
                                       "usename NOT IN ({})) OR backend_type = 'walsender' ORDER BY 1",
                                       provider_roles())));
  if (others.empty()) return false;
  return not_ours(target, fmt::format("'{}' is connected to it", printable(others.at(0, 0))));
}

Status check_nonce(const ports::SessionTarget& target) {
  if (target.nonce.size() >= kNonceMin) return {};
  return Error{.code = Code::kInternal, .message = "a copy's nonce is too short to name it", .hint = {}};
}

}  // namespace

Result<Connection> open_unclaimed(const ports::SessionTarget& target) {
  YTB_TRY(check_nonce(target));
  YTB_ASSIGN(Connection session, open_master_anywhere(target));
  YTB_ASSIGN(bool claimed, is_claimed(session, target));
  (void)claimed;
  return session;
}

Result<ports::Claim> claim_rds_copy(const ports::SessionTarget& target) {
  YTB_TRY(check_nonce(target));
  Result<Connection> opened = open_master_anywhere(target);
  if (!opened.ok() && is_overruled(opened.error())) return ports::Claim::kOverruled;
  YTB_ASSIGN(Connection session, std::move(opened));
  YTB_ASSIGN(bool claimed, is_claimed(session, target));
  if (claimed) return ports::Claim::kOurs;
  YTB_ASSIGN(std::string us, session.value("SELECT session_user"));
  Mark made{
      .nonce = target.nonce, .master = us, .data_as_of = {}, .open = false, .borrowed = {}, .to_close = {}};
  Status marked = in_transaction(session, [&]() -> Status {
    YTB_TRY(session.execute(fmt::format("CREATE ROLE {} NOLOGIN", kMarkRole)));
    return write_mark(session, made);
  });
  YTB_TRY(std::move(marked));
  return ports::Claim::kOurs;
}

Result<Connection> open_rds_copy(const ports::SessionTarget& target, const std::string& database,
                                 const StopFlag* stop) {
  YTB_ASSIGN(Connection session, Connection::open(target, database, SessionKind::kMaster, stop));
  YTB_ASSIGN(std::optional<Mark> mark, read_mark(session));
  YTB_ASSIGN(std::string us, session.value("SELECT session_user"));
  if (!mark) return not_ours(target, "it does not carry our mark");
  if (mark->nonce != target.nonce) return not_ours(target, "it is marked as another one");
  if (mark->master != us) return not_ours(target, "we are not its master");
  if (mark->open) return not_ours(target, "it was opened");
  return session;
}

Result<bool> can_work_in(Connection& session, const std::string& database) {
  YTB_ASSIGN(std::string may,
             session.value("SELECT pg_catalog.has_database_privilege(current_database(), 'CREATE')"));
  if (may == "t") return true;
  YTB_ASSIGN(
      std::string things,
      session.value(
          "SELECT (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
          "c.relkind IN ('r', 'p', 'f', 'm') AND c.oid >= 16384 AND c.relpersistence <> 't') + (SELECT "
          "count(*) FROM pg_largeobject_metadata) + (SELECT count(*) FROM pg_foreign_server) + (SELECT "
          "count(*) FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = "
          "current_database()))"));
  if (things == "0") return false;
  return Error{.code = Code::kUnsupported,
               .message = fmt::format("the master may not work in database '{}', which is not empty",
                                      printable(database)),
               .hint = "in production: make a role that the master administers its owner"};
}

Result<Connection> open_workplace(const ports::SessionTarget& target, const StopFlag* stop) {
  YTB_ASSIGN(Connection first, open_copy_anywhere(target, stop));
  YTB_ASSIGN(std::vector<std::string> names, list_databases(first));
  std::stable_partition(names.begin(), names.end(), [](const auto& name) { return name == "postgres"; });
  for (const std::string& name : names) {
    auto session = open_copy(target, name, stop);
    if (!session.ok()) continue;
    YTB_ASSIGN(std::string may,
               session->value("SELECT pg_catalog.has_database_privilege(current_database(), 'CREATE')"));
    if (may == "t") return session;
  }
  return Error{
      .code = Code::kUnsupported,
      .message = fmt::format("the master of {} may make a schema in none of its databases", target.label),
      .hint = "in production: GRANT CREATE ON DATABASE … to the master"};
}

Result<CopyLock> CopyLock::take(const ports::SessionTarget& target) {
  YTB_ASSIGN(Connection session, open_copy_anywhere(target));
  YTB_ASSIGN(std::string taken,
             session.value(fmt::format("SELECT pg_catalog.pg_try_advisory_lock({})", kLockKey)));
  if (taken == "t") return CopyLock(std::move(session));
  return Error{.code = Code::kBusy,
               .message = fmt::format("another run works in {}", target.label),
               .hint = "its session may outlive it for a while: try again",
               .retry = Retry::kLater};
}

CopyLock::~CopyLock() {
  // Where the session is broken, so is its hold on the lock.
  if (session_) {
    (void)session_->execute(fmt::format("SELECT pg_catalog.pg_advisory_unlock({})", kLockKey));
  }
}

Status borrow_memberships(Connection& session) {
  return in_transaction(session, [&]() -> Status {
    YTB_ASSIGN(Mark mark, must_read(session));
    // pg_shdepend knows the owners of everything in every database; what the bootstrap superuser owns is not
    // in it. A role that is itself a member of the master cannot become its group.
    YTB_ASSIGN(Rows rows,
               session.query(fmt::format(
                   "SELECT r.rolname FROM pg_catalog.pg_roles r WHERE (r.oid IN (SELECT refobjid FROM "
                   "pg_catalog.pg_shdepend WHERE refclassid = 'pg_catalog.pg_authid'::regclass AND deptype = "
                   "'o') OR r.oid IN (SELECT datdba FROM pg_catalog.pg_database) OR r.rolname IN (SELECT "
                   "owner FROM pg_catalog.pg_prepared_xacts)) AND NOT r.rolsuper AND r.rolname !~ '^pg_' AND "
                   "r.rolname NOT IN ({}) AND NOT pg_catalog.pg_has_role(session_user, r.oid, 'USAGE') AND "
                   "NOT pg_catalog.pg_has_role(r.oid, session_user, 'MEMBER') ORDER BY 1",
                   provider_roles())));
    for (int row = 0; row < rows.count(); ++row) {
      std::string how = session.major() >= 16 ? " WITH INHERIT TRUE, SET TRUE" : "";
      Status granted = session.execute(
          fmt::format("GRANT {} TO SESSION_USER{}", session.identifier(rows.at(row, 0)), how));
      if (!granted.ok()) {
        return std::move(granted).error().while_doing("borrowing membership in role " +
                                                      printable(rows.at(row, 0)));
      }
      mark.borrowed.insert(rows.text(row, 0));
    }
    return rows.empty() ? Status() : write_mark(session, mark);
  });
}

Status return_memberships(Connection& session) {
  return in_transaction(session, [&]() -> Status {
    YTB_ASSIGN(Mark mark, must_read(session));
    for (const std::string& role : mark.borrowed) {
      YTB_TRY(session.execute(fmt::format("REVOKE {} FROM SESSION_USER", session.identifier(role))));
    }
    if (mark.borrowed.empty()) return {};
    mark.borrowed.clear();
    return write_mark(session, mark);
  });
}

Result<std::vector<std::string>> borrowed_memberships(Connection& session) {
  YTB_ASSIGN(Mark mark, must_read(session));
  return std::vector<std::string>(mark.borrowed.begin(), mark.borrowed.end());
}

Result<std::vector<std::string>> rds_databases_to_close(Connection& session) {
  YTB_ASSIGN(Mark mark, must_read(session));
  return std::vector<std::string>(mark.to_close.begin(), mark.to_close.end());
}

Status rds_remember_to_close(Connection& session, const std::vector<std::string>& databases) {
  YTB_ASSIGN(Mark mark, must_read(session));
  size_t known = mark.to_close.size();
  mark.to_close.insert(databases.begin(), databases.end());
  return mark.to_close.size() == known ? Status() : write_mark(session, mark);
}

Status mark_open(Connection& session, std::string_view data_as_of) {
  YTB_ASSIGN(Mark mark, must_read(session));
  mark.data_as_of = data_as_of;
  mark.open = true;
  return write_mark(session, mark);
}

Result<bool> is_marked_open(Connection& session, const ports::SessionTarget& target) {
  YTB_ASSIGN(std::optional<Mark> mark, read_mark(session));
  if (mark && mark->nonce == target.nonce && !target.nonce.empty()) return mark->open;
  return not_ours(target, "it does not carry our mark");
}

}  // namespace ytb::postgres
