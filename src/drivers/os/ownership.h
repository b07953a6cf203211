// Whether other users of this host could change what decides over a refresh.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace ytb::os {

// kRefused where another user of this host could change `path` or put something else in its place: by its
// mode or owner, or by those of a folder on the way to it, also of one that holds a link. Root, ourselves and
// `run_as` ("" : nobody more) may, and so may a group that nobody else is in. What does not exist is judged
// by its nearest existing folder. Access control lists are not looked at. Thread-safe.
Status check_only_ours(const std::string& path, const std::string& run_as);

// "postgres", or "uid 1234" of nobody that is known here.
std::string name_of_user(uid_t uid);

// The first folder on the way to `path`, `path` included, that other users of this host may not pass; "":
// they can get there, as far as it exists.
Result<std::string> closed_to_others(const std::string& path);

}  // namespace ytb::os
