// What a run is given, from wherever the config says that it lies.
#include "refresh/inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/text.h"
#include "drivers/os/files.h"
#include "model/proof.h"
#include "refresh/local_vault.h"
#include "support/temporary.h"

namespace ytb::refresh {
namespace {

using Kind = model::SecretRef::Kind;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class FakeVault final : public ports::Vault {
 public:
  Result<Secret> secret(const model::SecretRef& reference) override {
    auto found = secrets.find(reference.locator);
    if (found != secrets.end()) return Secret(found->second);
    return Error{.code = Code::kConfig, .message = "there is no " + reference.locator, .hint = {}};
  }
  Result<std::optional<std::string>> text(const std::string& place, size_t) override {
    if (unreachable)
      return Error{.code = Code::kConnection, .message = "S3 hangs", .hint = {}, .retry = Retry::kLater};
    auto found = texts.find(place);
    return found == texts.end() ? std::optional<std::string>() : std::optional<std::string>(found->second);
  }
  std::map<std::string, std::string> secrets, texts;
  bool unreachable = false;
};

class InputsTest : public ::testing::Test {
 protected:
  Result<Secret> key_of(const std::string& text) {
    vault_.secrets["keys#signing"] = text;
    config::Config config;
    config.signing_key = {.kind = Kind::kSecretsManager, .locator = "keys#signing"};
    return signing_key(config, *StateDirectory::open(folder_ / "state"), vault_);
  }
  tests::TemporaryFolder folder_;
  FakeVault vault_;
};

TEST_F(InputsTest, AnotherPasswordIsSeenAlsoWhereNothingIsMasked) {
  config::Config config;
  config::ProductionConfig production;
  production.masking.none_reason = "synthetic data";
  model::AccessRole role;
  role.name = "staging";
  role.password = {.kind = Kind::kFile, .locator = "p"};
  production.access.push_back(role);
  const StateDirectory state = *StateDirectory::open(folder_ / "state");
  auto inputs_with = [&](const std::string& password) {
    vault_.secrets["p"] = password;
    Result<Inputs> inputs = load_inputs(config, production, state, vault_);
    EXPECT_TRUE(inputs.ok()) << to_string(inputs.error());
    return inputs.ok() ? *std::move(inputs) : Inputs{};
  };
  const Inputs first = inputs_with("one");
  EXPECT_EQ(inputs_with("one").digest, first.digest);
  EXPECT_NE(inputs_with("two").digest, first.digest);
  EXPECT_EQ(first.passwords.find("one"), std::string::npos);
}

TEST_F(InputsTest, TheSigningKeyIsTheSecretOrIsMadeOfItAlwaysTheSame) {
  const Secret key = model::new_signing_key();
  EXPECT_EQ(key_of(to_hex(key.reveal()) + "\n")->reveal(), key.reveal());
  const std::string text = "a generated text of more than 32 characters";
  const Result<Secret> made = key_of(text);
  ASSERT_TRUE(made.ok()) << to_string(made.error());
  EXPECT_EQ(made->reveal(), key_of(text)->reveal());
  EXPECT_NE(made->reveal(), key_of(text + "!")->reveal());
  EXPECT_EQ(model::public_key_of(*made)->size(), 32U);
  model::Proof proof;
  EXPECT_TRUE(model::seal(proof, *made).ok());
  const Result<Secret> shortly = key_of("too short to be secret");
  ASSERT_FALSE(shortly.ok());
  EXPECT_THAT(shortly.error().message, HasSubstr("has 22 characters; at least 32"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "state/signing.key")) << "no second key that nobody uses";
}

TEST_F(InputsTest, WithoutAReferenceTheStateDirectoryHasTheKey) {
  const StateDirectory state = *StateDirectory::open(folder_ / "state");
  const Result<Secret> key = signing_key({}, state, vault_);
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->reveal(), state.signing_key()->reveal());
}

TEST_F(InputsTest, ASigningKeyThatIsGoneOrAnotherOneIsNotReplacedSilently) {
  const StateDirectory state = *StateDirectory::open(folder_ / "state");
  const std::string file = folder_ / "state/signing.key";
  ASSERT_TRUE(state.signing_key().ok());
  const std::string was = tests::get(file);
  std::filesystem::remove(file);
  const Result<Secret> gone = state.signing_key();
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().code, Code::kConfig);
  EXPECT_THAT(gone.error().message, HasSubstr("signing.key is gone"));
  EXPECT_THAT(gone.error().hint, HasSubstr("refresh --force"));
  EXPECT_FALSE(std::filesystem::exists(file));

  ASSERT_TRUE(os::write_file(file, to_hex(model::new_signing_key().reveal()), {.mode = 0600}).ok());
  const Result<Secret> another = state.signing_key();
  ASSERT_FALSE(another.ok());
  EXPECT_THAT(another.error().message, HasSubstr("is another one than"));

  ASSERT_TRUE(os::write_file(file, was, {.mode = 0600}).ok());
  EXPECT_TRUE(state.signing_key().ok());
  std::filesystem::remove(file);
  std::filesystem::remove(folder_ / "state/signing.pub");
  EXPECT_TRUE(state.signing_key().ok()) << "as at the first time";
}

TEST_F(InputsTest, DerivedSecretsTellNothingOfTheKeyNorOfEachOther) {
  const Secret key = model::new_signing_key();
  const Result<Secret> one = derive_secret(key, "rds-copy");
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(one->reveal().size(), 32U);
  EXPECT_EQ(one->reveal(), derive_secret(key, "rds-copy")->reveal());
  EXPECT_NE(one->reveal(), derive_secret(key, "whatever")->reveal());
  EXPECT_NE(one->reveal(), derive_secret(model::new_signing_key(), "rds-copy")->reveal());
  EXPECT_EQ(key.reveal().find(one->reveal()), std::string_view::npos);
  EXPECT_EQ(derive_secret(Secret("short"), "rds-copy").error().code, Code::kInternal);
  EXPECT_EQ(derive_secret(key, "other").error().code, Code::kInternal);
}

TEST_F(InputsTest, ThePolicyComesFromWhereverItLies) {
  config::MaskingConfig masking;
  masking.policy_file = "s3://conf/policy.yaml";
  masking.lock_file = "s3://conf/policy.lock";
  Result<PolicyFiles> none = load_policy(masking, vault_);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, Code::kConfig);
  EXPECT_THAT(none.error().message, HasSubstr("there is no s3://conf/policy.yaml"));
  vault_.texts["s3://conf/policy.yaml"] = "version: 1\ntables:\n  public.users: keep\n";
  Result<PolicyFiles> found = load_policy(masking, vault_);
  ASSERT_TRUE(found.ok()) << to_string(found.error());
  EXPECT_EQ(found->policy.file, "s3://conf/policy.yaml");
  EXPECT_EQ(found->lock.file, "s3://conf/policy.lock");
  EXPECT_TRUE(found->lock.entries.empty()) << "none was accepted yet";
  vault_.texts["s3://conf/policy.lock"] = "nonsense";
  EXPECT_FALSE(load_policy(masking, vault_).ok());
  vault_.unreachable = true;
  EXPECT_EQ(load_policy(masking, vault_).error().retry, Retry::kLater)
      << "a place that hangs is no lack of a policy";
}

TEST_F(InputsTest, ThisMachineSaysWhatItDoesNotReach) {
  LocalVault here;
  EXPECT_EQ(here.text("s3://conf/policy.yaml", 100).error().code, Code::kUnsupported);
  EXPECT_EQ(here.secret({.kind = Kind::kParameterStore, .locator = "/x"}).error().code, Code::kUnsupported);
  EXPECT_FALSE(here.text(folder_ / "none", 100)->has_value());
  tests::put(folder_ / "some", "text");
  EXPECT_EQ(here.text(folder_ / "some", 100)->value(), "text");
}

TEST_F(InputsTest, SourcesWithAwsAreProtectedByEveryNameTheyHave) {
  config::Config config;
  config.productions.resize(3);
  config.productions[0].source.rds.id = "shop";
  config.productions[1].source.rds.resource_id = "db-ABC";
  config.productions[2].source.directories = {"/backups/crm"};
  EXPECT_THAT(protected_names(config).names, UnorderedElementsAre("shop", "db-ABC", "/backups/crm", "crm"));
}

}  // namespace
}  // namespace ytb::refresh
