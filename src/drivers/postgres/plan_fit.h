// Whether a plan covers what is really there: fail closed where the copy has a database, table or column that
// the plan does not judge.
#pragma once

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "masking/plan.h"
#include "ports/instance.h"

namespace ytb::postgres {

Status check_databases(const ports::SessionTarget& target, Connection& session,
                       const masking::MaskingPlan& plan);
// `live`: the database as it is in the copy.
Status check_tables(const masking::Database& live, const masking::DatabasePlan& plan);

}  // namespace ytb::postgres
