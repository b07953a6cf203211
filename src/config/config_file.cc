// parse_config(): the config's YAML, read strictly.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "config/config.h"
#include "config/config_aws.h"
#include "config/config_gate.h"
#include "config/config_rules.h"
#include "config/diagnostics.h"
#include "config/reader.h"
#include "config/values.h"
#include "config/yaml_tree.h"

namespace ytb::config {
namespace {

constexpr size_t kConfigSizeMax = 1 << 20;
constexpr YamlLimits kConfigLimits{.depth_max = 16, .nodes_max = 50'000};
constexpr int64_t kVersion = 1;
constexpr int64_t kKeepMax = 10'000;
constexpr int64_t kSparesMax = 100;
constexpr int64_t kWorkersMax = 64;
constexpr size_t kProductionsMax = 100;
constexpr int kPortsPerProduction = 100;
constexpr int kPortFirst = 6500;
constexpr size_t kReasonMin = 10;

constexpr std::string_view kMaskingMissing =
    "has no 'masking': give it a policy (masking: {policy: policy.yaml}), or, where staging may see "
    "production's "
    "data as it is, write down why (masking: {none: \"the reason\"})";

constexpr std::string_view kIsolationWrong =
    "write isolation: sealed, or, where the host allows no namespaces, {weak: \"the reason\"} or {none: "
    "\"the "
    "reason\"}";
std::vector<std::string> isolation_words() { return {"sealed", "weak", "none"}; }

class ConfigReader {
 public:
  ConfigReader(Diagnostics& diagnostics, std::string_view file)
      : diagnostics_(diagnostics), values_(diagnostics, folder_of(file)), aws_(values_) {}

  Config read(const YamlNode& root) {
    Config config;
    MapReader top(diagnostics_, root, "the config");
    if (!top.is_mapping()) return config;
    if (top.lacks("version")) {
      top.complain("the config has no 'version': start it with version: 1");
    }
    config.version = static_cast<int>(top.integer("version", kVersion, kVersion, kVersion));
    config.state_directory = values_.path(top, "state", "state");
    config.signing_key = values_.secret(top, "signing_key");
    config.aws = aws_.read_calls(top);
    const YamlNode* productions = top.take("productions");
    if (top.lacks("productions") || (productions != nullptr && productions->entries.empty())) {
      top.complain("the config has no productions: productions: {shop: {source: …}}");
    }
    if (productions != nullptr) read_productions(*productions, config);
    top.finish();
    return config;
  }

  [[nodiscard]] const std::vector<Mark>& marks() const { return marks_; }

 private:
  void read_productions(const YamlNode& node, Config& config) {
    MapReader reader(diagnostics_, node, "'productions'");
    if (node.entries.size() > kProductionsMax) {
      reader.complain(fmt::format("more than {} productions", kProductionsMax));
      return;
    }
    for (const auto& [key, value] : node.entries) {
      if (!is_production_name(key.text)) {
        diagnostics_.add(
            key.mark,
            fmt::format("'{}' is no name for a production: a-z first, then a-z, 0-9 and -, at most "
                        "40 characters",
                        printable(key.text)),
            key.width());
        continue;
      }
      marks_.push_back(key.mark);
      config.productions.push_back(read_production(key, value, static_cast<int>(config.productions.size())));
      if (!is_aws(config.productions.back())) continue;
      if (std::optional<std::string> wrong = wrong_with_aws_production(key.text))
        diagnostics_.add(key.mark, fmt::format("'{}' {}", key.text, *wrong), key.width());
    }
  }

  ProductionConfig read_production(const YamlNode& key, const YamlNode& value, int index) {
    ProductionConfig production;
    production.name = model::ProductionName(key.text);
    MapReader reader(diagnostics_, value, fmt::format("production '{}'", key.text));
    if (!reader.is_mapping()) return production;
    production.source = read_source(reader);
    production.copies = read_copies(reader, key.text, index);
    production.alias = read_alias(reader, key.text);
    production.fargate = aws_.read_fargate(reader);
    production.role = aws_.read_role(reader);
    production.masking = read_masking(reader, key);
    production.access = read_access(reader, key, is_aws(production));
    production.schedule = read_schedule(reader);
    production.spare_copies = static_cast<int>(reader.integer("spare_copies", 0, 0, kSparesMax));
    production.drain = reader.duration("drain").value_or(production.drain);
    aws_.check_together(reader, production);
    production.max_age = reader.duration("max_age");
    production.checks = read_checks(reader);
    production.on_failure = reader.texts("on_failure");
    if (!production.on_failure.empty() && production.on_failure.front().empty()) {
      reader.complain("'on_failure' names no program");
    }
    reader.finish();
    return production;
  }

  // The one kind under `source:`, `copies:` or `alias:`, its name into `kind`; an absent or empty block takes
  // the defaults of the kind that `kind` names already.
  const YamlNode* only_kind(MapReader& reader, std::string_view block, const std::vector<std::string>& known,
                            std::string& kind) {
    const YamlNode* node = reader.take(block);
    if (node == nullptr || node->kind == YamlNode::Kind::kNull) return nullptr;
    MapReader kinds(diagnostics_, *node, fmt::format("'{}'", block));
    const YamlNode* found = nullptr;
    for (const std::string& each : known) {
      const YamlNode* here = kinds.take(each);
      if (here != nullptr && found != nullptr) {
        diagnostics_.add(node->mark, fmt::format("'{}' takes one kind, not {} and {}", block, kind, each));
      }
      if (here == nullptr || found != nullptr) continue;
      found = here;
      kind = each;
    }
    kinds.finish();
    return found == nullptr || found->kind == YamlNode::Kind::kNull ? nullptr : found;
  }

  SourceConfig read_source(MapReader& reader) {
    SourceConfig source;
    const YamlNode* node = only_kind(reader, "source", {"basebackup", "rds", "aurora"}, source.kind);
    if (node != nullptr && source.kind != "basebackup") {
      aws_.read_source(*node, source);
      return source;
    }
    if (node == nullptr) {
      if (reader.lacks("source")) {
        reader.complain(reader.what() + " has no 'source': source: {basebackup: {directory: …}}");
      } else if (const YamlNode* block = reader.node().find("source");
                 block != nullptr && block->kind != YamlNode::Kind::kSequence && block->entries.size() <= 1 &&
                 (block->entries.empty() || block->find(source.kind) != nullptr)) {
        reader.complain("'source' is empty: source: {basebackup: {directory: …}}");
      }
      return source;
    }
    MapReader kind(diagnostics_, *node, "'basebackup'");
    const std::string one = values_.path(kind, "directory", "");
    if (!one.empty()) source.directories.push_back(one);
    for (const std::string& each : kind.texts("directories")) {
      if (auto wrong = wrong_with_path(each)) kind.complain("'directories': " + *wrong);
      source.directories.push_back(resolve(values_.folder(), each));
    }
    if (kind.is_mapping() && source.directories.empty() && kind.lacks("directory"))
      kind.complain("'basebackup' has no 'directory'");
    values_.connection(kind, source);
    source.allow_unverified = kind.boolean("allow_unverified", false);
    source.keep = static_cast<int>(kind.integer("keep", source.keep, 1, kKeepMax));
    source.compress = kind.text("compress", source.compress);
    values_.require_one_of(kind, "compress", source.compress, {"none", "gzip", "zstd", "lz4"});
    kind.finish();
    return source;
  }

  CopiesConfig read_copies(MapReader& reader, const std::string& name, int index) {
    CopiesConfig copies;
    copies.port_first = static_cast<uint16_t>(kPortFirst + index * kPortsPerProduction);
    copies.port_last = static_cast<uint16_t>(copies.port_first + kPortsPerProduction - 1);
    copies.directory = resolve(values_.folder(), "copies/" + name);
    const YamlNode* node = only_kind(reader, "copies", {"local", "rds", "aurora"}, copies.kind);
    if (copies.kind != "local") {
      copies.directory.clear();
      if (node != nullptr) aws_.read_copies(*node, copies);
      return copies;
    }
    if (node == nullptr) return copies;
    MapReader kind(diagnostics_, *node, "'local'");
    copies.directory = values_.path(kind, "directory", "copies/" + name);
    copies.run_as = kind.text("run_as");
    copies.bin_dir = values_.path(kind, "bin_dir", "");
    if (const YamlNode* ports = kind.take("ports")) {
      auto text = scalar_text(diagnostics_, *ports, "ports");
      if (text && !read_port_range(*text, copies.port_first, copies.port_last)) {
        diagnostics_.add(ports->mark, "'ports' takes a range of 1024 to 65535, e.g. 6500-6599",
                         ports->width());
      }
    }
    copies.settings = values_.settings(kind, "settings");
    copies.preload = kind.texts("preload");
    copies.isolation = read_isolation(kind);
    copies.extensions = kind.texts("extensions");
    kind.finish();
    return copies;
  }

  // isolation: sealed, {weak: "a written reason"} or {none: "a written reason"}. One error says it all.
  model::Isolation read_isolation(MapReader& reader) {
    model::Isolation isolation;
    const YamlNode* node = reader.take("isolation");
    if (node == nullptr) return isolation;
    auto wrong = [&](const YamlNode& at, std::string_view fact, std::string_view write) {
      diagnostics_.add(at.mark, fmt::format("'isolation' {}: {}", fact, write), at.width());
    };
    if (node->kind == YamlNode::Kind::kScalar) {
      const std::string& word = node->text;
      if (word == "sealed") return isolation;
      if (word == "weak" || word == "none") {
        wrong(*node, fmt::format("needs a reason for {}", word), reason_for(word));
      } else {
        wrong(*node,
              fmt::format("does not know '{}'{}", printable(word), did_you_mean(word, isolation_words())),
              kIsolationWrong);
      }
      return isolation;
    }
    if (node->kind == YamlNode::Kind::kSequence) {
      wrong(*node, "takes one of three, not a list", kIsolationWrong);
      return isolation;
    }
    if (node->entries.size() != 1) {
      wrong(*node, node->entries.empty() ? "is empty" : "takes one of three, not several", kIsolationWrong);
      return isolation;
    }
    const auto& [key, reason] = node->entries.front();
    if (key.text == "sealed") {
      wrong(key, "is sealed without a reason", "write isolation: sealed");
    } else if (key.text != "weak" && key.text != "none") {
      wrong(
          key,
          fmt::format("does not know '{}'{}", printable(key.text), did_you_mean(key.text, isolation_words())),
          kIsolationWrong);
    } else if (reason.text.find("${") != std::string::npos) {
      wrong(reason, "does not expand ${…}", reason_for(key.text));
    } else if (reason.kind != YamlNode::Kind::kScalar || trim(reason.text).size() < kReasonMin) {
      const bool none = reason.kind == YamlNode::Kind::kNull ||
                        (reason.kind == YamlNode::Kind::kScalar && trim(reason.text).empty());
      wrong(none ? key : reason,
            none ? fmt::format("gives no reason for {}", key.text)
                 : fmt::format("gives a reason for {} that is not a text of {} characters or more", key.text,
                               kReasonMin),
            reason_for(key.text));
    } else {
      isolation.kind = key.text == "weak" ? model::Isolation::Kind::kWeak : model::Isolation::Kind::kNone;
      isolation.reason = trim(reason.text);
    }
    return isolation;
  }

  static std::string reason_for(std::string_view word) {
    return fmt::format("write isolation: {{{}: \"the reason\"}}, it goes into every proof", word);
  }

  AliasConfig read_alias(MapReader& reader, const std::string& name) {
    AliasConfig alias;
    alias.directory = resolve(values_.folder(), "alias/" + name);
    const YamlNode* node = only_kind(reader, "alias", {"socket", "route53"}, alias.kind);
    if (alias.kind != "socket") {
      alias.directory.clear();
      if (node != nullptr) aws_.read_alias(*node, name, alias);
      return alias;
    }
    if (node == nullptr) return alias;
    MapReader kind(diagnostics_, *node, "'socket'");
    alias.directory = values_.path(kind, "directory", "alias/" + name);
    alias.service_file = values_.path(kind, "service_file", "");
    read_gate(values_, kind, alias);
    kind.finish();
    return alias;
  }

  MaskingConfig read_masking(MapReader& reader, const YamlNode& key) {
    MaskingConfig masking;
    const YamlNode* node = reader.take("masking");
    if (node == nullptr) {
      if (!reader.lacks("masking")) return masking;
      diagnostics_.add(key.mark, fmt::format("production '{}' {}", key.text, kMaskingMissing), key.width(),
                       Diagnostics::Show::kUpToHere);
      return masking;
    }
    MapReader block(diagnostics_, *node, "'masking'");
    if (!block.is_mapping()) return masking;
    const YamlNode* none = node->find("none");
    masking.none_reason = trim(block.text("none"));
    if (none != nullptr && masking.none_reason.size() < kReasonMin) {
      diagnostics_.add(none->mark, "'none' takes a written reason: it goes into every proof", none->width());
    }
    if (none != nullptr && node->entries.size() > 1) {
      diagnostics_.add(none->mark, "'none' stands alone: with it nothing is masked", none->width());
    }
    if (none == nullptr && block.lacks("policy")) {
      block.complain(fmt::format("production '{}' {}", key.text, kMaskingMissing));
    }
    masking.policy_file = values_.document(block, "policy");
    masking.lock_file = values_.document(block, "lock");
    if (masking.lock_file.empty() && !masking.policy_file.empty()) {
      masking.lock_file = lock_beside(masking.policy_file);
    }
    masking.key = values_.secret(block, "key", none == nullptr ? "file:masking.key" : "");
    masking.workers = static_cast<int>(block.integer("workers", 0, 0, kWorkersMax));
    masking.try_constraints = block.boolean("try_constraints", true);
    block.finish();
    return masking;
  }

  std::vector<model::AccessRole> read_access(MapReader& reader, const YamlNode& production, bool with_aws) {
    std::vector<model::AccessRole> roles;
    const YamlNode* node = reader.take("access");
    if (node == nullptr) {
      if (!reader.lacks("access")) return roles;
      diagnostics_.add(
          production.mark,
          fmt::format("production '{}' has no 'access': nobody could connect; access: {{staging: "
                      "{{password: file:staging.password}}}}",
                      production.text),
          production.width());
      return roles;
    }
    MapReader block(diagnostics_, *node, "'access'");
    for (const auto& [key, value] : node->entries) {
      if (auto wrong = wrong_with_role(key.text)) {
        diagnostics_.add(key.mark, fmt::format("role '{}' {}", printable(key.text), *wrong), key.width());
      }
      MapReader entry(diagnostics_, value, fmt::format("role '{}'", printable(key.text)));
      model::AccessRole role{
          .name = key.text, .password = values_.secret(entry, "password"), .member_of = {}, .from = {}};
      if (entry.is_mapping() && entry.lacks("password")) {
        entry.complain(entry.what() + " has no 'password': ${NAME} or file:PATH");
      }
      role.member_of = entry.texts("member_of");
      role.from = entry.texts("from");
      if (with_aws && value.find("from") != nullptr) {
        values_.complain(entry, "from",
                         "'from' is for local copies: who reaches a copy with AWS is what copies."
                         "staging_groups let in");
      }
      if (value.find("from") == nullptr && !with_aws) role.from = {"local"};
      check_from(role, value);
      role.existing = entry.boolean("existing", false);
      role.bypass_row_security = entry.boolean("bypass_row_security", false);
      if (with_aws && role.bypass_row_security) {
        values_.complain(entry, "bypass_row_security",
                         "'bypass_row_security' is for local copies: the master of RDS may not grant it");
      }
      entry.finish();
      roles.push_back(std::move(role));
    }
    return roles;
  }

  void check_from(const model::AccessRole& role, const YamlNode& entry) {
    const YamlNode* from = entry.find("from");
    for (size_t i = 0; i < role.from.size(); ++i) {
      auto wrong = wrong_with_origin(role.from[i]);
      if (!wrong || from == nullptr) continue;
      const YamlNode& at = i < from->items.size() ? from->items[i] : *from;
      diagnostics_.add(at.mark, fmt::format("'{}' {}", printable(role.from[i]), *wrong), at.width());
    }
  }

  std::optional<decide::Schedule> read_schedule(MapReader& reader) {
    const YamlNode* node = reader.take("schedule");
    if (node == nullptr) return std::nullopt;
    std::string text;
    std::string zone = "UTC";
    if (node->kind == YamlNode::Kind::kMapping) {
      MapReader block(diagnostics_, *node, "'schedule'");
      text = block.text("cron");
      zone = block.text("timezone", zone);
      if (block.lacks("cron")) block.complain("'schedule' has no 'cron'");
      block.finish();
      if (node->find("cron") == nullptr) return std::nullopt;
    } else if (auto given = scalar_text(diagnostics_, *node, "schedule")) {
      text = *given;
    } else {
      return std::nullopt;
    }
    Result<decide::Schedule> schedule = decide::Schedule::parse(text, zone);
    if (schedule.ok()) return std::move(schedule).value();
    diagnostics_.add(node->mark, "'schedule': " + schedule.error().message, node->width());
    return std::nullopt;
  }

  std::vector<model::SqlCheck> read_checks(MapReader& reader) {
    std::vector<model::SqlCheck> checks;
    const YamlNode* node = reader.take("checks");
    if (node == nullptr) return checks;
    if (node->kind != YamlNode::Kind::kSequence) {
      diagnostics_.add(node->mark, "'checks' takes a list of {name, database, sql, expect}");
      return checks;
    }
    for (const YamlNode& item : node->items) {
      MapReader entry(diagnostics_, item, "a check");
      model::SqlCheck check{.name = entry.text("name"),
                            .database = entry.text("database"),
                            .sql = entry.text("sql"),
                            .expect = entry.text("expect")};
      for (std::string_view key : {"name", "database", "sql", "expect"}) {
        if (entry.is_mapping() && entry.lacks(key)) {
          entry.complain(fmt::format("a check has no '{}'", key));
        }
      }
      entry.finish();
      if (std::any_of(checks.begin(), checks.end(),
                      [&](const auto& other) { return other.name == check.name; })) {
        entry.complain(fmt::format("two checks are called '{}'", printable(check.name)));
      }
      checks.push_back(std::move(check));
    }
    return checks;
  }

  Diagnostics& diagnostics_;
  Values values_;
  AwsReader aws_;
  std::vector<Mark> marks_;  // of the productions' names, in order
};

}  // namespace

Result<Config> parse_config(std::string_view text, std::string_view file) {
  YTB_TRY(check_text(text, file, kConfigSizeMax, Code::kConfig));
  Diagnostics diagnostics(text, file);
  diagnostics.hint("docs/config.md describes every key; `ytb init` writes a first config");
  std::optional<YamlNode> root = read_yaml(diagnostics, kConfigLimits);
  if (!root) return diagnostics.error(Code::kConfig);
  ConfigReader reader(diagnostics, file);
  Config config = reader.read(*root);
  if (diagnostics.ok()) check_overlaps(config, reader.marks(), diagnostics);
  if (!diagnostics.ok()) return diagnostics.error(Code::kConfig);
  config.file = file;
  return config;
}

}  // namespace ytb::config
