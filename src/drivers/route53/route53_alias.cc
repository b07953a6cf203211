#include "drivers/route53/route53_alias.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "drivers/aws/hosted_zone.h"

namespace ytb::route53 {
namespace {

constexpr auto kPollEvery = std::chrono::seconds(5);
constexpr uint16_t kDefaultPort = 5432;

std::string without_dot(std::string name) {
  if (name.ends_with('.')) name.pop_back();
  return name;
}

std::string describe(const aws::RecordSet& record) {
  if (!record.alias_target.empty()) return "an alias of " + printable(record.alias_target);
  std::string text = printable(record.type) + " " + printable(join(record.values, ", "));
  return record.set_identifier.empty() ? text : text + " (routed: " + printable(record.set_identifier) + ")";
}

}  // namespace

Route53Alias::Route53Alias(aws::Route53& client, AliasOptions options, Endpoints endpoints, Resolver resolver,
                           Clock& clock)
    : client_(client),
      options_(std::move(options)),
      endpoints_(std::move(endpoints)),
      resolver_(std::move(resolver)),
      clock_(clock) {}

Result<std::string> Route53Alias::zone() {
  if (!options_.zone_id.empty()) return options_.zone_id;  // whether it is there is seen in what it holds
  if (!zone_id_.empty()) return zone_id_;
  YTB_ASSIGN(const aws::HostedZone found, aws::hosted_zone_of(client_, options_.zone_id, options_.domain));
  zone_id_ = found.id;
  return zone_id_;
}

Result<Route53Alias::Look> Route53Alias::look() {
  Look look;
  YTB_ASSIGN(std::string id, zone());
  YTB_ASSIGN(std::vector<aws::RecordSet> records, client_.list_resource_record_sets(id, options_.name));
  YTB_ASSIGN(look.endpoints, endpoints_());
  for (auto& [copy, endpoint] : look.endpoints) endpoint.address = without_dot(std::move(endpoint.address));
  if (records.empty()) return look;
  auto strange =
      std::find_if(records.begin(), records.end(), [&](const auto& each) { return !is_ours(each, look); });
  look.is_ours = strange == records.end();
  look.record = look.is_ours ? records.front() : *strange;
  return look;
}

bool Route53Alias::is_ours(const aws::RecordSet& record, const Look& look) const {
  if (record.type != "CNAME" || !record.set_identifier.empty() || record.values.size() != 1) return false;
  const std::string target = without_dot(record.values.front());
  // An RDS endpoint begins with the instance's name, and that is the copy's.
  const std::string host = target.substr(0, target.find('.'));
  if (model::is_copy_name(options_.production, host)) return true;
  const std::string& prefix = options_.copy_prefix;
  if (!prefix.empty() && host.starts_with(prefix) &&
      model::is_copy_name(options_.production,
                          options_.production.str() + "-yesterday-" + host.substr(prefix.size()))) {
    return true;
  }
  if (std::any_of(look.endpoints.begin(), look.endpoints.end(),
                  [&](const auto& each) { return each.second.address == target; }))
    return true;
  return is_adopted(target);
}

bool Route53Alias::is_adopted(const std::string& target) const {
  if (!options_.adopted_targets) return false;
  const Result<std::vector<std::string>> targets = options_.adopted_targets();
  if (!targets.ok()) return false;
  return std::any_of(targets->begin(), targets->end(), [&](const std::string& each) {
    return to_lower_ascii(without_dot(each)) == to_lower_ascii(target);
  });
}

std::string Route53Alias::how_to_connect(uint16_t port) const {
  // Also the default one: PGPORT, and Debian's psql where a host's first cluster has another, would say
  // otherwise.
  std::string text = fmt::format("psql \"host={} port={} dbname=…", options_.name, port);
  if (!options_.user.empty()) text += " user=" + options_.user;
  return text + " sslmode=require\"";
}

Error Route53Alias::not_ours(const aws::RecordSet& record) const {
  return Error{.code = Code::kRefused,
               .message = fmt::format("{} exists and is not ours: {}", options_.name, describe(record)),
               .hint = "choose another name for the alias, or remove that record first"};
}

Result<model::AliasState> Route53Alias::read() {
  model::AliasState state;
  state.connect = how_to_connect(kDefaultPort);
  state.path = {.host = options_.name, .port = kDefaultPort, .sslmode = "require", .dbname = options_.dbname};
  state.note =
      "sslmode=verify-full fails through a name of your own: a copy's certificate names its RDS endpoint; "
      "verify-ca with RDS's CA bundle works";
  YTB_ASSIGN(const Look found, look());
  if (!found.record) return state;
  if (!found.is_ours) {
    state.stray = describe(*found.record);
    return state;
  }
  const std::string target = without_dot(found.record->values.front());
  for (const auto& [copy, endpoint] : found.endpoints) {
    if (endpoint.address != target) continue;
    state.target = copy;
    state.host = endpoint.address;
    state.port = endpoint.port;
    state.connect = how_to_connect(endpoint.port);
    state.path.port = endpoint.port;
  }
  if (!state.target) {
    state.stray = target;
    return state;
  }
  state.consistent = found.record->ttl_s == options_.ttl_s;
  if (!resolver_) {
    state.seen = true;
    return state;
  }
  YTB_ASSIGN(std::vector<std::string> answers, resolver_(options_.name));
  state.seen = answers.size() == 1 && without_dot(answers.front()) == target;
  return state;
}

Status Route53Alias::wait_in_sync(aws::ChangeInfo change) {
  const Instant until = clock_.now() + options_.in_sync_max;
  while (!change.in_sync) {
    if (clock_.now() >= until) {
      return Error{.code = Code::kExternal,
                   .message = fmt::format(
                       "Route 53 has not brought {} into sync within {} s", options_.name,
                       std::chrono::duration_cast<std::chrono::seconds>(options_.in_sync_max).count()),
                   .hint = "the change is accepted: the next run looks again",
                   .retry = Retry::kInDoubt};
    }
    clock_.sleep(kPollEvery);
    YTB_ASSIGN(std::optional<aws::ChangeInfo> now, client_.get_change(change.id));
    if (!now) return {};  // Route 53 forgets changes once they are everywhere
    change = *now;
  }
  return {};
}

Status Route53Alias::repoint(const model::PassedProof& proof, const model::Copy& copy) {
  if (proof.copy() != copy.id) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("the proof is of {}, not of {}", proof.copy(), copy.id),
                 .hint = {}};
  }
  YTB_ASSIGN(const Look before, look());
  auto endpoint = before.endpoints.find(copy.id);
  if (endpoint == before.endpoints.end() || endpoint->second.address.empty()) {
    return Error{.code = Code::kConnection,
                 .message = fmt::format("{} has no endpoint yet", copy.id),
                 .hint = {},
                 .retry = Retry::kLater};
  }
  if (before.record && !before.is_ours) return not_ours(*before.record);
  YTB_ASSIGN(std::string id, zone());
  YTB_ASSIGN(aws::ChangeInfo change,
             client_.change_resource_record_set(id, aws::RecordAction::kUpsert,
                                                {.name = options_.name,
                                                 .type = "CNAME",
                                                 .ttl_s = options_.ttl_s,
                                                 .values = {endpoint->second.address}},
                                                "yesterdaytabase " + copy.id.str()));
  return wait_in_sync(std::move(change));
}

Status Route53Alias::remove() {
  YTB_ASSIGN(const Look found, look());
  if (!found.record) return {};
  if (!found.is_ours) return not_ours(*found.record);
  YTB_ASSIGN(std::string id, zone());
  YTB_ASSIGN(aws::ChangeInfo change,
             client_.change_resource_record_set(id, aws::RecordAction::kDelete, *found.record,
                                                "yesterdaytabase teardown"));
  if (options_.patience == ports::Patience::kLeave && !change.in_sync)
    return ports::left_under_way("taking away " + options_.name);
  return wait_in_sync(std::move(change));
}

}  // namespace ytb::route53
