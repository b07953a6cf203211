#include "decide/zone.h"

// As the packaged library was built: its types have another layout otherwise.
#define USE_OS_TZDB 1
#define HAS_STRING_VIEW 1
#include <date/tz.h>
#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <string>

#include "base/text.h"

namespace ytb::decide {
namespace {

using LocalTime = date::local_time<std::chrono::seconds>;

const date::time_zone& zone_of(const void* zone) { return *static_cast<const date::time_zone*>(zone); }

}  // namespace

Result<Zone> Zone::locate(std::string_view name) {
  if (name == "UTC" || name == "Etc/UTC") return Zone(nullptr);
  std::string detail;
  try {
    const date::time_zone* zone = date::locate_zone(std::string(name));
    // Zone files are read at first use: read it now, so that a damaged one is an error of the config.
    (void)zone->get_info(date::sys_seconds(std::chrono::seconds(0)));
    return Zone(zone);
  } catch (const std::exception& error) {
    detail = error.what();
  }
  bool data_is_there = false;
  try {
    data_is_there = date::locate_zone("Europe/London") != nullptr;
  } catch (const std::exception& error) {
    detail = error.what();
  }
  if (!data_is_there) {
    return Error{
        .code = Code::kConfig,
        .message = fmt::format("time zone '{}' cannot be looked up: this system has no usable zone data ({})",
                               printable(name), printable(detail)),
        .hint = "install the package tzdata, or write the schedule in UTC",
        .retry = Retry::kNever};
  }
  return Error{.code = Code::kConfig,
               .message = fmt::format("time zone '{}' is not known", printable(name)),
               .hint = "use an IANA name such as Europe/Berlin or America/New_York, or UTC",
               .retry = Retry::kNever};
}

int64_t Zone::local_minute(Instant instant) const {
  auto second = std::chrono::floor<std::chrono::seconds>(instant);
  if (zone_ != nullptr) second += zone_of(zone_).get_info(second).offset;
  return std::chrono::floor<std::chrono::minutes>(second).time_since_epoch().count();
}

Instant Zone::first_instant(int64_t local_minute) const {
  std::chrono::seconds since_epoch = std::chrono::minutes(local_minute);
  if (zone_ == nullptr) return Instant(since_epoch);
  date::local_info info = zone_of(zone_).get_info(LocalTime(since_epoch));
  // Skipped: `first` ends where the gap does. Repeated: `first` is the earlier of the two.
  if (info.result == date::local_info::nonexistent) return Instant(info.first.end.time_since_epoch());
  return Instant(since_epoch - info.first.offset);
}

}  // namespace ytb::decide
