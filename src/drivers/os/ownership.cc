#include "drivers/os/ownership.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"
#include "drivers/os/users.h"

namespace ytb::os {
namespace {

Error open_to_others(const std::string& path, std::string why, std::string hint) {
  return Error{.code = Code::kRefused,
               .message = fmt::format("{} {}: other users of this host could change what is in it",
                                      printable(path), why),
               .hint = std::move(hint)};
}

// `above`: a folder on the way, in which a sticky bit keeps others from renaming what is not theirs.
Status check_entry(const std::string& path, bool above, uid_t also) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return system_error("look at", path, errno);
  if (found.st_uid != 0 && found.st_uid != ::geteuid() && found.st_uid != also) {
    return open_to_others(path, fmt::format("belongs to uid {}", found.st_uid),
                          fmt::format("chown {} {}", ::geteuid(), printable(path)));
  }
  if (above && (found.st_mode & S_ISVTX) != 0) return {};
  // A user's own group, as many systems give to each, is that user.
  const bool group = (found.st_mode & S_IWGRP) != 0 && found.st_gid != 0 && found.st_gid != ::getegid();
  if (group || (found.st_mode & S_IWOTH) != 0) {
    return open_to_others(path, fmt::format("has mode {:04o}", found.st_mode & 07777),
                          fmt::format("chmod go-w {}", printable(path)));
  }
  return {};
}

}  // namespace

Status check_only_ours(const std::string& path, const std::string& run_as) {
  uid_t also = 0;
  if (!run_as.empty()) {
    YTB_ASSIGN(const User user, find_user(run_as));
    also = user.uid;
  }
  std::string place = path;
  while (!exists(place) && place.size() > 1) place = parent_of(place);
  YTB_ASSIGN(place, real_path(place));
  YTB_TRY(check_entry(place, place != path && !exists(path), also));
  while (place.size() > 1) {  // bounded by the path's length
    place = parent_of(place);
    YTB_TRY(check_entry(place, true, also));
  }
  return {};
}

}  // namespace ytb::os
