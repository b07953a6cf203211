// The stream executor: carries out a masking plan in a closed copy, tables in parallel and big ones in
// ranges.
#pragma once

#include "base/result.h"
#include "base/stop.h"
#include "model/proof.h"
#include "ports/engine.h"
#include "ports/instance.h"
#include "ports/progress.h"

namespace ytb::postgres {

// As ports::Engine::mask.
Result<model::Evidence> mask_copy(const ports::SessionTarget& target, const ports::MaskRequest& request,
                                  ports::Progress& progress, const StopFlag& stop);

}  // namespace ytb::postgres
