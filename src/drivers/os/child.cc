#include "drivers/os/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "base/text.h"
#include "drivers/os/core_files.h"
#include "drivers/os/files.h"
#include "drivers/os/system_call_filter.h"

namespace ytb::os::internal {
namespace {

constexpr int kReportFd = 3;
constexpr int kGoFd = 4;
constexpr int kLockFd = 5;
constexpr const char* kPathDefault = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr const char* kPathSealed = "/usr/bin:/bin";
constexpr auto kReadyMax = std::chrono::seconds(60);

constexpr std::array kStepNames{"reset the signals of",
                                "make a session for",
                                "connect",
                                "set the groups of",
                                "set the group of",
                                "set the user of",
                                "enter the folder of",
                                "execute",
                                "await our word for",
                                "map its user",
                                "mount",
                                "show",
                                "protect",
                                "write",
                                "raise the loopback device",
                                "name its host",
                                "enter its root",
                                "take its privileges",
                                "restrict by Landlock",
                                "filter the system calls of",
                                ""};

struct Report {
  int step;
  int error;
  char subject[240];
};

void reset_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Moves the wanted descriptors to 0, 1, 2, the report to 3, and where there is a lock, our word to 4 and the
// lock to 5, else what is inherited to 4 and further; closes all others.
bool place_descriptors(const Child& child, int report_fd) {
  constexpr int kCountMax = kFirstInherited + static_cast<int>(kInheritedMax);
  static_assert(kLockFd < kCountMax);
  int wanted[kCountMax] = {child.fds[0], child.fds[1], child.fds[2], report_fd, child.go_fd, child.lock_fd};
  const bool awaited = child.go_fd >= 0;
  int count = awaited ? kLockFd + 1 : kReportFd + 1;
  if (!awaited) {
    for (const int fd : child.inherited) wanted[count++] = fd;
  }
  int high[kCountMax];
  for (int i = 0; i < count; ++i) {
    high[i] = ::fcntl(wanted[i], F_DUPFD, kCountMax);  // out of the way of the targets
    if (high[i] < 0) return false;
  }
  for (int i = 0; i < count; ++i) {
    const bool closes = i == kReportFd || (awaited && i == kGoFd);
    if (::dup3(high[i], i, closes ? O_CLOEXEC : 0) < 0) return false;
  }
  return ::close_range(static_cast<unsigned>(count), ~0U, 0) == 0;
}

// The raw system calls: libc's wrappers synchronise threads that the child does not have.
void switch_user(const Child& child) {
  if (!child.user) return;
  if (::syscall(SYS_setgroups, child.groups.size(), child.groups.data()) != 0)
    fail(kReportFd, Step::kGroups, errno);
  gid_t gid = child.user->gid;
  if (::syscall(SYS_setresgid, gid, gid, gid) != 0) fail(kReportFd, Step::kGroup, errno);
  uid_t uid = child.user->uid;
  if (::syscall(SYS_setresuid, uid, uid, uid) != 0) fail(kReportFd, Step::kUser, errno);
}

std::vector<std::string> environment_for(const Command& command, const User& user,
                                         const std::string& program) {
  std::map<std::string, std::string> variables{{"LC_ALL", "C"}, {"TZ", "UTC"}};
  const char* path = ::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  const bool confined = command.enclosure != nullptr && command.enclosure->confinement != Confinement::kNone;
  variables["PATH"] = confined ? kPathSealed : path != nullptr ? path : kPathDefault;
  variables["HOME"] = confined ? "/" : user.home;
  variables["USER"] = user.name;
  // The loader asks /proc what $ORIGIN in a program's list of library folders stands for, and inside there is
  // none (dl-origin.c).
  if (confined) variables["LD_ORIGIN_PATH"] = parent_of(program);
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

void await_admission() {
  Report report{};
  report.step = static_cast<int>(Step::kReady);
  if (::write(kReportFd, &report, sizeof report) != static_cast<ssize_t>(sizeof report)) ::_exit(127);
  char go = 0;
  ssize_t size = 0;
  do {
    size = ::read(kGoFd, &go, 1);
  } while (size < 0 && errno == EINTR);
  if (size != 1) ::_exit(127);  // whoever began us has died or thought better of it
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
  YTB_CHECK(command.inherited.size() <= kInheritedMax);
  YTB_CHECK(command.inherited.empty() || command.enclosure == nullptr);
  child.inherited = command.inherited;
  child.arguments = command.argv;
  child.environment = environment_for(command, user, child.program);
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
  child.memory_max = command.memory_max;
  child.parent = ::getpid();
  return child;
}

void fail(int report_fd, Step step, int error, const char* subject) {
  Report report{};
  report.step = static_cast<int>(step);
  report.error = error;
  for (size_t i = 0; i + 1 < sizeof report.subject && subject[i] != '\0'; ++i) report.subject[i] = subject[i];
  [[maybe_unused]] ssize_t written = ::write(report_fd, &report, sizeof report);
  ::_exit(127);
}

pid_t fork_child(const Child& child) {
  if (!child.sealed) return ::fork();
  // As fork(2), and in new namespaces from its first moment: it is process 1 of its own.
  return static_cast<pid_t>(
      ::syscall(SYS_clone, child.sealed->clone_flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

void become(const Child& child, int report_fd) {
  reset_signals();
  if (child.new_session ? ::setsid() < 0 : ::setpgid(0, 0) != 0) fail(report_fd, Step::kSession, errno);
  if (child.weak) enter_landlock(*child.weak, report_fd);
  if (!place_descriptors(child, report_fd)) fail(report_fd, Step::kDescriptors, errno);
  if (child.go_fd >= 0) forbid_core_files();
  if (child.sealed) {
    enter_sealed_root(*child.sealed, kReportFd);
    drop_bounding_set(kReportFd);
  } else if (child.weak && ::geteuid() == 0) {
    drop_bounding_set(kReportFd);
  }
  switch_user(child);
  if (child.sealed) {
    give_up_privileges(kReportFd);
    install_filter(child.sealed->filter, Reach::kOwnWorld, kReportFd);
  }
  if (child.weak) enter_filter(*child.weak, kReportFd);
  // After the switch, which clears it (prctl(2)).
  if (child.death_signal != 0) {
    if (::prctl(PR_SET_PDEATHSIG, child.death_signal) != 0) fail(kReportFd, Step::kSignals, errno);
    // In a process namespace of its own nobody has a parent; there the end of the pipe tells.
    if (!child.sealed && ::getppid() != child.parent) ::_exit(127);
  }
  if (::chdir(child.cwd.c_str()) != 0) fail(kReportFd, Step::kFolder, errno);
  ::umask(child.umask);
  if (child.memory_max > 0) {
    const rlimit bound{.rlim_cur = child.memory_max, .rlim_max = child.memory_max};
    if (::setrlimit(RLIMIT_AS, &bound) != 0) fail(kReportFd, Step::kSignals, errno);
  }
  if (child.go_fd >= 0) await_admission();
  ::execve(child.program.c_str(), child.argument_pointers.data(), child.environment_pointers.data());
  fail(kReportFd, Step::kExec, errno);
}

namespace {

// None: the pipe was closed.
std::optional<Report> next_report(int report_fd) {
  Report report{};
  ssize_t size = 0;
  do {
    size = ::read(report_fd, &report, sizeof report);
  } while (size < 0 && errno == EINTR);
  if (size != static_cast<ssize_t>(sizeof report)) return std::nullopt;
  return report;
}

Error error_of(const Report& report, const Command& command) {
  const auto step = static_cast<Step>(report.step);
  const char* name = kStepNames.at(static_cast<size_t>(report.step));
  const std::string program = command.argv.front();
  if (step < Step::kMap) return system_error(name, program, report.error);
  if (step == Step::kRestrict || step == Step::kFilter)
    return system_error(name, program, report.error, Code::kUnsupported);
  std::string what = report.subject[0] == '\0' ? name : fmt::format("{} {}", name, printable(report.subject));
  const bool passes = report.error == ENOMEM || report.error == EAGAIN || report.error == ENOENT ||
                      report.error == EIO || report.error == EMFILE || report.error == ENFILE;
  Error error = system_error("seal", program, report.error, passes ? Code::kExternal : Code::kUnsupported);
  error.message = fmt::format("cannot seal {}: {}: {}", name_in(program), what,
                              std::strerror(report.error));  // NOLINT(concurrency-mt-unsafe)
  if (!passes) error.hint = why_no_namespaces(report.error);
  return error;
}

}  // namespace

Error fork_error(const Command& command, int error_number) {
  if (command.enclosure == nullptr || command.enclosure->confinement != Confinement::kSealed)
    return system_error("fork for", command.argv.front(), error_number);
  // Passes: nothing that this host lacks.
  if (error_number == EAGAIN || error_number == ENOMEM)
    return system_error("make namespaces for", command.argv.front(), error_number);
  // clone(2) says ENOSPC, or EUSERS, where a limit is reached: no disk is meant.
  const bool limit = error_number == ENOSPC || error_number == EUSERS;
  return Error{.code = Code::kUnsupported,
               .message = fmt::format("cannot make namespaces for {}: {}", name_in(command.argv.front()),
                                      limit ? "the limit of this host is reached"
                                            : std::strerror(error_number)),  // NOLINT(concurrency-mt-unsafe)
               .hint = why_no_namespaces(error_number)};
}

Status Admission::prepare(const Command& command, Child& child) {
  if (command.enclosure == nullptr) return {};
  const Enclosure& enclosure = *command.enclosure;
  YTB_ASSIGN(Tenancy tenancy, Tenancy::take(enclosure.folder, enclosure.purpose));
  tenancy_.emplace(std::move(tenancy));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("make", "a pipe", errno);
  go_read_ = Descriptor(ends[0]);
  go_write_ = Descriptor(ends[1]);
  child.go_fd = go_read_.get();
  child.lock_fd = tenancy_->descriptor();
  if (enclosure.confinement == Confinement::kNone) return {};
  child.groups.clear();
  if (enclosure.confinement == Confinement::kWeak) {
    YTB_ASSIGN(child.weak, plan_weak_wall(enclosure));
    return {};
  }
  YTB_ASSIGN(User server, find_user(command.run_as));
  YTB_ASSIGN(User ourselves, find_user(""));
  std::vector<User> names{server};
  if (ourselves.uid != server.uid) names.push_back(ourselves);
  YTB_ASSIGN(child.sealed, plan_seal(enclosure, names));
  return {};
}

Status Admission::admit(pid_t child, int report_fd, const Command& command,
                        const std::function<Status()>& before_exec) {
  if (!tenancy_) return {};
  const Enclosure& enclosure = *command.enclosure;
  pollfd look{.fd = report_fd, .events = POLLIN, .revents = 0};
  constexpr auto kReadyMaxMs = std::chrono::duration_cast<std::chrono::milliseconds>(kReadyMax).count();
  int polled = 0;
  do {
    polled = ::poll(&look, 1, static_cast<int>(kReadyMaxMs));
  } while (polled < 0 && errno == EINTR);
  std::optional<Report> report = polled == 1 ? next_report(report_fd) : std::nullopt;
  if (!report) {
    return Error{.code = Code::kExternal,
                 .message = fmt::format("{} ended before it began", printable(command.argv.front())),
                 .hint = {},
                 .retry = Retry::kLater};
  }
  if (static_cast<Step>(report->step) != Step::kReady) return error_of(*report, command);
  if (enclosure.confinement != Confinement::kNone) {
    auto seen = look_at_confinement(child, enclosure);
    if (!seen.ok()) return std::move(seen).error();
  }
  YTB_TRY(tenancy_->record(child, enclosure.confinement));
  if (command.when_alone) YTB_TRY(command.when_alone());
  if (before_exec) YTB_TRY(before_exec());
  const char go = 1;
  if (::write(go_write_.get(), &go, 1) != 1) return system_error("begin", command.argv.front(), errno);
  go_write_.reset();
  return {};
}

Status read_report(int report_fd, const Command& command) {
  std::optional<Report> report = next_report(report_fd);
  if (!report) return {};
  return error_of(*report, command);
}

}  // namespace ytb::os::internal
