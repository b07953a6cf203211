// Between clone and exec: the root of a sealed program, made by system calls alone.
#include "drivers/os/seal.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "drivers/os/child.h"

namespace ytb::os::internal {
namespace {

// Not in every libc's headers yet (mount_setattr(2), Linux 5.12).
struct MountAttributes {
  uint64_t set = 0;
  uint64_t clear = 0;
  uint64_t propagation = 0;
  uint64_t user_namespace = 0;
};
constexpr uint64_t kReadOnly = 0x1;
constexpr uint64_t kNoSuid = 0x2;
constexpr unsigned kRecursive = 0x8000;
constexpr int kCapabilitiesMax = 64;

bool write_whole(const char* path, const std::string& text, int flags) {
  int fd = ::open(path, O_WRONLY | O_CLOEXEC | flags, 0644);
  if (fd < 0) return false;
  ssize_t written = ::write(fd, text.data(), text.size());
  ::close(fd);
  return written == static_cast<ssize_t>(text.size());
}

// The folders above `path`, from the end of `base` on.
bool make_parents(const std::string& path, size_t base) {
  char buffer[4096];
  if (path.size() >= sizeof buffer) {
    errno = ENAMETOOLONG;
    return false;
  }
  std::memcpy(buffer, path.c_str(), path.size() + 1);
  for (size_t i = base + 1; i < path.size(); ++i) {
    if (buffer[i] != '/') continue;
    buffer[i] = '\0';
    if (::mkdir(buffer, 0755) != 0 && errno != EEXIST) return false;
    buffer[i] = '/';
  }
  return true;
}

void map_user(const SealedRoot& root, int report_fd) {
  if (root.uid_map.empty()) return;
  // Without it the kernel takes no map of groups from an ordinary user (user_namespaces(7)).
  if (!write_whole("/proc/self/setgroups", "deny", 0)) fail(report_fd, Step::kMap, errno);
  if (!write_whole("/proc/self/uid_map", root.uid_map, 0)) fail(report_fd, Step::kMap, errno);
  if (!write_whole("/proc/self/gid_map", root.gid_map, 0)) fail(report_fd, Step::kMap, errno);
}

void bind(const SealBind& bind, size_t base, int report_fd) {
  const char* target = bind.target.c_str();
  if (!make_parents(bind.target, base)) fail(report_fd, Step::kBind, errno, bind.source.c_str());
  if (bind.is_folder) {
    if (::mkdir(target, 0755) != 0 && errno != EEXIST)
      fail(report_fd, Step::kBind, errno, bind.source.c_str());
  } else {
    // Never opens what is there: in a folder that is bound already that is a file of the host.
    int fd = ::open(target, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 && errno != EEXIST) fail(report_fd, Step::kBind, errno, bind.source.c_str());
    if (fd >= 0) ::close(fd);
  }
  if (::mount(bind.source.c_str(), target, nullptr, MS_BIND | MS_REC, nullptr) != 0)
    fail(report_fd, Step::kBind, errno, bind.source.c_str());
  MountAttributes attributes{.set = bind.read_only ? kReadOnly | kNoSuid : kNoSuid};
  if (::syscall(SYS_mount_setattr, -1, target, kRecursive, &attributes, sizeof attributes) != 0)
    fail(report_fd, Step::kProtect, errno, bind.source.c_str());
}

void raise_loopback(int report_fd) {
  int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail(report_fd, Step::kLoopback, errno);
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(fd, SIOCSIFFLAGS, &request) != 0) fail(report_fd, Step::kLoopback, errno);
  ::close(fd);
}

void make_private(const std::string& path, size_t base, int report_fd) {
  if (!make_parents(path, base) || (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) ||
      ::mount("private", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777") != 0) {
    fail(report_fd, Step::kMount, errno, path.c_str() + base);
  }
}

}  // namespace

void enter_sealed_root(const SealedRoot& root, int report_fd) {
  ::umask(0022);
  map_user(root, report_fd);
  const size_t base = root.mount_point.size();
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    fail(report_fd, Step::kMount, errno, "/");
  if (::mount("sealed", root.mount_point.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=4m") != 0)
    fail(report_fd, Step::kMount, errno, root.mount_point.c_str());
  for (const std::string& path : root.private_folders) make_private(path, base, report_fd);
  for (const SealBind& each : root.binds) bind(each, base, report_fd);
  for (const SealFile& file : root.files) {
    if (!make_parents(file.path, base) || !write_whole(file.path.c_str(), file.text, O_CREAT | O_EXCL))
      fail(report_fd, Step::kWrite, errno, file.path.c_str() + base);
  }
  raise_loopback(report_fd);
  if (::syscall(SYS_sethostname, root.host_name.c_str(), root.host_name.size()) != 0)
    fail(report_fd, Step::kName, errno);
  // The old root lands on the new one and is taken away from there: pivot_root(2), NOTES.
  if (::chdir(root.mount_point.c_str()) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0 ||
      ::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0) {
    fail(report_fd, Step::kPivot, errno);
  }
  if (::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, nullptr) != 0)
    fail(report_fd, Step::kProtect, errno, "/");
}

void drop_bounding_set(int report_fd) {
  for (int capability = 0; capability < kCapabilitiesMax; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;  // the kernel knows no more of them
    fail(report_fd, Step::kPrivileges, errno);
  }
}

void give_up_privileges(int report_fd) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail(report_fd, Step::kPrivileges, errno);
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    fail(report_fd, Step::kPrivileges, errno);
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
  if (::syscall(SYS_capset, &header, none) != 0) fail(report_fd, Step::kPrivileges, errno);
}

}  // namespace ytb::os::internal
