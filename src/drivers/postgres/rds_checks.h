// Checks of the proof that look at a copy without a superuser's rights, and those that then cannot be made.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/table_checks.h"
#include "model/proof.h"

namespace ytb::postgres {

// Statistics of masked columns that hold a value which is not in the table (any more), and any value kept of
// an emptied table; for ancestors, over their whole families, and for materialized views likewise.
Wrong rds_stale_statistics(Connection& session, const TouchedTables& touched);
// Indexes of touched tables that are not valid.
Wrong rds_invalid_indexes(Connection& session, const TouchedTables& touched);
// Takes our traces out of the session's database. Whatever has not been put back stays recorded, and is what
// is wrong.
Wrong rds_remove_traces(Connection& session);

// Outcome kNotCheckable, each with the reason.
std::vector<model::Check> rds_not_checkable(bool masked);

}  // namespace ytb::postgres
