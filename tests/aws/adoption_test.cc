// Coming from the original, at the level of AWS's calls: the name resolves at every moment of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/original_stack.h"
#include "base/text.h"
#include "drivers/aws/fake_client_testing.h"
#include "drivers/rds/adopt.h"
#include "drivers/route53/route53_alias.h"

namespace ytb::rds {
namespace {

using fakes::aws::FakeAws;
using fakes::aws::Fault;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kName = "shop-yesterday.mysite.com";
constexpr const char* kStack = "shop-yesterdaytabase";
constexpr const char* kOldInstance = "shop-2026-11-22-1100";
constexpr const char* kRole = "arn:aws:iam::123456789012:role/stacks";
const model::CopyId kCopy("shop-yesterday-20261122-060000-1");

std::string edited(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

class Adoption : public ::testing::Test {
 protected:
  explicit Adoption(int stale_reads = 0) : fake_(settings(stale_reads)) {}
  void SetUp() override {
    ASSERT_EQ(FakeAws::available(), "") << "tools/setup installs botocore's models";
    fakes::aws::InstanceSeed production;
    production.id = "shop";
    fake_.seed(production);
    fakes::aws::SnapshotSeed snapshot;
    snapshot.id = "rds:shop-2026-11-22-06-00";
    snapshot.type = "automated";
    snapshot.created = *from_iso("2026-11-22T06:00:00Z");
    fake_.seed(snapshot);
    fake_.seed_subnet_group("staging");
    zone_ = fake_.seed_zone("mysite.com");
  }
  static fakes::aws::Settings settings(int stale_reads) {
    fakes::aws::Settings settings;
    settings.stale_reads = stale_reads;
    settings.delays.stack_step = std::chrono::seconds(7);
    settings.delays.instance_create = std::chrono::minutes(6);
    settings.delays.instance_delete = std::chrono::minutes(3);
    settings.delays.dns = std::chrono::seconds(12);
    return settings;
  }
  void create_original(const std::string& body = kOriginalTemplate,
                       const std::map<std::string, std::string>& more = {}, const std::string& policy = "") {
    std::map<std::string, std::string> parameters = {
        {"DBName", kOldInstance},     {"HostName", "shop-yesterday"},
        {"DomainRoot", "mysite.com"}, {"SnapshotID", "rds:shop-2026-11-22-06-00"},
        {"DiskSize", "20"},           {"SecurityGroup", "sg-0000000000000default"},
        {"SubnetGroup", "staging"}};
    for (const auto& [name, value] : more) parameters[name] = value;
    auto created = stacks_.create_stack(
        {.name = kStack, .template_body = body, .parameters = parameters, .stack_policy = policy});
    ASSERT_TRUE(created.ok()) << to_string(created.error());
    fake_.advance(std::chrono::hours(1));
    made_ = fake_.mutations().size();
  }
  void expect_created() {
    ASSERT_EQ(fake_.stack_status(kStack), "CREATE_COMPLETE");
    ASSERT_THAT(fake_.dns_values(kName, "CNAME"), ElementsAre(HasSubstr(kOldInstance)));
    clock_.watch = true;
  }
  AdoptOptions options() const {
    return {.production = model::ProductionName("shop"),
            .names = {.database = "shop", .record_name = kName, .protected_ids = {"shop", "crm"}},
            .domain = "mysite.com",
            .service_role = kRole};
  }
  // A new process each time.
  Status adopt(bool delete_old = false) {
    Adopter adopter(stacks_, rds_, route53_, options(), live_, clock_);
    ports::NoProgress progress;
    return adopter.carry_out(delete_old, progress, stop_);
  }
  ports::AdoptionPlan plan(bool delete_old = false) {
    auto plan = Adopter(stacks_, rds_, route53_, options(), live_, clock_).plan(delete_old);
    EXPECT_TRUE(plan.ok()) << (plan.ok() ? "" : to_string(plan.error()));
    return plan.ok() ? *plan : ports::AdoptionPlan{};
  }
  std::vector<std::string> targets() {
    auto targets = Adopter(stacks_, rds_, route53_, options(), live_, clock_).adopted_targets();
    EXPECT_TRUE(targets.ok()) << (targets.ok() ? "" : to_string(targets.error()));
    return targets.ok() ? *targets : std::vector<std::string>{};
  }
  // As a refresh would, with a real copy to point at.
  Status repoint(std::vector<std::string> adopted) {
    fakes::aws::InstanceSeed copy;
    copy.id = kCopy.str();
    copy.deletion_protection = false;
    fake_.seed(copy);
    auto instance = rds_.describe_db_instance(copy.id);
    EXPECT_TRUE(instance.ok() && *instance);
    copy_endpoint_ = (*instance)->endpoint->address;
    route53::Route53Alias alias(
        route53_,
        {.production = model::ProductionName("shop"),
         .domain = "mysite.com",
         .name = kName,
         .adopted_targets = [adopted = std::move(adopted)] { return Result(adopted); }},
        [this] {
          return Result(std::map<model::CopyId, route53::Endpoint>{{kCopy, {.address = copy_endpoint_}}});
        },
        {}, clock_);
    model::Proof proof;
    proof.production = model::ProductionName("shop");
    proof.copy = kCopy;
    proof.instance = "db-R";
    proof.checks.push_back({.name = "c", .asserts = "a", .outcome = model::Outcome::kPassed, .detail = ""});
    Secret key = model::new_signing_key();
    auto passed =
        model::PassedProof::verify(model::seal(proof, key)->text, *model::public_key_of(key), kCopy, "db-R");
    model::Copy live;
    live.id = kCopy;
    YTB_TRY(alias.repoint(*passed, live));
    live_ = [this, since = clock_.now()] {
      return Result(std::optional(Serving{.copy = kCopy, .endpoint = copy_endpoint_, .since = since}));
    };
    return {};
  }
  // What was changed since the original's stack was made, as "who operation target".
  std::vector<std::string> changes() {
    std::vector<std::string> out;
    const auto all = fake_.mutations();
    for (size_t i = made_; i < all.size(); ++i) {
      const bool us = all[i].principal.find("user/tester") != std::string::npos;
      out.push_back(std::string(us ? "we " : "stack ") + all[i].operation + " " + all[i].target);
    }
    return out;
  }

  // The fake's clock; at every wait the name must resolve.
  class Watching final : public Clock {
   public:
    explicit Watching(FakeAws& fake) : fake_(fake) {}
    [[nodiscard]] Instant now() const override { return fake_.now(); }
    void sleep(Duration duration) override {
      for (Duration left = duration; left > Duration{}; left -= std::chrono::seconds(1)) {
        fake_.advance(std::chrono::seconds(1));
        if (!watch) continue;
        EXPECT_THAT(fake_.dns_values(kName, "CNAME"), SizeIs(1)) << "the name is gone";
      }
    }
    bool watch = false;

   private:
    FakeAws& fake_;
  };

  FakeAws fake_;
  Watching clock_{fake_};
  SystemClock real_;
  StopFlag stop_;
  aws::FakeAwsClient client_{fake_, real_};
  aws::CloudFormation stacks_{client_.caller()};
  aws::Rds rds_{client_.caller()};
  aws::Route53 route53_{client_.caller()};
  LiveCopy live_ = [] { return Result(std::optional<Serving>()); };
  std::string zone_, copy_endpoint_;
  size_t made_ = 0;
};

TEST_F(Adoption, from_the_first_look_to_the_last_stack) {
  create_original();
  expect_created();
  ports::AdoptionPlan first = plan();
  EXPECT_THAT(first.steps, ElementsAre(HasSubstr("keep the record"), HasSubstr("let go of the record")));
  EXPECT_THAT(first.remarks, ::testing::Contains(HasSubstr("disable the original's schedule")));
  EXPECT_THAT(changes(), IsEmpty()) << "a plan changes nothing";
  EXPECT_THAT(targets(), IsEmpty()) << "the stack would take the record back";
  EXPECT_EQ(repoint(targets()).error().code, Code::kRefused);

  Status adopted = adopt();
  ASSERT_TRUE(adopted.ok()) << to_string(adopted.error());
  const std::string stack = "we UpdateStack stack:";
  ASSERT_THAT(changes(), ElementsAre(::testing::StartsWith(stack), ::testing::StartsWith(stack)))
      << "the record, the instance and everything else are as they were";
  EXPECT_EQ(fake_.stack_status(kStack), "UPDATE_COMPLETE");
  EXPECT_THAT(fake_.dns_values(kName, "CNAME"), ElementsAre(HasSubstr(kOldInstance)));
  EXPECT_THAT(plan().steps, IsEmpty());
  ASSERT_TRUE(adopt().ok()) << "twice is as once";
  EXPECT_THAT(changes(), SizeIs(2));

  Status early = adopt(true);
  ASSERT_FALSE(early.ok());
  EXPECT_THAT(early.error().message, HasSubstr("does not point at a copy of ours"));

  Status moved = repoint(targets());
  ASSERT_TRUE(moved.ok()) << to_string(moved.error());
  EXPECT_THAT(fake_.dns_values(kName, "CNAME"), ElementsAre(copy_endpoint_));
  EXPECT_THAT(targets(), IsEmpty());
  early = adopt(true);
  ASSERT_FALSE(early.ok()) << "clients may still hold on to the old address";
  EXPECT_EQ(early.error().retry, Retry::kLater);
  EXPECT_THAT(plan(true).remarks, ::testing::Contains(HasSubstr("not deleted yet")));
  EXPECT_NE(fake_.instance(kOldInstance), "");

  fake_.advance(std::chrono::minutes(6));
  EXPECT_THAT(plan(true).steps, ElementsAre(HasSubstr("delete shop-yesterdaytabase")));
  Status deleted = adopt(true);
  ASSERT_TRUE(deleted.ok()) << to_string(deleted.error());
  EXPECT_EQ(fake_.stack_status(kStack), "");
  EXPECT_EQ(fake_.instance(kOldInstance), "");
  EXPECT_THAT(fake_.dns_values(kName, "CNAME"), ElementsAre(copy_endpoint_));
  EXPECT_NE(fake_.instance("shop"), "");
  for (const auto& call : fake_.mutations()) {
    EXPECT_NE(call.target, "db:shop") << call.operation;
    if (call.operation == "DeleteStack") {
      EXPECT_THAT(call.input, HasSubstr(kRole)) << "the stack has no role of its own";
    }
    if (call.operation == "UpdateStack") {
      EXPECT_THAT(call.input, ::testing::Not(HasSubstr(kRole))) << "a stack would keep it";
    }
    EXPECT_EQ(call.input.find("FinalDBSnapshotIdentifier"), std::string::npos) << "raw data left behind";
  }
  ASSERT_TRUE(adopt(true).ok()) << "there is nothing left to do";
}

// Killed at each point where a call goes out: before it is done, or after it with the answer lost.
TEST_F(Adoption, killed_anywhere_the_next_run_goes_on) {
  create_original();
  expect_created();
  for (const Fault::Kind kind : {Fault::Kind::kDropBefore, Fault::Kind::kDropAfter, Fault::Kind::kThrottle}) {
    for (int attempt = 1; attempt <= 3; ++attempt) fake_.fail("UpdateStack", attempt, {.kind = kind});
  }
  for (const char* operation : {"DescribeStacks", "GetTemplate", "DescribeStackResources",
                                "ListResourceRecordSets", "DescribeDBInstances"}) {
    fake_.fail(operation, 1, {.kind = Fault::Kind::kAccessDenied});
    EXPECT_FALSE(adopt().ok()) << operation;
  }
  Status adopted = adopt();
  for (int run = 0; run < 3 && !adopted.ok(); ++run) adopted = adopt();
  ASSERT_TRUE(adopted.ok()) << to_string(adopted.error());
  ASSERT_TRUE(repoint(targets()).ok());
  fake_.advance(std::chrono::minutes(6));
  for (int attempt = 1; attempt <= 3; ++attempt)
    fake_.fail("DeleteStack", attempt, {.kind = Fault::Kind::kDropAfter});
  Status deleted = adopt(true);
  if (!deleted.ok()) deleted = adopt(true);
  ASSERT_TRUE(deleted.ok()) << to_string(deleted.error());
  EXPECT_EQ(fake_.stack_status(kStack), "");
  EXPECT_THAT(fake_.dns_values(kName, "CNAME"), ElementsAre(copy_endpoint_));
}

TEST_F(Adoption, a_stop_between_steps_is_safe) {
  create_original();
  expect_created();
  class Stopping final : public ports::Progress {
   public:
    explicit Stopping(StopFlag& stop) : stop_(stop) {}
    void update(const ports::ProgressUpdate&) override {}
    void note(std::string_view) override { stop_.request(); }

   private:
    StopFlag& stop_;
  };
  for (int run = 0; run < 2; ++run) {
    StopFlag stop;
    Stopping progress(stop);
    Status stopped =
        Adopter(stacks_, rds_, route53_, options(), live_, clock_).carry_out(false, progress, stop);
    ASSERT_FALSE(stopped.ok());
    EXPECT_EQ(stopped.error().code, Code::kInterrupted);
  }
  EXPECT_THAT(changes(), SizeIs(2));
  ASSERT_TRUE(adopt().ok());
  EXPECT_THAT(changes(), SizeIs(2)) << "both steps were begun before the stops";
  EXPECT_EQ(targets().size(), 1U);
}

TEST_F(Adoption, what_is_not_the_originals_is_refused_with_what_differs) {
  struct Case {
    const char* from;
    const char* to;
    std::map<std::string, std::string> parameters;
    const char* said;
  };
  const Case cases[] = {
      {"Outputs:",
       "  Group:\n    Type: 'AWS::RDS::DBParameterGroup'\n    Properties: {Description: d, Family: "
       "postgres15}\nOutputs:",
       {},
       "it has a resource Group"},
      {"!GetAtt Instance.Endpoint.Address", "db.elsewhere.example.com", {}, "does not point at its instance"},
      {"  SubnetGroup: {Type: String}",
       "  SubnetGroup: {Type: String}\n  Owner: {Type: String, Default: me}",
       {},
       "it has a parameter Owner"},
      {"Comment: yesterday's copy",
       "Comment: yesterday's copy",
       {{"DBName", "shop-main"}},
       "called shop-main and not shop-YYYY-MM-DD-HHMM"},
      {"Comment: yesterday's copy",
       "Comment: yesterday's copy",
       {{"HostName", "db"}},
       "its record is db.mysite.com"},
      {"Comment: yesterday's copy", "Comment: yesterday's copy", {{"DBName", "crm"}}, "is a production"},
      {"DBInstanceIdentifier: !Ref DBName",
       "DBInstanceIdentifier: shop-2026-11-22-1100",
       {},
       "is not called DBName"},
  };
  for (const Case& each : cases) {
    create_original(edited(kOriginalTemplate, each.from, each.to), each.parameters);
    ASSERT_EQ(fake_.stack_status(kStack), "CREATE_COMPLETE") << each.said;
    Status refused = adopt(true);
    ASSERT_FALSE(refused.ok()) << each.said;
    EXPECT_EQ(refused.error().code, Code::kRefused);
    EXPECT_THAT(refused.error().message, HasSubstr(each.said));
    EXPECT_THAT(changes(), IsEmpty()) << each.said;
    ASSERT_TRUE(stacks_.delete_stack(kStack).ok());
    fake_.advance(std::chrono::hours(1));
    ASSERT_EQ(fake_.stack_status(kStack), "");
  }
}

TEST_F(Adoption, a_record_that_somebody_moved_by_hand_is_refused) {
  create_original();
  expect_created();
  fake_.seed_record(zone_, kName, "CNAME", 300, {"db.elsewhere.example.com"});
  Status refused = adopt();
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("points at db.elsewhere.example.com"));
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(Adoption, a_stack_that_may_not_change_says_why_and_stays_whole) {
  create_original(kOriginalTemplate, {}, R"({"Statement":[
    {"Effect":"Allow","Action":"Update:Modify","Principal":"*","Resource":"*"},
    {"Effect":"Deny","Action":"Update:Delete","Principal":"*","Resource":"*"}]})");
  expect_created();
  Status undone = adopt();
  ASSERT_FALSE(undone.ok());
  EXPECT_THAT(undone.error().message, HasSubstr("denied by stack policy"));
  EXPECT_THAT(fake_.dns_values(kName, "CNAME"), ElementsAre(HasSubstr(kOldInstance)));
}

TEST_F(Adoption, original_defect_3_a_stack_that_was_rolled_back_is_not_updated) {
  fake_.fail_next_resource("AWS::RDS::DBInstance", "no capacity");
  create_original();
  ASSERT_EQ(fake_.stack_status(kStack), "ROLLBACK_COMPLETE");
  Status stuck = adopt();
  ASSERT_FALSE(stuck.ok());
  EXPECT_THAT(stuck.error().message, HasSubstr("ROLLBACK_COMPLETE"));
  EXPECT_THAT(stuck.error().hint, HasSubstr("delete-stack"));
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(Adoption, a_record_whose_stack_and_instance_are_gone_may_be_moved) {
  fake_.seed_record(zone_, kName, "CNAME", 300,
                    {std::string(kOldInstance) + ".abc123.eu-west-1.rds.amazonaws.com"});
  EXPECT_THAT(targets(), SizeIs(1));
  EXPECT_TRUE(repoint(targets()).ok());
  // One of another kind of name never is.
  fake_.seed_record(zone_, kName, "CNAME", 300, {"shop.abc123.eu-west-1.rds.amazonaws.com"});
  EXPECT_THAT(targets(), IsEmpty());
}

class LaggingAdoption : public Adoption {
 protected:
  LaggingAdoption() : Adoption(3) {}
};

// Each change is hidden from the next three looks.
TEST_F(LaggingAdoption, looks_that_lag_behind_do_not_lead_astray) {
  create_original();
  expect_created();
  Status adopted = adopt();
  for (int run = 0; run < 3 && !adopted.ok(); ++run) adopted = adopt();
  ASSERT_TRUE(adopted.ok()) << to_string(adopted.error());
  EXPECT_THAT(targets(), SizeIs(1));
  Status moved = repoint(targets());
  ASSERT_TRUE(moved.ok()) << to_string(moved.error());
  fake_.advance(std::chrono::minutes(6));
  Status deleted = adopt(true);
  for (int run = 0; run < 3 && !deleted.ok(); ++run) deleted = adopt(true);
  ASSERT_TRUE(deleted.ok()) << to_string(deleted.error());
  EXPECT_EQ(fake_.stack_status(kStack), "");
  EXPECT_THAT(fake_.dns_values(kName, "CNAME"), ElementsAre(copy_endpoint_));
}

}  // namespace
}  // namespace ytb::rds
