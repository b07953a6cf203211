#include "masking/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/text.h"
#include "masking/guess.h"
#include "masking/masker.h"
#include "masking/names.h"
#include "masking/types.h"
#include "masking/yaml_text.h"

namespace ytb::masking {
namespace {

constexpr int kSpecDepthMax = 16;  // json within json

std::string place(const Where& where) { return fmt::format("{}:{}", where.file, where.line); }

std::string fragment(const Table& table, const std::string& lines) {
  return yaml_key(table.name) + ":\n" + lines;
}

class ColumnJudge {
 public:
  ColumnJudge(const JudgeContext& context, const Judges& judges, const Table& table,
              const TableEntries& entries)
      : context_(context), judges_(judges), table_(table), entries_(entries) {}

  ColumnVerdict judge(const Column& column) {
    const Judgement judged = judges_.of(table_, entries_, column);
    if (judged.rule != nullptr) context_.used_rules.insert(judged.rule);
    if (column.generated) return judge_generated(column, judged);
    if (judged.spec == nullptr) {
      report_unjudged(column, judged);
      return {};
    }
    if (is_keep(*judged.spec)) return judge_keep(column, judged);
    const size_t findings_before = context_.findings.size();
    ColumnVerdict verdict = judge_spec(column, *judged.spec);
    if (judged.rule != nullptr) name_the_rule(column, *judged.rule, findings_before);
    return verdict;
  }

 private:
  Finding& report(Finding::Kind kind, const Column& column, std::string_view what, const Where& where) {
    return context_.report(kind, &table_, &column,
                           fmt::format("{} {}", describe(context_, table_, column), what), where);
  }

  static ColumnVerdict kept(std::string judged_by) {
    return {.masker = &keep_spec(), .judged_by = std::move(judged_by), .uniqueness = Uniqueness::kBijection};
  }

  // What does not fit is mended for this column, in `tables:`; the rule is of others, too.
  void name_the_rule(const Column& column, const ColumnRule& rule, size_t findings_before) {
    for (size_t i = findings_before; i < context_.findings.size(); ++i) {
      Finding& finding = context_.findings[i];
      finding.message += fmt::format(", by the rule '{}'; an entry of the column's own goes before it",
                                     printable(rule.text));
      finding.add = fragment(
          table_, finding.instead.empty() ? policy_line(table_, column) : "  " + std::move(finding.instead));
      finding.instead.clear();
    }
  }

  void report_unjudged(const Column& column, const Judgement& judged) {
    const std::string what =
        judged.other == nullptr
            ? "is not judged: the policy has no entry for it"
            : fmt::format(
                  "is judged differently by {} and {}, from both of which its table inherits: give {} "
                  "an entry of its own",
                  printable(to_string(judged.of->name)), printable(to_string(judged.other->name)),
                  printable(to_string(table_.name)));
    const Where where = entries_.first() == nullptr ? Where{} : entries_.first()->where;
    report(Finding::Kind::kUnjudgedColumn, column, what, where).add =
        fragment(table_, policy_line(table_, column));
  }

  // A generated column needs no judgement: it is computed again from columns that are judged.
  ColumnVerdict judge_generated(const Column& column, const Judgement& judged) {
    if (judged.source != Judgement::Source::kColumn || judged.spec->name == "keep") return kept("generated");
    report(Finding::Kind::kGenerated, column,
           fmt::format("is generated: it is computed again from the masked columns and takes no masker; "
                       "remove '{}' and mask the columns it is computed from",
                       printable(judged.spec->name)),
           judged.where);
    return {};
  }

  // However it is kept: only as it was when a person accepted it.
  ColumnVerdict judge_keep(const Column& column, const Judgement& judged) {
    using Source = Judgement::Source;
    const bool by_line = judged.source == Source::kColumn || judged.source == Source::kRule;
    const std::string judged_by = by_line ? place(judged.where) : "lock";
    const LockEntry* entry = context_.lock.covering(context_.database.name, judges_.tables(), table_, column);
    if (entry != nullptr && context_.lock.holds(*entry, column)) return kept(judged_by);
    if (judged.source == Source::kColumn && context_.lock.lock().version < kLockVersion) {
      ++context_.unlocked_keeps;
      return kept(judged_by);
    }
    report_not_locked(column, judged, entry);
    return {};
  }

  void report_not_locked(const Column& column, const Judgement& judged, const LockEntry* entry) {
    using Source = Judgement::Source;
    const std::string how = judged.source == Source::kColumn     ? "where the policy says keep"
                            : judged.source == Source::kWildcard ? "under `\"*\": keep`"
                            : judged.source == Source::kTable    ? "in a table that is kept whole"
                            : judged.source == Source::kRule
                                ? fmt::format("under the rule '{}'", printable(judged.rule->text))
                                : "in a database that is kept whole";
    Finding* finding = nullptr;
    if (entry == nullptr) {
      finding = &report(Finding::Kind::kUnjudgedColumn, column,
                        fmt::format("is {} {}: `ytb policy accept` keeps it as it is, or give it a masker",
                                    judged.source == Source::kColumn ? "not in the lock" : "new", how),
                        judged.where);
    } else if (!context_.lock.expired(*entry)) {
      finding = &report(
          Finding::Kind::kChangedType, column,
          fmt::format("is locked as {} {}: `ytb policy accept` keeps it as it is now, or give it a masker",
                      printable(entry->type), how),
          judged.where);
    } else {
      finding = &report(
          Finding::Kind::kExpired, column,
          fmt::format(
              "was accepted until {}{}{} ({}:{}): `ytb policy accept` keeps it again, or give it a masker",
              entry->expires, entry->by.empty() ? "" : " by " + printable(entry->by),
              entry->why.empty() ? "" : ", because: " + printable(entry->why), context_.lock.lock().file,
              entry->line),
          judged.where);
    }
    finding->waits_for_acceptance = true;
    // A name that speaks of a person, a type that is another one, an acceptance that is over: each is seen by
    // itself.
    finding->tells_nothing_else = entry == nullptr && guess_column(table_, column).masker.name == "keep";
    // The line that says keep is there already: another one beside it would be a key twice.
    if (judged.source == Source::kColumn && judged.of == &table_) {
      const std::string line = deciding_line(table_, column);
      if (!line.starts_with(yaml_key(column.name) + ": keep")) finding->instead = line;
      return;
    }
    finding->add = fragment(table_, policy_line(table_, column));
    const bool was_whole = judged.source == Source::kTable || judged.source == Source::kDatabase;
    if (was_whole) finding->add += "\n  \"*\": keep";
  }

  ColumnVerdict judge_spec(const Column& column, const MaskerSpec& spec) {
    if (mentions_judge(spec)) {
      report(Finding::Kind::kUndecided, column, "is still marked `judge`", spec.where).instead =
          deciding_line(table_, column, Marked::kJudge);
      return {};
    }
    if (!known(column, spec) || !fits(column, spec)) return {};
    MaskerSpec placeless = spec;  // the finding says where
    placeless.where = {};
    Result<std::unique_ptr<Masker>> masker =
        compile_masker(placeless, {.column = column,
                                   .table = table_,
                                   .encoding = context_.database.encoding,
                                   .wire = column.has_binary_io ? Wire::kBinary : Wire::kText,
                                   .key = context_.key});
    if (!masker.ok()) {
      Finding::Kind kind = masker.error().code == Code::kUnsupported   ? Finding::Kind::kUnsupported
                           : spec.params.empty() && spec.paths.empty() ? Finding::Kind::kCannotServeType
                                                                       : Finding::Kind::kBadParameter;
      const Error& why = masker.error();
      report(kind, column,
             "cannot be masked: " + why.message + (why.hint.empty() ? std::string() : "; " + why.hint),
             spec.where);
      return {};
    }
    const Uniqueness uniqueness = (*masker)->uniqueness();
    if ((column.identity || !column.sequence.empty()) && uniqueness != Uniqueness::kBijection) {
      report(Finding::Kind::kTooWeakForUnique, column,
             fmt::format("is filled from a sequence, and '{}' does not promise that its values stay apart: "
                         "keep it, or use a masker that is a bijection",
                         spec.name),
             spec.where);
      return {};
    }
    return {.masker = &spec, .judged_by = place(spec.where), .uniqueness = uniqueness};
  }

  bool known(const Column& column, const MaskerSpec& spec) {
    const MaskerInfo* info = find_masker(spec.name);
    if (info == nullptr) {
      std::vector<std::string> names{"keep"};
      for (const MaskerInfo& each : known_maskers()) names.emplace_back(each.name);
      report(
          Finding::Kind::kUnknownMasker, column,
          fmt::format("has an unknown masker '{}'{}", printable(spec.name), did_you_mean(spec.name, names)),
          spec.where);
      return false;
    }
    const std::vector<std::string> params = info->all_params();
    for (const auto& [name, value] : spec.params) {
      if (std::find(params.begin(), params.end(), name) != params.end()) continue;
      report(Finding::Kind::kBadParameter, column,
             fmt::format("gives '{}' an unknown parameter '{}'{}", spec.name, printable(name),
                         params.empty() ? " (it takes none)" : did_you_mean(name, params)),
             spec.where);
      return false;
    }
    if (std::find(info->serves.begin(), info->serves.end(), column.type_class) != info->serves.end()) {
      return true;
    }
    std::vector<std::string> others;
    for (const MaskerInfo& each : known_maskers()) {
      if (each.name == "keep") continue;
      if (std::find(each.serves.begin(), each.serves.end(), column.type_class) != each.serves.end()) {
        others.emplace_back(each.name);
      }
    }
    report(Finding::Kind::kCannotServeType, column,
           fmt::format("cannot be masked by '{}': it does not serve {} columns{}", spec.name,
                       name_of(column.type_class),
                       others.empty() ? "" : "; one of these does: " + join(others, ", ")),
           spec.where);
    return false;
  }

  // What the catalog forbids whatever the masker can do.
  bool fits(const Column& column, const MaskerSpec& spec) {
    if (column.in_partition_key) {
      report(Finding::Kind::kPartitionKey, column,
             fmt::format("is in the partition key of its table and '{}' would move rows to other partitions: "
                         "keep it, or empty the table with {{rows: none}}",
                         spec.name),
             spec.where);
      return false;
    }
    if (spec.name == "null" && column.not_null) {
      report(Finding::Kind::kCannotServeType, column, "is NOT NULL: 'null' cannot serve it", spec.where);
      return false;
    }
    return true;
  }

  const JudgeContext& context_;
  const Judges& judges_;
  const Table& table_;
  const TableEntries& entries_;
};

// Columns that the policy names and the table does not have: they may come with the next snapshot.
void note_missing_columns(const JudgeContext& context, const Table& table, const TablePolicy& policy) {
  for (const auto& [name, spec] : policy.columns) {
    if (find_column(table, name) != nullptr) continue;
    std::vector<std::string> names;
    for (const Column& column : table.columns) names.push_back(column.name);
    const bool undecided =
        mentions_judge(spec);  // stops a refresh whatever production holds (still_undecided)
    Finding& finding = context.report(
        undecided ? Finding::Kind::kUndecided : Finding::Kind::kMissingColumn, &table, nullptr,
        fmt::format("column {} is in the policy{} and not in {}{}", printable(to_string(table.name, name)),
                    undecided ? ", still marked `judge`," : "", printable(context.database.name),
                    printable(did_you_mean(name, names))),
        spec.where);
    finding.column = name;
    finding.error = undecided;
  }
}

}  // namespace

bool mentions_judge(const MaskerSpec& spec, int depth) {
  if (spec.name == "judge") return true;
  if (depth >= kSpecDepthMax) return false;
  return std::any_of(spec.paths.begin(), spec.paths.end(),
                     [&](const auto& path) { return mentions_judge(path.masker, depth + 1); });
}

Finding& JudgeContext::report(Finding::Kind kind, const Table* table, const Column* column,
                              std::string message, const Where& where) const {
  Finding finding{.kind = kind, .database = database.name, .message = std::move(message), .where = where};
  if (table != nullptr) finding.table = table->name;
  if (column != nullptr) {
    finding.column = column->name;
    finding.type = column->type;
  }
  findings.push_back(std::move(finding));
  return findings.back();
}

bool is_judged(const Table& table) {
  return table.kind == RelationKind::kTable || table.kind == RelationKind::kPartitioned;
}

std::string describe(const JudgeContext& context, const Table& table, const Column& column) {
  return fmt::format("column {} ({}) of {}", printable(to_string(table.name, column.name)),
                     printable(column.type), printable(quote_name(context.database.name)));
}

TableVerdict judge_table(const JudgeContext& context, const Judges& judges, const Table& table,
                         const TableEntries& entries) {
  TableVerdict verdict{
      .table = &table, .policy = entries.first(), .treatment = Treatment::kKeep, .columns = {}};
  if (entries.emptied()) {
    verdict.treatment = Treatment::kEmpty;
    return verdict;
  }
  ColumnJudge judge(context, judges, table, entries);
  for (const Column& column : table.columns) {
    ColumnVerdict judged = judge.judge(column);
    if (judged.masked()) verdict.treatment = Treatment::kMask;
    verdict.columns.emplace(column.name, std::move(judged));
  }
  if (entries.own.policy != nullptr) note_missing_columns(context, table, *entries.own.policy);
  return verdict;
}

}  // namespace ytb::masking
