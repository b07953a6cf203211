// S17: "{{resolve:…}}" in an event's or config's texts reached the template of a copy, where CloudFormation
// puts the secret in its place. Its kind: texts that somebody else reads as more than text.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "config/aws_text.h"
#include "config/config.h"
#include "drivers/rds/stack_template.h"
#include "integration/scenario.h"
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

// By the program, which reads the whole config before it asks anybody.
TEST(S17, AConfigsTextsReachNoTemplate) {
  testing::Scenario scenario;
  const std::string path = scenario.home() + "/schema.sql";
  std::ofstream(path) << "CREATE TABLE public.t (id integer);\n";
  std::ofstream(scenario.policy_file()) << "version: 1\ntables: {public.t: keep}\n";
  const std::map<std::string, std::string> fine = {{"subnet_group", "staging-db"},
                                                   {"quarantine_groups", "sg-0123456789abcdef0"},
                                                   {"staging_groups", "sg-0fedcba9876543210"},
                                                   {"bucket", "proofs"},
                                                   {"storage_type", "gp3"}};
  auto check = [&](const std::map<std::string, std::string>& texts) {
    std::ofstream(scenario.config_file(), std::ios::trunc) << fmt::format(
        R"(version: 1
state: {0}/state
aws: {{region: eu-west-1}}
productions:
  shop:
    source: {{rds: {{instance: shop}}}}
    copies:
      rds:
        subnet_group: '{1}'
        quarantine_groups: ['{2}']
        staging_groups: ['{3}']
        bucket: '{4}'
        ca_bundle: {0}/masking.key
        storage_type: '{5}'
    alias: {{route53: {{domain: mysite.com}}}}
    masking: {{policy: {0}/policy.yaml, key: "file:{0}/masking.key"}}
    access: {{staging: {{password: "file:{0}/staging.password"}}}}
)",
        scenario.home(), texts.at("subnet_group"), texts.at("quarantine_groups"), texts.at("staging_groups"),
        texts.at("bucket"), texts.at("storage_type"));
    return scenario.ytb({"policy", "check", "--schema", path});
  };
  const testing::RunResult read = check(fine);
  constexpr int kConfigError = 3;
  ASSERT_NE(read.status, kConfigError) << read.out << read.err;
  for (const auto& [key, value] : fine) {
    for (const char* hostile : {"{{resolve:ssm:x}}", "sg-{{resolve:ssm:x}}", "${AWS::Region}", "a;b"}) {
      auto texts = fine;
      texts[key] = hostile;
      const testing::RunResult result = check(texts);
      EXPECT_EQ(result.status, kConfigError) << key << " " << hostile << "\n" << result.out << result.err;
    }
  }
}

// Paths of the config's in what we print to be pasted, and in units.
TEST(S17, PathsReachNoShellAndNoUnitUnquoted) {
  testing::Scenario scenario;
  scenario.production().run("shop", "CREATE TABLE t (id int PRIMARY KEY)");
  scenario.write_policy("    public.t: keep\n");
  scenario.accept();
  scenario.take_snapshot("monday");
  const std::string services = scenario.home() + "/x; touch owned-1 ;";
  const std::string configs = scenario.home() + "/y; touch owned-2 ;";
  ASSERT_EQ(mkdir(services.c_str(), 0755), 0);
  ASSERT_EQ(mkdir(configs.c_str(), 0755), 0);
  std::ifstream in(scenario.config_file());
  std::string text((std::istreambuf_iterator<char>(in)), {});
  const std::string before = scenario.home() + "/pg_service.conf";
  text.replace(text.find(before), before.size(), "\"" + services + "/pg_service.conf\"");
  std::ofstream(configs + "/config.yaml") << text;
  ASSERT_EQ(chmod((configs + "/config.yaml").c_str(), 0600), 0);
  auto with = [&](const std::string& config, const std::string& arguments) {
    std::string line = scenario.ytb_line(arguments);
    line.replace(line.find(scenario.config_file()), scenario.config_file().size(), config);
    return testing::run_program({"sh", "-c", line});
  };
  const testing::RunResult refreshed = with(configs + "/config.yaml", "refresh");
  EXPECT_EQ(refreshed.status, 0) << refreshed.out << refreshed.err;
  int pasted = 0;
  std::istringstream lines(refreshed.out + refreshed.err);
  for (std::string line; std::getline(lines, line);) {
    for (const char* label : {"  connect     ", "  proof       "}) {
      if (!line.starts_with(label)) continue;
      ++pasted;
      testing::run_program(
          {"sh", "-c", "cd '" + scenario.home() + "' && " + line.substr(std::string(label).size())});
    }
  }
  EXPECT_EQ(pasted, 2) << refreshed.out << refreshed.err;
  for (const char* owned : {"/owned-1", "/owned-2"})
    EXPECT_NE(access((scenario.home() + owned).c_str(), F_OK), 0) << owned;

  const std::string folder = scenario.home() + "/units\nExecStartPre=touch owned";
  ASSERT_EQ(mkdir(folder.c_str(), 0755), 0);
  with(folder + "/config.yaml", "init --source-dir '" + scenario.snapshots() + "' --directory '" +
                                    scenario.home() + "/place' --systemd");
  const testing::RunResult found =
      testing::run_program({"grep", "-rl", "--include=*.service", "^ExecStartPre", scenario.home()});
  EXPECT_EQ(found.out, "");
  EXPECT_NE(testing::run_program({"grep", "-rl", "--include=*.service", "^ExecStart=", folder}).out, "");
  with(configs + "/config.yaml", "teardown --yes");
}

}  // namespace
}  // namespace ytb
