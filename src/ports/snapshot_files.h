// SnapshotFiles: puts a snapshot's files where a local copy wants them, without ever touching the snapshot.
#pragma once

#include <string>

#include "base/result.h"
#include "base/stop.h"
#include "model/snapshot.h"
#include "ports/progress.h"

namespace ytb::ports {

struct FilesEstimate {
  uint64_t bytes = 0;          // of files once in place
  bool shares_blocks = false;  // they will be reflinks
  std::string how;
};

class SnapshotFiles {
 public:
  virtual ~SnapshotFiles() = default;
  virtual Result<FilesEstimate> estimate(const model::Snapshot& snapshot, const std::string& destination) = 0;
  // Fills `<root>/data` and `<root>/tablespaces/<oid>` (both absent or empty before). On return every
  // symbolic link in them points inside `<root>` (pg_wal is a directory, pg_tblspc/<oid> →
  // ../../tablespaces/<oid>), no tablespace_map is left that leads elsewhere, and files belong to `owner` (""
  // : to us), mode 0600/0700.
  virtual Status materialise(const model::Snapshot& snapshot, const std::string& root,
                             const std::string& owner, Progress& progress, const StopFlag& stop) = 0;
};

}  // namespace ytb::ports
