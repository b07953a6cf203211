// A socket of a fake on 127.0.0.1. For tests only.
#pragma once

#include <cstdint>

namespace ytb::fakes::aws {

struct Loopback {
  int fd = -1;  // whoever asked for it closes it
  uint16_t port = 0;
};

// `type`: SOCK_STREAM, then listening, or SOCK_DGRAM. `port` 0: a free one. Dies where there is none.
Loopback bind_loopback(int type, uint16_t port = 0);

}  // namespace ytb::fakes::aws
