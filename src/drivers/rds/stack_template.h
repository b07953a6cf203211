// StackTemplate: the CloudFormation template of one copy. Pure; JSON for people who look into the console.
//
// Of it, only the parameter Groups ever changes: by it the copy is opened. Nothing in it needs a capability.
// With a snapshot there is no MasterUsername, DBName, KmsKeyId or StorageEncrypted: AWS refuses or replaces.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "drivers/rds/stack_tags.h"
#include "drivers/rds/stack_volume.h"

namespace ytb::rds {

inline constexpr size_t kTemplateBytesMax = 51'200;

inline constexpr std::string_view kSnapshotParameter = "Snapshot";
inline constexpr std::string_view kGroupsParameter = "Groups";
inline constexpr std::string_view kInstanceResource = "Instance";
inline constexpr std::string_view kClusterResource = "Cluster";

struct TemplateInputs {
  std::string name;  // of stack_names.h
  bool aurora = false;
  bool from_multi_az_cluster = false;  // an instance, of the snapshot of a Multi-AZ DB cluster
  std::string engine_version;          // the snapshot's, "15.4": a cluster would else become AWS's newest
  const config::RdsCopiesConfig& copies;
  Volume volume = {};  // of an instance
  Tags tags;           // the mark; the user's are added
};

// kConfig where a setting of the copies' is not one that may be given, or the template becomes too large.
Result<std::string> stack_template(const TemplateInputs& inputs);
// Denies replacing and deleting by an update.
std::string stack_policy();
// kConfig where one would break a promise: replication, jobs, libraries, doors, logs that leave.
Status check_parameters(const std::map<std::string, std::string>& parameters);

}  // namespace ytb::rds
