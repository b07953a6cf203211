// Defuse without a superuser: each object by its own statement, as a member of its owner. What the master may
// not switch off is named and stops the copy; the host's network lets nothing out meanwhile.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "model/access.h"
#include "model/proof.h"
#include "ports/instance.h"

namespace ytb::postgres {

// As ports::Engine::defuse; the caller holds the CopyLock. kUnsupported names what could not be switched off.
Result<model::Evidence> defuse_rds_copy(const ports::SessionTarget& target,
                                        const std::vector<model::AccessRole>& access);
// What is still armed in the session's database and on the server, one line each. Options of other roles'
// user mappings are hidden from the master and not looked at: they were made anew without any.
Result<std::vector<std::string>> rds_still_armed(Connection& session);

}  // namespace ytb::postgres
