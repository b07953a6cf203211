// Derived data, computed anew when every table of every database is masked: generated columns and indexes
// that run production's code, materialized views, and whether the CHECKs and domains still hold. All of it
// runs in sessions authenticated as the owner (owner_session.h). Every step may be repeated.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/views.h"
#include "masking/plan.h"

namespace ytb::postgres {

// Kept tables with computed columns that run code: the values, which may be other tables' raw ones, go from
// their files. Before any code runs, in every database. Returns those tables.
Result<std::vector<int64_t>> forget_computed_columns(Connection& session,
                                                     const std::vector<int64_t>& touched);

// The columns by their owners, in rounds, as functions may read other computed columns; a column that cannot
// be computed stays NULL, with a note. kPolicy where it may not be NULL.
Status compute_columns(Connection& session, const OwnerOf& owner_of, const StopFlag& stop);
// kPolicy where one cannot be built over the masked values.
Status rebuild_coded_indexes(Connection& session, const OwnerOf& owner_of, const std::string& database,
                             const StopFlag& stop);

// Validated CHECKs and domain constraints over the columns of `plan` that are masked or computed. kPolicy
// with the constraint, its table, the database and how many rows violate it; one that cannot be asked is a
// note.
Status check_constraints(Connection& session, const OwnerOf& owner_of, const masking::DatabasePlan& plan,
                         const StopFlag& stop);

}  // namespace ytb::postgres
