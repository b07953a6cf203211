// pg_type and pg_attribute by their pages. Until these are known, not even COPY is harmless: it calls what
// pg_type names, for the types that pg_attribute names.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace ytb::postgres {

// The beginnings of all rows with fixed numbers (catalog_numbers.h), less what is production's to choose (the
// owner of a type, how many values of a column are counted).
struct FixedRows {
  std::set<std::string> types;
  std::set<std::string> attributes;
};

// `folder`: of a database of a stopped server, whose data folder is `data`.
Result<FixedRows> read_pages_of(const std::string& data, const std::string& folder, int major);

struct DatabaseFolder {
  std::string path;
  std::string database;  // its name
};
// Of every database that can be entered, in a data folder and its tablespaces
// (pg_tblspc/NUMBER/PG_15_…/DATABASE). What a CREATE or DROP DATABASE that was cut off left is none: nobody
// enters it, and it is removed with other files that no catalog names.
Result<std::vector<DatabaseFolder>> database_folders(const std::string& data, int major);

}  // namespace ytb::postgres
