// One invocation after the other over the fakes: what each answers, what it leaves for the next.
#include "lambda/handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lambda/lambda_testing.h"

namespace ytb::lambda {
namespace {

using model::Phase;
using std::chrono::hours;
using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Tree = nlohmann::json;

class Function : public ::testing::Test {
 protected:
  // One invocation, with what it does after its answer.
  Tree invoke(const std::string& event, bool afterwards = true) {
    Invocation invocation = site_.invocation(event);
    bool looks_at_the_stop = site_.slow_restores > 0;  // the fake host's own restores pass minutes without
    Handler handler(site_.parts());
    Result<Handled> handled = handler.handle(invocation);
    EXPECT_TRUE(handled.ok()) << (handled.ok() ? "" : to_string(handled.error()));
    if (!handled.ok()) return {};
    had_afterwards_ = static_cast<bool>(handled->afterwards);
    if (afterwards && handled->afterwards) handled->afterwards();
    if (looks_at_the_stop) {
      EXPECT_LE(site_.clock.now(), invocation.deadline) << "Lambda would have killed it";
    }
    EXPECT_THAT(site_.world.violations, IsEmpty());
    return parse_json<Tree>(handled->answer);
  }
  void refreshed() {
    site_.add_snapshot();
    invoke(kOriginal);
    ASSERT_NE(site_.live(), nullptr);
  }

  static constexpr const char* kOriginal = testing_support::kOriginalEvent;
  static constexpr const char* kTick = R"({"action":"tick"})";
  testing_support::Site site_;
  bool had_afterwards_ = false;
};

TEST_F(Function, CreateIsAnsweredAfterItsFirstActionAndTheSameInvocationCarriesOn) {
  site_.add_snapshot();
  Tree answer = invoke(kOriginal, false);
  EXPECT_EQ(answer["action"], "create");
  EXPECT_TRUE(answer["error"].is_null());
  EXPECT_THAT(answer["message"].get<std::string>(), HasSubstr("restore:shop-yesterday-"));
  EXPECT_EQ(answer["phase"], "restored");
  EXPECT_EQ(answer["due"], true);
  EXPECT_EQ(answer["done"].size(), 1U);
  EXPECT_EQ(answer["stack_args"]["StackName"], answer["copy"]);
  EXPECT_TRUE(had_afterwards_);
  EXPECT_EQ(site_.live(), nullptr);
  // The mark is what later invocations go by; it brings the event's config with it.
  ASSERT_EQ(site_.marks.marks.size(), 1U);
  EXPECT_THAT(site_.marks.marks.begin()->second.config_text, HasSubstr("mysite.com"));

  invoke(kOriginal);
  ASSERT_NE(site_.live(), nullptr);
  EXPECT_THAT(site_.marks.marks, IsEmpty());
}

TEST_F(Function, ADailyRunWithoutANewSnapshotReplacesNothing) {
  refreshed();
  site_.world.clock.advance(hours(24));
  Tree answer = invoke(kOriginal);
  EXPECT_TRUE(answer["action"].is_null());
  EXPECT_TRUE(answer["error"].is_null());
  EXPECT_THAT(answer["reason"].get<std::string>(), HasSubstr("no new snapshot"));
  EXPECT_EQ(answer["due"], false);
  EXPECT_EQ(site_.world.copies.size(), 1U);
}

TEST_F(Function, NoSnapshotIsToldInTheOriginalsWords) {
  Tree answer = invoke(kOriginal);
  EXPECT_EQ(answer["error"], "No DB snapshots");
  EXPECT_THAT(answer["message"].get<std::string>(), HasSubstr("try again later"));
  EXPECT_TRUE(answer["action"].is_null());
  EXPECT_TRUE(answer.contains("stack_args"));
}

TEST_F(Function, ARestoreThatOutlastsTheInvocationIsGoneOnWithByTheNext) {
  site_.add_snapshot();
  site_.slow_restores = 2;  // the first action's try, and what is done after the answer
  Instant begun = site_.clock.now();
  Tree answer = invoke(kOriginal, false);
  EXPECT_LT(site_.clock.now() - begun, minutes(1)) << "it is answered at once";
  EXPECT_TRUE(answer["error"].is_null());
  EXPECT_EQ(answer["action"], "create");
  EXPECT_EQ(answer["phase"], "restoring");
  EXPECT_THAT(answer["message"].get<std::string>(), HasSubstr("under way"));

  Handler handler(site_.parts());
  Invocation same = site_.invocation(kOriginal);
  Result<Handled> again = handler.handle(same);
  ASSERT_TRUE(again.ok());
  if (again->afterwards) again->afterwards();
  EXPECT_EQ(site_.world.copies.size(), 1U) << "nothing is restored twice";

  site_.slow_restores = 0;
  invoke(kTick);
  ASSERT_NE(site_.live(), nullptr);
  EXPECT_EQ(site_.world.copies.size(), 1U);
}

TEST_F(Function, TheDeadlineEndsATickInTheMiddleOfARestore) {
  site_.add_snapshot();
  site_.has_schedule = true;
  site_.slow_restores = 1;
  Tree answer = invoke(kTick);  // checks that it ended in time
  EXPECT_TRUE(answer["error"].is_null()) << answer;
  EXPECT_EQ(answer["phase"], "restoring");
  invoke(kTick);
  EXPECT_NE(site_.live(), nullptr);
}

TEST_F(Function, EveryTickSaysOneLineOfEachProduction) {
  auto lines = [this] {
    std::vector<Tree> found;
    for (const std::string& each : site_.log) {
      if (each.starts_with(R"({"ytb":"status")")) found.push_back(parse_json<Tree>(each));
    }
    site_.log.clear();
    return found;
  };
  invoke(kTick);
  std::vector<Tree> said = lines();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0]["production"], "shop");
  EXPECT_EQ(said[0]["stale"], 1) << "nothing is live yet";
  refreshed();
  EXPECT_THAT(lines(), IsEmpty()) << "of ticks only";
  invoke(kTick);
  said = lines();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0]["stale"], 0);
  EXPECT_EQ(said[0]["copies"], 1);
  EXPECT_EQ(said[0]["overdue_copies"], 0);
  EXPECT_GT(said[0]["data_age_s"], 0);
  site_.world.drain = Duration{};  // who takes everything away does not wait for its users
  invoke(R"({"action":"delete"})");
  lines();
  invoke(kTick);
  said = lines();
  ASSERT_EQ(said.size(), 1U) << "also of one that was removed";
  EXPECT_EQ(said[0]["copies"], 0);
}

TEST_F(Function, StackArgsAreTheWiringsAndElseWhatIsKnownHere) {
  site_.add_snapshot();
  Tree answer = invoke(kOriginal, false);
  EXPECT_EQ(answer["stack_args"]["StackName"], answer["copy"]);
  EXPECT_FALSE(answer["stack_args"].contains("TemplateBody"));
  invoke(R"({"action":"delete"})");
  Parts parts = site_.parts();
  std::string asked;
  parts.stack_args = [&](const config::Config& config, const config::ProductionConfig& production,
                         const model::Action& restore) -> Result<std::string> {
    asked = config.productions.front().name.str() + " " + production.name.str() + " " + restore.id();
    return std::string(R"({"StackName":"s","TemplateBody":"{}","Parameters":[]})");
  };
  Handler handler(std::move(parts));
  Result<Handled> handled = handler.handle(site_.invocation(kOriginal));
  ASSERT_TRUE(handled.ok());
  EXPECT_THAT(asked, HasSubstr("shop shop restore:shop-yesterday-"));
  EXPECT_EQ(parse_json<Tree>(handled->answer)["stack_args"]["TemplateBody"], "{}");
}

TEST_F(Function, AMarkOfAnEventWithItsOwnConfigIsCarriedOnByTheHeartbeat) {
  site_.has_own_config = false;
  site_.add_snapshot();
  invoke(kOriginal, false);
  ASSERT_EQ(site_.live(), nullptr);
  int before = site_.setups_of_events;
  Tree answer = invoke(kTick);
  EXPECT_GT(site_.setups_of_events, before);
  EXPECT_NE(site_.live(), nullptr);
  EXPECT_EQ(answer["production"], "shop");
  // And once all is done, the heartbeat has nothing to look after.
  answer = invoke(kTick);
  EXPECT_TRUE(answer["error"].is_null());
  EXPECT_THAT(site_.marks.marks, IsEmpty());
}

TEST_F(Function, WhatDrainsIsFollowedUntilItIsGone) {
  refreshed();
  site_.world.clock.advance(hours(24));
  site_.add_snapshot();
  site_.world.drain = minutes(30);  // longer than an invocation
  Tree answer = invoke(kOriginal);
  EXPECT_EQ(answer["action"], "update");
  EXPECT_EQ(site_.world.copies.size(), 2U);
  ASSERT_EQ(site_.marks.marks.size(), 1U);
  EXPECT_EQ(site_.marks.marks.begin()->second.want, DueMark::Want::kFollow);
  site_.world.clock.advance(minutes(30));
  site_.add_snapshot();  // too new for what was asked for
  invoke(kTick);
  EXPECT_EQ(site_.world.copies.size(), 1U);
  EXPECT_THAT(site_.marks.marks, IsEmpty());
}

// As heartbeats that came while an invocation masked did.
TEST_F(Function, OneInvocationAtATimeActsOnAProduction) {
  refreshed();
  site_.world.clock.advance(hours(24));
  site_.add_snapshot();
  const Instant over = site_.clock.now() + minutes(11);
  site_.turns.held[site_.world.production] = {"another", over};
  Tree answer = invoke(kOriginal);
  EXPECT_TRUE(answer["error"].is_null()) << answer;
  EXPECT_EQ(answer["reason"],
            "another invocation is at work on shop, until " + to_iso(over) + " at the latest");
  EXPECT_EQ(answer["again"], to_iso(over));
  EXPECT_EQ(answer["due"], true);
  (void)invoke(kTick);
  EXPECT_EQ(site_.world.copies.size(), 1U) << "it looked and left";
  // Looking is nobody's turn.
  EXPECT_THAT(invoke(R"({"action":"plan"})")["next"].get<std::string>(), HasSubstr("restore:"));
  EXPECT_EQ(site_.turns.held.at(site_.world.production).first, "another");
  site_.world.clock.advance(minutes(11));  // it was killed, or has ended
  (void)invoke(kTick);
  EXPECT_EQ(site_.world.copies.size(), 2U);
  EXPECT_THAT(site_.turns.held, IsEmpty()) << "it is given back";
}

// What was seen before it was our turn may have been another one's to change since.
TEST_F(Function, WhatChangedBeforeTheTurnWasTakenIsLookedAtAgain) {
  refreshed();
  const model::CopyId drained = site_.live()->record.id;
  site_.world.clock.advance(hours(24));
  refreshed();
  ASSERT_EQ(site_.world.copies.size(), 2U);
  site_.world.clock.advance(minutes(30));
  site_.turns.on_take = [&] { site_.world.copies.erase(drained); };
  const Tree answer = invoke(kTick);
  EXPECT_FALSE(site_.turns.on_take) << "else this shows nothing";
  EXPECT_TRUE(answer["error"].is_null()) << answer;
  EXPECT_THAT(answer["done"], IsEmpty()) << "it acted on the look from before";
  EXPECT_EQ(site_.world.copies.size(), 1U);
}

// A snapshot that was copied for a copy that never came to be is raw data, too.
TEST_F(Function, WhatIsLeftWithoutACopyGoesBeforeItIsSaidThatAllIsRemoved) {
  site_.leftovers = 3;  // looks until it can go
  (void)invoke(R"({"action":"delete"})");
  for (int ticks = 0; site_.leftovers > 0; ++ticks) {
    ASSERT_LT(ticks, 3);
    const Tree answer = invoke(kTick);
    EXPECT_EQ(answer["action"], "delete") << answer;
    if (site_.leftovers == 0) break;
    EXPECT_THAT(answer["message"].get<std::string>(), HasSubstr("under way"));
  }
  const Tree answer = invoke(kTick);
  EXPECT_TRUE(answer["action"].is_null());
  EXPECT_THAT(answer["message"].get<std::string>(), HasSubstr("removed, as was asked at"));
}

// What nobody knows, or another one is at, is an error until it is over: a tick that only says that something
// is under way would hide it for ever.
TEST_F(Function, ATickSaysWhatItCannotTellAndWhoIsInItsWay) {
  for (const Error& trouble : {Error{.code = Code::kConnection,
                              .message = "the answer never came",
                              .hint = "look at it",
                              .retry = Retry::kInDoubt},
                               Error{.code = Code::kBusy,
                               .message = "another one masks it",
                               .hint = "look at it",
                               .retry = Retry::kLater}}) {
    testing_support::Site site;
    site.add_snapshot();
    site.restore_fails = trouble;
    Handler handler(site.parts());
    Result<Handled> handled = handler.handle(site.invocation(kTick));
    ASSERT_TRUE(handled.ok());
    const Tree answer = parse_json<Tree>(handled->answer);
    EXPECT_EQ(answer["error"], trouble.message) << answer;
    EXPECT_EQ(answer["hint"], trouble.hint);
    EXPECT_THAT(answer["done"], IsEmpty()) << "the next tick tries again";
  }
}

// What a person wants now does not wait until masking is over.
TEST_F(Function, ARollbackWaitsForNoTurn) {
  site_.world.spare_copies = 1;
  refreshed();
  const model::CopyId first = site_.live()->record.id;
  site_.world.clock.advance(hours(24));
  refreshed();
  site_.turns.held[site_.world.production] = {"another", site_.clock.now() + minutes(11)};
  EXPECT_EQ(invoke(R"({"action":"rollback"})")["action"], "rollback");
  EXPECT_EQ(site_.live()->record.id, first);
}

TEST_F(Function, AMarkThatCannotBeWrittenIsAnErrorAndNothingIsBegun) {
  site_.add_snapshot();
  site_.marks.broken = true;
  Handler handler(site_.parts());
  Result<Handled> handled = handler.handle(site_.invocation(kOriginal));
  ASSERT_FALSE(handled.ok());
  EXPECT_THAT(handled.error().message, HasSubstr("recording that a refresh is due"));
  EXPECT_THAT(site_.world.copies, IsEmpty());
}

TEST_F(Function, WithoutAPolicyTheCopyStaysClosedAndOneIsProposed) {
  site_.has_policy = false;
  site_.add_snapshot();
  invoke(kOriginal, false);
  Tree answer = invoke(kOriginal);
  ASSERT_EQ(site_.world.copies.size(), 1U);
  const fakes::FakeCopy& copy = site_.world.copies.begin()->second;
  EXPECT_EQ(copy.record.phase, Phase::kRestored);
  EXPECT_FALSE(copy.record.opened);
  EXPECT_EQ(answer["policy_needed"]["proposed"], site_.where(copy.record.id));
  EXPECT_THAT(answer["message"].get<std::string>(), HasSubstr("stays closed"));
  EXPECT_THAT(site_.proposals.begin()->second, HasSubstr("email"));
  invoke(kTick);
  EXPECT_EQ(site_.proposed, 1) << "it is proposed once, not every five minutes";
  // A policy comes, and the very copy goes on.
  site_.has_policy = true;
  invoke(kTick);
  ASSERT_NE(site_.live(), nullptr);
  EXPECT_EQ(site_.world.copies.size(), 1U);
}

TEST_F(Function, LargeTablesAreHandedToOneWorkerThatIsWatched) {
  site_.has_worker = true;
  site_.sizes = {{"users", uint64_t{400} << 30}};
  site_.config_beside_program = R"({"domain":"mysite.com"})";
  site_.add_snapshot();
  Tree answer = invoke(kTick);
  answer = invoke(kTick);
  ASSERT_EQ(site_.worker.started.size(), 1U);
  EXPECT_EQ(site_.worker.started.front().environment["YTB_ORIGINAL_CONFIG"], site_.config_beside_program)
      << "the file is in the function's zip, and not in the worker's image";
  const fakes::FakeCopy& copy = site_.world.copies.begin()->second;
  EXPECT_EQ(site_.worker.started.front().copy, copy.record.id);
  EXPECT_EQ(site_.worker.after.front(), "");
  EXPECT_EQ(copy.record.phase, Phase::kDefused);
  EXPECT_THAT(answer["reason"].get<std::string>(), HasSubstr("a worker is at"));

  // It dies: the next one is told which it comes after.
  site_.worker.state->phase = ports::WorkerState::Phase::kStopped;
  answer = invoke(kTick);
  EXPECT_EQ(answer["handover"]["place"], "worker");
  EXPECT_THAT(site_.worker.after, ElementsAre("", "task-1"));

  // It does its work: the copy is masked and proven, and nothing else was touched.
  StopFlag stop;
  Parts parts = site_.parts();
  Target target{.setup = site_.setup(true), .production = nullptr, .config_text = {}};
  target.production = &target.setup.config->productions.front();
  Result<WorkDone> done = work_on(parts, target, copy.record.id, stop);
  ASSERT_TRUE(done.ok()) << to_string(done.error());
  EXPECT_THAT(done->actions, ElementsAre("mask:" + copy.record.id.str(), "prove:" + copy.record.id.str()));
  EXPECT_EQ(copy.record.phase, Phase::kProven);
  EXPECT_FALSE(copy.record.opened);
  site_.worker.state->phase = ports::WorkerState::Phase::kStopped;
  invoke(kTick);
  EXPECT_NE(site_.live(), nullptr);
  EXPECT_EQ(site_.worker.started.size(), 2U);
}

TEST_F(Function, WithoutAWorkerLargeTablesAreRefusedWithTheNumbers) {
  site_.sizes = {{"users", uint64_t{400} << 30}};
  site_.add_snapshot();
  Tree answer = invoke(kTick);
  EXPECT_THAT(answer["error"].get<std::string>(), HasSubstr("public.users alone (429 GB)"));
  EXPECT_THAT(answer["hint"].get<std::string>(), HasSubstr("Fargate"));
  EXPECT_EQ(site_.world.copies.begin()->second.record.phase, Phase::kDefused);
  EXPECT_EQ(site_.world.copies.begin()->second.record.tries, 0);
}

TEST_F(Function, WhatIsRememberedIsSearchedForByTheSameInvocation) {
  site_.searches = true;
  refreshed();
  EXPECT_EQ(site_.world.copies.size(), 1U);

  // Table by table this would fit, and that is how it is done where nothing is remembered.
  site_.sizes = {{"users", 4'000'000'000}, {"orders", 6'000'000'000}};
  site_.world.clock.advance(hours(24));
  site_.add_snapshot();
  invoke(kOriginal);
  Tree answer = invoke(kTick);
  EXPECT_EQ(answer["handover"]["place"], "refused") << answer;
  EXPECT_THAT(answer["error"].get<std::string>(), HasSubstr("masking and searching all (20 GB)"));
  EXPECT_THAT(answer["hint"].get<std::string>(), HasSubstr("Fargate"));
  const model::CopyId refused = std::prev(site_.world.copies.end())->first;
  EXPECT_EQ(site_.world.find(refused)->record.phase, Phase::kDefused);

  site_.searches = false;
  invoke(kTick);
  EXPECT_EQ(site_.live()->record.id, refused);
}

// A heartbeat that comes while another invocation searches, which only that one can.
TEST_F(Function, AProofThatSomebodyElseIsAtIsLeftToHim) {
  site_.searches = true;
  site_.add_snapshot();
  invoke(kOriginal, false);
  fakes::FakeCopy& copy = site_.world.copies.begin()->second;
  const model::CopyId first = copy.record.id;
  copy.defused = true;
  copy.masked_with["users"] = copy.masked_with["orders"] = "what it was told";
  copy.record.phase = Phase::kMasked;
  copy.record.phase_since = site_.world.clock.now();
  copy.record.inputs = site_.world.inputs().digest;
  const Tree answer = invoke(kTick);
  EXPECT_EQ(copy.record.phase, Phase::kMasked);
  EXPECT_THAT(answer["reason"].get<std::string>(), HasSubstr("whoever masked " + first.str() + " proves it"));
  // Its invocation must have ended by now.
  site_.world.clock.advance(testing_support::kInvocation);
  Tree last;
  for (int tick = 0; tick < 10 && site_.live() == nullptr; ++tick) {
    last = invoke(kTick);
    site_.world.clock.advance(minutes(5));
  }
  ASSERT_NE(site_.live(), nullptr) << last;
  EXPECT_NE(site_.live()->record.id, first);
}

TEST_F(Function, ACopyWhoseMaskingNobodyRemembersIsBegunAgain) {
  site_.searches = true;
  site_.has_worker = true;
  site_.sizes = {{"users", uint64_t{400} << 30}};
  site_.add_snapshot();
  invoke(kTick);
  invoke(kTick);
  ASSERT_EQ(site_.worker.started.size(), 1U);
  fakes::FakeCopy& copy = site_.world.copies.begin()->second;
  const model::CopyId first = copy.record.id;

  // The worker masks, and dies before it has proven.
  site_.sizes.clear();
  copy.masked_with["users"] = "what it was told";
  copy.record.phase = Phase::kMasked;
  site_.worker.state->phase = ports::WorkerState::Phase::kStopped;
  for (int tick = 0; tick < 10 && site_.worker.started.size() < 2; ++tick) {
    invoke(kTick);
    site_.world.clock.advance(minutes(5));
  }
  ASSERT_EQ(site_.worker.started.size(), 2U) << "an attempt that follows one is the worker's, whatever fits";
  const model::CopyId second = site_.worker.started.back().copy;
  EXPECT_NE(second, first) << "nothing is opened that nobody searched";
  StopFlag stop;
  Target target{.setup = site_.setup(true), .production = nullptr, .config_text = {}};
  target.production = &target.setup.config->productions.front();
  Result<WorkDone> done = work_on(site_.parts(), target, second, stop);
  ASSERT_TRUE(done.ok()) << to_string(done.error());
  site_.worker.state->phase = ports::WorkerState::Phase::kStopped;
  invoke(kTick);
  ASSERT_NE(site_.live(), nullptr);
  EXPECT_EQ(site_.live()->record.id, second);
}

TEST_F(Function, WhatCannotBeFinishedIsRefusedBeforeItIsRestored) {
  refreshed();
  // As measured while the live copy was masked: 30 MB/s, and a table of 300 GB.
  fakes::FakeCopy& live = site_.world.copies.begin()->second;
  ASSERT_FALSE(live.evidence.tables.empty());
  live.evidence.tables.front().bytes_read = 300'000'000'000;
  live.evidence.tables.front().seconds = 10'000;
  site_.world.clock.advance(hours(24));
  site_.add_snapshot();
  Tree answer = invoke(kOriginal);
  EXPECT_THAT(answer["error"].get<std::string>(),
              HasSubstr("alone (300 GB) takes about 4 h 10 min at 30 MB/s as measured"));
  EXPECT_EQ(site_.world.copies.size(), 1U) << "nothing was restored";
  EXPECT_EQ(site_.marks.marks.size(), 1U) << "it is still due, once there is a worker";
  site_.has_worker = true;
  invoke(kTick);
  EXPECT_EQ(site_.world.copies.size(), 2U);
}

TEST_F(Function, AWorkerTouchesNothingButItsCopy) {
  refreshed();
  model::CopyId live = site_.live()->record.id;
  StopFlag stop;
  Target target{.setup = site_.setup(true), .production = nullptr, .config_text = {}};
  target.production = &target.setup.config->productions.front();
  Parts parts = site_.parts();
  int changes = site_.world.changes;
  EXPECT_TRUE(work_on(parts, target, live, stop).ok()) << "there is nothing left to do";
  Result<WorkDone> none = work_on(parts, target, model::CopyId("shop-yesterday-20200101-000000-1"), stop);
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.error().message, HasSubstr("there is no copy"));
  // A copy that is not defused yet is not its to defuse.
  site_.world.clock.advance(hours(24));
  site_.add_snapshot();
  invoke(kOriginal, false);
  changes = site_.world.changes;
  model::CopyId fresh = std::prev(site_.world.copies.end())->first;
  Result<WorkDone> early = work_on(parts, target, fresh, stop);
  ASSERT_FALSE(early.ok());
  EXPECT_THAT(early.error().message, HasSubstr("is restored, and a worker only masks and proves"));
  EXPECT_EQ(site_.world.changes, changes);
  stop.request();
  EXPECT_EQ(work_on(parts, target, fresh, stop).error().code, Code::kInterrupted);
}

TEST_F(Function, DeleteTakesEverythingAwayAndItStaysAway) {
  refreshed();
  site_.has_schedule = true;
  site_.world.drain = Duration{};  // who takes everything away does not wait for its users
  Tree answer = invoke(R"({"action":"delete"})", false);
  EXPECT_EQ(answer["action"], "delete");
  EXPECT_TRUE(answer["error"].is_null());
  EXPECT_NE(site_.live(), nullptr) << "it is answered at once";
  answer = invoke(kTick);
  EXPECT_THAT(site_.world.copies, IsEmpty());
  EXPECT_FALSE(site_.world.alias.link.has_value());
  // Nothing live would be a reason to begin: but it was a person's word.
  answer = invoke(kTick);
  EXPECT_THAT(site_.world.copies, IsEmpty());
  EXPECT_THAT(answer["message"].get<std::string>(), HasSubstr("removed, as was asked"));
  invoke(R"({"action":"create"})");
  EXPECT_NE(site_.live(), nullptr);
}

TEST_F(Function, RollbackStatusAndPlan) {
  EXPECT_THAT(invoke(R"({"action":"rollback"})")["error"].get<std::string>(), HasSubstr("no previous copy"));
  site_.world.spare_copies = 1;
  refreshed();
  model::CopyId first = site_.live()->record.id;
  site_.world.clock.advance(hours(24));
  refreshed();
  model::CopyId second = site_.live()->record.id;
  ASSERT_NE(first, second);
  site_.world.clock.advance(site_.world.drain);
  invoke(kTick);  // the first is a spare now
  Tree status = invoke(R"({"action":"status"})");
  EXPECT_EQ(status["live"]["copy"], second.str());
  EXPECT_EQ(status["copies"].size(), 2U);
  EXPECT_EQ(status["due"], false);
  int changes = site_.world.changes;
  site_.world.clock.advance(hours(24));
  site_.add_snapshot();
  Tree plan = invoke(R"({"action":"plan"})");
  EXPECT_THAT(plan["next"].get<std::string>(), HasSubstr("restore:shop-yesterday-"));
  EXPECT_EQ(site_.world.changes, changes) << "a plan changes nothing";
  Tree answer = invoke(R"({"action":"rollback"})");
  EXPECT_EQ(answer["action"], "rollback") << answer;
  EXPECT_EQ(site_.live()->record.id, first);
  answer = invoke(R"({"action":"delete","copy":")" + first.str() + "\"}");
  EXPECT_THAT(answer["error"].get<std::string>(), HasSubstr("is live and is not deleted"));
  EXPECT_TRUE(answer["action"].is_null());
}

TEST_F(Function, EventsThatAreNoneAreErrors) {
  Handler handler(site_.parts());
  for (const char* event :
       {"", "nonsense", R"({"action":"explode"})", R"({"action":"update","production":"shpo"})"}) {
    Result<Handled> handled = handler.handle(site_.invocation(event));
    ASSERT_FALSE(handled.ok()) << event;
    EXPECT_EQ(handled.error().code, Code::kUsage);
  }
  site_.has_own_config = false;
  EXPECT_EQ(handler.handle(site_.invocation(R"({"action":"update"})")).error().code, Code::kConfig);
  EXPECT_TRUE(handler.handle(site_.invocation(kTick)).ok()) << "a heartbeat without anything to do is fine";
  EXPECT_THAT(site_.world.copies, IsEmpty());
}

TEST_F(Function, ATickMeetsAFailureThatIsToldAndNotRepeatedForever) {
  site_.add_snapshot();
  site_.world.policy_version = 0;
  site_.world.snapshots.back().grown = true;  // a column that the policy does not judge
  Tree answer = invoke(kOriginal, false);
  invoke(kTick);
  EXPECT_EQ(site_.live(), nullptr);
  EXPECT_THAT(site_.marks.marks, IsEmpty()) << "it waits for a person, not for the next heartbeat";
  int attempts = static_cast<int>(site_.world.attempts.size());
  for (int i = 0; i < 3; ++i) answer = invoke(kTick);
  EXPECT_EQ(static_cast<int>(site_.world.attempts.size()), attempts);
  EXPECT_FALSE(answer["error"].is_null());
}

}  // namespace
}  // namespace ytb::lambda
