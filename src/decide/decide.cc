#include "decide/decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "decide/view.h"

namespace ytb::decide {
namespace {

using model::Action;
using Rule = std::optional<Action> (*)(View&);

// The order matters: first what staging users feel, then what the person of this run asks, then left-overs,
// then the copy in flight, then room, and only then something new.
constexpr std::array<Rule, 6> kRules{mend_alias, start_servers, clear_away, go_on, end_drains, begin_refresh};

Decision unknown(std::string_view what, const Error& why, Instant now) {
  Decision decision;
  decision.reason = fmt::format("{} could not be observed: {}", what, why.message);
  decision.until = now + kLookAgain;
  decision.waiting = Waiting::kUnknown;
  decision.blocker = why;
  return decision;
}

// Later ones matter more.
int weight(Waiting waiting) {
  switch (waiting) {
    case Waiting::kNothing:
      return 0;
    case Waiting::kSchedule:
      return 1;
    case Waiting::kSnapshot:
      return 2;
    case Waiting::kDrain:
      return 3;
    case Waiting::kBackoff:
      return 4;
    case Waiting::kUnknown:
      return 5;
    case Waiting::kPerson:
      return 6;
  }
  return 0;
}

// What to tell of all that holds things up: what is in the refresh's way, or else what weighs most.
Decision nothing_to_do(const View& view) {
  Decision decision;
  const Hold* told = view.in_the_way ? &*view.in_the_way : nullptr;
  bool refresh_stands = told != nullptr && (told->blocker || weight(told->waiting) > weight(Waiting::kDrain));
  if (!refresh_stands) {
    for (const Hold& hold : view.holds) {
      if (told == nullptr || weight(hold.waiting) > weight(told->waiting)) told = &hold;
    }
  }
  if (told == nullptr) return decision;
  decision.reason = told->reason;
  decision.waiting = told->waiting;
  decision.blocker = told->blocker;
  decision.until = told->until;
  auto sooner = [&](const Hold& hold) {
    if (hold.until && (!decision.until || *hold.until < *decision.until)) decision.until = hold.until;
  };
  if (view.in_the_way) sooner(*view.in_the_way);
  for (const Hold& hold : view.holds) sooner(hold);
  return decision;
}

std::optional<Action> first_action(View& view) {
  if (view.desired.rollback_to || view.desired.delete_copy) {
    if (auto action = mend_alias(view)) return action;
    return view.desired.rollback_to ? roll_back(view) : delete_asked(view);
  }
  for (Rule rule : kRules) {
    if (auto action = rule(view)) return action;
    // A copy in flight that waits: nothing new is begun beside it.
    if (rule == go_on && view.in_the_way) {
      return end_drains(view);
    }
  }
  return std::nullopt;
}

}  // namespace

Decision decide(const Desired& desired, const model::Observed& observed, Instant now) {
  if (!observed.copies.known()) return unknown("the copies", observed.copies.why_not(), now);
  if (!observed.alias.known()) return unknown("the alias", observed.alias.why_not(), now);
  View view(desired, observed, now);
  std::optional<Action> action = first_action(view);
  Decision decision;
  if (action) {
    decision.reason = action->reason;
    decision.action = std::move(action);
  } else {
    decision = nothing_to_do(view);
  }
  if (const model::Copy* live = view.live()) decision.drift = out_of_date(view, *live);
  decision.remarks = std::move(view.remarks);
  return decision;
}

}  // namespace ytb::decide
