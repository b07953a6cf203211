// Production's bootstrap superuser becomes an ordinary role, and its identity becomes ours.
//
// OID 10 owns the server's own catalogs and functions and can never lose its power over them, whatever its
// attributes say. So the copy's own role takes over OID 10, and production's bootstrap role gets a new OID
// with its name, settings, memberships and grants; everything from OID 16384 up that was its own moves with
// it, in every database. Below 16384 only schema public and databases move.
//
// Pure text: statements for single-user mode, one database a run. Set-based, so that 20,000 tables take
// seconds; each may be repeated, and a run killed anywhere resumes: what is under way is a security label of
// OID 10, written in the transaction that renames it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ytb::postgres {

constexpr int kFirstNormalOid = 16384;  // transam.h, FirstNormalObjectId

// Security labels of roles in which a closed copy remembers what the engine reports; gone before opening.
constexpr std::string_view kLabelUnderWay = "yesterdaytabase: hand-over";        // of OID 10: the new OID
constexpr std::string_view kLabelBootstrap = "yesterdaytabase: bootstrap role";  // the same, once it is done
constexpr std::string_view kLabelSuperuser = "yesterdaytabase: former superuser";  // of such a role
constexpr std::string_view kLabelPrepared = "yesterdaytabase: prepared in ";       // of OID 10: how many

// The function and event trigger of suspend_extensions (server_power.h), the only objects that stay ours.
constexpr std::string_view kGuard = "yesterdaytabase_no_extensions";

// Shared catalogs: renames OID 10 to `admin_role` and makes the new role. Run in any database.
std::vector<std::string> hand_over_role(const std::string& admin_role, int engine_major);
// What the current database holds, after hand_over_role. Does nothing where no hand-over is under way.
std::vector<std::string> hand_over_objects(const std::string& admin_role, int engine_major);
// A count named "ytb" of what is still to be handed over in the current database.
std::string not_handed_over();
// After the last database.
std::vector<std::string> finish_hand_over();

// A query of descriptions: what in the current database belongs to OID 10 and is neither the server's own nor
// the guard.
std::string owned_by_bootstrap();

}  // namespace ytb::postgres
