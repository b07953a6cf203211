// Sessions authenticated as roles of production, inside a closed copy: what their code computes runs with
// their rights and no others. (A SET ROLE of ours is no wall: code that says RESET ROLE is us again.)
//
// The closed copy's pg_hba.conf admits every role that pg_ident.conf maps to our own operating system user,
// but no role may log in. LOGIN, and whatever else the way in asks for (connection limits, CONNECT), is lent
// for the moment of connecting and taken back at once. What is lent is recorded; take_back() is for what a
// killed run left, too.
//
// To be used by one thread.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/stop.h"
#include "drivers/postgres/connection.h"

namespace ytb::postgres {

class OwnerSessions {
 public:
  // `ours`: our session in `database`. All must outlive this.
  OwnerSessions(const ports::SessionTarget& target, Connection& ours, std::string database,
                const StopFlag& stop);
  // A session as the owner of a relation, to be used before the next is asked for: of many owners only the
  // last few stay connected. kRefused: that role cannot be let in.
  Result<Connection*> owner_of(int64_t relation);
  // As any other role but a superuser.
  Result<Connection*> as_role(const std::string& name);
  // Ends them all.
  void end() { sessions_.clear(); }

 private:
  Result<Connection*> session_of(const Rows& role);
  Status admit_all();
  Result<Connection> connect(const std::string& role);

  const ports::SessionTarget& target_;
  Connection& ours_;
  std::string database_;
  const StopFlag& stop_;
  bool admitted_ = false;
  std::list<std::pair<int64_t, Connection>> sessions_;  // by role, the last used first
};

// Row security, also where it is forced on the owner, hides no row from a relation's owner until take_back().
Status lend_all_rows(Connection& ours, int64_t relation);
// In the session's database; nothing is lent afterwards.
Status take_back(Connection& ours);

// Whether a statement that failed in such a session says something of production's code and data: not where
// the server has gone or found no room, which no error that code raises can pretend.
bool is_of_production(const Connection& owner, const Error& error);
// Why a statement failed in such a session, by its SQLSTATE: the server's text may be production's own.
std::string reason_of(std::string_view state);

}  // namespace ytb::postgres
