// Openings whose update is rolled back, and whose rollback fails: the stack is in UPDATE_ROLLBACK_FAILED,
// where CloudFormation takes nothing but to continue.
#include "drivers/rds/stack_testing.h"

namespace ytb::rds {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr const char* kName = "shop-yesterday-20261122-060000-1";

class StackRollback : public StackTest {
 protected:
  // The stack's own statuses, in order.
  std::vector<std::string> statuses() {
    std::vector<std::string> found;
    must(stacks_->describe_stack_events(kName, [&](const aws::StackEvent& event) -> Result<bool> {
      if (event.physical_id == event.stack_id) found.insert(found.begin(), event.status);
      return true;
    }));
    return found;
  }
  // As another process does, once what was in the way is gone.
  void expect_the_next_tick_opens(const model::PassedProof& proof, int continued) {
    EXPECT_EQ(fake_->stack_status(kName), "UPDATE_ROLLBACK_FAILED");
    make_host();
    must(host_->open(owned(), proof, {}, progress_));
    EXPECT_EQ(ours("ContinueUpdateRollback"), continued);
    EXPECT_EQ(fake_->stack_status(kName), "UPDATE_COMPLETE");
    EXPECT_THAT(groups(), UnorderedElementsAre("sg-quarantine", "sg-staging"));
    EXPECT_EQ(door_->opened, 1);
    EXPECT_TRUE(the_copy().opened);
    expect_production_untouched();
  }
};

TEST_F(StackRollback, one_that_failed_is_continued_by_the_next_tick_which_then_opens) {
  for (int stale : {0, 3}) {
    start(slow(stale));
    catch_up();
    must(persist([&] { return restore(); }));
    catch_up();
    model::PassedProof proof = prove();
    for (const char* what : {"the update", "its rollback"})
      fake_->fail_next_change("AWS::RDS::DBInstance", what);
    const model::OwnedCopy closed = owned();
    Status status = host_->open(closed, proof, {}, progress_);
    ASSERT_FALSE(status.ok());
    EXPECT_THAT(status.error().message, HasSubstr("UPDATE_ROLLBACK_FAILED: Instance: the update"));
    EXPECT_EQ(status.error().retry, Retry::kLater);
    EXPECT_FALSE(the_copy().opened);
    EXPECT_EQ(ours("ContinueUpdateRollback"), 0) << "what was in the way is in the way still";
    expect_the_next_tick_opens(proof, 1);
    EXPECT_THAT(
        statuses(),
        ElementsAre("CREATE_IN_PROGRESS", "CREATE_COMPLETE", "UPDATE_IN_PROGRESS",
                    "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_IN_PROGRESS",
                    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE",
                    "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"));
  }
}

// The instance itself is what is in the way, when the groups are on it already.
TEST_F(StackRollback, one_that_failed_half_way_is_undone_before_it_is_opened_again) {
  must(restore());
  model::PassedProof proof = prove();
  const int changes = fake_->count("ModifyDBInstance");
  clock_->on_sleep = [&] {
    if (fake_->count("ModifyDBInstance") > changes) fake_->set_instance_status(kName, "incompatible-network");
  };
  Status status = host_->open(owned(), proof, {}, progress_);
  clock_->on_sleep = nullptr;
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("UPDATE_ROLLBACK_FAILED: Instance: "));
  fake_->advance(std::chrono::minutes(5));
  fake_->set_instance_status(kName, "available");
  EXPECT_THAT(groups(), UnorderedElementsAre("sg-quarantine", "sg-staging"));
  expect_the_next_tick_opens(proof, 1);
}

// CloudFormation does what has the same token once: each failure is continued after by a token of its own.
TEST_F(StackRollback, that_fails_again_and_again_is_continued_each_time_and_not_for_ever) {
  must(restore());
  model::PassedProof proof = prove();
  constexpr int kUndone = 4;
  for (int i = 0; i < 1 + kUndone; ++i) fake_->fail_next_change("AWS::RDS::DBInstance", "not now");
  EXPECT_FALSE(host_->open(owned(), proof, {}, progress_).ok());
  EXPECT_EQ(ours("ContinueUpdateRollback"), 0);
  Status status = host_->open(owned(), proof, {}, progress_);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().retry, Retry::kLater);
  EXPECT_THAT(status.error().message, HasSubstr("UPDATE_ROLLBACK_FAILED: Instance: not now"));
  EXPECT_EQ(ours("ContinueUpdateRollback"), 2);
  expect_the_next_tick_opens(proof, kUndone);
}

}  // namespace
}  // namespace ytb::rds
