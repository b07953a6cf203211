// Reading everything, without pg_read_all_data: who is a member of that role reads pg_authid as well, and
// there the verifiers of the other access roles.
//
// A role of ours takes its place, in production's memberships and in the config's: it may SELECT from every
// table, view and sequence of production's schemas and from what owners and access roles make later, and from
// nothing in the server's own catalogs. So the config may write pg_read_all_data on PostgreSQL 13, too, which
// has no such role. What was granted to pg_read_all_data itself is lost, but for rights on databases.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "model/access.h"

namespace ytb::postgres {

using model::kReadAllData;
// Takes its place; there only where somebody was, or is to be, a member of that.
inline constexpr std::string_view kReaders = "yesterdaytabase_readers";

// Once for the whole server, in the caller's transaction: nobody is a member of pg_read_all_data afterwards.
// Returns `access` with the memberships that the roles are to have. kRefused where production has a role of
// our name.
Result<std::vector<model::AccessRole>> replace_read_all(Connection& session,
                                                        const std::vector<model::AccessRole>& access);
// What the session's database holds, where that role is there. May be repeated.
Status let_readers_read(Connection& session, const std::vector<model::AccessRole>& access);

}  // namespace ytb::postgres
