// A YAML (or JSON) document as a tree with the place of every node. Private to the config room.
//
// Stricter than YAML: no anchors, aliases, tags or second document, no key twice, bounds on size, depth and
// number of nodes. What is refused lands in the Diagnostics.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/diagnostics.h"

namespace ytb::config {

struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMapping } kind = Kind::kNull;
  Mark mark{};
  std::string text{};  // of a scalar; of a null as it is written: "null", "~" or nothing
  bool plain = false;  // a scalar without quotes
  std::vector<YamlNode> items{};
  std::vector<std::pair<YamlNode, YamlNode>> entries{};  // keys are scalars

  [[nodiscard]] const YamlNode* find(std::string_view key) const;
  // Bytes to underline in an error.
  [[nodiscard]] size_t width() const;
};

struct YamlLimits {
  int depth_max = 24;
  size_t nodes_max = 100'000;
};

// nullopt: errors were added. An empty document is a null node.
std::optional<YamlNode> read_yaml(Diagnostics& diagnostics, const YamlLimits& limits);

}  // namespace ytb::config
