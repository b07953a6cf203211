#include "app.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app_aws.h"
#include "app_lambda.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/services.h"
#include "drivers/basebackup/source.h"
#include "drivers/gate/process.h"
#include "drivers/local/local_host.h"
#include "drivers/notify/command_notifier.h"
#include "drivers/os/core_files.h"
#include "drivers/os/environment.h"
#include "drivers/os/files.h"
#include "drivers/os/host_name.h"
#include "drivers/os/secret_prompt.h"
#include "drivers/os/subprocess.h"
#include "drivers/os/tcp_ports.h"
#include "drivers/os/users.h"
#include "drivers/pgfiles/client_programs.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/engine.h"
#include "drivers/postgres/instance.h"
#include "drivers/postgres/production_look.h"
#include "drivers/postgres/read_access.h"
#include "drivers/postgres/schema_trial.h"
#include "drivers/socket/socket_alias.h"
#include "model/engine_versions.h"
#include "refresh/inputs.h"
#include "refresh/local_vault.h"
#include "refresh/sqlite_journal.h"

#ifndef YTB_VERSION
#error "the build gives YTB_VERSION"
#endif

namespace ytb {
namespace {

// Signal handlers can only reach what has static storage.
StopFlag stop_flag;                          // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
std::atomic<bool> reload_flag{false};        // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
std::atomic<bool> hangup_reloads{false};     // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
std::atomic<bool> stop_is_announced{false};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

void say(const char* text) {
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
}

// Async-signal-safe: atomics, write and _exit only.
extern "C" void on_signal(int number) {
  if (number == SIGHUP && hangup_reloads.load()) {
    reload_flag.store(true);
    return;
  }
  if (stop_flag.asking()) {
    say("\nnothing was changed\n");
    ::_exit(130);
  }
  if (stop_flag.requested()) ::_exit(130);  // the second time: at once
  stop_flag.request();
  if (stop_is_announced.load()) {
    say("\nstopping: this is safe, the next run goes on from here (once more to stop at once)\n");
  }
}

void install_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
  stop_is_announced.store(::isatty(STDERR_FILENO) != 0);
}

// One of ours that is empty is not set: templates and task definitions cannot leave one out.
std::optional<std::string> environment(const std::string& variable) {
  std::optional<std::string> value = os::variable(variable);
  if (value && value->empty() && variable.starts_with("YTB_")) return std::nullopt;
  return value;
}

int terminal_columns() {
  struct winsize size {};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

basebackup::SourceOptions source_options(const config::ProductionConfig& production, ports::Vault& vault) {
  return {.production = production.name,
          .directories = production.source.directories,
          .allow_unverified = production.source.allow_unverified,
          .connection = production.source.connection,
          .password = production.source.password,
          .resolve_secret = [&vault](const model::SecretRef& reference) { return vault.secret(reference); },
          .keep = production.source.keep,
          .compress = production.source.compress,
          .bin_dir = production.copies.bin_dir};
}

struct Address {
  std::string host;
  uint16_t port = 0;
};

// "0.0.0.0:6432", "[::]:6432"
Result<Address> parse_listen(const std::string& text) {
  Error wrong{.code = Code::kConfig,
              .message = fmt::format("alias.listen '{}' is not address:port", printable(text)),
              .hint = "for example 0.0.0.0:6432 or [::]:6432"};
  size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return wrong;
  Address address{.host = text.substr(0, colon)};
  if (address.host.front() == '[') {
    if (address.host.size() < 3 || address.host.back() != ']') return wrong;
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  const char* end = text.data() + text.size();
  auto [stopped, error] = std::from_chars(text.data() + colon + 1, end, address.port);
  if (error != std::errc{} || stopped != end || address.port == 0) return wrong;
  if (address.host == "localhost") address.host = "127.0.0.1";  // the gate takes numbers only
  return address;
}

// Where a client reaches the gate, for the service entry: what a certificate can be for, and, as the entry is
// copied to other machines, where it can be, not a loopback address.
std::string reached_at(const std::string& host, const config::AliasConfig& alias) {
  if (host != "0.0.0.0" && host != "::") return host;
  if (!alias.tls_names.empty()) return alias.tls_names.front();
  const std::string name = os::host_name();
  if (is_host_name(name)) return name;
  return host == "::" ? "::1" : "127.0.0.1";
}

std::string service_file_of(const config::AliasConfig& alias) {
  if (!alias.service_file.empty()) return alias.service_file;
  return os::join_path(os::parent_of(alias.directory), "pg_service.conf");
}

// The file that clients verify the gate by: our own authority's. "" : no gate is wanted, or its certificate
// is somebody else's.
std::string tls_root_of(const config::ProductionConfig& production) {
  const config::AliasConfig& alias = production.alias;
  if (alias.listen.empty() || !alias.tls_certificate.empty()) return {};
  return socket_alias::authority_file(service_file_of(alias), socket_alias::service_name_of(production.name));
}

socket_alias::SocketAliasOptions alias_options(const config::ProductionConfig& production) {
  const config::AliasConfig& alias = production.alias;
  Result<Address> listen = parse_listen(alias.listen);  // an error where there is none
  return {.directory = alias.directory,
          .service_file = service_file_of(alias),
          .service_name = socket_alias::service_name_of(production.name),
          .copies_directory = production.copies.directory,
          .dbname = postgres::database_of(production.source.connection),
          .user = production.access.size() == 1 ? production.access.front().name : std::string(),
          .tcp_host = listen.ok() ? reached_at(listen->host, alias) : std::string(),
          .tcp_port = listen.ok() ? std::to_string(listen->port) : std::string(),
          .tls_root = tls_root_of(production),
          .tls_required = !alias.tls_certificate.empty(),
          .gate_folder = config::guards_socket(production)
                             ? socket_alias::gate_folder_of(production.alias.directory)
                             : std::string()};
}

void tell(std::string_view line) { std::cerr << "note: " + std::string(line) + "\n"; }

// psql, pg_dump …: the programs of servers do not always come with them.
Result<std::string> find_client(const config::ProductionConfig& production, const std::string& name) {
  Result<std::string> program = pgfiles::find_client(production.copies.bin_dir, name);
  if (!program.ok() && !production.copies.bin_dir.empty()) program = pgfiles::find_client("", name);
  return program;
}

// What the local drivers refer to.
struct LocalParts {
  std::unique_ptr<ports::Vault> vault;
  postgres::PostgresInstance kind;
};

Status add_local_drivers(const Clock& clock, const config::Config& config,
                         const config::ProductionConfig& production, const Secret& signing_key,
                         std::unique_ptr<ports::Vault> vault, refresh::Drivers& drivers) {
  YTB_ASSIGN(std::string public_key, model::public_key_of(signing_key));
  auto parts = std::make_shared<LocalParts>();
  parts->vault = std::move(vault);
  auto source =
      std::make_unique<basebackup::BasebackupSource>(source_options(production, *parts->vault), clock);
  drivers.host = std::make_unique<local::LocalHost>(
      local::LocalOptions{.production = production.name,
                          .directory = production.copies.directory,
                          .run_as = production.copies.run_as,
                          .port_first = production.copies.port_first,
                          .port_last = production.copies.port_last,
                          .bin_dir = production.copies.bin_dir,
                          .settings = production.copies.settings,
                          .preload = production.copies.preload,
                          .isolation = production.copies.isolation,
                          .extensions = production.copies.extensions,
                          .protected_names = refresh::protected_names(config),
                          .public_key = std::move(public_key),
                          .note = tell},
      parts->kind, *source, clock);
  drivers.kept = std::move(parts);
  drivers.source = std::move(source);
  drivers.engine = std::make_unique<postgres::PostgresEngine>();
  drivers.trial = std::make_unique<postgres::PostgresSchemaTrial>(
      postgres::SchemaTrialOptions{
          .production = production.name.str(),
          .directory = production.copies.directory,
          .run_as = production.copies.run_as,
          .port = production.copies.port_first,
          .bin_dir = production.copies.bin_dir,
          .isolation = production.copies.isolation,
          .off = !production.masking.try_constraints,
          .find_client = [&production](const std::string& name) { return find_client(production, name); }},
      clock);
  drivers.alias = std::make_unique<socket_alias::SocketAlias>(alias_options(production));
  return {};
}

Result<refresh::Drivers> make_drivers(const AwsWiring& wiring, const config::Config& config,
                                      const config::ProductionConfig& production) {
  YTB_ASSIGN(refresh::StateDirectory state, refresh::StateDirectory::open(config.state_directory));
  std::unique_ptr<ports::Vault> vault =
      open_aws_vault(wiring.sessions, config.aws, production.role, config.signing_key);
  YTB_ASSIGN(Secret signing_key, refresh::signing_key(config, state, *vault));
  refresh::Drivers drivers;
  if (config::is_aws(production)) {
    YTB_TRY(add_aws_drivers(wiring, config, production, signing_key, drivers));
  } else {
    YTB_TRY(add_local_drivers(wiring.clock, config, production, signing_key, std::move(vault), drivers));
  }
  drivers.notifier = std::make_unique<drivers::CommandNotifier>(production.on_failure);
  drivers.journal = std::make_unique<refresh::SqliteJournal>(state.journal_file(), tell);
  return drivers;
}

// ---------------------------------------------------------------------------------------------- listen:

std::unique_ptr<ports::Gatekeeper> make_gatekeeper(const Clock& clock, const config::Config& config,
                                                   const config::ProductionConfig& production) {
  if (production.alias.kind != "socket") return nullptr;
  gate::GateSettings settings;
  settings.folder = os::join_path(os::join_path(config.state_directory, "gates"), production.name.str());
  const Result<Address> address = parse_listen(production.alias.listen);  // an error where there is none
  if (address.ok()) {
    settings.address = address->host;
    settings.port = address->port;
  }
  for (const model::AccessRole& role : production.access) settings.roles[role.name] = role.from;
  settings.listens_locally = config::guards_socket(production);
  settings.public_folder = socket_alias::gate_folder_of(production.alias.directory);
  settings.config_read = config.read_at;
  // Without a number: the alias leads to one socket, whatever its copy's number is.
  constexpr std::string_view kSocket = "/.s.PGSQL.5432";
  settings.alias = production.alias.directory;
  settings.live_behind_gate = fmt::format("{}/live{}", settings.public_folder, kSocket);
  settings.live =
      settings.listens_locally ? settings.live_behind_gate : fmt::format("{}{}", settings.alias, kSocket);
  settings.copies = production.copies.directory;
  settings.run_as = production.copies.run_as;
  const config::AliasConfig& alias = production.alias;
  settings.tls_required = alias.tls_required;
  settings.tls_names = alias.tls_names;
  settings.certificate_file = alias.tls_certificate;
  settings.key_file = alias.tls_key;
  settings.authority_folder = os::join_path(config.state_directory, "tls");
  settings.authority_publish = tls_root_of(production);
  settings.proxies = alias.proxies;
  settings.limits.connections = alias.connections;
  settings.limits.of_address = alias.connections_per_address;
  settings.limits.idle =
      std::chrono::duration_cast<std::chrono::milliseconds>(alias.idle.value_or(Duration{}));
  settings.version = YTB_VERSION;
  settings.unit = fmt::format("yesterdaytabase-gate-{}", production.name);
  return std::make_unique<gate::GateProcess>(std::move(settings), clock);
}

// --------------------------------------------------------------------------------------------- connect:

// Comes back only where it cannot. `umask`: of who called us.
Error become_psql(const config::ProductionConfig& production, const cli::PsqlCall& call, mode_t umask) {
  Result<std::string> program = find_client(production, "psql");
  if (!program.ok()) {
    return Error{.code = Code::kExternal,
                 .message = "psql is not installed here, or not in PATH",
                 .hint =
                     "install it (Debian, Ubuntu: postgresql-client), or add --print for the line to paste "
                     "where it is"};
  }
  std::vector<std::string> words{"psql"};
  words.insert(words.end(), call.arguments.begin(), call.arguments.end());
  ::umask(umask);
  return os::become(*program, std::move(words), call.environment);
}

// ----------------------------------------------------------------------------------------------- check:

void add(std::vector<cli::CheckLine>& lines, std::string what, Status status, std::string detail) {
  cli::CheckLine line{.what = std::move(what), .failed = std::nullopt, .detail = std::move(detail)};
  if (!status.ok()) line.failed = std::move(status).error();
  lines.push_back(std::move(line));
}

template <typename T>
Status status_of(const Result<T>& result) {
  if (result.ok()) return {};
  return result.error();
}

// Versions of the usable snapshots; for those the binaries must be there.
std::vector<int> versions_needed(const Clock& clock, const config::ProductionConfig& production) {
  refresh::LocalVault vault;
  basebackup::BasebackupSource source(source_options(production, vault), clock);
  Result<std::vector<model::Snapshot>> snapshots = source.list();
  if (!snapshots.ok()) return {};
  for (const model::Snapshot& snapshot : *snapshots) {
    if (snapshot.state == model::SnapshotState::kUsable) return {snapshot.engine_major};
  }
  return {};
}

// The newest version that is installed, or that the spec's own folder has; false: none.
bool choose_newest(postgres::PostgresInstance& kind, ports::InstanceSpec& spec) {
  for (spec.engine_major = model::kPostgresMajorMax; spec.engine_major >= model::kPostgresMajorMin;
       --spec.engine_major) {
    if (kind.find_binaries(spec).ok()) return true;
  }
  return false;
}

std::string describe(const model::Isolation& isolation) {
  if (isolation.sealed()) return "sealed: tried on this host";
  const bool weak = isolation.kind == model::Isolation::Kind::kWeak;
  return fmt::format("{}{}, because: {}", isolation.name(), weak ? ": tried on this host" : "",
                     isolation.reason);
}

std::string settings_said(const ports::InstanceSpec& spec) {
  std::string said =
      fmt::format("{} of yours, taken by PostgreSQL {}", spec.settings.size(), spec.engine_major);
  if (!spec.preload.empty()) said += fmt::format("; preloads {}", join(spec.preload, ", "));
  return said;
}

Status check_folder_of_copies(const Clock& clock, const config::ProductionConfig& production) {
  constexpr int kAttemptsExpected = 99;  // the longest name that a copy will have
  const std::string& directory = production.copies.directory;
  YTB_TRY(os::check_writable(directory));
  YTB_TRY(local::LocalHost::check_reach(directory, production.copies.run_as));
  ports::InstanceSpec longest;
  longest.root =
      os::join_path(directory, model::copy_id(production.name, clock.now(), kAttemptsExpected).str());
  longest.port = production.copies.port_last;
  return postgres::check_socket_path(longest);
}

std::vector<cli::CheckLine> check_place(const Clock& clock, const config::Config& config,
                                        const config::ProductionConfig& production) {
  std::vector<cli::CheckLine> lines;
  postgres::PostgresInstance kind;
  ports::InstanceSpec spec;
  spec.root = production.copies.directory + "/check";
  spec.run_as = production.copies.run_as;
  spec.settings = production.copies.settings;
  spec.preload = production.copies.preload;
  spec.bin_dir = production.copies.bin_dir;
  spec.isolation = production.copies.isolation;
  spec.extensions = production.copies.extensions;
  const std::vector<int> needed = versions_needed(clock, production);
  for (int major : needed) {
    spec.engine_major = major;
    Result<std::string> found = kind.find_binaries(spec);
    add(lines, fmt::format("PostgreSQL {}", major), status_of(found), found.ok() ? *found : "");
    if (!found.ok()) continue;
    add(lines, "server settings", kind.validate(spec), settings_said(spec));
    add(lines, "isolation", kind.check_isolation(spec), describe(spec.isolation));
  }
  // Before there is a snapshot to say which version: what the host allows hardly hangs on it.
  if (needed.empty() && choose_newest(kind, spec)) {
    add(lines, "server settings", kind.validate(spec), settings_said(spec));
    add(lines, "isolation", kind.check_isolation(spec), describe(spec.isolation));
  }
  add(lines, std::string(cli::kFolderOfCopies), check_folder_of_copies(clock, production),
      production.copies.directory);
  add(lines, "user of copies", postgres::check_run_as(production.copies.run_as),
      production.copies.run_as.empty() ? std::string("ourselves") : production.copies.run_as);
  Result<uint16_t> port = os::find_free_port(production.copies.port_first, production.copies.port_last);
  add(lines, "ports", status_of(port), port.ok() ? fmt::format("{} is free", *port) : "");
  add(lines, "alias path", socket_alias::SocketAlias::check_place(production.alias.directory),
      production.alias.directory);
  const Status entry = socket_alias::SocketAlias(alias_options(production)).check_entry();
  if (!entry.ok()) add(lines, "service file", entry, "");
  for (const model::AccessRole& role : production.access) {
    if (std::count(role.member_of.begin(), role.member_of.end(), postgres::kReadAllData) == 0) continue;
    add(lines, "access " + role.name, {},
        fmt::format("instead of {}, which reads password verifiers: SELECT on every table, view and sequence",
                    postgres::kReadAllData));
  }
  if (config::wants_gate(production)) {
    const std::string& listen = production.alias.listen;
    Status gate = listen.empty() ? Status() : status_of(parse_listen(listen));
    if (gate.ok()) gate = make_gatekeeper(clock, config, production)->check();
    add(lines, "gate", std::move(gate),
        listen.empty() ? "at the Unix socket, for roles without 'local'" : listen);
  }
  return lines;
}

std::vector<std::string> installed_servers() {
  std::vector<std::string> found;
  postgres::PostgresInstance kind;
  for (int major = model::kPostgresMajorMin; major <= model::kPostgresMajorMax; ++major) {
    ports::InstanceSpec spec;
    spec.engine_major = major;
    Result<std::string> folder = kind.find_binaries(spec);
    if (folder.ok()) found.push_back(fmt::format("PostgreSQL {} ({})", major, *folder));
  }
  return found;
}

// Tried with the newest server that is installed.
std::optional<Error> why_no_seal(const std::string& run_as) {
  postgres::PostgresInstance kind;
  ports::InstanceSpec spec;
  spec.run_as = run_as;
  if (choose_newest(kind, spec)) {
    Status tried = kind.check_isolation(spec);
    return tried.ok() ? std::optional<Error>() : std::move(tried).error();
  }
  return std::nullopt;
}

// The other end of a pipe is closed, as by `| head`: whoever reads has had enough.
bool reader_has_left(int descriptor) {
  pollfd look{.fd = descriptor, .events = POLLOUT, .revents = 0};
  return ::poll(&look, 1, 0) == 1 && (look.revents & POLLERR) != 0;
}

std::string own_path() {
  Result<std::string> path = os::read_link("/proc/self/exe");
  return path.ok() ? *path : std::string("/usr/local/bin/yesterdaytabase");
}

cli::Output make_output() {
  bool out_is_terminal = ::isatty(STDOUT_FILENO) != 0;
  bool err_is_terminal = ::isatty(STDERR_FILENO) != 0;
  std::string term = environment("TERM").value_or("");
  bool plain = !environment("NO_COLOR").value_or("").empty() || term == "dumb" || term.empty();
  return {.out = std::cout,
          .err = std::cerr,
          .out_is_terminal = out_is_terminal,
          .err_is_terminal = err_is_terminal && term != "dumb",
          .color = out_is_terminal && !plain,
          .columns = terminal_columns(),
          .format = cli::Format::kText,
          .verbose = false};
}

}  // namespace

int run_app(int argc, char** argv, const AppHooks& hooks) {
  if (argc >= 2 && argv[1] == gate::kGateCommand) return gate::run_gate_process();
  // Secrets are written with their own mode; folders must stay open to the user that copies run as.
  const mode_t umask_given = ::umask(0022);
  os::forbid_core_files();
  os::set_apart_variables("PG");  // libpq would obey them in each of our sessions
  install_signals();
  SystemClock clock;
  AwsSessions sessions(clock, stop_flag);
  AwsWiring wiring{.sessions = sessions, .clock = clock, .stop = stop_flag};
  LambdaWiring function = lambda_wiring(sessions, clock, make_drivers, environment,
                                        std::string("yesterdaytabase ") + YTB_VERSION, std::cout);
  cli::Services services{
      .clock = clock,
      .stop = stop_flag,
      .reload = reload_flag,
      .in = std::cin,
      .in_is_terminal = ::isatty(STDIN_FILENO) != 0,
      .environment = environment,
      .make_drivers =
          [&wiring](const config::Config& config, const config::ProductionConfig& production) {
            return make_drivers(wiring, config, production);
          },
      .open_vault =
          [&sessions](const config::AwsConfig& aws) {
            return Result<std::unique_ptr<ports::Vault>>(open_aws_vault(sessions, aws));
          },
      .make_gatekeeper =
          [&clock](const config::Config& config, const config::ProductionConfig& production) {
            return make_gatekeeper(clock, config, production);
          },
      .look_at_production = postgres::look_at_production,
      .ask_secret = [](const std::string& prompt) { return os::ask_secret(prompt, stop_flag); },
      .why_no_seal = why_no_seal,
      .check_place =
          [&wiring](const config::Config& config, const config::ProductionConfig& production,
                    const cli::MaskedTables& tables) {
            return config::is_aws(production) ? check_aws_place(wiring, config, production, tables)
                                              : check_place(wiring.clock, config, production);
          },
      .open_adoption =
          [&wiring](const config::Config& config, const config::ProductionConfig& production) {
            return open_aws_adoption(wiring, config, production);
          },
      .installed_servers = installed_servers,
      .run_lambda = [&] { return run_lambda(function, stop_flag); },
      .check_original_config = check_original_config,
      .run_work = [&](const cli::WorkCall& call) { return run_work(function, call, stop_flag); },
      .become_psql = [umask_given](const config::ProductionConfig& production, const cli::PsqlCall& call)
          -> Status { return become_psql(production, call, umask_given); },
      .on_serve = [] { hangup_reloads.store(true); },
      .version = YTB_VERSION,
      .executable = own_path(),
      .hooks = hooks};
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  const cli::Output output = make_output();
  const int status = cli::run_command_line(words, services, output);
  if (status != 0 || std::cout || reader_has_left(STDOUT_FILENO)) return status;
  const Error cut{.code = Code::kExternal,
                  .message = "what was to be printed could not be written whole to standard output",
                  .hint = "make room there, and run it again"};
  cli::print_error(output, cut);
  return exit_status(cut.code);
}

}  // namespace ytb
