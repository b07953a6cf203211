// Searches a database of a copy for originals: every column that is not masked, of tables and populated
// materialized views, and every definition. Only local copies, whose superuser may read everything.
#pragma once

#include "base/result.h"
#include "base/stop.h"
#include "drivers/postgres/connection.h"
#include "masking/plan.h"
#include "ports/engine.h"

namespace ytb::postgres {

// In a transaction in which production's code is out of sight (suspension_for_reading). What a type writes
// out is read, and no cast asked for: that could be production's.
Status search_database(Connection& session, const masking::DatabasePlan& plan, ports::SurvivorSearch& search,
                       ports::Progress& progress, const StopFlag& stop);

}  // namespace ytb::postgres
