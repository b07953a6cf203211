#include "lambda/original_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/text.h"
#include "config/aws_text.h"
#include "config/digest.h"

namespace ytb::lambda {
namespace {

constexpr size_t kProductionNameMax = 40;
constexpr size_t kHashDigits = 8;
constexpr size_t kReasonMin = 10;
constexpr size_t kLabelMax = 63;
constexpr int64_t kTtlMaxS = 86'400;
constexpr int64_t kSparesMax = 100;
constexpr int64_t kVolumeMax = 1'000'000;  // RDS says what it takes

Error wrong(std::string message, std::string hint) {
  return Error{.code = Code::kConfig, .message = std::move(message), .hint = std::move(hint)};
}

class Reader {
 public:
  explicit Reader(const Environment& environment) : environment_(environment) {}

  // "" where it is not set.
  [[nodiscard]] std::string text(const std::string& variable) const {
    return std::string(trim(environment_(variable).value_or("")));
  }
  [[nodiscard]] std::string text_or(const std::string& variable, std::string_view fallback) const {
    std::string value = text(variable);
    return value.empty() ? std::string(fallback) : value;
  }
  [[nodiscard]] Result<std::string> needed(const std::string& variable, std::string_view what) const {
    std::string value = text(variable);
    if (!value.empty()) return value;
    return wrong(
        fmt::format("{} is not set: {}", variable, what),
        fmt::format("set {} in the function's environment; the deployment's template does", variable));
  }
  [[nodiscard]] std::vector<std::string> list(const std::string& variable) const {
    std::vector<std::string> parts;
    for (const std::string& part : split(text(variable), ',')) {
      if (!trim(part).empty()) parts.emplace_back(trim(part));
    }
    return parts;
  }
  [[nodiscard]] Result<int64_t> number(const std::string& variable, int64_t fallback, int64_t least,
                                       int64_t most) const {
    std::string value = text(variable);
    if (value.empty()) return fallback;
    int64_t number = 0;
    const char* end = value.data() + value.size();
    auto [stopped, error] = std::from_chars(value.data(), end, number);
    if (error == std::errc{} && stopped == end && number >= least && number <= most) return number;
    return wrong(fmt::format("{} is '{}'", variable, printable(value)),
                 fmt::format("a whole number from {} to {}", least, most));
  }
  [[nodiscard]] Result<bool> flag(const std::string& variable, bool otherwise = false) const {
    std::string value = to_lower_ascii(text(variable));
    if (value.empty()) return otherwise;
    if (value == "no" || value == "false" || value == "0") return false;
    if (value == "yes" || value == "true" || value == "1") return true;
    return wrong(fmt::format("{} is '{}'", variable, printable(value)), "yes or no");
  }
  // The value is never repeated: it may be the secret itself, put there by mistake.
  [[nodiscard]] Result<model::SecretRef> secret(const std::string& variable) const {
    using Kind = model::SecretRef::Kind;
    struct Form {
      std::string_view prefix;
      Kind kind;
    };
    constexpr std::array kForms{Form{"secretsmanager:", Kind::kSecretsManager},
                                Form{"ssm:", Kind::kParameterStore}, Form{"file:", Kind::kFile},
                                Form{"env:", Kind::kEnvironment}};
    std::string value = text(variable);
    if (value.empty()) return model::SecretRef{};
    for (const Form& form : kForms) {
      if (value.starts_with(form.prefix) && value.size() > form.prefix.size()) {
        return model::SecretRef{.kind = form.kind, .locator = value.substr(form.prefix.size())};
      }
    }
    return wrong(fmt::format("{} does not say where the secret is kept", variable),
                 "secretsmanager:NAME, ssm:NAME, file:/path or env:VARIABLE; never the secret itself");
  }
  [[nodiscard]] Result<std::optional<Duration>> duration(const std::string& variable) const {
    std::string value = text(variable);
    if (value.empty()) return std::optional<Duration>();
    Result<Duration> parsed = parse_duration(value);
    if (parsed.ok()) return std::optional<Duration>(*parsed);
    return std::move(parsed).error().while_doing(variable);
  }

 private:
  const Environment& environment_;
};

// What the environment says is a template's, too.
Status right_texts(const Reader& reader) {
  using config::AwsText;
  struct Text {
    std::string variable;
    AwsText kind;
  };
  const std::array texts{Text{"YTB_INSTANCE_CLASS", AwsText::kClass},
                         Text{"YTB_STORAGE_TYPE", AwsText::kStorageType},
                         Text{"YTB_SERVICE_ROLE", AwsText::kNameOrArn},
                         Text{"YTB_BUCKET", AwsText::kName},
                         Text{"YTB_BUCKET_PREFIX", AwsText::kPrefix},
                         Text{"YTB_KMS_KEY", AwsText::kKey},
                         Text{"YTB_ZONE_ID", AwsText::kName},
                         Text{"YTB_ALIAS_NAME", AwsText::kName},
                         Text{"YTB_FARGATE_CLUSTER", AwsText::kNameOrArn},
                         Text{"YTB_FARGATE_TASK_DEFINITION", AwsText::kNameOrArn},
                         Text{"YTB_FARGATE_CONTAINER", AwsText::kName}};
  auto check = [](const std::string& variable, AwsText kind, const std::string& value) -> Status {
    std::optional<std::string> wrong_is = config::wrong_with_aws(kind, value);
    if (!wrong_is) return {};
    return wrong(fmt::format("{} is '{}'", variable, printable(value)),
                 fmt::format("{} {}", variable, *wrong_is));
  };
  for (const Text& text : texts) YTB_TRY(check(text.variable, text.kind, reader.text(text.variable)));
  for (const char* variable : {"YTB_QUARANTINE_GROUP", "YTB_FARGATE_SECURITY_GROUPS"}) {
    for (const std::string& group : reader.list(variable))
      YTB_TRY(check(variable, AwsText::kSecurityGroup, group));
  }
  for (const std::string& account : reader.list("YTB_SNAPSHOT_OWNERS"))
    YTB_TRY(check("YTB_SNAPSHOT_OWNERS", AwsText::kAccount, account));
  for (const std::string& subnet : reader.list("YTB_FARGATE_SUBNETS"))
    YTB_TRY(check("YTB_FARGATE_SUBNETS", AwsText::kName, subnet));
  return {};
}

Result<config::RdsCopiesConfig> copies_of(const OriginalConfig& original, const Reader& reader) {
  config::RdsCopiesConfig copies;
  copies.subnet_group = original.subnet_group;
  copies.staging_groups = {original.security_group};
  YTB_ASSIGN(std::string unused,
             reader.needed("YTB_QUARANTINE_GROUP", "a closed copy must be out of everybody's reach"));
  copies.quarantine_groups = reader.list("YTB_QUARANTINE_GROUP");
  for (const std::string& group : copies.quarantine_groups) {
    if (group != original.security_group) continue;
    return wrong(fmt::format("YTB_QUARANTINE_GROUP names {}, which is staging's own group", printable(group)),
                 "a closed copy holds raw data: give it a group that only the worker can reach");
  }
  copies.instance_class = reader.text_or("YTB_INSTANCE_CLASS", copies.instance_class);
  copies.storage_type = reader.text_or("YTB_STORAGE_TYPE", copies.storage_type);
  YTB_ASSIGN(copies.iops, reader.number("YTB_IOPS", 0, 1, kVolumeMax));
  YTB_ASSIGN(copies.storage_throughput, reader.number("YTB_STORAGE_THROUGHPUT", 0, 1, kVolumeMax));
  YTB_ASSIGN(copies.storage_gb, reader.number("YTB_STORAGE_GB", 0, 1, kVolumeMax));
  YTB_ASSIGN(copies.extended_support, reader.flag("YTB_EXTENDED_SUPPORT", true));
  copies.ca_bundle = reader.text("YTB_CA_BUNDLE");
  copies.service_role = reader.text("YTB_SERVICE_ROLE");
  YTB_ASSIGN(copies.bucket, reader.needed("YTB_BUCKET", "evidence and proofs are kept there"));
  copies.bucket_prefix = reader.text_or("YTB_BUCKET_PREFIX", copies.bucket_prefix);
  return copies;
}

Result<config::Route53AliasConfig> alias_of(const OriginalConfig& original, const Reader& reader) {
  config::Route53AliasConfig alias;
  alias.domain = original.domain;
  std::string label = fmt::format("{}-yesterday", to_lower_ascii(original.db_name));
  alias.name = reader.text_or("YTB_ALIAS_NAME", fmt::format("{}.{}", label, original.domain));
  if (reader.text("YTB_ALIAS_NAME").empty() && label.size() > kLabelMax) {
    return wrong(fmt::format("'{}' is longer than a name in DNS may be ({} characters)", label, kLabelMax),
                 "give the record another name with YTB_ALIAS_NAME");
  }
  YTB_ASSIGN(alias.ttl_s, reader.number("YTB_ALIAS_TTL", kOriginalTtlS, 1, kTtlMaxS));
  alias.seen_from = reader.text_or("YTB_SEEN_FROM", alias.seen_from);
  // The id says it all: by its name a public zone and a private one are two.
  alias.zone_id = reader.text("YTB_ZONE_ID");
  if (!alias.zone_id.empty()) alias.domain.clear();
  return alias;
}

Result<config::MaskingConfig> masking_of(const Reader& reader) {
  config::MaskingConfig masking;
  masking.none_reason = reader.text("YTB_MASKING_NONE");
  masking.policy_file = reader.text("YTB_POLICY");
  if (!masking.none_reason.empty()) {
    if (!masking.policy_file.empty()) {
      return wrong("both YTB_POLICY and YTB_MASKING_NONE are set", "unset the one that does not hold");
    }
    if (masking.none_reason.size() < kReasonMin) {
      return wrong("YTB_MASKING_NONE is no reason",
                   "write down why staging may see production's data as it is");
    }
    return masking;
  }
  if (masking.policy_file.empty()) return masking;
  if (masking.policy_file.front() != '/' && !config::is_remote(masking.policy_file)) {
    return wrong(fmt::format("YTB_POLICY is '{}'", printable(masking.policy_file)),
                 "an absolute path, s3://bucket/key or ssm:name");
  }
  std::string stem = masking.policy_file;
  if (size_t dot = stem.rfind('.'); dot != std::string::npos && stem.find('/', dot) == std::string::npos) {
    stem.resize(dot);
  }
  masking.lock_file = reader.text_or("YTB_POLICY_LOCK", stem + ".lock");
  YTB_ASSIGN(std::string unused, reader.needed("YTB_MASKING_KEY", "pseudonyms are made with it"));
  YTB_ASSIGN(masking.key, reader.secret("YTB_MASKING_KEY"));
  return masking;
}

Result<std::vector<model::AccessRole>> access_of(const Reader& reader) {
  std::vector<model::AccessRole> access;
  model::AccessRole role;
  role.name = reader.text("YTB_ACCESS_ROLE");
  if (role.name.empty()) return access;
  YTB_ASSIGN(std::string unused,
             reader.needed("YTB_ACCESS_PASSWORD", fmt::format("'{}' logs in with it", role.name)));
  YTB_ASSIGN(role.password, reader.secret("YTB_ACCESS_PASSWORD"));
  role.member_of = reader.list("YTB_ACCESS_MEMBER_OF");
  YTB_ASSIGN(role.existing, reader.flag("YTB_ACCESS_EXISTING"));
  role.from = {"0.0.0.0/0", "::/0"};  // from where is what the security groups say
  access.push_back(std::move(role));
  return access;
}

Result<std::optional<config::FargateConfig>> fargate_of(const Reader& reader) {
  config::FargateConfig fargate;
  fargate.cluster = reader.text("YTB_FARGATE_CLUSTER");
  fargate.task_definition = reader.text("YTB_FARGATE_TASK_DEFINITION");
  fargate.subnets = reader.list("YTB_FARGATE_SUBNETS");
  fargate.security_groups = reader.list("YTB_FARGATE_SECURITY_GROUPS");
  fargate.container = reader.text_or("YTB_FARGATE_CONTAINER", fargate.container);
  YTB_ASSIGN(fargate.public_ip, reader.flag("YTB_FARGATE_PUBLIC_IP"));
  std::vector<std::string> missing;
  if (fargate.cluster.empty()) missing.emplace_back("YTB_FARGATE_CLUSTER");
  if (fargate.task_definition.empty()) missing.emplace_back("YTB_FARGATE_TASK_DEFINITION");
  if (fargate.subnets.empty()) missing.emplace_back("YTB_FARGATE_SUBNETS");
  if (fargate.security_groups.empty()) missing.emplace_back("YTB_FARGATE_SECURITY_GROUPS");
  constexpr size_t kAll = 4;
  if (missing.size() == kAll) return std::optional<config::FargateConfig>();
  if (!missing.empty()) {
    return wrong(fmt::format("the Fargate worker is half configured: {} not set", join(missing, ", ")),
                 "set all four, or none");
  }
  return std::optional(std::move(fargate));
}

}  // namespace

model::ProductionName production_of(std::string_view db_name) {
  std::string name = to_lower_ascii(db_name);
  if (name.size() <= kProductionNameMax) return model::ProductionName(name);
  std::string hash = config::digest_of(name).substr(0, kHashDigits);
  name.resize(kProductionNameMax - kHashDigits - 1);
  return model::ProductionName(fmt::format("{}-{}", name, hash));
}

Result<Setup> setup_from_original(const OriginalConfig& original, const Environment& environment) {
  Reader reader(environment);
  YTB_TRY(right_texts(reader));
  config::ProductionConfig production;
  production.name = production_of(original.db_name);
  production.source.kind = "rds";
  production.source.rds.id = original.db_name;
  production.source.rds.kms_key = reader.text("YTB_KMS_KEY");
  production.source.rds.owners = reader.list("YTB_SNAPSHOT_OWNERS");
  production.copies.kind = "rds";
  YTB_ASSIGN(production.copies.rds, copies_of(original, reader));
  production.alias.kind = "route53";
  YTB_ASSIGN(production.alias.route53, alias_of(original, reader));
  YTB_ASSIGN(production.masking, masking_of(reader));
  YTB_ASSIGN(production.fargate, fargate_of(reader));
  YTB_ASSIGN(production.access, access_of(reader));
  YTB_ASSIGN(std::optional<Duration> drain, reader.duration("YTB_DRAIN"));
  production.drain = std::max(drain.value_or(production.drain),
                              Duration(std::chrono::seconds(production.alias.route53.ttl_s)));
  YTB_ASSIGN(int64_t spares, reader.number("YTB_SPARE_COPIES", 0, 0, kSparesMax));
  production.spare_copies = static_cast<int>(spares);
  YTB_ASSIGN(production.max_age, reader.duration("YTB_MAX_AGE"));

  Setup setup;
  if (production.source.rds.owners.empty() && !production.source.rds.kms_key.empty()) {
    setup.remarks.emplace_back(
        "no shared snapshot counts: YTB_SNAPSHOT_OWNERS names no account that may share them");
  }
  if (production.access.empty()) {
    setup.remarks.emplace_back(
        "nobody can log in to a copy: YTB_ACCESS_ROLE and YTB_ACCESS_PASSWORD are not set");
  }
  YTB_ASSIGN(std::string unused, reader.needed("YTB_SIGNING_KEY", "proofs are signed with it"));
  auto config = std::make_shared<config::Config>();
  YTB_ASSIGN(config->signing_key, reader.secret("YTB_SIGNING_KEY"));
  config->file = "the original's config";
  config->state_directory = "/tmp/yesterdaytabase";  // what a function has; nothing of ours needs it to last
  config->productions.push_back(std::move(production));
  setup.config = std::move(config);
  return setup;
}

}  // namespace ytb::lambda
