#include "drivers/aws/credentials.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "drivers/aws/caller.h"
#include "drivers/aws/credentials_json.h"
#include "drivers/aws/profile_file.h"
#include "drivers/aws/sts.h"
#include "drivers/os/files.h"

namespace ytb::aws {
namespace {

constexpr size_t kTokenBytesMax = 64 << 10;

class EnvironmentProvider final : public CredentialProvider {
 public:
  explicit EnvironmentProvider(ProviderContext context) : context_(std::move(context)) {}

  Result<std::optional<Credentials>> load() override {
    const auto id = context_.environment("AWS_ACCESS_KEY_ID");
    const auto key = context_.environment("AWS_SECRET_ACCESS_KEY");
    if (!id && !key) return std::optional<Credentials>();
    if (!id || !key) {
      return Error{.code = Code::kConfig,
                   .message = fmt::format("{} is set and {} is not",
                                          id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                                          id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID"),
                   .hint = "set both, or neither"};
    }
    return std::optional<Credentials>(Credentials{
        .access_key_id = *id,
        .secret_access_key = Secret(*key),
        .session_token = Secret(context_.environment("AWS_SESSION_TOKEN").value_or("")),
        .expires_at = parse_expiration(context_.environment("AWS_CREDENTIAL_EXPIRATION").value_or("")),
        .source = "the environment"});
  }

 private:
  ProviderContext context_;
};

class WebIdentityProvider final : public CredentialProvider {
 public:
  explicit WebIdentityProvider(ProviderContext context) : context_(std::move(context)) {}

  Result<std::optional<Credentials>> load() override {
    const auto file = context_.environment("AWS_WEB_IDENTITY_TOKEN_FILE");
    if (!file) return std::optional<Credentials>();
    const auto role = context_.environment("AWS_ROLE_ARN");
    if (!role) {
      return Error{.code = Code::kConfig,
                   .message = "AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not",
                   .hint = "name the role that the token is for"};
    }
    YTB_ASSIGN(
        Credentials credentials,
        assume_role_by_token_file(
            context_, *role, context_.environment("AWS_ROLE_SESSION_NAME").value_or(kSessionName), *file));
    return std::optional<Credentials>(std::move(credentials));
  }

 private:
  ProviderContext context_;
};

// For an hour, which is as long as IAM lets a role become another one.
class RoleProvider final : public CredentialProvider {
 public:
  RoleProvider(ProviderContext context, CredentialSource& source, std::string role_arn)
      : context_(std::move(context)), source_(source), role_arn_(std::move(role_arn)) {}

  // The caller renews what the source has, where AWS calls it expired.
  Result<std::optional<Credentials>> load() override {
    Caller caller(context_.transport, source_, context_.clock, context_.endpoints, {.stop = context_.stop});
    Result<Credentials> credentials =
        Sts(caller).assume_role({.role_arn = role_arn_, .session_name = kSessionName});
    if (credentials.ok()) return std::optional<Credentials>(*std::move(credentials));
    Error error = std::move(credentials).error();
    if (is_denial(error)) {
      error.hint = fmt::format(
          "the role {} has to trust the function's own, which needs sts:AssumeRole on it: production.yaml "
          "makes it so, and its output RoleArn is the config's 'role'",
          printable(role_arn_));
    }
    return error;
  }

 private:
  ProviderContext context_;
  CredentialSource& source_;
  std::string role_arn_;
};

}  // namespace

std::optional<Instant> parse_expiration(const std::string& text) {
  const size_t at = text.find_first_of("+-", std::min(text.find('T'), text.size()));
  if (at == std::string::npos) return from_iso(text);
  const std::string offset = text.substr(at + 1);
  const std::optional<Instant> local = from_iso(text.substr(0, at) + "Z");
  // The offset is a time of day of its own: borrowed from a date that is known to be good.
  const std::optional<Instant> epoch_and = from_iso("1970-01-01T" + offset + ":00Z");
  if (!local || !epoch_and) return std::nullopt;
  return text[at] == '+' ? *local - epoch_and->time_since_epoch() : *local + epoch_and->time_since_epoch();
}

Result<Credentials> parse_credentials(const std::string& text, const char* token_name,
                                      const std::string& source) {
  const auto json = parse_json(text);
  const auto bad = [&](std::string_view what) {
    return Error{.code = Code::kExternal,
                 .message = fmt::format("the AWS credentials of {} cannot be used: {}", source, what),
                 .hint = "",
                 .retry = Retry::kLater};
  };
  if (!json.is_object()) return bad("they are no JSON object");
  const auto text_of = [&](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  Credentials credentials{.access_key_id = text_of("AccessKeyId"),
                          .secret_access_key = Secret(text_of("SecretAccessKey")),
                          .session_token = Secret(text_of(token_name)),
                          .expires_at = {},
                          .source = source};
  if (credentials.access_key_id.empty()) return bad("AccessKeyId is missing");
  if (credentials.secret_access_key.empty()) return bad("SecretAccessKey is missing");
  const std::string expiration = text_of("Expiration");
  if (!expiration.empty()) {
    credentials.expires_at = parse_expiration(expiration);
    if (!credentials.expires_at) return bad("Expiration is no time");
  }
  return credentials;
}

namespace {

template <typename Ask>
Result<Credentials> ask_sts(const ProviderContext& context, const Credentials& source, Ask ask) {
  FixedCredentials fixed(source.clone());
  Caller caller(context.transport, fixed, context.clock, context.endpoints, {.stop = context.stop});
  Sts sts(caller);
  return ask(sts);
}

}  // namespace

Result<Credentials> assume_role_with(const ProviderContext& context, const Credentials& source,
                                     const std::string& role_arn, const std::string& session_name,
                                     const std::string& external_id, std::optional<int> duration_s) {
  return ask_sts(context, source, [&](Sts& sts) {
    return sts.assume_role({.role_arn = role_arn,
                            .session_name = session_name,
                            .external_id = external_id,
                            .duration_s = duration_s});
  });
}

Result<Credentials> assume_role_by_token_file(const ProviderContext& context, const std::string& role_arn,
                                              const std::string& session_name,
                                              const std::string& token_file) {
  // Read anew each time: whoever writes it renews it.
  YTB_ASSIGN(const std::string text, os::read_file(token_file, kTokenBytesMax));
  const Secret token{std::string(trim(text))};
  if (token.empty()) {
    return Error{.code = Code::kConfig,
                 .message = "the web identity token file " + printable(token_file) + " is empty",
                 .hint = ""};
  }
  const Credentials nobody{
      .access_key_id = {}, .secret_access_key = {}, .session_token = {}, .expires_at = {}, .source = {}};
  return ask_sts(context, nobody, [&](Sts& sts) {
    return sts.assume_role_with_web_identity({.role_arn = role_arn, .session_name = session_name}, token);
  });
}

std::unique_ptr<CredentialProvider> environment_provider(ProviderContext context) {
  return std::make_unique<EnvironmentProvider>(std::move(context));
}

std::unique_ptr<CredentialProvider> web_identity_provider(ProviderContext context) {
  return std::make_unique<WebIdentityProvider>(std::move(context));
}

std::unique_ptr<CredentialProvider> role_provider(ProviderContext context, CredentialSource& source,
                                                  std::string role_arn) {
  return std::make_unique<RoleProvider>(std::move(context), source, std::move(role_arn));
}

std::unique_ptr<CredentialChain> default_chain(const ProviderContext& context) {
  std::vector<std::unique_ptr<CredentialProvider>> providers;
  if (!context.profile.empty()) {
    providers.push_back(profile_provider(context));
  } else {
    providers.push_back(environment_provider(context));
    providers.push_back(profile_provider(context));
    providers.push_back(web_identity_provider(context));
    providers.push_back(container_provider(context));
    providers.push_back(instance_provider(context));
  }
  return std::make_unique<CredentialChain>(std::move(providers), context.clock);
}

Result<ProfileSettings> profile_settings(const std::string& profile, const Environment& environment) {
  YTB_ASSIGN(auto profiles, read_profiles(environment));
  const Profile& found = profiles[profile_name(profile, environment)];
  const auto value = [&](const char* key) {
    const auto at = found.find(key);
    return at == found.end() ? std::string() : at->second;
  };
  return ProfileSettings{.region = value("region"), .endpoint_url = value("endpoint_url")};
}

FixedCredentials::FixedCredentials(Credentials credentials)
    : credentials_(std::make_shared<const Credentials>(std::move(credentials))) {}

CredentialChain::CredentialChain(std::vector<std::unique_ptr<CredentialProvider>> providers, Clock& clock)
    : providers_(std::move(providers)), clock_(clock) {}

Result<std::shared_ptr<const Credentials>> CredentialChain::get() {
  const std::lock_guard lock(mutex_);
  const Instant now = clock_.now();
  if (current_ != nullptr) {
    const bool is_fresh = !current_->expires_at || now + kRefreshBefore < *current_->expires_at;
    const bool still_serves = !current_->expires_at || now < *current_->expires_at;
    if (is_fresh || (still_serves && now < not_before_)) return current_;
    Result<std::shared_ptr<const Credentials>> renewed = fetch();
    if (renewed.ok() || !still_serves) return renewed;
    not_before_ = now + kRefreshPause;
    return current_;
  }
  return fetch();
}

void CredentialChain::renew(const Credentials& refused) {
  const std::lock_guard lock(mutex_);
  if (current_.get() == &refused) current_ = nullptr;
}

Result<std::shared_ptr<const Credentials>> CredentialChain::fetch() {
  for (const auto& provider : providers_) {
    if (chosen_ != nullptr && chosen_ != provider.get()) continue;
    YTB_ASSIGN(std::optional<Credentials> loaded, provider->load());
    if (!loaded) continue;
    if (loaded->expires_at && *loaded->expires_at <= clock_.now()) {
      return Error{.code = Code::kConnection,
                   .message = "the AWS credentials of " + loaded->source + " expired at " +
                              to_iso(*loaded->expires_at),
                   .hint = "log in again, or check this host's clock",
                   .retry = Retry::kLater};
    }
    chosen_ = provider.get();
    current_ = std::make_shared<const Credentials>(std::move(*loaded));
    // Some places renew late: those that are about to expire are not asked for at every call.
    not_before_ = clock_.now() + kRefreshPause;
    return current_;
  }
  return Error{.code = Code::kConfig,
               .message = "no AWS credentials were found",
               .hint =
                   "set AWS_PROFILE, give this host or task a role, or set AWS_ACCESS_KEY_ID and "
                   "AWS_SECRET_ACCESS_KEY"};
}

}  // namespace ytb::aws
