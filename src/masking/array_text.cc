#include "masking/array_text.h"

namespace ytb::masking {
namespace {

bool is_structure(char c) { return c == '{' || c == '}' || c == ','; }

}  // namespace

bool take_array_element(std::string_view& rest, ArrayElement& element, std::string& text) {
  text.clear();
  element.null = false;
  size_t at = rest.starts_with('[') ? rest.find('{') : 0;
  if (at == std::string_view::npos) return false;
  while (at < rest.size() && is_structure(rest[at])) ++at;
  if (at == 0 && !rest.empty()) return false;  // an element has something before it
  element.between = rest.substr(0, at);
  if (at == rest.size()) {
    rest = {};
    return false;
  }
  const bool quoted = rest[at] == '"';
  if (quoted) ++at;
  for (; at < rest.size(); ++at) {
    const char c = rest[at];
    if (quoted ? c == '"' : is_structure(c)) break;
    if (!quoted && c == '"') return false;
    if (c == '\\' && ++at == rest.size()) return false;
    text.push_back(rest[at]);
  }
  if (at >= rest.size()) return false;  // its end is missing
  element.null = !quoted && text == "NULL";
  rest.remove_prefix(quoted ? at + 1 : at);
  return true;
}

}  // namespace ytb::masking
