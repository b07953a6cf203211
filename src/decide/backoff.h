// Backoff: how long to wait after a failed try, and how often to try at all. Pure.
#pragma once

#include <optional>

#include "base/error.h"
#include "base/time.h"

namespace ytb::decide {

// Failed tries at one phase of one copy before the copy is given up.
constexpr int kTriesMax = 5;
// Failed copies of one snapshot with the same inputs before a person is asked.
constexpr int kAttemptsMax = 5;
// Newer snapshots that turned out damaged and are passed over for an older one.
constexpr int kCorruptSkipsMax = 3;
// Newer snapshots that we may not restore and that are passed over. Not more than hosts remember attempts
// (100 of each production): what is forgotten would be tried again, for ever.
constexpr int kForbiddenSkipsMax = 90;

constexpr Duration kBackoffFirst = std::chrono::seconds(10);
constexpr Duration kBackoffMax = std::chrono::hours(1);
constexpr int kBackoffFactor = 4;

// 10 s, 40 s, 160 s … at most an hour; zero where nothing failed yet.
Duration backoff_after(int tries);

// When to try again after `tries` failures, the last one at `last`; none: now. A `last` that lies further in
// the future than any backoff was written by a clock that has been corrected since, and is not waited for.
std::optional<Instant> retry_at(int tries, Instant last, Instant now);

// Whether looking again may find what could not be observed. Not where data is damaged, misconfigured,
// refused or unsupported. kNever alone does not tell: an error has it unless somebody said otherwise, also
// one of a file system or a server that is away for a moment.
bool may_pass(const Error& error);

}  // namespace ytb::decide
