// Unique indexes and foreign keys against the verdicts: what must stay apart stays apart, and what must meet
// still meets.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "masking/names.h"
#include "masking/verdict.h"
#include "masking/yaml_text.h"

namespace ytb::masking {
namespace {

// Longer than anything a masker emits: beyond it, length limits make no difference between two columns.
constexpr int kLengthThatNeverCuts = 128;

// Verdict and column of one name, in the table itself and in the one that judges it.
struct Side {
  const Column* column = nullptr;
  const ColumnVerdict* verdict = nullptr;
};

// Whether equal values of the two columns reach the masker, and leave it, as equal ones.
bool same_canonical_form(const Column& a, const Column& b, const MaskerSpec& spec) {
  if (a.type_class != b.type_class) return false;
  // One permutation for all widths (permute.h).
  if (a.type_class == TypeClass::kInteger && spec.name == "hash") return true;
  if (a.type_class != TypeClass::kText) return a.base_type == b.base_type;
  auto limit = [](const Column& column) {
    return std::min(column.length_max.value_or(kLengthThatNeverCuts), kLengthThatNeverCuts);
  };
  return a.case_insensitive == b.case_insensitive && a.blank_padded == b.blank_padded && limit(a) == limit(b);
}

class KeyChecker {
 public:
  KeyChecker(const JudgeContext& context, const TableIndex& tables, const TableVerdicts& verdicts)
      : context_(context), tables_(tables), verdicts_(verdicts) {}

  void check(const Table& table) const {
    const TableVerdict* verdict = verdict_of(table);
    if (verdict == nullptr || verdict->treatment == Treatment::kEmpty) return;
    const Table& judged_as = tables_.judged_as(table);
    if (&table != &judged_as) check_sub_partition(table, judged_as, *verdict);
    std::set<std::string> weak;  // one finding a column, however many indexes it is in
    if (verdict->treatment == Treatment::kMask) {
      for (const Index& index : table.indexes) {
        if (index.unique && !inherited(table, judged_as, index)) check_unique(table, *verdict, index, weak);
      }
    }
    for (const ForeignKey& key : table.foreign_keys) {
      if (!inherited(table, judged_as, key)) check_foreign_key(table, *verdict, key);
    }
  }

 private:
  [[nodiscard]] const TableVerdict* verdict_of(const Table& table) const {
    auto found = verdicts_.find(&tables_.judged_as(table));
    return found == verdicts_.end() ? nullptr : &found->second;
  }

  static Side side(const Table& table, const TableVerdict& verdict, const std::string& name) {
    auto found = verdict.columns.find(name);
    return {.column = find_column(table, name),
            .verdict = found == verdict.columns.end() ? nullptr : &found->second};
  }

  // What a partition has from its topmost parent is checked, and reported, there.
  static bool inherited(const Table& table, const Table& judged_as, const Index& index) {
    if (&table == &judged_as) return false;
    return std::any_of(judged_as.indexes.begin(), judged_as.indexes.end(), [&](const Index& of_parent) {
      return of_parent.unique && of_parent.columns == index.columns &&
             of_parent.expression_columns == index.expression_columns &&
             of_parent.partial_or_expression == index.partial_or_expression;
    });
  }
  static bool inherited(const Table& table, const Table& judged_as, const ForeignKey& key) {
    if (&table == &judged_as) return false;
    return std::any_of(judged_as.foreign_keys.begin(), judged_as.foreign_keys.end(),
                       [&](const ForeignKey& of_parent) {
                         return of_parent.columns == key.columns && of_parent.references == key.references &&
                                of_parent.referenced_columns == key.referenced_columns;
                       });
  }

  // Whether rows that differed in this column still do.
  static bool stays_apart(const Table& table, const TableVerdict& verdict, const Index& index,
                          const std::string& name, bool in_expression) {
    Side found = side(table, verdict, name);
    if (found.column == nullptr || found.verdict == nullptr || !found.verdict->masked()) return true;
    // All NULL: a unique index takes any number of them, unless it was told not to.
    if (found.verdict->masker->name == "null") return !index.primary && !index.nulls_not_distinct;
    // A bijection keeps values apart, but not what a function makes of them.
    if (in_expression) return found.verdict->uniqueness == Uniqueness::kHighEntropy;
    return found.verdict->uniqueness != Uniqueness::kNone;
  }

  // Another unique key within this one whose columns are never NULL and all stay apart: then this one's rows
  // differ already by that, whatever becomes of the other columns.
  static bool rests_on_another(const Table& table, const TableVerdict& verdict, const Index& index) {
    return std::any_of(table.indexes.begin(), table.indexes.end(), [&](const Index& other) {
      if (&other == &index || !other.unique || other.partial_or_expression || other.columns.empty()) {
        return false;
      }
      return std::all_of(other.columns.begin(), other.columns.end(), [&](const std::string& name) {
        const Column* column = find_column(table, name);
        return column != nullptr && column->not_null &&
               std::find(index.columns.begin(), index.columns.end(), name) != index.columns.end() &&
               stays_apart(table, verdict, other, name, false);
      });
    });
  }

  // A partition that is partitioned further: its key moves rows just as well.
  void check_sub_partition(const Table& table, const Table& judged_as, const TableVerdict& verdict) const {
    for (const Column& column : table.columns) {
      const Column* at_top = find_column(judged_as, column.name);
      if (!column.in_partition_key || (at_top != nullptr && at_top->in_partition_key)) continue;
      Side found = side(table, verdict, column.name);
      if (found.verdict == nullptr || !found.verdict->masked()) continue;
      context_.report(Finding::Kind::kPartitionKey, &table, &column,
                      fmt::format("{} is in the partition key of this partition and '{}' would move rows to "
                                  "other partitions: keep it in {}, or empty the table with {{rows: none}}",
                                  describe(context_, table, column), found.verdict->masker->name,
                                  printable(to_string(judged_as.name))),
                      found.verdict->masker->where);
    }
  }

  void check_unique(const Table& table, const TableVerdict& verdict, const Index& index,
                    std::set<std::string>& weak_columns) const {
    auto report_weak = [&](const std::string& name, bool in_expression, const std::string& through = {}) {
      if (stays_apart(table, verdict, index, name, in_expression)) return;
      if (rests_on_another(table, verdict, index) || !weak_columns.insert(name).second) return;
      Side weak = side(table, verdict, name);
      context_.report(
          Finding::Kind::kTooWeakForUnique, &table, weak.column,
          fmt::format(
              "{} is in the unique index {}{}, and '{}' may give two rows the same value: keep "
              "it, or use a masker whose values stay apart, such as hash or email",
              describe(context_, table, *weak.column), printable(quote_name(index.name)),
              through.empty() ? "" : " through the generated column " + printable(quote_name(through)),
              weak.verdict->masker->name),
          weak.verdict->masker->where);
    };
    for (const std::string& name : index.columns) {
      report_weak(name, false);
      const Column* column = find_column(table, name);
      if (column == nullptr || !column->generated) continue;
      for (const std::string& source : columns_of(column->computed_from)) report_weak(source, true, name);
    }
    for (const std::string& name : index.expression_columns) report_weak(name, true);
  }

  void check_foreign_key(const Table& table, const TableVerdict& verdict, const ForeignKey& key) const {
    const Table* referenced = tables_.find(key.references);
    if (referenced == nullptr) return;
    const TableVerdict* other = verdict_of(*referenced);
    if (other == nullptr) return;  // unjudged: reported as such
    for (const std::string& name : key.columns) {
      Side from = side(table, verdict, name);
      // A NULL in a referencing column satisfies the key (MATCH SIMPLE).
      if (from.verdict != nullptr && from.verdict->masked() && from.verdict->masker->name == "null") return;
    }
    if (other->treatment == Treatment::kEmpty) {
      const Column* column = key.columns.empty() ? nullptr : find_column(table, key.columns.front());
      Finding& finding = context_.report(
          Finding::Kind::kForeignKeyTorn, &table, column,
          fmt::format("foreign key {} of {} points into {}, which is emptied while its own rows stay",
                      printable(quote_name(key.name)), printable(to_string(table.name)),
                      printable(to_string(referenced->name))),
          verdict.policy == nullptr ? Where{} : verdict.policy->where);
      finding.add = yaml_key(tables_.judged_as(table).name) + ": {rows: none}";
      return;
    }
    const size_t pairs = std::min(key.columns.size(), key.referenced_columns.size());
    for (size_t i = 0; i < pairs; ++i) {
      check_pair(key, table, side(table, verdict, key.columns[i]), *referenced,
                 side(*referenced, *other, key.referenced_columns[i]));
    }
  }

  void check_pair(const ForeignKey& key, const Table& table, const Side& from, const Table& referenced,
                  const Side& to) const {
    if (from.column == nullptr || to.column == nullptr) return;
    if (from.verdict == nullptr || to.verdict == nullptr) return;
    if (from.verdict->masker == nullptr || to.verdict->masker == nullptr) return;  // reported as such
    if (from.verdict->kept() && to.verdict->kept()) return;
    const MaskerSpec& mine = *from.verdict->masker;
    const MaskerSpec& theirs = *to.verdict->masker;
    std::string why;
    if (!same_spec(mine, theirs)) {
      why = fmt::format("'{}' here and '{}' there{}", mine.name, theirs.name,
                        mine.name == theirs.name ? " with other parameters" : "");
    } else if (mine.params.count("by") != 0) {
      why = fmt::format("'{}' depends on another column of the row", mine.name);
    } else if (!same_canonical_form(*from.column, *to.column, mine)) {
      why = fmt::format("the types {} and {} are masked differently", from.column->type, to.column->type);
    } else {
      return;
    }
    context_.report(
        Finding::Kind::kForeignKeyTorn, &table, from.column,
        fmt::format(
            "{} references {} by foreign key {}, and the two sides would no longer match: {}; use the "
            "same masker with the same parameters for both, or keep for both",
            describe(context_, table, *from.column), printable(to_string(referenced.name, to.column->name)),
            printable(quote_name(key.name)), printable(why)),
        mine.where.line > 0 ? mine.where : theirs.where);
  }

  const JudgeContext& context_;
  const TableIndex& tables_;
  const TableVerdicts& verdicts_;
};

}  // namespace

void check_keys(const JudgeContext& context, const TableIndex& tables, const TableVerdicts& verdicts) {
  KeyChecker checker(context, tables, verdicts);
  for (const Table& table : context.database.tables) {
    if (is_judged(table)) checker.check(table);
  }
}

}  // namespace ytb::masking
