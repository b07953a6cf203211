// `policy propose` on schemas as they come, and its file read back.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "masking/lock.h"
#include "masking/plan.h"
#include "masking/propose.h"
#include "masking/yaml_text.h"
#include "support/sample_data.h"
#include "support/schema.h"

namespace ytb::config {
namespace {

using masking::Catalog;
using masking::Policy;
using masking::Proposal;
using masking::Samples;
using ::testing::HasSubstr;
using ::testing::Not;
using tests::catalog_of;

std::map<std::string, std::string> maskers(const std::vector<Proposal>& proposals) {
  std::map<std::string, std::string> found;
  for (const Proposal& proposal : proposals) {
    found[proposal.table.name + "." + proposal.column] = masking::yaml_spec(proposal.masker);
  }
  return found;
}

TEST(ProposeTest, NamesInSeveralLanguagesAndSpellings) {
  auto found = maskers(propose(catalog_of(R"(
CREATE TABLE users (id bigint PRIMARY KEY, "eMail" text, "firstName" text, last_name text, "Straße" text, plz text,
  telefon text, passwort text, "createdAt" timestamptz, is_admin boolean, status text, note text, country_id int,
  email_sent boolean, name text, login_count int, tax_id text, ip inet, email_verified_at timestamptz);
CREATE TABLE categories (id int, name text);
CREATE TABLE vendors (id int, name text);
)"),
                               {}));
  EXPECT_EQ(found["users.eMail"], "email");
  EXPECT_EQ(found["users.firstName"], "first_name");
  EXPECT_EQ(found["users.last_name"], "last_name");
  EXPECT_EQ(found["users.Straße"], "street_address");
  EXPECT_EQ(found["users.plz"], "postcode");
  EXPECT_EQ(found["users.telefon"], "phone");
  EXPECT_EQ(found["users.passwort"], "hash");
  EXPECT_EQ(found["users.tax_id"], "hash");
  EXPECT_EQ(found["users.ip"], "ip");
  EXPECT_EQ(found["users.name"], "person_name");
  EXPECT_EQ(found["vendors.name"], "company");
  EXPECT_EQ(found["categories.name"], "keep");
  EXPECT_EQ(found["users.note"], "judge");
  for (const char* kept : {"id", "createdAt", "is_admin", "status", "country_id", "email_sent", "login_count",
                           "email_verified_at"}) {
    EXPECT_EQ(found[std::string("users.") + kept], "keep") << kept;
  }
}

TEST(ProposeTest, SamplesDecideWhereNamesDoNot) {
  Catalog catalog =
      catalog_of("CREATE TABLE t (a text, b text, c text, d text, e text, f text, g text, h text);");
  Samples samples;
  auto put = [&](const char* column, const std::vector<std::string>& values) {
    std::vector<std::string>& list = samples[{"shop", {"public", "t"}, column}];
    for (int i = 0; i < 60; ++i) list.push_back(values[static_cast<size_t>(i) % values.size()]);
  };
  put("a", {"ann@example.com", "bob@corp.test"});
  put("b", {"Mary Smith", "John Q. Public", "Anna Müller"});
  put("c", {"4111 1111 1111 1111", "5555555555554444"});
  put("d", {"red", "green", "dark-blue"});
  put("e", {"call me at +14155550100 please", "all is fine", "nothing"});
  put("f", {"DE89 3704 0044 0532 0130 00"});
  put("g", {"lorem ipsum dolor", "sit amet consectetur"});
  put("h", {"12 Oak Street", "7 Elm Avenue, Springfield"});
  std::vector<Proposal> proposals = propose(catalog, samples);
  auto found = maskers(proposals);
  EXPECT_EQ(found["t.a"], "email");
  EXPECT_EQ(found["t.b"], "person_name");
  EXPECT_EQ(found["t.c"], "hash");
  EXPECT_EQ(found["t.d"], "judge");  // three colours, or three nicknames
  EXPECT_EQ(found["t.e"], "judge");
  EXPECT_EQ(found["t.f"], "hash");
  EXPECT_EQ(found["t.g"], "judge");
  EXPECT_EQ(found["t.h"], "street_address");
  // The evidence counts and never quotes.
  for (const Proposal& proposal : proposals) {
    for (const char* raw : {"ann", "Mary", "4111", "dark-blue", "415", "lorem", "Oak", "3704"}) {
      EXPECT_THAT(proposal.evidence, Not(HasSubstr(raw)));
    }
  }
  EXPECT_THAT(proposals[0].evidence, HasSubstr("60 of 60 samples look like e-mail addresses"));
}

TEST(ProposeTest, ReferencesFollowAndWeakMaskersAreNotProposedForUniqueColumns) {
  auto found = maskers(propose(catalog_of(R"(
CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE, city text UNIQUE, phone text);
CREATE TABLE logins (who text REFERENCES users (email), at timestamptz);
)"),
                               {}));
  EXPECT_EQ(found["users.email"], "email");
  EXPECT_EQ(found["logins.who"], "email");
  EXPECT_EQ(found["users.city"], "hash");
  EXPECT_EQ(found["users.phone"], "phone");
}

TEST(ProposeTest, TheFileReadsBackAndJudgesEverything) {
  Catalog catalog = catalog_of(R"(
CREATE TABLE users (id int PRIMARY KEY, email text, "Odd: ""Name" text, "*" text, "null" text, "multi
line" text);
CREATE TABLE "Plans & more" (code varchar(2), "true" boolean);
CREATE TABLE log (note text);
CREATE TABLE parts (a int, m text) PARTITION BY LIST (a);
CREATE TABLE parts1 PARTITION OF parts DEFAULT;
CREATE TABLE nothing ();
)");
  std::string text = to_policy_yaml(catalog, propose(catalog, {}));
  Result<Policy> first = parse_policy(text, "policy.yaml");
  ASSERT_TRUE(first.ok()) << to_string(first.error()) << text;
  ASSERT_EQ(first->databases.count(""), 1U) << text;
  const auto& tables = first->databases.at("").tables;
  EXPECT_EQ(tables.size(), 5U);
  EXPECT_EQ(tables.at({"public", "users"}).columns.size(), 6U);
  for (const auto& finding : plan_masking(*first, expand_lock(*first, catalog), catalog).findings) {
    EXPECT_TRUE(finding.kind == masking::Finding::Kind::kUndecided || !finding.error ||
                finding.table.name == "nothing")
        << to_string(finding);
  }
}

TEST(ProposeTest, SeveralDatabasesGetTheLongForm) {
  Catalog catalog = catalog_of("CREATE TABLE t (email text);");
  masking::Database crm = catalog.databases[0];
  crm.name = "Crm 2";
  crm.large_objects = 4;
  catalog.databases.push_back(crm);
  std::string text = to_policy_yaml(catalog, propose(catalog, {}));
  Result<Policy> policy = parse_policy(text, "policy.yaml");
  ASSERT_TRUE(policy.ok()) << to_string(policy.error()) << text;
  EXPECT_EQ(policy->databases.at("shop").tables.size(), 1U);
  EXPECT_EQ(policy->databases.at("Crm 2").tables.size(), 1U);
  EXPECT_EQ(policy->databases.at("Crm 2").large_objects, masking::LargeObjects::kNone);
}

TEST(ProposeTest, SettingsOfEveryDatabaseAreWrittenAsPeopleWriteThem) {
  Catalog catalog = catalog_of("CREATE TABLE t (email text);");
  catalog.settings.push_back({.database = {}, .role = {}, .name = "app.secret"});
  catalog.settings.push_back({.database = "shop", .role = {}, .name = "app.other"});
  const std::string text = to_policy_yaml(catalog, propose(catalog, {}));
  EXPECT_THAT(text, HasSubstr("settings:\n  \"*\":\n    \"app.secret\": none"));
  EXPECT_THAT(text, HasSubstr("\n  shop:\n    \"app.other\": none"));
}

// The sample database as people get it: gunzip's output is the dump with its data.
std::string pagila() {
  const std::string file = tests::sample_file("pagila.sql.gz");
  if (!std::filesystem::exists(file)) return {};
  std::string text;
  FILE* pipe = ::popen(fmt::format("gzip -dc '{}'", file).c_str(), "r");
  if (pipe == nullptr) return {};
  char buffer[65536];
  for (size_t got = ::fread(buffer, 1, sizeof buffer, pipe); got > 0;
       got = ::fread(buffer, 1, sizeof buffer, pipe)) {
    text.append(buffer, got);
  }
  ::pclose(pipe);
  return text;
}

TEST(ProposeTest, PagilaIsProposedSensibly) {
  std::string dump = pagila();
  if (dump.empty()) GTEST_SKIP() << "pagila.sql.gz is not here; set YTB_SAMPLE_DATA to its folder";
  Catalog catalog = catalog_of(dump);
  auto found = maskers(propose(catalog, {}));
  for (const auto& [column, masker] :
       std::map<std::string, std::string>{{"actor.first_name", "first_name"},
                                          {"actor.last_name", "last_name"},
                                          {"customer.first_name", "first_name"},
                                          {"customer.last_name", "last_name"},
                                          {"customer.email", "email"},
                                          {"staff.first_name", "first_name"},
                                          {"staff.email", "email"},
                                          {"staff.username", "username"},
                                          {"staff.password", "hash"},
                                          {"address.address", "street_address"},
                                          {"address.address2", "street_address"},
                                          {"address.phone", "phone"},
                                          {"address.postal_code", "postcode"},
                                          {"city.city", "city"},
                                          {"customer.customer_id", "keep"},
                                          {"film.release_year", "keep"},
                                          {"film.rating", "keep"},
                                          {"rental.rental_date", "keep"},
                                          {"payment.amount", "keep"},
                                          {"staff.picture", "judge"}}) {
    EXPECT_EQ(found[column], masker) << column;
  }
  EXPECT_EQ(found.count("payment_p2020_01.amount"), 0U);  // a partition: payment judges it
  std::string text = to_policy_yaml(catalog, propose(catalog, {}));
  Result<Policy> policy = parse_policy(text, "policy.yaml");
  ASSERT_TRUE(policy.ok()) << to_string(policy.error()) << text;
  for (const auto& finding : plan_masking(*policy, expand_lock(*policy, catalog), catalog).findings) {
    EXPECT_TRUE(finding.kind == masking::Finding::Kind::kUndecided || !finding.error) << to_string(finding);
  }
}

// What is proposed alike in many tables is one line; what is proposed otherwise goes before it.
TEST(ProposeTest, ManyTablesAlikeBecomeARule) {
  Catalog catalog = catalog_of(R"(
CREATE TABLE a (id int PRIMARY KEY, email text, created_at timestamptz, blob bytea, only_here int);
CREATE TABLE b (id int PRIMARY KEY, email text, created_at timestamptz, blob bytea);
CREATE TABLE c (id int PRIMARY KEY, email text, created_at timestamptz);
CREATE TABLE d (id int PRIMARY KEY, email boolean, created_at timestamptz);
CREATE TABLE e ("x.y" int, "a*" int); CREATE TABLE f ("x.y" int, "a*" int); CREATE TABLE g ("x.y" int, "a*" int);
)");
  const std::string text = to_policy_yaml(catalog, propose(catalog, {}));
  EXPECT_THAT(text, HasSubstr("\"*.email\": email   # 3 tables\n    # public.a (text): name 'email'"));
  EXPECT_THAT(text, HasSubstr("\"*.created_at\": keep   # 4 tables\n"));
  EXPECT_THAT(text, HasSubstr("\"*.blob\": judge   # 2 tables\n"));
  Result<Policy> policy = parse_policy(text, "policy.yaml");
  ASSERT_TRUE(policy.ok()) << to_string(policy.error()) << text;
  EXPECT_EQ(policy->rules.size(), 6U) << text;
  const auto& tables = policy->databases.at("").tables;
  EXPECT_EQ(tables.size(), 2U) << text;
  EXPECT_EQ(tables.at({"public", "a"}).columns.count("only_here"), 1U);
  EXPECT_EQ(tables.at({"public", "d"}).columns.at("email").name, "keep");
  const auto check = plan_masking(*policy, expand_lock(*policy, catalog), catalog);
  for (const auto& finding : check.findings) {
    EXPECT_TRUE(finding.kind == masking::Finding::Kind::kUndecided) << to_string(finding) << text;
  }
}

// Logins, tokens and jobs would act, and staging has no use for them; what is only called so keeps its rows.
TEST(ProposeTest, ArmedTablesAreEmptied) {
  Catalog catalog = catalog_of(R"(
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE django_session (session_key text PRIMARY KEY, session_data text, expire_date timestamptz);
CREATE TABLE "userSessions" (sid text, "expiresAt" timestamptz, user_id int REFERENCES users);
CREATE TABLE oauth_access_tokens (id int, token text, "expires_in" int, revoked_at timestamp);
CREATE TABLE delayed_jobs (id int, handler text, run_at timestamp, locked_at timestamp);
CREATE TABLE training_sessions (id int, title text, room text, starts_at timestamp);
CREATE TABLE design_tokens (id int, name text, value text);
CREATE TABLE jobs (id int, title text, salary int, company text);
CREATE TABLE api_tokens (id int PRIMARY KEY, token text, expires_at timestamp);
CREATE TABLE calls (token_id int REFERENCES api_tokens);
)");
  const std::string text = to_policy_yaml(catalog, propose(catalog, {}));
  Result<Policy> policy = parse_policy(text, "policy.yaml");
  ASSERT_TRUE(policy.ok()) << to_string(policy.error()) << text;
  std::vector<std::string> emptied;
  for (const auto& [name, table] : policy->databases.at("").tables) {
    if (table.form == masking::TablePolicy::Form::kNoRows) emptied.push_back(name.name);
  }
  EXPECT_THAT(emptied, testing::UnorderedElementsAre("django_session", "userSessions", "oauth_access_tokens",
                                                     "delayed_jobs"))
      << text;
  EXPECT_THAT(text,
              HasSubstr("public.django_session: {rows: none}   # logins that are open, by its name and its "
                        "columns session_key and "));
  for (const auto& finding : plan_masking(*policy, expand_lock(*policy, catalog), catalog).findings) {
    EXPECT_TRUE(finding.kind == masking::Finding::Kind::kUndecided || !finding.error) << to_string(finding);
  }
}

// A first policy asks for the search where there is one.
TEST(ProposeTest, SearchesForOriginals) {
  Catalog catalog = catalog_of("CREATE TABLE users (id int PRIMARY KEY, email text);");
  using Search = masking::SurvivorPolicy::Search;
  for (const Search search : {Search::kProse, Search::kWords, Search::kWhole, Search::kNone}) {
    Result<Policy> read = parse_policy(to_policy_yaml(catalog, propose(catalog, {}), search), "p");
    ASSERT_TRUE(read.ok()) << to_string(read.error());
    EXPECT_EQ(read->survivors.search, search);
  }
}

}  // namespace
}  // namespace ytb::config
