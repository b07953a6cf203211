// The rules of the refresh itself: the copy in flight, and when to begin one.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "base/text.h"
#include "decide/backoff.h"
#include "decide/view.h"
#include "model/drift.h"

namespace ytb::decide {

using model::Action;
using model::ActionKind;
using model::Attempt;
using model::AttemptOutcome;
using model::Copy;
using model::Phase;
using model::Snapshot;
using model::SnapshotState;

namespace {

std::optional<Action> remove_in_flight(View& view, const Copy& copy, std::string reason) {
  if (!may_delete(view, copy)) {
    view.in_the_way = Hold{.waiting = Waiting::kUnknown,
                           .reason = fmt::format("{} would be deleted, but the alias points at it", copy.id),
                           .until = view.now + kLookAgain,
                           .blocker = std::nullopt};
    return std::nullopt;
  }
  return unless_backing_off(view, action_on(ActionKind::kDelete, copy, std::move(reason)), copy);
}

std::optional<Action> give_up(View& view, const Copy& copy, std::string reason) {
  if (serves(view, copy)) {
    view.in_the_way = Hold{.waiting = Waiting::kUnknown,
                           .reason = fmt::format("{} would be given up, but the alias points at it", copy.id),
                           .until = view.now + kLookAgain,
                           .blocker = std::nullopt};
    return std::nullopt;
  }
  return action_on(ActionKind::kFail, copy, std::move(reason));
}

void hold_unknown(View& view, std::string_view what, const Error& why) {
  view.in_the_way = Hold{.waiting = Waiting::kUnknown,
                         .reason = fmt::format("{} could not be observed: {}", what, why.message),
                         .until = view.now + kLookAgain,
                         .blocker = why};
}

// The snapshot that a copy being restored is of, where it can still be restored from.
std::optional<Action> restore_again(View& view, const Copy& copy) {
  if (!view.observed.snapshots.known()) {
    hold_unknown(view, "the snapshots", view.observed.snapshots.why_not());
    return std::nullopt;
  }
  const auto& snapshots = *view.observed.snapshots;
  auto found = std::find_if(snapshots.begin(), snapshots.end(),
                            [&](const Snapshot& s) { return s.id == copy.snapshot; });
  if (found == snapshots.end() || found->state != SnapshotState::kUsable ||
      found->data_as_of != copy.data_as_of) {
    return remove_in_flight(
        view, copy, fmt::format("its snapshot {} is not there any more", printable(copy.snapshot.str())));
  }
  Action restore = action_on(ActionKind::kRestore, copy, "its restore was begun");
  restore.snapshot = *found;
  restore.attempt = copy.attempt;
  return unless_backing_off(view, std::move(restore), copy);
}

std::optional<Action> next_step(View& view, const Copy& copy) {
  auto step = [&](ActionKind kind, std::string_view reason) {
    return unless_backing_off(view, action_on(kind, copy, std::string(reason)), copy);
  };
  switch (copy.phase) {
    case Phase::kRestoring:
      return restore_again(view, copy);
    case Phase::kRestored:
      return step(ActionKind::kDefuse, "it is restored; nothing in it may act on the outside");
    case Phase::kDefused:
      return step(ActionKind::kMask, "it is defused");
    case Phase::kMasked:
      return step(ActionKind::kProve, "it is masked");
    default:
      break;
  }
  if (!copy.proven) {
    return give_up(view, copy, "it is recorded proven, but its proof does not verify");
  }
  if (!copy.opened) return step(ActionKind::kOpen, "its proof passed");
  if (!copy.running) return step(ActionKind::kStart, "it is open and its server is down");
  return step(ActionKind::kRepoint, "it is open and proven");
}

}  // namespace

std::optional<Action> go_on(View& view) {
  std::vector<const Copy*> flying;
  for (const Copy* copy : view.ours) {
    if (is_in_flight(copy->phase)) flying.push_back(copy);
  }
  if (flying.empty()) return std::nullopt;
  // Open ones first, then the newest data, then the one that is furthest.
  auto key = [](const Copy* copy) {
    return std::tuple(copy->opened, copy->data_as_of, copy->phase, copy->attempt);
  };
  const Copy* chosen = *std::max_element(flying.begin(), flying.end(),
                                         [&](const Copy* a, const Copy* b) { return key(a) < key(b); });
  for (const Copy* copy : flying) {
    if (copy == chosen || !may_delete(view, *copy)) continue;
    auto action =
        remove_in_flight(view, *copy, fmt::format("one copy is made at a time: {} goes on", chosen->id));
    if (action) return action;
  }
  view.in_the_way.reset();  // a surplus that cannot be deleted yet does not hold up the chosen one
  if (const Copy* live = view.live(); live != nullptr && rank_of(*chosen) < rank_of(*live)) {
    return remove_in_flight(view, *chosen, fmt::format("{} is live and newer", live->id));
  }
  if (!chosen->inputs.empty() && chosen->inputs != view.desired.inputs) {
    return remove_in_flight(view, *chosen,
                            "policy, key or access changed after it was begun: it is begun anew");
  }
  // Its server may have read all that is raw in it by now: what it ran under cannot be changed afterwards.
  if (model::isolation_differs(chosen->isolation, view.desired.isolation)) {
    return remove_in_flight(view, *chosen, "the isolation changed after it was begun: it is begun anew");
  }
  // What is open lacks its name only, and so would another one; what serves is not given up for anything.
  const bool lacks_the_name =
      chosen->phase == Phase::kProven && chosen->proven && chosen->opened && chosen->running;
  if (chosen->tries >= kTriesMax && !lacks_the_name && !serves(view, *chosen)) {
    return give_up(view, *chosen,
                   fmt::format("{} tries failed, the last with: {}", chosen->tries, chosen->failure));
  }
  return next_step(view, *chosen);
}

namespace {

// Of a live copy that is out of date and that the schedule alone does not yet make anew; "" of another.
std::string how_it_gets_up_to_date(const View& view, const Copy& live) {
  const std::string why = out_of_date(view, live);
  if (why.empty()) return {};
  return fmt::format(
      "; {}: 'yesterdaytabase refresh' makes it anew now, the next refresh that is due does too", why);
}

// Whether a copy that is out of date is made anew: when a person asks, or at the next time of the schedule
// since it became live, so that a changed policy starts no work in the middle of the day.
bool is_time_to_make_anew(const View& view, const Copy& live) {
  if (view.desired.refresh_now || view.desired.force) return true;
  if (!view.desired.schedule) return false;
  std::optional<Instant> due = view.desired.schedule->next_after(std::max(live.data_as_of, live.phase_since));
  return due && *due <= view.now;
}

// Why a refresh is due; none, with a hold, where it is not.
std::optional<std::string> why_due(View& view, const Copy* live) {
  const Desired& desired = view.desired;
  if (live == nullptr) return "no copy is live";
  if (desired.force && live->phase_since < desired.asked_at) return "it was asked for, whatever is live";
  if (!live->running && live->tries >= kTriesMax) return "the live copy's server does not start";
  if (desired.refresh_now || desired.force) return "it was asked for";
  Hold hold{.waiting = Waiting::kSchedule, .reason = {}, .until = std::nullopt, .blocker = std::nullopt};
  std::string age = fmt::format("{} is live with the data of {}", live->id, to_iso(live->data_as_of));
  age += how_it_gets_up_to_date(view, *live);
  if (!desired.schedule) {
    hold.reason = age + "; there is no schedule, a refresh happens when it is asked for";
    view.in_the_way = std::move(hold);
    return std::nullopt;
  }
  std::optional<Instant> due = desired.schedule->next_after(live->data_as_of);
  if (due && *due <= view.now) return fmt::format("it is due since {}", to_iso(*due));
  hold.until = due;
  hold.reason = due ? fmt::format("{}; the next refresh is due at {}", age, to_iso(*due))
                    : fmt::format("{}; the schedule '{}' names no later time", age, desired.schedule->text());
  view.in_the_way = std::move(hold);
  return std::nullopt;
}

// Usable snapshots, newest first; the others that are newer than what is live are remarked.
std::vector<const Snapshot*> usable_snapshots(View& view, const Copy* live) {
  std::vector<const Snapshot*> usable;
  for (const Snapshot& snapshot : *view.observed.snapshots) {
    if (snapshot.state == SnapshotState::kUsable) {
      usable.push_back(&snapshot);
    } else if (live == nullptr || snapshot.data_as_of > live->data_as_of) {
      view.remark(fmt::format("skipped snapshot {}: {}", printable(snapshot.id.str()),
                              snapshot.state == SnapshotState::kInProgress ? "it is still being made"
                                                                           : printable(snapshot.reason)));
    }
  }
  std::sort(usable.begin(), usable.end(), [](const Snapshot* a, const Snapshot* b) {
    return std::pair(b->data_as_of, b->id) < std::pair(a->data_as_of, a->id);
  });
  return usable;
}

void hold_snapshot(View& view, std::string reason, std::optional<Error> blocker) {
  view.in_the_way = Hold{.waiting = Waiting::kSnapshot,
                         .reason = std::move(reason),
                         .until = view.now + kSnapshotPoll,
                         .blocker = std::move(blocker)};
}

// Snapshots that are passed over and named.
constexpr int kRemarkedMax = 10;
constexpr const char* kHowToAskAnew = "once the cause is gone, try again with: yesterdaytabase refresh";
constexpr const char* kHowToAllow =
    "allow it to the role that restores (its policy; the key's, where it is the key), or leave such "
    "snapshots "
    "out with source.snapshots; then try again with: yesterdaytabase refresh, which looks at the newest one, "
    "or refresh --force, which tries all that were passed over";

// What earlier tries say of a snapshot.
struct History {
  bool damaged = false;       // found damaged when it was looked at closely
  bool forbidden = false;     // the platform did not let us restore it
  std::optional<Hold> holds;  // it may not be tried now
};

// A person who asks now wants to know anew what came before. What is forbidden costs a restore to find out,
// so that only the newest is tried again: once it may be restored, the others do not matter. `force` tries
// all of them.
bool is_asked_anew(const View& view, const Attempt& attempt, bool newest) {
  if (!view.desired.refresh_now && !view.desired.force) return false;
  if (attempt.at >= view.desired.asked_at) return false;
  return newest || view.desired.force || attempt.code != Code::kForbidden;
}

History history_of(const View& view, const Snapshot& snapshot, bool anything_live, bool newest) {
  const Attempt* latest = nullptr;
  int failures = 0;
  Instant last{};  // of the last failure; clocks that were set back order them otherwise than their numbers
  History history;
  for (const Attempt& attempt : *view.observed.attempts) {
    if (attempt.snapshot != snapshot.id) continue;
    if (is_asked_anew(view, attempt, newest)) continue;
    if (attempt.outcome != AttemptOutcome::kFailed) {
      if (attempt.outcome == AttemptOutcome::kRolledBack && !anything_live) continue;
      history.holds = Hold{.waiting = Waiting::kSnapshot,
                           .reason = fmt::format("the newest snapshot {} is not restored again: {}",
                                                 printable(snapshot.id.str()), attempt.reason),
                           .until = view.now + kSnapshotPoll,
                           .blocker = std::nullopt};
      return history;
    }
    // Without inputs it failed before they mattered.
    if (!attempt.inputs.empty() && attempt.inputs != view.desired.inputs) continue;
    ++failures;
    last = std::max(last, attempt.at);
    if (latest == nullptr || attempt.attempt > latest->attempt ||
        (attempt.attempt == latest->attempt && attempt.at > latest->at)) {
      latest = &attempt;
    }
  }
  if (latest == nullptr) return history;
  std::string told = fmt::format("attempt {} at snapshot {} failed: {}", latest->attempt,
                                 printable(snapshot.id.str()), latest->reason);
  if (latest->retry == Retry::kNever || failures >= kAttemptsMax) {
    history.damaged = latest->code == Code::kCorrupt;
    history.forbidden = latest->code == Code::kForbidden;
    history.holds = Hold{.waiting = Waiting::kPerson,
                         .reason = told,
                         .until = view.now + kSnapshotPoll,
                         .blocker = Error{.code = latest->code,
                                          .message = told,
                                          .hint = history.forbidden ? kHowToAllow : kHowToAskAnew,
                                          .retry = Retry::kNever}};
  } else if (std::optional<Instant> again = retry_at(failures, last, view.now)) {
    history.holds = Hold{.waiting = Waiting::kBackoff,
                         .reason = fmt::format("{}; again at {}", told, to_iso(*again)),
                         .until = again,
                         .blocker = std::nullopt};
  }
  return history;
}

// One more than any attempt that was ever recorded, or is there, at the instant that the name shows.
int next_attempt(const View& view, const Snapshot& snapshot) {
  std::string shown = to_compact(snapshot.data_as_of);
  int attempt = 0;
  for (const Attempt& earlier : *view.observed.attempts) {
    if (to_compact(earlier.data_as_of) == shown) attempt = std::max(attempt, earlier.attempt);
  }
  for (const Copy* copy : view.ours) {
    if (to_compact(copy->data_as_of) == shown) attempt = std::max(attempt, copy->attempt);
  }
  ++attempt;
  // What has the name and is not ours is left alone, and where the alias still leads to a copy that is gone,
  // nobody must find an unproven one: the next name is taken. Bounded by what is there.
  const auto& there = *view.observed.copies;
  auto taken = [&] {
    model::CopyId id = copy_id(view.desired.production, snapshot.data_as_of, attempt);
    return view.alias().target == id || view.desired.protected_names.names.contains(id.str()) ||
           std::any_of(there.begin(), there.end(), [&](const Copy& copy) { return copy.id == id; });
  };
  while (taken()) ++attempt;
  return attempt;
}

// A previous copy that nobody is connected to gives its place to the next: only a rollback would want it.
// Before it goes an older one that is kept for that.
std::optional<Action> without_clients(View& view, std::optional<Instant>& soon) {
  if (view.live() == nullptr || !view.alias().seen) return std::nullopt;
  const Copy* spare = nullptr;
  for (const Copy* copy : view.ours) {  // newest first
    if (copy->phase == Phase::kSpare) spare = copy;
  }
  for (const Copy* copy : view.ours) {
    if (copy->phase != Phase::kDraining || copy->clients != 0) continue;
    if (!model::has_no_clients(*copy, view.now)) {
      soon = copy->phase_since + model::kOnTheWay;
      continue;
    }
    const Copy& goes = spare != nullptr && rank_of(*copy) > rank_of(*spare) ? *spare : *copy;
    if (auto action = remove_copy(view, goes, "room is wanted, and nobody is connected to it")) return action;
  }
  return std::nullopt;
}

// Whether one more copy stays within live + spares + one in flight; or else, where there is one, what makes
// room for it. One that is being cleared away is the one in flight: where nothing is live yet, its room is
// not the next attempt's. (One that the alias points at goes only when another one is there.)
bool has_room(View& view, std::optional<Action>& makes_room) {
  size_t copies_max = 2 + static_cast<size_t>(std::max(0, view.desired.spare_copies));
  const bool goes = std::any_of(view.ours.begin(), view.ours.end(), [&](const Copy* copy) {
    return (copy->phase == Phase::kFailed || copy->phase == Phase::kDeleting) && may_delete(view, *copy);
  });
  if (goes && view.live() == nullptr) --copies_max;
  if (view.ours.size() < copies_max) return true;
  std::optional<Instant> soon;
  makes_room = without_clients(view, soon);
  if (makes_room) return false;
  bool drains = std::any_of(view.ours.begin(), view.ours.end(),
                            [](const Copy* copy) { return copy->phase == Phase::kDraining; });
  std::string reason = fmt::format("{} copies are there and {} allowed: the next waits until one is gone",
                                   view.ours.size(), copies_max);
  std::optional<Instant> until = view.now + kLookAgain;
  for (const Hold& hold : view.holds) {
    if (hold.until && hold.waiting != Waiting::kNothing) until = std::max(*until, *hold.until);
  }
  if (soon) until = *soon;
  view.in_the_way = Hold{
      .waiting = drains ? Waiting::kDrain : Waiting::kBackoff,
      .reason = reason,
      .until = until,
      .blocker = Error{
          .code = Code::kBusy,
          .message = std::move(reason),
          .hint = drains
                      ? "run it again when its clients have gone or its drain is over, or set a shorter drain"
                      : "a copy could not be deleted: see its log",
          .retry = Retry::kLater}};
  return false;
}

// The newest snapshot that may be tried; none, with a hold, where there is none.
const Snapshot* choose_snapshot(View& view, const Copy* live, bool again) {
  std::vector<const Snapshot*> usable = usable_snapshots(view, live);
  if (usable.empty()) {
    std::string reason = "there is no usable snapshot";
    Error none{
        .code = Code::kNoSnapshot,
        .message = reason,
        // For local snapshots only: those on AWS are taken by RDS itself.
        .hint =
            view.desired.isolation
                ? "see why with: yesterdaytabase snapshot list; take one with: yesterdaytabase snapshot take"
                : "see why with: yesterdaytabase snapshot list; RDS makes one a day where its automated "
                  "backups are on",
        .retry = Retry::kLater};
    hold_snapshot(view, std::move(reason), std::move(none));
    return nullptr;
  }
  std::optional<Hold> first_hold;
  const Snapshot* chosen = nullptr;
  int damaged = 0;
  int forbidden = 0;
  for (const Snapshot* snapshot : usable) {
    bool fits = live == nullptr || snapshot->data_as_of > live->data_as_of ||
                (again && snapshot->data_as_of == live->data_as_of);
    if (!fits) break;
    History history = history_of(view, *snapshot, live != nullptr, snapshot == usable.front());
    if (!history.holds) {
      chosen = snapshot;
      break;
    }
    if (!first_hold) first_hold = history.holds;
    if (history.forbidden) {
      if (++forbidden > kForbiddenSkipsMax) break;
    } else if (!history.damaged || ++damaged > kCorruptSkipsMax) {
      break;
    }
    if (damaged + forbidden > kRemarkedMax) continue;
    view.remark(
        fmt::format("passed over snapshot {}: {}", printable(snapshot->id.str()), history.holds->reason));
  }
  if (damaged + forbidden > kRemarkedMax) {
    view.remark(fmt::format("passed over {} more snapshots", damaged + forbidden - kRemarkedMax));
  }
  if (chosen != nullptr) return chosen;
  if (first_hold) {
    view.in_the_way = std::move(first_hold);
  } else {
    hold_snapshot(view,
                  fmt::format("no new snapshot since {}{}", to_iso(live->data_as_of),
                              how_it_gets_up_to_date(view, *live)),
                  std::nullopt);
  }
  return nullptr;
}

}  // namespace

std::optional<Action> begin_refresh(View& view) {
  const Copy* live = view.live();
  std::optional<std::string> due = why_due(view, live);
  if (!due) return std::nullopt;
  if (!view.observed.snapshots.known()) {
    hold_unknown(view, "the snapshots", view.observed.snapshots.why_not());
    return std::nullopt;
  }
  if (!view.observed.attempts.known()) {
    hold_unknown(view, "earlier attempts", view.observed.attempts.why_not());
    return std::nullopt;
  }
  // Also from the snapshot that is live already, where that would not give the same again.
  const std::string stale = live != nullptr ? out_of_date(view, *live) : std::string();
  bool again = live != nullptr && ((view.desired.force && live->phase_since < view.desired.asked_at) ||
                                   (!live->running && live->tries >= kTriesMax) ||
                                   (!stale.empty() && is_time_to_make_anew(view, *live)));
  const Snapshot* snapshot = choose_snapshot(view, live, again);
  if (snapshot == nullptr) return std::nullopt;
  if (view.desired.cannot_mask) {
    view.in_the_way = Hold{.waiting = Waiting::kPerson,
                           .reason = split(view.desired.cannot_mask->message, '\n').front(),
                           .until = view.now + kSnapshotPoll,
                           .blocker = view.desired.cannot_mask};
    return std::nullopt;
  }
  if (std::optional<Action> makes_room; !has_room(view, makes_room)) return makes_room;
  Action restore;
  restore.kind = ActionKind::kRestore;
  restore.snapshot = *snapshot;
  restore.attempt = next_attempt(view, *snapshot);
  restore.copy = copy_id(view.desired.production, snapshot->data_as_of, restore.attempt);
  restore.reason = fmt::format("{}{}{}; the newest usable snapshot is of {}", *due, stale.empty() ? "" : "; ",
                               stale, to_iso(snapshot->data_as_of));
  return restore;
}

}  // namespace ytb::decide
