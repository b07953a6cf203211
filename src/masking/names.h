// SQL names as people write them in policies and locks: public.users, public."Odd.Name".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "masking/catalog.h"

namespace ytb::masking {

// One part, quoted where it holds anything but [a-z0-9_$] or does not start with [a-z_].
std::string quote_name(std::string_view name);
// schema.table.column, each quoted where needed.
std::string to_string(const QualifiedName& table, std::string_view column);

// The parts of a dotted name. A quoted part is verbatim ("" stands for "); a plain one must be as
// quote_name() leaves it, so that nobody has to know how case folds. nullopt: not such a name.
std::optional<std::vector<std::string>> split_name(std::string_view text);
// split_name() with exactly two parts.
std::optional<QualifiedName> parse_qualified_name(std::string_view text);

// The way the other round for one line of a file: \\, \n and \xHH for everything that could break the line,
// hide or reorder what a person reads in a diff (control and bidirectional characters). unescape_line() gives
// nullopt for an unknown escape.
std::string escape_line(std::string_view text);
std::optional<std::string> unescape_line(std::string_view text);

}  // namespace ytb::masking
