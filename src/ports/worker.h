// Worker: somebody else of ours who does the long work inside one copy (masking, proving), where we ourselves
// may not run for long. One worker a copy; it runs `yesterdaytabase work --copy ID`.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/ids.h"

namespace ytb::ports {

struct WorkerRequest {
  model::CopyId copy;
  model::ProductionName production;
  std::map<std::string, std::string> environment;  // beyond what the worker's place gives it; no secrets
};

struct WorkerState {
  enum class Phase { kStarting, kRunning, kStopped };
  std::string id;
  Phase phase = Phase::kStarting;
  std::string detail;  // for people: its status, and why it stopped
};

class Worker {
 public:
  virtual ~Worker() = default;
  // The one that works on the copy, else the last that did, else none. What was started a moment ago may not
  // be seen yet.
  virtual Result<std::optional<WorkerState>> find(const model::CopyId& copy) = 0;
  // Starts one, after the stopped worker `after` ("": the first). Asked twice with the same `after`, by whom
  // ever, it starts one. kInDoubt: ask again.
  virtual Result<WorkerState> start(const WorkerRequest& request, const std::string& after) = 0;
};

}  // namespace ytb::ports
