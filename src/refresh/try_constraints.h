// Constraints that need production's code, tried before anything is restored.
#pragma once

#include "base/stop.h"
#include "masking/plan.h"
#include "ports/instance.h"
#include "ports/progress.h"
#include "ports/schema_trial.h"

namespace ytb::refresh {

// Has the server behind `trial` say what becomes of the findings of `check` that can be tried
// (masking/trial.h). `catalog`: production's own. Where there is no such server the findings stay as they
// are; where it cannot be asked they say why. The only error is a stop.
Status try_constraints(ports::SchemaTrial* trial, const ports::SessionTarget& production,
                       const masking::Catalog& catalog, masking::PlanCheck& check, ports::Progress& progress,
                       const StopFlag& stop);

}  // namespace ytb::refresh
