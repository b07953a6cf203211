// What a copy is made of: class, groups, certificates, the bucket, the role, and the Fargate task.
#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/rds/extended_support.h"
#include "drivers/rds/preflight_look.h"

namespace ytb::rds {
namespace {

constexpr size_t kBundleMax = 4 << 20;

void check_engine(PreflightLook& look) {
  if (!look.newest) return;
  const std::string what = "engine version";
  const auto versions =
      look.clients.rds.describe_db_engine_versions(look.newest->engine, look.newest->engine_version);
  if (!look.seen(what, "rds:DescribeDBEngineVersions", versions)) return;
  if (versions->empty()) {
    return look.failed(what, Code::kUnsupported,
                       fmt::format("RDS no longer offers {} {}: a snapshot of it cannot be restored as it is",
                                   look.newest->engine, look.newest->engine_version),
                       "upgrade production to a version that RDS offers");
  }
  const aws::EngineVersion& version = versions->front();
  const std::string text =
      fmt::format("{} {}, parameters of {}", version.engine, version.version, version.parameter_group_family);
  if (version.status == "deprecated") return look.warn(what, text + ": deprecated by RDS");
  look.fine(what, text);
}

// What RDS charges beside the instance, by its price list of us-east-1.
void check_extended_support(PreflightLook& look) {
  if (!look.newest) return;
  int major = 0;
  std::from_chars(look.newest->engine_version.data(),
                  look.newest->engine_version.data() + look.newest->engine_version.size(), major);
  if (!is_past_standard_support(major, look.options.now)) return;
  look.warn(
      "Extended Support",
      past_standard_support(major) +
          ": RDS charges about $0.10 more for each vCPU and hour of a copy, from the third year on $0.20",
      "upgrade production; with copies.extended_support: false such snapshots are refused");
}

void check_class(PreflightLook& look) {
  if (!look.newest) return;
  const std::string what = "instance class";
  const config::RdsCopiesConfig& copies = look.copies();
  const auto options = look.clients.rds.describe_orderable_db_instance_options(
      look.newest->engine, look.newest->engine_version, copies.instance_class);
  if (!look.seen(what, "rds:DescribeOrderableDBInstanceOptions", options)) return;
  const std::string storage_type = !copies.storage_type.empty()            ? copies.storage_type
                                   : look.production.source.rds.is_cluster ? "gp3"
                                                                           : look.newest->storage_type;
  // Aurora has a storage of its own.
  const std::string wanted =
      fmt::format("{}{} for {} {}", printable(copies.instance_class),
                  look.is_aurora() ? std::string() : " with " + printable(storage_type), look.newest->engine,
                  look.newest->engine_version);
  std::set<std::string> storage;
  const aws::OrderableOption* fits = nullptr;
  for (const aws::OrderableOption& option : *options) {
    storage.insert(option.storage_type);
    if (option.storage_type == storage_type || look.is_aurora()) fits = &option;
  }
  if (fits == nullptr) {
    const std::vector<std::string> names(storage.begin(), storage.end());
    return look.failed(what, Code::kConfig,
                       fmt::format("{} cannot be ordered in {}", wanted, look.options.region),
                       names.empty() ? "choose another copies.instance_class: aws rds "
                                       "describe-orderable-db-instance-options lists them"
                                     : fmt::format("with that class there is {}", join(names, ", ")));
  }
  if (look.newest->encrypted && !fits->supports_encryption) {
    return look.failed(
        what, Code::kConfig,
        fmt::format("{} cannot be encrypted, and the snapshot is", printable(copies.instance_class)),
        "choose another copies.instance_class");
  }
  look.fine(what, fmt::format("{}, in {}", wanted, join(fits->availability_zones, ", ")));
}

void check_option_group(PreflightLook& look) {
  const std::string& name = look.copies().option_group;
  if (name.empty()) return;
  const std::string what = "option group";
  const auto found = look.clients.rds.describe_option_group(name);
  if (!look.seen(what, "rds:DescribeOptionGroups", found)) return;
  if (!*found)
    return look.failed(what, Code::kConfig, fmt::format("there is no {}", printable(name)),
                       "aws rds describe-option-groups lists them");
  const aws::OptionGroup& group = **found;
  const std::string text = fmt::format("{} for {} {}", name, group.engine, group.major_version);
  if (look.newest && (group.engine != look.newest->engine ||
                      !look.newest->engine_version.starts_with(group.major_version + "."))) {
    return look.failed(what, Code::kConfig,
                       fmt::format("{}, and the snapshot is of {} {}", text, look.newest->engine,
                                   look.newest->engine_version));
  }
  if (!group.vpc_id.empty() && !look.vpc_id.empty() && group.vpc_id != look.vpc_id)
    return look.failed(what, Code::kConfig, fmt::format("{} is bound to {}", name, group.vpc_id));
  look.fine(what, text);
}

void check_bundle(PreflightLook& look, const std::string& what, const std::string& file) {
  const auto text = os::read_file(file, kBundleMax);
  if (!text.ok()) {
    look.lines.push_back({.what = what, .failed = text.error()});
    return;
  }
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  size_t count = 0;
  for (size_t at = text->find(kBegin); at != std::string::npos; at = text->find(kBegin, at + 1)) ++count;
  if (count == 0) return look.failed(what, Code::kConfig, fmt::format("{} holds no certificate", file));
  look.fine(what, fmt::format("{}: {} certificates", file, count));
}

void check_certificates(PreflightLook& look) {
  const std::string& id = look.copies().ca_certificate;
  if (!id.empty()) {
    const std::string what = "CA certificate";
    const auto found = look.clients.rds.describe_certificate(id);
    if (look.seen(what, "rds:DescribeCertificates", found)) {
      if (!*found) {
        look.failed(what, Code::kConfig, fmt::format("RDS knows no {}", printable(id)),
                    "aws rds describe-certificates lists them");
      } else if ((*found)->valid_until && *(*found)->valid_until <= look.options.now) {
        look.failed(what, Code::kConfig,
                    fmt::format("{} was valid until {}", id, to_iso(*(*found)->valid_until)),
                    "choose a newer one: aws rds describe-certificates lists them");
      } else {
        look.fine(what, id);
      }
    }
  }
  if (look.copies().ca_bundle.empty()) {
    look.failed("CA bundle", Code::kConfig, "none is given: the copy's TLS could not be verified",
                "download https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem, and set "
                "copies.ca_bundle");
  } else {
    check_bundle(look, "CA bundle", look.copies().ca_bundle);
  }
  if (!look.aws.ca_bundle.empty()) check_bundle(look, "CA bundle of AWS's endpoints", look.aws.ca_bundle);
}

void check_bucket(PreflightLook& look) {
  const std::string what = "bucket";
  const std::string& name = look.copies().bucket;
  if (name.empty())
    return look.failed(what, Code::kConfig, "none is given: proofs and evidence have no place",
                       "set copies.bucket");
  const auto state = look.clients.s3.head_bucket(name);
  if (!state.ok()) {
    look.seen(what, "s3:ListBucket", state);
    return;
  }
  look.answered.insert("s3");
  if (*state == aws::BucketState::kNotThere)
    return look.failed(what, Code::kConfig, fmt::format("there is no bucket {}", printable(name)),
                       "the deployment's template makes one");
  if (*state == aws::BucketState::kDenied) {
    return look.failed(what, Code::kConnection, fmt::format("{} is closed to us (HTTP 403)", printable(name)),
                       fmt::format("allow s3:ListBucket in the policy of {}, and check that it is ours",
                                   look.who ? look.who->arn : "who we are"));
  }
  look.proven.insert("s3:ListBucket");
  look.fine(what, fmt::format("{}/{}", name, look.copies().bucket_prefix));
}

void check_service_role(PreflightLook& look) {
  const std::string& arn = look.copies().service_role;
  if (arn.empty()) return;
  const std::string what = "service role";
  const std::vector<std::string> parts = split(arn, ':');
  if (parts.size() != 6 || parts[2] != "iam" || !parts[5].starts_with("role/"))
    return look.failed(what, Code::kConfig, fmt::format("{} is no ARN of a role", printable(arn)));
  if (look.who && parts[4] != look.who->account)
    return look.failed(what, Code::kConfig,
                       fmt::format("{} is of another account than {}", printable(arn), look.who->account),
                       "CloudFormation takes roles of its own account only");
  const std::string name = parts[5].substr(parts[5].rfind('/') + 1);
  const auto role = look.clients.iam.get_role(name);
  if (!role.ok() && aws::is_denial(role.error())) {
    look.note("iam:GetRole", role);
    return look.warn(what, fmt::format("whether {} exists is not shown to us", name),
                     fmt::format("allow iam:GetRole on {} to have it checked", arn), How::kUnknowable);
  }
  if (!look.seen(what, "iam:GetRole", role)) return;
  if (!*role || (*role)->arn != arn)
    return look.failed(what, Code::kConfig, fmt::format("there is no role {}", printable(arn)),
                       "the deployment's template makes it");
  look.fine(what, arn);
}

void check_fargate(PreflightLook& look) {
  if (!look.options.fargate) return;
  const config::FargateConfig& fargate = *look.options.fargate;
  const auto status = look.clients.ecs.describe_cluster(fargate.cluster);
  if (look.seen("Fargate cluster", "ecs:DescribeClusters", status)) {
    if (!*status || **status != "ACTIVE") {
      look.failed(
          "Fargate cluster", Code::kConfig,
          fmt::format("{} is {}", printable(fargate.cluster), *status ? printable(**status) : "not there"));
    } else {
      look.fine("Fargate cluster", fargate.cluster);
    }
  }
  const std::string what = "Fargate task";
  const auto definition = look.clients.ecs.describe_task_definition(fargate.task_definition);
  if (!look.seen(what, "ecs:DescribeTaskDefinition", definition)) return;
  if (!*definition)
    return look.failed(what, Code::kConfig,
                       fmt::format("there is no {}", printable(fargate.task_definition)));
  const aws::TaskDefinition& found = **definition;
  if (!found.is_for_fargate)
    return look.failed(what, Code::kConfig, fmt::format("{} does not run on Fargate", found.arn));
  if (std::find(found.containers.begin(), found.containers.end(), fargate.container) ==
      found.containers.end()) {
    return look.failed(what, Code::kConfig,
                       fmt::format("{} has no container {}", found.arn, printable(fargate.container)),
                       fmt::format("it has {}", join(found.containers, ", ")));
  }
  look.fine(what, fmt::format("{}, {} MiB", found.arn, found.memory_mib));
}

}  // namespace

void check_place(PreflightLook& look) {
  check_engine(look);
  check_extended_support(look);
  check_class(look);
  check_option_group(look);
  check_certificates(look);
  check_bucket(look);
  check_service_role(look);
  check_fargate(look);
}

}  // namespace ytb::rds
