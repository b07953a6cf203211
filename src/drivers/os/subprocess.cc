#include "drivers/os/subprocess.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "base/text.h"
#include "drivers/os/child.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"

namespace ytb::os {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;
constexpr int kPollMs = 50;
constexpr auto kKillAfter = std::chrono::seconds(10);
constexpr size_t kPieceMax = 4096;
constexpr size_t kTailLines = 5;

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Result<Pipe> make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return system_error("make", "a pipe", errno);
  return Pipe{Descriptor(fds[0]), Descriptor(fds[1])};
}

Result<Pipe> make_socket_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    return system_error("make", "a pair of sockets", errno);
  }
  return Pipe{Descriptor(fds[0]), Descriptor(fds[1])};
}

void point_into(std::vector<std::string>& texts, std::vector<char*>& pointers) {
  pointers.clear();
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
}

// The one running child of a run(): its pipes, its output so far, and how it is ended.
class Running {
 public:
  explicit Running(const Command& command) : command_(command), input_(command.stdin_text) {}
  // Whatever happens, no child of ours stays behind.
  ~Running() {
    if (pid_ > 0 && !reaped_) {
      ::kill(-pid_, SIGKILL);
      ::kill(pid_, SIGKILL);
      wait_for_end(0);
    }
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  Status start();
  Result<Finished> finish();

 private:
  void pump(int timeout_ms);
  void feed();
  void drain(Descriptor& from, std::string& into, bool is_stderr);
  void tell(std::string_view bytes);
  bool wait_for_end(int options);
  void signal_group(int number) { ::kill(-pid_, number); }

  const Command& command_;
  std::string_view input_;
  pid_t pid_ = -1;
  bool reaped_ = false;
  int wait_status_ = 0;
  Descriptor in_;
  Descriptor out_;
  Descriptor err_;
  Finished finished_;
  std::string piece_;  // of stderr, not told yet
};

Status Running::start() {
  YTB_ASSIGN(internal::Child child, internal::prepare(command_));
  internal::Admission admission;
  YTB_TRY(admission.prepare(command_, child));
  point_into(child.arguments, child.argument_pointers);
  point_into(child.environment, child.environment_pointers);
  // A socket, as writing to one whose other end is closed need not raise SIGPIPE.
  YTB_ASSIGN(Pipe in, make_socket_pair());
  YTB_ASSIGN(Pipe out, make_pipe());
  YTB_ASSIGN(Pipe err, make_pipe());
  YTB_ASSIGN(Pipe report, make_pipe());
  child.fds[0] = in.read.get();
  child.fds[1] = out.write.get();
  child.fds[2] = err.write.get();
  // This thread waits for the child, so it lives as long as the child does.
  child.death_signal = command_.end_signal;
  pid_ = internal::fork_child(child);
  if (pid_ < 0) return internal::fork_error(command_, errno);
  if (pid_ == 0) internal::become(child, report.write.get());
  report.write.reset();
  admission.close_child_ends();
  Status started = admission.admit(pid_, report.read.get(), command_);
  if (started.ok()) started = internal::read_report(report.read.get(), command_);
  if (!started.ok()) {
    ::kill(pid_, SIGKILL);
    wait_for_end(0);
    return started;
  }
  in_ = std::move(in.write);
  out_ = std::move(out.read);
  err_ = std::move(err.read);
  for (const Descriptor* end : {&in_, &out_, &err_}) {
    if (::fcntl(end->get(), F_SETFL, O_NONBLOCK) != 0) return system_error("set up", "a pipe", errno);
  }
  if (input_.empty()) in_.reset();
  return {};
}

bool Running::wait_for_end(int options) {
  if (reaped_) return true;
  pid_t ended = 0;
  do {
    ended = ::waitpid(pid_, &wait_status_, options);
  } while (ended < 0 && errno == EINTR);
  reaped_ = ended == pid_ || ended < 0;
  return reaped_;
}

void Running::feed() {
  ssize_t written = ::send(in_.get(), input_.data(), input_.size(), MSG_NOSIGNAL);
  if (written > 0) input_.remove_prefix(static_cast<size_t>(written));
  bool again = written < 0 && (errno == EAGAIN || errno == EINTR);
  // A program that does not want all of its input may leave it.
  if (input_.empty() || (written < 0 && !again)) in_.reset();
}

void Running::tell(std::string_view bytes) {
  if (!command_.on_stderr) return;
  for (char byte : bytes) {
    bool end = byte == '\n' || byte == '\r';
    if (!end) piece_ += byte;
    if ((end || piece_.size() >= kPieceMax) && !piece_.empty()) {
      command_.on_stderr(piece_);
      piece_.clear();
    }
  }
}

void Running::drain(Descriptor& from, std::string& into, bool is_stderr) {
  char buffer[64 << 10];
  ssize_t size = ::read(from.get(), buffer, sizeof buffer);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) {
    from.reset();
    return;
  }
  std::string_view bytes(buffer, static_cast<size_t>(size));
  if (is_stderr) tell(bytes);
  size_t room = command_.output_bytes_max - std::min(command_.output_bytes_max, into.size());
  if (bytes.size() > room) finished_.truncated = true;
  into.append(bytes.substr(0, room));
}

void Running::pump(int timeout_ms) {
  std::array<pollfd, 3> polled{pollfd{in_.get(), POLLOUT, 0}, pollfd{out_.get(), POLLIN, 0},
                               pollfd{err_.get(), POLLIN, 0}};
  if (::poll(polled.data(), polled.size(), timeout_ms) <= 0) return;
  if (in_.valid() && polled[0].revents != 0) feed();
  if (out_.valid() && polled[1].revents != 0) drain(out_, finished_.out, false);
  if (err_.valid() && polled[2].revents != 0) drain(err_, finished_.err, true);
}

Result<Finished> Running::finish() {
  const SteadyTime begun = std::chrono::steady_clock::now();
  std::optional<SteadyTime> asked_to_end;
  bool timed_out = false;
  for (;;) {
    bool piped = out_.valid() || err_.valid();
    pump(piped ? kPollMs : 1);
    // A grandchild may hold the pipes open: the end of the child is what counts, then what is left is read.
    if (wait_for_end(WNOHANG)) break;
    if (!piped) ::poll(nullptr, 0, 5);
    SteadyTime now = std::chrono::steady_clock::now();
    if (!asked_to_end &&
        (now - begun > command_.timeout || (command_.stop != nullptr && command_.stop->requested()))) {
      timed_out = now - begun > command_.timeout;
      asked_to_end = now;
      signal_group(command_.end_signal);
    }
    if (asked_to_end && now - *asked_to_end > kKillAfter) signal_group(SIGKILL);
  }
  constexpr int kReadsMax = 64;  // what the pipes can still hold
  for (int i = 0; i < kReadsMax && (out_.valid() || err_.valid()); ++i) pump(0);
  if (asked_to_end) {
    signal_group(SIGKILL);  // what it started and left
    if (timed_out) {
      return Error{.code = Code::kExternal,
                   .message = fmt::format("{} did not end within {}", printable(command_.argv.front()),
                                          to_human(command_.timeout)),
                   .hint = {},
                   .retry = Retry::kInDoubt};
    }
    return command_.stop->check().error();
  }
  if (!piece_.empty() && command_.on_stderr) command_.on_stderr(piece_);
  finished_.exit_status =
      WIFSIGNALED(wait_status_) ? 128 + WTERMSIG(wait_status_) : WEXITSTATUS(wait_status_);
  return std::move(finished_);
}

std::string last_lines(std::string_view text) {
  std::vector<std::string> kept;
  for (const std::string& line : split(trim(text), '\n')) {
    if (!trim(line).empty()) kept.emplace_back(printable(trim(line)));
  }
  if (kept.size() > kTailLines) kept.erase(kept.begin(), kept.end() - kTailLines);
  return join(kept, "; ");
}

}  // namespace

Result<Finished> run(const Command& command) {
  Running running(command);
  YTB_TRY(running.start());
  return running.finish();
}

Result<Finished> run_checked(const Command& command) {
  YTB_ASSIGN(Finished finished, run(command));
  if (finished.ok()) return finished;
  std::string said = last_lines(finished.err.empty() ? finished.out : finished.err);
  std::string how = finished.exit_status > 128
                        ? fmt::format("was ended by signal {}", finished.exit_status - 128)
                        : fmt::format("failed with status {}", finished.exit_status);
  return Error{
      .code = Code::kExternal,
      .message = fmt::format("{} {}{}{}", name_in(command.argv.front()), how, said.empty() ? "" : ": ", said),
      .hint = {}};
}

Error become(const std::string& program, std::vector<std::string> argv,
             const std::map<std::string, std::string>& environment) {
  std::vector<std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text(*entry);
    if (!environment.contains(text.substr(0, text.find('=')))) variables.push_back(text);
  }
  for (const auto& [name, value] : environment) variables.push_back(fmt::format("{}={}", name, value));
  std::vector<char*> arguments;
  std::vector<char*> variable_pointers;
  point_into(argv, arguments);
  point_into(variables, variable_pointers);
  // Handlers end with us by themselves; what is ignored would stay so.
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  ::sigaction(SIGPIPE, &standard, nullptr);
  ::execve(program.c_str(), arguments.data(), variable_pointers.data());
  return system_error("execute", program, errno);
}

Result<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (::access(name.c_str(), X_OK) == 0) return name;
    return system_error("execute", name, errno);
  }
  const char* path = ::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  for (const std::string& folder : split(path != nullptr ? path : "/usr/bin:/bin", ':')) {
    if (folder.empty() || folder.front() != '/') continue;
    std::string candidate = join_path(folder, name);
    struct stat found {};
    if (::stat(candidate.c_str(), &found) == 0 && S_ISREG(found.st_mode) &&
        ::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return Error{.code = Code::kExternal,
               .message = fmt::format("the program '{}' is not in PATH", printable(name)),
               .hint = "install it, or add its folder to PATH"};
}

}  // namespace ytb::os
