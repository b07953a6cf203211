#include "drivers/os/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "drivers/os/core_files.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/system_call_filter.h"
#include "drivers/os/weak_wall.h"

namespace ytb::os {
namespace {

Status give_up_capabilities() {
  // capget(2): version 3 takes two words of each kind.
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  if (::syscall(SYS_capset, &header, none.data()) == 0) return {};
  return system_error("give up", "the capabilities of this process", errno, Code::kUnsupported);
}

Error leaks(const char* what) {
  return Error{.code = Code::kUnsupported,
               .message = fmt::format("the filter of system calls is in place and {} all the same", what),
               .hint = "this is a bug, or this kernel's seccomp does not work; nothing was begun"};
}

}  // namespace

Status enter_sandbox() {
  forbid_core_files();
  // Its memory holds a key: nobody else of its user is to read it, and it has nothing that others look up.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    return system_error("hide the memory of", "this process", errno, Code::kUnsupported);
  YTB_TRY(give_up_capabilities());
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return system_error("renounce", "new privileges", errno, Code::kUnsupported);
  YTB_TRY(internal::restrict_network());
  std::vector<sock_filter> filter = internal::system_call_filter(internal::Reach::kOpened);
  sock_fprog program{.len = static_cast<unsigned short>(filter.size()), .filter = filter.data()};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
    return system_error("filter", "the system calls of this process", errno, Code::kUnsupported);
  if (Descriptor root(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)); root.valid())
    return leaks("a folder can be opened");
  if (Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); socket.valid())
    return leaks("a socket of the network can be made");
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return system_error("make", "Unix sockets within the filter", errno, Code::kUnsupported);
  const Descriptor one(pair[0]);
  const Descriptor other(pair[1]);
  if (::fcntl(one.get(), F_SETOWN, ::getpid()) == 0) return leaks("a signal can be sent by a descriptor");
  return {};
}

}  // namespace ytb::os
