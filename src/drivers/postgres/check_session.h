// A session for looks that may run production's code: the config's own SQL checks, and foreign keys whose
// operators or casts are not the server's. Not ours, whose power that code would have.
//
// Its role is made for it and gone with close(): a member of every role that owns something, not held by row
// security, without any right over the server, and logged in like an owner (owner_session.h). Its sessions
// are to be read-only.
//
// To be used by one thread.
#pragma once

#include <string>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/owner_session.h"

namespace ytb::postgres {

class CheckSession {
 public:
  // `ours`: our session in `database`. All must outlive this.
  CheckSession(const ports::SessionTarget& target, Connection& ours, const std::string& database,
               const StopFlag& stop);
  // The same one each time. Outside of a transaction of `ours`, whose progress store is made where it is not.
  // kRefused where production has a role of our name.
  Result<Connection*> get();
  // The role goes; nothing where get() was not called. The store stays.
  Status close();

 private:
  Status make_role();

  Connection& ours_;
  OwnerSessions sessions_;
  bool made_ = false;
};

}  // namespace ytb::postgres
