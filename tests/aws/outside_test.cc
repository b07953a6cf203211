// Judges from outside, where they are installed: moto_server, an AWS that others wrote, for what it does well
// (RDS, Route 53 and STS called directly), and cfn-lint over the templates that we make for copies. Where one
// is not there, its tests are skipped by name.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "drivers/aws/rds.h"
#include "drivers/aws/route53.h"
#include "drivers/aws/sts.h"
#include "drivers/http/curl_client.h"
#include "drivers/rds/stack_template.h"
#include "drivers/rds/stack_template_testing.h"
#include "support/temporary.h"
#include "tests/postgres_cluster.h"

namespace ytb {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kEnv = "/usr/bin/env";
constexpr const char* kKey = "AKIAIOSFODNN7EXAMPLE";
constexpr const char* kSecretKey = "a-secret-key-of-nobody";
constexpr const char* kAccount = "123456789012";  // moto's own

// What somebody else has made there: a production, a snapshot of it, a zone.
constexpr const char* kSeed = R"(
import sys
import boto3
def client(name):
    return boto3.client(name, region_name="eu-west-1", endpoint_url=sys.argv[1], aws_access_key_id=sys.argv[2],
                        aws_secret_access_key=sys.argv[3])
rds = client("rds")
rds.create_db_instance(DBInstanceIdentifier="shop", DBInstanceClass="db.t3.small", Engine="postgres", EngineVersion="15.4",
                       AllocatedStorage=20, MasterUsername="master", MasterUserPassword="a-long-password",
                       BackupRetentionPeriod=7, PubliclyAccessible=False, Tags=[{"Key": "service", "Value": "shop"}])
rds.create_db_snapshot(DBInstanceIdentifier="shop", DBSnapshotIdentifier="shop-1")
client("route53").create_hosted_zone(Name="mysite.com.", CallerReference="1")
)";

testing::RunResult python(std::vector<std::string> words) {
  words.insert(words.begin(), {kEnv, "python3"});
  return testing::run_program(words);
}

// A server of its own, on a port of its own, until the end of the test.
class MotoServer {
 public:
  MotoServer() : port_(testing::free_port()) {
    child_ = ::fork();
    if (child_ == 0) {
      const int nowhere = ::open("/dev/null", O_RDWR);
      for (int fd : {0, 1, 2}) ::dup2(nowhere, fd);
      const std::string port = std::to_string(port_);
      ::execl(kEnv, kEnv, "python3", "-m", "moto.server", "-H", "127.0.0.1", "-p", port.c_str(), nullptr);
      ::_exit(127);
    }
  }
  ~MotoServer() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  MotoServer(const MotoServer&) = delete;
  MotoServer& operator=(const MotoServer&) = delete;
  [[nodiscard]] std::string endpoint() const { return fmt::format("http://127.0.0.1:{}", port_); }
  // Whether it takes connections, within half a minute.
  [[nodiscard]] bool is_up() const {
    constexpr int kTries = 300;
    for (int i = 0; i < kTries; ++i) {
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(port_);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      const bool up = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
      ::close(fd);
      if (up) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return false;
  }

 private:
  uint16_t port_;
  pid_t child_ = 0;
};

class Moto : public ::testing::Test {
 protected:
  void SetUp() override {
    if (python({"-c", "import boto3, moto.server"}).status != 0)
      GTEST_SKIP() << "moto is not installed (pip install 'moto[server]')";
    moto_ = std::make_unique<MotoServer>();
    ASSERT_TRUE(moto_->is_up());
    const testing::RunResult seeded = python({"-c", kSeed, moto_->endpoint(), kKey, kSecretKey});
    ASSERT_EQ(seeded.status, 0) << seeded.err;
    caller_ =
        std::make_unique<aws::Caller>(transport_, credentials_, clock_,
                                      aws::EndpointOptions{.region = "eu-west-1", .url = moto_->endpoint()});
  }
  static aws::Credentials credentials() {
    return {.access_key_id = kKey,
            .secret_access_key = Secret(kSecretKey),
            .session_token = {},
            .expires_at = {},
            .source = "test"};
  }
  std::vector<std::string> snapshots(const aws::SnapshotQuery& query) {
    std::vector<std::string> ids;
    Status walked =
        aws::Rds(*caller_).describe_db_snapshots(query, [&](const aws::DbSnapshot& one) -> Status {
          ids.push_back(fmt::format("{} of {}, {} {}, {}", one.id, one.source_id, one.engine,
                                    one.engine_version, one.status));
          return {};
        });
    EXPECT_TRUE(walked.ok()) << (walked.ok() ? "" : to_string(walked.error()));
    return ids;
  }

  SystemClock clock_;
  http::CurlClient transport_;
  aws::FixedCredentials credentials_{credentials()};
  std::unique_ptr<MotoServer> moto_;
  std::unique_ptr<aws::Caller> caller_;
};

TEST_F(Moto, SnapshotsAndInstancesOfRds) {
  aws::Rds rds(*caller_);
  EXPECT_THAT(snapshots({.source_id = "shop", .type = "manual"}),
              ElementsAre("shop-1 of shop, postgres 15.4, available"));
  EXPECT_THAT(snapshots({.snapshot_id = "none"}), IsEmpty()) << "its fault is understood";
  auto copied = rds.copy_db_snapshot(
      {.source = "shop-1", .target_id = "shop-2", .tags = {{"yesterdaytabase:production", "shop"}}});
  ASSERT_TRUE(copied.ok()) << to_string(copied.error());
  ASSERT_TRUE(copied->has_value());
  EXPECT_EQ((*copied)->id, "shop-2");
  auto twice = rds.copy_db_snapshot({.source = "shop-1", .target_id = "shop-2"});
  ASSERT_TRUE(twice.ok()) << to_string(twice.error());
  EXPECT_FALSE(twice->has_value()) << "it is there already";
  EXPECT_EQ(rds.list_tags_for_resource((*copied)->arn).value().at("yesterdaytabase:production"), "shop");
  EXPECT_EQ(rds.delete_db_snapshot("shop-2").value(), aws::Deletion::kBegun);
  EXPECT_EQ(rds.delete_db_snapshot("shop-2").value(), aws::Deletion::kNotThere);

  auto instance = rds.describe_db_instance("shop");
  ASSERT_TRUE(instance.ok() && *instance) << (instance.ok() ? "" : to_string(instance.error()));
  EXPECT_EQ((*instance)->engine, "postgres");
  EXPECT_EQ((*instance)->backup_retention_days, 7);
  ASSERT_TRUE((*instance)->endpoint.has_value());
  EXPECT_FALSE(rds.describe_db_instance("none").value().has_value());
  const std::string arn = (*instance)->arn;
  ASSERT_TRUE(rds.add_tags_to_resource(arn, {{"a", "1"}, {"b", "2"}}).ok());
  ASSERT_TRUE(rds.remove_tags_from_resource(arn, {"a"}).ok());
  const aws::Tags tags = rds.list_tags_for_resource(arn).value();
  EXPECT_EQ(tags.count("a"), 0U);
  EXPECT_EQ(tags.at("b"), "2");
  const Secret password("another-long-password");
  auto changed =
      rds.modify_db_instance({.id = "shop", .master_password = &password, .backup_retention_days = 0});
  ASSERT_TRUE(changed.ok()) << to_string(changed.error());
  EXPECT_EQ(rds.describe_db_instance("shop").value()->backup_retention_days, 0);
}

TEST_F(Moto, NamesOfRoute53) {
  aws::Route53 route53(*caller_);
  auto zones = route53.list_hosted_zones_by_name("mysite.com");
  ASSERT_TRUE(zones.ok()) << to_string(zones.error());
  ASSERT_EQ(zones->size(), 1U);
  EXPECT_EQ(zones->front().name, "mysite.com");
  EXPECT_FALSE(zones->front().is_private);
  const std::string id = zones->front().id;
  EXPECT_THAT(route53.list_hosted_zones_by_name("other.com").value(), IsEmpty());
  EXPECT_EQ(route53.get_hosted_zone(id).value()->name, "mysite.com");
  EXPECT_FALSE(route53.get_hosted_zone("ZNONE").value().has_value());
  const std::string name = "shop-yesterday.mysite.com";
  for (const char* target : {"first.example.com", "second.example.com"}) {
    const aws::RecordSet record{.name = name, .type = "CNAME", .ttl_s = 60, .values = {target}};
    auto change = route53.change_resource_record_set(id, aws::RecordAction::kUpsert, record, "moved");
    ASSERT_TRUE(change.ok()) << to_string(change.error());
    auto state = route53.get_change(change->id);
    ASSERT_TRUE(state.ok() && *state) << change->id;
    EXPECT_TRUE((*state)->in_sync);
    auto records = route53.list_resource_record_sets(id, name, "CNAME");
    ASSERT_TRUE(records.ok()) << to_string(records.error());
    ASSERT_EQ(records->size(), 1U);
    EXPECT_THAT(records->front().values, ElementsAre(target));
    EXPECT_EQ(records->front().ttl_s, 60);
  }
  const aws::RecordSet last{.name = name, .type = "CNAME", .ttl_s = 60, .values = {"second.example.com"}};
  ASSERT_TRUE(route53.change_resource_record_set(id, aws::RecordAction::kDelete, last).ok());
  EXPECT_THAT(route53.list_resource_record_sets(id, name, "CNAME").value(), IsEmpty());
}

TEST_F(Moto, WhoWeAreBySts) {
  aws::Sts sts(*caller_);
  auto who = sts.get_caller_identity();
  ASSERT_TRUE(who.ok()) << to_string(who.error());
  EXPECT_EQ(who->account, kAccount);
  auto role = sts.assume_role({.role_arn = fmt::format("arn:aws:iam::{}:role/keeper", kAccount),
                               .session_name = "s1",
                               .duration_s = 900});
  ASSERT_TRUE(role.ok()) << to_string(role.error());
  EXPECT_TRUE(role->expires_at && *role->expires_at > clock_.now());
  aws::FixedCredentials as_role(role->clone());
  aws::Caller by_role(transport_, as_role, clock_, caller_->endpoints());
  EXPECT_EQ(aws::Sts(by_role).get_caller_identity().value().arn,
            fmt::format("arn:aws:sts::{}:assumed-role/keeper/s1", kAccount));
}

TEST(CfnLint, HasNothingToSayOfTheTemplatesOfCopies) {
  if (testing::run_program({kEnv, "cfn-lint", "--version"}).status != 0)
    GTEST_SKIP() << "cfn-lint is not installed (pip install cfn-lint)";
  tests::TemporaryFolder folder;
  for (const bool aurora : {false, true}) {
    Result<std::string> text = rds::stack_template({.name = "shop-yesterday-20261122-060000-1",
                                                    .aurora = aurora,
                                                    .engine_version = "17.4",
                                                    .copies = rds::every_setting(),
                                                    .volume = rds::every_volume(),
                                                    .tags = {{"yesterdaytabase:production", "shop"}}});
    ASSERT_TRUE(text.ok()) << to_string(text.error());
    const std::string file = folder / (aurora ? "aurora.json" : "rds.json");
    tests::put(file, *text);
    const testing::RunResult judged = testing::run_program({kEnv, "cfn-lint", file});
    EXPECT_EQ(judged.status, 0) << judged.out << judged.err;
  }
}

}  // namespace
}  // namespace ytb
