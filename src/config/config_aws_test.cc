// What the config says about AWS: read whole, refused with the place, and never in a mixture that cannot
// work.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config.h"
#include "support/golden.h"

namespace ytb::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kSource = "rds: {instance: shop}";
constexpr std::string_view kCopies =
    "rds: {subnet_group: db, quarantine_groups: [sg-0a], staging_groups: [sg-0b], bucket: my-proofs, "
    "ca_bundle: rds.pem}";
constexpr std::string_view kAlias = "route53: {domain: mysite.com}";

std::string text_of(std::string_view source, std::string_view copies, std::string_view alias,
                    std::string_view more = {}) {
  return fmt::format(
      "version: 1\nproductions:\n  shop:\n    source: {{{}}}\n    copies: {{{}}}\n    alias: {{{}}}\n"
      "    masking: {{policy: policy.yaml}}\n    access: {{staging: {{password: \"${{P}}\"}}}}\n{}",
      source, copies, alias, more);
}

std::string error_of(std::string_view text, std::string_view file = "ytb.yaml") {
  Result<Config> config = parse_config(text, file);
  if (config.ok()) return "accepted";
  EXPECT_EQ(config.error().code, Code::kConfig);
  return config.error().message;
}

TEST(ConfigAwsTest, TheShortestHasDefaultsForTheRest) {
  Result<Config> config = parse_config(text_of(kSource, kCopies, kAlias), "/etc/ytb/ytb.yaml");
  ASSERT_TRUE(config.ok()) << to_string(config.error());
  EXPECT_TRUE(config->aws.region.empty());
  EXPECT_TRUE(config->signing_key.empty());
  const ProductionConfig& shop = config->productions.at(0);
  EXPECT_TRUE(is_aws(shop));
  EXPECT_EQ(shop.source.kind, "rds");
  EXPECT_EQ(shop.source.rds.id, "shop");
  EXPECT_THAT(shop.source.rds.owners, ElementsAre());
  EXPECT_EQ(shop.copies.kind, "rds");
  EXPECT_EQ(shop.copies.directory, "");
  EXPECT_EQ(shop.copies.rds.instance_class, "db.t4g.medium");
  EXPECT_EQ(shop.copies.rds.storage_type, "") << "the snapshot's";
  EXPECT_EQ(shop.copies.rds.iops, 0);
  EXPECT_TRUE(shop.copies.rds.extended_support) << "as RDS has it";
  EXPECT_EQ(shop.copies.rds.storage_gb, 0);
  EXPECT_FALSE(shop.copies.rds.warm_up);
  EXPECT_EQ(shop.copies.rds.ca_bundle, "/etc/ytb/rds.pem");
  EXPECT_EQ(shop.copies.rds.bucket_prefix, "yesterdaytabase");
  EXPECT_EQ(shop.copies.rds.restore_max, std::chrono::hours(12));
  EXPECT_EQ(shop.alias.kind, "route53");
  EXPECT_EQ(shop.alias.directory, "");
  EXPECT_EQ(shop.alias.route53.name, "shop-yesterday.mysite.com");
  EXPECT_EQ(shop.alias.route53.ttl_s, 60);
  EXPECT_EQ(shop.alias.route53.seen_from, "public");
  EXPECT_FALSE(shop.fargate.has_value());
  EXPECT_THAT(shop.access.at(0).from, ElementsAre()) << "security groups say who gets in";
}

TEST(ConfigAwsTest, ServerlessAndMultiAzClusters) {
  Result<Config> aurora = parse_config(
      text_of("aurora: {cluster: shop}",
              "aurora: {instance_class: db.serverless, serverless: {min: 0.5, max: 8}, subnet_group: db, "
              "quarantine_groups: [sg-0a], staging_groups: [sg-0b], bucket: my-proofs, ca_bundle: rds.pem}",
              kAlias),
      "ytb.yaml");
  ASSERT_TRUE(aurora.ok()) << to_string(aurora.error());
  ASSERT_TRUE(aurora->productions.at(0).copies.rds.serverless.has_value());
  EXPECT_EQ(aurora->productions.at(0).copies.rds.serverless->max, 8);
  Result<Config> cluster = parse_config(text_of("rds: {cluster: shop}", kCopies, kAlias), "ytb.yaml");
  ASSERT_TRUE(cluster.ok()) << to_string(cluster.error());
  EXPECT_TRUE(cluster->productions.at(0).source.rds.is_cluster);
  EXPECT_EQ(cluster->productions.at(0).source.rds.id, "shop");
}

TEST(ConfigAwsTest, EveryKeyIsRead) {
  Result<Config> config = parse_config(R"(version: 1
aws: {region: eu-west-1, profile: staging, endpoint_url: "http://127.0.0.1:4566", ca_bundle: aws.pem}
signing_key: secretsmanager:ytb/keys#signing
state: /var/lib/ytb
productions:
  shop:
    source:
      rds:
        resource_id: db-ABCDEF
        owners: ["210987654321", "012345678901"]
        kms_key: alias/staging
        snapshots: {kinds: [automated, shared], names: ["rds:*", "nightly-*"], tags: {purpose: staging}}
        connection: "host=db user=reader dbname=shop"
        password: ssm:/shop/reader
    copies:
      rds:
        instance_class: db.r6g.large
        subnet_group: db
        quarantine_groups: [sg-0a, sg-0c]
        staging_groups: [sg-0b]
        option_group: opts
        storage_type: io2
        storage_gb: 120
        iops: 4000
        extended_support: false
        storage_throughput: 500
        warm_up: true
        parameters: {work_mem: "65536"}
        ca_certificate: rds-ca-rsa2048-g1
        ca_bundle: /etc/rds.pem
        log_exports: [postgresql]
        tags: {team: staging, "cost center": "42"}
        service_role: arn:aws:iam::123456789012:role/stacks
        bucket: my-proofs
        bucket_prefix: a/b/
        restore_max: 3h
    alias: {route53: {zone_id: Z123, name: Staging-DB.mysite.com., ttl: 300, seen_from: "10.0.0.2:5353"}}
    role: arn:aws-us-gov:iam::123456789012:role/yesterdaytabase/shop
    fargate:
      cluster: ytb
      task_definition: ytb-work
      container: work
      subnets: [subnet-0a]
      security_groups: [sg-0w]
      public_ip: true
    masking: {policy: "s3://my-config/shop/policy.yaml", key: "secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:k-AbCdEf"}
    access: {staging: {password: "ssm:/shop/staging"}}
    drain: 10min
)",
                                       "/etc/ytb.yaml");
  ASSERT_TRUE(config.ok()) << to_string(config.error());
  EXPECT_EQ(config->aws.region, "eu-west-1");
  EXPECT_EQ(config->aws.profile, "staging");
  EXPECT_EQ(config->aws.endpoint_url, "http://127.0.0.1:4566");
  EXPECT_EQ(config->aws.ca_bundle, "/etc/aws.pem");
  EXPECT_EQ(config->signing_key.kind, model::SecretRef::Kind::kSecretsManager);
  EXPECT_EQ(config->signing_key.locator, "ytb/keys#signing");
  const ProductionConfig& shop = config->productions.at(0);
  EXPECT_EQ(shop.source.rds.id, "");
  EXPECT_EQ(shop.source.rds.resource_id, "db-ABCDEF");
  EXPECT_THAT(shop.source.rds.owners, ElementsAre("210987654321", "012345678901"));
  EXPECT_EQ(shop.source.rds.kms_key, "alias/staging");
  EXPECT_THAT(shop.source.rds.snapshots.kinds, ElementsAre("automated", "shared"));
  EXPECT_THAT(shop.source.rds.snapshots.names, ElementsAre("rds:*", "nightly-*"));
  EXPECT_EQ(shop.source.rds.snapshots.tags.at("purpose"), "staging");
  EXPECT_EQ(shop.source.connection, "host=db user=reader dbname=shop");
  EXPECT_EQ(shop.source.password.kind, model::SecretRef::Kind::kParameterStore);
  const RdsCopiesConfig& rds = shop.copies.rds;
  EXPECT_EQ(rds.instance_class, "db.r6g.large");
  EXPECT_EQ(rds.subnet_group, "db");
  EXPECT_THAT(rds.quarantine_groups, ElementsAre("sg-0a", "sg-0c"));
  EXPECT_THAT(rds.staging_groups, ElementsAre("sg-0b"));
  EXPECT_EQ(rds.option_group, "opts");
  EXPECT_EQ(rds.storage_type, "io2");
  EXPECT_EQ(rds.storage_gb, 120);
  EXPECT_EQ(rds.iops, 4000);
  EXPECT_FALSE(rds.extended_support);
  EXPECT_EQ(rds.storage_throughput, 500);
  EXPECT_TRUE(rds.warm_up);
  EXPECT_EQ(rds.parameters.at("work_mem"), "65536");
  EXPECT_EQ(rds.ca_certificate, "rds-ca-rsa2048-g1");
  EXPECT_EQ(rds.ca_bundle, "/etc/rds.pem");
  EXPECT_THAT(rds.log_exports, ElementsAre("postgresql"));
  EXPECT_EQ(rds.tags.at("cost center"), "42");
  EXPECT_EQ(rds.service_role, "arn:aws:iam::123456789012:role/stacks");
  EXPECT_EQ(rds.bucket, "my-proofs");
  EXPECT_EQ(rds.bucket_prefix, "a/b");
  EXPECT_EQ(rds.restore_max, std::chrono::hours(3));
  EXPECT_EQ(shop.alias.route53.zone_id, "Z123");
  EXPECT_EQ(shop.alias.route53.name, "staging-db.mysite.com");
  EXPECT_EQ(shop.alias.route53.ttl_s, 300);
  EXPECT_EQ(shop.alias.route53.seen_from, "10.0.0.2:5353");
  EXPECT_EQ(shop.role, "arn:aws-us-gov:iam::123456789012:role/yesterdaytabase/shop");
  ASSERT_TRUE(shop.fargate.has_value());
  EXPECT_EQ(shop.fargate->cluster, "ytb");
  EXPECT_EQ(shop.fargate->task_definition, "ytb-work");
  EXPECT_EQ(shop.fargate->container, "work");
  EXPECT_THAT(shop.fargate->subnets, ElementsAre("subnet-0a"));
  EXPECT_THAT(shop.fargate->security_groups, ElementsAre("sg-0w"));
  EXPECT_TRUE(shop.fargate->public_ip);
  EXPECT_EQ(shop.masking.policy_file, "s3://my-config/shop/policy.yaml");
  EXPECT_EQ(shop.masking.lock_file, "s3://my-config/shop/policy.lock");
  EXPECT_EQ(shop.masking.key.locator, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:k-AbCdEf");
  EXPECT_EQ(shop.access.at(0).password.locator, "/shop/staging");
}

TEST(ConfigAwsTest, AuroraIsReadAsWell) {
  constexpr std::string_view kCluster =
      "aurora: {subnet_group: db, quarantine_groups: sg-0a, staging_groups: sg-0b, bucket: my-proofs, "
      "ca_bundle: /r.pem}";
  Result<Config> config = parse_config(text_of("aurora: {cluster: Shop-Cluster}", kCluster, kAlias), "/e/y");
  ASSERT_TRUE(config.ok()) << to_string(config.error());
  EXPECT_EQ(config->productions[0].source.rds.id, "shop-cluster") << "as RDS stores it";
  EXPECT_EQ(config->productions[0].copies.kind, "aurora");
  EXPECT_EQ(config->productions[0].copies.rds.storage_type, "");
}

TEST(ConfigAwsTest, KindsThatDoNotGoTogetherAreRefused) {
  constexpr std::string_view kFiles = "basebackup: {directory: /b}";
  auto refused = [](std::string_view source, std::string_view copies, std::string_view alias,
                    std::string_view message) {
    EXPECT_THAT(error_of(text_of(source, copies, alias)), HasSubstr(message));
  };
  refused(kFiles, kCopies, "socket: {directory: /a}",
          "a source of kind basebackup has copies of kind local, not rds");
  refused(kSource, kCopies, "socket: {directory: /a}",
          "a source of kind rds has an alias of kind route53, not socket");
  refused("aurora: {cluster: c}", kCopies, kAlias,
          "a source of kind aurora has copies of kind aurora, not rds");
  refused(kSource, "local: {directory: /c}", kAlias,
          "a source of kind rds has copies of kind rds, not local");
  refused(kFiles, "local: {directory: /c}", kAlias,
          "a source of kind basebackup has an alias of kind socket, not route53");
  refused(std::string(kFiles) + ", " + std::string(kSource), kCopies, kAlias,
          "'source' takes one kind, not basebackup and rds");
  EXPECT_THAT(error_of("version: 1\nproductions:\n  shop:\n    source: {rds: {instance: shop}}\n"
                       "    masking: {policy: p}\n    access: {s: {password: \"${P}\"}}\n"),
              HasSubstr("a source of kind rds has copies of kind rds, not local: copies: {rds: {…}}"));
}

struct Bad {
  std::string text;
  const char* message;
};

TEST(ConfigAwsTest, BadValuesAreNamed) {
  auto copies = [](std::string_view more) {
    std::string text(kCopies);
    text.insert(text.size() - 1, ", " + std::string(more));
    return text_of(kSource, text, kAlias);
  };
  auto cluster = [](std::string_view more) {
    std::string text(kCopies);
    text.replace(0, 3, "aurora");
    text.insert(text.size() - 1, ", " + std::string(more));
    return text_of("aurora: {cluster: c}", text, kAlias);
  };
  auto alias = [](std::string_view of) {
    return text_of(kSource, kCopies, fmt::format("route53: {{{}}}", of));
  };
  auto more = [](std::string_view lines) { return text_of(kSource, kCopies, kAlias, lines); };
  const std::vector<Bad> cases = {
      {text_of("rds: {}", kCopies, kAlias), "'rds' has neither 'instance' nor 'resource_id'"},
      {text_of("rds: {instance: shop, include_shared: true}", kCopies, kAlias),
       "anybody can share a snapshot with this account"},
      {text_of("rds: {instance: shop, snapshots: {kinds: [auto]}}", kCopies, kAlias),
       "'kinds' takes automated, manual"},
      {text_of("rds: {instance: shop, snapshots: {names: [\"a*b*\"]}}", kCopies, kAlias), "at most one *"},
      {text_of(kSource, "rds: {instance_class: db.serverless}", kAlias), "for copies of kind aurora"},
      {text_of("aurora: {cluster: c}", "aurora: {instance_class: db.serverless}", kAlias),
       "needs its capacity"},
      {text_of("aurora: {cluster: c}", "aurora: {serverless: {min: 1, max: 2}}", kAlias),
       "is for instance_class: db.serverless"},
      {text_of("aurora: {cluster: c}",
               "aurora: {instance_class: db.serverless, serverless: {min: 0.7, max: 2}}", kAlias),
       "in halves, not '0.7'"},
      {text_of("rds: {cluster: shop, resource_id: db-A}", kCopies, kAlias), "which is an instance's"},
      {text_of("rds: {instance: shop, owners: [\"1234\"]}", kCopies, kAlias),
       "ids of accounts, of 12 digits"},
      {text_of("rds: {instance: shop, owners: [12345678901a]}", kCopies, kAlias), "not '12345678901a'"},
      {text_of("rds: {instance: shop, owners: [\"210987654321\"], include_shared: false}", kCopies, kAlias),
       "'include_shared' is false, and 'owners' names accounts"},
      {text_of("rds: {instance: shop--a}", kCopies, kAlias), "'shop--a' is no identifier"},
      {text_of("rds: {instance: 1shop}", kCopies, kAlias), "is no identifier"},
      {text_of("rds: {instence: shop}", kCopies, kAlias), "(did you mean 'instance'?)"},
      {text_of("rds: {resource_id: shop}", kCopies, kAlias), "takes a DbiResourceId"},
      {text_of("aurora: {instance: shop}", kCopies, kAlias), "unknown key 'instance' in 'aurora'"},
      {text_of("rsd: {instance: shop}", kCopies, kAlias),
       "unknown key 'rsd' in 'source' (did you mean 'rds'?)"},
      {text_of(kSource, "rds: {}", kAlias), "'rds' has no 'subnet_group'"},
      {text_of(kSource, "rds: {}", kAlias), "'rds' has no 'quarantine_groups'"},
      {text_of(kSource, "rds: {}", kAlias), "'rds' has no 'staging_groups'"},
      {text_of(kSource, "rds: {}", kAlias), "'rds' has no 'bucket'"},
      {text_of(kSource, "rds: {}", kAlias), "'rds' has no 'ca_bundle'"},
      {text_of(kSource, "rds: {quarantine_groups: [], staging_groups: [default]}", kAlias),
       "'quarantine_groups' is empty"},
      {text_of(kSource, "rds: {quarantine_groups: [], staging_groups: [default]}", kAlias),
       "'staging_groups' takes ids like sg-0123456789abcdef0, not 'default'"},
      {text_of(kSource, "rds: {quarantine_groups: [sg-0a], staging_groups: [sg-0a]}", kAlias),
       "staging would reach a copy before it is masked"},
      {copies("instance_class: t3.small"), "'instance_class' takes a class of RDS"},
      {copies("storage_type: gp4"), "'storage_type' takes gp2, gp3, io1, io2, not 'gp4'"},
      {copies("storage_gb: 10"), "'storage_gb' takes a whole number from 20 to 65536"},
      {copies("storage_gb: 1TB"), "'storage_gb' takes a whole number"},
      {copies("warm_up: slowly"), "'warm_up' takes true or false"},
      {copies("warmup: true"), "unknown key 'warmup' in 'rds' (did you mean 'warm_up'?)"},
      {cluster("storage_gb: 100"), "Aurora's storage grows by itself"},
      {cluster("warm_up: true"), "an Aurora cluster has no such volume"},
      {copies("tags: {\"aws:x\": y}"), "the tag 'aws:x' is not yours to set"},
      {copies("tags: {\"Yesterdaytabase:owner\": y}"), "is not yours to set"},
      {copies("tags: {x: \"a;b\"}"), "a tag's value has"},
      {copies("service_role: stacks"), "'service_role' takes the ARN of a role"},
      {copies("service_role: arn:aws:iam::123456789012:user/me"), "'service_role' takes the ARN of a role"},
      {more("    role: shop\n"), "'role' takes the ARN of a role, e.g. arn:aws:iam::123456789012:role/"},
      {more("    role: arn:aws:iam::123456789012:user/shop\n"), "'role' takes the ARN of a role"},
      {more("    role: arn:aws:sts::123456789012:assumed-role/shop/me\n"), "'role' takes the ARN of a role"},
      {more("    role: \"arn:aws:iam::123456789012:role/{{resolve:ssm:x}}\"\n"),
       "'role' takes the ARN of a role"},
      {copies("log_exports: [audit]"), "'log_exports' takes postgresql and upgrade"},
      {copies("restore_max: 1min"), "'restore_max' takes 10min to 72h"},
      {copies("parameters: {\"a b\": 1}"), "'a b' is no name of a server setting"},
      {alias(""), "'route53' has neither 'domain' nor 'zone_id'"},
      {alias("domain: mysite.com, zone_id: Z1"), "'domain' or 'zone_id', not both"},
      {alias("zone_id: Z1"), "'route53' with 'zone_id' has no 'name'"},
      {alias("zone_id: mysite.com, name: a.b"), "'zone_id' takes a hosted zone's id"},
      {alias("domain: mysite.com, name: shop.other.com"),
       "'shop.other.com' is not under the domain mysite.com"},
      {alias("domain: mysite.com, name: mysite.com"), "is not under the domain"},
      {alias("domain: mysite.com, name: notmysite.com"), "is not under the domain"},
      {alias("domain: my_site..com"), "is no domain"},
      {alias("domain: mysite.com, ttl: 0"), "'ttl' takes a whole number from 1 to 86400"},
      {alias("domain: mysite.com, ttl: 600"),
       "'drain' (5 min 0 s) is shorter than the name is cached (10 min 0 s)"},
      {alias("domain: mysite.com, seen_from: pubic"), "not 'pubic' (did you mean 'public'?)"},
      {alias("domain: mysite.com, seen_from: 10.0.0.999"), "'seen_from' takes public, vpc, none or"},
      {more("    fargate: {cluster: c}\n"), "'fargate' has no 'task_definition'"},
      {more("    fargate: {cluster: c, task_definition: t, subnets: [vpc-1], security_groups: [sg-1]}\n"),
       "'subnets' takes ids like subnet-"},
      {more("    drain: 30s\n"), "'drain' (30.0 s) is shorter"},
      {more("aws: {regoin: eu-west-1}\n"), "(did you mean 'region'?)"},
      {more("aws: {endpoint_url: localhost}\n"), "'endpoint_url' takes scheme, host and port"},
      {more("signing_key: hunter2\n"), "'signing_key' is not a reference"},
      {more("signing_key: \"secretsmanager:keys#\"\n"), "'signing_key' is not a reference"},
      {more("state: \"s3://b/k\"\n"), "'state' takes a path on this machine"},
  };
  for (const Bad& bad : cases) EXPECT_THAT(error_of(bad.text), HasSubstr(bad.message)) << bad.text;
  std::string from = text_of(kSource, kCopies, kAlias);
  from.replace(from.find("\"${P}\""), 6, "\"${P}\", from: [10.0.0.0/8]");
  EXPECT_THAT(error_of(from), HasSubstr("'from' is for local copies"));
  std::string policy = text_of(kSource, kCopies, kAlias);
  policy.replace(policy.find("policy.yaml"), 11, "\"s3://onlybucket\"");
  EXPECT_THAT(error_of(policy), HasSubstr("'policy' names no object: s3://bucket/key"));
}

// "shop" may change whatever is called shop-yesterday-…: copies of a production of such a name would be.
TEST(ConfigAwsTest, NamesThatAnothersCopiesCouldHaveAreRefused) {
  const auto named = [](const std::string& name) {
    std::string text = text_of(kSource, kCopies, kAlias);
    return text.replace(text.find("  shop:"), 7, "  " + name + ":");
  };
  for (const char* good : {"shop", "shop-eu", "sanitized-shop", "shop-yester", "due-shop", "turnstile"})
    EXPECT_EQ(error_of(named(good)), "accepted") << good;
  for (const char* bad : {"due", "turns", "yesterday", "yesterdaytabase"})
    EXPECT_THAT(error_of(named(bad)), HasSubstr("is a name that the function itself uses")) << bad;
  for (const char* bad : {"shop-yesterday", "shop-yesterday-eu", "shop-yesterdays"}) {
    EXPECT_THAT(error_of(named(bad)),
                HasSubstr(fmt::format("'{}' contains '-yesterday': the roles of a production 'shop'", bad)));
  }
  EXPECT_THAT(error_of(named("a-sanitized-b")), HasSubstr("contains '-sanitized'"));
  EXPECT_EQ(error_of("version: 1\nproductions:\n  shop-yesterday:\n"
                     "    source: {basebackup: {directory: /b}}\n    masking: {policy: p.yaml}\n"
                     "    access: {staging: {password: \"${P}\"}}\n"),
            "accepted")
      << "no role is about names on this host";
}

TEST(ConfigAwsTest, ARoleIsForCopiesWithAws) {
  EXPECT_THAT(error_of("version: 1\nproductions:\n  shop:\n    source: {basebackup: {directory: /b}}\n"
                       "    role: arn:aws:iam::123456789012:role/shop\n    masking: {policy: p.yaml}\n"
                       "    access: {staging: {password: \"${P}\"}}\n"),
              HasSubstr("'role' is for copies with AWS"));
}

TEST(ConfigAwsTest, TwoProductionsHaveNamesOfTheirOwn) {
  std::string both = "version: 1\nproductions:\n";
  for (const char* name : {"a", "b"}) {
    both += fmt::format(
        "  {}:\n    source: {{{}}}\n    copies: {{{}}}\n    alias: {{route53: {{domain: x.com, name: "
        "db.x.com}}}}\n    masking: {{policy: p}}\n    access: {{s: {{password: \"${{P}}\"}}}}\n",
        name, kSource, kCopies);
  }
  EXPECT_THAT(error_of(both), HasSubstr("'b' and 'a' have the same name db.x.com"));
}

TEST(ConfigAwsTest, AConfigInABucketHasItsPolicyBesideIt) {
  const std::string text =
      "state: /tmp/state\n" +
      text_of(kSource, std::string(kCopies).replace(kCopies.find("rds.pem"), 7, "/rds.pem"), kAlias);
  std::string keyed = text;
  keyed.replace(keyed.find("policy.yaml"), 11, "policy.yaml, key: \"ssm:/shop/key\"");
  Result<Config> config = parse_config(keyed, "s3://conf/shop/ytb.yaml");
  ASSERT_TRUE(config.ok()) << to_string(config.error());
  EXPECT_EQ(config->productions[0].masking.policy_file, "s3://conf/shop/policy.yaml");
  EXPECT_EQ(config->productions[0].masking.lock_file, "s3://conf/shop/policy.lock");
  EXPECT_EQ(config->state_directory, "/tmp/state");
  EXPECT_THAT(error_of(text, "s3://conf/shop/ytb.yaml"), HasSubstr("'key' is a file beside this config"));
  EXPECT_THAT(error_of(text_of(kSource, kCopies, kAlias), "ssm:/shop/config"),
              HasSubstr("'state' is relative (state)"));
}

TEST(ConfigAwsTest, SecretsInClearAreNeverShown) {
  const std::string error = error_of(
      text_of("rds: {instance: shop, connection: \"postgresql://me:hunter2@db/shop\", password: hunter2}",
              kCopies, kAlias, "signing_key: hunter2\n"));
  EXPECT_THAT(error, HasSubstr("'connection' holds a password"));
  EXPECT_THAT(error, Not(HasSubstr("hunter2")));
}

TEST(ConfigAwsTest, ErrorsAsPeopleSeeThem) {
  const std::vector<std::string> texts = {
      "version: 1\naws:\n  regoin: eu-west-1\nproductions:\n  shop:\n    source:\n      rds:\n        "
      "instance: "
      "shop\n    copies:\n      rds:\n        subnet_groups: db\n        quarantine_groups: [sg-0a]\n        "
      "staging_groups: [default]\n        storage_type: gp4\n        bucket: My Proofs\n    alias:\n      "
      "route53:\n        domain: mysite.com\n        name: shop.other.com\n    masking: {policy: p.yaml}\n   "
      " "
      "access: {staging: {password: \"${P}\"}}\n    drain: 10s\n",
      "version: 1\nproductions:\n  shop:\n    source:\n      aurora:\n        cluster: shop\n    masking: "
      "{policy: p.yaml}\n    access: {staging: {password: \"${P}\"}}\n",
  };
  std::string shown;
  for (const std::string& text : texts) {
    Result<Config> config = parse_config(text, "ytb.yaml");
    ASSERT_FALSE(config.ok());
    shown += "---- config\n" + text + "---- error\n" + to_string(config.error()) + "\n\n";
  }
  tests::expect_golden("config/aws_errors.txt", shown);
}

}  // namespace
}  // namespace ytb::config
