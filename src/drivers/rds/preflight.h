// preflight: what `check` says of an AWS production before anything is made.
//
// Only ever reads and simulates. A check that fails does not keep the others from being made; a read that is
// denied is a failed line that names the permission to add. Each line says how it is known.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "config/config.h"
#include "drivers/aws/cloudformation.h"
#include "drivers/aws/ec2.h"
#include "drivers/aws/ecs.h"
#include "drivers/aws/iam.h"
#include "drivers/aws/rds.h"
#include "drivers/aws/route53.h"
#include "drivers/aws/s3.h"
#include "drivers/aws/sts.h"

namespace ytb::rds {

enum class How {
  kRead,        // AWS showed it, or a file did
  kSimulated,   // iam:SimulatePrincipalPolicy says so
  kUnknowable,  // nothing that may be asked tells
};
// "read", "simulated", "cannot be known".
std::string_view to_text(How how);

// The first four members are cli::CheckLine's, with the same meaning; say_how() is its detail with `how`.
struct PreflightLine {
  std::string what;
  std::optional<Error> failed = {};  // none: fine
  std::string detail = {};
  bool warning = false;  // not fine, but a refresh would work
  How how = How::kRead;
};
std::string say_how(const PreflightLine& line);

struct PreflightClients {
  aws::Rds& rds;
  aws::CloudFormation& stacks;
  aws::Route53& route53;
  aws::Ec2& ec2;
  aws::Iam& iam;
  aws::Sts& sts;
  aws::S3& s3;
  aws::Ecs& ecs;
};

// What masking inside a function can do. A table is masked by one call of it, and its spool lies in /tmp.
struct FunctionLimits {
  // Assumed, as nothing is measured before the first refresh: what the hand-over plans with (20 MB/s, and
  // half as long again).
  uint64_t mask_bytes_per_s = 13'000'000;
  Duration time_max = std::chrono::minutes(15);
  Duration time_reserved = std::chrono::minutes(1);  // to log in, record and hand over
  uint64_t tmp_bytes = 512ULL << 20;                 // Lambda's default; up to 10,240 MiB
  int spool_ratio = 3;                               // by which the spool is smaller than the table, at least
};

struct PreflightOptions {
  std::string region;  // as resolved
  Instant now = {};
  std::optional<FunctionLimits> function = {};  // none: masking runs in no function
  bool function_is_needed = true;               // false: what does not fit in one is worth a warning only
  std::optional<config::FargateConfig> fargate = {};
  // What masking takes, by somebody who knows the tables; none: judged by the allocated size.
  std::optional<PreflightLine> sizes = {};
  // Adopter::adopted_targets(); asked only where the record is the original's.
  std::function<Result<std::vector<std::string>>()> adopted_targets = {};
};

// `production` is of the kinds rds or aurora, with the alias route53 where that is checked.
std::vector<PreflightLine> preflight(const PreflightClients& clients,
                                     const config::ProductionConfig& production, const config::AwsConfig& aws,
                                     const PreflightOptions& options);

}  // namespace ytb::rds
