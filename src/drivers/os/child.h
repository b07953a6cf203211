// Private to subprocess: everything a child needs, prepared before fork. Between fork and exec only
// async-signal-safe calls are made, as other threads may hold any lock at that moment.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/occupant.h"
#include "drivers/os/seal.h"
#include "drivers/os/subprocess.h"
#include "drivers/os/users.h"
#include "drivers/os/weak_wall.h"

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
  uint64_t memory_max = 0;
  int fds[3] = {-1, -1, -1};
  bool new_session = false;
  int death_signal = 0;  // when the parent's thread dies; 0: none
  pid_t parent = 0;
  // Of a program that waits before exec until it is admitted (Admission).
  int go_fd = -1;
  int lock_fd = -1;            // stays open in the program and in what it starts
  std::vector<int> inherited;  // at most kInheritedMax; of a program that is not awaited
  std::optional<SealedRoot> sealed;
  std::optional<WeakWall> weak;
};

// What a child was doing when it failed.
enum class Step : int {
  kSignals,
  kSession,
  kDescriptors,
  kGroups,
  kGroup,
  kUser,
  kFolder,
  kExec,
  kAdmitted,
  kMap,
  kMount,
  kBind,
  kProtect,
  kWrite,
  kLoopback,
  kName,
  kPivot,
  kPrivileges,
  kRestrict,
  kFilter,
  kReady,  // no failure: it waits to be admitted
};
// In the child: reports and ends.
[[noreturn]] void fail(int report_fd, Step step, int error, const char* subject = "");

Result<Child> prepare(const Command& command);
// A child of ours, in the namespaces of its seal where it has one. -1: errno says why.
pid_t fork_child(const Child& child);
// In the child, after fork_child. Never returns; on failure writes {step, errno} to `report_fd`.
[[noreturn]] void become(const Child& child, int report_fd);
// Reads what become() reported; ok when exec succeeded (the pipe closed).
Status read_report(int report_fd, const Command& command);
// What fork_child's errno means for this command.
Error fork_error(const Command& command, int error_number);

// What lies between fork and exec of a program that has an enclosure: the folder's lock, the look at its
// seal, its identity.
class Admission {
 public:
  // Takes the lock and readies the child for it; does nothing where the command has no enclosure.
  Status prepare(const Command& command, Child& child);
  // In the parent, with the child's number: waits until it has entered its seal, looks at it, writes down who
  // it is. `before_exec` may be empty. Then the child goes on; on an error it ends.
  Status admit(pid_t child, int report_fd, const Command& command,
               const std::function<Status()>& before_exec = {});
  // The child's ends are the child's alone.
  void close_child_ends() { go_read_.reset(); }

 private:
  std::optional<Tenancy> tenancy_;
  Descriptor go_read_;
  Descriptor go_write_;
};

}  // namespace ytb::os::internal
