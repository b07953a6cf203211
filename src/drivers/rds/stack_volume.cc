#include "drivers/rds/stack_volume.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "config/aws_text.h"

namespace ytb::rds {
namespace {

// A gp3 volume of PostgreSQL below this has RDS's baseline, and a request that names even that is refused;
// from here on its IOPS have to be named (RDS User Guide, "gp3 storage").
constexpr int64_t kStripedGib = 400;
constexpr int64_t kStripedIops = 12'000;

bool is_provisioned(const std::string& type) { return type == "io1" || type == "io2"; }

Error wrong(std::string message, std::string hint) {
  return Error{.code = Code::kConfig, .message = std::move(message), .hint = std::move(hint)};
}

Status check_size(int64_t storage_gb, int64_t snapshot_gib) {
  if (storage_gb == 0 || storage_gb == snapshot_gib || storage_gb >= storage_least(snapshot_gib)) return {};
  const std::string hint = fmt::format("storage_gb: {}, or more; or leave it out: {} GiB then",
                                       storage_least(snapshot_gib), snapshot_gib);
  if (storage_gb < snapshot_gib) {
    return wrong(
        fmt::format("copies.storage_gb is {}, and the snapshot's volume has {} GiB: a restored volume "
                    "cannot be smaller",
                    storage_gb, snapshot_gib),
        hint);
  }
  return wrong(
      fmt::format("copies.storage_gb is {}, and the snapshot's volume has {} GiB: RDS grows a volume by "
                  "a tenth at least",
                  storage_gb, snapshot_gib),
      hint);
}

// What may not be asked for of a volume of this type and size.
Status check_choice(const config::RdsCopiesConfig& copies, const std::string& type, int64_t gib) {
  const bool baseline = type == "gp3" && gib < kStripedGib;
  if (copies.iops > 0 && (baseline || (type != "gp3" && !is_provisioned(type)))) {
    return wrong(fmt::format("copies.iops is given, and a {} volume of {} GiB has none to choose",
                             printable(type), gib),
                 "leave copies.iops out");
  }
  if (copies.storage_throughput > 0 && (baseline || type != "gp3")) {
    return wrong(
        fmt::format("copies.storage_throughput is given, and a {} volume of {} GiB has none to choose",
                    printable(type), gib),
        "leave copies.storage_throughput out");
  }
  return {};
}

}  // namespace

int64_t storage_least(int64_t allocated_gib) { return (allocated_gib * 11 + 9) / 10; }

Result<Volume> volume_of(const config::RdsCopiesConfig& copies, const aws::DbSnapshot& snapshot,
                         bool from_cluster) {
  YTB_TRY(check_size(copies.storage_gb, snapshot.allocated_gib));
  // Both reach a template; what AWS says is looked at as what people write is.
  if (std::optional<std::string> wrong_is =
          config::wrong_with_aws(config::AwsText::kStorageType, snapshot.storage_type)) {
    return wrong(
        fmt::format("the snapshot's storage type '{}' {}", printable(snapshot.storage_type), *wrong_is),
        "copies.storage_type says which one to take");
  }
  const std::string otherwise = from_cluster ? std::string("gp3") : snapshot.storage_type;
  Volume volume{.type = copies.storage_type.empty() ? otherwise : copies.storage_type,
                .gib = copies.storage_gb};
  const int64_t gib = volume.gib == 0 ? snapshot.allocated_gib : volume.gib;
  YTB_TRY(check_choice(copies, volume.type, gib));
  const bool same_type = volume.type == snapshot.storage_type;
  if (is_provisioned(volume.type)) {
    volume.iops = copies.iops > 0 ? copies.iops : snapshot.iops;
    if (volume.iops == 0) {
      return wrong(fmt::format("copies.storage_type is {}, whose IOPS the snapshot, of {}, does not have",
                               volume.type, printable(snapshot.storage_type)),
                   "copies.iops: 3000, or leave copies.storage_type out");
    }
  } else if (volume.type == "gp3" && gib >= kStripedGib) {
    volume.iops = copies.iops > 0 ? copies.iops : std::max(same_type ? snapshot.iops : 0, kStripedIops);
    volume.throughput_mibs = copies.storage_throughput > 0 ? copies.storage_throughput
                             : same_type                   ? snapshot.throughput_mibs
                                                           : 0;
  }
  volume.converted =
      !same_type || gib != snapshot.allocated_gib || (volume.iops > 0 && volume.iops != snapshot.iops);
  return volume;
}

}  // namespace ytb::rds
