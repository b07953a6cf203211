// TCP ports of this host.
#pragma once

#include <cstdint>
#include <set>

#include "base/result.h"

namespace ytb::os {

// Whether nothing listens on the port, on any address of ours. Nothing is sent; another may take it the
// moment after.
bool port_is_free(uint16_t port);
// The first free one of first…last that is not `taken`. Error{kSpace} with the range where there is none.
Result<uint16_t> find_free_port(uint16_t first, uint16_t last, const std::set<uint16_t>& taken = {});

}  // namespace ytb::os
