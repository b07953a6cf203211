// The ids of the model. Each is text from the outside or derived deterministically; never random, never
// "now".
#pragma once

#include "base/ids.h"

namespace ytb::model {

// The name a production has in our config, e.g. "shop". [a-z][a-z0-9-]{0,39}
using ProductionName = Id<struct ProductionNameTag>;
// Unique within one SnapshotSource, stable over time, e.g. a backup directory's name.
using SnapshotId = Id<struct SnapshotIdTag>;
// "<production>-yesterday-<snapshot UTC>-<attempt>", see model/copy.h.
using CopyId = Id<struct CopyIdTag>;

}  // namespace ytb::model
