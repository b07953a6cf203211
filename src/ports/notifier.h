// Notifier: tells people what happened. A notice that cannot be delivered never stops a refresh.
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"
#include "model/ids.h"

namespace ytb::ports {

struct Notice {
  model::ProductionName production;
  std::string event;  // "failed", "stale", "live"
  std::string message;
  std::string hint;
  Instant at;
};

class Notifier {
 public:
  virtual ~Notifier() = default;
  virtual Status tell(const Notice& notice) = 0;
};

}  // namespace ytb::ports
