#include "drivers/aws/rds_token.h"

#include <gtest/gtest.h>

#include "drivers/aws/aws_testing.h"
#include "drivers/aws/rds.h"

namespace ytb::aws {
namespace {

using testing_support::Bench;
using testing_support::published_credentials;

std::string token_of(const RdsLogin& login, const Credentials& who) {
  return std::string(rds_token(login, who, "us-east-1", from_iso("2026-11-22T07:08:09Z").value()).reveal());
}

// Made by botocore 1.43's generate_db_auth_token at that time; tests/aws/clients_test.cc asks the one
// installed.
TEST(RdsToken, BotocoresVectors) {
  EXPECT_EQ(
      token_of({.host = "shop.c0ffee.us-east-1.rds.amazonaws.com", .port = 5432, .user = "master"},
               published_credentials()),
      "shop.c0ffee.us-east-1.rds.amazonaws.com:5432/"
      "?Action=connect&DBUser=master&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%"
      "2F20261122%2Fus-east-1%2Frds-db%2Faws4_request&X-Amz-Date=20261122T070809Z&X-Amz-Expires=900&X-Amz-"
      "SignedHeaders=host&X-Amz-Signature=9264466f125320e48ed35ed2e994e975263cc0e6858f2193ff5795f1faffc02e");
  EXPECT_EQ(
      token_of({.host = "shop.cluster-c0ffee.us-east-1.rds.amazonaws.com", .port = 443, .user = "a b/ü&\"x"},
               published_credentials("token+with/what=is=encoded")),
      "shop.cluster-c0ffee.us-east-1.rds.amazonaws.com:443/"
      "?Action=connect&DBUser=a%20b%2F%C3%BC%26%22x&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
      "AKIDEXAMPLE%2F20261122%2Fus-east-1%2Frds-db%2Faws4_request&X-Amz-Date=20261122T070809Z&X-Amz-Expires="
      "900&X-Amz-SignedHeaders=host&X-Amz-Security-Token=token%2Bwith%2Fwhat%3Dis%3Dencoded&X-Amz-Signature="
      "dd70595f9ca920458e97713d34657071a0cb485822d3df09e005daf61df33aea");
}

TEST(RdsToken, IsSignedByWhoWeAreAtAwssTime) {
  Bench bench;
  Rds rds(bench.caller);
  const Result<Secret> token = rds.login_token({.host = "h", .port = 1, .user = "u"});
  ASSERT_TRUE(token.ok()) << to_string(token.error());
  const std::string text(token->reveal());
  EXPECT_TRUE(text.starts_with("h:1/?Action=connect&DBUser=u&X-Amz-Algorithm=AWS4-HMAC-SHA256")) << text;
  EXPECT_NE(text.find("&X-Amz-Expires=900&X-Amz-SignedHeaders=host"), std::string::npos);
  EXPECT_NE(text.find("&X-Amz-Date=" + amz_date(bench.clock.now())), std::string::npos);
  EXPECT_TRUE(bench.transport.requests.empty()) << "no call is made";
}

}  // namespace
}  // namespace ytb::aws
