// Isolation: what keeps a local copy's server, and with it production's code, from the network, the other
// processes and the files of its host.
#pragma once

#include <string>

namespace ytb::model {

struct Isolation {
  enum class Kind { kSealed, kNone } kind = Kind::kSealed;
  std::string reason;  // with kNone: why, in the config's words; the proof quotes it
  [[nodiscard]] bool sealed() const { return kind == Kind::kSealed; }
};

}  // namespace ytb::model
