// A snapshot: an image of production at one instant.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"
#include "model/ids.h"

namespace ytb::model {

enum class SnapshotState {
  kUsable,      // verified as far as listing can: complete, and of a version that we can start
  kInProgress,  // still being made, or too young to tell
  kUnusable,    // torn, of the wrong version, incremental: `reason` says which
};

struct Snapshot {
  SnapshotId id;
  Instant data_as_of;  // ranks snapshots: the instant the data is of (checkpoint time), not the file's age
  SnapshotState state = SnapshotState::kUnusable;
  std::string reason;  // why it is not usable, for people; empty where it is
  uint64_t size_bytes = 0;
  std::string engine;    // "postgresql", "mariadb"
  int engine_major = 0;  // 15
  std::string location;  // for people and for the driver that listed it: a directory, an ARN
};

}  // namespace ytb::model
