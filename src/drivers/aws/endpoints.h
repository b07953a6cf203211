// Endpoints: which address a service has in a region, and for which region and name calls to it are signed.
//
// Only the partition "aws" is served: elsewhere names, ARNs and services differ in ways nobody has tried
// here. Pure, but for what the given Environment reads.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "drivers/aws/environment.h"

namespace ytb::aws {

enum class Service { kRds, kCloudFormation, kRoute53, kSts, kEcs, kSecretsManager, kSsm, kS3, kEc2, kIam };

// As in host names and signatures: "rds", "secretsmanager".
std::string_view name_of(Service service);
// As people write it: "RDS", "Secrets Manager".
std::string_view title_of(Service service);

struct Endpoint {
  std::string url;  // "https://rds.eu-west-1.amazonaws.com": without path and trailing slash
  std::string signing_region;
  std::string signing_name;
  bool is_custom = false;
};

struct EndpointOptions {
  std::string region;
  std::string url = {};                      // for every service; "": AWS's own
  std::map<Service, std::string> urls = {};  // for one service; goes before `url`
};

// What ARNs of this region's account begin with: "aws", "aws-us-gov" (GovCloud) or "aws-cn" (China).
std::string_view partition_of(std::string_view region);

// The region: `configured`, AWS_REGION, AWS_DEFAULT_REGION, `of_profile`: the first that is not empty.
// Errors: kConfig where it is missing or is not the name of a region; kUnsupported for a partition that is
// not supported, by name.
Result<std::string> resolve_region(const std::string& configured, const Environment& environment,
                                   const std::string& of_profile = "");
// Fills `options.urls` and `options.url`, where they are not set, from AWS_ENDPOINT_URL_<SERVICE> and
// AWS_ENDPOINT_URL (unless AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true), then `of_profile`.
EndpointOptions with_environment(EndpointOptions options, const Environment& environment,
                                 const std::string& of_profile = "");
// kConfig where a custom endpoint is no http(s) URL of scheme, host and port.
Result<Endpoint> resolve_endpoint(Service service, const EndpointOptions& options);

}  // namespace ytb::aws
