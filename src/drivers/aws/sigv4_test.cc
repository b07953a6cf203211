#include "drivers/aws/sigv4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/aws/aws_testing.h"

namespace ytb::aws {
namespace {

using ::testing::HasSubstr;
using testing_support::published_credentials;

std::string signature(const http::Request& request, const std::string& service = "service",
                      const std::string& token = "") {
  const http::Request done = sign(request, published_credentials(token), "us-east-1", service,
                                  from_iso("2015-08-30T12:36:00Z").value());
  const std::string header(http::find_header(done.headers, "authorization").value());
  return header.substr(header.find("Signature=") + 10);
}

struct Vector {
  std::string name;
  http::Request request;
  std::string signature;
};

http::Request get(const std::string& rest) { return {.url = "https://example.amazonaws.com" + rest}; }
http::Request post(http::Headers headers, const std::string& body) {
  return {
      .method = "POST", .url = "https://example.amazonaws.com/", .headers = std::move(headers), .body = body};
}

constexpr const char* kUnreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

// AWS's published signing test suite; each signature was computed again by botocore 1.29's SigV4Auth.
TEST(SigV4, PublishedVectors) {
  const std::vector<Vector> vectors = {
      {"get-vanilla", get("/"), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-vanilla-query-order-key-case", get("/?Param2=value2&Param1=value1"),
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-vanilla-query-order-value", get("/?Param1=value2&Param1=value1"),
       "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
      {"get-vanilla-query-order-key", get("/?Param1=value2&Param1=Value1"),
       "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"},
      {"get-vanilla-empty-query-key", get("/?Param1=value1"),
       "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
      {"get-vanilla-utf8-query", get("/?\xE1\x88\xB4=bar"),
       "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
      {"get-vanilla-query-unreserved", get(std::string("/?") + kUnreserved + "=" + kUnreserved),
       "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
      {"get-utf8", get("/\xE1\x88\xB4"), "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
      {"get-space", get("/example space/"),
       "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
      {"get-relative", get("/example/.."),
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-relative-relative", get("/example1/example2/../.."),
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-slashes", get("//example//"), "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
      {"get-slash-dot-slash", get("/./"), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-slash-pointless-dot", get("/./example"),
       "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
      {"get-header-value-trim",
       {.url = "https://example.amazonaws.com/",
        .headers = {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}},
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
      {"post-vanilla", post({}, ""), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"post-x-www-form-urlencoded",
       post({{"Content-Type", "application/x-www-form-urlencoded"}}, "Param1=value1"),
       "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
      {"post-x-www-form-urlencoded-parameters",
       post({{"Content-Type", "application/x-www-form-urlencoded; charset=utf8"}}, "Param1=value1"),
       "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"},
  };
  for (const Vector& vector : vectors) EXPECT_EQ(signature(vector.request), vector.signature) << vector.name;
}

TEST(SigV4, SessionTokenIsSigned) {
  EXPECT_EQ(signature(post({}, ""), "service",
                      "AQoDYXdzEPT//////////"
                      "wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8"
                      "YUuwthAx7mSEI/qkPpKPi/"
                      "kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6f"
                      "E8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+"
                      "scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="),
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
}

// Computed by botocore 1.29's SigV4Auth and S3SigV4Auth.
TEST(SigV4, PathsAreEncodedTwiceButForS3) {
  EXPECT_EQ(signature(get("/2013-04-01/a%20b%2Fc/rrset?name=%2A.x&type=CNAME")),
            "d20cac67675ca9cd8ac3258e3be6793e5c6a12a918465700e7d07e94f5bde0c3");
  EXPECT_EQ(signature({.method = "PUT",
                       .url = "https://bucket.s3.us-east-1.amazonaws.com/proofs/../a%20b%2Bc~%C3%BC",
                       .headers = {{"Content-Type", "text/plain"}},
                       .body = "hello"},
                      "s3", "TOK"),
            "c044bc4c60062944c91eafb5dfe921ba51f1afa0c02a043feb5d5037b724f793");
  EXPECT_EQ(signature({.url = "http://localhost:4566/x"}),
            "8ab6b3d2bee201cd1c9e65670ccb1f6e3c0756e0930252d82ef82b5f6fe8a298");
}

TEST(SigV4, S3CarriesItsHashAndStaleHeadersAreReplaced) {
  http::Request request{
      .url = "https://b.s3.eu-west-1.amazonaws.com/k",
      .headers = {{"x-amz-date", "old"}, {"Authorization", "old"}, {"X-Amz-Security-Token", "old"}},
      .body = ""};
  request = sign(std::move(request), published_credentials("new"), "eu-west-1", "s3",
                 from_iso("2026-11-22T06:00:00Z").value());
  EXPECT_EQ(http::find_header(request.headers, "X-Amz-Content-Sha256"), sha256_hex(""));
  EXPECT_EQ(http::find_header(request.headers, "X-Amz-Date"), "20261122T060000Z");
  EXPECT_EQ(http::find_header(request.headers, "X-Amz-Security-Token"), "new");
  EXPECT_EQ(http::find_header(request.headers, "Host"), "b.s3.eu-west-1.amazonaws.com");
  int count = 0;
  for (const auto& [name, value] : request.headers) count += value == "old" ? 1 : 0;
  EXPECT_EQ(count, 0);
  EXPECT_THAT(std::string(*http::find_header(request.headers, "Authorization")),
              HasSubstr("AKIDEXAMPLE/20261122/eu-west-1/s3/aws4_request"));
}

TEST(SigV4, QueriesAreSortedAndStrictlyEncoded) {
  const auto canonical = internal::canonicalize(get("/?b=a*b:c&a=1+2&a=%2f&c"), "service", "H");
  EXPECT_THAT(canonical.request, HasSubstr("\na=%2F&a=1%2B2&b=a%2Ab%3Ac&c=\n"));
}

TEST(SigV4, WhatProxiesTouchIsNotSigned) {
  http::Request request = get("/");
  const std::string plain = signature(request);
  request.headers = {{"User-Agent", "x"}, {"Expect", "100-continue"}, {"Content-Length", "0"}};
  EXPECT_EQ(signature(request), plain);
  request.headers = {{"X-Amz-Target", "x"}};
  EXPECT_NE(signature(request), plain);
}

}  // namespace
}  // namespace ytb::aws
