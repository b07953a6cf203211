// StackWait: looks again and again until something is so, it takes too long, or we are asked to stop. Without
// patience it looks once and leaves.
#pragma once

#include <functional>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/stop.h"
#include "ports/patience.h"

namespace ytb::rds {

class StackWait {
 public:
  StackWait(Clock& clock, const StopFlag& stop, ports::Patience patience)
      : clock_(clock), stop_(stop), patience_(patience) {}

  // `done` is asked at once and then every few seconds, less and less often. Its error ends the wait. Too
  // long: kExternal, Later. Asked to stop, or not done and without patience: kInterrupted.
  Status until(std::string_view what, Duration longest, const std::function<Result<bool>()>& done) const;
  // Whether nothing is waited for: what takes several looks is then spread over several calls.
  [[nodiscard]] bool leaves() const { return patience_ == ports::Patience::kLeave; }

 private:
  Clock& clock_;
  const StopFlag& stop_;
  ports::Patience patience_;
};

}  // namespace ytb::rds
