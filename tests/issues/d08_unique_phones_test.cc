// D8: under a unique index `phone` was proposed as 26 letters of hash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "config/config.h"
#include "masking/masker.h"
#include "masking/plan.h"
#include "masking/propose.h"
#include "masking/yaml_text.h"
#include "support/schema.h"

namespace ytb::masking {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using tests::catalog_of;

TEST(D08, WhatIsProposedForUniqueColumnsLooksLikeTheValue) {
  const Catalog catalog = catalog_of(R"(
    CREATE TABLE a (id int PRIMARY KEY, phone varchar(20) UNIQUE, mobile text, ip inet UNIQUE, last_name text UNIQUE,
      UNIQUE (mobile));
    CREATE TABLE b (phone varchar(15) UNIQUE, fax text);)");
  std::map<std::string, std::string> found;
  const std::vector<Proposal> proposals = propose(catalog, {});
  for (const Proposal& proposal : proposals)
    found[proposal.table.name + "." + proposal.column] = yaml_spec(proposal.masker);
  EXPECT_EQ(found["a.phone"], "{phone: {country: none}}");
  EXPECT_EQ(found["a.mobile"], "{phone: {country: none}}");
  EXPECT_EQ(found["a.ip"], "{ip: {version: 6}}");
  EXPECT_EQ(found["a.last_name"], "username");
  EXPECT_EQ(found["b.phone"], "judge");  // too short to be told apart
  EXPECT_EQ(found["b.fax"], "phone");
  // The plan takes it.
  Result<Policy> policy = config::parse_policy(to_policy_yaml(catalog, proposals), "policy.yaml");
  ASSERT_TRUE(policy.ok()) << to_string(policy.error());
  for (const Finding& finding : plan_masking(*policy, {}, catalog).findings)
    EXPECT_TRUE(!finding.error || finding.column == "phone") << to_string(finding);
}

class PhoneOfNoCountry : public ::testing::Test {
 protected:
  std::string mask(const std::string& value, int length_max = 0) {
    Column column;
    column.name = "phone";
    column.type = column.base_type = "text";
    column.type_class = TypeClass::kText;
    if (length_max > 0) column.length_max = length_max;
    Table table;
    table.columns = {column};
    MaskerSpec spec;
    spec.name = "phone";
    spec.params["country"] = "none";
    auto masker = compile_masker(spec, {column, table, "UTF8", Wire::kText, key_});
    if (!masker.ok()) return to_string(masker.error());
    EXPECT_EQ((*masker)->uniqueness(), Uniqueness::kBijection);
    std::string out;
    EXPECT_EQ((*masker)->apply(value, {}, out), Applied::kReplaced);
    return out;
  }
  MaskingKey key_{Secret("0123456789abcdef0123456789abcdef")};
};

TEST_F(PhoneOfNoCountry, KeepsTheShapeAndReachesNobody) {
  EXPECT_THAT(mask("+49 30 901820"), MatchesRegex("\\+0[0-9]{2} [0-9]{2} [0-9]{6}"));
  EXPECT_THAT(mask("(202) 867-5309"), MatchesRegex("\\+0 \\([0-9]{3}\\) [0-9]{3}-[0-9]{4}"));
  EXPECT_THAT(mask("+4930901820"), MatchesRegex("\\+0[0-9]{10}"));
  // The same digits are the same number, however they are written.
  std::string one = mask("(202) 867-5309"), other = mask("202.867.5309");
  std::erase_if(one, [](char c) { return c < '0' || c > '9'; });
  std::erase_if(other, [](char c) { return c < '0' || c > '9'; });
  EXPECT_EQ(one, other);
  // What is no number says nothing of itself.
  EXPECT_THAT(mask("ask for Ann, 030 901820"), MatchesRegex("[a-z0-9]{26}"));
  EXPECT_THAT(mask("+49 (0) 30 / 901 820 - 1", 20), MatchesRegex("[a-z0-9]{20}"));
  EXPECT_THAT(mask("x", 12), HasSubstr("needs 20 characters"));
}

TEST_F(PhoneOfNoCountry, KeepsNumbersApart) {
  std::set<std::string> seen;
  size_t count = 0;
  for (int i = 0; i < 3000; ++i) {
    for (const char* before : {"+4930", "030", "+1202", "1202"}) {
      const std::string value = before + std::to_string(1000 + i * 7);
      const std::string masked = mask(value);
      EXPECT_TRUE(masked.starts_with("+0"));
      EXPECT_NE(masked, value);
      seen.insert(masked);
      ++count;
    }
  }
  EXPECT_EQ(seen.size(), count);
}

}  // namespace
}  // namespace ytb::masking
