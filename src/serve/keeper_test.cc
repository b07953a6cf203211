#include "serve/keeper.h"

#include <gtest/gtest.h>

#include <deque>

namespace ytb::serve {
namespace {

using decide::Decision;
using decide::Waiting;

Instant at(std::string_view iso) { return from_iso(iso).value(); }

// What happened, and what the workplace shall answer.
struct Script {
  std::deque<Result<Decision>> ticks;  // the last one is repeated
  std::optional<Instant> live;
  std::optional<Error> open_error;
  std::optional<Error> start_error;
  int starts = 0;
  int ticks_taken = 0;
  int open_now = 0;
  std::vector<ports::Notice> told;
};

class FakeWorkplace final : public Workplace {
 public:
  explicit FakeWorkplace(Script& script) : script_(script) {
    EXPECT_EQ(++script_.open_now, 1) << "two at once";
  }
  ~FakeWorkplace() override { --script_.open_now; }
  Status start_copies() override {
    ++script_.starts;
    EXPECT_EQ(script_.ticks_taken, 0) << "copies are started before anything is observed";
    if (script_.start_error) return *script_.start_error;
    return {};
  }
  Result<Decision> tick() override {
    ++script_.ticks_taken;
    Result<Decision> next = script_.ticks.front();
    if (script_.ticks.size() > 1) script_.ticks.pop_front();
    return next;
  }
  Result<std::optional<Instant>> live_data_as_of() override { return script_.live; }
  Status tell(const ports::Notice& notice) override {
    script_.told.push_back(notice);
    return {};
  }

 private:
  Script& script_;
};

class KeeperTest : public testing::Test {
 protected:
  KeeperTest() {
    production_.name = model::ProductionName("shop");
    script_.live = clock_.now();
  }
  static Decision idle(std::string reason, std::optional<Instant> until = std::nullopt) {
    Decision decision;
    decision.reason = std::move(reason);
    decision.until = until;
    decision.waiting = Waiting::kSchedule;
    return decision;
  }
  static Decision act() {
    Decision decision;
    decision.action.emplace();
    decision.reason = "because";
    return decision;
  }
  Instant turn() { return keeper_.turn(config_, production_); }

  ManualClock clock_{at("2026-11-22T06:00:00Z")};
  StopFlag stop_;
  Script script_;
  std::vector<std::string> log_;
  config::Config config_;
  config::ProductionConfig production_;
  Keeper keeper_{
      model::ProductionName("shop"),
      [this](const config::Config&, const config::ProductionConfig&) -> Result<std::unique_ptr<Workplace>> {
        if (script_.open_error) return *script_.open_error;
        return std::unique_ptr<Workplace>(std::make_unique<FakeWorkplace>(script_));
      },
      clock_, stop_,
      [this](const model::ProductionName& name, std::string_view line) {
        EXPECT_EQ(name.str(), "shop");
        log_.emplace_back(line);
      }};
};

TEST_F(KeeperTest, ActsUntilThereIsNothingButToWait) {
  script_.ticks = {act(), act(), idle("next at 07:00", at("2026-11-22T06:03:00Z"))};
  EXPECT_EQ(turn(), at("2026-11-22T06:03:00Z"));
  EXPECT_EQ(script_.ticks_taken, 3);
  EXPECT_EQ(script_.open_now, 0) << "the lock is held while waiting";
  EXPECT_EQ(log_, std::vector<std::string>{"next at 07:00 (until 2026-11-22T06:03:00Z)"});
}

TEST_F(KeeperTest, ATimeIsSaidOnce) {
  script_.ticks = {idle("drains until 2026-11-22T06:03:00Z", at("2026-11-22T06:03:00Z"))};
  turn();
  EXPECT_EQ(log_, std::vector<std::string>{"drains until 2026-11-22T06:03:00Z"});
}

TEST_F(KeeperTest, LooksAtLeastEveryFiveMinutesAndAtMostEverySecond) {
  script_.ticks = {idle("far", at("2026-11-23T06:00:00Z"))};
  EXPECT_EQ(turn(), clock_.now() + Keeper::kLookEvery);
  script_.ticks = {idle("past", at("2026-11-21T06:00:00Z"))};
  EXPECT_EQ(turn(), clock_.now() + std::chrono::seconds(1));
  script_.ticks = {idle("never")};
  EXPECT_EQ(turn(), clock_.now() + Keeper::kLookEvery);
}

TEST_F(KeeperTest, StartsCopiesFirstAndOnce) {
  script_.ticks = {idle("a")};
  turn();
  script_.ticks_taken = 0;
  turn();
  EXPECT_EQ(script_.starts, 1);
}

TEST_F(KeeperTest, ACopyThatDoesNotStartIsTriedAgainAndDoesNotStopTheRest) {
  script_.ticks = {idle("a")};
  script_.start_error = Error{.code = Code::kExternal, .message = "port taken", .hint = ""};
  turn();
  EXPECT_EQ(script_.ticks_taken, 1);
  EXPECT_EQ(script_.told.size(), 1U);
  script_.ticks_taken = 0;
  script_.start_error.reset();
  turn();
  EXPECT_EQ(script_.starts, 2);
}

TEST_F(KeeperTest, TheSameErrorIsToldOnce) {
  Error error{.code = Code::kPolicy, .message = "column x is not judged", .hint = "judge it"};
  script_.ticks = {error};
  EXPECT_EQ(turn(), clock_.now() + Keeper::kAfterError);
  turn();
  ASSERT_EQ(script_.told.size(), 1U);
  EXPECT_EQ(script_.told[0].event, "failed");
  EXPECT_EQ(script_.told[0].message, "column x is not judged");
  EXPECT_EQ(script_.told[0].hint, "judge it");
  EXPECT_EQ(log_.size(), 2U);
  // Another one is told, and the first again once all was well in between.
  error.message = "column y is not judged";
  script_.ticks = {error};
  turn();
  EXPECT_EQ(script_.told.size(), 2U);
  script_.ticks = {idle("fine")};
  turn();
  script_.ticks = {error};
  turn();
  EXPECT_EQ(script_.told.size(), 3U);
}

TEST_F(KeeperTest, WhatWaitsForAPersonIsToldOnce) {
  Decision decision = idle("the last try failed");
  decision.waiting = Waiting::kPerson;
  decision.blocker = Error{.code = Code::kPolicy, .message = "column x is not judged", .hint = "judge it"};
  script_.ticks = {decision};
  turn();
  turn();
  ASSERT_EQ(script_.told.size(), 1U);
  EXPECT_EQ(script_.told[0].message, "column x is not judged");
}

TEST_F(KeeperTest, BusyIsWaitedFor) {
  script_.open_error = Error{.code = Code::kBusy, .message = "held by pid 1", .hint = ""};
  EXPECT_EQ(turn(), clock_.now() + Keeper::kAfterBusy);
  turn();
  EXPECT_EQ(log_, std::vector<std::string>{"held by pid 1"});
  script_.open_error->code = Code::kConfig;
  EXPECT_EQ(turn(), clock_.now() + Keeper::kAfterError);
}

TEST_F(KeeperTest, ComplainsOnceWhenStale) {
  production_.max_age = std::chrono::hours(26);
  script_.ticks = {idle("a")};
  turn();
  EXPECT_TRUE(script_.told.empty());
  clock_.advance(std::chrono::hours(27));
  turn();
  clock_.advance(std::chrono::hours(1));
  turn();
  ASSERT_EQ(script_.told.size(), 1U);
  EXPECT_EQ(script_.told[0].event, "stale");
  EXPECT_EQ(script_.told[0].message, "staging's data is 1 d 3 h old, more than 1 d 2 h");
  script_.live = clock_.now();
  turn();
  EXPECT_EQ(log_.back(), "staging's data is fresh again");
  script_.live.reset();
  turn();
  ASSERT_EQ(script_.told.size(), 2U);
  EXPECT_EQ(script_.told[1].message, "no copy is live");
}

TEST_F(KeeperTest, AStopEndsTheTurn) {
  production_.max_age = std::chrono::hours(1);
  script_.ticks = {act()};
  stop_.request();
  turn();
  EXPECT_EQ(script_.ticks_taken, 0);
  EXPECT_TRUE(script_.told.empty());
}

TEST_F(KeeperTest, ATurnIsBounded) {
  script_.ticks = {act()};
  EXPECT_EQ(turn(), clock_.now() + Keeper::kAfterError);
  EXPECT_EQ(script_.ticks_taken, Keeper::kTicksMax);
}

}  // namespace
}  // namespace ytb::serve
