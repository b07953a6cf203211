// The refresher's run() over a calm world: what it does in which order, how it ends, with which error.
#include "refresh/refresher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "fakes/ports.h"
#include "fakes/world.h"

namespace ytb::refresh {
namespace {

using fakes::World;
using model::Phase;
using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::HasSubstr;

class Quiet final : public Listener {
 public:
  void on_event(const Event& event) override { kinds.push_back(event.kind); }
  void update(const ports::ProgressUpdate&) override {}
  void note(std::string_view) override {}
  std::vector<Event::Kind> kinds;
};

class RefresherTest : public testing::Test {
 protected:
  RefresherTest() { world_.keep_history = true; }

  model::SnapshotId add_snapshot() {
    fakes::FakeSnapshot made;
    made.seen.id = model::SnapshotId("base-" + std::to_string(world_.snapshots.size() + 1));
    made.seen.data_as_of = world_.clock.now() - std::chrono::seconds(1);
    made.seen.state = model::SnapshotState::kUsable;
    world_.snapshots.push_back(made);
    return made.seen.id;
  }

  Result<RunResult> run(const RunOptions& options = {}) {
    Refresher refresher(ports(), world_.settings(), world_.inputs(), listener_, stop_);
    return refresher.run(options);
  }

  Ports ports() { return {source_, *host_, *engine_, *alias_, notifier_, journal_, world_.clock}; }

  // Refreshes and lets a day pass.
  model::CopyId refreshed() {
    add_snapshot();
    Result<RunResult> result = run();
    EXPECT_TRUE(result.ok()) << result.error().message;
    world_.clock.advance(hours(24));
    return result->live->id;
  }

  World world_{1};
  fakes::FakeSource source_{world_};
  std::unique_ptr<fakes::FakeHost> host_ = std::make_unique<fakes::FakeHost>(world_);
  std::unique_ptr<fakes::FakeEngine> engine_ = std::make_unique<fakes::FakeEngine>(world_);
  std::unique_ptr<fakes::FakeAliasStore> alias_ = std::make_unique<fakes::FakeAliasStore>(world_);
  fakes::FakeJournal journal_{world_};
  fakes::FakeNotifier notifier_{world_};
  Quiet listener_;
  StopFlag stop_;
};

TEST_F(RefresherTest, GoesFromNothingToLive) {
  add_snapshot();
  Result<RunResult> result = run();
  ASSERT_TRUE(result.ok()) << result.error().message;
  std::string id = result->live->id.str();
  EXPECT_THAT(result->actions_done, ElementsAre("restore:" + id, "defuse:" + id, "mask:" + id, "prove:" + id,
                                                "open:" + id, "repoint:" + id, "promote:" + id));
  EXPECT_EQ(world_.alias.link, result->live->id);
  EXPECT_EQ(result->phase_times.size(), result->actions_done.size());
  EXPECT_TRUE(world_.violations.empty());
  EXPECT_FALSE(journal_.proofs[result->live->id].empty());
  ASSERT_EQ(notifier_.told.size(), 1U);
  EXPECT_EQ(notifier_.told[0].event, "live");
}

TEST_F(RefresherTest, TheProofHoldsWhatWasChecked) {
  model::CopyId id = refreshed();
  model::Proof proof = model::verify_seal(world_.find(id)->proof, world_.public_key).value();
  EXPECT_TRUE(proof.passing());
  EXPECT_EQ(proof.copy, id);
  EXPECT_EQ(proof.instance, world_.find(id)->instance);
  EXPECT_EQ(proof.key_id, world_.inputs().key->id());
  EXPECT_FALSE(proof.policy_digest.empty());
  std::vector<std::string> names;
  for (const model::Check& check : proof.checks) names.push_back(check.name);
  EXPECT_THAT(names, ElementsAre("columns_judged", "evidence_complete", "values_changed", "nothing_armed",
                                 "residue", "roles_shut", "no_original_survives"));
  EXPECT_EQ(proof.checks.back().outcome, model::Outcome::kNotCheckable);  // the policy does not ask for it
}

TEST_F(RefresherTest, WithoutMaskingTheProofSaysSo) {
  world_.masking_none = true;
  model::CopyId id = refreshed();
  model::Proof proof = model::verify_seal(world_.find(id)->proof, world_.public_key).value();
  EXPECT_EQ(proof.masking_none, "nothing personal in it");
  EXPECT_EQ(proof.checks[0].outcome, model::Outcome::kNotCheckable);
  EXPECT_THAT(proof.checks[0].detail, HasSubstr("nothing personal in it"));
  EXPECT_TRUE(world_.find(id)->masked_with.empty());
}

TEST_F(RefresherTest, NoNewSnapshotIsNothingToDoUnlessForced) {
  model::CopyId first = refreshed();
  Result<RunResult> again = run();
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->actions_done.empty());
  EXPECT_THAT(again->last.reason, HasSubstr("no new snapshot since"));
  Result<RunResult> forced = run({.force = true});
  ASSERT_TRUE(forced.ok()) << forced.error().message;
  EXPECT_EQ(forced->live->snapshot, world_.find(first)->record.snapshot);
  EXPECT_EQ(forced->live->attempt, 2);
}

TEST_F(RefresherTest, OnlyIfDueWaitsForTheSchedule) {
  refreshed();
  world_.clock.set(from_iso("2026-11-05T07:00:00Z").value());
  ASSERT_TRUE(run({.refresh_now = false, .wait_drain = true}).ok());
  model::CopyId live = *world_.alias.link;
  add_snapshot();  // of 07:00: newer, and live is of before 06:00
  Result<RunResult> due = run({.refresh_now = false, .wait_drain = true});
  ASSERT_TRUE(due.ok());
  EXPECT_NE(world_.alias.link, live);
  live = *world_.alias.link;
  world_.clock.advance(hours(2));
  add_snapshot();
  Result<RunResult> early = run({.refresh_now = false, .wait_drain = true});
  ASSERT_TRUE(early.ok());
  EXPECT_EQ(world_.alias.link, live);
  EXPECT_EQ(early->last.waiting, decide::Waiting::kSchedule);
  EXPECT_THAT(early->last.reason, HasSubstr("due at 2026-11-06T06:00:00Z"));
}

TEST_F(RefresherTest, AnUnjudgedColumnStopsWithItsOwnCodeAndStagingStillServes) {
  model::CopyId served = refreshed();
  add_snapshot();
  world_.snapshots.back().grown = true;
  Result<RunResult> result = run({.wait_drain = true});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Code::kPolicy);
  EXPECT_THAT(result.error().message, HasSubstr("nickname"));
  EXPECT_EQ(world_.alias.link, served);
  EXPECT_EQ(world_.copies.size(), 1U) << "the copy that failed is gone";
  EXPECT_EQ(notifier_.told.back().event, "failed");
  // The schedule does not try it again, a person's word does, and with the right policy it passes.
  size_t attempts = world_.attempts.size();
  world_.clock.advance(hours(24));
  EXPECT_EQ(run({.refresh_now = false}).error().code, Code::kPolicy);
  EXPECT_EQ(world_.attempts.size(), attempts);
  EXPECT_EQ(run().error().code, Code::kPolicy);
  EXPECT_EQ(world_.attempts.size(), attempts + 1);
  world_.policy_version = 1;
  EXPECT_TRUE(run({.refresh_now = false}).ok());
  EXPECT_NE(world_.alias.link, served);
}

TEST_F(RefresherTest, AFailedCheckKeepsTheDoorShut) {
  add_snapshot();
  world_.faults.check = 1000;
  Result<RunResult> result = run();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Code::kProof);
  EXPECT_THAT(result.error().message, HasSubstr("residue failed"));
  EXPECT_EQ(world_.alias.link, std::nullopt);
  EXPECT_TRUE(world_.copies.empty());
  EXPECT_EQ(journal_.proofs.size(), 1U) << "the proof that failed can still be read";
}

TEST_F(RefresherTest, NoUsableSnapshotHasItsOwnCode) {
  EXPECT_EQ(run().error().code, Code::kNoSnapshot);
  add_snapshot();
  world_.snapshots.back().seen.state = model::SnapshotState::kUnusable;
  world_.snapshots.back().seen.reason = "torn";
  EXPECT_EQ(run().error().code, Code::kNoSnapshot);
}

TEST_F(RefresherTest, ATornSnapshotIsPassedOverForAnOlderOne) {
  add_snapshot();
  world_.clock.advance(hours(1));
  add_snapshot();
  world_.snapshots.back().torn = true;
  Result<RunResult> result = run();
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->live->snapshot.str(), "base-1");
}

TEST_F(RefresherTest, WithoutRoomItSaysWhatIsInTheWay) {
  refreshed();
  add_snapshot();
  ASSERT_TRUE(run().ok());  // the first one drains now
  world_.clock.advance(minutes(1));
  add_snapshot();
  Result<RunResult> result = run();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Code::kBusy);
  EXPECT_THAT(result.error().hint, HasSubstr("drain"));
  EXPECT_TRUE(run({.wait_drain = true}).ok());
}

TEST_F(RefresherTest, ARollbackIsNotUndoneByTheSchedule) {
  world_.spare_copies = 1;
  model::CopyId first = refreshed();
  add_snapshot();
  ASSERT_TRUE(run({.wait_drain = true}).ok());
  model::CopyId second = *world_.alias.link;
  Result<RunResult> back = run({.refresh_now = false, .rollback_to = first});
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(world_.alias.link, first);
  EXPECT_EQ(world_.find(first)->record.phase, Phase::kLive);
  EXPECT_EQ(world_.find(second)->record.phase, Phase::kDraining);
  ASSERT_EQ(world_.attempts.size(), 1U);
  EXPECT_EQ(world_.attempts[0].outcome, model::AttemptOutcome::kRolledBack);
  world_.clock.advance(hours(48));
  Result<RunResult> later = run({.refresh_now = false});
  ASSERT_TRUE(later.ok());
  EXPECT_EQ(world_.alias.link, first);
  EXPECT_THAT(later->last.reason, HasSubstr("rolled back"));
  add_snapshot();
  ASSERT_TRUE(run({.refresh_now = false}).ok());
  EXPECT_EQ(world_.find(*world_.alias.link)->record.snapshot.str(), "base-3");
}

TEST_F(RefresherTest, WhatMayNotBeRolledBackToOrDeletedIsRefused) {
  model::CopyId live = refreshed();
  EXPECT_EQ(run({.refresh_now = false, .delete_copy = live}).error().code, Code::kRefused);
  EXPECT_EQ(run({.refresh_now = false, .rollback_to = model::CopyId("nothing")}).error().code,
            Code::kRefused);
  EXPECT_TRUE(run({.refresh_now = false, .rollback_to = live}).ok());  // it is there already
  EXPECT_TRUE(run({.refresh_now = false, .delete_copy = model::CopyId("nothing")}).ok());
  EXPECT_EQ(world_.alias.link, live);
}

TEST_F(RefresherTest, AStopIsNoFailure) {
  add_snapshot();
  stop_.request();
  Result<RunResult> result = run();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Code::kInterrupted);
  EXPECT_TRUE(world_.attempts.empty());
  EXPECT_TRUE(notifier_.told.empty());
}

// Its warm-up is stopped the first time it is asked.
class SlowToWarm final : public fakes::FakeEngine {
 public:
  SlowToWarm(World& world, StopFlag& stop) : FakeEngine(world), stop_(stop) {}
  Result<std::vector<std::string>> warm_up(const ports::SessionTarget& target,
                                           const ports::WarmUpRequest& request, ports::Progress& progress,
                                           const StopFlag& stop) override {
    longest = request.longest;
    if (++calls > 1) return FakeEngine::warm_up(target, request, progress, stop);
    stop_.request();
    return stop_.check().error();
  }
  int calls = 0;
  Duration longest{};

 private:
  StopFlag& stop_;
};

TEST_F(RefresherTest, AWarmUpIsGoneOnWithAndMayBeSkipped) {
  auto engine = std::make_unique<SlowToWarm>(world_, stop_);
  SlowToWarm& slow = *engine;
  engine_ = std::move(engine);
  add_snapshot();
  auto run_with = [&](bool warm_up, const StopFlag& stop) {
    Inputs inputs = world_.inputs();
    inputs.warm_up = warm_up;
    return Refresher(ports(), world_.settings(), std::move(inputs), listener_, stop).run({});
  };
  Result<RunResult> stopped = run_with(true, stop_);
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, Code::kInterrupted);
  EXPECT_EQ(slow.longest, hours(2)) << "a refresh is not held up for ever";
  ASSERT_EQ(world_.copies.size(), 1U);
  const fakes::FakeCopy& copy = world_.copies.begin()->second;
  EXPECT_EQ(copy.record.phase, Phase::kDefused) << "it is not masked and warm yet";
  EXPECT_EQ(copy.record.tries, 0) << "a stop is no failure";

  StopFlag go;
  Result<RunResult> done = run_with(true, go);
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(slow.calls, 2);
  const std::vector<std::string>& notes = world_.find(done->live->id)->evidence.notes;
  EXPECT_THAT(notes, testing::Contains("warm-up: 1 GB was read"));

  world_.clock.advance(hours(24));
  add_snapshot();
  ASSERT_TRUE(run_with(false, go).ok());
  EXPECT_EQ(slow.calls, 2) << "it is not asked for";
}

// Its defuse fails a given number of times.
class FailingEngine final : public fakes::FakeEngine {
 public:
  FailingEngine(World& world, int failures, Error error)
      : FakeEngine(world), left_(failures), error_(std::move(error)) {}
  Result<model::Evidence> defuse(const ports::SessionTarget& target,
                                 const std::vector<model::AccessRole>& access) override {
    if (left_ > 0) {
      --left_;
      return error_;
    }
    return FakeEngine::defuse(target, access);
  }

 private:
  int left_;
  Error error_;
};

TEST_F(RefresherTest, WaitsOutABackOffAndGoesOn) {
  engine_ = std::make_unique<FailingEngine>(
      world_, 3,
      Error{.code = Code::kConnection, .message = "no answer", .hint = {}, .retry = Retry::kLater});
  add_snapshot();
  Instant begun = world_.clock.now();
  Result<RunResult> result = run();
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->live->attempt, 1);
  EXPECT_GE(world_.clock.now() - begun, std::chrono::seconds(10 + 40 + 160));
  EXPECT_TRUE(std::count(listener_.kinds.begin(), listener_.kinds.end(), Event::Kind::kWaiting) >= 3);
}

TEST_F(RefresherTest, TriesAndAttemptsAreBounded) {
  engine_ = std::make_unique<FailingEngine>(
      world_, 1000000,
      Error{.code = Code::kConnection, .message = "no answer", .hint = {}, .retry = Retry::kLater});
  add_snapshot();
  Result<RunResult> result = run();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Code::kConnection);
  EXPECT_EQ(world_.attempts.size(), 5U);
  EXPECT_TRUE(world_.copies.empty());
}

// What could not be done for want of room is done by the next run, in the same copy, once there is some.
TEST_F(RefresherTest, WhatHadNoRoomIsTriedAgainByTheNextRun) {
  engine_ = std::make_unique<FailingEngine>(
      world_, 1, Error{.code = Code::kSpace, .message = "full", .hint = "make room", .retry = Retry::kNever});
  add_snapshot();
  Result<RunResult> result = run();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().hint, "make room");
  ASSERT_EQ(world_.copies.size(), 1U);
  const model::CopyId waiting = world_.copies.begin()->first;
  result = run();
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->live->id, waiting);
  EXPECT_TRUE(world_.attempts.empty());
}

// Whose attempts cannot be read.
class UnreadHost final : public fakes::FakeHost {
 public:
  UnreadHost(fakes::World& world, Retry retry) : FakeHost(world), retry_(retry) {}
  Result<std::vector<model::Attempt>> attempts() override {
    return Error{.code = Code::kCorrupt, .message = "damaged", .hint = "move it away", .retry = retry_};
  }

 private:
  Retry retry_;
};

TEST_F(RefresherTest, WhatWaitingCannotHealIsSaidAtOnce) {
  add_snapshot();
  for (Retry retry : {Retry::kNever, Retry::kLater}) {
    host_ = std::make_unique<UnreadHost>(world_, retry);
    const Instant begun = world_.clock.now();
    Result<RunResult> result = run();
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().hint, "move it away");
    EXPECT_EQ(world_.clock.now() > begun, retry == Retry::kLater) << "looked at again for a while";
  }
}

Error denied_as(Retry retry) {
  return {.code = Code::kExternal, .message = "denied", .hint = "allow it", .retry = retry};
}

// A right is missing at the name, before it moves or after.
class DeniedAlias final : public fakes::FakeAliasStore {
 public:
  using FakeAliasStore::FakeAliasStore;
  Status repoint(const model::PassedProof& proof, const model::Copy& copy) override {
    if (moves) YTB_TRY(FakeAliasStore::repoint(proof, copy));
    if (denied) return denied_as(retry);
    return FakeAliasStore::repoint(proof, copy);
  }
  bool moves = false;
  bool denied = true;
  Retry retry = Retry::kNever;
};

// Or at the note that it has moved.
class DeniedHost final : public fakes::FakeHost {
 public:
  using FakeHost::FakeHost;
  Status record_phase(const model::OwnedCopy& copy, Phase phase, std::string_view reason) override {
    if (phase == Phase::kLive && denied) return denied_as(Retry::kNever);
    return FakeHost::record_phase(copy, phase, reason);
  }
  bool denied = true;
};

TEST_F(RefresherTest, ARightThatIsMissingAtTheNameCostsNoCopy) {
  for (bool moves : {false, true}) {
    auto alias = std::make_unique<DeniedAlias>(world_);
    DeniedAlias& name = *alias;
    alias_ = std::move(alias);
    name.moves = moves;
    add_snapshot();
    listener_.kinds.clear();
    Result<RunResult> result = run({.wait_drain = true});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().message, "denied");
    EXPECT_EQ(std::count(listener_.kinds.begin(), listener_.kinds.end(), Event::Kind::kWaiting), 0)
        << "a person is told at once";
    const model::CopyId waiting = world_.copies.rbegin()->first;
    for (int again = 0; again < 8 && !moves; ++again) {  // more than the tries that a copy has on its way
      world_.clock.advance(hours(1));
      EXPECT_EQ(run({.refresh_now = false}).error().message, "denied") << again;
    }
    name.retry = Retry::kLater;
    if (!moves) {
      EXPECT_EQ(run({.refresh_now = false}).error().message, "denied") << "a run ends";
    }
    EXPECT_EQ(world_.find(waiting)->record.phase, Phase::kProven);
    name.denied = false;
    result = run({.refresh_now = false, .wait_drain = true});
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(result->live->id, waiting) << "nothing was restored again";
    EXPECT_TRUE(world_.attempts.empty());
    world_.clock.advance(hours(24));
  }
}

TEST_F(RefresherTest, WhatServesIsNotGivenUpForItsRecord) {
  auto host = std::make_unique<DeniedHost>(world_);
  DeniedHost& records = *host;
  host_ = std::move(host);
  const model::SnapshotId snapshot = add_snapshot();
  for (int again = 0; again < 8; ++again) {  // more than the tries that a copy has on its way
    Result<RunResult> result = run();
    ASSERT_FALSE(result.ok()) << again;
    EXPECT_EQ(result.error().message, "denied") << again;
    world_.clock.advance(hours(1));
  }
  ASSERT_EQ(world_.copies.size(), 1U);
  EXPECT_EQ(world_.alias.link, world_.copies.begin()->first);
  records.denied = false;
  Result<RunResult> result = run();
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->live->snapshot, snapshot);
  EXPECT_EQ(result->live->attempt, 1);
  EXPECT_TRUE(world_.violations.empty());
}

TEST_F(RefresherTest, InDoubtNothingIsRecordedAndItIsLookedAtAgain) {
  engine_ = std::make_unique<FailingEngine>(
      world_, 2,
      Error{.code = Code::kConnection, .message = "answer lost", .hint = {}, .retry = Retry::kInDoubt});
  add_snapshot();
  Result<RunResult> result = run();
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_TRUE(world_.attempts.empty());
  engine_ = std::make_unique<FailingEngine>(
      world_, 1000000,
      Error{.code = Code::kConnection, .message = "answer lost", .hint = {}, .retry = Retry::kInDoubt});
  world_.clock.advance(hours(24));
  add_snapshot();
  EXPECT_EQ(run({.wait_drain = true}).error().message, "answer lost") << "and not for ever";
}

// Its first looks fail.
class FailingSource final : public fakes::FakeSource {
 public:
  FailingSource(World& world, int times, Error error)
      : FakeSource(world), times_(times), error_(std::move(error)) {}
  Result<std::vector<model::Snapshot>> list() override {
    if (looks++ < times_) return error_;
    return FakeSource::list();
  }
  int looks = 0;

 private:
  int times_;
  Error error_;
};

TEST_F(RefresherTest, WhatCannotBeSeenForAMomentIsLookedAtAgain) {
  add_snapshot();
  // As a backup folder on NFS answers EIO, ESTALE or ETIMEDOUT: nobody said whether to try again.
  FailingSource flaky(world_, 5, {.code = Code::kExternal, .message = "input/output error", .hint = {}});
  Ports flaky_ports{flaky, *host_, *engine_, *alias_, notifier_, journal_, world_.clock};
  Refresher patient(flaky_ports, world_.settings(), world_.inputs(), listener_, stop_);
  Result<RunResult> result = patient.run({});
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->live->phase, Phase::kLive);

  FailingSource damaged(world_, 1000, {.code = Code::kCorrupt, .message = "it is cut off", .hint = {}});
  Ports damaged_ports{damaged, *host_, *engine_, *alias_, notifier_, journal_, world_.clock};
  Refresher prompt(damaged_ports, world_.settings(), world_.inputs(), listener_, stop_);
  EXPECT_EQ(prompt.run({}).error().message, "it is cut off");
  EXPECT_EQ(damaged.looks, 1);
}

TEST_F(RefresherTest, PlanChangesNothing) {
  add_snapshot();
  Refresher refresher(ports(), world_.settings(), world_.inputs(), listener_, stop_);
  decide::Decision decision = refresher.plan({});
  ASSERT_TRUE(decision.action.has_value());
  EXPECT_EQ(decision.action->kind, model::ActionKind::kRestore);
  EXPECT_EQ(world_.changes, 0);
  EXPECT_TRUE(world_.copies.empty());
}

TEST_F(RefresherTest, AnActionThatWouldBreakAPromiseIsNotCarriedOut) {
  model::CopyId live = refreshed();
  Refresher refresher(ports(), world_.settings(), world_.inputs(), listener_, stop_,
                      [&](const decide::Desired&, const model::Observed&, Instant) {
                        decide::Decision decision;
                        decision.action = model::Action{};
                        decision.action->kind = model::ActionKind::kDelete;
                        decision.action->copy = live;
                        return decision;
                      });
  Result<decide::Decision> tick = refresher.tick({});
  ASSERT_FALSE(tick.ok());
  EXPECT_EQ(tick.error().code, Code::kInternal);
  EXPECT_THAT(tick.error().message, HasSubstr("no_gap: delete:" + live.str() + ": it is live"));
  EXPECT_NE(world_.find(live), nullptr);
}

}  // namespace
}  // namespace ytb::refresh
