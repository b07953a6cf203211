#include "masking/lock.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "masking/calendar.h"
#include "masking/names.h"
#include "masking/verdict.h"

namespace ytb::masking {
namespace {

constexpr size_t kDateSize = 10;  // "2027-01-31"

std::string key_of(std::string_view database, const QualifiedName& table, std::string_view column) {
  // Names hold no NUL, so that the joined key is unambiguous.
  std::string key;
  for (std::string_view part : {database, std::string_view(table.schema), std::string_view(table.name)}) {
    key += part;
    key += '\0';
  }
  return key.append(column);
}

std::string line_of(char sign, const LockEntry& entry) {
  std::string line = fmt::format("{} {} {} {}", sign, escape_line(quote_name(entry.database)),
                                 escape_line(to_string(entry.table, entry.column)), escape_line(entry.type));
  if (!entry.by.empty()) line += "; by " + escape_line(entry.by);
  if (!entry.expires.empty()) line += "; expires " + escape_line(entry.expires);
  if (!entry.why.empty()) line += "; why: " + escape_line(entry.why);
  return line;
}

// The columns of one database that are kept, in the order of its catalog.
class DatabaseExpansion {
 public:
  DatabaseExpansion(const Policy& policy, const DatabasePolicy& judged_by, const Database& database)
      : database_(database), tables_(database), judges_(policy, judged_by, tables_) {}

  void add_to(std::vector<LockEntry>& entries) {
    for (const Table& table : database_.tables) find_kept(table);
    for (const auto& [table, column] : kept_) {
      if (covered_by_ancestor(*table, *column)) continue;
      entries.push_back({.database = database_.name,
                         .table = table->name,
                         .column = column->name,
                         .type = locked_type(*column)});
    }
  }

 private:
  void find_kept(const Table& table) {
    if (!is_judged(table) || &tables_.judged_as(table) != &table) return;
    const TableEntries entries = judges_.entries_of(table);
    if (entries.emptied() || entries.disagree_on_rows()) return;
    for (const Column& column : table.columns) {
      if (column.generated) continue;  // needs no judgement, so no lock either
      const Judgement judged = judges_.of(table, entries, column);
      if (judged.spec == nullptr || !is_keep(*judged.spec)) continue;
      kept_.emplace_back(&table, &column);
      is_kept_.insert(&column);
    }
  }

  [[nodiscard]] bool covered_by_ancestor(const Table& table, const Column& column) const {
    if (table.inherits.empty()) return false;
    const std::vector<const Table*> ancestors = tables_.ancestors(table);
    return std::any_of(ancestors.begin(), ancestors.end(), [&](const Table* ancestor) {
      const Column* of_ancestor = find_column(*ancestor, column.name);
      return of_ancestor != nullptr && locked_type(*of_ancestor) == locked_type(column) &&
             is_kept_.count(of_ancestor) != 0;
    });
  }

  const Database& database_;
  const TableIndex tables_;
  const Judges judges_;
  std::vector<std::pair<const Table*, const Column*>> kept_;
  std::set<const Column*> is_kept_;
};

}  // namespace

LockIndex::LockIndex(const PolicyLock& lock) : lock_(lock) {
  entries_.reserve(lock.entries.size());
  for (const LockEntry& entry : lock.entries) {
    entries_.emplace(key_of(entry.database, entry.table, entry.column), &entry);
  }
}

const LockEntry* LockIndex::find(std::string_view database, const QualifiedName& table,
                                 std::string_view column) const {
  auto found = entries_.find(key_of(database, table, column));
  return found == entries_.end() ? nullptr : found->second;
}

const LockEntry* LockIndex::covering(std::string_view database, const TableIndex& tables, const Table& table,
                                     const Column& column) const {
  const LockEntry* own = find(database, table.name, column.name);
  if (table.inherits.empty() || (own != nullptr && holds(*own, column))) return own;
  for (const Table* ancestor : tables.ancestors(table)) {
    if (find_column(*ancestor, column.name) == nullptr) continue;
    const LockEntry* entry = find(database, ancestor->name, column.name);
    if (entry != nullptr && holds(*entry, column)) return entry;
  }
  return own;
}

bool LockIndex::expired(const LockEntry& entry) const {
  return !entry.expires.empty() && (lock_.today.empty() || entry.expires < lock_.today);
}

bool LockIndex::holds(const LockEntry& entry, const Column& column) const {
  return entry.type == (lock_.version < kLockVersion ? column.type : locked_type(column)) && !expired(entry);
}

std::string locked_type(const Column& column) {
  // Types of one's own are written with their schema; arrays of them are not looked into.
  const auto name = split_name(std::string_view(column.type).substr(0, column.type.find('(')));
  const bool domain =
      name && name->size() == 2 && !column.base_type.empty() && name->back() != column.base_type;
  return domain ? column.type + " over " + column.base_type : column.type;
}

bool is_date(std::string_view text) {
  // Dates of this form sort as text does.
  const std::optional<DateText> date = parse_date_text(text);
  return text.size() == kDateSize && date && date->rest.empty();
}

LockEntry large_objects_entry(const std::string& database) {
  return {.database = database,
          .table = {.schema = "pg_catalog", .name = "pg_largeobject"},
          .column = "data",
          .type = "bytea"};
}

PolicyLock expand_lock(const Policy& policy, const Catalog& catalog) {
  PolicyLock lock{.version = kLockVersion, .engine = catalog.engine};
  for (const auto& [database, judged_by] : resolve_databases(policy, catalog)) {
    if (judged_by->form == DatabasePolicy::Form::kOmit) continue;
    DatabaseExpansion(policy, *judged_by, *database).add_to(lock.entries);
    if (judged_by->form == DatabasePolicy::Form::kKeep && database->large_objects > 0) {
      lock.entries.push_back(large_objects_entry(database->name));
    }
  }
  std::sort(lock.entries.begin(), lock.entries.end());
  return lock;
}

void carry_over(const PolicyLock& before, const Acceptance& said, PolicyLock& after) {
  const LockIndex index(before);
  after.today = before.today;
  for (LockEntry& entry : after.entries) {
    const LockEntry* known = index.find(entry.database, entry.table, entry.column);
    const bool stays = known != nullptr && known->type == entry.type && !index.expired(*known);
    entry.by = stays ? known->by : said.by;
    entry.expires = stays ? known->expires : said.expires;
    entry.why = stays ? known->why : said.why;
  }
  std::sort(after.entries.begin(), after.entries.end());
}

LockDiff diff_locks(const PolicyLock& before, const PolicyLock& after) {
  // By column, what it was before what it is.
  using Place = std::tuple<std::string, QualifiedName, std::string>;
  std::map<Place, std::pair<const LockEntry*, const LockEntry*>> places;
  for (const LockEntry& entry : before.entries) places[Place(entry.place())].first = &entry;
  for (const LockEntry& entry : after.entries) places[Place(entry.place())].second = &entry;
  LockDiff diff;
  for (const auto& [place, entries] : places) {
    const auto& [was, is] = entries;
    if (was != nullptr && is != nullptr && *was == *is) continue;
    if (was != nullptr) diff.lines.push_back(line_of('-', *was));
    if (is != nullptr) diff.lines.push_back(line_of('+', *is));
    ++(was == nullptr ? diff.added : is == nullptr ? diff.removed : diff.changed);
  }
  return diff;
}

}  // namespace ytb::masking
