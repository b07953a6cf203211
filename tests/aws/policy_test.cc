// What the roles of deploy/aws/template.yaml may do, against every call of whole lives on the fake AWS, by
// IAM's logic as tests/deploy/policy.py has it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "aws/lambda_function.h"
#include "aws/original_stack.h"
#include "base/text.h"
#include "drivers/rds/stack_testing.h"
#include "lambda/deadline.h"
#include "tests/fakes/aws/ecs.h"

namespace ytb::tests {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

constexpr const char* kServiceRole = "        service_role: arn:aws:iam::123456789012:role/ServiceRole\n";
// What the template's own cluster and task are called where tests/deploy/cfn.py makes it.
constexpr const char* kCluster = "cluster-id";
constexpr const char* kTask = "ytb";

class AwsPolicies : public AwsRuns {
 protected:
  AwsScenario& begin(ScenarioProduction production, const std::string& more = "") {
    ScenarioOptions options;
    options.aws.delays = as_slow_as_aws();
    production.copies += kServiceRole;
    options.productions = {std::move(production)};
    AwsRuns::begin(std::move(options));
    scenario_->write_config(more);
    from_ = scenario_->fake().calls().size();
    return *scenario_;
  }
  // Of the scenario, from `from_` on.
  std::string lines() {
    std::string out;
    for (const fakes::aws::RecordedCall& call : scenario_->fake().calls(from_)) {
      const bool of_task = call.principal.find("assumed-role/TaskRole/") != std::string::npos;
      operations_[of_task ? "TaskRole" : call.principal].insert(call.operation);
      out += json{{"service", call.service},
                  {"operation", call.operation},
                  {"principal", of_task ? "TaskRole" : call.principal},
                  {"target", call.target},
                  {"input", call.input}}
                 .dump() +
             "\n";
    }
    return out;
  }
  static testing::RunResult judge(const std::string& calls, const std::vector<std::string>& words) {
    std::vector<std::string> argv = {"/usr/bin/python3",
                                     std::string(YTB_SOURCE_DIR) + "/tests/deploy/policy.py"};
    argv.insert(argv.end(), words.begin(), words.end());
    return testing::run_program(argv, {}, calls);
  }
  testing::RunResult judged(const std::string& calls, const std::vector<std::string>& parameters = {}) {
    std::vector<std::string> argv;
    for (const std::string& fixed :
         {std::string("AWS::StackName=ytb"), std::string("InstanceClasses=db.t3.small,db.t3.medium"),
          "HostedZoneId=" + scenario_->zone(), std::string("RecordName=shop-yesterday.mysite.com"),
          std::string("ExistingBucket=my-proofs")})
      argv.insert(argv.end(), {"-p", fixed});
    for (const std::string& one : parameters) argv.insert(argv.end(), {"-p", one});
    return judge(calls, argv);
  }
  // Every call of the life was allowed, and these were among them.
  void expect_allowed(const std::vector<std::string>& operations,
                      const std::vector<std::string>& parameters = {}) {
    const std::string calls = lines();
    std::set<std::string> all;
    for (const auto& [principal, used] : operations_) all.insert(used.begin(), used.end());
    EXPECT_THAT(all, IsSupersetOf(operations));
    const testing::RunResult allowed = judged(calls, parameters);
    EXPECT_EQ(allowed.status, 0) << allowed.out << allowed.err;
    EXPECT_THAT(allowed.out, HasSubstr(" calls, 0 not allowed"));
    scenario_->expect_production_untouched();
  }
  void next_day() {
    scenario_->fake().advance(std::chrono::hours(24));
    scenario_->add_snapshot("2026-11-22T06:00:00Z");
  }

  size_t from_ = 0;
  std::map<std::string, std::set<std::string>> operations_;  // by principal
};

// With an opening whose rollback fails, a way back, and a copy deleted when asked.
TEST_F(AwsPolicies, AllowAWholeLife) {
  AwsScenario& aws = begin({}, "    spare_copies: 1\n");
  for (const char* what : {"the update", "its rollback"})
    aws.fake().fail_next_change("AWS::RDS::DBInstance", what);
  aws.must({"refresh"});
  next_day();
  aws.must({"refresh", "--wait-drain"});
  EXPECT_EQ(aws.resolved(), aws.address_of(kSecond));
  aws.must({"rollback", "--yes"});
  EXPECT_EQ(aws.resolved(), aws.address_of(kFirst));
  aws.must({"refresh", "--if-due", "--wait-drain"});
  aws.must({"delete", kSecond, "--yes"});
  aws.must({"teardown", "--yes"});
  expect_allowed({"CreateStack", "RestoreDBInstanceFromDBSnapshot", "ModifyDBInstance", "UpdateStack",
                  "ContinueUpdateRollback", "ChangeResourceRecordSets", "DeleteStack", "DeleteDBInstance",
                  "PutObject", "GetSecretValue", "GetParameter"});
}

TEST_F(AwsPolicies, AllowAnAuroraClusterFromASnapshotThatOthersShare) {
  const std::string ours = "arn:aws:kms:eu-west-1:123456789012:key/ours";
  const std::string theirs = "arn:aws:kms:eu-west-1:210987654321:key/theirs";
  AwsScenario& aws =
      begin({.aurora = true, .source = ", owners: [\"210987654321\"], kms_key: \"" + ours + "\""});
  aws.must({"refresh"});
  fakes::aws::SnapshotSeed shared = shared_by_others(aws);
  shared.engine = "aurora-postgresql";
  aws.fake().seed(shared);
  aws.must({"refresh", "--wait-drain"});
  aws.must({"teardown", "--yes"});
  expect_allowed({"RestoreDBClusterFromSnapshot", "CreateDBInstance", "ModifyDBCluster", "DeleteDBCluster",
                  "CopyDBClusterSnapshot", "DeleteDBClusterSnapshot", "DescribeDBClusters"},
                 {"SharedSnapshotKeyArn=" + theirs, "SnapshotOwners=210987654321"});
}

TEST_F(AwsPolicies, AllowToTakeTheOriginalsStackOver) {
  AwsScenario& aws = begin({});
  rds::FakesClock clock(aws.fake());
  aws::FakeAwsClient client(aws.fake(), clock);
  aws::CloudFormation stacks(client.caller());
  ASSERT_TRUE(stacks
                  .create_stack({.name = "shop-yesterdaytabase",
                                 .template_body = kOriginalTemplate,
                                 .parameters = {{"DBName", "shop-2026-11-20-1100"},
                                                {"HostName", "shop-yesterday"},
                                                {"DomainRoot", "mysite.com"},
                                                {"SnapshotID", "rds:shop-2026-11-21-06-00"},
                                                {"DiskSize", "20"},
                                                {"SecurityGroup", "sg-0000000000000default"},
                                                {"SubnetGroup", "staging-db"}}})
                  .ok());
  aws.fake().advance(std::chrono::hours(1));
  from_ = aws.fake().calls().size();  // what it did was the original's to be allowed
  aws.must({"adopt", "--yes"});
  aws.must({"refresh"});
  aws.fake().advance(std::chrono::minutes(30));
  aws.must({"adopt", "--delete-old", "--yes"});
  EXPECT_EQ(aws.fake().stack_status("shop-yesterdaytabase"), "");
  const std::string calls = lines();
  EXPECT_THAT(operations_["cloudformation.amazonaws.com/shop-yesterdaytabase"],
              IsSupersetOf({"DeleteDBInstance"}));
  const testing::RunResult allowed = judged(calls, {"AdoptOriginal=yes"});
  EXPECT_EQ(allowed.status, 0) << allowed.out << allowed.err;
  // Only who says so at deployment gives these rights.
  const testing::RunResult denied = judged(calls);
  EXPECT_EQ(denied.status, 1);
  EXPECT_THAT(denied.out,
              HasSubstr("ServiceRole: rds:DeleteDBInstance on "
                        "arn:aws:rds:eu-west-1:123456789012:db:shop-2026-11-20-1100: explicitDeny"));
}

// The function hands the masking over to the task, which has a role of its own.
TEST_F(AwsPolicies, AllowTheFunctionAndItsTask) {
  AwsScenario& aws = begin({}, fmt::format("    fargate: {{cluster: {}, task_definition: {}, subnets: "
                                           "[subnet-1], security_groups: [sg-worker]}}\n",
                                           kCluster, kTask));
  aws.fake().ecs().seed_cluster(kCluster);
  aws.fake().ecs().seed_definition(kTask, "yesterdaytabase");
  const Variables variables = {{"YTB_CONFIG", aws.config()}};
  LambdaTask task(aws, variables, "arn:aws:sts::123456789012:assumed-role/TaskRole/task");
  aws.fake().ecs().run_with(
      [&](const fakes::aws::TaskRequest& request) { return task.run(request.command); });
  LambdaFunction function(aws, variables);
  InvocationClock& clock = function.clock();
  auto phase = [&](const char* wanted) {
    return aws.fake().instance(kFirst).find(fmt::format("\"{}\"", wanted)) != std::string::npos;
  };
  clock.at_every_look = [&] {
    if (phase("defused")) clock.jump(clock.stop_at() - std::chrono::milliseconds(1));
  };
  (void)function.ask(R"({"action":"update"})");
  for (int i = 0; i < 20 && !phase("defused"); ++i) {
    aws.fake().advance(std::chrono::minutes(5));
    (void)function.ask(R"({"action":"tick"})");
  }
  clock.at_every_look = nullptr;
  ASSERT_TRUE(phase("defused")) << function.log();
  // A function of next to no time: masking fits in no invocation of it.
  const Duration no_time = lambda::DeadlineWatch::kMargin + std::chrono::milliseconds(1);
  const json handed = function.ask(R"({"action":"tick"})", no_time);
  EXPECT_EQ(handed["handover"]["place"], "worker") << handed;
  json ticked;
  for (int i = 0; i < 200 && (!ticked.is_object() || ticked["live"].is_null()); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    aws.fake().advance(std::chrono::minutes(1));
    ticked = function.ask(R"({"action":"tick"})");
  }
  EXPECT_EQ(ticked["live"]["copy"], kFirst) << ticked << task.log();
  EXPECT_EQ(aws.resolved(), aws.address_of(kFirst));
  (void)function.ask(R"({"action":"delete"})");
  for (int i = 0; i < 5 && !aws.fake().instance(kFirst).empty(); ++i) {
    aws.fake().advance(std::chrono::minutes(5));
    (void)function.ask(R"({"action":"tick"})");
  }
  expect_allowed({"RunTask", "ListTasks", "DescribeTasks", "ListObjectsV2", "DeleteObject", "DeleteStack"});
  EXPECT_EQ(aws.fake().count("RunTask"), 1);
  EXPECT_THAT(operations_["TaskRole"], IsSupersetOf({"DescribeDBInstances", "PutObject", "GetSecretValue"}));
  for (const char* not_its :
       {"CreateStack", "UpdateStack", "DeleteStack", "ChangeResourceRecordSets", "RunTask"})
    EXPECT_EQ(operations_["TaskRole"].count(not_its), 0U) << not_its;
}

// base.yaml and production.yaml: of itself the function may do next to nothing, and it becomes the role of
// the production that it works on. Every call is judged as that role's, by its own stack's policies.
class AwsRoles : public AwsPolicies {
 protected:
  static constexpr const char* kRoles = "arn:aws:iam::123456789012:role/yesterdaytabase/";
  static constexpr const char* kSessions = "arn:aws:sts::123456789012:assumed-role/";

  AwsScenario& begin_two() {
    ScenarioOptions options;
    options.aws.delays = as_slow_as_aws();
    options.productions.clear();
    for (const char* name : {"shop", "crm"}) {
      options.productions.push_back(
          {.name = name, .copies = kServiceRole, .more = fmt::format("    role: {}{}\n", kRoles, name)});
    }
    return AwsRuns::begin(std::move(options));
  }
  // Calls that are the function's own (""), or that production's, its stacks' included.
  std::string calls_of(const std::string& production) {
    std::string out;
    const auto calls = scenario_->fake().calls(from_);
    for (const fakes::aws::RecordedCall& call : calls) {
      const bool by_role = call.principal.starts_with(kSessions);
      const bool by_stack = call.principal.starts_with("cloudformation.amazonaws.com/");
      const bool its =
          by_role ? call.principal == kSessions + production + "/yesterdaytabase"
          : by_stack
              ? call.principal.starts_with("cloudformation.amazonaws.com/" + production + "-yesterday-")
              : false;
      if (production.empty() ? by_role || by_stack : !its) continue;
      operations_[production].insert(call.operation);
      out += json{{"service", call.service},
                  {"operation", call.operation},
                  {"principal", by_stack ? call.principal : ""},
                  {"target", call.target},
                  {"input", call.input}}
                 .dump() +
             "\n";
    }
    return out;
  }
  std::vector<std::string> stack_of(const std::string& production) {
    return {"--template", "production",
            "--base",     "ExistingBucket=my-proofs",
            "-p",         "Production=" + production,
            "-p",         "DbName=" + production,
            "-p",         "AWS::StackName=ytb",
            "-p",         "InstanceClasses=db.t3.small",
            "-p",         "HostedZoneId=" + scenario_->zone(),
            "-p",         fmt::format("RecordName={}-yesterday.mysite.com", production)};
  }
  static void expect_allowed(const testing::RunResult& judged) {
    EXPECT_EQ(judged.status, 0) << judged.out << judged.err;
    EXPECT_THAT(judged.out, HasSubstr(" calls, 0 not allowed"));
  }
};

TEST_F(AwsRoles, TheFunctionWorksOnEachProductionAsItsRole) {
  AwsScenario& aws = begin_two();
  std::string config = get(aws.config());
  config.replace(config.find("state: state"), 12, "state: " + aws.file("state"));
  aws.fake().s3().put("my-proofs", "config/yesterdaytabase.yaml", config);
  from_ = aws.fake().calls().size();
  LambdaFunction function(
      aws, {{"YTB_CONFIG", "s3://my-proofs/config/yesterdaytabase.yaml"}, {"YTB_BUCKET", "my-proofs"}});
  for (const std::string name : {"shop", "crm"})
    EXPECT_TRUE(function.ask(R"({"action":"update","production":")" + name + "\"}")["error"].is_null());
  int live = 0;
  for (int i = 0; i < 40 && live < 2; ++i) {
    aws.fake().advance(std::chrono::minutes(5));
    const json ticked = function.ask(R"({"action":"tick"})");
    EXPECT_TRUE(ticked["error"].is_null()) << ticked;
    live = 0;
    for (const json& one : ticked.value("productions", json::array()))
      live += one["live"].is_object() ? 1 : 0;
  }
  ASSERT_EQ(live, 2) << function.log();
  for (int i = 0; i < 30; ++i) {  // two hours and a half: what a role was given lasts one
    aws.fake().advance(std::chrono::minutes(5));
    EXPECT_TRUE(function.ask(R"({"action":"tick"})")["error"].is_null());
  }
  EXPECT_TRUE(function.ask(R"({"action":"delete","production":"crm"})")["error"].is_null());
  for (int i = 0; i < 10 && !aws.fake().instance("crm-yesterday-20261121-060000-1").empty(); ++i) {
    aws.fake().advance(std::chrono::minutes(5));
    (void)function.ask(R"({"action":"tick"})");
  }
  EXPECT_EQ(aws.fake().instance("crm-yesterday-20261121-060000-1"), "");
  EXPECT_EQ(aws.resolved("shop"), aws.address_of(kFirst));

  expect_allowed(judge(calls_of(""), {"--template", "base", "-p", "ExistingBucket=my-proofs"}));
  EXPECT_THAT(operations_[""], IsSupersetOf({"AssumeRole", "GetObject", "PutObject", "DeleteObject"}));
  for (const char* name : {"shop", "crm"}) {
    const std::string calls = calls_of(name);
    expect_allowed(judge(calls, stack_of(name)));
    EXPECT_THAT(
        operations_[name],
        IsSupersetOf({"CreateStack", "RestoreDBInstanceFromDBSnapshot", "ModifyDBInstance", "UpdateStack",
                      "ChangeResourceRecordSets", "PutObject", "GetSecretValue", "GetParameter"}));
    // Were all of it done as one of them, IAM would have refused.
    const testing::RunResult others = judge(calls, stack_of(std::string(name) == "shop" ? "crm" : "shop"));
    EXPECT_EQ(others.status, 1);
    EXPECT_THAT(others.out, HasSubstr("cloudformation:CreateStack on "));
    // Renewed in time, and not at every tick.
    std::vector<Instant> assumed;
    for (const auto& call : aws.fake().calls(from_)) {
      if (call.operation == "AssumeRole" && call.target == kRoles + std::string(name))
        assumed.push_back(call.at);
    }
    ASSERT_GE(assumed.size(), 3U) << name;
    EXPECT_LE(assumed.size(), 16U) << name;
  }
  aws.expect_production_untouched();
}

// One production's role is denied: the other's morning is as ever, and the answer says what is missing.
TEST_F(AwsRoles, ARoleThatMayNotBeAssumedIsItsOwnProductionsMatter) {
  AwsScenario& aws = begin_two();
  aws.fake().iam().decide_by([](const std::string&, const std::string& action, const std::string& resource) {
    return action != "sts:AssumeRole" || !resource.ends_with("/crm");
  });
  LambdaFunction function(aws, {{"YTB_CONFIG", aws.config()}, {"YTB_BUCKET", "my-proofs"}});
  (void)function.ask(R"({"action":"update","production":"shop"})");
  const json refused = function.ask(R"({"action":"update","production":"crm"})");
  EXPECT_THAT(refused["error"].dump(), HasSubstr("sts:AssumeRole on resource"));
  EXPECT_THAT(refused["hint"].dump(), HasSubstr("yesterdaytabase/crm has to trust the function's own"));
  json shop;
  for (int i = 0; i < 40 && !shop["live"].is_object(); ++i) {
    aws.fake().advance(std::chrono::minutes(5));
    (void)function.ask(R"({"action":"tick"})");
    shop = function.ask(R"({"action":"status","production":"shop"})");
  }
  EXPECT_EQ(shop["live"]["copy"], kFirst) << shop;
  EXPECT_EQ(aws.fake().instance("crm-yesterday-20261121-060000-1"), "");
}

// The task has a role of its own production already, which the production's role does not trust.
TEST_F(AwsRoles, TheTaskAssumesNone) {
  AwsScenario& aws = begin_two();
  LambdaTask task(aws, {{"YTB_CONFIG", aws.config()}},
                  "arn:aws:sts::123456789012:assumed-role/TaskRole/task");
  EXPECT_EQ(task.run({"work", "--copy", kFirst, "--production", "shop"}), 1) << "there is no such copy";
  EXPECT_GT(aws.fake().count("DescribeStacks") + aws.fake().count("DescribeDBInstances"), 0) << task.log();
  EXPECT_EQ(aws.fake().count("AssumeRole"), 0);
}

// The command line acts as whoever runs it.
TEST_F(AwsRoles, TheCommandLineAssumesNone) {
  AwsScenario& aws = begin_two();
  aws.must({"refresh", "--production", "shop"});
  EXPECT_EQ(aws.resolved("shop"), aws.address_of(kFirst));
  EXPECT_EQ(aws.fake().count("AssumeRole"), 0);
}

TEST_F(AwsPolicies, DenyProductionToEveryRoleExplicitly) {
  (void)begin({});
  std::string calls;
  const std::vector<std::pair<std::string, std::string>> wanted = {
      {"DeleteDBInstance", "db:shop"},
      {"ModifyDBInstance", "db:shop"},
      {"AddTagsToResource", "db:shop"},
      {"DeleteDBCluster", "cluster:shop"},
      {"ModifyDBCluster", "cluster:shop"},
      {"DeleteDBSnapshot", "snapshot:rds:shop-2026-11-21-06-00"},
      {"DeleteDBClusterSnapshot", "cluster-snapshot:rds:shop-2026-11-21-06-00"},
      {"DeleteDBInstance", "db:another"}};
  int count = 0;
  for (const char* role : {"FunctionRole", "ServiceRole", "TaskRole"}) {
    for (const auto& [operation, target] : wanted) {
      calls +=
          json{{"service", "rds"}, {"operation", operation}, {"target", target}, {"principal", role}}.dump() +
          "\n";
      ++count;
    }
  }
  for (const char* adopts : {"AdoptOriginal=no", "AdoptOriginal=yes"}) {
    const testing::RunResult denied = judged(calls, {adopts});
    EXPECT_EQ(denied.status, 1);
    int explicitly = 0;
    for (const std::string& line : split(denied.out, '\n'))
      explicitly += line.ends_with(": explicitDeny") ? 1 : 0;
    EXPECT_EQ(explicitly, count) << denied.out;
    EXPECT_THAT(denied.out, HasSubstr(fmt::format("{} calls, {} not allowed", count, count)));
  }
}

}  // namespace
}  // namespace ytb::tests
