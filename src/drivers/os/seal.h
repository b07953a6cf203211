// Private to subprocess: the root of a sealed program, planned before the clone and built after it. Between
// clone and exec only async-signal-safe calls are made: every string is prepared here.
#pragma once

#include <linux/filter.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/os/enclosure.h"
#include "drivers/os/users.h"

namespace ytb::os::internal {

struct SealBind {
  std::string source;
  std::string target;  // below the mount point
  bool is_folder = false;
  bool read_only = true;
};

struct SealFile {
  std::string path;  // below the mount point
  std::string text;
};

struct SealedRoot {
  unsigned long clone_flags = 0;
  std::string uid_map;  // "" : no user namespace
  std::string gid_map;
  std::string mount_point;
  std::vector<std::string> private_folders;  // /tmp and /dev/shm, below the mount point
  std::vector<SealBind> binds;
  std::vector<SealFile> files;
  std::string host_name = "copy";
  std::vector<sock_filter> filter;  // of system calls
};

// `names`: the users that have a name inside. Makes the mount point, an empty folder.
Result<SealedRoot> plan_seal(const Enclosure& enclosure, const std::vector<User>& names);

// In the new namespaces: makes the root and enters it. Reports what fails and ends.
void enter_sealed_root(const SealedRoot& root, int report_fd);
// After the user was switched: no capabilities, none to be had. Likewise.
void drop_bounding_set(int report_fd);
void give_up_privileges(int report_fd);

}  // namespace ytb::os::internal
