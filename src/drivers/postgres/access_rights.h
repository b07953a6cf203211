// What an access role may not have: anything that reaches the server's files, programs or memory. Such a user
// could read the snapshot itself. Rights are found through every membership and taken away by name.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "model/access.h"

namespace ytb::postgres {

// Makes the roles that are ours (without login), checks those that exist in production, grants memberships,
// and takes dangerous attributes and memberships away. Shared objects: once for the whole server, in one
// transaction that also records the deeds. kConfig where the config does not fit production.
Status prepare_access_roles(Connection& session, const std::vector<model::AccessRole>& access);
// The roles alone, in the caller's transaction: for whoever cannot write pg_authid.
Status arrange_access_roles(Connection& session, const std::vector<model::AccessRole>& access);
// The same for what a database holds: functions and parameters.
Status take_away_in_database(Connection& session, const std::vector<model::AccessRole>& access);
// What is still dangerous, one line each; empty is what the proof wants. Looks at the session's database.
Result<std::vector<std::string>> dangerous_rights(Connection& session,
                                                  const std::vector<model::AccessRole>& access);

// The part of it that is about roles alone.
Result<std::vector<std::string>> dangerous_roles(Connection& session,
                                                 const std::vector<model::AccessRole>& access);

}  // namespace ytb::postgres
