// Server: what `serve` runs in the foreground: a Keeper in a thread of its own for each production, a look
// after the gates of `listen:` (which outlive it), a graceful stop, and a config that can be read again.
//
// A broken new config changes nothing: the old one stays in force and the log says why.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/stop.h"
#include "config/config.h"
#include "ports/gatekeeper.h"
#include "serve/keeper.h"

namespace ytb::serve {

// Of a production; null where it can have no gate.
using MakeGatekeeper =
    std::function<std::unique_ptr<ports::Gatekeeper>(const config::Config&, const config::ProductionConfig&)>;

struct ServerParts {
  std::function<Result<config::Config>()> load_config;
  OpenWorkplace open_workplace;
  MakeGatekeeper make_gatekeeper;
  // Thread-safe: now() and sleep() are called from every keeper's thread.
  Clock& clock;
  const StopFlag& stop;
  std::atomic<bool>& reload;  // set by SIGHUP; taken back here
  Log log;                    // thread-safe
};

class Server {
 public:
  static constexpr Duration kPollEvery = std::chrono::milliseconds(200);

  explicit Server(ServerParts parts);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Until a stop is requested, which is success. Error: the first config cannot be read.
  Status run();

 private:
  struct Worker {
    std::thread thread;
    std::atomic<bool> ended = false;
  };
  [[nodiscard]] std::shared_ptr<const config::Config> current() const;
  void adopt(config::Config config);
  void read_again();
  void start_workers();
  void keep_gates();
  // Of a production that has none any more; nothing where there was none.
  void end_gate(const model::ProductionName& name);
  // `trouble`: what was said last.
  void look_at_gate(const model::ProductionName& name, ports::Gatekeeper& gatekeeper,
                    std::string& trouble) const;
  void keep(const model::ProductionName& name, Worker& worker);

  ServerParts parts_;
  mutable std::mutex mutex_;  // guards config_ only
  std::shared_ptr<const config::Config> config_;
  std::map<model::ProductionName, Worker> workers_;
  std::map<model::ProductionName, std::unique_ptr<ports::Gatekeeper>> gatekeepers_;  // by the last look
  std::map<model::ProductionName, std::string> gate_troubles_;                       // what was said last
  Instant gate_again_;
};

}  // namespace ytb::serve
