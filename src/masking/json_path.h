// The paths of a json policy, as one tree that is walked beside the document.
//
//   $            the document          $.key  $["any key"]   a member
//   $.*          every member          $[*]                  every element
//   $.*~         the keys of an object, but for those that another path names
// A path judges everything beneath it, unless a longer path judges a part of that; at one depth a named key
// goes before a wildcard. `*` alone means `$`.
//
// Private to the masking room. Immutable once made.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ytb::masking {

class JsonPaths {
 public:
  static constexpr int kNone = -1;
  static constexpr size_t kStepsMax = 64;
  static constexpr size_t kNodesMax = 10'000;

  JsonPaths() : nodes_(1) {}
  // Error: kPolicy, a fact without a place.
  Status add(std::string_view path, int rule);
  // After the last add(): lays what wildcards say over the named keys beside them.
  Status finish();

  [[nodiscard]] int root() const { return 0; }
  // The node of a member or element; kNone: no path leads there. `node` may be kNone.
  [[nodiscard]] int member(int node, std::string_view key) const;
  [[nodiscard]] int element(int node) const;
  // Whether a path names this key itself.
  [[nodiscard]] bool names(int node, std::string_view key) const;
  // What is said of the node itself; kNone: what is said above it.
  [[nodiscard]] int rule(int node) const {
    return node == kNone ? kNone : nodes_[static_cast<size_t>(node)].rule;
  }
  // What is said of the keys of an object at the node; kNone: nothing.
  [[nodiscard]] int keys_rule(int node) const {
    return node == kNone ? kNone : nodes_[static_cast<size_t>(node)].keys_rule;
  }
  // Whether a path goes on to values below the node.
  [[nodiscard]] bool goes_on(int node) const;

 private:
  struct Node {
    std::map<std::string, int, std::less<>> members;
    int any_member = kNone;
    int any_element = kNone;
    int rule = kNone;
    int keys_rule = kNone;
  };
  Node& at(int node) { return nodes_[static_cast<size_t>(node)]; }
  int new_node();
  void overlay(int target, int source);
  int laid_over(int target, int source);
  void spread(int node);

  std::vector<Node> nodes_;
};

}  // namespace ytb::masking
