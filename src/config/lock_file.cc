// policy.lock: one line a column, sorted, so that a diff shows exactly what a person accepts.
//
//   version 1
//   shop public.plans.price numeric(10,2)
//
// Names are quoted as in SQL where they need it, and escaped (masking/names.h) so that no name can break a
// line or show as another. The type is the rest of the line.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "config/config.h"
#include "config/diagnostics.h"
#include "config/digest.h"
#include "masking/names.h"

namespace ytb::config {
namespace {

constexpr size_t kLockSizeMax = 256 << 20;
constexpr std::string_view kVersionLine = "version 1";
constexpr std::string_view kHeader =
    "# What wildcards and whole keeps of the policy stood for when a person accepted them: one line a "
    "column,\n"
    "# database, column, type. Written by `ytb policy accept`; kept in git beside the policy. Not edited by "
    "hand.\n";

// The end of a run of names from `at` on: the first space that is not inside quotes.
size_t names_end(std::string_view line, size_t at) {
  bool quoted = false;
  for (; at < line.size(); ++at) {
    if (line[at] == '"') quoted = !quoted;
    if (line[at] == ' ' && !quoted) break;
  }
  return at;
}

std::optional<std::vector<std::string>> read_names(std::string_view text, size_t parts) {
  std::optional<std::string> raw = masking::unescape_line(text);
  if (!raw) return std::nullopt;
  auto names = masking::split_name(*raw);
  if (!names || names->size() != parts) return std::nullopt;
  return names;
}

void read_entry(std::string_view line, size_t number, Diagnostics& diagnostics,
                std::vector<masking::LockEntry>& entries) {
  auto wrong = [&](size_t column, std::string message, size_t length) {
    diagnostics.add({.line = number, .column = column}, std::move(message), length);
  };
  for (std::string_view marker : {"<<<<<<<", "=======", ">>>>>>>"}) {
    if (line.substr(0, marker.size()) != marker) continue;
    wrong(0, "an unresolved merge: resolve the policy, then run `ytb policy accept`", marker.size());
    return;
  }
  const size_t database_end = names_end(line, 0);
  const size_t column_at = std::min(database_end + 1, line.size());
  const size_t column_end = names_end(line, column_at);
  auto database = read_names(line.substr(0, database_end), 1);
  if (!database) {
    wrong(0, "a line is: database schema.table.column type", database_end);
    return;
  }
  auto column = read_names(line.substr(column_at, column_end - column_at), 3);
  if (!column) {
    wrong(column_at, "not schema.table.column", column_end - column_at);
    return;
  }
  const size_t type_at = std::min(column_end + 1, line.size());
  auto type = masking::unescape_line(line.substr(type_at));
  if (!type || trim(*type).empty()) {
    wrong(type_at, "the column's type is missing or garbled", line.size() - type_at);
    return;
  }
  entries.push_back({.database = std::move((*database)[0]),
                     .table = {.schema = std::move((*column)[0]), .name = std::move((*column)[1])},
                     .column = std::move((*column)[2]),
                     .type = std::move(*type)});
}

bool same_column(const masking::LockEntry& a, const masking::LockEntry& b) {
  return a.database == b.database && a.table == b.table && a.column == b.column;
}

}  // namespace

Result<masking::PolicyLock> parse_lock(std::string_view text, std::string_view file) {
  YTB_TRY(check_text(text, file, kLockSizeMax, Code::kPolicy));
  Diagnostics diagnostics(text, file);
  diagnostics.hint("`ytb policy accept` writes this file anew and shows what changes");
  masking::PolicyLock lock;
  bool versioned = false;
  size_t number = 0;
  for (size_t start = 0; start < text.size(); ++number) {
    size_t end = std::min(text.find('\n', start), text.size());
    std::string_view line = text.substr(start, end - start);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    start = end + 1;
    if (line.empty() || line.front() == '#') continue;
    if (!versioned) {
      versioned = true;
      if (line == kVersionLine) continue;
      diagnostics.add({.line = number, .column = 0},
                      line.substr(0, 8) == "version "
                          ? "a lock of another version: this program reads version 1"
                          : "a lock starts with 'version 1'",
                      line.size());
      break;
    }
    read_entry(line, number, diagnostics, lock.entries);
  }
  if (!diagnostics.ok()) return diagnostics.error(Code::kPolicy);
  std::sort(lock.entries.begin(), lock.entries.end());
  lock.entries.erase(std::unique(lock.entries.begin(), lock.entries.end()), lock.entries.end());
  auto twice = std::adjacent_find(lock.entries.begin(), lock.entries.end(), same_column);
  if (twice != lock.entries.end()) {
    return Error{.code = Code::kPolicy,
                 .message = fmt::format("{}: column {} is locked with two types", file,
                                        printable(masking::to_string(twice->table, twice->column))),
                 .hint = "`ytb policy accept` writes this file anew and shows what changes",
                 .retry = Retry::kNever};
  }
  lock.file = file;
  lock.digest = digest_of(text);
  return lock;
}

std::string to_lock_text(const masking::PolicyLock& lock) {
  std::vector<masking::LockEntry> entries = lock.entries;
  std::sort(entries.begin(), entries.end());
  std::string text(kHeader);
  text += kVersionLine;
  text += '\n';
  for (const masking::LockEntry& entry : entries) {
    fmt::format_to(std::back_inserter(text), "{} {} {}\n",
                   masking::escape_line(masking::quote_name(entry.database)),
                   masking::escape_line(masking::to_string(entry.table, entry.column)),
                   masking::escape_line(entry.type));
  }
  return text;
}

}  // namespace ytb::config
