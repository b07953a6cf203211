#include "masking/plan.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "masking/guess.h"
#include "masking/masker.h"
#include "masking/names.h"
#include "masking/settings.h"
#include "masking/verdict.h"
#include "masking/yaml_text.h"

namespace ytb::masking {
namespace {

constexpr size_t kSuggestedColumnsMax = 50;

std::string digest_of(const Policy& policy, const PolicyLock& lock) {
  std::string text = policy.digest + "\n" + lock.digest;
  std::string hash(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(hash.data()),
                     reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return to_hex(hash);
}

Finding& report(std::vector<Finding>& findings, Finding::Kind kind, const std::string& database,
                std::string message, const Where& where = {}) {
  findings.push_back({.kind = kind, .database = database, .message = std::move(message), .where = where});
  return findings.back();
}

// The lines that would judge a whole table, every one a safe guess for a person to look over.
std::string lines_for(const Table& table) {
  std::string lines = yaml_key(table.name) + ":";
  size_t shown = 0;
  for (const Column& column : table.columns) {
    if (column.generated) continue;
    if (shown++ == kSuggestedColumnsMax) {
      return lines + fmt::format("\n  # … and {} more columns", table.columns.size() - kSuggestedColumnsMax);
    }
    lines += "\n" + policy_line(table, column);
  }
  if (shown == 0) return lines + " keep";
  return lines;
}

class DatabasePlanner {
 public:
  DatabasePlanner(const JudgeContext& context, const DatabasePolicy& policy)
      : context_(context),
        policy_(policy),
        tables_(context.database),
        judges_(context.policy, policy, tables_) {}

  DatabasePlan run() {
    DatabasePlan plan{.database = context_.database, .omitted = omits(), .tables = {}};
    for (const auto& [name, where] : policy_.empty_views) plan.empty_views.push_back(name);
    check_entries();
    check_large_objects();
    check_views();
    judge_tables();
    for (const TellingDefinition& definition : context_.database.definitions) report_definition(definition);
    if (!omits()) {
      check_keys(context_, tables_, verdicts_);
      check_constraints(context_, tables_, verdicts_);
    }
    for (const Table& table : context_.database.tables) {
      // A partitioned parent has no rows of its own; its leaves follow one by one.
      if (!is_judged(table) || table.kind == RelationKind::kPartitioned) continue;
      plan.tables.push_back(plan_of(table));
    }
    return plan;
  }

 private:
  [[nodiscard]] bool omits() const { return policy_.form == DatabasePolicy::Form::kOmit; }

  // Entries of the policy that fit nothing, or what needs none.
  void check_entries() {
    std::vector<std::string> names;
    for (const auto& [name, entry] : policy_.tables) {
      const Table* table = tables_.find(name);
      if (table == nullptr) {
        report_missing(name, entry, names);
      } else if (table->kind == RelationKind::kForeignTable) {
        context_
            .report(Finding::Kind::kUnsupported, table, nullptr,
                    fmt::format("{} is a foreign table: its data is not in the copy and is never read; the "
                                "entry has no effect",
                                printable(to_string(name))),
                    entry.where)
            .error = false;
      } else if (table->kind == RelationKind::kMaterializedView) {
        context_.report(
            Finding::Kind::kUnsupported, table, nullptr,
            fmt::format("{} is a materialized view: it is computed again from what it selects once "
                        "that is masked; remove the entry, or say `views: {{{}: none}}` to leave "
                        "it empty",
                        printable(to_string(name)), printable(to_string(name))),
            entry.where);
      } else if (table->partition_of) {
        context_.report(
            Finding::Kind::kUnsupported, table, nullptr,
            fmt::format("{} is a partition: the entry of {} judges it; remove this one",
                        printable(to_string(name)), printable(to_string(tables_.judged_as(*table).name))),
            entry.where);
      }
    }
  }

  void report_missing(const QualifiedName& name, const TablePolicy& entry, std::vector<std::string>& names) {
    constexpr size_t kComparedMax = 2000;  // the edit distance to each is looked at
    if (names.empty() && context_.database.tables.size() <= kComparedMax) {
      for (const Table& table : context_.database.tables) names.push_back(to_string(table.name));
    }
    Finding& finding =
        report(context_.findings, Finding::Kind::kMissingTable, context_.database.name,
               fmt::format("table {} is in the policy and not in {}{}: dropped or renamed?",
                           printable(to_string(name)), printable(quote_name(context_.database.name)),
                           printable(did_you_mean(to_string(name), names))),
               entry.where);
    finding.table = name;
  }

  // Large objects belong to no table: they are judged by their own key, or with the whole database.
  void check_large_objects() {
    const Database& database = context_.database;
    if (database.large_objects == 0 || policy_.large_objects != LargeObjects::kUnjudged || omits()) return;
    const LockEntry entry = large_objects_entry(database.name);
    const LockEntry* locked = context_.lock.find(database.name, entry.table, entry.column);
    if (policy_.form == DatabasePolicy::Form::kKeep && locked != nullptr && !context_.lock.expired(*locked))
      return;
    Finding& finding =
        report(context_.findings, Finding::Kind::kUnjudgedTable, database.name,
               fmt::format("{} large objects of {} are not judged: no column names what is in them",
                           with_commas(database.large_objects), printable(quote_name(database.name))),
               policy_.where);
    finding.table = entry.table;
    finding.add = policy_.form == DatabasePolicy::Form::kKeep
                      ? "ytb policy accept   # keeps them as they are"
                      : "large_objects: none   # emptied; or keep, where nothing in them is personal";
  }

  void check_views() {
    for (const auto& [name, where] : policy_.empty_views) {
      const Table* view = tables_.find(name);
      if (view != nullptr && view->kind == RelationKind::kMaterializedView) continue;
      report(context_.findings, Finding::Kind::kMissingTable, context_.database.name,
             fmt::format("{} is under `views:` in the policy and not a materialized view of {}{}",
                         printable(to_string(name)), printable(quote_name(context_.database.name)),
                         view == nullptr ? ": dropped or renamed?" : ""),
             where)
          .table = name;
    }
  }

  void judge_tables() {
    for (const Table& table : context_.database.tables) {
      if (table.kind == RelationKind::kForeignTable) report_foreign(table);
      if (!is_judged(table) || &tables_.judged_as(table) != &table) continue;
      if (omits()) {
        verdicts_[&table] =
            TableVerdict{.table = &table, .policy = nullptr, .treatment = Treatment::kEmpty, .columns = {}};
        continue;
      }
      const TableEntries entries = judges_.entries_of(table);
      if (entries.disagree_on_rows()) {
        report_disagreement(table);
      } else if (judges_.speak_of(table, entries)) {
        verdicts_[&table] = judge_table(context_, judges_, table, entries);
      } else {
        Finding& finding = context_.report(
            Finding::Kind::kUnjudgedTable, &table, nullptr,
            fmt::format("table {} of {} is not judged: the policy has no entry for it",
                        printable(to_string(table.name)), printable(quote_name(context_.database.name))));
        finding.add = lines_for(table);
      }
    }
  }

  void report_disagreement(const Table& table) {
    context_
        .report(Finding::Kind::kUnjudgedTable, &table, nullptr,
                fmt::format("table {} of {} is not judged: some of the tables that it inherits from are "
                            "emptied, and others keep their rows",
                            printable(to_string(table.name)), printable(quote_name(context_.database.name))))
        .add = yaml_key(table.name) + ": {rows: none}   # or its columns";
  }

  void report_foreign(const Table& table) {
    if (policy_.tables.count(table.name) != 0) return;  // check_entries() has said it
    context_
        .report(Finding::Kind::kUnsupported, &table, nullptr,
                fmt::format("{} is a foreign table: its data is not in the copy; it is never read and needs "
                            "no judgement",
                            printable(to_string(table.name))))
        .error = false;
  }

  // Definitions are not masked: a person has to look.
  void report_definition(const TellingDefinition& definition) {
    report(context_.findings, Finding::Kind::kDefinition, context_.database.name,
           fmt::format("the {} in {} seems to hold {}: definitions are copied as they are",
                       printable(definition.object), printable(quote_name(context_.database.name)),
                       definition.what))
        .error = false;
  }

  TablePlan plan_of(const Table& table) {
    TablePlan plan{
        .table = table, .database = context_.database.name, .treatment = Treatment::kKeep, .columns = {}};
    auto found = verdicts_.find(&tables_.judged_as(table));
    if (found == verdicts_.end()) return plan;  // unjudged: there will be no plan
    const TableVerdict& verdict = found->second;
    plan.treatment = verdict.treatment;
    for (const Column& column : table.columns) {
      auto judged = verdict.columns.find(column.name);
      bool known = judged != verdict.columns.end() && judged->second.masker != nullptr;
      plan.columns.push_back({.column = column,
                              .masker = known ? *judged->second.masker : keep_spec(),
                              .judged_by = known ? judged->second.judged_by : std::string()});
    }
    return plan;
  }

  const JudgeContext& context_;
  const DatabasePolicy& policy_;
  const TableIndex tables_;
  const Judges judges_;
  TableVerdicts verdicts_;
};

// What becomes of the large objects once the check has passed.
LargeObjects large_objects_of(const DatabasePolicy& policy, const Database& database) {
  if (policy.form == DatabasePolicy::Form::kOmit) return LargeObjects::kNone;
  // With a whole database they are kept as of the lock; without any there is nothing in the lock either.
  if (policy.form == DatabasePolicy::Form::kKeep) {
    return database.large_objects > 0 ? LargeObjects::kKeep : LargeObjects::kUnjudged;
  }
  return policy.large_objects;
}

// The database that a policy with `tables:` alone speaks of: the only one that needs judging.
const Database* only_database(const Catalog& catalog) {
  const Database* only = nullptr;
  for (const Database& database : catalog.databases) {
    if (is_standard_and_empty(database)) continue;
    if (only != nullptr) return nullptr;
    only = &database;
  }
  if (only == nullptr && !catalog.databases.empty()) only = &catalog.databases.front();
  return only;
}

void check_databases(const Policy& policy, const Catalog& catalog, const DatabasePolicies& resolved,
                     std::vector<Finding>& findings) {
  std::vector<std::string> names;
  for (const Database& database : catalog.databases) names.push_back(database.name);
  for (const auto& [name, entry] : policy.databases) {
    if (name.empty() || find_database(catalog, name) != nullptr) continue;
    report(findings, Finding::Kind::kMissingDatabase, name,
           fmt::format("database {} is in the policy and not in production{}: dropped or renamed?",
                       printable(quote_name(name)), printable(did_you_mean(name, names))),
           entry.where);
  }
  // Of several databases, the one that `tables:` alone is most likely of: its lines only move.
  const auto alone = policy.databases.find("");
  const Database* moves = alone == policy.databases.end() ? nullptr : database_of(alone->second, catalog);
  for (const Database& database : catalog.databases) {
    if (resolved.count(&database) != 0 || is_standard_and_empty(database)) continue;
    const bool only_moves = &database == moves;
    Finding& finding =
        report(findings, Finding::Kind::kUnjudgedDatabase, database.name,
               fmt::format(
                   "database {} is not judged{}", printable(quote_name(database.name)),
                   only_moves ? " any more: `tables:` alone is for a production with one database, and there "
                                "are several now; put it under the database's name"
                              : ": the policy has no entry for it"));
    finding.add = fmt::format(
        "databases:\n  {}:{}", yaml_key(database.name),
        only_moves ? "\n    tables:   # and here all that stands under `tables:` now, two steps further in"
                   : " omit   # every table emptied; or keep, or tables: {…}");
  }
}

// Rules that decide nothing: one that is misspelt is found here, as nothing else would name it.
void check_rules(const std::vector<ColumnRule>& rules, const std::string& database,
                 const std::set<const ColumnRule*>& used, std::vector<Finding>& findings) {
  for (const ColumnRule& rule : rules) {
    if (used.count(&rule) != 0) continue;
    // No refresh begins with a `judge` in the policy (still_undecided), so nothing else may say that all is
    // well.
    const bool undecided = mentions_judge(rule.masker);
    report(findings, undecided ? Finding::Kind::kUndecided : Finding::Kind::kUnusedRule, database,
           fmt::format("the rule '{}' {}decides no column: nothing matches it, or other lines go before it",
                       printable(rule.text), undecided ? "is still marked `judge` and " : ""),
           rule.where)
        .error = undecided;
    const std::string& masker = rule.masker.name;
    if (undecided || find_masker(masker) != nullptr) continue;
    report(findings, Finding::Kind::kUnknownMasker, database,
           fmt::format("the rule '{}' has an unknown masker '{}'", printable(rule.text), printable(masker)),
           rule.masker.where);
  }
}

// The lock as a whole.
void check_lock(const PolicyLock& lock, const Catalog& catalog, size_t unlocked_keeps,
                std::vector<Finding>& findings) {
  if (lock.version >= kLockVersion && !lock.entries.empty() && lock.engine != catalog.engine) {
    report(findings, Finding::Kind::kLock, "",
           fmt::format("the lock {} is of {}, and this is {}: what it says of types means nothing here; `ytb "
                       "policy accept` writes another",
                       lock.file, printable(lock.engine), catalog.engine));
  }
  if (unlocked_keeps == 0) return;
  report(
      findings, Finding::Kind::kLock, "",
      fmt::format("{} {} that the policy keeps by name {} not in the lock{}, so that nobody would notice if "
                  "another type made them hold something else: `ytb policy accept` locks them",
                  with_commas(unlocked_keeps), unlocked_keeps == 1 ? "column" : "columns",
                  unlocked_keeps == 1 ? "is" : "are",
                  lock.digest.empty() ? "" : " " + lock.file + ", which is of version 1"))
      .error = false;
}

}  // namespace

const Database* database_of(const DatabasePolicy& policy, const Catalog& catalog) {
  const Database* best = nullptr;
  std::ptrdiff_t most = 0;
  for (const Database& database : catalog.databases) {
    const std::ptrdiff_t count =
        std::count_if(database.tables.begin(), database.tables.end(),
                      [&](const Table& table) { return policy.tables.contains(table.name); });
    if (count > most) {
      most = count;
      best = &database;
    }
  }
  return best;
}

bool is_standard_and_empty(const Database& database) {
  return (database.name == "postgres" || database.name == "template1") && database.tables.empty() &&
         database.large_objects == 0;
}

DatabasePolicies resolve_databases(const Policy& policy, const Catalog& catalog) {
  DatabasePolicies resolved;
  for (const auto& [name, entry] : policy.databases) {
    const Database* database = name.empty() ? only_database(catalog) : find_database(catalog, name);
    if (database != nullptr) resolved.emplace(database, &entry);
  }
  return resolved;
}

void sort_findings(std::vector<Finding>& findings) {
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return std::tie(b.error, a.tells_nothing_else, a.database, a.table, a.column) <
           std::tie(a.error, b.tells_nothing_else, b.database, b.table, b.column);
  });
}

PlanCheck plan_masking(const Policy& policy, const PolicyLock& lock, const Catalog& catalog, Trials trials) {
  PlanCheck check;
  const auto resolved = resolve_databases(policy, catalog);
  check_databases(policy, catalog, resolved, check.findings);

  constexpr size_t kKeySize = 32;
  const MaskingKey dummy{Secret(std::string(kKeySize, 'k'))};
  const LockIndex locked(lock);
  std::set<const ColumnRule*> used_rules;
  size_t unlocked_keeps = 0;
  MaskingPlan plan{.databases = {}, .settings = {}, .digest = digest_of(policy, lock)};
  const DatabasePolicy keep_nothing{};
  for (const Database& database : catalog.databases) {
    auto found = resolved.find(&database);
    if (found == resolved.end() && !is_standard_and_empty(database)) continue;  // reported
    const DatabasePolicy& judged_by = found == resolved.end() ? keep_nothing : *found->second;
    JudgeContext context{.policy = policy,
                         .lock = locked,
                         .database = database,
                         .key = dummy,
                         .findings = check.findings,
                         .used_rules = used_rules,
                         .unlocked_keeps = unlocked_keeps,
                         .trials = trials};
    plan.databases.push_back(DatabasePlanner(context, judged_by).run());
    plan.databases.back().large_objects = large_objects_of(judged_by, database);
  }

  plan.settings = plan_settings(policy, catalog, check.findings);
  check_lock(lock, catalog, unlocked_keeps, check.findings);
  check_rules(policy.rules, "", used_rules, check.findings);
  for (const auto& [database, judged_by] : resolved) {
    check_rules(judged_by->rules, database->name, used_rules, check.findings);
  }

  sort_findings(check.findings);
  const bool any_error = !check.findings.empty() && check.findings.front().error;
  if (!any_error) check.plan = std::move(plan);
  return check;
}

}  // namespace ytb::masking
