// Proposing again: what is new is added where it belongs, and everything else stays as it was written.
#include "config/policy_merge.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "masking/additions.h"
#include "masking/lock.h"
#include "masking/plan.h"
#include "masking/propose.h"
#include "support/schema.h"

namespace ytb::config {
namespace {

using masking::Additions;
using masking::Catalog;
using masking::Finding;
using masking::Policy;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using tests::catalog_of;

Catalog two_databases() {
  Catalog catalog = catalog_of("CREATE TABLE users (id int, email text);");
  catalog.databases.push_back(catalog_of("CREATE TABLE leads (phone text);", "crm").databases.front());
  return catalog;
}

// The policy with what is new; "error: …" where there is no safe place.
std::string merged(std::string_view text, const Catalog& catalog) {
  Result<Policy> policy = parse_policy(text, "policy.yaml");
  EXPECT_TRUE(policy.ok()) << to_string(policy.error());
  if (!policy.ok()) return {};
  Result<Additions> missing = what_is_missing(*policy, catalog, propose(catalog, {}));
  if (!missing.ok()) return "error: " + to_string(missing.error());
  if (missing->empty()) return std::string(text);
  Result<std::string> added = add_to_policy(text, "policy.yaml", *missing);
  return added.ok() ? *added : "error: " + to_string(added.error());
}

// Nothing is unjudged any more, and a second time adds nothing.
void expect_whole(const std::string& text, const Catalog& catalog) {
  Result<Policy> policy = parse_policy(text, "policy.yaml");
  ASSERT_TRUE(policy.ok()) << to_string(policy.error()) << text;
  for (const Finding& finding : plan_masking(*policy, expand_lock(*policy, catalog), catalog).findings) {
    EXPECT_TRUE(!finding.error || finding.kind == Finding::Kind::kUndecided) << to_string(finding) << text;
  }
  EXPECT_EQ(merged(text, catalog), text);
}

// All lines of `before` are in `after`, in their order.
void expect_only_added(std::string_view before, std::string_view after) {
  size_t at = 0;
  for (size_t start = 0; start < before.size();) {
    const size_t end = std::min(before.find('\n', start), before.size());
    const std::string line = std::string(before.substr(start, end - start)) + "\n";
    const size_t found = after.find(line, at);
    ASSERT_NE(found, std::string_view::npos) << line << "\nis gone or moved in\n" << after;
    at = found + line.size();
    start = end + 1;
  }
}

constexpr const char* kSchema = R"sql(
CREATE TABLE users (id int PRIMARY KEY, email text, nick text, vip boolean);
CREATE TABLE plans (id int, price numeric);
CREATE TABLE notes (id int, user_id int REFERENCES users, body text);
)sql";

constexpr const char* kWritten = R"yaml(# Ours since 2024.   Ask Ann.
version: 1

survivors: prose   # as legal wants it

tables:
    # who they are
    public.users:
        id:    keep     # a number, says Bob
        email: {hash: {domain: "mine"}}   # joined with the CRM

        # phone: hash

    # money
    "public.plans": {id: keep, price: keep}   # public prices
# the end
)yaml";

TEST(PolicyMergeTest, OnlyWhatIsNewIsAddedAndEveryCommentStays) {
  const Catalog catalog = catalog_of(kSchema);
  const std::string after = merged(kWritten, catalog);
  expect_only_added(kWritten, after);
  expect_whole(after, catalog);
  EXPECT_THAT(after, HasSubstr("        # phone: hash\n        nick: username   # text: name 'nick'"));
  EXPECT_THAT(after,
              HasSubstr("\"public.plans\": {id: keep, price: keep}   # public prices\n    public.notes:\n"));
  EXPECT_THAT(after, EndsWith("# the end\n"));
  EXPECT_THAT(
      after,
      StartsWith("# Ours since 2024.   Ask Ann.\nversion: 1\n\nsurvivors: prose   # as legal wants it\n"));
}

TEST(PolicyMergeTest, AnythingJudgedAlreadyAddsNothing) {
  const Catalog catalog = catalog_of(kSchema);
  for (const char* text :
       {"version: 1\ntables: {public.users: keep, public.plans: {\"*\": keep}, public.notes: {rows: none}}\n",
        "version: 1\ncolumns: {\"*\": keep}\n", "version: 1\ndatabases: {shop: keep}\n",
        "version: 1\ndatabases:\n  shop: omit\n"}) {
    EXPECT_EQ(merged(text, catalog), text);
  }
}

TEST(PolicyMergeTest, ASecondDatabaseChangesNothingJudgedBefore) {
  const std::string text =
      "# top\nversion: 1\n# about tables\ntables:\n  public.users:\n    id: keep   # why\n    email: {hash: "
      "{domain: x}}\n"
      "survivors: prose\n# views\nviews: {public.v: none}\n";
  const std::string after = merged(text, two_databases());
  EXPECT_THAT(
      after,
      StartsWith("# top\nversion: 1\ndatabases:\n  shop:\n    # about tables\n    tables:\n"
                 "      public.users:\n        id: keep   # why\n        email: {hash: {domain: x}}\n"
                 "    # views\n    views: {public.v: none}\n  crm:\n    tables:\n      public.leads:\n"));
  EXPECT_THAT(after, EndsWith("survivors: prose\n"));
  Result<Policy> policy = parse_policy(after, "policy.yaml");
  ASSERT_TRUE(policy.ok());
  EXPECT_EQ(
      policy->databases.at("shop").tables.at({"public", "users"}).columns.at("email").params.at("domain"),
      "x");
  EXPECT_EQ(policy->databases.at("shop").empty_views.size(), 1U);
  EXPECT_EQ(merged(after, two_databases()), after);
}

TEST(PolicyMergeTest, TheLongFormGrowsByADatabase) {
  const std::string text = "version: 1\ndatabases:\n  shop: keep   # all of it\n  gone: omit\n";
  const std::string after = merged(text, two_databases());
  expect_only_added(text, after);
  EXPECT_THAT(after,
              HasSubstr("  gone: omit\n  crm:\n    tables:\n      public.leads:\n        phone: phone"));
}

TEST(PolicyMergeTest, WhoseTablesTheyAreMustBeKnown) {
  EXPECT_THAT(merged("version: 1\ntables: {public.nothing: keep}\n", two_databases()), HasSubstr("error: "));
}

// In braces, as JSON has it, over several lines, with comments, quotes and commas at the end.
TEST(PolicyMergeTest, FlowStyleIsAddedToWithinItsBraces) {
  const Catalog catalog = catalog_of("CREATE TABLE t (a int, b boolean, c boolean); CREATE TABLE u (d int);");
  for (const char* text : {
           "{\"version\": 1, \"tables\": {\"public.t\": {\"a\": \"keep\"}}}",
           "version: 1\ntables: {public.t: {a: keep, b: keep, }, }\n",
           "version: 1\ntables: {\n  public.t: {\n    a: {fixed: 'it''s } # no'}, # a } brace\n    b: keep # "
           "{\n  }\n}\n",
           "version: 1\ntables:\n  public.t: {a: {fixed: \"\\\"}\"}}\n",
           "version: 1\ntables:\n  public.t: {\n    a: keep\n}\n# end",
           "version: 1\ntables: {}\n",
           "version: 1\ntables:\n",
           "version: 1\ntables:   # nothing yet\n",
           "version: 1\ndatabases: {shop: {tables: {public.t: {a: keep}}}}\n",
           "version: 1\ndatabases:\n  shop:\n    columns: {a: keep}\n",
           "version: 1\r\ntables:\r\n  public.t:\r\n    a: keep\r\n",
           "version: 1\ntables:\n  public.t:\n    a: keep",
           "version: 1\ntables:\n  public.t:\n    a: {fixed:\n      \"two\n      lines\"}\n  # public.x: "
           "keep\n",
           "version: 1\ntables:\n  public.t:\n    a:\n      fixed: >-\n        folded\n        text\n",
           "---\nversion: 1\ntables:\n  'public.t':\n    'a': keep\n",
           "version: 1\ncolumns: {a: keep}\n",
       }) {
    Result<Policy> policy = parse_policy(text, "policy.yaml");
    ASSERT_TRUE(policy.ok()) << to_string(policy.error()) << text;
    const std::string after = merged(text, catalog);
    EXPECT_THAT(after, Not(StartsWith("error: "))) << text;
    Result<Policy> read = parse_policy(after, "policy.yaml");
    ASSERT_TRUE(read.ok()) << to_string(read.error()) << after;
    EXPECT_EQ(merged(after, catalog), after) << text;
    for (const Finding& finding : plan_masking(*read, expand_lock(*read, catalog), catalog).findings) {
      EXPECT_NE(finding.kind, Finding::Kind::kUnjudgedColumn) << to_string(finding) << after;
      EXPECT_NE(finding.kind, Finding::Kind::kUnjudgedTable) << to_string(finding) << after;
    }
    if (std::string_view(text).find('\r') != std::string_view::npos) {
      EXPECT_EQ(std::count(after.begin(), after.end(), '\r'), std::count(after.begin(), after.end(), '\n'));
    }
  }
}

// Where the end of the document is marked, nothing can follow: nothing is changed then.
TEST(PolicyMergeTest, WhereThereIsNoSafePlaceNothingIsChanged) {
  const Catalog catalog = two_databases();
  EXPECT_THAT(merged("{version: 1, tables: {public.users: keep}}\n", catalog), HasSubstr("no safe place"));
}

TEST(PolicyMergeTest, HostileNamesAreAddedToo) {
  const Catalog catalog = catalog_of(
      "CREATE TABLE \"a.b\" (\"x: y\" int, \"*\" text, \"\"\"q\"\"\" text, \"nul\nl\" boolean, \"#c\" "
      "boolean, \"{\" int);");
  const std::string text = "version: 1\ntables:\n  'public.\"a.b\"':\n    'x: y': keep\n";
  const std::string after = merged(text, catalog);
  expect_only_added(text, after);
  expect_whole(after, catalog);
  const std::string flow = merged("version: 1\ntables:\n  'public.\"a.b\"': {'x: y': keep}\n", catalog);
  expect_whole(flow, catalog);
}

TEST(PolicyMergeTest, ANewReferenceGoesAsWhatItRefersTo) {
  const Catalog catalog = catalog_of(
      "CREATE TABLE users (login text PRIMARY KEY); CREATE TABLE posts (author text REFERENCES users, id "
      "int);");
  const std::string after =
      merged("version: 1\ntables:\n  public.users: {login: {hash: {domain: who}}}\n", catalog);
  EXPECT_THAT(after, HasSubstr("author: {hash: {domain: who}}   # text: references public.users.login"));
  expect_whole(after, catalog);
}

TEST(PolicyMergeTest, ChildrenComeWithTheirParent) {
  const Catalog catalog = catalog_of(
      "CREATE TABLE log (who text); CREATE TABLE log_1 (extra boolean) INHERITS (log);"
      "CREATE TABLE log_2 () INHERITS (log);");
  const std::string after = merged("version: 1\ntables:\n", catalog);
  EXPECT_THAT(after, HasSubstr("  public.log_1:\n    extra: keep"));
  EXPECT_THAT(after, Not(HasSubstr("log_2")));
  expect_whole(after, catalog);
}

TEST(PolicyMergeTest, SettingsAndLargeObjectsAreAddedWhereTheyBelong) {
  Catalog catalog = catalog_of("CREATE TABLE t (a int);");
  catalog.databases[0].large_objects = 3;
  catalog.settings = {{.database = "shop", .role = "", .name = "app.jwt"},
                      {.database = "", .role = "x", .name = "app.k"}};
  for (const char* text :
       {"version: 1\ntables:\n  public.t: keep\n",
        "version: 1\nsettings:\n  shop: {app.other: keep}   # known\ntables: {public.t: keep}\n",
        "version: 1\nsettings:\n  \"*\":\n    app.z: none\ntables:\n  public.t: keep\n",
        "version: 1\ndatabases:\n  shop:\n    tables: {public.t: keep}\n"}) {
    const std::string after = merged(text, catalog);
    expect_whole(after, catalog);
    Result<Policy> policy = parse_policy(after, "policy.yaml");
    ASSERT_TRUE(policy.ok());
    EXPECT_EQ(policy->settings.at("shop").count("app.jwt"), 1U) << after;
    EXPECT_EQ(policy->settings.at("*").count("app.k"), 1U) << after;
  }
}

}  // namespace
}  // namespace ytb::config
