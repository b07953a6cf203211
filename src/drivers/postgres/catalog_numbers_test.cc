#include "drivers/postgres/catalog_numbers.h"

#include <gtest/gtest.h>

namespace ytb::postgres {
namespace {

const Names kNames = {{13000, "known"}};

TEST(CatalogNumbers, onlyWhatInitdbCountsGoes) {
  EXPECT_EQ(without_count(11999, kNames), "11999");
  EXPECT_EQ(without_count(12000, kNames), "#");
  EXPECT_EQ(without_count(13000, kNames), "#known");
  EXPECT_EQ(without_count(16383, kNames), "#");
  EXPECT_EQ(without_count(16384, kNames), "16384");
}

TEST(CatalogNumbers, treesKeepWhatTheyCall) {
  EXPECT_EQ(
      tree_without_count("{FUNCEXPR :funcid 13000 :args ({VAR :varno 1 :location 17}) :location -1}", kNames),
      "{FUNCEXPR :funcid #known :args ({VAR :varno 1 :location }) :location }");
  // Another function under a number that was counted is another tree.
  EXPECT_NE(tree_without_count(":funcid 13000 ", {{13000, "other"}}),
            tree_without_count(":funcid 13000 ", kNames));
  EXPECT_NE(tree_without_count(":funcid 20000 ", kNames), tree_without_count(":funcid 13000 ", kNames));
  // Lists of numbers, texts that only look like a place, and digits without end.
  EXPECT_EQ(tree_without_count("(o 12001 97 20000)", {}), "(o # 97 20000)");
  EXPECT_EQ(tree_without_count(":constlocation 12", {}), ":constlocation 12");
  EXPECT_EQ(tree_without_count(":location x 7", {}), ":location x 7");
  EXPECT_EQ(tree_without_count("12345678901234567890", {}), "12345678901234567890");
  EXPECT_EQ(tree_without_count(":stmt_location 0 :stmt_len 120", {}), ":stmt_location  :stmt_len ");
  EXPECT_EQ(tree_without_count("", {}), "");
}

std::string oidvector(std::initializer_list<uint32_t> numbers) {
  std::string out(20, '\0');
  auto add = [&out](uint32_t number) {
    for (int shift : {24, 16, 8, 0}) out += static_cast<char>(number >> shift);
  };
  for (uint32_t number : numbers) {
    add(4);
    add(number);
  }
  return out;
}

TEST(CatalogNumbers, vectorsLoseTheSame) {
  EXPECT_EQ(numbers_without_count(oidvector({23, 12500, 20000}), kNames), "23 # 20000 ");
  EXPECT_EQ(numbers_without_count(oidvector({}), kNames), "");
  std::string cut = oidvector({23, 25});
  cut.pop_back();
  EXPECT_EQ(numbers_without_count(cut, kNames), "23 ");
}

TEST(CatalogNumbers, namesOfToastLoseTheirTables) {
  EXPECT_EQ(name_without_count("pg_toast_2604"), "pg_toast_#");
  EXPECT_EQ(name_without_count("pg_toast_26x4"), "pg_toast_26x4");
  EXPECT_EQ(name_without_count("text"), "text");
}

}  // namespace
}  // namespace ytb::postgres
