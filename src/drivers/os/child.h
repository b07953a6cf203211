// Private to subprocess: everything a child needs, prepared before fork. Between fork and exec only
// async-signal-safe calls are made, as other threads may hold any lock at that moment.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/subprocess.h"
#include "drivers/os/users.h"

namespace ytb::os::internal {

struct Child {
  std::string program;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::vector<char*> argument_pointers;
  std::vector<char*> environment_pointers;
  std::optional<User> user;  // to switch to
  std::vector<gid_t> groups;
  std::string cwd;
  mode_t umask = 0077;
  int fds[3] = {-1, -1, -1};
  bool new_session = false;
  int death_signal = 0;  // when the parent's thread dies; 0: none
  pid_t parent = 0;
};

Result<Child> prepare(const Command& command);
// In the child, after fork. Never returns; on failure writes {step, errno} to `report_fd`.
[[noreturn]] void become(const Child& child, int report_fd);
// Reads what become() reported; ok when exec succeeded (the pipe closed).
Status read_report(int report_fd, const Command& command);

}  // namespace ytb::os::internal
