#include "refresh/refresher.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "decide/backoff.h"
#include "decide/invariants.h"
#include "masking/plan.h"
#include "refresh/act.h"

namespace ytb::refresh {

using decide::Decision;
using decide::Waiting;
using model::Action;
using model::ActionKind;
using model::Copy;
using model::OwnedCopy;
using model::Phase;

namespace {

constexpr Duration kWaitStep = std::chrono::milliseconds(500);
constexpr Duration kWaitMax = std::chrono::hours(1);  // then it is looked at again, whatever was said
constexpr Duration kInDoubtPause = std::chrono::seconds(1);
constexpr int kInDoubtMax = 20;
constexpr int kUnknownMax = 10;
// A drain of a copy without clients is over in seconds: it is worth waiting for.
constexpr Duration kDrainSoon = model::kOnTheWay;
constexpr int kDrainWaitsMax = 2;

// Neither success nor failure: somebody stopped us, somebody else is at it, or nobody knows.
bool is_left_open(const Error& error) {
  return error.retry == Retry::kInDoubt || error.code == Code::kInterrupted || error.code == Code::kBusy;
}

bool is_in_flight(Phase phase) {
  return phase == Phase::kRestoring || phase == Phase::kRestored || phase == Phase::kDefused ||
         phase == Phase::kMasked || phase == Phase::kProven;
}

// What failed is not the copy, which may have cost hours and may even serve already: it is the way to the
// name, or the note that that has moved, or what the config gives the server of a copy that is made already.
// Only a proof that does not hold is of the copy.
bool spares_the_copy(const Action& action, const Error& error, const Copy* copy) {
  if (action.kind == ActionKind::kRepoint || action.kind == ActionKind::kPromote)
    return error.code != Code::kProof;
  const bool starts = action.kind == ActionKind::kOpen || action.kind == ActionKind::kStart;
  return starts && error.code == Code::kConfig && copy != nullptr && is_in_flight(copy->phase);
}

const Copy* find(const std::vector<Copy>& copies, const model::CopyId& id) {
  auto found = std::find_if(copies.begin(), copies.end(), [&](const Copy& copy) { return copy.id == id; });
  return found == copies.end() ? nullptr : &*found;
}

}  // namespace

Refresher::Refresher(Ports ports, Settings settings, Inputs inputs, Listener& listener, const StopFlag& stop,
                     DecideFunction decide)
    : ports_(ports),
      settings_(std::move(settings)),
      inputs_(std::move(inputs)),
      listener_(listener),
      stop_(stop),
      decide_(std::move(decide)) {
  settings_.desired.inputs = inputs_.digest;
  settings_.desired.cannot_mask = masking::still_undecided(inputs_.policy);
}

model::Observed Refresher::observe() {
  model::Observed observed;
  observed.snapshots = ports_.source.list();
  observed.attempts = ports_.host.attempts();
  observed.copies = ports_.host.list();
  observed.alias = ports_.alias.read();
  return observed;
}

decide::Desired Refresher::desired_for(const RunOptions& options) const {
  decide::Desired desired = settings_.desired;
  desired.asked_at = options.asked_at ? *options.asked_at : ports_.clock.now();
  desired.rollback_to = options.rollback_to;
  desired.delete_copy = options.delete_copy;
  desired.refresh_now = options.refresh_now && !goal_reached_;
  desired.force = options.force && !goal_reached_;
  desired.end_drains = options.wait_drain;
  // A run makes one copy live at most; what became due meanwhile is the next run's.
  if (goal_reached_) desired.schedule.reset();
  return desired;
}

Decision Refresher::plan(const RunOptions& options) {
  model::Observed observed = observe();
  return decide_(desired_for(options), observed, ports_.clock.now());
}

std::vector<Decision> Refresher::foresee(const RunOptions& options) {
  return decide::foresee(desired_for(options), observe(), ports_.clock.now(), decide_);
}

Result<Decision> Refresher::tick(const RunOptions& options) {
  last_failure_.reset();
  last_elapsed_ = {};
  model::Observed observed = observe();
  Instant now = ports_.clock.now();
  decide::Desired desired = desired_for(options);
  Decision decision = decide_(desired, observed, now);
  listener_.on_event({.kind = Event::Kind::kDecided, .at = now, .decision = &decision});
  if (!decision.action) return decision;
  std::vector<decide::Violation> violations = decide::check_action(desired, observed, *decision.action, now);
  if (!violations.empty()) {
    std::vector<std::string> broken;
    for (const decide::Violation& violation : violations) broken.push_back(to_string(violation));
    Error error{.code = Code::kInternal,
                .message = "an action that would break a promise was not carried out: " + join(broken, "; "),
                .hint =
                    "this is a bug of ours; nothing was changed. Please report it with: "
                    "yesterdaytabase status --explain",
                .retry = Retry::kNever};
    journal("refused", *decision.action, error.message, {});
    return error;
  }
  carry_out(*decision.action, observed);
  return decision;
}

void Refresher::carry_out(const Action& action, const model::Observed& observed) {
  Instant begun = ports_.clock.now();
  listener_.on_event({.kind = Event::Kind::kActionStarted, .at = begun, .action = &action});
  journal("action_started", action, action.reason, {});
  Status status = Actor(ports_, settings_, inputs_, originals_, listener_, stop_).act(action, observed);
  Instant ended = ports_.clock.now();
  last_elapsed_ = std::max(Duration::zero(), ended - begun);
  if (status.ok()) {
    const Copy* before = find(*observed.copies, action.copy);
    if (action.kind == ActionKind::kPromote && before != nullptr && before->phase == Phase::kProven) {
      goal_reached_ = true;
    }
    listener_.on_event(
        {.kind = Event::Kind::kActionDone, .at = ended, .action = &action, .elapsed = last_elapsed_});
    journal("action_done", action, {}, last_elapsed_);
    return;
  }
  last_failure_ = status.error();
  spared_ = spares_the_copy(action, *last_failure_, find(*observed.copies, action.copy));
  listener_.on_event({.kind = Event::Kind::kActionFailed,
                      .at = ended,
                      .action = &action,
                      .error = &*last_failure_,
                      .elapsed = last_elapsed_});
  journal("action_failed", action, last_failure_->message, last_elapsed_);
  if (!is_left_open(*last_failure_)) record_failure(action, *last_failure_);
}

void Refresher::record_failure(const Action& action, const Error& error) {
  auto lost = [&](const Error& why) {
    listener_.note(fmt::format("the failure of {} could not be recorded: {}", action.id(), why.message));
  };
  Result<std::vector<Copy>> copies = ports_.host.list();
  if (!copies.ok()) return lost(copies.error());
  const Copy* copy = find(*copies, action.copy);
  if (copy == nullptr) {
    if (action.kind != ActionKind::kRestore) return;
    // It failed before there was a copy that could remember it.
    model::Attempt attempt;
    attempt.snapshot = action.snapshot->id;
    attempt.data_as_of = action.snapshot->data_as_of;
    attempt.attempt = action.attempt;
    attempt.at = ports_.clock.now();
    attempt.reason = error.message;
    attempt.code = error.code;
    attempt.retry = error.retry;
    // A policy that was changed may fit.
    if (error.code == Code::kPolicy) attempt.inputs = settings_.desired.inputs;
    Status status = ports_.host.record_attempt(attempt);
    if (!status.ok()) lost(status.error());
    return;
  }
  Result<OwnedCopy> owned =
      OwnedCopy::claim(*copy, settings_.desired.production, settings_.desired.protected_names);
  if (!owned.ok()) return lost(owned.error());
  Error recorded = error;
  // Only a copy on its way is given up at once; what serves or is being cleared away is tried again, and so
  // is all that had no room: that can be made.
  const bool fails = is_in_flight(copy->phase) && !spares_the_copy(action, error, copy);
  if (!fails || error.code == Code::kSpace) recorded.retry = Retry::kLater;
  Status status = ports_.host.record_failure(*owned, recorded);
  if (!status.ok()) lost(status.error());
}

void Refresher::journal(std::string_view event, const Action& action, std::string_view detail,
                        Duration elapsed) {
  // History only: losing it never stops a refresh.
  (void)ports_.journal.append({.at = ports_.clock.now(),
                               .production = settings_.desired.production,
                               .copy = action.copy.str(),
                               .event = std::string(event),
                               .action = std::string(name_of(action.kind)),
                               .detail = std::string(detail),
                               .seconds = std::chrono::duration<double>(elapsed).count()});
}

Status Refresher::wait_until(Instant until) {
  Instant begun = ports_.clock.now();
  // Counted, not only compared: a clock that is set back does not make us wait for ever.
  Duration left = std::clamp(until - begun, kWaitStep, kWaitMax);
  for (; left > Duration::zero(); left -= kWaitStep) {
    YTB_TRY(stop_.check());
    ports_.clock.sleep(std::min(left, kWaitStep));
    if (ports_.clock.now() >= until) break;
  }
  return stop_.check();
}

Status Refresher::settle_action(const Action& action, RunResult& result) {
  if (!last_failure_) {
    in_doubt_ = 0;
    result.actions_done.push_back(action.id());
    result.phase_times.emplace_back(name_of(action.kind), last_elapsed_);
    return {};
  }
  // A full disk does not empty itself while we wait: the next run tries again, and a person may act.
  if (last_failure_->code == Code::kInterrupted || last_failure_->code == Code::kSpace) return *last_failure_;
  if (!is_left_open(*last_failure_)) {
    in_doubt_ = 0;
    // The copy waits for the next run; a person is told now what to mend meanwhile.
    if (spared_ && (last_failure_->retry == Retry::kNever || ++spared_tries_ >= decide::kTriesMax)) {
      return *last_failure_;
    }
    return {};
  }
  if (++in_doubt_ >= kInDoubtMax) return *last_failure_;
  return wait_until(ports_.clock.now() + kInDoubtPause);
}

Result<bool> Refresher::settle_waiting(const RunOptions& options, const Decision& decision) {
  in_doubt_ = 0;
  bool wait = false;
  switch (decision.waiting) {
    case Waiting::kNothing:
    case Waiting::kSchedule:
    case Waiting::kSnapshot:
    case Waiting::kPerson:
      if (decision.blocker) return *decision.blocker;
      break;
    case Waiting::kBackoff:
      wait = true;
      break;
    case Waiting::kDrain: {
      // With a blocker it is the refresh itself that waits for room.
      bool asked = options.refresh_now || options.force;
      wait = options.wait_drain;
      if (decision.blocker && asked && !goal_reached_ && !wait) {
        // A copy without clients goes within seconds.
        const bool soon = decision.until && *decision.until <= ports_.clock.now() + kDrainSoon;
        if (!soon || ++drain_waits_ > kDrainWaitsMax) return *decision.blocker;
        wait = true;
      }
      break;
    }
    case Waiting::kUnknown:
      // What waiting cannot heal (a damaged record, a file of somebody else's) is said at once.
      if (++unknown_ >= kUnknownMax || (decision.blocker && !decide::may_pass(*decision.blocker))) {
        return decision.blocker ? *decision.blocker
                                : Error{.code = Code::kConnection,
                                        .message = decision.reason,
                                        .hint = "try again later",
                                        .retry = Retry::kLater};
      }
      wait = true;
      break;
  }
  if (!wait) return false;
  Instant now = ports_.clock.now();
  listener_.on_event({.kind = Event::Kind::kWaiting, .at = now, .decision = &decision});
  YTB_TRY(wait_until(decision.until.value_or(now + kInDoubtPause)));
  return true;
}

Result<RunResult> Refresher::run_to_the_end(RunOptions options) {
  RunResult result;
  for (int tick_number = 0; tick_number < options.ticks_max; ++tick_number) {
    YTB_TRY(stop_.check());
    YTB_ASSIGN(result.last, tick(options));
    if (result.last.waiting != Waiting::kUnknown) unknown_ = 0;
    if (!result.last.action) {
      YTB_ASSIGN(bool go_on, settle_waiting(options, result.last));
      if (go_on) continue;
      return result;
    }
    const Action& action = *result.last.action;
    YTB_TRY(settle_action(action, result));
    if (action.kind == ActionKind::kPromote && !last_failure_) {
      (void)ports_.notifier.tell({.production = settings_.desired.production,
                                  .event = "live",
                                  .message = fmt::format("{} is live", action.copy),
                                  .hint = {},
                                  .at = ports_.clock.now()});
    }
  }
  return Error{.code = Code::kInternal,
               .message = fmt::format("the end was not reached in {} turns", options.ticks_max),
               .hint = "see why with: yesterdaytabase status --explain",
               .retry = Retry::kLater};
}

Result<RunResult> Refresher::run(const RunOptions& asked) {
  RunOptions options = asked;
  if (!options.asked_at) options.asked_at = ports_.clock.now();
  goal_reached_ = false;
  in_doubt_ = 0;
  spared_tries_ = 0;
  drain_waits_ = 0;
  unknown_ = 0;
  Result<RunResult> result = run_to_the_end(options);
  if (!result.ok()) {
    Code code = result.error().code;
    if (code != Code::kInterrupted && code != Code::kBusy && code != Code::kRefused) {
      (void)ports_.notifier.tell({.production = settings_.desired.production,
                                  .event = "failed",
                                  .message = result.error().message,
                                  .hint = result.error().hint,
                                  .at = ports_.clock.now()});
    }
    return result;
  }
  model::Observed observed = observe();
  if (observed.alias.known()) result->alias = *observed.alias;
  if (observed.alias.known() && observed.copies.known() && observed.alias->target) {
    const Copy* copy = find(*observed.copies, *observed.alias->target);
    if (copy != nullptr && copy->phase == Phase::kLive) result->live = *copy;
  }
  return result;
}

}  // namespace ytb::refresh
