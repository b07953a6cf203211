// `listen:` of alias.socket and the keys that say how its gate meets clients. Private to the config room.
#pragma once

#include "config/config.h"
#include "config/reader.h"
#include "config/values.h"

namespace ytb::config {

// Reads them from alias.socket. Any of them without `listen` is an error: it would promise what is not there.
void read_gate(const Values& values, MapReader& socket, AliasConfig& alias);

}  // namespace ytb::config
