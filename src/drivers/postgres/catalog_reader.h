// Reading one database's catalog with a handful of set-based queries: fast on ten thousand tables, no lock
// taken on any of them, no row read.
#pragma once

#include <string>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "masking/catalog.h"

namespace ytb::postgres {

// Our own schema in a copy being masked; verify() removes it.
inline constexpr std::string_view kProgressSchema = "yesterdaytabase_progress";

// `in_copy`: exact sizes, and our own schema left out.
Result<masking::Database> read_database(Connection& session, const std::string& name, bool in_copy);

}  // namespace ytb::postgres
