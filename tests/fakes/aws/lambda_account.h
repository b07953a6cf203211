// LambdaAccount: Lambda's asynchronous invocations in one account and region, which share its concurrency.
//
// On a clock of its own. Each invocation has a thread, but one runs at a time: until it sleeps on clock() or
// ends. So bodies need no locks among each other, and a run is the same each time. What sleeps past its
// deadline is killed there: sleep() throws. BEHAVIOUR.md says how what it does is known. For tests only; one
// thread calls it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace ytb::fakes::aws {

struct LambdaEvent {
  std::string request_id;
  std::string payload;
  Instant deadline;
};

class LambdaAccount {
 public:
  struct Limits {
    int concurrency = 10;                            // of the account: a new one's
    Duration timeout = std::chrono::minutes(15);     // of the functions
    Duration event_age_max = std::chrono::hours(6);  // MaximumEventAgeInSeconds
    int retries = 0;                                 // MaximumRetryAttempts, of what was killed
    int deliveries = 1;                              // of each event: at least once
  };
  // What became of one delivery of an event.
  struct Record {
    std::string function;
    std::string request_id;  // of a retry or a second delivery, the same
    Instant asked, begun, ended;
    int throttled = 0;  // times
    bool dropped = false;
    bool killed = false;  // at its deadline
  };

  LambdaAccount(Instant start, Limits limits) : clock_(*this), limits_(limits) { set(start); }
  ~LambdaAccount();
  LambdaAccount(const LambdaAccount&) = delete;
  LambdaAccount& operator=(const LambdaAccount&) = delete;

  void add(const std::string& function, std::function<void(const LambdaEvent&)> body);
  // An event now, and, as a rule or schedule of EventBridge's does, one each time this has gone by.
  void invoke(const std::string& function, const std::string& payload);
  void schedule(const std::string& function, const std::string& payload, Duration every);
  void run_until(Instant end);
  // Nothing more comes, and what runs comes to its end; what it refers to may go then.
  void finish();

  [[nodiscard]] Clock& clock() { return clock_; }
  [[nodiscard]] const std::vector<Record>& records() const { return records_; }
  [[nodiscard]] int most_at_once() const { return most_at_once_; }

 private:
  class LaneClock final : public Clock {
   public:
    explicit LaneClock(LambdaAccount& account) : account_(account) {}
    [[nodiscard]] Instant now() const override { return Instant(Duration(account_.now_.load())); }
    void sleep(Duration duration) override { account_.sleep(duration); }

   private:
    LambdaAccount& account_;
  };
  struct Waiting {  // in Lambda's queue
    size_t record = 0;
    std::string payload;
    int tries = 0;  // that were killed
  };
  struct Lane {
    Waiting event;
    Instant deadline, wakes;
    bool runs = false, done = false, killed = false;
    std::thread thread;
  };
  struct Rule {
    std::string function, payload;
    Duration every{};
    Instant next;
  };

  void set(Instant now) { now_ = now.time_since_epoch().count(); }
  void sleep(Duration duration);
  void deliver(Waiting waiting);
  void begin(const Waiting& waiting);
  void end(const Lane& lane);
  void resume(std::list<Lane>::iterator lane);

  LaneClock clock_;
  Limits limits_;
  std::atomic<Duration::rep> now_{0};
  std::map<std::string, std::function<void(const LambdaEvent&)>> functions_;
  std::vector<Rule> rules_;
  std::multimap<Instant, Waiting> queue_;
  std::vector<Record> records_;
  int most_at_once_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Lane> lanes_;
};

}  // namespace ytb::fakes::aws
