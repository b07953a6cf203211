#include "tests/fakes/aws/loopback.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/check.h"

namespace ytb::fakes::aws {

constexpr int kWaitingMax = 64;

Loopback bind_loopback(int type, uint16_t port) {
  Loopback made;
  made.fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
  const int one = 1;
  if (port != 0) setsockopt(made.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  YTB_CHECK(bind(made.fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  YTB_CHECK(type != SOCK_STREAM || listen(made.fd, kWaitingMax) == 0);
  YTB_CHECK(getsockname(made.fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  made.port = ntohs(address.sin_port);
  return made;
}

}  // namespace ytb::fakes::aws
