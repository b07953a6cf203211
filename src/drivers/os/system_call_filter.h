// The filter of system calls of both walls and of the sandbox. Pure but for install_filter().
#pragma once

#include <linux/filter.h>

#include <vector>

namespace ytb::os::internal {

enum class Reach {
  // A weak wall: what reaches beyond a program's own files, sockets and children is denied. Of sockets there
  // are only Unix streams, and those connect to nothing.
  kNothing,
  // In namespaces of its own: it may use its network. What is denied is the kernel's wider surface: a user
  // namespace inside would give all capabilities over further ones (user_namespaces(7)), and with them
  // mounts, packet filters and more.
  kOwnWorld,
  // A program that has opened all that it needs (sandbox.h): what it has, and Unix streams.
  kOpened,
};
std::vector<sock_filter> system_call_filter(Reach reach);

// In the child, which has no new privileges any more: for good. Then tries what must not work, since nobody
// can see from outside what a filter says. Reports what fails and ends.
void install_filter(const std::vector<sock_filter>& filter, Reach reach, int report_fd);

}  // namespace ytb::os::internal
