// decide(): the one place where it is decided what happens next. Pure: no clock, file, socket, environment.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "decide/desired.h"
#include "model/action.h"
#include "model/observed.h"

namespace ytb::decide {

// What stands in the way of progress, for exit statuses and notices.
enum class Waiting {
  kNothing,   // there is an action, or all is as it should be
  kSchedule,  // the next refresh is not due yet
  kSnapshot,  // there is no newer usable snapshot
  kBackoff,   // a failed try is repeated at `until`
  kDrain,     // the previous copy still serves clients that hold on to it
  kUnknown,   // something could not be observed
  kPerson,    // the last try failed for a reason that repeating does not change
};

struct Decision {
  std::optional<model::Action> action;
  std::string reason;            // one sentence: why this action, or why nothing
  std::optional<Instant> until;  // with no action: when to look again at the latest
  Waiting waiting = Waiting::kNothing;
  std::optional<Error> blocker;  // for kPerson and kUnknown: the error itself
  // Why what is live is not what a refresh would make of the same snapshot today, whatever else is under way;
  // "" where it is.
  std::string drift = {};
  std::vector<std::string> remarks;  // skipped snapshots, strays, copies that are not ours: for --explain
};

// The reason, and when it is looked at again where the reason does not say so itself.
std::string to_string(const Decision& decision);

Decision decide(const Desired& desired, const model::Observed& observed, Instant now);

}  // namespace ytb::decide
