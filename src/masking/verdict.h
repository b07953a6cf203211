// Verdicts: what the policy says of each table and column of one database, while a plan is being checked.
// Private to the masking room.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "masking/catalog.h"
#include "masking/hmac.h"
#include "masking/masker.h"
#include "masking/plan.h"
#include "masking/policy.h"

namespace ytb::masking {

struct QualifiedNameHash {
  size_t operator()(const QualifiedName& name) const {
    return std::hash<std::string>{}(name.schema) * 31 + std::hash<std::string>{}(name.name);
  }
};

// The lock, for looking up: one set lookup a column, however large the lock.
class LockIndex {
 public:
  explicit LockIndex(const PolicyLock& lock);
  // The locked type of a column; nullptr: no entry.
  [[nodiscard]] const std::string* type_of(std::string_view database, const QualifiedName& table,
                                           std::string_view column) const;

 private:
  std::unordered_map<std::string, const std::string*> types_;
};

// The tables of one database by name, and who speaks for whom.
class TableIndex {
 public:
  explicit TableIndex(const Database& database);
  [[nodiscard]] const Table* find(const QualifiedName& name) const;
  // The table whose policy judges `table`: for a partition its topmost parent that the catalog knows.
  [[nodiscard]] const Table& judged_as(const Table& table) const;

 private:
  std::unordered_map<QualifiedName, const Table*, QualifiedNameHash> tables_;
};

// A column's judgement. Without one (unjudged, refused) `masker` is null and a finding says why.
struct ColumnVerdict {
  const MaskerSpec* masker = nullptr;
  std::string judged_by;
  Uniqueness uniqueness = Uniqueness::kNone;  // of what replaces the value; kBijection for kept ones
  [[nodiscard]] bool kept() const { return masker != nullptr && masker->name == "keep"; }
  [[nodiscard]] bool masked() const { return masker != nullptr && masker->name != "keep"; }
};

struct TableVerdict {
  const Table* table = nullptr;
  const TablePolicy* policy = nullptr;  // null: unjudged, or judged with the whole database
  Treatment treatment = Treatment::kKeep;
  std::unordered_map<std::string, ColumnVerdict> columns;
};
using TableVerdicts = std::unordered_map<const Table*, TableVerdict>;

// What judging needs to know, and where it reports.
struct JudgeContext {
  const Policy& policy;
  const LockIndex& lock;
  const Database& database;
  const MaskingKey& key;  // a dummy: only types and parameters are looked at
  std::vector<Finding>& findings;

  Finding& report(Finding::Kind kind, const Table* table, const Column* column, std::string message,
                  const Where& where = {}) const;
};

// Which policy judges which database of the catalog; `tables:` alone speaks of the only one there is.
using DatabasePolicies = std::map<const Database*, const DatabasePolicy*>;
DatabasePolicies resolve_databases(const Policy& policy, const Catalog& catalog);

// The two that a server always has (postgres, template1) are judged only once there is something in them.
bool is_standard_and_empty(const Database& database);

// Whether a person has still to decide: `judge`, or a path of a document that is.
bool mentions_judge(const MaskerSpec& spec, int depth = 0);

// Whether rows of such a relation are ever ours to judge: foreign tables and materialized views are not.
bool is_judged(const Table& table);
// "column public.users.email (text) of shop"
std::string describe(const JudgeContext& context, const Table& table, const Column& column);
// The spec of every column that nothing happens to.
const MaskerSpec& keep_spec();

// Judges one table (never a partition) by its policy; null: with the database, as `keep`.
TableVerdict judge_table(const JudgeContext& context, const Table& table, const TablePolicy* policy);
// Unique indexes and foreign keys of all tables, once every table has its verdict.
void check_keys(const JudgeContext& context, const TableIndex& tables, const TableVerdicts& verdicts);
// CHECKs, domains, exclusion constraints and the lengths of generated columns against what the maskers give
// for values that are made up.
void check_constraints(const JudgeContext& context, const TableIndex& tables, const TableVerdicts& verdicts);

// Whether a CHECK lists every value that the column may have: then they stand in the schema for all to read.
bool lists_its_values(const Table& table, const Column& column);

}  // namespace ytb::masking
