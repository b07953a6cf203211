// The major versions of PostgreSQL that copies are tested with: the one table for local copies and RDS, for
// snapshots and servers alike. Every command refuses any other in the same words.
#pragma once

#include <string>

#include "base/error.h"

namespace ytb::model {

inline constexpr int kPostgresMajorMin = 13;  // before, there is no backup manifest
inline constexpr int kPostgresMajorMax = 18;

constexpr bool is_tested_major(int major) { return major >= kPostgresMajorMin && major <= kPostgresMajorMax; }
// "it is of PostgreSQL 19, and 13 to 18 are supported": why a snapshot is not usable.
std::string why_untested(int major);
// kUnsupported, about `what` ("production"): for who meets a server.
Error untested_major(const std::string& what, int major);

}  // namespace ytb::model
