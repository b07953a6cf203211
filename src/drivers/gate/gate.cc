#include "drivers/gate/gate.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "base/text.h"
#include "drivers/gate/startup.h"

namespace ytb::gate {
namespace {

using Time = std::chrono::steady_clock::time_point;

constexpr size_t kBufferBytes = 64 * 1024;
constexpr int kBacklog = 128;
constexpr int kAcceptsPerTurnMax = 64;
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::chrono::milliseconds kLinger{5000};  // for a client to read why it was refused

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
  bool read_from(int fd) {
    const ssize_t count = recv(fd, bytes.data(), bytes.size(), 0);
    if (count > 0) {
      begin = 0;
      end = static_cast<size_t>(count);
    } else if (count == 0) {
      source_closed = true;
    } else {
      return errno == EAGAIN || errno == EINTR;
    }
    return true;
  }
  bool write_to(int fd) {
    if (!empty()) {
      const ssize_t count = send(fd, bytes.data() + begin, end - begin, MSG_NOSIGNAL);
      if (count < 0) return errno == EAGAIN || errno == EINTR;
      begin += static_cast<size_t>(count);
    }
    // One side has said all: tell the other, which may still answer.
    if (empty() && source_closed && !sink_shut) {
      sink_shut = true;
      shutdown(fd, SHUT_WR);
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
    kFirstPacket,  // the client has not said who it is
    kLogin,        // the server asks for its password
    kOpen,
    kCancel,   // a key is on its way to a server, which closes
    kRefused,  // told so; what it still sends is thrown away
  };
  State state = State::kFirstPacket;
  os::Descriptor client;
  os::Descriptor server;
  std::string address;        // of the client, without its port
  std::string neighbourhood;  // neighbourhood_of
  sockaddr_storage from{};
  Time deadline = Time::max();
  std::string said;  // before the first packet is whole
  bool asked_tls = false;
  bool asked_gss = false;
  std::unique_ptr<Pipes> pipes;
  LoginWatch login;
  std::string socket;  // of the copy that it leads to

  [[nodiscard]] bool finished() const { return pipes->up.sink_shut && pipes->down.sink_shut; }
};

os::Descriptor connect_socket(std::string path) {
  sockaddr_un address{};
  // A path that is too long for an address is gone by from its folder.
  os::Descriptor folder;
  if (const size_t slash = path.rfind('/');
      path.size() >= sizeof address.sun_path && slash != std::string::npos) {
    folder = os::Descriptor(::open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder.valid()) return {};
    path = fmt::format("/proc/self/fd/{}{}", folder.get(), path.substr(slash));
  }
  if (path.size() >= sizeof address.sun_path) return {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  os::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return {};
  // Connected at once or, where the server's queue is full, refused: unix(7).
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return socket;
}

void be_quick_and_alive(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

Result<os::Descriptor> listen_at(const std::string& address, uint16_t port) {
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
      bind(socket.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0 ||
      listen(socket.get(), kBacklog) != 0) {
    Error error = os::system_error("listen at", fmt::format("{}:{}", address, port), errno, Code::kSpace);
    error.hint = "another program may have it: see 'ss -ltnp', or set another listen: address";
    return error;
  }
  return socket;
}

std::string text_of(const sockaddr_storage& from) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* address = from.ss_family == AF_INET6
                            ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6&>(from).sin6_addr)
                            : static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(from).sin_addr);
  return inet_ntop(from.ss_family, address, text.data(), text.size()) == nullptr ? std::string("?")
                                                                                 : std::string(text.data());
}

// Whose connections are counted together: of IPv6 one customer of a provider has a /64.
std::string neighbourhood_of(const sockaddr_storage& from) {
  constexpr size_t kNetworkBytes = 8;
  if (from.ss_family != AF_INET6) return text_of(from);
  const in6_addr& address = reinterpret_cast<const sockaddr_in6&>(from).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&address)) return text_of(from);
  return {reinterpret_cast<const char*>(address.s6_addr), kNetworkBytes};
}

// Gates of this process: what is left of its descriptors is shared.
std::atomic<int>& gates_open() {
  static std::atomic<int> count{0};
  return count;
}

// Two descriptors a connection, and enough left for whatever else the process does.
int connections_within_descriptors(const GateLimits& limits) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return limits.connections;
  const auto reserved = static_cast<rlim_t>(limits.descriptors_reserved);
  const rlim_t left = limit.rlim_cur > reserved ? limit.rlim_cur - reserved : 2;
  const auto gates = static_cast<rlim_t>(std::max(gates_open().load(), 1));
  return static_cast<int>(std::min<rlim_t>(left / 2 / gates, static_cast<rlim_t>(limits.connections)));
}

}  // namespace

// The thread's own state; nothing of it is shared but the owner's atomics.
class Gate::Loop {
 public:
  Loop(Gate& owner, GateOptions options, os::Descriptor listener, int wake)
      : owner_(owner),
        options_(std::move(options)),
        limits_(options_.limits),
        listener_(std::move(listener)),
        wake_(wake) {}

  void run() {
    // Ends when `wake_` is written; every turn waits for an event or a deadline.
    while (turn()) {
    }
  }

 private:
  static short events_of(const Pipe& from, const Pipe& to) {
    short events = 0;
    if (from.wants_read()) events |= POLLIN;
    if (!to.empty()) events |= POLLOUT;
    return events;
  }

  // One side of a session. A side of which nothing is wanted is not watched at all: poll() reports a hang-up
  // whether asked or not, and would turn in circles until the other side is done.
  void watch(int fd, short events) {
    polls_.push_back({.fd = events == 0 ? -1 : fd, .events = events, .revents = 0});
  }

  // Until the next deadline, in milliseconds; -1: there is none.
  [[nodiscard]] int time_left(Time now) const {
    Time next = accept_after_ > now ? accept_after_ : Time::max();
    for (const auto& session : sessions_) next = std::min(next, session->deadline);
    if (next == Time::max()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - now).count();
    return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
  }

  bool turn() {
    polls_.clear();
    polls_.push_back({.fd = wake_, .events = POLLIN, .revents = 0});
    const bool listens = accept_after_ <= std::chrono::steady_clock::now();
    polls_.push_back({.fd = listens ? listener_.get() : -1, .events = POLLIN, .revents = 0});
    for (const auto& session : sessions_) {
      if (session->pipes == nullptr) {
        watch(session->client.get(), POLLIN);
        watch(-1, 0);
        continue;
      }
      watch(session->client.get(), events_of(session->pipes->up, session->pipes->down));
      watch(session->server.get(), events_of(session->pipes->down, session->pipes->up));
    }
    const int ready = poll(polls_.data(), polls_.size(), time_left(std::chrono::steady_clock::now()));
    if (ready < 0) return errno == EINTR || pause();
    if ((polls_[0].revents & POLLIN) != 0) return false;
    now_ = std::chrono::steady_clock::now();
    for (size_t i = 0; i < sessions_.size(); ++i) {
      Session& session = *sessions_[i];
      const bool goes_on = session.pipes == nullptr
                               ? listen_to(session, polls_[2 + 2 * i].revents)
                               : serve(session, polls_[2 + 2 * i].revents, polls_[3 + 2 * i].revents);
      if (!goes_on || (session.deadline <= now_ && !outlives_deadline(session))) sessions_[i].reset();
    }
    std::erase_if(sessions_, [](const auto& session) { return session == nullptr; });
    if ((polls_[1].revents & POLLIN) != 0) accept_some();
    owner_.connections_ = static_cast<int>(sessions_.size());
    return true;
  }

  // After a failure of the system's, which may pass. False: it is time to end.
  [[nodiscard]] bool pause() const {
    pollfd wake{.fd = wake_, .events = POLLIN, .revents = 0};
    return poll(&wake, 1, static_cast<int>(kAcceptPause.count())) <= 0;
  }

  // Whether a session whose time is over stays a little longer, to be told so.
  bool outlives_deadline(Session& session) {
    // In the middle of a message of the server's it could not be read.
    if (session.state != Session::State::kLogin || !session.pipes->down.empty()) return false;
    return refuse(session, "57014", "the login took too long", "");
  }

  // ------------------------------------------------------------------------------------- before the login

  // Of a session that leads nowhere yet. False when it is over.
  bool listen_to(Session& session, short events) {
    if ((events & (POLLERR | POLLNVAL)) != 0) return false;
    if ((events & (POLLIN | POLLHUP)) == 0) return true;
    std::array<char, kStartupBytesMax> bytes{};
    const ssize_t count = recv(session.client.get(), bytes.data(), bytes.size(), 0);
    if (count == 0) return false;
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (session.state == Session::State::kRefused) return true;
    session.said.append(bytes.data(), static_cast<size_t>(count));
    while (session.state == Session::State::kFirstPacket) {
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
        // Each once, as a server has it; and nothing may come before the answer.
        bool& asked = packet.kind == Kind::kTlsRequest ? session.asked_tls : session.asked_gss;
        if (std::exchange(asked, true) || session.said.size() != packet.bytes) return false;
        session.said.clear();
        return send(session.client.get(), "N", 1, MSG_NOSIGNAL) == 1;
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

  bool let_in(Session& session, const FirstPacket& packet) {
    if (!packet.sqlstate.empty()) return refuse(session, packet.sqlstate, packet.refusal, "");
    auto role = options_.roles.find(packet.user);
    if (role == options_.roles.end() || !role->second.admits(session.from)) {
      return refuse(
          session, "28000",
          fmt::format("role \"{}\" may not come in from {}", printable(packet.user), session.address),
          "the config's access: {…: {from: […]}} says who may come from where");
    }
    const Result<std::string> path = options_.resolve();
    // Where it leads, and not the name: that moves on, and a cancel request must not.
    std::error_code failed;
    if (path.ok()) session.socket = std::filesystem::canonical(*path, failed).string();
    session.server = path.ok() && !failed ? connect_socket(session.socket) : os::Descriptor();
    if (!session.server.valid()) {
      return refuse(session, "57P03", "no copy is live at the moment",
                    "try again in a moment; 'yesterdaytabase status' says more");
    }
    begin_pipes(session);
    session.state = Session::State::kLogin;
    session.deadline = now_ + limits_.login;
    return true;
  }

  // To the copy whose key it is, wherever the name points by now. An answer there is none, as in PostgreSQL.
  bool cancel(Session& session, const FirstPacket& packet) {
    const auto holder = std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& other) {
      return other != nullptr && other->state == Session::State::kOpen &&
             other->login.cancel_key() == packet.cancel_key;
    });
    if (holder == sessions_.end()) return false;
    session.server = connect_socket((*holder)->socket);
    if (!session.server.valid()) return false;
    begin_pipes(session);
    session.state = Session::State::kCancel;
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
  static_assert(2 * kStartupBytesMax <= kBufferBytes);

  bool refuse(Session& session, std::string_view sqlstate, std::string_view why, std::string_view hint) {
    const std::string told = fatal_message(sqlstate, why, hint);
    session.pipes.reset();
    session.server = {};
    session.said = {};
    // It fits a socket's buffer that nothing was written to; whoever has filled it reads nothing anyway.
    if (send(session.client.get(), told.data(), told.size(), MSG_NOSIGNAL) < 0) return false;
    // Closed at once, what it still sends would be answered by a reset, and the message be lost with it.
    shutdown(session.client.get(), SHUT_WR);
    session.state = Session::State::kRefused;
    session.deadline = now_ + kLinger;
    return true;
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
    if ((client_events & kReadable) != 0 && up.wants_read()) {
      if (!up.read_from(session.client.get())) return false;
      moved = true;
    }
    if ((server_events & kReadable) != 0 && down.wants_read()) {
      if (!down.read_from(session.server.get())) down.source_closed = true;
      moved = true;
      if (session.state == Session::State::kLogin && !follow_login(session)) return false;
    }
    if (!up.write_to(session.server.get())) up.end_here();
    if (!down.write_to(session.client.get())) return false;
    if (session.state == Session::State::kOpen && (up.source_closed || down.source_closed) &&
        (moved || session.deadline == Time::max())) {
      session.deadline = now_ + limits_.half_closed;
    }
    return !session.finished();
  }

  bool follow_login(Session& session) {
    if (!session.login.read(session.pipes->down.unread())) return false;
    if (!session.login.over()) return true;
    session.state = Session::State::kOpen;
    session.deadline = Time::max();
    return true;
  }

  // -------------------------------------------------------------------------------------------------- limits

  [[nodiscard]] int count(const std::function<bool(const Session&)>& which) const {
    return static_cast<int>(std::count_if(sessions_.begin(), sessions_.end(),
                                          [&](const auto& session) { return which(*session); }));
  }
  // The oldest of those gives up its place: whoever was refused, then who has not said who he is, then the
  // others. False: there is none.
  bool make_room(const std::function<bool(const Session&)>& which) {
    using State = Session::State;
    for (const State state : {State::kRefused, State::kCancel, State::kFirstPacket, State::kLogin}) {
      const auto oldest = std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& session) {
        return session->state == state && which(*session);
      });
      if (oldest == sessions_.end()) continue;
      sessions_.erase(oldest);
      return true;
    }
    return false;
  }
  // Sessions stand in the order in which they came.
  bool is_room_for(const std::string& neighbourhood) {
    const auto here = [&](const Session& session) { return session.neighbourhood == neighbourhood; };
    const auto waiting = [](const Session& session) { return session.state != Session::State::kOpen; };
    const auto waiting_here = [&](const Session& session) { return waiting(session) && here(session); };
    if (count(waiting_here) >= limits_.before_login_of_address && !make_room(waiting_here)) return false;
    if (count(waiting) >= limits_.before_login && !make_room(waiting)) return false;
    if (count(here) >= limits_.of_address && !make_room(waiting_here)) return false;
    return static_cast<int>(sessions_.size()) < connections_within_descriptors(limits_) || make_room(waiting);
  }

  void accept_some() {
    for (int i = 0; i < kAcceptsPerTurnMax; ++i) {
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      os::Descriptor client(
          accept4(listener_.get(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!client.valid()) {
        // The process has no descriptor left: asked again at once, it would do nothing else.
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
          accept_after_ = now_ + kAcceptPause;
        return;
      }
      auto session = std::make_unique<Session>();
      session->client = std::move(client);
      session->from = from;
      session->address = text_of(from);
      session->neighbourhood = neighbourhood_of(from);
      // Nobody of whom no role may come from there is listened to at all.
      const bool expected = std::any_of(options_.roles.begin(), options_.roles.end(),
                                        [&](const auto& role) { return role.second.admits(from); });
      if (!expected || !is_room_for(session->neighbourhood)) {
        refuse_at_once(*session, expected);
        continue;
      }
      be_quick_and_alive(session->client.get());
      session->deadline = now_ + limits_.first_packet;
      sessions_.push_back(std::move(session));
    }
  }

  // A client that has said nothing yet takes an error for an answer, too; it is not waited for.
  void refuse_at_once(Session& session, bool expected) {
    (void)refuse(session, expected ? "53300" : "28000",
                 expected ? std::string("too many connections")
                          : fmt::format("nobody may come in from {}", session.address),
                 expected ? "" : "the config's access: {…: {from: […]}} says who may come from where");
  }

  Gate& owner_;
  GateOptions options_;
  const GateLimits limits_;
  os::Descriptor listener_;
  int wake_;
  Time now_ = std::chrono::steady_clock::now();
  Time accept_after_ = now_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<pollfd> polls_;
};

Result<std::unique_ptr<Gate>> Gate::start(GateOptions options) {
  YTB_ASSIGN(os::Descriptor listener, listen_at(options.address, options.port));
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  std::unique_ptr<Gate> gate(new Gate());
  gate->port_ = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                                  : reinterpret_cast<sockaddr_in&>(bound).sin_port);
  gate->wake_ = os::Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!gate->wake_.valid()) return os::system_error("make", "an event descriptor", errno);
  auto loop = std::make_unique<Loop>(*gate, std::move(options), std::move(listener), gate->wake_.get());
  ++gates_open();
  gate->thread_ = std::thread([owned = std::move(loop)] { owned->run(); });
  return gate;
}

Gate::~Gate() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  // The counter of a fresh eventfd cannot overflow: this write does not fail.
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
  thread_.join();
  --gates_open();
}

}  // namespace ytb::gate
