#include "drivers/gate/process.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <set>
#include <thread>

#include "base/json.h"
#include "base/text.h"
#include "drivers/gate/authority.h"
#include "drivers/gate/control.h"
#include "drivers/os/files.h"
#include "drivers/os/host_name.h"
#include "drivers/os/lock.h"
#include "drivers/os/sandbox.h"
#include "drivers/os/subprocess.h"
#include "drivers/os/users.h"

namespace ytb::gate {
namespace {

using Tree = nlohmann::ordered_json;

// What the program finds as its descriptors, after os::kFirstInherited.
enum class Inherited : int { kSettings, kControl, kFirstListener };
constexpr int fd_of(Inherited what) { return os::kFirstInherited + static_cast<int>(what); }

constexpr std::string_view kControl = "control";
constexpr std::string_view kControlNew = "control.new";
constexpr mode_t kFolderMode = 0700;
constexpr mode_t kPublicFolderMode = 0711;  // others pass to the public socket
constexpr mode_t kControlMode = 0600;
constexpr mode_t kPublicMode = 0777;  // whoever connects is judged by role, and asked for a password
constexpr auto kBeginMax = std::chrono::seconds(15);
constexpr auto kLookEvery = std::chrono::milliseconds(10);
constexpr auto kLockPatience = std::chrono::seconds(20);
constexpr auto kRenewBefore = std::chrono::hours(24 * 30);
constexpr size_t kLogShown = 2048;
// The process does nothing else: two a connection beyond the limits, its own sockets, and whoever asks.
constexpr int kDescriptorsReserved = 2 * kBeyondLimits + 16;

// ----------------------------------------------------------------------------------------- certificates

// The host's names and addresses, sorted: whom a client may have meant that came to this gate.
std::vector<std::string> names_of_host(const GateSettings& settings) {
  std::set<std::string> names{"localhost", "127.0.0.1", "::1"};
  names.insert(settings.tls_names.begin(), settings.tls_names.end());
  if (const std::string host = os::host_name(); is_host_name(host)) names.insert(host);
  const bool everywhere = settings.address == "0.0.0.0" || settings.address == "::";
  if (!everywhere && !settings.address.empty()) names.insert(settings.address);
  // As many as a certificate holds; those of the config are in already.
  ifaddrs* list = nullptr;
  if (everywhere && getifaddrs(&list) == 0) {
    for (const ifaddrs* one = list; one != nullptr && names.size() < kNamesMax; one = one->ifa_next) {
      if (one->ifa_addr == nullptr || (one->ifa_flags & IFF_UP) == 0) continue;
      std::array<char, INET6_ADDRSTRLEN> text{};
      if (one->ifa_addr->sa_family == AF_INET) {
        inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr, text.data(),
                  text.size());
      } else if (one->ifa_addr->sa_family == AF_INET6) {
        const in6_addr& address = reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr;
        if (!IN6_IS_ADDR_LINKLOCAL(&address)) inet_ntop(AF_INET6, &address, text.data(), text.size());
      }
      if (text[0] != '\0') names.insert(text.data());
    }
    freeifaddrs(list);
  }
  return {names.begin(), names.end()};
}

// What makes another certificate necessary, and how it is made.
struct Certificate {
  std::string shown;  // of the authority, or of the certificate itself
  std::vector<std::string> names;
  std::function<Result<TlsIdentity>()> make;
};

Result<Certificate> certificate_of(const GateSettings& settings, Instant now) {
  Certificate certificate;
  if (!settings.certificate_file.empty()) {
    YTB_ASSIGN(certificate.shown, os::read_file(settings.certificate_file, kPemBytesMax));
    certificate.make = [&settings, chain = certificate.shown]() -> Result<TlsIdentity> {
      YTB_ASSIGN(std::optional<os::FileInfo> info, os::info_of(settings.key_file));
      if (info && info->kind == os::FileKind::kFile && (info->mode & 0007U) != 0) {
        return Error{.code = Code::kConfig,
                     .message = fmt::format("the key {} can be read by everybody", settings.key_file),
                     .hint = fmt::format("chmod 600 {}", settings.key_file)};
      }
      YTB_ASSIGN(std::string key, os::read_file(settings.key_file, kPemBytesMax));
      return TlsIdentity{.chain_pem = chain, .key_pem = Secret(std::move(key))};
    };
    return certificate;
  }
  YTB_ASSIGN(Authority authority,
             Authority::open(settings.authority_folder, "yesterdaytabase gates of this host", now));
  certificate.shown = authority.certificate_pem();
  certificate.names = names_of_host(settings);
  auto kept = std::make_shared<Authority>(std::move(authority));
  certificate.make = [kept, names = certificate.names, now] { return kept->issue(names, now); };
  return certificate;
}

// Public: whoever may connect has to be able to read it.
Status publish(const std::string& file, const std::string& pem) {
  if (file.empty()) return {};
  if (Result<std::string> there = os::read_file(file, kPemBytesMax); there.ok() && *there == pem) return {};
  YTB_TRY(os::make_folders(os::parent_of(file)));
  return os::write_file(file, pem, {.mode = 0644});
}

// ---------------------------------------------------------------------------------------------- settings

Tree to_tree(const GateSettings& settings, const Certificate& certificate, const std::string& copies,
             uid_t server_user) {
  const GateLimits& limits = settings.limits;
  Tree roles = Tree::object();
  for (const auto& [role, from] : settings.roles) roles[role] = from;
  return {{"version", settings.version},
          {"address", settings.address},
          {"port", settings.port},
          {"roles", std::move(roles)},
          {"live", settings.live},
          {"listens_locally", settings.listens_locally},
          {"copies", copies},
          {"server_user", server_user},
          {"proxies", settings.proxies},
          {"tls_required", settings.tls_required},
          {"certificate", certificate.shown},
          {"names", certificate.names},
          {"connections", limits.connections},
          {"of_address", limits.of_address},
          {"before_login", limits.before_login},
          {"before_login_of_address", limits.before_login_of_address},
          {"idle_ms", limits.idle.count()}};
}

// What a gate tells whoever asks it: until when its certificate is good enough, when the config was read that
// it was begun by, and what it was begun with.
std::string settings_text(const Tree& tree, Instant renew_at, Instant config_read) {
  return fmt::format("{}\n{}\n{}", to_iso(renew_at), to_iso(config_read, true), write_json(tree));
}

struct Running {
  Instant renew_at;
  Instant config_read;
  Tree tree;
};

std::optional<Running> read_settings_text(const std::string& text) {
  const std::vector<std::string> lines = split(text, '\n');
  if (lines.size() != 3) return std::nullopt;
  const std::optional<Instant> renew_at = from_iso(lines[0]);
  const std::optional<Instant> config_read = from_iso(lines[1]);
  Tree tree = parse_json<Tree>(lines[2]);
  if (!renew_at || !config_read || !tree.is_object()) return std::nullopt;
  return Running{.renew_at = *renew_at, .config_read = *config_read, .tree = std::move(tree)};
}

// Names that a host had and has no longer make no new certificate necessary.
bool is_as_wanted(const Running& running, Tree wanted, Instant now) {
  Tree tree = running.tree;
  std::set<std::string> has;
  for (const Tree& name : tree.contains("names") ? tree["names"] : Tree::array()) {
    if (name.is_string()) has.insert(name.get<std::string>());
  }
  const bool named = std::all_of(wanted["names"].begin(), wanted["names"].end(),
                                 [&](const Tree& name) { return has.contains(name.get<std::string>()); });
  tree.erase("names");
  wanted.erase("names");
  return named && tree == wanted && now < running.renew_at;
}

// Whether a listener that was handed over is the one that is wanted now.
bool listens_at(const os::Descriptor& listener, const std::string& address, uint16_t port) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (port_of(listener) != port ||
      getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0)
    return false;
  in6_addr wanted{};
  if (bound.ss_family == AF_INET && inet_pton(AF_INET, address.c_str(), &wanted) == 1) {
    const auto& here = reinterpret_cast<const sockaddr_in&>(bound);
    return std::memcmp(&here.sin_addr, &wanted, sizeof(in_addr)) == 0;
  }
  if (bound.ss_family == AF_INET6 && inet_pton(AF_INET6, address.c_str(), &wanted) == 1) {
    const auto& here = reinterpret_cast<const sockaddr_in6&>(bound);
    return std::memcmp(&here.sin6_addr, &wanted, sizeof wanted) == 0;
  }
  return false;
}

// A file in memory that goes with its descriptors.
Result<os::Descriptor> in_memory(std::string_view text) {
  os::Descriptor file(memfd_create("gate", MFD_CLOEXEC));
  if (!file.valid()) return os::system_error("make", "a file in memory", errno);
  YTB_TRY(os::write_at(file, text, 0, "a file in memory"));
  return file;
}

Status rename_over(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  return os::system_error("rename", from, errno);
}

std::string last_words(const std::string& log) {
  Result<std::string> text = os::read_file(log, 16 << 20);
  if (!text.ok() || text->empty()) return "it said nothing";
  return std::string(
      trim(printable(text->size() > kLogShown ? text->substr(text->size() - kLogShown) : *text)));
}

// Whoever could write in a folder of ours could put a socket of his own into our place. `others_write`:
// whether they may is about to be changed. Nothing there is fine.
Status check_own_folder(const std::string& path, bool others_write = false) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0)
    return errno == ENOENT ? Status() : os::system_error("look at", path, errno);
  const bool closed = others_write || (found.st_mode & 0022U) == 0;
  if (S_ISDIR(found.st_mode) && found.st_uid == ::geteuid() && closed) return {};
  return Error{.code = Code::kRefused,
               .message = fmt::format("{} is another user's, or others may write in it", path),
               .hint = "look at who made it, and remove it"};
}

Status make_own_folder(const std::string& path, mode_t mode) {
  YTB_TRY(os::make_folders(os::parent_of(path)));
  YTB_TRY(os::make_folder(path, mode));
  return check_own_folder(path);
}

}  // namespace

std::string GateProcess::place(std::string_view name) const { return os::join_path(settings_.folder, name); }

Result<std::vector<std::string>> GateProcess::controls() const {
  std::vector<std::string> paths;
  if (!os::exists(settings_.folder)) return paths;
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(settings_.folder));
  for (const os::FileInfo& entry : entries) {
    if (entry.kind == os::FileKind::kOther && entry.name.starts_with(kControl))
      paths.push_back(place(entry.name));
  }
  return paths;
}

Status GateProcess::check() {
  if (!settings_.wanted()) return {};
  YTB_TRY(check_own_folder(settings_.folder, true));
  if (settings_.listens_locally) YTB_TRY(check_own_folder(settings_.public_folder, true));
  YTB_TRY(os::find_user(settings_.run_as));
  if (!settings_.certificate_file.empty()) {
    YTB_ASSIGN(const Certificate certificate, certificate_of(settings_, clock_.now()));
    YTB_ASSIGN(const TlsIdentity identity, certificate.make());
    YTB_TRY(TlsServer::make(identity, clock_.now()));
  }
  if (settings_.address.empty()) return {};
  // A gate of ours at that port is in nobody's way.
  Result<std::optional<GateState>> present = ask_state(place(kControl));
  if (present.ok() && *present) {
    const std::optional<Running> running = read_settings_text((*present)->settings);
    if (!running || running->tree.value("port", 0) == settings_.port) return {};
  }
  return check_address(settings_.address, settings_.port);
}

Result<std::string> GateProcess::keep() {
  // Until the name has been moved away from the gate, whoever comes by it comes here.
  const Result<std::string> leads_to = os::read_link(settings_.alias);
  if (!settings_.listens_locally && leads_to.ok() && *leads_to == settings_.public_folder) {
    settings_.listens_locally = true;
    settings_.live = settings_.live_behind_gate;
  }
  if (!settings_.wanted() && !os::exists(settings_.folder)) return std::string();
  YTB_TRY(make_own_folder(settings_.folder, kFolderMode));
  YTB_ASSIGN(const os::FileLock lock, os::FileLock::acquire_within(place("lock"), "looking after the gate",
                                                                   clock_.now(), kLockPatience));
  YTB_TRY(settle());
  return keep_locked();
}

// What somebody left who was killed while he replaced a gate.
Status GateProcess::settle() {
  YTB_ASSIGN(const std::vector<std::string> paths, controls());
  for (const std::string& path : paths) {
    if (path == place(kControl) || path == place(kControlNew)) continue;
    // Whoever renamed it may have been killed before he asked.
    const Result<bool> serves = ask_to_retire(path);  // one that does not answer is in nobody's way
    if (serves.ok() && !*serves) YTB_TRY(os::remove_file(path));
  }
  if (!os::exists(place(kControlNew))) return {};
  const Result<std::optional<GateState>> present = ask_state(place(kControl));
  if (present.ok() && !*present) return rename_over(place(kControlNew), place(kControl));
  // It may serve beside the one that it was to replace, by settings that may be nobody's any more.
  YTB_TRY(ask_to_end(place(kControlNew)));
  return os::remove_file(place(kControlNew));
}

// Also where none is wanted there.
bool GateProcess::is_listened_at_locally() const {
  if (!settings_.listens_locally) return true;
  const Result<bool> there = is_listened_at(os::join_path(settings_.public_folder, ".s.PGSQL.5432"));
  return there.ok() && *there;
}

// The name still leads to the copy itself; clients from the network are to come there as before until it
// moves.
Status GateProcess::lead_where_the_name_leads() const {
  const Result<std::string> leads_to = os::read_link(settings_.alias);
  if (!leads_to.ok() || *leads_to == settings_.public_folder) return {};
  return os::write_link(os::parent_of(settings_.live_behind_gate), *leads_to);
}

// The one that is there serves who is connected, and is found again under another name.
Status GateProcess::retire_present() {
  if (!os::exists(place(kControl))) return {};
  int number = 1;
  while (os::exists(place(fmt::format("{}.{}", kControl, number)))) ++number;
  const std::string retired = place(fmt::format("{}.{}", kControl, number));
  YTB_TRY(rename_over(place(kControl), retired));
  YTB_ASSIGN(const bool was_there, ask_to_retire(retired));
  if (!was_there) YTB_TRY(os::remove_file(retired));
  return {};
}

Result<std::string> GateProcess::keep_locked() {
  const Instant now = clock_.now();
  Result<std::optional<GateState>> present = ask_state(place(kControl));
  // One that answers something else than we understand is of another version.
  if (!present.ok() && present.error().code != Code::kCorrupt) return std::move(present).error();
  const bool another = !present.ok() || present->has_value();
  std::optional<Running> running;
  if (present.ok() && *present) running = read_settings_text((*present)->settings);
  // A time that is still to come is that of a clock that was wrong.
  if (running && running->config_read > settings_.config_read && running->config_read <= now) {
    return Error{.code = Code::kBusy,
                 .message = "the gate was begun by a config that was read later than this one",
                 .hint = "reload serve: systemctl reload yesterdaytabase, or send it SIGHUP",
                 .retry = Retry::kLater};
  }
  if (!settings_.wanted()) {
    YTB_TRY(retire_present());
    return another ? std::string("the gate takes nobody in any more") : std::string();
  }
  YTB_ASSIGN(const os::User user, os::find_user(settings_.run_as));
  YTB_ASSIGN(const Certificate certificate, certificate_of(settings_, now));
  if (settings_.certificate_file.empty()) YTB_TRY(publish(settings_.authority_publish, certificate.shown));
  // A path by which the sandbox reaches sockets whose own path is too long.
  const std::string copies = os::exists(settings_.copies) ? *os::real_path(settings_.copies) : "/";
  const Tree wanted = to_tree(settings_, certificate, copies, user.uid);
  const bool same_place =
      running && running->tree.value("live", "") == settings_.live && is_listened_at_locally();
  if (running && is_as_wanted(*running, wanted, now) && same_place) return std::string();

  YTB_ASSIGN(const TlsIdentity identity, certificate.make());
  YTB_ASSIGN(const std::shared_ptr<const TlsServer> tls, TlsServer::make(identity, now));
  // Not sooner than it can be done: a certificate of a day is renewed once it is over.
  const Instant renew_at =
      tls->not_after() - kRenewBefore > now ? tls->not_after() - kRenewBefore : tls->not_after();
  Listeners listeners;
  if (another) {
    YTB_ASSIGN(std::optional<Listeners> shared, ask_to_share(place(kControl)));
    if (shared) listeners = std::move(*shared);
  }
  bool retired = false;
  if (!listens_at(listeners.network, settings_.address, settings_.port)) {
    const bool same_port = port_of(listeners.network) == settings_.port;
    listeners.network.reset();
    Result<os::Descriptor> opened = settings_.address.empty() ? Result<os::Descriptor>(os::Descriptor())
                                                              : listen_at(settings_.address, settings_.port);
    if (!opened.ok() && same_port) {
      // The one that is there is in the way itself, as where 127.0.0.1 becomes 0.0.0.0.
      YTB_TRY(retire_present());
      retired = true;
      opened = listen_at(settings_.address, settings_.port);
    }
    if (!opened.ok()) return std::move(opened).error();
    listeners.network = std::move(*opened);
  }
  if (!settings_.listens_locally || !same_place) listeners.local.reset();
  if (settings_.listens_locally && !listeners.local.valid()) {
    YTB_TRY(make_own_folder(settings_.public_folder, kPublicFolderMode));
    YTB_TRY(lead_where_the_name_leads());
    YTB_ASSIGN(listeners.local,
               listen_at_path(os::join_path(settings_.public_folder, ".s.PGSQL.5432"), kPublicMode));
  }
  YTB_ASSIGN(listeners.control, listen_at_path(place(kControlNew), kControlMode));
  YTB_TRY(begin(std::move(listeners), settings_text(wanted, renew_at, settings_.config_read), identity));
  if (!retired) YTB_TRY(retire_present());
  YTB_TRY(rename_over(place(kControlNew), place(kControl)));
  const std::string where = settings_.address.empty()
                                ? std::string("the Unix socket")
                                : fmt::format("{}:{}", settings_.address, settings_.port);
  return fmt::format("the gate at {} {}", where,
                     another ? "has new settings; who is connected stays" : "leads to the live copy");
}

Status GateProcess::begin(Listeners listeners, const std::string& settings,
                          const TlsIdentity& identity) const {
  const Tree tree{
      {"settings", settings}, {"chain", identity.chain_pem}, {"key", std::string(identity.key_pem.reveal())}};
  const Secret text(write_json(tree));
  YTB_ASSIGN(const os::Descriptor file, in_memory(text.reveal()));
  std::vector<int> inherited{file.get(), listeners.control.get()};
  for (const os::Descriptor* listener : {&listeners.network, &listeners.local}) {
    if (listener->valid()) inherited.push_back(listener->get());
  }
  const std::string log = place("log");
  const os::Command command{
      // This program, though its file be replaced; the folder is for whoever looks at processes.
      .argv = {"/proc/self/exe", std::string(kGateCommand), settings_.folder},
      .run_as = settings_.run_as,
      .cwd = os::exists(settings_.copies) ? settings_.copies : "/",
      .inherited = std::move(inherited)};
  YTB_TRY(os::remove_file(log));
  // Named after its beginning, too: the one that it replaces may still be there.
  YTB_TRY(os::spawn_detached(command, log, fmt::format("{}-{}", settings_.unit, to_compact(clock_.now()))));
  const auto until = std::chrono::steady_clock::now() + kBeginMax;
  // Our own ends must be closed, or a gate that died would seem to listen.
  listeners = {};
  while (std::chrono::steady_clock::now() < until) {
    Result<std::optional<GateState>> state = ask_state(place(kControlNew));
    if (state.ok() && *state && (*state)->settings == settings) return {};
    if (state.ok() && !*state) break;
    std::this_thread::sleep_for(kLookEvery);
  }
  // One that is only slow must not serve by a name that nobody finds.
  Result<bool> ended = ask_to_end(place(kControlNew));
  if (ended.ok()) YTB_TRY(os::remove_file(place(kControlNew)));
  return Error{.code = Code::kExternal,
               .message = fmt::format("the gate did not begin: {}", last_words(log)),
               .hint = fmt::format("look at {}", log),
               .retry = Retry::kLater};
}

Result<std::optional<ports::GateReport>> GateProcess::report() {
  std::optional<ports::GateReport> all;
  YTB_ASSIGN(const std::vector<std::string> paths, controls());
  for (const std::string& path : paths) {
    YTB_ASSIGN(const std::optional<GateState> state, ask_state(path));
    if (!state) continue;
    if (!all) {
      all.emplace();
      all->takes_in_locally = settings_.listens_locally && is_listened_at_locally();
    }
    all->before_login += state->report.before_login;
    // Of the one that takes people in: what was wrong by older settings may have been put right.
    if (path == place(kControl)) {
      all->without_header = state->report.without_header;
      all->without_header_from = state->report.without_header_from;
    }
    all->takes_in = all->takes_in || path == place(kControl);
    for (const ports::GateConnections& one : state->report.connections) add(all->connections, one);
  }
  return all;
}

Status GateProcess::end() {
  if (!os::exists(settings_.folder)) return {};
  YTB_ASSIGN(const os::FileLock lock,
             os::FileLock::acquire_within(place("lock"), "ending the gate", clock_.now(), kLockPatience));
  YTB_ASSIGN(const std::vector<std::string> paths, controls());
  for (const std::string& path : paths) YTB_TRY(ask_to_end(path));
  if (!settings_.public_folder.empty()) YTB_TRY(os::remove_tree(settings_.public_folder));
  return os::remove_tree(settings_.folder);
}

// ------------------------------------------------------------------------------------------- the process

namespace {

Result<std::string> read_settings() {
  const os::Descriptor file(fd_of(Inherited::kSettings));
  struct stat found {};
  if (::fstat(file.get(), &found) != 0 || !S_ISREG(found.st_mode)) {
    return Error{.code = Code::kUsage,
                 .message = "this is what a gate is begun with, and not for people",
                 .hint = "'refresh' and 'serve' begin one where the config has listen:"};
  }
  std::string text(static_cast<size_t>(found.st_size), '\0');
  YTB_ASSIGN(const size_t size, os::read_at(file, text, 0, "the gate's settings"));
  text.resize(size);
  return text;
}

Result<GateOptions> options_from(const std::string& text) {
  const Tree whole = parse_json<Tree>(text);
  GateOptions options;
  options.settings = whole.at("settings").get<std::string>();
  const Tree tree = parse_json<Tree>(options.settings.substr(options.settings.rfind('\n') + 1));
  for (const auto& [role, from] : tree.at("roles").items()) {
    YTB_ASSIGN(options.roles[role], AddressList::parse(from.get<std::vector<std::string>>()));
  }
  YTB_ASSIGN(options.proxies, AddressList::parse(tree.at("proxies").get<std::vector<std::string>>()));
  options.resolve = [live = tree.at("live").get<std::string>()] { return Result<std::string>(live); };
  options.base = tree.at("copies").get<std::string>();
  options.server_user = tree.at("server_user").get<uid_t>();
  options.tls_required = tree.at("tls_required").get<bool>();
  YTB_ASSIGN(options.tls, TlsServer::make({.chain_pem = whole.at("chain").get<std::string>(),
                                           .key_pem = Secret(whole.at("key").get<std::string>())},
                                          SystemClock().now()));
  GateLimits& limits = options.limits;
  limits.connections = tree.at("connections").get<int>();
  limits.of_address = tree.at("of_address").get<int>();
  limits.before_login = tree.at("before_login").get<int>();
  limits.before_login_of_address = tree.at("before_login_of_address").get<int>();
  limits.idle = std::chrono::milliseconds(tree.at("idle_ms").get<int64_t>());
  limits.descriptors_reserved = kDescriptorsReserved;
  options.listeners.control = os::Descriptor(fd_of(Inherited::kControl));
  int next = fd_of(Inherited::kFirstListener);
  if (!tree.at("address").get<std::string>().empty()) options.listeners.network = os::Descriptor(next++);
  if (tree.at("listens_locally").get<bool>()) options.listeners.local = os::Descriptor(next++);
  return options;
}

void allow_descriptors(const GateLimits& limits) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const auto wanted =
      2 * static_cast<rlim_t>(limits.connections) + static_cast<rlim_t>(limits.descriptors_reserved);
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, wanted));
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

Status be_gate() {
  YTB_ASSIGN(std::string text, read_settings());
  YTB_ASSIGN(GateOptions options, options_from(text));
  allow_descriptors(options.limits);
  Secret wiped(std::move(text));
  wiped = Secret();
  ::signal(SIGPIPE, SIG_IGN);
  return Gate::run(std::move(options), os::enter_sandbox);
}

}  // namespace

int run_gate_process() {
  const Status done = be_gate();
  if (done.ok()) return 0;
  std::fputs(fmt::format("error: {}\n", done.error().message).c_str(), stderr);
  if (!done.error().hint.empty()) std::fputs(fmt::format("hint: {}\n", done.error().hint).c_str(), stderr);
  return exit_status(done.error().code);
}

}  // namespace ytb::gate
