#include "drivers/aws/route53.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/aws/aws_testing.h"

namespace ytb::aws {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::Bench;

std::string zone(const std::string& id, const std::string& name, bool is_private) {
  return "<HostedZone><Id>/hostedzone/" + id + "</Id><Name>" + name +
         "</Name><CallerReference>c</CallerReference><Config><PrivateZone>" +
         (is_private ? "true" : "false") + "</PrivateZone></Config></HostedZone>";
}
std::string zones(const std::string& content, bool is_truncated) {
  return "<ListHostedZonesByNameResponse><HostedZones>" + content + "</HostedZones><IsTruncated>" +
         (is_truncated ? "true" : "false") + "</IsTruncated></ListHostedZonesByNameResponse>";
}
std::string change(const std::string& action, const std::string& status) {
  return "<" + action + "Response><ChangeInfo><Id>/change/C1</Id><Status>" + status +
         "</Status><SubmittedAt>2026-11-22T06:00:00Z</SubmittedAt></ChangeInfo></" + action + "Response>";
}

TEST(Route53, NamesComeOutOfTheirEscapes) {
  EXPECT_EQ(internal::from_route53_name("\\052.Shop.Example.com."), "*.shop.example.com");
  EXPECT_EQ(internal::from_route53_name("a\\134b.com"), "a\\b.com");
  EXPECT_EQ(internal::from_route53_name("odd\\05"), "odd\\05");
}

TEST(Route53, ZonesOfExactlyThisName) {
  Bench bench;
  bench.transport
      .answer(200, zones(zone("Z1", "Example.com.", false) + zone("Z2", "example.com.", true) +
                             zone("Z3", "example.org.", false),
                         true))
      .answer(200, zones(zone("Z1", "example.com.", false), true));
  Route53 route53(bench.caller);
  const auto found = route53.list_hosted_zones_by_name("EXAMPLE.com.");
  ASSERT_TRUE(found.ok()) << found.error().message;
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ(found->at(0).id, "Z1");
  EXPECT_TRUE(found->at(1).is_private);
  const http::Request& request = bench.transport.requests.at(0);
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.url,
            "https://route53.amazonaws.com/2013-04-01/hostedzonesbyname?dnsname=example.com&maxitems=100");
  EXPECT_THAT(std::string(*http::find_header(request.headers, "Authorization")),
              HasSubstr("/us-east-1/route53/"));
  // The page is full of this name: there may be more, so "these are all" would be a guess.
  EXPECT_FALSE(route53.list_hosted_zones_by_name("example.com").ok());
}

TEST(Route53, RecordsOfExactlyThisNameAndType) {
  Bench bench;
  bench.transport.answer(
      200,
      "<ListResourceRecordSetsResponse><ResourceRecordSets>"
      "<ResourceRecordSet><Name>\\052.example.com.</Name><Type>CNAME</Type><TTL>60</TTL><ResourceRecords>"
      "<ResourceRecord><Value>old.rds.amazonaws.com</Value></ResourceRecord></ResourceRecords></"
      "ResourceRecordSet>"
      "<ResourceRecordSet><Name>z.example.com.</Name><Type>A</Type><AliasTarget><HostedZoneId>Z</"
      "HostedZoneId>"
      "<DNSName>lb.amazonaws.com.</DNSName></AliasTarget></ResourceRecordSet>"
      "</ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></"
      "ListResourceRecordSetsResponse>");
  const auto found =
      Route53(bench.caller).list_resource_record_sets("/hostedzone/Z1", "*.example.com", "CNAME");
  ASSERT_TRUE(found.ok()) << found.error().message;
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->at(0).ttl_s, 60);
  EXPECT_THAT(found->at(0).values, ElementsAre("old.rds.amazonaws.com"));
  EXPECT_EQ(bench.transport.requests.at(0).url,
            "https://route53.amazonaws.com/2013-04-01/hostedzone/Z1/"
            "rrset?name=%2A.example.com.&maxitems=100&type=CNAME");
}

TEST(Route53, UpsertIsWrittenAsTheModelSays) {
  Bench bench;
  bench.transport.answer(200, change("ChangeResourceRecordSets", "PENDING"))
      .answer(200, change("GetChange", "INSYNC"))
      .answer(404, "<ErrorResponse><Error><Code>NoSuchChange</Code></Error></ErrorResponse>")
      .answer(200, change("GetChange", "ODD"));
  Route53 route53(bench.caller);
  const auto done = route53.change_resource_record_set(
      "Z1", RecordAction::kUpsert,
      {.name = "Shop.example.com.", .type = "CNAME", .ttl_s = 60, .values = {"a<b.rds.amazonaws.com"}},
      "why & what");
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(done->id, "C1");
  EXPECT_FALSE(done->in_sync);
  const http::Request& request = bench.transport.requests.at(0);
  EXPECT_EQ(request.url, "https://route53.amazonaws.com/2013-04-01/hostedzone/Z1/rrset/");
  EXPECT_THAT(
      request.body,
      HasSubstr("<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">"
                "<ChangeBatch><Comment>why &amp; what</Comment><Changes><Change><Action>UPSERT</Action>"
                "<ResourceRecordSet><Name>shop.example.com.</Name><Type>CNAME</Type><TTL>60</TTL>"
                "<ResourceRecords><ResourceRecord><Value>a&lt;b.rds.amazonaws.com</Value></ResourceRecord>"
                "</ResourceRecords></ResourceRecordSet></Change></Changes></ChangeBatch>"));
  EXPECT_TRUE(route53.get_change("/change/C1")->value().in_sync);
  EXPECT_THAT(bench.transport.requests.at(1).url, testing::EndsWith("/2013-04-01/change/C1"));
  EXPECT_FALSE(route53.get_change("C1")->has_value());
  EXPECT_THAT(route53.get_change("C1").error().message, HasSubstr("neither PENDING nor INSYNC"));
}

TEST(Route53, ZoneById) {
  Bench bench;
  bench.transport
      .answer(200, "<GetHostedZoneResponse>" + zone("Z1", "example.com.", true) +
                       "<VPCs/></GetHostedZoneResponse>")
      .answer(404, "<ErrorResponse><Error><Code>NoSuchHostedZone</Code></Error></ErrorResponse>");
  Route53 route53(bench.caller);
  EXPECT_EQ(route53.get_hosted_zone("/hostedzone/Z1")->value().name, "example.com");
  EXPECT_FALSE(route53.get_hosted_zone("Z1")->has_value());
}

}  // namespace
}  // namespace ytb::aws
