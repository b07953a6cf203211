// SnapshotCopies: copies of snapshots that RDS does not restore as they are (shared and encrypted), under a
// key of our own; found by name, known by the mark in their tags, and deleted once the restore is over.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/aws/rds.h"
#include "drivers/rds/stack_tags.h"
#include "drivers/rds/stack_wait.h"
#include "model/snapshot.h"
#include "ports/progress.h"

namespace ytb::rds {

class SnapshotCopies {
 public:
  // `rds` outlives it. `kms_key` "": nothing is copied.
  // `of_clusters`: a cluster's snapshots, of Aurora (`aurora`) or of a Multi-AZ DB cluster.
  SnapshotCopies(aws::Rds& rds, bool of_clusters, bool aurora, std::string kms_key)
      : rds_(rds), of_clusters_(of_clusters), aurora_(aurora), kms_key_(std::move(kms_key)) {}

  // The snapshot as RDS shows it now; kCorrupt where it cannot be restored from any more.
  Result<aws::DbSnapshot> find(const model::Snapshot& snapshot);
  // What to restore from: the snapshot itself, or its copy of this name, made and waited for: `longest` from
  // when it was begun, however many calls that takes.
  Result<std::string> usable(const aws::DbSnapshot& snapshot, const std::string& copy_name, const Mark& mark,
                             const StackWait& wait, Duration longest, Clock& clock,
                             ports::Progress& progress);
  // Deletes the copy of this name, where there is one and it is this copy's. Where nothing is copied: no
  // call.
  Status remove(const std::string& copy_name, const Mark& mark);
  // All that were copied for this production; none where nothing is copied: no call.
  Result<std::vector<aws::DbSnapshot>> marked(const model::ProductionName& production);
  // Deletes one of those, unless RDS is still at work on it: false.
  Result<bool> erase_if_possible(const aws::DbSnapshot& snapshot);
  // Marked copies of snapshots of the same source that are not for `current`: `is_wanted` says of which copy
  // they are still needed; the others are deleted.
  Status sweep(const std::string& source_id, const Mark& current,
               const std::function<Result<bool>(const model::CopyId&)>& is_wanted);

 private:
  Result<std::optional<aws::DbSnapshot>> named(const std::string& id);
  Status describe(const aws::SnapshotQuery& query, const aws::Rds::Each<aws::DbSnapshot>& each);
  Status erase(const std::string& id);

  aws::Rds& rds_;
  bool of_clusters_;
  bool aurora_;
  std::string kms_key_;
};

}  // namespace ytb::rds
