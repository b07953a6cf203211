// The simulator of AWS: one seed is one life of a production on AWS, with our real drivers. Calls fail in
// every way, processes die before and after any of them or are told to stop, two of us are at work at once,
// reads are late, snapshots come, go and are still being made, clocks differ, people write tags and take
// names. After each turn the promises are checked in the fake's truth (world.h). Then all is calm, and the
// newest snapshot must be what the name leads to, with nothing left over.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "aws/storm/world.h"

namespace ytb::storm {

struct Options {
  // Done to each process of ours: how a test makes a mistake on purpose. Never by a switch in our code.
  std::function<void(Process&, StormWorld&)> spoil = {};
  bool keep_history = false;
  bool patient = false;  // no seed's processes are a function's
};

struct Verdict {
  std::vector<std::string> violations;  // empty: the seed is fine
  std::vector<std::string> history;
  std::map<std::string, int> reached;  // which faults and events came about
  int actions = 0;
};

Verdict simulate(uint64_t seed, const Options& options);

// What to type to see this seed again.
std::string replay_command(uint64_t seed);

}  // namespace ytb::storm
