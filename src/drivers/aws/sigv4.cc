#include "drivers/aws/sigv4.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "base/text.h"

namespace ytb::aws {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

// What proxies or libcurl may add or change on the way.
constexpr std::array<std::string_view, 7> kUnsignedHeaders = {
    "authorization",     "connection", "content-length", "expect",
    "transfer-encoding", "user-agent", "x-amzn-trace-id"};

std::string hmac(std::string_view key, std::string_view message) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  YTB_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                 reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(),
                 &size) != nullptr);
  return std::string(reinterpret_cast<const char*>(digest.data()), size);
}

struct Url {
  std::string host;  // with a port that is not the scheme's own
  std::string path;
  std::string query;
};

Url split_url(std::string_view url) {
  url = url.substr(0, url.find('#'));
  const bool is_tls = url.starts_with("https://");
  const size_t scheme_end = url.find("://");
  std::string_view rest = scheme_end == std::string_view::npos ? url : url.substr(scheme_end + 3);
  const size_t host_end = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view host = rest.substr(0, host_end);
  const size_t user_end = host.rfind('@');
  if (user_end != std::string_view::npos) host.remove_prefix(user_end + 1);
  const std::string_view own_port = is_tls ? ":443" : ":80";
  if (host.ends_with(own_port)) host.remove_suffix(own_port.size());
  rest.remove_prefix(host_end);
  const size_t question = std::min(rest.find('?'), rest.size());
  return {.host = std::string(host),
          .path = std::string(rest.substr(0, question)),
          .query = std::string(question < rest.size() ? rest.substr(question + 1) : "")};
}

// RFC 3986 §5.2.4, and repeated slashes become one.
std::string normalize_path(std::string_view path) {
  std::vector<std::string> kept;
  for (const std::string& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!kept.empty()) kept.pop_back();
    } else {
      kept.push_back(part);
    }
  }
  std::string normal = "/" + join(kept, "/");
  if (!kept.empty() && (path.ends_with('/') || path.ends_with("/.") || path.ends_with("/.."))) normal += '/';
  return normal;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string uri_decode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escaped =
        text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
    if (escaped) {
      decoded += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

std::string canonical_query(std::string_view query) {
  if (query.empty()) return {};
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string& part : split(query, '&')) {
    if (part.empty()) continue;
    const size_t equals = std::min(part.find('='), part.size());
    const std::string value = equals < part.size() ? part.substr(equals + 1) : "";
    pairs.emplace_back(uri_encode(uri_decode(part.substr(0, equals))), uri_encode(uri_decode(value)));
  }
  std::sort(pairs.begin(), pairs.end());
  std::string text;
  for (const auto& [name, value] : pairs)
    text.append(text.empty() ? "" : "&").append(name).append("=").append(value);
  return text;
}

std::string one_spaced(std::string_view value) {
  std::string text;
  for (char c : trim(value)) {
    const bool is_space = c == ' ' || c == '\t';
    if (!is_space) {
      text += c;
    } else if (!text.ends_with(' ')) {
      text += ' ';
    }
  }
  return text;
}

void replace_header(http::Headers& headers, std::string_view name, std::string value) {
  const std::string lower = to_lower_ascii(name);
  std::erase_if(headers, [&](const auto& header) { return to_lower_ascii(header.first) == lower; });
  headers.emplace_back(name, std::move(value));
}

}  // namespace

Credentials Credentials::clone() const {
  return {.access_key_id = access_key_id,
          .secret_access_key = secret_access_key.clone(),
          .session_token = session_token.clone(),
          .expires_at = expires_at,
          .source = source};
}

std::string uri_encode(std::string_view text, bool keep_slash) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool stays = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' || (c == '/' && keep_slash);
    if (stays) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += kDigits[byte >> 4];
      encoded += kDigits[byte & 15];
    }
  }
  return encoded;
}

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  YTB_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string sha256_hex(std::string_view bytes) { return to_hex(sha256(bytes)); }

std::string amz_date(Instant instant) {
  const std::string iso = to_iso(std::chrono::floor<std::chrono::seconds>(instant));
  std::string text;
  for (char c : iso) {
    if (c != '-' && c != ':') text += c;
  }
  return text;
}

namespace internal {

Canonical canonicalize(const http::Request& request, std::string_view service,
                       std::string_view payload_hash) {
  const Url url = split_url(request.url);
  std::string path = url.path.empty() ? "/" : url.path;
  // S3's keys may hold what looks like dot segments; and the wire's encoding is the canonical one.
  path = service == "s3" ? uri_encode(uri_decode(path), true) : uri_encode(normalize_path(path), true);
  std::map<std::string, std::string> headers;
  for (const auto& [name, value] : request.headers) {
    const std::string lower = to_lower_ascii(name);
    if (std::find(kUnsignedHeaders.begin(), kUnsignedHeaders.end(), lower) != kUnsignedHeaders.end())
      continue;
    const auto [at, is_new] = headers.emplace(lower, one_spaced(value));
    if (!is_new) at->second.append(",").append(one_spaced(value));
  }
  std::string lines;
  std::string names;
  for (const auto& [name, value] : headers) {
    lines.append(name).append(":").append(value).append("\n");
    names.append(names.empty() ? "" : ";").append(name);
  }
  return {.request = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, path, canonical_query(url.query),
                                 lines, names, payload_hash),
          .signed_headers = names};
}

}  // namespace internal

namespace {

std::string signature_of(std::string_view canonical_request, const Credentials& credentials,
                         std::string_view date, std::string_view region, std::string_view service) {
  const std::string text = fmt::format("{}\n{}\n{}/{}/{}/aws4_request\n{}", kAlgorithm, date,
                                       date.substr(0, 8), region, service, sha256_hex(canonical_request));
  const Secret seed("AWS4" + std::string(credentials.secret_access_key.reveal()));
  const Secret key(hmac(hmac(hmac(hmac(seed.reveal(), date.substr(0, 8)), region), service), "aws4_request"));
  return to_hex(hmac(key.reveal(), text));
}

}  // namespace

http::Request sign(http::Request request, const Credentials& credentials, std::string_view region,
                   std::string_view service, Instant now) {
  const std::string date = amz_date(now);
  const std::string payload_hash = sha256_hex(request.body);
  replace_header(request.headers, "Host", split_url(request.url).host);
  replace_header(request.headers, "X-Amz-Date", date);
  if (!credentials.session_token.empty()) {
    replace_header(request.headers, "X-Amz-Security-Token", std::string(credentials.session_token.reveal()));
  }
  if (service == "s3") replace_header(request.headers, "X-Amz-Content-Sha256", payload_hash);

  const internal::Canonical canonical = internal::canonicalize(request, service, payload_hash);
  const std::string scope = fmt::format("{}/{}/{}/aws4_request", date.substr(0, 8), region, service);
  replace_header(request.headers, "Authorization",
                 fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm,
                             credentials.access_key_id, scope, canonical.signed_headers,
                             signature_of(canonical.request, credentials, date, region, service)));
  return request;
}

std::string presign(std::string_view url, const Credentials& credentials, std::string_view region,
                    std::string_view service, std::chrono::seconds lifetime, Instant now) {
  const std::string date = amz_date(now);
  const std::string scope = fmt::format("{}/{}/{}/aws4_request", date.substr(0, 8), region, service);
  std::string whole(url);
  auto add = [&](std::string_view name, std::string_view value) {
    whole += whole.find('?') == std::string::npos ? '?' : '&';
    whole += std::string(name) + "=" + uri_encode(value);
  };
  add("X-Amz-Algorithm", kAlgorithm);
  add("X-Amz-Credential", credentials.access_key_id + "/" + scope);
  add("X-Amz-Date", date);
  add("X-Amz-Expires", std::to_string(lifetime.count()));
  add("X-Amz-SignedHeaders", "host");
  if (!credentials.session_token.empty()) add("X-Amz-Security-Token", credentials.session_token.reveal());
  const http::Request request{.method = "GET", .url = whole, .headers = {{"Host", split_url(whole).host}}};
  const internal::Canonical canonical = internal::canonicalize(request, service, sha256_hex(""));
  add("X-Amz-Signature", signature_of(canonical.request, credentials, date, region, service));
  return whole;
}

}  // namespace ytb::aws
