// Door: what a host that is not ours can do to a copy only from a session inside it: mark it as its own, and
// let people in. (A local host has the server's own configuration for both.) One call at a time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ports/instance.h"

namespace ytb::ports {

// How claim() ended.
enum class Claim {
  kOurs,
  // Not the password decides who is the master, but something else: production has put it into a group whose
  // logins another service judges (rds_iam on RDS). Nothing was done; free_master() may help.
  kOverruled,
};

class Door {
 public:
  virtual ~Door() = default;

  // Writes the mark of `target.nonce` into the copy, once its password is ours alone. From then on the engine
  // works there. kRefused where it carries another mark, was opened, or somebody else uses it. Idempotent.
  // kConnection where it cannot be reached or the password is not the one.
  virtual Result<Claim> claim(const SessionTarget& target) = 0;
  // Of one that is overruled: logs in with `target.password`, a token of that other service, and takes from
  // the master what overrules its password, so that claim() can follow. Returns what was taken, a line each.
  // A token is sent as it is, so kRefused where the connection would not be verified TLS; and as claim().
  // Idempotent.
  virtual Result<std::vector<std::string>> free_master(const SessionTarget& target) = 0;
  // Gives the access roles login and password and ends the engine's rights, in one step. An opened copy is
  // left as it is. kRefused before verify() has given back what the engine borrowed.
  virtual Status open(const SessionTarget& target, const std::vector<AccessGrant>& grants,
                      std::string_view data_as_of) = 0;
  // Whether it has been opened; for after an answer that never came. kRefused without our mark.
  virtual Result<bool> is_open(const SessionTarget& target) = 0;
};

}  // namespace ytb::ports
