// RdsSnapshotSource: snapshots of one RDS instance or Aurora cluster, from RDS itself.
//
// Every page is read: automated and manual snapshots, those of AWS Backup, and where asked those that other
// accounts share with us. They are ranked by the instant their data is of (OriginalSnapshotCreateTime: a
// copied snapshot's own time is the copy's). One that is still being made has no such instant and is never
// chosen; one that we made to restore from is not listed. Only ever describes: nothing of production's is
// made, changed or deleted here. Thread-safe as its client is.
#pragma once

#include <string>
#include <vector>

#include "drivers/aws/rds.h"
#include "ports/snapshot_source.h"

namespace ytb::rds {

struct SourceOptions {
  bool aurora = false;
  std::string source_id = {};  // DBInstanceIdentifier, or of the cluster
  std::string resource_id =
      {};  // DbiResourceId, which survives a rename; instances only. One of both is given
  bool include_shared = false;
  // There is a key of ours under which a shared encrypted snapshot is copied before it is restored: such a
  // one is usable then.
  bool copies_shared = false;
};

class RdsSnapshotSource final : public ports::SnapshotSource {
 public:
  RdsSnapshotSource(aws::Rds& rds, SourceOptions options) : rds_(rds), options_(std::move(options)) {}

  Result<std::vector<model::Snapshot>> list() override;
  // That it is still there and available. RDS has no deeper look to offer.
  Status verify(const model::Snapshot& snapshot, ports::Progress& progress, const StopFlag& stop) override;
  // Nothing that RDS says of a snapshot tells it.
  Result<std::optional<ports::SnapshotPoint>> point_of(const model::Snapshot&) override {
    return std::optional<ports::SnapshotPoint>();
  }
  // kUnsupported: production's own backups are what we restore from.
  Result<model::Snapshot> take(ports::Progress& progress, const StopFlag& stop) override;
  Result<std::vector<model::SnapshotId>> prune() override;

 private:
  Status walk(const std::string& type, std::vector<model::Snapshot>& found);

  aws::Rds& rds_;
  SourceOptions options_;
};

// What RDS says of a snapshot, in our words. A shared one is named by its ARN.
model::Snapshot to_snapshot(const aws::DbSnapshot& snapshot, bool shared, bool copies_shared = false);

}  // namespace ytb::rds
