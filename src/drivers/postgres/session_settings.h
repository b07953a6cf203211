// The settings of our sessions: with the startup packet, which ranks above ALTER DATABASE and ALTER ROLE …
// SET, and by the first statement. None of production's can change what a statement means, how a value is
// read or written, or when a session ends; session_settings_test.cc walks the server's own list.
#pragma once

#include <string>
#include <string_view>

#include "drivers/postgres/connection.h"

namespace ytb::postgres {

// For libpq's `options`. `major`: 0 where the server's version is not known yet.
std::string startup_options(SessionKind kind, int major);

// Whether they fix this setting for a role of production's in a copy, or the protocol does.
bool is_fixed_for_owners(std::string_view name);

// Whatever else production set for this database or role goes back to the server's own default, in any
// version and for any loaded library; a master may set only what every user may. Where we want another value
// than that, it is named. max_stack_depth is left: its built-in default is less than any server starts with,
// and a small one makes errors, never other values. $1: the contexts (pg_settings.context) as an array.
extern const std::string_view kResetSettings;

// In production: the first makes the names of the second safe, which also sets what a file of production's
// may say otherwise.
extern const std::string_view kProductionFirst;
extern const std::string_view kProductionValues;

}  // namespace ytb::postgres
