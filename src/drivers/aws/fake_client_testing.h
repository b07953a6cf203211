// FakeAwsClient: a Caller that talks to a fake AWS as its first identity, through libcurl. For tests only.
#pragma once

#include "drivers/aws/caller.h"
#include "drivers/aws/credentials.h"
#include "drivers/http/curl_client.h"
#include "fakes/aws/fake_aws.h"

namespace ytb::aws {

class FakeAwsClient {
 public:
  // Both outlive it.
  FakeAwsClient(fakes::aws::FakeAws& fake, Clock& clock, CallerOptions options = {},
                std::string region = "eu-west-1")
      : caller_(transport_, credentials_, clock, {.region = std::move(region), .url = fake.endpoint()},
                std::move(options)) {}

  // Of fakes::aws::Identity as it is without a word.
  static Credentials identity() {
    const fakes::aws::Identity identity;
    return {.access_key_id = identity.access_key,
            .secret_access_key = Secret(identity.secret_key),
            .session_token = {},
            .expires_at = {},
            .source = "test"};
  }
  [[nodiscard]] Caller& caller() { return caller_; }
  [[nodiscard]] http::Transport& transport() { return transport_; }

 private:
  http::CurlClient transport_;
  FixedCredentials credentials_{identity()};
  Caller caller_;
};

}  // namespace ytb::aws
