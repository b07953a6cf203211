#include "masking/shorten.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "masking/names.h"
#include "masking/yaml_text.h"

namespace ytb::masking {
namespace {

constexpr size_t kAlikeMin = 3;      // tables in which a column is proposed alike
constexpr size_t kUndecidedMin = 2;  // the same for a judge: deciding twice is once too often
constexpr size_t kExamplesMax = 3;

// All columns of one name, by what is proposed for them.
struct Alike {
  MaskerSpec masker;
  std::vector<std::pair<const TableLines*, const ColumnLine*>> lines;
};

// Masks first, then what is undecided, then what is kept.
int order_of(const MaskerSpec& masker) { return masker.name == "keep" ? 2 : masker.name == "judge" ? 1 : 0; }

RuleLine rule_for(const std::string& column, const Alike& alike) {
  const std::string name = quote_name(column);
  // An asterisk stands for anything only outside of quotes.
  RuleLine rule{.pattern = "*." + name, .masker = alike.masker, .tables = alike.lines.size(), .examples = {}};
  for (const auto& [table, line] : alike.lines) {
    if (rule.examples.size() == kExamplesMax) break;
    rule.examples.push_back(fmt::format("{} ({}): {}", to_string(table->table), line->type, line->evidence));
  }
  return rule;
}

// Parameters such as `by:` and the paths of documents are of one table.
bool is_plain(const MaskerSpec& masker) { return masker.params.empty() && masker.paths.empty(); }

}  // namespace

std::vector<RuleLine> take_rules(std::vector<DatabaseLines>& databases) {
  std::map<std::string, std::map<std::string, Alike>> by_column;
  for (const DatabaseLines& database : databases) {
    for (const TableLines& table : database.tables) {
      if (table.no_rows || table.has_entry) continue;
      for (const ColumnLine& line : table.columns) {
        if (!is_plain(line.masker)) continue;
        Alike& alike = by_column[line.column][yaml_spec(line.masker)];
        alike.masker = line.masker;
        alike.lines.emplace_back(&table, &line);
      }
    }
  }
  std::vector<RuleLine> rules;
  std::map<std::string, std::string> judged_by;  // column → its rule's masker
  for (const auto& [column, kinds] : by_column) {
    const auto most = std::max_element(kinds.begin(), kinds.end(), [](const auto& a, const auto& b) {
      return a.second.lines.size() < b.second.lines.size();
    });
    const Alike& alike = most->second;
    const size_t least = alike.masker.name == "judge" ? kUndecidedMin : kAlikeMin;
    if (alike.lines.size() < least || quote_name(column).size() + 2 > kPatternSizeMax) continue;
    rules.push_back(rule_for(column, alike));
    judged_by.emplace(column, most->first);
  }
  std::sort(rules.begin(), rules.end(), [](const RuleLine& a, const RuleLine& b) {
    return std::tuple(order_of(a.masker), a.pattern) < std::tuple(order_of(b.masker), b.pattern);
  });
  for (DatabaseLines& database : databases) {
    std::erase_if(database.tables, [&](TableLines& table) {
      if (table.no_rows || table.has_entry || table.columns.empty()) return false;
      std::erase_if(table.columns, [&](const ColumnLine& line) {
        auto rule = judged_by.find(line.column);
        return rule != judged_by.end() && rule->second == yaml_spec(line.masker);
      });
      return table.columns.empty();
    });
  }
  return rules;
}

std::string yaml_lines(const std::vector<RuleLine>& rules) {
  if (rules.empty()) return {};
  std::string text =
      "# In every table, but where a table's own entry says otherwise. Of several that match the last "
      "decides.\n"
      "columns:\n";
  for (const RuleLine& rule : rules) {
    text += fmt::format("  {}: {}   # {} tables\n", yaml_scalar(rule.pattern), yaml_spec(rule.masker),
                        rule.tables);
    for (const std::string& example : rule.examples) text += fmt::format("    # {}\n", escape_line(example));
    if (rule.tables > rule.examples.size()) text += "    # …\n";
  }
  return text;
}

}  // namespace ytb::masking
