// What we need of global/pg_control, read directly: pg_controldata of the right version need not be there,
// and its output is in the server's language and time zone.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace ytb::basebackup {

struct ControlFile {
  uint64_t system_identifier = 0;
  Instant checkpoint_time;
};
// PostgreSQL 12 to 18, written on a host of our byte order. Error{kCorrupt} where its CRC does not fit.
Result<ControlFile> parse_control_file(std::string_view bytes);

}  // namespace ytb::basebackup
