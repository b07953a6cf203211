#include "config/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.h"

namespace ytb::config {
namespace {

constexpr size_t kTextMax = 64 * 1024;

std::string_view name_of(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kScalar:
      return "text";
    case YamlNode::Kind::kSequence:
      return "a list";
    case YamlNode::Kind::kMapping:
      return "a mapping";
  }
  return "nothing";
}

}  // namespace

std::optional<std::string> scalar_text(Diagnostics& diagnostics, const YamlNode& node, std::string_view key) {
  if (node.kind != YamlNode::Kind::kScalar) {
    diagnostics.add(node.mark, fmt::format("'{}' takes text, not {}", printable(key), name_of(node.kind)));
    return std::nullopt;
  }
  if (node.text.size() > kTextMax) {
    diagnostics.add(node.mark, fmt::format("'{}' is longer than {} bytes", printable(key), kTextMax));
    return std::nullopt;
  }
  return node.text;
}

MapReader::MapReader(Diagnostics& diagnostics, const YamlNode& node, std::string what)
    : diagnostics_(diagnostics), node_(node), what_(std::move(what)) {
  if (!is_mapping()) {
    diagnostics_.add(node_.mark, fmt::format("{} takes a mapping, not {}", what_, name_of(node_.kind)));
  }
}

void MapReader::finish() {
  bool listed = false;
  for (const auto& [key, value] : node_.entries) {
    if (std::find(known_.begin(), known_.end(), key.text) != known_.end()) continue;
    std::string hint = did_you_mean(key.text, known_);
    // Once is enough.
    if (hint.empty() && !listed) {
      hint = fmt::format("; it takes {}", join(known_, ", "));
      listed = true;
    }
    diagnostics_.add(key.mark, fmt::format("unknown key '{}' in {}{}", printable(key.text), what_, hint),
                     key.width(), Diagnostics::Show::kUpToHere);
  }
}

const YamlNode* MapReader::take(std::string_view key) {
  known_.emplace_back(key);
  return node_.find(key);
}

std::string MapReader::text(std::string_view key, std::string fallback) {
  const YamlNode* node = take(key);
  if (node == nullptr) return fallback;
  std::optional<std::string> text = scalar_text(diagnostics_, *node, key);
  if (!text) return fallback;
  if (text->empty()) diagnostics_.add(node->mark, fmt::format("'{}' is empty", key));
  // Only passwords and keys are references; a literal ${…} anywhere else would surprise later.
  if (text->find("${") != std::string::npos) {
    diagnostics_.add(node->mark,
                     fmt::format("'{}' does not expand ${{…}}: only passwords and keys are references", key),
                     node->width());
  }
  return *text;
}

bool MapReader::boolean(std::string_view key, bool fallback) {
  const YamlNode* node = take(key);
  if (node == nullptr) return fallback;
  if (node->kind == YamlNode::Kind::kScalar && node->plain) {
    if (node->text == "true") return true;
    if (node->text == "false") return false;
  }
  diagnostics_.add(node->mark, fmt::format("'{}' takes true or false", key), node->width());
  return fallback;
}

int64_t MapReader::integer(std::string_view key, int64_t fallback, int64_t low, int64_t high) {
  const YamlNode* node = take(key);
  if (node == nullptr) return fallback;
  int64_t value = 0;
  const char* end = node->text.data() + node->text.size();
  auto [stop, problem] = std::from_chars(node->text.data(), end, value);
  if (node->kind == YamlNode::Kind::kScalar && node->plain && problem == std::errc() && stop == end &&
      value >= low && value <= high) {
    return value;
  }
  diagnostics_.add(node->mark,
                   low == high
                       ? fmt::format("'{}' takes {}, which is the only one that this program reads", key, low)
                       : fmt::format("'{}' takes a whole number from {} to {}", key, low, high),
                   node->width());
  return fallback;
}

std::optional<Duration> MapReader::duration(std::string_view key) {
  const YamlNode* node = take(key);
  if (node == nullptr) return std::nullopt;
  std::optional<std::string> text = scalar_text(diagnostics_, *node, key);
  if (!text) return std::nullopt;
  Result<Duration> parsed = parse_duration(*text);
  if (parsed.ok()) return *parsed;
  diagnostics_.add(node->mark, fmt::format("'{}': {}", key, parsed.error().message), node->width());
  return std::nullopt;
}

std::vector<std::string> MapReader::texts(std::string_view key) {
  const YamlNode* node = take(key);
  if (node == nullptr) return {};
  std::vector<std::string> list;
  if (node->kind != YamlNode::Kind::kSequence) {
    if (std::optional<std::string> text = scalar_text(diagnostics_, *node, key)) {
      list.push_back(std::move(*text));
    }
    return list;
  }
  for (const YamlNode& item : node->items) {
    if (std::optional<std::string> text = scalar_text(diagnostics_, item, key)) {
      list.push_back(std::move(*text));
    }
  }
  return list;
}

bool MapReader::lacks(std::string_view key) const {
  const std::vector<std::string> wanted{std::string(key)};
  return std::none_of(node_.entries.begin(), node_.entries.end(), [&](const auto& entry) {
    return entry.first.text == key || !nearest(entry.first.text, wanted).empty();
  });
}

void MapReader::complain(std::string message) {
  // A block mapping begins with its first key; only that is shown, as more could be a secret.
  const bool block = is_mapping() && !node_.entries.empty() &&
                     node_.entries.front().first.mark.line == node_.mark.line &&
                     node_.entries.front().first.mark.column == node_.mark.column;
  diagnostics_.add(node_.mark, std::move(message), block ? node_.entries.front().first.width() : 1,
                   Diagnostics::Show::kUpToHere);
}

}  // namespace ytb::config
