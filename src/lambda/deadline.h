// DeadlineWatch: requests a stop once the clock has reached an instant. Its thread ends with it.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/stop.h"

namespace ytb::lambda {

class DeadlineWatch {
 public:
  // What is begun must be put down in this time: a transaction rolled back, an answer posted.
  static constexpr Duration kMargin = std::chrono::seconds(20);
  // Of real time between two looks at the clock, which need not be real.
  static constexpr std::chrono::milliseconds kLookEvery{20};

  // `clock` is read from another thread. Both outlive it.
  DeadlineWatch(const Clock& clock, Instant at, StopFlag& stop);
  ~DeadlineWatch();
  DeadlineWatch(const DeadlineWatch&) = delete;
  DeadlineWatch& operator=(const DeadlineWatch&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace ytb::lambda
