// Signature version 4: proof, in a request's own headers, of who sends it and when. Pure.
//
// Follows the AWS reference "Create a signed AWS API request", with botocore's signer as the arbiter of what
// it leaves open. S3 encodes paths once and carries its body's hash as a header; everything else encodes
// paths twice and normalises them. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/time.h"
#include "drivers/http/transport.h"

namespace ytb::aws {

struct Credentials {
  std::string access_key_id;
  Secret secret_access_key;
  Secret session_token;               // empty: long-lived ones have none
  std::optional<Instant> expires_at;  // none: never
  std::string source;                 // where they came from, for messages
  [[nodiscard]] Credentials clone() const;
};

// Adds Host, X-Amz-Date, X-Amz-Security-Token, for S3 X-Amz-Content-Sha256, and Authorization; such headers
// that were there are replaced. All headers are signed but those that proxies and libcurl may touch.
http::Request sign(http::Request request, const Credentials& credentials, std::string_view region,
                   std::string_view service, Instant now);

// The same in a URL's query ("presigned"), for a GET by whoever is given the URL within `lifetime` of `now`.
// `url` is whole, with a path and a strictly encoded query; only its host is signed.
std::string presign(std::string_view url, const Credentials& credentials, std::string_view region,
                    std::string_view service, std::chrono::seconds lifetime, Instant now);

// RFC 3986: letters, digits and -._~ stay, all else becomes %XX; '/' stays where `keep_slash`.
std::string uri_encode(std::string_view text, bool keep_slash = false);
std::string sha256(std::string_view bytes);  // its 32 bytes
// Lower-case hex of the SHA-256.
std::string sha256_hex(std::string_view bytes);
// "20150830T123600Z".
std::string amz_date(Instant instant);

namespace internal {
struct Canonical {
  std::string request;
  std::string signed_headers;
};
// Of a request whose headers are complete. `payload_hash` is the body's.
Canonical canonicalize(const http::Request& request, std::string_view service, std::string_view payload_hash);
}  // namespace internal

}  // namespace ytb::aws
