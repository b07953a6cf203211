// policy propose: a first policy from names, types and (where they may be read) sampled values. Every
// proposal has its reason; what cannot be decided is marked `judge`, which no refresh accepts.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "masking/catalog.h"
#include "masking/policy.h"

namespace ytb::masking {

// Sampled values of one column, as text. They are looked at and never kept, logged or written.
using Samples = std::map<std::tuple<std::string, QualifiedName, std::string>, std::vector<std::string>>;

struct Proposal {
  std::string database;
  QualifiedName table;
  std::string column;
  std::string type;
  MaskerSpec masker;     // name "judge" where undecidable
  std::string evidence;  // "name 'email'; 100 of 100 samples look like e-mail addresses"
};

std::vector<Proposal> propose(const Catalog& catalog, const Samples& samples);

// The proposals as a first policy (YAML text), grouped by table, evidence as comments. `search`: how it
// searches for what is left of originals. A policy that is there is added to instead
// (config/policy_merge.cc).
std::string to_policy_yaml(const Catalog& catalog, const std::vector<Proposal>& proposals,
                           SurvivorPolicy::Search search = SurvivorPolicy::Search::kNone);

}  // namespace ytb::masking
