#include "cli/fitted.h"

#include <algorithm>
#include <limits>

#include "base/text.h"

namespace ytb::cli {
namespace {

constexpr size_t kWidthMin = 40;
constexpr size_t kColumnMin = 30;  // of a last cell that continues in its own column
constexpr size_t kBelow = 4;       // how much deeper than its row it continues otherwise

}  // namespace

size_t line_width(const Output& output) {
  if (!output.out_is_terminal) return std::numeric_limits<size_t>::max();
  return std::max(static_cast<size_t>(std::max(output.columns, 0)), kWidthMin);
}

std::string fitted(std::string_view text, size_t width, std::string_view first, std::string_view rest) {
  std::string out;
  std::string line(first);
  bool empty = true;  // of words
  for (const std::string& word : split(text, ' ')) {
    if (!empty && display_width(line) + 1 + display_width(word) > width) {
      out += line + "\n";
      line = rest;
      empty = true;
    }
    if (!empty) line += ' ';
    line += word;
    empty = false;
  }
  return out + line + "\n";
}

std::string fitted_table(const std::vector<std::vector<std::string>>& rows, size_t width,
                         std::string_view indent) {
  std::vector<std::vector<std::string>> heads = rows;
  size_t begin = 0;  // of the last column
  for (std::vector<std::string>& row : heads) {
    if (!row.empty()) row.back() = "|";  // measured, not printed
  }
  std::vector<std::string> lines = split(table(heads, indent), '\n');
  for (const std::string& line : lines) begin = std::max(begin, display_width(line));
  std::string out;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].empty()) continue;
    std::string head = lines[i].substr(0, lines[i].size() - 1);
    const std::string& last = rows[i].back();
    if (begin - 1 + display_width(last) <= width) {
      std::string line = head + last;
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + "\n";
    } else if (begin - 1 + kColumnMin <= width) {
      out += fitted(last, width, head, std::string(begin - 1, ' '));
    } else {
      const std::string below(indent.size() + kBelow, ' ');
      head.erase(head.find_last_not_of(' ') + 1);
      out += head + "\n" + fitted(last, width, below, below);
    }
  }
  return out;
}

}  // namespace ytb::cli
