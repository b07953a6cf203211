// The sandbox, from inside: a child enters it and tries what must fail, and what must not.
#include "drivers/os/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>

#include "drivers/os/descriptor.h"

namespace ytb::os {
namespace {

// Whether `tried` holds in a child, with the sandbox or (the control) without it.
bool holds(bool sandboxed, const std::function<bool()>& tried) {
  const pid_t child = fork();
  if (child == 0) {
    if (sandboxed && !enter_sandbox().ok()) _exit(2);
    _exit(tried() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  EXPECT_NE(WEXITSTATUS(status), 2) << "no sandbox";
  return WEXITSTATUS(status) == 0;
}

void only_without(const char* what, const std::function<bool()>& tried) {
  EXPECT_TRUE(holds(false, tried)) << what << " fails without the sandbox, too: this tests nothing";
  EXPECT_FALSE(holds(true, tried)) << what;
}

TEST(Sandbox, NoFileProcessOrNetworkIsReached) {
  only_without("opening a file", [] { return open("/proc/self/status", O_RDONLY | O_CLOEXEC) >= 0; });
  only_without("making a file", [] { return open("/dev/shm", O_TMPFILE | O_RDWR, 0600) >= 0; });
  only_without("beginning a process", [] {
    const pid_t next = fork();
    if (next == 0) _exit(0);
    return next > 0;
  });
  only_without("becoming another program", [] {
    std::array<char*, 2> argv{const_cast<char*>("true"), nullptr};
    execv("/bin/true", argv.data());
    return false;
  });
  only_without("signalling", [] { return kill(getppid(), 0) == 0; });
  only_without("having a descriptor signal", [] {
    int pair[2];
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && fcntl(pair[0], F_SETOWN, getppid()) == 0 &&
           fcntl(pair[0], F_SETSIG, SIGKILL) == 0;
  });
  only_without("setting a limit of another's", [] {
    rlimit limit{};
    return prlimit(0, RLIMIT_CORE, nullptr, &limit) == 0 &&
           prlimit(getppid(), RLIMIT_CORE, nullptr, &limit) == 0;
  });
  only_without("a socket of the network", [] { return socket(AF_INET, SOCK_STREAM, 0) >= 0; });
  only_without("datagrams", [] { return socket(AF_UNIX, SOCK_DGRAM, 0) >= 0; });
  only_without("memory that is executed", [] {
    return mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
  });
  only_without("its memory seen", [] { return prctl(PR_GET_DUMPABLE) == 1; });
}

TEST(Sandbox, WhatAGateDoesGoesOn) {
  const std::string path = testing::TempDir() + "ytb-sandbox-" + std::to_string(getpid());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  const Descriptor listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  const Descriptor epoll(epoll_create1(EPOLL_CLOEXEC));
  EXPECT_TRUE(holds(true, [&] {
    const Descriptor client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
    epoll_event event{};
    event.events = EPOLLIN;
    if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, listener.get(), &event) != 0) return false;
    if (epoll_wait(epoll.get(), &event, 1, 1000) != 1) return false;
    const Descriptor server(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    char byte = 'x';
    return send(client.get(), &byte, 1, MSG_NOSIGNAL) == 1 && recv(server.get(), &byte, 1, 0) == 1;
  }));
  unlink(path.c_str());
}

}  // namespace
}  // namespace ytb::os
