#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "support/golden.h"

namespace ytb::config {
namespace {

using masking::DatabasePolicy;
using masking::LargeObjects;
using masking::Policy;
using masking::TablePolicy;
using ::testing::HasSubstr;

std::string error_of(std::string_view text) {
  Result<Policy> policy = parse_policy(text, "policy.yaml");
  if (policy.ok()) return "accepted";
  EXPECT_EQ(policy.error().code, Code::kPolicy);
  return policy.error().message;
}

TEST(PolicyFileTest, TheExampleOfTheDesignIsRead) {
  Result<Policy> policy = parse_policy(R"(version: 1
tables:
  public.users:
    email: email
    full_name: {person_name: {domain: people}}
    birth_date: {date_shift: {days: 30, by: id}}
    old: null
    note: {fixed: redacted}
    settings: {json: {"$.contact.email": email, "$.theme": keep, "$.born": {date_shift: {days: 3}}}}
    "*": keep
  public.audit_log: {rows: none}
  public.plans: keep
  public."Odd.""Name": {id: keep}
)",
                                       "policy.yaml");
  ASSERT_TRUE(policy.ok()) << to_string(policy.error());
  EXPECT_EQ(policy->file, "policy.yaml");
  EXPECT_EQ(policy->digest.size(), 64U);
  ASSERT_EQ(policy->databases.count(""), 1U);
  const DatabasePolicy& database = policy->databases.at("");
  EXPECT_EQ(database.form, DatabasePolicy::Form::kTables);
  const TablePolicy& users = database.tables.at({"public", "users"});
  EXPECT_EQ(users.form, TablePolicy::Form::kColumns);
  EXPECT_TRUE(users.wildcard_keep);
  EXPECT_EQ(users.wildcard_where.line, 10);
  EXPECT_EQ(users.columns.at("email").name, "email");
  EXPECT_EQ(users.columns.at("email").where.line, 4);
  EXPECT_EQ(users.columns.at("email").where.column, 12);
  EXPECT_EQ(users.columns.at("full_name").params.at("domain"), "people");
  EXPECT_EQ(users.columns.at("birth_date").params.at("days"), "30");
  EXPECT_EQ(users.columns.at("old").name, "null");
  EXPECT_EQ(users.columns.at("note").params.at("value"), "redacted");
  const masking::MaskerSpec& settings = users.columns.at("settings");
  ASSERT_EQ(settings.paths.size(), 3U);
  EXPECT_EQ(settings.paths[0].path, "$.contact.email");
  EXPECT_EQ(settings.paths[1].masker.name, "keep");
  EXPECT_EQ(settings.paths[2].masker.params.at("days"), "3");
  EXPECT_EQ(database.tables.at({"public", "audit_log"}).form, TablePolicy::Form::kNoRows);
  EXPECT_EQ(database.tables.at({"public", "plans"}).form, TablePolicy::Form::kKeep);
  EXPECT_EQ(database.tables.at({"public", "Odd.\"Name"}).columns.at("id").name, "keep");
}

TEST(PolicyFileTest, SeveralDatabases) {
  Result<Policy> policy = parse_policy(R"(version: 1
databases:
  shop: {tables: {public.users: keep}, large_objects: none}
  reporting: omit
  postgres: keep
  "odd; name": omit
)",
                                       "policy.yaml");
  ASSERT_TRUE(policy.ok()) << to_string(policy.error());
  EXPECT_EQ(policy->databases.at("shop").tables.size(), 1U);
  EXPECT_EQ(policy->databases.at("shop").large_objects, LargeObjects::kNone);
  EXPECT_EQ(policy->databases.at("reporting").form, DatabasePolicy::Form::kOmit);
  EXPECT_EQ(policy->databases.at("postgres").form, DatabasePolicy::Form::kKeep);
  EXPECT_EQ(policy->databases.count("odd; name"), 1U);
}

TEST(PolicyFileTest, AColumnCanBeCalledRowsOrStarOrHaveQuotes) {
  Result<Policy> policy = parse_policy(
      "version: 1\ntables: {public.t: {rows: keep, '\"*\"': hash, '\"a\"\"b\"': email, naïve Name: keep}}\n",
      "policy.yaml");
  ASSERT_TRUE(policy.ok()) << to_string(policy.error());
  const TablePolicy& table = policy->databases.at("").tables.at({"public", "t"});
  EXPECT_EQ(table.form, TablePolicy::Form::kColumns);
  EXPECT_FALSE(table.wildcard_keep);
  EXPECT_EQ(table.columns.at("rows").name, "keep");
  EXPECT_EQ(table.columns.at("*").name, "hash");
  EXPECT_EQ(table.columns.at("a\"b").name, "email");
  EXPECT_EQ(table.columns.at("naïve Name").name, "keep");
}

TEST(PolicyFileTest, WhatIsWrongIsNamed) {
  auto in_table = [](std::string_view columns) {
    return error_of("version: 1\ntables:\n  public.t: " + std::string(columns) + "\n");
  };
  EXPECT_THAT(in_table("{rows: none, id: keep}"),
              HasSubstr("'rows: none' empties the table and stands alone"));
  EXPECT_THAT(in_table("{\"*\": email}"), HasSubstr("\"*\" takes keep and nothing else"));
  EXPECT_THAT(in_table("kep"), HasSubstr("takes keep, {rows: none} or a mapping"));
  EXPECT_THAT(in_table("{email: }"), HasSubstr("column 'email' takes a masker"));
  EXPECT_THAT(in_table("{email: [email]}"), HasSubstr("column 'email' takes a masker"));
  EXPECT_THAT(in_table("{email: {email: {}, hash: {}}}"), HasSubstr("takes one masker"));
  EXPECT_THAT(in_table("{email: {email: [a]}}"), HasSubstr("takes its parameters as a mapping"));
  EXPECT_THAT(in_table("{email: {email: {domain: [a]}}}"), HasSubstr("'domain' takes text, not a list"));
  EXPECT_THAT(in_table("{email: keep, email: hash}"), HasSubstr("key 'email' is here twice"));
  EXPECT_THAT(in_table("{email: keep, '\"email\"': hash}"), HasSubstr("column 'email' is here twice"));
  EXPECT_THAT(in_table("{'\"a': keep}"), HasSubstr("is not one quoted name"));
  EXPECT_THAT(error_of("version: 1\ntables: {users: keep}\n"), HasSubstr("needs its schema: public.users"));
  EXPECT_THAT(error_of("version: 1\ntables: {public.Users: keep}\n"),
              HasSubstr("quoted as in SQL, e.g. public.\"Users\""));
  EXPECT_THAT(error_of("version: 1\ntables: {a.b.c: keep}\n"), HasSubstr("is not schema.table"));
  EXPECT_THAT(error_of("version: 1\ntables: {a.b: keep, '\"a\".b': keep}\n"), HasSubstr("is here twice"));
  EXPECT_THAT(error_of("version: 1\ntables: {}\ndatabases: {}\n"),
              HasSubstr("both 'tables' and 'databases'"));
  EXPECT_THAT(error_of("version: 1\n"), HasSubstr("neither 'tables' nor 'databases'"));
  EXPECT_THAT(error_of("tables: {}\n"), HasSubstr("has no 'version'"));
  EXPECT_THAT(error_of("version: 3\ntables: {}\n"), HasSubstr("'version' takes 1, which is the only one"));
  EXPECT_THAT(error_of("version: 1\ndatabases: {shop: {public.users: keep}}\n"),
              HasSubstr("has no 'tables'"));
  EXPECT_THAT(error_of("version: 1\ndatabases: {shop: drop}\n"), HasSubstr("takes keep, omit or a mapping"));
  EXPECT_THAT(error_of("version: 1\ndatabases: {shop: {tables: {}, large_objects: yes}}\n"),
              HasSubstr("'large_objects' takes keep or none"));
}

TEST(PolicyFileTest, HowSurvivorsAreSearchedFor) {
  using Search = masking::SurvivorPolicy::Search;
  const auto survivors_of = [](const std::string& text) {
    Result<Policy> policy = parse_policy("version: 1\ntables: {}\n" + text, "policy.yaml");
    EXPECT_TRUE(policy.ok()) << to_string(policy.error());
    return policy.ok() ? policy->survivors : masking::SurvivorPolicy();
  };
  EXPECT_EQ(survivors_of("").search, Search::kNone);
  EXPECT_EQ(survivors_of("survivors: whole\n").search, Search::kWhole);
  EXPECT_EQ(survivors_of("survivors: words\n").search, Search::kWords);
  const masking::SurvivorPolicy all =
      survivors_of("survivors: {search: prose, allow: {shop: {public.words.word: names are words}}}\n");
  EXPECT_EQ(all.search, Search::kProse);
  EXPECT_EQ(all.allow.at("shop").at("public.words.word"), "names are words");
  EXPECT_EQ(all.detectors, masking::SurvivorPolicy::Detectors::kWarn);
  EXPECT_EQ(all.names, masking::SurvivorPolicy::Names::kFail);
  const masking::SurvivorPolicy other =
      survivors_of("survivors: {search: prose, detectors: fail, names: warn}\n");
  EXPECT_EQ(other.detectors, masking::SurvivorPolicy::Detectors::kFail);
  EXPECT_EQ(other.names, masking::SurvivorPolicy::Names::kWarn);
  const std::string head = "version: 1\ntables: {}\n";
  EXPECT_THAT(error_of(head + "survivors: {search: prose, detectors: all}\n"),
              HasSubstr("none, warn or fail"));
  EXPECT_THAT(error_of(head + "survivors: {search: prose, names: none}\n"), HasSubstr("are to warn or fail"));
  EXPECT_THAT(error_of(head + "survivors: deep\n"), HasSubstr("none, whole, words or prose"));
  EXPECT_THAT(error_of(head + "survivors: {allow: {shop: {}}}\n"), HasSubstr("'survivors' has no 'search'"));
  EXPECT_THAT(error_of(head + "survivors: {search: prose, allow: {shop: {a.b.c: ''}}}\n"),
              HasSubstr("say in a sentence why"));
}

TEST(PolicyFileTest, DeepJsonSpecsEndAtABound) {
  std::string text = "version: 1\ntables: {public.t: {c: ";
  for (int i = 0; i < 50; ++i) text += "{json: {a: ";
  EXPECT_THAT(error_of(text), HasSubstr("levels deep"));
}

TEST(PolicyFileTest, ErrorsAsPeopleSeeThem) {
  const std::vector<std::string> texts = {
      "version: 1\ntabels:\n  public.users: keep\n",
      "version: 1\ntables:\n  users: keep\n  public.Orders: keep\n  public.log: {rows: all}\n  public.x: {a: "
      "}\n",
      "version: 1\ntables:\n  public.users:\n    email: email\n    email: keep\n   name: keep\n",
  };
  std::string golden;
  for (const std::string& text : texts) {
    Result<Policy> policy = parse_policy(text, "policy.yaml");
    golden += "---- policy\n" + text + "---- error\n" +
              (policy.ok() ? "accepted" : to_string(policy.error())) + "\n\n";
  }
  tests::expect_golden("config/policy_errors.txt", golden);
}

}  // namespace
}  // namespace ytb::config
