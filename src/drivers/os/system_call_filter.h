// The filter of system calls of a weak wall: what reaches beyond a program's own files, sockets and children
// is denied. Of sockets there are only Unix streams, and those connect to nothing. Pure.
#pragma once

#include <linux/filter.h>

#include <vector>

namespace ytb::os::internal {

std::vector<sock_filter> system_call_filter();

}  // namespace ytb::os::internal
