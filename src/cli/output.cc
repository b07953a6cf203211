#include "cli/output.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/text.h"

namespace ytb::cli {
namespace {

std::string_view retry_name(Retry retry) {
  switch (retry) {
    case Retry::kLater:
      return "later";
    case Retry::kInDoubt:
      return "in_doubt";
    case Retry::kNever:
      break;
  }
  return "never";
}

}  // namespace

std::string Output::styled(std::string_view code, std::string_view text) const {
  if (!color) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

void print_error(const Output& output, const Error& error) {
  if (output.json()) {
    nlohmann::ordered_json tree{{"error",
                                 {{"code", name_of(error.code)},
                                  {"message", error.message},
                                  {"hint", error.hint},
                                  {"retry", retry_name(error.retry)},
                                  {"exit_status", exit_status(error.code)}}}};
    output.out << write_json(tree) << "\n" << std::flush;
    return;
  }
  bool color = output.color && output.err_is_terminal;
  output.err << (color ? "\x1b[31merror:\x1b[0m " : "error: ") << error.message << "\n";
  if (!error.hint.empty()) output.err << (color ? "\x1b[2mhint:\x1b[0m " : "hint: ") << error.hint << "\n";
  output.err << std::flush;
}

size_t display_width(std::string_view text) {
  size_t width = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0x1b) {  // a colour: ESC [ … m
      size_t end = text.find('m', i);
      if (end == std::string_view::npos) break;
      i = end;
    } else if ((byte & 0xC0U) != 0x80U) {
      ++width;
    }
  }
  return width;
}

std::string table(const std::vector<std::vector<std::string>>& rows, std::string_view indent) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line(indent);
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - display_width(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string facts(const std::vector<std::pair<std::string, std::string>>& lines, std::string_view indent) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [label, value] : lines) {
    if (value.empty()) continue;
    // A text of several lines stays in its column.
    bool first = true;
    for (const std::string& line : split(value, '\n')) {
      rows.push_back({first ? label : std::string(), line});
      first = false;
    }
  }
  return table(rows, indent);
}

std::string wrap(std::string_view text, size_t columns, std::string_view indent) {
  std::string wrapped;
  for (const std::string& line : split(text, '\n')) {
    if (line.empty() || line.front() == ' ') {
      wrapped += line.empty() ? "\n" : fmt::format("{}{}\n", indent, line);
      continue;
    }
    std::string current(indent);
    bool first = true;
    for (const std::string& word : split(line, ' ')) {
      if (!first && display_width(current) + 1 + display_width(word) > columns) {
        wrapped += current + "\n";
        current = indent;
        first = true;
      }
      if (!first) current += ' ';
      current += word;
      first = false;
    }
    wrapped += current + "\n";
  }
  return wrapped;
}

}  // namespace ytb::cli
