// Work: what a worker (a Fargate task) does: the refresh loop without a deadline, restricted to the masking
// and proving of one copy. Everything else is the heartbeat's.
//
// Killed anywhere, the next worker goes on from there: tables that are done are recorded inside the copy. Two
// at once exclude each other by the engine's lock in the copy.
#pragma once

#include <string>
#include <vector>

#include "base/stop.h"
#include "lambda/parts.h"

namespace ytb::lambda {

constexpr int kWorkTurnsMax = 1000;
// In a row while somebody else works in the copy: longer than an invocation of a function may last.
constexpr int kWorkBusyMax = 120;
constexpr Duration kWorkBusyPause = std::chrono::seconds(10);

struct WorkDone {
  std::vector<std::string> actions;  // ids, in order; empty: there was nothing left to do
  model::Phase phase = model::Phase::kMasked;
};

// Until the copy is masked and proven. kConfig where there is no such copy of ours, kPolicy without a policy,
// kInterrupted on stop; else the error of the action that gave the copy up.
Result<WorkDone> work_on(const Parts& parts, const Target& target, const model::CopyId& copy,
                         const StopFlag& stop);

}  // namespace ytb::lambda
