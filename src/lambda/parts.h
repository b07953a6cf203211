// Parts: what an invocation needs of the world, given by the wiring (or a test). All outlive the handler.
//
// Several productions are looked after at the same time: everything here is thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/stop.h"
#include "lambda/due_marks.h"
#include "lambda/original_config.h"
#include "lambda/turns.h"
#include "ports/worker.h"
#include "refresh/drivers.h"
#include "refresh/refresher.h"

namespace ytb::lambda {

struct Parts {
  // The function's own config: our YAML, or the original's config.json; none: every event brings its own.
  // Read anew for each invocation.
  std::function<Result<std::optional<Setup>>()> own_setup;
  // Of the `config` that an event brought.
  std::function<Result<Setup>(const OriginalConfig&)> setup_of;
  // Drivers that wait for nothing that AWS does (ports/patience.h), and whose other work ends with `stop`,
  // which outlives them.
  std::function<refresh::DriverFactory(const StopFlag& stop)> drivers;
  // Policy, lock, keys and passwords, from wherever the config says they are. Not asked where no policy is
  // configured.
  std::function<Result<refresh::Inputs>(const Setup&, const config::ProductionConfig&)> load_inputs;
  // `inputs_digest`: "" without a policy.
  std::function<Result<refresh::Settings>(const Setup&, const config::ProductionConfig&,
                                          std::string inputs_digest)>
      make_settings;
  // Null where none is configured.
  std::function<Result<std::unique_ptr<ports::Worker>>(const config::ProductionConfig&, const StopFlag& stop)>
      make_worker;
  DueMarks& marks;
  Turns& turns;
  // Where a policy proposed from this copy lies; "": nowhere yet.
  std::function<Result<std::string>(const config::ProductionConfig&, const model::CopyId&)> find_proposal;
  // Keeps a proposed policy (YAML) and says where; kept again, it takes the place of what was there.
  std::function<Result<std::string>(const config::ProductionConfig&, const model::CopyId&,
                                    std::string_view yaml)>
      keep_proposal;
  // The original's `stack_args` of a restore, as JSON; may be empty: the answer then has what is known here.
  std::function<Result<std::string>(const config::Config&, const config::ProductionConfig&,
                                    const model::Action&)>
      stack_args;
  // A tick that finds nothing to do may go by secrets that were read lately; all else begins with this. May
  // be empty.
  std::function<void()> read_anew;
  std::function<uint64_t()> spool_free_bytes;  // of /tmp
  Clock& clock;
  std::function<void(std::string_view)> log;
};

// Which config, and which production of it.
struct Target {
  Setup setup;
  const config::ProductionConfig* production = nullptr;  // in setup.config
  std::string config_text;                               // of the event or mark that brought its own config
};

// Whether a copy may ever be opened: without a policy (and without a reason to need none) it stays closed.
inline bool has_policy(const config::ProductionConfig& production) {
  return !production.masking.none_reason.empty() || !production.masking.policy_file.empty();
}

}  // namespace ytb::lambda
