// Clock: where time comes from. Everything that waits or looks at the time is given one; only main makes
// the real one, so that no test sleeps.
#pragma once

#include "base/time.h"

namespace ytb {

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() const = 0;
  // Waits `duration`. Callers wait in short steps and look at their StopFlag between them.
  virtual void sleep(Duration duration) = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override;
  void sleep(Duration duration) override;
};

// A hand-cranked clock. sleep() advances it.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Instant start) : now_(start) {}
  [[nodiscard]] Instant now() const override { return now_; }
  void sleep(Duration duration) override { now_ += duration; }
  void set(Instant instant) { now_ = instant; }
  void advance(Duration duration) { now_ += duration; }

 private:
  Instant now_;
};

}  // namespace ytb
