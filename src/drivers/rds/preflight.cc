// Who we are, what there is to restore, the name, quotas and sizes.
#include "drivers/rds/preflight.h"

#include <algorithm>

#include "base/text.h"
#include "drivers/aws/hosted_zone.h"
#include "drivers/rds/old_stack.h"
#include "drivers/rds/preflight_look.h"
#include "drivers/rds/snapshot_find.h"
#include "drivers/rds/snapshot_source.h"
#include "drivers/rds/stack_volume.h"
#include "model/copy.h"

namespace ytb::rds {
namespace {

constexpr uint64_t kBytesOfGib = 1ULL << 30;

// "arn:aws:rds:eu-west-1:123456789012:db:shop" where an identifier belongs.
void check_source_arn(PreflightLook& look) {
  const std::string& id = look.production.source.rds.id;
  if (!id.starts_with("arn:")) return;
  const std::vector<std::string> parts = split(id, ':');
  const std::string what = "production";
  if (parts.size() < 7 || parts[2] != "rds")
    return look.failed(what, Code::kConfig, fmt::format("{} is no ARN of an RDS instance", printable(id)),
                       "give its identifier: id: shop");
  if (parts[3] != look.options.region) {
    return look.failed(
        what, Code::kConfig,
        fmt::format("{} is in {}, and we run in {}", printable(id), printable(parts[3]), look.options.region),
        fmt::format("run there (aws.region: {}), or copy its snapshots here", printable(parts[3])));
  }
  if (look.who && parts[4] != look.who->account) {
    return look.failed(
        what, Code::kConfig,
        fmt::format("{} is of the account {}, and we are {}", printable(id), printable(parts[4]),
                    look.who->account),
        "share its snapshots with this account, then set source.rds.owners and its identifier");
  }
  look.failed(what, Code::kConfig, fmt::format("source.rds.id is an ARN: {}", printable(id)),
              fmt::format("give the identifier alone: id: {}", printable(parts[6])));
}

void check_identity(PreflightLook& look) {
  const auto who = look.clients.sts.get_caller_identity();
  if (look.seen("AWS account", "sts:GetCallerIdentity", who)) {
    look.who = *who;
    look.fine("AWS account", fmt::format("{} in {}, as {}", who->account, look.options.region, who->arn));
  }
  check_source_arn(look);
}

// Where snapshots of other accounts are to count: whose do not, and whose are missing.
void check_sharing(PreflightLook& look, const std::set<std::string>& passed_over,
                   const std::vector<model::Snapshot>& list) {
  const std::vector<std::string>& owners = look.production.source.rds.owners;
  if (owners.empty()) return;
  const std::string what = "shared snapshots";
  std::vector<std::string> missing = owners;
  for (const model::Snapshot& each : list) {
    if (each.id.str().starts_with("arn:")) std::erase(missing, owner_of(each.location));
  }
  if (!missing.empty()) {
    look.warn(what,
              fmt::format("{} of source.owners shares none of {} with us", join(missing, ", "),
                          printable(look.production.source.rds.id + look.production.source.rds.resource_id)),
              "in that account: aws rds modify-db-snapshot-attribute (for a cluster: "
              "modify-db-cluster-snapshot-attribute) --attribute-name restore --values-to-add " +
                  (look.who ? look.who->account : "<this account>"));
  }
  if (!passed_over.empty()) {
    look.warn(what,
              fmt::format("passed over: {} shares snapshots with us, and source.owners does not name it",
                          join(std::vector<std::string>(passed_over.begin(), passed_over.end()), ", ")),
              "add the account to source.owners if it is production's; nothing else needs to be done");
  }
  if (missing.empty() && passed_over.empty()) look.fine(what, "of " + join(owners, ", "));
}

constexpr size_t kOlderMax = 20;  // snapshots asked about where the newest may not be restored

void check_snapshots(PreflightLook& look) {
  const std::string what = "newest snapshot";
  const config::RdsSourceConfig& source = look.production.source.rds;
  const bool of_clusters = look.is_aurora() || source.is_cluster;
  const char* permission = of_clusters ? "rds:DescribeDBClusterSnapshots" : "rds:DescribeDBSnapshots";
  ManualClock clock(look.options.now);
  RdsSnapshotSource snapshots(look.clients.rds, {.aurora = look.is_aurora(),
                                                 .multi_az_cluster = source.is_cluster,
                                                 .source_id = source.id,
                                                 .resource_id = source.resource_id,
                                                 .owners = source.owners,
                                                 .selection = source.snapshots,
                                                 .copies_shared = !source.kms_key.empty(),
                                                 .extended_support = look.copies().extended_support,
                                                 .clock = &clock});
  const auto list = snapshots.list();
  if (!look.seen(what, permission, list)) return;
  check_sharing(look, snapshots.passed_over(), *list);
  auto usable = [](const model::Snapshot& each) { return each.state == model::SnapshotState::kUsable; };
  const auto newest = std::find_if(list->begin(), list->end(), usable);
  if (newest == list->end()) {
    return look.failed(what, Code::kNoSnapshot,
                       list->empty()
                           ? fmt::format("{} has no snapshots", printable(source.id + source.resource_id))
                           : fmt::format("none of {} is usable; of the newest, {}: {}", list->size(),
                                         printable(list->front().id.str()), list->front().reason),
                       "automated backups make one a day: a retention of at least 1 day on production");
  }
  const auto found = find_snapshot(look.clients.rds, of_clusters, newest->id.str());
  if (!look.seen(what, permission, found)) return;
  if (!*found)
    return look.failed(what, Code::kNoSnapshot, fmt::format("{} has just gone", newest->id), "look again");
  look.newest = **found;
  for (auto each = newest + 1; each != list->end() && look.older.size() < kOlderMax; ++each) {
    if (usable(*each)) look.older.push_back(each->location);
  }
  const std::string size =
      look.is_aurora() ? std::string() : fmt::format(", {} GiB", look.newest->allocated_gib);
  look.fine(what, fmt::format("{} of {} usable; {}, {} old, {} {}{}{}",
                              std::count_if(list->begin(), list->end(), usable), list->size(), newest->id,
                              to_human(std::max(look.options.now - newest->data_as_of, Duration{})),
                              look.newest->engine, look.newest->engine_version, size,
                              look.newest->encrypted ? ", encrypted" : ""));
}

std::string bare(std::string name) {
  if (name.ends_with('.')) name.pop_back();
  return to_lower_ascii(name);
}

bool is_adopted(PreflightLook& look, const std::string& target) {
  if (!look.options.adopted_targets) return false;
  const auto adopted = look.options.adopted_targets();
  // What cannot be looked at is not adopted, as far as we know: the line then says how to.
  return adopted.ok() && std::any_of(adopted->begin(), adopted->end(),
                                     [&](const std::string& each) { return bare(each) == target; });
}

void judge_record(PreflightLook& look, const std::string& name, const std::vector<aws::RecordSet>& records) {
  const std::string what = "record";
  if (records.empty()) return look.fine(what, name + " is free");
  const aws::RecordSet& record = records.front();
  const bool plain = records.size() == 1 && record.type == "CNAME" && record.set_identifier.empty() &&
                     record.values.size() == 1;
  const std::string target = plain ? bare(record.values.front()) : std::string();
  const std::string label = target.substr(0, target.find('.'));
  if (plain && model::is_copy_name(look.production.name, label))
    return look.fine(what, fmt::format("{} is ours, and points at {}", name, label));
  if (plain && is_old_instance_name(look.production.source.rds.id, label)) {
    if (is_adopted(look, target)) {
      return look.fine(
          what, fmt::format("{} was the original's and is adopted; it still points at {}", name, label));
    }
    return look.failed(what, Code::kRefused,
                       fmt::format("{} is the original's, and points at {}", name, label),
                       "'yesterdaytabase adopt' takes it over; it resolves all the while");
  }
  look.failed(what, Code::kRefused,
              fmt::format("{} exists and is not ours: {} {}", name, printable(record.type),
                          printable(join(record.values, ", "))),
              "choose another name (alias.name), or remove that record first");
}

void check_name(PreflightLook& look) {
  if (look.production.alias.kind != "route53") return;
  const config::Route53AliasConfig& alias = look.production.alias.route53;
  const auto zone = aws::hosted_zone_of(look.clients.route53, alias.zone_id, alias.domain);
  const char* permission = alias.zone_id.empty() ? "route53:ListHostedZonesByName" : "route53:GetHostedZone";
  if (!zone.ok() && zone.error().code == Code::kConfig) {  // it answered, and there is not exactly one
    look.answered.insert("route53");
    look.proven.insert(permission);
    look.lines.push_back({.what = "hosted zone", .failed = zone.error()});
    return;
  }
  if (!look.seen("hosted zone", permission, zone)) return;
  look.zone_id = zone->id;
  look.fine("hosted zone",
            fmt::format("{} ({}, {})", zone->name, zone->id, zone->is_private ? "private" : "public"));
  std::string name = alias.name;
  if (name.empty()) name = fmt::format("{}-yesterday.{}", look.production.name, zone->name);
  if (name != zone->name && !name.ends_with("." + zone->name)) {
    return look.failed("record", Code::kConfig,
                       fmt::format("{} does not lie in the zone {}", name, zone->name),
                       "alias.name is the whole name");
  }
  const auto records = look.clients.route53.list_resource_record_sets(zone->id, name);
  if (look.seen("record", "route53:ListResourceRecordSets", records)) judge_record(look, name, *records);
}

// What a refresh needs at most at one time, by quota.
int64_t needed(const PreflightLook& look, const std::string& quota) {
  const int copies = look.production.spare_copies + 2;  // live, spares, one in flight
  const int snapshots = look.production.source.rds.kms_key.empty() ? 0 : 2;
  if (quota == "DBInstances") return copies;
  // A cluster's storage grows by itself and is in no quota; its snapshots have one of their own.
  if (look.is_aurora())
    return quota == "DBClusters" ? copies : quota == "ManualClusterSnapshots" ? snapshots : 0;
  if (quota == "ManualSnapshots") return snapshots;
  if (quota == "AllocatedStorage" && look.newest) {
    return copies * std::max(look.newest->allocated_gib, look.production.copies.rds.storage_gb);
  }
  return 0;
}

void check_quotas(PreflightLook& look) {
  const auto quotas = look.clients.rds.describe_account_attributes();
  if (!look.seen("quotas", "rds:DescribeAccountAttributes", quotas)) return;
  for (const aws::AccountQuota& quota : *quotas) {
    const int64_t wanted = needed(look, quota.name);
    if (wanted == 0) continue;
    // Copies that run already are among the used ones: this counts them twice, to be safe.
    const std::string numbers =
        fmt::format("{} of {} used, up to {} more needed", quota.used, quota.max, wanted);
    const std::string what = fmt::format("quota {}", quota.name);
    if (quota.used >= quota.max || wanted > quota.max) {
      look.failed(what, Code::kSpace, numbers, "delete what is not needed, or ask AWS for a higher quota");
    } else if (quota.used + wanted > quota.max) {
      look.warn(what, numbers + "; what runs already counts as used", "ask AWS for a higher quota");
    } else {
      look.fine(what, numbers);
    }
  }
}

// How much one table may be, to be masked inside a function.
uint64_t function_bytes_max(const FunctionLimits& limits) {
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(limits.time_max - limits.time_reserved).count();
  const uint64_t by_time = limits.mask_bytes_per_s * static_cast<uint64_t>(std::max<int64_t>(0, seconds));
  const uint64_t by_space = limits.tmp_bytes * static_cast<uint64_t>(std::max(1, limits.spool_ratio));
  return std::min(by_time, by_space);
}

void check_sizes(PreflightLook& look) {
  if (look.options.sizes) return look.lines.push_back(*look.options.sizes);
  if (!look.newest) return;
  const std::string what = "masking's size";
  if (look.is_aurora()) {
    const std::string unsaid = "the snapshot of a cluster does not say how large it is";
    if (!look.options.function || look.options.fargate) return look.fine(what, unsaid, How::kUnknowable);
    return look.warn(what, unsaid, "add fargate: to the config, or mask outside a function",
                     How::kUnknowable);
  }
  const uint64_t bytes =
      static_cast<uint64_t>(std::max<int64_t>(0, look.newest->allocated_gib)) * kBytesOfGib;
  if (!look.options.function)
    return look.fine(what,
                     fmt::format("{} allocated; masked here, without a limit of time", human_bytes(bytes)));
  const FunctionLimits& limits = *look.options.function;
  const uint64_t most = function_bytes_max(limits);
  const std::string numbers =
      fmt::format("{} allocated; a function masks tables of up to {} ({}/s, {} and {} of /tmp)",
                  human_bytes(bytes), human_bytes(most), human_bytes(limits.mask_bytes_per_s),
                  to_human(limits.time_max), human_bytes(limits.tmp_bytes));
  if (bytes <= most) return look.fine(what, numbers);
  if (look.options.fargate) return look.fine(what, numbers + "; larger ones go to the Fargate task");
  const std::string message = numbers + ", and one table may be as large as all";
  const std::string hint = "add fargate: to the config, or mask outside a function";
  if (!look.options.function_is_needed) return look.warn(what, message, hint);
  look.failed(what, Code::kSpace, message, hint);
}

void check_volume(PreflightLook& look) {
  if (!look.newest || look.is_aurora()) return;
  const std::string what = "copies' storage";
  const Result<Volume> volume = volume_of(look.copies(), *look.newest, look.production.source.rds.is_cluster);
  if (!volume.ok())
    return look.failed(what, volume.error().code, volume.error().message, volume.error().hint);
  const std::string size =
      fmt::format("{} GiB of {}", volume->gib > 0 ? volume->gib : look.newest->allocated_gib,
                  volume->type.empty() ? "RDS's default" : volume->type);
  if (!volume->converted) {
    return look.fine(what, fmt::format("{}, as the snapshot's; masking looks whether that suffices, and "
                                       "copies.storage_gb makes it more",
                                       size));
  }
  look.warn(
      what,
      fmt::format("{}, and the snapshot's {} GiB of {}: RDS converts it, for hours, before a copy is usable",
                  size, look.newest->allocated_gib, printable(look.newest->storage_type)),
      "leave copies.storage_type, storage_gb and iops out, or refresh early enough");
}

void check_endpoints(PreflightLook& look) {
  const auto stack =
      look.clients.stacks.describe_stack(model::copy_id(look.production.name, look.options.now, 1).str());
  look.seen("CloudFormation", "cloudformation:DescribeStacks", stack);
  if (look.silent.empty()) {
    const std::vector<std::string> names(look.answered.begin(), look.answered.end());
    return look.fine("endpoints", fmt::format("{} answered", join(names, ", ")));
  }
  const std::vector<std::string> names(look.silent.begin(), look.silent.end());
  look.failed("endpoints", Code::kConnection, fmt::format("{} did not answer", join(names, ", ")),
              "inside a VPC they need NAT or interface endpoints; check proxies and aws.endpoint_url");
}

}  // namespace

std::string_view to_text(How how) {
  switch (how) {
    case How::kRead:
      return "read";
    case How::kSimulated:
      return "simulated";
    case How::kUnknowable:
      return "cannot be known";
  }
  return "read";
}

std::string say_how(const PreflightLine& line) {
  if (line.how == How::kRead) return line.detail;
  return line.detail.empty() ? std::string(to_text(line.how))
                             : fmt::format("{} ({})", line.detail, to_text(line.how));
}

std::vector<PreflightLine> preflight(const PreflightClients& clients,
                                     const config::ProductionConfig& production, const config::AwsConfig& aws,
                                     const PreflightOptions& options) {
  PreflightLook look{.clients = clients, .production = production, .aws = aws, .options = options};
  check_identity(look);
  check_snapshots(look);
  check_name(look);
  check_network(look);
  check_place(look);
  check_quotas(look);
  check_sizes(look);
  check_volume(look);
  check_endpoints(look);
  check_rights(look);
  return std::move(look.lines);
}

}  // namespace ytb::rds
