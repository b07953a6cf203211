#include "drivers/aws/cloudformation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/aws/aws_testing.h"

namespace ytb::aws {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::Bench;

std::string wrapped(const std::string& action, const std::string& content) {
  return "<" + action + "Response><" + action + "Result>" + content + "</" + action + "Result></" + action +
         "Response>";
}
std::string invalid(const std::string& message) {
  return "<ErrorResponse><Error><Code>ValidationError</Code><Message>" + message +
         "</Message></Error></ErrorResponse>";
}
std::string stack(const std::string& name) {
  return "<member><StackId>arn:" + name + "</StackId><StackName>" + name +
         "</StackName><StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>2026-11-22T06:00:00.5Z</"
         "CreationTime>"
         "<Parameters><member><ParameterKey>P</ParameterKey><ParameterValue/></member></Parameters>"
         "<Outputs><member><OutputKey>O</OutputKey><OutputValue>o</OutputValue></member></Outputs>"
         "<Tags><member><Key>k</Key><Value>v</Value></member></Tags></member>";
}

TEST(CloudFormation, CreateSaysStartedOrAlreadyThere) {
  Bench bench;
  bench.transport.answer(200, wrapped("CreateStack", "<StackId>arn:s</StackId>"))
      .answer(400, "<ErrorResponse><Error><Code>AlreadyExistsException</Code></Error></ErrorResponse>")
      .answer(400, invalid("Template format error"));
  CloudFormation cloudformation(bench.caller);
  const CreateStack create{.name = "s",
                           .template_body = "{}",
                           .parameters = {{"P", "1"}},
                           .tags = {{"k", "v"}},
                           .stack_policy = "{}",
                           .client_token = "t",
                           .timeout_min = 60};
  const auto started = cloudformation.create_stack(create);
  ASSERT_TRUE(started.ok());
  EXPECT_EQ(started->stack_id, "arn:s");
  EXPECT_EQ(bench.transport.requests.at(0).body,
            "Action=CreateStack&Version=2010-05-15&StackName=s&TemplateBody=%7B%7D"
            "&Parameters.member.1.ParameterKey=P&Parameters.member.1.ParameterValue=1&Tags.member.1.Key=k"
            "&Tags.member.1.Value=v&StackPolicyBody=%7B%7D&ClientRequestToken=t&TimeoutInMinutes=60");
  EXPECT_EQ(cloudformation.create_stack(create)->kind, CreateOutcome::Kind::kAlreadyThere);
  EXPECT_THAT(cloudformation.create_stack(create).error().message, HasSubstr("Template format error"));
}

TEST(CloudFormation, UpdateTellsTheTwoValidationErrorsApart) {
  Bench bench;
  bench.transport.answer(200, wrapped("UpdateStack", "<StackId>arn:s</StackId>"))
      .answer(400, invalid("No updates are to be performed."))
      .answer(400, invalid("Stack [s] does not exist"))
      .answer(400, invalid("Stack:arn:s is in UPDATE_IN_PROGRESS state and can not be updated."));
  CloudFormation cloudformation(bench.caller);
  const UpdateStack update{
      .name = "s", .parameters = {{"Groups", "a,b"}}, .previous_parameters = {"Snapshot", "Class"}};
  EXPECT_EQ(cloudformation.update_stack(update)->kind, UpdateOutcome::Kind::kStarted);
  EXPECT_EQ(bench.transport.requests.at(0).body,
            "Action=UpdateStack&Version=2010-05-15&StackName=s&UsePreviousTemplate=true"
            "&Parameters.member.1.ParameterKey=Groups&Parameters.member.1.ParameterValue=a%2Cb"
            "&Parameters.member.2.ParameterKey=Snapshot&Parameters.member.2.UsePreviousValue=true"
            "&Parameters.member.3.ParameterKey=Class&Parameters.member.3.UsePreviousValue=true");
  EXPECT_EQ(cloudformation.update_stack(update)->kind, UpdateOutcome::Kind::kNothingToDo);
  EXPECT_EQ(cloudformation.update_stack(update)->kind, UpdateOutcome::Kind::kNotThere);
  EXPECT_THAT(cloudformation.update_stack(update).error().message, HasSubstr("UPDATE_IN_PROGRESS"));
}

TEST(CloudFormation, OneStackIsThereOrNot) {
  Bench bench;
  bench.transport.answer(200, wrapped("DescribeStacks", "<Stacks>" + stack("s") + "</Stacks>"))
      .answer(400, invalid("Stack with id s does not exist"))
      .answer(400, invalid("1 validation error detected"))
      .answer(200, wrapped("DescribeStacks", "<Stacks/>"));
  CloudFormation cloudformation(bench.caller);
  const auto found = cloudformation.describe_stack("s");
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_EQ((*found)->status, "CREATE_COMPLETE");
  EXPECT_EQ((*found)->outputs.at("O"), "o");
  EXPECT_EQ((*found)->parameters.at("P"), "");
  EXPECT_EQ((*found)->tags.at("k"), "v");
  EXPECT_EQ(to_iso((*found)->created_at), "2026-11-22T06:00:00Z");
  EXPECT_FALSE(cloudformation.describe_stack("s")->has_value());
  EXPECT_FALSE(cloudformation.describe_stack("s").ok());
  EXPECT_FALSE(cloudformation.describe_stack("s").ok());
}

TEST(CloudFormation, ListsArePagedAndEventsStopWhereAsked) {
  Bench bench;
  const auto event = [](const std::string& id) {
    return "<member><EventId>" + id +
           "</EventId><StackId>a</StackId><StackName>s</StackName><Timestamp>"
           "2026-11-22T06:00:00Z</Timestamp><ResourceStatus>CREATE_FAILED</ResourceStatus></member>";
  };
  bench.transport
      .answer(200, wrapped("DescribeStacks", "<Stacks>" + stack("a") + "</Stacks><NextToken>n</NextToken>"))
      .answer(200, wrapped("DescribeStacks", "<Stacks>" + stack("b") + "</Stacks>"))
      .answer(200, wrapped("DescribeStackEvents", "<StackEvents>" + event("1") + event("2") +
                                                      "</StackEvents><NextToken>n</NextToken>"))
      .answer(400, invalid("Stack [s] does not exist"))
      .answer(200, wrapped("ListStacks", "<StackSummaries>" + stack("z") + "</StackSummaries>"));
  CloudFormation cloudformation(bench.caller);
  std::vector<std::string> names;
  ASSERT_TRUE(cloudformation
                  .describe_stacks("",
                                   [&](const Stack& one) -> Status {
                                     names.push_back(one.name);
                                     return {};
                                   })
                  .ok());
  EXPECT_THAT(names, ElementsAre("a", "b"));
  EXPECT_THAT(bench.transport.requests.at(1).body, HasSubstr("&NextToken=n"));
  std::vector<std::string> events;
  const auto first = [&](const StackEvent& one) -> Result<bool> {
    events.push_back(one.id);
    return false;
  };
  ASSERT_TRUE(cloudformation.describe_stack_events("s", first).ok());
  ASSERT_TRUE(cloudformation.describe_stack_events("s", first).ok());
  EXPECT_THAT(events, ElementsAre("1"));
  std::string summary;
  ASSERT_TRUE(cloudformation
                  .list_stacks({"DELETE_FAILED"},
                               [&](const StackSummary& one) -> Status {
                                 summary = one.name;
                                 return {};
                               })
                  .ok());
  EXPECT_EQ(summary, "z");
  EXPECT_THAT(bench.transport.requests.back().body, HasSubstr("&StackStatusFilter.member.1=DELETE_FAILED"));
  EXPECT_TRUE(bench.transport.is_done());
}

TEST(CloudFormation, TheRest) {
  Bench bench;
  bench.transport.answer(200, "<DeleteStackResponse/>")
      .answer(200, "<ContinueUpdateRollbackResponse/>")
      .answer(400, "<ErrorResponse><Error><Code>TokenAlreadyExistsException</Code></Error></ErrorResponse>")
      .answer(200, "<SetStackPolicyResponse/>")
      .answer(200,
              wrapped("DescribeStackResources",
                      "<StackResources><member><LogicalResourceId>Copy</LogicalResourceId><ResourceType>"
                      "AWS::RDS::DBInstance</ResourceType><ResourceStatus>CREATE_IN_PROGRESS</ResourceStatus>"
                      "</member></StackResources>"))
      .answer(200, wrapped("GetTemplate", "<TemplateBody>{&quot;a&quot;:1}</TemplateBody>"))
      .answer(400, invalid("Stack with id s does not exist"));
  CloudFormation cloudformation(bench.caller);
  EXPECT_TRUE(cloudformation.delete_stack("s", "token", "arn:role").ok());
  EXPECT_THAT(bench.transport.requests.at(0).body,
              HasSubstr("StackName=s&ClientRequestToken=token&RoleARN=arn%3Arole"));
  EXPECT_TRUE(cloudformation.continue_update_rollback("s").ok());
  EXPECT_TRUE(cloudformation.continue_update_rollback("s", "token").ok()) << "it was asked for already";
  EXPECT_TRUE(cloudformation.set_stack_policy("s", "{}").ok());
  EXPECT_EQ(cloudformation.describe_stack_resources("s")->value().at(0).type, "AWS::RDS::DBInstance");
  EXPECT_EQ(cloudformation.get_template("s")->value(), "{\"a\":1}");
  EXPECT_FALSE(cloudformation.get_template("s")->has_value());
}

}  // namespace
}  // namespace ytb::aws
