#include "masking/json_path.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ytb::masking {
namespace {

struct Step {
  enum class Kind { kMember, kAnyMember, kAnyElement, kKeys } kind = Kind::kMember;
  std::string key;
};

Error path_error(std::string_view path, std::string_view what) {
  return {.code = Code::kPolicy,
          .message = fmt::format("json path '{}' {}", printable(path), what),
          .hint = "paths look like $.contact.email, $.items[*].name, $[\"odd key\"] and $.*; $.*~ are keys"};
}

// `["key"]` or `[*]` at the start of `rest`, taken from it.
bool take_bracket(std::string_view& rest, Step& step) {
  if (rest.starts_with("[*]")) {
    step.kind = Step::Kind::kAnyElement;
    rest.remove_prefix(3);
    return true;
  }
  if (rest.size() < 4 || (rest[1] != '"' && rest[1] != '\'')) return false;
  const char quote = rest[1];
  size_t i = 2;
  for (; i < rest.size() && rest[i] != quote; ++i) {
    if (rest[i] == '\\' && ++i == rest.size()) return false;
    step.key.push_back(rest[i]);
  }
  if (i + 1 >= rest.size() || rest[i + 1] != ']') return false;
  rest.remove_prefix(i + 2);
  return true;
}

// `.key` or `.*` at the start of `rest`, taken from it.
bool take_dot(std::string_view& rest, Step& step) {
  rest.remove_prefix(1);
  size_t end = std::min(rest.find_first_of(".["), rest.size());
  std::string_view key = rest.substr(0, end);
  if (key.empty() || key.find_first_of("]\"' ") != std::string_view::npos) return false;
  rest.remove_prefix(end);
  if (key == "*" || key == "*~") {
    step.kind = key == "*" ? Step::Kind::kAnyMember : Step::Kind::kKeys;
    return step.kind == Step::Kind::kAnyMember || rest.empty();
  }
  if (key.find('*') != std::string_view::npos) return false;
  step.key = key;
  return true;
}

Result<std::vector<Step>> parse_path(std::string_view path) {
  std::vector<Step> steps;
  if (path == "*") return steps;
  std::string_view rest = path;
  if (!rest.starts_with('$')) return path_error(path, "does not begin with $");
  rest.remove_prefix(1);
  while (!rest.empty()) {
    if (steps.size() == JsonPaths::kStepsMax) {
      return path_error(path, fmt::format("has more than {} steps", JsonPaths::kStepsMax));
    }
    Step step;
    bool taken = rest.front() == '[' ? take_bracket(rest, step) : rest.front() == '.' && take_dot(rest, step);
    if (!taken) return path_error(path, fmt::format("cannot be read after {} steps", steps.size()));
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace

int JsonPaths::new_node() {
  nodes_.emplace_back();
  return static_cast<int>(nodes_.size()) - 1;
}

Status JsonPaths::add(std::string_view path, int rule) {
  YTB_ASSIGN(std::vector<Step> steps, parse_path(path));
  const bool of_keys = !steps.empty() && steps.back().kind == Step::Kind::kKeys;
  if (of_keys) steps.pop_back();
  int node = root();
  for (Step& step : steps) {
    int next = kNone;
    if (step.kind == Step::Kind::kMember) {
      auto found = at(node).members.find(step.key);
      next = found == at(node).members.end() ? kNone : found->second;
    } else {
      next = step.kind == Step::Kind::kAnyMember ? at(node).any_member : at(node).any_element;
    }
    if (next == kNone) {
      next = new_node();
      if (step.kind == Step::Kind::kMember) {
        at(node).members.emplace(std::move(step.key), next);
      } else {
        (step.kind == Step::Kind::kAnyMember ? at(node).any_member : at(node).any_element) = next;
      }
    }
    node = next;
  }
  int& said = of_keys ? at(node).keys_rule : at(node).rule;
  if (said != kNone) return path_error(path, "stands there twice");
  said = rule;
  return {};
}

// The node that says what `target` says and, where that is silent, what `source` says.
int JsonPaths::laid_over(int target, int source) {
  if (source == kNone || nodes_.size() >= kNodesMax) return target;
  if (target == kNone) target = new_node();
  overlay(target, source);
  return target;
}

void JsonPaths::overlay(int target, int source) {
  if (at(target).rule == kNone) at(target).rule = at(source).rule;
  if (at(target).keys_rule == kNone) at(target).keys_rule = at(source).keys_rule;
  const auto members = at(source).members;  // copies: new nodes move the vector
  for (const auto& [key, child] : members) {
    auto found = at(target).members.find(key);
    int merged = laid_over(found == at(target).members.end() ? kNone : found->second, child);
    if (merged != kNone) at(target).members[key] = merged;
  }
  int any_member = laid_over(at(target).any_member, at(source).any_member);
  at(target).any_member = any_member;
  int any_element = laid_over(at(target).any_element, at(source).any_element);
  at(target).any_element = any_element;
}

void JsonPaths::spread(int node) {
  const auto members = at(node).members;
  for (const auto& [key, child] : members) {
    if (at(node).any_member != kNone && nodes_.size() < kNodesMax) overlay(child, at(node).any_member);
    spread(child);
  }
  if (at(node).any_member != kNone) spread(at(node).any_member);
  if (at(node).any_element != kNone) spread(at(node).any_element);
}

Status JsonPaths::finish() {
  spread(root());
  if (nodes_.size() < kNodesMax) return {};
  return Error{
      .code = Code::kPolicy,
      .message = fmt::format("the json paths and their wildcards come to more than {} places", kNodesMax),
      .hint = "use fewer wildcards beside named keys"};
}

int JsonPaths::member(int node, std::string_view key) const {
  if (node == kNone) return kNone;
  const Node& here = nodes_[static_cast<size_t>(node)];
  if (here.members.empty()) return here.any_member;
  auto found = here.members.find(key);
  return found == here.members.end() ? here.any_member : found->second;
}

int JsonPaths::element(int node) const {
  return node == kNone ? kNone : nodes_[static_cast<size_t>(node)].any_element;
}

bool JsonPaths::names(int node, std::string_view key) const {
  return node != kNone && nodes_[static_cast<size_t>(node)].members.contains(key);
}

bool JsonPaths::goes_on(int node) const {
  if (node == kNone) return false;
  const Node& here = nodes_[static_cast<size_t>(node)];
  return !here.members.empty() || here.any_member != kNone || here.any_element != kNone;
}

}  // namespace ytb::masking
