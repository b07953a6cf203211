#include "drivers/aws/endpoints.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ytb::aws {
namespace {

TEST(Endpoints, RegionComesFromTheFirstThatSays) {
  const Environment both =
      fixed_environment({{"AWS_REGION", "eu-west-1"}, {"AWS_DEFAULT_REGION", "eu-west-2"}});
  EXPECT_EQ(resolve_region("us-east-2", both, "sa-east-1").value(), "us-east-2");
  EXPECT_EQ(resolve_region("", both, "sa-east-1").value(), "eu-west-1");
  EXPECT_EQ(resolve_region("", fixed_environment({{"AWS_REGION", ""}, {"AWS_DEFAULT_REGION", "eu-west-2"}}))
                .value(),
            "eu-west-2");
  EXPECT_EQ(resolve_region("", fixed_environment({}), "sa-east-1").value(), "sa-east-1");
  EXPECT_EQ(resolve_region("", fixed_environment({})).error().code, Code::kConfig);
}

TEST(Endpoints, OtherPartitionsAndOddNamesAreRefusedByName) {
  const Environment none = fixed_environment({});
  for (const auto& [region, partition] :
       std::map<std::string, std::string>{{"us-iso-east-1", "aws-iso"}, {"us-isob-east-1", "aws-iso-b"}}) {
    const Result<std::string> refused = resolve_region(region, none);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::kUnsupported);
    EXPECT_EQ(refused.error().message, fmt::format("region {} is of the partition {}", region, partition));
  }
  for (const std::string odd : {"eu", "evil.com/eu-1", "EU-WEST-1", "eu-west-1.evil.com", "-1"}) {
    EXPECT_EQ(resolve_region(odd, none).error().code, Code::kConfig) << odd;
  }
}

TEST(Endpoints, EveryServiceHasItsAddress) {
  const EndpointOptions options{.region = "eu-west-1"};
  const auto url = [&](Service service) { return resolve_endpoint(service, options).value().url; };
  EXPECT_EQ(url(Service::kRds), "https://rds.eu-west-1.amazonaws.com");
  EXPECT_EQ(url(Service::kSecretsManager), "https://secretsmanager.eu-west-1.amazonaws.com");
  EXPECT_EQ(url(Service::kSts), "https://sts.eu-west-1.amazonaws.com");
  EXPECT_EQ(url(Service::kS3), "https://s3.eu-west-1.amazonaws.com");
  const Endpoint route53 = resolve_endpoint(Service::kRoute53, options).value();
  EXPECT_EQ(route53.url, "https://route53.amazonaws.com");
  EXPECT_EQ(route53.signing_region, "us-east-1");
  EXPECT_EQ(route53.signing_name, "route53");
  EXPECT_EQ(resolve_endpoint(Service::kIam, options).value().url, "https://iam.amazonaws.com");
}

TEST(Endpoints, GovCloudAndChinaHaveTheirOwn) {
  struct Expected {
    std::string region, partition, rds, route53, route53_signed, iam, iam_signed;
  };
  for (const Expected& one :
       {Expected{"us-gov-east-1", "aws-us-gov", "https://rds.us-gov-east-1.amazonaws.com",
                 "https://route53.us-gov.amazonaws.com", "us-gov-west-1", "https://iam.us-gov.amazonaws.com",
                 "us-gov-west-1"},
        Expected{"cn-north-1", "aws-cn", "https://rds.cn-north-1.amazonaws.com.cn",
                 "https://route53.amazonaws.com.cn", "cn-northwest-1",
                 "https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"}}) {
    const EndpointOptions options{.region = resolve_region(one.region, fixed_environment({})).value()};
    EXPECT_EQ(partition_of(one.region), one.partition);
    const Endpoint rds = resolve_endpoint(Service::kRds, options).value();
    EXPECT_EQ(rds.url, one.rds);
    EXPECT_EQ(rds.signing_region, one.region);
    const Endpoint route53 = resolve_endpoint(Service::kRoute53, options).value();
    EXPECT_EQ(route53.url, one.route53);
    EXPECT_EQ(route53.signing_region, one.route53_signed);
    const Endpoint iam = resolve_endpoint(Service::kIam, options).value();
    EXPECT_EQ(iam.url, one.iam);
    EXPECT_EQ(iam.signing_region, one.iam_signed);
  }
  EXPECT_EQ(partition_of("eu-west-1"), "aws");
}

TEST(Endpoints, CustomOnesGoFromSpecialToGeneral) {
  const Environment environment = fixed_environment(
      {{"AWS_ENDPOINT_URL", "http://127.0.0.1:1/"}, {"AWS_ENDPOINT_URL_ROUTE_53", "http://127.0.0.1:2"}});
  EndpointOptions options = with_environment({.region = "eu-west-1"}, environment, "http://profile");
  EXPECT_EQ(resolve_endpoint(Service::kRds, options).value().url, "http://127.0.0.1:1");
  const Endpoint route53 = resolve_endpoint(Service::kRoute53, options).value();
  EXPECT_EQ(route53.url, "http://127.0.0.1:2");
  EXPECT_EQ(route53.signing_region, "us-east-1");
  EXPECT_TRUE(route53.is_custom);

  options = with_environment({.region = "eu-west-1", .url = "http://option"}, environment);
  EXPECT_EQ(resolve_endpoint(Service::kRoute53, options).value().url, "http://option");
  options = with_environment({.region = "eu-west-1", .urls = {{Service::kRds, "http://one"}}}, environment);
  EXPECT_EQ(resolve_endpoint(Service::kRds, options).value().url, "http://one");
  EXPECT_EQ(with_environment({.region = "eu-west-1"}, fixed_environment({}), "http://profile").url,
            "http://profile");
  EXPECT_EQ(with_environment({.region = "eu-west-1"},
                             fixed_environment({{"AWS_ENDPOINT_URL", "http://x"},
                                                {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}}))
                .url,
            "");
  for (const std::string odd :
       {"127.0.0.1:1", "ftp://h", "http://", "http://u:s3cret@h", "http://h/path", "http://h?x"}) {
    const Result<Endpoint> refused = resolve_endpoint(Service::kRds, {.region = "eu-west-1", .url = odd});
    ASSERT_FALSE(refused.ok()) << odd;
    EXPECT_EQ(refused.error().message.find("s3cret"), std::string::npos);
  }
}

}  // namespace
}  // namespace ytb::aws
