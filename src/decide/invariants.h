// Invariants: DESIGN's "what must always hold" as named checks, written independently of decide()'s rules.
// The Refresher asks check_action() before it acts and refuses what breaks one; the simulator also asks the
// others of its true world after every step. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "decide/desired.h"
#include "model/action.h"
#include "model/observed.h"

namespace ytb::decide {

enum class Invariant {
  kClosedDoor,   // the alias points only at proven, open copies; nobody gets in before the proof
  kNoGap,        // what serves, or may still serve, is neither deleted nor failed
  kHandsOff,     // only what is ours is touched
  kFailClosed,   // what is unknown or out of order permits nothing
  kNoLitter,     // copies are bounded by live + spares + one in flight
  kNames,        // a name derives from the snapshot and a recorded attempt
  kForwardOnly,  // phases move forward only, but for a rollback
  kPatience,     // a failed try is not repeated before its back-off is over, nor without bound
};
std::string_view name_of(Invariant invariant);  // "closed_door"

struct Violation {
  Invariant invariant = Invariant::kFailClosed;
  std::string detail;
};
std::string to_string(const Violation& violation);  // "closed_door: …"

// Whether carrying out `action` is right by what was observed. Empty: it is.
std::vector<Violation> check_action(const Desired& desired, const model::Observed& observed,
                                    const model::Action& action, Instant now);

// What must be true of any state, copies and alias known. `alias_worked`: it has pointed at a copy before.
std::vector<Violation> check_state(const Desired& desired, const model::Observed& observed,
                                   bool alias_worked);

// What one action may have changed between two states, both with copies and alias known; it may also have
// failed, or been cut off half-way.
std::vector<Violation> check_step(const model::Observed& before, const model::Action& action,
                                  const model::Observed& after);

}  // namespace ytb::decide
