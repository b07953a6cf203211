#include "config/policy_merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/diagnostics.h"
#include "config/yaml_tree.h"
#include "masking/judgement.h"
#include "masking/names.h"
#include "masking/yaml_text.h"

namespace ytb::config {
namespace {

using masking::Additions;
using masking::DatabaseLines;
using masking::DatabasePolicy;
using masking::Policy;
using masking::TableLines;
using masking::TablePolicy;

constexpr YamlLimits kLimits{.depth_max = 24, .nodes_max = 2'000'000};

// A text by lines: where they begin, how far they are indented.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {
    starts_.push_back(0);
    for (size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) {
      if (at + 1 < text.size()) starts_.push_back(at + 1);
    }
  }
  [[nodiscard]] size_t count() const { return starts_.size(); }
  [[nodiscard]] size_t start(size_t line) const {
    return line < starts_.size() ? starts_[line] : text_.size();
  }
  [[nodiscard]] size_t offset(const Mark& mark) const {
    return std::min(start(mark.line) + mark.column, text_.size());
  }
  [[nodiscard]] size_t line_of(size_t offset) const {
    auto after = std::upper_bound(starts_.begin(), starts_.end(), offset);
    return static_cast<size_t>(after - starts_.begin()) - 1;
  }
  // Without the end of line.
  [[nodiscard]] std::string_view line(size_t number) const {
    std::string_view found = text_.substr(start(number), start(number + 1) - start(number));
    while (!found.empty() && (found.back() == '\n' || found.back() == '\r')) found.remove_suffix(1);
    return found;
  }
  [[nodiscard]] bool is_blank(size_t number) const {
    return line(number).find_first_not_of(" \t") == std::string_view::npos;
  }
  [[nodiscard]] size_t indent(size_t number) const {
    return std::min(line(number).find_first_not_of(' '), line(number).size());
  }

 private:
  std::string_view text_;
  std::vector<size_t> starts_;
};

// Where a flow collection ends that begins at `open`, and what its last token is.
struct FlowEnd {
  size_t close = 0;            // its closing bracket
  size_t last = 0;             // the last character before it that is no space and in no comment
  bool comment_after = false;  // between the two
};

std::optional<FlowEnd> end_of_flow(std::string_view text, size_t open) {
  FlowEnd end{.last = open};
  int depth = 0;
  bool token_starts = true;
  for (size_t at = open; at < text.size(); ++at) {
    const char c = text[at];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    if (c == '#' && at > 0 && (text[at - 1] == ' ' || text[at - 1] == '\t' || text[at - 1] == '\n')) {
      at = std::min(text.find('\n', at), text.size()) - 1;
      end.comment_after = true;
      continue;
    }
    if (token_starts && (c == '"' || c == '\'')) {
      for (++at; at < text.size() && text[at] != c; ++at) {
        if (c == '"' && text[at] == '\\') ++at;
      }
      if (at >= text.size()) return std::nullopt;
      token_starts = c == '\'' && at + 1 < text.size() && text[at + 1] == '\'';  // '' within: it goes on
    } else if (c == '{' || c == '[') {
      ++depth;
      token_starts = true;
    } else if (c == '}' || c == ']') {
      token_starts = false;
      if (--depth == 0) {
        end.close = at;
        return end;
      }
    } else {
      token_starts = c == ',' || c == ':';
    }
    end.last = at;
    end.comment_after = false;
  }
  return std::nullopt;
}

bool same_columns(const TablePolicy& before, const TablePolicy& after) {
  if (before.form != after.form || before.wildcard_keep != after.wildcard_keep) return false;
  return std::all_of(before.columns.begin(), before.columns.end(), [&](const auto& entry) {
    auto found = after.columns.find(entry.first);
    return found != after.columns.end() && same_spec(found->second, entry.second);
  });
}

bool same_rules(const std::vector<masking::ColumnRule>& before,
                const std::vector<masking::ColumnRule>& after) {
  return std::equal(
      before.begin(), before.end(), after.begin(), after.end(),
      [](const auto& a, const auto& b) { return a.text == b.text && same_spec(a.masker, b.masker); });
}

bool same_database(const DatabasePolicy& before, const DatabasePolicy& after) {
  if (before.form != after.form || !same_rules(before.rules, after.rules)) return false;
  if (before.large_objects != masking::LargeObjects::kUnjudged &&
      before.large_objects != after.large_objects) {
    return false;
  }
  const bool views =
      std::equal(before.empty_views.begin(), before.empty_views.end(), after.empty_views.begin(),
                 after.empty_views.end(), [](const auto& a, const auto& b) { return a.first == b.first; });
  return views && std::all_of(before.tables.begin(), before.tables.end(), [&](const auto& entry) {
           auto found = after.tables.find(entry.first);
           return found != after.tables.end() && same_columns(entry.second, found->second);
         });
}

// Whether `after` judges all that `before` judges, and as it does.
bool judges_as_before(const Policy& before, const Policy& after, const std::string& tables_are_of) {
  if (!same_rules(before.rules, after.rules)) return false;
  const masking::SurvivorPolicy& was = before.survivors;
  const masking::SurvivorPolicy& is = after.survivors;
  if (was.search != is.search || was.detectors != is.detectors || was.names != is.names ||
      was.allow != is.allow) {
    return false;
  }
  for (const auto& [database, rules] : before.settings) {
    auto found = after.settings.find(database);
    if (found == after.settings.end()) return false;
    for (const auto& [name, rule] : rules) {
      auto same = found->second.find(name);
      if (same == found->second.end() || same->second.verdict != rule.verdict) return false;
    }
  }
  return std::all_of(before.databases.begin(), before.databases.end(), [&](const auto& entry) {
    const bool moved = entry.first.empty() && !tables_are_of.empty();
    auto found = after.databases.find(moved ? tables_are_of : entry.first);
    if (found != after.databases.end()) return same_database(entry.second, found->second);
    // `columns:` alone, to which databases were added.
    return entry.first.empty() && entry.second.tables.empty() && entry.second.empty_views.empty();
  });
}

class PolicyEditor {
 public:
  PolicyEditor(std::string text, const YamlNode& root) : text_(std::move(text)), root_(root), lines_(text_) {
    const size_t first = text_.find('\n');
    crlf_ = first != std::string::npos && first > 0 && text_[first - 1] == '\r';
  }

  // Inner ones first: two that go to one place stay in this order.
  std::string add(const Additions& additions) {
    for (const DatabaseLines& database : additions.databases) add_to_tables(database);
    for (const DatabaseLines& database : additions.databases) add_tables(database);
    add_databases(additions);
    add_settings(additions);
    return apply();
  }

 private:
  struct Edit {
    size_t at = 0;
    std::string text;
  };
  using Entry = std::pair<YamlNode, YamlNode>;

  static const Entry* find_entry(const YamlNode& mapping, std::string_view key) {
    auto found = std::find_if(mapping.entries.begin(), mapping.entries.end(),
                              [&](const Entry& entry) { return entry.first.text == key; });
    return found == mapping.entries.end() ? nullptr : &*found;
  }

  // As PolicyReader reads names: as they are, or as SQL names where they begin with a quote.
  static const Entry* find_named(const YamlNode& mapping, const std::string& name) {
    auto found = std::find_if(mapping.entries.begin(), mapping.entries.end(), [&](const Entry& entry) {
      if (!entry.first.text.starts_with('"')) return entry.first.text == name;
      auto parts = masking::split_name(entry.first.text);
      return parts && parts->size() == 1 && parts->front() == name;
    });
    return found == mapping.entries.end() ? nullptr : &*found;
  }

  // The entry whose value holds `tables:` and `large_objects:` of a database; the root's has no key.
  [[nodiscard]] const YamlNode* mapping_of(const DatabaseLines& database, const YamlNode** key) const {
    *key = nullptr;
    const Entry* databases = find_entry(root_, "databases");
    if (databases == nullptr) return &root_;
    const Entry* entry = find_named(databases->second, database.database);
    if (entry == nullptr) return nullptr;
    *key = &entry->first;
    return &entry->second;
  }

  // New columns of tables that have an entry.
  void add_to_tables(const DatabaseLines& database) {
    const YamlNode* key = nullptr;
    const YamlNode* mapping = database.has_entry ? mapping_of(database, &key) : nullptr;
    const Entry* tables = mapping == nullptr ? nullptr : find_entry(*mapping, "tables");
    if (tables == nullptr) return;
    for (const TableLines& table : database.tables) {
      if (!table.has_entry) continue;
      auto entry = std::find_if(
          tables->second.entries.begin(), tables->second.entries.end(),
          [&](const Entry& each) { return masking::parse_qualified_name(each.first.text) == table.table; });
      if (entry == tables->second.entries.end()) continue;
      std::string flow;
      for (const masking::ColumnLine& line : table.columns) flow += item(column_item(line), flow);
      insert(&entry->first, entry->second, flow, [&](const std::string& indent) {
        std::string text;
        for (const masking::ColumnLine& line : table.columns) text += yaml_lines(line, indent);
        return text;
      });
    }
  }

  // New tables of databases that have an entry, and their large objects.
  void add_tables(const DatabaseLines& database) {
    const YamlNode* key = nullptr;
    const YamlNode* mapping = database.has_entry ? mapping_of(database, &key) : nullptr;
    if (mapping == nullptr) return;
    const auto is_new = [](const TableLines& table) { return !table.has_entry; };
    const bool any = std::any_of(database.tables.begin(), database.tables.end(), is_new);
    std::string flow;
    for (const TableLines& table : database.tables) {
      if (is_new(table)) flow += item(table_item(table), flow);
    }
    const auto block = [&](const std::string& indent) {
      std::string text;
      for (const TableLines& table : database.tables) {
        if (is_new(table)) text += yaml_lines(table, indent);
      }
      return text;
    };
    const Entry* tables = find_entry(*mapping, "tables");
    if (any && tables != nullptr) insert(&tables->first, tables->second, flow, block);
    if (any && tables == nullptr) {
      insert(key, *mapping, "tables: {" + flow + "}",
             [&](const std::string& indent) { return indent + "tables:\n" + block(indent + "  "); });
    }
    if (database.large_objects == 0) return;
    insert(key, *mapping, "large_objects: none",
           [&](const std::string& indent) { return large_objects_line(database, indent); });
  }

  void add_databases(const Additions& additions) {
    std::string flow;
    for (const DatabaseLines& database : additions.databases) {
      if (!database.has_entry) flow += item(database_item(database), flow);
    }
    if (flow.empty()) return;
    const auto block = [&](const std::string& indent) {
      std::string text;
      for (const DatabaseLines& database : additions.databases) {
        if (database.has_entry) continue;
        text += fmt::format("{}{}:\n", indent, masking::yaml_key(database.database)) +
                yaml_lines(database, indent + "  ");
      }
      return text;
    };
    if (const Entry* databases = find_entry(root_, "databases")) {
      insert(&databases->first, databases->second, flow, block);
    } else {
      insert(nullptr, root_, "databases: {" + flow + "}",
             [&](const std::string& indent) { return indent + "databases:\n" + block(indent + "  "); });
    }
  }

  void add_settings(const Additions& additions) {
    const Entry* settings = find_entry(root_, "settings");
    std::string new_flow;
    std::vector<const std::pair<const std::string, std::vector<std::string>>*> new_ones;
    for (const auto& of_database : additions.settings) {
      const auto& [database, names] = of_database;
      const Entry* there = settings == nullptr ? nullptr : find_named(settings->second, database);
      std::string flow;
      for (const std::string& name : names) flow += item(masking::yaml_key(name) + ": none", flow);
      if (there != nullptr) {
        insert(&there->first, there->second, flow, [&names = names](const std::string& indent) {
          return masking::settings_lines(names, indent);
        });
      } else {
        new_flow += item(fmt::format("{}: {{{}}}", masking::settings_key(database), flow), new_flow);
        new_ones.push_back(&of_database);
      }
    }
    if (new_ones.empty()) return;
    const auto block = [&](const std::string& indent) {
      std::string text;
      for (const auto* each : new_ones) {
        text += fmt::format("{}{}:\n", indent, masking::settings_key(each->first)) +
                masking::settings_lines(each->second, indent + "  ");
      }
      return text;
    };
    if (settings != nullptr) return insert(&settings->first, settings->second, new_flow, block);
    insert(nullptr, root_, "settings: {" + new_flow + "}",
           [&](const std::string& indent) { return indent + "settings:\n" + block(indent + "  "); });
  }

  // --- In flow style: {a: keep, b: hash}
  static std::string item(const std::string& text, const std::string& before) {
    return (before.empty() ? "" : ", ") + text;
  }
  static std::string column_item(const masking::ColumnLine& line) {
    return masking::yaml_key(line.column) + ": " + masking::yaml_spec(line.masker);
  }
  static std::string table_item(const TableLines& table) {
    const std::string key = masking::yaml_key(table.table) + ": ";
    if (table.no_rows) return key + "{rows: none}";
    if (table.columns.empty()) return key + "keep";
    std::string columns;
    for (const masking::ColumnLine& line : table.columns) columns += item(column_item(line), columns);
    return key + "{" + columns + "}";
  }
  static std::string database_item(const DatabaseLines& database) {
    std::string tables;
    for (const TableLines& table : database.tables) tables += item(table_item(table), tables);
    return fmt::format("{}: {{{}tables: {{{}}}}}", masking::yaml_key(database.database),
                       database.large_objects > 0 ? "large_objects: none, " : "", tables);
  }

  // --- Places
  [[nodiscard]] bool is_flow(const YamlNode& node) const {
    const size_t at = lines_.offset(node.mark);
    const bool collection = node.kind == YamlNode::Kind::kMapping || node.kind == YamlNode::Kind::kSequence;
    return collection && at < text_.size() && (text_[at] == '{' || text_[at] == '[');
  }

  // The last line that a value certainly takes.
  [[nodiscard]] size_t last_line(const YamlNode& key, const YamlNode& value) const {
    if (is_flow(value)) {
      const std::optional<FlowEnd> end = end_of_flow(text_, lines_.offset(value.mark));
      return end ? lines_.line_of(end->close) : value.mark.line;
    }
    if (value.kind == YamlNode::Kind::kMapping && !value.entries.empty()) {
      return last_line(value.entries.back().first, value.entries.back().second);
    }
    return value.kind == YamlNode::Kind::kScalar ? std::max(key.mark.line, value.mark.line) : key.mark.line;
  }

  // Adds entries to the mapping `value` of `key` (none: the root): `flow` before its closing brace, or lines
  // below it.
  template <typename Block>
  void insert(const YamlNode* key, const YamlNode& value, const std::string& flow, const Block& block) {
    if (is_flow(value)) return insert_in_flow(value, flow);
    const YamlNode& holder = key == nullptr ? value : *key;
    size_t last = last_line(holder, value);
    // What follows and is indented further belongs to it: the rest of a long text, comments.
    for (size_t line = last + 1; line < lines_.count(); ++line) {
      if (lines_.is_blank(line)) continue;
      if (key != nullptr && lines_.indent(line) <= key->mark.column) break;
      last = line;
    }
    const size_t indent = !value.entries.empty() ? value.entries.front().first.mark.column
                          : key == nullptr       ? 0
                                                 : key->mark.column + 2;
    edits_.push_back({lines_.start(last + 1), block(std::string(indent, ' '))});
  }

  void insert_in_flow(const YamlNode& value, const std::string& flow) {
    const std::optional<FlowEnd> end = end_of_flow(text_, lines_.offset(value.mark));
    if (!end) return;  // reading it back will tell
    const char last = text_[end->last];
    const bool first = last == '{' || last == ',';
    edits_.push_back(
        {end->comment_after ? end->close : end->last + 1, (first ? last == ',' ? " " : "" : ", ") + flow});
  }

  std::string apply() {
    std::stable_sort(edits_.begin(), edits_.end(), [](const Edit& a, const Edit& b) { return a.at < b.at; });
    std::string text;
    size_t copied = 0;
    for (const Edit& edit : edits_) {
      text.append(text_, copied, edit.at - copied);
      copied = edit.at;
      const bool whole_lines = edit.text.ends_with('\n');
      if (whole_lines && !text.empty() && text.back() != '\n') text += crlf_ ? "\r\n" : "\n";
      for (const char c : edit.text) {
        if (c == '\n' && crlf_) text += '\r';
        text += c;
      }
    }
    return text.append(text_, copied);
  }

  const std::string text_;
  const YamlNode& root_;
  const Lines lines_;
  bool crlf_ = false;
  std::vector<Edit> edits_;
};

// What stands at the top level and is of one database, under that database's name: four spaces further in,
// each with the comments right above it.
std::optional<std::string> move_under_database(std::string_view text, const YamlNode& root,
                                               const std::string& database) {
  const Lines lines(text);
  if (root.kind != YamlNode::Kind::kMapping || root.entries.empty()) return std::nullopt;
  struct Section {
    size_t start = 0;  // lines
    bool moves = false;
  };
  std::vector<Section> sections;
  for (const auto& [key, value] : root.entries) {
    if (key.mark.column != 0) return std::nullopt;  // all of it in braces, or indented
    size_t start = key.mark.line;
    while (start > 0 && lines.line(start - 1).starts_with('#')) --start;
    sections.push_back({start, key.text == "tables" || key.text == "views" || key.text == "large_objects"});
  }
  std::string moved = fmt::format("databases:\n  {}:\n", masking::yaml_key(database));
  std::string before;
  std::string after;
  bool any = false;
  before.append(text.substr(0, lines.start(sections.front().start)));
  for (size_t i = 0; i < sections.size(); ++i) {
    const size_t end = i + 1 < sections.size() ? sections[i + 1].start : lines.count();
    const std::string_view part =
        text.substr(lines.start(sections[i].start), lines.start(end) - lines.start(sections[i].start));
    if (!sections[i].moves) {
      (any ? after : before).append(part);
      continue;
    }
    any = true;
    for (size_t line = sections[i].start; line < end; ++line) {
      const std::string_view whole =
          text.substr(lines.start(line), lines.start(line + 1) - lines.start(line));
      if (!lines.is_blank(line)) moved += "    ";
      moved += whole;
    }
    if (!moved.ends_with('\n')) moved += '\n';
  }
  if (!any) return std::nullopt;
  if (!before.empty() && !before.ends_with('\n')) before += '\n';
  return before + moved + after;
}

Error not_in_place(std::string_view file) {
  return {.code = Code::kPolicy,
          .message = fmt::format(
              "the way {} is written leaves no safe place for new lines; nothing was changed", file),
          .hint = "`ytb policy check` shows the lines to add by hand",
          .retry = Retry::kNever};
}

}  // namespace

Result<std::string> add_to_policy(std::string_view text, std::string_view file, const Additions& additions) {
  YTB_ASSIGN(const Policy before, parse_policy(text, file));
  std::string moved(text);
  if (!additions.tables_are_of.empty()) {
    Diagnostics diagnostics(text, file);
    const std::optional<YamlNode> root = read_yaml(diagnostics, kLimits);
    std::optional<std::string> under =
        root ? move_under_database(text, *root, additions.tables_are_of) : std::nullopt;
    if (!under) return not_in_place(file);
    moved = std::move(*under);
  }
  Diagnostics diagnostics(moved, file);
  const std::optional<YamlNode> root = read_yaml(diagnostics, kLimits);
  if (!root) return not_in_place(file);
  std::string added = PolicyEditor(moved, *root).add(additions);
  Result<Policy> after = parse_policy(added, file);
  if (!after.ok() || !judges_as_before(before, *after, additions.tables_are_of)) return not_in_place(file);
  return added;
}

}  // namespace ytb::config
