// Volumes of instances: their types, IOPS and throughput, and what may be changed when. BEHAVIOUR.md has the
// sources.
#include <fmt/format.h>

#include <algorithm>

#include "tests/fakes/aws/rds.h"

namespace ytb::fakes::aws {
namespace {

constexpr int64_t kStripedGib = 400;  // from here on a gp3 volume of PostgreSQL has IOPS to choose
constexpr int64_t kStripedIops = 12'000;
constexpr Duration kBetweenChanges = std::chrono::hours(6);

bool is_provisioned(const std::string& type) { return type == "io1" || type == "io2"; }

// Of a volume as it is asked for, or would become. `given`: what the call itself says.
void check_volume(const Call& given, const std::string& type, int64_t gib, int64_t iops) {
  const bool chooses = given.has("Iops") || given.has("StorageThroughput");
  if (type == "gp3" && gib < kStripedGib && chooses) {
    refuse(
        "InvalidParameterCombination",
        "You can't specify IOPS or storage throughput for engine postgres and a storage size less than 400.");
  }
  if (type == "gp3" && gib >= kStripedGib && iops < kStripedIops) {
    refuse("InvalidParameterCombination",
           fmt::format("You must specify IOPS of at least {} for engine postgres, storage type gp3 and a "
                       "storage size of {}.",
                       kStripedIops, gib));
  }
  if (is_provisioned(type) && iops == 0)
    refuse("InvalidParameterCombination",
           "You must specify both the storage size and iops when using " + type);
  if ((is_provisioned(type) && given.has("StorageThroughput")) ||
      (!is_provisioned(type) && type != "gp3" && chooses)) {
    refuse("InvalidParameterCombination", "IOPS or storage throughput cannot be specified for " + type);
  }
}

}  // namespace

bool Rds::restore_volume(const Call& call, const json& snapshot, json& instance) {
  const int64_t gib = instance["AllocatedStorage"];
  const int64_t was_gib = snapshot["AllocatedStorage"];
  if (gib < was_gib)
    refuse("InvalidParameterCombination", "Invalid storage size: it is less than the snapshot's.");
  const std::string type = instance["StorageType"];
  const int64_t was_iops = snapshot.value("Iops", int64_t{0});
  const int64_t iops = call.number("Iops", was_iops);
  check_volume(call, type, gib, iops);
  const bool has_iops = type != "gp2" && type != "standard";
  if (!has_iops) {
    instance.erase("Iops");
  } else if (iops > 0) {
    instance["Iops"] = iops;
  }
  if (type == "gp3" && !instance.contains("StorageThroughput") && snapshot.contains("StorageThroughput"))
    instance["StorageThroughput"] = snapshot["StorageThroughput"];
  return gib != was_gib || snapshot["StorageType"] != type || (has_iops && iops != was_iops);
}

void Rds::check_storage_change(const Call& call, const std::string& id, const json& instance) const {
  auto names = [&](const std::string& name) { return call.has(name); };
  if (std::none_of(kStorage.begin(), kStorage.end(), names)) return;
  const bool same = std::all_of(kStorage.begin(), kStorage.end(), [&](const std::string& name) {
    return !call.has(name) || call.input[name] == instance.value(name, json());
  });
  const Hidden& hidden = hidden_.at(id);
  const bool lately = hidden.grown_at && world_.now() - *hidden.grown_at < kBetweenChanges;
  const bool refused = same ? hidden.optimizing && !world_.settings.assumed.same_storage_while_optimizing
                            : hidden.optimizing || lately;
  const int64_t now_gib = instance["AllocatedStorage"];
  const int64_t gib = call.number("AllocatedStorage", now_gib);
  if (gib < now_gib)
    refuse("InvalidParameterCombination", "Invalid storage size: storage cannot be made smaller.");
  if (gib != now_gib && gib * 10 < now_gib * 11) {
    refuse("InvalidParameterCombination",
           "Invalid storage size for engine name postgres: it must be increased by at least 10 percent.");
  }
  if (refused) {
    refuse(
        "InvalidParameterCombination",
        "You can't currently modify the storage of this DB instance because the previous storage change is "
        "being optimized.");
  }
  const std::string type =
      call.has("StorageType") ? call.text("StorageType") : instance.value("StorageType", "");
  check_volume(call, type, gib, call.number("Iops", instance.value("Iops", int64_t{0})));
}

}  // namespace ytb::fakes::aws
