// What the search for originals does where only a superuser could do what survivors.h does: in a copy on RDS,
// whose master has borrowed from every owner (borrow_memberships). `session`: in the transaction of
// suspend_guards.
#pragma once

#include "base/result.h"
#include "base/stop.h"
#include "drivers/postgres/connection.h"
#include "masking/plan.h"
#include "ports/engine.h"

namespace ytb::postgres {

// Values that ANALYZE kept in production of tables that masking left alone: their rows may have gone since.
// Those of the others were made anew, and are compared with the rows (rds_stale_statistics).
Status search_statistics_as_master(Connection& session, const masking::DatabasePlan& plan,
                                   ports::SurvivorSearch& search, const StopFlag& stop);
// By the functions for large objects, as their pages are closed to a master. That he may not read one is
// told.
Status search_large_objects_as_master(Connection& session, const masking::DatabasePlan& plan,
                                      ports::SurvivorSearch& search, const StopFlag& stop);

}  // namespace ytb::postgres
