#include "masking/json_tree.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "masking/json_text.h"

namespace ytb::masking {
namespace {

constexpr size_t kDepthMax = 8;
constexpr size_t kLeavesMax = 5'000;
constexpr size_t kMembersMax = 5'000;
constexpr std::string_view kElement = "[*]";
constexpr std::string_view kAnyMember = ".*";
constexpr std::string_view kBracket = "[\"";

std::string step_of(std::string_view member) {
  const bool plain = std::all_of(member.begin(), member.end(), [](char c) { return c != '-' && c != '$'; });
  return plain ? fmt::format(".{}", member) : fmt::format("{}{}\"]", kBracket, member);
}

// "" where the step has no name of its own.
std::string_view member_of(std::string_view step) {
  if (step == kElement || step == kAnyMember) return {};
  if (step.starts_with(kBracket)) return step.substr(kBracket.size(), step.size() - kBracket.size() - 2);
  return step.substr(1);
}

bool is_under(const JsonTree::Steps& steps, const JsonTree::Steps& place) {
  return steps.size() > place.size() && std::equal(place.begin(), place.end(), steps.begin());
}

void merge(std::vector<std::string>& into, std::vector<std::string>& from) {
  const size_t room = JsonTree::kValuesMax - std::min(into.size(), JsonTree::kValuesMax);
  std::move(from.begin(), from.begin() + static_cast<ptrdiff_t>(std::min(room, from.size())),
            std::back_inserter(into));
}

}  // namespace

// Collects while a document is parsed, so that one that was cut short gives what it has.
class JsonTree::Collector {
 public:
  explicit Collector(JsonTree& tree) : tree_(tree) {}

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
  bool start_object(size_t /*size*/) {
    if (!begin()) return true;
    places_.back().object = &tree_.objects_[steps_];
    ++places_.back().object->seen;
    return true;
  }
  bool start_array(size_t /*size*/) {
    if (begin()) tree_.lists_.insert(steps_);
    if (!places_.back().named) return true;
    places_.back().known = true;
    steps_.emplace_back(kElement);
    return true;
  }
  bool end_object() { return end(); }
  bool end_array() { return end(); }
  // A member that is no program's word has no path: masking takes it for data in any case.
  bool key(const std::string& name) {
    Place& place = places_.back();
    if (place.known) steps_.pop_back();
    place.known = place.named && is_plain_json_key(name) && !name.empty();
    if (!place.known) return true;
    steps_.push_back(step_of(name));
    if (place.object == nullptr) return true;
    std::map<std::string, size_t>& members = place.object->members;
    const auto found = members.find(steps_.back());
    if (found != members.end()) {
      ++found->second;
    } else if (tree_.members_ < kMembersMax) {
      members.emplace(steps_.back(), 1);
      ++tree_.members_;
    } else {
      steps_.pop_back();
      place.known = false;
    }
    return true;
  }
  static bool parse_error(size_t /*at*/, const std::string& /*token*/,
                          const nlohmann::detail::exception& /*error*/) {
    return false;
  }

 private:
  struct Place {
    bool named = true;   // every member above has a path
    bool known = false;  // whether the member that comes next has, or the elements: their step is the last
    Object* object = nullptr;
  };

  [[nodiscard]] bool has_path() const { return places_.empty() || places_.back().known; }

  Leaf* here() {
    if (places_.empty() || !has_path() || places_.size() > kDepthMax) return nullptr;
    const auto found = tree_.leaves_.find(steps_);
    if (found != tree_.leaves_.end()) return &found->second;
    return tree_.leaves_.size() < kLeavesMax ? &tree_.leaves_[steps_] : nullptr;
  }
  bool number(bool whole) {
    if (Leaf* leaf = here()) (whole ? leaf->whole : leaf->decimal) = true;
    return true;
  }
  // Returns whether what begins has a path that is looked at.
  bool begin() {
    const bool named = has_path();
    places_.push_back({.named = named});
    return named && places_.size() <= kDepthMax;
  }
  bool end() {
    if (places_.back().known) steps_.pop_back();
    places_.pop_back();
    return true;
  }

  JsonTree& tree_;
  Steps steps_;
  std::vector<Place> places_;
};

std::string JsonTree::path_of(const Steps& steps) { return fmt::format("${}", fmt::join(steps, "")); }

JsonTree::Names JsonTree::names_of(const Steps& steps) {
  Names names;
  size_t left = steps.size();
  while (left > 0 && names.own.empty()) names.own = member_of(steps[--left]);
  while (left > 0 && names.above.empty()) names.above = member_of(steps[--left]);
  return names;
}

bool JsonTree::read(const std::string& document) {
  Collector collector(*this);
  return nlohmann::json::sax_parse(document, &collector);
}

bool JsonTree::is_branch(const Steps& steps) const {
  return objects_.contains(steps) || lists_.contains(steps);
}

JsonTree::Members JsonTree::rare_members(const Object& object, size_t share) {
  Members rare;
  for (const auto& [step, count] : object.members) {
    if (count * share < object.seen) rare.push_back(step);
  }
  return rare;
}

// A program knows its words: it has not a hundred of them at one place, nor many that hardly any object has.
JsonTree::Members JsonTree::many_members(const Object& object) {
  constexpr size_t kManyMembers = 100;
  constexpr size_t kManyObjects = 10;
  constexpr size_t kHardlyAny = 10;  // one in so many objects
  constexpr size_t kManyRare = 30;
  Members rare = rare_members(object, kHardlyAny);
  if (object.seen >= kManyObjects && rare.size() >= kManyRare) return rare;
  if (object.members.size() <= kManyMembers) return {};
  rare.clear();
  for (const auto& [step, count] : object.members) rare.push_back(step);
  return rare;
}

// A word may be somebody's name, too ("mark_read", "page"): what most objects have is none, and it takes
// several.
JsonTree::Members JsonTree::named_members(Object& object, const KnownNames& known,
                                          const std::string& database) {
  constexpr size_t kFewObjects = 5;  // say nothing of what is rare
  constexpr size_t kNamed = 2;
  constexpr size_t kNamedInFew = 3;
  constexpr size_t kShare = 3;  // one in so many
  const bool few = object.seen < kFewObjects;
  Members rare = rare_members(object, few ? 0 : 2);
  std::vector<std::string> names;
  for (const std::string& step : rare) {
    std::vector<std::string> one = {std::string(member_of(step))};
    if (known.found_in(one).values > 0) names.push_back(std::move(one.front()));
  }
  if (names.size() < (few ? kNamedInFew : kNamed) || names.size() * kShare < rare.size()) return {};
  object.known_from = known.found_in(names).where(database);
  return rare;
}

void JsonTree::join(const Steps& place, const Members& members) {
  const auto joined = [&](const Steps& steps) {
    return is_under(steps, place) && std::binary_search(members.begin(), members.end(), steps[place.size()]);
  };
  const auto moved = [&](Steps steps) {
    steps[place.size()] = kAnyMember;
    return steps;
  };
  std::map<Steps, Leaf> leaves;
  for (auto& [steps, leaf] : leaves_) {
    if (!joined(steps)) {
      leaves[steps] = std::move(leaf);
      continue;
    }
    Leaf& into = leaves[moved(steps)];
    merge(into.texts, leaf.texts);
    into.whole = into.whole || leaf.whole;
    into.decimal = into.decimal || leaf.decimal;
    into.truth = into.truth || leaf.truth;
  }
  leaves_ = std::move(leaves);
  std::map<Steps, Object> objects;
  for (auto& [steps, object] : objects_) {
    Object& into = objects[joined(steps) ? moved(steps) : steps];
    into.seen += object.seen;
    for (const auto& [member, count] : object.members) into.members[member] += count;
    into.joined = into.joined || object.joined;
    if (into.known_from.empty()) into.known_from = std::move(object.known_from);
  }
  objects_ = std::move(objects);
  std::set<Steps> lists;
  for (const Steps& steps : lists_) lists.insert(joined(steps) ? moved(steps) : steps);
  lists_ = std::move(lists);
  Object& object = objects_[place];
  object.joined = true;
  for (const std::string& member : members) object.members.erase(member);
}

// From the top down: what is joined may be one of many objects below.
template <class MembersOf>
bool JsonTree::join_where(const MembersOf& members_of) {
  bool any = false;
  for (auto at = objects_.begin(); at != objects_.end();) {
    const Steps place = at->first;
    if (Members members = members_of(at->second); !members.empty()) {
      join(place, members);
      any = true;
    }
    at = objects_.upper_bound(place);
  }
  return any;
}

void JsonTree::join_by_number() {
  join_where([](const Object& object) { return many_members(object); });
}

bool JsonTree::join_by_names(const KnownNames& known, const std::string& database) {
  if (known.empty()) return false;
  return join_where([&](Object& object) { return named_members(object, known, database); });
}

std::vector<JsonTree::Joined> JsonTree::joined() const {
  std::vector<Joined> found;
  for (const auto& [steps, object] : objects_) {
    if (!object.joined) continue;
    Joined& one = found.emplace_back(Joined{.place = steps, .known_from = object.known_from, .branches = {}});
    for (const auto& [member, count] : object.members) {
      Steps below = steps;
      below.push_back(member);
      if (is_branch(below)) one.branches.push_back(member);
    }
  }
  return found;
}

}  // namespace ytb::masking
