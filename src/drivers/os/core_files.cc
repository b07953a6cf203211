#include "drivers/os/core_files.h"

#include <sys/resource.h>

namespace ytb::os {

// One byte and not none: a pipe is spared only by exactly that (fs/coredump.c, do_coredump).
void forbid_core_files() {
  rlimit limit{.rlim_cur = 1, .rlim_max = 1};
  ::setrlimit(RLIMIT_CORE, &limit);
}

}  // namespace ytb::os
