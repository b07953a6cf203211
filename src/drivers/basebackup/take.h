// Taking base backups with pg_basebackup, and deleting old ones that were taken so. Private to this room.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/stop.h"
#include "drivers/basebackup/source.h"
#include "model/ids.h"
#include "ports/progress.h"

namespace ytb::basebackup {

// Into a hidden folder first; its final name is given when it is whole. Returns the final folder.
Result<std::string> take_backup(const SourceOptions& options, const Clock& clock, ports::Progress& progress,
                                const StopFlag& stop);
Result<std::vector<model::SnapshotId>> prune_taken(const SourceOptions& options, const Clock& clock);

struct TakeProgress {
  uint64_t done_bytes = 0;
  uint64_t total_bytes = 0;
};
// "  42/23201 kB (0%), 0/2 tablespaces"
std::optional<TakeProgress> parse_take_progress(std::string_view line);

}  // namespace ytb::basebackup
