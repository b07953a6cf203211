#include "lambda/pass.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/text.h"
#include "masking/originals.h"
#include "masking/plan.h"
#include "masking/propose.h"
#include "model/owned.h"

namespace ytb::lambda {

using decide::Decision;
using decide::Waiting;
using model::Action;
using model::ActionKind;
using model::Copy;
using model::Phase;

namespace {

constexpr int kLeftOpenMax = 20;  // in a row: somebody else is at it, or nobody knows
constexpr Duration kLeftOpenPause = std::chrono::seconds(3);
constexpr Duration kWaitStep = std::chrono::milliseconds(500);
constexpr int kSampleRows = 200;
constexpr Duration kInvocationMax = std::chrono::minutes(15);  // AWS Lambda's own bound
constexpr uint64_t kMeasuredBytesMin = 10 << 20;               // below this a rate is mostly overhead

bool is_left_open(const Error& error) {
  return error.retry == Retry::kInDoubt || error.code == Code::kInterrupted || error.code == Code::kBusy;
}

const Copy* find(const std::vector<Copy>& copies, const model::CopyId& id) {
  auto found = std::find_if(copies.begin(), copies.end(), [&](const Copy& copy) { return copy.id == id; });
  return found == copies.end() ? nullptr : &*found;
}

uint64_t bytes_of(const std::vector<TableSize>& tables) {
  return std::accumulate(tables.begin(), tables.end(), uint64_t{0},
                         [](uint64_t sum, const TableSize& table) { return sum + table.bytes; });
}

std::string name_of_table(const masking::DatabasePlan& database, const masking::TablePlan& table) {
  return fmt::format("{} {}", database.database.name, masking::to_string(table.table.name));
}

}  // namespace

// Says what the loop does, and keeps what became of the last action.
class Pass::Log final : public refresh::Listener {
 public:
  Log(const Parts& parts, const model::ProductionName& production) : parts_(parts), production_(production) {}

  void on_event(const refresh::Event& event) override {
    using Kind = refresh::Event::Kind;
    if (event.kind == Kind::kDecided) failure.reset();
    if (event.action == nullptr) return;
    if (event.kind == Kind::kActionStarted) {
      say(fmt::format("{}: {}", event.action->id(), event.action->reason));
    } else if (event.kind == Kind::kActionDone) {
      say(fmt::format("{} done in {}", event.action->id(), to_human(event.elapsed)));
    } else if (event.kind == Kind::kActionFailed && event.error != nullptr) {
      failure = *event.error;
      if (event.error->code == Code::kInterrupted) return say(event.error->message);
      say(fmt::format("{} ended after {}: {}", event.action->id(), to_human(event.elapsed),
                      event.error->message));
    }
  }
  void update(const ports::ProgressUpdate&) override {}
  void note(std::string_view line) override { say(line); }

  std::optional<Error> failure;  // of the last action

 private:
  void say(std::string_view line) { parts_.log(fmt::format("{}: {}", production_, printable(line))); }
  const Parts& parts_;
  const model::ProductionName& production_;
};

Pass::Pass(const Parts& parts, const Target& target, const StopFlag& stop)
    : parts_(parts),
      target_(target),
      stop_(stop),
      log_(std::make_unique<Log>(parts, target.production->name)) {}

Pass::~Pass() = default;

Result<std::unique_ptr<Pass>> Pass::open(const Parts& parts, const Target& target, const StopFlag& stop) {
  std::unique_ptr<Pass> pass(new Pass(parts, target, stop));
  YTB_ASSIGN(pass->drivers_, parts.drivers(stop)(*target.setup.config, *target.production));
  YTB_ASSIGN(pass->worker_, parts.make_worker(*target.production, stop));
  return pass;
}

Result<refresh::Refresher> Pass::make_refresher() {
  refresh::Inputs inputs;
  if (has_policy(*target_.production)) {
    YTB_ASSIGN(inputs, parts_.load_inputs(target_.setup, *target_.production));
    policy_ = std::make_shared<masking::Policy>(inputs.policy);
    lock_ = std::make_shared<masking::PolicyLock>(inputs.lock);
  }
  YTB_ASSIGN(refresh::Settings settings,
             parts_.make_settings(target_.setup, *target_.production, inputs.digest));
  return refresh::Refresher(drivers_.ports(parts_.clock), std::move(settings), std::move(inputs), *log_,
                            stop_,
                            [this](const decide::Desired& desired, const model::Observed& observed,
                                   Instant now) { return decide(desired, observed, now); });
}

Decision Pass::decide(const decide::Desired& desired, const model::Observed& observed, Instant now) {
  Decision decision = decide::decide(desired, observed, now);
  held_.reset();
  looks_again_ = false;
  if (!decision.action) return decision;
  const bool had_turn = has_turn_;
  if (Status turn = take_turn(); !turn.ok()) {
    const bool theirs = turn.error().code == Code::kBusy;
    decision.action.reset();
    decision.reason = turn.error().message;
    decision.waiting = theirs ? Waiting::kBackoff : Waiting::kUnknown;
    decision.until = theirs ? turn_over_ : now;
    decision.blocker = theirs ? std::nullopt : std::optional(turn.error());
    return decision;
  }
  // What was seen before it was our turn is not acted on: another one may have changed it since.
  looks_again_ = has_turn_ && !had_turn;
  if (looks_again_) {
    decision.action.reset();
    decision.waiting = Waiting::kBackoff;
    return decision;
  }
  if (decision.action->id() == placed_) return decision;
  bool needs_policy = decision.action->kind == ActionKind::kDefuse && !has_policy(*target_.production);
  bool is_long = decision.action->kind == ActionKind::kMask || decision.action->kind == ActionKind::kProve ||
                 decision.action->kind == ActionKind::kRestore;
  if (!needs_policy && !is_long) return decision;
  held_ = std::move(decision.action);
  decision.action.reset();
  decision.waiting = Waiting::kBackoff;
  return decision;
}

Status Pass::take_turn() {
  if (!limits_ || limits_->holder.empty() || has_turn_) return {};
  const model::ProductionName& production = target_.production->name;
  YTB_ASSIGN(Turn turn,
             parts_.turns.take(production, limits_->holder, limits_->turn_until, parts_.clock.now()));
  has_turn_ = turn.ours;
  turn_over_ = turn.until;
  if (turn.ours) return {};
  return Error{.code = Code::kBusy,
               .message = fmt::format("another invocation is at work on {}, until {} at the latest",
                                      production, to_iso(turn.until)),
               .hint = "it is looked at again",
               .retry = Retry::kLater};
}

void Pass::give_turn_back() {
  if (has_turn_) {
    const model::ProductionName& production = target_.production->name;
    Status status = parts_.turns.give_back(production, limits_->holder);
    if (!status.ok())
      log_->note(fmt::format("the turn could not be given back, and is over at {}: {}", to_iso(turn_over_),
                             status.error().message));
  }
  has_turn_ = false;
  limits_.reset();
}

PassReport Pass::run(const refresh::RunOptions& options, const PassLimits& limits) {
  report_ = {};
  left_open_ = 0;
  limits_ = limits;
  Result<refresh::Refresher> refresher = make_refresher();
  if (!refresher.ok()) {
    report_.failure = std::move(refresher).error();
    give_turn_back();
    return std::move(report_);
  }
  for (int turn = 0; turn < options.ticks_max; ++turn) {
    if (stop_.requested()) {
      report_.out_of_time = true;
      break;
    }
    Result<Decision> decision = refresher->tick(options);
    if (!decision.ok()) {
      report_.failure = std::move(decision).error();
      break;
    }
    report_.last = *decision;
    if (!settle(*decision, limits)) break;
    if (static_cast<int>(report_.done.size()) >= limits.actions_max) break;
  }
  give_turn_back();
  return std::move(report_);
}

bool Pass::settle(const Decision& decision, const PassLimits& limits) {
  if (held_) return settle_held(limits);
  if (looks_again_) return true;
  if (!decision.action) return settle_waiting(decision);
  if (log_->failure) {
    report_.interrupted = decision.action;
    return settle_failure(*log_->failure, limits);
  }
  report_.interrupted.reset();
  report_.failure.reset();
  left_open_ = 0;
  report_.done.push_back(*decision.action);
  tell(*decision.action);
  return true;
}

bool Pass::settle_failure(const Error& error, const PassLimits& limits) {
  report_.failure = error;
  if (stop_.requested()) {
    report_.out_of_time = true;
    report_.failure.reset();
    return false;
  }
  if (error.code == Code::kInterrupted) {  // AWS is at work
    report_.left = true;
    report_.failure.reset();
    return false;
  }
  // Nobody knows, or somebody else is at it: the next tick looks, and as long as it is so, each says it.
  if (is_left_open(error) && !limits.holder.empty()) return false;
  if (!is_left_open(error)) {
    // Recorded with the copy; decide() knows what becomes of it. Told once: only this turn saw it happen.
    if (error.retry == Retry::kNever) {
      (void)drivers_.notifier->tell({.production = target_.production->name,
                                     .event = "failed",
                                     .message = error.message,
                                     .hint = error.hint,
                                     .at = parts_.clock.now()});
    }
    return error.code != Code::kSpace;
  }
  return ++left_open_ < kLeftOpenMax && pause();
}

void Pass::tell(const Action& action) {
  if (action.kind != ActionKind::kPromote) return;
  (void)drivers_.notifier->tell({.production = target_.production->name,
                                 .event = "live",
                                 .message = fmt::format("{} is live", action.copy),
                                 .hint = {},
                                 .at = parts_.clock.now()});
}

bool Pass::settle_waiting(const Decision& decision) {
  switch (decision.waiting) {
    case Waiting::kNothing:
    case Waiting::kSchedule:
    case Waiting::kSnapshot:
    case Waiting::kPerson:
      report_.settled = true;
      if (decision.blocker) report_.failure = decision.blocker;
      return false;
    case Waiting::kUnknown:
      if (decision.blocker) report_.failure = decision.blocker;
      break;
    case Waiting::kBackoff:
    case Waiting::kDrain:
      break;
  }
  return false;
}

// Between two tries of what a person has asked for.
bool Pass::pause() {
  for (Duration left = kLeftOpenPause; left > Duration::zero(); left -= kWaitStep) {
    if (stop_.requested()) {
      report_.out_of_time = true;
      return false;
    }
    parts_.clock.sleep(std::min(left, kWaitStep));
  }
  return true;
}

bool Pass::fail(const Error& error) {
  report_.failure = error;
  if (report_.last) report_.last->reason = error.message;
  return false;
}

bool Pass::settle_held(const PassLimits& limits) {
  Action action = *held_;
  if (action.kind == ActionKind::kDefuse) return propose_policy(action);
  return place(action, limits);
}

Result<std::string> Pass::proposal_for(const model::CopyId& id) {
  YTB_ASSIGN(std::string where, parts_.find_proposal(*target_.production, id));
  if (!where.empty()) return where;
  YTB_ASSIGN(model::OwnedCopy owned, claim(id));
  YTB_ASSIGN(ports::SessionTarget session, drivers_.host->session(owned));
  YTB_ASSIGN(masking::Catalog catalog, drivers_.engine->catalog(session));
  // Evidence only: a proposal from names and types alone is a proposal, too.
  Result<ports::TakenSamples> taken = drivers_.engine->sample(session, catalog, kSampleRows);
  masking::Samples seen;
  if (taken.ok()) seen = std::move(taken->samples);
  std::vector<masking::Proposal> proposals = masking::propose(catalog, seen);
  return parts_.keep_proposal(*target_.production, id, masking::to_policy_yaml(catalog, proposals));
}

bool Pass::propose_policy(const Action& action) {
  Result<std::string> where = proposal_for(action.copy);
  if (!where.ok()) return fail(where.error());
  report_.policy_proposed = *where;
  if (report_.last) {
    report_.last->waiting = Waiting::kPerson;
    report_.last->reason = fmt::format("{} stays closed: there is no masking policy; one is proposed at {}",
                                       action.copy, *where);
  }
  return false;
}

Result<model::OwnedCopy> Pass::claim(const model::CopyId& id) {
  YTB_ASSIGN(std::vector<Copy> copies, drivers_.host->list());
  const Copy* copy = find(copies, id);
  if (copy == nullptr) {
    return Error{.code = Code::kBusy,
                 .message = fmt::format("{} has gone meanwhile", id),
                 .hint = "someone else is at work on the same production; it is looked at again",
                 .retry = Retry::kLater};
  }
  YTB_ASSIGN(refresh::Settings settings, parts_.make_settings(target_.setup, *target_.production, ""));
  return model::OwnedCopy::claim(*copy, target_.production->name, settings.desired.protected_names);
}

double Pass::measured_rate(const std::vector<Copy>& copies) {
  // Of the newest copy that was masked through and through: the same place and the same kind of data.
  const Copy* newest = nullptr;
  for (const Copy& copy : copies) {
    bool masked = copy.phase == Phase::kLive || copy.phase == Phase::kDraining || copy.phase == Phase::kSpare;
    if (masked && copy.production == target_.production->name &&
        (newest == nullptr || copy.data_as_of > newest->data_as_of)) {
      newest = &copy;
    }
  }
  if (newest == nullptr) return 0;
  Result<model::Evidence> evidence = drivers_.host->load_evidence(newest->id);
  if (!evidence.ok()) return 0;
  uint64_t bytes = 0;
  double seconds = 0;
  for (const model::TableEvidence& table : evidence->tables) {
    bytes += table.bytes_read;
    seconds += table.seconds;
  }
  return bytes < kMeasuredBytesMin || seconds <= 0 ? 0 : static_cast<double>(bytes) / seconds;
}

Result<Work> Pass::work_of(const Action& action, const PassLimits& limits) {
  Work work;
  work.what = action.kind == ActionKind::kProve ? "proving" : "masking";
  work.time_left = std::max(limits.stop_at - parts_.clock.now(), Duration{});
  work.time_full = limits.time_full;
  work.spool_free_bytes = parts_.spool_free_bytes();
  work.worker_configured = worker_ != nullptr;
  // What masking remembers is in its process alone: where something is remembered, the proof comes with it.
  const bool in_one_go = remembers();
  work.between_tables = action.kind != ActionKind::kProve && !in_one_go;
  work.spools = action.kind != ActionKind::kProve;
  if (in_one_go) work.what = "masking and searching";
  YTB_ASSIGN(std::vector<Copy> copies, drivers_.host->list());
  work.rate_bytes_s = measured_rate(copies);
  if (action.kind == ActionKind::kRestore) {
    work.time_left = work.time_full;
    work.tables = sizes_before(copies);
    if (in_one_go) work.kept_bytes = masking::spool_bytes_for(bytes_of(work.tables));
    return work;
  }
  bool whole = action.kind == ActionKind::kProve;
  if (policy_ == nullptr || !target_.production->masking.none_reason.empty()) return work;
  YTB_ASSIGN(model::OwnedCopy owned, claim(action.copy));
  YTB_ASSIGN(ports::SessionTarget session, drivers_.host->session(owned));
  YTB_ASSIGN(masking::Catalog catalog, drivers_.engine->catalog(session));
  masking::PlanCheck check = masking::plan_masking(*policy_, *lock_, catalog);
  if (!check.ok()) return work;  // the action itself says what is wrong, and that is recorded
  for (const masking::DatabasePlan& database : check.plan->databases) {
    for (const masking::TablePlan& table : database.tables) {
      if (!whole && table.treatment != masking::Treatment::kMask) continue;
      work.tables.push_back({name_of_table(database, table), table.table.size_bytes});
    }
  }
  if (!in_one_go) return work;
  // An attempt before it failed, perhaps because the estimate was too good.
  const Copy* copy = find(copies, action.copy);
  work.worker_first = copy != nullptr && copy->attempt > 1;
  work.kept_bytes = masking::spool_bytes_for(bytes_of(work.tables));
  for (const masking::DatabasePlan& database : check.plan->databases) {
    for (const masking::TablePlan& table : database.tables) work.read_bytes += table.table.size_bytes;
  }
  return work;
}

bool Pass::remembers() const { return policy_ != nullptr && policy_->survivors.searches(); }

// Of the copy before it: production itself is not asked, and grows by little from day to day.
std::vector<TableSize> Pass::sizes_before(const std::vector<Copy>& copies) {
  std::vector<TableSize> tables;
  for (const Copy& copy : copies) {
    if (copy.phase != Phase::kLive || copy.production != target_.production->name) continue;
    Result<model::Evidence> evidence = drivers_.host->load_evidence(copy.id);
    if (!evidence.ok()) continue;
    for (const model::TableEvidence& table : evidence->tables) {
      if (table.treatment != "masked") continue;
      tables.push_back(
          {fmt::format("{} {}.{}", table.database, table.schema, table.table), table.bytes_read});
    }
  }
  return tables;
}

// Whether nobody can still be proving a copy that was masked, but us: an invocation that must have ended
// knows nothing of its originals any more. (A worker that runs was seen before.)
Result<bool> Pass::is_ours_to_prove(const Action& action) {
  const bool masked_here = std::any_of(report_.done.begin(), report_.done.end(), [&](const Action& done) {
    return done.kind == ActionKind::kMask && done.copy == action.copy;
  });
  if (masked_here) return true;
  YTB_ASSIGN(std::vector<Copy> copies, drivers_.host->list());
  const Copy* copy = find(copies, action.copy);
  return copy == nullptr || copy->phase_since + kInvocationMax <= parts_.clock.now();
}

bool Pass::place(const Action& action, const PassLimits& limits) {
  if (worker_ != nullptr && action.kind != ActionKind::kRestore) {
    // One that was called for is not competed with.
    Result<std::optional<ports::WorkerState>> found = worker_->find(action.copy);
    if (!found.ok()) return fail(found.error());
    if (*found && (*found)->phase != ports::WorkerState::Phase::kStopped) {
      report_.worker = (*found)->detail;
      if (report_.last)
        report_.last->reason = fmt::format("a worker is at {}: {}", action.copy, report_.worker);
      return false;
    }
  }
  // Proven now, or never: a later invocation knows nothing of what this one has masked. What somebody else
  // has masked is left to him as long as he may be at it; then the copy is begun again.
  if (action.kind == ActionKind::kProve && remembers()) {
    Result<bool> ours = is_ours_to_prove(action);
    if (!ours.ok()) return fail(ours.error());
    if (*ours) {
      placed_ = action.id();
    } else if (report_.last) {
      report_.last->reason =
          fmt::format("whoever masked {} proves it, as he knows what to search for", action.copy);
    }
    return *ours;
  }
  if (action.kind == ActionKind::kMask && remembers() && limits.actions_max < 2) {
    if (report_.last)
      report_.last->reason = "masking and proving are one piece of work, and this is for one action";
    return false;
  }
  Result<Work> work = work_of(action, limits);
  if (!work.ok()) return fail(work.error());
  Handover handover = place_work(*work);
  report_.handover = handover;
  switch (handover.place) {
    case Place::kHere:
      placed_ = action.id();
      return true;
    case Place::kWorker:
      if (action.kind == ActionKind::kRestore) {
        placed_ = action.id();
        return true;
      }
      return call_worker(action);
    case Place::kNext:
      if (report_.last) report_.last->reason = handover.reason;
      return false;
    case Place::kRefused:
      return fail({.code = Code::kRefused,
                   .message = fmt::format("{} is not begun: {}", action.id(), handover.reason),
                   .hint = handover.hint,
                   .retry = Retry::kLater});
  }
  return false;
}

bool Pass::call_worker(const Action& action) {
  ports::WorkerRequest request{
      .copy = action.copy, .production = target_.production->name, .environment = {}};
  const std::string& config =
      target_.config_text.empty() ? target_.setup.beside_program : target_.config_text;
  if (!config.empty()) request.environment["YTB_ORIGINAL_CONFIG"] = config;
  Result<std::optional<ports::WorkerState>> before = worker_->find(action.copy);
  if (!before.ok()) return fail(before.error());
  Result<ports::WorkerState> started = worker_->start(request, *before ? (*before)->id : std::string());
  if (!started.ok()) return fail(started.error());
  report_.worker = started->detail;
  if (*before) {
    report_.notes.push_back(fmt::format("the worker before it ended: {}", (*before)->detail));
  }
  if (report_.last) report_.last->reason = fmt::format("{}; {}", report_.handover->reason, report_.worker);
  return false;
}

std::optional<PassReport> Pass::glance(model::Observed& observed) {
  Result<refresh::Settings> settings = parts_.make_settings(target_.setup, *target_.production, "");
  if (!settings.ok()) return std::nullopt;
  observed.copies = drivers_.host->list();
  observed.alias = drivers_.alias->read();
  if (!observed.copies.known() || !observed.alias.known()) return std::nullopt;
  const Error unseen{.code = Code::kBusy, .message = "nobody has looked", .hint = {}, .retry = Retry::kLater};
  observed.snapshots = unseen;
  observed.attempts = unseen;
  // Whether the live copy is out of date changes nothing before a refresh is due, and then all is read.
  decide::Desired& desired = settings->desired;
  for (const Copy& copy : *observed.copies) {
    if (copy.id == observed.alias->target) desired.inputs = copy.inputs;
  }
  desired.refresh_now = false;
  PassReport report;
  report.last = decide::decide(desired, observed, parts_.clock.now());
  const Waiting waiting = report.last->waiting;
  const bool quiet = !report.last->action && (waiting == Waiting::kNothing || waiting == Waiting::kSchedule ||
                                              waiting == Waiting::kDrain);
  if (!quiet) return std::nullopt;
  report.settled = waiting != Waiting::kDrain;
  return report;
}

Result<Decision> Pass::plan(const refresh::RunOptions& options, model::Observed& observed) {
  YTB_ASSIGN(refresh::Refresher refresher, make_refresher());
  observed = refresher.observe();
  Decision decision = refresher.plan(options);
  // Here nothing is held: what would come next is the answer.
  if (held_) decision.action = std::exchange(held_, std::nullopt);
  if (decision.action) decision.waiting = Waiting::kNothing;
  return decision;
}

Status Pass::tear_down(const PassLimits& limits) {
  limits_ = limits;
  Status status = take_turn();
  if (status.ok()) {
    status = remove_all();
  } else if (status.error().code == Code::kBusy) {
    status = Error{.code = Code::kInterrupted,
                   .message = status.error().message,
                   .hint = status.error().hint,
                   .retry = Retry::kLater};
  }
  give_turn_back();
  return status;
}

Status Pass::remove_all() {
  YTB_ASSIGN(refresh::Settings settings, parts_.make_settings(target_.setup, *target_.production, ""));
  YTB_TRY(drivers_.alias->remove());
  YTB_ASSIGN(std::vector<Copy> copies, drivers_.host->list());
  std::optional<Error> first;
  for (const Copy& copy : copies) {
    YTB_TRY(stop_.check());
    auto claim = [&](const Copy& there) {
      return model::OwnedCopy::claim(there, target_.production->name, settings.desired.protected_names);
    };
    Result<model::OwnedCopy> owned = claim(copy);
    if (!owned.ok()) continue;  // not ours
    Status removed;
    if (copy.phase == Phase::kLive) {
      // Without an alias it is live no more; it is recorded so, as a host never removes a live one.
      removed = drivers_.host->record_phase(*owned, Phase::kDraining, "teardown");
      if (removed.ok()) {
        YTB_ASSIGN(std::vector<Copy> again, drivers_.host->list());
        const Copy* there = find(again, copy.id);
        if (there == nullptr) continue;
        YTB_ASSIGN(owned, claim(*there));
      }
    }
    if (removed.ok()) removed = drivers_.host->remove(*owned, std::nullopt, *log_);
    if (!removed.ok()) {
      log_->note(fmt::format("{} could not be removed: {}", copy.id, removed.error().message));
      if (!first) first = removed.error();
    }
  }
  if (first) return *std::move(first);
  return drivers_.host->remove_leftovers();
}

}  // namespace ytb::lambda
