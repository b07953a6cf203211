#include "decide/decide.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "decide/backoff.h"
#include "decide/foresee.h"
#include "decide/invariants.h"

namespace ytb::decide {
namespace {

using model::AliasState;
using model::Attempt;
using model::Copy;
using model::Observed;
using model::Phase;
using model::Snapshot;
using model::SnapshotState;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

Instant at(std::string_view iso) { return from_iso(iso).value(); }
const Instant kNow = at("2026-11-22T09:00:00Z");

Snapshot snapshot(std::string id, std::string_view as_of, SnapshotState state = SnapshotState::kUsable) {
  Snapshot made;
  made.id = model::SnapshotId(std::move(id));
  made.data_as_of = at(as_of);
  made.state = state;
  return made;
}

Copy copy(std::string_view as_of, Phase phase, int attempt = 1) {
  Copy made;
  made.production = model::ProductionName("shop");
  made.marked = true;
  made.data_as_of = at(as_of);
  made.attempt = attempt;
  made.id = copy_id(made.production, made.data_as_of, attempt);
  made.snapshot = model::SnapshotId(std::string(as_of));
  made.phase = phase;
  made.phase_since = kNow - hours(1);
  bool open = phase == Phase::kLive || phase == Phase::kDraining || phase == Phase::kSpare;
  made.opened = open;
  made.proven = open || phase == Phase::kProven;
  made.running = phase != Phase::kRestoring && phase != Phase::kDeleting;
  if (phase != Phase::kRestoring && phase != Phase::kRestored) made.inputs = "inputs";
  return made;
}

struct State {
  std::vector<Snapshot> snapshots;
  std::vector<Copy> copies;
  std::vector<Attempt> attempts;
  AliasState alias;

  [[nodiscard]] Observed observed() const {
    Observed all;
    all.snapshots = snapshots;
    all.copies = copies;
    all.attempts = attempts;
    all.alias = alias;
    return all;
  }
};

constexpr const char* kOld = "2026-11-20T02:00:00Z";
constexpr const char* kYesterday = "2026-11-21T02:00:00Z";
constexpr const char* kToday = "2026-11-22T02:00:00Z";

Desired daily() {
  Desired desired;
  desired.production = model::ProductionName("shop");
  desired.schedule = Schedule::parse("0 6 * * *", "UTC").value();
  desired.inputs = "inputs";
  desired.asked_at = kNow;
  return desired;
}

// Yesterday's copy serves, today's snapshot is there.
State serving() {
  State state;
  state.snapshots = {snapshot(kToday, kToday), snapshot(kYesterday, kYesterday)};
  state.copies = {copy(kYesterday, Phase::kLive)};
  state.alias.target = state.copies[0].id;
  state.alias.seen = true;
  return state;
}

std::string told(const Decision& decision) {
  return decision.action ? decision.action->id() : std::string("nothing: ") + decision.reason;
}
std::string told(const Desired& desired, const State& state) {
  return told(decide(desired, state.observed(), kNow));
}

TEST(Decide, WhatWasMadeWithOtherSettingsIsMadeAnewWhenAsked) {
  State state = serving();
  state.copies = {copy(kToday, Phase::kLive)};
  state.alias.target = state.copies[0].id;
  state.copies[0].inputs = "policy=1 key=1 passwords=1";
  Desired desired = daily();
  desired.inputs = "policy=2 key=1 passwords=2";
  state.copies[0].phase_since = kNow - hours(1);  // 08:00; the schedule says 06:00
  const std::string anew = "restore:shop-yesterday-20261122-020000-2";
  // The schedule alone does nothing before the next refresh is due, and says what differs.
  EXPECT_THAT(told(desired, state), HasSubstr("the policy and access passwords changed"));
  EXPECT_THAT(told(desired, state), HasSubstr("nothing: "));
  state.copies[0].phase_since = kNow - hours(4);
  EXPECT_EQ(told(desired, state), anew) << "due since it became live";
  state.copies[0].phase_since = kNow - hours(1);
  desired.refresh_now = true;
  EXPECT_EQ(told(desired, state), anew);
  const Decision decision = decide(desired, state.observed(), kNow);
  EXPECT_TRUE(check_action(desired, state.observed(), *decision.action, kNow).empty());
  // Back-off and attempts hold as ever.
  Attempt failed;
  failed.snapshot = model::SnapshotId(kToday);
  failed.data_as_of = at(kToday);
  failed.attempt = 2;
  failed.at = kNow + seconds(1);
  failed.retry = Retry::kLater;
  state.attempts = {failed};
  EXPECT_THAT(told(desired, state), HasSubstr("nothing: "));
  state.attempts.clear();

  desired.inputs = state.copies[0].inputs;
  EXPECT_THAT(told(desired, state), HasSubstr("no new snapshot"));
  EXPECT_FALSE(check_action(desired, state.observed(), *decision.action, kNow).empty());
  state.copies[0].proven = false;
  EXPECT_EQ(told(desired, state), anew);
  desired.refresh_now = false;
  EXPECT_THAT(told(desired, state), HasSubstr("does not verify any more"));
}

model::Isolation isolation(model::Isolation::Kind kind, std::string reason = {}) {
  return {.kind = kind, .reason = std::move(reason)};
}

TEST(Decide, AnotherIsolationIsDriftAndACopyInFlightIsBegunAnew) {
  using Kind = model::Isolation::Kind;
  State state = serving();
  state.copies = {copy(kToday, Phase::kLive)};
  state.alias.target = state.copies[0].id;
  Desired desired = daily();
  desired.isolation = isolation(Kind::kSealed);
  const std::string anew = "restore:shop-yesterday-20261122-020000-2";
  for (const auto& [was, drifts] : {std::pair{isolation(Kind::kNone, "synthetic data"), true},
                                    {isolation(Kind::kWeak), true},
                                    {isolation(Kind::kSealed), false}}) {
    state.copies[0].isolation = was;
    desired.refresh_now = false;
    EXPECT_EQ(told(desired, state).find("the isolation changed") != std::string::npos, drifts) << was.name();
    desired.refresh_now = true;
    EXPECT_EQ(told(desired, state) == anew, drifts) << was.name();
  }
  // Another reason is another proof; of a copy that does not know its reason, none can be another.
  desired.isolation = isolation(Kind::kNone, "synthetic data, see ADR 12");
  state.copies[0].isolation = isolation(Kind::kNone, "synthetic data");
  EXPECT_EQ(told(desired, state), anew);
  state.copies[0].isolation = isolation(Kind::kNone);
  EXPECT_THAT(told(desired, state), HasSubstr("no new snapshot"));
  state.copies[0].isolation.reset();
  EXPECT_THAT(told(desired, state), HasSubstr("no new snapshot"));

  state = serving();
  state.copies.push_back(copy(kToday, Phase::kDefused));
  state.copies.back().isolation = isolation(Kind::kSealed);
  const Decision decision = decide(desired, state.observed(), kNow);
  EXPECT_EQ(told(decision), "delete:shop-yesterday-20261122-020000-1");
  EXPECT_THAT(decision.reason, HasSubstr("the isolation changed after it was begun"));
  model::Action mask = *decision.action;
  mask.kind = model::ActionKind::kMask;
  EXPECT_FALSE(check_action(desired, state.observed(), mask, kNow).empty());
  desired.isolation = isolation(Kind::kSealed);
  EXPECT_TRUE(check_action(desired, state.observed(), mask, kNow).empty());
}

TEST(Decide, DriftIsSaidWhateverElseIsUnderWay) {
  State state = serving();
  state.copies = {copy(kToday, Phase::kLive), copy(kYesterday, Phase::kDraining)};
  state.copies[1].phase_since = kNow - seconds(10);
  state.alias.target = state.copies[0].id;
  state.copies[0].inputs = "policy=1 key=1";
  Desired desired = daily();
  desired.inputs = "policy=2 key=1";
  const Decision decision = decide(desired, state.observed(), kNow);
  EXPECT_THAT(decision.reason, HasSubstr("drains until"));
  EXPECT_THAT(decision.drift, HasSubstr("the policy changed"));
  desired.inputs = state.copies[0].inputs;
  EXPECT_EQ(decide(desired, state.observed(), kNow).drift, "");
}

// One could roll back to it: it stays for its drain, clients or not, unless its place is wanted.
TEST(Decide, APreviousCopyWithoutClientsGivesWayOnlyWhereItsPlaceIsWanted) {
  State state = serving();
  state.copies = {copy(kToday, Phase::kLive), copy(kYesterday, Phase::kDraining)};
  state.copies[1].phase_since = kNow - seconds(20);
  state.alias.target = state.copies[0].id;
  state.copies[1].clients = 0;
  EXPECT_THAT(told(daily(), state), HasSubstr("drains until"));

  Desired wanted = daily();
  wanted.refresh_now = wanted.force = true;
  wanted.asked_at = kNow;
  EXPECT_EQ(told(wanted, state), "delete:" + state.copies[1].id.str());
  EXPECT_TRUE(
      check_action(wanted, state.observed(), *decide(wanted, state.observed(), kNow).action, kNow).empty());
  Desired waits = daily();
  waits.end_drains = true;
  EXPECT_EQ(told(waits, state), "delete:" + state.copies[1].id.str());

  // Somebody is connected, or may be: nobody knows, or he has just looked the name up.
  for (const std::optional<int> clients : {std::optional<int>(2), std::optional<int>()}) {
    state.copies[1].clients = clients;
    const Decision decision = decide(wanted, state.observed(), kNow);
    EXPECT_FALSE(decision.action);
    EXPECT_EQ(decision.waiting, Waiting::kDrain);
    ASSERT_TRUE(decision.blocker);
    EXPECT_EQ(decision.blocker->code, Code::kBusy);
  }
  state.copies[1].clients = 0;
  state.copies[1].phase_since = kNow - seconds(2);
  const Decision soon = decide(wanted, state.observed(), kNow);
  EXPECT_FALSE(soon.action);
  EXPECT_EQ(soon.until, kNow + seconds(3)) << "worth waiting for";
  model::Action early;
  early.kind = model::ActionKind::kDelete;
  early.copy = state.copies[1].id;
  EXPECT_FALSE(check_action(wanted, state.observed(), early, kNow).empty());
}

TEST(Decide, WhatCannotBeMaskedIsNotRestored) {
  State state = serving();
  Desired desired = daily();
  desired.cannot_mask =
      Error{.code = Code::kPolicy, .message = "2 columns are undecided\nhere", .hint = "decide"};
  const Decision decision = decide(desired, state.observed(), kNow);
  EXPECT_EQ(told(decision), "nothing: 2 columns are undecided");
  EXPECT_EQ(decision.waiting, Waiting::kPerson);
  ASSERT_TRUE(decision.blocker);
  EXPECT_EQ(decision.blocker->code, Code::kPolicy);
  // All else goes on.
  state.copies[0].running = false;
  EXPECT_EQ(told(desired, state), "start:shop-yesterday-20261121-020000-1");
  state = serving();
  desired.cannot_mask.reset();
  EXPECT_EQ(told(desired, state), "restore:shop-yesterday-20261122-020000-1");
}

TEST(Decide, WhoeverAsksIsNotKeptWaitingForWhatFailedBefore) {
  State state = serving();
  state.copies.push_back(copy(kToday, Phase::kProven));
  Copy& made = state.copies.back();
  made.tries = 3;
  made.last_try = kNow - seconds(5);
  made.failure = "no such library";
  Desired desired = daily();
  EXPECT_THAT(told(desired, state),
              HasSubstr("open:shop-yesterday-20261122-020000-1 failed 3 times, last with: "
                        "no such library; again at 2026-11-22T09:02:35Z"));
  desired.refresh_now = true;
  const Decision decision = decide(desired, state.observed(), kNow);
  EXPECT_EQ(told(decision), "open:shop-yesterday-20261122-020000-1");
  EXPECT_TRUE(check_action(desired, state.observed(), *decision.action, kNow).empty());
  // Once in each run; then the back-off holds.
  made.tries = 1;
  made.last_try = kNow + seconds(1);
  EXPECT_THAT(told(decide(desired, state.observed(), kNow + seconds(2))),
              HasSubstr("failed once, last with"));
}

TEST(Decide, AWholeRefreshStepByStep) {
  State state = serving();
  const std::string id = "shop-yesterday-20261122-020000-1";
  EXPECT_EQ(told(daily(), state), "restore:" + id);
  state.copies.push_back(copy(kToday, Phase::kRestoring));
  EXPECT_EQ(told(daily(), state), "restore:" + id);
  const std::array steps{std::pair(Phase::kRestored, "defuse:"), std::pair(Phase::kDefused, "mask:"),
                         std::pair(Phase::kMasked, "prove:"), std::pair(Phase::kProven, "open:")};
  for (const auto& [phase, action] : steps) {
    state.copies[1] = copy(kToday, phase);
    EXPECT_EQ(told(daily(), state), action + id);
  }
  state.copies[1].opened = true;
  EXPECT_EQ(told(daily(), state), "repoint:" + id);
  state.alias.target = state.copies[1].id;
  EXPECT_EQ(told(daily(), state), "promote:" + id);
  state.copies[1] = copy(kToday, Phase::kLive);
  EXPECT_EQ(told(daily(), state), "demote:shop-yesterday-20261121-020000-1");
  state.copies[0] = copy(kYesterday, Phase::kDraining);
  state.copies[0].phase_since = kNow - minutes(4);
  EXPECT_THAT(told(daily(), state), HasSubstr("drains until 2026-11-22T09:01:00Z"));
  state.copies[0].phase_since = kNow - minutes(5);
  EXPECT_EQ(told(daily(), state), "delete:shop-yesterday-20261121-020000-1");
  Desired with_spare = daily();
  with_spare.spare_copies = 1;
  EXPECT_EQ(told(with_spare, state), "retire:shop-yesterday-20261121-020000-1");
}

TEST(Decide, UnknownPermitsNothingButLookingAgain) {
  Error why{.code = Code::kConnection, .message = "no answer", .hint = {}, .retry = Retry::kLater};
  for (int what = 0; what < 4; ++what) {
    Observed observed = serving().observed();
    if (what == 0) observed.copies = why;
    if (what == 1) observed.alias = why;
    if (what == 2) observed.snapshots = why;
    if (what == 3) observed.attempts = why;
    Decision decision = decide(daily(), observed, kNow);
    EXPECT_FALSE(decision.action.has_value()) << what;
    EXPECT_EQ(decision.waiting, Waiting::kUnknown) << what;
    ASSERT_TRUE(decision.blocker.has_value()) << what;
    EXPECT_EQ(decision.blocker->code, Code::kConnection);
    EXPECT_GT(decision.until.value_or(kNow), kNow);
  }
}

TEST(Decide, DueIsWhenTheScheduleHasPassedSinceTheLiveData) {
  State state = serving();
  auto waiting_at = [&](std::string_view iso) { return decide(daily(), state.observed(), at(iso)); };
  EXPECT_FALSE(waiting_at("2026-11-21T05:59:59Z").action);
  EXPECT_EQ(waiting_at("2026-11-21T05:59:59Z").until, at("2026-11-21T06:00:00Z"));
  EXPECT_EQ(waiting_at("2026-11-21T05:59:59Z").waiting, Waiting::kSchedule);
  EXPECT_TRUE(waiting_at("2026-11-21T06:00:00Z").action);
  state.snapshots.erase(state.snapshots.begin());
  Decision none = waiting_at("2026-11-22T06:00:00Z");
  EXPECT_EQ(none.waiting, Waiting::kSnapshot);
  EXPECT_THAT(none.reason, HasSubstr("no new snapshot since 2026-11-21T02:00:00Z"));
  EXPECT_FALSE(none.blocker);
}

TEST(Decide, NewestUsableSnapshotAndTheOthersAreRemarked) {
  State state = serving();
  state.snapshots = {snapshot("c", "2026-11-22T05:00:00Z", SnapshotState::kInProgress), snapshot("a", kToday),
                     snapshot("b", kToday), snapshot("d", "2026-11-22T04:00:00Z", SnapshotState::kUnusable)};
  state.snapshots[3].reason = "its manifest is missing";
  Decision decision = decide(daily(), state.observed(), kNow);
  ASSERT_TRUE(decision.action && decision.action->snapshot);
  EXPECT_EQ(decision.action->snapshot->id.str(), "b") << "a tie is decided by the name, always the same way";
  EXPECT_THAT(decision.remarks, testing::UnorderedElementsAre("skipped snapshot c: it is still being made",
                                                              "skipped snapshot d: its manifest is missing"));
}

TEST(Decide, NamesCountRecordedAttemptsAndAvoidWhatIsTaken) {
  State state = serving();
  Attempt failed;
  failed.snapshot = state.snapshots[0].id;
  failed.data_as_of = state.snapshots[0].data_as_of;
  failed.attempt = 3;
  failed.at = kNow - hours(5);
  failed.retry = Retry::kLater;
  state.attempts = {failed};
  EXPECT_EQ(told(daily(), state), "restore:shop-yesterday-20261122-020000-4");
  Copy stray = copy(kToday, Phase::kFailed, 4);
  stray.marked = false;
  state.copies.push_back(stray);
  EXPECT_EQ(told(daily(), state), "restore:shop-yesterday-20261122-020000-5");
}

// A deletion that backs off, or that AWS has not ended: two would stand side by side, and be paid for.
TEST(Decide, NoAttemptIsBegunWhileTheOneBeforeItIsClearedAway) {
  for (Phase phase : {Phase::kFailed, Phase::kDeleting}) {
    State state = serving();
    state.copies = {copy(kToday, phase)};
    state.alias = {};
    EXPECT_EQ(told(daily(), state), "delete:shop-yesterday-20261122-020000-1");
    state.copies[0].tries = 3;
    state.copies[0].last_try = kNow - seconds(1);
    Decision decision = decide(daily(), state.observed(), kNow);
    EXPECT_FALSE(decision.action) << decision.reason;
    EXPECT_EQ(decision.waiting, Waiting::kBackoff);
    EXPECT_THAT(decision.reason, HasSubstr("1 copies are there and 1 allowed"));
  }
}

TEST(Decide, WhatFailedForGoodWaitsForAPersonWithItsOwnCode) {
  State state = serving();
  Attempt failed;
  failed.snapshot = state.snapshots[0].id;
  failed.data_as_of = state.snapshots[0].data_as_of;
  failed.attempt = 1;
  failed.at = kNow - hours(5);
  failed.retry = Retry::kNever;
  failed.code = Code::kPolicy;
  failed.inputs = "inputs";
  failed.reason = "nobody has judged users.nickname";
  state.attempts = {failed};
  Decision decision = decide(daily(), state.observed(), kNow);
  EXPECT_EQ(decision.waiting, Waiting::kPerson);
  ASSERT_TRUE(decision.blocker);
  EXPECT_EQ(decision.blocker->code, Code::kPolicy);
  EXPECT_THAT(decision.blocker->message, HasSubstr("nickname"));
  Desired asked = daily();
  asked.refresh_now = true;
  EXPECT_EQ(told(asked, state), "restore:shop-yesterday-20261122-020000-2");
  asked.asked_at = failed.at;  // it failed in this very run
  EXPECT_EQ(decide(asked, state.observed(), kNow).waiting, Waiting::kPerson);
  Desired changed = daily();
  changed.inputs = "another policy";
  EXPECT_EQ(told(changed, state), "restore:shop-yesterday-20261122-020000-2");
}

// `count` snapshots an hour apart, the newest first, each with an attempt that failed for good.
State with_failed(int count, Code code) {
  State state = serving();
  for (int i = 0; i < count; ++i) {
    Snapshot made = snapshot(fmt::format("manual-{:03}", i), kToday);
    made.data_as_of += seconds(count - i);
    Attempt failed;
    failed.snapshot = made.id;
    failed.data_as_of = made.data_as_of;
    failed.attempt = 1;
    failed.at = kNow - minutes(30);
    failed.code = code;
    failed.retry = Retry::kNever;
    failed.reason = "it may not be restored";
    state.snapshots.push_back(std::move(made));
    state.attempts.push_back(std::move(failed));
  }
  return state;
}

TEST(Decide, WhatIsForbiddenIsPassedOverHoweverManyThereAre) {
  const std::string todays = "restore:shop-yesterday-20261122-020000-1";
  for (int count : {1, kCorruptSkipsMax + 1, 10, kForbiddenSkipsMax}) {
    const State state = with_failed(count, Code::kForbidden);
    const Decision decision = decide(daily(), state.observed(), kNow);
    EXPECT_EQ(told(decision), todays) << count;
    EXPECT_THAT(decision.remarks,
                testing::Contains(HasSubstr("passed over snapshot manual-000: attempt 1 at")));
    EXPECT_LE(decision.remarks.size(), 11U);
    if (count == kForbiddenSkipsMax) {
      EXPECT_THAT(decision.remarks, testing::Contains("passed over 80 more snapshots"));
    }
  }
  const Decision too_many =
      decide(daily(), with_failed(kForbiddenSkipsMax + 1, Code::kForbidden).observed(), kNow);
  ASSERT_FALSE(too_many.action);
  ASSERT_TRUE(too_many.blocker);
  EXPECT_EQ(too_many.blocker->code, Code::kForbidden);
  EXPECT_THAT(too_many.blocker->hint, HasSubstr("source.snapshots"));
  // What is damaged keeps its bound, whatever else is passed over.
  State damaged = with_failed(kCorruptSkipsMax, Code::kCorrupt);
  EXPECT_EQ(told(daily(), damaged), todays);
  damaged = with_failed(kCorruptSkipsMax + 1, Code::kCorrupt);
  EXPECT_THAT(told(daily(), damaged), HasSubstr("nothing: "));
  State both = with_failed(10, Code::kForbidden);
  for (int i = 0; i < kCorruptSkipsMax; ++i) both.attempts[static_cast<size_t>(i) * 2].code = Code::kCorrupt;
  EXPECT_EQ(told(daily(), both), todays);
  both.attempts[1].code = Code::kCorrupt;
  EXPECT_THAT(told(daily(), both), HasSubstr("nothing: "));
}

TEST(Decide, WhoAsksTriesOnlyTheNewestOfWhatIsForbidden) {
  State state = with_failed(10, Code::kForbidden);
  const std::string newest = "restore:shop-yesterday-20261122-020010-2";
  const std::string second = "restore:shop-yesterday-20261122-020009-2";
  Desired asked = daily();
  asked.refresh_now = true;
  EXPECT_EQ(told(asked, state), newest);
  state.attempts[0].at = kNow + seconds(1);  // once more, and refused again
  EXPECT_EQ(told(asked, state), "restore:shop-yesterday-20261122-020000-1");
  asked.force = true;
  EXPECT_EQ(told(asked, state), second) << "all of them";
  // Of what is wrong otherwise everything is asked anew, as ever.
  State corrupt = with_failed(3, Code::kCorrupt);
  asked.force = false;
  corrupt.attempts[0].at = kNow + seconds(1);
  EXPECT_EQ(told(asked, corrupt), "restore:shop-yesterday-20261122-020002-2");
}

TEST(Decide, WhatIsNotOursIsRemarkedAndLeftAlone) {
  State state = serving();
  state.snapshots.erase(state.snapshots.begin());
  for (Phase phase : {Phase::kFailed, Phase::kDeleting, Phase::kRestoring, Phase::kSpare}) {
    Copy stray = copy(kOld, phase);
    stray.marked = false;
    state.copies.resize(1);
    state.copies.push_back(stray);
    Decision decision = decide(daily(), state.observed(), kNow);
    EXPECT_FALSE(decision.action) << name_of(phase);
    ASSERT_EQ(decision.remarks.size(), 1U);
    EXPECT_THAT(decision.remarks[0], HasSubstr("does not carry our mark"));
  }
}

TEST(Foresee, WhatFollowsAnOldCopysEndIsToldWithIt) {
  State state = serving();
  state.copies.push_back(copy(kOld, Phase::kDraining));
  state.copies.back().phase_since = kNow - std::chrono::hours(2);
  Desired desired = daily();
  desired.drain = std::chrono::hours(1);
  const auto all = [&] {
    std::vector<std::string> lines;
    for (const Decision& decision : foresee(desired, state.observed(), kNow)) lines.push_back(told(decision));
    return lines;
  };
  EXPECT_THAT(all(), ::testing::ElementsAre("delete:shop-yesterday-20261120-020000-1",
                                            "restore:shop-yesterday-20261122-020000-1"));
  desired.spare_copies = 1;
  EXPECT_THAT(all(), ::testing::ElementsAre("retire:shop-yesterday-20261120-020000-1",
                                            "restore:shop-yesterday-20261122-020000-1"));
  state.snapshots.erase(state.snapshots.begin());
  EXPECT_THAT(all(), ::testing::ElementsAre("retire:shop-yesterday-20261120-020000-1",
                                            ::testing::StartsWith("nothing: no new snapshot")));
  // What is unknown is told as ever.
  Observed unseen = state.observed();
  unseen.copies = Error{.code = Code::kConnection, .message = "no answer", .hint = {}};
  EXPECT_EQ(foresee(desired, unseen, kNow).size(), 1U);
}

TEST(Foresee, AFailedCopyThatGoesCountsAsATry) {
  State state = serving();
  state.copies.push_back(copy(kToday, Phase::kFailed));
  Copy& failed = state.copies.back();
  failed.failure = "no room";
  failed.failure_code = Code::kSpace;
  failed.failure_retry = Retry::kLater;
  Desired desired = daily();
  const auto all = [&] {
    std::vector<std::string> lines;
    for (const Decision& decision : foresee(desired, state.observed(), kNow)) lines.push_back(told(decision));
    return lines;
  };
  EXPECT_THAT(all(), ::testing::ElementsAre("delete:shop-yesterday-20261122-020000-1",
                                            "restore:shop-yesterday-20261122-020000-2"));
  failed.failure_retry = Retry::kNever;
  EXPECT_THAT(all(), ::testing::ElementsAre("delete:shop-yesterday-20261122-020000-1",
                                            ::testing::StartsWith("nothing: attempt 1 at snapshot ")));
  desired.refresh_now = true;  // asked for after it failed
  EXPECT_THAT(all(), ::testing::ElementsAre("delete:shop-yesterday-20261122-020000-1",
                                            "restore:shop-yesterday-20261122-020000-2"));
}

TEST(Decide, AClockThatWasSetBackBeginsTheDrainAnew) {
  State state = serving();
  state.snapshots.erase(state.snapshots.begin());
  state.copies.push_back(copy(kOld, Phase::kDraining));
  state.copies[1].phase_since = kNow + hours(24 * 365);
  EXPECT_EQ(told(daily(), state), "demote:shop-yesterday-20261120-020000-1");
}

TEST(Decide, WithTheLiveCopyGoneASpareServesAtOnce) {
  State state = serving();
  state.copies = {copy(kOld, Phase::kSpare)};
  EXPECT_EQ(told(daily(), state), "repoint:shop-yesterday-20261120-020000-1");
  state.copies[0].running = false;
  EXPECT_EQ(told(daily(), state), "start:shop-yesterday-20261120-020000-1");
}

TEST(Decide, ANameThatTheAliasStillLeadsToIsNotGivenAgain) {
  State state = serving();
  state.copies.clear();
  state.snapshots.erase(state.snapshots.begin());
  ASSERT_EQ(state.alias.target->str(), "shop-yesterday-20261121-020000-1");
  EXPECT_EQ(told(daily(), state), "restore:shop-yesterday-20261121-020000-2");
}

TEST(Backoff, GrowsToAnHourAndIgnoresClocksThatRanAhead) {
  EXPECT_EQ(backoff_after(0), Duration::zero());
  EXPECT_EQ(backoff_after(1), seconds(10));
  EXPECT_EQ(backoff_after(2), seconds(40));
  EXPECT_EQ(backoff_after(5), seconds(2560));
  EXPECT_EQ(backoff_after(6), hours(1));
  EXPECT_EQ(backoff_after(1000000), hours(1));
  EXPECT_EQ(retry_at(0, kNow, kNow), std::nullopt);
  EXPECT_EQ(retry_at(1, kNow, kNow), kNow + seconds(10));
  EXPECT_EQ(retry_at(1, kNow - seconds(10), kNow), std::nullopt);
  EXPECT_EQ(retry_at(1, kNow + hours(2), kNow), std::nullopt);
}

TEST(Backoff, OnlyWhatIsWrongInItselfDoesNotPass) {
  const auto passes = [](Code code, Retry retry = Retry::kNever) {
    return may_pass({.code = code, .message = {}, .hint = {}, .retry = retry});
  };
  for (Code code : {Code::kCorrupt, Code::kForbidden, Code::kConfig, Code::kRefused, Code::kUnsupported}) {
    EXPECT_FALSE(passes(code)) << name_of(code);
    EXPECT_TRUE(passes(code, Retry::kLater)) << name_of(code);
    EXPECT_TRUE(passes(code, Retry::kInDoubt)) << name_of(code);
  }
  for (Code code : {Code::kExternal, Code::kSpace, Code::kConnection, Code::kBusy})
    EXPECT_TRUE(passes(code)) << name_of(code);
}

// All states of one copy beside every fourth or so of a second: all phases, open or not, proven or not,
// running or not, begun with this policy or another, failed before or not; the alias at nothing, at a
// stranger, at either; each wish of a person. Whatever the state: the answer breaks no promise, gives a
// reason, and names a way on.
class Enumeration {
 public:
  void run() {
    for (int first = 0; first < kCopyStates; first += kStride) {
      for (int second = 0; second <= kCopyStates; second += 3 + second % 3) {
        for (int alias = 0; alias < 4; ++alias) {
          for (int seen = 0; seen < 2; ++seen) {
            check_state(first, second, alias, seen != 0);
            if (testing::Test::HasFatalFailure()) return;
          }
        }
      }
    }
  }
#ifdef YTB_SANITIZED
  static constexpr int kStride = 7;  // a sanitizer makes it twenty times as slow
#else
  static constexpr int kStride = 1;
#endif
  int actions = 0;
  int states = 0;

 private:
  static constexpr int kPhases = 10;
  static constexpr int kCopyStates = kPhases * 2 * 2 * 2 * 2 * 2;

  static Copy copy_of(int number, std::string_view as_of) {
    Copy made = copy(as_of, static_cast<Phase>(number % kPhases));
    number /= kPhases;
    made.opened = number % 2 != 0;
    made.proven = number / 2 % 2 != 0;
    made.running = number / 4 % 2 != 0;
    made.inputs = number / 8 % 2 != 0 ? "inputs" : "others";
    made.tries = number / 16 % 2 != 0 ? kTriesMax : 0;
    made.last_try = kNow - minutes(2);
    return made;
  }

  void check_state(int first, int second, int alias, bool seen) {
    State state;
    state.snapshots = {snapshot(kToday, kToday), snapshot(kYesterday, kYesterday)};
    state.copies = {copy_of(first, kYesterday)};
    if (second < kCopyStates) state.copies.push_back(copy_of(second, kToday));
    state.alias.seen = seen;
    state.alias.consistent = !seen || alias != 2;
    if (alias == 1) state.alias.target = model::CopyId("stranger");
    if (alias == 2) state.alias.target = state.copies[0].id;
    if (alias == 3) state.alias.target = state.copies.back().id;
    Observed observed = state.observed();
    for (int wish = 0; wish < 4; ++wish) {
      Desired desired = daily();
      desired.spare_copies = wish == 1 ? 1 : 0;
      if (wish == 1) desired.force = true;
      if (wish == 2) desired.rollback_to = state.copies[0].id;
      if (wish == 3) desired.delete_copy = state.copies[0].id;
      check_decision(desired, observed);
    }
  }

  void check_decision(const Desired& desired, const Observed& observed) {
    ++states;
    Decision decision = decide(desired, observed, kNow);
    ASSERT_FALSE(decision.reason.empty());
    if (decision.action) {
      ++actions;
      std::vector<Violation> violations = check_action(desired, observed, *decision.action, kNow);
      ASSERT_TRUE(violations.empty()) << decision.action->id() << " " << to_string(violations.front());
      ASSERT_FALSE(decision.action->reason.empty());
    } else if (decision.waiting == Waiting::kBackoff || decision.waiting == Waiting::kDrain ||
               decision.waiting == Waiting::kUnknown) {
      ASSERT_TRUE(decision.until.has_value()) << decision.reason;
      ASSERT_GT(*decision.until, kNow) << decision.reason;
    }
  }
};

TEST(Decide, NoStateOfTwoCopiesBreaksAPromise) {
  Enumeration all;
  ASSERT_NO_FATAL_FAILURE(all.run());
  EXPECT_GT(all.states * Enumeration::kStride, 500000);
  EXPECT_GT(all.actions * Enumeration::kStride, 200000);
}

}  // namespace
}  // namespace ytb::decide
