#include "drivers/fargate/fargate_worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"
#include "config/digest.h"

namespace ytb::fargate {
namespace {

constexpr size_t kStartedByMax = 36;
constexpr size_t kClientTokenMax = 64;
constexpr size_t kDescribedMax = 100;  // DescribeTasks takes no more
constexpr int kForgottenMax = 10;      // stopped tasks that ECS lists no more but whose tokens still hold
constexpr std::string_view kPrefix = "ytb-";

std::string short_name(const std::string& arn) { return arn.substr(arn.rfind('/') + 1); }

bool is_stopped(const aws::Task& task) {
  return task.last_status == "STOPPED" || task.last_status == "DELETED" || task.desired_status == "STOPPED";
}

ports::WorkerState state_of(const aws::Task& task) {
  ports::WorkerState state{
      .id = task.arn,
      .phase = ports::WorkerState::Phase::kStarting,
      .detail = fmt::format("task {} is {}", short_name(task.arn), printable(task.last_status))};
  if (task.last_status == "RUNNING") state.phase = ports::WorkerState::Phase::kRunning;
  if (!is_stopped(task)) return state;
  state.phase = ports::WorkerState::Phase::kStopped;
  if (!task.stopped_reason.empty()) state.detail += fmt::format(": {}", printable(task.stopped_reason));
  for (const aws::Task::Container& container : task.containers) {
    if (container.exit_code) state.detail += fmt::format(" (exit status {})", *container.exit_code);
    if (!container.reason.empty()) state.detail += fmt::format(" ({})", printable(container.reason));
  }
  return state;
}

}  // namespace

std::string started_by(const model::CopyId& copy) {
  return fmt::format("{}{}", kPrefix,
                     config::digest_of(copy.str()).substr(0, kStartedByMax - kPrefix.size()));
}

std::string client_token(const model::CopyId& copy, const std::string& after) {
  std::string digest = config::digest_of(fmt::format("{}\n{}", copy, after));
  return fmt::format("{}{}", kPrefix, digest.substr(0, kClientTokenMax - kPrefix.size()));
}

Result<std::optional<ports::WorkerState>> FargateWorker::find(const model::CopyId& copy) {
  // Running ones first: which task stopped last matters only where none runs.
  for (const char* status : {"RUNNING", "STOPPED"}) {
    YTB_ASSIGN(std::vector<std::string> arns, ecs_.list_tasks(config_.cluster, started_by(copy), status));
    if (arns.empty()) continue;
    if (arns.size() > kDescribedMax) arns.resize(kDescribedMax);
    YTB_ASSIGN(std::vector<aws::Task> tasks, ecs_.describe_tasks(config_.cluster, arns));
    std::erase_if(tasks, [&](const aws::Task& task) { return task.started_by != started_by(copy); });
    auto newest = std::max_element(tasks.begin(), tasks.end(), [](const aws::Task& a, const aws::Task& b) {
      return std::pair(!is_stopped(a), a.created_at) < std::pair(!is_stopped(b), b.created_at);
    });
    if (newest != tasks.end()) return std::optional(state_of(*newest));
  }
  return std::optional<ports::WorkerState>();
}

Result<ports::WorkerState> FargateWorker::start(const ports::WorkerRequest& request,
                                                const std::string& after) {
  aws::RunTask run{
      .cluster = config_.cluster,
      .task_definition = config_.task_definition,
      .started_by = started_by(request.copy),
      .subnets = config_.subnets,
      .security_groups = config_.security_groups,
      .assign_public_ip = config_.public_ip,
      .container = config_.container,
      .command = {"work", "--copy", request.copy.str(), "--production", request.production.str()},
      .environment = request.environment,
      .tags = {{"yesterdaytabase:copy", request.copy.str()},
               {"yesterdaytabase:production", request.production.str()}}};
  std::string before = after;
  for (int forgotten = 0; forgotten < kForgottenMax; ++forgotten) {
    run.client_token = client_token(request.copy, before);
    Result<aws::Task> task = ecs_.run_task(run);
    if (!task.ok()) {
      return std::move(task).error().while_doing(fmt::format("starting the worker of {}", request.copy));
    }
    if (!is_stopped(*task)) return state_of(*task);
    before = task->arn;
  }
  return Error{
      .code = Code::kExternal,
      .message = fmt::format("the worker of {} was started {} times within a day and stopped each time",
                             request.copy, kForgottenMax),
      .hint = "see why in the log group of its task definition",
      .retry = Retry::kLater};
}

}  // namespace ytb::fargate
