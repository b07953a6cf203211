// Verdicts: what the policy says of each table and column of one database, while a plan is being checked.
// Private to the masking room.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "masking/catalog.h"
#include "masking/hmac.h"
#include "masking/judgement.h"
#include "masking/lock.h"
#include "masking/masker.h"
#include "masking/plan.h"
#include "masking/policy.h"

namespace ytb::masking {

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
  std::set<const ColumnRule*>& used_rules;
  size_t& unlocked_keeps;  // columns that a lock of version 1 lets pass, as the policy names them
  Trials trials = Trials::kNone;

  Finding& report(Finding::Kind kind, const Table* table, const Column* column, std::string message,
                  const Where& where = {}) const;
};

// Which policy judges which database of the catalog; `tables:` alone speaks of the only one there is.
using DatabasePolicies = std::map<const Database*, const DatabasePolicy*>;
DatabasePolicies resolve_databases(const Policy& policy, const Catalog& catalog);
// The database that has the most of these tables; nullptr where none has any.
const Database* database_of(const DatabasePolicy& policy, const Catalog& catalog);

// The two that a server always has (postgres, template1) are judged only once there is something in them.
bool is_standard_and_empty(const Database& database);

// Whether a person has still to decide: `judge`, or a path of a document that is.
bool mentions_judge(const MaskerSpec& spec, int depth = 0);

// Whether rows of such a relation are ever ours to judge: foreign tables and materialized views are not.
bool is_judged(const Table& table);
// "column public.users.email (text) of shop"
std::string describe(const JudgeContext& context, const Table& table, const Column& column);

// Judges one table (never a partition) by the entries that speak of it.
TableVerdict judge_table(const JudgeContext& context, const Judges& judges, const Table& table,
                         const TableEntries& entries);
// Unique indexes and foreign keys of all tables, once every table has its verdict.
void check_keys(const JudgeContext& context, const TableIndex& tables, const TableVerdicts& verdicts);
// CHECKs, domains, exclusion constraints and the lengths of generated columns against what the maskers give
// for values that are made up.
void check_constraints(const JudgeContext& context, const TableIndex& tables, const TableVerdicts& verdicts);

// Whether a CHECK lists every value that the column may have: then they stand in the schema for all to read.
bool lists_its_values(const Table& table, const Column& column);

}  // namespace ytb::masking
