#include "masking/code_text.h"

#include <algorithm>

namespace ytb::masking {
namespace {

struct Quoted {
  size_t begin;  // of what is inside
  size_t end;    // past it
  size_t next;   // past the closing quote
};

// From one quote to the next of its kind that is neither doubled nor behind a backslash.
Quoted quoted_from(std::string_view code, size_t at, bool backslashes) {
  const char quote = code[at];
  for (size_t i = at + 1; i < code.size(); ++i) {
    if (backslashes && code[i] == '\\') {
      ++i;
    } else if (code[i] == quote) {
      if (i + 1 < code.size() && code[i + 1] == quote) {
        ++i;
      } else {
        return {at + 1, i, i + 1};
      }
    }
  }
  return {at + 1, code.size(), code.size()};
}

Quoted up_to(std::string_view code, size_t begin, std::string_view closing) {
  const size_t end = std::min(code.find(closing, begin), code.size());
  return {begin, end, std::min(end + closing.size(), code.size())};
}

// SQL's comments nest.
Quoted nested_comment(std::string_view code, size_t at) {
  size_t depth = 1;
  size_t i = at + 2;
  for (; i + 1 < code.size(); ++i) {
    const bool opens = code[i] == '/' && code[i + 1] == '*';
    const bool closes = code[i] == '*' && code[i + 1] == '/';
    if (!opens && !closes) continue;
    opens ? ++depth : --depth;
    if (depth == 0) return {at + 2, i, i + 2};
    ++i;
  }
  return {at + 2, code.size(), code.size()};
}

bool is_tag_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// "$tag$" at `at`; "": there is none.
std::string_view dollar_tag(std::string_view code, size_t at) {
  size_t end = at + 1;
  while (end < code.size() && is_tag_letter(code[end])) ++end;
  return end < code.size() && code[end] == '$' ? code.substr(at, end + 1 - at) : std::string_view();
}

// The literal or comment that begins at `at`; false: none does.
bool literal_at(std::string_view code, size_t at, CodeOf language, Quoted& found) {
  const char c = code[at];
  const char next = at + 1 < code.size() ? code[at + 1] : '\0';
  if (c == '\'') {
    const bool escapes = at > 0 && (code[at - 1] == 'E' || code[at - 1] == 'e');
    found = quoted_from(code, at, escapes || language == CodeOf::kOther);
  } else if (c == '"' && language == CodeOf::kOther) {
    found = quoted_from(code, at, true);
  } else if (c == '-' && next == '-') {
    found = up_to(code, at + 2, "\n");
  } else if (c == '/' && next == '*') {
    found = language == CodeOf::kSql ? nested_comment(code, at) : up_to(code, at + 2, "*/");
  } else if (language == CodeOf::kOther && (c == '#' || (c == '/' && next == '/'))) {
    found = up_to(code, at + 1, "\n");
  } else if (c == '$' && (at == 0 || !is_tag_letter(code[at - 1]))) {  // a name may have one inside
    const std::string_view tag = dollar_tag(code, at);
    if (tag.empty()) return false;
    found = up_to(code, at + tag.size(), tag);
  } else {
    return false;
  }
  return true;
}

}  // namespace

void part_code(std::string_view code, CodeOf language,
               const std::function<void(std::string_view literal)>& take, std::string& around) {
  around.clear();
  for (size_t at = 0; at < code.size();) {
    Quoted found{};
    if (code[at] == '"' && language == CodeOf::kSql) {  // a name: what is in it opens nothing
      const size_t next = quoted_from(code, at, false).next;
      around.append(code.substr(at, next - at));
      at = next;
      continue;
    }
    if (!literal_at(code, at, language, found)) {
      around.push_back(code[at++]);
      continue;
    }
    around.push_back(' ');
    take(code.substr(found.begin, found.end - found.begin));
    at = found.next;
  }
}

}  // namespace ytb::masking
