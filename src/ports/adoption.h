// Adoption: taking over the name that the project we continue made, from the stack that holds it.
//
// plan() only looks. carry_out() does one step after the other and may be stopped, killed and called again at
// any point: it goes on from what it finds. The name resolves at every moment of it. Nothing is deleted
// unless `delete_old` is asked for, and then only once the name has moved on and the drain is over.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "ports/progress.h"

namespace ytb::ports {

struct AdoptionPlan {
  std::vector<std::pair<std::string, std::string>> facts;  // "old stack" → "shop-yesterdaytabase (…)"
  std::vector<std::string> steps;                          // what is left to do, in order; may be empty
  std::vector<std::string> remarks;                        // what a person should know or do
};

class Adoption {
 public:
  virtual ~Adoption() = default;
  // kRefused where the stack is not one of the original's, with all that differs.
  virtual Result<AdoptionPlan> plan(bool delete_old) = 0;
  virtual Status carry_out(bool delete_old, Progress& progress, const StopFlag& stop) = 0;
};

}  // namespace ytb::ports
