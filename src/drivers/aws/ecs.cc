#include "drivers/aws/ecs.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "base/text.h"
#include "drivers/aws/json_call.h"

namespace ytb::aws {
namespace {

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html, `overrides`.
constexpr size_t kOverridesMax = 8192;
constexpr size_t kStartedByMax = 36;
constexpr size_t kClientTokenMax = 64;
constexpr size_t kTasksPerCall = 100;
constexpr int kPagesMax = 100;

using Json = nlohmann::json;

Task read_task(const Json& object, Problem& problem) {
  if (!object.is_object()) {
    problem.note("a task is no object");
    return {};
  }
  Task task{.arn = json_text(object, "taskArn", problem),
            .task_definition_arn = json_text(object, "taskDefinitionArn", problem),
            .last_status = json_text(object, "lastStatus", problem),
            .desired_status = json_text(object, "desiredStatus", problem),
            .started_by = json_text_if(object, "startedBy", problem),
            .stop_code = json_text_if(object, "stopCode", problem),
            .stopped_reason = json_text_if(object, "stoppedReason", problem),
            .created_at = json_instant_if(object, "createdAt", problem),
            .stopped_at = json_instant_if(object, "stoppedAt", problem),
            .containers = {}};
  for (const Json& container : json_list(object, "containers", problem)) {
    if (!container.is_object()) {
      problem.note("a container is no object");
      continue;
    }
    Task::Container read{.name = json_text(container, "name", problem),
                         .exit_code = {},
                         .reason = json_text_if(container, "reason", problem)};
    const auto exit_code = container.find("exitCode");
    if (exit_code != container.end() && exit_code->is_number_integer())
      read.exit_code = exit_code->get<int>();
    task.containers.push_back(std::move(read));
  }
  return task;
}

Json run_body(const RunTask& run) {
  Json body{{"cluster", run.cluster},
            {"taskDefinition", run.task_definition},
            {"launchType", "FARGATE"},
            {"count", 1},
            {"startedBy", run.started_by},
            {"networkConfiguration",
             {{"awsvpcConfiguration",
               {{"subnets", run.subnets},
                {"securityGroups", run.security_groups},
                {"assignPublicIp", run.assign_public_ip ? "ENABLED" : "DISABLED"}}}}}};
  if (!run.container.empty()) {
    Json overrides{{"name", run.container}};
    if (!run.command.empty()) overrides["command"] = run.command;
    for (const auto& [name, value] : run.environment) {
      overrides["environment"].push_back({{"name", name}, {"value", value}});
    }
    body["overrides"]["containerOverrides"] = Json::array({overrides});
  }
  for (const auto& [key, value] : run.tags) body["tags"].push_back({{"key", key}, {"value", value}});
  if (!run.client_token.empty()) body["clientToken"] = run.client_token;
  return body;
}

// ECS answers 200 and says in `failures` that nothing was started.
Error not_started(const Call& call, const Json& failures) {
  std::string reason = "no reason given";
  if (failures.is_array() && !failures.empty() && failures[0].is_object()) {
    Problem ignored;
    reason = json_text_if(failures[0], "reason", ignored);
    const std::string detail = json_text_if(failures[0], "detail", ignored);
    if (!detail.empty()) reason += ": " + detail;
  }
  const bool is_capacity =
      reason.starts_with("RESOURCE:") || reason.starts_with("CAPACITY") || reason.starts_with("Capacity");
  return Error{.code = is_capacity ? Code::kSpace : Code::kExternal,
               .message = fmt::format("ECS {}: no task was started: {}", call.operation, printable(reason)),
               .hint = "",
               .retry = is_capacity ? Retry::kLater : Retry::kNever};
}

}  // namespace

Result<Task> Ecs::run_task(const RunTask& run) {
  YTB_CHECK(!run.started_by.empty() && run.started_by.size() <= kStartedByMax);
  YTB_CHECK(run.client_token.size() <= kClientTokenMax);
  const Effect effect = run.client_token.empty() ? Effect::kOnce : Effect::kRepeatable;
  const Json body = run_body(run);
  const size_t given = body.contains("overrides") ? body["overrides"].dump().size() : 0;
  if (given > kOverridesMax) {
    return Error{
        .code = Code::kConfig,
        .message =
            fmt::format("the task would be handed {} bytes of command and environment, and ECS takes {}",
                        given, kOverridesMax),
        .hint =
            "shorten the config that is packed with the function, or keep it in the bucket: the task then "
            "reads it there"};
  }
  Call call = json_call(Service::kEcs, "RunTask", effect, body);
  call.expected = {{.code = "ConflictException"}};
  YTB_ASSIGN(const JsonAnswer answer, run_json(caller_, call));
  if (answer.answer.fault) {
    return Error{.code = Code::kBusy,
                 .message = fmt::format("ECS RunTask: {}", printable(answer.answer.fault->message)),
                 .hint = "a task was started under this token with other parameters; it is looked for again",
                 .retry = Retry::kLater};
  }
  Problem problem;
  const std::vector<Json> tasks = json_list(answer.body, "tasks", problem);
  YTB_TRY(check(call, answer, problem));
  if (tasks.empty()) return not_started(call, answer.body.value("failures", Json()));
  Task task = read_task(tasks.front(), problem);
  YTB_TRY(check(call, answer, problem));
  return task;
}

Result<std::vector<Task>> Ecs::describe_tasks(const std::string& cluster,
                                              const std::vector<std::string>& arns) {
  YTB_CHECK(!arns.empty() && arns.size() <= kTasksPerCall);
  const Call call =
      json_call(Service::kEcs, "DescribeTasks", Effect::kReads, {{"cluster", cluster}, {"tasks", arns}});
  YTB_ASSIGN(const JsonAnswer answer, run_json(caller_, call));
  Problem problem;
  std::vector<Task> tasks;
  for (const Json& task : json_list(answer.body, "tasks", problem)) tasks.push_back(read_task(task, problem));
  // A task that is not there is no failure; anything else would make "not there" a guess.
  for (const Json& failure : answer.body.value("failures", Json::array())) {
    const std::string reason = failure.is_object() ? json_text_if(failure, "reason", problem) : "";
    if (reason != "MISSING") problem.note("failures says " + printable(reason));
  }
  YTB_TRY(check(call, answer, problem));
  return tasks;
}

Result<std::vector<std::string>> Ecs::list_tasks(const std::string& cluster, const std::string& started_by,
                                                 const std::string& status) {
  std::vector<std::string> arns;
  Json body{{"cluster", cluster}, {"startedBy", started_by}, {"desiredStatus", status}};
  for (int page = 0; page < kPagesMax; ++page) {
    const Call call = json_call(Service::kEcs, "ListTasks", Effect::kReads, body);
    YTB_ASSIGN(const JsonAnswer answer, run_json(caller_, call));
    Problem problem;
    for (const Json& arn : json_list(answer.body, "taskArns", problem)) {
      if (arn.is_string()) {
        arns.push_back(arn.get<std::string>());
      } else {
        problem.note("an element of taskArns is no string");
      }
    }
    const std::string next = json_text_if(answer.body, "nextToken", problem);
    YTB_TRY(check(call, answer, problem));
    if (next.empty()) return arns;
    body["nextToken"] = next;
  }
  return Error{.code = Code::kExternal,
               .message = fmt::format("ECS ListTasks: more than {} pages", kPagesMax),
               .hint = ""};
}

Result<std::optional<std::string>> Ecs::describe_cluster(const std::string& name) {
  const Call call = json_call(Service::kEcs, "DescribeClusters", Effect::kReads,
                              {{"clusters", std::vector<std::string>{name}}});
  YTB_ASSIGN(const JsonAnswer answer, run_json(caller_, call));
  Problem problem;
  std::optional<std::string> status;
  for (const Json& cluster : json_list(answer.body, "clusters", problem)) {
    if (cluster.is_object()) status = json_text(cluster, "status", problem);
  }
  YTB_TRY(check(call, answer, problem));
  return status;
}

Result<std::optional<TaskDefinition>> Ecs::describe_task_definition(const std::string& name) {
  Call call = json_call(Service::kEcs, "DescribeTaskDefinition", Effect::kReads, {{"taskDefinition", name}});
  call.expected = {{.code = "ClientException", .message_part = "nable to describe task definition"}};
  YTB_ASSIGN(const JsonAnswer answer, run_json(caller_, call));
  if (answer.answer.fault) return std::optional<TaskDefinition>();
  Problem problem;
  const Json body = answer.body.value("taskDefinition", Json::object());
  TaskDefinition definition{.arn = json_text(body, "taskDefinitionArn", problem), .containers = {}};
  for (const Json& container : json_list(body, "containerDefinitions", problem)) {
    if (container.is_object()) definition.containers.push_back(json_text(container, "name", problem));
  }
  for (const Json& kind : body.value("compatibilities", Json::array())) {
    if (kind == "FARGATE") definition.is_for_fargate = true;
  }
  const std::string memory = json_text_if(body, "memory", problem);
  const auto [end, error] =
      std::from_chars(memory.data(), memory.data() + memory.size(), definition.memory_mib);
  if (!memory.empty() && (error != std::errc() || end != memory.data() + memory.size()))
    problem.note("memory is no number");
  YTB_TRY(check(call, answer, problem));
  return std::optional<TaskDefinition>(std::move(definition));
}

Result<Task> Ecs::stop_task(const std::string& cluster, const std::string& arn, const std::string& reason) {
  const Call call = json_call(Service::kEcs, "StopTask", Effect::kRepeatable,
                              {{"cluster", cluster}, {"task", arn}, {"reason", reason}});
  YTB_ASSIGN(const JsonAnswer answer, run_json(caller_, call));
  Problem problem;
  Task task = read_task(answer.body.value("task", Json()), problem);
  YTB_TRY(check(call, answer, problem));
  return task;
}

}  // namespace ytb::aws
