// Additions: what production has and the policy says nothing of, with a proposal for each. What the policy
// judges, even if it does not fit, is none.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "masking/catalog.h"
#include "masking/policy.h"
#include "masking/propose.h"

namespace ytb::masking {

struct ColumnLine {
  std::string column;
  MaskerSpec masker;
  std::string type;
  std::string evidence;
};

struct TableLines {
  QualifiedName table;
  bool has_entry = false;           // then `columns` are those that it does not name
  bool no_rows = false;             // proposed as {rows: none}
  std::string evidence{};           // of no_rows
  std::vector<ColumnLine> columns;  // none: a table without columns, `keep`
};

struct DatabaseLines {
  std::string database;
  bool has_entry = false;
  uint64_t large_objects = 0;  // how many there are that nobody judges
  std::vector<TableLines> tables;
};

struct Additions {
  std::vector<DatabaseLines> databases;                      // those with something to add
  std::map<std::string, std::vector<std::string>> settings;  // by database ("*": every one): to be removed
  std::string
      tables_are_of;  // `tables:` alone stands for this database, and now there are others; may be empty
  [[nodiscard]] bool empty() const { return databases.empty() && settings.empty(); }
  [[nodiscard]] size_t columns() const;
};

// kPolicy where `tables:` stands alone, there are several databases, and none has any of its tables.
Result<Additions> what_is_missing(const Policy& policy, const Catalog& catalog,
                                  const std::vector<Proposal>& proposals);

// As lines of a policy, each ending in \n and beginning with `indent`, evidence as comments.
std::string yaml_lines(const ColumnLine& line, std::string_view indent);
std::string yaml_lines(const TableLines& table, std::string_view indent);
// What comes under the database's name.
std::string yaml_lines(const DatabaseLines& database, std::string_view indent);
std::string large_objects_line(const DatabaseLines& database, std::string_view indent);
std::string settings_lines(const std::vector<std::string>& settings, std::string_view indent);

}  // namespace ytb::masking
