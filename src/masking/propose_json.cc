#include "masking/propose_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "masking/detect.h"
#include "masking/guess.h"
#include "masking/names.h"

namespace ytb::masking {
namespace {

constexpr size_t kPathsMax = 200;
constexpr size_t kDocumentsMax = 200;

using Leaf = JsonTree::Leaf;
using Steps = JsonTree::Steps;

MaskerSpec spec(std::string_view name) {
  MaskerSpec made;
  made.name = name;
  return made;
}

// A leaf as the column of a table that it would be.
Column column_of(const std::string& name, const Leaf& leaf) {
  Column column;
  column.name = name;
  column.type_class = !leaf.texts.empty() ? TypeClass::kText
                      : leaf.decimal      ? TypeClass::kNumber
                      : leaf.whole        ? TypeClass::kInteger
                                          : TypeClass::kBoolean;
  column.base_type = !leaf.texts.empty() ? "text" : leaf.decimal ? "float8" : leaf.whole ? "int8" : "bool";
  return column;
}

// What becomes of one leaf: its name as a column's would be judged, then its values. What nobody knows is
// hashed: a few distinct words are the names of a few people as well as a code.
MaskerSpec judge_leaf(const Table& table, const Column& column, const Leaf& leaf, const Detected& found) {
  const Guess guess = guess_column(table, column);
  const bool kept = guess.masker.name == "keep";
  if (!kept && guess.masker.name != "judge") return guess.masker;
  if (leaf.texts.empty()) return spec(kept ? "keep" : "hash");
  const bool most = found.matches > 0 && found.matches * 2 >= found.values;
  if (!kept) return spec(most && !found.masker.empty() ? found.masker : "hash");
  if (most && found.weight == Weight::kDecides) return spec(found.masker);
  const bool doubtful = found.mentions > 0 || (most && found.weight == Weight::kDoubts);
  return spec(doubtful ? "hash" : "keep");
}

}  // namespace

JsonLook::JsonLook(std::string database, const Table& table, const Column& column,
                   const std::vector<std::string>& documents)
    : database_(std::move(database)),
      where_(to_string(table.name, column.name)),
      object_(table.name.name + "_" + column.name) {
  for (const std::string& text : documents) {
    if (read_ + broken_ == kDocumentsMax) break;
    ++(tree_.read(text) ? read_ : broken_);
  }
  tree_.join_by_number();
  judge_paths();
}

// The members of one object as the columns of one table.
void JsonLook::judge_paths() {
  paths_.clear();
  too_many_ = tree_.leaves().size() > kPathsMax;
  if (too_many_) return;
  std::map<std::string, Table> tables;
  for (const auto& [steps, leaf] : tree_.leaves()) {
    const JsonTree::Names names = JsonTree::names_of(steps);
    Table& rows = tables[names.above];
    rows.name.name = names.above.empty() ? object_ : names.above;
    rows.columns.push_back(column_of(names.own, leaf));
  }
  for (const auto& [steps, leaf] : tree_.leaves()) {
    const JsonTree::Names names = JsonTree::names_of(steps);
    const Detected found = detect(leaf.texts);
    MaskerSpec masker = judge_leaf(tables.at(names.above), column_of(names.own, leaf), leaf, found);
    // A word that is kept says nothing of the objects and lists that stand there in other documents.
    if (masker.name == "keep" && tree_.is_branch(steps)) masker = spec("hash");
    paths_.push_back({.path = JsonTree::path_of(steps),
                      .masker = std::move(masker),
                      .texts = leaf.texts,
                      .values = found.values});
  }
}

void JsonLook::tell_names(KnownNames& names) const {
  for (const Path& each : paths_) {
    if (holds_names(each.masker)) names.add(database_, where_, each.texts);
  }
}

void JsonLook::propose(const KnownNames& names, Proposal& proposal) {
  if (tree_.join_by_names(names, database_)) judge_paths();
  if (too_many_) {
    proposal.evidence = fmt::format("{} documents with more than {} paths", read_ + broken_, kPathsMax);
    return;
  }
  if (paths_.empty()) {
    if (read_ + broken_ > 0)
      proposal.evidence += fmt::format("; {} documents without members", read_ + broken_);
    return;
  }
  proposal.masker = spec("json");
  std::vector<MaskerPath>& proposed = proposal.masker.paths;
  size_t masked = 0;
  for (const Path& each : paths_) {
    const bool kept = each.masker.name == "keep" && !names.found_in(each.texts).tells(each.values);
    if (!kept) ++masked;
    proposed.push_back({each.path, each.masker.name == "keep" && !kept ? spec("hash") : each.masker});
  }
  proposal.evidence =
      fmt::format("{} documents with {} paths, {} of them masked; what is not named is hashed",
                  read_ + broken_, paths_.size(), masked);
  if (broken_ > 0) proposal.evidence += fmt::format("; {} documents are too long to be read whole", broken_);
  for (const JsonTree::Joined& joined : tree_.joined()) {
    const std::string place = JsonTree::path_of(joined.place);
    proposed.push_back({place + ".*~", spec("hash")});
    // What `.*` says would hold for what is in them, too.
    for (const std::string& branch : joined.branches) {
      const bool said = std::any_of(proposed.begin(), proposed.end(),
                                    [&](const MaskerPath& each) { return each.path == place + branch; });
      if (!said) proposed.push_back({place + branch, spec("hash")});
    }
    proposal.evidence +=
        fmt::format("; keys of {} are masked: {}", place,
                    joined.known_from.empty() ? "they are too many to be a program's words"
                                              : "they are names that stand in " + joined.known_from);
  }
}

}  // namespace ytb::masking
