#include "drivers/postgres/instance.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <thread>

#include "base/text.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/enclosure.h"
#include "drivers/os/files.h"
#include "drivers/os/occupant.h"
#include "drivers/os/process_files.h"
#include "drivers/os/subprocess.h"
#include "drivers/os/unix_socket.h"
#include "drivers/os/users.h"
#include "drivers/postgres/bootstrap_role.h"
#include "drivers/postgres/catalog_origin.h"
#include "drivers/postgres/fresh_cluster.h"
#include "drivers/postgres/initial_privileges.h"
#include "drivers/postgres/neutralise.h"
#include "drivers/postgres/scram.h"
#include "drivers/postgres/server_files.h"
#include "drivers/postgres/server_messages.h"
#include "drivers/postgres/server_settings.h"
#include "drivers/postgres/single_user.h"

namespace ytb::postgres {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto kLookEvery = milliseconds(20);
constexpr auto kStartMax = minutes(30);  // crash recovery of an opened copy after a power cut
constexpr auto kStopFastMax = minutes(5);
constexpr auto kStopImmediateMax = seconds(20);
constexpr auto kKillGrace = seconds(10);
constexpr auto kAskEvery = seconds(1);
constexpr size_t kPidFileMax = 4096;
constexpr size_t kLogTailBytes = 800;
// Of each process: what its code makes also comes to us, as an error's text.
constexpr uint64_t kTrialMemoryMax = 512UL << 20;
constexpr auto kSyncMax = std::chrono::hours(2);

// The status line of postmaster.pid (pidfile.h, LOCK_FILE_LINE_PM_STATUS; earlier lines come first while it
// starts): "starting", "ready", "stopping". Only of a server that is known to run is it worth anything.
bool says_ready(const ports::InstanceSpec& spec) {
  constexpr size_t kStatusLine = 7;
  auto text = os::read_file(spec.data() + "/postmaster.pid", kPidFileMax);
  if (!text.ok()) return false;
  std::vector<std::string> lines = split(*text, '\n');
  return lines.size() > kStatusLine && trim(lines[kStatusLine]) == "ready";
}

std::string log_file(const ports::InstanceSpec& spec, Door door) {
  return spec.log() + (door == Door::kClosed ? "/closed.log" : "/server.log");
}

std::optional<std::string> log_since(const std::string& path, uint64_t from) {
  auto text = os::read_file(path, 256 << 20);
  if (!text.ok()) return std::nullopt;
  return text->substr(std::min<size_t>(from, text->size()));
}

std::string tail_of(const std::optional<std::string>& log) {
  if (!log) return "no log";
  std::string_view rest = *log;
  if (rest.size() > kLogTailBytes) rest.remove_prefix(rest.size() - kLogTailBytes);
  return printable(trim(rest));
}

// Whether a server ended for what the config gives it: a library that it does not find or cannot load
// (dfmgr.c), a setting that it does not take (guc-file.l), two that exclude each other (postmaster.c).
bool refuses_the_config(const std::optional<std::string>& log) {
  if (!log) return false;
  constexpr std::string_view kSays[] = {"could not access file \"", "could not load library \"",
                                        "incompatible library \"", "contains errors",
                                        "must be less than "};  // newer versions quote the name
  for (const std::string& line : split(*log, '\n')) {
    const bool fatal = line.find("FATAL:  ") != std::string::npos || line.find("postgres: ") == 0;
    if (!fatal) continue;
    for (std::string_view says : kSays) {
      if (line.find(says) != std::string::npos) return true;
    }
  }
  return false;
}

std::string boot_file(const ports::InstanceSpec& spec) { return spec.root + "/closed-boot-id"; }

// While durability is off, a host that went down took an unknown part of the copy with it.
Status check_same_boot(const ports::InstanceSpec& spec) {
  auto now = os::boot_id();
  if (!now.ok() || !os::exists(boot_file(spec))) return {};
  YTB_ASSIGN(std::string then, os::read_file(boot_file(spec), kPidFileMax));
  if (trim(then) == trim(*now)) return {};
  return Error{.code = Code::kCorrupt,
               .message = fmt::format(
                   "the host was restarted while copy {} was being made with durability off", spec.copy_id),
               .hint = "it is restored again from the snapshot"};
}

Status record_boot(const ports::InstanceSpec& spec) {
  auto now = os::boot_id();
  if (!now.ok() || os::exists(boot_file(spec))) return {};
  return os::write_file(boot_file(spec), *now);
}

// OID 10 is ours, everybody else's door is shut. Direct updates of pg_authid: no name needs quoting, and no
// event trigger, hook or check of production's runs.
// `verifier`: of the password that our own role has as long as the copy is closed.
std::vector<std::string> shut_statements(const std::string& verifier, int major) {
  std::vector<std::string> out = {
      "UPDATE pg_authid SET rolsuper = true, rolinherit = true, rolcreaterole = true, rolcreatedb = true, "
      "rolbypassrls = true, rolcanlogin = true, rolconnlimit = -1, rolvaliduntil = NULL, rolpassword = " +
          hex_literal(verifier) + " WHERE oid = 10",
      "UPDATE pg_authid SET rolcanlogin = false, rolpassword = NULL WHERE oid <> 10 AND (rolcanlogin OR "
      "rolpassword IS NOT NULL)",
  };
  // Event triggers that fire at logins. Each database's own are switched off, and on again, with the others
  // (progress_store.cc).
  if (major >= 17) out.emplace_back("UPDATE pg_database SET dathasloginevt = false");
  out.emplace_back("CHECKPOINT");
  return out;
}

std::string shut_check(const std::string& admin_role) {
  return fmt::format(
      "SELECT (SELECT count(*) FROM pg_authid WHERE oid <> 10 AND (rolcanlogin OR rolpassword IS NOT NULL)) "
      "+ "
      "(SELECT abs(count(*) - 1) FROM pg_authid WHERE oid = 10 AND rolname = {} AND rolsuper AND "
      "rolcanlogin) AS "
      "ytb",
      hex_literal(admin_role));
}

// Beside the data folder, where no server of a copy looks: code of production's may run as our own user, who
// could otherwise log in as our role by who he is.
std::string admin_password_file(const ports::InstanceSpec& spec) {
  return os::join_path(spec.root, "closed.password");
}

Result<Secret> read_admin_password(const ports::InstanceSpec& spec) {
  constexpr size_t kPasswordBytesMax = 1024;
  YTB_ASSIGN(std::string text, os::read_file(admin_password_file(spec), kPasswordBytesMax));
  return Secret(std::move(text));
}

// Makes the password where there is none. It is random: no iterations are needed to slow down guesses.
Result<std::string> admin_verifier(const ports::InstanceSpec& spec) {
  constexpr size_t kPasswordBytes = 32;
  constexpr size_t kSaltBytes = 16;
  const std::string file = admin_password_file(spec);
  if (!os::exists(file)) YTB_TRY(os::write_file(file, to_hex(random_key(kPasswordBytes).reveal())));
  YTB_ASSIGN(Secret password, read_admin_password(spec));
  return scram_verifier(password, random_key(kSaltBytes).reveal(), 1);
}

// "6d79 2": in the database "my" there were two prepared transactions.
std::string prepared_file(const ports::InstanceSpec& spec) {
  return os::join_path(spec.root, "prepared.transactions");
}

// What hand-over has to know first; bytes as hex. Half-dropped databases (datconnlimit = -2) admit nobody and
// are dropped by defuse.
constexpr const char* kListDatabases =
    "SELECT encode(namesend(datname), 'hex') AS ytb_database FROM pg_database WHERE datconnlimit <> -2";
// By the function, not the view: that may be production's at the time.
constexpr const char* kListPrepared =
    "SELECT encode(namesend(d.datname), 'hex') AS ytb_database_of, encode(textsend(p.gid), 'hex') AS ytb_gid "
    "FROM pg_prepared_xact() p JOIN pg_database d ON d.oid = p.dbid";

bool is_reserved_name(const std::string& name) {
  return !name.empty() && name.size() <= 63 && name[0] >= 'a' && name[0] <= 'z' && !name.starts_with("pg_") &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

Status check_admin(const ports::InstanceSpec& spec) {
  if (is_reserved_name(spec.admin_role)) return {};
  return Error{.code = Code::kInternal,
               .message = fmt::format("'{}' cannot be the name of our own role", printable(spec.admin_role)),
               .hint = {}};
}

// What a server that was killed has left: files whose process ids are somebody else's by now, and, where
// nothing sealed it, backends that outlived it. A server that an earlier version of ours began is ended, too.
Status clear_leftovers(const ports::InstanceSpec& spec) {
  YTB_TRY(os::end_processes_in(spec.data(), SIGINT, kKillGrace));
  YTB_TRY(os::remove_file(spec.data() + "/postmaster.pid"));
  YTB_TRY(os::remove_file(fmt::format("{}/.s.PGSQL.{}", spec.run(), spec.port)));
  return os::remove_file(fmt::format("{}/.s.PGSQL.{}.lock", spec.run(), spec.port));
}

// Both must outlive the command.
os::Command server_of(const ports::InstanceSpec& spec, const std::string& program,
                      const os::Enclosure& enclosure) {
  return {.argv = {program, "-D", spec.data()},
          .run_as = spec.run_as,
          .enclosure = &enclosure,
          .when_alone = [&spec] { return clear_leftovers(spec); }};
}

Status begin(const ports::InstanceSpec& spec, const std::string& bin_dir, Door door) {
  YTB_ASSIGN(os::Enclosure enclosure,
             enclosure_for(spec, bin_dir, door == Door::kClosed ? kClosedServer : kOpenServer));
  YTB_ASSIGN(std::string program, server_program(bin_dir));
  const os::Command command = server_of(spec, program, enclosure);
  auto spawned = os::spawn_detached(command, log_file(spec, door), "yesterdaytabase-" + spec.copy_id);
  if (!spawned.ok()) return std::move(spawned).error();
  return {};
}

// A session outside a seal may outlive its server, as long as its statement runs, and hold the folder's lock.
// What it began as counts, not what the config says today.
Status end_orphans(const ports::InstanceSpec& spec) {
  YTB_ASSIGN(std::optional<os::OccupantRecord> last, os::last_occupant(spec.root));
  if (last ? last->confinement == os::Confinement::kSealed : spec.isolation.sealed()) return {};
  YTB_ASSIGN(std::vector<pid_t> left, os::processes_in(spec.data()));
  if (left.empty()) return {};
  // In this order: a server is written down before it is let into the folder.
  YTB_ASSIGN(std::optional<os::Occupant> server, os::Occupant::find(spec.root));
  return server ? Status() : os::end_processes_in(spec.data(), SIGINT, kKillGrace);
}

Status start(const ports::InstanceSpec& spec, const std::string& bin_dir, Door door) {
  YTB_ASSIGN(std::optional<os::Occupant> running, os::Occupant::find(spec.root));
  std::string log = log_file(spec, door);
  uint64_t log_from = 0;
  const std::string_view purpose = door == Door::kClosed ? kClosedServer : kOpenServer;
  if (running && running->record().purpose != purpose) {
    return Error{.code = Code::kBusy,
                 .message = fmt::format("a {} server works in copy {} already", running->record().purpose,
                                        spec.copy_id),
                 .hint = "someone else is at work on it; it is looked at again",
                 .retry = Retry::kLater};
  }
  if (!running) {
    auto before = os::info_of(log);
    if (before.ok() && *before) log_from = (*before)->size_bytes;
    YTB_TRY(end_orphans(spec));
    YTB_TRY(begin(spec, bin_dir, door));
  }
  auto deadline = std::chrono::steady_clock::now() + kStartMax;
  while (std::chrono::steady_clock::now() < deadline) {
    YTB_ASSIGN(std::optional<os::Occupant> now, os::Occupant::find(spec.root));
    if (!now) {
      const std::optional<std::string> said = log_since(log, log_from);
      Error ended{.code = Code::kExternal,
                  .message = fmt::format("the server of copy {} ended while starting: {}", spec.copy_id,
                                         tail_of(said)),
                  .hint = fmt::format("see {}", log),
                  .retry = Retry::kLater};
      if (const std::string hint = hint_of_shortage(said.value_or("")); !hint.empty()) {
        ended.code = Code::kSpace;
        ended.hint = fmt::format("{}; the log is {}", hint, log);
      }
      // Closed, it has nothing of the config's but sizes of memory.
      if (door == Door::kOpen && refuses_the_config(said)) {
        ended.code = Code::kConfig;
        ended.hint = fmt::format(
            "correct copies.local.preload or copies.local.settings, then refresh; the log is {}", log);
        ended.retry = Retry::kNever;
      }
      return ended;
    }
    if (says_ready(spec)) return {};
    std::this_thread::sleep_for(kLookEvery);
  }
  return Error{.code = Code::kExternal,
               .message = fmt::format("the server of copy {} did not become ready in {} minutes",
                                      spec.copy_id, kStartMax.count()),
               .hint = fmt::format("see {}", log),
               .retry = Retry::kLater};
}

// False: it still runs. Asked more than once: what has not set up its signals yet hears nothing.
bool ask_to_end(const os::Occupant& occupant, int signal, seconds patience) {
  for (seconds waited{0}; waited < patience; waited += kAskEvery) {
    occupant.signal(signal);
    if (occupant.wait_end(kAskEvery)) return true;
  }
  return false;
}

std::function<void(std::string_view)> teller(ports::Progress& progress) {
  return [&progress](std::string_view line) {
    // "redo in progress, elapsed time: …" from version 15 on.
    if (line.find("redo in progress") != std::string_view::npos)
      progress.update({.stage = "redo", .item = line.substr(line.find("redo in progress"))});
  };
}

// Until the catalogs have been looked at, no statement may be said: not even SELECT 0.
Status recover_only(const ports::InstanceSpec& spec, const std::string& bin_dir, ports::Progress& progress,
                    const StopFlag& stop) {
  auto done = run_single_user(spec, bin_dir, {.expect_zero = ""}, teller(progress), &stop);
  return done.ok() ? Status() : Status(std::move(done).error());
}

// Statements that record in the copy how many prepared transactions were rolled back.
Result<std::vector<std::string>> prepared_labels(const ports::InstanceSpec& spec) {
  constexpr size_t kBytesMax = 64UL << 20;
  std::vector<std::string> out;
  if (!os::exists(prepared_file(spec))) return out;
  YTB_ASSIGN(std::string lines, os::read_file(prepared_file(spec), kBytesMax));
  for (const std::string& line : split(lines, '\n')) {
    const std::vector<std::string> words = split(line, ' ');
    if (words.size() != 2) continue;
    out.push_back(
        fmt::format("INSERT INTO pg_shseclabel (objoid, classoid, provider, label) SELECT 10, 1260, '{}' "
                    "|| datname, '{}' FROM pg_database WHERE encode(namesend(datname), 'hex') = '{}'",
                    kLabelPrepared, words[1], words[0]));
  }
  return out;
}

// One run of single-user mode after the other, and a stop between any two of them.
class HandOver {
 public:
  HandOver(const ports::InstanceSpec& spec, const std::string& bin_dir, const CatalogReference& reference,
           ports::Progress& progress, const StopFlag& stop)
      : spec_(spec), bin_dir_(bin_dir), reference_(reference), progress_(progress), stop_(stop) {}

  // What a prepared transaction locks, catalogs, a role or our labels above all, nobody else could update:
  // all of them go before anything is written. How many there were is written down first, beside the data
  // folder: production's own labels are still there.
  Status roll_back_prepared() {
    YTB_ASSIGN(std::string seen, run_in("", {kListPrepared}, "SELECT 0 AS ytb", true));
    std::map<std::string, std::vector<std::string>> gids;
    std::vector<std::string> databases = printed_bytes(seen, "ytb_database_of");
    std::vector<std::string> names = printed_bytes(seen, "ytb_gid");
    for (size_t i = 0; i < std::min(databases.size(), names.size()); ++i)
      gids[databases[i]].push_back(names[i]);
    if (!gids.empty() && !os::exists(prepared_file(spec_))) {  // there: a run that was cut off saw them all
      std::string lines;
      for (const auto& [database, of] : gids) lines += fmt::format("{} {}\n", to_hex(database), of.size());
      YTB_TRY(os::write_file(prepared_file(spec_), lines));
    }
    for (const auto& [database, of] : gids) {
      std::vector<std::string> statements;
      for (const std::string& gid : of) {
        statements.push_back("ROLLBACK PREPARED " + hex_literal(gid));
      }
      YTB_TRY(run_in(database, std::move(statements),
                     "SELECT count(*) AS ytb FROM pg_prepared_xact() p JOIN pg_database d ON d.oid = p.dbid "
                     "WHERE d.datname = current_database()",
                     true));
    }
    return {};
  }

  Status run() {
    progress_.update({.stage = "roles", .item = "of the server"});
    YTB_ASSIGN(std::string seen, run_in("", {kListDatabases}));
    YTB_ASSIGN(std::string verifier, admin_verifier(spec_));
    std::vector<std::string> statements = hand_over_role(spec_.admin_role, spec_.engine_major);
    YTB_ASSIGN(std::vector<std::string> labels, prepared_labels(spec_));
    for (std::string& label : labels) statements.push_back(std::move(label));  // when production's are gone
    for (std::string& statement : shut_statements(verifier, spec_.engine_major))
      statements.push_back(std::move(statement));
    statements.push_back(
        fmt::format("SELECT label AS ytb_under_way FROM pg_shseclabel WHERE objoid = 10 AND provider = '{}'",
                    kLabelUnderWay));
    YTB_ASSIGN(std::string roles, run_in("", std::move(statements), shut_check(spec_.admin_role)));
    if (printed_values(roles, "ytb_under_way").empty()) return {};  // an earlier run finished it
    const std::vector<std::string>& privileges = initial_privileges(reference_);
    for (const std::string& database : printed_bytes(seen, "ytb_database")) {
      progress_.update({.stage = "roles", .item = database});
      std::vector<std::string> moves = fill_servers_tables(reference_);
      for (std::string& statement : hand_over_objects(spec_.admin_role, spec_.engine_major))
        moves.push_back(std::move(statement));
      for (std::string& statement : write_initial_privileges(privileges, spec_.admin_role))
        moves.push_back(std::move(statement));
      YTB_TRY(run_in(database, std::move(moves),
                     fmt::format("SELECT a.ytb + {} AS ytb FROM ({}) a",
                                 count_wrong_initial_privileges(privileges), not_handed_over())));
    }
    YTB_TRY(run_in("", finish_hand_over()));
    return {};
  }

 private:
  Result<std::string> run_in(const std::string& database, std::vector<std::string> statements,
                             std::string expect_zero = "SELECT 0 AS ytb",
                             bool ignore_catalog_indexes = false) {
    YTB_TRY(stop_.check());
    return run_single_user(spec_, bin_dir_,
                           {.database = database,
                            .statements = std::move(statements),
                            .expect_zero = std::move(expect_zero),
                            .ignore_catalog_indexes = ignore_catalog_indexes},
                           nullptr, &stop_);
  }

  const ports::InstanceSpec& spec_;
  const std::string& bin_dir_;
  const CatalogReference& reference_;
  ports::Progress& progress_;
  const StopFlag& stop_;
};

// 13 and 14 gather statistics over a UDP socket of the loopback device, and without them vacuum nothing.
Status check_weak_version(const ports::InstanceSpec& spec) {
  constexpr int kWithoutSockets = 15;
  if (spec.isolation.kind != model::Isolation::Kind::kWeak || spec.engine_major >= kWithoutSockets) return {};
  return Error{
      .code = Code::kUnsupported,
      .message = fmt::format("a copy of PostgreSQL {} cannot run behind a weak wall: its statistics, and "
                             "with them autovacuum, need a network socket",
                             spec.engine_major),
      .hint = "isolation: sealed, or {none: \"the reason\"}"};
}

// Runs the server's program once, confined as the spec says, and nothing of it. kUnsupported: the kernel does
// not allow it.
Status try_isolation(const ports::InstanceSpec& spec) {
  YTB_ASSIGN(std::string bin_dir, PostgresInstance().find_binaries(spec));
  YTB_ASSIGN(std::string program, server_program(bin_dir));
  ports::InstanceSpec trial = spec;
  YTB_ASSIGN(trial.root, os::make_temporary_folder("yesterdaytabase-check-"));
  auto enclosure = enclosure_for(trial, bin_dir, "check");
  Status tried;
  if (enclosure.ok()) {
    auto said =
        os::run_checked({.argv = {program, "--version"}, .run_as = spec.run_as, .enclosure = &*enclosure});
    if (!said.ok()) tried = std::move(said).error();
  } else {
    tried = std::move(enclosure).error();
    // Of the server's files, not of what the kernel allows.
    if (tried.error().code == Code::kUnsupported) {
      Error error = std::move(tried).error();
      error.code = Code::kConfig;
      tried = std::move(error);
    }
  }
  YTB_TRY(os::remove_tree(trial.root));
  return tried;
}

bool end_occupant(const os::Occupant& occupant) {
  if (occupant.record().purpose == kSingleUser) {
    if (ask_to_end(occupant, SIGTERM, kKillGrace)) return true;
  } else {
    if (ask_to_end(occupant, SIGINT, kStopFastMax)) return true;        // fast
    if (ask_to_end(occupant, SIGQUIT, kStopImmediateMax)) return true;  // immediate
  }
  return ask_to_end(occupant, SIGKILL, kKillGrace);
}

Result<std::string> our_name() {
  YTB_ASSIGN(os::User ourselves, os::find_user(""));
  if (!ourselves.name.empty()) return ourselves.name;
  return Error{.code = Code::kConfig,
               .message = fmt::format("user id {} has no name on this host", ourselves.uid),
               .hint = "the closed door admits a user by name: add the user to /etc/passwd"};
}

}  // namespace

Status PostgresInstance::neutralise(const ports::InstanceSpec& spec) { return write_closed(spec, {}); }

Status PostgresInstance::write_closed(const ports::InstanceSpec& spec,
                                      const std::vector<std::string>& guests) {
  YTB_TRY(check_admin(spec));
  YTB_TRY(validate(spec));
  YTB_TRY(check_socket_path(spec));
  YTB_ASSIGN(std::string bin_dir, find_binaries(spec));
  YTB_TRY(check_links(spec.root));
  YTB_TRY(remove_leftovers(spec.data()));
  YTB_TRY(os::set_mode(spec.data(), 0700));
  YTB_TRY(os::set_mode(spec.run(), 0700));
  YTB_ASSIGN(const pgfiles::ControlFile control, read_control(spec));
  YTB_ASSIGN(std::string os_user, our_name());
  return write_configuration(spec, control, Door::kClosed, closed_hba(spec.admin_role),
                             closed_ident(guests, os_user));
}

Status PostgresInstance::make_empty(const ports::InstanceSpec& spec, const std::string& guest,
                                    const StopFlag& stop) {
  YTB_TRY(check_admin(spec));
  YTB_ASSIGN(std::string bin_dir, find_binaries(spec));
  YTB_TRY(make_fresh_cluster(spec, bin_dir, spec.admin_role, &stop));
  YTB_TRY(write_closed(spec, {guest}));
  YTB_TRY(record_boot(spec));
  YTB_ASSIGN(std::string verifier, admin_verifier(spec));
  auto shut = run_single_user(spec, bin_dir,
                              {.statements = shut_statements(verifier, spec.engine_major),
                               .expect_zero = shut_check(spec.admin_role)},
                              nullptr, &stop);
  return shut.ok() ? Status() : Status(std::move(shut).error());
}

Status PostgresInstance::recover(const ports::InstanceSpec& spec, ports::Progress& progress,
                                 const StopFlag& stop) {
  YTB_TRY(check_admin(spec));
  YTB_ASSIGN(std::string bin_dir, find_binaries(spec));
  YTB_TRY(this->stop(spec));
  YTB_TRY(check_links(spec.root));  // between then and now, and what tablespace_map will make of it
  YTB_TRY(record_boot(spec));
  YTB_TRY(check_same_boot(spec));
  progress.update({.stage = "redo", .item = spec.copy_id});
  YTB_TRY(recover_only(spec, bin_dir, progress, stop));
  progress.update({.stage = "catalogs", .item = "a fresh cluster to compare with"});
  YTB_ASSIGN(auto reference, catalog_reference(spec, bin_dir, &stop));
  YTB_ASSIGN(std::vector<std::string> databases,
             compare_catalogs(spec, bin_dir, *reference, progress, &stop));
  HandOver hand_over(spec, bin_dir, *reference, progress, stop);
  YTB_TRY(hand_over.roll_back_prepared());
  YTB_ASSIGN(std::vector<std::string> restored,
             restore_servers_own(spec, bin_dir, *reference, databases, progress, &stop));
  for (const std::string& line : restored) progress.note(line);
  YTB_TRY(hand_over.run());
  YTB_TRY(os::remove_file(prepared_file(spec)));
  return check_links(spec.root);
}

Status PostgresInstance::start_closed(const ports::InstanceSpec& spec) {
  YTB_ASSIGN(std::string bin_dir, find_binaries(spec));
  YTB_TRY(check_same_boot(spec));
  YTB_TRY(record_boot(spec));
  return start(spec, bin_dir, Door::kClosed);
}

Status PostgresInstance::run_closed(const ports::InstanceSpec& spec, Duration life, const StopFlag& stop) {
  YTB_ASSIGN(std::string bin_dir, find_binaries(spec));
  YTB_ASSIGN(os::Enclosure enclosure, enclosure_for(spec, bin_dir, kClosedServer));
  YTB_ASSIGN(std::string program, server_program(bin_dir));
  os::Command command = server_of(spec, program, enclosure);
  command.timeout = life;
  command.output_bytes_max = kLogTailBytes;
  command.stop = &stop;
  command.end_signal = SIGKILL;
  command.memory_max = kTrialMemoryMax;
  auto ended = os::run(command);
  return ended.ok() ? Status() : Status(std::move(ended).error());
}

Status PostgresInstance::prepare_open(const ports::InstanceSpec& spec,
                                      const std::vector<ports::AccessGrant>& grants,
                                      ports::Progress& progress) {
  YTB_ASSIGN(std::string bin_dir, find_binaries(spec));
  YTB_ASSIGN(std::string hba, open_hba(grants));
  YTB_TRY(check_same_boot(spec));
  YTB_TRY(stop(spec));
  std::vector<std::string> statements = {
      "UPDATE pg_authid SET rolcanlogin = false, rolpassword = NULL WHERE rolcanlogin OR rolpassword IS NOT "
      "NULL",
      // Long since done by defuse: what opens a door takes nobody's word for it.
      "UPDATE pg_authid SET rolsuper = false, rolcreaterole = false, rolreplication = false WHERE oid <> 10 "
      "AND "
      "(rolsuper OR rolcreaterole OR rolreplication)",
      "DELETE FROM pg_shseclabel WHERE provider LIKE 'yesterdaytabase%'"};
  for (const ports::AccessGrant& grant : grants) {
    if (grant.role.name == spec.admin_role) {
      return Error{
          .code = Code::kConfig, .message = "an access role has the name of our own role", .hint = {}};
    }
    YTB_ASSIGN(std::string verifier, scram_verifier(grant.password));
    statements.push_back(fmt::format(
        "UPDATE pg_authid SET rolcanlogin = true, rolvaliduntil = NULL, rolpassword = {} WHERE rolname "
        "= {} AND NOT rolsuper AND NOT rolreplication AND oid <> 10",
        hex_literal(verifier), hex_literal(grant.role.name)));
  }
  statements.emplace_back(
      "SELECT set_config('yesterdaytabase.files', pg_relation_filenode('pg_authid') || ' ' || "
      "pg_relation_filenode('pg_shseclabel'), false)");
  statements.emplace_back("VACUUM (FULL) pg_authid, pg_shseclabel");  // earlier verifiers' bytes
  statements.emplace_back("CHECKPOINT");
  std::string check = fmt::format(
      "SELECT abs(count(*) - {}) + count(*) FILTER (WHERE rolsuper OR oid = 10) + (SELECT count(*) FROM "
      "pg_authid WHERE oid <> 10 AND (rolsuper OR rolcreaterole OR rolreplication)) + (SELECT count(*) FROM "
      "pg_shseclabel WHERE provider LIKE 'yesterdaytabase%') + (SELECT count(*) FROM "
      "unnest(string_to_array(current_setting('yesterdaytabase.files'), ' ')) AS before (file) WHERE file IN "
      "(pg_relation_filenode('pg_authid')::text, pg_relation_filenode('pg_shseclabel')::text)) AS ytb FROM "
      "pg_authid "
      "WHERE "
      "rolcanlogin OR rolpassword IS NOT NULL",
      grants.size());
  progress.update({.stage = "open", .item = "roles"});
  auto done = run_single_user(spec, bin_dir,
                              {.database = {}, .statements = std::move(statements), .expect_zero = check},
                              nullptr, nullptr);
  if (!done.ok()) return std::move(done).error();
  progress.update({.stage = "open", .item = "sync"});
  auto synced = os::run_checked(os::Command{.argv = {bin_dir + "/initdb", "--sync-only", "-D", spec.data()},
                                            .run_as = spec.run_as,
                                            .timeout = kSyncMax});
  if (!synced.ok()) return std::move(synced).error();
  YTB_TRY(os::remove_file(boot_file(spec)));
  // Server logs of the closed time may quote what was still raw.
  YTB_TRY(os::remove_file(log_file(spec, Door::kClosed)));
  YTB_ASSIGN(const pgfiles::ControlFile control, read_control(spec));
  // The folder of the socket stays ours alone until the name leads there.
  YTB_TRY(os::remove_file(admin_password_file(spec)));
  return write_configuration(spec, control, Door::kOpen, hba, "");
}

Status PostgresInstance::start_open(const ports::InstanceSpec& spec) {
  YTB_ASSIGN(std::string bin_dir, find_binaries(spec));
  return start(spec, bin_dir, Door::kOpen);
}

Status PostgresInstance::stop(const ports::InstanceSpec& spec) {
  if (!os::exists(spec.data())) return {};
  auto running = os::Occupant::find(spec.root);
  // Whose record is damaged works there as long as the lock is held. Nothing starts in that copy any more,
  // but it can be deleted.
  const bool unknown = !running.ok() && running.error().code == Code::kCorrupt;
  if (!running.ok() && !unknown) return std::move(running).error();
  if (!unknown && *running && !end_occupant(**running)) {
    const pid_t pid = (*running)->pid();
    return Error{.code = Code::kBusy,
                 .message = fmt::format("process {} of copy {} does not end", pid, spec.copy_id),
                 .hint = fmt::format("look at it: ps -fp {}", pid),
                 .retry = Retry::kLater};
  }
  // What nothing sealed: backends that outlived their postmaster, a server of an earlier version of ours.
  YTB_TRY(os::end_processes_in(spec.data(), SIGINT, kKillGrace));
  // A damaged record is read when the lock was had.
  auto take = [&]() -> Status {
    auto alone = os::Tenancy::take(spec.root, "stopping", kKillGrace);
    if (alone.ok() || (unknown && alone.error().code == Code::kCorrupt)) return {};
    return std::move(alone).error();
  };
  Status taken = take();
  if (taken.ok() || taken.error().code != Code::kBusy) return taken;
  YTB_TRY(os::end_lock_holders(spec.root));
  return take();
}

std::optional<int> PostgresInstance::clients(const ports::InstanceSpec& spec) {
  const auto occupant = os::Occupant::find(spec.root);
  if (!occupant.ok() || !*occupant) return std::nullopt;
  const auto commands = os::commands_of_children((*occupant)->pid());
  if (!commands) return std::nullopt;
  // A backend's title names where its client comes from, and copies have Unix sockets alone: ps_status.c. To
  // change titles takes a superuser, and in copies there is none. Network namespaces do not matter here, as
  // they do for the kernel's own table of sockets.
  return static_cast<int>(std::count_if(commands->begin(), commands->end(), [](const std::string& command) {
    return command.starts_with("postgres: ") && command.find(" [local]") != std::string::npos;
  }));
}

Result<ports::InstanceState> PostgresInstance::state(const ports::InstanceSpec& spec) {
  YTB_ASSIGN(std::optional<os::Occupant> running, os::Occupant::find(spec.root));
  if (!running) return ports::InstanceState::kStopped;
  bool ready = running->record().purpose != kSingleUser && says_ready(spec);
  return ready ? ports::InstanceState::kReady : ports::InstanceState::kStarting;
}

Status check_socket_path(const ports::InstanceSpec& spec) {
  std::string path = fmt::format("{}/.s.PGSQL.{}", spec.run(), spec.port);
  if (path.size() <= os::kUnixPathMax) return {};
  return Error{.code = Code::kConfig,
               .message = fmt::format("the socket path {} has {} bytes; the system allows {}", path,
                                      path.size(), os::kUnixPathMax),
               .hint = fmt::format("choose a copies.local.directory that is {} bytes shorter",
                                   path.size() - os::kUnixPathMax)};
}

Status PostgresInstance::check_isolation(const ports::InstanceSpec& spec) {
  if (spec.isolation.kind == model::Isolation::Kind::kNone) return {};
  YTB_TRY(check_weak_version(spec));
  YTB_ASSIGN(std::string bin_dir, find_binaries(spec));
  YTB_TRY(check_extensions(bin_dir, spec.run_as, spec.extensions));
  Status tried = try_isolation(spec);
  if (tried.ok() || tried.error().code != Code::kUnsupported) return tried;
  Error error = std::move(tried).error();
  ports::InstanceSpec weak = spec;
  weak.isolation.kind = model::Isolation::Kind::kWeak;
  const bool has_weak = spec.isolation.sealed() && check_weak_version(weak).ok() && try_isolation(weak).ok();
  error.hint += fmt::format(
      "{}or say in the config that copies run without a seal, and why: copies: {{local: {{isolation: {}",
      error.hint.empty() ? "" : "; ",
      has_weak ? "{weak: \"the reason\"}}}, which keeps them from other files and from every connection; or "
                 "{none: \"the reason\"} in its place, which keeps them from nothing"
               : "{none: \"the reason\"}}}");
  return error;
}

Result<std::optional<model::Isolation::Kind>> PostgresInstance::confined_by(const ports::InstanceSpec& spec) {
  using Kind = model::Isolation::Kind;
  YTB_ASSIGN(std::optional<os::OccupantRecord> last, os::last_occupant(spec.root));
  if (!last) return std::optional<Kind>();
  switch (last->confinement) {
    case os::Confinement::kSealed:
      return std::optional<Kind>(Kind::kSealed);
    case os::Confinement::kWeak:
      return std::optional<Kind>(Kind::kWeak);
    case os::Confinement::kNone:
      break;
  }
  return std::optional<Kind>(Kind::kNone);
}

Result<model::Check> PostgresInstance::isolation(const ports::InstanceSpec& spec) {
  model::Check check{.name = std::string(model::kSealedCheck),
                     .asserts =
                         "the server ran, from its first start, without a way to the network, to other "
                         "processes or to other files of its host",
                     .outcome = model::Outcome::kNotRun,
                     .detail = {}};
  const bool weak = spec.isolation.kind == model::Isolation::Kind::kWeak;
  std::string said =
      fmt::format("{}{}, because: {}", model::kIsolationSaid, spec.isolation.name(), spec.isolation.reason);
  if (!weak && !spec.isolation.sealed()) {
    check.outcome = model::Outcome::kNotCheckable;
    check.detail = std::move(said);
    return check;
  }
  YTB_ASSIGN(std::string bin_dir, find_binaries(spec));
  YTB_ASSIGN(os::Enclosure enclosure, enclosure_for(spec, bin_dir, kClosedServer));
  YTB_ASSIGN(std::optional<os::Occupant> running, os::Occupant::find(spec.root));
  if (!running) {
    check.detail = "no server runs";
    return check;
  }
  auto seen = os::look_at_confinement(running->pid(), enclosure);
  if (!seen.ok()) {
    if (seen.error().code == Code::kRefused) check.outcome = model::Outcome::kFailed;
    check.detail = seen.error().message;
    return check;
  }
  const os::OccupantRecord& record = running->record();
  const uint32_t runs = record.sealed_runs + record.weak_runs + record.unsealed_runs;
  const uint32_t loose = record.unsealed_runs + (weak ? 0 : record.weak_runs);
  if (loose > 0) {
    check.outcome = model::Outcome::kFailed;
    check.detail = fmt::format("{} of {} starts were not {}", loose, runs, spec.isolation.name());
  } else if (weak) {
    // What it asserts, a weak wall does not hold: that is said, and never passed.
    check.outcome = model::Outcome::kNotCheckable;
    check.detail = fmt::format("{}; {} starts; now {}", said, runs, *seen);
  } else {
    check.outcome = model::Outcome::kPassed;
    check.detail = fmt::format("{} starts, all sealed; now {}", runs, *seen);
  }
  return check;
}

Result<ports::SessionTarget> PostgresInstance::session(const ports::InstanceSpec& spec) {
  YTB_TRY(check_admin(spec));
  ports::SessionTarget target;
  target.parameters = {{"host", spec.run()}, {"port", std::to_string(spec.port)}, {"user", spec.admin_role}};
  // Of whoever else listens there, libpq believes nothing, nor does it answer him.
  YTB_ASSIGN(const std::string listener, spec.run_as.empty() ? our_name() : Result<std::string>(spec.run_as));
  target.parameters["requirepeer"] = listener;
  target.label = "copy " + spec.copy_id;
  target.local_copy = true;
  target.folder = spec.root;
  // None: another version of this program began the copy, and the server knows us by our user.
  if (os::exists(admin_password_file(spec))) {
    YTB_ASSIGN(target.password, read_admin_password(spec));
  }
  return target;
}

}  // namespace ytb::postgres
