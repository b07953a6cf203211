// to_policy_yaml(): proposals and existing judgements as one policy file.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "masking/names.h"
#include "masking/propose.h"
#include "masking/settings.h"
#include "masking/verdict.h"
#include "masking/yaml_text.h"

namespace ytb::masking {
namespace {

using ColumnKey = std::pair<std::string, std::pair<QualifiedName, std::string>>;

class PolicyWriter {
 public:
  PolicyWriter(const Catalog& catalog, const std::vector<Proposal>& proposals, const Policy* existing,
               SurvivorPolicy survivors)
      : catalog_(catalog), existing_(existing), survivors_(std::move(survivors)) {
    for (const Proposal& proposal : proposals) {
      proposals_[{proposal.database, {proposal.table, proposal.column}}] = &proposal;
    }
    if (existing_ != nullptr) resolved_ = resolve_databases(*existing_, catalog_);
  }

  std::string write() {
    text_ =
        "# What becomes of every column: keep, a masker, or judge where a person has to decide first. "
        "Columns\n"
        "# that are not named stop the refresh. `ytb policy check` says what is missing; docs/policy.md has "
        "the\n"
        "# maskers.\n"
        "version: 1\n";
    write_survivors();
    write_settings();
    if (const Database* only = single_database()) {
      write_database(*only, policy_of(*only), "");
      return std::move(text_);
    }
    text_ += "databases:\n";
    for (const Database& database : catalog_.databases) {
      const DatabasePolicy* policy = policy_of(database);
      if (policy == nullptr && is_standard_and_empty(database)) continue;
      text_ += "  " + yaml_key(database.name) + ":";
      if (policy != nullptr && policy->form == DatabasePolicy::Form::kKeep) {
        text_ += " keep\n";
      } else if (policy != nullptr && policy->form == DatabasePolicy::Form::kOmit) {
        text_ += " omit\n";
      } else {
        text_ += "\n";
        write_database(database, policy, "    ");
      }
    }
    write_databases_that_are_gone();
    return std::move(text_);
  }

 private:
  [[nodiscard]] const DatabasePolicy* policy_of(const Database& database) const {
    auto found = resolved_.find(&database);
    return found == resolved_.end() ? nullptr : found->second;
  }

  void write_survivors() {
    using Search = SurvivorPolicy::Search;
    if (survivors_.search == Search::kNone) return;
    const std::string_view search = survivors_.search == Search::kWhole   ? "whole"
                                    : survivors_.search == Search::kWords ? "words"
                                                                          : "prose";
    using Detectors = SurvivorPolicy::Detectors;
    using Names = SurvivorPolicy::Names;
    if (survivors_.allow.empty() && survivors_.detectors == Detectors::kWarn &&
        survivors_.names == Names::kFail) {
      text_ += fmt::format(
          "survivors: {}   # kept data is searched for what masking replaced, before a copy opens; none: it "
          "is not\n",
          search);
      return;
    }
    text_ += fmt::format("survivors:\n  search: {}\n", search);
    if (survivors_.detectors != Detectors::kWarn) {
      text_ += survivors_.detectors == Detectors::kFail ? "  detectors: fail\n" : "  detectors: none\n";
    }
    if (survivors_.names == Names::kWarn) text_ += "  names: warn\n";
    if (!survivors_.allow.empty()) text_ += "  allow:\n";
    for (const auto& [database, places] : survivors_.allow) {
      text_ += fmt::format("    {}:\n", yaml_key(database));
      for (const auto& [place, reason] : places)
        text_ += fmt::format("      {}: {}\n", yaml_scalar(place), yaml_scalar(reason));
    }
  }

  // What is judged already, and what nobody has judged: a secret, until a person says otherwise.
  void write_settings() {
    std::map<std::string, std::map<std::string, std::string>> lines;
    if (existing_ != nullptr) {
      for (const auto& [database, rules] : existing_->settings) {
        for (const auto& [name, rule] : rules) {
          lines[database][name] = rule.verdict == SettingRule::Verdict::kKeep ? "keep" : "none";
        }
      }
    }
    const Policy nothing{};
    for (const Setting& setting : catalog_.settings) {
      if (is_own_setting(setting.name)) continue;
      if (judge_setting(existing_ != nullptr ? *existing_ : nothing, setting)) continue;
      lines[setting.database.empty() ? "*" : setting.database][setting.name] =
          "none   # removed, as every role of a copy could read it; or keep";
    }
    if (lines.empty()) return;
    text_ += "settings:\n";
    for (const auto& [database, rules] : lines) {
      text_ += fmt::format("  {}:\n", yaml_key(database));
      for (const auto& [name, verdict] : rules) text_ += fmt::format("    {}: {}\n", yaml_key(name), verdict);
    }
  }

  // `tables:` alone will do where there is one database to judge, and the policy has no other form already.
  [[nodiscard]] const Database* single_database() const {
    if (existing_ != nullptr && !existing_->databases.empty() && existing_->databases.count("") == 0) {
      return nullptr;
    }
    const Database* only = nullptr;
    for (const Database& database : catalog_.databases) {
      if (is_standard_and_empty(database)) continue;
      if (only != nullptr) return nullptr;
      only = &database;
    }
    return only;
  }

  void write_database(const Database& database, const DatabasePolicy* policy, const std::string& indent) {
    const LargeObjects large = policy == nullptr ? LargeObjects::kUnjudged : policy->large_objects;
    if (large == LargeObjects::kKeep) {
      text_ += indent + "large_objects: keep\n";
    } else if (large == LargeObjects::kNone || database.large_objects > 0) {
      text_ += fmt::format("{}large_objects: none   # {} of them; no column says what they hold\n", indent,
                           with_commas(database.large_objects));
    }
    if (policy != nullptr && !policy->empty_views.empty()) {
      text_ += indent + "views:\n";
      for (const auto& [name, where] : policy->empty_views)
        text_ += fmt::format("{}  {}: none\n", indent, yaml_key(name));
    }
    text_ += indent + "tables:\n";
    std::vector<const Table*> tables;
    for (const Table& table : database.tables) {
      if (is_judged(table) && !table.partition_of) tables.push_back(&table);
    }
    std::sort(tables.begin(), tables.end(), [](const Table* a, const Table* b) { return a->name < b->name; });
    std::set<QualifiedName> written;
    for (const Table* table : tables) {
      const TablePolicy* entry = nullptr;
      if (policy != nullptr) {
        auto found = policy->tables.find(table->name);
        if (found != policy->tables.end()) entry = &found->second;
      }
      write_table(database, *table, entry, indent + "  ");
      written.insert(table->name);
    }
    if (policy == nullptr) return;
    for (const auto& [name, entry] : policy->tables) {
      if (written.count(name) != 0) continue;
      text_ += fmt::format("{}  # {} is not in {} any more\n", indent, escape_line(to_string(name)),
                           escape_line(catalog_.provenance.empty() ? "production" : catalog_.provenance));
      Table gone;
      gone.name = name;
      write_table(database, gone, &entry, indent + "  ");
    }
  }

  void write_table(const Database& database, const Table& table, const TablePolicy* entry,
                   const std::string& indent) {
    text_ += indent + yaml_key(table.name) + ":";
    if (entry != nullptr && entry->form == TablePolicy::Form::kKeep) {
      text_ += " keep\n";
      return;
    }
    if (entry != nullptr && entry->form == TablePolicy::Form::kNoRows) {
      text_ += " {rows: none}\n";
      return;
    }
    const size_t before = text_.size();
    text_ += '\n';
    bool any = false;
    std::set<std::string> named;
    for (const Column& column : table.columns) {
      any = write_column(database, table, column, entry, indent + "  ") || any;
      named.insert(column.name);
    }
    if (entry != nullptr) {
      for (const auto& [name, spec] : entry->columns) {
        if (named.count(name) != 0) continue;
        text_ += fmt::format("{}  {}: {}\n", indent, yaml_key(name), yaml_spec(spec));
        any = true;
      }
      if (entry->wildcard_keep) {
        text_ += indent + "  \"*\": keep\n";
        any = true;
      }
    }
    if (any) return;
    text_.resize(before);  // a table without columns
    text_ += " keep\n";
  }

  bool write_column(const Database& database, const Table& table, const Column& column,
                    const TablePolicy* entry, const std::string& indent) {
    if (entry != nullptr) {
      auto found = entry->columns.find(column.name);
      if (found != entry->columns.end()) {
        text_ += fmt::format("{}{}: {}\n", indent, yaml_key(column.name), yaml_spec(found->second));
        return true;
      }
      if (entry->wildcard_keep) return false;
    }
    auto found = proposals_.find({database.name, {table.name, column.name}});
    if (found == proposals_.end()) return false;
    const Proposal& proposal = *found->second;
    text_ += fmt::format("{}{}: {}   # {}: {}\n", indent, yaml_key(column.name), yaml_spec(proposal.masker),
                         escape_line(proposal.type), escape_line(proposal.evidence));
    return true;
  }

  // Judgements of what is not there stay: it may come back with the next snapshot, and a person wrote them.
  void write_databases_that_are_gone() {
    if (existing_ == nullptr) return;
    for (const auto& [name, policy] : existing_->databases) {
      if (name.empty() || find_database(catalog_, name) != nullptr) continue;
      text_ += "  " + yaml_key(name) + ":";
      if (policy.form == DatabasePolicy::Form::kKeep) text_ += " keep\n";
      if (policy.form == DatabasePolicy::Form::kOmit) text_ += " omit\n";
      if (policy.form != DatabasePolicy::Form::kTables) continue;
      text_ += "\n";
      Database gone;
      gone.name = name;
      write_database(gone, &policy, "    ");
    }
  }

  const Catalog& catalog_;
  const Policy* existing_;
  const SurvivorPolicy survivors_;
  DatabasePolicies resolved_;
  std::map<ColumnKey, const Proposal*> proposals_;
  std::string text_;
};

}  // namespace

std::string to_policy_yaml(const Catalog& catalog, const std::vector<Proposal>& proposals,
                           const Policy* existing, SurvivorPolicy::Search search) {
  SurvivorPolicy survivors;
  survivors.search = search;
  if (existing != nullptr) survivors = existing->survivors;
  return PolicyWriter(catalog, proposals, existing, std::move(survivors)).write();
}

}  // namespace ytb::masking
