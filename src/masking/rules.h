// Rules across tables: `columns: {"*.created_at": keep}` judges every column that it matches and that no
// entry of a table names. Of several that match, the last one in the file decides.
//
// A pattern is column, table.column or schema.table.column, and may end in a type: "audit.*.* text". In each
// part * stands for any run of characters, in a quoted part ("Odd.Name") for itself. Matching takes no longer
// than the pattern times the name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "masking/catalog.h"

namespace ytb::masking {

struct ColumnRule;

// What stands between the asterisks; one piece: no asterisk.
struct NamePattern {
  std::vector<std::string> pieces;
  [[nodiscard]] bool is_literal() const { return pieces.size() == 1; }
  [[nodiscard]] bool matches(std::string_view name) const;
};

struct ColumnPattern {
  NamePattern schema;
  NamePattern table;
  NamePattern column;
  std::optional<NamePattern> type;  // none: of any type
  // By the type as it is shown, the same without modifiers, or its base: "character varying(50)", "character
  // varying", "varchar".
  [[nodiscard]] bool matches(const QualifiedName& of, const Column& candidate) const;
};

constexpr size_t kPatternSizeMax = 512;  // bytes
// nullopt: not a pattern; `why` says what is wrong.
std::optional<ColumnPattern> parse_column_pattern(std::string_view text, std::string& why);

// The rules that hold in one database, for looking up. They must outlive it.
class RuleIndex {
 public:
  // `shared` hold in every database; `own`, of this one, go before them.
  RuleIndex(const std::vector<ColumnRule>& shared, const std::vector<ColumnRule>& own);
  [[nodiscard]] bool empty() const { return rules_.empty(); }
  // The rule that decides over a column of a table; `others`: names of further tables whose column it is,
  // too. nullptr: none matches.
  [[nodiscard]] const ColumnRule* find(const QualifiedName& table, const Column& column,
                                       const std::vector<const Table*>& others = {}) const;
  // All that match, the one that decides first.
  [[nodiscard]] std::vector<const ColumnRule*> all(const QualifiedName& table, const Column& column,
                                                   const std::vector<const Table*>& others = {}) const;

 private:
  std::vector<const ColumnRule*> rules_;                            // in order: the last one goes first
  std::unordered_map<std::string, std::vector<size_t>> by_column_;  // of a literal column name
  std::vector<size_t> patterns_;                                    // the others
};

}  // namespace ytb::masking
