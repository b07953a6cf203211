// parse_policy(): the policy's YAML, read strictly.
#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "config/config.h"
#include "config/diagnostics.h"
#include "config/digest.h"
#include "config/reader.h"
#include "config/yaml_tree.h"
#include "masking/names.h"

namespace ytb::config {
namespace {

constexpr size_t kPolicySizeMax = 16 << 20;
constexpr YamlLimits kPolicyLimits{.depth_max = 24, .nodes_max = 2'000'000};
constexpr int64_t kVersion = 1;
constexpr size_t kRulesMax = 10'000;

using masking::DatabasePolicy;
using masking::LargeObjects;
using masking::MaskerSpec;
using masking::TablePolicy;
using masking::Where;

class PolicyReader {
 public:
  explicit PolicyReader(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  masking::Policy read(const YamlNode& root) {
    masking::Policy policy;
    MapReader top(diagnostics_, root, "the policy");
    if (!top.is_mapping()) return policy;
    if (top.lacks("version")) {
      top.complain("the policy has no 'version': start it with version: 1");
    }
    top.integer("version", kVersion, kVersion, kVersion);
    if (const YamlNode* settings = top.take("settings")) read_settings(*settings, policy);
    if (const YamlNode* survivors = top.take("survivors")) read_survivors(*survivors, policy.survivors);
    if (const YamlNode* columns = top.take("columns")) read_rules(*columns, policy.rules);
    const YamlNode* databases = top.take("databases");
    const bool tables = top.node().find("tables") != nullptr;
    if (databases != nullptr && tables) {
      diagnostics_.add(databases->mark,
                       "the policy has both 'tables' and 'databases': put the tables under "
                       "their database's name");
    }
    if (databases == nullptr) {
      DatabasePolicy only = read_tables(top);
      if (top.lacks("tables") && top.lacks("databases") && policy.rules.empty())
        top.complain("the policy has neither 'tables' nor 'databases'");
      policy.databases.emplace("", std::move(only));
    } else {
      top.take("tables");
      top.take("large_objects");
      top.take("views");
      read_databases(*databases, policy);
    }
    top.finish();
    return policy;
  }

 private:
  [[nodiscard]] Where where(const YamlNode& node) const {
    return {.file = std::string(diagnostics_.file()),
            .line = static_cast<int>(node.mark.line) + 1,
            .column = static_cast<int>(node.mark.column) + 1};
  }

  static bool is_word(const YamlNode& node, std::string_view word) {
    return node.kind == YamlNode::Kind::kScalar && node.text == word;
  }

  // A name written as it is, or as an SQL name where it begins with a quote.
  std::optional<std::string> read_name(const YamlNode& key) {
    if (key.text.empty()) {
      diagnostics_.add(key.mark, "a name is empty");
      return std::nullopt;
    }
    if (key.text.front() != '"') return key.text;
    auto parts = masking::split_name(key.text);
    if (parts && parts->size() == 1) return (*parts)[0];
    diagnostics_.add(key.mark, fmt::format("{} is not one quoted name", printable(key.text)), key.width());
    return std::nullopt;
  }

  void read_databases(const YamlNode& node, masking::Policy& policy) {
    MapReader reader(diagnostics_, node, "'databases'");
    for (const auto& [key, value] : node.entries) {
      std::optional<std::string> name = read_name(key);
      if (!name) continue;
      DatabasePolicy database;
      if (is_word(value, "keep")) {
        database.form = DatabasePolicy::Form::kKeep;
      } else if (is_word(value, "omit")) {
        database.form = DatabasePolicy::Form::kOmit;
      } else if (value.kind == YamlNode::Kind::kMapping) {
        MapReader tables(diagnostics_, value, fmt::format("database '{}'", printable(*name)));
        database = read_tables(tables);
        if (const YamlNode* columns = tables.take("columns")) read_rules(*columns, database.rules);
        if (tables.lacks("tables") && database.rules.empty())
          tables.complain(tables.what() + " has no 'tables'");
        tables.finish();
      } else {
        diagnostics_.add(
            value.mark,
            fmt::format("database '{}' takes keep, omit or a mapping with 'tables'", printable(*name)),
            value.width());
      }
      database.where = where(key);
      if (!policy.databases.emplace(*name, std::move(database)).second) {
        diagnostics_.add(key.mark, fmt::format("database '{}' is here twice", printable(*name)), key.width());
      }
    }
  }

  // `columns: {"*.created_at": keep, "audit.*.* text": hash}`
  void read_rules(const YamlNode& node, std::vector<masking::ColumnRule>& rules) {
    if (node.kind == YamlNode::Kind::kNull) return;
    MapReader reader(diagnostics_, node, "'columns'");
    if (node.entries.size() > kRulesMax) {
      diagnostics_.add(node.mark, fmt::format("more than {} rules", kRulesMax));
      return;
    }
    for (const auto& [key, value] : node.entries) {
      std::string why;
      std::optional<masking::ColumnPattern> pattern = masking::parse_column_pattern(key.text, why);
      MaskerSpec spec = read_spec(value, key.text);
      if (!pattern) {
        diagnostics_.add(
            key.mark,
            fmt::format("'{}' is not column, table.column or schema.table.column, each with * for "
                        "anything: {}",
                        printable(key.text), why),
            key.width());
        continue;
      }
      rules.push_back(
          {.text = key.text, .pattern = std::move(*pattern), .masker = std::move(spec), .where = where(key)});
    }
  }

  // Materialized views that stay empty.
  void read_views(const YamlNode& node, DatabasePolicy& database) {
    MapReader views(diagnostics_, node, "'views'");
    for (const auto& [key, value] : node.entries) {
      auto name = masking::parse_qualified_name(key.text);
      if (!name) {
        diagnostics_.add(key.mark, bad_table_name(key.text), key.width());
      } else if (!is_word(value, "none")) {
        diagnostics_.add(
            value.mark,
            fmt::format("view {} takes none: it stays empty; without an entry it is computed anew",
                        printable(key.text)),
            value.width());
      } else if (!database.empty_views.emplace(*name, where(key)).second) {
        diagnostics_.add(key.mark, fmt::format("view {} is here twice", printable(key.text)), key.width());
      }
    }
  }

  // `settings: {shop: {"app.*": none, "app.theme": keep}}`
  void read_settings(const YamlNode& node, masking::Policy& policy) {
    MapReader reader(diagnostics_, node, "'settings'");
    for (const auto& [key, value] : node.entries) {
      std::optional<std::string> database = key.text == "*" ? key.text : read_name(key);
      if (!database) continue;
      MapReader rules(diagnostics_, value, fmt::format("the settings of '{}'", printable(*database)));
      for (const auto& [name, verdict] : value.entries) {
        const bool pattern = name.text.ends_with('*');
        const bool keep = is_word(verdict, "keep");
        if (!keep && !is_word(verdict, "none")) {
          diagnostics_.add(verdict.mark,
                           fmt::format("the setting {} takes keep or none", printable(name.text)),
                           verdict.width());
        } else if (keep && pattern) {
          diagnostics_.add(verdict.mark, "a pattern takes none: settings are kept one by one, by their names",
                           verdict.width());
        }
        masking::SettingRule rule{
            .verdict = keep ? masking::SettingRule::Verdict::kKeep : masking::SettingRule::Verdict::kNone,
            .where = where(name)};
        if (!policy.settings[*database].emplace(name.text, rule).second) {
          diagnostics_.add(name.mark, fmt::format("setting '{}' is here twice", printable(name.text)),
                           name.width());
        }
      }
    }
  }

  // `survivors: prose`, or
  // `survivors: {search: prose, detectors: fail, allow: {shop: {public.words.word: "reason"}}}`
  void read_survivors(const YamlNode& node, masking::SurvivorPolicy& survivors) {
    if (node.kind != YamlNode::Kind::kMapping) return read_search(node, survivors);
    MapReader reader(diagnostics_, node, "'survivors'");
    if (const YamlNode* search = reader.take("search")) {
      read_search(*search, survivors);
    } else {
      reader.complain("'survivors' has no 'search': whole, words or prose");
    }
    if (const YamlNode* detectors = reader.take("detectors")) read_detectors(*detectors, survivors);
    if (const YamlNode* names = reader.take("names")) {
      using Names = masking::SurvivorPolicy::Names;
      if (!is_word(*names, "warn") && !is_word(*names, "fail"))
        diagnostics_.add(names->mark, "single words that are names, too, are to warn or fail",
                         names->width());
      survivors.names = is_word(*names, "warn") ? Names::kWarn : Names::kFail;
    }
    if (const YamlNode* allow = reader.take("allow")) read_allowed(*allow, survivors);
    reader.finish();
  }

  void read_detectors(const YamlNode& node, masking::SurvivorPolicy& survivors) {
    using Detectors = masking::SurvivorPolicy::Detectors;
    for (const auto& [word, detectors] :
         {std::pair{"none", Detectors::kNone}, std::pair{"warn", Detectors::kWarn},
          std::pair{"fail", Detectors::kFail}}) {
      if (!is_word(node, word)) continue;
      survivors.detectors = detectors;
      return;
    }
    diagnostics_.add(node.mark, "what the detectors see is none, warn or fail", node.width());
  }

  void read_search(const YamlNode& node, masking::SurvivorPolicy& survivors) {
    using Search = masking::SurvivorPolicy::Search;
    for (const auto& [word, search] :
         {std::pair{"none", Search::kNone}, std::pair{"whole", Search::kWhole},
          std::pair{"words", Search::kWords}, std::pair{"prose", Search::kProse}}) {
      if (!is_word(node, word)) continue;
      survivors.search = search;
      return;
    }
    diagnostics_.add(node.mark, "the search for survivors is none, whole, words or prose", node.width());
  }

  void read_allowed(const YamlNode& node, masking::SurvivorPolicy& survivors) {
    MapReader reader(diagnostics_, node, "'allow'");
    for (const auto& [key, places] : node.entries) {
      std::optional<std::string> database = read_name(key);
      if (!database) continue;
      MapReader rules(diagnostics_, places, fmt::format("what is allowed in '{}'", printable(*database)));
      for (const auto& [place, reason] : places.entries) {
        if (reason.kind != YamlNode::Kind::kScalar || trim(reason.text).empty()) {
          diagnostics_.add(reason.mark, "say in a sentence why originals may stand there", reason.width());
        } else if (!survivors.allow[*database].emplace(place.text, reason.text).second) {
          diagnostics_.add(place.mark, fmt::format("'{}' is here twice", printable(place.text)),
                           place.width());
        }
      }
    }
  }

  // `tables:`, `views:` and `large_objects:` of one database.
  DatabasePolicy read_tables(MapReader& reader) {
    DatabasePolicy database;
    database.where = where(reader.node());
    if (const YamlNode* node = reader.take("large_objects")) {
      if (is_word(*node, "keep")) {
        database.large_objects = LargeObjects::kKeep;
      } else if (is_word(*node, "none")) {
        database.large_objects = LargeObjects::kNone;
      } else {
        diagnostics_.add(node->mark, "'large_objects' takes keep or none", node->width());
      }
    }
    if (const YamlNode* views = reader.take("views")) read_views(*views, database);
    const YamlNode* node = reader.take("tables");
    if (node == nullptr || node->kind == YamlNode::Kind::kNull) return database;
    MapReader tables(diagnostics_, *node, "'tables'");
    for (const auto& [key, value] : node->entries) {
      auto name = masking::parse_qualified_name(key.text);
      if (!name) {
        diagnostics_.add(key.mark, bad_table_name(key.text), key.width());
        continue;
      }
      TablePolicy table = read_table(key, value);
      if (!database.tables.emplace(std::move(*name), std::move(table)).second) {
        diagnostics_.add(key.mark, fmt::format("table {} is here twice", printable(key.text)), key.width());
      }
    }
    return database;
  }

  static std::string bad_table_name(std::string_view text) {
    if (auto one = masking::split_name(text); one && one->size() == 1) {
      return fmt::format("table '{}' needs its schema: public.{}", printable(text), printable(text));
    }
    const size_t dot = text.find('.');
    std::string example =
        dot == std::string_view::npos || text.find('"') != std::string_view::npos
            ? R"(public."Odd.Name")"
            : masking::to_string(masking::QualifiedName{.schema = std::string(text.substr(0, dot)),
                                                        .name = std::string(text.substr(dot + 1))});
    return fmt::format(
        "'{}' is not schema.table: names with anything but a-z, 0-9, _ and $ are quoted as in "
        "SQL, e.g. {}",
        printable(text), printable(example));
  }

  TablePolicy read_table(const YamlNode& key, const YamlNode& value) {
    TablePolicy table;
    table.where = where(key);
    if (is_word(value, "keep")) {
      table.form = TablePolicy::Form::kKeep;
      return table;
    }
    if (value.kind != YamlNode::Kind::kMapping) {
      diagnostics_.add(
          value.mark,
          fmt::format("table {} takes keep, {{rows: none}} or a mapping of its columns", printable(key.text)),
          value.width());
      return table;
    }
    const YamlNode* rows = value.find("rows");
    if (rows != nullptr && is_word(*rows, "none")) {
      // "none" is no masker, so this cannot be a column that is called rows.
      table.form = TablePolicy::Form::kNoRows;
      if (value.entries.size() > 1) {
        diagnostics_.add(rows->mark,
                         "'rows: none' empties the table and stands alone: remove it, or the "
                         "columns beside it",
                         rows->width());
      }
      return table;
    }
    read_columns(value, table);
    return table;
  }

  void read_columns(const YamlNode& node, TablePolicy& table) {
    for (const auto& [key, value] : node.entries) {
      if (key.text == "*") {
        table.wildcard_keep = true;
        table.wildcard_where = where(key);
        if (!is_word(value, "keep")) {
          diagnostics_.add(value.mark,
                           "\"*\" takes keep and nothing else: a masker is given column by column",
                           value.width());
        }
        continue;
      }
      std::optional<std::string> name = read_name(key);
      if (!name) continue;
      MaskerSpec spec = read_spec(value, *name);
      if (!table.columns.emplace(*name, std::move(spec)).second) {
        diagnostics_.add(key.mark, fmt::format("column '{}' is here twice", printable(*name)), key.width());
      }
    }
  }

  // `email`, `{date_shift: {days: 30}}`, `{fixed: x}` or `{json: {path: spec}}`. The depth is the document's.
  MaskerSpec read_spec(const YamlNode& node, const std::string& column) {
    MaskerSpec spec;
    spec.where = where(node);
    const bool null_masker = node.kind == YamlNode::Kind::kNull && node.text == "null";
    if (node.kind == YamlNode::Kind::kScalar || null_masker) {
      spec.name = node.text;
      if (spec.name.empty()) diagnostics_.add(node.mark, nothing_for(column));
      return spec;
    }
    if (node.kind != YamlNode::Kind::kMapping) {
      diagnostics_.add(node.mark, nothing_for(column), node.width());
      return spec;
    }
    if (node.entries.size() != 1) {
      diagnostics_.add(
          node.mark,
          fmt::format("column '{}' takes one masker, e.g. {{date_shift: {{days: 30}}}}", printable(column)));
      return spec;
    }
    const auto& [name, value] = node.entries.front();
    spec.name = name.text;
    spec.where = where(name);
    if (value.kind == YamlNode::Kind::kScalar) {
      spec.params["value"] = value.text;
    } else if (value.kind != YamlNode::Kind::kMapping) {
      diagnostics_.add(value.mark,
                       fmt::format("'{}' takes its parameters as a mapping", printable(name.text)));
    } else if (name.text == "json") {
      for (const auto& [path, nested] : value.entries) {
        spec.paths.push_back({path.text, read_spec(nested, path.text)});
      }
    } else {
      for (const auto& [param, given] : value.entries) {
        if (auto text = scalar_text(diagnostics_, given, param.text)) spec.params[param.text] = *text;
      }
    }
    return spec;
  }

  static std::string nothing_for(const std::string& column) {
    return fmt::format("column '{}' takes a masker: its name, or {{name: {{parameters}}}}",
                       printable(column));
  }

  Diagnostics& diagnostics_;
};

}  // namespace

Result<masking::Policy> parse_policy(std::string_view text, std::string_view file) {
  YTB_TRY(check_text(text, file, kPolicySizeMax, Code::kPolicy));
  Diagnostics diagnostics(text, file);
  diagnostics.hint("docs/policy.md describes the policy; `ytb policy propose` writes one");
  std::optional<YamlNode> root = read_yaml(diagnostics, kPolicyLimits);
  if (!root) return diagnostics.error(Code::kPolicy);
  masking::Policy policy = PolicyReader(diagnostics).read(*root);
  if (!diagnostics.ok()) return diagnostics.error(Code::kPolicy);
  policy.file = file;
  policy.digest = digest_of(text);
  return policy;
}

}  // namespace ytb::config
