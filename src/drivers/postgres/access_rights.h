// What an access role may not have: anything that reaches the server's files, programs or memory. Such a user
// could read the snapshot itself. Rights are found through every membership and taken away by name.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "model/access.h"

namespace ytb::postgres {

// The server's roles, without those that arrange_access_roles() made: in a copy, those of production.
Result<std::vector<std::string>> production_roles(Connection& session);

// Makes the roles that are ours (without login), checks those that exist in production, grants memberships,
// and takes dangerous attributes and memberships away. Shared objects: once for the whole server, in the
// caller's transaction, in which the deeds are recorded, too. kConfig where the config does not fit
// production.
Status arrange_access_roles(Connection& session, const std::vector<model::AccessRole>& access);
// What the access roles can still act as that is dangerous, one line each; empty is what the proof wants.
Result<std::vector<std::string>> dangerous_roles(Connection& session,
                                                 const std::vector<model::AccessRole>& access);

}  // namespace ytb::postgres
