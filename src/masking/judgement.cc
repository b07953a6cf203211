#include "masking/judgement.h"

#include <algorithm>
#include <unordered_set>

namespace ytb::masking {
namespace {

constexpr int kPartitionDepthMax = 64;  // levels of partitioning that are followed
constexpr size_t kAncestorsMax = 256;   // of one inheritance child

// What one entry says of a column; kNobody: nothing.
Judgement by_entry(const TableEntries::Entry& entry, const Column& column) {
  using Source = Judgement::Source;
  const TablePolicy& policy = *entry.policy;
  if (policy.form == TablePolicy::Form::kKeep) {
    return {.source = Source::kTable, .spec = &keep_spec(), .where = policy.where, .of = entry.of};
  }
  if (policy.form != TablePolicy::Form::kColumns) return {};
  auto found = policy.columns.find(column.name);
  if (found != policy.columns.end()) {
    return {.source = Source::kColumn, .spec = &found->second, .where = found->second.where, .of = entry.of};
  }
  if (!policy.wildcard_keep) return {};
  return {.source = Source::kWildcard, .spec = &keep_spec(), .where = policy.wildcard_where, .of = entry.of};
}

}  // namespace

TableIndex::TableIndex(const Database& database) {
  tables_.reserve(database.tables.size());
  for (const Table& table : database.tables) tables_.emplace(table.name, &table);
}

const Table* TableIndex::find(const QualifiedName& name) const {
  auto found = tables_.find(name);
  return found == tables_.end() ? nullptr : found->second;
}

const Table& TableIndex::judged_as(const Table& table) const {
  const Table* top = &table;
  for (int depth = 0; depth < kPartitionDepthMax && top->partition_of; ++depth) {
    const Table* parent = find(*top->partition_of);
    if (parent == nullptr) break;
    top = parent;
  }
  return *top;
}

std::vector<const Table*> TableIndex::ancestors(const Table& table) const {
  std::vector<const Table*> found;
  std::unordered_set<const Table*> seen{&table};
  const auto add_parents = [&](const Table& child) {
    for (const QualifiedName& name : child.inherits) {
      const Table* parent = find(name);
      if (parent == nullptr || found.size() == kAncestorsMax) continue;
      if (seen.insert(parent).second) found.push_back(parent);
    }
  };
  add_parents(table);
  for (size_t i = 0; i < found.size(); ++i) add_parents(*found[i]);  // the list grows meanwhile
  return found;
}

bool TableEntries::emptied() const {
  const auto empties = [](const Entry& entry) { return entry.policy->form == TablePolicy::Form::kNoRows; };
  if (own.policy != nullptr) return empties(own);
  return !inherited.empty() && std::all_of(inherited.begin(), inherited.end(), empties);
}

bool TableEntries::disagree_on_rows() const {
  return own.policy == nullptr && !emptied() &&
         std::any_of(inherited.begin(), inherited.end(),
                     [](const Entry& entry) { return entry.policy->form == TablePolicy::Form::kNoRows; });
}

TableEntries Judges::entries_of(const Table& table) const {
  TableEntries found;
  const auto entry_of = [&](const Table& named) -> const TablePolicy* {
    auto entry = policy_.tables.find(named.name);
    return entry == policy_.tables.end() ? nullptr : &entry->second;
  };
  if (const TablePolicy* own = entry_of(table)) {
    found.own = {&table, own};
    if (own->form != TablePolicy::Form::kColumns || own->wildcard_keep) return found;
  }
  // The nearest ones on every way up.
  std::unordered_set<const Table*> seen{&table};
  std::vector<const Table*> open{&table};
  for (size_t i = 0; i < open.size() && i < kAncestorsMax; ++i) {
    for (const QualifiedName& name : open[i]->inherits) {
      const Table* parent = tables_.find(name);
      if (parent == nullptr || !seen.insert(parent).second) continue;
      if (const TablePolicy* policy = entry_of(*parent)) {
        found.inherited.push_back({parent, policy});
      } else {
        open.push_back(parent);
      }
    }
  }
  return found;
}

Judgement Judges::of(const Table& table, const TableEntries& entries, const Column& column) const {
  if (policy_.form == DatabasePolicy::Form::kKeep) {
    return {.source = Judgement::Source::kDatabase, .spec = &keep_spec()};
  }
  if (entries.own.policy != nullptr) {
    if (Judgement own = by_entry(entries.own, column); own.spec != nullptr) return own;
  }
  // An ancestor that has the column says more of it than another's wildcard.
  Judgement found;
  bool has_it = false;
  for (const TableEntries::Entry& entry : entries.inherited) {
    Judgement judged = by_entry(entry, column);
    const bool has = find_column(*entry.of, column.name) != nullptr;
    if (judged.spec == nullptr || (has_it && !has)) continue;
    if (found.spec == nullptr || (has && !has_it)) {
      found = std::move(judged);
      has_it = has;
    } else if (!same_spec(*found.spec, *judged.spec)) {
      return {.of = found.of, .other = judged.of};
    }
  }
  if (found.spec != nullptr || rules_.empty()) return found;
  const ColumnRule* rule = rules_.find(table.name, column, also_of(table, column));
  if (rule == nullptr) return {};
  return {.source = Judgement::Source::kRule, .spec = &rule->masker, .where = rule->where, .rule = rule};
}

std::vector<const Table*> Judges::also_of(const Table& table, const Column& column) const {
  if (table.inherits.empty()) return {};
  std::vector<const Table*> ancestors = tables_.ancestors(table);
  std::erase_if(ancestors,
                [&](const Table* ancestor) { return find_column(*ancestor, column.name) == nullptr; });
  return ancestors;
}

bool Judges::speak_of(const Table& table, const TableEntries& entries) const {
  if (policy_.form == DatabasePolicy::Form::kKeep || entries.first() != nullptr) return true;
  if (rules_.empty()) return false;
  return std::any_of(table.columns.begin(), table.columns.end(), [&](const Column& column) {
    return !column.generated && of(table, entries, column).spec != nullptr;
  });
}

bool is_keep(const MaskerSpec& spec) {
  return spec.name == "keep" && spec.params.empty() && spec.paths.empty();
}

const MaskerSpec& keep_spec() {
  static const MaskerSpec kKeep{.name = "keep", .params = {}, .paths = {}, .where = {}};
  return kKeep;
}

bool same_spec(const MaskerSpec& a, const MaskerSpec& b) {
  return a.name == b.name && a.params == b.params &&
         std::equal(
             a.paths.begin(), a.paths.end(), b.paths.begin(), b.paths.end(),
             [](const auto& x, const auto& y) { return x.path == y.path && same_spec(x.masker, y.masker); });
}

}  // namespace ytb::masking
