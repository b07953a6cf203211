// Credentials: who we are for AWS, found where AWS's own tools look and renewed before they expire.
//
// The chain: environment → shared profile files → web identity → container endpoint → EC2's metadata service.
// The first that is configured is it: one that is configured and fails is an error and never skipped, or we
// would act as somebody else. SSO profiles are read through credential_process only
// (`credential_process = aws configure export-credentials --profile x`); saying so is what such a profile
// gets. No error holds a key, token or what a credential program printed.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "drivers/aws/endpoints.h"
#include "drivers/aws/environment.h"
#include "drivers/aws/sigv4.h"
#include "drivers/http/transport.h"

namespace ytb::aws {

// What signs calls. Thread-safe.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  // Good for at least kRefreshBefore where they can be renewed at all.
  virtual Result<std::shared_ptr<const Credentials>> get() = 0;
  // AWS has called `refused` expired: the next get() fetches new ones, unless somebody has already.
  virtual void renew(const Credentials& refused) = 0;
};

// Always the same ones.
class FixedCredentials final : public CredentialSource {
 public:
  explicit FixedCredentials(Credentials credentials);
  Result<std::shared_ptr<const Credentials>> get() override { return credentials_; }
  void renew(const Credentials&) override {}

 private:
  std::shared_ptr<const Credentials> credentials_;
};

// One place credentials come from. Used under the chain's lock.
class CredentialProvider {
 public:
  virtual ~CredentialProvider() = default;
  // None: this place is not configured here.
  virtual Result<std::optional<Credentials>> load() = 0;
};

struct ProviderContext {
  http::Transport& transport;
  Clock& clock;
  Environment environment;
  EndpointOptions endpoints;  // of STS, for roles
  std::string profile = {};   // "": AWS_PROFILE, else "default"
  const StopFlag* stop = nullptr;
};

std::unique_ptr<CredentialProvider> environment_provider(ProviderContext context);
std::unique_ptr<CredentialProvider> profile_provider(ProviderContext context);
std::unique_ptr<CredentialProvider> web_identity_provider(ProviderContext context);
std::unique_ptr<CredentialProvider> container_provider(ProviderContext context);
std::unique_ptr<CredentialProvider> instance_provider(ProviderContext context);

// Becomes a role by what `source` has, which outlives it. Never "not configured".
std::unique_ptr<CredentialProvider> role_provider(ProviderContext context, CredentialSource& source,
                                                  std::string role_arn);

class CredentialChain final : public CredentialSource {
 public:
  static constexpr Duration kRefreshBefore = std::chrono::minutes(5);
  // Between renewals while the old ones still serve: after one that failed, or brought what expires soon too.
  static constexpr Duration kRefreshPause = std::chrono::seconds(10);

  CredentialChain(std::vector<std::unique_ptr<CredentialProvider>> providers, Clock& clock);

  Result<std::shared_ptr<const Credentials>> get() override;
  void renew(const Credentials& refused) override;

 private:
  Result<std::shared_ptr<const Credentials>> fetch();

  std::mutex mutex_;
  std::vector<std::unique_ptr<CredentialProvider>> providers_;
  Clock& clock_;
  CredentialProvider* chosen_ = nullptr;
  std::shared_ptr<const Credentials> current_;
  Instant not_before_{};
};

// The whole chain, in order; where `context.profile` names a profile, that one alone.
std::unique_ptr<CredentialChain> default_chain(const ProviderContext& context);

// What a profile says beside credentials; empty members where it does not, or there is no such file.
struct ProfileSettings {
  std::string region;
  std::string endpoint_url;
};
Result<ProfileSettings> profile_settings(const std::string& profile, const Environment& environment);

}  // namespace ytb::aws
