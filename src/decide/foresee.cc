#include "decide/foresee.h"

#include <algorithm>

namespace ytb::decide {
namespace {

using model::ActionKind;
using model::Copy;

// Whether `observed` is now as it is once that was done.
bool done(const model::Action& action, model::Observed& observed, Instant now) {
  std::vector<Copy> copies = *observed.copies;
  auto copy = std::find_if(copies.begin(), copies.end(), [&](const Copy& c) { return c.id == action.copy; });
  if (copy == copies.end()) return false;
  switch (action.kind) {
    case ActionKind::kDelete:
      copies.erase(copy);
      break;
    case ActionKind::kRetire:
      copy->phase = model::Phase::kSpare;
      copy->phase_since = now;
      break;
    default:
      return false;
  }
  observed.copies = std::move(copies);
  return true;
}

}  // namespace

std::vector<Decision> foresee(const Desired& desired, model::Observed observed, Instant now,
                              const DecideFunction& decide_one) {
  std::vector<Decision> decisions{decide_one(desired, observed, now)};
  // Each copy may become a spare, and then go.
  const size_t most = observed.copies.known() ? 2 * observed.copies->size() : 0;
  while (decisions.size() <= most && decisions.back().action && done(*decisions.back().action, observed, now))
    decisions.push_back(decide_one(desired, observed, now));
  return decisions;
}

}  // namespace ytb::decide
