// The original's configuration as ours. Pure: the environment comes in as a function.
//
// config.json and an event's `config` know a domain, an instance, a security group and a subnet group. They
// become a source `rds` by name, copies `rds` in that subnet group with that group for staging, and the
// record <db>-yesterday.<domain> with the original's TTL of 300 s. What they could not say comes from the
// function's environment.
//
// Needed:
//   YTB_BUCKET            S3 bucket of evidence, proofs, marks and proposed policies
//   YTB_QUARANTINE_GROUP  security groups of a closed copy, separated by commas
//   YTB_SIGNING_KEY       what proofs are signed with: a secret
//
// Masking (without any of these a copy stays closed, and the answer says where a policy is proposed):
//   YTB_POLICY            the policy: /path, s3://bucket/key or ssm:name
//   YTB_POLICY_LOCK       its lock; default: the policy's name with .lock
//   YTB_MASKING_KEY       the key of all pseudonyms: a secret
//   YTB_MASKING_NONE      instead: the written reason why staging may see production's data as it is
//
// Who may log in once a copy is open (without these nobody):
//   YTB_ACCESS_ROLE       the role
//   YTB_ACCESS_PASSWORD   its password: a secret
//   YTB_ACCESS_MEMBER_OF  roles of production that it is a member of, separated by commas
//   YTB_ACCESS_EXISTING   yes: it is a role of production's own
//
// The worker for what does not fit in the function (the first four, or none):
//   YTB_FARGATE_CLUSTER
//   YTB_FARGATE_TASK_DEFINITION
//   YTB_FARGATE_SUBNETS, YTB_FARGATE_SECURITY_GROUPS  separated by commas
//   YTB_FARGATE_CONTAINER default yesterdaytabase
//   YTB_FARGATE_PUBLIC_IP yes, where there is no other way out
//
// The rest has defaults:
//   YTB_BUCKET_PREFIX     keys begin with it; yesterdaytabase
//   YTB_SERVICE_ROLE      ARN of the role that CloudFormation acts as; ourselves
//   YTB_CA_BUNDLE         file that TLS to copies is verified against; the one beside the program
//   YTB_INSTANCE_CLASS    db.t4g.medium
//   YTB_STORAGE_TYPE      the snapshot's
//   YTB_IOPS, YTB_STORAGE_THROUGHPUT, YTB_STORAGE_GB  the snapshot's
//   YTB_SNAPSHOT_OWNERS   account ids, separated by commas, whose shared snapshots count; none do
//   YTB_KMS_KEY           under which a shared encrypted snapshot is first copied; such are refused
//   YTB_EXTENDED_SUPPORT  no: refuse versions past their end of standard support; yes, which RDS charges for
//   YTB_ZONE_ID           of the hosted zone, where several have the domain's name; the one of that name
//   YTB_ALIAS_NAME        the record's name; <db>-yesterday.<domain>
//   YTB_ALIAS_TTL         seconds; 300
//   YTB_SEEN_FROM         public, vpc, none, or a resolver's address; public
//   YTB_DRAIN             how long a previous copy still serves, at least the TTL; 5min
//   YTB_SPARE_COPIES      previous copies kept for a rollback; 0
//   YTB_MAX_AGE           of staging's data, before it is complained about; never
//
// A secret is secretsmanager:NAME, ssm:NAME, file:/path or env:VARIABLE; never the value itself.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "lambda/event.h"

namespace ytb::lambda {

using Environment = std::function<std::optional<std::string>(const std::string& variable)>;

constexpr int64_t kOriginalTtlS = 300;

// What an invocation works with, wherever its config comes from.
struct Setup {
  std::shared_ptr<const config::Config> config;
  std::vector<std::string> remarks;  // for the answer: what is missing, and what that means
  // The original's config, where it lies beside the program: a worker elsewhere has no such file.
  std::string beside_program = {};
};

// kConfig names the variable that is missing or wrong.
Result<Setup> setup_from_original(const OriginalConfig& original, const Environment& environment);
// "shop-DB" → "shop-db"; what is too long for a production's name is shortened with a hash.
model::ProductionName production_of(std::string_view db_name);

}  // namespace ytb::lambda
