// D1: twenty different words were called a code and kept, "0 of them personal": surnames, passwords,
// diagnoses, people that something was assigned to. How many different values there are says nothing of what
// they are.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "masking/propose.h"

namespace ytb::masking {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::vector<std::string>::size_type kRows = 100;

Column column_of(std::string name, TypeClass type_class = TypeClass::kText, std::string base_type = "text") {
  Column column;
  column.name = std::move(name);
  column.type = base_type;
  column.base_type = std::move(base_type);
  column.type_class = type_class;
  return column;
}

// The proposal for one column of a table, of whose hundred rows only `words` are different.
Proposal proposed(const Column& column, const std::vector<std::string>& words,
                  std::string_view table = "tickets") {
  Catalog catalog;
  catalog.databases.emplace_back();
  catalog.databases[0].name = "shop";
  Table rows;
  rows.name = {"public", std::string(table)};
  rows.columns = {column};
  catalog.databases[0].tables = {rows};
  Samples samples;
  std::vector<std::string>& values = samples[{"shop", rows.name, column.name}];
  for (size_t i = 0; i < kRows; ++i) values.push_back(words[i % words.size()]);
  return propose(catalog, samples).at(0);
}

const std::vector<std::string> kSurnames{"Okonkwo", "Lindqvist", "Haraldsen", "Petrakis", "Yamazaki"};

TEST(D01, FewNamesAreNotACode) {
  for (const char* name :
       {"assigned_to", "closed_by", "kunde", "x", "bearbeiter", "value", "owner", "responsible"}) {
    const Proposal proposal = proposed(column_of(name), kSurnames);
    EXPECT_NE(proposal.masker.name, "keep") << name << ": " << proposal.evidence;
    // It says what values look like and never what they are.
    EXPECT_THAT(proposal.evidence, HasSubstr("100 values, 5 different, 7 to 9 characters")) << name;
    for (const std::string& surname : kSurnames) EXPECT_THAT(proposal.evidence, Not(HasSubstr(surname)));
  }
}

TEST(D01, FewPasswordsAreNotACode) {
  EXPECT_EQ(proposed(column_of("pw"), {"hunter2", "letmein"}).masker.name, "hash");
  EXPECT_NE(proposed(column_of("zugang"), {"hunter2", "letmein"}).masker.name, "keep");
}

TEST(D01, OneValueForAllIsNotACode) {
  EXPECT_NE(proposed(column_of("befund"), {"hiv"}).masker.name, "keep");
  EXPECT_NE(proposed(column_of("result"), {"positive", "negative"}).masker.name, "keep");
}

TEST(D01, FewWordsInADocumentAreNotACode) {
  const Column json = column_of("details", TypeClass::kJson, "jsonb");
  std::vector<std::string> documents;
  for (const std::string& surname : kSurnames)
    documents.push_back(fmt::format(
        R"({{"diagnosis": "asthma", "seen_by": "{0}", "x": ["{0}"], "kind": "visit"}})", surname));
  const Proposal proposal = proposed(json, documents);
  ASSERT_EQ(proposal.masker.name, "json") << proposal.evidence;
  for (const MaskerPath& path : proposal.masker.paths) {
    EXPECT_EQ(path.masker.name, path.path == "$.kind" ? "keep" : "hash") << path.path;
  }
  EXPECT_EQ(proposal.masker.paths.size(), 4U);
}

// What a name keeps, values make doubtful: also one in a hundred, also where the table has three rows.
TEST(D01, ACodeThatHoldsPeopleIsDoubted) {
  std::vector<std::string> codes(99, "open");
  codes.emplace_back("mail ann@lovelace.org");
  EXPECT_EQ(proposed(column_of("status"), codes).masker.name, "judge");
  EXPECT_EQ(proposed(column_of("status"), {"open", "closed"}).masker.name, "keep");
  EXPECT_EQ(proposed(column_of("code"), {"Mary Smith", "John Miller", "Anna Weber"}).masker.name,
            "person_name");
  EXPECT_EQ(proposed(column_of("role"), {"ann@lovelace.org"}).masker.name, "email");
}

TEST(D01, AnEmptyTableIsSaidToBeEmpty) {
  Catalog catalog;
  catalog.databases.emplace_back();
  catalog.databases[0].name = "shop";
  catalog.databases[0].tables.emplace_back();
  Table& table = catalog.databases[0].tables[0];
  table.name = {"public", "t"};
  table.columns = {column_of("x")};
  Samples samples;
  samples[{"shop", table.name, "x"}] = {};
  EXPECT_THAT(propose(catalog, samples).at(0).evidence, HasSubstr("an empty table"));
  table.size_bytes = 8192;
  EXPECT_THAT(propose(catalog, samples).at(0).evidence, HasSubstr("no values"));
}

}  // namespace
}  // namespace ytb::masking
