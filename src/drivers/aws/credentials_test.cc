#include "drivers/aws/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "drivers/aws/aws_testing.h"
#include "drivers/aws/credentials_json.h"
#include "drivers/aws/profile_file.h"
#include "support/temporary.h"

namespace ytb::aws {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing_support::ScriptedTransport;
using testing_support::SleepyClock;
using Variables = std::map<std::string, std::string>;

std::string json(const std::string& id, const std::string& token_name, const std::string& expiration) {
  return R"({"Code":"Success","Version":1,"AccessKeyId":")" + id + R"(","SecretAccessKey":"s3cret-key",")" +
         token_name + R"(":"s3cret-token","Expiration":")" + expiration + "\"}";
}

std::string role_answer(const std::string& action, const std::string& id) {
  return "<" + action + "Response><" + action + "Result><Credentials><AccessKeyId>" + id +
         "</AccessKeyId><SecretAccessKey>s3cret-key</SecretAccessKey><SessionToken>s3cret-token</"
         "SessionToken>"
         "<Expiration>2026-11-22T07:00:00Z</Expiration></Credentials></" +
         action + "Result></" + action + "Response>";
}

class CredentialsTest : public testing::Test {
 protected:
  ProviderContext context(Variables variables, std::string profile = "") {
    variables.emplace("HOME", folder_.path());
    return {.transport = transport_,
            .clock = clock_,
            .environment = fixed_environment(std::move(variables)),
            .endpoints = {.region = "eu-west-1"},
            .profile = std::move(profile)};
  }
  std::string write(const std::string& name, const std::string& text) {
    const std::string path = folder_.path() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  // The key's id, or the error's text, which must hold no secret.
  static std::string id_of(Result<std::optional<Credentials>> loaded) {
    if (!loaded.ok()) {
      EXPECT_THAT(to_string(loaded.error()), Not(HasSubstr("s3cret")));
      return "error: " + loaded.error().message;
    }
    return loaded->has_value() ? (*loaded)->access_key_id : "none";
  }
  tests::TemporaryFolder folder_;
  ScriptedTransport transport_;
  SleepyClock clock_;
};

TEST_F(CredentialsTest, Environment) {
  EXPECT_EQ(id_of(environment_provider(context({}))->load()), "none");
  const auto both = environment_provider(context({{"AWS_ACCESS_KEY_ID", "AKIA"},
                                                  {"AWS_SECRET_ACCESS_KEY", "s3cret"},
                                                  {"AWS_SESSION_TOKEN", "token"},
                                                  {"AWS_CREDENTIAL_EXPIRATION", "2026-11-22T07:00:00Z"}}))
                        ->load();
  ASSERT_TRUE(both.ok() && both->has_value());
  EXPECT_EQ((*both)->secret_access_key.reveal(), "s3cret");
  EXPECT_EQ((*both)->session_token.reveal(), "token");
  EXPECT_EQ((*both)->expires_at, from_iso("2026-11-22T07:00:00Z"));
  EXPECT_EQ(id_of(environment_provider(context({{"AWS_SECRET_ACCESS_KEY", "s3cret"}}))->load()),
            "error: AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not");
}

TEST_F(CredentialsTest, ProfilesOfBothFiles) {
  const Variables files = {
      {"AWS_CONFIG_FILE",
       write("config",
             "# c\n[default]\nregion = eu-west-3\ns3 =\n  addressing_style = path\n"
             "[profile  shop]\nregion=eu-west-2\naws_access_key_id = FROMCONFIG\n"
             "aws_secret_access_key = s3cret\nendpoint_url = http://h\n[sso-session x]\na=b\n")},
      {"AWS_SHARED_CREDENTIALS_FILE", write("credentials",
                                            "[default]\naws_access_key_id=DEFAULT\n"
                                            "aws_secret_access_key=s3cret/=+\n[shop]\n"
                                            "aws_access_key_id=SHOP\n[half]\naws_access_key_id=H\n")}};
  EXPECT_EQ(id_of(profile_provider(context(files))->load()), "DEFAULT");
  EXPECT_EQ(id_of(profile_provider(context(files, "shop"))->load()), "SHOP");
  Variables named = files;
  named["AWS_PROFILE"] = "shop";
  const auto shop = profile_provider(context(named))->load();
  ASSERT_TRUE(shop.ok() && shop->has_value());
  EXPECT_EQ((*shop)->secret_access_key.reveal(), "s3cret");
  EXPECT_EQ(id_of(profile_provider(context(files, "nobody"))->load()),
            "error: there is no AWS profile 'nobody'");
  EXPECT_THAT(id_of(profile_provider(context(files, "half"))->load()), HasSubstr("has only one of"));
  EXPECT_EQ(id_of(profile_provider(context({}))->load()), "none");
  EXPECT_EQ(profile_settings("shop", fixed_environment(files))->region, "eu-west-2");
  EXPECT_EQ(profile_settings("shop", fixed_environment(files))->endpoint_url, "http://h");
  EXPECT_EQ(profile_settings("", fixed_environment(files))->region, "eu-west-3");
  const auto garbled = parse_profiles("[a]\nx=1\ns3cret\n", "f");
  ASSERT_FALSE(garbled.ok());
  EXPECT_EQ(garbled.error().message, "f:3: neither a [section] nor a key = value");
}

TEST_F(CredentialsTest, CredentialProcess) {
  const auto provider = [&](const std::string& command) {
    return profile_provider(
        context({{"AWS_CONFIG_FILE", write("config", "[default]\ncredential_process = " + command + "\n")},
                 {"AWS_CA_BUNDLE", "PASSED"}}));
  };
  const std::string output =
      write("output", json("AKIAPROCESS", "SessionToken", "2026-11-22T08:00:00+01:00"));
  const auto loaded = provider("/bin/cat \"" + output + "\"")->load();
  ASSERT_TRUE(loaded.ok() && loaded->has_value()) << id_of(provider("/bin/cat " + output)->load());
  EXPECT_EQ((*loaded)->access_key_id, "AKIAPROCESS");
  EXPECT_EQ((*loaded)->session_token.reveal(), "s3cret-token");
  EXPECT_EQ((*loaded)->expires_at, from_iso("2026-11-22T07:00:00Z"));
  EXPECT_EQ(id_of(provider("/bin/sh -c 'echo s3cret; echo s3cret >&2; exit 3'")->load()),
            "error: credential_process of the AWS profile 'default' ended with status 3");
  EXPECT_THAT(id_of(provider("/bin/echo s3cret")->load()), HasSubstr("they are no JSON object"));
  EXPECT_THAT(id_of(provider(R"(/bin/echo '{"AccessKeyId":"s3cret"}')")->load()),
              HasSubstr("SecretAccessKey is missing"));
  EXPECT_EQ(
      id_of(provider(R"(/bin/sh -c 'echo "{\"AccessKeyId\":\"$AWS_CA_BUNDLE\",\"SecretAccessKey\":\"x\"}"')")
                ->load()),
      "PASSED");
  EXPECT_THAT(id_of(provider("/bin/echo 'open")->load()), HasSubstr("open quote"));
}

TEST_F(CredentialsTest, RolesFromOtherProfiles) {
  const Variables files = {
      {"AWS_CONFIG_FILE",
       write("config",
             "[profile base]\naws_access_key_id=BASE\naws_secret_access_key=s3cret\n"
             "[profile middle]\nrole_arn=arn:middle\nsource_profile=base\n"
             "[profile top]\nrole_arn=arn:top\nsource_profile=middle\nexternal_id=x\n"
             "duration_seconds=900\nrole_session_name=me\n"
             "[profile self]\nrole_arn=arn:self\nsource_profile=self\naws_access_key_id=SELF\n"
             "aws_secret_access_key=s3cret\n"
             "[profile a]\nrole_arn=arn:a\nsource_profile=b\n[profile b]\nrole_arn=arn:b\n"
             "source_profile=a\n"
             "[profile env]\nrole_arn=arn:e\ncredential_source=Environment\n"
             "[profile lost]\nrole_arn=arn:l\nsource_profile=gone\n"
             "[profile mfa]\nrole_arn=arn:m\nsource_profile=base\nmfa_serial=arn:mfa\n"
             "[profile sso]\nsso_session=x\n")},
      {"AWS_ACCESS_KEY_ID", "ENV"},
      {"AWS_SECRET_ACCESS_KEY", "s3cret"}};
  const auto load = [&](const std::string& profile) {
    return id_of(profile_provider(context(files, profile))->load());
  };
  const auto signer = [&](size_t at) {
    return std::string(*http::find_header(transport_.requests.at(at).headers, "Authorization"));
  };

  transport_.answer(200, role_answer("AssumeRole", "MIDDLE")).answer(200, role_answer("AssumeRole", "TOP"));
  EXPECT_EQ(load("top"), "TOP");
  EXPECT_EQ(transport_.requests.at(0).url, "https://sts.eu-west-1.amazonaws.com/");
  EXPECT_THAT(signer(0), HasSubstr("Credential=BASE/"));
  EXPECT_THAT(signer(1), HasSubstr("Credential=MIDDLE/"));
  EXPECT_THAT(transport_.requests.at(1).body,
              HasSubstr("RoleArn=arn%3Atop&RoleSessionName=me&ExternalId=x&DurationSeconds=900"));
  transport_.answer(200, role_answer("AssumeRole", "ROLE"));
  EXPECT_EQ(load("self"), "ROLE");
  EXPECT_THAT(signer(2), HasSubstr("Credential=SELF/"));
  transport_.answer(200, role_answer("AssumeRole", "ROLE"));
  EXPECT_EQ(load("env"), "ROLE");
  EXPECT_THAT(signer(3), HasSubstr("Credential=ENV/"));
  EXPECT_THAT(load("a"), HasSubstr("name each other"));
  EXPECT_THAT(load("lost"), HasSubstr("names 'gone' as source_profile"));
  EXPECT_THAT(load("mfa"), HasSubstr("second factor"));
  EXPECT_THAT(profile_provider(context(files, "sso"))->load().error().hint,
              HasSubstr("export-credentials --profile sso"));
  transport_.answer(403,
                    "<ErrorResponse><Error><Code>AccessDenied</Code><Message>s3cret is no "
                    "key</Message></Error></ErrorResponse>");
  EXPECT_THAT(load("middle"), HasSubstr("STS AssumeRole: AccessDenied"));
  EXPECT_TRUE(transport_.is_done());
}

TEST_F(CredentialsTest, WebIdentity) {
  const std::string token = write("token", "s3cret.web.token\n");
  EXPECT_EQ(id_of(web_identity_provider(context({}))->load()), "none");
  EXPECT_THAT(id_of(web_identity_provider(context({{"AWS_WEB_IDENTITY_TOKEN_FILE", token}}))->load()),
              HasSubstr("AWS_ROLE_ARN is not"));
  const Variables both = {{"AWS_WEB_IDENTITY_TOKEN_FILE", token}, {"AWS_ROLE_ARN", "arn:r"}};
  transport_.answer(200, role_answer("AssumeRoleWithWebIdentity", "WEB"));
  EXPECT_EQ(id_of(web_identity_provider(context(both))->load()), "WEB");
  const http::Request& request = transport_.requests.at(0);
  EXPECT_THAT(request.body, HasSubstr("RoleSessionName=yesterdaytabase&WebIdentityToken=s3cret.web.token"));
  EXPECT_EQ(http::find_header(request.headers, "Authorization"), std::nullopt);
  transport_.answer(400,
                    "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>s3cret.web.token is old"
                    "</Message></Error></ErrorResponse>");
  EXPECT_THAT(id_of(web_identity_provider(context(both))->load()), HasSubstr("InvalidIdentityToken"));
  EXPECT_THAT(id_of(web_identity_provider(context({{"AWS_WEB_IDENTITY_TOKEN_FILE", write("none", " \n")},
                                                   {"AWS_ROLE_ARN", "arn:r"}}))
                        ->load()),
              HasSubstr("is empty"));
}

TEST_F(CredentialsTest, ContainerEndpoint) {
  const std::string good = json("CONTAINER", "Token", "2026-11-22T07:00:00Z");
  EXPECT_EQ(id_of(container_provider(context({}))->load()), "none");
  transport_.answer(200, good);
  EXPECT_EQ(
      id_of(container_provider(context({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/x"}}))
                ->load()),
      "CONTAINER");
  EXPECT_EQ(transport_.requests.at(0).url, "http://169.254.170.2/v2/credentials/x");
  EXPECT_TRUE(transport_.requests.at(0).direct);

  const std::string file = write("authorization", "from-file\n");
  transport_.answer(200, good);
  EXPECT_EQ(id_of(container_provider(
                      context({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"},
                               {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "variable"},
                               {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file}}))
                      ->load()),
            "CONTAINER");
  EXPECT_EQ(http::find_header(transport_.requests.at(1).headers, "Authorization"), "from-file");

  // It is asked again where it breaks, within bounds, and its address stays unsaid.
  transport_.answer(500, "").fail(Retry::kLater).answer(200, good);
  EXPECT_EQ(
      id_of(container_provider(context({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/s3cret"}}))->load()),
      "CONTAINER");
  transport_.fail(Retry::kLater).fail(Retry::kLater).fail(Retry::kLater);
  EXPECT_EQ(
      id_of(container_provider(context({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/s3cret"}}))->load()),
      "error: no AWS credentials from the container endpoint: it does not answer");
  transport_.answer(403, "s3cret");
  EXPECT_THAT(
      id_of(container_provider(context({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/s3cret"}}))->load()),
      HasSubstr("it answers HTTP 403"));
  EXPECT_THAT(id_of(container_provider(context({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost/"},
                                                {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "s3cret\r\nX: y"}}))
                        ->load()),
              HasSubstr("line break"));
  EXPECT_TRUE(transport_.is_done());
}

TEST_F(CredentialsTest, ContainerEndpointIsNearOrEncrypted) {
  for (const std::string good :
       {"http://127.0.0.1:80/x", "http://127.1.2.3", "http://localhost:9/x", "http://[::1]:9/x",
        "http://169.254.170.2/x", "http://[fd00:ec2::23]/x", "https://anywhere.com/x"}) {
    transport_.answer(200, json("OK", "Token", "2026-11-22T07:00:00Z"));
    EXPECT_EQ(id_of(container_provider(context({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", good}}))->load()),
              "OK")
        << good;
    EXPECT_EQ(transport_.requests.back().direct, !good.starts_with("https"));
  }
  for (const std::string bad :
       {"http://evil.com/", "http://127.0.0.1.evil.com/", "http://127.evil.0.1/",
        "http://localhost@evil.com/", "http://localhost.evil.com/", "http://169.254.170.2.evil.com",
        "http://[::2]/", "http://[::1/", "http://169.254.169.254/", "ftp://localhost/", "localhost",
        "http://evil.com\\@localhost/"}) {
    EXPECT_THAT(id_of(container_provider(context({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", bad}}))->load()),
                HasSubstr("neither https nor"))
        << bad;
  }
}

TEST_F(CredentialsTest, InstanceMetadata) {
  EXPECT_EQ(id_of(instance_provider(context({{"AWS_EC2_METADATA_DISABLED", "TRUE"}}))->load()), "none");
  transport_.fail(Retry::kLater);
  EXPECT_EQ(id_of(instance_provider(context({}))->load()), "none");
  EXPECT_EQ(transport_.requests.at(0).method, "PUT");
  EXPECT_EQ(transport_.requests.at(0).url, "http://169.254.169.254/latest/api/token");
  EXPECT_EQ(clock_.slept, Duration(0));
  transport_.requests.clear();

  // A hiccup on the first try is no sign that this is another kind of host.
  transport_.answer(503, "")
      .answer(200, "imds-token")
      .answer(200, "role name\n")
      .answer(200, json("EC2", "Token", "2026-11-22T12:00:00Z"));
  const auto provider =
      instance_provider(context({{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1338/"}}));
  EXPECT_EQ(id_of(provider->load()), "EC2");
  EXPECT_EQ(http::find_header(transport_.requests.at(0).headers, "X-aws-ec2-metadata-token-ttl-seconds"),
            "21600");
  EXPECT_EQ(transport_.requests.at(3).url,
            "http://127.0.0.1:1338/latest/meta-data/iam/security-credentials/role%20name");
  EXPECT_EQ(http::find_header(transport_.requests.at(3).headers, "X-aws-ec2-metadata-token"), "imds-token");
  // Once it was there, its silence is an error and not "not configured".
  transport_.fail(Retry::kLater).fail(Retry::kLater).fail(Retry::kLater);
  EXPECT_THAT(id_of(provider->load()), HasSubstr("EC2's metadata service: it does not answer"));

  transport_.answer(200, "t").answer(404, "");
  EXPECT_EQ(id_of(instance_provider(context({}))->load()), "none");
  transport_.answer(404, "");
  EXPECT_THAT(instance_provider(context({}))->load().error().hint, HasSubstr("version 2"));
  EXPECT_TRUE(transport_.is_done());
}

TEST_F(CredentialsTest, TheChainTakesTheFirstThatIsConfigured) {
  const Variables everything = {
      {"AWS_ACCESS_KEY_ID", "ENV"},
      {"AWS_SECRET_ACCESS_KEY", "s3cret"},
      {"AWS_SHARED_CREDENTIALS_FILE",
       write("credentials", "[default]\naws_access_key_id=FILE\naws_secret_access_key=s3cret\n")},
      {"AWS_WEB_IDENTITY_TOKEN_FILE", write("token", "t")},
      {"AWS_ROLE_ARN", "arn:r"},
      {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/c"}};
  Variables left = everything;
  const auto first = [&] {
    const auto chain = default_chain(context(left));
    const auto found = chain->get();
    return found.ok() ? (*found)->access_key_id : found.error().message;
  };
  EXPECT_EQ(first(), "ENV");
  left.erase("AWS_ACCESS_KEY_ID");
  left.erase("AWS_SECRET_ACCESS_KEY");
  EXPECT_EQ(first(), "FILE");
  left.erase("AWS_SHARED_CREDENTIALS_FILE");
  transport_.answer(200, role_answer("AssumeRoleWithWebIdentity", "WEB"));
  EXPECT_EQ(first(), "WEB");
  // What is configured and fails is not skipped.
  transport_.answer(400, "<ErrorResponse><Error><Code>InvalidIdentityToken</Code></Error></ErrorResponse>");
  EXPECT_THAT(first(), HasSubstr("InvalidIdentityToken"));
  left.erase("AWS_WEB_IDENTITY_TOKEN_FILE");
  transport_.answer(200, json("CONTAINER", "Token", "2026-11-22T07:00:00Z"));
  EXPECT_EQ(first(), "CONTAINER");
  left.erase("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  transport_.answer(200, "t").answer(200, "r").answer(200, json("EC2", "Token", "2026-11-22T07:00:00Z"));
  EXPECT_EQ(first(), "EC2");
  transport_.fail(Retry::kLater);
  EXPECT_EQ(first(), "no AWS credentials were found");
  EXPECT_EQ((*default_chain(context(everything, "default"))->get())->access_key_id, "FILE");
}

// Gives credentials numbered from 1 that live for `life`.
class Counting final : public CredentialProvider {
 public:
  Counting(Clock& clock, Duration life) : clock_(clock), life_(life) {}
  Result<std::optional<Credentials>> load() override {
    ++loads;
    if (fails) return Error{.code = Code::kConnection, .message = "down", .hint = "", .retry = Retry::kLater};
    Credentials credentials = testing_support::example_credentials();
    credentials.access_key_id = "K" + std::to_string(loads);
    credentials.expires_at = clock_.now() + life_;
    return std::optional<Credentials>(std::move(credentials));
  }
  int loads = 0;
  bool fails = false;

 private:
  Clock& clock_;
  Duration life_;
};

struct CountingChain {
  explicit CountingChain(Clock& clock, Duration life = std::chrono::hours(1))
      : chain(make(clock, life), clock) {}
  std::vector<std::unique_ptr<CredentialProvider>> make(Clock& clock, Duration life) {
    std::vector<std::unique_ptr<CredentialProvider>> providers;
    providers.push_back(std::make_unique<Counting>(clock, life));
    provider = static_cast<Counting*>(providers.front().get());
    return providers;
  }
  std::string id() {
    const auto found = chain.get();
    return found.ok() ? (*found)->access_key_id : found.error().message;
  }
  Counting* provider = nullptr;
  CredentialChain chain;
};

TEST_F(CredentialsTest, RenewedFiveMinutesBeforeTheyExpire) {
  CountingChain counting(clock_);
  EXPECT_EQ(counting.id(), "K1");
  clock_.advance(std::chrono::minutes(54));
  EXPECT_EQ(counting.id(), "K1");
  clock_.advance(std::chrono::minutes(2));
  EXPECT_EQ(counting.id(), "K2");
}

TEST_F(CredentialsTest, OldOnesServeWhileRenewalFails) {
  CountingChain counting(clock_);
  EXPECT_EQ(counting.id(), "K1");
  counting.provider->fails = true;
  clock_.advance(std::chrono::minutes(56));
  EXPECT_EQ(counting.id(), "K1");
  EXPECT_EQ(counting.id(), "K1");
  EXPECT_EQ(counting.provider->loads, 2);  // not at every call
  clock_.advance(std::chrono::minutes(5));
  EXPECT_EQ(counting.id(), "down");
  counting.provider->fails = false;
  EXPECT_EQ(counting.id(), "K4");
}

TEST_F(CredentialsTest, ThoseThatExpireSoonAreNotAskedForAtEveryCall) {
  CountingChain counting(clock_, std::chrono::minutes(3));
  EXPECT_EQ(counting.id(), "K1");
  EXPECT_EQ(counting.id(), "K1");
  clock_.advance(std::chrono::seconds(11));
  EXPECT_EQ(counting.id(), "K2");
  CountingChain expired(clock_, std::chrono::minutes(-1));
  EXPECT_THAT(expired.id(), HasSubstr("expired at 2026-11-22T05:59:11Z"));
}

TEST_F(CredentialsTest, RefusedOnesAreRenewedOnce) {
  CountingChain counting(clock_);
  const auto first = counting.chain.get().value();
  counting.chain.renew(*first);
  EXPECT_EQ(counting.id(), "K2");
  // Another thread reports the same old ones: the new ones stay.
  counting.chain.renew(*first);
  EXPECT_EQ(counting.id(), "K2");
}

// What a function does for each production: become its role, and do so anew before the hour is over.
TEST_F(CredentialsTest, ARoleIsBecomeAndRenewedByWhatWeHave) {
  constexpr const char* kRole = "arn:aws:iam::123456789012:role/yesterdaytabase/shop";
  CountingChain own(clock_);
  std::vector<std::unique_ptr<CredentialProvider>> providers;
  providers.push_back(role_provider(context({}), own.chain, kRole));
  CredentialChain chain(std::move(providers), clock_);
  const auto id = [&] {
    const auto credentials = chain.get();
    return credentials.ok() ? (*credentials)->access_key_id : to_string(credentials.error());
  };
  const auto answer = [&](const std::string& key, const std::string& until) {
    std::string text = role_answer("AssumeRole", key);
    transport_.answer(200, text.replace(text.find("2026-11-22T07:00:00Z"), 20, until));
  };
  answer("R1", "2026-11-22T07:00:00Z");
  EXPECT_EQ(id(), "R1");
  EXPECT_THAT(transport_.requests.at(0).body,
              HasSubstr("RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fyesterdaytabase%2Fshop&"
                        "RoleSessionName=yesterdaytabase"));
  EXPECT_THAT(transport_.requests.at(0).body, Not(HasSubstr("DurationSeconds")))
      << "a role that becomes another has an hour at most";
  EXPECT_THAT(*http::find_header(transport_.requests.at(0).headers, "Authorization"),
              HasSubstr("Credential=K1/"));
  clock_.advance(std::chrono::minutes(54));
  EXPECT_EQ(id(), "R1");
  clock_.advance(std::chrono::minutes(2));
  answer("R2", "2026-11-22T07:56:00Z");
  EXPECT_EQ(id(), "R2") << "before the others expire";
  EXPECT_THAT(*http::find_header(transport_.requests.at(1).headers, "Authorization"),
              HasSubstr("Credential=K2/"))
      << "by what is ours then";
  // AWS calls ours expired, too: they are renewed, and it is asked again.
  clock_.advance(std::chrono::minutes(56));
  transport_.answer(403,
                    "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>expired</Message></Error>"
                    "</ErrorResponse>");
  answer("R3", "2026-11-22T08:52:00Z");
  EXPECT_EQ(id(), "R3");
  EXPECT_TRUE(transport_.is_done());
}

TEST_F(CredentialsTest, ARoleThatMayNotBeBecomeSaysWhatIsMissing) {
  FixedCredentials own(testing_support::example_credentials());
  transport_.answer(403,
                    "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized</Message>"
                    "</Error></ErrorResponse>");
  const auto loaded = role_provider(context({}), own, "arn:aws:iam::123456789012:role/shop")->load();
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.error().message, HasSubstr("STS AssumeRole: AccessDenied"));
  EXPECT_THAT(loaded.error().hint, HasSubstr("role/shop has to trust the function's own"));
}

TEST_F(CredentialsTest, ThreadsShareOneRenewal) {
  CountingChain counting(clock_);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(counting.id(), "K1"); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counting.provider->loads, 1);
}

TEST(Credentials, Expirations) {
  const auto utc = from_iso("2026-11-22T07:00:00Z");
  EXPECT_EQ(parse_expiration("2026-11-22T07:00:00Z"), utc);
  EXPECT_EQ(parse_expiration("2026-11-22T07:00:00+00:00"), utc);
  EXPECT_EQ(parse_expiration("2026-11-22T09:30:00+02:30"), utc);
  EXPECT_EQ(parse_expiration("2026-11-22T02:00:00-05:00"), utc);
  for (const std::string bad :
       {"", "soon", "2026-11-22T07:00:00", "2026-11-22T07:00:00+", "2026-11-22T07:00:00+99:00"}) {
    EXPECT_EQ(parse_expiration(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace ytb::aws
