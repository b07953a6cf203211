// For tests of functions: a handler over the fakes of every port, with marks and a worker in memory.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/json.h"
#include "fakes/ports.h"
#include "fakes/world.h"
#include "lambda/deadline.h"
#include "lambda/handler.h"
#include "lambda/work.h"
#include "ports/patience.h"

namespace ytb::lambda::testing_support {

// The world's clock, as threads other than the world's may read it.
class SharedClock final : public Clock {
 public:
  explicit SharedClock(fakes::World& world) : world_(world) { publish(); }
  [[nodiscard]] Instant now() const override {
    if (std::this_thread::get_id() == owner_.load()) {
      publish();
    } else {
      ++others_looks_;  // before it looks: whoever saw the count has it seen what was published before that
    }
    return Instant(Duration(now_.load()));
  }
  void sleep(Duration duration) override {
    world_.clock.advance(duration);
    publish();
  }
  // Returns once another thread has looked at the time as it is now, or does not need to.
  void let_others_look(const StopFlag& stop) {
    publish();
    int before = others_looks_.load();
    while (others_looks_.load() == before && !stop.requested()) std::this_thread::yield();
  }
  // The calling thread is the one that the world is changed by from now on.
  void adopt() { owner_.store(std::this_thread::get_id()); }

 private:
  void publish() const { now_.store(world_.clock.now().time_since_epoch().count()); }
  fakes::World& world_;
  mutable std::atomic<Duration::rep> now_{0};
  mutable std::atomic<int> others_looks_{0};
  std::atomic<std::thread::id> owner_{std::this_thread::get_id()};
};

// A host whose restores can be made to outlast the invocation, and that may have left something beside.
class SlowHost final : public fakes::FakeHost {
 public:
  SlowHost(fakes::World& world, int& slow_restores, int* leftovers = nullptr)
      : FakeHost(world), slow_(slow_restores), leftovers_(leftovers) {}
  Status restore(const ports::RestoreRequest& request, ports::Progress& progress,
                 const StopFlag& stop) override {
    if (fails) return *fails;
    if (slow_ <= 0) return FakeHost::restore(request, progress, stop);
    --slow_;
    if (world_.find(request.copy) == nullptr) {
      fakes::FakeCopy made;
      made.record.id = request.copy;
      made.record.production = request.production;
      made.record.marked = true;
      made.record.snapshot = request.snapshot.id;
      made.record.data_as_of = request.snapshot.data_as_of;
      made.record.attempt = request.attempt;
      made.record.phase_since = world_.clock.now();
      made.instance = "instance-slow";
      world_.copies[request.copy] = std::move(made);
    }
    while (!stop.requested()) {
      world_.clock.advance(std::chrono::seconds(10));
      on_wait(stop);
    }
    return stop.check();
  }
  // What is remembered lies in a real folder.
  Result<std::string> spool_directory(const model::OwnedCopy& copy) override {
    YTB_ASSIGN(std::string nowhere, FakeHost::spool_directory(copy));
    (void)nowhere;
    return ::testing::TempDir();
  }
  Result<bool> has_leftovers() override { return leftovers_ != nullptr && *leftovers_ > 0; }
  Status remove_leftovers() override {
    if (leftovers_ == nullptr || *leftovers_ == 0 || --*leftovers_ == 0) return {};
    return ports::left_under_way("a snapshot's copy");
  }
  std::function<void(const StopFlag&)> on_wait;
  std::optional<Error> fails;

 private:
  int& slow_;
  int* leftovers_;
};

// An alias that a person may take away.
class RemovableAlias final : public fakes::FakeAliasStore {
 public:
  using FakeAliasStore::FakeAliasStore;
  Status remove() override {
    world_.remember();
    world_.alias = {};
    return {};
  }
};

// Tables as large as the test says.
class SizedEngine final : public fakes::FakeEngine {
 public:
  SizedEngine(fakes::World& world, const std::map<std::string, uint64_t>& sizes)
      : FakeEngine(world), sizes_(sizes) {}
  Result<masking::Catalog> catalog(const ports::SessionTarget& target) override {
    YTB_ASSIGN(masking::Catalog catalog, FakeEngine::catalog(target));
    for (masking::Table& table : catalog.databases.front().tables) {
      auto size = sizes_.find(table.name.name);
      if (size != sizes_.end()) table.size_bytes = size->second;
    }
    return catalog;
  }

 private:
  const std::map<std::string, uint64_t>& sizes_;
};

class MemoryMarks final : public DueMarks {
 public:
  Status mark(const DueMark& mark) override {
    if (broken)
      return Error{.code = Code::kConnection, .message = "no S3 today", .hint = "", .retry = Retry::kLater};
    // As they are stored.
    Result<DueMark> read_back = due_mark_from_json(to_json(mark));
    EXPECT_TRUE(read_back.ok());
    marks[mark.production] = *read_back;
    return {};
  }
  Result<std::vector<DueMark>> read() override {
    std::vector<DueMark> all;
    for (const auto& [name, mark] : marks) all.push_back(mark);
    return all;
  }
  Status replace(Instant at, const DueMark& mark) override {
    auto found = marks.find(mark.production);
    if (found != marks.end() && found->second.at == at) found->second = mark;
    return {};
  }
  Status clear(const model::ProductionName& production, Instant at) override {
    auto found = marks.find(production);
    if (found != marks.end() && found->second.at == at) marks.erase(found);
    return {};
  }
  std::map<model::ProductionName, DueMark> marks;
  bool broken = false;
};

// As S3Turns keeps them.
class MemoryTurns final : public Turns {
 public:
  Result<Turn> take(const model::ProductionName& production, const std::string& holder, Instant until,
                    Instant now) override {
    if (on_take) std::exchange(on_take, {})();
    auto found = held.find(production);
    if (found == held.end() || found->second.second <= now)
      found = held.insert_or_assign(production, std::pair(holder, until)).first;
    return Turn{.ours = found->second == std::pair(holder, until), .until = found->second.second};
  }
  Status give_back(const model::ProductionName& production, const std::string& holder) override {
    auto found = held.find(production);
    if (found != held.end() && found->second.first == holder) held.erase(found);
    return {};
  }
  std::map<model::ProductionName, std::pair<std::string, Instant>> held;
  std::function<void()> on_take;  // once, before it is decided whose turn it is
};

// A worker that runs when the test says so.
struct WorkerBook {
  std::vector<ports::WorkerRequest> started;
  std::vector<std::string> after;
  std::optional<ports::WorkerState> state;
};
class BookedWorker final : public ports::Worker {
 public:
  explicit BookedWorker(WorkerBook& book) : book_(book) {}
  Result<std::optional<ports::WorkerState>> find(const model::CopyId&) override { return book_.state; }
  Result<ports::WorkerState> start(const ports::WorkerRequest& request, const std::string& after) override {
    book_.started.push_back(request);
    book_.after.push_back(after);
    book_.state = ports::WorkerState{.id = "task-" + std::to_string(book_.started.size()),
                                     .phase = ports::WorkerState::Phase::kStarting,
                                     .detail = "task is PROVISIONING"};
    return *book_.state;
  }

 private:
  WorkerBook& book_;
};

constexpr Duration kInvocation = std::chrono::minutes(15);
constexpr const char* kOriginalEvent =
    R"({"config":{"domain":"mysite.com","db":{"name":"shop","security_group":"sg-staging","subnet_group":"sn"}}})";

// A world, and what a function in it is wired to.
class Site {
 public:
  Site() { world.keep_history = true; }

  model::SnapshotId add_snapshot() {
    fakes::FakeSnapshot made;
    made.seen.id = model::SnapshotId("base-" + std::to_string(world.snapshots.size() + 1));
    made.seen.data_as_of = world.clock.now() - std::chrono::seconds(1);
    made.seen.state = model::SnapshotState::kUsable;
    world.snapshots.push_back(made);
    return made.seen.id;
  }

  [[nodiscard]] Setup setup(bool with_policy) const {
    auto config = std::make_shared<config::Config>();
    config::ProductionConfig production;
    production.name = world.production;
    if (with_policy) production.masking.policy_file = "policy.yaml";
    config->productions.push_back(production);
    return {.config = config, .remarks = {}, .beside_program = config_beside_program};
  }

  Parts parts() {
    return {.own_setup = [this]() -> Result<std::optional<Setup>> {
              if (!has_own_config) return std::optional<Setup>();
              return std::optional(setup(has_policy));
            },
            .setup_of = [this](const OriginalConfig& original) -> Result<Setup> {
              EXPECT_EQ(original.db_name, "shop");
              ++setups_of_events;
              return setup(has_policy);
            },
            .drivers = [this](const StopFlag&) -> refresh::DriverFactory {
              return [this](const config::Config&, const config::ProductionConfig&) { return drivers(); };
            },
            .load_inputs = [this](const Setup&, const config::ProductionConfig&) -> Result<refresh::Inputs> {
              refresh::Inputs inputs = world.inputs();
              if (searches) inputs.policy.survivors.search = masking::SurvivorPolicy::Search::kProse;
              return inputs;
            },
            .make_settings = [this](const Setup&, const config::ProductionConfig&,
                                    std::string digest) -> Result<refresh::Settings> {
              refresh::Settings settings = world.settings();
              settings.desired.inputs = std::move(digest);
              if (!has_schedule) settings.desired.schedule.reset();
              return settings;
            },
            .make_worker = [this](const config::ProductionConfig&,
                                  const StopFlag&) -> Result<std::unique_ptr<ports::Worker>> {
              if (!has_worker) return std::unique_ptr<ports::Worker>();
              return std::unique_ptr<ports::Worker>(std::make_unique<BookedWorker>(worker));
            },
            .marks = marks,
            .turns = turns,
            .find_proposal = [this](const config::ProductionConfig&, const model::CopyId& copy)
                -> Result<std::string> { return proposals.contains(copy) ? where(copy) : std::string(); },
            .keep_proposal = [this](const config::ProductionConfig&, const model::CopyId& copy,
                                    std::string_view yaml) -> Result<std::string> {
              proposals[copy] = yaml;
              ++proposed;
              return where(copy);
            },
            .stack_args = {},
            .read_anew = {},
            .spool_free_bytes = [] { return uint64_t{10} << 30; },
            .clock = clock,
            .log = [this](std::string_view line) { log.emplace_back(line); }};
  }

  Result<refresh::Drivers> drivers() {
    refresh::Drivers made;
    made.source = std::make_unique<fakes::FakeSource>(world);
    auto host = std::make_unique<SlowHost>(world, slow_restores, &leftovers);
    host->fails = restore_fails;
    host->on_wait = [this](const StopFlag& stop) { clock.let_others_look(stop); };
    made.host = std::move(host);
    made.engine = std::make_unique<SizedEngine>(world, sizes);
    made.alias = std::make_unique<RemovableAlias>(world);
    made.notifier = std::make_unique<fakes::FakeNotifier>(world);
    made.journal = std::make_unique<fakes::FakeJournal>(world);
    return made;
  }

  Invocation invocation(std::string event) const {
    return {.request_id = "r",
            .deadline = clock.now() + kInvocation,
            .function_arn = "arn",
            .event = std::move(event)};
  }

  static std::string where(const model::CopyId& copy) { return "s3://bucket/" + copy.str() + ".yaml"; }

  const fakes::FakeCopy* live() const {
    for (const auto& [id, copy] : world.copies) {
      if (copy.record.phase == model::Phase::kLive) return &copy;
    }
    return nullptr;
  }

  fakes::World world{1};
  SharedClock clock{world};
  MemoryMarks marks;
  MemoryTurns turns;
  WorkerBook worker;
  std::map<std::string, uint64_t> sizes;
  std::map<model::CopyId, std::string> proposals;
  std::vector<std::string> log;
  std::string config_beside_program;
  std::optional<Error> restore_fails;
  int slow_restores = 0;
  int leftovers = 0;  // looks until what lies beside no copy is gone
  int proposed = 0;
  int setups_of_events = 0;
  bool has_own_config = true;
  bool has_policy = true;
  bool has_schedule = false;
  bool has_worker = false;
  bool searches = false;  // for originals
};

}  // namespace ytb::lambda::testing_support
