#include "masking/names.h"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <utility>

namespace ytb::masking {
namespace {

bool starts_plain(char c) { return (c >= 'a' && c <= 'z') || c == '_'; }
bool stays_plain(char c) { return starts_plain(c) || (c >= '0' && c <= '9') || c == '$'; }

// UTF-8 sequences that a terminal or a diff viewer does not show as they are: C1 controls, zero-width and
// bidirectional marks, line separators, the byte order mark.
bool hides(std::string_view text, size_t at) {
  auto byte = [&](size_t offset) {
    return at + offset < text.size() ? static_cast<unsigned char>(text[at + offset]) : 0U;
  };
  if (byte(0) == 0xc2) return byte(1) >= 0x80 && byte(1) <= 0x9f;
  if (byte(0) == 0xe2 && byte(1) == 0x80)
    return (byte(2) >= 0x8b && byte(2) <= 0x8f) || (byte(2) >= 0xa8 && byte(2) <= 0xaf);
  if (byte(0) == 0xe2 && byte(1) == 0x81) return byte(2) >= 0xa0 && byte(2) <= 0xaf;
  return byte(0) == 0xef && byte(1) == 0xbb && byte(2) == 0xbf;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Reads one part from `at` on and moves it behind the part.
std::optional<std::string> read_part(std::string_view text, size_t& at) {
  std::string part;
  if (at < text.size() && text[at] == '"') {
    for (++at; at < text.size(); ++at) {
      if (text[at] != '"') {
        part += text[at];
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        part += text[at++];
      } else {
        ++at;
        if (part.empty()) return std::nullopt;
        return part;
      }
    }
    return std::nullopt;  // the quote is never closed
  }
  if (at >= text.size() || !starts_plain(text[at])) return std::nullopt;
  while (at < text.size() && stays_plain(text[at])) part += text[at++];
  return part;
}

}  // namespace

std::string quote_name(std::string_view name) {
  bool plain = !name.empty() && starts_plain(name.front());
  for (char c : name) plain = plain && stays_plain(c);
  if (plain) return std::string(name);
  std::string quoted = "\"";
  for (char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

std::string to_string(const QualifiedName& table, std::string_view column) {
  return to_string(table) + "." + quote_name(column);
}

std::optional<std::vector<std::string>> split_name(std::string_view text) {
  std::vector<std::string> parts;
  size_t at = 0;
  for (;;) {
    std::optional<std::string> part = read_part(text, at);
    if (!part) return std::nullopt;
    parts.push_back(std::move(*part));
    if (at == text.size()) return parts;
    if (text[at++] != '.') return std::nullopt;
  }
}

std::optional<QualifiedName> parse_qualified_name(std::string_view text) {
  std::optional<std::vector<std::string>> parts = split_name(text);
  if (!parts || parts->size() != 2) return std::nullopt;
  return QualifiedName{.schema = std::move((*parts)[0]), .name = std::move((*parts)[1])};
}

std::string escape_line(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  auto hex = [&](char c) {
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
  };
  for (size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    if (text[i] == '\\') {
      out += "\\\\";
    } else if (text[i] == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      hex(text[i]);
    } else if (hides(text, i)) {
      size_t size = byte == 0xc2 ? 2 : 3;
      for (size_t j = 0; j < size; ++j) hex(text[i + j]);
      i += size - 1;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::optional<std::string> unescape_line(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    if (text[i] == '\\') {
      out += '\\';
    } else if (text[i] == 'n') {
      out += '\n';
    } else if (text[i] == 'x' && i + 2 < text.size()) {
      int high = hex_value(text[i + 1]);
      int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      return std::nullopt;
    }
  }
  return out;
}

}  // namespace ytb::masking
