// Instants and durations as the project uses them: UTC, microseconds, and text that people read.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ytb {

using Duration = std::chrono::microseconds;
using Instant = std::chrono::sys_time<Duration>;

// "2026-11-22T06:00:00Z"; microseconds are shown only where `exact`.
std::string to_iso(Instant instant, bool exact = false);
// The inverse of to_iso, with or without fraction; only UTC ("Z").
std::optional<Instant> from_iso(std::string_view text);
// "20261122-060000": for names of folders and copies.
std::string to_compact(Instant instant);
// "1.2 s", "3 min 20 s", "5 h 12 min", "3 d 4 h".
std::string to_human(Duration duration);
// "90s", "5min", "26h", "2d", "1h30min"; a bare number is refused: it hides the unit.
Result<Duration> parse_duration(std::string_view text);

// How far ahead of ours another machine's clock may be before what it dates is not believed. Whole time zones
// (a clock that was set by the wall) come right by themselves within a day.
constexpr Duration kClockSkewMax = std::chrono::hours(24);

}  // namespace ytb
