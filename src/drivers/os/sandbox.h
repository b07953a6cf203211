// Sandbox: what a program of ours puts around itself once it has opened all that it needs, before it reads
// the first byte of a stranger's. For good: no file is opened, no program begun, no process signalled, no
// socket made but Unix streams, no memory made executable. Nothing but a filter of system calls, so that it
// works in containers, too.
#pragma once

#include "base/result.h"

namespace ytb::os {

// Of the calling thread: call it while there is no other. Also gives up every capability and core files.
// kUnsupported where this host has no seccomp, or what must fail does not.
Status enter_sandbox();

}  // namespace ytb::os
