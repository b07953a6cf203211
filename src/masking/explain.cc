#include "masking/explain.h"

#include <fmt/format.h>

#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "masking/judgement.h"
#include "masking/lock.h"
#include "masking/names.h"
#include "masking/verdict.h"

namespace ytb::masking {
namespace {

using Verdict = Explanation::Verdict;

std::string words_for(const Judgement& judged) {
  switch (judged.source) {
    case Judgement::Source::kNobody:
      return "";
    case Judgement::Source::kColumn:
      return "the column's own line";
    case Judgement::Source::kWildcard:
      return "\"*\": keep";
    case Judgement::Source::kTable:
      return "the table is kept whole";
    case Judgement::Source::kDatabase:
      return "the database is kept whole";
    case Judgement::Source::kRule:
      return fmt::format("the rule '{}'", judged.rule->text);
  }
  YTB_CHECK_MSG(false, "a judgement without a source");
  __builtin_unreachable();
}

class Explainer {
 public:
  Explainer(const Policy& policy, const DatabasePolicy& judged_by, const PolicyLock& lock,
            const ColumnPlace& place, Explanation& explanation)
      : judged_by_(judged_by),
        lock_(lock),
        tables_(*place.database),
        judges_(policy, judged_by, tables_),
        place_(place),
        told_(explanation) {}

  void explain() {
    const Table& table = tables_.judged_as(*place_.table);
    if (&table != place_.table) told_.as = to_string(table.name);
    const Column* column = find_column(table, place_.column->name);
    if (column == nullptr) column = place_.column;
    if (judged_by_.form == DatabasePolicy::Form::kOmit) {
      told_.verdict = Verdict::kEmptied;
      told_.judged_by = {.what = "the database is omitted", .where = judged_by_.where};
      return;
    }
    const TableEntries entries = judges_.entries_of(table);
    if (entries.emptied()) {
      told_.verdict = Verdict::kEmptied;
      told_.judged_by = {.what = "{rows: none}", .where = entries.first()->where};
      if (entries.own.policy == nullptr) told_.as = to_string(entries.inherited.front().of->name);
      return;
    }
    explain_column(table, entries, *column);
  }

 private:
  void explain_column(const Table& table, const TableEntries& entries, const Column& column) {
    const Judgement judged = judges_.of(table, entries, column);
    for (const ColumnRule* rule : judges_.rules().all(table.name, column, judges_.also_of(table, column))) {
      if (rule == judged.rule) continue;
      told_.passed_over.push_back({.what = fmt::format("the rule '{}'", rule->text), .where = rule->where});
    }
    if (column.generated) {
      told_.verdict = Verdict::kComputed;
      return;
    }
    if (judged.spec == nullptr) return;  // unjudged
    told_.masker = *judged.spec;
    told_.judged_by = {.what = words_for(judged), .where = judged.where};
    if (judged.source == Judgement::Source::kDatabase) told_.judged_by->where = judged_by_.where;
    if (judged.of != nullptr && judged.of != &table) told_.as = to_string(judged.of->name);
    told_.verdict = is_keep(*judged.spec) ? Verdict::kKept : Verdict::kMasked;
    if (!is_keep(*judged.spec)) return;
    if (const LockEntry* entry = lock_.covering(place_.database->name, tables_, table, column)) {
      told_.lock = *entry;
    }
  }

  const DatabasePolicy& judged_by_;
  const LockIndex lock_;
  const TableIndex tables_;
  const Judges judges_;
  const ColumnPlace& place_;
  Explanation& told_;
};

}  // namespace

std::string_view name_of(Explanation::Verdict verdict) {
  switch (verdict) {
    case Verdict::kMasked:
      return "masked";
    case Verdict::kKept:
      return "kept";
    case Verdict::kEmptied:
      return "emptied";
    case Verdict::kComputed:
      return "computed";
    case Verdict::kNotJudged:
      return "not_judged";
    case Verdict::kRefused:
      return "refused";
    case Verdict::kUnjudged:
      return "unjudged";
  }
  YTB_CHECK_MSG(false, "a verdict without a name");
  __builtin_unreachable();
}

std::vector<ColumnPlace> find_columns(const Catalog& catalog, std::string_view name) {
  std::vector<ColumnPlace> found;
  for (const Database& database : catalog.databases) {
    for (const Table& table : database.tables) {
      for (const Column& column : table.columns) {
        // Most names end otherwise, in either spelling.
        if (!name.ends_with(column.name) && !name.ends_with('"')) continue;
        const std::string bare = table.name.name + "." + column.name;
        const std::string quoted = quote_name(table.name.name) + "." + quote_name(column.name);
        if (name == bare || name == quoted || name == table.name.schema + "." + bare ||
            name == quote_name(table.name.schema) + "." + quoted) {
          found.push_back({.database = &database, .table = &table, .column = &column});
        }
      }
    }
  }
  return found;
}

Explanation explain(const Policy& policy, const PolicyLock& lock, const Catalog& catalog,
                    const ColumnPlace& place) {
  Explanation told{.database = place.database->name,
                   .table = place.table->name,
                   .column = place.column->name,
                   .type = place.column->type};
  if (!is_judged(*place.table)) {
    told.verdict = Verdict::kNotJudged;
    return told;
  }
  const DatabasePolicies resolved = resolve_databases(policy, catalog);
  if (auto judged_by = resolved.find(place.database); judged_by != resolved.end()) {
    Explainer(policy, *judged_by->second, lock, place, told).explain();
  }
  const TableIndex tables(*place.database);
  const QualifiedName& judged_as = tables.judged_as(*place.table).name;
  for (Finding& finding : plan_masking(policy, lock, catalog).findings) {
    if (finding.database != told.database) continue;
    if (finding.table != told.table && finding.table != judged_as) continue;
    if (!finding.column.empty() && finding.column != told.column) continue;
    if (finding.error && (told.verdict == Verdict::kMasked || told.verdict == Verdict::kKept)) {
      told.verdict = Verdict::kRefused;
    }
    told.findings.push_back(std::move(finding));
  }
  return told;
}

}  // namespace ytb::masking
