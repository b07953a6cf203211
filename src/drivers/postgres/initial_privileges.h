// pg_init_privs of the server's own objects: what initdb let whom do. What was granted beyond it is measured
// against it (server_power.h), so a superuser of production who wrote there could keep any power. It is
// written anew from a fresh cluster of the same binaries.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ytb::postgres {

// The bootstrap role of the fresh cluster: a name that no object of the server's has.
inline constexpr std::string_view kReferenceOwner = "ytb_initdb_owner";

// Objects have no fixed numbers above 11999: they are known by name, functions with the types they take.
std::string list_initial_privileges();
// What single-user mode printed of it in the fresh cluster; kInternal where it is not all.
Result<std::vector<std::string>> read_initial_privileges(std::string_view printed);

// For single-user mode, once OID 10 has the name `owner` (letters, digits, underscores). May be repeated.
std::vector<std::string> write_initial_privileges(const std::vector<std::string>& privileges,
                                                  std::string_view owner);
// An expression: how many rows there are too many or too few.
std::string count_wrong_initial_privileges(const std::vector<std::string>& privileges);

}  // namespace ytb::postgres
