// Programs that outlive us, and finding and ending them again.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
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
#include "drivers/os/subprocess.h"

namespace ytb::os {
namespace {

constexpr size_t kProcessesMax = 4'000'000;  // the kernel's own limit of process ids
constexpr auto kLookEvery = std::chrono::milliseconds(20);
constexpr auto kKillWait = std::chrono::seconds(30);

std::vector<std::string> scope_for(const std::string& unit, const std::string& run_as) {
  // NOLINTBEGIN(concurrency-mt-unsafe): nobody sets variables
  bool service = ::getenv("INVOCATION_ID") != nullptr;
  bool user_bus = ::getenv("XDG_RUNTIME_DIR") != nullptr;
  // NOLINTEND(concurrency-mt-unsafe)
  if (!service) return {};
  auto program = find_program("systemd-run");
  return internal::scope_prefix(service, exists("/run/systemd/system") && program.ok(), running_as_root(),
                                user_bus, program.ok() ? *program : std::string(), unit, run_as);
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

// In the first child: makes the second, tells its number, and goes, so that the second belongs to init.
[[noreturn]] void hand_over(const internal::Child& child, int report_fd, int number_fd) {
  pid_t second = ::fork();
  if (second == 0) internal::become(child, report_fd);
  [[maybe_unused]] ssize_t written = ::write(number_fd, &second, sizeof second);
  ::_exit(second < 0 ? 1 : 0);
}

std::optional<pid_t> to_pid(std::string_view name) {
  pid_t pid = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (error != std::errc() || end != name.data() + name.size() || pid <= 0) return std::nullopt;
  return pid;
}

}  // namespace

namespace internal {

std::vector<std::string> scope_prefix(bool is_service, bool systemd_runs, bool is_root, bool has_user_bus,
                                      const std::string& systemd_run, const std::string& unit,
                                      const std::string& run_as) {
  if (!is_service || !systemd_runs || (!is_root && !has_user_bus)) return {};
  std::vector<std::string> prefix{systemd_run, "--scope", "--quiet", "--collect", "--unit=" + unit};
  if (!is_root) prefix.insert(prefix.begin() + 1, "--user");
  if (is_root && !run_as.empty()) prefix.push_back("--uid=" + run_as);
  prefix.emplace_back("--");
  return prefix;
}

}  // namespace internal

Result<pid_t> spawn_detached(const Command& command, const std::string& log_file, const std::string& unit) {
  Command scoped = command;
  YTB_ASSIGN(scoped.argv.front(), find_program(command.argv.front()));
  YTB_ASSIGN(User user, find_user(command.run_as));
  std::optional<User> owner = is_ourselves(user) ? std::optional<User>() : user;
  std::vector<std::string> prefix = scope_for(unit, command.run_as);
  if (!prefix.empty()) {
    scoped.argv.insert(scoped.argv.begin(), prefix.begin(), prefix.end());
    scoped.run_as.clear();  // systemd-run switches, as only root may make the scope
    scoped.environment.emplace("HOME", user.home);
    scoped.environment.emplace("USER", user.name);
    for (const char* name : {"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"}) {
      const char* value = ::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets variables
      if (value != nullptr && !running_as_root()) scoped.environment.emplace(name, value);
    }
  }
  YTB_ASSIGN(internal::Child child, internal::prepare(scoped));
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
  int status = 0;
  while (::waitpid(first, &status, 0) < 0 && errno == EINTR) {
  }
  pid_t second = -1;
  if (::read(number_read.get(), &second, sizeof second) != static_cast<ssize_t>(sizeof second) ||
      second <= 0) {
    return system_error("fork for", command.argv.front(), EAGAIN);
  }
  YTB_TRY(internal::read_report(report_read.get(), command));
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
    auto cwd = read_link(fmt::format("/proc/{}/cwd", *pid));
    if (!cwd.ok()) continue;  // not ours to see, or gone
    std::string_view where = *cwd;
    constexpr std::string_view kDeleted = " (deleted)";
    if (where.size() > kDeleted.size() && where.substr(where.size() - kDeleted.size()) == kDeleted) {
      where.remove_suffix(kDeleted.size());
    }
    if (is_inside(where, folder) && process_runs(*pid)) found.push_back(*pid);
  }
  return found;
}

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
        ::kill(pid, SIGKILL);
      } else if (!asked) {
        ::kill(pid, signal);
      }
    }
    asked = true;
    std::this_thread::sleep_for(kLookEvery);
  }
}

}  // namespace ytb::os
