// Findings as people read them, and what of them is known without a catalog.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "masking/names.h"
#include "masking/plan.h"
#include "masking/verdict.h"

namespace ytb::masking {
namespace {

constexpr size_t kShownFindingsMax = 5;
constexpr size_t kNamedColumnsMax = 40;

}  // namespace

std::string_view name_of(Finding::Kind kind) {
  switch (kind) {
    case Finding::Kind::kUnjudgedDatabase:
      return "unjudged_database";
    case Finding::Kind::kUnjudgedTable:
      return "unjudged_table";
    case Finding::Kind::kUnjudgedColumn:
      return "unjudged_column";
    case Finding::Kind::kChangedType:
      return "changed_type";
    case Finding::Kind::kExpired:
      return "expired";
    case Finding::Kind::kLock:
      return "lock";
    case Finding::Kind::kMissingDatabase:
      return "missing_database";
    case Finding::Kind::kMissingTable:
      return "missing_table";
    case Finding::Kind::kMissingColumn:
      return "missing_column";
    case Finding::Kind::kUnknownMasker:
      return "unknown_masker";
    case Finding::Kind::kBadParameter:
      return "bad_parameter";
    case Finding::Kind::kCannotServeType:
      return "cannot_serve_type";
    case Finding::Kind::kTooWeakForUnique:
      return "too_weak_for_unique";
    case Finding::Kind::kPartitionKey:
      return "partition_key";
    case Finding::Kind::kForeignKeyTorn:
      return "foreign_key_torn";
    case Finding::Kind::kGenerated:
      return "generated";
    case Finding::Kind::kUnsupported:
      return "unsupported";
    case Finding::Kind::kUndecided:
      return "undecided";
    case Finding::Kind::kUnjudgedSetting:
      return "unjudged_setting";
    case Finding::Kind::kUnusedRule:
      return "unused_rule";
    case Finding::Kind::kDefinition:
      return "definition";
    case Finding::Kind::kConstraint:
      return "constraint";
    case Finding::Kind::kNotTried:
      return "not_tried";
  }
  YTB_CHECK_MSG(false, "a finding without a name");
  __builtin_unreachable();
}

std::string to_string(const Finding& finding) {
  std::string text;
  if (finding.where.line > 0) {
    text = fmt::format("{}:{}:{}: ", finding.where.file, finding.where.line, finding.where.column);
  }
  text += finding.error ? finding.message : "note: " + finding.message;
  if (!finding.instead.empty()) text += "\n  write there instead: " + finding.instead;
  if (finding.add.empty()) return text;
  text += "\n  add:";
  if (finding.add.find('\n') == std::string::npos) return text + " " + finding.add;
  for (const std::string& line : split(finding.add, '\n')) text += "\n    " + line;
  return text;
}

namespace {

// "policy.yaml:12:7: public.users.notes of shop"
std::vector<std::string> undecided_places(const Policy& policy) {
  std::vector<std::string> places;
  const auto add_rules = [&](const std::vector<ColumnRule>& rules) {
    for (const ColumnRule& rule : rules) {
      if (!mentions_judge(rule.masker)) continue;
      const Where& where = rule.masker.where;
      places.push_back(
          fmt::format("{}:{}:{}: the rule '{}'", where.file, where.line, where.column, printable(rule.text)));
    }
  };
  add_rules(policy.rules);
  for (const auto& [database, entry] : policy.databases) {
    add_rules(entry.rules);
    for (const auto& [table, rules] : entry.tables) {
      for (const auto& [column, spec] : rules.columns) {
        if (!mentions_judge(spec)) continue;
        places.push_back(fmt::format("{}:{}:{}: {}{}", spec.where.file, spec.where.line, spec.where.column,
                                     printable(to_string(table, column)),
                                     database.empty() ? "" : " of " + printable(quote_name(database))));
      }
    }
  }
  return places;
}

std::string_view undecided_what(const Policy& policy, size_t count) {
  const auto is_undecided = [](const ColumnRule& rule) { return mentions_judge(rule.masker); };
  bool rules = std::any_of(policy.rules.begin(), policy.rules.end(), is_undecided);
  for (const auto& [name, database] : policy.databases) {
    rules = rules || std::any_of(database.rules.begin(), database.rules.end(), is_undecided);
  }
  if (rules) return count == 1 ? "rule" : "columns and rules";
  return count == 1 ? "column" : "columns";
}

}  // namespace

std::optional<Error> still_undecided(const Policy& policy) {
  const std::vector<std::string> places = undecided_places(policy);
  if (places.empty()) return std::nullopt;
  std::string message = fmt::format("the policy leaves {} {} undecided, marked `judge`",
                                    with_commas(places.size()), undecided_what(policy, places.size()));
  for (size_t i = 0; i < std::min(places.size(), kShownFindingsMax); ++i) message += "\n" + places[i];
  if (places.size() > kShownFindingsMax)
    message += fmt::format("\n… and {} more", with_commas(places.size() - kShownFindingsMax));
  return Error{.code = Code::kPolicy,
               .message = std::move(message),
               .hint =
                   "write a masker or keep in place of each; `ytb policy check` shows all of them with a "
                   "suggestion",
               .retry = Retry::kNever};
}

std::vector<const Finding*> waiting_for_acceptance(const PlanCheck& check) {
  std::vector<const Finding*> waiting;
  for (const Finding& finding : check.findings) {
    if (finding.error && finding.tells_nothing_else) waiting.push_back(&finding);
  }
  if (waiting.size() <= kShownFindingsMax) waiting.clear();
  return waiting;
}

std::string told_together(const std::vector<const Finding*>& waiting, size_t names_max) {
  std::string text = fmt::format(
      "{} columns that the policy keeps are not in the lock: `ytb policy accept` keeps them as they are, or "
      "give them a masker",
      with_commas(waiting.size()));
  for (size_t i = 0; i < std::min(waiting.size(), names_max); ++i) {
    const Finding& finding = *waiting[i];
    text += fmt::format("\n    {} ({}) of {}", printable(to_string(finding.table, finding.column)),
                        printable(finding.type), printable(quote_name(finding.database)));
  }
  if (waiting.size() > names_max)
    text += fmt::format("\n    … and {} more", with_commas(waiting.size() - names_max));
  return text;
}

bool accepting_settles(const PlanCheck& check) {
  return std::all_of(check.findings.begin(), check.findings.end(),
                     [](const Finding& finding) { return !finding.error || finding.waits_for_acceptance; });
}

Error to_error(const PlanCheck& check) {
  const std::vector<const Finding*> waiting = waiting_for_acceptance(check);
  size_t errors = 0;
  std::string shown;
  for (const Finding& finding : check.findings) {
    if (!finding.error || (finding.tells_nothing_else && !waiting.empty())) continue;
    if (errors++ < kShownFindingsMax) shown += "\n" + to_string(finding);
  }
  YTB_CHECK_MSG(errors + waiting.size() > 0, "to_error() of a check that passed");
  std::string message = "the policy does not fit production: ";
  if (errors > 0)
    message += fmt::format("{} {}{}", with_commas(errors), errors == 1 ? "finding" : "findings",
                           waiting.empty() ? ""
                                           : fmt::format(", and {} columns that nobody has accepted",
                                                         with_commas(waiting.size())));
  if (errors == 0) message += told_together(waiting, kNamedColumnsMax);
  message += shown;
  if (errors > kShownFindingsMax) {
    message += fmt::format("\n… and {} more", with_commas(errors - kShownFindingsMax));
  }
  if (errors > 0 && !waiting.empty()) message += "\n" + told_together(waiting, kNamedColumnsMax);
  return {.code = Code::kPolicy,
          .message = std::move(message),
          .hint = errors == 0 ? "`ytb policy accept` is a person's word for what is kept; `ytb policy check` "
                                "shows each column"
                              : "judge what is named above in the policy (`ytb policy propose` writes a "
                                "draft), then `ytb policy accept`; `ytb policy check` shows every finding",
          .retry = Retry::kNever};
}

}  // namespace ytb::masking
