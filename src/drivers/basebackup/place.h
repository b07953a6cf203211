// Where a backup's files go, and whether all of them arrived as the manifest says. Private to this room.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/result.h"
#include "base/stop.h"
#include "drivers/basebackup/backup.h"
#include "drivers/basebackup/manifest.h"
#include "drivers/os/users.h"
#include "ports/progress.h"

namespace ytb::basebackup {

class Place {
 public:
  static Result<Place> at(const std::string& root, const std::string& owner);

  // Makes data and tablespaces; refuses (kRefused) where there is something in them.
  Status prepare();
  // Makes the folder of a tablespace and the link to it in data/pg_tblspc, relative: the copy may be moved.
  Result<std::string> tablespace(const std::string& oid);
  // The folders a server wants to find.
  Status finish();

  [[nodiscard]] std::string data() const { return root_ + "/data"; }
  [[nodiscard]] const std::optional<os::User>& owner() const { return owner_; }

 private:
  std::string root_;
  std::optional<os::User> owner_;
};

// Compares what arrives with the manifest. Thread-safe.
class Verifier {
 public:
  // `manifest`: none checks nothing. Must outlive this.
  explicit Verifier(const std::optional<Manifest>& manifest) : manifest_(manifest ? &*manifest : nullptr) {}

  // What the manifest says of a file, as soon as it has arrived; null where it does not list it.
  const ManifestFile* arrived(const std::string& path);
  // Size and checksum of a file that has arrived.
  Status check_file(const std::string& path, int fd);
  // Everything that the manifest lists and we want has arrived.
  Status check_all_seen() const;

 private:
  const Manifest* manifest_;
  std::mutex mutex_;
  std::unordered_set<const ManifestFile*> seen_;  // guarded
};

// Placer: what putting a backup in place has in common, whatever its format: where it comes from and goes to,
// the check against its manifest, and how far it is. One call at a time.
class Placer {
 public:
  Placer(const Backup& backup, Place place, ports::Progress& progress, const StopFlag& stop)
      : backup_(backup),
        place_(std::move(place)),
        verifier_(backup.manifest),
        progress_(progress),
        stop_(stop) {}

 protected:
  // Of the data directory's paths: what is not taken. Links to tablespaces are ours alone: the backup's point
  // at production's.
  static bool is_left_out_of_data(std::string_view path, bool folder);
  // Calls `put` with each tablespace, the folder that was made for it and what the manifest puts before its
  // paths.
  Status each_tablespace(
      const std::function<Status(const Tablespace&, const std::string& to, const std::string& prefix)>& put);
  // Several versions may share one location: only ours is wanted, and of it what layout.h knows.
  [[nodiscard]] bool is_left_out_of_tablespace(std::string_view path, bool folder) const;
  void tell(std::string_view stage, uint64_t done_bytes);

  const Backup& backup_;
  Place place_;
  Verifier verifier_;
  ports::Progress& progress_;
  const StopFlag& stop_;
  uint64_t done_bytes_ = 0;
};

Error wrong_size(std::string_view path, uint64_t is_bytes, uint64_t listed_bytes);
Error wrong_checksum(std::string_view path);

}  // namespace ytb::basebackup
