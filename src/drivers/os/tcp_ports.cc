#include "drivers/os/tcp_ports.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "drivers/os/descriptor.h"

namespace ytb::os {
namespace {

// Binding to the wildcard address collides with a listener on any address. SO_REUSEADDR as servers set it:
// connections in TIME_WAIT are no obstacle, listeners are.
bool can_bind(int family, const sockaddr* address, socklen_t size) {
  Descriptor probe(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe.valid()) return errno == EAFNOSUPPORT;
  int on = 1;
  ::setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) ::setsockopt(probe.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(probe.get(), address, size) == 0) return true;
  return errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT;
}

}  // namespace

bool port_is_free(uint16_t port) {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  four.sin_addr.s_addr = htonl(INADDR_ANY);
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  six.sin6_addr = in6addr_any;
  return can_bind(AF_INET, reinterpret_cast<const sockaddr*>(&four), sizeof four) &&
         can_bind(AF_INET6, reinterpret_cast<const sockaddr*>(&six), sizeof six);
}

Result<uint16_t> find_free_port(uint16_t first, uint16_t last, const std::set<uint16_t>& taken) {
  for (uint32_t port = first; port <= last; ++port) {
    auto candidate = static_cast<uint16_t>(port);
    if (!taken.contains(candidate) && port_is_free(candidate)) return candidate;
  }
  return Error{.code = Code::kSpace,
               .message = fmt::format("no free port between {} and {}", first, last),
               .hint = "widen copies.local.ports, or stop what listens there (ss -ltn)",
               .retry = Retry::kLater};
}

}  // namespace ytb::os
