// The lock: what wildcards and whole keeps mean, column by column.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "masking/names.h"
#include "masking/plan.h"
#include "masking/verdict.h"

namespace ytb::masking {
namespace {

bool under_keep(const DatabasePolicy& database, const TablePolicy* table, const Column& column) {
  if (column.generated) return false;  // needs no judgement, so no lock either
  if (database.form == DatabasePolicy::Form::kKeep) return true;
  if (table == nullptr) return false;
  if (table->form == TablePolicy::Form::kKeep) return true;
  return table->form == TablePolicy::Form::kColumns && table->wildcard_keep &&
         table->columns.count(column.name) == 0;
}

std::string line_of(char sign, const LockEntry& entry) {
  return fmt::format("{} {} {} {}", sign, escape_line(quote_name(entry.database)),
                     escape_line(to_string(entry.table, entry.column)), escape_line(entry.type));
}

}  // namespace

LockEntry large_objects_entry(const std::string& database) {
  return {.database = database,
          .table = {.schema = "pg_catalog", .name = "pg_largeobject"},
          .column = "data",
          .type = "bytea"};
}

PolicyLock expand_lock(const Policy& policy, const Catalog& catalog) {
  PolicyLock lock;
  for (const auto& [database, judged_by] : resolve_databases(policy, catalog)) {
    if (judged_by->form == DatabasePolicy::Form::kOmit) continue;
    const TableIndex tables(*database);
    for (const Table& table : database->tables) {
      if (!is_judged(table) || &tables.judged_as(table) != &table) continue;
      auto found = judged_by->tables.find(table.name);
      const TablePolicy* entry = found == judged_by->tables.end() ? nullptr : &found->second;
      for (const Column& column : table.columns) {
        if (!under_keep(*judged_by, entry, column)) continue;
        lock.entries.push_back(
            {.database = database->name, .table = table.name, .column = column.name, .type = column.type});
      }
    }
    if (judged_by->form == DatabasePolicy::Form::kKeep && database->large_objects > 0) {
      lock.entries.push_back(large_objects_entry(database->name));
    }
  }
  std::sort(lock.entries.begin(), lock.entries.end());
  return lock;
}

std::vector<std::string> diff_locks(const PolicyLock& before, const PolicyLock& after) {
  std::vector<LockEntry> old_entries = before.entries;
  std::vector<LockEntry> new_entries = after.entries;
  std::sort(old_entries.begin(), old_entries.end());
  std::sort(new_entries.begin(), new_entries.end());
  std::vector<std::pair<LockEntry, char>> changes;
  std::vector<LockEntry> gone;
  std::set_difference(old_entries.begin(), old_entries.end(), new_entries.begin(), new_entries.end(),
                      std::back_inserter(gone));
  for (LockEntry& entry : gone) changes.emplace_back(std::move(entry), '-');
  std::vector<LockEntry> come;
  std::set_difference(new_entries.begin(), new_entries.end(), old_entries.begin(), old_entries.end(),
                      std::back_inserter(come));
  for (LockEntry& entry : come) changes.emplace_back(std::move(entry), '+');
  // By column, what it was before what it is.
  std::sort(changes.begin(), changes.end(), [](const auto& a, const auto& b) {
    auto key = [](const auto& change) {
      return std::tie(change.first.database, change.first.table, change.first.column);
    };
    if (key(a) != key(b)) return key(a) < key(b);
    return a.second > b.second;  // '-' is greater than '+'
  });
  std::vector<std::string> lines;
  lines.reserve(changes.size());
  for (const auto& [entry, sign] : changes) lines.push_back(line_of(sign, entry));
  return lines;
}

}  // namespace ytb::masking
