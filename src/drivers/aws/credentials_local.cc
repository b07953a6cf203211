// Credentials from services near us: the container endpoint of ECS and EKS, and EC2's metadata service
// (version 2 only).
#include <fmt/format.h>

#include <utility>

#include "base/text.h"
#include "drivers/aws/credentials.h"
#include "drivers/aws/credentials_json.h"
#include "drivers/os/files.h"

namespace ytb::aws {
namespace {

constexpr int kTriesMax = 3;
constexpr Duration kPause = std::chrono::seconds(1);
constexpr Duration kConnectTimeout = std::chrono::seconds(1);
constexpr Duration kTotalTimeout = std::chrono::seconds(5);
constexpr size_t kAnswerBytesMax = 64 << 10;
constexpr size_t kTokenBytesMax = 16 << 10;

Error unusable(std::string_view source, std::string_view what, std::string hint = "") {
  return Error{.code = Code::kConnection,
               .message = fmt::format("no AWS credentials from {}: {}", source, what),
               .hint = std::move(hint),
               .retry = Retry::kLater};
}

http::Request near_request(const ProviderContext& context, std::string method, std::string url) {
  return {.method = std::move(method),
          .url = std::move(url),
          .connect_timeout = kConnectTimeout,
          .total_timeout = kTotalTimeout,
          .body_bytes_max = kAnswerBytesMax,
          .may_repeat = true,
          .direct = true,
          .stop = context.stop};
}

// Tries again what failed on the way or on their side. Messages name the service, not the address: it may
// hold a key.
Result<http::Response> ask(const ProviderContext& context, const http::Request& request,
                           std::string_view source) {
  std::string why;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    if (context.stop != nullptr) YTB_TRY(context.stop->check());
    if (tries > 0) context.clock.sleep(kPause);
    Result<http::Response> response = context.transport.send(request);
    if (response.ok() && response->status < 500) return response;
    if (!response.ok() && response.error().code == Code::kInterrupted) return response;
    why = response.ok() ? fmt::format("it answers HTTP {}", response->status) : "it does not answer";
  }
  return unusable(source, why);
}

class ContainerProvider final : public CredentialProvider {
 public:
  explicit ContainerProvider(ProviderContext context) : context_(std::move(context)) {}

  Result<std::optional<Credentials>> load() override {
    const auto relative = context_.environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const auto full = context_.environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (!relative && !full) return std::optional<Credentials>();
    http::Request request =
        near_request(context_, "GET", relative ? "http://169.254.170.2" + *relative : *full);
    if (relative && !relative->starts_with('/')) {
      return Error{.code = Code::kConfig,
                   .message = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with /",
                   .hint = ""};
    }
    if (!relative) {
      if (!is_trusted(*full)) {
        return Error{
            .code = Code::kRefused,
            .message =
                "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an address of this host or its "
                "container service",
            .hint = "credentials would travel in the clear"};
      }
      request.direct = !full->starts_with("https://");
    }
    YTB_ASSIGN(const std::string token, authorization());
    if (!token.empty()) request.headers.emplace_back("Authorization", token);
    YTB_ASSIGN(const http::Response response, ask(context_, request, kSource));
    if (response.status != 200) return unusable(kSource, fmt::format("it answers HTTP {}", response.status));
    YTB_ASSIGN(Credentials credentials, parse_credentials(response.body, "Token", kSource));
    return std::optional<Credentials>(std::move(credentials));
  }

 private:
  static constexpr const char* kSource = "the container endpoint";

  static bool is_trusted(std::string_view url) {
    if (url.starts_with("https://")) return true;
    if (!url.starts_with("http://")) return false;
    url.remove_prefix(7);
    std::string_view host = url.substr(0, url.find_first_of("/?#"));
    if (host.find_first_of("@\\") != std::string_view::npos) return false;
    const size_t bracket = host.starts_with('[') ? host.find(']') : 0;
    if (bracket == std::string_view::npos) return false;
    const size_t colon = host.find(':', bracket);
    if (colon != std::string_view::npos) host = host.substr(0, colon);
    for (std::string_view good :
         {"localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"}) {
      if (host == good) return true;
    }
    return is_loopback(host);
  }

  // 127.0.0.0/8, as four numbers: "127.evil.com" begins like one.
  static bool is_loopback(std::string_view host) {
    const std::vector<std::string> parts = split(host, '.');
    if (parts.size() != 4 || parts[0] != "127") return false;
    for (const std::string& part : parts) {
      if (part.empty() || part.size() > 3 || part.find_first_not_of("0123456789") != std::string::npos)
        return false;
    }
    return true;
  }

  // The file goes before the variable: it is the one that is renewed.
  Result<std::string> authorization() const {
    std::string token = context_.environment("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or("");
    if (const auto file = context_.environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
      YTB_ASSIGN(const std::string text, os::read_file(*file, kTokenBytesMax));
      token = std::string(trim(text));
    }
    if (token.find_first_of("\r\n") == std::string::npos) return token;
    return Error{.code = Code::kConfig,
                 .message = "the container's authorization token holds a line break",
                 .hint = ""};
  }

  ProviderContext context_;
};

class InstanceProvider final : public CredentialProvider {
 public:
  explicit InstanceProvider(ProviderContext context) : context_(std::move(context)) {}

  Result<std::optional<Credentials>> load() override {
    if (to_lower_ascii(context_.environment("AWS_EC2_METADATA_DISABLED").value_or("")) == "true") {
      return std::optional<Credentials>();
    }
    http::Request put = near_request(context_, "PUT", base() + "/latest/api/token");
    put.headers.emplace_back("X-aws-ec2-metadata-token-ttl-seconds", "21600");
    // Most hosts are no EC2 instances: there nothing answers, and that is asked once.
    std::optional<http::Response> token;
    if (!was_there_) {
      Result<http::Response> probe = context_.transport.send(put);
      if (!probe.ok() && probe.error().code != Code::kInterrupted) return std::optional<Credentials>();
      if (probe.ok() && probe->status < 500) token = std::move(probe).value();
    }
    if (!token) {
      YTB_ASSIGN(token, ask(context_, put, kSource));
    }
    if (token->status == 403 && !was_there_) return std::optional<Credentials>();
    if (token->status != 200 || token->body.empty() ||
        token->body.find_first_of("\r\n") != std::string::npos) {
      return unusable(kSource, fmt::format("it gives no session token (HTTP {})", token->status),
                      "only version 2 of the metadata service is used");
    }
    constexpr const char* kPath = "/latest/meta-data/iam/security-credentials/";
    YTB_ASSIGN(const http::Response list, get(kPath, token->body));
    if (list.status == 404 && !was_there_) return std::optional<Credentials>();
    const std::string role(trim(std::string_view(list.body).substr(0, list.body.find('\n'))));
    if (list.status != 200 || role.empty()) {
      return unusable(kSource, fmt::format("it names no role (HTTP {})", list.status));
    }
    YTB_ASSIGN(const http::Response answer, get(kPath + uri_encode(role), token->body));
    if (answer.status != 200) return unusable(kSource, fmt::format("it answers HTTP {}", answer.status));
    YTB_ASSIGN(Credentials credentials, parse_credentials(answer.body, "Token", kSource));
    was_there_ = true;
    return std::optional<Credentials>(std::move(credentials));
  }

 private:
  static constexpr const char* kSource = "EC2's metadata service";

  std::string base() const {
    std::string url = context_.environment("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or("");
    while (url.ends_with('/')) url.pop_back();
    if (!url.empty()) return url;
    const std::string mode =
        to_lower_ascii(context_.environment("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").value_or(""));
    return mode == "ipv6" ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
  }

  Result<http::Response> get(const std::string& path, const std::string& token) const {
    http::Request request = near_request(context_, "GET", base() + path);
    request.headers.emplace_back("X-aws-ec2-metadata-token", token);
    return ask(context_, request, kSource);
  }

  ProviderContext context_;
  bool was_there_ = false;
};

}  // namespace

std::unique_ptr<CredentialProvider> container_provider(ProviderContext context) {
  return std::make_unique<ContainerProvider>(std::move(context));
}

std::unique_ptr<CredentialProvider> instance_provider(ProviderContext context) {
  return std::make_unique<InstanceProvider>(std::move(context));
}

}  // namespace ytb::aws
