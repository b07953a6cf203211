// What /proc shows of a process of another user: its links and descriptors. Root without CAP_SYS_PTRACE, as
// in a container of Docker's defaults, may not look there; whoever the process belongs to may, and to look as
// that user is allowed to root. Thread-safe: only the calling thread is that user, and only while it looks.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace ytb::os {

// What /proc/PID/`name` leads to: "cwd", "ns/pid", "fd/3".
Result<std::string> process_link(pid_t pid, const std::string& name);
// What its open descriptors lead to; those that cannot be read are left out.
Result<std::vector<std::string>> process_descriptors(pid_t pid);

// The command lines of a process's children, arguments apart by spaces; those that have just ended are left
// out. None: it has ended itself.
std::optional<std::vector<std::string>> commands_of_children(pid_t pid);

}  // namespace ytb::os
