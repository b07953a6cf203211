#include "decide/view.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "decide/backoff.h"
#include "model/drift.h"

namespace ytb::decide {

using model::Action;
using model::ActionKind;
using model::Copy;
using model::Phase;

View::View(const Desired& desired_, const model::Observed& observed_, Instant now_)
    : desired(desired_), observed(observed_), now(now_) {
  for (const Copy& copy : *observed.copies) {
    auto owned = model::OwnedCopy::claim(copy, desired.production, desired.protected_names);
    if (owned.ok()) {
      ours.push_back(&copy);
    } else if (copy.production == desired.production || !copy.marked) {
      remark(owned.error().message);
    }
  }
  std::sort(ours.begin(), ours.end(), [](const Copy* a, const Copy* b) {
    return std::pair(rank_of(*b), b->id) < std::pair(rank_of(*a), a->id);
  });
  if (alias().target) {
    auto found =
        std::find_if(ours.begin(), ours.end(), [&](const Copy* copy) { return copy->id == *alias().target; });
    if (found != ours.end()) at_alias = *found;
  }
}

const Copy* View::live() const {
  return at_alias != nullptr && at_alias->phase == Phase::kLive ? at_alias : nullptr;
}

void View::remark(std::string line) {
  if (remarks.size() < kRemarksMax) remarks.push_back(std::move(line));
}

std::string out_of_date(const View& view, const Copy& live) {
  if (!live.proven) return fmt::format("the proof of {} does not verify any more", live.id);
  const std::string parts =
      model::drift_between({live.inputs, live.isolation}, {view.desired.inputs, view.desired.isolation});
  if (parts.empty()) return {};
  return fmt::format("{} was made with other settings than today's: {} changed", live.id, parts);
}

bool is_in_flight(Phase phase) {
  return phase == Phase::kRestoring || phase == Phase::kRestored || phase == Phase::kDefused ||
         phase == Phase::kMasked || phase == Phase::kProven;
}

bool can_serve(const Copy& copy) {
  bool served = copy.phase == Phase::kProven || copy.phase == Phase::kLive ||
                copy.phase == Phase::kDraining || copy.phase == Phase::kSpare;
  return served && copy.opened && copy.proven;
}

bool serves(const View& view, const Copy& copy) { return copy.opened && view.alias().target == copy.id; }

bool may_delete(const View& view, const Copy& copy) {
  if (copy.phase == Phase::kLive) return false;
  // A closed copy serves nobody, even where a dangling alias happens to lead to it.
  return !serves(view, copy);
}

Action action_on(ActionKind kind, const Copy& copy, std::string reason) {
  Action action;
  action.kind = kind;
  action.copy = copy.id;
  action.reason = std::move(reason);
  return action;
}

std::optional<Action> unless_backing_off(View& view, Action action, const Copy& copy) {
  // A person who asks now may have mended what made the earlier tries fail: each run tries once at once.
  const bool asked =
      (view.desired.refresh_now || view.desired.force) && copy.last_try < view.desired.asked_at;
  std::optional<Instant> again = retry_at(copy.tries, copy.last_try, view.now);
  if (!again || asked) return action;
  Hold hold{.waiting = Waiting::kBackoff,
            .reason = fmt::format("{} failed {}, last with: {}; again at {}", action.id(),
                                  copy.tries == 1 ? std::string("once") : fmt::format("{} times", copy.tries),
                                  copy.failure, to_iso(*again)),
            .until = again,
            .blocker = std::nullopt};
  if (!is_in_flight(copy.phase)) {
    // Keeping house is tried for ever, but a person hears of it.
    if (copy.tries >= kTriesMax) {
      hold.waiting = Waiting::kPerson;
      hold.blocker = Error{.code = copy.failure_code,
                           .message = fmt::format("{} fails again and again: {}", action.id(), copy.failure),
                           .hint = "it is tried again every hour; see the copy's log",
                           .retry = Retry::kLater};
    }
    view.holds.push_back(std::move(hold));
  } else {
    view.in_the_way = std::move(hold);
  }
  return std::nullopt;
}

model::Attempt tombstone_of(const Copy& copy, model::AttemptOutcome outcome, Instant now,
                            std::string reason) {
  model::Attempt attempt;
  attempt.snapshot = copy.snapshot;
  attempt.data_as_of = copy.data_as_of;
  attempt.attempt = copy.attempt;
  attempt.outcome = outcome;
  attempt.at = now;
  attempt.inputs = copy.inputs;
  attempt.reason = std::move(reason);
  attempt.code = Code::kRefused;
  attempt.retry = Retry::kNever;
  return attempt;
}

}  // namespace ytb::decide
