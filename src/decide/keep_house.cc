// The rules that keep in order what is there: the alias, servers that are down, drains, spares, left-overs.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "decide/backoff.h"
#include "decide/view.h"

namespace ytb::decide {

using model::Action;
using model::ActionKind;
using model::Copy;
using model::Phase;

namespace {

// Moves the alias to a copy that may serve; starts its server before, where that is down.
std::optional<Action> point_at(View& view, const Copy& copy, std::string reason) {
  ActionKind kind = copy.running ? ActionKind::kRepoint : ActionKind::kStart;
  return unless_backing_off(view, action_on(kind, copy, std::move(reason)), copy);
}

// The alias points at nothing that may serve: the best that is there.
const Copy* best_to_serve(const View& view) {
  for (bool live_only : {true, false}) {
    for (const Copy* copy : view.ours) {  // newest first
      bool fits = live_only ? copy->phase == Phase::kLive
                            : copy->phase == Phase::kDraining || copy->phase == Phase::kSpare;
      if (fits && can_serve(*copy)) return copy;
    }
  }
  return nullptr;
}

std::string where_alias_points(const View& view) {
  if (view.alias().target) return fmt::format("at {}", printable(view.alias().target->str()));
  if (!view.alias().stray.empty())
    return fmt::format("at {}, which is no copy of ours", printable(view.alias().stray));
  return "at nothing";
}

}  // namespace

std::optional<Action> mend_alias(View& view) {
  const Copy* target = view.at_alias;
  if (target != nullptr && target->phase != Phase::kLive && can_serve(*target)) {
    return unless_backing_off(
        view, action_on(ActionKind::kPromote, *target, "the alias points at it: it is live"), *target);
  }
  if (const Copy* live = view.live()) {
    for (const Copy* copy : view.ours) {
      if (copy == live || copy->phase != Phase::kLive) continue;
      Action demote =
          action_on(ActionKind::kDemote, *copy, fmt::format("the alias has moved on to {}", live->id));
      if (rank_of(*copy) > rank_of(*live)) {
        demote.tombstone = tombstone_of(*copy, model::AttemptOutcome::kRolledBack, view.now,
                                        fmt::format("rolled back to {}", live->id));
      }
      if (auto action = unless_backing_off(view, std::move(demote), *copy)) return action;
    }
    if (const std::string why = out_of_date(view, *live); !why.empty()) view.remark(why);
    if (!view.alias().consistent && can_serve(*live)) {
      return point_at(view, *live, "the alias is not set as the config has it: set it again");
    }
    return std::nullopt;
  }
  const Copy* best = best_to_serve(view);
  if (best == nullptr) return std::nullopt;
  return point_at(view, *best,
                  fmt::format("the alias points {}; {} can serve", where_alias_points(view), best->id));
}

std::optional<Action> start_servers(View& view) {
  for (Phase phase : {Phase::kLive, Phase::kDraining, Phase::kSpare}) {
    for (const Copy* copy : view.ours) {
      if (copy->phase != phase || !copy->opened || copy->running) continue;
      Action start = action_on(ActionKind::kStart, *copy,
                               fmt::format("it is {} and its server is down", name_of(phase)));
      if (auto action = unless_backing_off(view, std::move(start), *copy)) return action;
    }
  }
  return std::nullopt;
}

std::optional<Action> clear_away(View& view) {
  for (Phase phase : {Phase::kDeleting, Phase::kFailed}) {
    for (const Copy* copy : view.ours) {
      if (copy->phase != phase) continue;
      std::string reason = phase == Phase::kDeleting ? std::string("its deletion was begun")
                                                     : fmt::format("it failed: {}", copy->failure);
      if (auto action = remove_copy(view, *copy, std::move(reason))) return action;
    }
  }
  return std::nullopt;
}

std::optional<Action> remove_copy(View& view, const Copy& copy, std::string reason) {
  if (!may_delete(view, copy)) {
    view.remark(fmt::format("{} is not deleted: the alias points at it", copy.id));
    return std::nullopt;
  }
  return unless_backing_off(view, action_on(ActionKind::kDelete, copy, std::move(reason)), copy);
}

namespace {

Hold drains(const View& view, const Copy& copy, const Copy& live) {
  const Instant over = copy.phase_since + view.desired.drain;
  Hold hold{.waiting = Waiting::kDrain, .reason = {}, .until = over, .blocker = std::nullopt};
  if (view.now >= over || !view.alias().seen) {
    hold.reason = fmt::format("{} drains until a client has reached {}", copy.id, live.id);
    hold.until = view.now + kLookAgain;
  } else if (copy.clients.value_or(0) > 0) {
    hold.reason = fmt::format(
        "{} drains until {}, {} connected", copy.id, to_iso(over),
        *copy.clients == 1 ? std::string("one client is") : fmt::format("{} clients are", *copy.clients));
    // The longer it may last, the less often it is looked at: the looks stay few, and what is waited in vain
    // small beside what was waited anyway.
    constexpr int kLooksAtLeast = 10;
    if (view.desired.end_drains)
      hold.until = std::min(over, view.now + std::max(kLookAgain, (over - view.now) / kLooksAtLeast));
  } else {
    hold.reason = fmt::format("{} drains until {}", copy.id, to_iso(over));
    if (copy.clients && view.desired.end_drains)
      hold.until = std::min(over, copy.phase_since + model::kOnTheWay);
  }
  return hold;
}

}  // namespace

std::optional<Action> end_drains(View& view) {
  const Copy* live = view.live();
  if (live == nullptr) return std::nullopt;  // whoever serves now keeps serving
  std::vector<const Copy*> spares;
  for (const Copy* copy : view.ours) {
    if (copy->phase == Phase::kSpare) spares.push_back(copy);
  }
  auto spares_wanted = static_cast<size_t>(std::max(0, view.desired.spare_copies));
  if (spares.size() > spares_wanted) {
    std::string reason =
        fmt::format("{} spares are there, {} wanted: the oldest goes", spares.size(), spares_wanted);
    if (auto action = remove_copy(view, *spares.back(), std::move(reason))) return action;
  }
  for (const Copy* copy : view.ours) {
    if (copy->phase != Phase::kDraining) continue;
    if (copy->phase_since > view.now + view.desired.drain) {
      Action again = action_on(ActionKind::kDemote, *copy, "the clock was set back: its drain begins anew");
      if (auto action = unless_backing_off(view, std::move(again), *copy)) return action;
      continue;
    }
    const bool over = view.now >= copy->phase_since + view.desired.drain ||
                      (view.desired.end_drains && model::has_no_clients(*copy, view.now));
    if (!over || !view.alias().seen) {
      view.holds.push_back(drains(view, *copy, *live));
      continue;
    }
    bool wanted =
        spares.size() < spares_wanted || (spares_wanted > 0 && rank_of(*copy) > rank_of(*spares.back()));
    if (wanted && can_serve(*copy)) {
      Action retire = action_on(ActionKind::kRetire, *copy, "its drain is over; kept as a spare");
      if (auto action = unless_backing_off(view, std::move(retire), *copy)) return action;
      continue;
    }
    if (auto action = remove_copy(view, *copy, "its drain is over")) return action;
  }
  return std::nullopt;
}

}  // namespace ytb::decide
