// to_policy_yaml(): a first policy from proposals.
#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/check.h"
#include "masking/additions.h"
#include "masking/propose.h"
#include "masking/shorten.h"
#include "masking/yaml_text.h"

namespace ytb::masking {
namespace {

constexpr std::string_view kHead =
    "# What becomes of every column: keep, a masker, or judge where a person has to decide first. Columns\n"
    "# that are not named stop the refresh. `ytb policy check` says what is missing; docs/policy.md has the\n"
    "# maskers.\n"
    "version: 1\n";

std::string_view word_for(SurvivorPolicy::Search search) {
  using Search = SurvivorPolicy::Search;
  return search == Search::kWhole ? "whole" : search == Search::kWords ? "words" : "prose";
}

}  // namespace

std::string to_policy_yaml(const Catalog& catalog, const std::vector<Proposal>& proposals,
                           SurvivorPolicy::Search search) {
  Result<Additions> missing = what_is_missing({}, catalog, proposals);
  YTB_CHECK_MSG(missing.ok(), "a policy that says nothing has no tables");
  std::string text(kHead);
  if (search != SurvivorPolicy::Search::kNone) {
    text += fmt::format(
        "survivors: {}   # kept data is searched for what masking replaced, before a copy opens; none: it is "
        "not\n",
        word_for(search));
  }
  if (!missing->settings.empty()) text += "settings:\n";
  for (const auto& [database, names] : missing->settings) {
    text += fmt::format("  {}:\n", settings_key(database)) + settings_lines(names, "    ");
  }
  std::vector<DatabaseLines>& databases = missing->databases;
  text += yaml_lines(take_rules(databases));
  if (databases.empty()) return text + "tables:\n";
  // `tables:` alone will do where there is one database to judge.
  if (databases.size() == 1) return text + yaml_lines(databases.front(), "");
  text += "databases:\n";
  for (const DatabaseLines& database : databases) {
    text += fmt::format("  {}:\n", yaml_key(database.database)) + yaml_lines(database, "    ");
  }
  return text;
}

}  // namespace ytb::masking
