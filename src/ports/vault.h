// Vault: reads what the config refers to and does not hold: secrets, and the policy and its lock, wherever
// they are kept. Only ever reads. Thread-safe.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "model/access.h"

namespace ytb::ports {

class Vault {
 public:
  virtual ~Vault() = default;
  // The secret, without one trailing newline. kConfig where it is not there, is empty or is open to others;
  // kUnsupported for a place that this vault does not reach. kNone is an empty Secret.
  virtual Result<Secret> secret(const model::SecretRef& reference) = 0;
  // A whole document: a path, "s3://bucket/key" or "ssm:name". None: there is no such.
  virtual Result<std::optional<std::string>> text(const std::string& place, size_t size_max) = 0;
};

}  // namespace ytb::ports
