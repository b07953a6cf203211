// One table's load as a member of its owner: user triggers off and on again exactly, plain indexes set aside,
// TRUNCATE ONLY and COPY FREEZE, in one transaction with the progress row. Foreign keys, NOT VALID
// constraints and forced row security have been set aside before (rds_mask.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/table_work.h"

namespace ytb::postgres {

// Which rows of pg_trigger (alias t) a user made, so that DISABLE TRIGGER USER switches them off. Up to 14
// what a partition has of its parent's is marked as internal, like a foreign key's (trigger.c,
// CreateTrigger).
inline constexpr std::string_view kUserTriggers =
    "(NOT t.tgisinternal OR t.tgparentid <> 0 AND coalesce((SELECT k.contype FROM pg_constraint k WHERE "
    "k.oid = "
    "t.tgconstraint), 't') = 't')";

// As load_table. `indexes`: ledger entries (rds_aside.h) of the indexes to be made again, also recorded as
// the table's.
Status load_rds_table(Connection& session, const LoadRequest& request, std::vector<int64_t>& indexes);

// Empties the table. Its statistics, which ANALYZE of an empty table would leave as they are, are made from a
// single row put in and taken out again: of one row neither a common value nor a histogram is kept. Ancestors
// likewise, so no other session may hold a table of the family.
Status empty_rds_table(Connection& session, const LoadRequest& request, std::vector<int64_t>& indexes);

}  // namespace ytb::postgres
