// Zone: the one place that knows time zone data. Local times are counted in minutes since 1970-01-01T00:00
// local. Immutable, cheap to copy, thread-safe.
//
// Data: the system's zoneinfo, read when located. Years beyond the compiled transitions (2037 in "fat" files)
// keep the last known offset.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace ytb::decide {

class Zone {
 public:
  // Error{kConfig} where the name is unknown, or where the system has no zone data. "UTC" needs no data.
  static Result<Zone> locate(std::string_view name);

  // The wall clock's minute at `instant`, seconds cut off.
  [[nodiscard]] int64_t local_minute(Instant instant) const;
  // When the wall clock first shows that minute; for a minute that is skipped, the first instant after the
  // gap.
  [[nodiscard]] Instant first_instant(int64_t local_minute) const;

 private:
  explicit Zone(const void* zone) : zone_(zone) {}
  const void* zone_ = nullptr;  // date::time_zone of the process-wide, never freed database; null: UTC
};

}  // namespace ytb::decide
