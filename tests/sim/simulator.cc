#include "sim/simulator.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "decide/backoff.h"
#include "refresh/act.h"

namespace ytb::sim {

using fakes::Crash;
using fakes::FakeCopy;
using fakes::FakeSnapshot;
using fakes::World;
using model::Copy;
using model::Phase;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

constexpr int kStepsMax = 45;  // of the stormy part
constexpr int kTicksOfARunMax = 12;
constexpr int kCalmRunsMax = 40;
constexpr int kCalmChangesMax = 400;  // calls that change something, until the end is reached

class Silent final : public refresh::Listener {
 public:
  explicit Silent(World& world) : world_(world) {}
  void on_event(const refresh::Event& event) override {
    if (!world_.keep_history) return;
    if (event.kind == refresh::Event::Kind::kActionStarted)
      world_.log("begin " + event.action->id() + ": " + event.action->reason);
    if (event.kind == refresh::Event::Kind::kActionFailed)
      world_.log("failed " + event.action->id() + ": " + event.error->message);
    if (event.kind == refresh::Event::Kind::kDecided && !event.decision->action)
      world_.log("nothing: " + event.decision->reason);
  }
  void update(const ports::ProgressUpdate&) override {}
  void note(std::string_view line) override { world_.log(std::string(line)); }

 private:
  World& world_;
};

class Simulation {
 public:
  Simulation(uint64_t seed, const Options& options)
      : options_(options),
        world_(seed),
        ports_(options.ports(world_)),
        journal_(world_),
        notifier_(world_),
        listener_(world_) {
    world_.keep_history = options.keep_history;
    world_.spare_copies = static_cast<int>(world_.below(3));
    world_.masking_none = world_.chance(50);
    world_.drain = minutes(1 + world_.below(30));
    world_.sees_clients = world_.chance(500);
    add_strays();
  }

  Verdict run() {
    if (world_.chance(600)) begin_well();
    set_faults();
    for (int step = 0; step < kStepsMax && world_.violations.empty(); ++step) stormy_step();
    if (world_.violations.empty()) become_calm();
    Verdict verdict;
    verdict.violations = world_.violations;
    verdict.history = std::move(world_.history);
    verdict.reached = std::move(world_.reached);
    verdict.actions = actions_;
    return verdict;
  }

 private:
  // --- what is there ---

  void add_strays() {
    auto add = [&](std::string_view id, bool marked, std::string_view production) {
      FakeCopy copy;
      copy.record.id = model::CopyId(std::string(id));
      copy.record.marked = marked;
      copy.record.production = model::ProductionName(std::string(production));
      copy.record.data_as_of = world_.clock.now();
      copy.record.attempt = 1;
      copy.record.phase = Phase::kFailed;  // so that clearing away would want it
      copy.foreign = true;
      world_.copies[copy.record.id] = copy;
    };
    add("shop-yesterday-20261101-000000-1", false, "shop");       // our name, not our mark
    add("billing-yesterday-20261101-000000-1", true, "billing");  // another production's
    add("precious", true, "shop");                                // our mark, no name of ours
    strays_ = world_.list();
  }

  void set_faults() {
    fakes::Faults& faults = world_.faults;
    auto upto = [&](int max) {
      return world_.chance(500) ? static_cast<int>(world_.below(static_cast<uint64_t>(max))) : 0;
    };
    faults = {.fail = upto(120),
              .never = upto(30),
              .in_doubt = upto(80),
              .lie = upto(50),
              .crash = upto(80),
              .hang = upto(30),
              .stale = upto(300),
              .check = upto(200)};
  }

  void add_snapshot(bool good) {
    FakeSnapshot made;
    Instant as_of = world_.clock.now() - seconds(good ? 1 : world_.below(7200));
    if (!good && !world_.snapshots.empty() && world_.chance(150)) {
      as_of = world_.snapshots.back().seen.data_as_of;  // two of one instant
      ++world_.reached["tie"];
    }
    made.seen.id = model::SnapshotId(fmt::format("base-{}", ++snapshots_made_));
    made.seen.data_as_of = as_of;
    made.seen.state = model::SnapshotState::kUsable;
    made.seen.engine_major = 15;
    if (!good) {
      uint64_t kind = world_.below(10);
      if (kind == 0) made.seen.state = model::SnapshotState::kUnusable;
      if (kind <= 2 && kind > 0) made.seen.state = model::SnapshotState::kInProgress;
      made.torn = kind == 3;
      made.grown = kind == 4 && !world_.masking_none;
    }
    world_.log(fmt::format("snapshot {} of {}", made.seen.id, to_iso(made.seen.data_as_of)));
    world_.snapshots.push_back(std::move(made));
  }

  // A life that begins with staging served and, often, with a spare.
  void begin_well() {
    for (int i = 0; i <= world_.spare_copies && i < 2; ++i) {
      add_snapshot(true);
      world_.clock.advance(hours(25));
      calm_run();
    }
    ++world_.reached["begun_well"];
  }

  // --- one step ---

  void stormy_step() {
    uint64_t die = world_.below(100);
    if (die < 12) {
      add_snapshot(false);
    } else if (die < 16) {
      finish_snapshots();
    } else if (die < 19) {
      drop_snapshot();
    } else if (die < 27) {
      move_clock();
    } else if (die < 31) {
      servers_down();
    } else if (die < 34) {
      meddle();
    } else if (die < 37) {
      change_policy();
    } else {
      some_run();
    }
    check_world();
  }

  void finish_snapshots() {
    for (FakeSnapshot& snapshot : world_.snapshots) {
      if (snapshot.seen.state == model::SnapshotState::kInProgress)
        snapshot.seen.state = model::SnapshotState::kUsable;
    }
  }

  void drop_snapshot() {
    if (world_.snapshots.empty()) return;
    ++world_.reached["snapshot_gone"];
    world_.snapshots.erase(world_.snapshots.begin() +
                           static_cast<ptrdiff_t>(world_.below(world_.snapshots.size())));
  }

  void move_clock() {
    if (world_.chance(250)) {
      ++world_.reached["clock_back"];
      world_.clock.advance(-Duration(minutes(world_.below(600))));
    } else {
      world_.clock.advance(minutes(world_.below(600)));
    }
  }

  void servers_down() {  // a reboot
    ++world_.reached["reboot"];
    for (auto& [id, copy] : world_.copies) copy.record.running = false;
    world_.copies_may_be_stale = false;  // we are down, too: what comes up looks afresh
    world_.log("a reboot");
  }

  void change_policy() {
    if (world_.masking_none) return;
    ++world_.reached["policy"];
    world_.policy_version = static_cast<int>(world_.below(3));
  }

  // A person with root's power and no patience.
  void meddle() {
    std::vector<model::CopyId> ours;
    for (const Copy& copy : world_.list()) {
      if (world_.is_ours(copy)) ours.push_back(copy.id);
    }
    if (ours.empty()) return;
    ++world_.reached["meddled"];
    model::CopyId victim = ours[world_.below(ours.size())];
    if (world_.chance(500)) {
      world_.log(fmt::format("a person removes {}", victim));
      world_.copies.erase(victim);
      if (world_.alias.link == victim) world_.alias.worked = false;
    } else {
      bool serves = decide_can_serve(world_.find(victim)->record);
      world_.log(serves ? fmt::format("a person points the alias at {}", victim)
                        : "a person takes the alias away");
      world_.alias.link = serves ? std::optional(victim) : std::nullopt;
      if (world_.chance(500)) world_.alias.service = world_.alias.link;
      world_.alias.worked = serves;
      world_.alias.reads_since_move = 0;
    }
    // What the person did is no stale news: what they touched is seen as it is.
    world_.copies_may_be_stale = world_.alias_may_be_stale = false;
  }

  static bool decide_can_serve(const Copy& copy) {
    return copy.opened && copy.proven &&
           (copy.phase == Phase::kLive || copy.phase == Phase::kDraining || copy.phase == Phase::kSpare);
  }

  // --- runs ---

  refresh::Ports ports() {
    return {*ports_.source, *ports_.host, *ports_.engine, *ports_.alias, notifier_, journal_, world_.clock};
  }

  refresh::RunOptions wishes() {
    refresh::RunOptions run;
    run.asked_at = world_.clock.now();
    run.refresh_now = world_.chance(300);
    run.force = world_.chance(60);
    if (world_.chance(150)) {
      std::vector<Copy> copies = world_.list();
      run.refresh_now = run.force = false;
      model::CopyId id = copies[world_.below(copies.size())].id;
      (world_.chance(600) ? run.rollback_to : run.delete_copy) = id;
      ++world_.reached[run.rollback_to ? "rollback" : "delete"];
    }
    return run;
  }

  // Ticks of one process. Now and then another one gets a whole turn in between what this one decides and
  // does.
  void some_run() {
    refresh::RunOptions run = wishes();
    bool nested = world_.chance(150);
    refresh::DecideFunction decide = options_.decide;
    if (nested) {
      decide = [this](const decide::Desired& desired, const model::Observed& observed, Instant now) {
        decide::Decision decision = options_.decide(desired, observed, now);
        if (decision.action && world_.chance(400)) {
          ++world_.reached["two_at_once"];
          refresh::RunOptions other = wishes();
          one_tick(other, options_.decide);
          // Without a lock and with old news at once, nothing could be promised: the second look is a fresh
          // one.
          world_.copies_may_be_stale = world_.alias_may_be_stale = false;
        }
        return decision;
      };
    }
    uint64_t ticks = 1 + world_.below(kTicksOfARunMax);
    try {
      refresh::Refresher refresher(ports(), world_.settings(), world_.inputs(), listener_, stop_, decide);
      for (uint64_t i = 0; i < ticks && world_.violations.empty(); ++i) {
        model::Observed before = world_.truth();
        Instant began = world_.clock.now();
        std::optional<model::Action> action = tick(refresher, run, decide);
        if (action && !nested) check_one_step(before, *action, began, run);
        check_world();
        if (!action) break;
        if (world_.chance(200)) world_.clock.advance(seconds(world_.below(900)));
      }
    } catch (const Crash&) {
      world_.log("the process died");
    }
  }

  void one_tick(const refresh::RunOptions& run, const refresh::DecideFunction& decide) {
    refresh::Refresher refresher(ports(), world_.settings(), world_.inputs(), listener_, stop_, decide);
    tick(refresher, run, decide);
  }

  std::optional<model::Action> tick(refresh::Refresher& refresher, const refresh::RunOptions& run,
                                    const refresh::DecideFunction& decide) {
    if (!options_.guarded) return unguarded_tick(refresher, run, decide);
    Result<decide::Decision> decision = refresher.tick(run);
    if (!decision.ok()) {
      world_.violate("guard", decision.error().message);
      return std::nullopt;
    }
    if (decision->action) ++actions_;
    return decision->action;
  }

  // The refresher's turn without its guard.
  std::optional<model::Action> unguarded_tick(refresh::Refresher& refresher, const refresh::RunOptions& run,
                                              const refresh::DecideFunction& decide) {
    refresh::Settings settings = world_.settings();
    refresh::Inputs inputs = world_.inputs();
    model::Observed observed = refresher.observe();
    decide::Desired desired = settings.desired;
    desired.asked_at = *run.asked_at;
    desired.refresh_now = run.refresh_now;
    desired.force = run.force;
    desired.rollback_to = run.rollback_to;
    desired.delete_copy = run.delete_copy;
    decide::Decision decision = decide(desired, observed, world_.clock.now());
    if (!decision.action) return std::nullopt;
    ++actions_;
    if (!observed.copies.known()) observed.copies = world_.list();
    refresh::Ports its_ports = ports();
    world_.log("begin " + decision.action->id() + ": " + decision.action->reason);
    std::unique_ptr<refresh::OriginalsOfCopy> originals;
    Status status = refresh::Actor(its_ports, settings, inputs, originals, listener_, stop_)
                        .act(*decision.action, observed);
    if (!status.ok()) world_.log("failed: " + status.error().message);
    FakeCopy* copy = world_.find(decision.action->copy);
    if (!status.ok() && copy != nullptr && status.error().retry == Retry::kLater) {
      ++copy->record.tries;
      copy->record.last_try = world_.clock.now();
    } else if (!status.ok() && copy != nullptr && status.error().retry == Retry::kNever &&
               model::may_follow(copy->record.phase, Phase::kFailed)) {
      copy->record.phase = Phase::kFailed;
      copy->record.failure_retry = Retry::kLater;
    }
    return decision.action;
  }

  // --- checks ---

  void add(const std::vector<decide::Violation>& found, std::string_view when) {
    for (const decide::Violation& violation : found)
      world_.violate(name_of(violation.invariant), fmt::format("{} ({})", violation.detail, when));
  }

  void check_world() {
    model::Observed truth = world_.truth();
    decide::Desired desired = world_.desired();
    // What a person did by hand is theirs until the alias has been put right again.
    if (world_.alias.worked || !world_.alias.link)
      add(decide::check_state(desired, truth, world_.alias.worked), "state");
    for (const Copy& stray : strays_) {
      FakeCopy* there = world_.find(stray.id);
      if (there == nullptr || there->record.phase != stray.phase || there->record.tries != stray.tries) {
        world_.violate("hands_off", fmt::format("{} is not ours and was changed", stray.id));
      }
    }
  }

  void check_one_step(const model::Observed& before, const model::Action& action, Instant began,
                      const refresh::RunOptions& run) {
    add(decide::check_step(before, action, world_.truth()), "step");
    check_memory(before, action);
    check_patience(before, action, began, run);
  }

  // Nothing is tried again before its back-off is over, but once by a person's run what failed before it was
  // asked for. Where looks may be old, a try may not have been seen.
  void check_patience(const model::Observed& before, const model::Action& action, Instant began,
                      const refresh::RunOptions& run) {
    if (world_.faults.stale > 0 || action.kind == model::ActionKind::kFail) return;  // giving up is no try
    for (const Copy& was : *before.copies) {
      const bool asked = (run.refresh_now || run.force) && was.last_try < *run.asked_at;
      if (was.id == action.copy && !asked && decide::retry_at(was.tries, was.last_try, began)) {
        world_.violate("patience", fmt::format("{} before its back-off is over", action.id()));
      }
    }
  }

  // A failed copy that is gone has left its tombstone.
  void check_memory(const model::Observed& before, const model::Action& action) {
    if (action.kind != model::ActionKind::kDelete || world_.find(action.copy) != nullptr) return;
    for (const Copy& was : *before.copies) {
      if (was.id != action.copy || was.phase != Phase::kFailed) continue;
      bool remembered =
          std::any_of(world_.attempts.begin(), world_.attempts.end(), [&](const model::Attempt& attempt) {
            return attempt.snapshot == was.snapshot && attempt.attempt == was.attempt;
          });
      if (!remembered) world_.violate("patience", fmt::format("{} failed, is gone and forgotten", was.id));
    }
  }

  // --- and in the end ---

  void become_calm() {
    world_.faults = {};
    world_.log("all is calm");
    if (world_.policy_version == 0 && world_.chance(500) && !world_.masking_none) world_.policy_version = 1;
    // Whatever was written by a clock that ran ahead is past by now.
    world_.clock.advance(hours(24 * 7));
    add_snapshot(true);
    Instant newest = world_.snapshots.back().seen.data_as_of;
    world_.clock.advance(hours(25));  // the schedule has passed since
    world_.changes = 0;
    for (int i = 0; i < kCalmRunsMax && world_.violations.empty(); ++i) {
      calm_run();
      check_world();
      if (world_.violations.empty() && problems(newest).empty()) break;
      world_.clock.advance(minutes(30));
    }
    if (!world_.violations.empty()) return;
    for (const std::string& problem : problems(newest)) world_.violate("it_ends", problem);
    if (world_.changes > kCalmChangesMax)
      world_.violate("it_ends", fmt::format("it took {} changes", world_.changes));
  }

  void calm_run() {
    if (options_.guarded) {
      refresh::Refresher refresher(ports(), world_.settings(), world_.inputs(), listener_, stop_,
                                   options_.decide);
      Result<refresh::RunResult> result =
          refresher.run({.refresh_now = false, .wait_drain = true, .ticks_max = 300});
      if (result.ok()) {
        actions_ += static_cast<int>(result->actions_done.size());
        return;
      }
      if (result.error().code == Code::kInternal) {
        bool endless = result.error().message.find("the end was not reached") != std::string::npos;
        world_.violate(endless ? "it_ends" : "guard", result.error().message);
      }
      world_.log("the run ended with: " + result.error().message);
      return;
    }
    refresh::RunOptions run;
    run.refresh_now = false;
    run.asked_at = world_.clock.now();
    refresh::Refresher refresher(ports(), world_.settings(), world_.inputs(), listener_, stop_,
                                 options_.decide);
    for (int i = 0; i < 40 && world_.violations.empty(); ++i) {
      model::Observed before = world_.truth();
      Instant began = world_.clock.now();
      std::optional<model::Action> action = tick(refresher, run, options_.decide);
      if (action) check_one_step(before, *action, began, run);
      check_world();
      if (!action) world_.clock.advance(minutes(10));
    }
  }

  // What keeps the world from being as it should be.
  std::vector<std::string> problems(Instant newest) {
    std::vector<std::string> found;
    const FakeCopy* live = world_.alias.link ? world_.find(*world_.alias.link) : nullptr;
    if (live == nullptr || live->record.phase != Phase::kLive) {
      found.emplace_back("nothing is live");
    } else {
      if (live->record.data_as_of != newest)
        found.push_back(fmt::format("{} is live, not the newest snapshot", live->record.id));
      if (live->record.inputs != world_.inputs_digest())
        found.emplace_back("what is live was made with an old policy");
      if (!live->record.running) found.emplace_back("what is live does not run");
    }
    if (world_.alias.link != world_.alias.service) found.emplace_back("the parts of the alias disagree");
    int spares = 0;
    for (const Copy& copy : world_.list()) {
      if (!world_.is_ours(copy) || (live != nullptr && copy.id == live->record.id)) continue;
      if (copy.phase != Phase::kSpare || ++spares > world_.spare_copies) {
        found.push_back(fmt::format("{} is left, {}", copy.id, name_of(copy.phase)));
      }
    }
    return found;
  }

  Options options_;
  World world_;
  PortSet ports_;
  fakes::FakeJournal journal_;
  fakes::FakeNotifier notifier_;
  Silent listener_;
  StopFlag stop_;
  std::vector<Copy> strays_;
  int snapshots_made_ = 0;
  int actions_ = 0;
};

}  // namespace

PortSet sound_ports(World& world) {
  return {std::make_unique<fakes::FakeSource>(world), std::make_unique<fakes::FakeHost>(world),
          std::make_unique<fakes::FakeEngine>(world), std::make_unique<fakes::FakeAliasStore>(world)};
}

Verdict simulate(uint64_t seed, const Options& options) { return Simulation(seed, options).run(); }

std::string replay_command(uint64_t seed) {
  return fmt::format("YTB_SIM_SEED={} build/dev/tests/sim/sim_test --gtest_filter=Simulator.Seeds", seed);
}

}  // namespace ytb::sim
