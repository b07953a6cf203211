// Isolation: what keeps a local copy's server, and with it production's code, from the network, the other
// processes and the files of its host.
#pragma once

#include <string>

namespace ytb::model {

struct Isolation {
  // kWeak: no other files and no connections, but the host's processes and shared memory are within reach.
  enum class Kind { kSealed, kWeak, kNone } kind = Kind::kSealed;
  std::string reason;  // unless sealed: why, in the config's words; the proof quotes it
  [[nodiscard]] bool sealed() const { return kind == Kind::kSealed; }
  [[nodiscard]] std::string name() const {
    return sealed() ? "sealed" : kind == Kind::kWeak ? "weak" : "none";
  }
  friend bool operator==(const Isolation&, const Isolation&) = default;
};

}  // namespace ytb::model
