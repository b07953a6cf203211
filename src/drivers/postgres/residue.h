// What production's sessions and ANALYZE left in a database beside its tables. Steps may be repeated; checks
// give what is wrong, names only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"

namespace ytb::postgres {

// What was deleted from a catalog stays in its pages, and in its TOAST table's, until it is written anew. One
// that has no pages is left alone.
Status write_catalog_anew(Connection& session, std::string_view catalog);

// Statistics of the system's catalogs hold what stands in them: role verifiers, passwords of subscriptions
// and user mappings, bytes of large objects. They are deleted with those of relations that are gone, and the
// statistics catalogs written anew, so that their bytes go, too.
Status forget_catalog_statistics(Connection& session);
// Temporary tables of sessions that ended with the backup, and everything else in their schemas. Needs event
// triggers off (ensure_progress). What was dropped is recorded.
Status drop_temporary_schemas(Connection& session);

Result<std::vector<std::string>> catalog_statistics_left(Connection& session);

}  // namespace ytb::postgres
