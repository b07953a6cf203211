// The simulator: one seed is one life of a production. Refreshers tick over the fakes while calls fail,
// processes die, clocks jump, snapshots come and go and people meddle; after each step the promises are
// checked in the true world. Then all faults stop, and the newest due snapshot must become live, with nothing
// left lying about.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fakes/ports.h"
#include "fakes/world.h"
#include "refresh/refresher.h"

namespace ytb::sim {

// The ports of a world; a breakage replaces one of them by a broken one.
struct PortSet {
  std::unique_ptr<fakes::FakeSource> source;
  std::unique_ptr<fakes::FakeHost> host;
  std::unique_ptr<fakes::FakeEngine> engine;
  std::unique_ptr<fakes::FakeAliasStore> alias;
};
using PortMaker = std::function<PortSet(fakes::World&)>;
PortSet sound_ports(fakes::World& world);

struct Options {
  refresh::DecideFunction decide = decide::decide;
  PortMaker ports = sound_ports;
  // False: actions are carried out without asking check_action() first, to see that the world's own checks
  // bite.
  bool guarded = true;
  bool keep_history = false;
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

}  // namespace ytb::sim
