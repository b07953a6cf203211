// Patience: what a call does about work that a provider (AWS) has not ended yet.
//
// Whoever stays for a whole refresh waits. Whoever is paid by the second, and comes again anyway, asks for
// the work once and leaves: a call then looks once, and where the work goes on ends with kInterrupted, which
// is neither success nor failure. The next call finds out by looking how far the work is. How often or how
// long something was tried is therefore never counted in a call's own memory alone.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace ytb::ports {

enum class Patience { kWait, kLeave };

// How a call ends that leaves: "the restore of shop-… goes on without us".
inline Error left_under_way(std::string_view what) {
  return {.code = Code::kInterrupted,
          .message = std::string(what) + " goes on without us",
          .hint = "nothing waits for it: the next tick looks how far it is",
          .retry = Retry::kLater};
}

}  // namespace ytb::ports
