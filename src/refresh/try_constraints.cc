#include "refresh/try_constraints.h"

#include "masking/trial.h"

namespace ytb::refresh {

Status try_constraints(ports::SchemaTrial* trial, const ports::SessionTarget& production,
                       const masking::Catalog& catalog, masking::PlanCheck& check, ports::Progress& progress,
                       const StopFlag& stop) {
  const ports::SchemaTrial::Trials trials = masking::trials_of(check);
  if (trial == nullptr || trials.empty()) return {};
  Result<std::vector<masking::TrialAnswer>> answers =
      trial->ask(production, catalog.engine_major, trials, progress, stop);
  YTB_TRY(stop.check());
  if (!answers.ok()) {
    masking::TrialAnswer none{.why_not = answers.error().message, .rows = {}};
    answers = std::vector<masking::TrialAnswer>(trials.size(), none);
  }
  masking::settle_trials(*answers, check);
  return {};
}

}  // namespace ytb::refresh
