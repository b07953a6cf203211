#include "lambda/deadline.h"

namespace ytb::lambda {

DeadlineWatch::DeadlineWatch(const Clock& clock, Instant at, StopFlag& stop) {
  thread_ = std::thread([this, &clock, at, &stop] {
    std::unique_lock lock(mutex_);
    while (!over_) {
      if (clock.now() >= at) {
        stop.request();
        return;
      }
      ended_.wait_for(lock, kLookEvery, [this] { return over_; });
    }
  });
}

DeadlineWatch::~DeadlineWatch() {
  {
    std::lock_guard lock(mutex_);
    over_ = true;
  }
  ended_.notify_all();
  thread_.join();
}

}  // namespace ytb::lambda
