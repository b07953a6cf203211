// RdsSnapshotSource: snapshots of one RDS instance or Aurora cluster, from RDS itself.
//
// Every page is read: automated and manual snapshots, those of AWS Backup, and those that the accounts in
// `owners` share with us. They are ranked by the instant their data is of (OriginalSnapshotCreateTime: a
// copied snapshot's own time is the copy's). One that is still being made has no such instant and is never
// chosen; one that we made to restore from is not listed. Only ever describes: nothing of production's is
// made, changed or deleted here. Not thread-safe.
//
// One that `selection` does not choose is listed as not usable, with the reason.
//
// Whoever knows an account's number may share a snapshot of any name and date with it. What an account that
// is not in `owners` shares, by the ARN, is not listed at all; passed_over() says whose it was.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/config.h"
#include "drivers/aws/rds.h"
#include "ports/snapshot_source.h"

namespace ytb::rds {

struct SourceOptions {
  bool aurora = false;
  bool multi_az_cluster = false;  // of RDS: its snapshots are a cluster's, and restored into an instance
  std::string source_id = {};     // DBInstanceIdentifier, or of the cluster
  // DbiResourceId, which survives a rename; instances only. One of both is given, or both: then both must
  // fit.
  std::string resource_id = {};
  std::vector<std::string> owners = {};  // account ids whose shared snapshots count; none: no shared ones do
  config::SnapshotSelection selection = {};
  // There is a key of ours under which a shared encrypted snapshot is copied before it is restored: such a
  // one is usable then.
  bool copies_shared = false;
  // Where it is off, snapshots of a major version past its end of standard support are not usable.
  bool extended_support = true;
  const Clock* clock = nullptr;  // outlives it; needed where Extended Support is off
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

  // Accounts outside `owners` whose shared snapshots the last list() left out, a few of them.
  [[nodiscard]] const std::set<std::string>& passed_over() const { return passed_over_; }

 private:
  Status walk(const std::string& type, std::vector<model::Snapshot>& found);
  [[nodiscard]] bool of_clusters() const { return options_.aurora || options_.multi_az_cluster; }
  bool is_of_source(const aws::DbSnapshot& snapshot) const;
  bool is_of_owner(const std::string& arn) const;

  aws::Rds& rds_;
  SourceOptions options_;
  std::set<std::string> passed_over_;
};

// What RDS says of a snapshot, in our words. A shared one is named by its ARN.
model::Snapshot to_snapshot(const aws::DbSnapshot& snapshot, bool shared, const SourceOptions& options);

}  // namespace ytb::rds
