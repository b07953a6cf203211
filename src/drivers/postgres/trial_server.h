// TrialServer: a sealed server without a row, for a moment, to run production's code in (schema_trial.h).
//
// Its guest is a role with no power and no membership. The guest owns the database that production's code is
// made in and is the only one who ever connects to it, also to make extensions and to load that code: not
// even what is computed while it is loaded runs with our rights.
//
// Nothing there is worth a shutdown: it ends by SIGKILL, with all that it started and all of its files. It
// ends by itself when its time is over, when it takes too much room, soon after a stop that nobody heard, and
// with us, however we end.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "base/stop.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/instance.h"

namespace ytb::postgres {

class TrialServer {
 public:
  // What a killed run left in spec.root goes first.
  static Result<std::unique_ptr<TrialServer>> begin(const ports::InstanceSpec& spec, const StopFlag& stop);
  TrialServer(const TrialServer&) = delete;
  TrialServer& operator=(const TrialServer&) = delete;
  ~TrialServer();

  // Ends the server in folder `spec.root`, if one runs there, and removes all of its files.
  static Status clear_away(const ports::InstanceSpec& spec);

  // Our own session, in template1: never in a database that something of production's has come to.
  Result<Connection> ours();
  // A new session of the guest's.
  Result<Connection> guest(const std::string& database);
  // For programs of the guest's, but for the database.
  [[nodiscard]] const ports::SessionTarget& guest_target() const { return guest_; }
  [[nodiscard]] const std::string& guest_name() const { return guest_name_; }
  [[nodiscard]] const ports::InstanceSpec& spec() const { return spec_; }

  // Code can catch every cancellation, but not the end of its server: that is what it gets `time` from now,
  // unless its time has been given anew by then. None: what is left of the server's life.
  void give(std::optional<std::chrono::steady_clock::duration> time);
  // After a lost connection: until ended() says why, but not for long.
  void await_end() const;
  // Why it was ended before we were done with it; "": it was not.
  [[nodiscard]] std::string ended() const;

 private:
  using Instant = std::chrono::steady_clock::time_point;

  TrialServer(ports::InstanceSpec spec, const StopFlag& stop);
  Status start();
  void watch(const std::stop_token& over);
  void end(std::string why);

  PostgresInstance kind_;
  ports::InstanceSpec spec_;
  std::string guest_name_;
  ports::SessionTarget ours_;
  ports::SessionTarget guest_;
  const StopFlag& stop_;
  StopFlag end_;
  mutable std::mutex mutex_;
  std::optional<Instant> until_;
  std::string ended_;
  Status ran_;
  bool runs_ = false;
  std::jthread server_;
  std::jthread watch_;  // last: it looks at all of these
};

}  // namespace ytb::postgres
