// Gate: the one way over the network to the live copy of a production (`listen:`). Copies have no TCP port:
// the gate leads to their Unix socket, and where a role of the config may not come in through a Unix socket,
// it is also what listens at the public one.
//
// It reads what a client says first, so that every role comes in from just the addresses that the config
// gives it, cancel requests reach the copy whose key they hold, and nobody replicates from a copy; whoever is
// refused is told so in the protocol. Afterwards bytes pass untouched, within TLS towards the client where it
// asked for that. Each new connection asks anew where the name points; one that exists stays where it is
// until the copy goes. A socket behind which another user's program listens is none.
//
// Bounded: connections in all and by address, those that have not logged in yet, those that are just logging
// in, the time that a login may take, and the time that one half of a closed connection may stay; descriptors
// stay in reserve. A few beyond the limits are heard out: a cancel request is passed on, as a server gives no
// place to one either, and whoever logs in is told why not. Where too many have not logged in, one makes
// room: of the largest crowd at one address (of IPv6 a /64), who has come least far, and of these the oldest.
// One thread; 128 kB for each connection that has said who it is, 10 kB for one that has not, and within TLS
// 10 to 40 kB more.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "drivers/gate/address_list.h"
#include "drivers/gate/tls.h"
#include "drivers/os/descriptor.h"

namespace ytb::gate {

struct GateLimits {
  int connections = 1000;  // fewer, where the process may have few descriptors
  int of_address = 500;
  int before_login = 200;  // connections in all whose login is not over
  int before_login_of_address = 50;
  int logging_in = 30;  // with a process of the server's, which has 100 for everybody
  std::chrono::milliseconds first_packet{10'000};  // from the first byte's chance to the whole packet
  std::chrono::milliseconds login{20'000};         // from there until the server says that it is ready
  std::chrono::milliseconds half_closed{60'000};   // without a byte in the other direction
  std::chrono::milliseconds idle{0};               // without a byte either way; 0: for ever
  int descriptors_reserved = 256;
};

// Connections beyond `connections`, in all: proxies that have not said for whom they connect, cancel
// requests, and logins that are told that there is no place.
constexpr int kBeyondLimits = 8;

// Sockets that listen already. Those that are valid are used as they are.
struct Listeners {
  os::Descriptor network;
  os::Descriptor local;    // a Unix socket for clients: roles that have "local" come in there
  os::Descriptor control;  // a Unix socket for our own: see control.h; stays after it has retired
};
// Error{kSpace} when the address is taken; kConfig when it is not numeric.
Result<os::Descriptor> listen_at(const std::string& address, uint16_t port);
// The same error, but nobody can connect meanwhile.
Status check_address(const std::string& address, uint16_t port);
// Of a socket of the network that listens; 0: it is none.
uint16_t port_of(const os::Descriptor& listener);
// A Unix socket, in place of whatever socket nobody listens at any more. `mode`: of its file.
Result<os::Descriptor> listen_at_path(const std::string& path, mode_t mode);

struct GateOptions {
  std::string address = "127.0.0.1";         // numeric, IPv4 or IPv6
  uint16_t port = 0;                         // 0: any free one (tests)
  std::map<std::string, AddressList> roles;  // who may come in from where; nobody else may
  // The path of the live copy's Unix socket; an error refuses the connection. Called on the gate's thread,
  // and should not take long.
  std::function<Result<std::string>()> resolve;
  GateLimits limits{};
  std::string base{};  // our working directory, where that is the copies': from there their paths are short
  std::optional<uid_t> server_user{};  // whom the server behind that socket must be; none: anybody
  std::shared_ptr<const TlsServer> tls{};
  bool tls_required = false;  // over the network, but for cancel requests: libpq sends these in clear
  AddressList proxies{};      // whose connections begin with a header of the PROXY protocol, version 2
  std::string settings{};     // told whoever asks at `control`
  Listeners listeners{};      // instead of address and port
};

class Gate {
 public:
  // Listens and starts its thread. Error{kSpace} when the address is taken.
  static Result<std::unique_ptr<Gate>> start(GateOptions options);
  // In this thread, until it was told at its control socket to end, or to take nobody in any more and the
  // last has gone. Needs listeners. `before_first` is called once all is open that it needs.
  static Status run(GateOptions options, const std::function<Status()>& before_first);
  // Stops listening and cuts what is open.
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] int connections() const { return connections_.load(); }

 private:
  class Loop;
  Gate() = default;

  uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  os::Descriptor wake_;  // eventfd: written once, to stop
  std::thread thread_;
};

}  // namespace ytb::gate
