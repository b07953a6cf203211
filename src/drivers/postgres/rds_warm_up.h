// Warm-up of a copy whose volume loads as it is first read (RDS restores from S3): everything that masking
// did not write anew is read once, before people come. pg_prewarm reads heaps, TOAST and indexes without
// filling the cache; where it cannot be had, heaps are scanned and the rest loads with use.
//
// Progress is kept inside the copy, beside masking's, and goes with it: so does the extension, which is made
// in our own schema and dropped again. Every statement reads a bounded range of blocks.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "ports/engine.h"

namespace ytb::postgres {

// As ports::Engine::warm_up; the caller holds the CopyLock.
Result<std::vector<std::string>> warm_up_copy(const ports::SessionTarget& target,
                                              const ports::WarmUpRequest& request, ports::Progress& progress,
                                              const StopFlag& stop);

}  // namespace ytb::postgres
