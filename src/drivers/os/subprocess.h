// Subprocess: running other programs, by argument vector and never through a shell.
//
// Secrets never go into arguments (every user of the host can read them); an environment is readable by the
// same user only, and a file with mode 0600 is better still. Thread-safe.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "base/time.h"
#include "drivers/os/enclosure.h"

namespace ytb::os {

// What Command::inherited begins with in the program.
constexpr int kFirstInherited = 4;
constexpr size_t kInheritedMax = 8;

struct Command {
  std::vector<std::string> argv = {};  // argv[0]: absolute, or a name looked up in PATH
  std::string run_as = {};             // user to switch to (needs root, unless it is us); "": as ourselves
  // The child's whole environment is PATH, HOME, USER, LC_ALL=C, TZ=UTC and this; nothing else is inherited.
  std::map<std::string, std::string> environment = {};
  std::string cwd = "/";
  mode_t umask = 0077;
  uint64_t memory_max = 0;  // bytes of address space of each of its processes; 0: as many as we have
  std::string stdin_text = {};
  // Descriptors of ours that it gets, as 4, 5, … (kFirstInherited). Not with an enclosure.
  std::vector<int> inherited = {};
  // Where it may work and what it sees. Must outlive the call. With one, kBusy where somebody works there
  // already, and kUnsupported where this host cannot seal it.
  const Enclosure* enclosure = nullptr;
  // Called when the folder of the enclosure is the program's alone and it has not begun; an error ends it.
  std::function<Status()> when_alone = {};

  // For run() only.
  Duration timeout = std::chrono::seconds(60);
  size_t output_bytes_max = 1 << 20;  // of each stream; what is beyond is read and dropped
  const StopFlag* stop = nullptr;     // ends the program, kInterrupted
  // Told of stderr as it comes, in pieces that end where a line or a carriage return ends (or at 4 kB).
  std::function<void(std::string_view)> on_stderr = {};
  // What the program gets on timeout, stop, or when we die; SIGKILL follows after ten seconds.
  int end_signal = 15;
};

struct Finished {
  int exit_status = 0;  // 128 + number where a signal ended it
  bool truncated = false;
  std::string out;
  std::string err;
  [[nodiscard]] bool ok() const { return exit_status == 0; }
};

// Runs it to its end. Its status is not judged here. Errors: kExternal where it could not be started (Never)
// or did not end in time (InDoubt), kInterrupted on stop. Nothing of it is left running: it and its group are
// ended first.
Result<Finished> run(const Command& command);
// The same, and any status but 0 is kExternal with the last lines of its stderr.
Result<Finished> run_checked(const Command& command);

// Starts a program that outlives us: own session, standard input from nowhere, output appended to `log_file`
// (made with mode 0600, owned by whom it runs as), every other descriptor closed. Where we are a service of
// systemd it is put into a scope of its own named after `unit` (with an enclosure before it begins), so that
// stopping the service does not end it. Returns its process id; whether it does its work is the caller's to
// find out.
Result<pid_t> spawn_detached(const Command& command, const std::string& log_file, const std::string& unit);

// Becomes that program, with the same arguments (argv[0] included), descriptors, folder and environment, to
// which `environment` is added. Returns only where it could not be: kExternal. For a process that has nothing
// left to do, as other threads of it end without a word.
Error become(const std::string& program, std::vector<std::string> argv,
             const std::map<std::string, std::string>& environment);

// Absolute path of a program in PATH (or `name` itself where it is a path); kExternal where it is not there.
Result<std::string> find_program(const std::string& name);

// Whether a process runs; one that has ended and was not waited for by its parent does not.
bool process_runs(pid_t pid);
// Processes whose working directory is `folder` or below it, ours excepted. Those of other users are seen
// by root only.
Result<std::vector<pid_t>> processes_in(const std::string& folder);
// Ends them: `signal`, up to `grace` of waiting, SIGKILL. Success when none is left.
Status end_processes_in(const std::string& folder, int signal, Duration grace);

namespace internal {
// The call that has systemd put a process into a scope of its own; empty where that is not needed. Pure.
std::vector<std::string> scope_call(bool is_service, bool systemd_runs, bool is_root, bool has_user_bus,
                                    const std::string& busctl, const std::string& unit, pid_t pid);
}  // namespace internal

}  // namespace ytb::os
