// Turns: whose turn it is to work on a production. Invocations overlap (a heartbeat comes while one masks, a
// schedule's event beside it), and one at a time is to act: the others look and leave.
//
// A turn ends when it is given back, or at the end of the invocation that took it, whatever became of that:
// Lambda kills what is older. So nothing has to clear up after an invocation that died, and nobody waits for
// it longer than for one that lives. It spares work and calls; what holds the promises is that every action
// is idempotent. Thread-safe.
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"
#include "model/ids.h"

namespace ytb::lambda {

struct Turn {
  bool ours = false;
  Instant until;  // when it is over at the latest
};

class Turns {
 public:
  virtual ~Turns() = default;
  // For `holder` until that instant at the latest; taken again, with the same end, it is his still. Another
  // one's that is not over is the answer, and no error. `holder` is one invocation's alone: a retry of
  // Lambda's and an event that is delivered twice have the same request id.
  virtual Result<Turn> take(const model::ProductionName& production, const std::string& holder, Instant until,
                            Instant now) = 0;
  // Another one's stays as it is. What cannot be given back is over by itself.
  virtual Status give_back(const model::ProductionName& production, const std::string& holder) = 0;
};

}  // namespace ytb::lambda
