// Diagnostics: what is wrong with a file, where, in file order, the first few at once. Private to the config
// room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/result.h"

namespace ytb::config {

// A place in the text, from 0; the column counts bytes, as parsers do.
struct Mark {
  size_t line = 0;
  size_t column = 0;
};

class Diagnostics {
 public:
  // `text` and `file` must outlive this.
  Diagnostics(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  // `length`: bytes to underline. With `hide_rest` the source line is cut behind them, so that what may be a
  // secret is not shown; lines that speak of passwords or keys are never shown.
  void add(Mark mark, std::string message, size_t length = 1, bool hide_rest = false);
  void hint(std::string text) { hint_ = std::move(text); }

  [[nodiscard]] bool ok() const { return entries_.empty(); }
  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] std::string_view file() const { return file_; }
  // Line (from 1) and column in characters (from 1) of a mark.
  [[nodiscard]] size_t character_column(Mark mark) const;
  // All of them as one error; at most kShownMax are shown, the number of the others is said.
  [[nodiscard]] Error error(Code code) const;

 private:
  struct Entry {
    Mark mark;
    std::string message;
    size_t length = 1;
    bool hide_rest = false;
  };
  [[nodiscard]] std::string_view line_at(size_t line) const;
  [[nodiscard]] std::string shown(const Entry& entry) const;

  std::string_view text_;
  std::string_view file_;
  std::vector<Entry> entries_;
  std::string hint_;
};

// Size, encoding and control characters: what is checked of every file before a parser sees it.
Status check_text(std::string_view text, std::string_view file, size_t size_max, Code code);

}  // namespace ytb::config
