// Where a backup's files go, and whether all of them arrived as the manifest says. Private to this room.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>

#include "base/result.h"
#include "drivers/basebackup/manifest.h"
#include "drivers/os/users.h"

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

Error wrong_size(std::string_view path, uint64_t is_bytes, uint64_t listed_bytes);
Error wrong_checksum(std::string_view path);

}  // namespace ytb::basebackup
