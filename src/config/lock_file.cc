// policy.lock: one line a column, sorted, so that a diff shows exactly what a person accepts.
//
//   version 2
//   engine postgresql
//   shop public.plans.price numeric(10,2)
//   shop public.users.nickname text
//     by ann@example.com
//     expires 2027-01-31
//     why shown in public profiles
//
// Names are quoted as in SQL where they need it, and everything is escaped (masking/names.h) so that nothing
// can break a line or show as another. The type is the rest of the line. Version 1 has neither engine nor
// indented lines.
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
#include "masking/lock.h"
#include "masking/names.h"

namespace ytb::config {
namespace {

constexpr size_t kLockSizeMax = 256 << 20;
constexpr size_t kRemarkSizeMax = 1000;  // bytes of `by` and `why`
constexpr std::string_view kHint = "`ytb policy accept` writes this file anew and shows what changes";
constexpr std::string_view kHeader =
    "# What the policy keeps, as of the day a person accepted it: one line a column, database, column, "
    "type;\n"
    "# below it, indented, who accepted it (by), until when (expires) and why. Written by `ytb policy "
    "accept`;\n"
    "# kept in git beside the policy.\n";

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

bool is_engine_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

class LockReader {
 public:
  LockReader(std::string_view text, Diagnostics& diagnostics) : text_(text), diagnostics_(diagnostics) {}

  masking::PolicyLock read() {
    for (size_t start = 0; start < text_.size(); ++number_) {
      const size_t end = std::min(text_.find('\n', start), text_.size());
      line_ = text_.substr(start, end - start);
      if (!line_.empty() && line_.back() == '\r') line_.remove_suffix(1);
      start = end + 1;
      if (trim(line_).empty() || line_.front() == '#') continue;
      if (!read_line()) break;
    }
    if (lock_.version >= 2 && lock_.engine.empty() && diagnostics_.ok()) {
      wrong(0, "the lock does not say its engine: 'engine postgresql' after the version");
    }
    sort();
    return std::move(lock_);
  }

 private:
  void wrong(size_t column, std::string message) {
    diagnostics_.add({.line = number_, .column = column}, std::move(message),
                     std::max<size_t>(1, line_.size() - std::min(column, line_.size())));
  }

  // false: nothing of the rest could be understood.
  bool read_line() {
    for (std::string_view marker : {"<<<<<<<", "=======", ">>>>>>>"}) {
      if (!line_.starts_with(marker)) continue;
      wrong(0, "an unresolved merge: resolve the policy, then run `ytb policy accept`");
      return true;
    }
    if (!versioned_) return read_version();
    if (lock_.version >= 2 && lock_.engine.empty()) {
      constexpr std::string_view kEngine = "engine ";
      if (line_.starts_with(kEngine) && is_engine_name(line_.substr(kEngine.size()))) {
        lock_.engine = line_.substr(kEngine.size());
        return true;
      }
      wrong(0, "the line after the version is the engine: 'engine postgresql'");
      return false;
    }
    if (line_.front() == ' ' || line_.front() == '\t') {
      read_remark();
    } else {
      read_entry();
    }
    return true;
  }

  bool read_version() {
    versioned_ = true;
    if (line_ == "version 1" || line_ == "version 2") {
      lock_.version = line_.back() - '0';
      return true;
    }
    wrong(0,
          line_.starts_with("version ")
              ? fmt::format("a lock of another version: this program reads 1 and {}", masking::kLockVersion)
              : fmt::format("a lock starts with 'version {}'", masking::kLockVersion));
    return false;
  }

  void read_entry() {
    readable_ = false;
    const size_t database_end = names_end(line_, 0);
    const size_t column_at = std::min(database_end + 1, line_.size());
    const size_t column_end = names_end(line_, column_at);
    auto database = read_names(line_.substr(0, database_end), 1);
    if (!database) return wrong(0, "a line is: database schema.table.column type");
    auto column = read_names(line_.substr(column_at, column_end - column_at), 3);
    if (!column) return wrong(column_at, "not schema.table.column");
    const size_t type_at = std::min(column_end + 1, line_.size());
    auto type = masking::unescape_line(line_.substr(type_at));
    if (!type || trim(*type).empty()) return wrong(type_at, "the column's type is missing or garbled");
    lock_.entries.push_back({.database = std::move((*database)[0]),
                             .table = {.schema = std::move((*column)[0]), .name = std::move((*column)[1])},
                             .column = std::move((*column)[2]),
                             .type = std::move(*type),
                             .line = static_cast<int>(number_) + 1});
    readable_ = true;
  }

  // "  expires 2027-01-31": of the column above.
  void read_remark() {
    const size_t at = line_.find_first_not_of(" \t");
    if (lock_.version < 2) return wrong(at, "an indented line: a lock of version 1 has none");
    if (!readable_) {
      if (lock_.entries.empty())
        wrong(at, "an indented line belongs to the column above it, and there is none");
      return;  // or the column above it was reported
    }
    const std::string_view rest = line_.substr(at);
    const size_t space = std::min(rest.find(' '), rest.size());
    const std::string_view key = rest.substr(0, space);
    auto value = masking::unescape_line(trim(rest.substr(space)));
    masking::LockEntry& entry = lock_.entries.back();
    std::string* field = key == "by"        ? &entry.by
                         : key == "expires" ? &entry.expires
                         : key == "why"     ? &entry.why
                                            : nullptr;
    if (field == nullptr) return wrong(at, "below a column stand by, expires and why");
    if (!value || value->empty()) return wrong(at, fmt::format("'{}' says nothing", key));
    if (value->size() > kRemarkSizeMax) {
      return wrong(at, fmt::format("'{}' is longer than {} bytes", key, kRemarkSizeMax));
    }
    if (field == &entry.expires && !masking::is_date(*value)) {
      return wrong(at, "'expires' takes a date, e.g. 2027-01-31");
    }
    if (!field->empty()) return wrong(at, fmt::format("'{}' is here twice", key));
    *field = std::move(*value);
  }

  void sort() {
    std::sort(lock_.entries.begin(), lock_.entries.end());
    lock_.entries.erase(std::unique(lock_.entries.begin(), lock_.entries.end()), lock_.entries.end());
    for (size_t i = 1; i < lock_.entries.size(); ++i) {
      const masking::LockEntry& a = lock_.entries[i - 1];
      const masking::LockEntry& b = lock_.entries[i];
      if (a.place() != b.place()) continue;
      diagnostics_.add({.line = static_cast<size_t>(std::max(a.line, b.line)) - 1, .column = 0},
                       fmt::format("column {} is locked {}: here and in line {}",
                                   printable(masking::to_string(b.table, b.column)),
                                   a.type != b.type ? "with two types" : "twice, and differently",
                                   std::min(a.line, b.line)));
    }
  }

  const std::string_view text_;
  Diagnostics& diagnostics_;
  masking::PolicyLock lock_;
  std::string_view line_;
  size_t number_ = 0;
  bool versioned_ = false;
  bool readable_ = false;  // the column of the last line that names one
};

void append_remark(std::string& text, std::string_view key, const std::string& value) {
  if (!value.empty()) fmt::format_to(std::back_inserter(text), "  {} {}\n", key, masking::escape_line(value));
}

}  // namespace

Result<masking::PolicyLock> parse_lock(std::string_view text, std::string_view file) {
  YTB_TRY(check_text(text, file, kLockSizeMax, Code::kPolicy));
  Diagnostics diagnostics(text, file);
  diagnostics.hint(std::string(kHint));
  masking::PolicyLock lock = LockReader(text, diagnostics).read();
  if (!diagnostics.ok()) return diagnostics.error(Code::kPolicy);
  lock.file = file;
  lock.digest = digest_of(text);
  return lock;
}

std::string to_lock_text(const masking::PolicyLock& lock) {
  std::vector<masking::LockEntry> entries = lock.entries;
  std::sort(entries.begin(), entries.end());
  std::string text = fmt::format("{}version {}\nengine {}\n", kHeader, masking::kLockVersion,
                                 lock.engine.empty() ? "postgresql" : lock.engine);
  for (const masking::LockEntry& entry : entries) {
    fmt::format_to(std::back_inserter(text), "{} {} {}\n",
                   masking::escape_line(masking::quote_name(entry.database)),
                   masking::escape_line(masking::to_string(entry.table, entry.column)),
                   masking::escape_line(entry.type));
    append_remark(text, "by", entry.by);
    append_remark(text, "expires", entry.expires);
    append_remark(text, "why", entry.why);
  }
  return text;
}

}  // namespace ytb::config
