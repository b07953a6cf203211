// A first look at a production: who we are there and what we may, how large it is, who may read what.
// Read-only; no row of a user's is read, and nothing that needs a right.
#pragma once

#include <string>
#include <vector>

#include "ports/instance.h"
#include "ports/production_look.h"

namespace ytb::postgres {

// `about`: roles whose reach is wanted; "" is everybody. Waits at most for a few connection timeouts.
ports::ProductionLook look_at_production(const ports::SessionTarget& target,
                                         const std::vector<std::string>& about);

}  // namespace ytb::postgres
