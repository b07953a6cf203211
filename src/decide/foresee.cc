#include "decide/foresee.h"

#include <algorithm>

namespace ytb::decide {
namespace {

using model::ActionKind;
using model::Attempt;
using model::Copy;

// What a host writes down of a copy that it deletes: later names and tries count it.
void remember(const model::Action& action, const Copy& copy, model::Observed& observed) {
  if (!observed.attempts.known()) return;
  std::vector<Attempt> attempts = *observed.attempts;
  if (action.tombstone) {
    attempts.push_back(*action.tombstone);
  } else if (copy.phase == model::Phase::kFailed) {
    attempts.push_back(model::failed_attempt_of(copy));
  }
  observed.attempts = std::move(attempts);
}

// Whether `observed` is now as it is once that was done.
bool done(const model::Action& action, model::Observed& observed, Instant now) {
  std::vector<Copy> copies = *observed.copies;
  auto copy = std::find_if(copies.begin(), copies.end(), [&](const Copy& c) { return c.id == action.copy; });
  if (copy == copies.end()) return false;
  switch (action.kind) {
    case ActionKind::kDelete:
      remember(action, *copy, observed);
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
