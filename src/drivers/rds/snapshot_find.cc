#include "drivers/rds/snapshot_find.h"

#include "base/text.h"

namespace ytb::rds {
namespace {

constexpr size_t kArnParts = 7;  // arn:aws:rds:eu-west-1:210987654321:snapshot:shop-1
constexpr size_t kAccountPart = 4;

}  // namespace

std::string owner_of(const std::string& arn) {
  const std::vector<std::string> parts = split(arn, ':');
  return parts.size() >= kArnParts && parts[0] == "arn" ? parts[kAccountPart] : std::string();
}

Result<std::optional<aws::DbSnapshot>> find_snapshot(aws::Rds& rds, bool of_cluster, const std::string& id) {
  std::optional<aws::DbSnapshot> found;
  auto keep = [&](aws::DbSnapshot snapshot) -> Status {
    if (snapshot.id == id || snapshot.arn == id) found = std::move(snapshot);
    return {};
  };
  auto look = [&](const aws::SnapshotQuery& query) {
    return of_cluster ? rds.describe_db_cluster_snapshots(query, keep)
                      : rds.describe_db_snapshots(query, keep);
  };
  const bool shared = id.starts_with("arn:");
  YTB_TRY(look({.snapshot_id = id, .include_shared = shared}));
  if (!found && shared) {
    auto is_it = [&](const std::string& arn) { return arn == id; };
    YTB_TRY(look({.type = "shared", .include_shared = true, .wanted = is_it}));
  }
  return found;
}

}  // namespace ytb::rds
