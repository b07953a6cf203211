// AwsVault: secrets in Secrets Manager and Parameter Store, documents in S3 and Parameter Store; everything
// else is asked of another vault. AWS is not called, and no credentials are looked for, before something is
// read that lies there. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "drivers/aws/caller.h"
#include "ports/vault.h"

namespace ytb::aws {

class AwsVault final : public ports::Vault {
 public:
  // The caller, made at the first need; it outlives the vault.
  using CallerSource = std::function<Result<Caller*>()>;
  AwsVault(CallerSource caller, std::unique_ptr<ports::Vault> others)
      : caller_(std::move(caller)), others_(std::move(others)) {}

  Result<Secret> secret(const model::SecretRef& reference) override;
  Result<std::optional<std::string>> text(const std::string& place, size_t size_max) override;

 private:
  CallerSource caller_;
  std::unique_ptr<ports::Vault> others_;
};

}  // namespace ytb::aws
