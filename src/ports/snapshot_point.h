// SnapshotPoint: where in the history of production's server a snapshot was taken.
#pragma once

#include <cstdint>

namespace ytb::ports {

struct SnapshotPoint {
  uint64_t system_identifier = 0;
  // What transactions before it made is in the snapshot: they had ended. A 32-bit number, as xmin shows them.
  uint32_t first_unsure = 0;
};

}  // namespace ytb::ports
