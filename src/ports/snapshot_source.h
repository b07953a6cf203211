// SnapshotSource: lists snapshots of a production and may take one. Never changes or deletes what it did not
// take.
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "model/snapshot.h"
#include "ports/progress.h"
#include "ports/snapshot_point.h"

namespace ytb::ports {

class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;

  // All of them, newest first by data_as_of, the unusable ones with their reason.
  virtual Result<std::vector<model::Snapshot>> list() = 0;
  // Whether the snapshot is whole, to the last byte that can be checked cheaply: files, sizes, WAL
  // ranges. Called before a restore; kCorrupt (Never) says what is missing.
  virtual Status verify(const model::Snapshot& snapshot, Progress& progress, const StopFlag& stop) = 0;
  // None where it cannot be told.
  virtual Result<std::optional<SnapshotPoint>> point_of(const model::Snapshot& snapshot) = 0;
  // Takes one now. kUnsupported where the source cannot.
  virtual Result<model::Snapshot> take(Progress& progress, const StopFlag& stop) = 0;
  // Deletes the oldest snapshots that take() made, beyond the configured number; returns what went.
  virtual Result<std::vector<model::SnapshotId>> prune() = 0;
};

}  // namespace ytb::ports
