#include "drivers/postgres/check_session.h"

#include <fmt/format.h>

#include "drivers/postgres/own_marks.h"
#include "drivers/postgres/progress_store.h"

namespace ytb::postgres {
namespace {

constexpr std::string_view kRole = "yesterdaytabase_checks";

// One that a killed run left is made anew: owners may have changed.
Status drop_role(Connection& ours) {
  YTB_ASSIGN(Rows rows, ours.query("SELECT coalesce(pg_catalog.shobj_description(oid, 'pg_authid'), '') FROM "
                                   "pg_catalog.pg_roles WHERE rolname = $1",
                                   {std::string(kRole)}));
  if (rows.empty()) return {};
  if (rows.at(0, 0) != kAskerMark) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("production has a role called {}", kRole),
                 .hint = "the name is reserved: rename the role in production"};
  }
  return ours.execute(fmt::format("DROP ROLE {}", kRole));
}

}  // namespace

CheckSession::CheckSession(const ports::SessionTarget& target, Connection& ours, const std::string& database,
                           const StopFlag& stop)
    : ours_(ours), sessions_(target, ours, database, stop) {}

Status CheckSession::make_role() {
  YTB_TRY(drop_role(ours_));
  YTB_ASSIGN(
      Rows owners,
      ours_.query("SELECT r.rolname FROM pg_catalog.pg_roles r WHERE r.oid >= 16384 AND EXISTS (SELECT "
                  "FROM pg_catalog.pg_shdepend d WHERE d.refclassid = 1260 AND d.deptype = 'o' AND "
                  "d.refobjid = r.oid) ORDER BY r.oid"));
  YTB_TRY(ours_.execute(fmt::format("CREATE ROLE {} NOLOGIN INHERIT BYPASSRLS", kRole)));
  YTB_TRY(ours_.execute(fmt::format("COMMENT ON ROLE {} IS '{}'", kRole, kAskerMark)));
  for (int row = 0; row < owners.count(); ++row) {
    YTB_TRY(ours_.execute(fmt::format("GRANT {} TO {}", ours_.identifier(owners.at(row, 0)), kRole)));
  }
  return {};
}

Result<Connection*> CheckSession::get() {
  if (!made_) {
    YTB_TRY(ensure_progress(ours_));
    YTB_TRY(in_transaction(ours_, [&] { return make_role(); }));
    made_ = true;
  }
  return sessions_.as_role(std::string(kRole));
}

Status CheckSession::close() {
  if (!made_) return {};
  sessions_.end();
  made_ = false;
  return drop_role(ours_);
}

}  // namespace ytb::postgres
