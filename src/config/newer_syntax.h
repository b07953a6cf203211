// What PostgreSQL 16 to 18 write in a schema dump and the grammar of an older libpg_query refuses, in words
// that it takes. Private to the config room.
#pragma once

#include <string>
#include <string_view>

namespace ytb::config {

// `statement`: CREATE or ALTER TABLE or DOMAIN. What a table holds stays the same: VIRTUAL is STORED
// (computed either way), a named NOT NULL of a table is a CHECK for IS NOT NULL, a CHECK that is NOT ENFORCED
// demands nothing, WITHOUT OVERLAPS and PERIOD leave plain keys.
std::string in_older_syntax(std::string_view statement);

}  // namespace ytb::config
