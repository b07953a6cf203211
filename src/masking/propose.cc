#include "masking/propose.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "masking/detect.h"
#include "masking/guess.h"
#include "masking/names.h"
#include "masking/plan.h"
#include "masking/verdict.h"
#include "masking/yaml_text.h"

namespace ytb::masking {
namespace {

constexpr size_t kSamplesMin = 5;         // fewer decide nothing
constexpr size_t kCodesDistinctMax = 20;  // as many different words may be a code
constexpr size_t kCodesValuesMin = 50;
constexpr size_t kJsonPathsMax = 200;
constexpr int kJsonDepthMax = 8;
constexpr size_t kJsonSamplesMax = 200;
constexpr int kReferenceRoundsMax = 8;
constexpr int kCheckRoundsMax = 3;

MaskerSpec spec(std::string_view name) {
  MaskerSpec made;
  made.name = name;
  return made;
}

struct Key {
  std::string database;
  QualifiedName table;
  std::string column;
  friend auto operator<=>(const Key&, const Key&) = default;  // NOLINT(modernize-use-nullptr)
};

Key key_of(const Proposal& proposal) { return {proposal.database, proposal.table, proposal.column}; }

// --- JSON -------------------------------------------------------------------------------------------------

// Leaves of the sampled documents: path → values as text.
using Leaves = std::map<std::string, std::vector<std::string>>;

bool is_plain_member(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

void collect_leaves(const nlohmann::json& node, const std::string& path, int depth, Leaves& leaves) {
  if (depth > kJsonDepthMax || leaves.size() > kJsonPathsMax) return;
  if (node.is_object()) {
    for (const auto& [name, value] : node.items()) {
      // Other names and lists have no path here: the json masker hashes what no path names.
      if (is_plain_member(name)) collect_leaves(value, fmt::format("{}.{}", path, name), depth + 1, leaves);
    }
  } else if (node.is_string()) {
    leaves[path].push_back(node.get<std::string>());
  } else if (node.is_number() || node.is_boolean()) {
    leaves[path];  // no value: judged by its name alone
  }
}

// What becomes of one leaf: its name as a column's would be judged, then its values.
MaskerSpec judge_leaf(const Table& table, std::string_view path, const std::vector<std::string>& values) {
  Column leaf;
  leaf.name = path.substr(path.rfind('.') + 1);
  leaf.type_class = TypeClass::kText;
  leaf.base_type = "text";
  Guess guess = guess_column(table, leaf);
  if (guess.personal && guess.masker.name != "judge") return guess.masker;
  if (values.empty()) return guess.personal ? spec("hash") : spec("keep");
  const Detected found = detect(values);
  if (found.matches * 2 >= found.values && found.matches > 0) return spec(found.masker);
  if (guess.masker.name == "keep" && found.mentions == 0) return guess.masker;
  if (found.codes && found.distinct <= kCodesDistinctMax && found.values >= kSamplesMin) return spec("keep");
  return spec("hash");
}

void propose_json(const Table& table, const std::vector<std::string>& values, Proposal& proposal) {
  Leaves leaves;
  size_t documents = 0;
  for (const std::string& text : values) {
    if (documents == kJsonSamplesMax) break;
    nlohmann::json document = parse_json(text);
    if (document.is_discarded()) continue;
    ++documents;
    collect_leaves(document, "$", 0, leaves);
  }
  leaves.erase("$");
  if (leaves.empty() || leaves.size() > kJsonPathsMax) return;
  proposal.masker = spec("json");
  size_t masked = 0;
  for (const auto& [path, texts] : leaves) {
    MaskerSpec leaf = judge_leaf(table, path, texts);
    if (leaf.name != "keep") ++masked;
    proposal.masker.paths.push_back({path, std::move(leaf)});
  }
  proposal.evidence =
      fmt::format("{} documents with {} paths, {} of them personal; what is not named is hashed", documents,
                  leaves.size(), masked);
}

// --- Columns ----------------------------------------------------------------------------------------------

// Samples sharpen what the name says, and decide where it says nothing.
void weigh_samples(const Table& table, const Column& column, const Guess& guess,
                   const std::vector<std::string>& values, Proposal& proposal) {
  if (column.type_class == TypeClass::kJson && masker_serves("json", column)) {
    propose_json(table, values, proposal);
    return;
  }
  const Detected found = detect(values);
  if (found.values < kSamplesMin) return;
  const bool most = found.matches * 2 >= found.values && masker_serves(found.masker, column);
  const std::string looks =
      fmt::format("{} of {} samples look like {}", found.matches, found.values, found.what);
  if (most && (!guess.personal || guess.masker.name == "judge" || found.matches * 10 >= found.values * 9)) {
    // A name that says more than the values ("last name") stays; one that they contradict does not.
    const bool agrees = guess.masker.name == found.masker || found.masker == "person_name" ||
                        found.masker == "first_name" || found.masker == "street_address";
    if (!guess.personal || guess.masker.name == "judge" || !agrees) proposal.masker = spec(found.masker);
    proposal.evidence += "; " + looks;
    return;
  }
  if (found.matches > 0 && guess.personal) {
    proposal.evidence += "; " + looks;
    return;
  }
  if (guess.personal) return;
  if (found.mentions > 0 || found.matches * 20 >= found.values) {
    const size_t count = std::max(found.mentions, found.matches);
    proposal.masker = spec(masker_serves("scrub", column) ? "scrub" : "judge");
    proposal.evidence += fmt::format("; {} of {} samples hold something personal", count, found.values);
    return;
  }
  if (guess.masker.name == "judge" && column.type_class == TypeClass::kText && found.codes &&
      found.distinct <= kCodesDistinctMax && found.values >= kCodesValuesMin) {
    proposal.masker = spec("keep");
    proposal.evidence = fmt::format("a code: {} different words in {} samples", found.distinct, found.values);
  }
}

// --- Keys -------------------------------------------------------------------------------------------------

using ByColumn = std::map<Key, Proposal*>;

// A referencing column is masked as the one it refers to, or not at all.
void follow_references(const Catalog& catalog, ByColumn& proposals) {
  for (int round = 0; round < kReferenceRoundsMax; ++round) {
    bool changed = false;
    for (const Database& database : catalog.databases) {
      const TableIndex tables(database);
      for (const Table& table : database.tables) {
        for (const ForeignKey& key : table.foreign_keys) {
          const Table* referenced = tables.find(key.references);
          if (referenced == nullptr) continue;
          for (size_t i = 0; i < std::min(key.columns.size(), key.referenced_columns.size()); ++i) {
            auto from = proposals.find({database.name, tables.judged_as(table).name, key.columns[i]});
            auto to = proposals.find(
                {database.name, tables.judged_as(*referenced).name, key.referenced_columns[i]});
            if (from == proposals.end() || to == proposals.end() || from->second == to->second) continue;
            if (yaml_spec(from->second->masker) == yaml_spec(to->second->masker)) continue;
            from->second->masker = to->second->masker;
            from->second->evidence = "references " + to_string(to->second->table, to->second->column);
            changed = true;
          }
        }
      }
    }
    if (!changed) return;
  }
}

Policy policy_of(const std::vector<Proposal>& proposals) {
  Policy policy;
  for (const Proposal& proposal : proposals) {
    policy.databases[proposal.database].tables[proposal.table].columns[proposal.column] = proposal.masker;
  }
  return policy;
}

// In place of a masker whose values a constraint refuses. What the schema itself lists is not secret, and
// identifies nobody.
MaskerSpec that_satisfies(const Finding& finding, const Table& table, const Column& column,
                          Proposal& proposal) {
  if (proposal.masker.name == "hash" && lists_its_values(table, column)) {
    proposal.evidence += "; a constraint lists every value it may have";
    return spec("keep");
  }
  return finding.satisfied_by ? *finding.satisfied_by : spec("judge");
}

// What the plan would refuse is not proposed: a weak masker on a unique column, a masked partition key, what
// a constraint refuses.
void repair(const Catalog& catalog, std::vector<Proposal>& proposals, ByColumn& by_column) {
  for (int round = 0; round < kCheckRoundsMax; ++round) {
    bool changed = false;
    for (const Finding& finding : plan_masking(policy_of(proposals), {}, catalog).findings) {
      auto found = by_column.find({finding.database, finding.table, finding.column});
      if (!finding.error || found == by_column.end()) continue;
      Proposal& proposal = *found->second;
      if (proposal.masker.name == "judge" || proposal.masker.name == "keep") continue;
      const Database* database = find_database(catalog, finding.database);
      const Table* table = database == nullptr ? nullptr : find_table(*database, finding.table);
      const Column* column = table == nullptr ? nullptr : find_column(*table, finding.column);
      if (column == nullptr) continue;
      const bool hash = finding.kind != Finding::Kind::kPartitionKey && proposal.masker.name != "hash" &&
                        masker_serves("hash", *column);
      proposal.evidence +=
          fmt::format("; '{}' does not fit ({})", proposal.masker.name, name_of(finding.kind));
      if (finding.kind == Finding::Kind::kConstraint) {
        proposal.masker = that_satisfies(finding, *table, *column, proposal);
      } else {
        proposal.masker = spec(hash ? "hash" : "judge");
      }
      // What mends one finding must not bring another that nobody looks for any more.
      if (round + 1 == kCheckRoundsMax) proposal.masker = spec("judge");
      changed = true;
    }
    if (!changed) return;
    follow_references(catalog, by_column);
  }
}

}  // namespace

std::vector<Proposal> propose(const Catalog& catalog, const Samples& samples) {
  std::vector<Proposal> proposals;
  for (const Database& database : catalog.databases) {
    for (const Table& table : database.tables) {
      // Partitions are judged by their parent, whose rows they are.
      if (!is_judged(table) || table.partition_of) continue;
      for (const Column& column : table.columns) {
        if (column.generated) continue;  // needs no judgement
        Guess guess = guess_column(table, column);
        Proposal proposal{.database = database.name,
                          .table = table.name,
                          .column = column.name,
                          .type = column.type,
                          .masker = guess.masker,
                          .evidence = guess.evidence};
        auto values = samples.find({database.name, table.name, column.name});
        if (values != samples.end() && column.sequence.empty() && !column.identity) {
          weigh_samples(table, column, guess, values->second, proposal);
        }
        proposals.push_back(std::move(proposal));
      }
    }
  }
  ByColumn by_column;
  for (Proposal& proposal : proposals) by_column.emplace(key_of(proposal), &proposal);
  follow_references(catalog, by_column);
  repair(catalog, proposals, by_column);
  return proposals;
}

}  // namespace ytb::masking
