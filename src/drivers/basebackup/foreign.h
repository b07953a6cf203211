// What other tools leave in a folder of snapshots: named, so that nobody waits for it. Private to this
// driver.
#pragma once

#include <optional>
#include <string>

namespace ytb::basebackup {

// Why `folder`, which is not a base backup that can be read, will never become one, and what to do; nullopt
// where nothing in it is known.
std::optional<std::string> why_not_ours(const std::string& folder);

}  // namespace ytb::basebackup
