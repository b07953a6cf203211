// Actor: carries out one action through the ports. Contains no policy: what to do was decided, what may be
// done is checked by the types (OwnedCopy, PassedProof) and by the drivers.
//
// Every action is safe to repeat: what it records, it records last.
#pragma once

#include <memory>

#include "base/result.h"
#include "base/stop.h"
#include "model/action.h"
#include "model/observed.h"
#include "model/owned.h"
#include "refresh/originals_of_copy.h"
#include "refresh/refresher.h"

namespace ytb::refresh {

class Actor {
 public:
  // `originals`: of the copy that this run masks, kept from action to action.
  Actor(const Ports& ports, const Settings& settings, const Inputs& inputs,
        std::unique_ptr<OriginalsOfCopy>& originals, ports::Progress& progress, const StopFlag& stop)
      : ports_(ports),
        settings_(settings),
        inputs_(inputs),
        originals_(originals),
        progress_(progress),
        stop_(stop) {}

  Status act(const model::Action& action, const model::Observed& observed);

 private:
  Status restore(const model::Action& action, const model::Observed& observed);
  // What no policy judges, where production can be asked: sooner than after a restore.
  Status look_first(const model::Snapshot& snapshot);
  Status look_again(const model::Action& action, const model::Observed& observed);
  Status defuse(const model::OwnedCopy& copy);
  Status mask(const model::OwnedCopy& copy);
  // The copy is given up: what is left of its originals can no longer be searched for.
  Status begin_again(const model::OwnedCopy& copy);
  Status warm_up(const model::OwnedCopy& copy, const ports::SessionTarget& target);
  Status prove(const model::OwnedCopy& copy);
  Status open(const model::OwnedCopy& copy);
  Status repoint(const model::OwnedCopy& copy);
  Status demote(const model::OwnedCopy& copy, const model::Action& action);
  Status remove(const model::OwnedCopy& copy, const model::Action& action);

  // The stored proof of this very instance, verified now.
  Result<model::PassedProof> passed_proof(const model::CopyId& copy);
  // The checked plan for what is in the copy; none with masking: none.
  Result<std::optional<masking::MaskingPlan>> plan_for(const ports::SessionTarget& target);
  Status add_evidence(const model::OwnedCopy& copy, model::Evidence more);

  const Ports& ports_;
  const Settings& settings_;
  const Inputs& inputs_;
  std::unique_ptr<OriginalsOfCopy>& originals_;
  ports::Progress& progress_;
  const StopFlag& stop_;
};

}  // namespace ytb::refresh
