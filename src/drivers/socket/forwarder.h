// Forwarder: one TCP address that leads to the live copy's Unix socket, for laptops on the network
// (`listen:`). Copies have no TCP port of their own.
//
// Every new connection asks anew where the name points; a connection that exists stays where it is until the
// copy goes. `access.from` is enforced here, since the server sees only us. Bytes pass untouched, TLS
// included. One thread, two fixed buffers a connection, a bound on connections; a slow reader slows only its
// own writer.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/result.h"
#include "drivers/os/descriptor.h"
#include "drivers/socket/address_list.h"

namespace ytb::socket_alias {

struct ForwarderOptions {
  std::string address = "127.0.0.1";  // numeric, IPv4 or IPv6
  uint16_t port = 0;                  // 0: any free one (tests)
  AddressList admitted;
  // The path of the live copy's Unix socket; an error refuses the connection. Called on the forwarder's
  // thread, and should not take long.
  std::function<Result<std::string>()> resolve;
  int connections_max = 1000;
};

class Forwarder {
 public:
  // Listens and starts its thread. Error{kSpace} when the address is taken.
  static Result<std::unique_ptr<Forwarder>> start(ForwarderOptions options);
  // Stops listening and cuts what is open.
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] int connections() const { return connections_.load(); }
  [[nodiscard]] uint64_t accepted() const { return accepted_.load(); }
  [[nodiscard]] uint64_t refused() const { return refused_.load(); }

 private:
  class Loop;
  Forwarder() = default;

  uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::atomic<uint64_t> accepted_{0};
  std::atomic<uint64_t> refused_{0};
  os::Descriptor wake_;  // eventfd: written once, to stop
  std::thread thread_;
};

}  // namespace ytb::socket_alias
