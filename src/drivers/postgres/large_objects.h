// Large objects of one database: rows of pg_largeobject_metadata, and bytes in pg_largeobject. Bytes without
// such a row nobody sees, until somebody makes an object of their number.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "masking/plan.h"

namespace ytb::postgres {

// Where there are none to judge, none are kept.
inline bool keeps_large_objects(const masking::DatabasePlan& plan) {
  return !plan.omitted && plan.large_objects == masking::LargeObjects::kKeep;
}

// All of them, and in a local copy every byte. May be repeated.
Status remove_large_objects(Connection& session);
// Bytes that belong to no object; recorded. May be repeated. Not on RDS, where nobody can write catalogs.
Status remove_orphaned_large_objects(Connection& session);

// What is left that should not be: numbers only. `kept`: the policy keeps the objects themselves.
Result<std::vector<std::string>> large_objects_left(Connection& session, bool kept);

}  // namespace ytb::postgres
