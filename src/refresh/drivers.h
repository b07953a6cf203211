// Drivers: the ports of one production, owned. The wiring makes them; `cli` and `serve` only know this.
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "config/config.h"
#include "ports/schema_trial.h"
#include "ports/snapshot_source.h"
#include "refresh/refresher.h"

namespace ytb::refresh {

struct Drivers {
  std::shared_ptr<void> kept;  // what the others refer to; declared first, so that it goes last
  std::unique_ptr<ports::SnapshotSource> source;
  std::unique_ptr<ports::CopyHost> host;
  std::unique_ptr<ports::Engine> engine;
  std::unique_ptr<ports::AliasStore> alias;
  std::unique_ptr<ports::Notifier> notifier;
  std::unique_ptr<ports::Journal> journal;
  std::unique_ptr<ports::SchemaTrial> trial;  // none where no server of ours can be had beside the copies'

  // Valid as long as this object and `clock`.
  [[nodiscard]] Ports ports(Clock& clock) const {
    return {.source = *source,
            .host = *host,
            .engine = *engine,
            .alias = *alias,
            .notifier = *notifier,
            .journal = *journal,
            .clock = clock,
            .trial = trial.get()};
  }
};

// Thread-safe: serve makes the drivers of several productions at the same time.
using DriverFactory = std::function<Result<Drivers>(const config::Config&, const config::ProductionConfig&)>;

}  // namespace ytb::refresh
