// Enclosure: what of the host a program may see and reach while it works in one folder, and who works there.
//
// Sealed, it lives in namespaces of its own (mount, pid, ipc, network, uts; run by an ordinary user also one
// for users, in which exactly that user is mapped): of the file system it sees `writable` and `visible`, a
// private /tmp and /dev/shm and four devices; of the network its own loopback; of other processes, /proc and
// System V memory nothing; it has no capability and cannot get one. Weak, it opens no other file, makes no
// socket but Unix streams, connects to nothing and gains no privilege (Landlock and a filter of system
// calls), but lives among the host's processes. With neither, it sees what its user sees. Either way the lock
// of the folder is taken before it begins and held until it and all that it started have ended (occupant.h),
// and it begins only after its seal was looked at from outside and its identity written down.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/os/confinement.h"

namespace ytb::os {

struct Enclosure {
  std::string folder;   // absolute; holds the lock and the identity: nobody but us may write there
  std::string purpose;  // for messages and for whoever asks who works there: "single-user", "closed", "open"
  Confinement confinement = Confinement::kSealed;
  // Seen inside at the same absolute paths. What does not exist is left out; links are followed here, not
  // inside.
  std::vector<std::string> writable = {};
  std::vector<std::string> visible = {};  // read-only
  std::vector<std::string> listed = {};   // folders whose names may be read where none are taken away (weak)
};

// Whether the process that began in `enclosure` is confined as that says, as far as the kernel shows it from
// outside: a sentence for people, or kRefused with what is not as it should be. kExternal where it cannot be
// looked at, kUnsupported where this host does not let root look.
Result<std::string> look_at_confinement(pid_t pid, const Enclosure& enclosure);

// Why this host makes no namespaces for us, and what to change: one sentence. `error_number`: what the
// kernel said.
std::string why_no_namespaces(int error_number);

// The files that the dynamic loader of `program` maps for it and for `libraries`, the loader included; what
// one of `libraries` lacks is left out. That loader runs as `run_as`: it is whichever the program names.
// Error{kConfig}: the program itself lacks a library.
Result<std::vector<std::string>> loaded_files(const std::string& program,
                                              const std::vector<std::string>& libraries,
                                              const std::string& run_as);

}  // namespace ytb::os
