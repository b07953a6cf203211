#include "drivers/rds/stack_template.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "drivers/rds/extended_support.h"
#include "drivers/rds/stack_names.h"

namespace ytb::rds {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kValueMax = 1000;

// What a closed copy must not do the moment it starts: follow production's publications, run its jobs.
const std::map<std::string, std::string> kFixed = {{"rds.logical_replication", "0"},
                                                   {"max_logical_replication_workers", "0"}};
constexpr std::string_view kPreload = "shared_preload_libraries";
constexpr std::string_view kPreloadDefault = "pg_stat_statements";
constexpr std::string_view kPreloadAllowed[] = {"auto_explain",       "pg_hint_plan", "pg_prewarm",
                                                "pg_stat_statements", "pgaudit",      "pg_similarity"};

// What may be tuned; a name ending in * stands for all that begin so. What is not here opens a door, runs
// something, loads something, or sends something out.
constexpr std::string_view kAllowed[] = {"auto_explain.*",
                                         "autovacuum*",
                                         "backend_flush_after",
                                         "bgwriter_*",
                                         "checkpoint_*",
                                         "commit_delay",
                                         "commit_siblings",
                                         "constraint_exclusion",
                                         "cpu_*",
                                         "cursor_tuple_fraction",
                                         "datestyle",
                                         "deadlock_timeout",
                                         "default_statistics_target",
                                         "default_toast_compression",
                                         "effective_*",
                                         "enable_*",
                                         "from_collapse_limit",
                                         "geqo*",
                                         "gin_*",
                                         "hash_mem_multiplier",
                                         "huge_pages",
                                         "idle_in_transaction_session_timeout",
                                         "idle_session_timeout",
                                         "intervalstyle",
                                         "jit*",
                                         "join_collapse_limit",
                                         "lock_timeout",
                                         "log_autovacuum_min_duration",
                                         "log_checkpoints",
                                         "log_connections",
                                         "log_disconnections",
                                         "log_duration",
                                         "log_lock_waits",
                                         "log_min_duration_statement",
                                         "log_min_messages",
                                         "log_statement",
                                         "log_temp_files",
                                         "maintenance_*",
                                         "max_connections",
                                         "max_locks_per_transaction",
                                         "max_parallel_*",
                                         "max_pred_locks_*",
                                         "max_prepared_transactions",
                                         "max_stack_depth",
                                         "max_wal_size",
                                         "max_worker_processes",
                                         "min_parallel_*",
                                         "min_wal_size",
                                         "parallel_*",
                                         "pg_hint_plan.*",
                                         "pg_prewarm.*",
                                         "pg_stat_statements.*",
                                         "pgaudit.*",
                                         "plan_cache_mode",
                                         "random_page_cost",
                                         "rds.force_ssl",
                                         "seq_page_cost",
                                         "shared_buffers",
                                         "statement_timeout",
                                         "tcp_*",
                                         "temp_buffers",
                                         "temp_file_limit",
                                         "timezone",
                                         "track_*",
                                         "vacuum_*",
                                         "wal_buffers",
                                         "wal_compression",
                                         "wal_writer_*",
                                         "work_mem"};

bool is_allowed(std::string_view name) {
  return std::any_of(std::begin(kAllowed), std::end(kAllowed),
                     [&](std::string_view pattern) { return fits_pattern(name, pattern); });
}

Status check_preload(const std::string& libraries) {
  for (const std::string& each : split(libraries, ',')) {
    std::string_view library = trim(each);
    if (std::find(std::begin(kPreloadAllowed), std::end(kPreloadAllowed), library) !=
        std::end(kPreloadAllowed)) {
      continue;
    }
    std::vector<std::string> allowed(std::begin(kPreloadAllowed), std::end(kPreloadAllowed));
    return Error{
        .code = Code::kConfig,
        .message = fmt::format("copies.parameters: a copy does not preload '{}'", printable(library)),
        .hint = fmt::format("allowed are {}: none of them acts by itself", join(allowed, ", "))};
  }
  return {};
}

std::string major_of(const std::string& version) { return version.substr(0, version.find('.')); }

Json reference(std::string_view name) { return {{"Ref", name}}; }

Json tag_list(const Tags& tags) {
  Json list = Json::array();
  for (const auto& [key, value] : tags) list.push_back({{"Key", key}, {"Value", value}});
  return list;
}

Json deleted_with_stack(std::string_view type, Json properties) {
  return {{"Type", type},
          {"DeletionPolicy", "Delete"},
          {"UpdateReplacePolicy", "Delete"},
          {"Properties", std::move(properties)}};
}

class Builder {
 public:
  explicit Builder(const TemplateInputs& inputs) : inputs_(inputs), tags_(inputs.tags) {
    tags_.insert(inputs.copies.tags.begin(), inputs.copies.tags.end());
  }

  Json build() {
    Json resources;
    if (inputs_.aurora) {
      resources["ClusterParameters"] = parameter_group("AWS::RDS::DBClusterParameterGroup", true);
      resources["Parameters"] = parameter_group("AWS::RDS::DBParameterGroup", false);
      resources[kClusterResource] = cluster();
      resources[kInstanceResource] = writer();
    } else {
      resources["Parameters"] = parameter_group("AWS::RDS::DBParameterGroup", true);
      resources[kInstanceResource] = instance();
    }
    std::string endpoint(inputs_.aurora ? kClusterResource : kInstanceResource);
    return {{"AWSTemplateFormatVersion", "2010-09-09"},
            {"Description", fmt::format("Yesterdaytabase: {}, a copy that may be deleted at any time. Made, "
                                        "opened and deleted by yesterdaytabase: change nothing here by hand.",
                                        inputs_.name)},
            {"Parameters",
             {{kSnapshotParameter,
               {{"Type", "String"}, {"Description", "What it is restored from. Never changes."}}},
              {kGroupsParameter,
               {{"Type", "CommaDelimitedList"},
                {"Description", "Security groups. Those of staging are added when its proof has passed."}}}}},
            {"Resources", std::move(resources)},
            {"Outputs",
             {{"Address", {{"Value", {{"Fn::GetAtt", {endpoint, "Endpoint.Address"}}}}}},
              {"Port", {{"Value", {{"Fn::GetAtt", {endpoint, "Endpoint.Port"}}}}}}}}};
  }

 private:
  [[nodiscard]] std::string family() const {
    return (inputs_.aurora ? "aurora-postgresql" : "postgres") + major_of(inputs_.engine_version);
  }
  // `whole`: of the server, not of one instance of a cluster.
  [[nodiscard]] Json parameter_group(std::string_view type, bool whole) const {
    std::map<std::string, std::string> parameters;
    if (whole) parameters = inputs_.copies.parameters;
    parameters.emplace(kPreload, kPreloadDefault);
    if (auto given = inputs_.copies.parameters.find(std::string(kPreload));
        given != inputs_.copies.parameters.end()) {
      parameters[given->first] = given->second;
    }
    if (whole) parameters.insert(kFixed.begin(), kFixed.end());
    const bool of_cluster = type == "AWS::RDS::DBClusterParameterGroup";
    Json values = Json::object();
    for (const auto& [name, value] : parameters) values[name] = value;
    return deleted_with_stack(
        type, {{of_cluster ? "DBClusterParameterGroupName" : "DBParameterGroupName", inputs_.name},
               {"Description", "Of the copy " + inputs_.name},
               {"Family", family()},
               {"Parameters", std::move(values)},
               {"Tags", tag_list(tags_)}});
  }
  [[nodiscard]] Json instance() const {
    const config::RdsCopiesConfig& copies = inputs_.copies;
    Json properties{{"DBInstanceIdentifier", inputs_.name},
                    {inputs_.from_multi_az_cluster ? "DBClusterSnapshotIdentifier" : "DBSnapshotIdentifier",
                     reference(kSnapshotParameter)},
                    {"DBInstanceClass", copies.instance_class},
                    {"DBSubnetGroupName", copies.subnet_group},
                    {"VPCSecurityGroups", reference(kGroupsParameter)},
                    {"DBParameterGroupName", reference("Parameters")},
                    {"PubliclyAccessible", false},
                    {"MultiAZ", false},
                    {"EngineLifecycleSupport", lifecycle_word(copies.extended_support)},
                    {"EnableIAMDatabaseAuthentication", false},
                    {"BackupRetentionPeriod", 0},
                    {"DeleteAutomatedBackups", true},
                    {"CopyTagsToSnapshot", false},
                    {"DeletionProtection", false},
                    {"AutoMinorVersionUpgrade", false}};
    if (!copies.option_group.empty()) properties["OptionGroupName"] = copies.option_group;
    // All of it goes into the restore itself.
    const Volume& volume = inputs_.volume;
    if (!volume.type.empty()) properties["StorageType"] = volume.type;
    if (volume.gib > 0) properties["AllocatedStorage"] = std::to_string(volume.gib);
    if (volume.iops > 0) properties["Iops"] = volume.iops;
    if (volume.throughput_mibs > 0) properties["StorageThroughput"] = volume.throughput_mibs;
    add_common(properties);
    return deleted_with_stack("AWS::RDS::DBInstance", std::move(properties));
  }
  [[nodiscard]] Json cluster() const {
    Json properties{{"DBClusterIdentifier", inputs_.name},
                    {"SnapshotIdentifier", reference(kSnapshotParameter)},
                    {"Engine", "aurora-postgresql"},
                    {"EngineVersion", inputs_.engine_version},
                    {"EngineLifecycleSupport", lifecycle_word(inputs_.copies.extended_support)},
                    {"DBSubnetGroupName", inputs_.copies.subnet_group},
                    {"VpcSecurityGroupIds", reference(kGroupsParameter)},
                    {"DBClusterParameterGroupName", reference("ClusterParameters")},
                    {"EnableIAMDatabaseAuthentication", false},
                    {"BackupRetentionPeriod", 1},
                    {"DeleteAutomatedBackups", true},
                    {"CopyTagsToSnapshot", false},
                    {"DeletionProtection", false}};
    if (const auto& capacity = inputs_.copies.serverless) {
      properties["ServerlessV2ScalingConfiguration"] = {{"MinCapacity", capacity->min},
                                                        {"MaxCapacity", capacity->max}};
    }
    if (!inputs_.copies.log_exports.empty())
      properties["EnableCloudwatchLogsExports"] = inputs_.copies.log_exports;
    properties["Tags"] = tag_list(tags_);
    return deleted_with_stack("AWS::RDS::DBCluster", std::move(properties));
  }
  [[nodiscard]] Json writer() const {
    Json properties{{"DBInstanceIdentifier", writer_name(inputs_.name)},
                    {"DBClusterIdentifier", reference(kClusterResource)},
                    {"Engine", "aurora-postgresql"},
                    {"DBInstanceClass", inputs_.copies.instance_class},
                    {"DBParameterGroupName", reference("Parameters")},
                    {"PubliclyAccessible", false},
                    {"AutoMinorVersionUpgrade", false}};
    if (!inputs_.copies.ca_certificate.empty()) {
      properties["CACertificateIdentifier"] = inputs_.copies.ca_certificate;
    }
    properties["Tags"] = tag_list(tags_);
    return deleted_with_stack("AWS::RDS::DBInstance", std::move(properties));
  }
  void add_common(Json& properties) const {
    const config::RdsCopiesConfig& copies = inputs_.copies;
    if (!copies.ca_certificate.empty()) properties["CACertificateIdentifier"] = copies.ca_certificate;
    if (!copies.log_exports.empty()) properties["EnableCloudwatchLogsExports"] = copies.log_exports;
    properties["Tags"] = tag_list(tags_);
  }

  const TemplateInputs& inputs_;
  Tags tags_;
};

}  // namespace

Status check_parameters(const std::map<std::string, std::string>& parameters) {
  for (const auto& [name, value] : parameters) {
    if (auto fixed = kFixed.find(name); fixed != kFixed.end() && fixed->second == value) continue;
    if (name == kPreload) {
      YTB_TRY(check_preload(value));
      continue;
    }
    if (!is_allowed(name)) {
      return Error{
          .code = Code::kConfig,
          .message = fmt::format("copies.parameters: '{}' cannot be set for a copy", printable(name)),
          .hint = "it could open a door, run or load something, or is nothing to be tuned"};
    }
    bool readable = value.size() <= kValueMax &&
                    std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (!readable || value.empty()) {
      return Error{.code = Code::kConfig,
                   .message = fmt::format("copies.parameters: {} has a value that is none", name),
                   .hint = "a text of up to 1000 printable ASCII characters"};
    }
  }
  return {};
}

Result<std::string> stack_template(const TemplateInputs& inputs) {
  YTB_TRY(check_parameters(inputs.copies.parameters));
  YTB_TRY(check_user_tags(inputs.copies.tags));
  std::string major = major_of(inputs.engine_version);
  bool numbers =
      !major.empty() && std::all_of(major.begin(), major.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!numbers) {
    return Error{.code = Code::kUnsupported,
                 .message = fmt::format("'{}' is no version of an engine", printable(inputs.engine_version)),
                 .hint = {}};
  }
  std::string text = Builder(inputs).build().dump(1);
  // Values are judged where they are parsed. Should one have come another way: CloudFormation would resolve
  // it.
  if (text.find("{{") != std::string::npos) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("the template of {} would hold a dynamic reference", inputs.name),
                 .hint = "no setting of copies may contain '{{'"};
  }
  if (text.size() <= kTemplateBytesMax) return text;
  return Error{.code = Code::kConfig,
               .message = fmt::format("the template of {} has {} bytes and CloudFormation takes {}",
                                      inputs.name, text.size(), kTemplateBytesMax),
               .hint = "give fewer copies.parameters or copies.tags"};
}

std::string stack_policy() {
  Json policy{{"Statement",
               {{{"Effect", "Deny"},
                 {"Principal", "*"},
                 {"Action", {"Update:Replace", "Update:Delete"}},
                 {"Resource", "*"}},
                {{"Effect", "Allow"}, {"Principal", "*"}, {"Action", "Update:Modify"}, {"Resource", "*"}}}}};
  return policy.dump();
}

}  // namespace ytb::rds
