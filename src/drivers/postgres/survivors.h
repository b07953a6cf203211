// Searches a database of a copy for originals: every column that is not masked, of tables and populated
// materialized views; large objects; every definition and setting. Names of objects are not looked at;
// statistics need not be, for all of them were made anew from what is here (aftermath.h), but with a master,
// who cannot make all of them (rds_survivors.h).
#pragma once

#include <cstdint>
#include <set>

#include "base/result.h"
#include "base/stop.h"
#include "drivers/postgres/connection.h"
#include "masking/plan.h"
#include "ports/engine.h"

namespace ytb::postgres {

// What a type writes out is read, and no cast asked for: that could be production's. `session` is in a
// transaction in which production's code is out of sight (suspension_for_reading), and reads the relations
// that have some (`coded`: of its ReadingSuspension). Planning a query of any other evaluates nothing of
// production's: those are read from their pages where that can be done (page_search.h), else by sessions of
// their own, search.workers at once, and looked at by as many threads. `kinds`: of everything that is masked
// (masking::masked_kinds). With a master's session nothing is out of sight but forced row security
// (suspend_guards), of whose tables `coded` is then.
Status search_values(const ports::SessionTarget& target, Connection& session,
                     const masking::DatabasePlan& plan, const std::set<std::string>& kinds,
                     const std::set<int64_t>& coded, ports::SurvivorSearch& search, ports::Progress& progress,
                     const StopFlag& stop);
// Where nothing is out of sight. `servers_too`: those of roles and tablespaces, which every database shows.
Status search_definitions(Connection& session, const masking::DatabasePlan& plan, bool servers_too,
                          ports::SurvivorSearch& search);

}  // namespace ytb::postgres
