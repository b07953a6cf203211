#include <fmt/format.h>

#include <algorithm>

#include "masking/copy_rows.h"

namespace ytb::masking {
namespace {

constexpr std::string_view kNull = "\\N";
constexpr std::string_view kEndOfData = "\\.";  // only in files; the protocol has a message of its own

// The letters that stand for control characters after a backslash, both ways.
struct ControlLetter {
  char control;
  char letter;
};
constexpr ControlLetter kControls[] = {{'\b', 'b'}, {'\f', 'f'}, {'\n', 'n'},
                                       {'\r', 'r'}, {'\t', 't'}, {'\v', 'v'}};

int digit_value(char c, int base) {
  int value = -1;
  if (c >= '0' && c <= '9') value = c - '0';
  if (c >= 'a' && c <= 'f') value = c - 'a' + 10;
  if (c >= 'A' && c <= 'F') value = c - 'A' + 10;
  return value < base ? value : -1;
}

// Up to `count_max` digits from `text` at `at`, which is moved past them; -1: there are none.
int read_digits(std::string_view text, size_t& at, int base, int count_max) {
  int value = -1;
  for (int i = 0; i < count_max && at < text.size(); ++i, ++at) {
    int digit = digit_value(text[at], base);
    if (digit < 0) break;
    value = (value < 0 ? 0 : value) * base + digit;
  }
  return value;
}

// What follows a backslash at `at`, as CopyReadAttributesText() reads it.
char read_escape(std::string_view raw, size_t& at) {
  char c = raw[at];
  if (c >= '0' && c <= '7') return static_cast<char>(read_digits(raw, at, 8, 3));
  ++at;
  if (c == 'x') {
    int value = read_digits(raw, at, 16, 2);
    return value < 0 ? 'x' : static_cast<char>(value);
  }
  for (ControlLetter known : kControls) {
    if (known.letter == c) return known.control;
  }
  return c;
}

}  // namespace

void append_escaped(std::string_view value, std::string& out) {
  size_t copied = 0;
  for (size_t at = 0; at < value.size(); ++at) {
    const char c = value[at];
    if (c != '\\' && (c < '\b' || c > '\r')) continue;
    out.append(value.substr(copied, at - copied));
    copied = at + 1;
    out.push_back('\\');
    out.push_back(
        c == '\\' ? c : std::find_if(std::begin(kControls), std::end(kControls), [c](ControlLetter known) {
                          return known.control == c;
                        })->letter);
  }
  out.append(value.substr(copied));
}

namespace {

std::string_view unescape(std::string_view raw, std::string& unescaped) {
  const size_t start = unescaped.size();
  size_t at = 0;
  while (at < raw.size()) {
    char c = raw[at++];
    unescaped.push_back(c == '\\' && at < raw.size() ? read_escape(raw, at) : c);
  }
  return std::string_view(unescaped).substr(start);
}

}  // namespace

Status CopyTextRow::read(std::string_view line, uint64_t row) {
  raw_.clear();
  unescaped_.clear();
  const bool escapes = line.find('\\') != std::string_view::npos;
  if (escapes && unescaped_.capacity() < line.size()) unescaped_.reserve(line.size());  // views point into it
  if (!fields_.empty() || !line.empty()) {
    size_t from = 0;
    for (size_t count = 0; count <= fields_.size(); ++count) {
      size_t tab = std::min(line.find('\t', from), line.size());
      raw_.push_back(line.substr(from, tab - from));
      if (tab == line.size()) break;
      from = tab + 1;
    }
  }
  if (raw_.size() != fields_.size()) {
    return corrupt_row(
        row, fmt::format("it has {} {} fields and the table has {} columns",
                         raw_.size() > fields_.size() ? "at least" : "only", raw_.size(), fields_.size()));
  }
  for (size_t i = 0; i < raw_.size(); ++i) {
    if (raw_[i] == kNull) {
      fields_[i].reset();
    } else {
      bool escaped = escapes && raw_[i].find('\\') != std::string_view::npos;
      fields_[i] = escaped ? unescape(raw_[i], unescaped_) : raw_[i];
    }
  }
  return {};
}

Result<Scanned> TextRows::scan(std::string_view data, size_t searched, uint64_t row) {
  size_t end = data.find('\n', searched);
  if (end == std::string_view::npos) return Scanned{Scan::kMore, data.size() + 1};
  std::string_view line = data.substr(0, end);
  if (line == kEndOfData) return Scanned{Scan::kEnd, end + 1};
  YTB_TRY(row_.read(line, row));
  return Scanned{Scan::kRow, end + 1};
}

Status TextRows::mask(uint64_t row, std::string& out, RowCounts& counts) {
  const auto& fields = row_.fields();
  const auto& raw = row_.raw();
  kept_.clear();
  for (size_t column = 0; column < fields.size(); ++column) {
    if (column > 0) out.push_back('\t');
    if (program_.masker(column).is_keep()) kept_.append(raw[column]).push_back('\t');
    if (!fields[column]) {
      out.append(kNull);
      continue;
    }
    if (program_.masker(column).is_keep()) {
      out.append(raw[column]);
      ++counts.columns[column].values;
      ++counts.columns[column].unchanged;
      continue;
    }
    masked_.clear();
    Applied applied =
        program_.mask_field(column, *fields[column], {fields, originals_}, masked_, counts.columns[column]);
    if (applied == Applied::kInvalid) return program_.invalid_field(column, row);
    if (applied == Applied::kNull) {
      out.append(kNull);
    } else {
      append_escaped(masked_, out);
    }
  }
  out.push_back('\n');
  counts.kept.add(kept_, program_.kept_rows_seed());
  return {};
}

}  // namespace ytb::masking
