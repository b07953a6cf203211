// Breakages: deliberate mistakes, in what is decided or in what a driver does. Each must be caught by the
// simulator's checks: a check that never bites checks nothing. SAFETY.md lists them beside the promises.
#pragma once

#include <string>
#include <vector>

#include "sim/simulator.h"

namespace ytb::sim {

struct Breakage {
  std::string name;                    // "skip_the_drain"
  std::vector<std::string> caught_as;  // the promises that it may be seen to break
  Options options;
  // Also tried without the refresher's guard, so that the checks of the true world are seen to bite. Not
  // where the actor or a type refuses the act itself, so that no harm comes of the mistake.
  bool unguarded = true;
};

std::vector<Breakage> breakages();

}  // namespace ytb::sim
