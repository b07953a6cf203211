#include "masking/yaml_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"
#include "masking/names.h"

namespace ytb::masking {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string yaml_scalar(std::string_view text) {
  bool plain = !text.empty() && (is_letter(text.front()) || text.front() == '_');
  for (char c : text) plain = plain && (is_letter(c) || is_digit(c) || c == '_');
  // Words that YAML 1.1 or 1.2 reads as something else than text.
  constexpr std::array kReserved{"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  const std::string lower = to_lower_ascii(text);
  for (const char* word : kReserved) plain = plain && lower != word;
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += fmt::format("\\x{:02x}", byte);
    } else {
      quoted += c;
    }
  }
  quoted += '"';
  return quoted;
}

std::string yaml_key(std::string_view name) {
  // In a policy "*" is the wildcard and a leading quote opens an SQL name: such columns are written as SQL
  // names.
  if (name == "*" || (!name.empty() && name.front() == '"')) return yaml_scalar(quote_name(name));
  return yaml_scalar(name);
}

std::string settings_key(std::string_view database) {
  return database.empty() || database == "*" ? yaml_scalar("*") : yaml_key(database);
}

std::string yaml_key(const QualifiedName& table) {
  std::string text = to_string(table);
  // public.users needs no quotes of YAML's; anything that SQL quotes does.
  return text.find('"') == std::string::npos ? text : yaml_scalar(text);
}

std::string yaml_spec(const MaskerSpec& masker) {
  // `null` is YAML's own word; the policy reader takes it for the masker of that name.
  const std::string name = masker.name == "null" ? masker.name : yaml_scalar(masker.name);
  if (masker.params.empty() && masker.paths.empty()) return name;
  std::vector<std::string> parts;
  for (const auto& [key, value] : masker.params) {
    bool number = !value.empty() && std::all_of(value.begin(), value.end(), is_digit);
    parts.push_back(yaml_scalar(key) + ": " + (number ? value : yaml_scalar(value)));
  }
  for (const auto& [path, nested] : masker.paths) {
    parts.push_back(yaml_scalar(path) + ": " + yaml_spec(nested));
  }
  return fmt::format("{{{}: {{{}}}}}", name, fmt::join(parts, ", "));
}

}  // namespace ytb::masking
