// Ecs: the calls (API 2014-11-13) that run one Fargate task and look after it. Thread-safe as its Caller is.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "drivers/aws/caller.h"

namespace ytb::aws {

struct RunTask {
  std::string cluster;
  std::string task_definition;
  std::string started_by;  // at most 36 characters: finds the task again by list_tasks
  std::vector<std::string> subnets;
  std::vector<std::string> security_groups;
  bool assign_public_ip = false;
  std::string container = {};  // whose command and environment are replaced; "": none
  std::vector<std::string> command = {};
  std::map<std::string, std::string> environment = {};
  std::map<std::string, std::string> tags = {};
  // At most 64 visible ASCII characters. With one, asking again within a day brings back the same task, even
  // where that has stopped; "": none, and running twice runs two.
  std::string client_token = {};
};

struct Task {
  std::string arn;
  std::string task_definition_arn;
  std::string last_status;     // "PROVISIONING", "PENDING", "RUNNING", "STOPPED", …
  std::string desired_status;  // "RUNNING", "STOPPED"
  std::string started_by;
  std::string stop_code;
  std::string stopped_reason;
  std::optional<Instant> created_at;
  std::optional<Instant> stopped_at;
  struct Container {
    std::string name;
    std::optional<int> exit_code;
    std::string reason;
  };
  std::vector<Container> containers;
};

// What a task definition's latest active revision would run.
struct TaskDefinition {
  std::string arn;
  std::vector<std::string> containers;
  bool is_for_fargate = false;
  int64_t memory_mib = 0;  // of the task; 0 where only its containers say
};

class Ecs {
 public:
  explicit Ecs(Caller& caller) : caller_(caller) {}

  // Without a client token not repeatable: in doubt, look with list_tasks(started_by). kSpace, kLater where
  // there is no capacity. kBusy, kLater where the token is that of a task with other parameters.
  Result<Task> run_task(const RunTask& run);
  // Those of them that ECS still knows (stopped ones for about an hour). At most 100.
  Result<std::vector<Task>> describe_tasks(const std::string& cluster, const std::vector<std::string>& arns);
  // `status`: "RUNNING" (wanted running, started or not) or "STOPPED".
  Result<std::vector<std::string>> list_tasks(const std::string& cluster, const std::string& started_by,
                                              const std::string& status = "RUNNING");
  // "ACTIVE", "INACTIVE", …; none: there is no such cluster.
  Result<std::optional<std::string>> describe_cluster(const std::string& name);
  // None: there is no such definition.
  Result<std::optional<TaskDefinition>> describe_task_definition(const std::string& name);
  Result<Task> stop_task(const std::string& cluster, const std::string& arn, const std::string& reason);

 private:
  Caller& caller_;
};

}  // namespace ytb::aws
