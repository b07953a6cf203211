// Output: where a command writes, and how: calm text for people, JSON for programs.
//
// Results go to `out`, errors and progress to `err`. Colours only on a terminal and without NO_COLOR.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace ytb::cli {

enum class Format { kText, kJson };

struct Output {
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool color = false;  // allowed at all: a terminal, no NO_COLOR, no --no-color, TERM not dumb
  int columns = 80;    // of the terminal
  Format format = Format::kText;
  bool verbose = false;

  [[nodiscard]] bool json() const { return format == Format::kJson; }
  // Text for `out`, in the style where colours are on.
  [[nodiscard]] std::string good(std::string_view text) const { return styled("32", text); }
  [[nodiscard]] std::string bad(std::string_view text) const { return styled("31", text); }
  [[nodiscard]] std::string warn(std::string_view text) const { return styled("33", text); }
  [[nodiscard]] std::string bold(std::string_view text) const { return styled("1", text); }
  [[nodiscard]] std::string dim(std::string_view text) const { return styled("2", text); }

 private:
  [[nodiscard]] std::string styled(std::string_view code, std::string_view text) const;
};

// "error: …" and "hint: …" on err, or {"error": {"code","message","hint","retry"}} on out with --output json.
void print_error(const Output& output, const Error& error);

// How many columns a text takes on a terminal: code points, without escape sequences.
size_t display_width(std::string_view text);
// Rows of cells as aligned columns, each line beginning with `indent`; the last column is not padded.
std::string table(const std::vector<std::vector<std::string>>& rows, std::string_view indent = "  ");
// "label   value" lines, labels aligned; empty values are left out.
std::string facts(const std::vector<std::pair<std::string, std::string>>& lines,
                  std::string_view indent = "  ");
// Words wrapped to `columns`; lines that begin with a space are left as they are.
std::string wrap(std::string_view text, size_t columns, std::string_view indent = "");

}  // namespace ytb::cli
