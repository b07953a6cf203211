#include "tests/fakes/aws/lambda_account.h"

#include <algorithm>

#include "base/check.h"

namespace ytb::fakes::aws {
namespace {

// Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous invocation".
constexpr Duration kRetryFirst = std::chrono::seconds(1);
constexpr Duration kRetryMost = std::chrono::minutes(5);

// Of what was killed: "a minute before the second attempt, and two minutes between the second and the third".
constexpr Duration kRetryKilled = std::chrono::minutes(1);

thread_local void* this_lane = nullptr;

struct Killed {};

}  // namespace

LambdaAccount::~LambdaAccount() { finish(); }

void LambdaAccount::finish() {
  rules_.clear();
  queue_.clear();
  while (!lanes_.empty()) run_until(clock_.now() + std::chrono::hours(1));
}

void LambdaAccount::add(const std::string& function, std::function<void(const LambdaEvent&)> body) {
  functions_[function] = std::move(body);
}

void LambdaAccount::invoke(const std::string& function, const std::string& payload) {
  const std::string id = "request-" + std::to_string(records_.size());
  for (int i = 0; i < limits_.deliveries; ++i) {
    records_.push_back(
        {.function = function, .request_id = id, .asked = clock_.now(), .begun = {}, .ended = {}});
    queue_.emplace(clock_.now(), Waiting{.record = records_.size() - 1, .payload = payload});
  }
}

void LambdaAccount::schedule(const std::string& function, const std::string& payload, Duration every) {
  rules_.push_back({.function = function, .payload = payload, .every = every, .next = clock_.now()});
}

void LambdaAccount::run_until(Instant end) {
  for (;;) {
    auto rule = std::min_element(rules_.begin(), rules_.end(),
                                 [](const Rule& a, const Rule& b) { return a.next < b.next; });
    auto lane = std::min_element(lanes_.begin(), lanes_.end(),
                                 [](const Lane& a, const Lane& b) { return a.wakes < b.wakes; });
    Instant next = end + Duration(1);
    if (rule != rules_.end()) next = std::min(next, rule->next);
    if (lane != lanes_.end()) next = std::min(next, lane->wakes);
    if (!queue_.empty()) next = std::min(next, queue_.begin()->first);
    if (next > end) break;
    set(std::max(next, clock_.now()));
    if (lane != lanes_.end() && lane->wakes == next) {
      resume(lane);
    } else if (rule != rules_.end() && rule->next == next) {
      rule->next += rule->every;
      invoke(rule->function, rule->payload);
    } else {
      Waiting waiting = std::move(queue_.begin()->second);
      queue_.erase(queue_.begin());
      deliver(std::move(waiting));
    }
  }
  set(end);
}

void LambdaAccount::deliver(Waiting waiting) {
  if (static_cast<int>(lanes_.size()) < limits_.concurrency) return begin(waiting);
  Record& record = records_[waiting.record];
  Duration wait = kRetryFirst;
  for (int i = 0; i < record.throttled && wait < kRetryMost; ++i) wait *= 2;
  wait = std::min(wait, kRetryMost);
  ++record.throttled;
  record.dropped = clock_.now() + wait - record.asked > limits_.event_age_max;
  if (!record.dropped) queue_.emplace(clock_.now() + wait, std::move(waiting));
}

void LambdaAccount::begin(const Waiting& waiting) {
  Record& record = records_[waiting.record];
  record.begun = clock_.now();
  const LambdaEvent event{.request_id = record.request_id,
                          .payload = waiting.payload,
                          .deadline = record.begun + limits_.timeout};
  lanes_.emplace_back();
  auto lane = std::prev(lanes_.end());
  lane->event = waiting;
  lane->deadline = event.deadline;
  most_at_once_ = std::max(most_at_once_, static_cast<int>(lanes_.size()));
  auto body = functions_.find(record.function);
  YTB_CHECK(body != functions_.end());
  lane->thread = std::thread([this, lane, event, &work = body->second] {
    this_lane = &*lane;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return lane->runs; });
    }
    try {
      work(event);
    } catch (const Killed&) {
      lane->killed = true;
    }
    std::lock_guard lock(mutex_);
    lane->done = true;
    lane->runs = false;
    changed_.notify_all();
  });
  resume(lane);
}

void LambdaAccount::resume(std::list<Lane>::iterator lane) {
  {
    std::unique_lock lock(mutex_);
    lane->runs = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !lane->runs; });
  }
  if (!lane->done) return;
  lane->thread.join();
  end(*lane);
  lanes_.erase(lane);
}

void LambdaAccount::end(const Lane& lane) {
  records_[lane.event.record].ended = clock_.now();
  records_[lane.event.record].killed = lane.killed;
  if (!lane.killed || lane.event.tries >= limits_.retries) return;
  const Duration wait = kRetryKilled * (lane.event.tries + 1);
  Record again = records_[lane.event.record];
  again.begun = again.ended = {};
  again.throttled = 0;
  again.killed = false;
  again.asked = clock_.now() + wait;
  records_.push_back(std::move(again));
  queue_.emplace(
      clock_.now() + wait,
      Waiting{.record = records_.size() - 1, .payload = lane.event.payload, .tries = lane.event.tries + 1});
}

void LambdaAccount::sleep(Duration duration) {
  auto* lane = static_cast<Lane*>(this_lane);
  YTB_CHECK_MSG(lane != nullptr, "only an invocation sleeps");
  std::unique_lock lock(mutex_);
  const Instant wakes = clock_.now() + duration;
  lane->wakes = std::min(wakes, lane->deadline);
  lane->runs = false;
  changed_.notify_all();
  changed_.wait(lock, [&] { return lane->runs; });
  if (wakes > lane->deadline) throw Killed{};
}

}  // namespace ytb::fakes::aws
