// B4, V11: CHECKs, domains, exclusion constraints, unique generated columns and the lengths of generated ones
// were seen only after restore and masking, one by one; `policy propose` itself wrote what they refuse.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/expression_text.h"
#include "integration/scenario.h"
#include "masking/lock.h"
#include "masking/plan.h"
#include "masking/propose.h"
#include "support/schema.h"

namespace ytb::testing {
namespace {

using masking::Catalog;
using masking::Finding;
using masking::PlanCheck;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using tests::catalog_of;

PlanCheck plan_of(std::string_view sql, const std::string& columns) {
  const Catalog catalog = catalog_of(sql);
  Result<masking::Policy> policy = config::parse_policy(
      "version: 1\ntables:\n  public.t: {" + columns + ", \"*\": keep}\n", "policy.yaml");
  EXPECT_TRUE(policy.ok()) << to_string(policy.error());
  if (!policy.ok()) return {};
  return plan_masking(*policy, expand_lock(*policy, catalog), catalog);
}

std::vector<std::string> errors_of(const PlanCheck& check) {
  std::vector<std::string> errors;
  for (const Finding& finding : check.findings) {
    if (finding.error) errors.push_back(to_string(finding));
  }
  return errors;
}

std::vector<std::string> notes_of(const PlanCheck& check) {
  std::vector<std::string> notes;
  for (const Finding& finding : check.findings) {
    if (!finding.error) notes.push_back(finding.message);
  }
  return notes;
}

struct Case {
  std::string_view what;
  std::string_view columns;  // of the table
  std::string_view masked;
};

TEST(B04, WhatAMaskerGivesIsTriedAgainstEveryKindOfConstraint) {
  constexpr Case kRefused[] = {
      {"a list", "status text CHECK (status IN ('open', 'closed'))", "status: hash"},
      {"a list as the server writes it",
       "s text, CONSTRAINT c CHECK (((s)::text = ANY ((ARRAY['a'::character varying, 'b'::character "
       "varying])::text[])))",
       "s: hash"},
      {"a list of one", "s text CHECK (s = 'x' OR s = 'y')", "s: first_name"},
      {"a range", "age int CHECK (age BETWEEN 18 AND 65)", "age: hash"},
      {"a range that noise leaves", "stars int CHECK (stars >= 1 AND stars <= 5)", "stars: number_noise"},
      {"a length", "code text CHECK (length(code) <= 8)", "code: hash"},
      {"an exact length", "code text CHECK (char_length(code) = 11)", "code: hash"},
      {"a pattern", "mail text CHECK (mail LIKE '%@corp.test')", "mail: email"},
      {"a regular expression", "code text CHECK (code ~ '^[A-Z]{3}-[0-9]+$')", "code: hash"},
      {"a negation", "name text CHECK (name NOT LIKE '% %')", "name: person_name"},
      {"two bounds on a date", "born date CHECK (born >= '2020-01-01' AND born < '2020-02-01')",
       "born: {date_shift: {days: 300}}"},
      {"lower case", "name text CHECK (name = lower(name) AND name ~ '^[a-z]+$')", "name: email"},
      {"not null", "a text CHECK (a IS NOT NULL)", "a: 'null'"},
      {"one of two", "a text, b text, CHECK (a IS NOT NULL OR b IS NOT NULL)", "a: 'null', b: 'null'"},
      {"fixed", "a text CHECK (a <> '')", "a: {fixed: {value: ''}}"},
      {"a json type", "j jsonb CHECK (jsonb_typeof(j) = 'array')", "j: {fixed: {value: '{}'}}"},
      {"a computed length", "a text, b text, g varchar(20) GENERATED ALWAYS AS (a || '/' || b) STORED",
       "a: hash, b: hash"},
      {"a check of a generated column",
       "a text, g text GENERATED ALWAYS AS (upper(a)) STORED, CHECK (g = 'X')", "a: hash"},
  };
  for (const Case& each : kRefused) {
    const std::string sql = "CREATE TABLE public.t (id int, " + std::string(each.columns) + ");";
    const PlanCheck check = plan_of(sql, std::string(each.masked));
    EXPECT_FALSE(check.ok()) << each.what;
    EXPECT_THAT(errors_of(check),
                ElementsAre(AllOf(HasSubstr("public.t."), HasSubstr("of shop"), HasSubstr("violates"))))
        << each.what;
  }
}

// One bound, far from most of what it allows: a value made up right at it decided for all.
TEST(B04, OneBoundThatFewValuesLieNearIsANote) {
  constexpr Case kPerhaps[] = {
      {"a date", "born date CHECK (born > '1900-01-01')", "born: {date_shift: {days: 30}}"},
      {"a time", "at timestamptz CHECK (at >= '2020-01-01 00:00:00+00')", "at: {date_shift: {days: 30}}"},
      {"the other side", "born date CHECK (born < '2015-06-01')", "born: {date_shift: {days: 30}}"},
      {"a number", "age int CHECK (age > 0)", "age: {number_noise: {absolute: 3}}"},
      {"another number", "grams numeric CHECK (grams >= 100)", "grams: {number_noise: {absolute: 3}}"},
  };
  for (const Case& each : kPerhaps) {
    const std::string sql = "CREATE TABLE public.t (id int, " + std::string(each.columns) + ");";
    const PlanCheck check = plan_of(sql, std::string(each.masked));
    EXPECT_THAT(errors_of(check), IsEmpty()) << each.what;
    EXPECT_THAT(notes_of(check), ElementsAre(HasSubstr("may violate"))) << each.what;
  }
}

// By how far and where to is drawn by production's key: what one draw says is luck.
TEST(B04, ABoundIsNoMatterOfLuck) {
  for (int bound : {5, 18, 50, 70, 90, 100, 250, 255, 800, 1000, 5000, 1'000'000}) {
    for (const char* comparison : {"<=", ">=", "<", ">"}) {
      const PlanCheck check =
          plan_of(fmt::format("CREATE TABLE public.t (id int, n int CHECK (n {} {}));", comparison, bound),
                  "n: number_noise");
      EXPECT_THAT(errors_of(check), IsEmpty()) << comparison << bound;
      EXPECT_THAT(notes_of(check), ElementsAre(HasSubstr("may violate"))) << comparison << bound;
    }
  }
  std::string days;
  for (int day = 1; day <= 300; ++day)
    days += fmt::format("{}'2020-{:02}-{:02}'", days.empty() ? "" : ",", 1 + day % 12, 1 + day % 28);
  const PlanCheck listed = plan_of("CREATE TABLE public.t (id int, d date CHECK (d NOT IN (" + days + ")));",
                                   "d: {date_shift: {days: 30}}");
  EXPECT_FALSE(errors_of(listed).empty() && notes_of(listed).empty()) << "silence";
}

// A pattern was written as the value that satisfies it.
TEST(B04, WhatAPatternMatchesIsWrittenAndNotThePattern) {
  const PlanCheck check =
      plan_of("CREATE TABLE public.t (id int, h text NOT NULL CHECK (h LIKE '$2_$%'));", "h: hash");
  ASSERT_FALSE(check.ok());
  ASSERT_TRUE(check.findings.at(0).satisfied_by);
  EXPECT_EQ(check.findings.at(0).satisfied_by->params.at("value"), "$2a$ab");
  const PlanCheck escaped =
      plan_of("CREATE TABLE public.t (id int, h text NOT NULL CHECK (h LIKE '100\\%|%'));", "h: hash");
  ASSERT_FALSE(escaped.ok());
  ASSERT_TRUE(escaped.findings.at(0).satisfied_by);
  EXPECT_EQ(escaped.findings.at(0).satisfied_by->params.at("value"), "100%|ab");
  const PlanCheck narrow =
      plan_of("CREATE TABLE public.t (id int, h varchar(3) NOT NULL CHECK (h LIKE 'K_#%'));", "h: hash");
  ASSERT_FALSE(narrow.ok());
  ASSERT_TRUE(narrow.findings.at(0).satisfied_by) << "what % stands for may be nothing";
  EXPECT_EQ(narrow.findings.at(0).satisfied_by->params.at("value"), "Ka#");
}

TEST(B04, WhatSatisfiesItIsAllowedWithoutARemark) {
  constexpr Case kAllowed[] = {
      {"a pattern", "mail text CHECK (mail LIKE '%@%')", "mail: email"},
      {"a regular expression", "mail text CHECK (mail ~* '^[A-Z0-9._%+-]+@[A-Z0-9.-]+\\.[A-Z]{2,}$')",
       "mail: email"},
      {"a length", "code varchar(40) CHECK (length(code) > 3)", "code: hash"},
      {"lower case stays lower", "mail text CHECK (mail = lower(mail))", "mail: email"},
      {"a sign", "salary numeric CHECK (salary >= 0)", "salary: number_noise"},
      {"positive ids", "n bigint CHECK (n > 0)", "n: number_noise"},
      {"NULL satisfies", "a text CHECK (a IN ('x'))", "a: 'null'"},
      {"fixed to one of the list", "a text CHECK (a IN ('x', 'y'))", "a: {fixed: {value: y}}"},
      {"two dates of one person", "a date, b date, CHECK (a <= b)",
       "a: {date_shift: {days: 30, by: id}}, b: {date_shift: {days: 30, by: id}}"},
      {"both or none", "a text, b text, CHECK ((a IS NULL) = (b IS NULL))", "a: hash"},
      {"kept columns alone", "a text, age int CHECK (my.check_age(age))", "a: hash"},
      {"not valid", "a text", "a: hash"},
      {"a generated length that fits", "a text, g varchar(200) GENERATED ALWAYS AS (lower(a)) STORED",
       "a: hash"},
  };
  for (const Case& each : kAllowed) {
    const std::string sql = "CREATE TABLE public.t (id int, " + std::string(each.columns) +
                            "); ALTER TABLE public.t ADD CONSTRAINT later CHECK (id < 0) NOT VALID;";
    const PlanCheck check = plan_of(sql, std::string(each.masked));
    EXPECT_TRUE(check.ok()) << each.what;
    EXPECT_THAT(errors_of(check), IsEmpty()) << each.what;
    EXPECT_THAT(notes_of(check), IsEmpty()) << each.what;
  }
}

TEST(B04, WhatCannotBeTriedIsSaid) {
  constexpr Case kNotTried[] = {
      {"a function of production's", "a text CHECK (public.is_iban(a))", "a: hash"},
      {"one that is called like the server's", "a text CHECK (public.length(a) > 0)", "a: hash"},
      {"an unknown one", "a text CHECK (shape(a) = 'x')", "a: hash"},
      {"an operator of production's", "a text CHECK (a OPERATOR(public.=) 'x')", "a: hash"},
      {"the time", "a date CHECK (a <= CURRENT_DATE)", "a: {date_shift: {days: 30}}"},
      {"the collation", "a text CHECK (a > 'b')", "a: hash"},
      {"a look ahead", "a text CHECK (a ~ '^(?=.*[0-9]).+$')", "a: hash"},
      {"a word boundary", "a text CHECK (a ~ '\\mx')", "a: hash"},
  };
  for (const Case& each : kNotTried) {
    const PlanCheck check = plan_of("CREATE TABLE public.t (id int, " + std::string(each.columns) + ");",
                                    std::string(each.masked));
    EXPECT_TRUE(check.ok()) << each.what;
    EXPECT_THAT(notes_of(check), ElementsAre(AllOf(HasSubstr("was not tried"), HasSubstr("t_a_check"))))
        << each.what;
  }
}

TEST(B04, DomainsExclusionsAndUniqueGeneratedColumnsAreJudged) {
  EXPECT_THAT(errors_of(plan_of("CREATE DOMAIN public.plz AS text CONSTRAINT five CHECK (VALUE ~ '^\\d{5}$');"
                                "CREATE TABLE public.t (id int, plz public.plz);",
                                "plz: hash")),
              ElementsAre(AllOf(HasSubstr("CHECK constraint five of domain public.plz"),
                                HasSubstr("plz: postcode"))));
  const std::string booking =
      "CREATE TABLE public.t (id int, room text, guest text, during tsrange,"
      "  CONSTRAINT once EXCLUDE USING gist (room WITH =, during WITH &&));";
  EXPECT_THAT(errors_of(plan_of(booking, "room: city")), ElementsAre(HasSubstr("exclusion constraint once")));
  EXPECT_THAT(errors_of(plan_of(booking, "room: hash")), IsEmpty());
  const std::string unique =
      "CREATE TABLE public.t (id int, name text, slug text GENERATED ALWAYS AS (lower(name)) STORED UNIQUE);";
  EXPECT_THAT(errors_of(plan_of(unique, "name: person_name")),
              ElementsAre(AllOf(HasSubstr("public.t.name"), HasSubstr("generated column slug"))));
  EXPECT_THAT(errors_of(plan_of(unique, "name: email")), IsEmpty());
}

TEST(B04, AllFindingsAtOnceEachWithWhatSatisfiesIt) {
  const PlanCheck check = plan_of(
      "CREATE TABLE public.t (id int, status text CONSTRAINT known CHECK (status IN ('open', 'closed')),"
      "  contact text CHECK (contact LIKE '%@%'), token text CHECK (token ~ '^[0-9a-f]{32}$'));",
      "status: hash, contact: hash, token: hash");
  EXPECT_THAT(errors_of(check), ElementsAre(HasSubstr("write there instead: contact: email"),
                                            HasSubstr("CHECK constraint known"),
                                            HasSubstr("write there instead: token: {hash: {format: hex}}")));
}

TEST(B04, ProposeWritesNothingThatAConstraintRefuses) {
  const Catalog catalog = catalog_of(
      "CREATE TABLE public.client (id int, token_endpoint_auth_method text CHECK (token_endpoint_auth_method "
      "IN"
      "  ('client_secret_basic', 'none')), password text CHECK (length(password) = 60),"
      "  phone text CHECK (phone ~ '^\\+1[0-9]{10}$'), first_name text CHECK (first_name IN ('x', 'y')));");
  const std::vector<masking::Proposal> proposals = masking::propose(catalog, {});
  masking::Policy policy;
  for (const masking::Proposal& proposal : proposals) {
    if (proposal.masker.name == "judge") continue;
    policy.databases["shop"].tables[proposal.table].columns[proposal.column] = proposal.masker;
  }
  for (const Finding& finding : plan_masking(policy, {}, catalog).findings) {
    EXPECT_NE(finding.kind, Finding::Kind::kConstraint) << finding.message;
  }
  const auto method = std::find_if(proposals.begin(), proposals.end(), [](const masking::Proposal& each) {
    return each.column == "token_endpoint_auth_method";
  });
  ASSERT_NE(method, proposals.end());
  EXPECT_EQ(method->masker.name, "keep") << method->evidence;
}

TEST(B04, HostileDefinitionsEndAndAreNotTried) {
  std::string deep = "a";
  for (int i = 0; i < 3000; ++i) deep.insert(0, "NOT (").append(")");
  std::string wide = "a = 1";
  for (int i = 0; i < 200'000; ++i) wide += " OR a = 2";
  std::string long_chain = "a";
  while (long_chain.size() < 32'000) long_chain += "+a";
  for (const std::string& text :
       {deep, wide, long_chain, std::string("1) , (2"), std::string("("), std::string()}) {
    const masking::Expression read = config::parse_expression(text, false);
    EXPECT_LE(masking::columns_of(read).size(), 1U);
  }
  EXPECT_EQ(config::parse_expression(wide, false).kind, masking::Expression::Kind::kUnknown);
  const PlanCheck check = plan_of(
      "CREATE TABLE public.t (id int, a text CHECK (a ~ '(((a{1,99}){1,99}){1,99})+$'),"
      " b text CHECK (" +
          std::string(3000, '(') + "b = 'x'" + std::string(3000, ')') + "));",
      "a: hash, b: hash");
  EXPECT_THAT(notes_of(check), Not(IsEmpty()));
}

// The catalog as a server has it, and every command that judges before a restore.
class B04OnAServer : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.production().run(
        "shop",
        "CREATE FUNCTION proper(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 <> '''''; "
        "CREATE DOMAIN short AS varchar(60) CHECK (length(VALUE) <= 9);"
        "CREATE TABLE t (id int PRIMARY KEY, status text CONSTRAINT known CHECK (status IN ('open', "
        "'closed')), "
        "  age int CONSTRAINT adult CHECK (age BETWEEN 18 AND 120), nick short, own text CHECK "
        "(proper(own)), "
        "  seat text, during int4range, "
        "  label varchar(12) GENERATED ALWAYS AS ('n:' || nick::text) STORED, "
        "  EXCLUDE USING gist (int4range(length(seat), length(seat), '[]') WITH &&, during WITH &&));"
        "INSERT INTO t VALUES (1, 'open', 40, 'ada', 'x', 'a', '[1,2)')");
  }
  Scenario scenario_;
};

TEST_F(B04OnAServer, EveryCommandNamesAllOfThemBeforeTheRestore) {
  scenario_.write_policy(
      "    public.t:\n      id: keep\n      status: hash\n      age: hash\n      nick: hash\n      own: "
      "hash\n"
      "      seat: hash\n      during: keep\n");
  EXPECT_EQ(scenario_.ytb({"policy", "accept", "--yes"}).status, 4) << "what does not fit is not accepted";
  const auto names_all = AllOf(HasSubstr("CHECK constraint known"), HasSubstr("CHECK constraint adult"),
                               HasSubstr("CHECK constraint short_check of domain public.short"));
  const RunResult policy = scenario_.ytb({"policy", "check"});
  EXPECT_NE(policy.status, 0);
  EXPECT_THAT(policy.out, names_all);
  EXPECT_THAT(policy.out, HasSubstr("the length of the generated column label"));
  EXPECT_THAT(policy.out, Not(HasSubstr("t_own_check"))) << "a server says that it holds";
  EXPECT_THAT(policy.out, HasSubstr("exclusion constraint t_int4range_during_excl was not tried"));
  const RunResult check = scenario_.ytb({"check"});
  EXPECT_NE(check.status, 0);
  EXPECT_THAT(check.out + check.err, names_all);

  scenario_.write_policy(
      "    public.t:\n      id: keep\n      status: {fixed: {value: open}}\n      age: number_noise\n"
      "      nick: {hash: {length: 9}}\n      own: hash\n      seat: keep\n      during: keep\n");
  scenario_.accept();
  const RunResult again = scenario_.ytb({"policy", "check"});
  EXPECT_EQ(again.status, 0) << again.out << again.err;
  EXPECT_THAT(again.out, Not(HasSubstr("not tried")));
  EXPECT_THAT(scenario_.ytb({"check"}).out, HasSubstr("may violate CHECK constraint adult"));
}

}  // namespace
}  // namespace ytb::testing
