// Settings of databases and roles, from the policy's text to the plan.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config.h"
#include "masking/plan.h"
#include "masking/settings.h"

namespace ytb::config {
namespace {

using masking::Catalog;
using masking::SettingRule;
using ::testing::HasSubstr;

masking::Policy policy_of(std::string_view settings) {
  auto policy = parse_policy("version: 1\n" + std::string(settings) + "tables: {}\n", "policy.yaml");
  EXPECT_TRUE(policy.ok()) << to_string(policy.error());
  return policy.ok() ? std::move(policy).value() : masking::Policy{};
}

std::string verdict(const masking::Policy& policy, const masking::Setting& setting) {
  auto judged = masking::judge_setting(policy, setting);
  return !judged ? "unjudged" : *judged == SettingRule::Verdict::kKeep ? "keep" : "none";
}

TEST(PolicySettings, the_most_specific_rule_decides) {
  const masking::Policy policy = policy_of(
      "settings:\n  shop: {\"app.*\": none, app.theme: keep, \"app.theme.*\": none}\n  \"*\": {\"*\": none, "
      "vault.colour: keep}\n");
  EXPECT_EQ(verdict(policy, {.database = "shop", .role = "", .name = "app.jwt"}), "none");
  EXPECT_EQ(verdict(policy, {.database = "shop", .role = "api", .name = "App.Theme"}), "keep");
  EXPECT_EQ(verdict(policy, {.database = "shop", .role = "", .name = "app.theme.x"}), "none");
  EXPECT_EQ(verdict(policy, {.database = "crm", .role = "", .name = "app.theme"}), "none");
  EXPECT_EQ(verdict(policy, {.database = "", .role = "api", .name = "vault.colour"}), "keep");
  EXPECT_EQ(verdict(policy_of(""), {.database = "shop", .role = "", .name = "app.theme"}), "unjudged");
}

TEST(PolicySettings, a_pattern_keeps_nothing) {
  for (const char* wrong : {"settings: {shop: {\"app.*\": keep}}\n", "settings: {shop: {app.x: mask}}\n",
                            "settings: {shop: keep}\n", "settings: [shop]\n"}) {
    EXPECT_FALSE(parse_policy("version: 1\n" + std::string(wrong) + "tables: {}\n", "policy.yaml").ok())
        << wrong;
  }
}

TEST(PolicySettings, an_unjudged_one_is_an_error_with_the_line_to_add) {
  Catalog catalog;
  masking::Database shop;
  shop.name = "shop";
  catalog.databases.push_back(shop);
  catalog.settings = {{.database = "shop", .role = "", .name = "statement_timeout"},
                      {.database = "shop", .role = "", .name = "app.jwt"},
                      {.database = "", .role = "api", .name = "application_name"}};
  auto check = masking::plan_masking(policy_of(""), {}, catalog);
  ASSERT_EQ(check.findings.size(), 2U);
  EXPECT_EQ(name_of(check.findings[1].kind), "unjudged_setting");
  EXPECT_THAT(check.findings[1].add, HasSubstr("settings:\n  shop:\n    \"app.jwt\": none"));
  EXPECT_THAT(check.findings[0].add, HasSubstr("\"*\":\n    application_name: none"));
  check = masking::plan_masking(policy_of("settings: {\"*\": {\"app.*\": none, application_name: keep}}\n"),
                                {}, catalog);
  ASSERT_TRUE(check.ok());
  EXPECT_EQ(check.plan->settings.size(), 2U);
}

}  // namespace
}  // namespace ytb::config
