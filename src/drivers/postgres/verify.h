// The checks of the proof, each by looking at the copy as it is, not at what was meant to be done.
#pragma once

#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "model/proof.h"
#include "ports/engine.h"

namespace ytb::postgres {

// As ports::Engine::verify.
Result<std::vector<model::Check>> verify_copy(const ports::SessionTarget& target,
                                              const ports::VerifyRequest& request, ports::Progress& progress,
                                              const StopFlag& stop);

}  // namespace ytb::postgres
