// foresee(): what comes after the next action, as far as that is certain. Pure, as decide() is.
//
// What keeps house (an old copy goes or becomes a spare) is over in seconds and changes only what it names:
// what is decided then is known now. What comes of a restore is not.
#pragma once

#include <functional>
#include <vector>

#include "decide/decide.h"

namespace ytb::decide {

using DecideFunction = std::function<Decision(const Desired&, const model::Observed&, Instant)>;

// The decisions of the next turns, in order; never empty. The last one is the first that does more than keep
// house, or does nothing.
std::vector<Decision> foresee(const Desired& desired, model::Observed observed, Instant now,
                              const DecideFunction& decide_one = decide);

}  // namespace ytb::decide
