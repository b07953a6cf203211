#include "tests/fakes/aws/sigv4.h"

#include <fmt/format.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "tests/fakes/aws/refusal.h"

namespace ytb::fakes::aws {
namespace {

constexpr Duration kSkewMax = std::chrono::minutes(15);
constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string one_spaced(std::string_view text) {
  std::string out;
  for (char c : trim(text)) {
    if (c != ' ' || out.empty() || out.back() != ' ') out += c;
  }
  return out;
}

std::string canonical_path(const HttpRequest& request, Dialect dialect) {
  // S3 alone encodes once and does not normalize.
  if (dialect == Dialect::kS3) return percent_encode(percent_decode(request.path), true);
  std::vector<std::string> kept;
  for (const std::string& part : split(request.path, '/')) {
    if (part == ".." && !kept.empty()) kept.pop_back();
    if (!part.empty() && part != "." && part != "..") kept.push_back(part);
  }
  std::string out = "/" + join(kept, "/");
  if (!kept.empty() && request.path.back() == '/') out += "/";
  return percent_encode(out, true);
}

std::string canonical_query(const std::string& query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  if (query.empty()) return {};
  for (const std::string& part : split(query, '&')) {
    size_t equals = part.find('=');
    std::string value = equals == std::string::npos ? "" : part.substr(equals + 1);
    pairs.emplace_back(percent_encode(percent_decode(part.substr(0, equals))),
                       percent_encode(percent_decode(value)));
  }
  std::sort(pairs.begin(), pairs.end());
  std::string out;
  for (const auto& [name, value] : pairs)
    out.append(out.empty() ? "" : "&").append(name).append("=").append(value);
  return out;
}

std::string canonical_headers(const HttpRequest& request, const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    std::string values;
    bool first = true;
    for (const auto& [key, value] : request.headers) {
      if (key != name) continue;
      values.append(first ? "" : ",").append(one_spaced(value));
      first = false;
    }
    out.append(name).append(":").append(values).append("\n");
  }
  return out;
}

// "20261122T060000Z"
std::optional<Instant> parse_amz_date(const std::string& text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  return from_iso(fmt::format("{}-{}-{}T{}:{}:{}Z", text.substr(0, 4), text.substr(4, 2), text.substr(6, 2),
                              text.substr(9, 2), text.substr(11, 2), text.substr(13, 2)));
}

std::string payload_hash(const HttpRequest& request, Dialect dialect) {
  std::string declared = request.header("x-amz-content-sha256");
  std::string actual = sha256_hex(request.body);
  if (declared == "UNSIGNED-PAYLOAD" && dialect == Dialect::kS3) return declared;
  if (dialect == Dialect::kS3 && declared.empty()) {
    refuse("InvalidRequest", "Missing required header for this request: x-amz-content-sha256");
  }
  if (!declared.empty() && declared != actual) {
    refuse("XAmzContentSHA256Mismatch",
           "The provided 'x-amz-content-sha256' header does not match what was computed.");
  }
  return actual;
}

std::string field_of(const std::string& header, std::string_view name) {
  std::string start = std::string(name) + "=";
  size_t at = header.find(start);
  if (at == std::string::npos) return {};
  size_t begin = at + start.size();
  return std::string(trim(header.substr(begin, header.find(',', begin) - begin)));
}

void check_signed_headers(const HttpRequest& request, const std::vector<std::string>& names,
                          Dialect dialect) {
  auto is_signed = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (!std::is_sorted(names.begin(), names.end())) {
    refuse_signature(dialect, SignatureFault::kIncomplete, "SignedHeaders must be sorted.");
  }
  for (const auto& [name, value] : request.headers) {
    if ((name == "host" || name.rfind("x-amz-", 0) == 0) && !is_signed(name)) {
      refuse_signature(dialect, SignatureFault::kMismatch, "'" + name + "' must be a 'SignedHeader'.");
    }
  }
  for (const std::string& name : names) {
    if (!request.has(name)) {
      refuse_signature(dialect, SignatureFault::kMismatch, "the signed header '" + name + "' was not sent.");
    }
  }
  if (!is_signed("host") || !is_signed("x-amz-date")) {
    refuse_signature(dialect, SignatureFault::kMismatch, "'Host' and 'X-Amz-Date' must be signed.");
  }
}

// Its parameters, decoded; refused where one is there twice.
std::map<std::string, std::string> query_of(const std::string& query) {
  std::map<std::string, std::string> out;
  for (const std::string& part : split(query, '&')) {
    size_t equals = part.find('=');
    if (equals == std::string::npos) refuse("IncompleteSignature", "a parameter without a value: " + part);
    bool is_new =
        out.emplace(percent_decode(part.substr(0, equals)), percent_decode(part.substr(equals + 1))).second;
    if (!is_new) refuse("IncompleteSignature", "a parameter is there twice: " + part.substr(0, equals));
  }
  return out;
}

// What is left of a presigned query without its signature, as it came.
std::string without_signature(const std::string& query) {
  std::string out;
  for (const std::string& part : split(query, '&')) {
    if (part.rfind("X-Amz-Signature=", 0) != 0) out += (out.empty() ? "" : "&") + part;
  }
  return out;
}

std::string signing_key(const std::string& secret, const Scope& scope) {
  std::string key = hmac_sha256("AWS4" + secret, scope.date);
  key = hmac_sha256(key, scope.region);
  key = hmac_sha256(key, scope.service);
  return hmac_sha256(key, "aws4_request");
}

}  // namespace

std::string sha256_hex(std::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return to_hex({reinterpret_cast<const char*>(digest), sizeof digest});
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  return {reinterpret_cast<const char*>(digest), size};
}

void refuse_signature(Dialect dialect, SignatureFault fault, const std::string& detail) {
  struct Row {
    const char *query, *ec2, *json, *s3;
  };
  static const std::map<SignatureFault, Row> kCodes = {
      {SignatureFault::kMissing,
       {"MissingAuthenticationToken", "AuthFailure", "MissingAuthenticationTokenException", "AccessDenied"}},
      {SignatureFault::kIncomplete,
       {"IncompleteSignature", "AuthFailure", "IncompleteSignatureException",
        "AuthorizationHeaderMalformed"}},
      {SignatureFault::kUnknownKey,
       {"InvalidClientTokenId", "AuthFailure", "UnrecognizedClientException", "InvalidAccessKeyId"}},
      {SignatureFault::kMismatch,
       {"SignatureDoesNotMatch", "AuthFailure", "InvalidSignatureException", "SignatureDoesNotMatch"}},
      {SignatureFault::kSkewed,
       {"SignatureDoesNotMatch", "RequestExpired", "InvalidSignatureException", "RequestTimeTooSkewed"}},
      {SignatureFault::kExpired, {"ExpiredToken", "RequestExpired", "ExpiredTokenException", "ExpiredToken"}},
      {SignatureFault::kScope,
       {"SignatureDoesNotMatch", "AuthFailure", "InvalidSignatureException",
        "AuthorizationHeaderMalformed"}}};
  const Row& row = kCodes.at(fault);
  switch (dialect) {
    case Dialect::kQuery:
      refuse(row.query, detail, 403);
    case Dialect::kEc2:
      refuse(row.ec2, detail, fault == SignatureFault::kSkewed ? 400 : 401);
    case Dialect::kJson:
      refuse(row.json, detail, 400);
    case Dialect::kS3:
      refuse(row.s3, detail, 403);
  }
  refuse("InternalFailure", detail, 500);
}

std::optional<Scope> scope_of(const HttpRequest& request) {
  std::string header = request.header("authorization");
  if (header.empty()) return std::nullopt;
  std::vector<std::string> parts = split(field_of(header, "Credential"), '/');
  Scope scope;
  if (header.rfind(std::string(kAlgorithm) + " ", 0) != 0 || parts.size() != 5 ||
      parts[4] != "aws4_request") {
    refuse("IncompleteSignature", "Authorization header requires 'Credential' parameter. (" + header + ")");
  }
  scope.access_key = parts[0];
  scope.date = parts[1];
  scope.region = parts[2];
  scope.service = parts[3];
  scope.signed_headers = field_of(header, "SignedHeaders");
  scope.signature = field_of(header, "Signature");
  return scope;
}

Identity verify(const HttpRequest& request, const Scope& scope, Dialect dialect, const std::string& region,
                Instant now, const FindIdentity& find) {
  std::optional<Identity> identity = find(scope.access_key);
  if (!identity) {
    refuse_signature(dialect, SignatureFault::kUnknownKey,
                     "The security token included in the request is invalid.");
  }
  std::string date = request.header("x-amz-date");
  std::optional<Instant> sent = parse_amz_date(date);
  if (!sent || date.substr(0, 8) != scope.date) {
    refuse_signature(dialect, SignatureFault::kIncomplete,
                     "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date.");
  }
  if (scope.region != region) {
    refuse_signature(dialect, SignatureFault::kScope,
                     "Credential should be scoped to a valid region, not '" + scope.region + "'.");
  }
  std::vector<std::string> names = split(scope.signed_headers, ';');
  check_signed_headers(request, names, dialect);
  std::string canonical = request.method + "\n" + canonical_path(request, dialect) + "\n" +
                          canonical_query(request.query) + "\n" + canonical_headers(request, names) + "\n" +
                          scope.signed_headers + "\n" + payload_hash(request, dialect);
  std::string to_sign = fmt::format("{}\n{}\n{}/{}/{}/aws4_request\n{}", kAlgorithm, date, scope.date,
                                    scope.region, scope.service, sha256_hex(canonical));
  std::string expected = to_hex(hmac_sha256(signing_key(identity->secret_key, scope), to_sign));
  if (expected != scope.signature) {
    refuse_signature(dialect, SignatureFault::kMismatch,
                     "The request signature we calculated does not match the signature you provided. Check "
                     "your AWS Secret Access Key and signing method.");
  }
  if (*sent < now - kSkewMax || *sent > now + kSkewMax) {
    refuse_signature(dialect, SignatureFault::kSkewed,
                     fmt::format("Signature {}: {} is more than 15 min. from {}",
                                 *sent < now ? "expired" : "not yet current", date, to_iso(now)));
  }
  if (request.header("x-amz-security-token") != identity->session_token) {
    refuse_signature(dialect, SignatureFault::kUnknownKey,
                     "The security token included in the request is invalid.");
  }
  if (identity->expires && now >= *identity->expires) {
    refuse_signature(dialect, SignatureFault::kExpired,
                     "The security token included in the request is expired");
  }
  return *identity;
}

Identity verify_presigned(const HttpRequest& request, const std::string& service, const std::string& region,
                          Duration longest, Instant now, const FindIdentity& find) {
  std::map<std::string, std::string> given = query_of(request.query);
  std::map<std::string, std::string> amz;
  for (const auto& [name, value] : given) {
    if (to_lower_ascii(name).rfind("x-amz-", 0) == 0) amz[name] = value;
  }
  for (const char* needed : {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
                             "X-Amz-SignedHeaders", "X-Amz-Signature"}) {
    if (!amz.contains(needed)) refuse("IncompleteSignature", std::string("it has no ") + needed);
  }
  if (amz.size() != (amz.contains("X-Amz-Security-Token") ? 7U : 6U))
    refuse("IncompleteSignature", "it has more parameters of a signature than there are");
  std::vector<std::string> parts = split(amz["X-Amz-Credential"], '/');
  const std::string& date = amz["X-Amz-Date"];
  std::optional<Instant> made = parse_amz_date(date);
  if (amz["X-Amz-Algorithm"] != kAlgorithm || amz["X-Amz-SignedHeaders"] != "host" || parts.size() != 5 ||
      !made || parts[1] != date.substr(0, 8) || parts[4] != "aws4_request") {
    refuse("IncompleteSignature", "its parameters do not belong together");
  }
  if (parts[2] != region || parts[3] != service)
    refuse_signature(Dialect::kQuery, SignatureFault::kScope, "Credential should be scoped to " + service);
  std::optional<Identity> identity = find(parts[0]);
  if (!identity || amz["X-Amz-Security-Token"] != identity->session_token)
    refuse_signature(Dialect::kQuery, SignatureFault::kUnknownKey, "The security token is invalid.");
  Scope scope{.access_key = parts[0],
              .date = parts[1],
              .region = parts[2],
              .service = parts[3],
              .signed_headers = "host",
              .signature = amz["X-Amz-Signature"]};
  std::string canonical = request.method + "\n" + canonical_path(request, Dialect::kQuery) + "\n" +
                          canonical_query(without_signature(request.query)) + "\n" +
                          canonical_headers(request, {"host"}) + "\nhost\n" + sha256_hex(request.body);
  std::string to_sign = fmt::format("{}\n{}\n{}/{}/{}/aws4_request\n{}", kAlgorithm, date, scope.date,
                                    scope.region, scope.service, sha256_hex(canonical));
  if (to_hex(hmac_sha256(signing_key(identity->secret_key, scope), to_sign)) != scope.signature)
    refuse_signature(Dialect::kQuery, SignatureFault::kMismatch, "The signature does not match.");
  const std::string& expires = amz["X-Amz-Expires"];
  bool is_number = !expires.empty() && expires.size() <= 6 &&
                   std::all_of(expires.begin(), expires.end(), [](char c) { return c >= '0' && c <= '9'; });
  Duration lifetime = std::chrono::seconds(is_number ? std::stoi(expires) : 0);
  if (lifetime <= Duration::zero() || lifetime > longest)
    refuse("IncompleteSignature", "X-Amz-Expires is out of bounds: " + expires);
  if (now < *made - kSkewMax || now >= *made + lifetime || (identity->expires && now >= *identity->expires))
    refuse_signature(Dialect::kQuery, SignatureFault::kExpired,
                     "made " + date + ", and it is " + to_iso(now));
  return *identity;
}

}  // namespace ytb::fakes::aws
