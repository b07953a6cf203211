// Gatekeeper: sees to the gate of a production, the one way over the network to its live copy. The gate is a
// process of its own that outlives us, as copies do: a swap, a restart of `serve` or a new config cuts
// nobody.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace ytb::ports {

// Connections of one role from one address to one copy.
struct GateConnections {
  std::string role;
  std::string address;  // "local": through the public Unix socket
  std::string socket;   // of the copy's server
  bool encrypted = false;
  int count = 0;
};

struct GateReport {
  bool takes_in = false;          // false: only gates that have been replaced serve who is still there
  bool takes_in_locally = false;  // at the public Unix socket, where the config has the gate there
  int before_login = 0;
  // Connections of proxies, since the gate began, that were closed as they began with no PROXY header that
  // the gate understands; of the last one its address.
  int64_t without_header = 0;
  std::string without_header_from;
  std::vector<GateConnections> connections;  // of those that are logged in
};

class Gatekeeper {
 public:
  virtual ~Gatekeeper() = default;

  // Why keep() would not succeed, as far as that can be seen before; changes nothing.
  virtual Status check() = 0;
  // A gate as the config says runs from then on: begun where there is none, put in another's place where that
  // one's settings are others; then who is connected stays connected. What was done, for people; "": nothing
  // had to be. Where the config wants none, one that is there takes nobody in any more.
  virtual Result<std::string> keep() = 0;
  // None: no gate runs.
  virtual Result<std::optional<GateReport>> report() = 0;
  // It ends, and with it what it has open.
  virtual Status end() = 0;
};

}  // namespace ytb::ports
