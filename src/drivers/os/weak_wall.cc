#include "drivers/os/weak_wall.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "drivers/os/child.h"
#include "drivers/os/files.h"
#include "drivers/os/system_call_filter.h"

namespace ytb::os::internal {
namespace {

// linux/landlock.h, which older headers lack in part.
constexpr long kCreateRuleset = 444;
constexpr long kAddRule = 445;
constexpr long kRestrictSelf = 446;
constexpr uint32_t kAskVersion = 1;
constexpr int kPathBeneath = 1;

constexpr uint64_t kExecute = 1 << 0;
constexpr uint64_t kWriteFile = 1 << 1;
constexpr uint64_t kReadFile = 1 << 2;
constexpr uint64_t kReadFolder = 1 << 3;
constexpr uint64_t kMakeCharacterDevice = 1 << 6;
constexpr uint64_t kMakeFifo = 1 << 10;
constexpr uint64_t kMakeBlockDevice = 1 << 11;
constexpr uint64_t kTruncate = 1 << 14;  // version 3
constexpr uint64_t kToVersion3 = (1 << 15) - 1;
constexpr uint64_t kDeviceIoctl = 1 << 15;  // version 5
constexpr uint64_t kTcpBindAndConnect = 3;  // version 4
constexpr uint64_t kAbstractSockets = 1;    // version 6
constexpr uint64_t kSignals = 2;            // version 6

// Before version 3 (Linux 6.2) files outside could be truncated.
constexpr int kVersionMin = 3;

struct RulesetAttributes {
  uint64_t files = 0;
  uint64_t network = 0;
  uint64_t scoped = 0;
};
struct __attribute__((packed)) PathRule {
  uint64_t allowed = 0;
  int32_t parent = -1;
};

// Whom a peer's number means, and names in configuration files. Where a seal has files of its own, here they
// are the host's.
constexpr std::array kNames{"/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts"};
constexpr std::array kDevices{"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"};

Error unsupported(std::string message, std::string hint) {
  return Error{.code = Code::kUnsupported, .message = std::move(message), .hint = std::move(hint)};
}

Result<int> landlock_version() {
  const long version = ::syscall(kCreateRuleset, nullptr, 0, kAskVersion);
  if (version >= kVersionMin) return static_cast<int>(version);
  if (version > 0) {
    return unsupported(
        fmt::format("this kernel's Landlock (version {}) cannot keep a program from truncating "
                    "files outside its folder",
                    version),
        "Linux 6.2 or later has version 3");
  }
  if (errno == EOPNOTSUPP)
    return unsupported("Landlock is switched off on this host",
                       "add landlock to the kernel's parameter lsm=");
  return unsupported(
      fmt::format("this host has no Landlock: {}",
                  std::strerror(errno)),  // NOLINT(concurrency-mt-unsafe)
      "it needs Linux 6.2 or later, and in a container a filter that allows landlock_restrict_self");
}

// What does not exist is left out.
Status allow(const Descriptor& rules, const std::string& path, uint64_t rights) {
  Descriptor place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place.valid()) {
    if (errno == ENOENT) return {};
    return system_error("open", path, errno);
  }
  struct stat found {};
  if (::fstat(place.get(), &found) != 0) return system_error("look at", path, errno);
  if (!S_ISDIR(found.st_mode)) rights &= kExecute | kReadFile | kWriteFile | kTruncate;
  PathRule rule{.allowed = rights, .parent = place.get()};
  if (::syscall(kAddRule, rules.get(), kPathBeneath, &rule, 0) != 0)
    return system_error("make a rule of Landlock for", path, errno);
  return {};
}

}  // namespace

Result<WeakWall> plan_weak_wall(const Enclosure& enclosure) {
  YTB_ASSIGN(int version, landlock_version());
  RulesetAttributes handled{.files = kToVersion3 | (version >= 5 ? kDeviceIoctl : 0),
                            .network = version >= 4 ? kTcpBindAndConnect : 0,
                            .scoped = version >= 6 ? kAbstractSockets | kSignals : 0};
  // An older kernel knows a shorter structure and takes a longer one whose rest is zero.
  const long made = ::syscall(kCreateRuleset, &handled, sizeof handled, 0);
  if (made < 0) return system_error("make", "rules of Landlock", errno, Code::kUnsupported);
  WeakWall wall{.rules = Descriptor(static_cast<int>(made)), .filter = system_call_filter(Reach::kNothing)};
  for (const std::string& path : enclosure.visible)
    YTB_TRY(allow(wall.rules, path, kExecute | kReadFile | kReadFolder));
  for (const std::string& path : enclosure.listed) YTB_TRY(allow(wall.rules, path, kReadFolder));
  for (const char* path : kNames) YTB_TRY(allow(wall.rules, path, kReadFile));
  for (const char* path : kDevices) YTB_TRY(allow(wall.rules, path, kReadFile | kWriteFile));
  constexpr uint64_t kNotInItsFolder = kExecute | kMakeCharacterDevice | kMakeBlockDevice | kMakeFifo;
  for (const std::string& path : enclosure.writable)
    YTB_TRY(allow(wall.rules, path, kToVersion3 & ~kNotInItsFolder));
  return wall;
}

Status restrict_network() {
  const long version = ::syscall(kCreateRuleset, nullptr, 0, kAskVersion);
  constexpr long kWithNetwork = 4;
  if (version < kWithNetwork) return {};
  RulesetAttributes handled{
      .files = 0, .network = kTcpBindAndConnect, .scoped = version >= 6 ? kAbstractSockets | kSignals : 0};
  const Descriptor rules(static_cast<int>(::syscall(kCreateRuleset, &handled, sizeof handled, 0)));
  if (!rules.valid() || ::syscall(kRestrictSelf, rules.get(), 0) != 0)
    return system_error("restrict by Landlock", "this process", errno, Code::kUnsupported);
  return {};
}

void enter_landlock(const WeakWall& wall, int report_fd) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail(report_fd, Step::kPrivileges, errno);
  if (::syscall(kRestrictSelf, wall.rules.get(), 0) != 0) fail(report_fd, Step::kRestrict, errno);
}

void enter_filter(const WeakWall& wall, int report_fd) {
  give_up_privileges(report_fd);
  install_filter(wall.filter, Reach::kNothing, report_fd);
  // It cannot be seen from outside: it says itself that it is there.
  const int root = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root >= 0 || errno != EACCES) fail(report_fd, Step::kRestrict, root >= 0 ? EBADE : errno);
}

}  // namespace ytb::os::internal
