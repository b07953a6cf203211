// Fitted: texts as wide as the terminal they are read on. Where nobody reads along (a pipe, a file) every
// line stays whole, for grep.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/output.h"

namespace ytb::cli {

// How wide a line may be, in columns. Without a limit where `out` is not a terminal.
size_t line_width(const Output& output);

// The words of one line: its first line begins with `first`, each further one with `rest`. A word that is
// wider than a line stays whole, as it may be a digest, a path or a name that somebody wants to copy.
std::string fitted(std::string_view text, size_t width, std::string_view first, std::string_view rest);

// table() of rows that end in what may be long. It continues in its own column or, where that has little room
// left, below its row.
std::string fitted_table(const std::vector<std::vector<std::string>>& rows, size_t width,
                         std::string_view indent = "  ");

}  // namespace ytb::cli
