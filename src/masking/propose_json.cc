#include "masking/propose_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "masking/detect.h"
#include "masking/guess.h"
#include "masking/names.h"

namespace ytb::masking {
namespace {

constexpr size_t kPathsMax = 200;
constexpr size_t kDepthMax = 8;
constexpr size_t kDocumentsMax = 200;
constexpr size_t kValuesMax = 200;  // of one path

struct Leaf {
  std::string name;    // the last member on its path
  std::string parent;  // the one before
  std::vector<std::string> texts;
  bool whole = false;    // holds whole numbers
  bool decimal = false;  // holds other numbers
  bool truth = false;    // holds true or false
};
using Leaves = std::map<std::string, Leaf>;  // by path

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$'; }

// Members that are a program's words. Others (addresses, numbers) are data: the masker hashes them.
bool is_member(std::string_view name) {
  constexpr size_t kSizeMax = 64;
  return !name.empty() && name.size() <= kSizeMax && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-'; });
}

std::string path_of(const std::string& parent, std::string_view name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) { return c != '-' && c != '$'; });
  return plain ? fmt::format("{}.{}", parent, name) : fmt::format("{}[\"{}\"]", parent, name);
}

// Collects leaves while a document is parsed, so that one that was cut short gives what it has.
class Collector {
 public:
  explicit Collector(Leaves& leaves) : leaves_(leaves) {}

  bool null() { return true; }
  bool boolean(bool /*value*/) {
    if (Leaf* leaf = here()) leaf->truth = true;
    return true;
  }
  bool number_integer(int64_t /*value*/) { return number(true); }
  bool number_unsigned(uint64_t /*value*/) { return number(true); }
  bool number_float(double /*value*/, const std::string& /*text*/) { return number(false); }
  bool string(const std::string& value) {
    if (Leaf* leaf = here(); leaf != nullptr && leaf->texts.size() < kValuesMax) leaf->texts.push_back(value);
    return true;
  }
  bool binary(const std::vector<uint8_t>& /*value*/) { return true; }
  bool start_object(size_t /*size*/) { return begin(false); }
  bool start_array(size_t /*size*/) { return begin(true); }
  bool end_object() { return end(); }
  bool end_array() { return end(); }
  bool key(const std::string& name) {
    Place& place = places_.back();
    place.member = name;
    place.known = place.named && is_member(name);
    return true;
  }
  static bool parse_error(size_t /*at*/, const std::string& /*token*/,
                          const nlohmann::detail::exception& /*error*/) {
    return false;
  }

 private:
  struct Place {
    std::string path;    // of the object or list
    std::string name;    // the member that it is
    std::string parent;  // and the one above
    bool list = false;
    bool named = true;  // every member above is a program's word
    std::string member;
    bool known = false;  // whether `member` has a path
  };

  // The path of the value that comes next, and its names; false: it has none.
  bool next(std::string& path, std::string& name, std::string& parent) const {
    if (places_.empty()) {
      path = "$";
      return true;
    }
    const Place& place = places_.back();
    if (place.list ? !place.named : !place.known) return false;
    path = place.list ? place.path + "[*]" : path_of(place.path, place.member);
    name = place.list ? place.name : place.member;
    parent = place.list ? place.parent : place.name;
    return true;
  }

  Leaf* here() {
    std::string path, name, parent;
    if (places_.size() > kDepthMax || !next(path, name, parent)) return nullptr;
    if (leaves_.size() > kPathsMax && !leaves_.contains(path)) return nullptr;
    Leaf& leaf = leaves_[path];
    leaf.name = std::move(name);
    leaf.parent = std::move(parent);
    return &leaf;
  }
  bool number(bool whole) {
    if (Leaf* leaf = here()) (whole ? leaf->whole : leaf->decimal) = true;
    return true;
  }
  bool begin(bool list) {
    Place place;
    place.list = list;
    place.named = next(place.path, place.name, place.parent);
    places_.push_back(std::move(place));
    return true;
  }
  bool end() {
    places_.pop_back();
    return true;
  }

  Leaves& leaves_;
  std::vector<Place> places_;
};

MaskerSpec spec(std::string_view name) {
  MaskerSpec made;
  made.name = name;
  return made;
}

// A leaf as the column of a table that it would be.
Column column_of(const Leaf& leaf) {
  Column column;
  column.name = leaf.name;
  column.type_class = !leaf.texts.empty() ? TypeClass::kText
                      : leaf.decimal      ? TypeClass::kNumber
                      : leaf.whole        ? TypeClass::kInteger
                                          : TypeClass::kBoolean;
  column.base_type = !leaf.texts.empty() ? "text" : leaf.decimal ? "float8" : leaf.whole ? "int8" : "bool";
  return column;
}

// What becomes of one leaf: its name as a column's would be judged, then its values. What nobody knows is
// hashed: a few distinct words are the names of a few people as well as a code.
MaskerSpec judge_leaf(const Table& table, const Leaf& leaf, const Detected& found) {
  const Guess guess = guess_column(table, column_of(leaf));
  const bool kept = guess.masker.name == "keep";
  if (!kept && guess.masker.name != "judge") return guess.masker;
  if (leaf.texts.empty()) return spec(kept ? "keep" : "hash");
  const bool most = found.matches > 0 && found.matches * 2 >= found.values;
  if (!kept) return spec(most && !found.masker.empty() ? found.masker : "hash");
  if (most && found.weight == Weight::kDecides) return spec(found.masker);
  const bool doubtful = found.mentions > 0 || (most && found.weight == Weight::kDoubts);
  return spec(doubtful ? "hash" : "keep");
}

// The tables that leaves would be columns of: the members of one object.
std::map<std::string, Table> tables_of(const Table& table, const Column& column, const Leaves& leaves) {
  std::map<std::string, Table> tables;
  for (const auto& [path, leaf] : leaves) {
    Table& rows = tables[leaf.parent];
    rows.name.name = leaf.parent.empty() ? table.name.name + "_" + column.name : leaf.parent;
    rows.columns.push_back(column_of(leaf));
  }
  return tables;
}

}  // namespace

JsonLook::JsonLook(const Table& table, const Column& column, const std::vector<std::string>& documents)
    : where_(to_string(table.name, column.name)) {
  Leaves leaves;
  for (const std::string& text : documents) {
    if (read_ + broken_ == kDocumentsMax) break;
    Collector collector(leaves);
    ++(nlohmann::json::sax_parse(text, &collector) ? read_ : broken_);
  }
  leaves.erase("$");
  too_many_ = leaves.size() > kPathsMax;
  if (too_many_) return;
  const std::map<std::string, Table> tables = tables_of(table, column, leaves);
  for (auto& [path, leaf] : leaves) {
    const Detected found = detect(leaf.texts);
    MaskerSpec masker = judge_leaf(tables.at(leaf.parent), leaf, found);
    paths_.push_back(
        {.path = path, .masker = std::move(masker), .texts = std::move(leaf.texts), .values = found.values});
  }
}

void JsonLook::tell_names(KnownNames& names) const {
  for (const Path& each : paths_) {
    if (holds_names(each.masker)) names.add(where_, each.texts);
  }
}

void JsonLook::propose(const KnownNames& names, Proposal& proposal) const {
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
  size_t masked = 0;
  for (const Path& each : paths_) {
    const bool kept = each.masker.name == "keep" && !names.found_in(each.texts).tells(each.values);
    if (!kept) ++masked;
    proposal.masker.paths.push_back(
        {each.path, each.masker.name == "keep" && !kept ? spec("hash") : each.masker});
  }
  proposal.evidence =
      fmt::format("{} documents with {} paths, {} of them masked; what is not named is hashed",
                  read_ + broken_, paths_.size(), masked);
  if (broken_ > 0) proposal.evidence += fmt::format("; {} documents are too long to be read whole", broken_);
}

}  // namespace ytb::masking
