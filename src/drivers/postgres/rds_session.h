// A copy on RDS or Aurora from the inside: how it is told from production, what in it is the provider's, and
// what its master borrows while it works there.
//
// The master is no superuser, so the copy says who it is in the comment of a role of ours, kMarkRole: the
// nonce that the host recorded, the master's name, and whether it is still closed. The host writes the mark
// once, with a master password that it has just set on that very instance and nobody else knows; no engine
// call changes anything where the mark is missing, of another nonce, or says open. Not thread-safe; one call
// at a time (CopyLock).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "drivers/postgres/connection.h"
#include "ports/door.h"
#include "ports/instance.h"

namespace ytb::postgres {

inline constexpr std::string_view kMarkRole = "yesterdaytabase_copy";

// Whether `target` is a copy of this kind (it has a nonce).
[[nodiscard]] bool is_rds_copy(const ports::SessionTarget& target);

// What is the provider's own, by exact name: a comma-separated list of SQL literals, and the one database.
std::string provider_roles();
inline constexpr std::string_view kProviderDatabase = "rdsadmin";

// Marks the copy at `target` (with its nonce) as ours and closed. kRefused where it is somebody else's, open,
// or somebody is connected who is neither us nor the provider. Idempotent.
Result<ports::Claim> claim_rds_copy(const ports::SessionTarget& target);
// A master's session in a server that claim_rds_copy would not refuse, marked or not. For the door.
Result<Connection> open_unclaimed(const ports::SessionTarget& target);

// A master's session in whichever maintenance database there is, mark or not.
Result<Connection> open_master_anywhere(const ports::SessionTarget& target);
// As open_copy of copy_session.h.
Result<Connection> open_rds_copy(const ports::SessionTarget& target, const std::string& database,
                                 const StopFlag* stop);
// A session in a database in which we may make our own schema: what belongs to the whole server is recorded
// there.
Result<Connection> open_workplace(const ports::SessionTarget& target, const StopFlag* stop = nullptr);
// Whether we may make our schema in the session's database. kUnsupported where we may not and there is
// something in it that would need us.
Result<bool> can_work_in(Connection& session, const std::string& database);

// Two of us at once: the second is told kBusy, Later. Held as long as the object.
class CopyLock {
 public:
  static Result<CopyLock> take(const ports::SessionTarget& target);
  CopyLock(CopyLock&&) noexcept = default;
  CopyLock(const CopyLock&) = delete;
  CopyLock& operator=(CopyLock&&) = delete;
  CopyLock& operator=(const CopyLock&) = delete;
  // Gives the lock back and waits for that: a session that only hangs up holds it for a moment longer, and
  // our own next call would be told that somebody else is at work.
  ~CopyLock();

 private:
  explicit CopyLock(Connection session) : session_(std::make_unique<Connection>(std::move(session))) {}
  std::unique_ptr<Connection> session_;  // none once moved from
};

// The master becomes a member of every role that owns something (or has a transaction prepared), remembering
// in the mark of which it was not one before; and gives back exactly that.
Status borrow_memberships(Connection& session);
Status return_memberships(Connection& session);
Result<std::vector<std::string>> borrowed_memberships(Connection& session);

// As databases_to_close and remember_to_close of copy_session.h.
Result<std::vector<std::string>> rds_databases_to_close(Connection& session);
Status rds_remember_to_close(Connection& session, const std::vector<std::string>& databases);

// The mark says open from now on. For RdsDoor::open, in its transaction.
Status mark_open(Connection& session, std::string_view data_as_of);
// Whether the copy of this nonce has been opened. kRefused where there is no such mark.
Result<bool> is_marked_open(Connection& session, const ports::SessionTarget& target);

}  // namespace ytb::postgres
