// AwsReader: what of the config is about AWS: `aws:`, the kinds rds, aurora and route53, `fargate:`, and
// which kinds go together. Pure: whether what is named exists is `check`'s to find out. Private to the config
// room.
#pragma once

#include <optional>
#include <string>

#include "config/aws_text.h"
#include "config/config.h"
#include "config/reader.h"
#include "config/values.h"

namespace ytb::config {

class AwsReader {
 public:
  explicit AwsReader(const Values& values) : values_(values) {}

  AwsConfig read_calls(MapReader& top) const;
  // Each of these: the mapping of a kind whose name is in `kind` already.
  void read_source(const YamlNode& node, SourceConfig& source) const;
  void read_copies(const YamlNode& node, CopiesConfig& copies) const;
  void read_alias(const YamlNode& node, const std::string& production, AliasConfig& alias) const;
  std::optional<FargateConfig> read_fargate(MapReader& production) const;
  std::string read_role(MapReader& production) const;
  // Source, copies and alias are of kinds that work together, and the drain is as long as the name is cached.
  void check_together(MapReader& reader, const ProductionConfig& production) const;

 private:
  // Which snapshots count, by kind, name and tag.
  void read_selection(MapReader& kind, SnapshotSelection& selection) const;
  // Whose shared snapshots count.
  void read_owners(MapReader& kind, RdsSourceConfig& rds) const;
  void read_groups(MapReader& reader, RdsCopiesConfig& rds) const;
  void read_tags(MapReader& reader, RdsCopiesConfig& rds) const;
  // What db.serverless needs, and nothing else has.
  void read_serverless(MapReader& kind, bool aurora, RdsCopiesConfig& rds) const;
  double units(MapReader& block, std::string_view key, double fallback) const;
  // What only an instance has: a volume of its own.
  void read_volume(MapReader& kind, bool aurora, RdsCopiesConfig& rds) const;
  void read_name(MapReader& reader, const std::string& production, Route53AliasConfig& alias) const;
  // A required list of ids that begin with `prefix`, e.g. "sg-".
  std::vector<std::string> ids(MapReader& reader, std::string_view key, std::string_view prefix,
                               std::string_view what) const;
  std::string required(MapReader& reader, std::string_view key, std::string_view example) const;
  // A complaint where the text has other characters than its kind.
  void require_text(MapReader& reader, std::string_view key, AwsText kind, const std::string& value) const;
  // A complaint where the text is not the ARN of a role.
  void require_role(MapReader& reader, std::string_view key, const std::string& value,
                    std::string_view example) const;

  const Values& values_;
};

}  // namespace ytb::config
