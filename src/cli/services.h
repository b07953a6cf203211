// Services: what the command line needs of the world, given by the wiring (or a test).
#pragma once

#include <atomic>
#include <functional>
#include <istream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "ports/adoption.h"
#include "ports/instance.h"
#include "ports/production_look.h"
#include "ports/vault.h"
#include "refresh/drivers.h"
#include "serve/server.h"

namespace ytb::cli {

// What a person types without its being seen.
using AskSecret = std::function<Result<std::optional<Secret>>(const std::string& prompt)>;

// One line of `check`.
inline constexpr std::string_view kFolderOfCopies = "folder of copies";  // what check_place() calls that line
struct CheckLine {
  std::string what;             // "PostgreSQL 15 binaries"
  std::optional<Error> failed;  // none: fine
  std::string detail;           // "/usr/lib/postgresql/15/bin"
  bool warning = false;         // not fine, but a refresh would work
};

// What masking has to do, by the policy and by production's tables, or those of the live copy. None: it is
// not known before the first refresh.
struct MaskedTable {
  std::string name;  // "shop public.users"
  uint64_t bytes = 0;
};
using MaskedTables = std::optional<std::vector<MaskedTable>>;

// `work`: whose masking is to be done.
struct WorkCall {
  std::string copy;
  std::optional<std::string> production;
  std::optional<std::string> config;
};

// `connect`: how psql is called.
struct PsqlCall {
  std::vector<std::string> arguments;              // without its name
  std::map<std::string, std::string> environment;  // beside what this process has; perhaps a password
};

struct Services {
  Clock& clock;
  StopFlag& stop;
  std::atomic<bool>& reload;  // SIGHUP
  std::istream& in;
  bool in_is_terminal = false;
  std::function<std::optional<std::string>(const std::string& variable)> environment;
  refresh::DriverFactory make_drivers;
  // Reads secrets and documents that the config refers to. Empty: those of this machine.
  std::function<Result<std::unique_ptr<ports::Vault>>(const config::AwsConfig&)> open_vault = {};
  // Of a production that has, or may have had, a gate; null for others.
  serve::MakeGatekeeper make_gatekeeper;
  // A production as a login finds it; `about`: roles whose reach is wanted, "" for everybody. Empty: not in
  // this build.
  std::function<ports::ProductionLook(const ports::SessionTarget& target,
                                      const std::vector<std::string>& about)>
      look_at_production = {};
  // From the terminal; none: there is no terminal to ask on, or nothing was typed. Empty: likewise.
  AskSecret ask_secret = {};
  // What keeps this host from sealing copies of servers that are installed, run as this user; none: nothing
  // does, or no server is installed. Empty: not known. For init.
  std::function<std::optional<Error>(const std::string& run_as)> why_no_seal = {};
  // What only the drivers of this production can check: binaries, users, ports, socket paths.
  std::function<std::vector<CheckLine>(const config::Config&, const config::ProductionConfig&,
                                       const MaskedTables&)>
      check_place;
  // Coming from the original, on AWS; kUnsupported for other productions. Empty: not in this build.
  std::function<Result<std::unique_ptr<ports::Adoption>>(const config::Config&,
                                                         const config::ProductionConfig&)>
      open_adoption = {};
  // Installed database servers, e.g. "PostgreSQL 15 (/usr/lib/postgresql/15/bin)"; for init.
  std::function<std::vector<std::string>()> installed_servers;
  // `lambda` and `work`, which run where AWS starts them. Empty: this program was built without.
  std::function<Status()> run_lambda = {};
  std::function<Result<std::string>(const std::string& file)> check_original_config = {};
  std::function<Status(const WorkCall&)> run_work = {};
  // Becomes psql, and comes back only with why that failed (tests: also without). Empty: not in this build.
  std::function<Status(const config::ProductionConfig&, const PsqlCall&)> become_psql = {};
  std::function<void()> on_serve;  // serve begins: from now on SIGHUP means to read the config again
  std::string version;             // "0.1.0"
  std::string executable;          // absolute path of this program, for units of systemd
  AppHooks hooks;
};

// Runs one command line (without the program's name); returns the exit status.
int run_command_line(const std::vector<std::string>& words, Services& services, Output output);

}  // namespace ytb::cli
