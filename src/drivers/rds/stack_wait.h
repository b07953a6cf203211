// StackWait: looks again and again until something is so, it takes too long, or we are asked to stop.
#pragma once

#include <functional>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/stop.h"

namespace ytb::rds {

class StackWait {
 public:
  StackWait(Clock& clock, const StopFlag& stop) : clock_(clock), stop_(stop) {}

  // `done` is asked at once and then every few seconds, less and less often. Its error ends the wait. Too
  // long: kExternal, Later. Asked to stop: kInterrupted.
  Status until(std::string_view what, Duration longest, const std::function<Result<bool>()>& done) const;

 private:
  Clock& clock_;
  const StopFlag& stop_;
};

}  // namespace ytb::rds
