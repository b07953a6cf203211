// SecretsManager and Ssm: secrets and parameters by name or ARN. Thread-safe as their Caller is.
#pragma once

#include <optional>
#include <string>

#include "base/secret.h"
#include "drivers/aws/caller.h"

namespace ytb::aws {

class SecretsManager {
 public:
  explicit SecretsManager(Caller& caller) : caller_(caller) {}
  // The current version's string; kUnsupported for a binary one. None: there is no such secret.
  Result<std::optional<Secret>> get_secret_value(const std::string& id);

 private:
  Caller& caller_;
};

class Ssm {
 public:
  explicit Ssm(Caller& caller) : caller_(caller) {}
  // Decrypted. None: there is no such parameter.
  Result<std::optional<Secret>> get_parameter(const std::string& name);

 private:
  Caller& caller_;
};

}  // namespace ytb::aws
