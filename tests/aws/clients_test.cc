// The AWS clients as they go out: signed, through libcurl, to a server that parses by AWS's own service
// models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "drivers/aws/cloudformation.h"
#include "drivers/aws/fake_client_testing.h"
#include "drivers/aws/rds.h"
#include "drivers/aws/route53.h"
#include "drivers/aws/sts.h"
#include "tests/postgres_cluster.h"

namespace ytb::aws {
namespace {

using fakes::aws::FakeAws;
using fakes::aws::Fault;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Real time, but for the waiting between tries.
class ImpatientClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return SystemClock().now(); }
  void sleep(Duration) override {}
};

class AwsClients : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FakeAws::available().empty()) GTEST_SKIP() << FakeAws::available();
  }
  static fakes::aws::SnapshotSeed snapshot(const std::string& id) {
    fakes::aws::SnapshotSeed seed;
    seed.id = id;
    seed.created = *from_iso("2026-11-21T06:00:00Z");
    return seed;
  }
  Status collect(const SnapshotQuery& query, std::vector<std::string>& ids) {
    return Rds(caller_).describe_db_snapshots(query, [&](const DbSnapshot& one) -> Status {
      ids.push_back(one.id);
      return {};
    });
  }

  FakeAws fake_;
  ImpatientClock clock_;
  FakeAwsClient client_{
      fake_, clock_, {.connect_timeout = std::chrono::seconds(2), .total_timeout = std::chrono::seconds(2)}};
  Caller& caller_ = client_.caller();
};

TEST_F(AwsClients, WeAreWhoWeSay) {
  const auto identity = Sts(caller_).get_caller_identity();
  ASSERT_TRUE(identity.ok()) << identity.error().message;
  EXPECT_EQ(identity->arn, "arn:aws:iam::123456789012:user/tester");

  const auto role = Sts(caller_).assume_role(
      {.role_arn = "arn:aws:iam::123456789012:role/keeper", .session_name = "s1", .duration_s = 900});
  ASSERT_TRUE(role.ok()) << role.error().message;
  FixedCredentials as_role(role->clone());
  Caller by_role(client_.transport(), as_role, clock_, caller_.endpoints());
  EXPECT_EQ(Sts(by_role).get_caller_identity()->arn, "arn:aws:sts::123456789012:assumed-role/keeper/s1");
}

// botocore's own, at a time of our choosing, for names that need encoding and a session's credentials.
TEST_F(AwsClients, TheTokenOfALoginIsBotocores) {
  constexpr const char* kScript = R"(
import botocore.auth, botocore.session, datetime, json, sys
class Then(datetime.datetime):
    @classmethod
    def utcnow(cls): return cls(2026, 11, 22, 7, 8, 9)
    @classmethod
    def now(cls, tz=None): return cls(2026, 11, 22, 7, 8, 9, tzinfo=tz)
botocore.auth.datetime.datetime = Then
if hasattr(botocore.auth, 'get_current_datetime'): botocore.auth.get_current_datetime = lambda *a, **k: Then.utcnow()
for one in json.load(sys.stdin):
    session = botocore.session.Session()
    session.set_credentials('AKIDEXAMPLE', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', one['token'] or None)
    print(session.create_client('rds', region_name='us-east-1').generate_db_auth_token(one['host'], one['port'], one['user']))
)";
  struct Login {
    RdsLogin login;
    std::string token;
  };
  const std::vector<Login> logins = {
      {{.host = "shop.c0ffee.us-east-1.rds.amazonaws.com", .port = 5432, .user = "master"}, ""},
      {{.host = "shop.cluster-c0ffee.us-east-1.rds.amazonaws.com", .port = 443, .user = "a b/\xC3\xBC&\"x"},
       "token+with/what=is=encoded"}};
  nlohmann::json asked = nlohmann::json::array();
  for (const Login& one : logins) {
    asked.push_back(
        {{"host", one.login.host}, {"port", one.login.port}, {"user", one.login.user}, {"token", one.token}});
  }
  const ytb::testing::RunResult made =
      ytb::testing::run_program({"/usr/bin/python3", "-c", kScript}, "", asked.dump());
  ASSERT_EQ(made.status, 0) << made.err;
  // The order of parameters is none of the signature's, and differs from one botocore to the next.
  auto in_order = [](const std::string& token) {
    std::vector<std::string> parts = split(token, '&');
    std::sort(parts.begin(), parts.end());
    return join(parts, "&");
  };
  std::vector<std::string> theirs = split(made.out, '\n');
  ASSERT_EQ(theirs.size(), logins.size() + 1) << made.out;
  size_t next = 0;
  for (const Login& one : logins) {
    Credentials who{.access_key_id = "AKIDEXAMPLE",
                    .secret_access_key = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                    .session_token = Secret(one.token),
                    .expires_at = {},
                    .source = "test"};
    const Secret ours = rds_token(one.login, who, "us-east-1", *from_iso("2026-11-22T07:08:09Z"));
    EXPECT_EQ(in_order(std::string(ours.reveal())), in_order(theirs[next++]));
  }
}

TEST_F(AwsClients, AWrongKeyIsRefused) {
  Credentials wrong = FakeAwsClient::identity();
  wrong.secret_access_key = Secret("not-the-secret-key");
  FixedCredentials wrong_credentials(std::move(wrong));
  Caller stranger(client_.transport(), wrong_credentials, clock_, caller_.endpoints());
  const Error refused = Sts(stranger).get_caller_identity().error();
  EXPECT_THAT(refused.message, HasSubstr("SignatureDoesNotMatch"));
  EXPECT_EQ(refused.retry, Retry::kNever);
}

TEST_F(AwsClients, SnapshotsOfManyPages) {
  for (int i = 0; i < 230; ++i) fake_.seed(snapshot("s" + std::to_string(1000 + i)));
  fakes::aws::SnapshotSeed other = snapshot("other");
  other.instance = "elsewhere";
  fake_.seed(other);
  fakes::aws::SnapshotSeed making = snapshot("making");
  making.status = "creating";
  fake_.seed(making);
  std::vector<std::string> ids;
  const Status status = collect({.source_id = "shop"}, ids);
  ASSERT_TRUE(status.ok()) << status.error().message;
  EXPECT_EQ(ids.size(), 231U);
  EXPECT_EQ(fake_.count("DescribeDBSnapshots"), 3);
  ids.clear();
  ASSERT_TRUE(collect({.snapshot_id = "nothing"}, ids).ok());
  EXPECT_TRUE(ids.empty());
}

TEST_F(AwsClients, SnapshotsAreCopiedTaggedAndDeleted) {
  fake_.seed(snapshot("source"));
  Rds rds(caller_);
  const CopySnapshot copy{
      .source = "source", .target_id = "target", .tags = {{"yesterdaytabase:owner", "us me"}}};
  const auto copied = rds.copy_db_snapshot(copy);
  ASSERT_TRUE(copied.ok()) << copied.error().message;
  const std::string arn = (*copied)->arn;
  EXPECT_EQ(rds.list_tags_for_resource(arn).value(), copy.tags);
  EXPECT_FALSE(rds.copy_db_snapshot(copy)->has_value());
  ASSERT_TRUE(rds.add_tags_to_resource(arn, {{"phase", "x/y=z"}}).ok());
  ASSERT_TRUE(rds.remove_tags_from_resource(arn, {"yesterdaytabase:owner"}).ok());
  EXPECT_EQ(rds.list_tags_for_resource(arn).value(), (Tags{{"phase", "x/y=z"}}));
  EXPECT_EQ(rds.delete_db_snapshot("target").value(), Deletion::kBegun);
  EXPECT_EQ(rds.delete_db_snapshot("target").value(), Deletion::kNotThere);
}

TEST_F(AwsClients, InstancesAreReadAndModified) {
  fakes::aws::InstanceSeed seed;
  seed.id = "copy";
  fake_.seed(seed);
  Rds rds(caller_);
  const auto found = rds.describe_db_instance("copy");
  ASSERT_TRUE(found.ok()) << found.error().message;
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->backup_retention_days, 7);
  EXPECT_EQ((*found)->status, "available");
  const Secret password("a-new-master-password");
  const auto modified = rds.modify_db_instance({.id = "copy",
                                                .master_password = &password,
                                                .backup_retention_days = 0,
                                                .security_groups = {"sg-0000000000000default"},
                                                .deletion_protection = false});
  ASSERT_TRUE(modified.ok()) << modified.error().message;
  EXPECT_FALSE(rds.describe_db_instance("nothing")->has_value());
  int count = 0;
  ASSERT_TRUE(rds.describe_db_instances("",
                                        [&](const DbInstance&) -> Status {
                                          ++count;
                                          return {};
                                        })
                  .ok());
  EXPECT_EQ(count, 1);
}

TEST_F(AwsClients, FaultsMeanWhatTheyMean) {
  fake_.seed(snapshot("source"));
  Rds rds(caller_);
  std::vector<std::string> ids;
  fake_.fail("DescribeDBSnapshots", 1, {.kind = Fault::Kind::kThrottle});
  fake_.fail("DescribeDBSnapshots", 2, {.kind = Fault::Kind::kDropAfter});
  EXPECT_TRUE(collect({}, ids).ok());
  EXPECT_THAT(ids, ElementsAre("source"));
  for (const auto kind : {Fault::Kind::kMalformed, Fault::Kind::kWrongRoot}) {
    fake_.fail("DescribeDBSnapshots", 1, {.kind = kind});
    EXPECT_EQ(collect({}, ids).error().retry, Retry::kLater);
    fake_.fail("DeleteDBSnapshot", 1, {.kind = kind});
    fake_.seed(snapshot("victim"));
    EXPECT_EQ(rds.delete_db_snapshot("victim").error().retry, Retry::kInDoubt);
  }
  fake_.fail("DescribeDBSnapshots", 1, {.kind = Fault::Kind::kTruncatedBody});
  EXPECT_TRUE(collect({}, ids).ok());
  fake_.fail("DescribeDBSnapshots", 1, {.kind = Fault::Kind::kAccessDenied});
  EXPECT_EQ(collect({}, ids).error().code, Code::kConnection);
  // Deleted, but the answer got lost: the next try finds nothing, which is what was wanted.
  fake_.seed(snapshot("victim"));
  fake_.fail("DeleteDBSnapshot", 1, {.kind = Fault::Kind::kDropAfter});
  EXPECT_EQ(rds.delete_db_snapshot("victim").value(), Deletion::kNotThere);
}

TEST_F(AwsClients, RecordsMove) {
  const std::string zone = fake_.seed_zone("example.com");
  const std::string hidden = fake_.seed_zone("example.com", true);
  Route53 route53(caller_);
  const auto zones = route53.list_hosted_zones_by_name("example.com");
  ASSERT_TRUE(zones.ok()) << zones.error().message;
  ASSERT_EQ(zones->size(), 2U);
  EXPECT_NE(zones->at(0).is_private, zones->at(1).is_private);
  EXPECT_EQ(route53.get_hosted_zone(zone)->value().name, "example.com");
  EXPECT_FALSE(route53.get_hosted_zone("ZNOTHING")->has_value());

  const RecordSet record{
      .name = "*.example.com", .type = "CNAME", .ttl_s = 60, .values = {"a.rds.amazonaws.com"}};
  const auto change = route53.change_resource_record_set(zone, RecordAction::kUpsert, record, "repoint");
  ASSERT_TRUE(change.ok()) << change.error().message;
  const auto seen = route53.get_change(change->id);
  ASSERT_TRUE(seen.ok()) << seen.error().message;
  EXPECT_TRUE((*seen)->in_sync);
  const auto records = route53.list_resource_record_sets(zone, "*.example.com", "CNAME");
  ASSERT_TRUE(records.ok()) << records.error().message;
  ASSERT_EQ(records->size(), 1U);
  EXPECT_EQ(records->at(0).name, "*.example.com");
  EXPECT_THAT(records->at(0).values, ElementsAre("a.rds.amazonaws.com"));
  EXPECT_TRUE(route53.list_resource_record_sets(zone, "none.example.com")->empty());

  fake_.fail("ChangeResourceRecordSets", 1, {.kind = Fault::Kind::kCode, .code = "PriorRequestNotComplete"});
  ASSERT_TRUE(route53.change_resource_record_set(zone, RecordAction::kDelete, record).ok());
  EXPECT_THAT(route53.change_resource_record_set(zone, RecordAction::kDelete, record).error().message,
              HasSubstr("InvalidChangeBatch"));
}

TEST_F(AwsClients, StacksComeAndGo) {
  CloudFormation cloudformation(caller_);
  const CreateStack create{
      .name = "shop-yesterday",
      .template_body =
          R"({"AWSTemplateFormatVersion":"2010-09-09","Parameters":{"Family":{"Type":"String"}},"Resources":
        {"Group":{"Type":"AWS::RDS::DBParameterGroup","DeletionPolicy":"Delete","UpdateReplacePolicy":"Delete",
         "Properties":{"Description":"d","Family":{"Ref":"Family"},"Tags":[{"Key":"k","Value":"v"}]}}}})",
      .parameters = {{"Family", "postgres15"}},
      .tags = {{"yesterdaytabase:owner", "me"}},
      .client_token = "create-1"};
  const auto created = cloudformation.create_stack(create);
  ASSERT_TRUE(created.ok()) << created.error().message;
  EXPECT_EQ(created->kind, CreateOutcome::Kind::kStarted);
  const auto stack = cloudformation.describe_stack("shop-yesterday");
  ASSERT_TRUE(stack.ok()) << stack.error().message;
  ASSERT_TRUE(stack->has_value());
  EXPECT_EQ((*stack)->id, created->stack_id);
  EXPECT_EQ((*stack)->status, "CREATE_COMPLETE");
  EXPECT_EQ((*stack)->parameters.at("Family"), "postgres15");
  EXPECT_EQ((*stack)->tags.at("yesterdaytabase:owner"), "me");
  const auto resources = cloudformation.describe_stack_resources("shop-yesterday");
  ASSERT_TRUE(resources.ok()) << resources.error().message;
  ASSERT_EQ((*resources)->size(), 1U);
  EXPECT_EQ((*resources)->at(0).type, "AWS::RDS::DBParameterGroup");
  const auto body = cloudformation.get_template("shop-yesterday");
  ASSERT_TRUE(body.ok()) << body.error().message;
  EXPECT_EQ(**body, create.template_body);
  int events = 0;
  const Status walked =
      cloudformation.describe_stack_events("shop-yesterday", [&](const StackEvent&) -> Result<bool> {
        ++events;
        return true;
      });
  EXPECT_TRUE(walked.ok()) << walked.error().message;
  EXPECT_GT(events, 2);

  const auto updated =
      cloudformation.update_stack({.name = "shop-yesterday", .previous_parameters = {"Family"}});
  ASSERT_TRUE(updated.ok()) << updated.error().message;
  EXPECT_EQ(updated->kind, UpdateOutcome::Kind::kNothingToDo);
  EXPECT_EQ(cloudformation.update_stack({.name = "nothing"})->kind, UpdateOutcome::Kind::kNotThere);
  EXPECT_TRUE(
      cloudformation
          .set_stack_policy(
              "shop-yesterday",
              R"({"Statement":[{"Effect":"Allow","Action":"Update:Modify","Principal":"*","Resource":"*"}]})")
          .ok());
  CreateStack again = create;
  again.client_token = "create-2";
  EXPECT_EQ(cloudformation.create_stack(again)->kind, CreateOutcome::Kind::kAlreadyThere);
  ASSERT_TRUE(cloudformation.delete_stack("shop-yesterday", "delete-1").ok());
  const auto gone = cloudformation.describe_stack("shop-yesterday");
  ASSERT_TRUE(gone.ok()) << gone.error().message;
  EXPECT_FALSE(gone->has_value());
}

}  // namespace
}  // namespace ytb::aws
