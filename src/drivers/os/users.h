// Users of this host: by whom files are owned and as whom servers run.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace ytb::os {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;
};

// "" is ourselves (the effective user), also where it has no entry in the user database.
// Error{kConfig} where there is no such user.
Result<User> find_user(const std::string& name);
// Supplementary groups of a user, its primary group included; at most 1024.
Result<std::vector<gid_t>> groups_of(const User& user);
bool running_as_root();
// Whether we already are that user, so that nothing need be switched or changed.
bool is_ourselves(const User& user);

}  // namespace ytb::os
