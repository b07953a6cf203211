// What ALTER DATABASE and ALTER ROLE … SET keep in pg_db_role_setting, where every role may read it. Values
// are never read.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "masking/plan.h"

namespace ytb::postgres {

// Without those of a cloud provider's own role.
Result<std::vector<masking::Setting>> read_settings(Connection& session);
// Takes out what the plan does not keep, the server's own settings excepted. kPolicy where the plan does not
// know one: nothing is removed then. May be repeated.
Status remove_settings(Connection& session, const masking::MaskingPlan& plan);
// Those that should not be there.
Result<std::vector<std::string>> settings_left(Connection& session, const masking::MaskingPlan& plan);

}  // namespace ytb::postgres
