// Where PostgreSQL's client programs are installed: pg_basebackup, psql.
#pragma once

#include <string>

#include "base/result.h"

namespace ytb::pgfiles {

// Path of one: in `bin_dir`, or where that is "" the newest that is installed, as a newer one can talk to an
// older server. kExternal where there is none.
Result<std::string> find_client(const std::string& bin_dir, const std::string& name);

}  // namespace ytb::pgfiles
