#include "drivers/os/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/text.h"

namespace ytb::os::internal {
namespace {

constexpr int kReportFd = 3;
constexpr const char* kPathDefault = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

enum Step : int { kSignals, kSession, kDescriptors, kGroups, kGroup, kUser, kFolder, kExec };
constexpr std::array kStepNames{
    "reset the signals of", "make a session for",  "connect", "set the groups of", "set the group of",
    "set the user of",      "enter the folder of", "execute"};

struct Report {
  int step;
  int error;
};

[[noreturn]] void fail(int report_fd, Step step, int error) {
  Report report{step, error};
  [[maybe_unused]] ssize_t written = ::write(report_fd, &report, sizeof report);
  ::_exit(127);
}

void reset_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Moves the wanted descriptors to 0, 1, 2 and the report to 3, and closes all others.
bool place_descriptors(const Child& child, int report_fd) {
  int high[4];
  const int wanted[4] = {child.fds[0], child.fds[1], child.fds[2], report_fd};
  for (int i = 0; i < 4; ++i) {
    high[i] = ::fcntl(wanted[i], F_DUPFD, 10);  // out of the way of the targets
    if (high[i] < 0) return false;
  }
  for (int i = 0; i < 4; ++i) {
    if (::dup3(high[i], i, i == kReportFd ? O_CLOEXEC : 0) < 0) return false;
  }
  return ::close_range(kReportFd + 1, ~0U, 0) == 0;
}

// The raw system calls: libc's wrappers synchronise threads that the child does not have.
void switch_user(const Child& child) {
  if (!child.user) return;
  if (::syscall(SYS_setgroups, child.groups.size(), child.groups.data()) != 0)
    fail(kReportFd, kGroups, errno);
  gid_t gid = child.user->gid;
  if (::syscall(SYS_setresgid, gid, gid, gid) != 0) fail(kReportFd, kGroup, errno);
  uid_t uid = child.user->uid;
  if (::syscall(SYS_setresuid, uid, uid, uid) != 0) fail(kReportFd, kUser, errno);
}

std::vector<std::string> environment_for(const Command& command, const User& user) {
  std::map<std::string, std::string> variables{{"LC_ALL", "C"}, {"TZ", "UTC"}};
  const char* path = ::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  variables["PATH"] = path != nullptr ? path : kPathDefault;
  variables["HOME"] = user.home;
  variables["USER"] = user.name;
  // The sanitizers' options must reach programs of ours that tests start.
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"}) {
    const char* value = ::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    if (value != nullptr) variables[name] = value;
  }
  for (const auto& [name, value] : command.environment) variables[name] = value;
  std::vector<std::string> lines;
  lines.reserve(variables.size());
  for (const auto& [name, value] : variables) lines.push_back(fmt::format("{}={}", name, value));
  return lines;
}

bool holds_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

}  // namespace

Result<Child> prepare(const Command& command) {
  YTB_CHECK(!command.argv.empty());
  Child child;
  YTB_ASSIGN(child.program, find_program(command.argv.front()));
  YTB_ASSIGN(User user, find_user(command.run_as));
  if (!is_ourselves(user)) {
    if (!running_as_root()) {
      return Error{.code = Code::kConfig,
                   .message = fmt::format("cannot run {} as user '{}': only root can switch users",
                                          printable(command.argv.front()), printable(user.name)),
                   .hint = "run this program as root or as that user, or leave run_as out"};
    }
    YTB_ASSIGN(child.groups, groups_of(user));
    child.user = user;
  }
  child.arguments = command.argv;
  child.environment = environment_for(command, user);
  for (const std::vector<std::string>* texts : {&child.arguments, &child.environment}) {
    for (const std::string& text : *texts) {
      if (holds_nul(text)) {
        return Error{
            .code = Code::kConfig, .message = "an argument of a program holds a NUL byte", .hint = {}};
      }
    }
  }
  child.cwd = command.cwd;
  child.umask = command.umask;
  child.parent = ::getpid();
  return child;
}

void become(const Child& child, int report_fd) {
  reset_signals();
  if (child.new_session ? ::setsid() < 0 : ::setpgid(0, 0) != 0) fail(report_fd, kSession, errno);
  if (!place_descriptors(child, report_fd)) fail(report_fd, kDescriptors, errno);
  switch_user(child);
  // After the switch, which clears it (prctl(2)).
  if (child.death_signal != 0) {
    if (::prctl(PR_SET_PDEATHSIG, child.death_signal) != 0) fail(kReportFd, kSignals, errno);
    if (::getppid() != child.parent) ::_exit(127);
  }
  if (::chdir(child.cwd.c_str()) != 0) fail(kReportFd, kFolder, errno);
  ::umask(child.umask);
  ::execve(child.program.c_str(), child.argument_pointers.data(), child.environment_pointers.data());
  fail(kReportFd, kExec, errno);
}

Status read_report(int report_fd, const Command& command) {
  Report report{};
  ssize_t size = 0;
  do {
    size = ::read(report_fd, &report, sizeof report);
  } while (size < 0 && errno == EINTR);
  if (size != static_cast<ssize_t>(sizeof report)) return {};
  return system_error(kStepNames.at(static_cast<size_t>(report.step)), command.argv.front(), report.error);
}

}  // namespace ytb::os::internal
