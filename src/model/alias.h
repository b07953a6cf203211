// The alias: the stable name staging users connect to. It points at one copy or at nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "model/ids.h"

namespace ytb::model {

// What leads libpq through the name: a service of a file, or a host with TLS.
struct ConnectPath {
  std::string service_file = {};
  std::string service = {};  // "" : by the rest
  std::string host = {};
  uint16_t port = 0;
  std::string sslmode = {};
  std::string dbname = {};  // "" : the user says which
};

struct AliasState {
  std::optional<CopyId> target;  // nothing: never pointed, or pointed at what is not a copy (see stray)
  std::string stray;             // where it points when that is no copy of ours; for people
  bool consistent = true;        // all parts (symlink, service file) agree; false: repeat the repoint
  bool seen = false;             // a resolver or client has been seen to reach `target`
  std::string connect;           // how a person connects through it, e.g. "psql service=shop-yesterday"
  std::string note = {};         // what such a person must know; "" : nothing
  // Where `target` itself is, for us: past the name. Empty and 0 where the name is enough.
  std::string host = {};
  uint16_t port = 0;
  ConnectPath path = {};                     // for programs, what `connect` is for people
  std::optional<ConnectPath> tcp_path = {};  // through the gate; none: there is no gate
};

}  // namespace ytb::model
