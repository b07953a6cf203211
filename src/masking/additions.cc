#include "masking/additions.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "masking/armed_tables.h"
#include "masking/judgement.h"
#include "masking/names.h"
#include "masking/settings.h"
#include "masking/verdict.h"
#include "masking/yaml_text.h"

namespace ytb::masking {
namespace {

using ProposalKey = std::pair<QualifiedName, std::string>;
using ProposalsOf = std::map<ProposalKey, const Proposal*>;

constexpr std::string_view kSettingLine = "none   # removed, as every role of a copy could read it; or keep";

class DatabaseGaps {
 public:
  DatabaseGaps(const Policy& policy, const DatabasePolicy* judged_by, const Database& database,
               const ProposalsOf& proposals)
      : database_(database),
        proposals_(proposals),
        judged_by_(judged_by),
        tables_(database),
        judges_(policy, judged_by == nullptr ? nothing_ : *judged_by, tables_),
        armed_(armed_tables(database)) {}

  DatabaseLines find() {
    DatabaseLines lines{.database = database_.name, .has_entry = judged_by_ != nullptr, .tables = {}};
    if (judged_by_ == nullptr || judged_by_->large_objects == LargeObjects::kUnjudged) {
      lines.large_objects = database_.large_objects;
    }
    std::vector<const Table*> tables;
    for (const Table& table : database_.tables) {
      // Partitions are judged by their parent, whose rows they are.
      if (is_judged(table) && !table.partition_of) tables.push_back(&table);
    }
    std::sort(tables.begin(), tables.end(), [](const Table* a, const Table* b) { return a->name < b->name; });
    for (const Table* table : tables) add_table(*table, lines);
    return lines;
  }

 private:
  void add_table(const Table& table, DatabaseLines& lines) {
    const TableEntries entries = judges_.entries_of(table);
    const auto armed = armed_.find(table.name);
    if (entries.emptied() || entries.disagree_on_rows()) return;
    TableLines added{.table = table.name, .has_entry = entries.own.policy != nullptr, .columns = {}};
    if (armed != armed_.end() && entries.first() == nullptr) {
      added.no_rows = true;
      added.evidence = armed->second;
    }
    bool has_columns = false;
    for (const Column& column : table.columns) {
      if (column.generated) continue;  // needs no judgement
      has_columns = true;
      if (judges_.of(table, entries, column).spec != nullptr || comes_with_a_parent(table, column)) continue;
      added.columns.push_back(line_for(table, column));
    }
    if (!added.columns.empty() || (!has_columns && entries.first() == nullptr && table.inherits.empty())) {
      lines.tables.push_back(std::move(added));
    }
  }

  // Then the parent's line, which is there or is added, judges it. Two parents might be judged differently.
  [[nodiscard]] bool comes_with_a_parent(const Table& table, const Column& column) const {
    const auto parents =
        std::count_if(table.inherits.begin(), table.inherits.end(), [&](const QualifiedName& name) {
          const Table* parent = tables_.find(name);
          const Column* of_parent = parent == nullptr ? nullptr : find_column(*parent, column.name);
          return of_parent != nullptr && is_judged(*parent) && !of_parent->generated;
        });
    return parents == 1;
  }

  [[nodiscard]] ColumnLine line_for(const Table& table, const Column& column) const {
    ColumnLine line{.column = column.name, .masker = {}, .type = column.type, .evidence = {}};
    auto found = proposals_.find({table.name, column.name});
    if (found != proposals_.end()) {
      line.masker = found->second->masker;
      line.evidence = found->second->evidence;
    } else {
      line.masker.name = "judge";
    }
    follow_reference(table, column, line);
    return line;
  }

  // A column that refers to one that is judged already goes as that one goes.
  void follow_reference(const Table& table, const Column& column, ColumnLine& line) const {
    for (const ForeignKey& key : table.foreign_keys) {
      for (size_t i = 0; i < std::min(key.columns.size(), key.referenced_columns.size()); ++i) {
        const Table* referenced = key.columns[i] == column.name ? tables_.find(key.references) : nullptr;
        if (referenced == nullptr) continue;
        const Table& judged = tables_.judged_as(*referenced);
        const Column* target = find_column(judged, key.referenced_columns[i]);
        if (target == nullptr || target->generated) continue;
        const Judgement of_target = judges_.of(judged, judges_.entries_of(judged), *target);
        if (of_target.spec == nullptr || mentions_judge(*of_target.spec)) continue;
        line.masker = *of_target.spec;
        line.evidence = "references " + to_string(judged.name, target->name);
        return;
      }
    }
  }

  const DatabasePolicy nothing_{};
  const Database& database_;
  const ProposalsOf& proposals_;
  const DatabasePolicy* judged_by_;
  const TableIndex tables_;
  const Judges judges_;
  const std::map<QualifiedName, std::string> armed_;
};

}  // namespace

size_t Additions::columns() const {
  size_t count = 0;
  for (const DatabaseLines& database : databases) {
    for (const TableLines& table : database.tables) count += table.columns.size();
  }
  return count;
}

Result<Additions> what_is_missing(const Policy& policy, const Catalog& catalog,
                                  const std::vector<Proposal>& proposals) {
  Additions additions;
  DatabasePolicies resolved = resolve_databases(policy, catalog);
  const auto alone = policy.databases.find("");
  if (alone != policy.databases.end() && resolved.empty() && !alone->second.tables.empty()) {
    const Database* moves = database_of(alone->second, catalog);
    if (moves == nullptr) {
      return Error{
          .code = Code::kPolicy,
          .message = fmt::format("{} has `tables:` alone, there are several databases, and none has a "
                                 "table that it names",
                                 policy.file),
          .hint = "put the tables under their database's name, as docs/policy.md says"};
    }
    resolved.emplace(moves, &alone->second);
    additions.tables_are_of = moves->name;
  }
  std::map<std::string, ProposalsOf> by_database;
  for (const Proposal& proposal : proposals) {
    by_database[proposal.database].emplace(ProposalKey{proposal.table, proposal.column}, &proposal);
  }
  for (const Database& database : catalog.databases) {
    auto found = resolved.find(&database);
    const DatabasePolicy* judged_by = found == resolved.end() ? nullptr : found->second;
    if (judged_by == nullptr && is_standard_and_empty(database)) continue;
    if (judged_by != nullptr && judged_by->form != DatabasePolicy::Form::kTables) continue;
    DatabaseLines lines = DatabaseGaps(policy, judged_by, database, by_database[database.name]).find();
    const bool nothing = lines.tables.empty() && lines.large_objects == 0;
    if (judged_by == nullptr || !nothing) additions.databases.push_back(std::move(lines));
  }
  for (const Setting& setting : catalog.settings) {
    if (is_own_setting(setting.name) || judge_setting(policy, setting)) continue;
    std::vector<std::string>& names = additions.settings[setting.database.empty() ? "*" : setting.database];
    if (std::find(names.begin(), names.end(), setting.name) == names.end()) names.push_back(setting.name);
  }
  for (auto& [database, names] : additions.settings) std::sort(names.begin(), names.end());
  return additions;
}

std::string yaml_lines(const ColumnLine& line, std::string_view indent) {
  return fmt::format("{}{}: {}   # {}: {}\n", indent, yaml_key(line.column), yaml_spec(line.masker),
                     escape_line(line.type), escape_line(line.evidence));
}

std::string yaml_lines(const TableLines& table, std::string_view indent) {
  const std::string key = fmt::format("{}{}:", indent, yaml_key(table.table));
  if (table.no_rows) return fmt::format("{} {{rows: none}}   # {}\n", key, escape_line(table.evidence));
  if (table.columns.empty()) return key + " keep\n";
  std::string text = key + "\n";
  for (const ColumnLine& line : table.columns) text += yaml_lines(line, std::string(indent) + "  ");
  return text;
}

std::string large_objects_line(const DatabaseLines& database, std::string_view indent) {
  return fmt::format("{}large_objects: none   # {} of them; no column says what they hold\n", indent,
                     with_commas(database.large_objects));
}

std::string yaml_lines(const DatabaseLines& database, std::string_view indent) {
  std::string text;
  if (database.large_objects > 0) text += large_objects_line(database, indent);
  text += fmt::format("{}tables:\n", indent);
  for (const TableLines& table : database.tables) text += yaml_lines(table, std::string(indent) + "  ");
  return text;
}

std::string settings_lines(const std::vector<std::string>& settings, std::string_view indent) {
  std::string text;
  for (const std::string& name : settings)
    text += fmt::format("{}{}: {}\n", indent, yaml_key(name), kSettingLine);
  return text;
}

}  // namespace ytb::masking
