// Extended Support: what becomes of a major version of PostgreSQL on RDS and Aurora after its end of standard
// support. RDS charges for each vCPU and hour, or, where that is switched off (EngineLifecycleSupport),
// upgrades what is restored to a newer major version: such a copy would no longer be yesterday's production.
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/time.h"

namespace ytb::rds {

// The first instant after it. AWS ends it with the February after the community's last release: 11 with 2024,
// 12 with 2025.
Instant standard_support_ends(int major);
bool is_past_standard_support(int major, Instant now);
// "PostgreSQL 13 is past its end of standard support (2026-02-28)".
std::string past_standard_support(int major);

// The word for CloudFormation and RDS.
std::string_view lifecycle_word(bool extended_support);

}  // namespace ytb::rds
