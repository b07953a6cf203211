// D5: `{"adaeze": true, "chidi": false}`: a member that is somebody's name, or a token, looks like a
// program's word. It was proposed as a path that keeps ("$.adaeze": keep), and stayed in the copy as it was.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "masking/masker.h"
#include "masking/masking_testing.h"
#include "masking/propose.h"
#include "support/schema.h"

namespace ytb::masking {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<std::string> kPeople{"Adaeze", "Chidi", "Mark", "Grace", "Annegret", "Søren"};

// What is proposed for documents beside a column of people's names.
Proposal proposed(const std::vector<std::string>& documents) {
  const Catalog catalog =
      tests::catalog_of("CREATE TABLE users (first_name text); CREATE TABLE notes (doc jsonb);");
  Samples samples;
  samples[{"shop", {"public", "users"}, "first_name"}] = kPeople;
  samples[{"shop", {"public", "notes"}, "doc"}] = documents;
  for (const Proposal& proposal : propose(catalog, samples))
    if (proposal.column == "doc") return proposal;
  return {};
}

std::map<std::string, std::string> paths_of(const Proposal& proposal) {
  std::map<std::string, std::string> paths;
  for (const MaskerPath& each : proposal.masker.paths) paths[each.path] = each.masker.name;
  return paths;
}

std::string masked(const Proposal& proposal, std::string_view document) {
  Column column = testing::column_of(TypeClass::kJson, "json");
  auto made = testing::compile(proposal.masker, column, Wire::kText);
  EXPECT_TRUE(made.ok()) << made.error().message;
  return testing::mask(**made, document);
}

TEST(D05Members, ThatAreNamesAreOnePathAndMasked) {
  struct Case {
    const char* what;
    std::vector<std::string> documents;
    std::string place;
  };
  for (const Case& each : std::vector<Case>{
           {"a vote each",
            {R"({"adaeze": true, "chidi": false})", R"({"annegret": true, "adaeze": true, "zed": true})"},
            "$"},
           {"in other spellings", {R"({"by": {"ADAEZE": 1, "soren_7": 2, "Mark": 3}})"}, "$.by"},
           {"with a surname", {R"({"by": {"adaeze_okonkwo": 1, "chidi_obi": 2, "graceOkafor": 3}})"}, "$.by"},
           {"of objects",
            {R"({"by": {"adaeze": {"role": "open"}, "chidi": {"role": "done"}, "mark": {"role": "open"}}})"},
            "$.by"},
           {"in lists",
            {R"([{"votes": {"adaeze": 1, "chidi": 1}}, {"votes": {"grace": 1, "mark": 1}}])"},
            "$[*].votes"}}) {
    const Proposal proposal = proposed(each.documents);
    const auto paths = paths_of(proposal);
    EXPECT_EQ(paths.count(each.place + ".*~"), 1u) << each.what << ": " << proposal.evidence;
    for (const auto& [path, masker] : paths)
      for (const char* name : {"adaeze", "ADAEZE", "chidi", "soren", "grace", "mark", "Mark"})
        EXPECT_THAT(path, Not(HasSubstr(name))) << each.what;
    EXPECT_THAT(proposal.evidence, AllOf(HasSubstr(each.place), HasSubstr("public.users.first_name")));
    EXPECT_THAT(proposal.evidence, Not(HasSubstr("adaeze")));
    for (const std::string& document : each.documents) {
      const std::string left = masked(proposal, document);
      for (const char* name :
           {"adaeze", "ADAEZE", "chidi", "soren", "grace", "mark", "Mark", "annegret", "zed"})
        EXPECT_THAT(left, Not(HasSubstr(name))) << each.what << ": " << left;
      EXPECT_TRUE(nlohmann::json::accept(left)) << left;
    }
  }
}

// Members that most objects have are a program's words all the same, and what is beneath them is judged.
TEST(D05Members, WordsBesideNamesStay) {
  std::vector<std::string> documents;
  for (int i = 0; i < 12; ++i) {
    documents.push_back(
        fmt::format(R"({{"status": "open", "meta": {{"lang": "de", "extra{}": "x"}}, "{}": "yes"}})", i % 2,
                    kPeople[static_cast<size_t>(i) % 6]));
  }
  const Proposal proposal = proposed(documents);
  const auto paths = paths_of(proposal);
  EXPECT_EQ(paths.count("$.*~"), 1u) << proposal.evidence;
  EXPECT_EQ(paths.count("$.status"), 1u);
  EXPECT_EQ(paths.count("$.meta.lang"), 1u);
  const auto left = nlohmann::json::parse(
      masked(proposal, R"({"status": "open", "meta": {"lang": "de", "secret": "Ann"}, "Adaeze": "yes"})"));
  EXPECT_TRUE(left.contains("status"));
  EXPECT_EQ(left["meta"]["lang"], "de");
  EXPECT_NE(left["meta"]["secret"], "Ann") << "kept by what is said of the members beside it";
  EXPECT_FALSE(left.contains("Adaeze"));
}

TEST(D05Members, WordsThatAreNamesTooStay) {
  std::vector<std::string> documents;
  for (int i = 0; i < 12; ++i) {
    documents.push_back(
        fmt::format(R"({{"mark": {0}, "grace": {0}, "status": "open", "option_{0}": true}})", i));
  }
  const auto paths = paths_of(proposed(documents));
  EXPECT_EQ(paths.count("$.*~"), 0u);
  EXPECT_EQ(paths.count("$.mark"), 1u);
  EXPECT_EQ(paths_of(proposed({R"({"mark_read": true, "status": "open", "lines": 3})"})).count("$.*~"), 0u);
}

TEST(D05Members, ThatAreTooManyForAProgramAreMasked) {
  std::string one = "{";
  std::vector<std::string> many;
  for (int i = 0; i < 300; ++i) {
    one += fmt::format(R"({}"u{:c}{:c}x": "on")", i == 0 ? "" : ", ", 'a' + i / 26, 'a' + i % 26);
    if (i < 60)
      many.push_back(fmt::format(R"({{"kind": "a", "u{:c}{:c}x": "on"}})", 'a' + i / 26, 'a' + i % 26));
  }
  for (const auto& documents : {std::vector<std::string>{one + "}"}, many}) {
    const Proposal proposal = proposed(documents);
    EXPECT_EQ(paths_of(proposal).count("$.*~"), 1u) << proposal.evidence;
    EXPECT_THAT(proposal.evidence, HasSubstr("too many"));
    EXPECT_THAT(masked(proposal, R"({"uabx": "on"})"), Not(HasSubstr("uabx")));
  }
  EXPECT_EQ(paths_of(proposed(many)).count("$.kind"), 1u);
}

// Whatever was proposed or written: what nobody could have chosen as a word is data.
TEST(D05Members, ThatAreTokensAreMaskedWithoutAPath) {
  for (const char* token : {"sk_live_4eC39HqLyjWDarjtT1zdp7dc", "AKIAIOSFODNN7EXAMPLE",
                            "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "d41d8cd98f00b204e9800998ecf8427e",
                            "a3bb189e-8bf9-3888-9912-ace4e6543002", "aB3dE5fG7hJ9kL1mN3pQ5rS7tV"}) {
    const std::string document = fmt::format(R"({{"keys": {{"{}": "on"}}, "theme": "dark"}})", token);
    for (const Proposal& proposal : {proposed({document}), proposed({R"({"theme": "dark"})"})}) {
      for (const auto& [path, masker] : paths_of(proposal)) EXPECT_THAT(path, Not(HasSubstr(token)));
      const std::string left = masked(proposal, document);
      EXPECT_THAT(left, Not(HasSubstr(token))) << left;
      EXPECT_THAT(left, HasSubstr("keys"));
    }
  }
  for (const char* word :
       {"enable_new_checkout_flow_v2_2023", "contactEmailAddressOfTheOwner", "data-testid-of-button-42"})
    EXPECT_THAT(masked(proposed({R"({"theme": "dark"})"}), fmt::format(R"({{"{}": true}})", word)),
                HasSubstr(word));
}

TEST(D05Members, KeysAreMaskedAsThePolicySays) {
  const auto made = [](const std::vector<MaskerPath>& paths) {
    Proposal proposal;
    proposal.masker = testing::json_of(paths);
    return proposal;
  };
  const auto by = [](const char* name) { return testing::spec_of(name); };
  // Keys of their own masker; what another path names stays, and so does what is under it.
  const auto left = nlohmann::json::parse(
      masked(made({{"$.by.*~", by("email")}, {"$.by.*", by("keep")}, {"$.by.total", by("keep")}}),
             R"({"by": {"ann@raw.test": 1, "total": 1}, "other": {"ann": 2}})"));
  EXPECT_EQ(left["by"].size(), 2u);
  EXPECT_EQ(left["by"]["total"], 1);
  EXPECT_TRUE(left["other"].contains("ann"));
  EXPECT_THAT(left.dump(), AllOf(HasSubstr("@example.com"), Not(HasSubstr("ann@raw.test"))));
  // `keep` of keys keeps those that do not look like words; a mask of keys goes before a `keep` of all.
  EXPECT_THAT(masked(made({{"$.*~", by("keep")}}), R"({"10.0.0.1": 1})"), HasSubstr("10.0.0.1"));
  EXPECT_THAT(masked(made({{"$.a", by("keep")}, {"$.a.*~", by("hash")}}), R"({"a": {"ann": 1}})"),
              AllOf(Not(HasSubstr("ann")), HasSubstr(": 1}")));
  for (const MaskerSpec& spec : {by("null"), testing::spec_of("fixed", {{"value", "x"}}),
                                 testing::spec_of("number_noise", {{"percent", "5"}})}) {
    EXPECT_FALSE(testing::compile(testing::json_of({{"$.*~", spec}}),
                                  testing::column_of(TypeClass::kJson, "json"), Wire::kText)
                     .ok())
        << spec.name;
  }
  EXPECT_FALSE(testing::compile(testing::json_of({{"$.*~.a", by("hash")}}),
                                testing::column_of(TypeClass::kJson, "json"), Wire::kText)
                   .ok());
}

}  // namespace
}  // namespace ytb::masking
