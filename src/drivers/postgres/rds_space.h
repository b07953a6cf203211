// Whether a volume of fixed size has room for masking, asked before the first table is touched: a table is
// written anew while its old self is still there, and a volume that is full stops the whole server.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "ports/progress.h"

namespace ytb::postgres {

struct SpaceNeed {
  uint64_t volume_bytes = 0;          // 0: not known, or it grows by itself: nothing is asked
  std::vector<uint64_t> table_bytes;  // of those that will be written anew, indexes and TOAST included
  int tables_at_once = 1;
};

// kSpace, with the numbers and the line to add to the config, where the volume is too small. RDS tells a
// session nothing of its file system: what is in use are the databases, and as much WAL as is kept. A server
// that does not say so is a note.
Status check_space(Connection& session, const SpaceNeed& need, ports::Progress& progress);

}  // namespace ytb::postgres
