#include "drivers/aws/endpoints.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/text.h"

namespace ytb::aws {
namespace {

struct ServiceNames {
  Service service;
  std::string_view name;
  std::string_view title;
  std::string_view variable;  // of its service id, as AWS_ENDPOINT_URL_ takes it
  bool is_global;
};

constexpr std::array<ServiceNames, 10> kServices = {{
    {Service::kRds, "rds", "RDS", "RDS", false},
    {Service::kCloudFormation, "cloudformation", "CloudFormation", "CLOUDFORMATION", false},
    {Service::kRoute53, "route53", "Route 53", "ROUTE_53", true},
    {Service::kSts, "sts", "STS", "STS", false},
    {Service::kEcs, "ecs", "ECS", "ECS", false},
    {Service::kSecretsManager, "secretsmanager", "Secrets Manager", "SECRETS_MANAGER", false},
    {Service::kSsm, "ssm", "SSM", "SSM", false},
    {Service::kS3, "s3", "S3", "S3", false},
    {Service::kEc2, "ec2", "EC2", "EC2", false},
    {Service::kIam, "iam", "IAM", "IAM", true},
}};

// botocore's endpoints.json. Of the services called here only Route 53 and IAM are one for a whole partition.
struct Global {
  std::string_view host;
  std::string_view signing_region;
};
struct Partition {
  std::string_view name;
  std::string_view region_prefix;
  std::string_view suffix;
  Global route53;
  Global iam;
};
constexpr std::array<Partition, 3> kPartitions = {{
    {"aws-cn",
     "cn-",
     "amazonaws.com.cn",
     {"route53.amazonaws.com.cn", "cn-northwest-1"},
     {"iam.cn-north-1.amazonaws.com.cn", "cn-north-1"}},
    {"aws-us-gov",
     "us-gov-",
     "amazonaws.com",
     {"route53.us-gov.amazonaws.com", "us-gov-west-1"},
     {"iam.us-gov.amazonaws.com", "us-gov-west-1"}},
    {"aws", "", "amazonaws.com", {"route53.amazonaws.com", "us-east-1"}, {"iam.amazonaws.com", "us-east-1"}},
}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kOtherPartitions = {{
    {"us-iso-", "aws-iso"},
    {"us-isob-", "aws-iso-b"},
    {"eu-isoe-", "aws-iso-e"},
    {"eusc-", "aws-eusc"},
}};

const ServiceNames& names_of(Service service) {
  for (const ServiceNames& names : kServices) {
    if (names.service == service) return names;
  }
  YTB_CHECK_MSG(false, "a service without names");
  return kServices[0];
}

const Partition& partition_for(std::string_view region) {
  for (const Partition& partition : kPartitions) {
    if (region.starts_with(partition.region_prefix)) return partition;
  }
  return kPartitions.back();
}

// "eu-west-1": also keeps anything but a host name's label out of host names.
bool is_region_name(std::string_view text) {
  if (text.size() > 32 || text.find('-') == std::string_view::npos) return false;
  if (text.back() < '0' || text.back() > '9') return false;
  for (char c : text) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
  }
  return text.front() >= 'a';
}

Status check_region(const std::string& region) {
  for (const auto& [prefix, partition] : kOtherPartitions) {
    if (region.starts_with(prefix)) {
      return Error{.code = Code::kUnsupported,
                   .message = fmt::format("region {} is of the partition {}", printable(region), partition),
                   .hint = "only regions of the partitions aws, aws-us-gov and aws-cn are supported"};
    }
  }
  if (is_region_name(region)) return {};
  return Error{.code = Code::kConfig,
               .message = fmt::format("'{}' is not a region", printable(region)),
               .hint = "write it as AWS does, e.g. eu-west-1"};
}

}  // namespace

std::string_view name_of(Service service) { return names_of(service).name; }
std::string_view title_of(Service service) { return names_of(service).title; }
std::string_view partition_of(std::string_view region) { return partition_for(region).name; }

Result<std::string> resolve_region(const std::string& configured, const Environment& environment,
                                   const std::string& of_profile) {
  const std::array<std::optional<std::string>, 4> candidates = {
      configured, environment("AWS_REGION"), environment("AWS_DEFAULT_REGION"), of_profile};
  for (const auto& region : candidates) {
    if (!region || region->empty()) continue;
    YTB_TRY(check_region(*region));
    return *region;
  }
  return Error{.code = Code::kConfig,
               .message = "no AWS region is known",
               .hint = "name it in the config, in AWS_REGION or in the profile"};
}

EndpointOptions with_environment(EndpointOptions options, const Environment& environment,
                                 const std::string& of_profile) {
  if (to_lower_ascii(environment("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").value_or("")) == "true")
    return options;
  // What is configured for all services goes before what the environment says about one.
  if (!options.url.empty()) return options;
  for (const ServiceNames& names : kServices) {
    const auto url = environment(fmt::format("AWS_ENDPOINT_URL_{}", names.variable));
    if (url) options.urls.emplace(names.service, *url);
  }
  options.url = environment("AWS_ENDPOINT_URL").value_or(of_profile);
  return options;
}

Result<Endpoint> resolve_endpoint(Service service, const EndpointOptions& options) {
  YTB_TRY(check_region(options.region));
  const ServiceNames& names = names_of(service);
  const Partition& partition = partition_for(options.region);
  const Global& global = service == Service::kIam ? partition.iam : partition.route53;
  Endpoint endpoint{.url = {},
                    .signing_region = names.is_global ? std::string(global.signing_region) : options.region,
                    .signing_name = std::string(names.name)};
  const auto one = options.urls.find(service);
  const std::string custom = one != options.urls.end() ? one->second : options.url;
  if (custom.empty()) {
    endpoint.url = names.is_global
                       ? fmt::format("https://{}", global.host)
                       : fmt::format("https://{}.{}.{}", names.name, options.region, partition.suffix);
    return endpoint;
  }
  std::string_view url = custom;
  while (url.ends_with('/')) url.remove_suffix(1);
  const size_t scheme_end = url.find("://");
  const bool is_http = url.starts_with("https://") || url.starts_with("http://");
  if (!is_http || url.size() == scheme_end + 3 ||
      url.find_first_of("/?#@ ", scheme_end + 3) != std::string_view::npos) {
    return Error{
        .code = Code::kConfig,
        .message = fmt::format("the endpoint of {} is not a URL of scheme, host and port", names.title),
        .hint = "write it as https://host or http://host:port"};
  }
  endpoint.url = url;
  endpoint.is_custom = true;
  return endpoint;
}

}  // namespace ytb::aws
