// Programs that outlive us, and finding and ending them again.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <thread>

#include "base/text.h"
#include "drivers/os/child.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"
#include "drivers/os/process_files.h"
#include "drivers/os/subprocess.h"

namespace ytb::os {
namespace {

constexpr size_t kProcessesMax = 4'000'000;  // the kernel's own limit of process ids
constexpr auto kLookEvery = std::chrono::milliseconds(20);
constexpr auto kKillWait = std::chrono::seconds(30);

constexpr auto kScopeMax = std::chrono::seconds(10);

const char* variable(const char* name) {
  return ::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets variables
}

// Has systemd put the process into a scope of its own, and waits until it is there.
Status move_to_scope(pid_t pid, const std::string& unit) {
  if (variable("INVOCATION_ID") == nullptr) return {};
  auto program = find_program("busctl");
  Command call{.argv = internal::scope_call(true, exists("/run/systemd/system") && program.ok(),
                                            running_as_root(), variable("XDG_RUNTIME_DIR") != nullptr,
                                            program.ok() ? *program : std::string(), unit, pid),
               .timeout = kScopeMax};
  if (call.argv.empty()) return {};
  for (const char* name : {"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"}) {
    if (variable(name) != nullptr && !running_as_root()) call.environment.emplace(name, variable(name));
  }
  auto called = run_checked(call);
  if (!called.ok()) return std::move(called).error();
  const auto until = std::chrono::steady_clock::now() + kScopeMax;
  while (std::chrono::steady_clock::now() < until) {
    auto groups = read_file(fmt::format("/proc/{}/cgroup", pid), 64 << 10);
    if (groups.ok() && groups->find("/" + unit + ".scope") != std::string::npos) return {};
    std::this_thread::sleep_for(kLookEvery);
  }
  return Error{.code = Code::kExternal,
               .message = fmt::format("systemd did not move process {} to {}.scope", pid, unit),
               .hint = fmt::format("look at it: systemctl status {}.scope", unit),
               .retry = Retry::kLater};
}

Result<Descriptor> open_log(const std::string& path, const std::optional<User>& owner) {
  Descriptor log(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!log.valid()) return system_error("open", path, errno);
  struct stat found {};
  if (::fstat(log.get(), &found) != 0) return system_error("look at", path, errno);
  if (owner && found.st_uid != owner->uid && ::fchown(log.get(), owner->uid, owner->gid) != 0) {
    return system_error("change the owner of", path, errno);
  }
  return log;
}

void point_into(std::vector<std::string>& texts, std::vector<char*>& pointers) {
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
}

// In the first child: makes the second, tells its number (or what went wrong, below zero), and goes, so that
// the second belongs to init.
[[noreturn]] void hand_over(const internal::Child& child, int report_fd, int number_fd) {
  pid_t second = internal::fork_child(child);
  if (second == 0) internal::become(child, report_fd);
  if (second < 0) second = -errno;
  [[maybe_unused]] ssize_t written = ::write(number_fd, &second, sizeof second);
  ::_exit(second < 0 ? 1 : 0);
}

bool works_in(pid_t pid, const std::string& folder) {
  auto cwd = process_link(pid, "cwd");
  if (!cwd.ok()) return false;  // not ours to see, or gone
  std::string_view where = *cwd;
  constexpr std::string_view kDeleted = " (deleted)";
  if (where.ends_with(kDeleted)) where.remove_suffix(kDeleted.size());
  return is_inside(where, folder);
}

std::optional<pid_t> to_pid(std::string_view name) {
  pid_t pid = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (error != std::errc() || end != name.data() + name.size() || pid <= 0) return std::nullopt;
  return pid;
}

}  // namespace

namespace internal {

std::vector<std::string> scope_call(bool is_service, bool systemd_runs, bool is_root, bool has_user_bus,
                                    const std::string& busctl, const std::string& unit, pid_t pid) {
  if (!is_service || !systemd_runs || (!is_root && !has_user_bus)) return {};
  // org.freedesktop.systemd1(5), StartTransientUnit: what systemd-run --scope does for itself.
  return {busctl,
          is_root ? "--system" : "--user",
          "--quiet",
          "call",
          "org.freedesktop.systemd1",
          "/org/freedesktop/systemd1",
          "org.freedesktop.systemd1.Manager",
          "StartTransientUnit",
          "ssa(sv)a(sa(sv))",
          unit + ".scope",
          "fail",
          "2",
          "PIDs",
          "au",
          "1",
          std::to_string(pid),
          "CollectMode",
          "s",
          "inactive-or-failed",
          "0"};
}

}  // namespace internal

Result<pid_t> spawn_detached(const Command& command, const std::string& log_file, const std::string& unit) {
  YTB_ASSIGN(User user, find_user(command.run_as));
  std::optional<User> owner = is_ourselves(user) ? std::optional<User>() : user;
  YTB_ASSIGN(internal::Child child, internal::prepare(command));
  internal::Admission admission;
  YTB_TRY(admission.prepare(command, child));
  point_into(child.arguments, child.argument_pointers);
  point_into(child.environment, child.environment_pointers);
  Descriptor nowhere(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!nowhere.valid()) return system_error("open", "/dev/null", errno);
  YTB_ASSIGN(Descriptor log, open_log(log_file, owner));
  child.fds[0] = nowhere.get();
  child.fds[1] = child.fds[2] = log.get();
  child.new_session = true;
  int report[2];
  int number[2];
  if (::pipe2(report, O_CLOEXEC) != 0) return system_error("make", "a pipe", errno);
  Descriptor report_read(report[0]);
  Descriptor report_write(report[1]);
  if (::pipe2(number, O_CLOEXEC) != 0) return system_error("make", "a pipe", errno);
  Descriptor number_read(number[0]);
  Descriptor number_write(number[1]);
  pid_t first = ::fork();
  if (first < 0) return system_error("fork for", command.argv.front(), errno);
  if (first == 0) hand_over(child, report_write.get(), number_write.get());
  report_write.reset();
  number_write.reset();
  admission.close_child_ends();
  int status = 0;
  while (::waitpid(first, &status, 0) < 0 && errno == EINTR) {
  }
  pid_t second = -EAGAIN;
  if (::read(number_read.get(), &second, sizeof second) != static_cast<ssize_t>(sizeof second) ||
      second <= 0) {
    return internal::fork_error(command, -second);
  }
  YTB_TRY(admission.admit(second, report_read.get(), command, [&] { return move_to_scope(second, unit); }));
  YTB_TRY(internal::read_report(report_read.get(), command));
  // One with an enclosure was moved before it began. Another has begun: it works as well where it is, and
  // ends with the service where that ends all that it began.
  if (command.enclosure == nullptr) (void)move_to_scope(second, unit);
  return second;
}

bool process_runs(pid_t pid) {
  if (pid <= 0) return false;
  if (::kill(pid, 0) != 0 && errno == ESRCH) return false;
  auto stat = read_file(fmt::format("/proc/{}/stat", pid), 4096);
  if (!stat.ok()) return exists(fmt::format("/proc/{}", pid));
  // "pid (name) state …"; the name may hold anything, so the last parenthesis counts (proc(5)).
  size_t close = stat->rfind(')');
  if (close == std::string::npos || close + 2 >= stat->size()) return true;
  char state = (*stat)[close + 2];
  return state != 'Z' && state != 'X';
}

Result<std::vector<pid_t>> processes_in(const std::string& folder) {
  YTB_ASSIGN(std::vector<FileInfo> entries, list_folder("/proc", kProcessesMax));
  std::vector<pid_t> found;
  for (const FileInfo& entry : entries) {
    std::optional<pid_t> pid = to_pid(entry.name);
    if (!pid || *pid == ::getpid()) continue;
    if (works_in(*pid, folder) && process_runs(*pid)) found.push_back(*pid);
  }
  return found;
}

namespace {

// Signals the process if it still works in the folder: its number may be another's by now.
void signal_if_in(pid_t pid, const std::string& folder, int signal) {
  Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
  if (!process.valid() || !works_in(pid, folder)) return;
  ::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0U);
}

}  // namespace

Status end_processes_in(const std::string& folder, int signal, Duration grace) {
  const auto begun = std::chrono::steady_clock::now();
  bool asked = false;
  for (;;) {
    YTB_ASSIGN(std::vector<pid_t> left, processes_in(folder));
    if (left.empty()) return {};
    auto waited = std::chrono::steady_clock::now() - begun;
    if (waited > grace + kKillWait) {
      return Error{.code = Code::kBusy,
                   .message = fmt::format("process {} in {} does not end", left.front(), printable(folder)),
                   .hint = fmt::format("look at it: ps -fp {}", left.front()),
                   .retry = Retry::kLater};
    }
    for (pid_t pid : left) {
      if (waited > grace) {
        signal_if_in(pid, folder, SIGKILL);
      } else if (!asked) {
        signal_if_in(pid, folder, signal);
      }
    }
    asked = true;
    std::this_thread::sleep_for(kLookEvery);
  }
}

}  // namespace ytb::os
