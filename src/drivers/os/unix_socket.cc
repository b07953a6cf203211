#include "drivers/os/unix_socket.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "drivers/os/files.h"

namespace ytb::os {

Result<UnixAddress> unix_address(const std::string& path) {
  UnixAddress address;
  std::string way = path;
  if (path.size() > kUnixPathMax) {
    address.folder = Descriptor(::open(parent_of(path).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!address.folder.valid()) return system_error("open", parent_of(path), errno);
    way = fmt::format("/proc/self/fd/{}/{}", address.folder.get(), name_in(path));
  }
  if (way.size() > kUnixPathMax) return system_error("reach", path, ENAMETOOLONG);
  address.value.sun_family = AF_UNIX;
  std::memcpy(address.value.sun_path, way.data(), way.size());
  return address;
}

namespace {

Result<Descriptor> connect_to(const std::string& path, int flags, const timeval& patience) {
  Result<UnixAddress> address = unix_address(path);
  // Where its folder has gone, nobody listens in it.
  if (!address.ok() && !exists(parent_of(path))) return Descriptor();
  if (!address.ok()) return std::move(address).error();
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!socket.valid()) return system_error("make", "a socket", errno);
  // connect() goes by it as well: unix(7), socket(7).
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(socket.get(), address->get(), UnixAddress::size()) == 0) return socket;
  const int why = errno;
  if (why == ENOENT || why == ECONNREFUSED || why == ENOTDIR) return Descriptor();
  if (why == EAGAIN && (flags & SOCK_NONBLOCK) != 0) return Descriptor();
  Error error = system_error("connect to", path, why);
  if (why == EACCES || why == EPERM) error.hint = "it is another user's: run this as that user";
  if (why == EAGAIN) error.retry = Retry::kLater;
  return error;
}

}  // namespace

Result<Descriptor> connect_unix(const std::string& path, std::chrono::microseconds patience) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(patience);
  return connect_to(path, 0, {.tv_sec = seconds.count(), .tv_usec = (patience - seconds).count()});
}

Result<Descriptor> connect_unix_at_once(const std::string& path) {
  return connect_to(path, SOCK_NONBLOCK, {});
}

std::optional<ucred> listener_of(const Descriptor& connected) {
  ucred listener{};
  socklen_t size = sizeof listener;
  if (getsockopt(connected.get(), SOL_SOCKET, SO_PEERCRED, &listener, &size) != 0) return std::nullopt;
  return listener;
}

}  // namespace ytb::os
