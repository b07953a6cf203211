// What the files of the AWS wiring share: app_aws.cc, app_aws_check.cc and app_aws_adopt.cc; for them only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app_aws.h"
#include "drivers/aws/cloudformation.h"
#include "drivers/aws/credentials.h"
#include "drivers/aws/endpoints.h"
#include "drivers/aws/environment.h"
#include "drivers/aws/rds.h"
#include "drivers/aws/route53.h"
#include "drivers/aws/s3.h"
#include "drivers/http/curl_client.h"
#include "drivers/postgres/rds_access.h"
#include "drivers/rds/adopt.h"
#include "drivers/rds/stack_host.h"
#include "drivers/route53/route53_alias.h"

namespace ytb {

class AwsSession {
 public:
  AwsSession(const config::AwsConfig& aws, aws::EndpointOptions endpoints, Clock& clock, const StopFlag& stop)
      : transport_(http::CurlOptions{.ca_file = aws.ca_bundle}),
        credentials_(aws::default_chain({.transport = transport_,
                                         .clock = clock,
                                         .environment = aws::process_environment(),
                                         .endpoints = endpoints,
                                         .profile = aws.profile,
                                         .stop = &stop})),
        caller_(transport_, *credentials_, clock, std::move(endpoints), {.stop = &stop}) {}
  // Of a role that `own` becomes; `own` outlives it.
  AwsSession(const config::AwsConfig& aws, const AwsSession& own, const std::string& role, Clock& clock,
             const StopFlag& stop)
      : transport_(http::CurlOptions{.ca_file = aws.ca_bundle}),
        credentials_(chain_of(aws::role_provider({.transport = transport_,
                                                  .clock = clock,
                                                  .environment = {},
                                                  .endpoints = own.caller_.endpoints(),
                                                  .stop = &stop},
                                                 *own.credentials_, role),
                              clock)),
        caller_(transport_, *credentials_, clock, own.caller_.endpoints(), {.stop = &stop}) {}

  [[nodiscard]] aws::Caller& caller() { return caller_; }
  [[nodiscard]] const std::string& region() const { return caller_.endpoints().region; }

 private:
  static std::unique_ptr<aws::CredentialChain> chain_of(std::unique_ptr<aws::CredentialProvider> provider,
                                                        Clock& clock) {
    std::vector<std::unique_ptr<aws::CredentialProvider>> one;
    one.push_back(std::move(provider));
    return std::make_unique<aws::CredentialChain>(std::move(one), clock);
  }

  http::CurlClient transport_;
  std::unique_ptr<aws::CredentialChain> credentials_;
  aws::Caller caller_;
};

// The clients of one production; the drivers refer to them.
struct AwsParts {
  explicit AwsParts(aws::Caller& caller) : rds(caller), stacks(caller), s3(caller), route53(caller) {}
  aws::Rds rds;
  aws::CloudFormation stacks;
  aws::S3 s3;
  aws::Route53 route53;
  postgres::RdsDoor door;
};

// Where the copies of a production are.
route53::Endpoints endpoints_for(aws::Rds& rds, const config::ProductionConfig& production);
Result<rds::StackOptions> host_options(const config::Config& config,
                                       const config::ProductionConfig& production, const Secret& signing_key);
rds::StackServices host_services(const AwsWiring& wiring, AwsParts& parts);

// Whether the original can have made a stack for this production: it knew instances by name.
bool may_be_adopted(const config::ProductionConfig& production);
rds::AdoptOptions adopt_options(const config::Config& config, const config::ProductionConfig& production);
// Where the name may be moved away from (rds::Adopter::adopted_targets). Looks each time it is asked;
// `parts` and `clock` outlive it.
std::function<Result<std::vector<std::string>>()> adopted_targets(const config::Config& config,
                                                                  const config::ProductionConfig& production,
                                                                  AwsParts& parts, Clock& clock);

}  // namespace ytb
