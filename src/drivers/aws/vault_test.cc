// Secrets and documents that lie with AWS, read from the fake.
#include "drivers/aws/vault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/aws/fake_client_testing.h"
#include "fakes/aws/small_services.h"

namespace ytb::aws {
namespace {

using fakes::aws::FakeAws;
using Kind = model::SecretRef::Kind;
using ::testing::HasSubstr;
using ::testing::Not;

// What is asked of this machine.
class Elsewhere final : public ports::Vault {
 public:
  Result<Secret> secret(const model::SecretRef& reference) override {
    return Secret("here: " + reference.locator);
  }
  Result<std::optional<std::string>> text(const std::string& place, size_t) override {
    return std::optional<std::string>("here: " + place);
  }
};

class Vault : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FakeAws::available().empty()) GTEST_SKIP() << FakeAws::available();
    fake_.secrets().seed("ytb/keys", R"({"masking":"0123456789abcdef","count":3,"empty":""})");
    fake_.secrets().seed("ytb/plain", "hunter2\n");
    fake_.ssm().seed("/shop/staging", "letmein", "SecureString");
    fake_.ssm().seed("/shop/policy", "version: 1\n", "String");
    fake_.s3().seed_bucket("my-config");
    fake_.s3().put("my-config", "shop/policy.yaml", "version: 2\n");
  }
  std::string secret(Kind kind, const std::string& locator) {
    auto found = vault_.secret({.kind = kind, .locator = locator});
    if (!found.ok()) {
      EXPECT_EQ(found.error().code, Code::kConfig);
      return "error: " + found.error().message;
    }
    return std::string(found->reveal());
  }
  std::string text(const std::string& place) {
    auto found = vault_.text(place, 1 << 20);
    if (!found.ok()) return "error: " + found.error().message;
    return found->value_or("nothing");
  }

  FakeAws fake_;
  SystemClock clock_;
  FakeAwsClient client_{fake_, clock_};
  int asked_ = 0;
  AwsVault vault_{[this]() -> Result<Caller*> {
                    ++asked_;
                    return &client_.caller();
                  },
                  std::make_unique<Elsewhere>()};
};

TEST_F(Vault, ReadsSecretsWholeAndByMember) {
  EXPECT_EQ(secret(Kind::kSecretsManager, "ytb/plain"), "hunter2") << "without its newline";
  EXPECT_EQ(secret(Kind::kSecretsManager, "ytb/keys#masking"), "0123456789abcdef");
  EXPECT_EQ(secret(Kind::kParameterStore, "/shop/staging"), "letmein") << "decrypted";
}

TEST_F(Vault, SaysWhatIsMissingAndNeverASecret) {
  EXPECT_THAT(secret(Kind::kSecretsManager, "ytb/none"), HasSubstr("ytb/none is not in Secrets Manager"));
  EXPECT_THAT(secret(Kind::kParameterStore, "/none"), HasSubstr("/none is not in Parameter Store"));
  for (const char* member : {"ytb/keys#signing", "ytb/keys#count", "ytb/keys#empty", "ytb/plain#a"}) {
    const std::string error = secret(Kind::kSecretsManager, member);
    EXPECT_THAT(error, HasSubstr("error: the secret ytb/")) << member;
    EXPECT_THAT(error, Not(HasSubstr("0123456789abcdef")));
    EXPECT_THAT(error, Not(HasSubstr("hunter2")));
  }
}

TEST_F(Vault, ReadsDocumentsAndToldApartFromNothing) {
  EXPECT_EQ(text("s3://my-config/shop/policy.yaml"), "version: 2\n");
  EXPECT_EQ(text("s3://my-config/shop/policy.lock"), "nothing");
  EXPECT_THAT(text("s3://no-such-bucket/x"), HasSubstr("error: "));
  EXPECT_EQ(text("ssm:/shop/policy"), "version: 1\n");
  EXPECT_EQ(text("ssm:/shop/lock"), "nothing");
  EXPECT_TRUE(fake_.mutations().empty());
}

TEST_F(Vault, WhatIsNotWithAwsNeedsNone) {
  EXPECT_EQ(secret(Kind::kFile, "/etc/key"), "here: /etc/key");
  EXPECT_EQ(secret(Kind::kEnvironment, "KEY"), "here: KEY");
  EXPECT_EQ(text("/etc/policy.yaml"), "here: /etc/policy.yaml");
  EXPECT_EQ(asked_, 0);
}

}  // namespace
}  // namespace ytb::aws
