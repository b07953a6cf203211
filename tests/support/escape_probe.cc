// Tries ways out of where it runs, and says of each whether it got out: what a weak wall holds and what not,
// in the kernel's own words. Every way is one that native code has; SQL reaches few of them. Run by
// drivers/os/weak_wall_test.cc inside and outside of a wall.
//   escape_probe FILE FOLDER UNIX_SOCKET ABSTRACT_NAME TCP_PORT PID SHM_KEY SHM_ID
// FILE is another's in FOLDER, which is not the program's. Prints "name out" or "name held: why", a line
// each.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

// `got` as system calls answer: below zero is held.
void tell(const char* name, long got) {
  if (got >= 0) {
    std::printf("%s out\n", name);
  } else {
    std::printf("%s held: %s\n", name, std::strerror(errno));
  }
}

long write_to(const std::string& path) {
  int fd = open(path.c_str(), O_WRONLY);
  return fd < 0 ? -1 : write(fd, "x", 1);
}

long reach_unix(const std::string& name, bool abstract, int kind) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + (abstract ? 1 : 0), name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + 1);
  int fd = socket(AF_UNIX, kind, 0);
  if (fd < 0) return -1;
  const auto* to = reinterpret_cast<const sockaddr*>(&address);
  return kind == SOCK_DGRAM ? sendto(fd, "x", 1, 0, to, size) : connect(fd, to, size);
}

long reach_loopback(int port, int kind) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, kind, 0);
  return fd < 0 ? -1 : connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

long run_program(const char* path) {
  pid_t child = fork();
  if (child == 0) {
    execl(path, path, static_cast<char*>(nullptr));
    _exit(errno);
  }
  int status = 0;
  waitpid(child, &status, 0);
  errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
  return errno == 0 ? 0 : -1;
}

// A system call by the number of another of the processor's ways to make one, in a child that it may cost.
template <typename Call>
long foreign(const Call& call) {
  pid_t child = fork();
  if (child == 0) {
    const long got = call();
    _exit(got >= 0 ? 0 : static_cast<int>(-got));
  }
  int status = 0;
  waitpid(child, &status, 0);
  errno = WIFSIGNALED(status) ? ECANCELED : WEXITSTATUS(status);
  return errno == 0 ? 0 : -1;
}

void files(const std::string& file, const std::string& folder) {
  tell("read_a_file", open(file.c_str(), O_RDONLY));
  tell("write_a_file", write_to(file));
  tell("truncate_a_file", truncate(file.c_str(), 1));
  tell("list_a_folder", open(folder.c_str(), O_RDONLY | O_DIRECTORY));
  tell("make_a_file", open((folder + "/made").c_str(), O_CREAT | O_WRONLY, 0600));
  tell("remove_a_file", unlink((folder + "/removable").c_str()));
  tell("link_a_file", link(file.c_str(), (folder + "/linked").c_str()));
  tell("run_a_program", run_program("/bin/true"));
  tell("watch_a_file", inotify_add_watch(inotify_init1(0), file.c_str(), IN_MODIFY));
  tell("set_an_attribute", setxattr(file.c_str(), "user.x", "x", 1, 0));
  tell("change_a_mode", chmod(file.c_str(), 0640));
  tell("change_a_time", utimensat(AT_FDCWD, file.c_str(), nullptr, 0));
  struct stat found {};
  tell("see_that_a_file_is_there", stat(file.c_str(), &found));
  tell("posix_shared_memory", shm_open("/ytb-escape", O_CREAT | O_RDWR, 0600));
  shm_unlink("/ytb-escape");
  tell("proc_of_itself", open("/proc/self/status", O_RDONLY));
}

void sockets(const std::string& path, const std::string& abstract, int port) {
  tell("unix_socket", reach_unix(path, false, SOCK_STREAM));
  tell("abstract_unix_socket", reach_unix(abstract, true, SOCK_STREAM));
  tell("unix_datagram", reach_unix(path + ".dgram", false, SOCK_DGRAM));
  tell("tcp", reach_loopback(port, SOCK_STREAM));
  tell("udp", reach_loopback(port, SOCK_DGRAM));
  tell("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
  int pair[2];
  tell("datagram_pair", socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
  io_uring_params parameters{};
  tell("io_uring", syscall(SYS_io_uring_setup, 1, &parameters));
}

void processes(pid_t other) {
  tell("signal_a_process", kill(other, SIGCONT));
  tell("signal_everybody", kill(-1, 0));
  tell("queue_a_signal", sigqueue(other, SIGCONT, {}));
  tell("descriptor_of_a_process", syscall(SYS_pidfd_open, other, 0));
  tell("trace_a_process", ptrace(PTRACE_SEIZE, other, nullptr, nullptr));
  char byte = 0;
  iovec here{.iov_base = &byte, .iov_len = 1};
  iovec there{.iov_base = reinterpret_cast<void*>(0x400000), .iov_len = 1};
  tell("read_a_process", process_vm_readv(other, &here, 1, &there, 1, 0));
  rlimit limit{};
  tell("limits_of_a_process", prlimit(other, RLIMIT_CORE, nullptr, &limit));
  tell("slow_a_process", setpriority(PRIO_PROCESS, static_cast<id_t>(other), 19));
  tell("see_a_process", open(("/proc/" + std::to_string(other) + "/environ").c_str(), O_RDONLY));
}

void memory(key_t key, int id) {
  tell("shared_memory_by_key", shmget(key, 0, 0));
  void* at = shmat(id, nullptr, SHM_RDONLY);
  tell("shared_memory_by_number", at == reinterpret_cast<void*>(-1) ? -1 : 0);
  shm_info info{};
  tell("list_of_shared_memory", shmctl(0, SHM_INFO, reinterpret_cast<shmid_ds*>(&info)));
  tell("message_queue", msgget(IPC_PRIVATE, 0600));
  tell("semaphores", semget(IPC_PRIVATE, 1, 0600));
}

void kernel() {
  tell("user_namespace", foreign([] { return unshare(CLONE_NEWUSER) == 0 ? 0L : -errno; }));
  tell("mount", mount("none", "/mnt", "tmpfs", 0, nullptr));
  tell("keyring", syscall(SYS_keyctl, 0, -3, 0));
  tell("bpf", syscall(SYS_bpf, 5, nullptr, 0));
  perf_event_attr counter{};
  counter.size = sizeof counter;
  counter.type = PERF_TYPE_SOFTWARE;
  counter.exclude_kernel = 1;
  tell("performance_counter", syscall(SYS_perf_event_open, &counter, 0, -1, -1, 0));
  tell("userfaultfd", syscall(SYS_userfaultfd, 1));
  tell("personality", syscall(SYS_personality, 0x0040000));
  char letter = 'x';
  const long typed = ioctl(0, TIOCSTI, &letter);
  tell("type_into_a_terminal", typed < 0 && errno == ENOTTY ? 0 : typed);
  tell("a_call_of_tomorrow", syscall(470, 0) < 0 && errno == ENOSYS ? -1 : 0);
#if defined(__x86_64__)
  // getpid and, of a 32-bit program, connect by socketcall.
  tell("call_of_x32", foreign([] { return syscall(0x40000000 | SYS_getpid) > 0 ? 0L : -errno; }));
  tell("call_of_32_bits", foreign([] {
         long got = 20;
         asm volatile("int $0x80" : "+a"(got) : : "memory", "r8", "r9", "r10", "r11");
         return got > 0 ? 0L : got;
       }));
#endif
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 9) return 2;
  files(arguments[1], arguments[2]);
  sockets(arguments[3], arguments[4], std::atoi(arguments[5]));
  processes(std::atoi(arguments[6]));
  memory(std::atoi(arguments[7]), std::atoi(arguments[8]));
  kernel();
}
