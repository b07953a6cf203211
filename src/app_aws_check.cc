// The lines of `check` for a production on AWS.
#include <fmt/format.h>

#include "app_aws_parts.h"
#include "drivers/aws/caller.h"
#include "drivers/aws/ec2.h"
#include "drivers/aws/ecs.h"
#include "drivers/aws/iam.h"
#include "drivers/aws/sts.h"
#include "drivers/rds/preflight.h"
#include "lambda/deadline.h"
#include "lambda/handover.h"
#include "refresh/inputs.h"

namespace ytb {
namespace {

// TmpMb's default in deploy/aws/template.yaml.
constexpr uint64_t kFunctionTmpBytes = 4096ULL << 20;
constexpr Duration kFunctionTime = std::chrono::minutes(15) - lambda::DeadlineWatch::kMargin;

void add(std::vector<cli::CheckLine>& lines, std::string what, Status status, std::string detail) {
  cli::CheckLine line{.what = std::move(what), .failed = std::nullopt, .detail = std::move(detail)};
  if (!status.ok()) line.failed = std::move(status).error();
  lines.push_back(std::move(line));
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

// What a function would do with the tables that are to be masked, by the numbers that it goes by itself. A
// warning at most: masking may run where there is no such limit.
rds::PreflightLine sizes_in_a_function(const std::vector<cli::MaskedTable>& tables, bool has_worker) {
  rds::PreflightLine line{.what = "masking's size"};
  if (tables.empty()) {
    line.detail = "no table is masked";
    return line;
  }
  lambda::Work work;
  work.time_left = work.time_full = kFunctionTime;
  work.spool_free_bytes = kFunctionTmpBytes;
  work.worker_configured = has_worker;
  for (const cli::MaskedTable& table : tables) work.tables.push_back({table.name, table.bytes});
  const lambda::Handover handover = lambda::place_work(work);
  if (handover.place == lambda::Place::kRefused) {
    line.failed = Error{.code = Code::kSpace,
                        .message = "in a function " + handover.reason,
                        .hint = "add fargate: to the config, or mask outside a function"};
    line.warning = true;
  } else {
    line.detail = "in a function: " + handover.reason;
  }
  return line;
}

std::vector<rds::PreflightLine> look_ahead(const AwsWiring& wiring, const config::Config& config,
                                           const config::ProductionConfig& production, AwsSession& session,
                                           AwsParts& parts, const cli::MaskedTables& tables) {
  aws::Ec2 ec2(session.caller());
  aws::Iam iam(session.caller());
  aws::Sts sts(session.caller());
  aws::Ecs ecs(session.caller());
  rds::PreflightOptions options{.region = session.region(),
                                .now = wiring.clock.now(),
                                .function = rds::FunctionLimits{.time_max = std::chrono::minutes(15),
                                                                .tmp_bytes = kFunctionTmpBytes,
                                                                .spool_ratio = 1},
                                .function_is_needed = false,
                                .fargate = production.fargate,
                                .adopted_targets = adopted_targets(config, production, parts, wiring.clock)};
  if (tables) options.sizes = sizes_in_a_function(*tables, production.fargate.has_value());
  return rds::preflight({.rds = parts.rds,
                         .stacks = parts.stacks,
                         .route53 = parts.route53,
                         .ec2 = ec2,
                         .iam = iam,
                         .sts = sts,
                         .s3 = parts.s3,
                         .ecs = ecs},
                        production, config.aws, options);
}

}  // namespace

std::vector<cli::CheckLine> check_aws_place(const AwsWiring& wiring, const config::Config& config,
                                            const config::ProductionConfig& production,
                                            const cli::MaskedTables& tables) {
  std::vector<cli::CheckLine> lines;
  Result<AwsSession*> session = wiring.sessions.get(config.aws);
  if (!session.ok()) {
    add(lines, "AWS account", session.error(), "");
    return lines;
  }
  // Without credentials every other line would only say so again. A refusal or a silence is one line of many.
  auto identity = aws::Sts((*session)->caller()).get_caller_identity();
  if (!identity.ok() && identity.error().code == Code::kConfig && !aws::is_from_aws(identity.error())) {
    add(lines, "AWS account", identity.error(), "");
    return lines;
  }
  AwsParts parts((*session)->caller());
  for (rds::PreflightLine& line : look_ahead(wiring, config, production, **session, parts, tables)) {
    lines.push_back(
        {.what = line.what, .failed = line.failed, .detail = rds::say_how(line), .warning = line.warning});
  }
  add(lines, "settings of copies", check_options(wiring, config, production, parts),
      production.copies.rds.instance_class);
  std::optional<Error> cannot_see = blind(parts.route53, production.alias.route53);
  add(lines, "seen from", cannot_see ? Status(*cannot_see) : Status(), production.alias.route53.seen_from);
  return lines;
}

}  // namespace ytb
