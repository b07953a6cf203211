// Refusal: an error that AWS would answer with. Thrown by the fake's insides and caught at one place, the
// dispatcher: a fake has dozens of rules per call, and each of them ends the call.
#pragma once

#include <string>
#include <utility>

namespace ytb::fakes::aws {

struct Refusal {
  std::string code;  // the model's shape name, or a code that is common to all operations
  std::string message;
  int status = 400;  // for common codes; modelled errors bring their own
};

[[noreturn]] inline void refuse(std::string code, std::string message, int status = 400) {
  throw Refusal{std::move(code), std::move(message), status};
}

}  // namespace ytb::fakes::aws
