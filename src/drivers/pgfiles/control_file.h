// global/pg_control, read directly: pg_controldata of the right version need not be there (npm's servers come
// without it), and its output is in the server's language and time zone.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace ytb::pgfiles {

// Of a server whose hot standby refuses to start with less of them (xlogrecovery.c,
// RecoveryRequiresIntParameter).
struct ControlLimits {
  int max_connections = 100;
  int max_worker_processes = 8;
  int max_prepared_transactions = 0;
  int max_locks_per_transaction = 64;
};

struct ControlFile {
  uint64_t system_identifier = 0;
  Instant checkpoint_time;
  ControlLimits limits;
  int wal_segment_bytes = 16 << 20;  // a power of two from 1 MB to 1 GB
  // Transactions before it had ended by the checkpoint (as xmin shows them, without their epoch).
  uint32_t first_running = 0;
};
// PostgreSQL 12 to 18, written on a host of our byte order and alignment. Error{kCorrupt} where its CRC does
// not fit, or a number is none that a server writes.
Result<ControlFile> parse_control_file(std::string_view bytes);

}  // namespace ytb::pgfiles
