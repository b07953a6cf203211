#include "masking/json_text.h"

#include <fmt/format.h>

#include <cstdint>

#include "masking/detect.h"

namespace ytb::masking {
namespace {

constexpr size_t kNone = std::string_view::npos;
constexpr size_t kUnicodeEscapeDigits = 4;
constexpr uint32_t kReplacement = 0xfffd;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Four hex digits at `at`; false: there are none.
bool read_unit(std::string_view text, size_t at, uint32_t& unit) {
  if (text.size() < at + kUnicodeEscapeDigits) return false;
  unit = 0;
  for (size_t i = 0; i < kUnicodeEscapeDigits; ++i) {
    int digit = hex_value(text[at + i]);
    if (digit < 0) return false;
    unit = unit * 16 + static_cast<uint32_t>(digit);
  }
  return true;
}

void append_utf8(uint32_t codepoint, std::string& out) {
  auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (codepoint < 0x80) {
    put(codepoint);
  } else if (codepoint < 0x800) {
    put(0xc0 | codepoint >> 6);
    put(0x80 | (codepoint & 0x3f));
  } else if (codepoint < 0x10000) {
    put(0xe0 | codepoint >> 12);
    put(0x80 | (codepoint >> 6 & 0x3f));
    put(0x80 | (codepoint & 0x3f));
  } else {
    put(0xf0 | codepoint >> 18);
    put(0x80 | (codepoint >> 12 & 0x3f));
    put(0x80 | (codepoint >> 6 & 0x3f));
    put(0x80 | (codepoint & 0x3f));
  }
}

// The character of the \u escape whose digits begin at `at`, which is moved past it (and its second half).
uint32_t read_character(std::string_view inside, size_t& at) {
  uint32_t unit = kReplacement;
  if (!read_unit(inside, at, unit)) return kReplacement;
  at += kUnicodeEscapeDigits;
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  uint32_t low = 0;
  if (unit < 0xdc00 && inside.substr(at).starts_with("\\u") && read_unit(inside, at + 2, low) &&
      low >= 0xdc00 && low <= 0xdfff) {
    at += 2 + kUnicodeEscapeDigits;
    return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
  }
  return kReplacement;
}

}  // namespace

size_t skip_json_blanks(std::string_view text, size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r'))
    ++at;
  return at;
}

size_t end_of_json_string(std::string_view text, size_t at) {
  if (at >= text.size() || text[at] != '"') return kNone;
  for (++at; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') return at + 1;
    if (static_cast<unsigned char>(c) < 0x20) return kNone;
    if (c != '\\') continue;
    if (++at == text.size()) return kNone;
    uint32_t unit = 0;
    if (text[at] == 'u') {
      if (!read_unit(text, at + 1, unit)) return kNone;
      at += kUnicodeEscapeDigits;
    } else if (std::string_view("\"\\/bfnrt").find(text[at]) == kNone) {
      return kNone;
    }
  }
  return kNone;
}

size_t end_of_json_number(std::string_view text, size_t at) {
  auto digits = [&] {
    const size_t from = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    return at > from;
  };
  if (at < text.size() && text[at] == '-') ++at;
  if (at < text.size() && text[at] == '0') {
    ++at;
  } else if (!digits()) {
    return kNone;
  }
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!digits()) return kNone;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (!digits()) return kNone;
  }
  return at;
}

void append_unescaped_json(std::string_view inside, std::string& out) {
  for (size_t at = 0; at < inside.size();) {
    const char c = inside[at++];
    if (c != '\\' || at == inside.size()) {
      out.push_back(c);
      continue;
    }
    const char letter = inside[at++];
    switch (letter) {
      case 'b':
        out.push_back('\b');
        break;
      case 'f':
        out.push_back('\f');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 't':
        out.push_back('\t');
        break;
      case 'u':
        append_utf8(read_character(inside, at), out);
        break;
      default:
        out.push_back(letter);
    }
  }
}

void for_each_json_string(std::string_view text, const std::function<void(std::string_view inside)>& take) {
  size_t at = text.find('"');
  while (at != std::string_view::npos) {
    const size_t end = end_of_json_string(text, at);
    if (end == std::string_view::npos) return;
    take(text.substr(at + 1, end - at - 2));
    at = text.find('"', end);
  }
}

bool is_plain_json_key(std::string_view key) {
  constexpr size_t kSizeMax = 64;
  constexpr size_t kRandomMin = 16;  // shorter ones are no identifiers that nobody could guess
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
  };
  if (key.empty() || key.size() > kSizeMax || !letter(key.front())) return key.empty();
  bool digits = false;
  for (const char c : key) {
    digits = digits || is_digit(c);
    if (!letter(c) && !is_digit(c) && c != '-') return false;
  }
  // What was drawn at random has digits; words, which are most keys, are not looked at any further.
  return !digits || key.size() < kRandomMin || !is_random_or_secret(key);
}

void append_json_string(std::string_view utf8, std::string& out) {
  out.push_back('"');
  for (char c : utf8) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

}  // namespace ytb::masking
