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

#include <array>
#include <cerrno>
#include <cstdio>
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
enum class Inherited : int { kSettings, kControl, kNetwork, kLocal };
constexpr int fd_of(Inherited what) { return os::kFirstInherited + static_cast<int>(what); }

constexpr mode_t kFolderMode = 0711;  // others pass to the public socket
constexpr mode_t kControlMode = 0600;
constexpr mode_t kPublicMode = 0777;  // whoever connects is judged by role, and asked for a password
constexpr auto kBeginMax = std::chrono::seconds(15);
constexpr auto kLookEvery = std::chrono::milliseconds(10);
constexpr auto kLockPatience = std::chrono::seconds(30);
constexpr auto kRenewBefore = std::chrono::hours(24 * 30);
constexpr size_t kLogShown = 2048;
constexpr rlim_t kDescriptorsWanted = 8192;

// ----------------------------------------------------------------------------------------- certificates

// The host's names and addresses, sorted: whom a client may have meant that came to this gate.
std::vector<std::string> names_of_host(const GateSettings& settings) {
  std::set<std::string> names{"localhost", "127.0.0.1", "::1"};
  names.insert(settings.tls_names.begin(), settings.tls_names.end());
  if (const std::string host = os::host_name(); is_host_name(host)) names.insert(host);
  const bool everywhere = settings.address == "0.0.0.0" || settings.address == "::";
  if (!everywhere) names.insert(settings.address);
  ifaddrs* list = nullptr;
  if (everywhere && getifaddrs(&list) == 0) {
    for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
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

Tree to_tree(const GateSettings& settings, const Certificate& certificate, uid_t server_user) {
  const GateLimits& limits = settings.limits;
  Tree roles = Tree::object();
  for (const auto& [role, from] : settings.roles) roles[role] = from;
  return {{"version", settings.version},
          {"address", settings.address},
          {"port", settings.port},
          {"roles", std::move(roles)},
          {"live", settings.live},
          {"listens_locally", settings.listens_locally},
          {"copies", settings.copies},
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

// What a gate is asked by: until when its certificate is good enough, and what it was begun with.
std::string settings_text(const Tree& tree, Instant renew_at) {
  return fmt::format("{}\n{}", to_iso(renew_at), write_json(tree));
}

bool is_as_wanted(std::string_view running, const Tree& wanted, Instant now) {
  const size_t line = running.find('\n');
  if (line == std::string_view::npos || running.substr(line + 1) != write_json(wanted)) return false;
  const std::optional<Instant> renew_at = from_iso(running.substr(0, line));
  return renew_at && now < *renew_at;
}

// Whether a listener that was handed over is the one that is wanted now.
bool listens_at(const os::Descriptor& listener, const std::string& address, uint16_t port) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (!listener.valid() || getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0)
    return false;
  in6_addr wanted{};
  if (bound.ss_family == AF_INET && inet_pton(AF_INET, address.c_str(), &wanted) == 1) {
    const auto& here = reinterpret_cast<const sockaddr_in&>(bound);
    return ntohs(here.sin_port) == port && std::memcmp(&here.sin_addr, &wanted, sizeof(in_addr)) == 0;
  }
  if (bound.ss_family == AF_INET6 && inet_pton(AF_INET6, address.c_str(), &wanted) == 1) {
    const auto& here = reinterpret_cast<const sockaddr_in6&>(bound);
    return ntohs(here.sin6_port) == port && std::memcmp(&here.sin6_addr, &wanted, sizeof wanted) == 0;
  }
  return false;
}

// A file in memory that goes with its descriptors.
Result<os::Descriptor> in_memory(const std::string& text) {
  os::Descriptor file(memfd_create("gate", MFD_CLOEXEC));
  if (!file.valid()) return os::system_error("make", "a file in memory", errno);
  YTB_TRY(os::write_at(file, text, 0, "a file in memory"));
  return file;
}

std::string last_words(const std::string& log) {
  Result<std::string> text = os::read_file(log, 16 << 20);
  if (!text.ok() || text->empty()) return "it said nothing";
  return std::string(
      trim(printable(text->size() > kLogShown ? text->substr(text->size() - kLogShown) : *text)));
}

}  // namespace

std::string GateProcess::control() const { return os::join_path(settings_.folder, "control"); }

Result<std::string> GateProcess::keep() {
  if (settings_.address.empty() && !os::exists(settings_.folder)) return std::string();
  YTB_TRY(os::make_folders(settings_.folder, kFolderMode));
  YTB_ASSIGN(const os::FileLock lock,
             os::FileLock::acquire_within(os::join_path(settings_.folder, "lock"), "looking after the gate",
                                          clock_.now(), kLockPatience));
  return keep_locked();
}

Result<std::string> GateProcess::keep_locked() {
  if (settings_.address.empty()) {
    YTB_ASSIGN(const std::optional<Listeners> closed, ask_to_retire(control()));
    YTB_TRY(os::remove_file(control()));
    return closed ? std::string("the gate takes nobody in any more") : std::string();
  }
  YTB_ASSIGN(const os::User user, os::find_user(settings_.run_as));
  const Instant now = clock_.now();
  YTB_ASSIGN(const Certificate certificate, certificate_of(settings_, now));
  if (settings_.certificate_file.empty()) YTB_TRY(publish(settings_.authority_publish, certificate.shown));
  const Tree wanted = to_tree(settings_, certificate, user.uid);
  Result<std::optional<GateState>> running = ask_state(control());
  if (running.ok() && *running && is_as_wanted((*running)->settings, wanted, now)) return std::string();
  // One that answers something else than we understand is of another version.
  if (!running.ok() && running.error().code != Code::kCorrupt) return std::move(running).error();

  // All that can fail comes before another gate is asked to go.
  YTB_ASSIGN(const TlsIdentity identity, certificate.make());
  YTB_ASSIGN(const std::shared_ptr<const TlsServer> tls, TlsServer::make(identity, now));
  Listeners listeners;
  if (!running.ok() || *running) {
    YTB_ASSIGN(std::optional<Listeners> given, ask_to_retire(control()));
    if (given) listeners = std::move(*given);
  }
  if (!listens_at(listeners.network, settings_.address, settings_.port)) {
    listeners.network.reset();
    YTB_ASSIGN(listeners.network, listen_at(settings_.address, settings_.port));
  }
  if (!settings_.listens_locally) {
    listeners.local.reset();
  } else if (!listeners.local.valid()) {
    YTB_ASSIGN(listeners.local,
               listen_at_path(os::join_path(settings_.folder, ".s.PGSQL.5432"), kPublicMode));
  }
  YTB_ASSIGN(listeners.control, listen_at_path(control(), kControlMode));
  // Not sooner than it can be done: a certificate of a day is renewed once it is over.
  const Instant renew_at =
      tls->not_after() - kRenewBefore > now ? tls->not_after() - kRenewBefore : tls->not_after();
  YTB_TRY(begin(std::move(listeners), settings_text(wanted, renew_at), identity));
  const bool another = running.ok() ? running->has_value() : true;
  return fmt::format("the gate at {}:{} {}", settings_.address, settings_.port,
                     another ? "has new settings; who is connected stays" : "leads to the live copy");
}

Status GateProcess::begin(Listeners listeners, const std::string& settings,
                          const TlsIdentity& identity) const {
  const Tree tree{
      {"settings", settings}, {"chain", identity.chain_pem}, {"key", std::string(identity.key_pem.reveal())}};
  const Secret text(write_json(tree));
  YTB_ASSIGN(const os::Descriptor file, in_memory(std::string(text.reveal())));
  std::vector<int> inherited{file.get(), listeners.control.get(), listeners.network.get()};
  if (listeners.local.valid()) inherited.push_back(listeners.local.get());
  const std::string log = os::join_path(settings_.folder, "log");
  const os::Command command{
      .argv = {"/proc/self/exe", std::string(kGateCommand)},  // this program, though its file be replaced
      .run_as = settings_.run_as,
      .cwd = settings_.copies,
      .inherited = std::move(inherited)};
  YTB_TRY(os::remove_file(log));
  YTB_TRY(os::spawn_detached(command, log, settings_.unit));
  const auto until = std::chrono::steady_clock::now() + kBeginMax;
  // Our own ends must be closed, or a gate that died would seem to listen.
  listeners = {};
  while (std::chrono::steady_clock::now() < until) {
    Result<std::optional<GateState>> state = ask_state(control());
    if (state.ok() && *state && (*state)->settings == settings) return {};
    if (state.ok() && !*state) break;
    std::this_thread::sleep_for(kLookEvery);
  }
  return Error{.code = Code::kExternal,
               .message = fmt::format("the gate did not begin: {}", last_words(log)),
               .hint = fmt::format("look at {}", log),
               .retry = Retry::kLater};
}

Result<std::optional<ports::GateReport>> GateProcess::report() {
  YTB_ASSIGN(std::optional<GateState> state, ask_state(control()));
  if (!state) return std::optional<ports::GateReport>();
  return std::optional(std::move(state->report));
}

Status GateProcess::end() {
  if (!os::exists(settings_.folder)) return {};
  YTB_ASSIGN(const os::FileLock lock,
             os::FileLock::acquire_within(os::join_path(settings_.folder, "lock"), "ending the gate",
                                          clock_.now(), kLockPatience));
  YTB_TRY(ask_to_end(control()));
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
  const Tree tree = parse_json<Tree>(options.settings.substr(options.settings.find('\n') + 1));
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
  limits.descriptors_reserved = 32;  // the process does nothing else
  options.listeners.control = os::Descriptor(fd_of(Inherited::kControl));
  options.listeners.network = os::Descriptor(fd_of(Inherited::kNetwork));
  if (tree.at("listens_locally").get<bool>())
    options.listeners.local = os::Descriptor(fd_of(Inherited::kLocal));
  return options;
}

void allow_many_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, kDescriptorsWanted));
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

Status be_gate() {
  YTB_ASSIGN(std::string text, read_settings());
  allow_many_descriptors();
  YTB_ASSIGN(GateOptions options, options_from(text));
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
