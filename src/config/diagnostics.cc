#include "config/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace ytb::config {
namespace {

constexpr size_t kShownMax = 10;
constexpr size_t kKeptMax = 1000;
constexpr size_t kLineShownMax = 160;  // bytes of a source line

// A line that may hold a secret in clear: whoever wrote it there by mistake must not find it in a log as
// well.
bool may_hold_secret(std::string_view line) {
  const std::string lower = to_lower_ascii(line);
  for (const char* word : {"pass", "pwd", "secret", "token", "key", "cred", "://"}) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

size_t characters(std::string_view bytes) {
  return static_cast<size_t>(std::count_if(
      bytes.begin(), bytes.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

// The length in bytes of the UTF-8 sequence at `at`, by RFC 3629; 0: not UTF-8.
size_t sequence_length(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U; };
  auto follows = [&](size_t i) { return byte(i) >= 0x80 && byte(i) <= 0xbf; };
  if (byte(0) < 0x80) return 1;
  if (byte(0) >= 0xc2 && byte(0) <= 0xdf) return follows(1) ? 2 : 0;
  if (byte(0) >= 0xe0 && byte(0) <= 0xef) {
    if (byte(0) == 0xe0 && byte(1) < 0xa0) return 0;
    if (byte(0) == 0xed && byte(1) > 0x9f) return 0;  // surrogates
    return follows(1) && follows(2) ? 3 : 0;
  }
  if (byte(0) >= 0xf0 && byte(0) <= 0xf4) {
    if (byte(0) == 0xf0 && byte(1) < 0x90) return 0;
    if (byte(0) == 0xf4 && byte(1) > 0x8f) return 0;
    return follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

void Diagnostics::add(Mark mark, std::string message, size_t length, Show show) {
  if (show == Show::kUpToHere) {
    auto [limit, added] = shown_until_.emplace(mark.line, mark.column + length);
    if (!added) limit->second = std::min(limit->second, mark.column + length);
  }
  if (entries_.size() >= kKeptMax) return;
  entries_.push_back({.mark = mark, .message = std::move(message), .length = length, .show = show});
}

std::string_view Diagnostics::line_at(size_t line) const {
  size_t start = 0;
  for (size_t i = 0; i < line; ++i) {
    size_t end = text_.find('\n', start);
    if (end == std::string_view::npos) return {};
    start = end + 1;
  }
  std::string_view found = text_.substr(start, text_.find('\n', start) - start);
  if (!found.empty() && found.back() == '\r') found.remove_suffix(1);
  return found;
}

size_t Diagnostics::character_column(Mark mark) const {
  return characters(line_at(mark.line).substr(0, mark.column)) + 1;
}

std::string Diagnostics::shown(const Entry& entry) const {
  std::string text =
      fmt::format("{}:{}:{}: {}", file_, entry.mark.line + 1, character_column(entry.mark), entry.message);
  std::string_view line = line_at(entry.mark.line);
  auto limit = shown_until_.find(entry.mark.line);
  if (limit != shown_until_.end()) line = line.substr(0, limit->second);
  if (entry.show == Show::kNothing || line.empty() || line.size() > kLineShownMax) return text;
  if (entry.mark.column > line.size()) return text;
  // A key alone is safe to show where everything before it is blank: its value is cut off.
  const bool key_alone = limit != shown_until_.end() && trim(line.substr(0, entry.mark.column)).empty();
  if (may_hold_secret(line) && !key_alone) return text;
  std::string source(line);
  std::replace(source.begin(), source.end(), '\t', ' ');
  const size_t before = characters(line.substr(0, entry.mark.column));
  const size_t under = std::max<size_t>(1, characters(line.substr(entry.mark.column, entry.length)));
  return text + fmt::format("\n  {}\n  {}^{}", source, std::string(before, ' '), std::string(under - 1, '~'));
}

Error Diagnostics::error(Code code) const {
  std::vector<Entry> sorted = entries_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.mark.line, a.mark.column) < std::pair(b.mark.line, b.mark.column);
  });
  std::string message;
  for (size_t i = 0; i < sorted.size() && i < kShownMax; ++i) {
    if (i > 0) message += "\n";
    message += shown(sorted[i]);
  }
  if (sorted.size() > kShownMax) {
    message += fmt::format("\n… and {} more errors", sorted.size() - kShownMax);
  }
  return {.code = code, .message = std::move(message), .hint = hint_, .retry = Retry::kNever};
}

Status check_text(std::string_view text, std::string_view file, size_t size_max, Code code) {
  if (text.size() > size_max) {
    return Error{.code = code,
                 .message = fmt::format("{} is {}, more than the {} that are read", file,
                                        human_bytes(text.size()), human_bytes(size_max)),
                 .hint = "is it the right file?",
                 .retry = Retry::kNever};
  }
  if (text.substr(0, 3) == "\xef\xbb\xbf") {
    return Error{.code = code,
                 .message = fmt::format("{}:1:1: the file starts with a byte order mark", file),
                 .hint = "save the file as plain UTF-8 text, without a byte order mark",
                 .retry = Retry::kNever};
  }
  size_t line = 1;
  size_t column = 1;
  for (size_t at = 0; at < text.size();) {
    const size_t length = sequence_length(text, at);
    const auto byte = static_cast<unsigned char>(text[at]);
    const bool control = (byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t') || byte == 0x7f;
    if (length == 0 || control) {
      return Error{.code = code,
                   .message = fmt::format("{}:{}:{}: byte 0x{:02x} is {}", file, line, column, byte,
                                          length == 0 ? "not UTF-8" : "a control character"),
                   .hint = "save the file as plain UTF-8 text",
                   .retry = Retry::kNever};
    }
    column = text[at] == '\n' ? 1 : column + 1;
    if (text[at] == '\n') ++line;
    at += length;
  }
  return {};
}

}  // namespace ytb::config
