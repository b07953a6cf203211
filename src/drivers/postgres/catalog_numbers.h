// Object numbers that initdb counts, and where a text stood: they differ between two clusters of the same
// binaries, and say nothing. What is compared between clusters is written without them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace ytb::postgres {

// transam.h, FirstGenbkiObjectId: from here on the build counts the rows that its sources give no number. A
// minor version that adds or drops one numbers all after it anew.
inline constexpr uint32_t kFirstOfBuild = 10000;
// FirstUnpinnedObjectId (13: FirstBootstrapObjectId): below, initdb of the same binaries says the same.
inline constexpr uint32_t kFirstUnfixed = 12000;
inline constexpr uint32_t kFirstOfUsers = 16384;  // FirstNormalObjectId

constexpr bool is_numbered_by_initdb(uint32_t number) {
  return number >= kFirstUnfixed && number < kFirstOfUsers;
}

// Names of functions that initdb numbered.
using Names = std::map<uint32_t, std::string>;

// A number as it is, but what initdb counts: "#" and a function's name, "#" for anything else.
std::string without_count(uint32_t number, const Names& names);

// A stored tree (pg_node_tree), less where its parts stood in a text.
std::string tree_without_count(std::string_view tree, const Names& names);

// The elements of an oidvector, as COPY sends it in binary.
std::string numbers_without_count(std::string_view vector, const Names& names);

// "pg_toast_12345" as "pg_toast_#": TOAST tables had types up to 13, under the number of the table.
std::string name_without_count(std::string name);

}  // namespace ytb::postgres
