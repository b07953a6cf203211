// Sessions in a closed copy, and the two guards around them: nothing here runs anywhere but in a closed copy
// of ours, and databases that production keeps shut are let in only until the end.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "drivers/postgres/connection.h"
#include "ports/instance.h"

namespace ytb::postgres {

// kRefused unless the target is a copy of ours, still closed (its own configuration file says so, or on RDS
// its mark) and we are its own role.
Result<Connection> open_copy(const ports::SessionTarget& target, const std::string& database,
                             const StopFlag* stop = nullptr);
// The same in whichever maintenance database there is.
Result<Connection> open_copy_anywhere(const ports::SessionTarget& target, const StopFlag* stop = nullptr);
// Whether `target`, which `session` is in, is a closed copy in our own place; for catalog(), which reads
// productions too.
Result<bool> is_closed_copy(const ports::SessionTarget& target, Connection& session);

// All databases that admit us by now, and half-dropped ones not among them, by name.
Result<std::vector<std::string>> list_databases(Connection& session);

// Databases with ALLOW_CONNECTIONS false are opened to us and remembered (in the comment of our own role,
// which is a shared object); close_again() shuts them again, and gives them to our own role, as an owner
// could open or copy them (not on RDS).
Status let_us_in_everywhere(Connection& session);
Status remember_to_close(Connection& session, const std::vector<std::string>& databases);
Result<std::vector<std::string>> databases_to_close(Connection& session);
Status close_again(Connection& session);
// Omitted databases cannot be copied by CREATE DATABASE … TEMPLATE. Not on RDS.
Status forbid_copying(Connection& session, const std::vector<std::string>& databases);

}  // namespace ytb::postgres
