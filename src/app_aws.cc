#include "app_aws.h"

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "app_aws_parts.h"
#include "drivers/aws/vault.h"
#include "drivers/dns/cname_lookup.h"
#include "drivers/os/files.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/engine.h"
#include "drivers/rds/snapshot_source.h"
#include "drivers/rds/stack_args.h"
#include "drivers/rds/stack_names.h"
#include "refresh/inputs.h"
#include "refresh/local_vault.h"

namespace ytb {

namespace {

// Of ticks with nothing to do, which need the key that proofs are verified with. All else reads anew, and a
// function's process rarely lives longer.
constexpr Duration kQuietSecrets = std::chrono::hours(24);

bool same(const config::AwsConfig& a, const config::AwsConfig& b) {
  return a.region == b.region && a.profile == b.profile && a.endpoint_url == b.endpoint_url &&
         a.ca_bundle == b.ca_bundle;
}

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
  YTB_TRY(
      rds.describe_db_instances(rds::name_prefix(production), [&](const aws::DbInstance& instance) -> Status {
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
  YTB_TRY(
      rds.describe_db_clusters(rds::name_prefix(production), [&](const aws::DbCluster& cluster) -> Status {
        std::optional<model::CopyId> copy = copy_named(production, cluster.id);
        if (copy && !cluster.endpoint.empty())
          found[*copy] = {.address = cluster.endpoint, .port = static_cast<uint16_t>(cluster.port)};
        return {};
      }));
  return found;
}

}  // namespace

route53::Endpoints endpoints_for(aws::Rds& rds, const config::ProductionConfig& production) {
  const bool aurora = production.copies.kind == "aurora";
  return [&rds, aurora, name = production.name] {
    return aurora ? endpoints_of_clusters(rds, name) : endpoints_of_instances(rds, name);
  };
}

namespace {

route53::Resolver resolver_for(const std::string& seen_from) {
  if (seen_from == "none") return {};
  // Both ask whom this machine asks: within the VPC that is Amazon's resolver, elsewhere a public one.
  const std::string server = seen_from == "public" || seen_from == "vpc" ? std::string() : seen_from;
  return [server](const std::string& name) { return dns::look_up_cname(name, server); };
}

route53::AliasOptions alias_options(const config::ProductionConfig& production,
                                    std::function<Result<std::vector<std::string>>()> adopted_targets,
                                    ports::Patience patience) {
  const config::Route53AliasConfig& alias = production.alias.route53;
  return {.production = production.name,
          .zone_id = alias.zone_id,
          .domain = alias.domain,
          .name = alias.name,
          .user = production.access.size() == 1 ? production.access.front().name : std::string(),
          .dbname = postgres::database_of(production.source.connection),
          .copy_prefix = rds::name_prefix(production.name),
          .ttl_s = alias.ttl_s,
          .adopted_targets = std::move(adopted_targets),
          .patience = patience};
}

// A look at the copies and one at the name come together: what the first saw need not be asked for again.
route53::Endpoints as_just_seen(rds::StackHost& host, route53::Endpoints ask) {
  return [&host, ask = std::move(ask)]() -> Result<EndpointMap> {
    std::optional<rds::StackHost::Endpoints> seen = host.take_endpoints();
    if (!seen) return ask();
    EndpointMap found;
    for (auto& [copy, endpoint] : *seen)
      found[copy] = {.address = std::move(endpoint.address), .port = static_cast<uint16_t>(endpoint.port)};
    return found;
  };
}

}  // namespace

Result<rds::StackOptions> host_options(const config::Config& config,
                                       const config::ProductionConfig& production,
                                       const Secret& signing_key) {
  YTB_ASSIGN(std::string public_key, model::public_key_of(signing_key));
  YTB_ASSIGN(Secret master_seed, refresh::derive_secret(signing_key, "rds-copy"));
  const std::string spool = os::join_path(config.state_directory, "spool");
  return rds::StackOptions{.production = production.name,
                           .kind = production.copies.kind == "aurora" ? rds::Kind::kAurora : rds::Kind::kRds,
                           .from_multi_az_cluster = production.source.rds.is_cluster,
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
          .stop = wiring.stop,
          .patience = wiring.patience};
}

AwsSessions::AwsSessions(Clock& clock, const StopFlag& stop) : clock_(clock), stop_(stop) {}
AwsSessions::~AwsSessions() = default;

AwsSession* AwsSessions::find(const config::AwsConfig& aws, const std::string& role) const {
  for (const Made& made : sessions_) {
    if (same(made.aws, aws) && made.role == role) return made.session.get();
  }
  return nullptr;
}

Result<AwsSession*> AwsSessions::own(const config::AwsConfig& aws) {
  if (AwsSession* made = find(aws, {})) return made;
  const aws::Environment environment = aws::process_environment();
  YTB_ASSIGN(aws::ProfileSettings profile, aws::profile_settings(aws.profile, environment));
  aws::EndpointOptions endpoints{.region = {}, .url = aws.endpoint_url};
  YTB_ASSIGN(endpoints.region, aws::resolve_region(aws.region, environment, profile.region));
  endpoints = aws::with_environment(std::move(endpoints), environment, profile.endpoint_url);
  sessions_.push_back({.aws = aws,
                       .role = {},
                       .session = std::make_unique<AwsSession>(aws, std::move(endpoints), clock_, stop_)});
  return sessions_.back().session.get();
}

Result<AwsSession*> AwsSessions::get(const config::AwsConfig& aws, const std::string& role) {
  std::scoped_lock lock(mutex_);
  YTB_ASSIGN(AwsSession * ours, own(aws));
  if (role.empty() || !assumes_) return ours;
  if (AwsSession* made = find(aws, role)) return made;
  sessions_.push_back(
      {.aws = aws,
       .role = role,
       .session = std::make_unique<AwsSession>(aws, std::as_const(*ours), role, clock_, stop_)});
  return sessions_.back().session.get();
}

Result<aws::Caller*> caller_of(AwsSessions& sessions, const config::AwsConfig& aws, const std::string& role) {
  YTB_ASSIGN(AwsSession * session, sessions.get(aws, role));
  return &session->caller();
}

namespace {

// Asks for one secret only once in a while.
class RememberingVault final : public ports::Vault {
 public:
  RememberingVault(AwsSessions& sessions, std::unique_ptr<ports::Vault> inner, model::SecretRef remembered)
      : sessions_(sessions), inner_(std::move(inner)), remembered_(std::move(remembered)) {}
  Result<Secret> secret(const model::SecretRef& reference) override {
    if (remembered_.empty() || reference.kind != remembered_.kind || reference.locator != remembered_.locator)
      return inner_->secret(reference);
    std::optional<Secret> known = sessions_.remembered(reference);
    if (known) return *std::move(known);
    YTB_ASSIGN(Secret secret, inner_->secret(reference));
    sessions_.remember(reference, secret);
    return secret;
  }
  Result<std::optional<std::string>> text(const std::string& place, size_t size_max) override {
    return inner_->text(place, size_max);
  }

 private:
  AwsSessions& sessions_;
  std::unique_ptr<ports::Vault> inner_;
  model::SecretRef remembered_;
};

}  // namespace

void AwsSessions::remember_secrets(Duration longest) { remembers_ = longest; }

void AwsSessions::forget_secrets() {
  std::scoped_lock lock(mutex_);
  secrets_.clear();
}

std::optional<Secret> AwsSessions::remembered(const model::SecretRef& reference) {
  std::scoped_lock lock(mutex_);
  auto found = secrets_.find({static_cast<int>(reference.kind), reference.locator});
  if (found == secrets_.end() || clock_.now() - found->second.at >= remembers_) return std::nullopt;
  return found->second.secret.clone();
}

void AwsSessions::remember(const model::SecretRef& reference, const Secret& secret) {
  if (remembers_ <= Duration::zero()) return;
  std::scoped_lock lock(mutex_);
  if (secrets_.size() >= kSecretsMax) secrets_.clear();
  secrets_.insert_or_assign({static_cast<int>(reference.kind), reference.locator},
                            Remembered{.secret = secret.clone(), .at = clock_.now()});
}

std::unique_ptr<ports::Vault> open_aws_vault(AwsSessions& sessions, const config::AwsConfig& aws,
                                             const std::string& role, const model::SecretRef& remembered) {
  return std::make_unique<RememberingVault>(
      sessions,
      std::make_unique<aws::AwsVault>([&sessions, aws, role] { return caller_of(sessions, aws, role); },
                                      std::make_unique<refresh::LocalVault>()),
      remembered);
}

Status add_aws_drivers(const AwsWiring& wiring, const config::Config& config,
                       const config::ProductionConfig& production, const Secret& signing_key,
                       refresh::Drivers& drivers) {
  YTB_ASSIGN(AwsSession * session, wiring.sessions.get(config.aws, production.role));
  auto parts = std::make_shared<AwsParts>(session->caller());
  drivers.source = std::make_unique<rds::RdsSnapshotSource>(
      parts->rds, rds::SourceOptions{.aurora = production.source.kind == "aurora",
                                     .multi_az_cluster = production.source.rds.is_cluster,
                                     .source_id = production.source.rds.id,
                                     .resource_id = production.source.rds.resource_id,
                                     .owners = production.source.rds.owners,
                                     .selection = production.source.rds.snapshots,
                                     .copies_shared = !production.source.rds.kms_key.empty(),
                                     .extended_support = production.copies.rds.extended_support,
                                     .clock = &wiring.clock});
  YTB_ASSIGN(rds::StackOptions options, host_options(config, production, signing_key));
  auto host = std::make_unique<rds::StackHost>(std::move(options), host_services(wiring, *parts));
  drivers.engine = std::make_unique<postgres::PostgresEngine>(postgres::Profile::kRds);
  drivers.alias = std::make_unique<route53::Route53Alias>(
      parts->route53,
      alias_options(production, adopted_targets(config, production, *parts, wiring.clock), wiring.patience),
      as_just_seen(*host, endpoints_for(parts->rds, production)),
      resolver_for(production.alias.route53.seen_from), wiring.clock);
  drivers.host = std::move(host);
  drivers.kept = std::move(parts);
  return {};
}

LambdaWiring lambda_wiring(AwsSessions& sessions, Clock& clock, MakeDrivers make_drivers,
                           lambda::Environment environment, std::string version, std::ostream& log) {
  return {.drivers = [&sessions, &clock, make_drivers = std::move(make_drivers)](
                         const StopFlag& stop) -> refresh::DriverFactory {
            return [&sessions, &clock, &stop, make_drivers](const config::Config& config,
                                                            const config::ProductionConfig& production) {
              return make_drivers(
                  {.sessions = sessions, .clock = clock, .stop = stop, .patience = ports::Patience::kLeave},
                  config, production);
            };
          },
          .load_config =
              [&sessions](const std::string& place) {
                return refresh::load_config(place, *open_aws_vault(sessions, {}));
              },
          .load_inputs = [&sessions](const config::Config& config,
                                     const config::ProductionConfig& production) -> Result<refresh::Inputs> {
            YTB_ASSIGN(refresh::StateDirectory state, refresh::StateDirectory::open(config.state_directory));
            return refresh::load_inputs(
                config, production, state,
                *open_aws_vault(sessions, config.aws, production.role, config.signing_key));
          },
          .make_settings = [&sessions, version = std::move(version)](
                               const config::Config& config, const config::ProductionConfig& production,
                               std::string digest) -> Result<refresh::Settings> {
            YTB_ASSIGN(refresh::StateDirectory state, refresh::StateDirectory::open(config.state_directory));
            return refresh::make_settings(
                config, production, state,
                *open_aws_vault(sessions, config.aws, production.role, config.signing_key), std::move(digest),
                version);
          },
          .stack_args =
              [&sessions](const config::Config& config, const config::ProductionConfig& production,
                          const model::Action& restore) {
                return aws_stack_args(sessions, config.aws, production, restore);
              },
          .caller = [&sessions] { return caller_of(sessions, {}); },
          .caller_for =
              [&sessions](const config::ProductionConfig& production) {
                return caller_of(sessions, {}, production.role);
              },
          .assume_roles = [&sessions] { sessions.assume_roles(); },
          .remember_secrets = [&sessions] { sessions.remember_secrets(kQuietSecrets); },
          .read_anew = [&sessions] { sessions.forget_secrets(); },
          .environment = std::move(environment),
          .clock = clock,
          .log = log};
}

Result<std::string> aws_stack_args(AwsSessions& sessions, const config::AwsConfig& aws,
                                   const config::ProductionConfig& production, const model::Action& restore) {
  YTB_ASSIGN(aws::Caller * caller, caller_of(sessions, aws, production.role));
  aws::Rds rds(*caller);
  return rds::stack_args(rds, production, restore);
}

}  // namespace ytb
