#include "drivers/os/system_call_filter.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <initializer_list>

#include "drivers/os/child.h"

namespace ytb::os::internal {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the filter knows the system calls of x86_64 and aarch64"
#endif

// mseal(2), Linux 6.10. What came later, and what will come, is answered as by a kernel that lacks it. This
// also covers x32, whose numbers have bit 30.
constexpr uint32_t kLastKnown = 462;
constexpr uint32_t kClone3 = 435;
constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kNewNamespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

constexpr uint32_t answer(int error) { return SECCOMP_RET_ERRNO | static_cast<uint32_t>(error); }

const std::initializer_list<long> kDenied = {
    // other processes: PostgreSQL signals its own by kill, which cannot tell whose a number is (SAFETY.md)
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_setpriority,
    SYS_ioprio_set,
    SYS_sched_setaffinity,
    SYS_sched_setparam,
    SYS_sched_setscheduler,
    SYS_sched_setattr,
    SYS_migrate_pages,
    SYS_move_pages,
    424 /* pidfd_send_signal */,
    434 /* pidfd_open */,
    438 /* pidfd_getfd */,
    440 /* process_madvise */,
    448 /* process_mrelease */,
    // memory, semaphores and messages of others
    SYS_msgget,
    SYS_msgsnd,
    SYS_msgrcv,
    SYS_msgctl,
    SYS_semget,
    SYS_semop,
    SYS_semctl,
    SYS_semtimedop,
    SYS_mq_open,
    SYS_mq_unlink,
    SYS_mq_timedsend,
    SYS_mq_timedreceive,
    SYS_mq_notify,
    SYS_mq_getsetattr,
    // what goes around a filter or around Landlock
    425 /* io_uring_setup */,
    426 /* io_uring_enter */,
    427 /* io_uring_register */,
    SYS_io_setup,
    SYS_io_submit,
    SYS_io_cancel,
    SYS_io_destroy,
    SYS_io_getevents,
    SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    SYS_fanotify_init,
    SYS_fanotify_mark,
    SYS_inotify_init1,
    SYS_inotify_add_watch,
    SYS_userfaultfd,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_personality,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_fsetxattr,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_fremovexattr,
    SYS_fchown,
    SYS_fchownat,
    // namespaces, mounts, keys, the host
    SYS_unshare,
    SYS_setns,
    SYS_chroot,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    428 /* open_tree */,
    429 /* move_mount */,
    430 /* fsopen */,
    431 /* fsconfig */,
    432 /* fsmount */,
    433 /* fspick */,
    442 /* mount_setattr */,
    457 /* statmount */,
    458 /* listmount */,
    SYS_quotactl,
    443 /* quotactl_fd */,
    SYS_swapon,
    SYS_swapoff,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_reboot,
    SYS_acct,
    SYS_syslog,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_vhangup,
    SYS_lookup_dcookie,
    SYS_nfsservctl,
#if defined(__x86_64__)
    SYS_chown,
    SYS_lchown,
    SYS_inotify_init,
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
    SYS_uselib,
    SYS__sysctl,
    SYS_ustat,
    SYS_sysfs,
#endif
};

class Filter {
 public:
  void load(size_t offset) { add(BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<uint32_t>(offset)); }
  // The low half of an argument: those that are looked at are ints to the kernel.
  void load_argument(size_t index) { load(offsetof(seccomp_data, args) + 8 * index); }
  void mask(uint32_t bits) { add(BPF_ALU | BPF_AND | BPF_K, 0, 0, bits); }
  void end(uint32_t how) { add(BPF_RET | BPF_K, 0, 0, how); }
  void end_if_equal(uint32_t value, uint32_t how) {
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value);
    end(how);
  }
  void end_unless_equal(uint32_t value, uint32_t how) {
    add(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, value);
    end(how);
  }
  void end_if_above(uint32_t value, uint32_t how) {
    add(BPF_JMP | BPF_JGT | BPF_K, 0, 1, value);
    end(how);
  }
  void end_if_any(uint32_t bits, uint32_t how) {
    add(BPF_JMP | BPF_JSET | BPF_K, 0, 1, bits);
    end(how);
  }
  // `body` ends for this number whatever it finds.
  template <typename Body>
  void of(long number, const Body& body) {
    const size_t jump = code_.size();
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, static_cast<uint32_t>(number));
    body();
    code_[jump].jf = static_cast<uint8_t>(code_.size() - jump - 1);
  }
  std::vector<sock_filter> take() { return std::move(code_); }

 private:
  void add(int code, uint8_t if_true, uint8_t if_false, uint32_t value) {
    code_.push_back({.code = static_cast<uint16_t>(code), .jt = if_true, .jf = if_false, .k = value});
  }
  std::vector<sock_filter> code_;
};

// Of an own network namespace there is the loopback; other families (vsock, netlink, packets) are not all
// bound to it.
void judge_families(Filter& filter) {
  for (long number : {SYS_socket, SYS_socketpair}) {
    filter.of(number, [&] {
      filter.load_argument(0);
      for (int family : {AF_UNIX, AF_INET, AF_INET6})
        filter.end_if_equal(static_cast<uint32_t>(family), kAllow);
      filter.end(answer(EPERM));
    });
  }
}

void judge_sockets(Filter& filter) {
  for (long number : {SYS_socket, SYS_socketpair}) {
    filter.of(number, [&] {
      filter.load_argument(0);
      filter.end_unless_equal(AF_UNIX, answer(EPERM));
      filter.load_argument(1);
      filter.mask(~static_cast<uint32_t>(SOCK_CLOEXEC | SOCK_NONBLOCK));
      // Datagrams could be sent to any socket without connecting to it.
      filter.end_unless_equal(SOCK_STREAM, answer(EPERM));
      filter.end(kAllow);
    });
  }
}

// The server's interlock is a segment that it makes. Another's is not found by its key; whoever knows its
// number can attach it (SAFETY.md).
void judge_shared_memory(Filter& filter) {
  filter.of(SYS_shmget, [&] {
    filter.load_argument(2);
    filter.mask(IPC_CREAT | IPC_EXCL);
    filter.end_unless_equal(IPC_CREAT | IPC_EXCL, answer(EACCES));
    filter.end(kAllow);
  });
  filter.of(SYS_shmctl, [&] {
    filter.load_argument(1);
    filter.end_if_equal(IPC_RMID, kAllow);
    filter.end_if_equal(IPC_STAT, kAllow);
    filter.end(answer(EPERM));
  });
}

void judge_processes(Filter& filter) {
  filter.of(kClone3, [&] { filter.end(answer(ENOSYS)); });  // its flags lie in memory; libc falls back
  filter.of(SYS_clone, [&] {
    filter.load_argument(0);
    filter.end_if_any(kNewNamespaces, answer(EPERM));
    filter.end(kAllow);
  });
  filter.of(SYS_kill, [&] {
    filter.load_argument(0);
    filter.end_if_equal(static_cast<uint32_t>(-1), answer(EPERM));  // everybody of this user
    filter.end(kAllow);
  });
  filter.of(SYS_prlimit64, [&] {
    filter.load_argument(0);
    filter.end_unless_equal(0, answer(EPERM));
    filter.end(kAllow);
  });
  filter.of(SYS_ioctl, [&] {
    filter.load_argument(1);
    filter.end_if_equal(TIOCSTI, answer(EPERM));
    filter.end_if_equal(TIOCLINUX, answer(EPERM));
    filter.end_if_equal(TIOCSETD, answer(EPERM));
    filter.end(kAllow);
  });
}

}  // namespace

namespace {

// What a program needs that waits for its descriptors, reads, writes, accepts and connects; and what libc and
// a sanitizer's runtime ask for beside it. No file is opened, no program begun, no process signalled.
const std::initializer_list<long> kOfOpened = {
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_recvfrom,
    SYS_sendto,
    SYS_recvmsg,
    SYS_sendmsg,
    SYS_ppoll,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_accept4,
    SYS_connect,
    SYS_shutdown,
    SYS_setsockopt,
    SYS_getsockopt,
    SYS_getsockname,
    SYS_getpeername,
    SYS_close,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_readlinkat,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_brk,
    SYS_futex,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_getpid,
    SYS_gettid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_restart_syscall,
    SYS_membarrier,
    SYS_exit,
    SYS_exit_group,
#if defined(__x86_64__)
    SYS_poll,
    SYS_epoll_wait,
    SYS_stat,
    SYS_lstat,
    SYS_readlink,
    SYS_arch_prctl,
#endif
};

// No memory becomes executable.
void judge_protection(Filter& filter) {
  for (long number : {SYS_mmap, SYS_mprotect}) {
    filter.of(number, [&] {
      filter.load_argument(2);
      filter.end_if_any(PROT_EXEC, answer(EPERM));
      filter.end(kAllow);
    });
  }
  filter.of(SYS_prlimit64, [&] {  // to read a limit of one's own: both halves of where a new one is
    filter.load_argument(0);
    filter.end_unless_equal(0, answer(EPERM));
    filter.load_argument(2);
    filter.end_unless_equal(0, answer(EPERM));
    filter.load(offsetof(seccomp_data, args) + 8 * 2 + 4);
    filter.end_unless_equal(0, answer(EPERM));
    filter.end(kAllow);
  });
  // Whom a descriptor signals (F_SETOWN, F_SETSIG, O_ASYNC) could be anybody of this user.
  filter.of(SYS_fcntl, [&] {
    filter.load_argument(1);
    for (int command : {F_GETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC})
      filter.end_if_equal(static_cast<uint32_t>(command), kAllow);
    filter.end(answer(EPERM));
  });
}

}  // namespace

std::vector<sock_filter> system_call_filter(Reach reach) {
  Filter filter;
  if (reach == Reach::kOpened) {
    filter.load(offsetof(seccomp_data, arch));
    filter.end_unless_equal(kArchitecture, SECCOMP_RET_KILL_PROCESS);
    filter.load(offsetof(seccomp_data, nr));
    for (long number : kOfOpened) filter.end_if_equal(static_cast<uint32_t>(number), kAllow);
    judge_sockets(filter);
    judge_protection(filter);
    filter.end(answer(EPERM));
    return filter.take();
  }
  filter.load(offsetof(seccomp_data, arch));
  filter.end_unless_equal(kArchitecture, SECCOMP_RET_KILL_PROCESS);
  filter.load(offsetof(seccomp_data, nr));
  filter.end_if_above(kLastKnown, answer(ENOSYS));
  for (long number : kDenied) filter.end_if_equal(static_cast<uint32_t>(number), answer(EPERM));
  if (reach == Reach::kNothing) {
    filter.end_if_equal(SYS_connect, answer(EPERM));
    judge_sockets(filter);
  } else {
    judge_families(filter);
  }
  judge_shared_memory(filter);
  judge_processes(filter);
  filter.end(kAllow);
  return filter.take();
}

void install_filter(const std::vector<sock_filter>& filter, Reach reach, int report_fd) {
  sock_fprog program{.len = static_cast<unsigned short>(filter.size()),
                     .filter = const_cast<sock_filter*>(filter.data())};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
    fail(report_fd, Step::kFilter, errno);
  const int netlink = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (netlink >= 0 || errno != EPERM) fail(report_fd, Step::kFilter, netlink >= 0 ? EBADE : errno);
  if (::unshare(CLONE_NEWUSER) == 0 || errno != EPERM) fail(report_fd, Step::kFilter, EBADE);
  if (reach == Reach::kOwnWorld) return;
  const int internet = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (internet >= 0 || errno != EPERM) fail(report_fd, Step::kFilter, internet >= 0 ? EBADE : errno);
  if (::connect(-1, nullptr, 0) == 0 || errno != EPERM) fail(report_fd, Step::kFilter, EBADE);
}

}  // namespace ytb::os::internal
