#include "app_aws.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/text.h"
#include "drivers/aws/caller.h"
#include "drivers/aws/cloudformation.h"
#include "drivers/aws/credentials.h"
#include "drivers/aws/endpoints.h"
#include "drivers/aws/environment.h"
#include "drivers/aws/rds.h"
#include "drivers/aws/route53.h"
#include "drivers/aws/s3.h"
#include "drivers/aws/sts.h"
#include "drivers/aws/vault.h"
#include "drivers/dns/cname_lookup.h"
#include "drivers/http/curl_client.h"
#include "drivers/os/files.h"
#include "drivers/postgres/engine.h"
#include "drivers/postgres/rds_access.h"
#include "drivers/rds/snapshot_source.h"
#include "drivers/rds/stack_host.h"
#include "drivers/rds/stack_names.h"
#include "drivers/route53/route53_alias.h"
#include "refresh/inputs.h"
#include "refresh/local_vault.h"

namespace ytb {

class AwsSession {
 public:
  AwsSession(const config::AwsConfig& aws, aws::EndpointOptions endpoints, Clock& clock, const StopFlag& stop)
      : transport_(http::CurlOptions{.ca_file = aws.ca_bundle}),
        credentials_(aws::default_chain({.transport = transport_,
                                         .clock = clock,
                                         .environment = aws::process_environment(),
                                         .endpoints = endpoints,
                                         .profile = aws.profile,
                                         .stop = &stop})),
        caller_(transport_, *credentials_, clock, std::move(endpoints), {.stop = &stop}) {}

  [[nodiscard]] aws::Caller& caller() { return caller_; }
  [[nodiscard]] const std::string& region() const { return caller_.endpoints().region; }

 private:
  http::CurlClient transport_;
  std::unique_ptr<aws::CredentialChain> credentials_;
  aws::Caller caller_;
};

namespace {

bool same(const config::AwsConfig& a, const config::AwsConfig& b) {
  return a.region == b.region && a.profile == b.profile && a.endpoint_url == b.endpoint_url &&
         a.ca_bundle == b.ca_bundle;
}

// The clients of one production; the drivers refer to them.
struct AwsParts {
  explicit AwsParts(aws::Caller& caller) : rds(caller), stacks(caller), s3(caller), route53(caller) {}
  aws::Rds rds;
  aws::CloudFormation stacks;
  aws::S3 s3;
  aws::Route53 route53;
  postgres::RdsDoor door;
};

// The copy whose instance or cluster has this name; none: it is nobody's of this production.
std::optional<model::CopyId> copy_named(const model::ProductionName& production, const std::string& name) {
  const std::string prefix = rds::name_prefix(production);
  if (!name.starts_with(prefix)) return std::nullopt;
  const std::string id = production.str() + "-yesterday-" + name.substr(prefix.size());
  if (!model::is_copy_name(production, id)) return std::nullopt;
  return model::CopyId(id);
}

using EndpointMap = std::map<model::CopyId, route53::Endpoint>;

Result<EndpointMap> endpoints_of_instances(aws::Rds& rds, const model::ProductionName& production) {
  EndpointMap found;
  YTB_TRY(rds.describe_db_instances([&](const aws::DbInstance& instance) -> Status {
    std::optional<model::CopyId> copy = copy_named(production, instance.id);
    if (copy && instance.endpoint) {
      found[*copy] = {.address = instance.endpoint->address,
                      .port = static_cast<uint16_t>(instance.endpoint->port)};
    }
    return {};
  }));
  return found;
}

Result<EndpointMap> endpoints_of_clusters(aws::Rds& rds, const model::ProductionName& production) {
  EndpointMap found;
  YTB_TRY(rds.describe_db_clusters([&](const aws::DbCluster& cluster) -> Status {
    std::optional<model::CopyId> copy = copy_named(production, cluster.id);
    if (copy && !cluster.endpoint.empty())
      found[*copy] = {.address = cluster.endpoint, .port = static_cast<uint16_t>(cluster.port)};
    return {};
  }));
  return found;
}

route53::Endpoints endpoints_for(aws::Rds& rds, const config::ProductionConfig& production) {
  const bool aurora = production.copies.kind == "aurora";
  return [&rds, aurora, name = production.name] {
    return aurora ? endpoints_of_clusters(rds, name) : endpoints_of_instances(rds, name);
  };
}

route53::Resolver resolver_for(const std::string& seen_from) {
  if (seen_from == "none") return {};
  // Both ask whom this machine asks: within the VPC that is Amazon's resolver, elsewhere a public one.
  const std::string server = seen_from == "public" || seen_from == "vpc" ? std::string() : seen_from;
  return [server](const std::string& name) { return dns::look_up_cname(name, server); };
}

route53::AliasOptions alias_options(const config::ProductionConfig& production) {
  const config::Route53AliasConfig& alias = production.alias.route53;
  return {.production = production.name,
          .zone_id = alias.zone_id,
          .domain = alias.domain,
          .name = alias.name,
          .user = production.access.size() == 1 ? production.access.front().name : std::string(),
          .copy_prefix = rds::name_prefix(production.name),
          .ttl_s = alias.ttl_s};
}

Result<rds::StackOptions> host_options(const config::Config& config,
                                       const config::ProductionConfig& production,
                                       const Secret& signing_key) {
  YTB_ASSIGN(std::string public_key, model::public_key_of(signing_key));
  YTB_ASSIGN(Secret master_seed, refresh::derive_secret(signing_key, "rds-copy"));
  const std::string spool = os::join_path(config.state_directory, "spool");
  return rds::StackOptions{.production = production.name,
                           .kind = production.copies.kind == "aurora" ? rds::Kind::kAurora : rds::Kind::kRds,
                           .copies = production.copies.rds,
                           .kms_key = production.source.rds.kms_key,
                           .spool_directory = std::filesystem::absolute(spool).lexically_normal().string(),
                           .public_key = std::move(public_key),
                           .master_seed = std::move(master_seed),
                           .protected_names = refresh::protected_names(config)};
}

rds::StackServices host_services(const AwsWiring& wiring, AwsParts& parts) {
  return {.rds = parts.rds,
          .stacks = parts.stacks,
          .s3 = parts.s3,
          .door = parts.door,
          .clock = wiring.clock,
          .stop = wiring.stop};
}

}  // namespace

AwsSessions::AwsSessions(Clock& clock, const StopFlag& stop) : clock_(clock), stop_(stop) {}
AwsSessions::~AwsSessions() = default;

Result<AwsSession*> AwsSessions::get(const config::AwsConfig& aws) {
  std::scoped_lock lock(mutex_);
  for (const auto& [made_for, session] : sessions_) {
    if (same(made_for, aws)) return session.get();
  }
  const aws::Environment environment = aws::process_environment();
  YTB_ASSIGN(aws::ProfileSettings profile, aws::profile_settings(aws.profile, environment));
  aws::EndpointOptions endpoints{.region = {}, .url = aws.endpoint_url};
  YTB_ASSIGN(endpoints.region, aws::resolve_region(aws.region, environment, profile.region));
  endpoints = aws::with_environment(std::move(endpoints), environment, profile.endpoint_url);
  sessions_.emplace_back(aws, std::make_unique<AwsSession>(aws, std::move(endpoints), clock_, stop_));
  return sessions_.back().second.get();
}

Result<aws::Caller*> caller_of(AwsSessions& sessions, const config::AwsConfig& aws) {
  YTB_ASSIGN(AwsSession * session, sessions.get(aws));
  return &session->caller();
}

std::unique_ptr<ports::Vault> open_aws_vault(AwsSessions& sessions, const config::AwsConfig& aws) {
  return std::make_unique<aws::AwsVault>([&sessions, aws] { return caller_of(sessions, aws); },
                                         std::make_unique<refresh::LocalVault>());
}

Status add_aws_drivers(const AwsWiring& wiring, const config::Config& config,
                       const config::ProductionConfig& production, const Secret& signing_key,
                       refresh::Drivers& drivers) {
  YTB_ASSIGN(AwsSession * session, wiring.sessions.get(config.aws));
  auto parts = std::make_shared<AwsParts>(session->caller());
  drivers.source = std::make_unique<rds::RdsSnapshotSource>(
      parts->rds, rds::SourceOptions{.aurora = production.source.kind == "aurora",
                                     .source_id = production.source.rds.id,
                                     .resource_id = production.source.rds.resource_id,
                                     .include_shared = production.source.rds.include_shared,
                                     .copies_shared = !production.source.rds.kms_key.empty()});
  YTB_ASSIGN(rds::StackOptions options, host_options(config, production, signing_key));
  drivers.host = std::make_unique<rds::StackHost>(std::move(options), host_services(wiring, *parts));
  drivers.engine = std::make_unique<postgres::PostgresEngine>(postgres::Profile::kRds);
  drivers.alias = std::make_unique<route53::Route53Alias>(
      parts->route53, alias_options(production), endpoints_for(parts->rds, production),
      resolver_for(production.alias.route53.seen_from), wiring.clock);
  drivers.kept = std::move(parts);
  return {};
}

// ----------------------------------------------------------------------------------------------- check:

namespace {

constexpr size_t kBundleSizeMax = 4 << 20;

void add(std::vector<cli::CheckLine>& lines, std::string what, Status status, std::string detail) {
  cli::CheckLine line{.what = std::move(what), .failed = std::nullopt, .detail = std::move(detail)};
  if (!status.ok()) line.failed = std::move(status).error();
  lines.push_back(std::move(line));
}

Status check_bundle(const std::string& file) {
  YTB_ASSIGN(std::string text, os::read_file(file, kBundleSizeMax));
  if (text.find("-----BEGIN CERTIFICATE-----") != std::string::npos) return {};
  return Error{.code = Code::kConfig,
               .message = fmt::format("{} holds no certificate", printable(file)),
               .hint = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem is RDS's own"};
}

Status check_options(const AwsWiring& wiring, const config::Config& config,
                     const config::ProductionConfig& production, AwsParts& parts) {
  YTB_ASSIGN(refresh::StateDirectory state, refresh::StateDirectory::open(config.state_directory));
  std::unique_ptr<ports::Vault> vault = open_aws_vault(wiring.sessions, config.aws);
  YTB_ASSIGN(Secret signing_key, refresh::signing_key(config, state, *vault));
  YTB_ASSIGN(rds::StackOptions options, host_options(config, production, signing_key));
  return rds::StackHost(std::move(options), host_services(wiring, parts)).check_options();
}

// That a client where `seen_from` says can see names of the zone at all. A zone that is not found is the line
// of the alias.
std::optional<Error> blind(aws::Route53& route53, const config::Route53AliasConfig& alias) {
  if (alias.seen_from != "public" && alias.seen_from != "vpc") return std::nullopt;
  std::vector<aws::HostedZone> zones;
  if (!alias.zone_id.empty()) {
    auto found = route53.get_hosted_zone(alias.zone_id);
    if (!found.ok()) return found.error();
    if (*found) zones.push_back(**found);
  } else {
    auto found = route53.list_hosted_zones_by_name(alias.domain);
    if (!found.ok()) return found.error();
    zones = std::move(*found);
  }
  if (zones.size() != 1 || zones.front().is_private == (alias.seen_from == "vpc")) return std::nullopt;
  const bool is_private = zones.front().is_private;
  return Error{.code = Code::kConfig,
               .message = fmt::format("the zone {} is {}, and seen_from is {}", zones.front().id,
                                      is_private ? "private" : "public", alias.seen_from),
               .hint = is_private ? "seen_from: vpc where this runs within the VPC, else seen_from: none"
                                  : "seen_from: public, or the address of the resolver that staging asks"};
}

}  // namespace

std::vector<cli::CheckLine> check_aws_place(const AwsWiring& wiring, const config::Config& config,
                                            const config::ProductionConfig& production) {
  std::vector<cli::CheckLine> lines;
  Result<AwsSession*> session = wiring.sessions.get(config.aws);
  if (!session.ok()) {
    add(lines, "AWS", session.error(), "");
    return lines;
  }
  auto identity = aws::Sts((*session)->caller()).get_caller_identity();
  add(lines, "AWS", identity.ok() ? Status() : Status(identity.error()),
      identity.ok() ? fmt::format("{}, region {}", identity->arn, (*session)->region()) : "");
  if (!identity.ok()) return lines;  // the rest would only say so again
  AwsParts parts((*session)->caller());
  add(lines, "settings of copies", check_options(wiring, config, production, parts),
      production.copies.rds.instance_class);
  const std::string& bundle = production.copies.rds.ca_bundle;
  add(lines, "certificates of RDS", check_bundle(bundle), bundle);
  std::optional<Error> cannot_see = blind(parts.route53, production.alias.route53);
  add(lines, "seen from", cannot_see ? Status(*cannot_see) : Status(), production.alias.route53.seen_from);
  return lines;
}

}  // namespace ytb
