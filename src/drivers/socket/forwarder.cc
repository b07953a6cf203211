#include "drivers/socket/forwarder.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace ytb::socket_alias {
namespace {

constexpr size_t kBufferBytes = 64 * 1024;
constexpr int kBacklog = 128;
constexpr int kAcceptsPerTurnMax = 64;

// Bytes read from one side and not yet written to the other.
struct Pipe {
  std::array<char, kBufferBytes> bytes;
  size_t begin = 0;
  size_t end = 0;
  bool source_closed = false;
  bool sink_shut = false;

  [[nodiscard]] bool empty() const { return begin == end; }
  [[nodiscard]] bool wants_read() const { return !source_closed && empty(); }

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

struct Session {
  os::Descriptor client;
  os::Descriptor server;
  Pipe up;  // client → server
  Pipe down;

  [[nodiscard]] bool finished() const { return up.sink_shut && down.sink_shut; }
};

os::Descriptor connect_socket(const std::string& path) {
  sockaddr_un address{};
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

}  // namespace

// The thread's own state; nothing of it is shared but the owner's atomics.
class Forwarder::Loop {
 public:
  Loop(Forwarder& owner, ForwarderOptions options, os::Descriptor listener, int wake)
      : owner_(owner), options_(std::move(options)), listener_(std::move(listener)), wake_(wake) {}

  void run() {
    // Ends when `wake_` is written; every turn waits for an event, so it is no busy loop.
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

  bool turn() {
    polls_.clear();
    polls_.push_back({.fd = wake_, .events = POLLIN, .revents = 0});
    const bool room = sessions_.size() < static_cast<size_t>(options_.connections_max);
    polls_.push_back({.fd = room ? listener_.get() : -1, .events = POLLIN, .revents = 0});
    for (const auto& session : sessions_) {
      watch(session->client.get(), events_of(session->up, session->down));
      watch(session->server.get(), events_of(session->down, session->up));
    }
    if (poll(polls_.data(), polls_.size(), -1) < 0) return errno == EINTR;
    if ((polls_[0].revents & POLLIN) != 0) return false;
    for (size_t i = 0; i < sessions_.size(); ++i) {
      if (!serve(*sessions_[i], polls_[2 + 2 * i].revents, polls_[3 + 2 * i].revents)) sessions_[i].reset();
    }
    std::erase_if(sessions_, [](const auto& session) { return session == nullptr; });
    if ((polls_[1].revents & POLLIN) != 0) accept_some();
    owner_.connections_ = static_cast<int>(sessions_.size());
    return true;
  }

  // False when the session is over.
  static bool serve(Session& session, short client_events, short server_events) {
    constexpr short kBroken = POLLERR | POLLNVAL;
    if (((client_events | server_events) & kBroken) != 0) return false;
    constexpr short kReadable = POLLIN | POLLHUP;
    if ((client_events & kReadable) != 0 && session.up.wants_read() &&
        !session.up.read_from(session.client.get())) {
      return false;
    }
    if ((server_events & kReadable) != 0 && session.down.wants_read() &&
        !session.down.read_from(session.server.get())) {
      return false;
    }
    if (!session.up.write_to(session.server.get()) || !session.down.write_to(session.client.get()))
      return false;
    return !session.finished();
  }

  void accept_some() {
    for (int i = 0; i < kAcceptsPerTurnMax; ++i) {
      if (sessions_.size() >= static_cast<size_t>(options_.connections_max)) return;
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      os::Descriptor client(
          accept4(listener_.get(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!client.valid()) return;
      if (!options_.admitted.admits(from)) {
        ++owner_.refused_;
        continue;
      }
      const Result<std::string> path = options_.resolve();
      os::Descriptor server = path.ok() ? connect_socket(*path) : os::Descriptor();
      if (!server.valid()) {
        ++owner_.refused_;
        continue;
      }
      be_quick_and_alive(client.get());
      auto session = std::make_unique<Session>();
      session->client = std::move(client);
      session->server = std::move(server);
      sessions_.push_back(std::move(session));
      ++owner_.accepted_;
    }
  }

  Forwarder& owner_;
  ForwarderOptions options_;
  os::Descriptor listener_;
  int wake_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<pollfd> polls_;
};

Result<std::unique_ptr<Forwarder>> Forwarder::start(ForwarderOptions options) {
  YTB_ASSIGN(os::Descriptor listener, listen_at(options.address, options.port));
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  std::unique_ptr<Forwarder> forwarder(new Forwarder());
  forwarder->port_ = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                                       : reinterpret_cast<sockaddr_in&>(bound).sin_port);
  forwarder->wake_ = os::Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!forwarder->wake_.valid()) return os::system_error("make", "an event descriptor", errno);
  auto loop =
      std::make_unique<Loop>(*forwarder, std::move(options), std::move(listener), forwarder->wake_.get());
  forwarder->thread_ = std::thread([owned = std::move(loop)] { owned->run(); });
  return forwarder;
}

Forwarder::~Forwarder() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  // The counter of a fresh eventfd cannot overflow: this write does not fail.
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
  thread_.join();
}

}  // namespace ytb::socket_alias
