// BasebackupSource: directories of pg_basebackup results (plain, tar, compressed tar) as snapshots.
//
// Each configured directory is a backup itself or holds backups as sub-folders; names that begin with a dot
// are ignored. Only take() and prune() ever write there, and prune() deletes nothing but what take() made for
// this production, as a mark beside each backup says. Thread-safe but for take() and prune(), which lock each
// other out.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "drivers/os/secrets.h"
#include "model/access.h"
#include "ports/snapshot_files.h"
#include "ports/snapshot_source.h"

namespace ytb::basebackup {

struct SourceOptions {
  model::ProductionName production;
  std::vector<std::string> directories;  // absolute; take() writes to the first
  bool allow_unverified = false;
  std::string connection;  // of production, without a password; "": take() is kUnsupported
  model::SecretRef password;
  std::function<Result<Secret>(const model::SecretRef&)> resolve_secret = os::resolve_secret;
  int keep = 7;                   // what prune() leaves
  std::string compress = "none";  // none, gzip, zstd, lz4: tar unless none
  std::string bin_dir;            // of pg_basebackup; "": the newest that is installed
};

class BasebackupSource final : public ports::SnapshotSource, public ports::SnapshotFiles {
 public:
  BasebackupSource(SourceOptions options, const Clock& clock);

  Result<std::vector<model::Snapshot>> list() override;
  Status verify(const model::Snapshot& snapshot, ports::Progress& progress, const StopFlag& stop) override;
  // Plain ones; what is in an archive is not looked for.
  Result<std::optional<ports::SnapshotPoint>> point_of(const model::Snapshot& snapshot) override;
  Result<model::Snapshot> take(ports::Progress& progress, const StopFlag& stop) override;
  Result<std::vector<model::SnapshotId>> prune() override;

  Result<ports::FilesEstimate> estimate(const model::Snapshot& snapshot,
                                        const std::string& destination) override;
  // Every checksum of the manifest is compared while the files arrive; kCorrupt names the file.
  Status materialise(const model::Snapshot& snapshot, const std::string& root, const std::string& owner,
                     ports::Progress& progress, const StopFlag& stop) override;

 private:
  model::Snapshot look_at(const std::string& folder, int format);
  SourceOptions options_;
  const Clock& clock_;
};

}  // namespace ytb::basebackup
