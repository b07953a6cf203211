// FargateWorker: a Fargate task of our own image as the Worker of a copy.
//
// A copy's tasks are found by `startedBy`, which derives from the copy's name, and each is started under a
// client token, which derives from the copy and the task before it: ECS shows a task late, and two
// invocations that both see none start one. ECS knows a stopped task for about an hour and a token for 24
// hours; a token that brings back a task that has stopped meanwhile is followed by that task's own. Only
// tasks whose `startedBy` is the copy's are looked at. Thread-safe as its Ecs is.
#pragma once

#include <string>

#include "config/config.h"
#include "drivers/aws/ecs.h"
#include "ports/worker.h"

namespace ytb::fargate {

class FargateWorker final : public ports::Worker {
 public:
  // `ecs` outlives it.
  FargateWorker(aws::Ecs& ecs, config::FargateConfig config) : ecs_(ecs), config_(std::move(config)) {}

  Result<std::optional<ports::WorkerState>> find(const model::CopyId& copy) override;
  Result<ports::WorkerState> start(const ports::WorkerRequest& request, const std::string& after) override;

 private:
  aws::Ecs& ecs_;
  config::FargateConfig config_;
};

// At most 36 characters of [a-z0-9-], the same for the same copy.
std::string started_by(const model::CopyId& copy);
// At most 64 characters.
std::string client_token(const model::CopyId& copy, const std::string& after);

}  // namespace ytb::fargate
