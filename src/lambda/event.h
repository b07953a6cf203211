// Event: what a Lambda function is invoked with, read strictly. Pure.
//
// The forms, each as a JSON object or as a JSON string that holds one:
//   the original's    {"config": {"domain", "db": {"name", "security_group", "subnet_group"}}, "action": …}
//   ours              {"action": …, "production": …, "copy": …, "force": …}
//   EventBridge's     {"source": "aws.events" or "aws.scheduler", "detail-type": "Scheduled Event", …}
// What an event means without an action is what the original's meant: create or update, whichever it takes.
// An unknown action or key is an error that names it: an event that was meant to do something never does
// nothing in silence.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "model/ids.h"

namespace ytb::lambda {

constexpr size_t kEventBytesMax = 256 << 10;

enum class EventAction {
  kDue,     // no action was named: create or update
  kCreate,  // as kDue; there is one loop, and it knows whether there is a copy
  kUpdate,  // as kDue
  kDelete,  // one copy, or without its name everything of the production: what the original's did
  kStatus,
  kPlan,
  kRollback,  // to the named copy, or to the previous one
  kTick,      // the heartbeat: carry on what is under way, begin what the config's own schedule asks for
};
std::string_view name_of(EventAction action);  // "create"; kDue: "due"

// The original's configuration. All four are there and well-formed.
struct OriginalConfig {
  std::string domain;  // without a trailing dot
  std::string db_name;
  std::string security_group;
  std::string subnet_group;
};
// Of a config.json or of an event's `config`.
Result<OriginalConfig> parse_original_config(std::string_view text);

struct Event {
  EventAction action = EventAction::kDue;
  std::optional<OriginalConfig> config;
  std::string config_text;           // `config` as compact JSON, to be marked and handed on; "" without one
  model::ProductionName production;  // "": the only one, or with a tick all
  model::CopyId copy;
  bool force = false;           // also when the newest snapshot is already live
  std::optional<Instant> time;  // when EventBridge's schedule fired
};

// kUsage names what is wrong.
Result<Event> parse_event(std::string_view text);

}  // namespace ytb::lambda
