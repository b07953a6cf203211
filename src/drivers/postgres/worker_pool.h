// WorkerPool: jobs with priorities, carried out by a few threads that each keep one session. The first error
// stops the rest; a stop request stops all.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "drivers/postgres/connection.h"
#include "ports/instance.h"

namespace ytb::postgres {

class WorkerPool {
 public:
  // A job gets a session in its database; it may add jobs.
  using Work = std::function<Status(Connection&)>;
  struct Job {
    std::string database;
    Work work;
  };

  WorkerPool(const ports::SessionTarget& target, int workers, const StopFlag& stop);
  // Of higher priority first, else in the order they came. Thread-safe.
  void add(int priority, Job job);
  // Runs until no job is left. `tick` is called on the caller's thread about ten times a second.
  Status run(const std::function<void()>& tick);

 private:
  void work();
  std::optional<Job> next();
  void finished(Status status);

  const ports::SessionTarget& target_;
  int workers_;
  const StopFlag& stop_;
  StopFlag abort_;  // what the sessions look at: an error or a stop
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int, std::deque<Job>, std::greater<>> jobs_;
  int running_ = 0;
  std::optional<Error> failed_;
};

}  // namespace ytb::postgres
