// Judgement: which line of the policy speaks of a column. The one place that knows the precedence
// (docs/policy.md "Which line decides"); plan, lock and `policy explain` all ask here. Private to the masking
// room.
//
// A partition has no entry: its topmost parent's judges it (TableIndex). What an inheritance child's own
// entry does not name, or where it has none, is judged by the nearest ancestors that have one, column by
// column.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "masking/catalog.h"
#include "masking/policy.h"

namespace ytb::masking {

struct QualifiedNameHash {
  size_t operator()(const QualifiedName& name) const {
    return std::hash<std::string>{}(name.schema) * 31 + std::hash<std::string>{}(name.name);
  }
};

// The tables of one database by name, and who speaks for whom.
class TableIndex {
 public:
  explicit TableIndex(const Database& database);
  [[nodiscard]] const Table* find(const QualifiedName& name) const;
  // The table whose policy judges `table`: for a partition its topmost parent that the catalog knows.
  [[nodiscard]] const Table& judged_as(const Table& table) const;
  // Every table that an inheritance child has columns of, nearest first, without itself.
  [[nodiscard]] std::vector<const Table*> ancestors(const Table& table) const;

 private:
  std::unordered_map<QualifiedName, const Table*, QualifiedNameHash> tables_;
};

struct Judgement {
  enum class Source {
    kNobody,    // the policy has no line for it
    kColumn,    // its own line
    kWildcard,  // `"*": keep` of its table
    kTable,     // its table is kept whole
    kRule,      // a rule across tables
    kDatabase,  // its database is kept whole
  };
  Source source = Source::kNobody;
  const MaskerSpec* spec = nullptr;  // null: kNobody
  Where where{};
  const Table* of = nullptr;  // whose entry it is: the table itself, or an ancestor; null: of no table
  const ColumnRule* rule = nullptr;
  const Table* other = nullptr;  // kNobody, where two ancestors are judged differently: the second one
};

// The entries that speak of one table: its own first, then those of its nearest ancestors for what its own
// does not name. None: nobody does.
struct TableEntries {
  struct Entry {
    const Table* of = nullptr;
    const TablePolicy* policy = nullptr;
  };
  Entry own{};  // without a policy where the table has none of its own
  std::vector<Entry> inherited{};
  [[nodiscard]] const TablePolicy* first() const {
    if (own.policy != nullptr) return own.policy;
    return inherited.empty() ? nullptr : inherited.front().policy;
  }
  // Its rows are not in the copy; or only some ancestors say so, and nothing can be told.
  [[nodiscard]] bool emptied() const;
  [[nodiscard]] bool disagree_on_rows() const;
};

// Of one database. `policy`, its entry `of_database` and `tables` must outlive it.
class Judges {
 public:
  Judges(const Policy& policy, const DatabasePolicy& of_database, const TableIndex& tables)
      : policy_(of_database), tables_(tables), rules_(policy.rules, of_database.rules) {}

  [[nodiscard]] const TableIndex& tables() const { return tables_; }
  [[nodiscard]] const RuleIndex& rules() const { return rules_; }
  [[nodiscard]] TableEntries entries_of(const Table& table) const;
  // Of a table with rows of its own or a partitioned one, which is no partition. Of a generated column, too,
  // though it needs no judgement.
  [[nodiscard]] Judgement of(const Table& table, const TableEntries& entries, const Column& column) const;
  // Whether the policy says anything of `table` or of one of its columns.
  [[nodiscard]] bool speak_of(const Table& table, const TableEntries& entries) const;
  // The ancestors whose column it is, too: a rule that matches a parent's column matches the child's.
  [[nodiscard]] std::vector<const Table*> also_of(const Table& table, const Column& column) const;

 private:
  const DatabasePolicy& policy_;
  const TableIndex& tables_;
  const RuleIndex rules_;
};

// `keep` and nothing else.
bool is_keep(const MaskerSpec& spec);
// The spec of every column that nothing happens to.
const MaskerSpec& keep_spec();
bool same_spec(const MaskerSpec& a, const MaskerSpec& b);

}  // namespace ytb::masking
