// No power inside: in a copy nobody but our own role (OID 10, which cannot log in once the copy is open) is a
// superuser or reaches the server's files, programs, replication or memory, by whatever chain of functions,
// triggers and memberships.
//
// Taken away from everybody and not from the access roles alone: a SECURITY DEFINER function, a trigger or an
// event trigger of any role may be what an access role reaches. What was taken is recorded line by line;
// rights over data stay: who was a superuser gets membership in every role that owns something, and
// BYPASSRLS. Nobody is a member of pg_read_all_data, which reads pg_authid (read_access.h). Every function
// may be repeated.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "model/access.h"

namespace ytb::postgres {

// What roles are and may: once for the whole server, with the access roles made in the same transaction.
Status take_power_from_roles(Connection& session, const std::vector<model::AccessRole>& access);
// What the session's database holds: grants on the server's own functions and catalogs, languages that are
// not trusted, functions in C that no extension brought, CREATE EXTENSION where event triggers would run in
// it.
// For `access` see read_access.h.
Status take_power_in_database(Connection& session, const std::vector<model::AccessRole>& access);
// What is left of it, one line each; empty is what the proof wants. Looks at the session's database.
Result<std::vector<std::string>> power_left(Connection& session);

}  // namespace ytb::postgres
