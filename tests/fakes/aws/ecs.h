// ECS: a task is a callback of the test, run on a thread of its own once the task is RUNNING.
//
// A client token brings back the task that was started under it, whatever has become of that.
//
// Statuses: PROVISIONING → PENDING (Delays::task each) → RUNNING → STOPPED with the callback's exit code.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "tests/fakes/aws/world.h"

namespace ytb::fakes::aws {

struct TaskRequest {
  std::string arn, definition, container;
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;
  std::shared_ptr<std::atomic<bool>> stop;  // set by StopTask and at the end: return soon
};

class Ecs final : public Service {
 public:
  using Body = std::function<int(const TaskRequest&)>;
  explicit Ecs(World& world);
  ~Ecs() override;
  // Without a body a task runs until it is stopped. Clusters and definitions must be seeded to be found.
  void run_with(Body body) {
    std::lock_guard lock(world_.mutex);
    body_ = std::move(body);
  }
  void seed_cluster(const std::string& name) {
    std::lock_guard lock(world_.mutex);
    clusters_.push_back(name);
  }
  void seed_definition(const std::string& name, const std::string& container) {
    std::lock_guard lock(world_.mutex);
    definitions_[name] = container;
  }
  // An hour later: stopped tasks are neither listed nor described, and their tokens still hold.
  void forget_stopped();
  // Every task ends, as where its host fails.
  void kill_all();

 private:
  json run(Call& call);
  json stop(Call& call);
  json describe(Call& call);
  json list(Call& call);
  json describe_clusters(Call& call);
  json describe_definition(Call& call);
  std::string cluster_of(Call& call) const;
  void set_status(const std::string& arn, const std::string& status);
  void start(const std::string& arn);
  void end(const std::string& arn, int exit_code, const std::string& code, const std::string& reason);

  struct Task {
    json shown;
    TaskRequest request;
    bool forgotten = false;
  };
  World& world_;
  Body body_;
  std::vector<std::string> clusters_ = {"default"};
  std::map<std::string, std::string> definitions_;  // name → its container
  std::map<std::string, Task> tasks_;
  std::map<std::string, std::pair<json, std::string>> tokens_;  // cluster/token → what was asked, the task
  std::vector<std::thread> threads_;
};

}  // namespace ytb::fakes::aws
