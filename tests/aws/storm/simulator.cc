#include "aws/storm/simulator.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace ytb::storm {

using fakes::Crash;
using fakes::aws::Fault;
using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

constexpr int kStepsMax = 12;  // of the stormy part
constexpr int kTicksOfARunMax = 9;
constexpr int kCalmRunsMax = 14;
constexpr int kCalmTicksMax = 60;  // where each run asks for one step and leaves
constexpr int kTicksMax = 150;
constexpr Duration kClientPatience = seconds(60);
constexpr Fault::Kind kKinds[] = {
    Fault::Kind::kThrottle,     Fault::Kind::kInternalError, Fault::Kind::kDropBefore,
    Fault::Kind::kDropAfter,    Fault::Kind::kHang,          Fault::Kind::kTruncatedBody,
    Fault::Kind::kMalformed,    Fault::Kind::kWrongRoot,     Fault::Kind::kExpiredToken,
    Fault::Kind::kAccessDenied, Fault::Kind::kTimeSkewed};

class Diary final : public refresh::Listener {
 public:
  explicit Diary(StormWorld& world) : world_(world) {}
  void on_event(const refresh::Event& event) override {
    using Kind = refresh::Event::Kind;
    if ((event.kind == Kind::kActionDone || event.kind == Kind::kActionFailed) && on_done) on_done();
    if (!world_.mind.keep_history) return;
    if (event.kind == Kind::kActionStarted) log("begin " + event.action->id() + ": " + event.action->reason);
    if (event.kind == Kind::kActionFailed) log("failed " + event.action->id() + ": " + event.error->message);
    if (event.kind == Kind::kDecided && !event.decision->action) log("nothing: " + event.decision->reason);
  }
  void update(const ports::ProgressUpdate&) override {}
  void note(std::string_view line) override { log(std::string(line)); }
  std::function<void()> on_done;
  void log(std::string line) {
    // Another one in each life.
    const std::string port = ":" + std::to_string(world_.cloud.port());
    for (size_t at = line.find(port); at != std::string::npos; at = line.find(port))
      line.erase(at, port.size());
    world_.mind.clock.set(world_.cloud.now());
    world_.mind.log(std::move(line));
  }

 private:
  StormWorld& world_;
};

// Some seeds read late, others have two of us at once; both together, without a lock, is promised to nobody.
fakes::aws::Settings settings_of(uint64_t seed) {
  fakes::aws::Settings settings = storm_settings();
  settings.stale_reads = seed % 3 == 0 ? 1 + static_cast<int>(seed / 3 % 2) : 0;
  settings.delays.dns = seconds(5 + seed * 37 % 200);
  settings.delays.instance_create = seconds(seed * 11 % 90);
  return settings;
}

class Simulation {
 public:
  Simulation(uint64_t seed, const Options& options)
      : options_(options), world_(seed, settings_of(seed)), direct_(world_.cloud), diary_(world_) {
    fakes::World& mind = world_.mind;
    mind.keep_history = options.keep_history;
    mind.spare_copies = static_cast<int>(mind.below(2));
    mind.masking_none = mind.chance(50);
    mind.drain = minutes(mind.chance(400) ? 1 : 1 + mind.below(30));
    diary_.on_done = [this] { check(); };
    two_at_once_ = seed % 3 == 1;
    if (seed % 2 == 1 && !options.patient) world_.patience = ports::Patience::kLeave;
    tries_ = mind.chance(500) ? 1 : 3;  // once: a fault reaches who must cope with it
  }

  Verdict run() {
    if (dice().chance(600)) begin_well();
    set_faults();
    for (int step = 0; step < kStepsMax && fine(); ++step) {
      stormy_step();
      check();
    }
    if (fine()) become_calm();
    return {.violations = world_.mind.violations,
            .history = std::move(world_.mind.history),
            .reached = std::move(world_.mind.reached),
            .actions = actions_};
  }

 private:
  fakes::World& dice() { return world_.mind; }
  [[nodiscard]] bool fine() const { return world_.mind.violations.empty(); }
  void reach(const std::string& what) { ++world_.mind.reached[what]; }
  // A third where two of us found room at the same moment.
  void check() { world_.check(2 + world_.mind.spare_copies + (two_at_once_ ? 1 : 0)); }

  // --- what comes about ---

  std::string add_snapshot(const std::string& status) {
    const Instant as_of = world_.cloud.now() - seconds(1 + dice().below(600));
    std::string id = fmt::format("rds:shop-{}", ++snapshots_made_);
    diary_.log(fmt::format("snapshot {} of {}, {}", id, to_iso(as_of), status));
    world_.add_snapshot(id, as_of, status);
    return id;
  }

  void set_faults() {
    auto upto = [&](uint64_t max) { return dice().chance(600) ? static_cast<int>(dice().below(max)) : 0; };
    fault_ = upto(60);
    crash_ = upto(20);
    stop_ = upto(10);
    dice().faults = {.fail = upto(60), .in_doubt = upto(40), .crash = upto(60), .check = upto(100)};
  }

  void begin_well() {
    for (int i = 0; i <= world_.mind.spare_copies; ++i) {
      add_snapshot("available");
      world_.cloud.advance(hours(25));
      calm_run();
    }
    reach("begun_well");
  }

  void stormy_step() {
    const uint64_t die = dice().below(100);
    if (die < 16) {
      world_.cloud.advance(minutes(dice().below(2000)));
      if (dice().chance(250)) {
        unfinished_.push_back(add_snapshot("creating"));
        reach("creating");
      } else {
        add_snapshot("available");
      }
    } else if (die < 20) {
      for (const std::string& id : unfinished_) world_.add_snapshot(id, world_.snapshots[id]);
      unfinished_.clear();
    } else if (die < 24) {
      drop_snapshot();
    } else if (die < 30) {
      world_.cloud.advance(minutes(dice().below(600)));
    } else if (die < 35) {
      reach("clock");
      world_.our_skew = minutes(dice().below(1200)) - minutes(600);
      diary_.log(fmt::format("our clock is {} min ahead", world_.our_skew / minutes(1)));
    } else if (die < 41) {
      write_a_tag();
    } else {
      some_run();
    }
  }

  void drop_snapshot() {
    if (world_.snapshots.empty()) return;
    auto victim = world_.snapshots.begin();
    std::advance(victim, static_cast<std::ptrdiff_t>(dice().below(world_.snapshots.size())));
    reach("snapshot_gone");
    diary_.log("the snapshot is gone: " + victim->first);
    std::erase(unfinished_, victim->first);
    world_.cloud.unseed_snapshot(victim->first);
  }

  // Somebody who may write tags says that a closed copy is proven.
  void write_a_tag() {
    for (const std::string& name : world_.our_copies()) {
      const json there = world_.instance(name);
      if (there.is_null()) continue;
      for (const json& tag : there["TagList"]) {
        const std::string value = tag["Value"];
        const bool closed = value == "restored" || value == "defused" || value == "masked";
        if (tag["Key"] != "yesterdaytabase:phase" || !closed) continue;
        reach("tag_written");
        diary_.log("somebody writes that " + name + " is proven");
        world_.write_tag(name, "yesterdaytabase:phase", "proven");
      }
    }
  }

  // --- processes ---

  std::unique_ptr<Process> start() {
    auto process = std::make_unique<Process>(world_, direct_, aws::CallerOptions{.attempts_max = tries_});
    if (options_.spoil) options_.spoil(*process, world_);
    return process;
  }

  // What goes wrong with one call of a process; the mistakes of a test come after it.
  Status strike(Process& process, const std::string& operation, bool may_nest) {
    if (dice().chance(crash_)) {
      reach("crash");
      diary_.log("the process dies before " + operation);
      throw Crash{};
    }
    if (dice().chance(stop_)) {
      reach("stop");
      process.stop.request();
    }
    if (dice().chance(6)) write_a_tag();
    if (operation == "CreateStack" && !name_taken_ && dice().chance(350)) take_the_name(process);
    if (may_nest && !nested_ && two_at_once_ && dice().chance(25)) {
      nested_ = true;
      reach("two_at_once");
      diary_.log("another of us, before " + operation);
      one_turn();
      diary_.log("and back to the first");
    }
    if (!dice().chance(fault_)) return {};
    const size_t kind = dice().below(std::size(kKinds));
    reach(fmt::format("fault_{}", kind));
    diary_.log(fmt::format("fault {} at {}", kind, operation));
    if (kKinds[kind] == Fault::Kind::kHang) {
      hung_ = true;  // it is done, and nobody waits for the answer
      return {};
    }
    world_.cloud.fail("*", 1, {.kind = kKinds[kind]});
    return {};
  }

  // Between our look and our call somebody makes a stack of the very name.
  void take_the_name(Process&) {
    if (next_name_.empty()) return;
    name_taken_ = true;
    reach("name_taken");
    diary_.log("somebody takes the name " + next_name_);
    world_.add_foreign_stack(next_name_);
  }

  void add_faults(Process& process, bool may_nest) {
    auto before = std::move(process.wire.before);
    auto after = std::move(process.wire.after);
    process.wire.before = [this, &process, may_nest, before](http::Request& request,
                                                             const std::string& operation) -> Status {
      if (operation == "CreateStack") {
        const size_t at = request.body.find("&StackName=") + 11;
        next_name_ = request.body.substr(at, request.body.find('&', at) - at);
      }
      YTB_TRY(strike(process, operation, may_nest));
      return before ? before(request, operation) : Status();
    };
    process.wire.after = [this, after](http::Response& response, const std::string& operation) -> Status {
      if (after) YTB_TRY(after(response, operation));
      if (dice().chance(crash_)) {
        reach("crash");
        diary_.log("the process dies after " + operation);
        throw Crash{};
      }
      if (!std::exchange(hung_, false)) return {};
      world_.cloud.advance(kClientPatience);
      return Error{.code = Code::kConnection,
                   .message = operation + ": no answer came in time",
                   .hint = {},
                   .retry = Retry::kInDoubt};
    };
  }

  refresh::RunOptions wishes() {
    refresh::RunOptions run;
    run.asked_at = world_.cloud.now() + world_.our_skew;
    run.refresh_now = dice().chance(300);
    run.force = dice().chance(60);
    const std::vector<std::string> copies = world_.our_copies();
    if (!copies.empty() && dice().chance(120)) {
      run.refresh_now = run.force = false;
      model::CopyId id(copies[dice().below(copies.size())]);
      (dice().chance(500) ? run.rollback_to : run.delete_copy) = id;
      reach(run.rollback_to ? "rollback" : "delete");
    }
    return run;
  }

  bool turn(Process& process, const refresh::RunOptions& run) {
    refresh::Refresher refresher(process.ports(), world_.settings(), world_.mind.inputs(), diary_,
                                 process.stop);
    Result<decide::Decision> decision = refresher.tick(run);
    if (!decision.ok()) {
      dice().violate("guard", decision.error().message);
      return false;
    }
    if (decision->action) ++actions_;
    return decision->action.has_value();
  }

  void one_turn() {
    std::unique_ptr<Process> other = start();
    add_faults(*other, false);
    try {
      turn(*other, wishes());
    } catch (const Crash&) {
      diary_.log("it died");
    }
    hung_ = false;
  }

  void some_run() {
    std::unique_ptr<Process> process = start();
    add_faults(*process, true);
    const refresh::RunOptions run = wishes();
    const uint64_t ticks = 1 + dice().below(kTicksOfARunMax);
    try {
      for (uint64_t i = 0; i < ticks && fine() && !process->stop.requested(); ++i) {
        nested_ = false;
        const bool acted = turn(*process, run);
        check();
        if (!acted) break;
        if (dice().chance(200)) world_.cloud.advance(seconds(dice().below(900)));
      }
    } catch (const Crash&) {
      diary_.log("the process died");
    }
    hung_ = false;
  }

  // --- and in the end ---

  void become_calm() {
    fault_ = crash_ = stop_ = 0;
    two_at_once_ =
        two_at_once_ && world_.our_copies().size() > size_t{2} + static_cast<size_t>(dice().spare_copies);
    dice().faults = {};
    world_.our_skew = {};
    diary_.log("all is calm");
    // Whatever was written by a clock that ran ahead is past by now.
    world_.cloud.advance(hours(24 * 3));
    const std::string newest = add_snapshot("available");
    world_.cloud.advance(hours(25));
    const bool leaves = world_.patience == ports::Patience::kLeave;
    for (int i = 0; i < (leaves ? kCalmTicksMax : kCalmRunsMax) && fine(); ++i) {
      calm_run();
      check();
      if (!fine() || world_.problems(newest, dice().spare_copies).empty()) return;
      world_.cloud.advance(minutes(30));
    }
    if (!fine()) return;
    for (const std::string& problem : world_.problems(newest, dice().spare_copies))
      dice().violate("it_ends", problem);
  }

  void calm_run() {
    std::unique_ptr<Process> process = start();
    refresh::Refresher refresher(process->ports(), world_.settings(), world_.mind.inputs(), diary_,
                                 process->stop);
    Result<refresh::RunResult> result =
        refresher.run({.refresh_now = false, .wait_drain = true, .ticks_max = kTicksMax});
    if (result.ok()) {
      actions_ += static_cast<int>(result->actions_done.size());
      return;
    }
    if (result.error().code == Code::kInternal) dice().violate("guard", result.error().message);
    diary_.log("the run ended with: " + result.error().message);
  }

  const Options& options_;
  StormWorld world_;
  Direct direct_;
  Diary diary_;
  int fault_ = 0, crash_ = 0, stop_ = 0;  // of a thousand calls
  int tries_ = 3;                         // of a client, at one call
  bool two_at_once_ = false, nested_ = false, hung_ = false, name_taken_ = false;
  std::string next_name_;
  std::vector<std::string> unfinished_;
  int snapshots_made_ = 0;
  int actions_ = 0;
};

}  // namespace

Verdict simulate(uint64_t seed, const Options& options) { return Simulation(seed, options).run(); }

std::string replay_command(uint64_t seed) {
  return fmt::format("YTB_STORM_SEED={} build/dev/tests/aws/aws_storm_test --gtest_filter=Storm.Seeds", seed);
}

}  // namespace ytb::storm
