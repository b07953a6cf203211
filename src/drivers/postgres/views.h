// Materialized views: copies of what their queries gave in production, by whatever code. All are emptied
// before the first table is loaded, without running any of it, and computed anew by their owners when every
// table of every database is masked.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "drivers/postgres/connection.h"
#include "masking/catalog.h"

namespace ytb::postgres {

// A session with the rights of a relation's owner.
using OwnerOf = std::function<Result<Connection*>(int64_t relation)>;

// Populated ones are remembered and lose their rows; unpopulated ones stay so. Once in each database.
Status empty_views(Connection& session);

// Computes the remembered ones until nothing changes any more: PostgreSQL records no dependency for what a
// function reads, so no order is known to be right. Those of `stay_empty` are left out. One that cannot be
// computed stays empty, with the reason recorded: not an error. What they read of views that have no rows in
// production, either, is computed for that and emptied again.
Status compute_views(Connection& session, const OwnerOf& owner_of,
                     const std::vector<masking::QualifiedName>& stay_empty, const StopFlag& stop);
// Leaves all of them empty.
Status leave_views_empty(Connection& session);

struct ViewOutcomes {
  std::vector<int64_t> computed;
  std::vector<std::string> notes;    // what an operator should know
  std::vector<std::string> missing;  // remembered and not dealt with, or populated and not remembered
};
Result<ViewOutcomes> view_outcomes(Connection& session);

}  // namespace ytb::postgres
