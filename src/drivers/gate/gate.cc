#include "drivers/gate/gate.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "base/text.h"
#include "drivers/gate/control.h"
#include "drivers/gate/proxy_header.h"
#include "drivers/gate/startup.h"
#include "drivers/os/files.h"
#include "drivers/os/unix_socket.h"

namespace ytb::gate {
namespace {

using Time = std::chrono::steady_clock::time_point;

constexpr size_t kBufferBytes = 64 * 1024;
constexpr int kBacklog =
    4096;  // a dropped SYN is sent again after a second: a flood would cost everybody that
constexpr int kAcceptsPerTurnMax = 64;
constexpr int kEventsPerTurn = 256;
constexpr std::chrono::milliseconds kSweepEvery{20};
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::chrono::milliseconds kLinger{5000};  // for a client to read what it was told last
// Of TLS a record at least, so that none of it stays where poll() does not see it.
constexpr size_t kReadBytes = 16 * 1024 + 256;
// In ASCII, as whatever is said before an encoding is agreed.
constexpr std::string_view kManyHint =
    "close some, or see connections and connections_per_address in the config's alias: {socket: ...}";
constexpr std::string_view kFromHint =
    "the config's access: {ROLE: {from: [...]}} says who may come from where";

// Bytes read from one side and not yet written to the other.
struct Pipe {
  std::array<char, kBufferBytes> bytes;
  size_t begin = 0;
  size_t end = 0;
  bool source_closed = false;
  bool sink_shut = false;

  [[nodiscard]] bool empty() const { return begin == end; }
  [[nodiscard]] bool wants_read() const { return !source_closed && empty(); }
  [[nodiscard]] std::string_view unread() const { return {bytes.data() + begin, end - begin}; }

  // Nobody is left to write to.
  void end_here() {
    begin = end;
    source_closed = sink_shut = true;
  }
  // False when the connection is broken.
  bool read_from(ClientStream& source) {
    size_t count = 0;
    switch (source.read(bytes.data(), bytes.size(), count)) {
      case ClientStream::Moved::kSome:
        begin = 0;
        end = count;
        return true;
      case ClientStream::Moved::kWait:
        return true;
      case ClientStream::Moved::kEnd:
        source_closed = true;
        return true;
      case ClientStream::Moved::kBroken:
        break;
    }
    return false;
  }
  bool write_to(ClientStream& sink) {
    if (!empty()) {
      size_t count = 0;
      if (sink.write(unread(), count) == ClientStream::Moved::kBroken) return false;
      begin += count;
    }
    // One side has said all: tell the other, which may still answer.
    if (empty() && source_closed && !sink_shut) {
      sink_shut = true;
      sink.shut_write();
    }
    return true;
  }
};

struct Pipes {
  Pipe up;  // client → server
  Pipe down;
};

// A connection, from its accept to its end.
struct Session {
  enum class State {
    kProxyHeader,  // a proxy has not said whose connection it is
    kHandshake,    // of TLS
    kFirstPacket,  // the client has not said who it is
    kLogin,        // the server asks for its password
    kOpen,
    kCancel,  // a key is on its way to a server, which closes
    kEnding,  // told why; what it still sends is thrown away
  };
  uint64_t number = 0;  // 0: not among the sessions yet
  State state = State::kFirstPacket;
  ClientStream client;
  ClientStream server;
  short client_watched = 0;  // for what epoll looks at them
  short server_watched = 0;
  std::string address;        // of the client, without its port; "local"
  std::string neighbourhood;  // neighbourhood_of
  sockaddr_storage from{};
  Time deadline = Time::max();
  std::string said;  // before the first packet is whole
  bool asked_tls = false;
  bool asked_gss = false;
  std::unique_ptr<Pipes> pipes;
  ServerWatch watch;
  std::string role;
  std::string socket;    // of the copy that it leads to
  bool surplus = false;  // beyond the limits: for a cancel request alone
  bool asks = false;     // the client has said something since the server said something

  [[nodiscard]] bool is_local() const { return from.ss_family == AF_UNIX; }
  [[nodiscard]] bool finished() const { return pipes->up.sink_shut && pipes->down.sink_shut; }
};

// Invalid where nobody listens, or somebody else than `server_user`: a password is not for him. A path in
// `base`, the working directory, is gone by from there: the process may open no folder.
os::Descriptor connect_socket(std::string path, const std::string& base,
                              const std::optional<uid_t>& server_user) {
  if (path.size() > os::kUnixPathMax && !base.empty() && path.starts_with(base + "/"))
    path.erase(0, base.size() + 1);
  // Connected at once or, where the server's queue is full, refused: unix(7).
  Result<os::Descriptor> socket = os::connect_unix_at_once(path);
  if (!socket.ok() || !socket->valid()) return {};
  const std::optional<ucred> listener = os::listener_of(*socket);
  if (server_user && (!listener || listener->uid != *server_user)) return {};
  return std::move(*socket);
}

void be_quick_and_alive(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

std::string text_of(const sockaddr_storage& from) {
  if (from.ss_family == AF_UNIX) return "local";
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* address = from.ss_family == AF_INET6
                            ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6&>(from).sin6_addr)
                            : static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(from).sin_addr);
  return inet_ntop(from.ss_family, address, text.data(), text.size()) == nullptr ? std::string("?")
                                                                                 : std::string(text.data());
}

// Whose connections are counted together: of IPv6 one customer of a provider has a /64, of a Unix socket one
// user.
std::string neighbourhood_of(const sockaddr_storage& from, int fd) {
  constexpr size_t kNetworkBytes = 8;
  if (from.ss_family == AF_UNIX) {
    ucred client{};
    socklen_t size = sizeof client;
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &client, &size);
    return fmt::format("user {}", client.uid);
  }
  if (from.ss_family != AF_INET6) return text_of(from);
  const in6_addr& address = reinterpret_cast<const sockaddr_in6&>(from).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&address)) return text_of(from);
  return {reinterpret_cast<const char*>(address.s6_addr), kNetworkBytes};
}

// Two descriptors a connection, and enough left for whatever else the process does.
int connections_within_descriptors(const GateLimits& limits) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return limits.connections;
  const auto reserved = static_cast<rlim_t>(limits.descriptors_reserved);
  const rlim_t left = limit.rlim_cur > reserved ? limit.rlim_cur - reserved : 2;
  return static_cast<int>(std::min<rlim_t>(left / 2, static_cast<rlim_t>(limits.connections)));
}

}  // namespace

namespace {

Error cannot_listen(const std::string& address, uint16_t port) {
  Error error = os::system_error("listen at", fmt::format("{}:{}", address, port), errno, Code::kSpace);
  error.hint = "another program may have it: see 'ss -ltnp', or set another listen: address";
  return error;
}

Result<os::Descriptor> bind_at(const std::string& address, uint16_t port) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  if (inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    size = sizeof v4;
  } else if (inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    size = sizeof v6;
  } else {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("listen: '{}' is not a numeric address", address),
                 .hint = "write e.g. 127.0.0.1:6432 or 0.0.0.0:6432"};
  }
  os::Descriptor socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!socket.valid() || setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(socket.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0)
    return cannot_listen(address, port);
  return socket;
}

}  // namespace

Result<os::Descriptor> listen_at(const std::string& address, uint16_t port) {
  YTB_ASSIGN(os::Descriptor socket, bind_at(address, port));
  if (listen(socket.get(), kBacklog) != 0) return cannot_listen(address, port);
  return socket;
}

Status check_address(const std::string& address, uint16_t port) {
  YTB_TRY(bind_at(address, port));
  return {};
}

uint16_t port_of(const os::Descriptor& listener) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (!listener.valid() || getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0)
    return 0;
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                           : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
}

Result<os::Descriptor> listen_at_path(const std::string& path, mode_t mode) {
  os::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return os::system_error("listen at", path, errno);
  YTB_ASSIGN(const os::UnixAddress address, os::unix_address(path));
  YTB_ASSIGN(std::optional<os::FileInfo> present, os::info_of(path));
  if (present && present->kind != os::FileKind::kOther) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} exists and is not a socket", path),
                 .hint = "move it away"};
  }
  if (present) YTB_TRY(os::remove_file(path));
  if (bind(socket.get(), address.get(), os::UnixAddress::size()) != 0 || chmod(path.c_str(), mode) != 0 ||
      listen(socket.get(), kBacklog) != 0) {
    return os::system_error("listen at", path, errno);
  }
  return socket;
}

// The loop's own state; nothing of it is shared but the number of connections.
class Gate::Loop {
 public:
  Loop(GateOptions options, int wake, std::atomic<int>* connections)
      : options_(std::move(options)),
        limits_(options_.limits),
        listeners_(std::move(options_.listeners)),
        wake_(wake),
        connections_(connections),
        connections_max_(connections_within_descriptors(limits_)) {}

  // Error{kExternal}: the kernel gives no epoll.
  Status begin() {
    epoll_ = os::Descriptor(epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_.valid()) return os::system_error("make", "an epoll", errno);
    short wake_watched = 0;
    watch(wake_, kWake, POLLIN, wake_watched);
    watch(listeners_.control.get(), kControl, POLLIN, control_watched_);
    watch_listeners(true);
    return {};
  }

  void run() {
    // Ends when `wake_` is written, or when it is told so at its control socket; every turn waits for an
    // event or a deadline.
    while (turn()) {
    }
  }

 private:
  using State = Session::State;

  // What an event of epoll's is about: one of these, or twice a session's number, plus one for its server's
  // side.
  enum Watched : uint64_t { kWake, kNetwork, kLocal, kControl, kFirstNumber };

  // Has epoll look at a descriptor for other events than now. A side of which nothing is wanted is not looked
  // at at all: a hang-up is reported whether asked for or not, and would turn us in circles until the other
  // side is done. EPOLLIN and EPOLLOUT are POLLIN and POLLOUT: epoll_ctl(2).
  void watch(int fd, uint64_t key, short wanted, short& now) const {
    if (wanted == now || fd < 0) return;
    epoll_event event{};
    event.events = static_cast<uint32_t>(static_cast<unsigned short>(wanted));
    event.data.u64 = key;
    const int what = now == 0 ? EPOLL_CTL_ADD : wanted == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    if (epoll_ctl(epoll_.get(), what, fd, &event) == 0) now = wanted;
  }

  // False: the kernel refuses just now.
  bool watch_listeners(bool listens) {
    const short wanted = listens ? POLLIN : 0;
    watch(listeners_.network.get(), kNetwork, wanted, network_watched_);
    watch(listeners_.local.get(), kLocal, wanted, local_watched_);
    return (!listeners_.network.valid() || network_watched_ == wanted) &&
           (!listeners_.local.valid() || local_watched_ == wanted);
  }

  // Whatever was done with it: what it waits for now.
  void watch(Session& session) {
    nearest_ = std::min(nearest_, session.deadline);
    const uint64_t key = 2 * session.number;
    if (session.pipes == nullptr) {
      watch(session.client.fd(), key, session.client.events(true, false), session.client_watched);
      return;
    }
    const Pipe& up = session.pipes->up;
    const Pipe& down = session.pipes->down;
    watch(session.client.fd(), key, session.client.events(up.wants_read(), !down.empty()),
          session.client_watched);
    watch(session.server.fd(), key + 1, session.server.events(down.wants_read(), !up.empty()),
          session.server_watched);
  }

  bool turn() {
    std::array<epoll_event, kEventsPerTurn> events;
    const int count = epoll_wait(epoll_.get(), events.data(), kEventsPerTurn, time_left());
    if (count < 0) return errno == EINTR || pause();
    now_ = std::chrono::steady_clock::now();
    bool goes_on = true;
    for (int i = 0; i < count && goes_on; ++i) {
      const uint64_t key = events[static_cast<size_t>(i)].data.u64;
      const auto found = static_cast<short>(events[static_cast<size_t>(i)].events);
      switch (key) {
        case kWake:
          return false;
        case kNetwork:
          accept_some(listeners_.network);
          break;
        case kLocal:
          accept_some(listeners_.local);
          break;
        case kControl:
          goes_on = obey();
          break;
        default:
          look_at(key, found);
      }
    }
    if (nearest_ <= now_) sweep();
    if (connections_ != nullptr) *connections_ = static_cast<int>(sessions_.size());
    return goes_on && (!retired_ || !sessions_.empty());
  }

  void look_at(uint64_t key, short found) {
    const auto at = sessions_.find(key / 2);
    if (at == sessions_.end()) return;  // ended in this turn
    Session& session = *at->second;
    const bool of_client = key % 2 == 0;
    const bool goes_on = session.pipes == nullptr ? !of_client || listen_to(session, found)
                         : of_client              ? serve(session, found, 0)
                                                  : serve(session, 0, found);
    if (goes_on) {
      watch(session);
    } else {
      sessions_.erase(at);
    }
  }

  // Until the next deadline, in milliseconds; -1: there is none.
  [[nodiscard]] int time_left() const {
    if (nearest_ == Time::max()) return -1;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(nearest_ - std::chrono::steady_clock::now());
    return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
  }

  // Ends what has taken too long. Looks at all of them, and so not more often than kSweepEvery.
  void sweep() {
    nearest_ = Time::max();
    for (auto at = sessions_.begin(); at != sessions_.end();) {
      Session& session = *at->second;
      if (session.deadline <= now_ && !outlives_deadline(session)) {
        at = sessions_.erase(at);
        continue;
      }
      watch(session);
      ++at;
    }
    if (accept_after_ <= now_ && !watch_listeners(true)) accept_after_ = now_ + kAcceptPause;
    if (accept_after_ > now_) nearest_ = std::min(nearest_, accept_after_);
    if (nearest_ != Time::max()) nearest_ = std::max(nearest_, now_ + kSweepEvery);
  }

  // After a failure of the system's, which may pass. False: it is time to end.
  [[nodiscard]] bool pause() const {
    pollfd wake{.fd = wake_, .events = POLLIN, .revents = 0};  // of none (-1) nothing is seen
    return poll(&wake, 1, static_cast<int>(kAcceptPause.count())) <= 0;
  }

  // Whether a session whose time is over stays a little longer, to be told so.
  bool outlives_deadline(Session& session) {
    // A client that has begun is told. A connection that has sent nothing may be no client at all.
    if (session.state == State::kFirstPacket && !session.said.empty())
      return refuse(session, "57014", "what a client says first took too long", "");
    if (session.state != State::kLogin && session.state != State::kOpen) return false;
    // In the middle of a message of the server's it could not be read.
    if (!session.pipes->down.empty() || session.pipes->up.source_closed) return false;
    if (session.state == State::kLogin) return refuse(session, "57014", "the login took too long", "");
    return refuse(session, "57P05",
                  fmt::format("nothing was said on this connection for {} s",
                              std::chrono::duration_cast<std::chrono::seconds>(limits_.idle).count()),
                  "the config's alias: {socket: {idle: ...}} says how long that may be");
  }

  // ------------------------------------------------------------------------------------- before the login

  // Of a session that leads nowhere yet. False when it is over.
  bool listen_to(Session& session, short events) {
    if ((events & (POLLERR | POLLNVAL)) != 0) return false;
    if (events == 0) return true;
    if (session.state == State::kProxyHeader) return read_proxy(session);
    if (session.state == State::kHandshake) return shake_hands(session);
    if (session.state == State::kFirstPacket && begins_tls(session)) return start_tls(session, true);
    std::array<char, kReadBytes> bytes;
    size_t count = 0;
    switch (session.client.read(bytes.data(), bytes.size(), count)) {
      case ClientStream::Moved::kSome:
        break;
      case ClientStream::Moved::kWait:
        return true;
      case ClientStream::Moved::kEnd:
      case ClientStream::Moved::kBroken:
        return false;
    }
    if (session.state == State::kEnding) return true;
    session.said.append(bytes.data(), count);
    while (session.state == State::kFirstPacket) {
      const FirstPacket packet = read_first_packet(session.said);
      if (packet.kind == FirstPacket::Kind::kIncomplete) return session.said.size() < kStartupBytesMax;
      if (!take(session, packet)) return false;
    }
    return true;
  }

  bool take(Session& session, const FirstPacket& packet) {
    using Kind = FirstPacket::Kind;
    switch (packet.kind) {
      case Kind::kTlsRequest:
      case Kind::kGssRequest: {
        // Each once, as a server has it; and nothing may come before the answer: what was sent in clear would
        // be read as if it had come encrypted.
        bool& asked = packet.kind == Kind::kTlsRequest ? session.asked_tls : session.asked_gss;
        if (std::exchange(asked, true) || session.said.size() != packet.bytes) return false;
        if (session.client.encrypted()) return false;
        session.said.clear();
        const bool tls = packet.kind == Kind::kTlsRequest && options_.tls != nullptr && !session.is_local();
        if (send(session.client.fd(), tls ? "S" : "N", 1, MSG_NOSIGNAL) != 1) return false;
        return !tls || start_tls(session, false);
      }
      case Kind::kCancel:
        return cancel(session, packet);
      case Kind::kLogin:
        return let_in(session, packet);
      case Kind::kTlsHandshake:
      case Kind::kUnknown:
      case Kind::kIncomplete:
        break;
    }
    return false;
  }

  // Whether the client begins with TLS itself. Its first byte is looked at and left where it is.
  bool begins_tls(const Session& session) const {
    char first = 0;
    return !session.client.encrypted() && session.said.empty() && !session.is_local() &&
           recv(session.client.fd(), &first, 1, MSG_PEEK) == 1 &&
           read_first_packet({&first, 1}).kind == FirstPacket::Kind::kTlsHandshake;
  }

  bool start_tls(Session& session, bool direct) {
    // Directly is only for whom did not ask before.
    if (options_.tls == nullptr || (direct && session.asked_tls)) return false;
    if (!session.client.begin_tls(options_.tls, direct).ok()) return false;
    session.state = State::kHandshake;
    return shake_hands(session);
  }

  static bool shake_hands(Session& session) {
    switch (session.client.handshake()) {
      case ClientStream::Moved::kSome:
        session.state = State::kFirstPacket;
        return true;
      case ClientStream::Moved::kWait:
        return true;
      case ClientStream::Moved::kEnd:
      case ClientStream::Moved::kBroken:
        break;
    }
    return false;
  }

  // No byte beyond the header is taken: TLS may begin there.
  bool read_proxy(Session& session) {
    std::array<char, kProxyHeaderBytesMax> bytes{};
    while (true) {
      const size_t wanted = proxy_header_wants(session.said);
      if (wanted > bytes.size()) return without_header(session);
      const ssize_t count = recv(session.client.fd(), bytes.data(), wanted, 0);
      if (count < 0) return errno == EAGAIN || errno == EINTR;
      if (count == 0) return false;
      session.said.append(bytes.data(), static_cast<size_t>(count));
      const ProxyHeader header = read_proxy_header(session.said);
      switch (header.kind) {
        case ProxyHeader::Kind::kIncomplete:
          continue;
        case ProxyHeader::Kind::kProxied:
          session.from = header.client;
          [[fallthrough]];
        case ProxyHeader::Kind::kLocal:
          session.said.clear();
          return take_place(session);
        case ProxyHeader::Kind::kUnknown:
          return without_header(session);
      }
    }
  }

  // False: it is not heard out.
  bool without_header(const Session& session) {
    ++without_header_;
    without_header_from_ = text_of(session.from);
    return false;
  }

  // Once it is known from where a session comes. False: it is not even heard out.
  bool take_place(Session& session) {
    session.address = text_of(session.from);
    session.neighbourhood = neighbourhood_of(session.from, session.client.fd());
    session.state = State::kFirstPacket;
    // Whoever is not taken in is told so when he has said who he is: clients that ask for TLS do not show
    // what comes before it (CVE-2024-10977).
    session.surplus = !is_room_for(session);
    return fits_beyond(session);
  }

  bool let_in(Session& session, const FirstPacket& packet) {
    if (!packet.sqlstate.empty()) return refuse(session, packet.sqlstate, packet.refusal, "");
    session.surplus = session.surplus && !is_room_for(session);  // one may have gone meanwhile
    if (session.surplus) return refuse(session, "53300", "too many connections", kManyHint);
    if (options_.tls_required && !session.client.encrypted() && !session.is_local()) {
      return refuse(session, "28000", "connections without TLS are not taken here",
                    "connect with sslmode=require, or better verify-full: see 'yesterdaytabase connect'");
    }
    auto role = options_.roles.find(packet.user);
    if (role == options_.roles.end() || !role->second.admits(session.from)) {
      return refuse(
          session, "28000",
          fmt::format("role \"{}\" may not come in from {}", printable(packet.user), session.address),
          kFromHint);
    }
    session.socket = live_socket();
    session.server = connect(session.socket);
    if (session.server.fd() < 0) {
      return refuse(session, "57P03", "no copy is live at the moment",
                    "try again in a moment; 'yesterdaytabase status' says more");
    }
    if (!is_room_to_log_in(session))
      return refuse(session, "53300", "too many are logging in at the moment", "try again in a moment");
    begin_pipes(session);
    session.role = packet.user;
    session.state = State::kLogin;
    session.deadline = now_ + limits_.login;
    return true;
  }

  // Where the name leads just now, and not the name: that moves on, and a cancel request must not. "":
  // nowhere.
  [[nodiscard]] std::string live_socket() const {
    const Result<std::string> path = options_.resolve();
    std::error_code failed;
    const std::string leads_to =
        path.ok() ? std::filesystem::canonical(*path, failed).string() : std::string();
    return failed ? std::string() : leads_to;
  }

  [[nodiscard]] ClientStream connect(const std::string& socket) const {
    if (socket.empty()) return ClientStream();
    return ClientStream(connect_socket(socket, options_.base, options_.server_user));
  }

  // To the copy whose key it is, wherever the name points by now. An answer there is none, as in PostgreSQL.
  bool cancel(Session& session, const FirstPacket& packet) {
    const auto holder = std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& other) {
      return other.second->state == State::kOpen && other.second->watch.cancel_key() == packet.cancel_key;
    });
    // Of a connection that a gate before us serves: the live copy's server knows its own keys.
    session.server = connect(holder == sessions_.end() ? live_socket() : holder->second->socket);
    if (session.server.fd() < 0) return false;
    begin_pipes(session);
    session.state = State::kCancel;
    session.deadline = now_ + limits_.first_packet;
    return true;
  }

  // What was said so far goes to the server as it is.
  static void begin_pipes(Session& session) {
    session.pipes = std::make_unique_for_overwrite<Pipes>();
    Pipe& up = session.pipes->up;
    std::copy(session.said.begin(), session.said.end(), up.bytes.begin());
    up.end = session.said.size();
    session.said = {};
  }
  static_assert(kStartupBytesMax + kReadBytes <= kBufferBytes);

  bool refuse(Session& session, std::string_view sqlstate, std::string_view why, std::string_view hint) {
    const std::string told = fatal_message(sqlstate, why, hint);
    size_t count = 0;
    // It fits a socket's buffer that nothing was written to; whoever has filled it reads nothing anyway.
    if (session.client.write(told, count) == ClientStream::Moved::kBroken) return false;
    end_gently(session);
    return true;
  }

  // Closed at once, what the client still sends would be answered by a reset, and what it was told last be
  // lost with it.
  void end_gently(Session& session) {
    session.pipes.reset();
    session.server = ClientStream();
    session.server_watched = 0;
    session.said = {};
    session.client.shut_write();
    session.state = State::kEnding;
    session.deadline = now_ + kLinger;
  }

  // --------------------------------------------------------------------------------------------- passing on

  // False when the session is over.
  bool serve(Session& session, short client_events, short server_events) {
    if ((client_events & (POLLERR | POLLNVAL)) != 0) return false;
    // A server that ends with something unread has an error, and perhaps its last words, which are read
    // first.
    constexpr short kReadable = POLLIN | POLLHUP | POLLERR;
    Pipe& up = session.pipes->up;
    Pipe& down = session.pipes->down;
    bool moved = false;
    if (session.client.is_for_read(client_events) && up.wants_read()) {
      if (!up.read_from(session.client)) return false;
      session.asks = session.asks || !up.empty();
      moved = true;
    }
    if ((server_events & kReadable) != 0 && down.wants_read()) {
      // A server that closes is gone: nobody is left to write to.
      if (!down.read_from(session.server)) down.source_closed = true;
      moved = true;
      if (!hear_server(session)) return false;
      if (down.source_closed) up.end_here();
    }
    if (!up.write_to(session.server)) up.end_here();
    if (!down.write_to(session.client)) return false;
    if (session.state == State::kOpen && (moved || session.deadline == Time::max()))
      session.deadline = time_of_open(session);
    if (!session.finished()) return true;
    if (session.state == State::kCancel) return false;
    end_gently(session);
    return true;
  }

  // What the server has just said, or that it has closed. False when the session is over.
  bool hear_server(Session& session) {
    const Pipe& down = session.pipes->down;
    const bool between = session.watch.is_between_messages();
    const bool was_asked = std::exchange(session.asks, false);
    if (session.state == State::kCancel) return true;
    if (!session.watch.read(down.unread())) return false;
    if (session.state == State::kLogin && session.watch.login_is_over()) {
      session.state = State::kOpen;
      session.deadline = time_of_open(session);
    } else if (session.state == State::kOpen && between) {
      const bool dies = down.source_closed && down.empty() && !was_asked && !session.pipes->up.source_closed;
      if (dies || is_farewell(down.unread())) say_why_it_ends(session, dies);
    }
    return true;
  }

  // A server that is stopped calls it an administrator's command, and one that died says nothing: the client
  // learns from us why its connection ends. Only between two messages, and never of an end that it asked for
  // itself.
  void say_why_it_ends(Session& session, bool dies) {
    const std::string live = live_socket();
    const bool moved_on = !live.empty() && live != session.socket;
    if (!moved_on && !dies) return;
    Pipe& down = session.pipes->down;
    const std::string told =
        moved_on
            ? fatal_message("57P01", "the name leads to another copy by now, and this connection has ended",
                            "connect again")
            : fatal_message("57P02", "the server of this copy has gone",
                            "connect again; 'yesterdaytabase status' says more");
    std::copy(told.begin(), told.end(), down.bytes.begin());
    down.begin = 0;
    down.end = told.size();
    down.source_closed = true;
    session.pipes->up.end_here();
  }

  [[nodiscard]] Time time_of_open(const Session& session) const {
    if (session.pipes->up.source_closed || session.pipes->down.source_closed)
      return now_ + limits_.half_closed;
    return limits_.idle.count() == 0 ? Time::max() : now_ + limits_.idle;
  }

  // -------------------------------------------------------------------------------------------------- limits

  [[nodiscard]] int count(const std::function<bool(const Session&)>& which) const {
    return static_cast<int>(std::count_if(sessions_.begin(), sessions_.end(),
                                          [&](const auto& session) { return which(*session.second); }));
  }
  // How far somebody has come who is not in yet: who has got nowhere makes room first. A cancel needs its
  // place but for a moment.
  enum Progress { kToldWhy, kSilent, kBegun, kEncrypted, kLoggingIn, kNone };
  [[nodiscard]] static Progress progress_of(const Session& session) {
    switch (session.state) {
      case State::kEnding:
        return kToldWhy;
      case State::kProxyHeader:
        return session.said.empty() ? kSilent : kBegun;
      case State::kHandshake:
        return kBegun;
      case State::kFirstPacket:
        return session.client.encrypted()                                         ? kEncrypted
               : session.said.empty() && !session.asked_tls && !session.asked_gss ? kSilent
                                                                                  : kBegun;
      case State::kLogin:
      case State::kCancel:
        return kLoggingIn;
      case State::kOpen:
        break;
    }
    return kNone;
  }

  // Of those that `which` names one gives up its place: of the largest crowd at one address, who has come
  // least far, and of these the oldest. A flood makes room for itself; a few of one office are no crowd.
  // False: there is none.
  bool make_room(const std::function<bool(const Session&)>& which) {
    constexpr int kNoCrowd = 3;
    std::map<std::string_view, int> crowds;
    for (const auto& [number, session] : sessions_) {
      // Whom a proxy brings is not known yet.
      if (session->state != State::kOpen && session->state != State::kProxyHeader)
        ++crowds[session->neighbourhood];
    }
    auto chosen = sessions_.end();
    std::pair<int, int> worst{};  // smaller: sooner
    for (auto at = sessions_.begin(); at != sessions_.end(); ++at) {
      const Session& session = *at->second;
      if (session.state == State::kOpen || !which(session)) continue;
      const int crowd = std::max(crowds[session.neighbourhood], kNoCrowd);
      const std::pair<int, int> here{-crowd, progress_of(session)};
      if (chosen != sessions_.end() && here >= worst) continue;
      chosen = at;
      worst = here;
    }
    if (chosen == sessions_.end()) return false;
    sessions_.erase(chosen);
    return true;
  }
  // Of whom a proxy brings it is not known yet whose place he would take.
  static bool has_place(const Session& session) {
    return !session.surplus && session.state != State::kProxyHeader;
  }
  // What one who comes finds: of all who have a place, and of those at his address.
  struct Crowd {
    int all = 0;
    int here = 0;
    int waiting = 0;
    int waiting_here = 0;
  };
  [[nodiscard]] Crowd crowd_before(const Session& comer) const {
    Crowd crowd;
    for (const auto& [number, session] : sessions_) {
      if (session.get() == &comer || !has_place(*session)) continue;
      const bool here = session->neighbourhood == comer.neighbourhood;
      const bool waits = session->state != State::kOpen;
      ++crowd.all;
      crowd.here += here ? 1 : 0;
      crowd.waiting += waits ? 1 : 0;
      crowd.waiting_here += here && waits ? 1 : 0;
    }
    return crowd;
  }
  // Sessions stand in the order in which they came.
  bool is_room_for(const Session& comer) {
    const auto waiting = [&](const Session& session) {
      return &session != &comer && has_place(session) && session.state != State::kOpen;
    };
    const auto waiting_here = [&](const Session& session) {
      return waiting(session) && session.neighbourhood == comer.neighbourhood;
    };
    Crowd crowd = crowd_before(comer);
    const auto makes_room = [&](const std::function<bool(const Session&)>& which) {
      if (!make_room(which)) return false;
      crowd = crowd_before(comer);
      return true;
    };
    if (crowd.waiting_here >= limits_.before_login_of_address && !makes_room(waiting_here)) return false;
    if (crowd.waiting >= limits_.before_login && !makes_room(waiting)) return false;
    if (crowd.here >= limits_.of_address && !makes_room(waiting_here)) return false;
    return crowd.all < connections_max_ || make_room(waiting);
  }
  // Who has no place of his own is held in number by what is left, and makes room for the next of them.
  // False: there is nothing left.
  bool fits_beyond(const Session& comer) {
    const int others = static_cast<int>(sessions_.size()) - (comer.number == 0 ? 0 : 1);
    return others < connections_max_ + kBeyondLimits ||
           make_room([&](const Session& session) { return &session != &comer && !has_place(session); });
  }
  // Whoever logs in has a process of the server's, of which others need theirs.
  bool is_room_to_log_in(const Session& comer) {
    const auto logs_in = [&](const Session& session) {
      return &session != &comer && session.state == State::kLogin;
    };
    return count(logs_in) < limits_.logging_in || make_room(logs_in);
  }

  void accept_some(const os::Descriptor& listener) {
    for (int i = 0; i < kAcceptsPerTurnMax; ++i) {
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      os::Descriptor client(
          accept4(listener.get(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!client.valid()) {
        // The process has no descriptor left: asked again at once, it would do nothing else.
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
          accept_after_ = now_ + kAcceptPause;
          nearest_ = std::min(nearest_, accept_after_);
          watch_listeners(false);
        }
        break;
      }
      if (from.ss_family != AF_UNIX) be_quick_and_alive(client.get());
      auto session = std::make_unique<Session>();
      session->client = ClientStream(std::move(client));
      session->from = from;
      const bool proxied = from.ss_family != AF_UNIX && options_.proxies.admits(from);
      session->state = State::kProxyHeader;
      session->deadline = now_ + limits_.first_packet;
      if (proxied ? fits_beyond(*session) : take_place(*session)) {
        session->number = next_number_++;
        watch(*session);
        sessions_.emplace_hint(sessions_.end(), session->number, std::move(session));
      }
    }
  }

  // ------------------------------------------------------------------------------------ what we are told

  // One of ours asks, at a socket that others cannot connect to. False: it is time to end.
  bool obey() {
    os::Descriptor asker(accept4(listeners_.control.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!asker.valid()) return true;
    const timeval patience{.tv_sec = 0, .tv_usec = 200'000};
    setsockopt(asker.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(asker.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    char word = 0;
    if (recv(asker.get(), &word, 1, 0) != 1) return true;
    switch (static_cast<Word>(word)) {
      case Word::kReport:
        answer(asker, to_text(report()));
        return true;
      case Word::kShare:
        hand_over(asker, listeners_);
        return true;
      case Word::kRetire:
        // Closing ours is not enough: who shares them keeps them in our epoll, too (epoll(7), question 6).
        watch_listeners(false);
        listeners_.network.reset();
        listeners_.local.reset();
        retired_ = true;
        return true;
      case Word::kEnd:
        answer(asker, "");
        for (const auto& [number, session] : sessions_) tell_the_end(*session);
        return false;
    }
    return true;
  }

  // What fits; nobody is waited for.
  void tell_the_end(Session& session) {
    if (session.state != State::kOpen || !session.pipes->down.empty()) return;
    (void)refuse(session, "57P01", "the gate to this copy is closed for good", "");
  }

  [[nodiscard]] GateState report() const {
    GateState state;
    state.settings = options_.settings;
    state.report.without_header = without_header_;
    state.report.without_header_from = without_header_from_;
    for (const auto& [number, session] : sessions_) {
      if (session->state != State::kOpen) {
        // Who has said nothing is nobody yet, as a look whether anybody listens here.
        if (progress_of(*session) >= kBegun) ++state.report.before_login;
        continue;
      }
      ports::GateConnections one{.role = session->role,
                                 .address = session->address,
                                 .socket = session->socket,
                                 .encrypted = session->client.encrypted(),
                                 .count = 1};
      add(state.report.connections, std::move(one));
    }
    return state;
  }

  GateOptions options_;
  const GateLimits limits_;
  Listeners listeners_;
  os::Descriptor epoll_;
  int wake_;
  std::atomic<int>* connections_;
  const int connections_max_;
  bool retired_ = false;
  int64_t without_header_ = 0;  // as in ports::GateReport
  std::string without_header_from_;
  Time now_ = std::chrono::steady_clock::now();
  Time accept_after_ = now_;
  Time nearest_ = Time::max();  // no deadline is over before it
  uint64_t next_number_ = kFirstNumber;
  std::map<uint64_t, std::unique_ptr<Session>> sessions_;  // by number, so in the order in which they came
  short network_watched_ = 0;
  short local_watched_ = 0;
  short control_watched_ = 0;
};

Result<std::unique_ptr<Gate>> Gate::start(GateOptions options) {
  if (!options.listeners.network.valid()) {
    YTB_ASSIGN(options.listeners.network, listen_at(options.address, options.port));
  }
  std::unique_ptr<Gate> gate(new Gate());
  gate->port_ = port_of(options.listeners.network);
  gate->wake_ = os::Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!gate->wake_.valid()) return os::system_error("make", "an event descriptor", errno);
  auto loop = std::make_unique<Loop>(std::move(options), gate->wake_.get(), &gate->connections_);
  YTB_TRY(loop->begin());
  gate->thread_ = std::thread([owned = std::move(loop)] { owned->run(); });
  return gate;
}

Status Gate::run(GateOptions options, const std::function<Status()>& before_first) {
  Loop loop(std::move(options), -1, nullptr);
  YTB_TRY(loop.begin());
  YTB_TRY(before_first());
  loop.run();
  return {};
}

Gate::~Gate() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  // The counter of a fresh eventfd cannot overflow: this write does not fail.
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
  thread_.join();
}

}  // namespace ytb::gate
