// World: what the services of one FakeAws share: its lock, clock, agenda, identities, faults and records.
//
// A Service is a table from operations to handlers. Handlers and everything on the agenda run one at a time
// under the world's lock; a handler throws Refusal for what AWS would refuse.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/json.h"
#include "tests/fakes/aws/fake_aws.h"
#include "tests/fakes/aws/model.h"
#include "tests/fakes/aws/refusal.h"

namespace ytb::fakes::aws {

using nlohmann::json;

struct Call {
  std::string operation;
  json input;
  Identity who;
  std::string target;  // filled by the handler, for the record

  [[nodiscard]] bool has(std::string_view name) const { return input.contains(name); }
  // "" where it is not given.
  [[nodiscard]] std::string text(std::string_view name) const;
  [[nodiscard]] bool flag(std::string_view name, bool otherwise = false) const;
  [[nodiscard]] int64_t number(std::string_view name, int64_t otherwise) const;
};

class Service {
 public:
  using Handler = std::function<json(Call&)>;
  virtual ~Service() = default;
  [[nodiscard]] const Handler* find(const std::string& operation) const;

 protected:
  void on(const std::string& operation, Handler handler) { handlers_[operation] = std::move(handler); }

 private:
  std::map<std::string, Handler> handlers_;
};

// Things by name, with what readers that lag behind still see: each change is hidden from the next `stale`
// reads of its thing. find() is the truth, read() and read_all() what a describe shows.
class Shelf {
 public:
  explicit Shelf(const int& stale) : stale_(stale) {}
  json* find(const std::string& name);
  [[nodiscard]] bool has(const std::string& name) const;
  void put(const std::string& name, json thing);
  void erase(const std::string& name);
  // Null where readers see nothing. Counts as a read.
  std::optional<json> read(const std::string& name);
  std::vector<json> read_all();
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  struct Item {
    std::optional<json> now, before;
    int stale = 0;
  };
  std::optional<json> read(Item& item) const;
  const int& stale_;
  std::map<std::string, Item> items_;
};

class World {
 public:
  explicit World(Settings settings);
  ~World();

  Settings settings;
  mutable std::recursive_mutex mutex;

  [[nodiscard]] Instant now() const;
  [[nodiscard]] Instant signing_now() const;
  void advance(Duration duration);
  void skew(Duration duration);

  // Does `what` once `delay` has passed, counted from the running item of the agenda where there is one: a
  // chain of changes keeps its times however far advance() jumps. No delay: at the end of the running call.
  void later(Duration delay, std::function<void()> what);
  // Does what is due. Called before every look at the world.
  void run_due();

  [[nodiscard]] std::optional<Identity> find_identity(const std::string& access_key) const;
  void add_identity(const Identity& identity);

  void plan_fault(std::string_view operation, int nth, Fault fault);
  // Counts the call and says what goes wrong with it.
  std::optional<Fault> next_fault(const std::string& service, const std::string& operation);

  // Runs a handler on someone's behalf, e.g. a stack's; recorded like a client's call. Throws Refusal.
  json act(const std::string& service, const std::string& operation, json input,
           const std::string& principal);

  void record(RecordedCall call) { records_.push_back(std::move(call)); }
  [[nodiscard]] const std::vector<RecordedCall>& records() const { return records_; }

  void add_service(const std::string& name, std::unique_ptr<Service> service);
  Service* find_service(const std::string& name);
  template <typename T>
  T& service(const std::string& name) {
    return dynamic_cast<T&>(*services_.at(name));
  }

  [[nodiscard]] std::string arn(std::string_view service, std::string_view resource) const;
  // Different at every call and the same in every run.
  std::string fresh_id(size_t length, bool upper = false);

 private:
  struct Planned {
    std::string operation;
    int left;
    Fault fault;
  };
  [[nodiscard]] Instant base() const;
  std::atomic<int64_t> advanced_us_{0};
  std::atomic<int64_t> skew_us_{0};
  std::multimap<Instant, std::function<void()>> agenda_;
  std::optional<Instant> running_;  // the time of the agenda's item that is being done; under the lock
  std::map<std::string, Identity> identities_;
  std::vector<Planned> faults_;
  std::vector<RecordedCall> records_;
  std::map<std::string, std::unique_ptr<Service>> services_;
  uint64_t ids_ = 0;
};

// One page of `items`: those from the marker on, at most `limit`; sets `next` where there are more. Markers
// are opaque and belong to `query`: one of another query is refused with `code`.
std::vector<json> page_of(const std::vector<json>& items, const std::string& marker, size_t limit,
                          const std::string& query, const std::string& code, std::string& next);

json tags_to_json(const Tags& tags);
Tags tags_from_json(const json& tags);
// Whether an operation changes something, by its name.
bool is_mutating(const std::string& operation);
// For the record: without what is secret in any service's input, and without bodies, which are long.
std::string recordable(json input);

}  // namespace ytb::fakes::aws
