// Observed: what the drivers found, all of it, at one turn of the loop.
#pragma once

#include <vector>

#include "model/alias.h"
#include "model/copy.h"
#include "model/known.h"
#include "model/snapshot.h"

namespace ytb::model {

struct Observed {
  Known<std::vector<Snapshot>> snapshots;
  Known<std::vector<Copy>> copies;
  Known<std::vector<Attempt>> attempts;
  Known<AliasState> alias;
};

}  // namespace ytb::model
