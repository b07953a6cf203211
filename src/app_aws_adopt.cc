// Coming from the original: the wiring of `adopt`, and of the name that it frees.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "app_aws_parts.h"
#include "refresh/inputs.h"

namespace ytb {
namespace {

// An adoption and all that it works with.
class OwningAdoption final : public ports::Adoption {
 public:
  OwningAdoption(const AwsWiring& wiring, aws::Caller& caller, const config::Config& config,
                 const config::ProductionConfig& production, rds::StackOptions host)
      : parts_(caller),
        host_(std::move(host), host_services(wiring, parts_)),
        endpoints_(endpoints_for(parts_.rds, production)),
        adopter_(
            parts_.stacks, parts_.rds, parts_.route53, adopt_options(config, production),
            [this] { return live(); }, wiring.clock) {}

  Result<ports::AdoptionPlan> plan(bool delete_old) override { return adopter_.plan(delete_old); }
  Status carry_out(bool delete_old, ports::Progress& progress, const StopFlag& stop) override {
    return adopter_.carry_out(delete_old, progress, stop);
  }

 private:
  Result<std::optional<rds::Serving>> live() {
    YTB_ASSIGN(const std::vector<model::Copy> copies, host_.list());
    const auto found = std::find_if(copies.begin(), copies.end(), [](const model::Copy& copy) {
      return copy.marked && copy.phase == model::Phase::kLive;
    });
    if (found == copies.end()) return std::optional<rds::Serving>();
    YTB_ASSIGN(const auto endpoints, endpoints_());
    const auto endpoint = endpoints.find(found->id);
    if (endpoint == endpoints.end()) return std::optional<rds::Serving>();
    return std::optional(
        rds::Serving{.copy = found->id, .endpoint = endpoint->second.address, .since = found->phase_since});
  }

  AwsParts parts_;
  rds::StackHost host_;
  route53::Endpoints endpoints_;
  rds::Adopter adopter_;
};

}  // namespace

bool may_be_adopted(const config::ProductionConfig& production) {
  return production.source.kind == "rds" && !production.source.rds.id.empty() &&
         production.alias.kind == "route53";
}

rds::AdoptOptions adopt_options(const config::Config& config, const config::ProductionConfig& production) {
  const config::Route53AliasConfig& alias = production.alias.route53;
  const model::Protected sources = refresh::protected_names(config);
  return {.production = production.name,
          .names = {.database = production.source.rds.id,
                    .record_name = alias.name,
                    .protected_ids = {sources.names.begin(), sources.names.end()}},
          .zone_id = alias.zone_id,
          .domain = alias.domain,
          .service_role = production.copies.rds.service_role,
          .drain = production.drain};
}

std::function<Result<std::vector<std::string>>()> adopted_targets(const config::Config& config,
                                                                  const config::ProductionConfig& production,
                                                                  AwsParts& parts, Clock& clock) {
  if (!may_be_adopted(production)) return {};
  return [&parts, &clock, options = adopt_options(config, production)] {
    auto nothing = [] { return Result(std::optional<rds::Serving>()); };
    return rds::Adopter(parts.stacks, parts.rds, parts.route53, options, nothing, clock).adopted_targets();
  };
}

Result<std::unique_ptr<ports::Adoption>> open_aws_adoption(const AwsWiring& wiring,
                                                           const config::Config& config,
                                                           const config::ProductionConfig& production) {
  if (!may_be_adopted(production)) {
    return Error{
        .code = Code::kUnsupported,
        .message = fmt::format("'{}' has nothing to adopt: the original knew RDS instances by name, "
                               "and a CNAME in Route 53",
                               production.name),
        .hint = "source: {rds: {instance: NAME}} and alias: {route53: …} are what it can be taken over to"};
  }
  YTB_ASSIGN(aws::Caller * caller, caller_of(wiring.sessions, config.aws));
  YTB_ASSIGN(refresh::StateDirectory state, refresh::StateDirectory::open(config.state_directory));
  std::unique_ptr<ports::Vault> vault = open_aws_vault(wiring.sessions, config.aws);
  YTB_ASSIGN(Secret signing_key, refresh::signing_key(config, state, *vault));
  YTB_ASSIGN(rds::StackOptions host, host_options(config, production, signing_key));
  return std::unique_ptr<ports::Adoption>(
      std::make_unique<OwningAdoption>(wiring, *caller, config, production, std::move(host)));
}

}  // namespace ytb
