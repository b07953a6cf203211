#include "drivers/postgres/worker_pool.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "drivers/postgres/copy_session.h"

namespace ytb::postgres {
namespace {
constexpr auto kTick = std::chrono::milliseconds(100);
constexpr int kWorkersMax = 64;
}  // namespace

WorkerPool::WorkerPool(const ports::SessionTarget& target, int workers, const StopFlag& stop)
    : target_(target), workers_(std::clamp(workers, 1, kWorkersMax)), stop_(stop) {}

void WorkerPool::add(int priority, Job job) {
  std::lock_guard lock(mutex_);
  jobs_[priority].push_back(std::move(job));
  changed_.notify_all();
}

std::optional<WorkerPool::Job> WorkerPool::next() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (failed_ || abort_.requested()) return std::nullopt;
    for (auto& [priority, queue] : jobs_) {
      if (queue.empty()) continue;
      Job job = std::move(queue.front());
      queue.pop_front();
      ++running_;
      return job;
    }
    if (running_ == 0) return std::nullopt;  // nobody is left who could add one
    changed_.wait(lock);
  }
}

void WorkerPool::finished(Status status) {
  std::lock_guard lock(mutex_);
  --running_;
  if (!status.ok()) {
    // The first one tells why; those after it were only interrupted by it.
    if (!failed_) failed_ = std::move(status).error();
    abort_.request();
  }
  changed_.notify_all();
}

void WorkerPool::work() {
  std::optional<Connection> session;
  std::string database;
  while (std::optional<Job> job = next()) {
    Status status;
    if (!session || database != job->database) {
      session.reset();
      auto opened = open_copy(target_, job->database, &abort_);
      if (opened.ok()) {
        session.emplace(std::move(opened).value());
        database = job->database;
      } else {
        status = std::move(opened).error();
      }
    }
    if (status.ok()) status = job->work(*session);
    finished(std::move(status));
  }
}

Status WorkerPool::run(const std::function<void()>& tick) {
  std::vector<std::thread> threads;
  for (int i = 0; i < workers_; ++i) threads.emplace_back([this] { work(); });
  {
    std::unique_lock lock(mutex_);
    auto idle = [this] {
      bool waiting = std::any_of(jobs_.begin(), jobs_.end(), [](const auto& q) { return !q.second.empty(); });
      return running_ == 0 && (!waiting || failed_ || abort_.requested());
    };
    while (!idle()) {
      changed_.wait_for(lock, kTick);
      if (stop_.requested() && !abort_.requested()) {
        abort_.request();
        changed_.notify_all();
      }
      lock.unlock();
      tick();
      lock.lock();
    }
  }
  changed_.notify_all();
  for (std::thread& thread : threads) thread.join();
  if (stop_.requested()) return stop_.check();
  if (failed_) return *failed_;
  return {};
}

}  // namespace ytb::postgres
