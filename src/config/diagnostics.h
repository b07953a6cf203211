// Diagnostics: what is wrong with a file, where, in file order, the first few at once. Private to the config
// room.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
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

  // How much of the source line may be shown. Whoever wrote a secret into the file by mistake must not find
  // it in a log as well: behind a key that nobody knows ("pasword") nothing is shown, of its line in no error
  // at all, and lines that speak of passwords or keys are never shown.
  enum class Show { kLine, kUpToHere, kNothing };
  // `length`: bytes to underline.
  void add(Mark mark, std::string message, size_t length = 1, Show show = Show::kLine);
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
    Show show = Show::kLine;
  };
  [[nodiscard]] std::string_view line_at(size_t line) const;
  [[nodiscard]] std::string shown(const Entry& entry) const;

  std::string_view text_;
  std::string_view file_;
  std::vector<Entry> entries_;
  std::map<size_t, size_t> shown_until_;  // by line: bytes that may be shown
  std::string hint_;
};

// Size, encoding and control characters: what is checked of every file before a parser sees it.
Status check_text(std::string_view text, std::string_view file, size_t size_max, Code code);

}  // namespace ytb::config
