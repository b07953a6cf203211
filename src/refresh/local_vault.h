// LocalVault: the Vault of this machine: environment variables and files.
#pragma once

#include "ports/vault.h"

namespace ytb::refresh {

class LocalVault final : public ports::Vault {
 public:
  Result<Secret> secret(const model::SecretRef& reference) override;
  Result<std::optional<std::string>> text(const std::string& place, size_t size_max) override;
};

}  // namespace ytb::refresh
