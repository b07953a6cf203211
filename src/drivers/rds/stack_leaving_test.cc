// A host without patience: each call looks once, asks for what is next and leaves, and what a call does not
// remember is found out by looking. As a function's heartbeats call it, five minutes apart.
#include "drivers/rds/stack_testing.h"

namespace ytb::rds {
namespace {

using model::Phase;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr const char* kName = "shop-yesterday-20261122-060000-1";

// Never lets anybody in.
class ShutDoor final : public ports::Door {
 public:
  Result<ports::Claim> claim(const ports::SessionTarget&) override { return no(); }
  Result<std::vector<std::string>> free_master(const ports::SessionTarget&) override { return no(); }
  Status open(const ports::SessionTarget&, const std::vector<ports::AccessGrant>&,
              std::string_view) override {
    return no();
  }
  Result<bool> is_open(const ports::SessionTarget&) override { return no(); }

 private:
  static Error no() {
    return {.code = Code::kConnection, .message = "it does not answer", .hint = {}, .retry = Retry::kLater};
  }
};

class StackLeaving : public StackTest {
 protected:
  void SetUp() override {
    patience_ = ports::Patience::kLeave;
    StackTest::SetUp();
  }
  ports::Door& door() override { return is_shut_ ? static_cast<ports::Door&>(shut_) : *door_; }
  // One call, which must not wait. A failure is recorded as the refresher does; what is left is not one.
  Status once(const std::function<Status()>& work) {
    make_host();
    const Instant begun = clock_->now();
    Status status = work();
    EXPECT_EQ(clock_->now() - begun, Duration{}) << "it waited";
    last_ = status;
    const bool failed =
        !status.ok() && status.error().code != Code::kInterrupted && status.error().code != Code::kBusy;
    if (failed && list().empty()) ADD_FAILURE() << to_string(status.error());
    if (failed && !list().empty()) must(host_->record_failure(owned(), status.error()));
    ++calls_;
    return status;
  }
  // Calls until one succeeds, or fails in the end.
  void until_done(const std::function<Status()>& work, int calls_max) {
    for (calls_ = 0; calls_ < calls_max;) {
      if (once(work).ok()) return;
      fake_->advance(minutes(5));
    }
    ADD_FAILURE() << "not in " << calls_max << " calls; the last: " << to_string(last_.error());
  }
  model::PassedProof restored_and_proven() {
    until_done([&] { return restore(); }, 12);
    return prove();
  }

  ShutDoor shut_;
  bool is_shut_ = false;
  Status last_;
  int calls_ = 0;
};

TEST_F(StackLeaving, restores_opens_and_removes_in_calls_that_do_not_wait) {
  for (int stale : {0, 2}) {
    start(slow(stale));
    catch_up();
    until_done([&] { return restore(); }, 12);
    EXPECT_GE(calls_, 6) << "25 minutes at RDS";
    EXPECT_EQ(fake_->count("RestoreDBInstanceFromDBSnapshot"), 1);
    catch_up();
    model::PassedProof proof = prove();
    until_done([&] { return host_->open(owned(), proof, {}, progress_); }, 6);
    EXPECT_GE(calls_, 2);
    EXPECT_THAT(groups(), UnorderedElementsAre("sg-quarantine", "sg-staging"));
    catch_up();
    EXPECT_EQ(the_copy().tries, 0);
    for (int i = 0; i < 6 && !list().empty(); ++i) {
      (void)once([&] { return host_->remove(owned(), std::nullopt, progress_); });
      fake_->advance(minutes(5));
      catch_up();
    }
    EXPECT_EQ(fake_->instance(kName), "");
    expect_production_untouched();
  }
}

// The call that asked for it has not seen it fail.
TEST_F(StackLeaving, an_update_that_fails_is_told_once_and_asked_for_again) {
  model::PassedProof proof = restored_and_proven();
  fake_->fail_next_change("AWS::RDS::DBInstance", "not now");
  auto open = [&] { return host_->open(owned(), proof, {}, progress_); };
  EXPECT_EQ(once(open).error().code, Code::kInterrupted);
  fake_->advance(minutes(5));
  Status told = once(open);
  ASSERT_FALSE(told.ok());
  EXPECT_EQ(told.error().code, Code::kExternal);
  EXPECT_THAT(told.error().message, HasSubstr("could not be updated and is UPDATE_ROLLBACK_COMPLETE"));
  EXPECT_EQ(the_copy().tries, 1);
  fake_->advance(minutes(5));
  until_done(open, 4);
  EXPECT_EQ(the_copy().tries, 1);
  EXPECT_EQ(ours("UpdateStack"), 2);
}

TEST_F(StackLeaving, an_update_that_always_fails_is_not_asked_for_without_end) {
  model::PassedProof proof = restored_and_proven();
  for (int i = 0; i < 100; ++i) fake_->fail_next_change("AWS::RDS::DBInstance", "never");
  int calls = 0;
  for (; calls < 60 && the_copy().tries < 5; ++calls) {
    (void)once([&] { return host_->open(owned(), proof, {}, progress_); });
    fake_->advance(minutes(5));
  }
  EXPECT_EQ(the_copy().tries, 5) << "then it is given up, whoever counts";
  EXPECT_LT(calls, 40);
  EXPECT_THAT(the_copy().failure, HasSubstr("never"));
}

TEST_F(StackLeaving, a_deletion_that_fails_is_asked_for_again_and_told) {
  until_done([&] { return restore(); }, 12);
  YTB_CHECK(rds_->modify_db_instance({.id = kName, .deletion_protection = true}).ok());
  fake_->advance(minutes(5));
  std::vector<std::string> told;
  for (int i = 0; i < 12 && !fake_->instance(kName).empty(); ++i) {
    Status status = once([&] { return host_->remove(owned(), std::nullopt, progress_); });
    if (!status.ok() && status.error().code == Code::kExternal) told.push_back(status.error().message);
    fake_->advance(minutes(5));
  }
  EXPECT_THAT(
      told, ElementsAre(AllOf(HasSubstr("DELETE_FAILED"), HasSubstr("Cannot delete protected DB Instance"))));
  EXPECT_EQ(fake_->instance(kName), "");
  EXPECT_TRUE(list().empty());
}

TEST_F(StackLeaving, a_login_that_never_works_ends_with_the_time_of_a_restore) {
  is_shut_ = true;
  const Instant begun = clock_->now();
  Status status;
  for (int i = 0; i < 200; ++i) {
    make_host();
    status = restore();
    ASSERT_FALSE(status.ok());
    if (status.error().code != Code::kInterrupted) break;
    fake_->advance(minutes(5));
  }
  EXPECT_EQ(status.error().code, Code::kExternal) << to_string(status.error());
  EXPECT_EQ(status.error().retry, Retry::kLater) << "another attempt follows, as its hint says";
  EXPECT_THAT(status.error().message, HasSubstr("the login to " + std::string(kName)));
  EXPECT_GE(clock_->now() - begun, hours(12));
  EXPECT_LT(clock_->now() - begun, hours(13));
}

// As where heartbeats were switched off for a day: it is tried before it is given up.
TEST_F(StackLeaving, a_login_that_works_is_not_too_late) {
  EXPECT_EQ(once([&] { return restore(); }).error().code, Code::kInterrupted);
  fake_->advance(hours(24));
  until_done([&] { return restore(); }, 4);
  EXPECT_EQ(the_copy().phase, Phase::kRestored);
}

// IAM authentication is on for no longer than it was with patience.
TEST_F(StackLeaving, a_token_that_is_refused_is_given_up_after_minutes) {
  door_->overruled = true;
  door_->tokens_refused = 100'000;
  Instant on;
  Status status;
  for (int i = 0; i < 60; ++i) {
    make_host();
    status = restore();
    ASSERT_FALSE(status.ok());
    if (status.error().code != Code::kInterrupted) break;
    fake_->advance(minutes(5));
    if (on == Instant{} && instance().value("IAMDatabaseAuthenticationEnabled", false)) on = clock_->now();
  }
  EXPECT_EQ(status.error().code, Code::kConnection) << to_string(status.error());
  EXPECT_THAT(status.error().message, HasSubstr("may log in by IAM alone, and our token is refused"));
  EXPECT_NE(on, Instant{});
  EXPECT_LE(clock_->now() - on, minutes(15));
  fake_->advance(minutes(5));
  EXPECT_EQ(instance()["IAMDatabaseAuthenticationEnabled"], false);
}

// A shared encrypted snapshot is copied first: raw data beside the copy.
class StackLeavingShared : public StackLeaving {
 protected:
  void SetUp() override {
    StackLeaving::SetUp();
    seed_theirs();
  }
  void seed_theirs() {
    fakes::aws::SnapshotSeed seed;
    seed.id = "theirs";
    seed.type = "shared";
    seed.owner = "210987654321";
    seed.encrypted = true;
    seed.kms_key = "arn:aws:kms:eu-west-1:210987654321:key/k";
    seed.created = at("2026-11-22T06:00:00Z");
    fake_->seed(seed);
  }
  StackOptions options() override {
    StackOptions options = StackLeaving::options();
    options.kms_key = "arn:aws:kms:eu-west-1:123456789012:key/ours";
    return options;
  }
  Status restore_theirs() {
    return restore(request(1, snapshot("arn:aws:rds:eu-west-1:210987654321:snapshot:theirs")));
  }
  // Until there is a stack, in its first minute.
  void begin_stack() {
    for (int i = 0; i < 12 && list().empty(); ++i) {
      EXPECT_EQ(once([&] { return restore_theirs(); }).error().code, Code::kInterrupted);
      if (list().empty()) fake_->advance(minutes(5));
    }
    ASSERT_EQ(fake_->stack_status(kName), "CREATE_IN_PROGRESS");
    fake_->advance(seconds(30));
  }
  std::string copied() { return fake_->snapshot(std::string(kName) + "-source"); }
};

TEST_F(StackLeavingShared, a_deletion_while_the_stack_is_made_takes_the_copied_snapshot_along) {
  begin_stack();
  EXPECT_NE(copied(), "");
  (void)once([&] { return host_->remove(owned(), std::nullopt, progress_); });
  fake_->advance(hours(1));
  EXPECT_TRUE(list().empty()) << "nobody looks for it again";
  EXPECT_EQ(copied(), "");
}

TEST_F(StackLeavingShared, a_copied_snapshot_without_a_stack_is_seen_and_removed) {
  EXPECT_EQ(once([&] { return restore_theirs(); }).error().code, Code::kInterrupted);
  EXPECT_NE(copied(), "");
  EXPECT_TRUE(list().empty());
  EXPECT_TRUE(host_->has_leftovers().value());
  Status going = once([&] { return host_->remove_leftovers(); });
  ASSERT_FALSE(going.ok()) << "what is being copied cannot be deleted";
  EXPECT_EQ(going.error().code, Code::kInterrupted);
  EXPECT_TRUE(host_->has_leftovers().value());
  fake_->advance(minutes(15));
  must(once([&] { return host_->remove_leftovers(); }));
  EXPECT_EQ(copied(), "");
  EXPECT_FALSE(host_->has_leftovers().value());
  expect_production_untouched();
}

// However many calls look at it.
TEST_F(StackLeavingShared, a_copy_of_a_snapshot_that_never_ends_ends_with_the_time_of_a_restore) {
  fakes::aws::Settings settings = slow();
  settings.delays.snapshot = hours(1000);
  start(std::move(settings));
  seed_theirs();
  const Instant begun = clock_->now();
  Status status;
  for (int i = 0; i < 200; ++i) {
    make_host();
    status = restore_theirs();
    ASSERT_FALSE(status.ok());
    if (status.error().code != Code::kInterrupted) break;
    fake_->advance(minutes(5));
  }
  EXPECT_EQ(status.error().code, Code::kExternal) << to_string(status.error());
  EXPECT_EQ(status.error().retry, Retry::kLater);
  EXPECT_THAT(status.error().message, HasSubstr("copying the snapshot"));
  EXPECT_GE(clock_->now() - begun, hours(12));
  EXPECT_LT(clock_->now() - begun, hours(13));
}

TEST_F(StackLeavingShared, a_copied_snapshot_with_a_stack_is_left_to_it) {
  begin_stack();
  EXPECT_FALSE(host_->has_leftovers().value());
  must(once([&] { return host_->remove_leftovers(); }));
  EXPECT_NE(copied(), "");
}

}  // namespace
}  // namespace ytb::rds
