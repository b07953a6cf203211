#include "drivers/http/transport.h"

#include <array>

#include "base/text.h"

namespace ytb::http {
namespace {

constexpr std::array<std::string_view, 9> kSecretHeaders = {"authorization",
                                                            "proxy-authorization",
                                                            "x-amz-security-token",
                                                            "x-aws-ec2-metadata-token",
                                                            "x-vault-token",
                                                            "x-api-key",
                                                            "cookie",
                                                            "set-cookie",
                                                            "x-amz-server-side-encryption-customer-key"};

bool is_secret(std::string_view name) {
  const std::string lower = to_lower_ascii(name);
  for (std::string_view secret : kSecretHeaders) {
    if (lower == secret) return true;
  }
  return false;
}

}  // namespace

std::optional<std::string_view> find_header(const Headers& headers, std::string_view name) {
  const std::string wanted = to_lower_ascii(name);
  for (const auto& [key, value] : headers) {
    if (to_lower_ascii(key) == wanted) return std::string_view(value);
  }
  return std::nullopt;
}

std::optional<std::string_view> Response::header(std::string_view name) const {
  return find_header(headers, name);
}

std::string describe(const Request& request) {
  const std::string_view url = request.url;
  std::string_view bare = url.substr(0, url.find_first_of("?#"));
  const size_t scheme_end = bare.find("://");
  if (scheme_end == std::string_view::npos) return printable(request.method + " (no URL)");
  const std::string_view scheme = bare.substr(0, scheme_end + 3);
  bare.remove_prefix(scheme_end + 3);
  const size_t path_at = bare.find('/');
  const size_t user_end = bare.substr(0, path_at).rfind('@');
  if (user_end != std::string_view::npos) bare.remove_prefix(user_end + 1);
  return printable(request.method + " " + std::string(scheme) + std::string(bare));
}

Headers loggable(const Headers& headers) {
  Headers shown;
  for (const auto& [name, value] : headers) shown.emplace_back(name, is_secret(name) ? "(hidden)" : value);
  return shown;
}

}  // namespace ytb::http
