#include "config/newer_syntax.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"

namespace ytb::config {
namespace {

struct Token {
  enum class Kind { kWord, kName, kText, kSign } kind = Kind::kSign;  // kName: in double quotes
  std::string_view text;                                              // as written
  std::string word;                                                   // of kWord: in capitals
  bool operator==(std::string_view other) const {
    return kind == Kind::kWord ? word == other : text == other;
  }
};

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// From an opening quote to behind the closing one; a doubled quote is a part of it.
size_t end_of_quoted(std::string_view text, size_t at, bool escapes) {
  const char quote = text[at++];
  while (at < text.size()) {
    const bool escaped = escapes && text[at] == '\\';
    const bool doubled = text[at] == quote && at + 1 < text.size() && text[at + 1] == quote;
    if (!escaped && !doubled && text[at] == quote) return at + 1;
    at += escaped || doubled ? 2 : 1;
  }
  return text.size();
}

// Behind $tag$ … $tag$, or `at` where that is none.
size_t end_of_dollar_quoted(std::string_view text, size_t at) {
  size_t end = at + 1;
  while (end < text.size() && is_word(text[end]) && text[end] != '$') ++end;
  if (end >= text.size() || text[end] != '$') return at;
  const std::string_view tag = text.substr(at, end + 1 - at);
  const size_t close = text.find(tag, end + 1);
  return close == std::string_view::npos ? text.size() : close + tag.size();
}

std::vector<Token> tokens_of(std::string_view text) {
  std::vector<Token> tokens;
  size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    size_t end = at + 1;
    Token::Kind kind = Token::Kind::kSign;
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v') {
      at = end;
      continue;
    }
    if (text.substr(at, 2) == "--") {
      at = std::min(text.find('\n', at), text.size());
      continue;
    }
    if (text.substr(at, 2) == "/*") {
      end = text.find("*/", at + 2);
      at = end == std::string_view::npos ? text.size() : end + 2;
      continue;
    }
    if (c == '\'') {
      const bool escapes = !tokens.empty() && tokens.back() == "E" &&
                           tokens.back().text.end() == text.begin() + static_cast<std::ptrdiff_t>(at);
      end = end_of_quoted(text, at, escapes);
      kind = Token::Kind::kText;
    } else if (c == '"') {
      end = end_of_quoted(text, at, false);
      kind = Token::Kind::kName;
    } else if (c == '$' && end_of_dollar_quoted(text, at) != at) {
      end = end_of_dollar_quoted(text, at);
      kind = Token::Kind::kText;
    } else if (is_word(c)) {
      while (end < text.size() && is_word(text[end])) ++end;
      kind = Token::Kind::kWord;
    }
    Token token{.kind = kind, .text = text.substr(at, end - at), .word = {}};
    if (kind == Token::Kind::kWord) {
      token.word = token.text;
      for (char& letter : token.word)
        letter = static_cast<char>(letter >= 'a' && letter <= 'z' ? letter - 32 : letter);
    }
    tokens.push_back(std::move(token));
    at = end;
  }
  return tokens;
}

class Rewriter {
 public:
  explicit Rewriter(std::string_view text) : text_(text), tokens_(tokens_of(text)) {}

  std::string run() {
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (is(i, "VIRTUAL") && is(i - 1, ")")) replace(i, 1, "STORED");
      if (is(i, "AS") && is(i + 1, "(") && is(i - 1, "ALWAYS")) store(i + 1);
      if (is(i, "ENFORCED")) not_enforced(i);
      if (is(i, "WITHOUT") && is(i + 1, "OVERLAPS")) replace(i, 2, "");
      if (is(i, "PERIOD") && (is(i - 1, ",") || is(i - 1, "(")) && is_name(i + 1)) replace(i, 1, "");
      if (is(i, "NOT") && is(i + 1, "NULL") && is_name(i + 2) && of_table(i)) named_not_null(i);
    }
    return apply();
  }

 private:
  struct Change {
    size_t from;
    size_t to;
    std::string with;
  };

  [[nodiscard]] bool is(size_t i, std::string_view word) const {
    return i < tokens_.size() && tokens_[i] == word;
  }
  [[nodiscard]] bool is_name(size_t i) const {
    if (i >= tokens_.size() || tokens_[i].kind == Token::Kind::kSign || tokens_[i].kind == Token::Kind::kText)
      return false;
    constexpr std::string_view kNoNames[] = {"NOT",       "NULL",       "CHECK",   "DEFAULT",
                                             "PRIMARY",   "UNIQUE",     "NO",      "REFERENCES",
                                             "GENERATED", "CONSTRAINT", "COLLATE", "DEFERRABLE"};
    return std::none_of(std::begin(kNoNames), std::end(kNoNames),
                        [&](std::string_view word) { return tokens_[i] == word; });
  }
  [[nodiscard]] size_t offset(size_t i) const {
    return static_cast<size_t>(tokens_[i].text.data() - text_.data());
  }
  [[nodiscard]] size_t end(size_t i) const { return offset(i) + tokens_[i].text.size(); }

  void replace(size_t first, size_t count, std::string with) {
    changes_.push_back({offset(first), end(first + count - 1), std::move(with)});
  }

  // The parenthesis that closes the one at `open`.
  [[nodiscard]] std::optional<size_t> closing(size_t open) const {
    size_t depth = 0;
    for (size_t i = open; i < tokens_.size(); ++i) {
      if (is(i, "(")) ++depth;
      if (is(i, ")") && --depth == 0) return i;
    }
    return std::nullopt;
  }
  [[nodiscard]] std::optional<size_t> opening(size_t close) const {
    size_t depth = 0;
    for (size_t i = close + 1; i-- > 0;) {
      if (is(i, ")")) ++depth;
      if (is(i, "(") && --depth == 0) return i;
    }
    return std::nullopt;
  }

  // GENERATED ALWAYS AS (…): virtual by default from 18 on.
  void store(size_t open) {
    const std::optional<size_t> close = closing(open);
    if (!close || is(*close + 1, "STORED") || is(*close + 1, "VIRTUAL")) return;
    changes_.push_back({end(*close), end(*close), " STORED"});
  }

  void not_enforced(size_t i) {
    // Behind a constraint's parenthesis; elsewhere it is a column's name.
    if (is(i - 1, ")")) return replace(i, 1, "");
    if (i < 2 || !is(i - 1, "NOT") || !is(i - 2, ")")) return;
    replace(i - 1, 2, "");
    const std::optional<size_t> open = opening(i - 2);
    if (open && *open > 0 && is(*open - 1, "CHECK")) {
      changes_.push_back({end(*open), offset(i - 2), "true"});
    }
  }

  // A constraint of the table: at the start of an element, or added.
  [[nodiscard]] bool of_table(size_t i) const {
    if (i >= 2 && is(i - 2, "CONSTRAINT")) i -= 2;
    return i > 0 && (is(i - 1, ",") || is(i - 1, "(") || is(i - 1, "ADD"));
  }

  void named_not_null(size_t i) {
    replace(i, 3, "CHECK (" + std::string(tokens_[i + 2].text) + " IS NOT NULL)");
  }

  std::string apply() {
    std::sort(changes_.begin(), changes_.end(),
              [](const Change& a, const Change& b) { return a.from < b.from; });
    std::string out;
    size_t at = 0;
    for (const Change& change : changes_) {
      if (change.from < at) continue;
      out += text_.substr(at, change.from - at);
      out += change.with;
      at = change.to;
    }
    out += text_.substr(at);
    return out;
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  std::vector<Change> changes_;
};

}  // namespace

std::string in_older_syntax(std::string_view statement) { return Rewriter(statement).run(); }

}  // namespace ytb::config
