// FirstLook: what `init` learns of a production, and what it says about it. Private to this room.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/context.h"

namespace ytb::cli {

struct FirstLook {
  ports::ProductionLook seen;
  std::optional<Secret> password;  // that was typed, or came from PGPASSWORD; also where it was not taken
  [[nodiscard]] bool reached() const { return !seen.unreachable; }
};

// Asks production, and for its password where it wants one.
Result<FirstLook> look_at(const Context& context, const std::string& connection);

// A name for the production: of its database, in small letters, digits and dashes; else "shop".
std::string name_for(const ports::ProductionLook& look);
// The connection string with the database that `look` found, where it names none and there is only one.
std::string with_database(const std::string& connection, const ports::ProductionLook& look);
// A name for the access role that production has not.
std::string free_role_name(const ports::ProductionLook& look);
// What was found, a line each.
std::vector<std::string> describe(const ports::ProductionLook& look);
// What is to be run on production, as a superuser, before snapshots can be taken and its values looked at;
// comments say what needs another way. Empty: nothing is missing.
std::vector<std::string> statements_for(const ports::ProductionLook& look);

}  // namespace ytb::cli
