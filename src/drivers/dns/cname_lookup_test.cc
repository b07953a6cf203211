// Looking a CNAME up at a real resolver on the loopback device.
#include "drivers/dns/cname_lookup.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/aws/fake_aws.h"

namespace ytb::dns {
namespace {

using fakes::aws::FakeAws;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CnameLookup : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FakeAws::available().empty()) GTEST_SKIP() << FakeAws::available();
    const std::string zone = fake_.seed_zone("mysite.com");
    fake_.seed_record(zone, "shop-yesterday.mysite.com", "CNAME", 60, {"Shop-1.abc.rds.amazonaws.com"});
    fake_.seed_record(zone, "address.mysite.com", "A", 60, {"10.0.0.7"});
    resolver_ = fmt::format("127.0.0.1:{}", fake_.dns_port());
  }
  FakeAws fake_;
  std::string resolver_;
};

TEST_F(CnameLookup, SaysWhereANamePoints) {
  auto found = look_up_cname("shop-yesterday.mysite.com", resolver_);
  ASSERT_TRUE(found.ok()) << to_string(found.error());
  EXPECT_THAT(*found, ElementsAre("shop-1.abc.rds.amazonaws.com"));
  EXPECT_THAT(*look_up_cname("SHOP-yesterday.MySite.com.", resolver_),
              ElementsAre("shop-1.abc.rds.amazonaws.com"));
}

TEST_F(CnameLookup, NoNameAndNoCnameAreNothing) {
  auto none = look_up_cname("nothing.mysite.com", resolver_);
  ASSERT_TRUE(none.ok()) << to_string(none.error());
  EXPECT_THAT(*none, IsEmpty());
  auto address = look_up_cname("address.mysite.com", resolver_);
  ASSERT_TRUE(address.ok()) << to_string(address.error());
  EXPECT_THAT(*address, IsEmpty());
}

TEST_F(CnameLookup, SilenceIsLaterAndNonsenseIsTheConfig) {
  // Nobody listens on the discard port; the system says so at once.
  auto silent = look_up_cname("shop-yesterday.mysite.com", "127.0.0.1:9");
  ASSERT_FALSE(silent.ok());
  EXPECT_EQ(silent.error().retry, Retry::kLater);
  EXPECT_THAT(silent.error().message, HasSubstr("could not be looked up at 127.0.0.1:9"));
  for (const char* wrong : {"resolver.local", "127.0.0.1:x", "127.0.0.1:0", "[fd00::2", "10.0.0"}) {
    EXPECT_EQ(look_up_cname("a.b", wrong).error().code, Code::kConfig) << wrong;
  }
  EXPECT_EQ(look_up_cname("a..b", resolver_).error().code, Code::kConfig);
}

}  // namespace
}  // namespace ytb::dns
