// Fault: AWS's refusals, read from the five ways its protocols write them, and what they mean. Pure. For this
// room.
#pragma once

#include <string_view>

#include "drivers/aws/caller.h"

namespace ytb::aws {

// What an answer that is not 2xx says. `retry` is left to classify().
Fault read_fault(const http::Response& response);
// x-amzn-requestid and its kin; "" where there is none.
std::string request_id_of(const http::Response& response);

enum class FaultKind {
  kFinal,      // it was refused, and will be
  kBusy,       // it was refused for now: a state or a lack of capacity
  kThrottled,  // it was refused: too often
  kTransient,  // the service broke: whether it was done is unknown
  kSkewed,     // it was refused: by AWS's clock the request is too old or too new
  kExpired,    // it was refused: the credentials have expired
  kDenied,     // it was refused: not allowed, or not who we say
  kExhausted,  // it was refused: a quota
};
FaultKind classify(const Fault& fault);

}  // namespace ytb::aws
