// Keeper: keeps one production as its config says, one turn after the other. A turn takes the production's
// lock, looks, acts until there is nothing to do but wait, and lets the lock go, so that a person's
// `rollback` gets in between.
//
// It waits for nothing itself: turn() returns when the next one is due. Not thread-safe; one thread each.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/stop.h"
#include "config/config.h"
#include "decide/decide.h"
#include "ports/notifier.h"

namespace ytb::serve {

// One line of the log; the sink adds time and production. Thread-safe.
using Log = std::function<void(const model::ProductionName&, std::string_view line)>;

// What a turn works on, made anew for each. Holds the production's lock for as long as it lives.
class Workplace {
 public:
  virtual ~Workplace() = default;
  // Starts opened copies that are down, as after a reboot. Needs neither policy nor keys.
  virtual Status start_copies() = 0;
  // One turn of the refresh loop, only if due. Reads policy, lock, keys and passwords itself.
  virtual Result<decide::Decision> tick() = 0;
  // Of the live copy; none: nothing is live.
  virtual Result<std::optional<Instant>> live_data_as_of() = 0;
  virtual Status tell(const ports::Notice& notice) = 0;
};
// kBusy: someone else holds the lock.
using OpenWorkplace =
    std::function<Result<std::unique_ptr<Workplace>>(const config::Config&, const config::ProductionConfig&)>;

class Keeper {
 public:
  // The longest a keeper goes without looking: snapshots appear without telling anybody.
  static constexpr Duration kLookEvery = std::chrono::minutes(5);
  static constexpr Duration kAfterError = std::chrono::minutes(1);
  static constexpr Duration kAfterBusy = std::chrono::seconds(15);
  static constexpr int kTicksMax = 1000;  // of one turn

  Keeper(model::ProductionName production, OpenWorkplace open, Clock& clock, const StopFlag& stop, Log log);

  // Never throws, never fails: what goes wrong is logged and, where people must know, told. Returns when to
  // take the next turn.
  Instant turn(const config::Config& config, const config::ProductionConfig& production);

 private:
  Instant act(Workplace& workplace, const config::ProductionConfig& production);
  void check_age(Workplace& workplace, const config::ProductionConfig& production);
  // Logged and told once, until something else is the matter.
  void report(Workplace* workplace, const Error& error);
  void log(std::string_view line);
  void log_once(std::string_view line);
  void tell(Workplace& workplace, std::string_view event, std::string_view message, std::string_view hint);

  model::ProductionName production_;
  OpenWorkplace open_;
  Clock& clock_;
  const StopFlag& stop_;
  Log log_;
  bool started_ = false;     // the copies were started once
  bool stale_told_ = false;  // this time of being stale was complained about
  std::string last_line_;
  std::string last_error_;
};

}  // namespace ytb::serve
