#include "masking/propose.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "masking/column_name.h"
#include "masking/detect.h"
#include "masking/guess.h"
#include "masking/known_names.h"
#include "masking/looks.h"
#include "masking/names.h"
#include "masking/plan.h"
#include "masking/propose_json.h"
#include "masking/verdict.h"
#include "masking/yaml_text.h"

namespace ytb::masking {
namespace {

constexpr size_t kFewOfMany = 20;  // one in so many values that are somebody's makes a kept column doubtful
constexpr int kReferenceRoundsMax = 8;
constexpr int kCheckRoundsMax = 4;

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

// --- Columns ----------------------------------------------------------------------------------------------

// Samples sharpen what the name says, and make doubtful what it keeps; how few different ones there are
// proves nothing: twenty surnames look like twenty codes.
void weigh_samples(const Column& column, const Guess& guess, const std::vector<std::string>& values,
                   Proposal& proposal) {
  const Detected found = detect(values);
  const bool kept = guess.masker.name == "keep";
  const bool undecided = guess.masker.name == "judge";
  const bool half = found.matches > 0 && found.matches * 2 >= found.values;
  const std::string looks =
      fmt::format("; {} of {} samples look like {}", found.matches, found.values, found.what);
  if (half && (undecided || (kept && found.weight == Weight::kDecides)) &&
      masker_serves(found.masker, column)) {
    proposal.masker = spec(found.masker);
    proposal.evidence += looks;
    return;
  }
  if (kept) {
    const bool doubtful =
        found.mentions > 0 ||
        (found.weight == Weight::kDecides && found.matches * kFewOfMany >= found.values && found.matches > 0);
    if (!doubtful && !(half && found.weight == Weight::kDoubts)) return;
    proposal.masker = spec("judge");
    proposal.evidence += half ? looks
                              : fmt::format("; {} of {} samples hold something personal",
                                            std::max(found.mentions, found.matches), found.values);
    return;
  }
  if (undecided) {
    if (found.matches > 0) proposal.evidence += looks;
    if (found.mentions > 0)
      proposal.evidence +=
          fmt::format("; {} of {} samples hold something personal", found.mentions, found.values);
    return;
  }
  if (found.matches == 0) return;
  proposal.evidence += looks;
  // A name that says more than the values ("last name") stays; one that nearly all of them contradict does
  // not.
  const bool agrees = guess.secret || found.masker == guess.masker.name || found.masker == "person_name" ||
                      found.masker == "first_name" || found.masker == "street_address" ||
                      found.weight == Weight::kTells;
  if (!agrees && found.matches * 10 >= found.values * 9 && masker_serves(found.masker, column))
    proposal.masker = spec(found.masker);
}

// A column with what is known of it.
struct Judged {
  const Table* table = nullptr;
  const Column* column = nullptr;
  Guess guess;
  const std::vector<std::string>* values = nullptr;  // null: none were sampled
  std::optional<JsonLook> json;
};

void look_at_values(Judged& judged, KnownNames& names, Proposal& proposal) {
  if (judged.values == nullptr) return;
  if (judged.column->type_class == TypeClass::kJson) {
    if (!judged.guess.secret)
      judged.json.emplace(proposal.database, *judged.table, *judged.column, *judged.values);
    return;
  }
  weigh_samples(*judged.column, judged.guess, *judged.values, proposal);
  if (holds_names(proposal.masker))
    names.add(proposal.database, to_string(proposal.table, proposal.column), *judged.values);
}

// What holds the names of people whom other columns name is about them, whatever its own name says.
void look_for_names(Judged& judged, const KnownNames& names, Proposal& proposal) {
  if (judged.json) judged.json->propose(names, proposal);
  const bool kept = proposal.masker.name == "keep";
  if (judged.values == nullptr || (!kept && proposal.masker.name != "judge")) return;
  // What the schema lists says nothing of anybody.
  if (kept &&
      (judged.column->type_class == TypeClass::kEnum || lists_its_values(*judged.table, *judged.column)))
    return;
  const KnownNames::Found found = names.found_in(*judged.values);
  if (!found.tells(judged.values->size())) return;
  proposal.masker = spec("judge");
  proposal.evidence += fmt::format("; {} of {} samples hold names that stand in {}, too", found.values,
                                   judged.values->size(), found.where(proposal.database));
}

// What is made from a name goes where the name goes: a slug would give it back. Of one table: those from
// `first` to `end`.
void follow_names(std::vector<Proposal>& proposals, const std::vector<Judged>& judged, size_t first,
                  size_t end) {
  for (size_t i = first; i < end; ++i) {
    Proposal& made = proposals[i];
    if (made.masker.name != "keep" && made.masker.name != "judge") continue;
    for (size_t j = first; j < end; ++j) {
      const Proposal& name = proposals[j];
      if (name.masker.name == "keep" || !is_made_from(*judged[i].column, *judged[j].column)) continue;
      const bool undecided = name.masker.name == "judge";
      made.masker = spec(undecided ? "judge" : "hash");
      made.evidence =
          fmt::format("made from '{}'{}", printable(name.column), undecided ? ", which is not decided" : "");
      if (!undecided) break;
    }
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

// The next best for a column whose values must stay apart: what looks like the value where there is one, so
// that an application that checks its form goes on.
MaskerSpec stronger(const MaskerSpec& masker, const Column& column) {
  if (masker.name == "phone" && masker.params.empty() && column.type_class == TypeClass::kText) {
    MaskerSpec apart = spec("phone");
    apart.params["country"] = "none";
    return apart;
  }
  if (masker.name == "ip" && masker.params.empty()) {
    MaskerSpec apart = spec("ip");
    apart.params["version"] = "6";
    return apart;
  }
  const bool name = masker.name == "person_name" || masker.name == "first_name" || masker.name == "last_name";
  if (name && masker_serves("username", column)) return spec("username");
  // 26 letters are no telephone number.
  const bool hash = masker.name != "hash" && masker.name != "phone" && masker_serves("hash", column);
  return spec(hash ? "hash" : "judge");
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
      proposal.evidence +=
          fmt::format("; {} does not fit ({})", yaml_spec(proposal.masker), name_of(finding.kind));
      if (finding.kind == Finding::Kind::kConstraint) {
        proposal.masker = that_satisfies(finding, *table, *column, proposal);
      } else {
        proposal.masker =
            finding.kind == Finding::Kind::kPartitionKey ? spec("judge") : stronger(proposal.masker, *column);
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
  std::vector<Judged> judged;
  std::vector<Proposal> proposals;
  KnownNames names;
  for (const Database& database : catalog.databases) {
    const RowNames rows(database);
    for (const Table& table : database.tables) {
      // Partitions are judged by their parent, whose rows they are.
      if (!is_judged(table) || table.partition_of) continue;
      for (const Column& column : table.columns) {
        if (column.generated) continue;  // needs no judgement
        Judged made;
        made.table = &table;
        made.column = &column;
        made.guess = guess_column(table, column, rows);
        proposals.push_back({.database = database.name,
                             .table = table.name,
                             .column = column.name,
                             .type = column.type,
                             .masker = made.guess.masker,
                             .evidence = made.guess.evidence});
        auto values = samples.find({database.name, table.name, column.name});
        if (values != samples.end() && column.sequence.empty() && !column.identity)
          made.values = &values->second;
        look_at_values(made, names, proposals.back());
        judged.push_back(std::move(made));
      }
    }
  }
  // After columns: the evidence rather names these.
  for (const Judged& each : judged) {
    if (each.json) each.json->tell_names(names);
  }
  // Once it is known what people are called.
  for (size_t i = 0; i < proposals.size(); ++i) look_for_names(judged[i], names, proposals[i]);
  for (size_t first = 0, end = 0; first < proposals.size(); first = end) {
    while (end < proposals.size() && judged[end].table == judged[first].table) ++end;
    follow_names(proposals, judged, first, end);
  }
  ByColumn by_column;
  for (Proposal& proposal : proposals) by_column.emplace(key_of(proposal), &proposal);
  follow_references(catalog, by_column);
  repair(catalog, proposals, by_column);
  for (size_t i = 0; i < proposals.size(); ++i) {
    if (proposals[i].masker.name != "judge") continue;
    if (judged[i].values != nullptr) {
      const bool empty = judged[i].values->empty() && judged[i].table->size_bytes == 0;
      proposals[i].evidence += "; " + (empty ? "an empty table" : look_of(*judged[i].values));
    }
    proposals[i].evidence += "; " + candidates_for(*judged[i].column);
  }
  return proposals;
}

}  // namespace ytb::masking
