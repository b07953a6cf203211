// Rows of a restored database's catalogs that no statement makes, or that no statement should: an operator, a
// cast, an aggregate, a type or a handler whose function takes or gives other types than those it is called
// with. The server believes its catalogs, and would use a number as an address in memory: while the copy is
// made with our rights, afterwards for whoever may log in.
//
// What is C of an extension's is held to the types that it declares, no further: its code is trusted.
//
// For single-user mode, when the server's own catalogs are known to be the server's (catalog_origin.h), and
// before what is production's is used.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ytb::postgres {

std::vector<std::string> look_for_mismatched(int major);
// Names what was printed, "operator public.@+@(bigint,bigint)". kInternal where a look printed nothing at
// all.
Result<std::vector<std::string>> mismatched_in(std::string_view printed);

}  // namespace ytb::postgres
