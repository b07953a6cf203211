// S17: "{{resolve:…}}" in an event's or config's texts reached the template of a copy, where CloudFormation
// puts the secret in its place.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "config/aws_text.h"
#include "config/config.h"
#include "drivers/rds/stack_template.h"
#include "lambda/event.h"
#include "lambda/original_config.h"

namespace ytb {
namespace {

const std::vector<std::string> kHostile = {"{{resolve:secretsmanager:prod/db:SecretString:password}}",
                                           "sg-{{resolve:ssm:x}}",
                                           "a{{resolve:ssm:x}}",
                                           "db.{{resolve:ssm:x}}",
                                           "x\"y",
                                           "a\nb",
                                           "$(id)",
                                           "`id`",
                                           "a;b",
                                           "a|b",
                                           "${AWS::Region}"};

std::string event_with(const std::string& group, const std::string& subnets) {
  auto escaped = [](const std::string& text) {
    std::string out;
    for (char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      if (c == '\n') {
        out += "\\n";
      } else {
        out += c;
      }
    }
    return out;
  };
  return fmt::format(
      R"({{"config":{{"domain":"mysite.com","db":{{"name":"shop","security_group":"{}","subnet_group":"{}"}}}}}})",
      escaped(group), escaped(subnets));
}

TEST(S17, AnEventsTextsAreNamesAndNothingElse) {
  EXPECT_TRUE(lambda::parse_event(event_with("sg-0123456789abcdef0", "staging db_1")).ok());
  for (const std::string& text : kHostile) {
    EXPECT_FALSE(lambda::parse_event(event_with(text, "staging")).ok()) << text;
    EXPECT_FALSE(lambda::parse_event(event_with("sg-1", text)).ok()) << text;
  }
}

TEST(S17, SoAreTheEnvironments) {
  const lambda::OriginalConfig original{
      .domain = "mysite.com", .db_name = "Shop", .security_group = "sg-staging", .subnet_group = "private"};
  const std::map<std::string, std::string> fine = {
      {"YTB_QUARANTINE_GROUP", "sg-q"}, {"YTB_BUCKET", "proofs"}, {"YTB_SIGNING_KEY", "env:NOWHERE"}};
  auto setup = [&](const std::map<std::string, std::string>& variables) {
    return lambda::setup_from_original(original, [&](const std::string& name) -> std::optional<std::string> {
      auto found = variables.find(name);
      if (found == variables.end()) return std::nullopt;
      return found->second;
    });
  };
  EXPECT_TRUE(setup(fine).ok()) << to_string(setup(fine).error());
  for (const char* variable : {"YTB_QUARANTINE_GROUP", "YTB_INSTANCE_CLASS", "YTB_STORAGE_TYPE",
                               "YTB_SERVICE_ROLE", "YTB_BUCKET_PREFIX", "YTB_KMS_KEY"}) {
    for (const std::string& text : kHostile) {
      if (text.find(',') != std::string::npos) continue;
      auto variables = fine;
      variables[variable] = text;
      EXPECT_FALSE(setup(variables).ok()) << variable << " " << text;
    }
  }
}

TEST(S17, NoTemplateHoldsADynamicReference) {
  config::RdsCopiesConfig copies;
  copies.subnet_group = "{{resolve:ssm:x}}";
  copies.quarantine_groups = {"sg-q"};
  EXPECT_FALSE(rds::stack_template(
                   {.name = "shop-yesterday-1", .engine_version = "15.4", .copies = copies, .tags = {}})
                   .ok());
  copies.subnet_group = "staging";
  EXPECT_TRUE(rds::stack_template(
                  {.name = "shop-yesterday-1", .engine_version = "15.4", .copies = copies, .tags = {}})
                  .ok());
}

TEST(S17, AParametersValueMayHaveAFormulaAndNoReference) {
  using config::AwsText;
  EXPECT_FALSE(config::wrong_with_aws(AwsText::kSettingValue, "{DBInstanceClassMemory/32768}"));
  EXPECT_FALSE(config::wrong_with_aws(AwsText::kSettingValue, "pg_stat_statements,auto_explain"));
  EXPECT_TRUE(config::wrong_with_aws(AwsText::kSettingValue, "{{resolve:ssm:x}}"));
  EXPECT_TRUE(config::wrong_with_aws(AwsText::kSettingValue, "a\nb"));
  EXPECT_FALSE(config::wrong_with_aws(AwsText::kKey, "arn:aws:kms:eu-west-1:123456789012:key/ours"));
  EXPECT_FALSE(config::wrong_with_aws(AwsText::kKey, "alias/staging"));
}

}  // namespace
}  // namespace ytb
