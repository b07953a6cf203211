// The alias: the stable name staging users connect to. It points at one copy or at nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "model/ids.h"

namespace ytb::model {

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
};

}  // namespace ytb::model
