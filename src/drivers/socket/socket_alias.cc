#include "drivers/socket/socket_alias.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/shell.h"
#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/os/occupant.h"
#include "drivers/os/unix_socket.h"

namespace ytb::socket_alias {
namespace {

constexpr std::string_view kSocketPrefix = ".s.PGSQL.";
constexpr std::string_view kDefaultSocket = ".s.PGSQL.5432";
constexpr std::string_view kLive = "live";
constexpr std::string_view kServiceSuffix = "-yesterday";  // of <production>-yesterday
constexpr mode_t kPublicMode = 0755;
constexpr mode_t kPrivateMode = 0700;  // whoever comes in comes through the gate
constexpr size_t kServiceFileMax = 1 << 20;
constexpr Duration kAnswerTimeout = std::chrono::seconds(2);

uint16_t port_in_name(std::string_view name) {
  if (!name.starts_with(kSocketPrefix)) return 0;
  name.remove_prefix(kSocketPrefix.size());
  unsigned port = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), port);
  if (error != std::errc() || end != name.data() + name.size() || port > 65535) return 0;
  return static_cast<uint16_t>(port);
}

Result<std::string> read_service_file(const std::string& path) {
  if (!os::exists(path)) return std::string();
  return os::read_file(path, kServiceFileMax);
}

}  // namespace

bool server_answers(const std::string& socket_path, pid_t server, Duration timeout) {
  const Result<os::Descriptor> connected = os::connect_unix(socket_path, timeout);
  if (!connected.ok() || !connected->valid()) return false;
  const os::Descriptor& socket = *connected;
  const std::optional<ucred> listener = os::listener_of(socket);
  if (!listener || listener->pid != server) return false;
  // SSLRequest: length 8, code 1234·5679 (PostgreSQL documentation, Message Formats).
  constexpr std::array<unsigned char, 8> kSslRequest{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f};
  if (send(socket.get(), kSslRequest.data(), kSslRequest.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(kSslRequest.size())) {
    return false;
  }
  pollfd waiting{.fd = socket.get(), .events = POLLIN, .revents = 0};
  const auto timeout_ms = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
  if (poll(&waiting, 1, static_cast<int>(timeout_ms)) != 1) return false;
  char answer = 0;
  return recv(socket.get(), &answer, 1, 0) == 1 && (answer == 'S' || answer == 'N');
}

std::string service_name_of(const model::ProductionName& production) {
  return production.str() + std::string(kServiceSuffix);
}

std::string gate_folder_of(const std::string& alias_directory) { return alias_directory + ".gate"; }

std::string authority_file(const std::string& service_file, const std::string& service_name) {
  return os::join_path(os::parent_of(service_file), service_name + "-ca.crt");
}

SocketAlias::SocketAlias(SocketAliasOptions options) : options_(std::move(options)) {}

Status SocketAlias::check_length(const std::string& directory) {
  const size_t length = directory.size() + 1 + kDefaultSocket.size();
  if (length <= os::kUnixPathMax) return {};
  return Error{
      .code = Code::kConfig,
      .message = fmt::format("the alias directory '{}' is too long: its socket's path would have {} bytes, "
                             "and the system allows {}",
                             directory, length, os::kUnixPathMax),
      .hint = "choose a shorter alias.socket.directory, e.g. /run/yesterdaytabase/shop-yesterday"};
}

Status SocketAlias::check_place(const std::string& directory) {
  YTB_TRY(check_length(directory));
  YTB_ASSIGN(auto present, os::info_of(directory));
  if (present && present->kind != os::FileKind::kLink) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} exists and is not a link of ours", directory),
                 .hint = "move it away, or choose another alias.socket.directory"};
  }
  return os::check_writable(os::parent_of(directory));
}

model::ProductionName SocketAlias::production() const {
  std::string name = options_.service_name;
  if (name.ends_with(kServiceSuffix)) name.resize(name.size() - kServiceSuffix.size());
  return model::ProductionName(std::move(name));
}

Result<std::string> SocketAlias::copy_at(const std::string& directory) {
  const std::string gate = gate_folder_of(directory);
  for (const std::string& link : {directory, os::join_path(gate, kLive)}) {
    YTB_ASSIGN(auto info, os::info_of(link));
    if (!info || info->kind != os::FileKind::kLink) return std::string();
    YTB_ASSIGN(const std::string target, os::read_link(link));
    if (target != gate) return os::name_in(os::parent_of(target));
  }
  return std::string();
}

Result<std::string> SocketAlias::taken_by(std::string_view service) const {
  std::string directory = directory_of(service, options_.service_name);
  if (directory.empty() || directory == options_.directory) return std::string();
  // Where the config has moved our alias, the entry is ours still, and one that leads nowhere serves nobody.
  YTB_ASSIGN(const std::string copy, copy_at(directory));
  return copy.empty() || model::is_copy_name(production(), copy) ? std::string() : directory;
}

Status SocketAlias::check_entry() const {
  YTB_ASSIGN(const std::string service, read_service_file(options_.service_file));
  YTB_ASSIGN(const std::string directory, taken_by(service));
  if (directory.empty()) return {};
  const std::string& name = options_.service_name;
  return Error{.code = Code::kRefused,
               .message = fmt::format("service {} of {} leads to {}, the alias of another production", name,
                                      options_.service_file, directory),
               .hint = fmt::format(
                   "an earlier version called it after that folder: once its users have changed to that "
                   "production's <name>-yesterday, remove [{0}] and [{0}-tcp] from the file; or set "
                   "another alias.socket.service_file here",
                   name)};
}

std::string SocketAlias::run_directory(const model::CopyId& copy) const {
  return os::join_path(os::join_path(options_.copies_directory, copy.str()), "run");
}

std::string SocketAlias::moving_link() const {
  return options_.gate_folder.empty() ? options_.directory : os::join_path(options_.gate_folder, kLive);
}

Result<uint16_t> SocketAlias::port_in(const std::string& run_directory) const {
  YTB_ASSIGN(auto entries, os::list_folder(run_directory));
  uint16_t found = 0;
  for (const os::FileInfo& entry : entries) {
    // Our own `.s.PGSQL.5432` is a link; the server's socket is neither file, folder nor link.
    if (entry.kind != os::FileKind::kOther) continue;
    if (const uint16_t port = port_in_name(entry.name); port != 0) found = port;
  }
  if (found != 0) return found;
  return Error{.code = Code::kConnection,
               .message = fmt::format("no server's socket in {}", run_directory),
               .hint = "the copy does not run; the next refresh starts it",
               .retry = Retry::kLater};
}

mode_t SocketAlias::mode_of_run() const { return options_.gate_folder.empty() ? kPublicMode : kPrivateMode; }

// Draining copies and spares, from a time when the name led to them themselves.
Result<std::vector<std::string>> SocketAlias::others_of(const model::CopyId& copy) const {
  std::vector<std::string> open;
  const std::string name = copy.str();
  const std::string production = name.substr(0, name.rfind("-yesterday-"));
  YTB_ASSIGN(auto entries, os::list_folder(options_.copies_directory));
  for (const os::FileInfo& entry : entries) {
    if (entry.kind != os::FileKind::kDirectory ||
        !model::is_copy_name(model::ProductionName(production), entry.name))
      continue;
    const std::string run = run_directory(model::CopyId(entry.name));
    YTB_ASSIGN(auto info, os::info_of(run));
    if (info && entry.name != name && (info->mode & 0077U) != 0) open.push_back(run);
  }
  return open;
}

bool SocketAlias::gate_listens() const {
  if (options_.gate_folder.empty()) return true;
  const Result<os::Descriptor> gate =
      os::connect_unix(os::join_path(options_.gate_folder, kDefaultSocket), kAnswerTimeout);
  return gate.ok() && gate->valid();
}

pid_t SocketAlias::server_of(const model::CopyId& copy) const {
  auto occupant = os::Occupant::find(os::join_path(options_.copies_directory, copy.str()));
  return occupant.ok() && *occupant ? (*occupant)->pid() : 0;
}

ServiceEntries SocketAlias::entries() const {
  return {.name = options_.service_name,
          .alias_directory = options_.directory,
          .tcp_host = options_.tcp_host,
          .tcp_port = options_.tcp_port,
          .dbname = options_.dbname,
          .user = options_.user,
          .tls_root = options_.tls_root,
          .tls_required = options_.tls_required};
}

Result<model::AliasState> SocketAlias::read() {
  model::AliasState state;
  const std::string& name = options_.service_name;
  // Where there are several roles the entry has none.
  const std::string conninfo = "service=" + name + (options_.user.empty() ? " user=ROLE" : "");
  state.connect =
      fmt::format("PGSERVICEFILE={} psql {}", shell_word(options_.service_file), shell_word(conninfo));
  state.path = {.service_file = options_.service_file, .service = name, .dbname = options_.dbname};
  if (!options_.tcp_host.empty()) {
    state.tcp_path = state.path;
    state.tcp_path->service = name + "-tcp";
  }
  YTB_ASSIGN(auto info, os::info_of(options_.directory));
  if (!info) return state;
  if (info->kind != os::FileKind::kLink) {
    state.stray = fmt::format("{}, a file or folder", options_.directory);
    return state;
  }
  YTB_ASSIGN(std::string target, os::read_link(options_.directory));
  // Before the gate was to listen there, or since it no longer does, the name leads the other way.
  const std::string gate = gate_folder_of(options_.directory);
  bool as_wanted = (target == gate) == !options_.gate_folder.empty();
  if (target == gate) {
    YTB_ASSIGN(auto live, os::info_of(os::join_path(gate, kLive)));
    if (!live || live->kind != os::FileKind::kLink) return state;  // leads nowhere yet
    YTB_ASSIGN(target, os::read_link(os::join_path(gate, kLive)));
  }
  const std::string folder = os::parent_of(target);
  if (os::parent_of(folder) != options_.copies_directory || os::name_in(target) != "run") {
    state.stray = target;
    return state;
  }
  state.target = model::CopyId(os::name_in(folder));
  YTB_ASSIGN(const std::string service, read_service_file(options_.service_file));
  const auto port = port_in(target);
  if (!port.ok()) {
    // The copy is down or gone: where the name points is known, that it serves is not.
    return state;
  }
  const std::string socket = os::join_path(target, kDefaultSocket);
  YTB_ASSIGN(auto run, os::info_of(target));
  as_wanted = as_wanted && run && (run->mode & 0777U) == mode_of_run();
  if (!options_.gate_folder.empty()) {
    YTB_ASSIGN(const std::vector<std::string> open, others_of(*state.target));
    as_wanted = as_wanted && open.empty();
  }
  state.consistent = as_wanted && os::exists(socket) && has_entries(service, entries());
  const pid_t server = server_of(*state.target);
  state.seen = state.consistent && server > 0 &&
               server_answers(os::join_path(moving_link(), kDefaultSocket), server, kAnswerTimeout) &&
               gate_listens();
  return state;
}

Status SocketAlias::repoint(const model::PassedProof& proof, const model::Copy& copy) {
  if (proof.copy() != copy.id) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("the proof is of {}, not of {}", proof.copy(), copy.id),
                 .hint = "this is a bug; nothing was changed"};
  }
  YTB_TRY(check_place(options_.directory));
  YTB_TRY(check_entry());
  const std::string run = run_directory(copy.id);
  YTB_ASSIGN(const uint16_t port, port_in(run));
  const std::string own = fmt::format("{}{}", kSocketPrefix, port);
  if (own != kDefaultSocket) YTB_TRY(os::write_link(os::join_path(run, kDefaultSocket), own));
  YTB_TRY(os::make_folders(os::parent_of(options_.directory)));
  if (options_.gate_folder.empty()) {
    YTB_TRY(os::set_mode(run, kPublicMode));
    YTB_TRY(os::write_link(options_.directory, run));
  } else {
    if (!gate_listens()) {
      return Error{.code = Code::kConnection,
                   .message = fmt::format("no gate listens in {}: the name would lead to nobody",
                                          options_.gate_folder),
                   .hint = "see its log there; 'refresh' begins it",
                   .retry = Retry::kLater};
    }
    YTB_TRY(os::write_link(moving_link(), run));
    YTB_TRY(os::write_link(options_.directory, options_.gate_folder));
    YTB_TRY(os::set_mode(run, kPrivateMode));
    YTB_ASSIGN(const std::vector<std::string> open, others_of(copy.id));
    for (const std::string& other : open) YTB_TRY(os::set_mode(other, kPrivateMode));
  }

  YTB_TRY(os::make_folders(os::parent_of(options_.service_file)));
  YTB_ASSIGN(const std::string service, read_service_file(options_.service_file));
  if (has_entries(service, entries())) return {};
  return os::write_file(options_.service_file, with_entries(service, entries()), {.mode = 0644});
}

Status SocketAlias::remove() {
  YTB_ASSIGN(auto present, os::info_of(options_.directory));
  if (present && present->kind == os::FileKind::kLink) {
    YTB_ASSIGN(const std::string target, os::read_link(options_.directory));
    if (os::is_inside(target, options_.copies_directory) || target == gate_folder_of(options_.directory))
      YTB_TRY(os::remove_file(options_.directory));
  }
  YTB_ASSIGN(const std::string service, read_service_file(options_.service_file));
  YTB_ASSIGN(const std::string taken, taken_by(service));
  std::string rest = taken.empty() ? without_entries(service, options_.service_name) : service;
  const std::string earlier = os::name_in(options_.directory);
  if (has_entry_to(rest, earlier, options_.directory)) rest = without_entries(rest, earlier);
  // Also where no gate is wanted any more: published when one was. Earlier versions called it after the
  // directory, as that of another production whose directory ends alike.
  for (const std::string& called : {options_.service_name, earlier}) {
    const std::string authority = authority_file(options_.service_file, called);
    if (!names_authority(rest, authority)) YTB_TRY(os::remove_file(authority));
  }
  if (rest == service) return {};
  if (rest.empty()) return os::remove_file(options_.service_file);
  return os::write_file(options_.service_file, rest, {.mode = 0644});
}

}  // namespace ytb::socket_alias
