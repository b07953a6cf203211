// Armed tables: logins that are open, tokens that let somebody in, jobs that would run. Staging has no use
// for their rows, and `policy propose` empties them. By name and by shape: a table called training_sessions
// has neither a key nor an end of validity.
#pragma once

#include <map>
#include <string>

#include "masking/catalog.h"

namespace ytb::masking {

// Tables to be emptied, with the reason. Never one into which a table points that keeps its rows.
std::map<QualifiedName, std::string> armed_tables(const Database& database);

}  // namespace ytb::masking
