// Credentials of a profile in the shared files: keys, a program, or a role taken on from another profile.
#include <fmt/format.h>

#include <charconv>
#include <set>
#include <utility>

#include "base/text.h"
#include "drivers/aws/credentials.h"
#include "drivers/aws/credentials_json.h"
#include "drivers/aws/profile_file.h"
#include "drivers/os/subprocess.h"

namespace ytb::aws {
namespace {

constexpr size_t kRolesMax = 5;
constexpr Duration kProgramTimeout = std::chrono::minutes(1);
constexpr size_t kProgramOutputMax = 64 << 10;

// What credential programs (the aws command above all) may need of our environment.
constexpr const char* kPassedOn[] = {"AWS_CONFIG_FILE",    "AWS_SHARED_CREDENTIALS_FILE",
                                     "AWS_CA_BUNDLE",      "AWS_REGION",
                                     "AWS_DEFAULT_REGION", "HTTPS_PROXY",
                                     "HTTP_PROXY",         "NO_PROXY",
                                     "https_proxy",        "http_proxy",
                                     "no_proxy",           "SSL_CERT_FILE",
                                     "XDG_RUNTIME_DIR",    "DBUS_SESSION_BUS_ADDRESS",
                                     "GNUPGHOME",          "SSH_AUTH_SOCK"};

Error config_error(std::string message, std::string hint = "") {
  return Error{.code = Code::kConfig, .message = std::move(message), .hint = std::move(hint)};
}

// Words as a shell would make them, of quotes and backslashes alone. None: a quote is not closed.
std::optional<std::vector<std::string>> shell_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = '\0';
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_escape = c == '\\' && quote != '\'' && i + 1 < text.size();
    if (is_escape) {
      word += text[++i];
      in_word = true;
    } else if (quote != '\0') {
      if (c == quote) {
        quote = '\0';
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t') {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != '\0') return std::nullopt;
  if (in_word) words.push_back(std::move(word));
  return words;
}

class ProfileProvider final : public CredentialProvider {
 public:
  explicit ProfileProvider(ProviderContext context) : context_(std::move(context)) {}

  Result<std::optional<Credentials>> load() override {
    const bool is_named = !context_.profile.empty() || context_.environment("AWS_PROFILE");
    const std::string name = profile_name(context_.profile, context_.environment);
    YTB_ASSIGN(profiles_, read_profiles(context_.environment));
    if (!profiles_.contains(name)) {
      if (!is_named) return std::optional<Credentials>();
      return config_error(fmt::format("there is no AWS profile '{}'", printable(name)),
                          "see ~/.aws/config, AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE");
    }
    std::set<std::string> seen;
    YTB_ASSIGN(std::optional<Credentials> credentials, of_profile(name, seen));
    if (!credentials && is_named) {
      return config_error(fmt::format("the AWS profile '{}' has no credentials", printable(name)));
    }
    return credentials;
  }

 private:
  std::string value(const std::string& profile, const char* key) const {
    const auto found = profiles_.find(profile);
    if (found == profiles_.end()) return {};
    const auto at = found->second.find(key);
    return at == found->second.end() ? std::string() : at->second;
  }

  Result<std::optional<Credentials>> of_profile(const std::string& name, std::set<std::string>& seen) {
    const bool comes_again = !seen.insert(name).second;
    if (seen.size() > kRolesMax)
      return config_error("AWS profiles take their roles from each other too many times");
    // A profile may name itself as the source of its role: then its keys are meant.
    if (!comes_again && !value(name, "role_arn").empty()) {
      YTB_ASSIGN(Credentials credentials, of_role(name, seen));
      return std::optional<Credentials>(std::move(credentials));
    }
    const std::string id = value(name, "aws_access_key_id");
    const std::string key = value(name, "aws_secret_access_key");
    if (!id.empty() || !key.empty()) {
      if (id.empty() || key.empty()) {
        return config_error(
            fmt::format("the AWS profile '{}' has only one of aws_access_key_id and "
                        "aws_secret_access_key",
                        printable(name)));
      }
      return std::optional<Credentials>(Credentials{.access_key_id = id,
                                                    .secret_access_key = Secret(key),
                                                    .session_token = Secret(value(name, "aws_session_token")),
                                                    .expires_at = {},
                                                    .source = "profile " + printable(name)});
    }
    if (!value(name, "credential_process").empty()) {
      YTB_ASSIGN(Credentials credentials, of_program(name));
      return std::optional<Credentials>(std::move(credentials));
    }
    if (!value(name, "sso_start_url").empty() || !value(name, "sso_session").empty()) {
      return Error{
          .code = Code::kUnsupported,
          .message =
              fmt::format("the AWS profile '{}' uses SSO, which is not read directly", printable(name)),
          .hint = fmt::format("make a profile with: credential_process = aws configure export-credentials "
                              "--profile {}",
                              printable(name))};
    }
    return std::optional<Credentials>();
  }

  Result<Credentials> of_role(const std::string& name, std::set<std::string>& seen) {
    const std::string role = value(name, "role_arn");
    const std::string session = value(name, "role_session_name");
    const std::string session_name = session.empty() ? kSessionName : session;
    const std::string token_file = value(name, "web_identity_token_file");
    if (!token_file.empty()) return assume_role_by_token_file(context_, role, session_name, token_file);
    if (!value(name, "mfa_serial").empty()) {
      return Error{.code = Code::kUnsupported,
                   .message = fmt::format("the AWS profile '{}' asks for a second factor", printable(name)),
                   .hint = "nobody is there to type it: use a role without, or a credential_process"};
    }
    std::optional<int> duration_s;
    const std::string duration = value(name, "duration_seconds");
    if (!duration.empty()) {
      int seconds = 0;
      const auto [stop, error] = std::from_chars(duration.data(), duration.data() + duration.size(), seconds);
      if (error != std::errc() || stop != duration.data() + duration.size()) {
        return config_error(
            fmt::format("duration_seconds of the AWS profile '{}' is no number", printable(name)));
      }
      duration_s = seconds;
    }
    YTB_ASSIGN(const std::optional<Credentials> source, source_of(name, seen));
    if (!source) {
      return config_error(
          fmt::format("the source of the AWS profile '{}' has no credentials", printable(name)));
    }
    return assume_role_with(context_, *source, role, session_name, value(name, "external_id"), duration_s);
  }

  Result<std::optional<Credentials>> source_of(const std::string& name, std::set<std::string>& seen) {
    const std::string profile = value(name, "source_profile");
    if (!profile.empty()) {
      if (profile != name && seen.contains(profile))
        return config_error("AWS profiles name each other as source_profile");
      if (!profiles_.contains(profile)) {
        return config_error(
            fmt::format("the AWS profile '{}' names '{}' as source_profile, which is not there",
                        printable(name), printable(profile)));
      }
      return of_profile(profile, seen);
    }
    const std::string source = value(name, "credential_source");
    if (source == "Environment") return environment_provider(context_)->load();
    if (source == "EcsContainer") return container_provider(context_)->load();
    if (source == "Ec2InstanceMetadata") return instance_provider(context_)->load();
    return config_error(
        fmt::format("the AWS profile '{}' has role_arn but no usable source", printable(name)),
        "add source_profile, or credential_source = Environment, EcsContainer or Ec2InstanceMetadata");
  }

  // Its output is a secret and its complaints may hold one: neither is repeated.
  Result<Credentials> of_program(const std::string& name) {
    const auto argv = shell_words(value(name, "credential_process"));
    if (!argv || argv->empty()) {
      return config_error(
          fmt::format("credential_process of the AWS profile '{}' has an open quote", printable(name)));
    }
    os::Command command{.argv = *argv,
                        .timeout = kProgramTimeout,
                        .output_bytes_max = kProgramOutputMax,
                        .stop = context_.stop};
    for (const char* variable : kPassedOn) {
      if (const auto passed = context_.environment(variable)) command.environment[variable] = *passed;
    }
    YTB_ASSIGN(const os::Finished finished, os::run(command));
    if (!finished.ok()) {
      return Error{.code = Code::kExternal,
                   .message = fmt::format("credential_process of the AWS profile '{}' ended with status {}",
                                          printable(name), finished.exit_status),
                   .hint = "run it by hand to see why",
                   .retry = Retry::kLater};
    }
    return parse_credentials(finished.out, "SessionToken",
                             fmt::format("credential_process of profile {}", printable(name)));
  }

  ProviderContext context_;
  std::map<std::string, Profile> profiles_;
};

}  // namespace

std::unique_ptr<CredentialProvider> profile_provider(ProviderContext context) {
  return std::make_unique<ProfileProvider>(std::move(context));
}

}  // namespace ytb::aws
