// Defuse: what would act on the outside world is switched off, before any statement touches a user table.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"

namespace ytb::postgres {

// In the session's database; each deed is recorded in its own transaction. Idempotent.
Status defuse_database(Connection& session);
// What belongs to the whole server: settings of databases and roles that load libraries, half-dropped
// databases, slots. Idempotent.
Status defuse_server(Connection& session);
// What is still armed in the session's database, one line each; empty is what the proof wants.
Result<std::vector<std::string>> still_armed(Connection& session);

}  // namespace ytb::postgres
