#include "config/config_aws.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "config/config_rules.h"

namespace ytb::config {
namespace {

constexpr int64_t kTtlMax = 86'400;
constexpr size_t kIdentifierMax = 63;  // of instances and clusters
constexpr size_t kNameMax = 253;       // of a DNS name
constexpr size_t kLabelMax = 63;
constexpr size_t kTagKeyMax = 128;
constexpr size_t kTagValueMax = 256;
constexpr size_t kTagsMax = 30;  // of 50: ours come beside them
constexpr Duration kRestoreLeast = std::chrono::minutes(10);
constexpr Duration kRestoreMost = std::chrono::hours(72);
constexpr int64_t kStorageLeast = 20;  // GiB, of a volume for PostgreSQL: CreateDBInstance, AllocatedStorage
constexpr int64_t kStorageMost = 65'536;
constexpr double kUnitsLeast = 0.5;  // ACUs; 0 would let a copy fall asleep
constexpr double kUnitsMost = 256;
constexpr int64_t kIopsLeast = 1000;  // RestoreDBInstanceFromDBSnapshot, Iops; gp3 and io2 go highest
constexpr int64_t kIopsMost = 256'000;
constexpr int64_t kThroughputLeast = 125;  // MiB/s
constexpr int64_t kThroughputMost = 4'000;
constexpr std::string_view kOurTags = "yesterdaytabase";

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// DBInstanceIdentifier, DBClusterIdentifier: letters, digits and dashes, a letter first.
bool is_identifier(std::string_view text) {
  if (text.empty() || text.size() > kIdentifierMax || !is_letter_or_digit(text.front())) return false;
  if (text.front() <= '9' || text.back() == '-' || text.find("--") != std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

bool is_dns_name(std::string_view name) {
  if (name.empty() || name.size() > kNameMax) return false;
  for (const std::string& label : split(name, '.')) {
    if (label.empty() || label.size() > kLabelMax || label.front() == '-' || label.back() == '-')
      return false;
    if (!std::all_of(label.begin(), label.end(),
                     [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_'; })) {
      return false;
    }
  }
  return true;
}

bool is_tag_text(std::string_view text) {
  constexpr std::string_view kOthers = " _.:/=+-@";
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter_or_digit(c) || kOthers.find(c) != std::string_view::npos;
  });
}

bool is_resolver(std::string_view text) { return is_address_and_port(text) || is_address(text); }

std::string without_dot(std::string text) {
  if (text.ends_with('.')) text.pop_back();
  return to_lower_ascii(text);
}

// What goes with a source of a kind.
struct Together {
  std::string_view source, copies, alias;
};
constexpr std::array kTogether{Together{"basebackup", "local", "socket"}, Together{"rds", "rds", "route53"},
                               Together{"aurora", "aurora", "route53"}};

}  // namespace

std::string AwsReader::required(MapReader& reader, std::string_view key, std::string_view example) const {
  std::string value = reader.text(key);
  if (value.empty() && reader.is_mapping() && reader.lacks(key)) {
    reader.complain(fmt::format("{} has no '{}': {}: {}", reader.what(), key, key, example));
  }
  return value;
}

void AwsReader::require_text(MapReader& reader, std::string_view key, AwsText kind,
                             const std::string& value) const {
  if (std::optional<std::string> wrong = wrong_with_aws(kind, value)) {
    values_.complain(reader, key, fmt::format("'{}' {}, not '{}'", key, *wrong, printable(value)));
  }
}

void AwsReader::require_role(MapReader& reader, std::string_view key, const std::string& value,
                             std::string_view example) const {
  if (value.empty()) return;
  const bool is_role = value.find(":role/") != std::string::npos;
  for (const char* partition : {"aws", "aws-us-gov", "aws-cn"}) {
    if (is_role && value.starts_with(fmt::format("arn:{}:iam::", partition)) &&
        !wrong_with_aws(AwsText::kNameOrArn, value))
      return;
  }
  values_.complain(reader, key, fmt::format("'{}' takes the ARN of a role, e.g. {}", key, example));
}

std::vector<std::string> AwsReader::ids(MapReader& reader, std::string_view key, std::string_view prefix,
                                        std::string_view what) const {
  std::vector<std::string> found = reader.texts(key);
  if (found.empty() && reader.is_mapping() && reader.lacks(key)) {
    reader.complain(fmt::format("{} has no '{}': {}, e.g. {}: [{}0123456789abcdef0]", reader.what(), key,
                                what, key, prefix));
  } else if (found.empty()) {
    values_.complain(reader, key, fmt::format("'{}' is empty: {}", key, what));
  }
  for (const std::string& each : found) {
    const bool fine = each.size() > prefix.size() && each.starts_with(prefix) &&
                      std::all_of(each.begin() + static_cast<std::ptrdiff_t>(prefix.size()), each.end(),
                                  is_letter_or_digit);
    if (!fine) {
      values_.complain(
          reader, key,
          fmt::format("'{}' takes ids like {}0123456789abcdef0, not '{}'", key, prefix, printable(each)));
    }
  }
  return found;
}

AwsConfig AwsReader::read_calls(MapReader& top) const {
  AwsConfig aws;
  const YamlNode* node = top.take("aws");
  if (node == nullptr) return aws;
  MapReader block(values_.diagnostics(), *node, "'aws'");
  aws.region = block.text("region");
  aws.profile = block.text("profile");
  aws.endpoint_url = block.text("endpoint_url");
  const bool is_url = aws.endpoint_url.starts_with("https://") || aws.endpoint_url.starts_with("http://");
  if (!aws.endpoint_url.empty() && (!is_url || aws.endpoint_url.find('@') != std::string::npos)) {
    values_.complain(block, "endpoint_url",
                     "'endpoint_url' takes scheme, host and port, e.g. https://proxy.internal:8443");
  }
  aws.ca_bundle = values_.path(block, "ca_bundle", "");
  block.finish();
  return aws;
}

void AwsReader::read_owners(MapReader& kind, RdsSourceConfig& rds) const {
  rds.owners = kind.texts("owners");
  for (const std::string& each : rds.owners) {
    require_text(kind, "owners", AwsText::kAccount, each);
    if (each.empty()) values_.complain(kind, "owners", "'owners' has an empty entry");
  }
  // Of the time before 'owners', when anybody's snapshots counted.
  const bool include = kind.boolean("include_shared", !rds.owners.empty());
  if (include && rds.owners.empty()) {
    values_.complain(
        kind, "include_shared",
        "'include_shared' without 'owners': anybody can share a snapshot with this account; name "
        "the accounts whose snapshots count: owners: [\"210987654321\"]");
  } else if (!include && !rds.owners.empty()) {
    values_.complain(kind, "include_shared", "'include_shared' is false, and 'owners' names accounts");
  }
}

void AwsReader::read_selection(MapReader& kind, SnapshotSelection& selection) const {
  const YamlNode* node = kind.take("snapshots");
  if (node == nullptr) return;
  Diagnostics& diagnostics = values_.diagnostics();
  MapReader block(diagnostics, *node, "'snapshots'");
  selection.kinds = block.texts("kinds");
  for (const std::string& each : selection.kinds)
    values_.require_one_of(block, "kinds", each, {"automated", "manual", "awsbackup", "shared"});
  selection.names = block.texts("names");
  for (const std::string& each : selection.names) {
    if (!each.empty() && std::count(each.begin(), each.end(), '*') <= 1) continue;
    values_.complain(
        block, "names",
        fmt::format("'names' takes names with at most one *, e.g. nightly-*, not '{}'", printable(each)));
  }
  if (const YamlNode* tags = block.take("tags")) {
    MapReader reader(diagnostics, *tags, "'tags'");
    for (const auto& [key, value] : tags->entries) {
      if (auto text = scalar_text(diagnostics, value, key.text)) selection.tags[key.text] = *text;
    }
  }
  block.finish();
}

void AwsReader::read_source(const YamlNode& node, SourceConfig& source) const {
  const bool aurora = source.kind == "aurora";
  MapReader kind(values_.diagnostics(), node, fmt::format("'{}'", source.kind));
  source.rds.is_cluster = !aurora && !kind.lacks("cluster") && kind.lacks("instance");
  const std::string_view key = aurora || source.rds.is_cluster ? "cluster" : "instance";
  source.rds.id = kind.text(key);
  if (!source.rds.id.empty() && !is_identifier(source.rds.id)) {
    values_.complain(kind, key,
                     fmt::format("'{}' is no identifier that RDS gives: a letter first, then letters, digits "
                                 "and single dashes, at most {}",
                                 printable(source.rds.id), kIdentifierMax));
  }
  source.rds.id = to_lower_ascii(source.rds.id);  // as RDS stores it
  if (!aurora) {
    source.rds.resource_id = kind.text("resource_id");
    if (!source.rds.resource_id.empty() &&
        (!source.rds.resource_id.starts_with("db-") || !is_identifier(source.rds.resource_id))) {
      values_.complain(kind, "resource_id", "'resource_id' takes a DbiResourceId, e.g. db-ABCDEFGHIJKL");
    }
  }
  if (source.rds.is_cluster && !source.rds.resource_id.empty())
    kind.complain("'rds' with 'cluster' has a 'resource_id', which is an instance's");
  const bool misses = !source.rds.is_cluster &&
                      (aurora ? kind.lacks("cluster") : kind.lacks("instance") && kind.lacks("resource_id"));
  if (kind.is_mapping() && misses) {
    kind.complain(aurora ? "'aurora' has no 'cluster': cluster: shop-cluster"
                         : "'rds' has neither 'instance' nor 'resource_id': instance: shop");
  }
  read_owners(kind, source.rds);
  read_selection(kind, source.rds.snapshots);
  source.rds.kms_key = kind.text("kms_key");
  require_text(kind, "kms_key", AwsText::kKey, source.rds.kms_key);
  values_.connection(kind, source);
  kind.finish();
}

void AwsReader::read_groups(MapReader& reader, RdsCopiesConfig& rds) const {
  rds.quarantine_groups =
      ids(reader, "quarantine_groups", "sg-",
          "security groups of a closed copy: where this program runs may reach it, it reaches nothing");
  rds.staging_groups = ids(reader, "staging_groups", "sg-",
                           "security groups that let staging in, added when a copy is opened");
  for (const std::string& each : rds.staging_groups) {
    if (std::find(rds.quarantine_groups.begin(), rds.quarantine_groups.end(), each) ==
        rds.quarantine_groups.end()) {
      continue;
    }
    values_.complain(reader, "staging_groups",
                     fmt::format("'{}' is among quarantine_groups as well: staging would reach a copy before "
                                 "it is masked",
                                 each));
  }
  const std::string egress = reader.text("staging_egress", "warn");
  rds.refuse_staging_egress = egress == "refuse";
  if (egress != "warn" && egress != "refuse") {
    values_.complain(reader, "staging_egress",
                     fmt::format("'staging_egress' takes warn or refuse, not '{}'", printable(egress)));
  }
}

void AwsReader::read_tags(MapReader& reader, RdsCopiesConfig& rds) const {
  const YamlNode* node = reader.take("tags");
  if (node == nullptr) return;
  Diagnostics& diagnostics = values_.diagnostics();
  MapReader tags(diagnostics, *node, "'tags'");
  if (node->entries.size() > kTagsMax) tags.complain(fmt::format("more than {} tags", kTagsMax));
  for (const auto& [key, value] : node->entries) {
    const std::string lower = to_lower_ascii(key.text);
    if (key.text.empty() || key.text.size() > kTagKeyMax || !is_tag_text(key.text)) {
      diagnostics.add(key.mark, fmt::format("'{}' is no key of a tag", printable(key.text)), key.width());
    } else if (lower.starts_with("aws:") || lower.starts_with(kOurTags)) {
      diagnostics.add(key.mark, fmt::format("the tag '{}' is not yours to set", key.text), key.width());
    }
    auto text = scalar_text(diagnostics, value, key.text);
    if (text && (text->size() > kTagValueMax || !is_tag_text(*text))) {
      diagnostics.add(
          value.mark,
          fmt::format("a tag's value has at most {} of letters, digits, spaces and _.:/=+-@", kTagValueMax),
          value.width());
    } else if (text) {
      rds.tags[key.text] = *text;
    }
  }
}

void AwsReader::read_copies(const YamlNode& node, CopiesConfig& copies) const {
  const bool aurora = copies.kind == "aurora";
  RdsCopiesConfig& rds = copies.rds;
  MapReader kind(values_.diagnostics(), node, fmt::format("'{}'", copies.kind));
  rds.instance_class = kind.text("instance_class", rds.instance_class);
  require_text(kind, "instance_class", AwsText::kClass, rds.instance_class);
  rds.subnet_group = required(kind, "subnet_group", "staging-db");
  require_text(kind, "subnet_group", AwsText::kName, rds.subnet_group);
  read_groups(kind, rds);
  if (!aurora) {
    rds.option_group = kind.text("option_group");
    require_text(kind, "option_group", AwsText::kName, rds.option_group);
  }
  rds.parameters = values_.settings(kind, "parameters");
  for (const auto& [name, value] : rds.parameters) {
    if (std::optional<std::string> wrong = wrong_with_aws(AwsText::kSettingValue, value))
      values_.complain(kind, "parameters", fmt::format("'{}' {}", name, *wrong));
  }
  rds.ca_certificate = kind.text("ca_certificate");
  require_text(kind, "ca_certificate", AwsText::kName, rds.ca_certificate);
  rds.ca_bundle = values_.path(kind, "ca_bundle", "");
  if (kind.is_mapping() && kind.lacks("ca_bundle")) {
    kind.complain(
        fmt::format("{} has no 'ca_bundle': the file that a copy's certificate is verified against "
                    "(https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem)",
                    kind.what()));
  }
  read_serverless(kind, aurora, rds);
  rds.extended_support = kind.boolean("extended_support", rds.extended_support);
  rds.log_exports = kind.texts("log_exports");
  for (const std::string& each : rds.log_exports) {
    if (each != "postgresql" && each != "upgrade") {
      values_.complain(kind, "log_exports",
                       fmt::format("'log_exports' takes postgresql and upgrade, not '{}'", printable(each)));
    }
  }
  read_tags(kind, rds);
  rds.service_role = kind.text("service_role");
  require_role(kind, "service_role", rds.service_role, "arn:aws:iam::123456789012:role/stacks");
  rds.bucket = required(kind, "bucket", "my-proofs");
  if (!rds.bucket.empty() && !is_bucket_name(rds.bucket)) {
    values_.complain(kind, "bucket", fmt::format("'{}' is no name of a bucket", printable(rds.bucket)));
  }
  rds.bucket_prefix = kind.text("bucket_prefix", rds.bucket_prefix);
  while (rds.bucket_prefix.ends_with('/')) rds.bucket_prefix.pop_back();
  if (rds.bucket_prefix.empty() || rds.bucket_prefix.starts_with('/')) {
    values_.complain(kind, "bucket_prefix", "'bucket_prefix' takes a prefix of keys, e.g. yesterdaytabase");
  }
  require_text(kind, "bucket_prefix", AwsText::kPrefix, rds.bucket_prefix);
  rds.restore_max = kind.duration("restore_max").value_or(rds.restore_max);
  if (rds.restore_max < kRestoreLeast || rds.restore_max > kRestoreMost) {
    values_.complain(kind, "restore_max", "'restore_max' takes 10min to 72h");
  }
  read_volume(kind, aurora, rds);
  kind.finish();
}

void AwsReader::read_serverless(MapReader& kind, bool aurora, RdsCopiesConfig& rds) const {
  const bool is_serverless = rds.instance_class == "db.serverless";
  const YamlNode* node = kind.take("serverless");
  if (is_serverless && !aurora) {
    values_.complain(kind, "instance_class",
                     "db.serverless is a class of Aurora's, for copies of kind aurora");
  } else if (is_serverless && node == nullptr) {
    values_.complain(kind, "instance_class",
                     "db.serverless needs its capacity in Aurora's units: serverless: {min: 0.5, max: 4}");
  } else if (!is_serverless && node != nullptr) {
    values_.complain(kind, "serverless", "'serverless' is for instance_class: db.serverless");
  }
  if (node == nullptr) return;
  ServerlessCapacity capacity;
  MapReader block(values_.diagnostics(), *node, "'serverless'");
  capacity.min = units(block, "min", capacity.min);
  capacity.max = units(block, "max", capacity.max);
  if (capacity.min > capacity.max) values_.complain(block, "min", "'min' is more than 'max'");
  block.finish();
  rds.serverless = capacity;
}

double AwsReader::units(MapReader& block, std::string_view key, double fallback) const {
  const std::string text = block.text(key);
  if (text.empty()) return fallback;
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  const bool halves = error == std::errc{} && stopped == end && value >= kUnitsLeast && value <= kUnitsMost &&
                      value * 2 == std::floor(value * 2);
  if (halves) return value;
  values_.complain(block, key,
                   fmt::format("'{}' takes 0.5 to 256, in halves, not '{}'", key, printable(text)));
  return fallback;
}

void AwsReader::read_volume(MapReader& kind, bool aurora, RdsCopiesConfig& rds) const {
  if (!aurora) {
    rds.warm_up = kind.boolean("warm_up", rds.warm_up);
    rds.storage_gb = kind.integer("storage_gb", rds.storage_gb, kStorageLeast, kStorageMost);
    rds.storage_type = kind.text("storage_type");
    if (!rds.storage_type.empty())
      values_.require_one_of(kind, "storage_type", rds.storage_type, {"gp2", "gp3", "io1", "io2"});
    rds.iops = kind.integer("iops", rds.iops, kIopsLeast, kIopsMost);
    rds.storage_throughput =
        kind.integer("storage_throughput", rds.storage_throughput, kThroughputLeast, kThroughputMost);
    return;
  }
  for (const char* key : {"storage_gb", "storage_type", "iops", "storage_throughput"}) {
    if (kind.take(key) == nullptr) continue;
    values_.complain(kind, key,
                     fmt::format("'{}' is for copies of kind rds: Aurora's storage grows by itself", key));
  }
  if (kind.take("warm_up") != nullptr) {
    values_.complain(
        kind, "warm_up",
        "'warm_up' is for copies of kind rds, whose volume loads from S3 as it is first read: an "
        "Aurora cluster has no such volume");
  }
}

void AwsReader::read_name(MapReader& reader, const std::string& production, Route53AliasConfig& alias) const {
  const std::string given = reader.text("name");
  alias.name = without_dot(given);
  if (alias.name.empty() && !alias.domain.empty())
    alias.name = fmt::format("{}-yesterday.{}", production, alias.domain);
  if (alias.name.empty()) {
    if (!alias.zone_id.empty() && reader.lacks("name")) {
      reader.complain("'route53' with 'zone_id' has no 'name': name: " + production +
                      "-yesterday.mysite.com");
    }
    return;
  }
  if (!is_dns_name(alias.name) || alias.name.find('.') == std::string::npos) {
    values_.complain(reader, "name", fmt::format("'{}' is no DNS name", printable(alias.name)));
  } else if (!alias.domain.empty() && !alias.name.ends_with("." + alias.domain)) {
    values_.complain(reader, "name",
                     fmt::format("'{}' is not under the domain {}", printable(given), alias.domain));
  }
}

void AwsReader::read_alias(const YamlNode& node, const std::string& production, AliasConfig& alias) const {
  Route53AliasConfig& route53 = alias.route53;
  MapReader kind(values_.diagnostics(), node, "'route53'");
  route53.zone_id = kind.text("zone_id");
  if (!route53.zone_id.empty() &&
      (!route53.zone_id.starts_with('Z') ||
       !std::all_of(route53.zone_id.begin(), route53.zone_id.end(), is_letter_or_digit))) {
    values_.complain(kind, "zone_id", "'zone_id' takes a hosted zone's id, e.g. Z0123456789ABCDEFGHIJ");
  }
  route53.domain = without_dot(kind.text("domain"));
  if (!route53.domain.empty() && !is_dns_name(route53.domain)) {
    values_.complain(kind, "domain", fmt::format("'{}' is no domain", printable(route53.domain)));
    route53.domain.clear();
  }
  if (kind.is_mapping() && kind.lacks("zone_id") && kind.lacks("domain")) {
    kind.complain("'route53' has neither 'domain' nor 'zone_id': domain: mysite.com");
  }
  if (!route53.zone_id.empty() && !route53.domain.empty()) {
    kind.complain("'route53' takes 'domain' or 'zone_id', not both");
  }
  read_name(kind, production, route53);
  route53.ttl_s = kind.integer("ttl", route53.ttl_s, 1, kTtlMax);
  route53.seen_from = kind.text("seen_from", route53.seen_from);
  if (!is_resolver(route53.seen_from)) {
    const std::vector<std::string> words = {"public", "vpc", "none"};
    if (std::find(words.begin(), words.end(), route53.seen_from) == words.end()) {
      values_.complain(kind, "seen_from",
                       fmt::format("'seen_from' takes public, vpc, none or a resolver's address, e.g. "
                                   "10.0.0.2 or 10.0.0.2:53, not '{}'{}",
                                   printable(route53.seen_from), did_you_mean(route53.seen_from, words)));
    }
  }
  kind.finish();
}

std::optional<FargateConfig> AwsReader::read_fargate(MapReader& production) const {
  const YamlNode* node = production.take("fargate");
  if (node == nullptr) return std::nullopt;
  FargateConfig fargate;
  MapReader block(values_.diagnostics(), *node, "'fargate'");
  fargate.cluster = required(block, "cluster", "yesterdaytabase");
  fargate.task_definition = required(block, "task_definition", "yesterdaytabase");
  fargate.container = block.text("container", fargate.container);
  require_text(block, "cluster", AwsText::kNameOrArn, fargate.cluster);
  require_text(block, "task_definition", AwsText::kNameOrArn, fargate.task_definition);
  require_text(block, "container", AwsText::kName, fargate.container);
  fargate.subnets = ids(block, "subnets", "subnet-", "where the task runs");
  fargate.security_groups = ids(block, "security_groups", "sg-", "what lets the task reach closed copies");
  fargate.public_ip = block.boolean("public_ip", false);
  block.finish();
  return fargate;
}

std::string AwsReader::read_role(MapReader& production) const {
  std::string role = production.text("role");
  require_role(production, "role", role, "arn:aws:iam::123456789012:role/yesterdaytabase/shop");
  return role;
}

void AwsReader::check_together(MapReader& reader, const ProductionConfig& production) const {
  const auto* fits = std::find_if(kTogether.begin(), kTogether.end(), [&](const Together& each) {
    return each.source == production.source.kind;
  });
  if (fits == kTogether.end()) return;
  if (production.copies.kind != fits->copies) {
    values_.complain(reader, "copies",
                     fmt::format("a source of kind {} has copies of kind {}, not {}: copies: {{{}: {{…}}}}",
                                 fits->source, fits->copies, production.copies.kind, fits->copies));
  }
  if (production.alias.kind != fits->alias) {
    values_.complain(reader, "alias",
                     fmt::format("a source of kind {} has an alias of kind {}, not {}: alias: {{{}: {{…}}}}",
                                 fits->source, fits->alias, production.alias.kind, fits->alias));
  }
  if (production.fargate && fits->source == "basebackup") {
    values_.complain(reader, "fargate", "'fargate' is for copies with AWS: local ones are masked here");
  }
  if (!production.role.empty() && fits->source == "basebackup")
    values_.complain(reader, "role", "'role' is for copies with AWS, where a function assumes it");
  if (is_remote(values_.folder()) && fits->source == "basebackup") {
    values_.complain(reader, "source",
                     "local copies need a config on this machine, not one that lies with AWS");
  }
  const Duration ttl = std::chrono::seconds(production.alias.route53.ttl_s);
  if (production.alias.kind == "route53" && production.drain < ttl) {
    values_.complain(
        reader, "drain",
        fmt::format("'drain' ({}) is shorter than the name is cached ({}): clients would be sent "
                    "to a copy that is gone",
                    to_human(production.drain), to_human(ttl)));
  }
}

}  // namespace ytb::config
