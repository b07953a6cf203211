// A6 where Lambda has ten slots for the whole account, as in a new one: several productions, each a function
// of its own, beside somebody else's functions. No tick is starved, and no two work on one production.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>

#include "app_turns.h"
#include "drivers/aws/fake_client_testing.h"
#include "fakes/aws/fake_aws.h"
#include "fakes/aws/lambda_account.h"
#include "fakes/aws/small_services.h"
#include "lambda/lambda_testing.h"
#include "ports/patience.h"

namespace ytb::lambda {
namespace {

using fakes::aws::LambdaAccount;
using fakes::aws::LambdaEvent;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::IsEmpty;

constexpr Duration kHeartbeat = minutes(5);
constexpr Duration kRestore = minutes(40);
constexpr Duration kMasking = minutes(12);

Duration event_age_max_of_the_template() {
  std::ifstream file(std::string(YTB_SOURCE_DIR) + "/deploy/aws/template.yaml");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const std::string key = "MaximumEventAgeInSeconds: ";
  const size_t at = text.find(key);
  EXPECT_NE(at, std::string::npos);
  return seconds(at == std::string::npos ? 0 : std::stoi(text.substr(at + key.size())));
}

// Restores go on without us.
class LeavingHost final : public fakes::FakeHost {
 public:
  using FakeHost::FakeHost;
  Status restore(const ports::RestoreRequest& request, ports::Progress& progress,
                 const StopFlag& stop) override {
    const Instant now = world_.clock.now();
    if (world_.find(request.copy) == nullptr) {
      fakes::FakeCopy made;
      made.record.id = request.copy;
      made.record.production = request.production;
      made.record.marked = true;
      made.record.snapshot = request.snapshot.id;
      made.record.data_as_of = request.snapshot.data_as_of;
      made.record.attempt = request.attempt;
      made.record.phase_since = now;
      made.instance = "instance of " + request.copy.str();
      world_.copies[request.copy] = std::move(made);
    }
    if (now - world_.find(request.copy)->record.phase_since < kRestore)
      return ports::left_under_way("the restore of " + request.copy.str());
    Status status = FakeHost::restore(request, progress, stop);
    world_.clock.set(now);
    world_.find(request.copy)->record.phase_since = now;
    return status;
  }
};

// As if nobody asked whose turn it is.
class AnybodysTurns final : public Turns {
 public:
  Result<Turn> take(const model::ProductionName&, const std::string&, Instant until, Instant) override {
    return Turn{.ours = true, .until = until};
  }
  Status give_back(const model::ProductionName&, const std::string&) override { return {}; }
};

// A production, and the function that looks after it.
class Served {
 public:
  // `turns`: whose turn it is; null: as the site keeps them.
  Served(LambdaAccount& account, const std::string& name, Turns* turns = nullptr)
      : masking(kMasking), clock_(account.clock()), turns_(turns != nullptr ? *turns : site_.turns) {
    site_.world.production = model::ProductionName(name);
    account.add(name, [this](const LambdaEvent& event) { answer(event); });
    account.schedule(name, R"({"action":"tick"})", kHeartbeat);
  }
  void add_snapshot() {
    site_.world.clock.set(clock_.now());
    newest_ = site_.add_snapshot();
  }
  [[nodiscard]] bool is_up_to_date() const {
    return site_.live() != nullptr && site_.live()->record.snapshot == newest_ &&
           site_.world.copies.size() == 1;
  }
  [[nodiscard]] const std::vector<std::string>& violations() const { return site_.world.violations; }
  [[nodiscard]] int most_at_work() const { return most_at_work_; }
  [[nodiscard]] int maskings() const { return maskings_; }
  Duration masking;  // how long it takes from here on, whatever is requested meanwhile
  [[nodiscard]] std::string log() const { return site_.log.empty() ? "" : site_.log.back(); }

 private:
  // Counted also where it is killed.
  class AtWork {
   public:
    explicit AtWork(Served& served) : served_(served) {
      served_.most_at_work_ = std::max(served_.most_at_work_, ++served_.at_work_);
      ++served_.maskings_;
    }
    ~AtWork() { --served_.at_work_; }
    AtWork(const AtWork&) = delete;
    AtWork& operator=(const AtWork&) = delete;

   private:
    Served& served_;
  };
  // Our own work: it needs the function for long.
  class Engine final : public fakes::FakeEngine {
   public:
    Engine(fakes::World& world, Served& served) : FakeEngine(world), served_(served) {}
    Result<model::Evidence> mask(const ports::SessionTarget& target, const ports::MaskRequest& request,
                                 ports::Progress& progress, const StopFlag& stop) override {
      {
        const AtWork at_work(served_);
        for (Duration done{}; done < served_.masking; done += seconds(30)) served_.clock_.sleep(seconds(30));
      }
      world_.clock.set(served_.clock_.now());
      return FakeEngine::mask(target, request, progress, stop);
    }

   private:
    Served& served_;
  };

  void answer(const LambdaEvent& event) {
    clock_.sleep(seconds(1));  // what the calls take
    site_.world.clock.set(clock_.now());
    const Parts all = site_.parts();
    Parts parts{.own_setup = all.own_setup,
                .setup_of = all.setup_of,
                .drivers = [this](const StopFlag&) -> refresh::DriverFactory {
                  return [this](const config::Config&, const config::ProductionConfig&) { return drivers(); };
                },
                .load_inputs = all.load_inputs,
                .make_settings = all.make_settings,
                .make_worker = all.make_worker,
                .marks = site_.marks,
                .turns = turns_,
                .find_proposal = all.find_proposal,
                .keep_proposal = all.keep_proposal,
                .stack_args = {},
                .read_anew = {},
                .spool_free_bytes = all.spool_free_bytes,
                .clock = clock_,
                .log = all.log};
    Handler handler(std::move(parts));
    Result<Handled> handled = handler.handle({.request_id = event.request_id,
                                              .deadline = event.deadline,
                                              .function_arn = "arn",
                                              .event = event.payload});
    EXPECT_TRUE(handled.ok()) << (handled.ok() ? "" : to_string(handled.error()));
    if (handled.ok() && handled->afterwards) handled->afterwards();
  }
  Result<refresh::Drivers> drivers() {
    YTB_ASSIGN(refresh::Drivers made, site_.drivers());
    made.host = std::make_unique<LeavingHost>(site_.world);
    made.engine = std::make_unique<Engine>(site_.world, *this);
    return made;
  }

  Clock& clock_;
  testing_support::Site site_;
  Turns& turns_;
  model::SnapshotId newest_;
  int at_work_ = 0, most_at_work_ = 0, maskings_ = 0;
};

class Slots : public ::testing::Test {
 protected:
  // `others`: of somebody else's functions that run at the same time, four minutes of each five.
  void live_for_days(int productions, int others, int days, Duration wait_max) {
    const Instant begun = *from_iso("2026-11-22T06:00:00Z");
    LambdaAccount::Limits limits;
    limits.event_age_max = event_age_max_of_the_template();
    LambdaAccount account(begun, limits);
    account.add("other", [&](const LambdaEvent&) { account.clock().sleep(minutes(4)); });
    for (int i = 0; i < others; ++i) account.schedule("other", "{}", kHeartbeat);
    std::vector<std::unique_ptr<Served>> served;
    for (int i = 0; i < productions; ++i)
      served.push_back(std::make_unique<Served>(account, "shop" + std::to_string(i)));
    for (int day = 0; day < days; ++day) {
      // All are due at the same minute.
      for (int i = 0; i < productions; ++i) {
        served[static_cast<size_t>(i)]->add_snapshot();
        account.invoke("shop" + std::to_string(i), R"({"action":"update"})");
      }
      account.run_until(begun + hours(24 * day + 4));
      for (const std::unique_ptr<Served>& one : served) EXPECT_TRUE(one->is_up_to_date()) << one->log();
      account.run_until(begun + hours(24 * (day + 1)));
    }
    account.finish();
    for (const std::unique_ptr<Served>& one : served) {
      EXPECT_EQ(one->most_at_work(), 1) << "two worked on one production";
      EXPECT_EQ(one->maskings(), days);
      EXPECT_THAT(one->violations(), IsEmpty());
    }
    EXPECT_EQ(account.most_at_once(), limits.concurrency);
    for (const LambdaAccount::Record& record : account.records()) {
      throttled_ += record.throttled;
      if (record.function == "other") continue;
      ++ticks_;
      EXPECT_FALSE(record.dropped);
      if (record.begun == Instant{}) continue;  // at the very end
      EXPECT_LE(record.begun - record.asked, wait_max) << "starved";
      if (record.ended == Instant{}) continue;
      EXPECT_LE(record.ended - record.begun, limits.timeout) << "killed";
    }
  }

  int throttled_ = 0, ticks_ = 0;
};

TEST_F(Slots, SixProductionsInTenSlotsAreAllServedEachDay) {
  live_for_days(6, 5, 2, minutes(10));
  EXPECT_GT(throttled_, 0) << "else this shows nothing";
  EXPECT_GT(ticks_, 6 * 2 * 288);
}

// More than there are slots: those that mask hold theirs, and the others come when they are done.
TEST_F(Slots, TwelveProductionsInTenSlotsAreAllServedEachDay) {
  live_for_days(12, 3, 2, minutes(30));
  EXPECT_GT(throttled_, 0);
}

// That these tests would see it.
TEST_F(Slots, WithoutTurnsHeartbeatsMaskWhatIsBeingMasked) {
  LambdaAccount account(*from_iso("2026-11-22T06:00:00Z"), {});
  AnybodysTurns anybodys;
  Served shop(account, "shop", &anybodys);
  shop.add_snapshot();
  account.run_until(account.clock().now() + hours(2));
  account.finish();
  EXPECT_GT(shop.most_at_work(), 1);
}

// Somebody else's import fills the account for two hours, just when the day's refresh is due.
TEST_F(Slots, ADailyWishOutlastsTwoBusyHours) {
  LambdaAccount::Limits limits;
  limits.event_age_max = event_age_max_of_the_template();
  limits.timeout = hours(2);  // of one after the other
  LambdaAccount account(*from_iso("2026-11-22T06:00:00Z"), limits);
  account.add("other", [&](const LambdaEvent&) { account.clock().sleep(hours(2)); });
  account.add("shop", [](const LambdaEvent&) {});
  for (int i = 0; i < limits.concurrency; ++i) account.invoke("other", "{}");
  account.run_until(account.clock().now() + minutes(1));
  account.invoke("shop", R"({"action":"update"})");
  account.run_until(account.clock().now() + hours(5));
  EXPECT_FALSE(account.records().back().dropped);
  EXPECT_NE(account.records().back().ended, Instant{});
  account.finish();
}

// Turns as they are kept, in S3.
class Retries : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(fakes::aws::FakeAws::available(), "") << "tools/setup installs botocore's models";
    fake_.s3().put("evidence", "nothing", "");
  }
  fakes::aws::FakeAws fake_;
  SystemClock clock_;
  aws::FakeAwsClient client_{fake_, clock_};
  S3Turns turns_{[this]() -> Result<aws::Caller*> { return &client_.caller(); }, "evidence", "ytb"};
};

// Lambda delivers an event at least once, each time with the same request id.
TEST_F(Retries, AnEventThatIsDeliveredTwiceIsWorkedOnOnce) {
  LambdaAccount::Limits limits;
  limits.deliveries = 2;
  LambdaAccount account(*from_iso("2026-11-22T06:00:00Z"), limits);
  Served shop(account, "shop", &turns_);
  shop.add_snapshot();
  account.run_until(account.clock().now() + hours(4));
  EXPECT_TRUE(shop.is_up_to_date()) << shop.log();
  account.finish();
  EXPECT_EQ(shop.most_at_work(), 1);
  EXPECT_EQ(shop.maskings(), 1);
  EXPECT_THAT(shop.violations(), IsEmpty());
}

// Its turn is over, and the retry, a minute later, has one of its own.
TEST_F(Retries, WhatIsKilledIsTriedAgainAndNoHeartbeatWorksBesideIt) {
  LambdaAccount::Limits limits;
  limits.retries = 1;
  LambdaAccount account(*from_iso("2026-11-22T06:00:00Z"), limits);
  Served shop(account, "shop", &turns_);
  shop.masking = minutes(20);  // and it does not look whether it is to stop
  shop.add_snapshot();
  account.run_until(account.clock().now() + hours(3));
  int retried = 0;
  for (const LambdaAccount::Record& one : account.records()) {
    const auto same = [&](const LambdaAccount::Record& other) {
      return other.killed && other.request_id == one.request_id && other.begun < one.begun;
    };
    retried += std::any_of(account.records().begin(), account.records().end(), same) ? 1 : 0;
  }
  EXPECT_GT(retried, 1) << "else this shows nothing";
  EXPECT_EQ(shop.most_at_work(), 1);
  shop.masking = kMasking;
  account.run_until(account.clock().now() + hours(2));
  EXPECT_TRUE(shop.is_up_to_date()) << shop.log();
  account.finish();
  EXPECT_EQ(shop.most_at_work(), 1);
  EXPECT_THAT(shop.violations(), IsEmpty());
}

}  // namespace
}  // namespace ytb::lambda
