#include "decide/invariants.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "base/text.h"
#include "decide/backoff.h"
#include "model/drift.h"

namespace ytb::decide {

using model::Action;
using model::ActionKind;
using model::Copy;
using model::CopyId;
using model::Observed;
using model::Phase;

namespace {

const Copy* find(const Observed& observed, const CopyId& id) {
  for (const Copy& copy : *observed.copies) {
    if (copy.id == id) return &copy;
  }
  return nullptr;
}

bool one_of(Phase phase, std::initializer_list<Phase> phases) {
  return std::find(phases.begin(), phases.end(), phase) != phases.end();
}

bool is_ours(const Desired& desired, const Copy& copy) {
  return model::OwnedCopy::claim(copy, desired.production, desired.protected_names).ok();
}

size_t count_ours(const Desired& desired, const Observed& observed) {
  const auto& copies = *observed.copies;
  return static_cast<size_t>(
      std::count_if(copies.begin(), copies.end(), [&](const Copy& copy) { return is_ours(desired, copy); }));
}

size_t copies_max(const Desired& desired) {
  return 2 + static_cast<size_t>(std::max(0, desired.spare_copies));
}

// Collects what one action would break.
class ActionCheck {
 public:
  ActionCheck(const Desired& desired, const Observed& observed, const Action& action, Instant now)
      : desired_(desired), observed_(observed), action_(action), now_(now) {}

  std::vector<Violation> run() {
    if (!observed_.copies.known() || !observed_.alias.known()) {
      broken(Invariant::kFailClosed, "acting without knowing the copies and the alias");
      return std::move(violations_);
    }
    copy_ = find(observed_, action_.copy);
    if (action_.kind == ActionKind::kRestore) {
      check_restore();
    } else {
      check_existing();
    }
    return std::move(violations_);
  }

 private:
  void broken(Invariant invariant, std::string_view detail) {
    violations_.push_back({invariant, fmt::format("{}: {}", action_.id(), detail)});
  }
  void demand(bool holds, Invariant invariant, std::string_view detail) {
    if (!holds) broken(invariant, detail);
  }

  void check_restore() {
    if (!action_.snapshot || action_.attempt < 1) {
      broken(Invariant::kNames, "a restore without a snapshot or an attempt");
      return;
    }
    demand(action_.copy == copy_id(desired_.production, action_.snapshot->data_as_of, action_.attempt),
           Invariant::kNames, "the name does not derive from the snapshot and the attempt");
    demand(!desired_.protected_names.names.contains(action_.copy.str()), Invariant::kHandsOff,
           "it names a source");
    demand(observed_.snapshots.known() && lists_usable(*observed_.snapshots), Invariant::kFailClosed,
           "the snapshot is not known to be usable");
    if (copy_ != nullptr) {
      demand(is_ours(desired_, *copy_), Invariant::kHandsOff, "the name is taken by what is not ours");
      demand(copy_->phase == Phase::kRestoring, Invariant::kForwardOnly,
             "restoring over a copy that is further");
      check_patience();
      return;
    }
    demand(observed_.alias->target != action_.copy, Invariant::kClosedDoor,
           "the alias leads to that name already");
    demand(count_ours(desired_, observed_) + 1 <= copies_max(desired_), Invariant::kNoLitter,
           fmt::format("there are {} copies, {} allowed", count_ours(desired_, observed_),
                       copies_max(desired_)));
    demand(gives_something_new(), Invariant::kPatience, "what is live is what it would give");
    check_attempts();
  }

  // Newer data than what is live has, or another copy of the same for a reason.
  bool gives_something_new() const {
    const Copy* live = observed_.alias->target ? find(observed_, *observed_.alias->target) : nullptr;
    if (live == nullptr || live->phase != Phase::kLive || !is_ours(desired_, *live)) return true;
    return action_.snapshot->data_as_of > live->data_as_of || desired_.force || !live->running ||
           !live->proven || live->inputs != desired_.inputs ||
           model::isolation_differs(live->isolation, desired_.isolation);
  }

  bool lists_usable(const std::vector<model::Snapshot>& snapshots) const {
    return std::any_of(snapshots.begin(), snapshots.end(), [&](const model::Snapshot& snapshot) {
      return snapshot.id == action_.snapshot->id && snapshot.data_as_of == action_.snapshot->data_as_of &&
             snapshot.state == model::SnapshotState::kUsable;
    });
  }

  // A new attempt: a new number, and not before the back-off of the last one is over.
  void check_attempts() {
    if (!observed_.attempts.known()) {
      broken(Invariant::kFailClosed, "a new attempt without knowing the earlier ones");
      return;
    }
    int failures = 0;
    Instant latest{};
    for (const model::Attempt& attempt : *observed_.attempts) {
      if (attempt.snapshot == action_.snapshot->id) {
        demand(attempt.attempt < action_.attempt, Invariant::kNames, "the attempt's number was used before");
        bool same = attempt.inputs.empty() || attempt.inputs == desired_.inputs;
        bool asked = (desired_.refresh_now || desired_.force) && attempt.at < desired_.asked_at;
        if (attempt.outcome == model::AttemptOutcome::kFailed && same && !asked) {
          ++failures;
          latest = std::max(latest, attempt.at);
        }
      }
    }
    demand(failures < kAttemptsMax, Invariant::kPatience, fmt::format("{} attempts failed", failures));
    demand(!retry_at(failures, latest, now_), Invariant::kPatience,
           "the back-off of the last attempt is not over");
    for (const Copy& copy : *observed_.copies) {
      bool flying = one_of(
          copy.phase, {Phase::kRestoring, Phase::kRestored, Phase::kDefused, Phase::kMasked, Phase::kProven});
      demand(!flying || !is_ours(desired_, copy), Invariant::kNoLitter,
             fmt::format("{} is in flight", copy.id));
    }
  }

  void check_patience() {
    // A person who asks now is not kept waiting for what failed before.
    const bool asked = (desired_.refresh_now || desired_.force) && copy_->last_try < desired_.asked_at;
    demand(asked || !retry_at(copy_->tries, copy_->last_try, now_), Invariant::kPatience,
           fmt::format("try {} before the back-off is over", copy_->tries + 1));
    bool fragile = action_.kind != ActionKind::kDelete && action_.kind != ActionKind::kFail &&
                   action_.kind != ActionKind::kRepoint && action_.kind != ActionKind::kPromote;
    bool in_flight = one_of(
        copy_->phase, {Phase::kRestoring, Phase::kRestored, Phase::kDefused, Phase::kMasked, Phase::kProven});
    const bool serves = observed_.alias.known() && observed_.alias->target == copy_->id;
    demand(!fragile || !in_flight || serves || copy_->tries < kTriesMax, Invariant::kPatience,
           fmt::format("{} tries failed", copy_->tries));
  }

  void check_existing() {
    if (copy_ == nullptr) {
      broken(Invariant::kHandsOff, "there is no such copy");
      return;
    }
    demand(is_ours(desired_, *copy_), Invariant::kHandsOff, "it is not ours");
    if (action_.kind != ActionKind::kFail) check_patience();
    switch (action_.kind) {
      case ActionKind::kRestore:
        break;
      case ActionKind::kDefuse:
        demand_phase({Phase::kRestored});
        break;
      case ActionKind::kMask:
        demand_phase({Phase::kDefused});
        demand_inputs(/*may_be_empty=*/true);
        break;
      case ActionKind::kProve:
        demand_phase({Phase::kMasked});
        demand_inputs(/*may_be_empty=*/false);
        break;
      case ActionKind::kOpen:
        demand_phase({Phase::kProven});
        demand_inputs(/*may_be_empty=*/false);
        demand(copy_->proven, Invariant::kClosedDoor, "opening without a proof that verifies");
        break;
      case ActionKind::kRepoint:
        check_repoint();
        break;
      case ActionKind::kPromote:
        demand_phase({Phase::kProven, Phase::kDraining, Phase::kSpare, Phase::kLive});
        demand(observed_.alias->target == copy_->id, Invariant::kNoGap, "the alias does not point at it");
        demand(copy_->opened && copy_->proven, Invariant::kClosedDoor, "it is not open and proven");
        break;
      case ActionKind::kDemote:
        check_demote();
        break;
      case ActionKind::kRetire:
        demand_phase({Phase::kDraining});
        demand_drained();
        break;
      case ActionKind::kFail:
        demand_phase({Phase::kRestoring, Phase::kRestored, Phase::kDefused, Phase::kMasked, Phase::kProven});
        demand(observed_.alias->target != copy_->id || !copy_->opened, Invariant::kNoGap,
               "the alias points at it");
        break;
      case ActionKind::kDelete:
        check_delete();
        break;
      case ActionKind::kStart:
        demand(copy_->opened, Invariant::kClosedDoor, "starting a copy that was never opened");
        demand_phase({Phase::kProven, Phase::kLive, Phase::kDraining, Phase::kSpare});
        break;
    }
  }

  void demand_phase(std::initializer_list<Phase> phases) {
    demand(one_of(copy_->phase, phases), Invariant::kForwardOnly,
           fmt::format("it is {}", name_of(copy_->phase)));
  }
  void demand_inputs(bool may_be_empty) {
    demand(copy_->inputs == desired_.inputs || (may_be_empty && copy_->inputs.empty()),
           Invariant::kFailClosed, "it was begun with another policy, key or access");
    demand(!model::isolation_differs(copy_->isolation, desired_.isolation), Invariant::kFailClosed,
           "its server was started under another isolation");
  }
  // The alias has moved to a live copy, was seen there, and the drain is over.
  void demand_drained() {
    demand(now_ >= copy_->phase_since + desired_.drain || model::has_no_clients(*copy_, now_),
           Invariant::kNoGap, "its drain is not over, and it may have clients");
    demand(observed_.alias->seen, Invariant::kNoGap, "nobody was seen to reach the new copy");
    demand_other_live();
  }
  void demand_other_live() {
    const Copy* target = observed_.alias->target ? find(observed_, *observed_.alias->target) : nullptr;
    demand(target != nullptr && target != copy_ && target->phase == Phase::kLive, Invariant::kNoGap,
           "no other copy is live behind the alias");
  }

  void check_repoint() {
    demand_phase({Phase::kProven, Phase::kLive, Phase::kDraining, Phase::kSpare});
    demand(copy_->proven, Invariant::kClosedDoor, "repointing to a copy without a proof that verifies");
    demand(copy_->opened && copy_->running, Invariant::kNoGap,
           "repointing to a copy that is not open and running");
    if (copy_->phase == Phase::kProven) demand_inputs(/*may_be_empty=*/false);
  }
  void check_demote() {
    demand_phase({Phase::kLive, Phase::kDraining});
    demand(observed_.alias->target != copy_->id, Invariant::kNoGap, "the alias points at it");
    demand_other_live();
  }
  void check_delete() {
    demand(copy_->phase != Phase::kLive, Invariant::kNoGap, "it is live");
    demand(observed_.alias->target != copy_->id || !copy_->opened, Invariant::kNoGap,
           "the alias points at it");
    if (copy_->phase == Phase::kDraining) demand_drained();
    if (copy_->phase == Phase::kSpare) demand_other_live();
  }

  const Desired& desired_;
  const Observed& observed_;
  const Action& action_;
  Instant now_;
  const Copy* copy_ = nullptr;
  std::vector<Violation> violations_;
};

}  // namespace

std::string_view name_of(Invariant invariant) {
  switch (invariant) {
    case Invariant::kClosedDoor:
      return "closed_door";
    case Invariant::kNoGap:
      return "no_gap";
    case Invariant::kHandsOff:
      return "hands_off";
    case Invariant::kFailClosed:
      return "fail_closed";
    case Invariant::kNoLitter:
      return "no_litter";
    case Invariant::kNames:
      return "names";
    case Invariant::kForwardOnly:
      return "forward_only";
    case Invariant::kPatience:
      return "patience";
  }
  return "";
}

std::string to_string(const Violation& violation) {
  return fmt::format("{}: {}", name_of(violation.invariant), violation.detail);
}

std::vector<Violation> check_action(const Desired& desired, const Observed& observed, const Action& action,
                                    Instant now) {
  return ActionCheck(desired, observed, action, now).run();
}

std::vector<Violation> check_state(const Desired& desired, const Observed& observed, bool alias_worked) {
  std::vector<Violation> violations;
  YTB_CHECK(observed.copies.known() && observed.alias.known());
  const Copy* target = observed.alias->target ? find(observed, *observed.alias->target) : nullptr;
  if (observed.alias->target && (target == nullptr || !target->opened)) {
    violations.push_back({Invariant::kNoGap, fmt::format("the alias points at {}, which is not open",
                                                         printable(observed.alias->target->str()))});
  }
  if (alias_worked && !observed.alias->target) {
    violations.push_back({Invariant::kNoGap, "the alias has worked and points at nothing"});
  }
  for (const Copy& copy : *observed.copies) {
    if (!is_ours(desired, copy)) continue;
    bool may_be_open = one_of(copy.phase, {Phase::kProven, Phase::kLive, Phase::kDraining, Phase::kSpare,
                                           Phase::kDeleting, Phase::kFailed});
    if (copy.opened && (!may_be_open || !copy.proven)) {
      violations.push_back(
          {Invariant::kClosedDoor, fmt::format("{} is {} and open, {}", copy.id, name_of(copy.phase),
                                               copy.proven ? "proven" : "without a proof")});
    }
  }
  size_t ours = count_ours(desired, observed);
  if (ours > copies_max(desired)) {
    violations.push_back(
        {Invariant::kNoLitter, fmt::format("{} copies, {} allowed", ours, copies_max(desired))});
  }
  return violations;
}

std::vector<Violation> check_step(const Observed& before, const Action& action, const Observed& after) {
  std::vector<Violation> violations;
  auto broken = [&](Invariant invariant, std::string detail) {
    violations.push_back({invariant, fmt::format("{}: {}", action.id(), detail)});
  };
  YTB_CHECK(before.copies.known() && before.alias.known() && after.copies.known() && after.alias.known());
  for (const Copy& was : *before.copies) {
    const Copy* is = find(after, was.id);
    bool meant = was.id == action.copy;
    if (is == nullptr) {
      if (!meant || action.kind != ActionKind::kDelete)
        broken(Invariant::kHandsOff, fmt::format("{} is gone", was.id));
      continue;
    }
    if (!model::may_follow(was.phase, is->phase)) {
      broken(Invariant::kForwardOnly,
             fmt::format("{} went from {} to {}", was.id, name_of(was.phase), name_of(is->phase)));
    }
    if (meant) continue;
    if (was.phase != is->phase || was.opened != is->opened || was.inputs != is->inputs ||
        was.tries != is->tries) {
      broken(Invariant::kHandsOff, fmt::format("{} was changed", was.id));
    }
  }
  for (const Copy& is : *after.copies) {
    if (find(before, is.id) == nullptr && (is.id != action.copy || action.kind != ActionKind::kRestore)) {
      broken(Invariant::kNoLitter, fmt::format("{} appeared", is.id));
    }
  }
  if (before.alias->target != after.alias->target &&
      (action.kind != ActionKind::kRepoint || after.alias->target != action.copy)) {
    broken(Invariant::kNoGap, "the alias moved");
  }
  return violations;
}

}  // namespace ytb::decide
