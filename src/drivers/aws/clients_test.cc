// The smaller clients: STS, ECS, Secrets Manager, SSM, S3, EC2, IAM.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "drivers/aws/aws_testing.h"
#include "drivers/aws/ec2.h"
#include "drivers/aws/ecs.h"
#include "drivers/aws/iam.h"
#include "drivers/aws/s3.h"
#include "drivers/aws/secrets.h"
#include "drivers/aws/sts.h"

namespace ytb::aws {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::Bench;

std::string role_answer(const std::string& action) {
  return "<" + action + "Response><" + action +
         "Result><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>sk</"
         "SecretAccessKey><SessionToken>st"
         "</SessionToken><Expiration>2026-11-22T07:00:00Z</Expiration></Credentials></" +
         action + "Result></" + action + "Response>";
}

TEST(Sts, IdentityAndRoles) {
  Bench bench;
  bench.transport
      .answer(200,
              "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/u</"
              "Arn><UserId>U</UserId>"
              "<Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>")
      .answer(200, role_answer("AssumeRole"))
      .answer(200, role_answer("AssumeRoleWithWebIdentity"));
  Sts sts(bench.caller);
  EXPECT_EQ(sts.get_caller_identity()->account, "1");
  const AssumeRole role{.role_arn = "arn:r", .session_name = "s", .external_id = "x", .duration_s = 3600};
  const auto credentials = sts.assume_role(role);
  ASSERT_TRUE(credentials.ok());
  EXPECT_EQ(credentials->session_token.reveal(), "st");
  EXPECT_EQ(credentials->expires_at, from_iso("2026-11-22T07:00:00Z"));
  EXPECT_EQ(bench.transport.requests.at(1).body,
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Ar&RoleSessionName=s&ExternalId=x&"
            "DurationSeconds=3600");
  ASSERT_TRUE(
      sts.assume_role_with_web_identity({.role_arn = "arn:r", .session_name = "s"}, Secret("web.token"))
          .ok());
  EXPECT_THAT(bench.transport.requests.at(2).body, HasSubstr("&WebIdentityToken=web.token"));
  EXPECT_EQ(http::find_header(bench.transport.requests.at(2).headers, "Authorization"), std::nullopt);
}

const char* const kTask =
    R"({"taskArn":"arn:t","taskDefinitionArn":"arn:d","lastStatus":"STOPPED","desiredStatus":"STOPPED",
  "startedBy":"ytb","stopCode":"EssentialContainerExited","createdAt":1795327200.5,
  "containers":[{"name":"worker","exitCode":3}]})";

TEST(Ecs, TasksAreRunOnceAndFound) {
  Bench bench;
  const std::string task = kTask;
  bench.transport.answer(200, R"({"tasks":[)" + task + R"(],"failures":[]})")
      .answer(200, R"({"tasks":[],"failures":[{"arn":"a","reason":"RESOURCE:ENI"}]})")
      .answer(500, R"({"__type":"ServerException"})")
      .answer(200, R"({"tasks":[)" + task + R"(],"failures":[{"arn":"b","reason":"MISSING"}]})")
      .answer(200, R"({"taskArns":["a"],"nextToken":"n"})")
      .answer(200, R"({"taskArns":["b"]})")
      .answer(200, R"({"task":)" + task + "}")
      .answer(200, R"({"tasks":[{}]})")
      .answer(200, "[]");
  Ecs ecs(bench.caller);
  const RunTask run{.cluster = "c",
                    .task_definition = "d:1",
                    .started_by = "ytb",
                    .subnets = {"s"},
                    .security_groups = {"g"},
                    .container = "worker",
                    .command = {"refresh"},
                    .environment = {{"A", "B"}}};
  const auto started = ecs.run_task(run);
  ASSERT_TRUE(started.ok()) << started.error().message;
  EXPECT_EQ(started->containers.at(0).exit_code, 3);
  EXPECT_EQ(to_iso(*started->created_at, true), "2026-11-22T06:00:00.500000Z");
  const http::Request& request = bench.transport.requests.at(0);
  EXPECT_EQ(http::find_header(request.headers, "X-Amz-Target"), "AmazonEC2ContainerServiceV20141113.RunTask");
  const auto body = parse_json(request.body);
  EXPECT_EQ(body["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"], "DISABLED");
  EXPECT_EQ(body["overrides"]["containerOverrides"][0]["environment"][0]["name"], "A");
  RunTask large = run;
  large.environment["CONFIG"] = std::string(8192, 'x');
  EXPECT_EQ(ecs.run_task(large).error().code, Code::kConfig) << "ECS refuses it in other words";
  const Error full = ecs.run_task(run).error();
  EXPECT_EQ(full.code, Code::kSpace);
  EXPECT_EQ(full.retry, Retry::kLater);
  EXPECT_EQ(ecs.run_task(run).error().retry, Retry::kInDoubt);
  EXPECT_EQ(ecs.describe_tasks("c", {"a", "b"})->size(), 1U);
  EXPECT_THAT(ecs.list_tasks("c", "ytb").value(), ElementsAre("a", "b"));
  EXPECT_EQ(ecs.stop_task("c", "arn:t", "why")->stop_code, "EssentialContainerExited");
  EXPECT_THAT(ecs.run_task(run).error().message, HasSubstr("taskArn is missing"));
  EXPECT_FALSE(ecs.describe_tasks("c", {"a"}).ok());
  EXPECT_TRUE(bench.transport.is_done());
}

TEST(Secrets, AreReadOrNotThere) {
  Bench bench;
  bench.transport.answer(200, R"({"SecretString":"pw"})")
      .answer(400, R"({"__type":"ResourceNotFoundException"})")
      .answer(200, R"({"SecretBinary":"eA=="})")
      .answer(200, R"({"Parameter":{"Name":"n","Value":"v"}})")
      .answer(400, R"({"__type":"ParameterNotFound"})")
      .answer(200, R"({"Parameter":{}})");
  SecretsManager manager(bench.caller);
  EXPECT_EQ(manager.get_secret_value("id")->value().reveal(), "pw");
  EXPECT_EQ(bench.transport.requests.at(0).body, R"({"SecretId":"id"})");
  EXPECT_EQ(http::find_header(bench.transport.requests.at(0).headers, "X-Amz-Target"),
            "secretsmanager.GetSecretValue");
  EXPECT_FALSE(manager.get_secret_value("id")->has_value());
  EXPECT_EQ(manager.get_secret_value("id").error().code, Code::kUnsupported);
  Ssm ssm(bench.caller);
  EXPECT_EQ(ssm.get_parameter("n")->value().reveal(), "v");
  EXPECT_EQ(bench.transport.requests.at(3).body, R"({"Name":"n","WithDecryption":true})");
  EXPECT_FALSE(ssm.get_parameter("n")->has_value());
  EXPECT_FALSE(ssm.get_parameter("n").ok());
}

TEST(S3, WritesOnlyWhatIsStillAsItWasRead) {
  Bench bench;
  bench.transport.answer(200, "content", {{"ETag", "\"e\""}})
      .answer(200, "", {{"ETag", "\"f\""}})
      .answer(412, "<Error><Code>PreconditionFailed</Code></Error>")
      .answer(409, "<Error><Code>ConditionalRequestConflict</Code></Error>")
      .answer(404, "<Error><Code>NoSuchKey</Code></Error>")
      .answer(403, "<Error><Code>AccessDenied</Code></Error>");
  S3 s3(bench.caller);
  const PutObject put{.bucket = "bucket", .key = "k", .body = "x"};
  EXPECT_EQ(s3.read_object("bucket", "k")->value().etag, "\"e\"");
  EXPECT_TRUE(s3.put_object_if(put, "\"e\"").value());
  EXPECT_EQ(http::find_header(bench.transport.requests.at(1).headers, "If-Match"), "\"e\"");
  EXPECT_FALSE(s3.put_object_if(put, {}).value());
  EXPECT_EQ(http::find_header(bench.transport.requests.at(2).headers, "If-None-Match"), "*");
  EXPECT_FALSE(s3.put_object_if(put, "\"e\"").value());
  EXPECT_FALSE(s3.put_object_if(put, "\"e\"").value());
  EXPECT_FALSE(s3.put_object_if(put, "\"e\"").ok()) << "denied is no condition";
}

TEST(S3, ObjectsAndWhereTheyLie) {
  Bench bench;
  bench.transport.answer(200, "content", {{"ETag", "\"c\""}})
      .answer(404, "<Error><Code>NoSuchKey</Code></Error>")
      .answer(404, "<Error><Code>NoSuchBucket</Code></Error>")
      .answer(200, "", {{"Content-Length", "42"}, {"ETag", "\"e\""}})
      .answer(404, "")
      .answer(200, "", {{"ETag", "\"f\""}})
      .answer(204, "")
      .answer(301, "<Error><Code>PermanentRedirect</Code><Message>m</Message></Error>",
              {{"x-amz-bucket-region", "us-west-2"}});
  S3 s3(bench.caller);
  EXPECT_EQ(s3.get_object("bucket", "a b/c+d").value(), "content");
  EXPECT_EQ(bench.transport.requests.at(0).url, "https://bucket.s3.eu-west-1.amazonaws.com/a%20b/c%2Bd");
  EXPECT_EQ(http::find_header(bench.transport.requests.at(0).headers, "Host"),
            "bucket.s3.eu-west-1.amazonaws.com");
  EXPECT_FALSE(s3.get_object("my.bucket", "k")->has_value());
  EXPECT_EQ(bench.transport.requests.at(1).url, "https://s3.eu-west-1.amazonaws.com/my.bucket/k");
  EXPECT_FALSE(s3.get_object("bucket", "k").ok());
  EXPECT_EQ(s3.head_object("bucket", "k")->value().size_bytes, 42U);
  EXPECT_FALSE(s3.head_object("bucket", "k")->has_value());
  EXPECT_EQ(s3.put_object({.bucket = "bucket", .key = "k", .body = "x"}).value(), "\"f\"");
  EXPECT_EQ(http::find_header(bench.transport.requests.at(5).headers, "x-amz-content-sha256"),
            sha256_hex("x"));
  EXPECT_TRUE(s3.delete_object("bucket", "k").ok());
  EXPECT_THAT(s3.get_object("bucket", "k").error().message, HasSubstr("the bucket is in us-west-2"));
  EXPECT_EQ(s3.get_object("evil.com/", "k").error().code, Code::kConfig);
}

TEST(S3, WhatIsReadIsWhatWasWritten) {
  // printf content | openssl dgst -sha256 -binary | base64
  constexpr const char* kOfContent = "7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=";
  const http::Headers headers{{"ETag", "\"e\""}, {"x-amz-checksum-sha256", kOfContent}};
  Bench bench;
  bench.transport.answer(200, "", headers).answer(200, "content", headers);
  S3 s3(bench.caller);
  ASSERT_TRUE(s3.put_object({.bucket = "bucket", .key = "k", .body = "content"}).ok());
  EXPECT_EQ(http::find_header(bench.transport.requests.at(0).headers, "x-amz-checksum-sha256"), kOfContent);
  EXPECT_EQ(s3.get_object("bucket", "k").value(), "content");
  EXPECT_EQ(http::find_header(bench.transport.requests.at(1).headers, "x-amz-checksum-mode"), "ENABLED");
  // Cut off, or a proxy's page: to be read again, never to be understood.
  for (const char* other : {"", "conten", "<html>Welcome</html>"}) {
    bench.transport.answer(200, other, headers);
    const Result<std::optional<std::string>> read = s3.get_object("bucket", "k");
    ASSERT_FALSE(read.ok()) << other;
    EXPECT_EQ(read.error().retry, Retry::kLater) << other;
  }
  bench.transport.answer(200, "<html>Welcome</html>");
  EXPECT_EQ(s3.get_object("bucket", "k").error().retry, Retry::kLater) << "S3 always sends an ETag";
  // What others wrote, without a checksum or in parts, is taken as it is.
  bench.transport.answer(200, "theirs", {{"ETag", "\"e\""}})
      .answer(200, "theirs",
              {{"ETag", "\"e-2\""}, {"x-amz-checksum-sha256", std::string(kOfContent) + "-2"}});
  EXPECT_EQ(s3.get_object("bucket", "k").value(), "theirs");
  EXPECT_EQ(s3.get_object("bucket", "k").value(), "theirs");
}

TEST(S3, KeysAreListedToTheEndAndBounded) {
  constexpr const char* kPage =
      "<ListBucketResult xmlns=\"x\"><Name>b</Name><Prefix>p/</Prefix><KeyCount>2</KeyCount>"
      "<IsTruncated>true</IsTruncated><NextContinuationToken>t+/=</NextContinuationToken>"
      "<Contents><Key>p/a</Key></Contents><Contents><Key>p/b</Key></Contents></ListBucketResult>";
  constexpr const char* kLast =
      "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>p/c</Key></Contents></"
      "ListBucketResult>";
  Bench bench;
  bench.transport.answer(200, kPage)
      .answer(200, kLast)
      .answer(200, "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
      .answer(200, kPage)
      .answer(200, "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>");
  S3 s3(bench.caller);
  EXPECT_THAT(s3.list_keys("bucket", "p/").value(), ElementsAre("p/a", "p/b", "p/c"));
  EXPECT_EQ(bench.transport.requests.at(0).url,
            "https://bucket.s3.eu-west-1.amazonaws.com/?list-type=2&prefix=p%2F");
  EXPECT_EQ(
      bench.transport.requests.at(1).url,
      "https://bucket.s3.eu-west-1.amazonaws.com/?continuation-token=t%2B%2F%3D&list-type=2&prefix=p%2F");
  EXPECT_TRUE(s3.list_keys("bucket", "p/")->empty());
  EXPECT_THAT(s3.list_keys("bucket", "p/", 1).error().message, HasSubstr("more than 1 objects"));
  EXPECT_FALSE(s3.list_keys("bucket", "p/").ok()) << "a page without the next one's token";
}

TEST(Ec2, GroupsAndSubnets) {
  Bench bench;
  bench.transport
      .answer(200,
              "<DescribeSecurityGroupsResponse "
              "xmlns=\"x\"><requestId>r</requestId><securityGroupInfo><item><groupId>sg-1"
              "</groupId><groupName>quarantine</groupName><vpcId>vpc-1</"
              "vpcId><ipPermissions><item><ipProtocol>tcp"
              "</ipProtocol><fromPort>5432</fromPort><toPort>5432</toPort><groups><item><groupId>sg-2</"
              "groupId></item>"
              "</groups><ipRanges/></item></ipPermissions><ipPermissionsEgress><item><ipProtocol>-1</"
              "ipProtocol><ipRanges>"
              "<item><cidrIp>127.0.0.1/32</cidrIp></item></ipRanges></item></ipPermissionsEgress></item>"
              "</securityGroupInfo></DescribeSecurityGroupsResponse>")
      .answer(200,
              "<DescribeSubnetsResponse><subnetSet><item><subnetId>s-1</subnetId><vpcId>vpc-1</"
              "vpcId><availabilityZone>z"
              "</availabilityZone><mapPublicIpOnLaunch>false</mapPublicIpOnLaunch></item></subnetSet>"
              "</DescribeSubnetsResponse>")
      .answer(200, "<DescribeSubnetsResponse><subnetSet/></DescribeSubnetsResponse>");
  Ec2 ec2(bench.caller);
  const auto groups = ec2.describe_security_groups({"sg-1"});
  ASSERT_TRUE(groups.ok()) << groups.error().message;
  EXPECT_EQ(groups->at(0).ingress.at(0).from_port, 5432);
  EXPECT_THAT(groups->at(0).ingress.at(0).groups, ElementsAre("sg-2"));
  EXPECT_THAT(groups->at(0).egress.at(0).ranges, ElementsAre("127.0.0.1/32"));
  EXPECT_EQ(groups->at(0).egress.at(0).from_port, std::nullopt);
  EXPECT_EQ(bench.transport.requests.at(0).body,
            "Action=DescribeSecurityGroups&Version=2016-11-15&GroupId.1=sg-1");
  EXPECT_EQ(ec2.describe_subnets({"s-1"})->at(0).availability_zone, "z");
  EXPECT_FALSE(ec2.describe_subnets({"s-1"}).ok());
}

TEST(Iam, SimulationIsPaged) {
  Bench bench;
  const auto page = [](const std::string& action, const std::string& more) {
    return "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults><member><"
           "EvalActionName>" +
           action +
           "</EvalActionName><EvalDecision>allowed</EvalDecision><MissingContextValues><member>aws:x</member>"
           "</MissingContextValues></member></EvaluationResults>" +
           more + "</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>";
  };
  bench.transport.answer(200, page("a:A", "<IsTruncated>true</IsTruncated><Marker>m</Marker>"))
      .answer(200, page("b:B", "<IsTruncated>false</IsTruncated>"));
  const auto results = Iam(bench.caller).simulate_principal_policy("arn:r", {"a:A", "b:B"}, {"arn:x"});
  ASSERT_TRUE(results.ok()) << results.error().message;
  EXPECT_EQ(results->at(1).action, "b:B");
  EXPECT_THAT(results->at(0).missing_context, ElementsAre("aws:x"));
  EXPECT_THAT(bench.transport.requests.at(1).body,
              HasSubstr("&ActionNames.member.2=b%3AB&ResourceArns.member.1=arn%3Ax&Marker=m"));
  EXPECT_THAT(bench.transport.requests.at(0).url, HasSubstr("https://iam.amazonaws.com/"));
}

}  // namespace
}  // namespace ytb::aws
