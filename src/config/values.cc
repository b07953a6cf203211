#include "config/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "config/config_rules.h"

namespace ytb::config {

void Values::complain(MapReader& reader, std::string_view key, std::string message) const {
  const YamlNode* node = reader.node().find(key);
  if (node != nullptr) {
    diagnostics_.add(node->mark, std::move(message), node->width());
  } else {
    reader.complain(std::move(message));
  }
}

std::string Values::path(MapReader& reader, std::string_view key, std::string_view fallback) const {
  std::string text = reader.text(key, std::string(fallback));
  if (text.empty()) return text;
  if (auto wrong = wrong_with_path(text)) {
    complain(reader, key, fmt::format("'{}' {}", key, *wrong));
  } else if (is_remote(text)) {
    complain(reader, key, fmt::format("'{}' takes a path on this machine", key));
  } else if (is_remote(folder_) && text.front() != '/') {
    complain(reader, key,
             fmt::format("'{}' is relative ({}), and a config that lies with AWS has no folder: write an "
                         "absolute path",
                         key, printable(text)));
  }
  return resolve(folder_, text);
}

std::string Values::document(MapReader& reader, std::string_view key) const {
  const YamlNode* node = reader.node().find(key);
  if (node == nullptr || !is_remote(node->text)) {
    if (node == nullptr || !folder_.starts_with("s3://") || node->text.starts_with("/"))
      return path(reader, key, "");
    // Beside the config, in its bucket.
    return resolve(folder_, reader.text(key));
  }
  std::string text = reader.text(key);
  if (auto wrong = wrong_with_remote(text)) complain(reader, key, fmt::format("'{}' {}", key, *wrong));
  return text;
}

model::SecretRef Values::secret(MapReader& reader, std::string_view key, std::string_view fallback) const {
  const YamlNode* node = reader.take(key);
  std::string text(fallback);
  if (node != nullptr) {
    auto given = scalar_text(diagnostics_, *node, key);
    if (!given) return {};
    text = *given;
  }
  if (text.empty() && node == nullptr) return {};
  model::SecretRef reference = secret_reference(text, folder_);
  const Mark mark = node == nullptr ? reader.node().mark : node->mark;
  if (reference.empty()) {
    // The value is never shown: it may be the secret itself.
    diagnostics_.add(mark,
                     fmt::format("'{}' is not a reference: a secret in a config file ends up in git, backups "
                                 "and logs; write ${{NAME}} (an environment variable), file:PATH, "
                                 "secretsmanager:NAME or ssm:NAME",
                                 key));
  } else if (reference.kind == model::SecretRef::Kind::kFile && is_remote(reference.locator)) {
    diagnostics_.add(mark,
                     fmt::format("'{}' is a file beside this config, which lies with AWS: name the secret "
                                 "there, {}: secretsmanager:NAME or ssm:NAME",
                                 key, key));
  }
  return reference;
}

void Values::connection(MapReader& reader, SourceConfig& source) const {
  const YamlNode* node = reader.node().find("connection");
  source.connection = reader.text("connection");
  if (node != nullptr && holds_password(source.connection)) {
    diagnostics_.add(node->mark,
                     "'connection' holds a password: take it out and name it beside, password: ${NAME} or "
                     "password: file:PATH");
    source.connection.clear();
  }
  source.password = secret(reader, "password");
}

void Values::require_one_of(MapReader& reader, std::string_view key, const std::string& value,
                            const std::vector<std::string>& words) const {
  if (std::find(words.begin(), words.end(), value) != words.end()) return;
  complain(reader, key,
           fmt::format("'{}' takes {}, not '{}'{}", key, join(words, ", "), printable(value),
                       did_you_mean(value, words)));
}

std::map<std::string, std::string> Values::settings(MapReader& reader, std::string_view key) const {
  std::map<std::string, std::string> settings;
  const YamlNode* node = reader.take(key);
  if (node == nullptr) return settings;
  MapReader entries(diagnostics_, *node, fmt::format("'{}'", key));
  for (const auto& [name, value] : node->entries) {
    auto text = scalar_text(diagnostics_, value, name.text);
    if (!is_setting_name(name.text)) {
      diagnostics_.add(name.mark, fmt::format("'{}' is no name of a server setting", printable(name.text)),
                       name.width());
    } else if (text) {
      settings[name.text] = *text;
    }
  }
  return settings;
}

}  // namespace ytb::config
