// Breakages: deliberate mistakes of AWS drivers, made around our own (a driver or a Transport that is
// wrapped). Each must be caught by the simulator's checks: a check that never bites checks nothing. SAFETY.md
// lists them.
#pragma once

#include <string>
#include <vector>

#include "aws/storm/simulator.h"

namespace ytb::storm {

struct Breakage {
  std::string name;                    // "opens_by_tag_alone"
  std::vector<std::string> caught_as;  // the promises that it may be seen to break
  Options options;
};

std::vector<Breakage> breakages();

}  // namespace ytb::storm
