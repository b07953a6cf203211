#include "tests/fakes/aws/ecs.h"

#include <algorithm>

#include "base/text.h"

namespace ytb::fakes::aws {
namespace {

constexpr int kKilled = 137;

}  // namespace

Ecs::Ecs(World& world) : world_(world) {
  on("RunTask", [this](Call& call) { return run(call); });
  on("StopTask", [this](Call& call) { return stop(call); });
  on("DescribeTasks", [this](Call& call) { return describe(call); });
  on("ListTasks", [this](Call& call) { return list(call); });
  on("DescribeClusters", [this](Call& call) { return describe_clusters(call); });
  on("DescribeTaskDefinition", [this](Call& call) { return describe_definition(call); });
}

Ecs::~Ecs() {
  for (auto& [arn, task] : tasks_) *task.request.stop = true;
  for (std::thread& thread : threads_) thread.join();
}

std::string Ecs::cluster_of(Call& call) const {
  std::string name = call.has("cluster") ? call.text("cluster") : "default";
  name = split(name, '/').back();
  if (std::find(clusters_.begin(), clusters_.end(), name) == clusters_.end()) {
    refuse("ClusterNotFoundException", "Cluster not found.");
  }
  return name;
}

json Ecs::run(Call& call) {
  std::string cluster = cluster_of(call);
  std::string definition = split(call.text("taskDefinition"), '/').back();
  call.target = "task-definition:" + definition;
  std::string family = split(definition, ':')[0];
  if (!definitions_.contains(family)) refuse("ClientException", "TaskDefinition not found.");
  if (call.text("launchType") == "FARGATE" && !call.has("networkConfiguration")) {
    refuse("InvalidParameterException",
           "Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  }
  if (call.number("count", 1) != 1)
    refuse("InvalidParameterException", "the fake ECS runs one task at a time");
  const std::string token = call.text("clientToken");
  json asked = call.input;
  asked.erase("clientToken");
  if (auto known = tokens_.find(cluster + "/" + token); !token.empty() && known != tokens_.end()) {
    if (known->second.first != asked) {
      refuse("ConflictException",
             "The provided clientToken is already in use with a different RunTask request.");
    }
    return {{"tasks", json::array({tasks_.at(known->second.second).shown})}, {"failures", json::array()}};
  }
  Task task;
  task.request.arn = world_.arn("ecs", "task/" + cluster + "/" + world_.fresh_id(32));
  task.request.definition = definition;
  task.request.container = definitions_[family];
  task.request.stop = std::make_shared<std::atomic<bool>>(false);
  const json overrides = call.input.value("overrides", json::object());
  // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html, `overrides`.
  if (overrides.dump().size() > 8192)
    refuse("InvalidParameterException", "Container Overrides length must be at most 8192");
  for (const json& one : overrides.value("containerOverrides", json::array())) {
    if (one.value("name", "") != task.request.container) {
      refuse("InvalidParameterException", "Override for container named " + one.value("name", "") +
                                              " is not a container in the TaskDefinition.");
    }
    task.request.command = one.value("command", std::vector<std::string>{});
    for (const json& pair : one.value("environment", json::array()))
      task.request.environment[pair["name"]] = pair["value"];
  }
  std::string arn = task.request.arn;
  task.shown = {
      {"taskArn", arn},
      {"clusterArn", world_.arn("ecs", "cluster/" + cluster)},
      {"taskDefinitionArn", world_.arn("ecs", "task-definition/" + definition)},
      {"lastStatus", "PROVISIONING"},
      {"desiredStatus", "RUNNING"},
      {"createdAt", to_iso(world_.now(), true)},
      {"overrides", overrides},
      {"containers", {{{"name", task.request.container}, {"taskArn", arn}, {"lastStatus", "PENDING"}}}}};
  for (const char* kept : {"startedBy", "group", "launchType", "tags"}) {
    if (call.has(kept)) task.shown[kept] = call.input[kept];
  }
  json shown = task.shown;
  if (!token.empty()) tokens_[cluster + "/" + token] = {asked, arn};
  tasks_[arn] = std::move(task);
  world_.later(world_.settings.delays.task, [this, arn] {
    set_status(arn, "PENDING");
    world_.later(world_.settings.delays.task, [this, arn] { start(arn); });
  });
  return {{"tasks", json::array({shown})}, {"failures", json::array()}};
}

void Ecs::set_status(const std::string& arn, const std::string& status) {
  json& shown = tasks_.at(arn).shown;
  if (shown["lastStatus"] == "STOPPED") return;
  shown["lastStatus"] = status;
  shown["containers"][0]["lastStatus"] = status;
}

void Ecs::start(const std::string& arn) {
  Task& task = tasks_.at(arn);
  if (task.shown["lastStatus"] == "STOPPED") return;
  set_status(arn, "RUNNING");
  task.shown["startedAt"] = to_iso(world_.now(), true);
  if (body_ == nullptr) return;
  threads_.emplace_back([this, arn, request = task.request, body = body_] {
    int code = body(request);
    std::lock_guard lock(world_.mutex);
    end(arn, code, "EssentialContainerExited", "Essential container in task exited");
  });
}

void Ecs::end(const std::string& arn, int exit_code, const std::string& code, const std::string& reason) {
  json& shown = tasks_.at(arn).shown;
  if (shown["lastStatus"] == "STOPPED") return;
  set_status(arn, "STOPPED");
  shown["desiredStatus"] = "STOPPED";
  shown["stopCode"] = code;
  shown["stoppedReason"] = reason;
  shown["stoppedAt"] = to_iso(world_.now(), true);
  shown["containers"][0]["exitCode"] = exit_code;
}

json Ecs::stop(Call& call) {
  cluster_of(call);
  std::string id = call.text("task");
  call.target = "task:" + id;
  for (auto& [arn, task] : tasks_) {
    if (arn != id && split(arn, '/').back() != id) continue;
    *task.request.stop = true;
    end(arn, kKilled, "UserInitiated", call.has("reason") ? call.text("reason") : "Task stopped by user");
    return {{"task", task.shown}};
  }
  refuse("InvalidParameterException", "The referenced task was not found.");
}

void Ecs::forget_stopped() {
  std::lock_guard lock(world_.mutex);
  for (auto& [arn, task] : tasks_) {
    if (task.shown["lastStatus"] == "STOPPED") task.forgotten = true;
  }
}

void Ecs::kill_all() {
  std::lock_guard lock(world_.mutex);
  for (auto& [arn, task] : tasks_) {
    *task.request.stop = true;
    end(arn, kKilled, "TerminationNotice", "Host EC2 is being retired");
  }
}

json Ecs::describe(Call& call) {
  cluster_of(call);
  json found = json::array();
  json failures = json::array();
  for (const json& id : call.input["tasks"]) {
    bool there = false;
    for (const auto& [arn, task] : tasks_) {
      if (task.forgotten || (id != arn && id != split(arn, '/').back())) continue;
      found.push_back(task.shown);
      there = true;
    }
    if (!there) failures.push_back({{"arn", id}, {"reason", "MISSING"}});
  }
  return {{"tasks", found}, {"failures", failures}};
}

json Ecs::describe_clusters(Call& call) {
  json found = json::array();
  json failures = json::array();
  for (const json& wanted : call.input.value("clusters", json::array({"default"}))) {
    const std::string name = split(wanted.get<std::string>(), '/').back();
    const std::string arn = world_.arn("ecs", "cluster/" + name);
    if (std::find(clusters_.begin(), clusters_.end(), name) == clusters_.end()) {
      failures.push_back({{"arn", arn}, {"reason", "MISSING"}});
    } else {
      found.push_back({{"clusterArn", arn}, {"clusterName", name}, {"status", "ACTIVE"}});
    }
  }
  return {{"clusters", found}, {"failures", failures}};
}

json Ecs::describe_definition(Call& call) {
  const std::string name = split(call.text("taskDefinition"), '/').back();
  const std::string family = split(name, ':')[0];
  auto found = definitions_.find(family);
  if (found == definitions_.end()) refuse("ClientException", "Unable to describe task definition.");
  json container = {{"name", found->second}, {"image", "yesterdaytabase"}, {"essential", true}};
  return {{"taskDefinition",
           {{"taskDefinitionArn", world_.arn("ecs", "task-definition/" + family + ":1")},
            {"family", family},
            {"revision", 1},
            {"status", "ACTIVE"},
            {"compatibilities", {"EC2", "FARGATE"}},
            {"cpu", "1024"},
            {"memory", "4096"},
            {"containerDefinitions", json::array({container})}}}};
}

json Ecs::list(Call& call) {
  std::string cluster = cluster_of(call);
  std::string desired = call.has("desiredStatus") ? call.text("desiredStatus") : "RUNNING";
  std::vector<json> arns;
  for (const auto& [arn, task] : tasks_) {
    if (task.forgotten || task.shown["desiredStatus"] != desired ||
        arn.find("/" + cluster + "/") == std::string::npos)
      continue;
    if (call.has("startedBy") && task.shown.value("startedBy", "") != call.text("startedBy")) continue;
    std::string definition = split(task.request.definition, ':')[0];
    if (call.has("family") && definition != call.text("family")) continue;
    arns.emplace_back(arn);
  }
  std::string next;
  json query = call.input;
  query.erase("nextToken");
  json out = {
      {"taskArns", page_of(arns, call.text("nextToken"),
                           static_cast<size_t>(std::clamp<int64_t>(call.number("maxResults", 100), 1, 100)),
                           query.dump(), "InvalidParameterException", next)}};
  if (!next.empty()) out["nextToken"] = next;
  return out;
}

}  // namespace ytb::fakes::aws
