#include "lambda/original_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace ytb::lambda {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OriginalSetup : public ::testing::Test {
 protected:
  Result<lambda::Setup> make() {
    return setup_from_original(original_, [this](const std::string& name) -> std::optional<std::string> {
      auto found = variables_.find(name);
      return found == variables_.end() ? std::nullopt : std::optional(found->second);
    });
  }
  std::string refusal() {
    Result<lambda::Setup> setup = make();
    return setup.ok() ? "(accepted)" : setup.error().message;
  }
  OriginalConfig original_{
      .domain = "mysite.com", .db_name = "Shop", .security_group = "sg-staging", .subnet_group = "private"};
  std::map<std::string, std::string> variables_{{"YTB_BUCKET", "evidence"},
                                                {"YTB_QUARANTINE_GROUP", "sg-q1, sg-q2"},
                                                {"YTB_SIGNING_KEY", "secretsmanager:ytb/signing"}};
};

TEST_F(OriginalSetup, WhatTheOriginalSaidIsKept) {
  Result<lambda::Setup> setup = make();
  ASSERT_TRUE(setup.ok()) << to_string(setup.error());
  const config::ProductionConfig& production = setup->config->productions.front();
  EXPECT_EQ(production.name.str(), "shop");
  EXPECT_EQ(production.source.kind, "rds");
  EXPECT_EQ(production.source.rds.id, "Shop");
  EXPECT_EQ(production.copies.kind, "rds");
  EXPECT_EQ(production.copies.rds.subnet_group, "private");
  EXPECT_THAT(production.copies.rds.staging_groups, ElementsAre("sg-staging"));
  EXPECT_THAT(production.copies.rds.quarantine_groups, ElementsAre("sg-q1", "sg-q2"));
  EXPECT_EQ(production.copies.rds.bucket, "evidence");
  EXPECT_EQ(production.alias.kind, "route53");
  EXPECT_EQ(production.alias.route53.domain, "mysite.com");
  EXPECT_EQ(production.alias.route53.name, "shop-yesterday.mysite.com");
  EXPECT_EQ(production.alias.route53.ttl_s, 300);
  EXPECT_GE(production.drain, std::chrono::seconds(300)) << "clients hold on to the old address for the TTL";
  EXPECT_TRUE(production.masking.policy_file.empty());
  EXPECT_FALSE(production.fargate.has_value());
  EXPECT_EQ(setup->config->signing_key.kind, model::SecretRef::Kind::kSecretsManager);
  EXPECT_THAT(setup->remarks, ElementsAre(HasSubstr("YTB_ACCESS_ROLE")));
}

// A task definition cannot leave a variable out, and a template gives what is not chosen as "".
TEST_F(OriginalSetup, AVariableThatIsEmptyIsNotSet) {
  for (const char* name : {"YTB_POLICY",
                           "YTB_POLICY_LOCK",
                           "YTB_MASKING_KEY",
                           "YTB_MASKING_NONE",
                           "YTB_ACCESS_ROLE",
                           "YTB_ACCESS_PASSWORD",
                           "YTB_ACCESS_MEMBER_OF",
                           "YTB_ACCESS_EXISTING",
                           "YTB_FARGATE_CLUSTER",
                           "YTB_FARGATE_TASK_DEFINITION",
                           "YTB_FARGATE_SUBNETS",
                           "YTB_FARGATE_SECURITY_GROUPS",
                           "YTB_FARGATE_CONTAINER",
                           "YTB_FARGATE_PUBLIC_IP",
                           "YTB_BUCKET_PREFIX",
                           "YTB_SERVICE_ROLE",
                           "YTB_CA_BUNDLE",
                           "YTB_INSTANCE_CLASS",
                           "YTB_STORAGE_TYPE",
                           "YTB_KMS_KEY",
                           "YTB_ALIAS_NAME",
                           "YTB_ALIAS_TTL",
                           "YTB_SEEN_FROM",
                           "YTB_DRAIN",
                           "YTB_SPARE_COPIES",
                           "YTB_MAX_AGE"}) {
    variables_[name] = "";
  }
  Result<lambda::Setup> setup = make();
  ASSERT_TRUE(setup.ok()) << to_string(setup.error());
  const config::ProductionConfig& production = setup->config->productions.front();
  EXPECT_EQ(production.alias.route53.name, "shop-yesterday.mysite.com");
  EXPECT_EQ(production.alias.route53.ttl_s, 300);
  EXPECT_EQ(production.alias.route53.seen_from, "public");
  EXPECT_EQ(production.copies.rds.instance_class, "db.t4g.medium");
  EXPECT_EQ(production.copies.rds.storage_type, "") << "the snapshot's";
  EXPECT_EQ(production.copies.rds.bucket_prefix, "yesterdaytabase");
  EXPECT_FALSE(production.fargate.has_value());
  EXPECT_FALSE(production.max_age.has_value());
  EXPECT_TRUE(production.source.rds.owners.empty());
  variables_["YTB_BUCKET"] = "";
  EXPECT_THAT(refusal(), HasSubstr("YTB_BUCKET is not set"));
}

TEST_F(OriginalSetup, TheEnvironmentSaysTheRest) {
  variables_.insert({{"YTB_POLICY", "s3://evidence/policy.yaml"},
                     {"YTB_MASKING_KEY", "ssm:/ytb/key"},
                     {"YTB_ACCESS_ROLE", "staging"},
                     {"YTB_ACCESS_PASSWORD", "env:STAGING_PASSWORD"},
                     {"YTB_ALIAS_TTL", "900"},
                     {"YTB_DRAIN", "10min"},
                     {"YTB_SPARE_COPIES", "1"},
                     {"YTB_FARGATE_CLUSTER", "c"},
                     {"YTB_FARGATE_TASK_DEFINITION", "t"},
                     {"YTB_FARGATE_SUBNETS", "s1,s2"},
                     {"YTB_FARGATE_SECURITY_GROUPS", "sg-w"}});
  Result<lambda::Setup> setup = make();
  ASSERT_TRUE(setup.ok()) << to_string(setup.error());
  const config::ProductionConfig& production = setup->config->productions.front();
  EXPECT_EQ(production.masking.lock_file, "s3://evidence/policy.lock");
  EXPECT_EQ(production.masking.key.kind, model::SecretRef::Kind::kParameterStore);
  EXPECT_EQ(production.masking.key.locator, "/ytb/key");
  ASSERT_EQ(production.access.size(), 1U);
  EXPECT_EQ(production.access.front().password.locator, "STAGING_PASSWORD");
  EXPECT_EQ(production.drain, std::chrono::minutes(15)) << "never shorter than the TTL";
  EXPECT_EQ(production.spare_copies, 1);
  ASSERT_TRUE(production.fargate.has_value());
  EXPECT_THAT(production.fargate->subnets, ElementsAre("s1", "s2"));
  EXPECT_TRUE(setup->remarks.empty());
}

// What had no parameter, or no variable.
TEST_F(OriginalSetup, a13_whatever_the_originals_form_cannot_say) {
  variables_.insert({{"YTB_ZONE_ID", "Z0123456789ABCDEFGHIJ"},
                     {"YTB_SEEN_FROM", "vpc"},
                     {"YTB_KMS_KEY", "alias/staging"},
                     {"YTB_SNAPSHOT_OWNERS", "210987654321, 012345678901"},
                     {"YTB_STORAGE_TYPE", "io2"},
                     {"YTB_IOPS", "4000"},
                     {"YTB_STORAGE_THROUGHPUT", "500"},
                     {"YTB_STORAGE_GB", "200"},
                     {"YTB_EXTENDED_SUPPORT", "no"}});
  Result<lambda::Setup> setup = make();
  ASSERT_TRUE(setup.ok()) << to_string(setup.error());
  const config::ProductionConfig& production = setup->config->productions.front();
  EXPECT_EQ(production.alias.route53.zone_id, "Z0123456789ABCDEFGHIJ");
  EXPECT_EQ(production.alias.route53.domain, "") << "two zones may have that name";
  EXPECT_EQ(production.alias.route53.name, "shop-yesterday.mysite.com");
  EXPECT_EQ(production.alias.route53.seen_from, "vpc");
  EXPECT_EQ(production.source.rds.kms_key, "alias/staging");
  EXPECT_THAT(production.source.rds.owners, ElementsAre("210987654321", "012345678901"));
  EXPECT_EQ(production.copies.rds.storage_type, "io2");
  EXPECT_EQ(production.copies.rds.iops, 4000);
  EXPECT_EQ(production.copies.rds.storage_throughput, 500);
  EXPECT_EQ(production.copies.rds.storage_gb, 200);
  EXPECT_FALSE(production.copies.rds.extended_support);
  variables_["YTB_SNAPSHOT_OWNERS"] = "mine";
  EXPECT_THAT(refusal(), HasSubstr("YTB_SNAPSHOT_OWNERS is 'mine'"));
}

TEST_F(OriginalSetup, WhatIsMissingOrWrongIsNamed) {
  struct Row {
    const char* variable;
    const char* value;
    const char* said;
  };
  auto sound = variables_;
  for (const Row& row :
       {Row{"YTB_BUCKET", "", "YTB_BUCKET is not set"},
        Row{"YTB_QUARANTINE_GROUP", "", "YTB_QUARANTINE_GROUP is not set"},
        Row{"YTB_QUARANTINE_GROUP", "sg-q,sg-staging", "staging's own group"},
        Row{"YTB_SIGNING_KEY", "", "YTB_SIGNING_KEY is not set"},
        Row{"YTB_POLICY", "policy.yaml", "YTB_POLICY is 'policy.yaml'"},
        Row{"YTB_POLICY", "/policy.yaml", "YTB_MASKING_KEY is not set"},
        Row{"YTB_MASKING_NONE", "no", "YTB_MASKING_NONE is no reason"},
        Row{"YTB_ACCESS_ROLE", "staging", "YTB_ACCESS_PASSWORD is not set"},
        Row{"YTB_ALIAS_TTL", "soon", "YTB_ALIAS_TTL is 'soon'"}, Row{"YTB_DRAIN", "5", "YTB_DRAIN"},
        Row{"YTB_FARGATE_CLUSTER", "c", "YTB_FARGATE_TASK_DEFINITION, YTB_FARGATE_SUBNETS"}}) {
    variables_ = sound;
    variables_[row.variable] = row.value;
    EXPECT_THAT(refusal(), HasSubstr(row.said)) << row.variable;
  }
  // A secret put where its place belongs is not repeated.
  variables_ = sound;
  variables_["YTB_SIGNING_KEY"] = "hunter2";
  EXPECT_THAT(refusal(), HasSubstr("YTB_SIGNING_KEY does not say where"));
  EXPECT_EQ(refusal().find("hunter2"), std::string::npos);
}

TEST_F(OriginalSetup, LongNamesBecomeProductionsAndRecordsOrAreRefused) {
  original_.db_name = std::string(50, 'a');
  Result<lambda::Setup> setup = make();
  ASSERT_TRUE(setup.ok());
  EXPECT_EQ(setup->config->productions.front().name.str().size(), 40U);
  EXPECT_NE(production_of(std::string(50, 'a')), production_of(std::string(51, 'a')));
  original_.db_name = std::string(60, 'a');
  EXPECT_THAT(refusal(), HasSubstr("longer than a name in DNS"));
}

}  // namespace
}  // namespace ytb::lambda
