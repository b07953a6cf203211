#include "drivers/route53/route53_alias.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/aws/fake_client_testing.h"

namespace ytb::route53 {
namespace {

using fakes::aws::FakeAws;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const model::CopyId kFirst("shop-yesterday-20261121-060000-1");
const model::CopyId kSecond("shop-yesterday-20261122-060000-1");
constexpr const char* kName = "shop-yesterday.mysite.com";

std::string endpoint_of(const model::CopyId& copy) {
  return copy.str() + ".abc123.eu-west-1.rds.amazonaws.com";
}

class Alias : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(FakeAws::available(), "") << "tools/setup installs botocore's models";
    signing_key_ = model::new_signing_key();
  }
  static fakes::aws::Settings settings() {
    fakes::aws::Settings settings;
    settings.delays.dns = std::chrono::seconds(12);
    return settings;
  }
  std::unique_ptr<Route53Alias> make(AliasOptions options = {}) {
    options.production = model::ProductionName("shop");
    options.name = kName;
    if (options.zone_id.empty()) options.domain = "mysite.com";
    return std::make_unique<Route53Alias>(
        client_, options, [this] { return Result(endpoints_); }, resolver_, clock_);
  }
  model::PassedProof proof_of(const model::CopyId& copy) {
    model::Proof proof;
    proof.production = model::ProductionName("shop");
    proof.copy = copy;
    proof.instance = "db-RESOURCE";
    proof.checks.push_back({.name = "c", .asserts = "a", .outcome = model::Outcome::kPassed, .detail = ""});
    auto sealed = model::seal(proof, signing_key_);
    auto passed =
        model::PassedProof::verify(sealed->text, *model::public_key_of(signing_key_), copy, "db-RESOURCE");
    EXPECT_TRUE(passed.ok()) << (passed.ok() ? "" : to_string(passed.error()));
    return std::move(passed).value();
  }
  static model::Copy copy_of(const model::CopyId& id) {
    model::Copy copy;
    copy.id = id;
    return copy;
  }
  model::AliasState read(Route53Alias& alias) {
    auto state = alias.read();
    EXPECT_TRUE(state.ok()) << (state.ok() ? "" : to_string(state.error()));
    return state.ok() ? *state : model::AliasState{};
  }

  // The fake's clock goes forward when the alias waits, and only then.
  class Waiting final : public Clock {
   public:
    explicit Waiting(FakeAws& fake) : fake_(fake) {}
    [[nodiscard]] Instant now() const override { return fake_.now(); }
    void sleep(Duration duration) override { fake_.advance(duration); }

   private:
    FakeAws& fake_;
  };

  FakeAws fake_{settings()};
  Waiting clock_{fake_};
  SystemClock real_;
  aws::FakeAwsClient fake_client_{fake_, real_};
  aws::Route53 client_{fake_client_.caller()};
  Secret signing_key_;
  std::map<model::CopyId, Endpoint> endpoints_ = {{kFirst, {endpoint_of(kFirst)}},
                                                  {kSecond, {endpoint_of(kSecond)}}};
  Resolver resolver_ = [this](const std::string& name) { return Result(fake_.dns_values(name, "CNAME")); };
};

TEST_F(Alias, moves_and_is_seen_only_once_it_is_in_sync) {
  fake_.seed_zone("mysite.com");
  auto alias = make();
  EXPECT_FALSE(read(*alias).target);
  Status moved = alias->repoint(proof_of(kFirst), copy_of(kFirst));
  ASSERT_TRUE(moved.ok()) << to_string(moved.error());
  EXPECT_GE(fake_.count("GetChange"), 2) << "it waited";
  EXPECT_THAT(fake_.dns_values(kName, "CNAME"), ElementsAre(HasSubstr(kFirst.str())));
  model::AliasState state = read(*alias);
  EXPECT_EQ(state.target, kFirst);
  EXPECT_TRUE(state.seen);
  EXPECT_TRUE(state.consistent);

  ASSERT_TRUE(alias->repoint(proof_of(kSecond), copy_of(kSecond)).ok());
  EXPECT_EQ(read(*alias).target, kSecond);
  resolver_ = [](const std::string&) { return Result(std::vector<std::string>{endpoint_of(kFirst)}); };
  EXPECT_FALSE(read(*make()).seen) << "a resolver that still has the old answer";

  ASSERT_TRUE(alias->remove().ok());
  EXPECT_FALSE(read(*alias).target);
  EXPECT_TRUE(alias->remove().ok()) << "twice is as once";
}

// Whoever comes again anyway waits, too: the old copy goes by what INSYNC says, not by one resolver's answer.
TEST_F(Alias, a_move_is_waited_for_also_by_who_leaves_and_a_removal_is_not) {
  fake_.seed_zone("mysite.com");
  auto alias = make({.patience = ports::Patience::kLeave});
  const Instant begun = clock_.now();
  Status moved = alias->repoint(proof_of(kFirst), copy_of(kFirst));
  ASSERT_TRUE(moved.ok()) << to_string(moved.error());
  EXPECT_GE(clock_.now() - begun, std::chrono::seconds(10));
  EXPECT_LE(clock_.now() - begun, std::chrono::seconds(60));
  EXPECT_TRUE(read(*alias).seen);
  Status removed = alias->remove();
  ASSERT_FALSE(removed.ok());
  EXPECT_EQ(removed.error().code, Code::kInterrupted);
  EXPECT_TRUE(alias->remove().ok()) << "the record is gone";
}

// What is refused is not a zone that is missing, and what is missing is said by the first call.
TEST_F(Alias, asks_once_whether_its_zone_is_there) {
  const std::string zone = fake_.seed_zone("mysite.com");
  fake_.fail("ListResourceRecordSets", 1, {.kind = fakes::aws::Fault::Kind::kAccessDenied});
  auto denied = make({.zone_id = zone})->read();
  ASSERT_FALSE(denied.ok());
  EXPECT_THAT(denied.error().message, HasSubstr("ListResourceRecordSets"));
  auto missing = make({.zone_id = "Z00000000000000000000"})->read();
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, Code::kConfig) << to_string(missing.error());
  EXPECT_EQ(missing.error().message, "there is no hosted zone Z00000000000000000000");
  EXPECT_EQ(fake_.count("GetHostedZone"), 0);
}

// The original took the first zone of that name.
TEST_F(Alias, original_defect_11_two_zones_of_one_name_are_a_question) {
  std::string open = fake_.seed_zone("mysite.com");
  std::string inside = fake_.seed_zone("mysite.com", true);
  auto state = make()->read();
  ASSERT_FALSE(state.ok());
  EXPECT_EQ(state.error().code, Code::kConfig);
  EXPECT_THAT(state.error().message, HasSubstr(open + " (public)"));
  EXPECT_THAT(state.error().message, HasSubstr(inside + " (private)"));
  auto named = make({.zone_id = inside});
  ASSERT_TRUE(named->repoint(proof_of(kFirst), copy_of(kFirst)).ok());
  EXPECT_THAT(fake_.dns_values(kName, "CNAME"), ::testing::IsEmpty()) << "the public zone is as it was";
}

TEST_F(Alias, a_record_that_is_not_ours_is_shown_and_never_changed) {
  std::string zone = fake_.seed_zone("mysite.com");
  fake_.seed_record(zone, kName, "CNAME", 300, {"shop.abc123.eu-west-1.rds.amazonaws.com"});
  auto alias = make();
  model::AliasState state = read(*alias);
  EXPECT_FALSE(state.target);
  EXPECT_THAT(state.stray, HasSubstr("shop.abc123"));
  Status refused = alias->repoint(proof_of(kFirst), copy_of(kFirst));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kRefused);
  EXPECT_FALSE(alias->remove().ok());
  EXPECT_TRUE(fake_.mutations().empty());
}

TEST_F(Alias, a_copy_that_went_leaves_a_name_that_may_be_moved) {
  std::string zone = fake_.seed_zone("mysite.com");
  fake_.seed_record(zone, kName, "CNAME", 60, {endpoint_of(kFirst)});
  endpoints_.erase(kFirst);
  auto alias = make();
  model::AliasState state = read(*alias);
  EXPECT_FALSE(state.target);
  EXPECT_THAT(state.stray, HasSubstr(kFirst.str()));
  EXPECT_TRUE(alias->repoint(proof_of(kSecond), copy_of(kSecond)).ok());
  EXPECT_EQ(read(*alias).target, kSecond);
}

// RDS allows 63 characters: a long production's copies have shorter names than their ids.
TEST_F(Alias, a_shortened_name_is_known_as_ours_once_its_copy_went) {
  std::string zone = fake_.seed_zone("mysite.com");
  fake_.seed_record(zone, kName, "CNAME", 60,
                    {"sh-1a2b3c-yesterday-20261120-060000-1.abc123.eu-west-1.rds.amazonaws.com"});
  EXPECT_EQ(make()->repoint(proof_of(kSecond), copy_of(kSecond)).error().code, Code::kRefused);
  AliasOptions options;
  options.copy_prefix = "sh-1a2b3c-yesterday-";
  auto alias = make(options);
  EXPECT_THAT(read(*alias).stray, HasSubstr("sh-1a2b3c"));
  EXPECT_TRUE(alias->repoint(proof_of(kSecond), copy_of(kSecond)).ok());
}

TEST_F(Alias, says_how_to_connect_and_what_does_not_work) {
  fake_.seed_zone("mysite.com");
  endpoints_[kFirst].port = 6543;
  AliasOptions options;
  options.user = "staging";
  options.dbname = "shop";
  auto alias = make(options);
  EXPECT_EQ(read(*alias).connect,
            "psql \"host=shop-yesterday.mysite.com port=5432 dbname=… user=staging sslmode=require\"");
  ASSERT_TRUE(alias->repoint(proof_of(kFirst), copy_of(kFirst)).ok());
  model::AliasState state = read(*alias);
  EXPECT_EQ(state.connect,
            "psql \"host=shop-yesterday.mysite.com port=6543 dbname=… user=staging sslmode=require\"");
  EXPECT_EQ(state.host, endpoint_of(kFirst));
  EXPECT_EQ(state.port, 6543);
  EXPECT_EQ(state.path.host, "shop-yesterday.mysite.com");
  EXPECT_EQ(state.path.port, 6543);
  EXPECT_EQ(state.path.sslmode, "require");
  EXPECT_EQ(state.path.dbname, "shop");
  EXPECT_THAT(state.note, HasSubstr("sslmode=verify-full fails"));
}

TEST_F(Alias, wants_the_proof_of_this_copy_and_its_endpoint) {
  fake_.seed_zone("mysite.com");
  auto alias = make();
  EXPECT_EQ(alias->repoint(proof_of(kFirst), copy_of(kSecond)).error().code, Code::kRefused);
  endpoints_.erase(kFirst);
  Status early = alias->repoint(proof_of(kFirst), copy_of(kFirst));
  ASSERT_FALSE(early.ok());
  EXPECT_EQ(early.error().retry, Retry::kLater);
  EXPECT_TRUE(fake_.mutations().empty());
}

TEST_F(Alias, a_change_without_an_answer_is_in_doubt_and_looked_at) {
  fake_.seed_zone("mysite.com");
  auto alias = make();
  // Every try is done and never answered.
  for (int i = 1; i <= 3; ++i)
    fake_.fail("ChangeResourceRecordSets", i, {.kind = fakes::aws::Fault::Kind::kDropAfter});
  Status lost = alias->repoint(proof_of(kFirst), copy_of(kFirst));
  ASSERT_FALSE(lost.ok());
  EXPECT_EQ(lost.error().retry, Retry::kInDoubt);
  EXPECT_EQ(read(*alias).target, kFirst);
}

TEST_F(Alias, an_order_before_the_last_one_is_done_is_asked_again) {
  fake_.seed_zone("mysite.com");
  fake_.fail("ChangeResourceRecordSets", 1,
             {.kind = fakes::aws::Fault::Kind::kCode, .code = "PriorRequestNotComplete", .status = 400});
  auto alias = make();
  EXPECT_TRUE(alias->repoint(proof_of(kFirst), copy_of(kFirst)).ok());
}

}  // namespace
}  // namespace ytb::route53
