// Secrets Manager, SSM, S3, EC2, IAM and ECS, and what a resolver hears; as awscli sees them.
#include "tests/fakes/aws/small_services.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ldns/ldns.h>

#include "tests/fakes/aws/awscli.h"
#include "tests/fakes/aws/ecs.h"
#include "tests/support/temporary.h"

namespace ytb::fakes::aws {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FakeAwsSmall : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!why_no_awscli().empty()) GTEST_SKIP() << why_no_awscli();
  }
};

TEST_F(FakeAwsSmall, SecretsAndParameters) {
  FakeAws fake;
  fake.secrets().seed("ytb/key", "first");
  fake.ssm().seed("/ytb/config", "hidden", "SecureString");
  AwsRun run = aws(fake, {"secretsmanager", "get-secret-value", "--secret-id", "ytb/key"});
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.out["SecretString"], "first");
  EXPECT_EQ(aws(fake, {"secretsmanager", "put-secret-value", "--secret-id", run.out["ARN"], "--secret-string",
                       "second"})
                .status,
            0);
  EXPECT_EQ(fake.secrets().value("ytb/key"), "second");
  EXPECT_THAT(aws(fake, {"secretsmanager", "get-secret-value", "--secret-id", "none"}).err,
              HasSubstr("(ResourceNotFoundException)"));
  EXPECT_NE(aws(fake, {"ssm", "get-parameter", "--name", "/ytb/config"}).out["Parameter"]["Value"], "hidden");
  EXPECT_EQ(aws(fake, {"ssm", "get-parameter", "--name", "/ytb/config", "--with-decryption"})
                .out["Parameter"]["Value"],
            "hidden");
  EXPECT_THAT(aws(fake, {"ssm", "get-parameter", "--name", "/no"}).err, HasSubstr("(ParameterNotFound)"));
  for (const RecordedCall& call : fake.calls()) EXPECT_EQ(call.input.find("second"), std::string::npos);
}

TEST_F(FakeAwsSmall, Objects) {
  FakeAws fake;
  fake.s3().seed_bucket("proofs");
  tests::TemporaryFolder folder;
  tests::put(folder / "proof", "signed, sealed");
  AwsRun put = aws(fake, {"s3api", "put-object", "--bucket", "proofs", "--key", "a b/ü+1.json", "--body",
                          folder / "proof"});
  ASSERT_EQ(put.status, 0) << put.err;
  EXPECT_THAT(fake.s3().keys("proofs"), ElementsAre("a b/ü+1.json"));
  AwsRun got =
      aws(fake, {"s3api", "get-object", "--bucket", "proofs", "--key", "a b/ü+1.json", folder / "back"});
  ASSERT_EQ(got.status, 0) << got.err;
  EXPECT_EQ(tests::get(folder / "back"), "signed, sealed");
  AwsRun head = aws(fake, {"s3api", "head-object", "--bucket", "proofs", "--key", "a b/ü+1.json"});
  EXPECT_EQ(head.out["ContentLength"], 14) << head.err;
  EXPECT_THAT(aws(fake, {"s3api", "head-object", "--bucket", "proofs", "--key", "none"}).err,
              HasSubstr("(404)"));
  EXPECT_THAT(aws(fake, {"s3api", "get-object", "--bucket", "proofs", "--key", "none", "/dev/null"}).err,
              HasSubstr("(NoSuchKey)"));
  AwsRun list = aws(fake, {"s3api", "list-objects-v2", "--bucket", "proofs", "--prefix", "a"});
  EXPECT_EQ(list.out["Contents"].size(), 1U) << list.err;
  EXPECT_EQ(aws(fake, {"s3api", "delete-object", "--bucket", "proofs", "--key", "a b/ü+1.json"}).status, 0);
  EXPECT_TRUE(fake.s3().keys("proofs").empty());
}

TEST_F(FakeAwsSmall, GroupsAndPolicies) {
  FakeAws fake;
  fake.ec2().seed_group(
      "sg-quarantine", "quarantine",
      R"([{"IpProtocol":"tcp","FromPort":5432,"ToPort":5432,"UserIdGroupPairs":[{"GroupId":"sg-worker"}]}])",
      R"([{"IpProtocol":"-1","IpRanges":[{"CidrIp":"127.0.0.1/32"}]}])");
  AwsRun run = aws(fake, {"ec2", "describe-security-groups", "--group-ids", "sg-quarantine"});
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.out["SecurityGroups"][0]["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"], "sg-worker");
  EXPECT_EQ(run.out["SecurityGroups"][0]["IpPermissionsEgress"][0]["IpRanges"][0]["CidrIp"], "127.0.0.1/32");
  EXPECT_THAT(aws(fake, {"ec2", "describe-security-groups", "--group-ids", "sg-no"}).err,
              HasSubstr("(InvalidGroup.NotFound)"));
  fake.iam().decide_by([](const std::string&, const std::string& action, const std::string&) {
    return action != "rds:DeleteDBInstance";
  });
  AwsRun decided = aws(fake, {"--region", "us-east-1", "iam", "simulate-principal-policy",
                              "--policy-source-arn", "arn:aws:iam::123456789012:role/keeper",
                              "--action-names", "rds:DeleteDBInstance", "rds:DescribeDBInstances"});
  ASSERT_EQ(decided.status, 0) << decided.err;
  EXPECT_EQ(decided.out["EvaluationResults"][0]["EvalDecision"], "implicitDeny");
  EXPECT_EQ(decided.out["EvaluationResults"][1]["EvalDecision"], "allowed");
}

TEST_F(FakeAwsSmall, ATaskIsACallback) {
  FakeAws fake;
  fake.ecs().seed_definition("worker", "main");
  fake.ecs().run_with(
      [](const TaskRequest& request) { return request.environment.at("TABLE") == "users" ? 3 : 1; });
  AwsRun run = aws(
      fake, {"ecs", "run-task", "--task-definition", "worker", "--launch-type", "FARGATE", "--started-by",
             "ytb", "--network-configuration", "awsvpcConfiguration={subnets=[subnet-1]}", "--overrides",
             R"({"containerOverrides":[{"name":"main","environment":[{"name":"TABLE","value":"users"}]}]})"});
  ASSERT_EQ(run.status, 0) << run.err;
  std::string arn = run.out["tasks"][0]["taskArn"];
  json task = json::object();
  for (int i = 0; i < 20 && task.value("lastStatus", "") != "STOPPED"; ++i) {
    task = aws(fake, {"ecs", "describe-tasks", "--tasks", arn}).out["tasks"][0];
  }
  EXPECT_EQ(task["containers"][0]["exitCode"], 3);
  EXPECT_EQ(aws(fake, {"ecs", "describe-tasks", "--tasks", "nothing"}).out["failures"][0]["reason"],
            "MISSING");
  EXPECT_THAT(aws(fake, {"ecs", "run-task", "--task-definition", "other"}).err,
              HasSubstr("(ClientException)"));
}

TEST(FakeAwsDns, AnswersWhatIsInSync) {
  if (!FakeAws::available().empty()) GTEST_SKIP() << FakeAws::available();
  FakeAws fake;
  std::string zone = fake.seed_zone("example.com");
  fake.seed_record(zone, "shop-yesterday.example.com", "CNAME", 60, {"127.0.3.1"});
  std::unique_ptr<ldns_resolver, decltype(&ldns_resolver_deep_free)> resolver(ldns_resolver_new(),
                                                                              &ldns_resolver_deep_free);
  ldns_rdf* server = ldns_rdf_new_frm_str(LDNS_RDF_TYPE_A, "127.0.0.1");
  ldns_resolver_push_nameserver(resolver.get(), server);
  ldns_rdf_deep_free(server);
  ldns_resolver_set_port(resolver.get(), fake.dns_port());
  auto ask = [&](const char* name) {
    std::unique_ptr<ldns_rdf, decltype(&ldns_rdf_deep_free)> asked(ldns_dname_new_frm_str(name),
                                                                   &ldns_rdf_deep_free);
    std::unique_ptr<ldns_pkt, decltype(&ldns_pkt_free)> reply(
        ldns_resolver_query(resolver.get(), asked.get(), LDNS_RR_TYPE_A, LDNS_RR_CLASS_IN, LDNS_RD),
        &ldns_pkt_free);
    if (reply == nullptr) return std::string("no answer");
    std::unique_ptr<char, decltype(&free)> text(ldns_rr_list2str(ldns_pkt_answer(reply.get())), &free);
    return ldns_pkt_get_rcode(reply.get()) == LDNS_RCODE_NXDOMAIN ? "NXDOMAIN" : std::string(text.get());
  };
  EXPECT_EQ(ask("shop-yesterday.example.com"),
            "shop-yesterday.example.com.\t60\tIN\tCNAME\t127.0.3.1.\n127.0.3.1.\t60\tIN\tA\t127.0.3.1\n");
  EXPECT_EQ(ask("nothing.example.com"), "NXDOMAIN");
}

}  // namespace
}  // namespace ytb::fakes::aws
