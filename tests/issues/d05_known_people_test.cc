// D5: "Team Okonkwo", "laptop-of-okonkwo-7" and the tag "friend of Gundula" were kept, as a thing's name, a
// slug and a list of tags: no list of names has those of everybody. The columns beside them had.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "masking/propose.h"
#include "support/schema.h"

namespace ytb::masking {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Values {
  std::string table;
  std::string column;
  std::vector<std::string> values;
};

std::map<std::string, Proposal> proposed(std::string_view sql, const std::vector<Values>& sampled) {
  const Catalog catalog = tests::catalog_of(sql);
  Samples samples;
  for (const Values& each : sampled) samples[{"shop", {"public", each.table}, each.column}] = each.values;
  std::map<std::string, Proposal> found;
  for (const Proposal& proposal : propose(catalog, samples))
    found[proposal.table.name + "." + proposal.column] = proposal;
  return found;
}

constexpr std::string_view kTables =
    "CREATE TABLE teams (id int PRIMARY KEY, name text, slug text, color text);"
    "CREATE TABLE products (sku text, tags text[], label text);"
    "CREATE TABLE users (id int PRIMARY KEY, first_name text, last_name text, tags text[]);";
const std::vector<std::string> kFirst{"Annegret", "Bülent", "Chidi", "Søren", "Nguyễn"};
const std::vector<std::string> kLast{"Müller-Lüdenscheidt", "O'Brien", "Okonkwo", "von der Öztürk", "王伟"};

void expect_judged(const Proposal& proposal, const char* beside) {
  EXPECT_EQ(proposal.masker.name, "judge") << proposal.column << ": " << proposal.evidence;
  EXPECT_THAT(proposal.evidence, AllOf(HasSubstr("hold names that stand in"), HasSubstr(beside)));
  for (const char* raw : {"Okonkwo", "okonkwo", "Annegret", "annegret", "obrien"})
    EXPECT_THAT(proposal.evidence, Not(HasSubstr(raw)));
}

TEST(D05KnownPeople, WhatHoldsTheirNamesIsNotKept) {
  const auto found = proposed(
      kTables, {{"users", "first_name", kFirst},
                {"users", "last_name", kLast},
                {"teams", "name", {"Team Okonkwo", "The O'Brien team", "Red", "Blue", "Green"}},
                {"teams", "color", {"red", "green", "blue", "von", "der"}},
                {"products", "tags", {"{vip,beta}", R"({"friend of Annegret"})", "{bulent-2}", "{}"}},
                {"products", "sku", {"mueller-luedenscheidt-1", "obrien-2", "sku-3", "sku-4"}},
                {"users", "tags", {"{vip,beta}", "{beta}"}}});
  expect_judged(found.at("teams.name"), "public.users.last_name");
  expect_judged(found.at("products.tags"), "public.users.first_name");
  expect_judged(found.at("products.sku"), "public.users.last_name");
  EXPECT_EQ(found.at("teams.slug").masker.name, "judge") << "made from a name that is not decided";
  EXPECT_EQ(found.at("teams.color").masker.name, "keep") << found.at("teams.color").evidence;
  EXPECT_EQ(found.at("users.tags").masker.name, "keep") << found.at("users.tags").evidence;
}

TEST(D05KnownPeople, HowTheirNamesAreWritten) {
  for (const std::vector<std::string>& written : std::vector<std::vector<std::string>>{
           {"OKONKWO", "OBRIEN"},              // capitals
           {"teamOkonkwo", "teamBrien"},       // words that begin with capitals
           {"okonkwo7", "brien42"},            // with a number
           {"muller_ludenscheidt", "ozturk"},  // without marks
           {"mullerludenscheidt", "soren"},    // in one word
           {"chidi's", "bu\xcc\x88lent"},      // with an ending; with marks of their own
           {"王伟", "nguyen"},                 // in any script
       }) {
    const auto found = proposed(
        kTables,
        {{"users", "first_name", kFirst}, {"users", "last_name", kLast}, {"products", "sku", written}});
    EXPECT_EQ(found.at("products.sku").masker.name, "judge") << written.front();
  }
}

TEST(D05KnownPeople, ChanceProvesNothing) {
  std::vector<std::string> hex;
  for (int i = 0; i < 40; ++i) hex.push_back("3chidi9" + std::to_string(i));
  std::vector<std::string> words(50, "made of steel");
  words[0] = "chidi";
  words[1] = "okonkwo";
  const auto found = proposed(kTables, {{"users", "first_name", kFirst},
                                        {"users", "last_name", kLast},
                                        {"products", "sku", hex},     // inside of a number
                                        {"products", "tags", words},  // two of fifty
                                        {"teams", "color", {"chidi", "chidi", "red"}}});  // one word
  EXPECT_EQ(found.at("products.sku").masker.name, "keep") << found.at("products.sku").evidence;
  EXPECT_EQ(found.at("products.tags").masker.name, "keep") << found.at("products.tags").evidence;
  EXPECT_EQ(found.at("teams.color").masker.name, "keep") << found.at("teams.color").evidence;
}

TEST(D05KnownPeople, DocumentsNameThemAndAreAboutThem) {
  const auto found =
      proposed("CREATE TABLE a (id int, doc jsonb); CREATE TABLE teams (id int, name text, doc jsonb);",
               {{"a",
                 "doc",
                 {R"({"first_name": "Annegret", "status": "annegret-1"})",
                  R"({"first_name": "Chidi", "status": "chidi"})"}},
                {"teams", "name", {"annegrets", "Team Annegret", "Team Chidi"}},
                {"teams", "doc", {R"({"state": "of Annegret"})", R"({"state": "of Chidi"})"}}});
  expect_judged(found.at("teams.name"), "public.a.doc");
  const auto masker_of = [&](const char* column, const std::string& path) {
    for (const auto& each : found.at(column).masker.paths)
      if (each.path == path) return each.masker.name;
    return std::string("no path");
  };
  EXPECT_EQ(masker_of("a.doc", "$.status"), "hash");
  EXPECT_EQ(masker_of("teams.doc", "$.state"), "hash");
}

// Evidence said "public.users.last_name" of a database that has no such table.
TEST(D05KnownPeople, OfAnotherDatabaseAreToldWithIt) {
  Catalog catalog = tests::catalog_of("CREATE TABLE users (last_name text);", "crm");
  Catalog shop = tests::catalog_of("CREATE TABLE teams (name text, doc jsonb);");
  catalog.databases.push_back(std::move(shop.databases.front()));
  Samples samples;
  samples[{"crm", {"public", "users"}, "last_name"}] = kLast;
  samples[{"shop", {"public", "teams"}, "name"}] = {"Team Okonkwo", "Team O'Brien"};
  samples[{"shop", {"public", "teams"}, "doc"}] = {R"({"okonkwo": 1, "obrien": 2, "ozturk": 3})"};
  for (const Proposal& proposal : propose(catalog, samples)) {
    if (proposal.database != "shop") continue;
    EXPECT_THAT(proposal.evidence, HasSubstr("crm public.users.last_name")) << proposal.column;
  }
}

}  // namespace
}  // namespace ytb::masking
