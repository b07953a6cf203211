// Rules across tables, from the policy's text to the plan, the lock and `policy explain`.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "masking/explain.h"
#include "masking/lock.h"
#include "masking/plan.h"
#include "support/schema.h"

namespace ytb::config {
namespace {

using masking::Catalog;
using masking::Explanation;
using masking::Finding;
using masking::PlanCheck;
using masking::Policy;
using masking::PolicyLock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using tests::catalog_of;

constexpr const char* kSchema = R"sql(
CREATE SCHEMA audit;
CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz, vip boolean);
CREATE TABLE plans (id int PRIMARY KEY, created_at timestamptz, note text);
CREATE TABLE audit.events (id int, payload text, created_at timestamptz);
)sql";

Policy policy_of(std::string_view lines) {
  Result<Policy> policy = parse_policy("version: 1\n" + std::string(lines), "policy.yaml");
  EXPECT_TRUE(policy.ok()) << to_string(policy.error());
  return policy.ok() ? std::move(policy).value() : Policy{};
}

std::string error_of(std::string_view lines) {
  Result<Policy> policy = parse_policy("version: 1\n" + std::string(lines), "policy.yaml");
  return policy.ok() ? "accepted" : policy.error().message;
}

std::vector<std::string> kinds(const PlanCheck& check, bool errors = true) {
  std::vector<std::string> found;
  for (const Finding& finding : check.findings) {
    if (finding.error == errors) found.push_back(fmt::format("{} {}", name_of(finding.kind), finding.column));
  }
  return found;
}

std::string shown(const PlanCheck& check) {
  std::string text;
  for (const Finding& finding : check.findings) text += to_string(finding) + "\n";
  return text;
}

TEST(PolicyRulesTest, ManyColumnsThatWaitForAcceptanceAreToldTogether) {
  std::string schema;
  for (int i = 0; i < 8; ++i) schema += fmt::format("CREATE TABLE t{} (id int, note text);\n", i);
  const Catalog catalog = catalog_of(schema);
  const Policy keeps = policy_of("columns: {\"*.id\": keep, \"*.note\": hash}\ntables: {}\n");
  const PlanCheck waiting = plan_masking(keeps, {}, catalog);
  EXPECT_TRUE(accepting_settles(waiting));
  EXPECT_EQ(waiting_for_acceptance(waiting).size(), 8U);
  const Error error = to_error(waiting);
  EXPECT_THAT(error.message, HasSubstr("8 columns that the policy keeps are not in the lock"));
  for (int i = 0; i < 8; ++i)
    EXPECT_THAT(error.message, HasSubstr(fmt::format("public.t{}.id (integer) of", i)));
  EXPECT_TRUE(plan_masking(keeps, expand_lock(keeps, catalog), catalog).ok());

  // What accepting does not settle comes first, and is not counted with it.
  const Policy wrong =
      policy_of("columns: {\"*.id\": keep, \"*.note\": hash}\ntables: {public.t3: {note: judge}}\n");
  const PlanCheck both = plan_masking(wrong, {}, catalog);
  EXPECT_FALSE(accepting_settles(both));
  EXPECT_EQ(both.findings.front().kind, Finding::Kind::kUndecided);
  EXPECT_THAT(to_error(both).message,
              HasSubstr("1 finding, and 8 columns that nobody has accepted\npolicy.yaml:"));

  // Whatever there is to say of a column by itself is said: a name that speaks of a person, a changed type.
  std::string grown = "CREATE TABLE t (id bigint, passport_number text";
  for (int i = 0; i < 8; ++i) grown += fmt::format(", is_{} boolean", i);
  const Policy all = policy_of("tables: {public.t: {\"*\": keep}}\n");
  const PlanCheck drift =
      plan_masking(all, expand_lock(all, catalog_of("CREATE TABLE t (id int);")), catalog_of(grown + ");"));
  EXPECT_EQ(waiting_for_acceptance(drift).size(), 8U);
  EXPECT_THAT(to_error(drift).message, HasSubstr("passport_number: hash"));
  EXPECT_THAT(to_error(drift).message, HasSubstr("is locked as integer"));

  // A few are the drift of one night, and each has its line.
  const PlanCheck few = plan_masking(keeps, {}, catalog_of("CREATE TABLE t0 (id int, note text);"));
  EXPECT_THAT(waiting_for_acceptance(few), IsEmpty());
  EXPECT_THAT(to_error(few).message, HasSubstr("add:"));
}

// A name was offered as a reason to keep what its values had made doubtful.
TEST(PolicyRulesTest, InPlaceOfJudgeNothingIsKeptByItsName) {
  const Catalog catalog = catalog_of(
      "CREATE TABLE teams (id int, name text NOT NULL, slug text, tags text[]); CREATE TABLE t (name text);");
  const PlanCheck check =
      plan_masking(policy_of("columns: {\"*.name\": judge}\n"
                             "tables: {public.teams: {id: hash, slug: judge, tags: judge}, public.t: {}}\n"),
                   {}, catalog);
  EXPECT_EQ(kinds(check).size(), 4U);
  const std::string text = shown(check);
  EXPECT_EQ(text.find(": keep "), std::string::npos) << text;
  EXPECT_THAT(text, HasSubstr("slug: hash   # text: or null, or keep, where nothing in it is personal"));
  EXPECT_THAT(text, HasSubstr("name: hash   # text: or person_name, company, or keep, where"));
  EXPECT_THAT(text, HasSubstr("tags: hash   # text[]: or null, or keep, where"));
}

PlanCheck accepted(const Policy& policy, const Catalog& catalog) {
  return plan_masking(policy, expand_lock(policy, catalog), catalog);
}

std::string masker_of(const PlanCheck& check, std::string_view table, std::string_view column) {
  if (!check.ok()) return "no plan";
  for (const masking::TablePlan& planned : check.plan->databases[0].tables) {
    if (planned.table.name.name != table) continue;
    for (const masking::ColumnPlan& each : planned.columns) {
      if (each.column.name == column) return each.masker.name;
    }
  }
  return "none";
}

constexpr const char* kRules = R"yaml(columns:
  "*": keep
  "*.email": email
  "audit.*.* text": hash
  "audit.*.id": keep
  "*.created_at": keep
)yaml";

TEST(PolicyRulesTest, JudgeWholeTablesWithoutAnEntry) {
  const PlanCheck check = accepted(policy_of(kRules), catalog_of(kSchema));
  ASSERT_TRUE(check.ok()) << shown(check);
  EXPECT_EQ(masker_of(check, "users", "email"), "email");
  EXPECT_EQ(masker_of(check, "users", "vip"), "keep");
  EXPECT_EQ(masker_of(check, "events", "payload"), "hash");
  EXPECT_EQ(masker_of(check, "events", "created_at"), "keep") << "the last one that matches";
}

TEST(PolicyRulesTest, EntriesGoBeforeRules) {
  const Catalog catalog = catalog_of(kSchema);
  const PlanCheck check = accepted(policy_of(std::string(kRules) + R"(tables:
  public.users: {email: "null"}
  public.plans: keep
  audit.events: {payload: hash, "*": keep}
)"),
                                   catalog);
  ASSERT_TRUE(check.ok()) << shown(check);
  EXPECT_EQ(masker_of(check, "users", "email"), "null");
  EXPECT_EQ(masker_of(check, "users", "vip"), "keep") << "by a rule";
  EXPECT_EQ(masker_of(check, "events", "id"), "keep");
  const PlanCheck emptied =
      accepted(policy_of(std::string(kRules) + "tables: {audit.events: {rows: none}}\n"), catalog);
  ASSERT_TRUE(emptied.ok()) << shown(emptied);
}

TEST(PolicyRulesTest, ADatabaseThatIsKeptWholeGoesBeforeRules) {
  const PlanCheck check =
      accepted(policy_of("columns: {\"*.email\": email}\ndatabases: {shop: keep}\n"), catalog_of(kSchema));
  ASSERT_TRUE(check.ok()) << shown(check);
  EXPECT_EQ(masker_of(check, "users", "email"), "keep");
  EXPECT_THAT(kinds(check, false), ElementsAre("unused_rule "));
}

TEST(PolicyRulesTest, OfOneDatabaseGoBeforeThoseOfAll) {
  const PlanCheck check =
      accepted(policy_of("columns: {\"*\": keep, \"*.email\": email}\ndatabases:\n  shop:\n"
                         "    columns: {\"*.email\": hash}\n"),
               catalog_of(kSchema));
  ASSERT_TRUE(check.ok()) << shown(check);
  EXPECT_EQ(masker_of(check, "users", "email"), "hash");
}

// A rule that keeps is a wildcard; one that masks judges what is new.
TEST(PolicyRulesTest, NewColumnsNeedTheLockWhereARuleKeeps) {
  const Policy policy = policy_of("columns: {\"*\": keep, \"*.email\": email}\n");
  const PolicyLock lock = expand_lock(policy, catalog_of("CREATE TABLE t (id int);"));
  const PlanCheck check =
      plan_masking(policy, lock, catalog_of("CREATE TABLE t (id int, email text, nick text);"));
  EXPECT_THAT(kinds(check), ElementsAre("unjudged_column nick"));
  EXPECT_THAT(shown(check),
              HasSubstr("policy.yaml:2:11: column public.t.nick (text) of shop is new under the rule '*'"));
  const PlanCheck changed = plan_masking(policy, lock, catalog_of("CREATE TABLE t (id text);"));
  EXPECT_THAT(kinds(changed), ElementsAre("changed_type id"));
  // Version 1 knew no rules, so it lets none pass.
  EXPECT_THAT(kinds(plan_masking(policy, {}, catalog_of("CREATE TABLE t (id int);"))),
              ElementsAre("unjudged_column id"));
}

TEST(PolicyRulesTest, AMaskThatDoesNotFitIsAFinding) {
  const Catalog catalog = catalog_of(
      "CREATE TABLE t (id int PRIMARY KEY, email boolean, city text UNIQUE, day date, g text GENERATED "
      "ALWAYS AS "
      "(city) STORED);");
  const PlanCheck check = accepted(policy_of("columns:\n  \"*\": keep\n  email: email\n  city: city\n  day: "
                                             "{date_shift: {days: 3, by: nobody}}\n"
                                             "  g: hash\n"),
                                   catalog);
  EXPECT_THAT(kinds(check), UnorderedElementsAre("cannot_serve_type email", "too_weak_for_unique city",
                                                 "bad_parameter day"));
  EXPECT_THAT(shown(check), HasSubstr("policy.yaml:4:10: column public.t.email"));
  EXPECT_THAT(shown(check), HasSubstr("by the rule 'email'; an entry of the column's own goes before it"));
  EXPECT_THAT(shown(check), HasSubstr("add:\n    public.t:\n      email: "));
}

TEST(PolicyRulesTest, UndecidedAndUselessRulesAreTold) {
  const Policy policy =
      policy_of("columns: {\"*\": keep, \"*.note\": judge, \"*.emial\": email, \"*.oops\": emial}\n");
  const PlanCheck check = accepted(policy, catalog_of(kSchema));
  EXPECT_THAT(kinds(check), UnorderedElementsAre("undecided note", "unknown_masker "));
  EXPECT_THAT(kinds(check, false), ElementsAre("unused_rule ", "unused_rule "));
  EXPECT_THAT(shown(check), HasSubstr("the rule '*.emial' decides no column"));
  const auto undecided = masking::still_undecided(policy);
  ASSERT_TRUE(undecided);
  EXPECT_THAT(undecided->message, HasSubstr("the policy leaves 1 rule undecided"));
  EXPECT_THAT(undecided->message, HasSubstr("the rule '*.note'"));
}

// No refresh begins with a `judge` anywhere, so no check may call that a policy that passes.
TEST(PolicyRulesTest, AJudgeThatNothingMatchesIsUndecidedAllTheSame) {
  const Catalog catalog = catalog_of("CREATE TABLE t (a int);");
  EXPECT_THAT(kinds(accepted(policy_of("columns: {gone: judge, \"*\": keep}\n"), catalog)),
              ElementsAre("undecided "));
  EXPECT_THAT(kinds(accepted(policy_of("tables: {public.t: {a: keep, gone: judge}}\n"), catalog)),
              ElementsAre("undecided gone"));
}

TEST(PolicyRulesTest, WhatMatchesNothingAtAllIsUnjudged) {
  const PlanCheck check = accepted(policy_of("columns: {\"*.created_at\": keep}\n"), catalog_of(kSchema));
  EXPECT_THAT(kinds(check), testing::Contains("unjudged_column vip"));
  EXPECT_THAT(kinds(accepted(policy_of("columns: {nothing: keep}\n"), catalog_of("CREATE TABLE t (a int);"))),
              ElementsAre("unjudged_table "));
}

TEST(PolicyRulesTest, ARuleOfTheParentIsTheChildsToo) {
  const Catalog catalog = catalog_of("CREATE TABLE log (who text); CREATE TABLE log_1 () INHERITS (log);");
  const PlanCheck check = accepted(policy_of("columns: {\"*.who\": keep, \"log.who\": hash}\n"), catalog);
  ASSERT_TRUE(check.ok()) << shown(check);
  EXPECT_EQ(masker_of(check, "log_1", "who"), "hash");
}

TEST(PolicyRulesTest, WrongRulesAreNamedWithTheirPlace) {
  EXPECT_THAT(error_of("columns: {a.b.c.d: keep}\n"),
              HasSubstr("policy.yaml:2:11: 'a.b.c.d' is not column, table.column or schema.table.column"));
  EXPECT_THAT(error_of("columns: {\"*\": keep, \"*\": hash}\n"), HasSubstr("is here twice"));
  EXPECT_THAT(error_of("columns: &x {a: keep}\n"), HasSubstr("anchors"));
  EXPECT_THAT(error_of("columns: {a: *x}\n"), HasSubstr("anchor"));
  EXPECT_THAT(error_of("columns: [a]\n"), HasSubstr("columns"));
  EXPECT_THAT(error_of("columns: {}\n"), HasSubstr("neither 'tables' nor 'databases'"));
}

Explanation explained(const Policy& policy, const Catalog& catalog, std::string_view name) {
  const PolicyLock lock = expand_lock(policy, catalog);
  const auto places = masking::find_columns(catalog, name);
  EXPECT_EQ(places.size(), 1U) << name;
  return places.empty() ? Explanation{} : masking::explain(policy, lock, catalog, places.front());
}

TEST(PolicyExplainTest, NamesTheLineTheLockAndWhatWasPassedOver) {
  const Catalog catalog = catalog_of(kSchema);
  const Policy policy = policy_of(std::string(kRules) + "tables:\n  public.users:\n    vip: keep\n");
  Explanation told = explained(policy, catalog, "public.users.email");
  EXPECT_EQ(name_of(told.verdict), "masked");
  EXPECT_EQ(told.masker.name, "email");
  EXPECT_EQ(told.judged_by->what, "the rule '*.email'");
  EXPECT_EQ(told.judged_by->where.line, 4);
  ASSERT_EQ(told.passed_over.size(), 1U);
  EXPECT_EQ(told.passed_over[0].what, "the rule '*'");
  EXPECT_FALSE(told.lock);

  told = explained(policy, catalog, "users.vip");
  EXPECT_EQ(name_of(told.verdict), "kept");
  EXPECT_EQ(told.judged_by->what, "the column's own line");
  EXPECT_EQ(told.judged_by->where.line, 10);
  ASSERT_TRUE(told.lock);
  EXPECT_EQ(told.lock->type, "boolean");
}

TEST(PolicyExplainTest, SaysOfEveryKindWhatBecomesOfIt) {
  const Catalog catalog = catalog_of(
      "CREATE TABLE a (x text, g text GENERATED ALWAYS AS (x) STORED); CREATE TABLE b (y text); CREATE TABLE "
      "c (z "
      "text); CREATE TABLE d (w boolean); CREATE MATERIALIZED VIEW v AS SELECT 1 AS one;"
      "CREATE TABLE p (k int) PARTITION BY LIST (k); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);");
  const Policy policy = policy_of(
      "tables: {public.a: {x: hash}, public.b: {rows: none}, public.d: {w: email}, public.p: keep}\n");
  const auto verdict = [&](const char* name) { return name_of(explained(policy, catalog, name).verdict); };
  EXPECT_EQ(verdict("a.g"), "computed");
  EXPECT_EQ(verdict("b.y"), "emptied");
  EXPECT_EQ(verdict("c.z"), "unjudged");
  EXPECT_EQ(verdict("d.w"), "refused");
  EXPECT_EQ(verdict("p1.k"), "kept");
  EXPECT_EQ(explained(policy, catalog, "p1.k").as, "public.p");
  EXPECT_THAT(explained(policy, catalog, "c.z").findings, testing::SizeIs(1));
}

TEST(PolicyExplainTest, OddNamesAreFoundQuotedOrNot) {
  const Catalog catalog =
      catalog_of("CREATE SCHEMA \"s.1\"; CREATE TABLE \"s.1\".\"Odd \"\"T\" (\"a.b\" text, \"c\nd\" text);");
  for (const char* name : {"\"s.1\".\"Odd \"\"T\".\"a.b\"", "s.1.Odd \"T.a.b", "Odd \"T.c\nd"}) {
    EXPECT_EQ(masking::find_columns(catalog, name).size(), 1U) << name;
  }
  EXPECT_THAT(masking::find_columns(catalog, "a.b"), IsEmpty());
}

}  // namespace
}  // namespace ytb::config
