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

constexpr int kPartitionDepthMax = 64;  // levels of partitioning that are followed
constexpr int kSpecDepthMax = 16;       // json within json

std::string lock_key(std::string_view database, const QualifiedName& table, std::string_view column) {
  // Names hold no NUL, so that the joined key is unambiguous.
  std::string key;
  for (std::string_view part : {database, std::string_view(table.schema), std::string_view(table.name)}) {
    key += part;
    key += '\0';
  }
  return key.append(column);
}

std::string place(const Where& where) { return fmt::format("{}:{}", where.file, where.line); }

std::string fragment(const Table& table, const std::string& lines) {
  return yaml_key(table.name) + ":\n" + lines;
}

class ColumnJudge {
 public:
  ColumnJudge(const JudgeContext& context, const Table& table, const TablePolicy* policy)
      : context_(context), table_(table), policy_(policy) {}

  ColumnVerdict judge(const Column& column) {
    const MaskerSpec* spec = nullptr;
    if (policy_ != nullptr && policy_->form == TablePolicy::Form::kColumns) {
      auto found = policy_->columns.find(column.name);
      if (found != policy_->columns.end()) spec = &found->second;
    }
    if (column.generated) return judge_generated(column, spec);
    if (spec != nullptr) return judge_spec(column, *spec);
    const bool wildcard = policy_ != nullptr && policy_->form == TablePolicy::Form::kColumns;
    if (wildcard && !policy_->wildcard_keep) {
      report(Finding::Kind::kUnjudgedColumn, column, "is not judged: the policy has no entry for it",
             policy_->where)
          .add = fragment(table_, policy_line(table_, column));
      return {};
    }
    return judge_by_lock(column, wildcard);
  }

 private:
  Finding& report(Finding::Kind kind, const Column& column, std::string_view what, const Where& where) {
    return context_.report(kind, &table_, &column,
                           fmt::format("{} {}", describe(context_, table_, column), what), where);
  }

  static ColumnVerdict kept(std::string judged_by) {
    return {.masker = &keep_spec(), .judged_by = std::move(judged_by), .uniqueness = Uniqueness::kBijection};
  }

  // A generated column needs no judgement: it is computed again from columns that are judged.
  ColumnVerdict judge_generated(const Column& column, const MaskerSpec* spec) {
    if (spec == nullptr || spec->name == "keep") return kept("generated");
    report(Finding::Kind::kGenerated, column,
           fmt::format("is generated: it is computed again from the masked columns and takes no masker; "
                       "remove '{}' and mask the columns it is computed from",
                       printable(spec->name)),
           spec->where);
    return {};
  }

  // Under a wildcard or whole-table keep: kept only as it was when a person accepted it.
  ColumnVerdict judge_by_lock(const Column& column, bool wildcard) {
    const std::string* type = context_.lock.type_of(context_.database.name, table_.name, column.name);
    if (type != nullptr && *type == column.type) return kept("lock");
    const std::string how = wildcard             ? "under `\"*\": keep`"
                            : policy_ == nullptr ? "in a database that is kept whole"
                                                 : "in a table that is kept whole";
    const Where where = policy_ == nullptr ? Where{} : wildcard ? policy_->wildcard_where : policy_->where;
    Finding& finding =
        type == nullptr
            ? report(
                  Finding::Kind::kUnjudgedColumn, column,
                  fmt::format("is new {}: `ytb policy accept` keeps it as it is, or give it a masker", how),
                  where)
            : report(
                  Finding::Kind::kChangedType, column,
                  fmt::format("is locked as {} {}: `ytb policy accept` keeps it as it is now, or give it a "
                              "masker",
                              printable(*type), how),
                  where);
    finding.add = fragment(table_, policy_line(table_, column));
    if (!wildcard) finding.add += "\n  \"*\": keep";
    return {};
  }

  ColumnVerdict judge_spec(const Column& column, const MaskerSpec& spec) {
    if (mentions_judge(spec)) {
      report(Finding::Kind::kUndecided, column, "is still marked `judge`", spec.where).instead =
          deciding_line(table_, column);
      return {};
    }
    if (spec.name == "keep" && spec.params.empty() && spec.paths.empty()) return kept(place(spec.where));
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
  const Table& table_;
  const TablePolicy* policy_;
};

// Columns that the policy names and the table does not have: they may come with the next snapshot.
void note_missing_columns(const JudgeContext& context, const Table& table, const TablePolicy& policy) {
  for (const auto& [name, spec] : policy.columns) {
    if (find_column(table, name) != nullptr) continue;
    std::vector<std::string> names;
    for (const Column& column : table.columns) names.push_back(column.name);
    Finding& finding = context.report(
        Finding::Kind::kMissingColumn, &table, nullptr,
        fmt::format("column {} is in the policy and not in {}{}", printable(to_string(table.name, name)),
                    printable(context.database.name), printable(did_you_mean(name, names))),
        spec.where);
    finding.column = name;
    finding.error = false;
  }
}

}  // namespace

bool mentions_judge(const MaskerSpec& spec, int depth) {
  if (spec.name == "judge") return true;
  if (depth >= kSpecDepthMax) return false;
  return std::any_of(spec.paths.begin(), spec.paths.end(),
                     [&](const auto& path) { return mentions_judge(path.masker, depth + 1); });
}

LockIndex::LockIndex(const PolicyLock& lock) {
  types_.reserve(lock.entries.size());
  for (const LockEntry& entry : lock.entries) {
    types_.emplace(lock_key(entry.database, entry.table, entry.column), &entry.type);
  }
}

const std::string* LockIndex::type_of(std::string_view database, const QualifiedName& table,
                                      std::string_view column) const {
  auto found = types_.find(lock_key(database, table, column));
  return found == types_.end() ? nullptr : found->second;
}

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

const MaskerSpec& keep_spec() {
  static const MaskerSpec kKeep{.name = "keep", .params = {}, .paths = {}, .where = {}};
  return kKeep;
}

TableVerdict judge_table(const JudgeContext& context, const Table& table, const TablePolicy* policy) {
  TableVerdict verdict{.table = &table, .policy = policy, .treatment = Treatment::kKeep, .columns = {}};
  if (policy != nullptr && policy->form == TablePolicy::Form::kNoRows) {
    verdict.treatment = Treatment::kEmpty;
    return verdict;
  }
  ColumnJudge judge(context, table, policy);
  for (const Column& column : table.columns) {
    ColumnVerdict judged = judge.judge(column);
    if (judged.masked()) verdict.treatment = Treatment::kMask;
    verdict.columns.emplace(column.name, std::move(judged));
  }
  if (policy != nullptr) note_missing_columns(context, table, *policy);
  return verdict;
}

}  // namespace ytb::masking
