// What is kept in S3, where two write at once.
#include "drivers/rds/stack_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "drivers/aws/fake_client_testing.h"
#include "fakes/aws/small_services.h"

namespace ytb::rds {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

// Something happens right before each write.
class Between final : public http::Transport {
 public:
  Between(http::Transport& inner, std::function<void()> what) : inner_(inner), what_(std::move(what)) {}
  Result<http::Response> send(const http::Request& request) override {
    if (request.method == "PUT") what_();
    return inner_.send(request);
  }

 private:
  http::Transport& inner_;
  std::function<void()> what_;
};

class StackStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(fakes::aws::FakeAws::available(), "") << "tools/setup installs botocore's models";
    fake_.s3().seed_bucket("proofs");
  }
  static model::Attempt attempt(int number) {
    model::Attempt attempt;
    attempt.snapshot = model::SnapshotId("s");
    attempt.data_as_of = *from_iso("2026-11-22T06:00:00Z");
    attempt.at = *from_iso("2026-11-22T07:00:00Z");
    attempt.attempt = number;
    return attempt;
  }
  std::vector<int> numbers() {
    std::vector<int> out;
    auto all = other_.attempts();
    EXPECT_TRUE(all.ok());
    for (const model::Attempt& each : *all) out.push_back(each.attempt);
    return out;
  }
  Status add_while(int number, const std::function<void()>& what) {
    Between between(client_.transport(), what);
    aws::FixedCredentials credentials(aws::FakeAwsClient::identity());
    aws::Caller caller(between, credentials, clock_, {.region = "eu-west-1", .url = fake_.endpoint()});
    aws::S3 s3(caller);
    return StackStore(s3, "proofs", "ytb", model::ProductionName("shop")).add(attempt(number));
  }

  fakes::aws::FakeAws fake_;
  SystemClock clock_;
  aws::FakeAwsClient client_{fake_, clock_};
  aws::S3 s3_{client_.caller()};
  StackStore other_{s3_, "proofs", "ytb", model::ProductionName("shop")};
};

TEST_F(StackStoreTest, what_somebody_else_writes_meanwhile_is_kept) {
  int writes = 0;
  // The first is new for both, the second a change by both.
  for (int round = 0; round < 2; ++round) {
    writes = 0;
    Status added = add_while(10 + round, [&] {
      if (writes++ > 0) return;
      ASSERT_TRUE(other_.add(attempt(round)).ok());
    });
    ASSERT_TRUE(added.ok()) << to_string(added.error());
    EXPECT_EQ(writes, 2) << "it is read and written once more";
  }
  EXPECT_THAT(numbers(), UnorderedElementsAre(0, 10, 1, 11));
}

TEST_F(StackStoreTest, somebody_who_never_ceases_is_told_of) {
  int number = 0;
  Status refused = add_while(99, [&] { ASSERT_TRUE(other_.add(attempt(++number)).ok()); });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kBusy);
  EXPECT_EQ(refused.error().retry, Retry::kLater);
  EXPECT_THAT(numbers(), ElementsAre(2, 1));
}

TEST_F(StackStoreTest, an_answer_that_was_lost_is_no_second_attempt) {
  ASSERT_TRUE(other_.add(attempt(1)).ok());
  fake_.fail("PutObject", 1, {.kind = fakes::aws::Fault::Kind::kDropAfter});
  Status added = other_.add(attempt(2));
  ASSERT_TRUE(added.ok()) << to_string(added.error());
  EXPECT_THAT(numbers(), ElementsAre(2, 1));
}

}  // namespace
}  // namespace ytb::rds
