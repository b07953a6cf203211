// What `check` says of an AWS production: each check passing and failing, against the fake AWS.
#include "drivers/rds/preflight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "drivers/aws/fake_client_testing.h"
#include "fakes/aws/small_services.h"
#include "support/temporary.h"
#include "tests/fakes/aws/ecs.h"

namespace ytb::rds {
namespace {

using fakes::aws::FakeAws;
using fakes::aws::Fault;
using ::testing::HasSubstr;

constexpr const char* kFromWorker =
    R"([{"IpProtocol":"tcp","FromPort":5432,"ToPort":5432,"UserIdGroupPairs":[{"GroupId":"sg-worker"}]}])";
constexpr const char* kNowhere = R"([{"IpProtocol":"-1","IpRanges":[{"CidrIp":"127.0.0.1/32"}]}])";
constexpr const char* kWorld =
    R"([{"IpProtocol":"tcp","FromPort":5432,"ToPort":5432,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]}])";
constexpr const char* kHalfOfIt =
    R"([{"IpProtocol":"tcp","FromPort":5432,"ToPort":5432,"Ipv6Ranges":[{"CidrIpv6":"8000::/1"}]}])";
constexpr const char* kOffice =
    R"([{"IpProtocol":"tcp","FromPort":5432,"ToPort":5432,"IpRanges":[{"CidrIp":"10.1.0.0/16"}]}])";

constexpr const char* kMayCreateStack =
    "✓ may cloudformation:CreateStack: on "
    "arn:aws:cloudformation:eu-west-1:123456789012:stack/shop-yesterday-";
constexpr const char* kMayCreateWriter =
    "✓ may rds:CreateDBInstance: on "
    "arn:aws:rds:eu-west-1:123456789012:db:shop-yesterday-20261122-110000-1-w";

class ImpatientClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return SystemClock().now(); }
  void sleep(Duration) override {}
};

class Preflight : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(FakeAws::available(), "") << "tools/setup installs botocore's models";
    fakes::aws::SnapshotSeed snapshot;
    snapshot.id = "rds:shop-2026-11-22-06-00";
    snapshot.type = "automated";
    snapshot.created = *from_iso("2026-11-22T06:00:00Z");
    snapshot.allocated_gib = 20;
    fake_.seed(snapshot);
    fake_.seed_subnet_group("staging");
    fake_.seed_option_group("ours", "15");
    zone_ = fake_.seed_zone("mysite.com");
    fake_.ec2().seed_group("sg-quarantine", "quarantine", kFromWorker, kNowhere);
    fake_.ec2().seed_group("sg-staging", "staging", kOffice, kNowhere);
    fake_.ec2().seed_group("sg-leaky", "leaky", kFromWorker, kWorld);
    fake_.ec2().seed_group("sg-open", "open", kWorld, kNowhere);
    fake_.ec2().seed_group("sg-half", "half", kHalfOfIt, kNowhere);
    fake_.ec2().seed_group("sg-shut", "shut", "[]", kNowhere);
    fake_.ec2().seed_group("sg-far", "far", kFromWorker, kNowhere, "vpc-00000000000000002");
    fake_.s3().seed_bucket("proofs");
    fake_.iam().seed_role("stacks");
    fake_.ecs().seed_cluster("workers");
    fake_.ecs().seed_definition("masking", "yesterdaytabase");
    tests::put(folder_ / "bundle.pem", "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n");
    tests::put(folder_ / "empty.pem", "nothing\n");

    production_.name = model::ProductionName("shop");
    production_.source.kind = production_.copies.kind = "rds";
    production_.source.rds.id = "shop";
    production_.alias.kind = "route53";
    production_.alias.route53.domain = "mysite.com";
    config::RdsCopiesConfig& copies = production_.copies.rds;
    copies.subnet_group = "staging";
    copies.quarantine_groups = {"sg-quarantine"};
    copies.staging_groups = {"sg-staging"};
    copies.option_group = "ours";
    copies.ca_certificate = "rds-ca-rsa2048-g1";
    copies.ca_bundle = folder_ / "bundle.pem";
    copies.service_role = "arn:aws:iam::123456789012:role/stacks";
    copies.bucket = "proofs";
    options_.region = "eu-west-1";
    options_.now = *from_iso("2026-11-22T11:00:00Z");
  }
  std::vector<PreflightLine> look() { return look(client_.caller()); }
  std::vector<PreflightLine> look(aws::Caller& caller) {
    aws::Rds rds(caller);
    aws::CloudFormation stacks(caller);
    aws::Route53 route53(caller);
    aws::Ec2 ec2(caller);
    aws::Iam iam(caller);
    aws::Sts sts(caller);
    aws::S3 s3(caller);
    aws::Ecs ecs(caller);
    auto lines =
        preflight({rds, stacks, route53, ec2, iam, sts, s3, ecs}, production_, config::AwsConfig{}, options_);
    EXPECT_TRUE(fake_.mutations().empty()) << "a check only looks";
    return lines;
  }
  // "✓ what: detail", "✗ what: message", "! what: message", with how it is known.
  static std::string text(const PreflightLine& line) {
    const std::string mark = !line.failed ? "✓" : (line.warning ? "!" : "✗");
    return mark + " " + line.what + ": " + (line.failed ? line.failed->message : line.detail) + " [" +
           std::string(to_text(line.how)) + "]" + (line.failed ? " hint: " + line.failed->hint : "");
  }
  std::string report() {
    std::string out;
    for (const PreflightLine& line : look()) out += text(line) + "\n";
    return out;
  }
  // Lines that are not fine.
  std::vector<std::string> complaints() {
    std::vector<std::string> out;
    for (const PreflightLine& line : look()) {
      if (line.failed) out.push_back(text(line));
    }
    return out;
  }
  static config::FargateConfig fargate() {
    config::FargateConfig fargate;
    fargate.cluster = "workers";
    fargate.task_definition = "masking";
    return fargate;
  }
  static fakes::aws::Settings settings() {
    fakes::aws::Settings settings;
    settings.instance_quota = 10;
    return settings;
  }

  tests::TemporaryFolder folder_;
  FakeAws fake_{settings()};
  ImpatientClock clock_;
  aws::FakeAwsClient client_{fake_, clock_};
  config::ProductionConfig production_;
  PreflightOptions options_;
  std::string zone_;
};

TEST_F(Preflight, everything_in_order_says_what_it_saw_and_how) {
  options_.function = FunctionLimits{};
  options_.fargate = fargate();
  EXPECT_THAT(complaints(), ::testing::IsEmpty());
  const std::string said = report();
  for (const char* part :
       {"✓ AWS account: 123456789012 in eu-west-1, as arn:aws:iam::123456789012:user/tester [read]",
        "✓ newest snapshot: 1 of 1 usable; rds:shop-2026-11-22-06-00, 5 h",
        "postgres 15.4, 20 GiB",
        "✓ hosted zone: mysite.com (",
        "✓ record: shop-yesterday.mysite.com is free",
        "✓ subnet group: staging in vpc-00000000000000001, 2 subnets in 2 zones",
        "✓ quarantine sg-quarantine: nothing out; in: tcp 5432 sg-worker",
        "✓ staging group sg-staging: nothing out; in: tcp 5432 10.1.0.0/16",
        "✓ option group: ours for postgres 15",
        "✓ engine version: postgres 15.4, parameters of postgres15",
        "✓ instance class: db.t4g.medium with gp2 for postgres 15.4, in eu-west-1a, eu-west-1b",
        "✓ CA certificate: rds-ca-rsa2048-g1",
        "bundle.pem: 1 certificates",
        "✓ bucket: proofs/yesterdaytabase",
        "✓ service role: arn:aws:iam::123456789012:role/stacks",
        "✓ Fargate cluster: workers",
        "✓ quota DBInstances: 0 of 10 used, up to 2 more needed",
        "✓ quota AllocatedStorage: 0 of 100000 used, up to 40",
        "larger ones go to the Fargate task",
        "✓ copies' storage: 20 GiB of gp2, as the snapshot's",
        "answered [read]",
        "✓ may read: cloudformation:DescribeStacks, ec2:",
        kMayCreateStack,
        "[simulated]",
        "✓ may iam:PassRole",
        "✓ may ecs:RunTask",
        "✓ beyond IAM:",
        "[cannot be known]"}) {
    EXPECT_THAT(said, HasSubstr(part));
  }
}

TEST_F(Preflight, each_fault_is_one_failed_line_with_what_to_do) {
  using Change = std::function<void(config::ProductionConfig&)>;
  struct Case {
    Change change;
    const char* said;
  };
  const Case cases[] = {
      {[](auto& p) { p.source.rds.id = "crm"; }, "✗ newest snapshot: crm has no snapshots"},
      {[](auto& p) { p.source.rds.id = "arn:aws:rds:us-east-1:123456789012:db:shop"; },
       "✗ production: arn:aws:rds:us-east-1:123456789012:db:shop is in us-east-1, and we run in eu-west-1"},
      {[](auto& p) { p.source.rds.id = "arn:aws:rds:eu-west-1:210987654321:db:shop"; },
       "is of the account 210987654321, and we are 123456789012 [read] hint: share its snapshots"},
      {[](auto& p) { p.source.rds.id = "arn:aws:rds:eu-west-1:123456789012:db:shop"; },
       "hint: give the identifier alone: id: shop"},
      {[](auto& p) { p.alias.route53.domain = "other.com"; },
       "✗ hosted zone: there is no hosted zone for other.com"},
      {[](auto& p) { p.alias.route53.name = "shop.elsewhere.com"; }, "does not lie in the zone mysite.com"},
      {[](auto& p) { p.copies.rds.subnet_group = "nowhere"; }, "✗ subnet group: there is no nowhere"},
      {[](auto& p) { p.copies.rds.subnet_group = ""; }, "✗ subnet group: none is given"},
      {[](auto& p) { p.copies.rds.quarantine_groups = {}; }, "✗ quarantine: no security group is given"},
      {[](auto& p) { p.copies.rds.quarantine_groups = {"sg-none"}; },
       "✗ quarantine sg-none: there is no such security group"},
      {[](auto& p) { p.copies.rds.quarantine_groups = {"sg-leaky"}; },
       "✗ quarantine sg-leaky: lets traffic out: tcp 5432 0.0.0.0/0"},
      {[](auto& p) { p.copies.rds.quarantine_groups = {"sg-open"}; },
       "✗ quarantine sg-open: lets the world in: tcp 5432 0.0.0.0/0"},
      {[](auto& p) { p.copies.rds.quarantine_groups = {"sg-half"}; },
       "✗ quarantine sg-half: lets the world in: tcp 5432 8000::/1"},
      {[](auto& p) { p.copies.rds.quarantine_groups = {"sg-shut"}; }, "✗ quarantine sg-shut: lets nobody in"},
      {[](auto& p) { p.copies.rds.quarantine_groups = {"sg-staging"}; },
       "! quarantine sg-staging: lets in more than a group: tcp 5432 10.1.0.0/16"},
      {[](auto& p) { p.copies.rds.quarantine_groups = {"sg-far"}; },
       "✗ quarantine sg-far: is of vpc-00000000000000002, and the subnet group of vpc-00000000000000001"},
      {[](auto& p) { p.copies.rds.staging_groups = {"sg-open"}; },
       "! staging group sg-open: lets the world in: tcp 5432 0.0.0.0/0"},
      {[](auto& p) { p.copies.rds.staging_groups = {"sg-leaky"}; },
       "! staging group sg-leaky: gives an open copy a way out: tcp 5432 0.0.0.0/0"},
      {[](auto& p) {
         p.copies.rds.staging_groups = {"sg-leaky"};
         p.copies.rds.refuse_staging_egress = true;
       },
       "✗ staging group sg-leaky: gives an open copy a way out: tcp 5432 0.0.0.0/0"},
      {[](auto& p) { p.copies.rds.option_group = "theirs"; }, "✗ option group: there is no theirs"},
      {[](auto& p) { p.copies.rds.instance_class = "db.x9.huge"; },
       "✗ instance class: db.x9.huge with gp2 for postgres 15.4 cannot be ordered in eu-west-1"},
      {[](auto& p) { p.copies.rds.storage_type = "io2"; }, "hint: with that class there is gp2, gp3"},
      {[](auto& p) { p.copies.rds.storage_type = "io1"; },
       "✗ copies' storage: copies.storage_type is io1, whose IOPS the snapshot, of gp2, does not have"},
      {[](auto& p) { p.copies.rds.ca_certificate = "rds-ca-2015"; },
       "✗ CA certificate: RDS knows no rds-ca-2015"},
      {[](auto& p) { p.copies.rds.ca_certificate = "rds-ca-2019"; },
       "✗ CA certificate: rds-ca-2019 was valid until 2024-08-22"},
      {[](auto& p) { p.copies.rds.ca_bundle = ""; }, "✗ CA bundle: none is given"},
      {[](auto& p) { p.copies.rds.ca_bundle = "/nonexistent/bundle.pem"; }, "✗ CA bundle: "},
      {[](auto& p) { p.copies.rds.ca_bundle.replace(p.copies.rds.ca_bundle.rfind('/'), 99, "/empty.pem"); },
       "empty.pem holds no certificate"},
      {[](auto& p) { p.copies.rds.bucket = "elsewhere"; }, "✗ bucket: there is no bucket elsewhere"},
      {[](auto& p) { p.copies.rds.service_role = "arn:aws:iam::123456789012:role/other"; },
       "✗ service role: there is no role"},
      {[](auto& p) { p.copies.rds.service_role = "arn:aws:iam::210987654321:role/stacks"; },
       "is of another account than 123456789012"},
      {[](auto& p) { p.spare_copies = 20; }, "✗ quota DBInstances: 0 of 10 used, up to 22 more needed"},
      {[](auto& p) { p.spare_copies = 5; }, nullptr},
  };
  const config::ProductionConfig whole = production_;
  for (const Case& each : cases) {
    production_ = whole;
    each.change(production_);
    if (each.said == nullptr) {
      EXPECT_THAT(complaints(), ::testing::IsEmpty());
    } else {
      EXPECT_THAT(complaints(), ::testing::Contains(HasSubstr(each.said)));
    }
  }
}

class PreflightAurora : public Preflight {
 protected:
  void SetUp() override {
    Preflight::SetUp();
    fakes::aws::SnapshotSeed snapshot;
    snapshot.id = "rds:shop-cluster-2026-11-22-06-00";
    snapshot.instance = "shop-cluster";
    snapshot.engine = "aurora-postgresql";
    snapshot.type = "automated";
    snapshot.created = *from_iso("2026-11-22T06:00:00Z");
    fake_.seed(snapshot);
    production_.source.kind = production_.copies.kind = "aurora";
    production_.source.rds.id = "shop-cluster";
    production_.source.rds.kms_key = "arn:aws:kms:eu-west-1:123456789012:key/ours";
    production_.copies.rds.option_group = "";
  }
};

TEST_F(PreflightAurora, everything_in_order_is_about_clusters) {
  EXPECT_THAT(complaints(), ::testing::IsEmpty());
  const std::string said = report();
  for (const char* part :
       {"✓ newest snapshot: 1 of 1 usable; rds:shop-cluster-2026-11-22-06-00, 5 h 0 min old, aurora-",
        "postgresql 15.4 [", "✓ engine version: aurora-postgresql 15.4, parameters of aurora-postgresql15",
        "✓ instance class: db.t4g.medium for aurora-postgresql 15.4, in eu-west-1a, eu-west-1b",
        "✓ quota DBInstances: 0 of 10 used, up to 2 more needed",
        "✓ quota DBClusters: 0 of 10 used, up to 2 more needed",
        "✓ quota ManualClusterSnapshots: 0 of 100 used, up to 2 more needed",
        "✓ masking's size: the snapshot of a cluster does not say how large it is [cannot be known]",
        "✓ may rds:ModifyDBCluster", kMayCreateWriter, "✓ may rds:CreateDBClusterParameterGroup",
        "✓ may cloudformation:ContinueUpdateRollback", "rds:DescribeDBClusterSnapshots"}) {
    EXPECT_THAT(said, HasSubstr(part));
  }
  for (const char* part : {"gp3", "AllocatedStorage", "quota ManualSnapshots"})
    EXPECT_THAT(said, ::testing::Not(HasSubstr(part)));
}

TEST_F(PreflightAurora, what_aurora_does_not_have_is_refused) {
  production_.copies.rds.instance_class = "db.t3.small";
  EXPECT_THAT(complaints(),
              ::testing::ElementsAre(
                  HasSubstr("✗ instance class: db.t3.small for aurora-postgresql 15.4 cannot be ordered")));
  production_.copies.rds.instance_class = "db.r6g.large";
  options_.function = FunctionLimits{};
  EXPECT_THAT(complaints(), ::testing::ElementsAre(HasSubstr("! masking's size: the snapshot of a cluster")));
  options_.fargate = fargate();
  EXPECT_THAT(complaints(), ::testing::IsEmpty());
  production_.source.rds.id = "shop";
  EXPECT_THAT(report(), HasSubstr("✗ newest snapshot: shop has no snapshots")) << "an instance is no cluster";
}

TEST_F(Preflight, snapshots_that_cannot_be_restored_are_named) {
  production_.source.rds.id = "crm";
  fakes::aws::SnapshotSeed snapshot;
  snapshot.id = "crm-1";
  snapshot.instance = "crm";
  snapshot.created = *from_iso("2026-11-22T06:00:00Z");
  snapshot.engine = "mysql";
  snapshot.engine_version = "8.0.35";
  fake_.seed(snapshot);
  EXPECT_THAT(complaints(), ::testing::Contains(HasSubstr("its engine mysql is not supported")));
  snapshot.id = "crm-2";
  snapshot.engine = "postgres";
  snapshot.engine_version = "11.22";
  snapshot.created = *from_iso("2026-11-22T07:00:00Z");
  fake_.seed(snapshot);
  EXPECT_THAT(complaints(),
              ::testing::Contains(HasSubstr("crm-2: it is of PostgreSQL 11, and 13 to 18 are supported")));
}

TEST_F(Preflight, a_record_is_free_ours_the_originals_or_somebodys) {
  const std::string name = "shop-yesterday.mysite.com";
  const std::string host = ".abc123.eu-west-1.rds.amazonaws.com";
  fake_.seed_record(zone_, name, "CNAME", 60, {"shop-yesterday-20261121-060000-1" + host});
  EXPECT_THAT(report(), HasSubstr("✓ record: " + name + " is ours"));
  fake_.seed_record(zone_, name, "CNAME", 300, {"shop-2026-11-22-1100" + host});
  EXPECT_THAT(report(), HasSubstr("✗ record: " + name +
                                  " is the original's, and points at shop-2026-11-22-1100 [read] hint: "
                                  "'yesterdaytabase adopt'"));
  options_.adopted_targets = [&]() -> Result<std::vector<std::string>> {
    return Error{.code = Code::kConnection, .message = "denied", .hint = {}};
  };
  EXPECT_THAT(report(), HasSubstr("✗ record: " + name + " is the original's")) << "as far as we know";
  options_.adopted_targets = [&] {
    return Result(std::vector<std::string>{"shop-2026-11-22-1100" + host + "."});
  };
  EXPECT_THAT(report(), HasSubstr("✓ record: " + name + " was the original's and is adopted"));
  fake_.seed_record(zone_, name, "CNAME", 300, {"shop" + host});
  EXPECT_THAT(report(), HasSubstr("✗ record: " + name + " exists and is not ours: CNAME shop.abc123"));
}

TEST_F(Preflight, original_defect_11_two_zones_are_a_question) {
  const std::string inside = fake_.seed_zone("mysite.com", true);
  const std::string said = report();
  EXPECT_THAT(said, HasSubstr("✗ hosted zone: 2 hosted zones are called mysite.com"));
  EXPECT_THAT(said, HasSubstr(inside + " (private)"));
  EXPECT_THAT(said, HasSubstr(zone_ + " (public)"));
}

TEST_F(Preflight, a_denied_read_names_the_permission_and_the_rest_goes_on) {
  struct Case {
    const char* operation;
    const char* said;
  };
  const Case cases[] = {
      {"DescribeDBSnapshots",
       "hint: allow rds:DescribeDBSnapshots in the policy of arn:aws:iam::123456789012:user/tester"},
      {"ListHostedZonesByName", "hint: allow route53:ListHostedZonesByName"},
      {"ListResourceRecordSets", "hint: allow route53:ListResourceRecordSets"},
      {"DescribeDBSubnetGroups", "hint: allow rds:DescribeDBSubnetGroups"},
      {"DescribeSecurityGroups", "hint: allow ec2:DescribeSecurityGroups"},
      {"DescribeOptionGroups", "hint: allow rds:DescribeOptionGroups"},
      {"DescribeDBEngineVersions", "hint: allow rds:DescribeDBEngineVersions"},
      {"DescribeOrderableDBInstanceOptions", "hint: allow rds:DescribeOrderableDBInstanceOptions"},
      {"DescribeCertificates", "hint: allow rds:DescribeCertificates"},
      {"DescribeAccountAttributes", "hint: allow rds:DescribeAccountAttributes"},
      {"DescribeStacks", "hint: allow cloudformation:DescribeStacks"},
      {"HeadBucket", "hint: allow s3:ListBucket"},
  };
  const size_t usual = look().size();
  for (const Case& each : cases) {
    fake_.fail(each.operation, 1, {.kind = Fault::Kind::kAccessDenied});
    const auto lines = look();
    EXPECT_GE(lines.size() + 8, usual) << each.operation;
    EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), [&](const PreflightLine& line) {
      return line.failed && !line.warning && text(line).find(each.said) != std::string::npos;
    })) << each.said;
    EXPECT_EQ(lines.back().what, "beyond IAM") << "it went on to the end";
  }
  // Who we are is not known: what follows is looked at all the same.
  fake_.fail("GetCallerIdentity", 1, {.kind = Fault::Kind::kAccessDenied});
  EXPECT_THAT(report(), HasSubstr("✓ newest snapshot"));
}

TEST_F(Preflight, a_volume_is_judged_by_the_newest_snapshot) {
  production_.copies.rds.storage_gb = 10;
  EXPECT_THAT(report(),
              HasSubstr("✗ copies' storage: copies.storage_gb is 10, and the snapshot's volume has 20 GiB"));
  production_.copies.rds.storage_gb = 100;
  EXPECT_THAT(
      report(),
      HasSubstr(
          "! copies' storage: 100 GiB of gp2, and the snapshot's 20 GiB of gp2: RDS converts it, for hours"));
  EXPECT_THAT(report(), HasSubstr("✓ quota AllocatedStorage: 0 of 100000 used, up to 200"));
}

TEST_F(Preflight, shared_snapshots_say_who_is_missing_and_who_is_a_stranger) {
  EXPECT_THAT(report(), ::testing::Not(HasSubstr("shared snapshots")));
  production_.source.rds.owners = {"210987654321"};
  fakes::aws::SnapshotSeed shared;
  shared.id = "theirs";
  shared.type = "shared";
  shared.created = *from_iso("2026-11-23T06:00:00Z");
  shared.owner = "666666666666";
  fake_.seed(shared);
  const std::string missing = report();
  EXPECT_THAT(missing,
              HasSubstr("! shared snapshots: 210987654321 of source.owners shares none of shop with us"));
  EXPECT_THAT(missing, HasSubstr("--values-to-add 123456789012"));
  EXPECT_THAT(missing, HasSubstr("! shared snapshots: passed over: 666666666666 shares snapshots with us"));
  EXPECT_THAT(missing, HasSubstr("✓ newest snapshot: 1 of 1 usable; rds:shop-2026-11-22-06-00"));
  fake_.unseed_snapshot("arn:aws:rds:eu-west-1:666666666666:snapshot:theirs");
  shared.owner = "210987654321";
  fake_.seed(shared);
  EXPECT_THAT(report(), HasSubstr("✓ shared snapshots: of 210987654321"));
}

// A11: what is denied by production's resource id is not, once a Blue/Green switch has given it another one.
TEST_F(Preflight, a11_whether_our_role_may_log_in_to_production_as_it_is_now) {
  fakes::aws::InstanceSeed production;
  production.id = "shop";
  fake_.seed(production);
  EXPECT_THAT(report(), ::testing::Not(HasSubstr("login to production"))) << "logins by IAM are off";
  production.iam_authentication = true;
  fake_.seed(production);
  const std::string id = parse_json(fake_.instance("shop"))["DbiResourceId"];
  EXPECT_THAT(report(), HasSubstr("may log in to " + id + " by IAM, which is production itself"));
  fake_.iam().decide_by([&](const std::string&, const std::string& action, const std::string& resource) {
    return action != "rds-db:connect" || resource.find(id) == std::string::npos;
  });
  EXPECT_THAT(report(), HasSubstr("may not, by IAM: " + id));
}

TEST_F(Preflight, sizes_are_numbers_and_refused_without_fargate) {
  options_.function = FunctionLimits{.mask_bytes_per_s = 10'000'000, .tmp_bytes = 10'240ULL << 20};
  const std::string said = report();
  EXPECT_THAT(
      said, HasSubstr("✗ masking's size: 21 GB allocated; a function masks tables of up to 8.4 GB (10 MB/s"));
  EXPECT_THAT(said, HasSubstr("hint: add fargate: to the config"));
  options_.function_is_needed = false;
  EXPECT_THAT(report(), HasSubstr("! masking's size: 21 GB allocated"))
      << "it may run where there is no limit";
  options_.function_is_needed = true;
  options_.sizes = PreflightLine{.what = "masking's size", .detail = "one table of 3 MB"};
  EXPECT_THAT(complaints(), ::testing::IsEmpty()) << "who knows the tables knows better";
  EXPECT_THAT(report(), HasSubstr("✓ masking's size: one table of 3 MB"));
  options_.sizes.reset();
  options_.fargate = fargate();
  EXPECT_THAT(complaints(), ::testing::IsEmpty());
  options_.fargate->container = "other";
  EXPECT_THAT(report(), HasSubstr("has no container other [read] hint: it has yesterdaytabase"));
  options_.fargate->task_definition = "none";
  EXPECT_THAT(report(), HasSubstr("✗ Fargate task: there is no none"));
  options_.fargate->cluster = "none";
  EXPECT_THAT(report(), HasSubstr("✗ Fargate cluster: none is not there"));
  options_.fargate.reset();
  options_.function->mask_bytes_per_s = 100'000'000;
  EXPECT_THAT(complaints(), ::testing::IsEmpty()) << "it fits";
}

TEST_F(Preflight, permissions_are_proven_simulated_or_cannot_be_known) {
  std::vector<std::string> asked;
  fake_.iam().decide_by(
      [&](const std::string& principal, const std::string& action, const std::string& resource) {
        asked.push_back(principal + " " + action + " " + resource);
        return action != "rds:ModifyDBInstance";
      });
  EXPECT_THAT(complaints(), ::testing::ElementsAre(HasSubstr(
                                "✗ may rds:ModifyDBInstance: rds:ModifyDBInstance is not allowed on "
                                "arn:aws:rds:eu-west-1:123456789012:db:shop-yesterday-20261122-110000-1 "
                                "[simulated] hint: allow rds:ModifyDBInstance")));
  EXPECT_THAT(asked, ::testing::Contains(HasSubstr("role/stacks rds:RestoreDBInstanceFromDBSnapshot")))
      << "the role that CloudFormation acts as, and not we";
  EXPECT_THAT(asked,
              ::testing::Contains(HasSubstr(
                  "user/tester route53:ChangeResourceRecordSets arn:aws:route53:::hostedzone/" + zone_)));

  fake_.fail("SimulatePrincipalPolicy", 1, {.kind = Fault::Kind::kAccessDenied});
  for (const PreflightLine& line : look()) {
    if (!line.what.starts_with("may ") || line.what == "may read") continue;
    EXPECT_TRUE(line.failed && line.warning && line.how == How::kUnknowable) << text(line);
  }
  fake_.fail("GetRole", 1, {.kind = Fault::Kind::kAccessDenied});
  EXPECT_THAT(report(),
              HasSubstr("! service role: whether stacks exists is not shown to us [cannot be known] hint: "
                        "allow iam:GetRole"));
}

// The end of it: end_to_end_test.cc, AnOlderSnapshotIsTakenForTenThatMayNotBeRestored.
TEST_F(Preflight, a_snapshot_that_may_not_be_restored_is_passed_over) {
  for (const char* created : {"2026-11-22T08:00:00Z", "2026-11-22T09:00:00Z"}) {
    fakes::aws::SnapshotSeed manual;
    manual.id = std::string("before-") + std::string(created).substr(11, 2);
    manual.created = *from_iso(created);
    manual.allocated_gib = 20;
    fake_.seed(manual);
  }
  std::string forbidden = ":snapshot:before-";
  fake_.iam().decide_by([&](const std::string&, const std::string& action, const std::string& resource) {
    return !action.starts_with("rds:Restore") || resource.find(forbidden) == std::string::npos;
  });
  EXPECT_THAT(
      complaints(),
      ::testing::ElementsAre(AllOf(
          HasSubstr("! may rds:RestoreDBInstanceFromDBSnapshot: not on the newest snapshot "
                    "arn:aws:rds:eu-west-1:123456789012:snapshot:before-09: it is passed over, with 1 more, "
                    "for arn:aws:rds:eu-west-1:123456789012:snapshot:rds:shop-2026-11-22-06-00"),
          HasSubstr("source.snapshots"))));
  forbidden = ":snapshot:";
  EXPECT_THAT(complaints(), ::testing::ElementsAre(HasSubstr("✗ may rds:RestoreDBInstanceFromDBSnapshot")))
      << "none is left";
}

// IAM simulates no session: the role behind it is asked about.
TEST_F(Preflight, a_session_is_simulated_as_its_role) {
  const auto role =
      aws::Sts(client_.caller())
          .assume_role({.role_arn = "arn:aws:iam::123456789012:role/stacks", .session_name = "s1"});
  ASSERT_TRUE(role.ok()) << to_string(role.error());
  aws::FixedCredentials as_role(role->clone());
  aws::Caller caller(client_.transport(), as_role, clock_, client_.caller().endpoints());
  std::vector<std::string> principals;
  fake_.iam().decide_by([&](const std::string& principal, const std::string&, const std::string&) {
    principals.push_back(principal);
    return true;
  });
  const auto lines = look(caller);
  EXPECT_THAT(text(lines.front()), HasSubstr("assumed-role/stacks/s1"));
  EXPECT_THAT(principals, ::testing::Each(::testing::Eq("arn:aws:iam::123456789012:role/stacks")));
  EXPECT_GT(principals.size(), 10U);
}

TEST_F(Preflight, a_service_that_does_not_answer_is_said_by_name) {
  for (int i = 1; i <= 12; ++i) fake_.fail("DescribeSecurityGroups", i, {.kind = Fault::Kind::kDropBefore});
  EXPECT_THAT(report(), HasSubstr("✗ endpoints: ec2 did not answer [read] hint: inside a VPC they need NAT"));
}

TEST_F(Preflight, full_quotas_are_refused_with_the_numbers) {
  fakes::aws::InstanceSeed seed;
  for (int i = 0; i < 9; ++i) {
    seed.id = "other-" + std::to_string(i);
    fake_.seed(seed);
  }
  EXPECT_THAT(report(),
              HasSubstr("! quota DBInstances: 9 of 10 used, up to 2 more needed; what runs already"));
  seed.id = "last";
  fake_.seed(seed);
  EXPECT_THAT(report(), HasSubstr("✗ quota DBInstances: 10 of 10 used"));
}

}  // namespace
}  // namespace ytb::rds
