// SchemaTrial: a server made from production's schema alone, without a row of it, that is asked whether
// constraints allow what the maskers give. What only production's code can say is known before a restore.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "masking/trial.h"
#include "ports/instance.h"
#include "ports/progress.h"

namespace ytb::ports {

class SchemaTrial {
 public:
  virtual ~SchemaTrial() = default;

  using Trials = std::vector<std::shared_ptr<const masking::ConstraintTrial>>;
  // One answer each, in their order. An error: nothing could be asked, and why. `production` is only read,
  // and of it the definitions alone; `engine_major` is its version's. Production's code runs in the server,
  // with no way out of it; the server and all of its files are gone afterwards.
  virtual Result<std::vector<masking::TrialAnswer>> ask(const SessionTarget& production, int engine_major,
                                                        const Trials& trials, Progress& progress,
                                                        const StopFlag& stop) = 0;
  // Ends what a killed run has left. kBusy: another one is asking.
  virtual Status clean_up() = 0;
};

}  // namespace ytb::ports
