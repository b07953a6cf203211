// Desired: what the config and, for this run, the person ask for. Input of decide().
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "base/time.h"
#include "decide/schedule.h"
#include "model/ids.h"
#include "model/isolation.h"
#include "model/owned.h"

namespace ytb::decide {

struct Desired {
  model::ProductionName production;
  std::optional<Schedule> schedule;  // none: only when asked
  int spare_copies = 0;
  Duration drain = std::chrono::minutes(5);        // at least the old TTL
  std::string inputs;                              // digest of policy, lock, key id and access in force now
  std::optional<model::Isolation> isolation = {};  // of copies' servers; none: their host is not ours
  // Why no copy could be masked, whatever production holds: then none is begun. A person mends it.
  std::optional<Error> cannot_mask = {};
  model::Protected protected_names;

  // What the person of this run asks for, beyond the schedule.
  bool refresh_now = false;  // due whatever the schedule says; also tries again what waits for a person
  bool end_drains = false;   // a previous copy goes with its last client, although one could roll back to it
  bool force = false;        // refresh_now, and even when the newest snapshot is already live
  // The instant this run was asked for: a copy begun at or after it satisfies `force`.
  Instant asked_at;
  std::optional<model::CopyId> rollback_to;
  std::optional<model::CopyId> delete_copy;
};

}  // namespace ytb::decide
