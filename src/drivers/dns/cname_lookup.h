// Looking up a name's CNAME at one resolver, as a client of staging would. Nothing is cached here, and
// nothing is followed: what the record itself says is what is asked for. Blocks for at most kTries ×
// kTimeout. Thread-safe.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace ytb::dns {

inline constexpr Duration kTimeout = std::chrono::seconds(3);
inline constexpr int kTries = 2;

// Targets, in small letters and without the dot at the end; none where there is no such name or no CNAME of
// it. `resolver`: "10.0.0.2", "10.0.0.2:5353", "[fd00::2]:53"; "": those of /etc/resolv.conf. Errors: kConfig
// for a resolver or name that is none; kConnection (Later) where nobody answers, or not this question.
Result<std::vector<std::string>> look_up_cname(const std::string& name, const std::string& resolver);

}  // namespace ytb::dns
