// Private to subprocess: the wall of a program where no namespaces are to be had. Landlock for files (and TCP
// ports and signals, where the kernel's can), a filter of system calls for the rest. It keeps a program from
// opening other files and from connecting to anything; what it does not hold is in SAFETY.md. Planned before
// the fork, entered after it with system calls alone.
#pragma once

#include <linux/filter.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/enclosure.h"

namespace ytb::os::internal {

struct WeakWall {
  Descriptor rules;                 // Landlock's
  std::vector<sock_filter> filter;  // of system calls
};

// kUnsupported where the kernel lacks what is needed, with what to change.
Result<WeakWall> plan_weak_wall(const Enclosure& enclosure);

// Of this thread, for good, where the kernel can (Linux 6.7 and later): no TCP port is bound or connected to,
// and from 6.12 no abstract socket of others, and no process outside signalled. Where it cannot: nothing.
Status restrict_network();

// In the child: Landlock, for good. The user may still be switched after it.
void enter_landlock(const WeakWall& wall, int report_fd);
// In the child, last: no capabilities, the filter; then tries what must not work. Reports what fails and
// ends.
void enter_filter(const WeakWall& wall, int report_fd);

}  // namespace ytb::os::internal
