// A request to stop: set once by a signal handler or a test, looked at by everything that takes long.
// Thread-safe; async-signal-safe to set.
#pragma once

#include <atomic>

#include "base/result.h"

namespace ytb {

class StopFlag {
 public:
  void request() { requested_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool requested() const { return requested_.load(std::memory_order_relaxed); }

  // While a person is being asked nothing is under way, and the read that waits for the answer cannot be
  // called off: a stop may end the program at once.
  void set_asking(bool asking) { asking_.store(asking, std::memory_order_relaxed); }
  [[nodiscard]] bool asking() const { return asking_.load(std::memory_order_relaxed); }

  // Error{kInterrupted} once a stop was requested: long loops call this between steps.
  [[nodiscard]] Status check() const {
    if (!requested()) return {};
    return Error{.code = Code::kInterrupted,
                 .message = "stopped before the end",
                 .hint = "nothing is lost: the next run goes on from here",
                 .retry = Retry::kLater};
  }

 private:
  std::atomic<bool> requested_{false};
  std::atomic<bool> asking_{false};
};

}  // namespace ytb
