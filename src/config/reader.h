// MapReader: reads one mapping strictly. Each key is asked for once; what nobody asked for is an unknown key.
// Private to the config room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "config/diagnostics.h"
#include "config/yaml_tree.h"

namespace ytb::config {

class MapReader {
 public:
  // `what`: how messages call this mapping, e.g. "production 'shop'". A node that is no mapping is an error,
  // and then every key reads as absent.
  MapReader(Diagnostics& diagnostics, const YamlNode& node, std::string what);
  // A key that was not asked for by now is an error.
  void finish();

  // The raw node of a key; nullptr where absent.
  const YamlNode* take(std::string_view key);
  // Typed reads; the fallback where the key is absent or (after an error) wrong.
  std::string text(std::string_view key, std::string fallback = {});
  bool boolean(std::string_view key, bool fallback);
  int64_t integer(std::string_view key, int64_t fallback, int64_t low, int64_t high);
  std::optional<Duration> duration(std::string_view key);
  // A list of texts; one text alone counts as a list of one.
  std::vector<std::string> texts(std::string_view key);

  [[nodiscard]] const YamlNode& node() const { return node_; }
  [[nodiscard]] bool is_mapping() const { return node_.kind == YamlNode::Kind::kMapping; }
  [[nodiscard]] const std::string& what() const { return what_; }
  // Neither the key nor a misspelling of it is there: the misspelling is reported as such, once is enough.
  [[nodiscard]] bool lacks(std::string_view key) const;
  // An error about this mapping as a whole.
  void complain(std::string message);

 private:
  Diagnostics& diagnostics_;
  const YamlNode& node_;
  std::string what_;
  std::vector<std::string> known_;
};

// The text of a scalar; an error naming `key` and nullopt for anything else.
std::optional<std::string> scalar_text(Diagnostics& diagnostics, const YamlNode& node, std::string_view key);

}  // namespace ytb::config
