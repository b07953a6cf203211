#include "masking/rules.h"

#include <algorithm>

#include "base/text.h"
#include "masking/policy.h"

namespace ytb::masking {
namespace {

NamePattern anything() { return {.pieces = {"", ""}}; }

NamePattern split_at_asterisks(std::string_view text) {
  NamePattern pattern;
  size_t start = 0;
  for (size_t at = text.find('*'); at != std::string_view::npos; at = text.find('*', start)) {
    pattern.pieces.emplace_back(text.substr(start, at - start));
    start = at + 1;
  }
  pattern.pieces.emplace_back(text.substr(start));
  return pattern;
}

// A quoted part at the start of `text`, taken from it: it stands for itself. nullopt: its end is missing.
std::optional<NamePattern> take_quoted(std::string_view& text) {
  std::string name;
  for (size_t at = 1; at < text.size(); ++at) {
    if (text[at] != '"') {
      name += text[at];
    } else if (at + 1 < text.size() && text[at + 1] == '"') {
      name += text[at++];
    } else {
      text.remove_prefix(at + 1);
      return NamePattern{.pieces = {std::move(name)}};
    }
  }
  return std::nullopt;
}

// "timestamp(3) with time zone" without "(3)".
std::string without_modifiers(const std::string& type) {
  const size_t open = type.find('(');
  const size_t close = type.find(')', open == std::string::npos ? 0 : open);
  if (open == std::string::npos || close == std::string::npos) return type;
  return type.substr(0, open) + type.substr(close + 1);
}

bool matches_any(const ColumnPattern& pattern, const QualifiedName& table, const Column& column,
                 const std::vector<const Table*>& others) {
  return pattern.matches(table, column) || std::any_of(others.begin(), others.end(), [&](const Table* other) {
           return pattern.matches(other->name, column);
         });
}

}  // namespace

bool NamePattern::matches(std::string_view name) const {
  if (is_literal()) return name == pieces.front();
  const std::string& first = pieces.front();
  const std::string& last = pieces.back();
  if (name.size() < first.size() + last.size() || !name.starts_with(first) || !name.ends_with(last)) {
    return false;
  }
  // What is between is looked for from left to right: the first place is as good as any.
  std::string_view rest = name.substr(first.size(), name.size() - first.size() - last.size());
  for (size_t i = 1; i + 1 < pieces.size(); ++i) {
    const size_t at = rest.find(pieces[i]);
    if (at == std::string_view::npos) return false;
    rest.remove_prefix(at + pieces[i].size());
  }
  return true;
}

bool ColumnPattern::matches(const QualifiedName& of, const Column& candidate) const {
  if (!column.matches(candidate.name) || !table.matches(of.name) || !schema.matches(of.schema)) return false;
  return !type || type->matches(candidate.type) || type->matches(without_modifiers(candidate.type)) ||
         type->matches(candidate.base_type);
}

std::optional<ColumnPattern> parse_column_pattern(std::string_view text, std::string& why) {
  constexpr size_t kPartsMax = 3;
  if (text.size() > kPatternSizeMax) {
    why = "it is longer than 512 bytes";
    return std::nullopt;
  }
  std::vector<NamePattern> parts;
  std::string_view rest = text;
  while (true) {
    if (!rest.empty() && rest.front() == '"') {
      std::optional<NamePattern> part = take_quoted(rest);
      if (!part) {
        why = "a quote is not closed";
        return std::nullopt;
      }
      parts.push_back(std::move(*part));
    } else {
      const std::string_view plain = rest.substr(0, rest.find_first_of(". \""));
      parts.push_back(split_at_asterisks(plain));
      rest.remove_prefix(plain.size());
    }
    if (parts.back().is_literal() && parts.back().pieces.front().empty()) {
      why = "a part of it is empty";
      return std::nullopt;
    }
    if (rest.empty() || rest.front() == ' ') break;
    if (rest.front() != '.') {
      why = "a part is quoted as a whole or not at all";
      return std::nullopt;
    }
    rest.remove_prefix(1);
  }
  if (parts.size() > kPartsMax) {
    why = "it has more than three parts";
    return std::nullopt;
  }
  ColumnPattern pattern{
      .schema = anything(), .table = anything(), .column = std::move(parts.back()), .type = {}};
  if (parts.size() >= 2) pattern.table = std::move(parts[parts.size() - 2]);
  if (parts.size() == kPartsMax) pattern.schema = std::move(parts.front());
  if (const std::string_view type = trim(rest); !type.empty()) pattern.type = split_at_asterisks(type);
  return pattern;
}

RuleIndex::RuleIndex(const std::vector<ColumnRule>& shared, const std::vector<ColumnRule>& own) {
  for (const std::vector<ColumnRule>* rules : {&shared, &own}) {
    for (const ColumnRule& rule : *rules) {
      const NamePattern& column = rule.pattern.column;
      (column.is_literal() ? by_column_[column.pieces.front()] : patterns_).push_back(rules_.size());
      rules_.push_back(&rule);
    }
  }
}

const ColumnRule* RuleIndex::find(const QualifiedName& table, const Column& column,
                                  const std::vector<const Table*>& others) const {
  const auto last_match = [&](const std::vector<size_t>& places) -> const size_t* {
    auto found = std::find_if(places.rbegin(), places.rend(), [&](size_t place) {
      return matches_any(rules_[place]->pattern, table, column, others);
    });
    return found == places.rend() ? nullptr : &*found;
  };
  const auto named = by_column_.find(column.name);
  const size_t* by_name = named == by_column_.end() ? nullptr : last_match(named->second);
  const size_t* by_pattern = last_match(patterns_);
  if (by_name == nullptr && by_pattern == nullptr) return nullptr;
  if (by_name == nullptr || (by_pattern != nullptr && *by_pattern > *by_name)) return rules_[*by_pattern];
  return rules_[*by_name];
}

std::vector<const ColumnRule*> RuleIndex::all(const QualifiedName& table, const Column& column,
                                              const std::vector<const Table*>& others) const {
  std::vector<const ColumnRule*> found;
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (matches_any((*rule)->pattern, table, column, others)) found.push_back(*rule);
  }
  return found;
}

}  // namespace ytb::masking
