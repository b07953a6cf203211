#include "lambda/work.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "refresh/refresher.h"

namespace ytb::lambda {

using decide::Decision;
using decide::Waiting;
using model::ActionKind;
using model::Copy;
using model::Phase;

namespace {

constexpr Duration kWaitStep = std::chrono::milliseconds(500);
constexpr Duration kWaitMax = std::chrono::minutes(30);

class WorkLog final : public refresh::Listener {
 public:
  explicit WorkLog(const Parts& parts) : parts_(parts) {}
  void on_event(const refresh::Event& event) override {
    using Kind = refresh::Event::Kind;
    if (event.kind == Kind::kDecided) failure.reset();
    if (event.action == nullptr) return;
    if (event.kind == Kind::kActionStarted) parts_.log(fmt::format("{}", event.action->id()));
    if (event.kind == Kind::kActionDone) {
      parts_.log(fmt::format("{} done in {}", event.action->id(), to_human(event.elapsed)));
    }
    if (event.kind == Kind::kActionFailed && event.error != nullptr) {
      failure = *event.error;
      parts_.log(fmt::format("{} ended after {}: {}", event.action->id(), to_human(event.elapsed),
                             event.error->message));
    }
  }
  void update(const ports::ProgressUpdate&) override {}
  void note(std::string_view line) override { parts_.log(printable(line)); }

  std::optional<Error> failure;

 private:
  const Parts& parts_;
};

// decide(), seeing this copy alone and allowed to mask and prove it.
Decision decide_for(const model::CopyId& id, const decide::Desired& desired, const model::Observed& observed,
                    Instant now) {
  model::Observed seen = observed;
  if (observed.copies.known()) {
    std::vector<Copy> only;
    for (const Copy& copy : *observed.copies) {
      if (copy.id == id) only.push_back(copy);
    }
    seen.copies = std::move(only);
  }
  Decision decision = decide::decide(desired, seen, now);
  if (!decision.action) return decision;
  const model::Action& action = *decision.action;
  if (action.copy == id && (action.kind == ActionKind::kMask || action.kind == ActionKind::kProve))
    return decision;
  Decision nothing;
  nothing.reason = fmt::format("{} is not a worker's to do", action.id());
  return nothing;
}

const Copy* find(const std::vector<Copy>& copies, const model::CopyId& id) {
  auto found = std::find_if(copies.begin(), copies.end(), [&](const Copy& copy) { return copy.id == id; });
  return found == copies.end() ? nullptr : &*found;
}

Status wait(const Parts& parts, Duration duration, const StopFlag& stop) {
  for (Duration left = std::clamp(duration, kWaitStep, kWaitMax); left > Duration::zero();
       left -= kWaitStep) {
    YTB_TRY(stop.check());
    parts.clock.sleep(std::min(left, kWaitStep));
  }
  return stop.check();
}

// How it stands once there is nothing more for a worker.
Result<WorkDone> finish(const refresh::Drivers& drivers, const model::CopyId& id, WorkDone done,
                        const std::optional<Error>& failure) {
  YTB_ASSIGN(std::vector<Copy> copies, drivers.host->list());
  const Copy* copy = find(copies, id);
  if (copy == nullptr) {
    if (failure) return *failure;
    return Error{.code = Code::kConfig,
                 .message = fmt::format("there is no copy '{}'", printable(id.str())),
                 .hint = "see the copies with: yesterdaytabase status"};
  }
  done.phase = copy->phase;
  switch (copy->phase) {
    case Phase::kProven:
    case Phase::kLive:
    case Phase::kDraining:
    case Phase::kSpare:
      return done;
    case Phase::kFailed:
    case Phase::kDeleting:
      if (failure) return *failure;
      return Error{
          .code = copy->failure_code, .message = fmt::format("{} failed: {}", id, copy->failure), .hint = ""};
    default:
      break;
  }
  if (failure) return *failure;
  return Error{
      .code = Code::kRefused,
      .message = fmt::format("{} is {}, and a worker only masks and proves", id, name_of(copy->phase)),
      .hint = "the heartbeat (action tick) restores and defuses it first",
      .retry = Retry::kLater};
}

}  // namespace

Result<WorkDone> work_on(const Parts& parts, const Target& target, const model::CopyId& copy,
                         const StopFlag& stop) {
  if (!has_policy(*target.production)) {
    return Error{.code = Code::kPolicy,
                 .message = fmt::format("{} cannot be masked: there is no masking policy", copy),
                 .hint = "set masking.policy (or YTB_POLICY)"};
  }
  YTB_ASSIGN(refresh::Drivers drivers, parts.drivers(stop)(*target.setup.config, *target.production));
  YTB_ASSIGN(refresh::Inputs inputs, parts.load_inputs(target.setup, *target.production));
  YTB_ASSIGN(refresh::Settings settings,
             parts.make_settings(target.setup, *target.production, inputs.digest));
  WorkLog log(parts);
  refresh::Refresher refresher(drivers.ports(parts.clock), std::move(settings), std::move(inputs), log, stop,
                               [&](const decide::Desired& desired, const model::Observed& observed,
                                   Instant now) { return decide_for(copy, desired, observed, now); });
  refresh::RunOptions options;
  options.refresh_now = false;
  WorkDone done;
  int busy = 0;
  std::optional<Error> last;
  for (int turn = 0; turn < kWorkTurnsMax; ++turn) {
    YTB_TRY(stop.check());
    YTB_ASSIGN(Decision decision, refresher.tick(options));
    if (decision.action && !log.failure) {
      done.actions.push_back(decision.action->id());
      busy = 0;
      last.reset();
      continue;
    }
    if (decision.action) {
      last = log.failure;
      if (last->code == Code::kInterrupted) return *last;
      bool left_open = last->retry == Retry::kInDoubt || last->code == Code::kBusy;
      if (!left_open) continue;
      if (++busy >= kWorkBusyMax) return *last;
      YTB_TRY(wait(parts, kWorkBusyPause, stop));
      continue;
    }
    bool waits = decision.waiting == Waiting::kBackoff || decision.waiting == Waiting::kUnknown;
    if (!waits || ++busy >= kWorkBusyMax) return finish(drivers, copy, std::move(done), last);
    Instant now = parts.clock.now();
    YTB_TRY(wait(parts, decision.until.value_or(now + kWorkBusyPause) - now, stop));
  }
  return finish(drivers, copy, std::move(done), last);
}

}  // namespace ytb::lambda
