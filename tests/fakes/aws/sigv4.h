// SigV4 as the server sees it: recomputes a request's signature from what arrived, by the AWS documentation
// ("Create a signed AWS API request"), sharing no code with the client that it checks. Pure but for OpenSSL.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "tests/fakes/aws/fake_aws.h"
#include "tests/fakes/aws/http.h"

namespace ytb::fakes::aws {

std::string sha256_hex(std::string_view text);
std::string hmac_sha256(std::string_view key, std::string_view text);

// The parts of "AWS4-HMAC-SHA256 Credential=…/20261122/eu-west-1/rds/aws4_request, SignedHeaders=…,
// Signature=…".
struct Scope {
  std::string access_key;
  std::string date;
  std::string region;
  std::string service;
  std::string signed_headers;
  std::string signature;
};

enum class SignatureFault { kMissing, kIncomplete, kUnknownKey, kMismatch, kSkewed, kExpired, kScope };
// How a service words its refusals.
enum class Dialect { kQuery, kEc2, kJson, kS3 };

[[noreturn]] void refuse_signature(Dialect dialect, SignatureFault fault, const std::string& detail);

// Nothing where the request carries no Authorization header; throws Refusal where that is malformed.
std::optional<Scope> scope_of(const HttpRequest& request);

using FindIdentity = std::function<std::optional<Identity>(const std::string& access_key)>;
// Throws Refusal unless all is right. `region`: the one that the service lives in.
Identity verify(const HttpRequest& request, const Scope& scope, Dialect dialect, const std::string& region,
                Instant now, const FindIdentity& find);

// Of a GET whose signature is in its query ("presigned") and covers its Host alone: who made it. Throws
// Refusal unless all is right: every parameter of the signature once and no other of its kind, made for this
// service and region, and `now` within its time, of which there is at most `longest`.
Identity verify_presigned(const HttpRequest& request, const std::string& service, const std::string& region,
                          Duration longest, Instant now, const FindIdentity& find);

}  // namespace ytb::fakes::aws
